/* api/call.h
 *
 * A generation that a client waits for: the request that a route made, the job, and the answer in
 * the route's own words (its voice).
 *
 *     make  → the route fills call->job.req → start | load | drop
 *
 * Ownership: start and load take the call; it goes with its terminal event.
 * Threads: make to start on the server's thread, the rest on the model's.
 */
#pragma once

#include "api/fields.h"
#include "api/visit.h"

typedef struct hl__call hl__call;

typedef struct hl__voice {
    const char *stream_type;
    /* One object for a piece of a stream. */
    void (*piece)(const hl__call *c, hl_channel channel, hl_str text, hl_buf *out);
    /* The answer as one object. */
    void (*whole)(const hl__call *c, const hl_event *end, hl_buf *out);
    /* What ends a stream. */
    void (*last)(const hl__call *c, const hl_event *end);
    /* Writes one object into a stream. */
    bool (*write)(hl_http_exchange *x, hl_str json);
    /* The object that answers `load` and `unload`. */
    void (*short_answer)(const hl__call *c, const char *reason, hl_buf *out);
} hl__voice;

struct hl__call {
    hl_job job;
    hl__visit visit;
    const hl__voice *voice;
    hl__fields body;    /* owned */
    hl_arena *arena;    /* owned */
    hl_str model;       /* as asked */
    bool stream, usage; /* usage: in a stream, as OpenAI's stream_options ask */
    bool begun, deaf;   /* of the stream; deaf: nobody reads it */
    bool load;
    size_t n_pieces;
    hl_buf answer, thinking; /* of an answer that is no stream */
    hl_tokens tokens;        /* of the answer */
    hl_buf logprobs;         /* elements that no piece has taken yet, with commas between */
    int64_t created_s;
    unsigned number; /* of the answer's id */
};

/* Parses the body; on failure everything is answered and *ret is NULL. */
void hl__call_make(const hl__visit *v, const hl__voice *voice, const char *type, hl__call **ret);
/* The model of the request, by its name; answers 404 or 400 itself (then false). */
bool hl__call_find_model(hl__call *c, const hl_catalog_entry **ret);
/* Answers an error and drops the call. */
void hl__call_refuse(hl__call *c, int status, const char *text);
void hl__call_fail(hl__call *c, const hl_error *err);
/* Answers {…, "done_reason": reason} and drops the call. */
void hl__call_unload(hl__call *c);
/* To the hub.  load: ends when the model is there. */
void hl__call_start(hl__call *c, bool load);
/* keep_alive, options, think, format; and what the model can do with them. */
hl_status hl__call_read_common(hl__call *c, hl_error *err) HL_NODISCARD;
hl_status hl__call_check_model(hl__call *c, const hl_model_info *info, const char *verb,
                               hl_error *err) HL_NODISCARD;
const char *hl__finish_text(hl_finish finish);
/* The keys logprobs and top_logprobs, for the engine. */
hl_status hl__call_read_logprobs(hl__call *c, hl_error *err) HL_NODISCARD;
