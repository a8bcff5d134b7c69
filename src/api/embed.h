/* api/embed.h
 *
 * A call for embeddings: its inputs, a job for each, and the answer in its route's own words.
 *
 *     make    parses the body, the route reads it; what is wrong is answered
 *     start   finds the model and gives the jobs to the hub, some at a time, so that many inputs
 *             are computed together and still leave room for others; without inputs the model is
 *             loaded
 *     end     of the last job: the answer.  When one fails or the client leaves, the others are
 *             cancelled
 *
 * Ownership: start takes the call.
 * Threads: make and start on the server's; the rest wherever a job ends, each input by itself.
 */
#pragma once

#include "api/fields.h"
#include "api/visit.h"

#include <stdatomic.h>

enum {
    HL__EMBED_INPUTS_MAX = 16384, /* of a call */
    HL__EMBED_JOBS_MAX = 32       /* of a call that wait or run at once */
};

typedef struct hl__embed hl__embed;

typedef struct hl__embed_route {
    const char *type; /* of the request, in errors: "EmbedRequest" */
    /* From e->body to the call; needs no server. */
    hl_status (*read)(hl__embed *e, hl_error *err);
    void (*answer)(const hl__embed *e, hl_buf *out);
} hl__embed_route;

typedef struct hl__embed_input {
    hl__embed *call;
    hl_str text;            /* borrowed from the body, or */
    const uint32_t *tokens; /* [n_tokens] in the arena; NULL: the text */
    size_t n_tokens;
    hl_job job;
    float *vector; /* [n_vector] owned */
    uint32_t n_vector;
    hl_usage usage;
} hl__embed_input;

struct hl__embed {
    hl__visit visit;
    const hl__embed_route *route;
    hl__fields body; /* owned */
    hl_arena *arena; /* owned */
    hl_package *package;
    uint64_t started_ns;

    /* The request. */
    hl_str model;
    hl_request req; /* what all inputs have in common */
    bool set_keep;
    int64_t keep_ns;
    uint32_t dimensions;     /* of the answer's vectors, at most; 0: all */
    bool base64;             /* OpenAI's encoding_format */
    hl__embed_input *inputs; /* [n_inputs], and one more that only loads where there are none */
    size_t n_inputs;

    /* The work. */
    size_t n_jobs;
    atomic_size_t next;    /* job to be submitted */
    atomic_size_t n_open;  /* jobs that are not over, and start while it runs */
    atomic_bool left;      /* the client has */
    atomic_bool is_failed; /* whoever sets it writes error */
    hl_error error;
};

/* On failure everything is answered, and NULL is returned. */
hl__embed *hl__embed_make(const hl__visit *v, const hl__embed_route *route);
/* The same for a body alone, as fuzzing has it; v needs nothing but its dialect. */
hl_status hl__embed_read(const hl__visit *v, hl_str body, const hl__embed_route *route,
                         hl__embed **ret, hl_error *err) HL_NODISCARD;
void hl__embed_drop(hl__embed *e);
void hl__embed_fail(hl__embed *e, const hl_error *err); /* answers, and drops */
void hl__embed_start(hl__embed *e);

/* The package of a model that a request names; ENOTFOUND in the words of these routes.  *ret is a
 * reference, the caller's. */
hl_status hl__embed_find_model(const hl__visit *v, hl_str model, hl_package **ret,
                               hl_error *err) HL_NODISCARD;

/* -- for reading ------------------------------------------------------------------------------- */

/* Room for n inputs.  ELIMIT */
hl_status hl__embed_set_inputs(hl__embed *e, size_t n, hl_error *err) HL_NODISCARD;
/* A text, or an array of them.  An empty text alone is no input unless `keep_empty`.  EINVAL */
hl_status hl__embed_read_texts(hl__embed *e, struct json_object *value, bool keep_empty,
                               hl_error *err) HL_NODISCARD;
/* The keys model, options, keep_alive. */
hl_status hl__embed_read_common(hl__embed *e, hl_error *err) HL_NODISCARD;
hl_status hl__embed_read_dimensions(hl__embed *e, hl_error *err) HL_NODISCARD;

/* -- for answering ----------------------------------------------------------------------------- */

/* Prompt tokens of all inputs, the longest loading, the time since the call was made. */
hl_usage hl__embed_usage(const hl__embed *e);
/* [0.1,0.2] */
void hl__embed_append_vector(const hl__embed_input *in, hl_buf *out);

/* -- the routes -------------------------------------------------------------------------------- */

extern const hl__embed_route hl__embed_ollama, hl__embed_ollama_one, hl__embed_openai;
