/* http/server.h
 *
 * An HTTP/1.1 server on one thread, over libmicrohttpd.  A handler sees a whole request (method,
 * path, headers, body) and answers at once or later, from any thread, whole or in pieces.
 *
 *     handler(arg, x)  on the server's thread; must not wait for anything
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
 * Errors: EINVAL (an address that is none), EIO (the address is taken, …), ENOMEM.
 * Threads: handlers and headers on the server's, the rest any.
 */
#pragma once

#include "base/status.h"
#include "base/str.h"

typedef struct hl_http_server hl_http_server;
typedef struct hl_http_exchange hl_http_exchange; /* a request and its answer */

typedef void hl_http_handle_fn(void *arg, hl_http_exchange *x);
/* The most bytes that a body may have, asked when the head is there; more: 413. */
typedef size_t hl_http_body_max_fn(void *arg, const char *method, const char *path);
typedef void hl_http_leave_fn(void *arg);

typedef struct hl_http_config {
    const char *address; /* numeric, "127.0.0.1", "::1" */
    uint16_t port;       /* 0: a free one */
    size_t unread_max;   /* bytes of an answer that wait for its client; 0: 8 MiB */
    uint32_t idle_s;     /* seconds without a byte after which a connection ends; 0: 120 */
    hl_http_body_max_fn *body_max;
    hl_http_handle_fn *handle;
    void *arg;
} hl_http_config;

hl_status hl_http_open(const hl_http_config *config, hl_http_server **ret,
                       hl_error *err) HL_NODISCARD;
uint16_t hl_http_port(const hl_http_server *s);
/* No new connections; those that are open go on. */
void hl_http_quiesce(hl_http_server *s);
/* Requests that are not answered completely. */
size_t hl_http_n_open(hl_http_server *s);
/* Ends every exchange (their writers see that the client left) and joins the threads.  Handlers'
 * own ends of exchanges may still be called after it.  Accepts NULL. */
void hl_http_close(hl_http_server *s);

/* -- the request ------------------------------------------------------------------------------- */

const char *hl_http_method(const hl_http_exchange *x);
const char *hl_http_path(const hl_http_exchange *x); /* decoded, without the query */
/* "" when the request has none.  In the handler only; the text lives as long. */
const char *hl_http_header(const hl_http_exchange *x, const char *name);
/* Lives until the answer or the end. */
hl_str hl_http_body(const hl_http_exchange *x);

/* -- the answer -------------------------------------------------------------------------------- */

/* Before answer or begin; both texts are copied.  At most 16, beyond that they are dropped. */
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
