/* http/server.h
 *
 * An HTTP/1.1 server over libmicrohttpd.  It listens on TCP addresses, with or without TLS, and on
 * Unix sockets.  A handler sees a whole request (method, path, headers, body) and answers at once
 * or later, from any thread, whole or in pieces.
 *
 *     on_head(arg, x)  optional: the head is there, the body is not.  May answer (a refusal; the
 *                      body is dropped and handle is not called) or give a sink for the body
 *     handle(arg, x)   the body is there, too
 *     hl_http_answer   the whole answer, or
 *     hl_http_begin, hl_http_write …, hl_http_end
 *
 * Exactly one of answer and end is called for each exchange; it is the last call that may name the
 * exchange.  Pieces wait in a buffer with a limit: a client that does not read them
 * is given up, so that a writer never waits.
 *
 * A client that leaves before its answer is complete is noticed within moments, also while nothing
 * is being written (libmicrohttpd does not look at suspended connections: a second thread watches
 * their sockets).  As in Go's server, a client that closes its sending half has left.
 *
 * A request's head must be there in time, and its body must come at a least rate, by a clock that
 * no trickle of bytes sets back.  When all connections are taken, the one that waits longest for
 * its next request makes place; when none waits, a new client is told 503 and closed.
 *
 * Errors: EINVAL (an address that is none, files that are no certificate and key), EIO (the address
 * is taken, …), EUNSUPPORTED (a libmicrohttpd without TLS), ENOMEM.
 * Threads: the hooks of the configuration and their headers one at a time, on threads of the
 * server's, and they must not wait for anything; the rest any.
 */
#pragma once

#include "base/status.h"
#include "base/str.h"

typedef struct hl_http_server hl_http_server;
typedef struct hl_http_exchange hl_http_exchange; /* a request and its answer */

/* A body as it arrives, for those that are too large for memory.  Embedded at the beginning of its
 * owner's struct.  The server calls destroy unless the handler has taken the sink: when the client
 * leaves before the end of the body, too. */
typedef struct hl_http_sink {
    /* Quick: a write to a file is.  False: wants no more; the rest is read and dropped. */
    bool (*write)(struct hl_http_sink *sink, hl_str bytes);
    void (*destroy)(struct hl_http_sink *sink);
} hl_http_sink;

typedef hl_http_sink *hl_http_head_fn(void *arg, hl_http_exchange *x);
typedef void hl_http_handle_fn(void *arg, hl_http_exchange *x);
/* The last word on an exchange: its answer is out, or nobody waits for it any more. */
typedef void hl_http_done_fn(void *arg, hl_http_exchange *x);
/* The most bytes that a body may have, asked when the head is there and no sink takes it; more:
 * 413.
 */
typedef size_t hl_http_body_max_fn(void *arg, const char *method, const char *path);
typedef void hl_http_leave_fn(void *arg);

enum { HL_HTTP_LISTENERS_MAX = 8 };

typedef struct hl_http_listener {
    const char *address;            /* numeric, "127.0.0.1", "::1"; NULL: a Unix socket */
    uint16_t port;                  /* 0: a free one */
    const char *socket_path;        /* made with mode 0600; a dead one in its place is replaced */
    const char *tls_cert, *tls_key; /* PEM files; NULL: no TLS */
} hl_http_listener;

typedef struct hl_http_config {
    const hl_http_listener *listeners; /* [n_listeners], at least one; borrowed during open */
    size_t n_listeners;
    size_t unread_max;        /* bytes of an answer that wait for its client; 0: 8 MiB */
    uint32_t idle_s;          /* seconds without a byte after which a connection ends; 0: 120 */
    uint32_t head_ms;         /* for a new connection's first head; 0: 30 s */
    uint32_t body_ms;         /* for a body, besides its bytes at the least rate; 0: 60 s */
    uint32_t body_rate;       /* the least rate, bytes a second; 0: 64 KiB */
    uint32_t connections_max; /* 0: 4096; fewer where descriptors are short */
    uint32_t headers_max;     /* of a request; 0: 100.  Its head has at most about 32 KiB */
    hl_http_head_fn *on_head; /* NULL: none */
    hl_http_body_max_fn *body_max;
    hl_http_handle_fn *handle;
    hl_http_done_fn *on_done; /* NULL: none; for each exchange that on_head saw */
    void *arg;
} hl_http_config;

