/* http/inner.h
 *
 * What the server's files share; private to http/.
 *
 *     server.c     libmicrohttpd's callbacks, open and close
 *     exchange.c   a request and its answer, and what handlers call
 *     listen.c     sockets that listen, certificates
 *     watch.c      the watcher's thread: accepts, deadlines, clients that leave
 *
 * Locks, in this order: the server's `handling` (hooks of the configuration run one at a time), the
 * server's `lock` (its lists), an exchange's, libmicrohttpd's own.
 */
#pragma once

#include "base/buf.h"
#include "base/thread.h"
#include "http/server.h"

#include <microhttpd.h>
#include <sys/types.h>

enum { HL__HEADERS_MAX = 16, HL__NO_DEADLINE = 0 };

typedef struct hl__header {
    char *name, *value; /* owned; NULL without memory */
} hl__header;

typedef struct hl__listener {
    hl_http_server *server;
    size_t index;
    struct MHD_Daemon *daemon; /* NULL: not started */
    int fd;                    /* -1: does not listen */
    bool is_unix, has_tls;
    uint16_t port;
    char *path; /* owned; the socket that was made, NULL: none */
    dev_t device;
    ino_t inode; /* of path: whether it is still ours at the end */
} hl__listener;

/* A client's socket, from its accept to its close. */
typedef struct hl__connection {
    struct hl__connection *prev, *next; /* of the server's list, under its lock */
    hl__listener *listener;
    int fd; /* libmicrohttpd's, open as long as this is in the list */
    uint64_t id;
    atomic_bool left;                  /* the client has closed its sending half, or all of it */
    _Atomic uint64_t deadline_ns;      /* then it is shut down; HL__NO_DEADLINE: never */
    _Atomic uint64_t waiting_since_ns; /* for a request's head; 0: one is being answered */
} hl__connection;

struct hl_http_exchange {
    hl_http_server *server;
    hl__connection *at;                /* valid as `connection` is */
    struct hl_http_exchange *next;     /* of the server's list, under its lock */
    char *method, *path;               /* owned */
    struct MHD_Connection *connection; /* valid in the callbacks of libmicrohttpd's thread */
    hl_buf body;
    hl_http_sink *sink; /* owned unless taken */
    uint64_t head_ns, received_bytes;
    int64_t tag;    /* of the hooks */
    bool entered;   /* on_head saw it */
    bool handed;    /* a hook has it or had it: its reference is theirs to give back */
    bool sink_full; /* wants no more */
    bool too_large; /* the body; it is dropped */

    pthread_mutex_t lock; /* for what follows */
    unsigned refs;        /* the connection's and the handler's */
    bool begun;           /* status and headers are there */
    bool whole;           /* the answer is out, all of it */
    bool ended, broken;   /* no more pieces will come; the connection is to be broken off */
    bool gone;            /* the client has left, or is given up */
    bool suspended, finished;
    bool awaited; /* the request is whole and the client waits for what comes */
    bool hurried; /* the end of the answer has its deadline */
    int status;
    const char *content_type;
    hl__header headers[HL__HEADERS_MAX];
    size_t n_headers;
    hl_buf out; /* [out_at …] waits for the client */
    size_t out_at;
    hl_http_leave_fn *on_leave;
    void *leave_arg;
};

struct hl_http_server {
    hl_http_config config;
    hl__listener listeners[HL_HTTP_LISTENERS_MAX];
    size_t n_listeners;
    int epoll_fd, stop_fd;
    hl_thread watcher;
    bool watching;
    atomic_bool quiesced;
    uint64_t expects_until_ns; /* the watcher's: a new client is on its way into the list */
    uint64_t paused_until_ns;  /* the watcher's: accepts nothing so long; 0: accepts */
    pthread_mutex_t handling;
    pthread_mutex_t lock; /* for the lists */
    hl_http_exchange *open;
    size_t n_open;
    uint64_t next_id;
    hl__connection *connections;
    size_t n_connections;
};

/* -- exchange.c -------------------------------------------------------------------------------- */

/* In the server's list, with the connection's reference; NULL without memory. */
hl_http_exchange *hl__exchange_create(hl_http_server *s, hl__connection *at,
                                      struct MHD_Connection *c, const char *method,
                                      const char *path);
/* Takes it off the list: its connection is through with it. */
void hl__exchange_finish(hl_http_exchange *x);
/* The rest with the exchange's lock held; the first gives a reference back and unlocks. */
void hl__exchange_unlock_release(hl_http_exchange *x);
void hl__exchange_leave(hl_http_exchange *x);
void hl__exchange_suspend(hl_http_exchange *x);

/* -- listen.c ---------------------------------------------------------------------------------- */

/* Fills l->fd, port, path; what was done is undone by close. */
hl_status hl__listen(hl__listener *l, const hl_http_listener *config, hl_error *err) HL_NODISCARD;
void hl__listen_close(hl__listener *l);

typedef struct hl__pem {
    hl_buf cert, key;
} hl__pem;

/* Both files, checked as far as their armour shows. */
hl_status hl__pem_read(const hl_http_listener *config, hl__pem *ret, hl_error *err) HL_NODISCARD;
void hl__pem_deinit(hl__pem *p); /* the key is wiped */

/* -- watch.c ----------------------------------------------------------------------------------- */

hl_status hl__watch_start(hl_http_server *s, hl_error *err) HL_NODISCARD;
void hl__watch_stop(hl_http_server *s);
/* Tell when the client leaves; in the server's list already. */
void hl__watch_connection(hl__connection *c);
void hl__watch_forget(hl__connection *c);
/* Of a client that has left: lets libmicrohttpd look. */
void hl__watch_nudge(const hl__connection *c);
