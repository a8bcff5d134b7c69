/* cli/client.h
 *
 * How commands reach models: HTTP to a running server, or, when none runs, to the same server in
 * this process, over a Unix socket of mode 0600.  What is sent and answered is the same.
 *
 * Each request goes to
 *     our own server    when its model is a path: a running server opens no file by its path
 *     the running one   when what answers at HYPERLLAMA_HOST is HyperLlama (/api/version tells)
 *     our own server    else; where another program answers, one line on standard error says so
 * A host that is another machine must answer.
 *
 * Errors: the server's texts; EREMOTE when it cannot be reached or leaves before its answer is
 * complete.
 * Threads: one at a time, except hl_client_cancel, which is async-signal-safe.
 */
#pragma once

#include "cli/ask.h"

typedef struct hl_client hl_client;

/* Asks nobody yet. */
hl_status hl_client_open(hl_client **ret, hl_error *err) HL_NODISCARD;
void hl_client_close(hl_client *c); /* accepts NULL; our own server ends */
/* From now on the models that are asked stay that long. */
void hl_client_set_keep(hl_client *c, int64_t keep_ns);
/* From now on an answer comes whole, in one TEXT event a channel: cheaper where nobody reads along.
 */
void hl_client_set_whole(hl_client *c);
/* EREMOTE unless a server runs: for what makes no sense in one of our own. */
hl_status hl_client_need_running(hl_client *c, hl_error *err) HL_NODISCARD;

/* Streams one answer: TEXT events, then FINISHED; each on the caller's thread, before this returns.
 * on_event's false cancels.  A cancelled request ends with a FINISHED event without figures, any
 * failure with a status and without one. */
hl_status hl_client_generate(hl_client *c, const hl_request *req, hl_client_event_fn *on_event,
                             void *arg, hl_error *err) HL_NODISCARD;
/* Ends the running request, which then finishes as cancelled; with none running, nothing. */
void hl_client_cancel(hl_client *c);

/* Loads a model so that the next request finds it. */
hl_status hl_client_load(hl_client *c, hl_str model, const hl_options *o,
                         hl_error *err) HL_NODISCARD;
/* *ret is what the server said of it, owned. */
hl_status hl_client_unload(hl_client *c, hl_str model, struct json_object **ret,
                           hl_error *err) HL_NODISCARD;

/* Objects as /api/show, /api/tags and /api/ps answer them, owned (json_object_put). */
hl_status hl_client_show(hl_client *c, hl_str model, bool verbose, struct json_object **ret,
                         hl_error *err) HL_NODISCARD;
hl_status hl_client_list(hl_client *c, struct json_object **ret, hl_error *err) HL_NODISCARD;
hl_status hl_client_ps(hl_client *c, struct json_object **ret, hl_error *err) HL_NODISCARD;

hl_status hl_client_copy(hl_client *c, hl_str from, hl_str to, hl_error *err) HL_NODISCARD;
hl_status hl_client_delete(hl_client *c, hl_str model, hl_error *err) HL_NODISCARD;
/* body: of /api/create, whose "from" is this model. */
hl_status hl_client_create(hl_client *c, hl_str from, hl_str body, hl_error *err) HL_NODISCARD;
/* False: that is enough. */
typedef bool hl_client_line_fn(void *arg, hl_str line);
/* Lines of JSON as they come, of a path that makes, fetches or sends models; hl_client_cancel ends
 * it with ECANCELLED.  from: a file's path if it is made of one, else empty.  HL_DONE: take has
 * said that it is enough. */
hl_status hl_client_watch(hl_client *c, hl_str from, const char *path, hl_str body,
                          hl_client_line_fn *take, void *arg, hl_error *err) HL_NODISCARD;

/* Where the server's store can be looked for: */
typedef enum hl_client_place {
    HL_CLIENT_ELSEWHERE, /* on another machine */
    HL_CLIENT_HERE,      /* on this one, wherever */
    HL_CLIENT_OURS       /* where this process's settings say: the server is its own */
} hl_client_place;
hl_status hl_client_find(hl_client *c, hl_client_place *ret, hl_error *err) HL_NODISCARD;
/* Whether the server has a blob, "sha256:HEX". */
hl_status hl_client_has_blob(hl_client *c, const char *digest, bool *ret,
                             hl_error *err) HL_NODISCARD;
/* sent: called now and then with how many bytes have gone; hl_client_cancel ends it. */
hl_status hl_client_send_blob(hl_client *c, const char *digest, hl_bytes data,
                              void (*sent)(void *arg, uint64_t bytes), void *arg,
                              hl_error *err) HL_NODISCARD;
/* The answer of /api/embed. */
hl_status hl_client_embed(hl_client *c, hl_str model, hl_str body, struct json_object **ret,
                          hl_error *err) HL_NODISCARD;