hl_status hl_http_open(const hl_http_config *config, hl_http_server **ret,
                       hl_error *err) HL_NODISCARD;
/* Of the first TCP listener, or of one of the configuration's; 0: there is none. */
uint16_t hl_http_port(const hl_http_server *s);
uint16_t hl_http_port_of(const hl_http_server *s, size_t listener);
/* No new connections; those that are open go on. */
void hl_http_quiesce(hl_http_server *s);
/* Requests that are not answered completely. */
size_t hl_http_n_open(hl_http_server *s);
/* Ends every exchange (their writers see that the client left), joins the threads and removes Unix
 * sockets.  Handlers' own ends of exchanges may still be called after it.  Accepts NULL. */
void hl_http_close(hl_http_server *s);

/* -- the request ------------------------------------------------------------------------------- */

const char *hl_http_method(const hl_http_exchange *x);
const char *hl_http_path(const hl_http_exchange *x); /* decoded, without the query */
/* "" when the request has none.  In the hooks only; the text lives as long. */
const char *hl_http_header(const hl_http_exchange *x, const char *name);
/* The value behind "name=" in the query, decoded; "" when it has none, NULL when the name is not
 * there.  In the hooks only. */
const char *hl_http_query(const hl_http_exchange *x, const char *name);
/* Index of the listener in the configuration. */
size_t hl_http_listener_of(const hl_http_exchange *x);
/* The client is on this machine: it came over a Unix socket or from a loopback address. */
bool hl_http_is_local(const hl_http_exchange *x);
bool hl_http_over_unix(const hl_http_exchange *x);
/* A number of the hooks' own, 0 at first. */
void hl_http_set_tag(hl_http_exchange *x, int64_t tag);
int64_t hl_http_tag(const hl_http_exchange *x);
/* Of the answer, in on_done; 0: there was none. */
int hl_http_status(hl_http_exchange *x);
/* Lives until the answer or the end; empty when a sink took it. */
hl_str hl_http_body(const hl_http_exchange *x);
/* The sink that on_head gave, which is the caller's from here on; NULL: none, or taken.  In handle:
 * all of the body was written, as far as the sink wanted it. */
hl_http_sink *hl_http_take_sink(hl_http_exchange *x);

/* -- the answer -------------------------------------------------------------------------------- */

/* Before answer or begin; both texts are copied.  At most 16, beyond that they are dropped.
 * "Connection" may be "keep-alive" or "close". */
void hl_http_add_header(hl_http_exchange *x, const char *name, const char *value);
/* content_type is static; NULL: none. */
void hl_http_answer(hl_http_exchange *x, int status, const char *content_type, hl_str body);

void hl_http_begin(hl_http_exchange *x, int status, const char *content_type);
/* False: nobody reads this any more. */
bool hl_http_write(hl_http_exchange *x, hl_str bytes);
/* complete: false breaks the connection off, so that the client does not take what it has for
 * everything. */
void hl_http_end(hl_http_exchange *x, bool complete);

/* One server-sent event, "data: TEXT", and one line of JSON. */
bool hl_http_write_sse(hl_http_exchange *x, hl_str data);
bool hl_http_write_line(hl_http_exchange *x, hl_str json);

/* Calls fn once when the client leaves, perhaps at once, never after answer or end have returned.
 * It runs on a thread of the server and must not call the exchange's functions. */
void hl_http_on_leave(hl_http_exchange *x, hl_http_leave_fn *fn, void *arg);
