/* api/call.h
 *
 * A generation that a client waits for: the request as a route read it, one job for each answer
 * that was asked for (its choices), and the answer in the route's own words (its voice).
 *
 *     make    parses the body, the voice reads it; what is wrong is answered
 *     find    the model of the request, and what it brings with it
 *     start   one job a choice to the hub; or refuse, fail, unload
 *     events  go to the choices; the voice is asked for what to send
 *
 * The exchange ends when all choices are over.  When one fails or the client leaves, the others are
 * cancelled.
 *
 * Ownership: start, refuse, fail and unload take the call.
 * Threads: make to start on the server's, then those of the hub, one at a time: the call's lock is
 * held while a voice is asked, and by start until all jobs are on their way.
 */
#pragma once

#include "api/fields.h"
#include "api/visit.h"
#include "base/rng.h"
#include "base/thread.h"

#include <stdatomic.h>

enum { HL__CHOICES_MAX = 128, HL__ID_MAX = 40 };

typedef struct hl__call hl__call;
typedef struct hl__choice hl__choice;

typedef struct hl__tool_call {
    char id[HL__ID_MAX];
    hl_str name, arguments; /* arguments: a JSON object's text */
} hl__tool_call;

/* How a route reads and answers.  What goes into a stream is appended to *out with its framing
 * ("data: …" and so on) and sent at once.  NULL where a route has nothing to say. */
typedef struct hl__voice {
    const char *type; /* of the request, in errors: "ChatRequest" */
    /* From c->body to c->req and the rest of what the client says; needs no server. */
    hl_status (*read)(hl__call *c, hl_error *err);

    const char *stream_type; /* Content-Type */
    void (*begin)(const hl__call *c, hl_buf *out);
    void (*piece)(const hl__choice *ch, hl_channel channel, hl_str text, hl_buf *out);
    void (*tool_call)(const hl__choice *ch, const hl__tool_call *call, hl_buf *out);
    void (*end_choice)(const hl__choice *ch, hl_buf *out);
    void (*last)(const hl__call *c, hl_buf *out);
    /* An error behind the stream's beginning; nothing follows. */
    void (*failed)(const hl__call *c, int status, hl_str text, hl_buf *out);

    void (*whole)(const hl__call *c, hl_buf *out); /* the answer as one object */
    /* The object that answers `load` and `unload`. */
    void (*short_answer)(const hl__call *c, const char *reason, hl_buf *out);
    /* The object with the prompt, for debugging. */
    void (*rendered)(const hl__call *c, hl_str prompt, hl_buf *out);
    /* Instead of elements in choice->logprobs; in the callback of the event. */
    void (*take_logprobs)(hl__choice *ch, const hl_event *ev);
    void (*drop_state)(void *state);
} hl__voice;

struct hl__choice {
    hl_job job;
    hl__call *call;
    uint32_t index;
    hl_buf answer, thinking; /* of an answer that is no stream */
    hl_buf logprobs;         /* elements that no piece has taken yet, with commas between */
    hl_tokens tokens; /* with c->keep_tokens: of the answer, at the end with the prompt before */
    size_t n_pieces;  /* sent before this one */
    hl__tool_call *calls; /* [n_calls] so far */
    size_t n_calls, calls_cap;
    struct json_object
        *json; /* owned: copies of what job.req has of JSON; NULL: it has the call's */
    uint32_t n_tokens, n_thinking; /* told so far; up to the end of the reasoning */

    /* The end.  Usage is of this choice; hl__call_usage adds up. */
    bool done, failed;
    hl_finish finish;
    hl_usage usage;
    hl_error error;
};

struct hl__call {
    hl__visit visit;
    const hl__voice *voice;
    void *state;     /* the voice's own, given to drop_state at the end; may live in the arena */
    hl__fields body; /* owned */
    size_t body_bytes;
    hl_arena *arena; /* owned */

    /* The request. */
    hl_str model;            /* as asked */
    hl_package *package;     /* from find on; owned */
    hl_request req;          /* of every choice */
    const uint32_t *context; /* [n_context] tokens that stand before the prompt */
    size_t n_context;
    bool set_keep;
    int64_t keep_ns;
    bool stream, usage; /* usage: in a stream, as OpenAI's stream_options ask */
    bool one_call;      /* the answer ends behind the first tool call */
    bool keep_tokens;
    bool render_only;   /* no answer, the prompt as text */
    bool has_media;     /* pictures beside the messages */
    uint32_t n_choices; /* asked for; 1 unless read says so */
    uint32_t n_each;    /* of one prompt, one behind the other; 0: there is one prompt */

    /* The answer. */
    hl__choice *choices; /* [n_choices] once created */
    bool load;
    bool begun, deaf; /* of the stream; deaf: nobody reads it */
    uint32_t n_open;  /* choices that are not over */
    atomic_bool left; /* the client has */
    pthread_mutex_t lock;
    int64_t created_s;
    unsigned number; /* of the answer's id */
    hl_rng ids;
};

/* On failure everything is answered, and NULL is returned. */
hl__call *hl__call_make(const hl__visit *v, const hl__voice *voice);
/* The same for a body alone, as fuzzing has it; v needs nothing but its dialect. */
hl_status hl__call_read(const hl__visit *v, hl_str body, const hl__voice *voice, hl__call **ret,
                        hl_error *err) HL_NODISCARD;
void hl__call_drop(hl__call *c);

/* By c->model; takes over the package's options where the request has none.  On failure 404 or 400
 * is answered, the call is gone, and NULL is returned. */
const hl_catalog_entry *hl__call_find_model(hl__call *c);
/* What the model cannot: completing (said as `verb`), thinking, tools, images. */
hl_status hl__call_check_model(const hl__call *c, const hl_model_info *info, const char *verb,
                               hl_error *err) HL_NODISCARD;

/* Answers an error and drops the call. */
void hl__call_refuse(hl__call *c, int status, const char *text);
void hl__call_fail(hl__call *c, const hl_error *err);
/* Answers {…, "done_reason": "unload"} and drops the call. */
void hl__call_unload(hl__call *c);

/* The choices' jobs with c->req in each and seeds that differ; a route may change them before
 * start.  start creates them itself otherwise. */
hl_status hl__call_create_choices(hl__call *c, hl_error *err) HL_NODISCARD;
/* load: ends when the model is there. */
void hl__call_start(hl__call *c, bool load);

/* -- for voices -------------------------------------------------------------------------------- */

const char *hl__finish_text(hl_finish finish);
/* Generated tokens of all choices, each prompt once; durations of the first choice. */
hl_usage hl__call_usage(const hl__call *c);
/* prefix and `n` letters and digits. */
void hl__call_id(hl__call *c, const char *prefix, size_t n, char ret[HL__ID_MAX]);

/* -- for reading ------------------------------------------------------------------------------- */

/* Ollama's fields that generate and chat share. */
hl_status hl__call_read_common(hl__call *c, hl_error *err) HL_NODISCARD;
/* The key grammar, of the body or of its options (may be NULL); behind the format. */
hl_status hl__call_read_grammar(hl__call *c, struct json_object *options,
                                hl_error *err) HL_NODISCARD;
/* The keys logprobs and top_logprobs, for the engine. */
hl_status hl__call_read_logprobs(hl__call *c, hl_error *err) HL_NODISCARD;

/* -- the voices -------------------------------------------------------------------------------- */

extern const hl__voice hl__voice_chat, hl__voice_generate, hl__voice_openai_chat,
    hl__voice_openai_completion, hl__voice_responses, hl__voice_anthropic,
    hl__voice_anthropic_count;
