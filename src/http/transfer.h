/* http/transfer.h
 *
 * Several HTTP requests at a time, over one thread and libcurl's multi interface: what downloads
 * and uploads need.  (http/client.h talks to one server, one request after the other.)
 *
 *     begin → step … step gives the task back when it is over → end
 *
 * Redirects are never followed here: who holds credentials decides where they go.  With
 * public_only a connection to an address that is not somewhere in the internet (http/reach.h)
 * is refused when it is made, whatever name led there; a proxy of the environment's is the user's
 * own and is not.
 *
 * A task's status is HL_OK when an answer came, whichever HTTP status it has.  Below 0: EREMOTE
 * (nobody there, cut off: may be tried again), EINVAL (a URL that is none, a refused address),
 * ENOMEM, and whatever `take` failed with.
 * Threads: one at a time.
 */
#pragma once

#include "base/buf.h"

typedef struct hl_http_pool hl_http_pool;
typedef struct hl_http_task hl_http_task;

typedef struct hl_http_pool_config {
    const char *ca_file; /* PEM, whom TLS trusts; NULL or "": whom the system trusts */
    bool public_only;
    bool https_only;
    uint32_t connect_ms; /* 0: 15 s */
} hl_http_pool_config;

hl_status hl_http_pool_open(const hl_http_pool_config *config, hl_http_pool **ret,
                            hl_error *err) HL_NODISCARD;
/* After all tasks have ended; accepts NULL. */
void hl_http_pool_close(hl_http_pool *p);

/* Bytes of a 2xx answer.  A status below 0 breaks the transfer off and becomes the task's. */
typedef hl_status hl_http_take_fn(hl_http_task *t, hl_bytes piece);
/* The next at most cap bytes of what is sent; *ret_n 0: there are no more. */
typedef hl_status hl_http_give_fn(hl_http_task *t, void *out, size_t cap, size_t *ret_n);

enum { HL_HTTP_TASK_HEADERS_MAX = 6, HL_HTTP_TASK_TEXT_MAX = 4096 };

/* The caller's; stays where it is from begin to end. */
struct hl_http_task {
    /* The request; borrowed for begin. */
    const char *method, *url;
    const char *headers[HL_HTTP_TASK_HEADERS_MAX + 1]; /* "Name: value", NULL at the end */
    hl_http_take_fn *take;                             /* NULL: the body is dropped */
    hl_http_give_fn *give;                             /* NULL: nothing is sent */
    uint64_t give_bytes;
    void *arg;

    /* What has come of it. */
    hl_status status;
    hl_error error;
    int http;          /* status of the answer; 0: none */
    uint64_t moved_ns; /* monotonic: when the last byte came or went */
    bool unreachable;  /* no connection: no such name, nobody there */
    hl_buf text;       /* the beginning of the body of another answer than 2xx */

    struct hl_http_line *line; /* private */
};

/* On failure there is nothing to end. */
hl_status hl_http_pool_begin(hl_http_pool *p, hl_http_task *t, hl_error *err) HL_NODISCARD;
/* Moves bytes, waiting at most wait_ms for some to move; *ret: a task that is over, NULL: none. */
hl_status hl_http_pool_step(hl_http_pool *p, uint32_t wait_ms, hl_http_task **ret,
                            hl_error *err) HL_NODISCARD;
/* Breaks off what is not over.  Its texts are gone then. */
void hl_http_task_end(hl_http_pool *p, hl_http_task *t);

/* From the answer's head on until end: a header ("" when there is none), and where a redirect leads
 * as a whole URL (NULL: nowhere). */
const char *hl_http_task_header(const hl_http_task *t, const char *name);
const char *hl_http_task_redirect(const hl_http_task *t);
