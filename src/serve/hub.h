/* serve/hub.h
 *
 * Many requests at once: each loaded model has a thread that owns its engine and steps it, and
 * what many connections submit runs there together.
 *
 *     submit   any thread   the job waits for its model's thread
 *     load                  on that thread: other models' answers go on
 *     events   that thread  on_event, exactly one terminal event a job, the last call for it
 *
 * A model stays loaded for its keep-alive after the last job, and goes when another one needs its
 * place.
 *
 * Ownership: a job is its caller's memory and lives until its terminal event's callback begins to
 * return; what its request borrows, too.
 * Errors of submit: EBUSY (queue full, no place for another model), ENOMEM, EIO.  Everything later
 * is a FAILED event.
 * Threads: all functions from any thread; callbacks may call hl_hub_*.
 */
#pragma once

#include "engine/request.h"
#include "serve/resolve.h"
#include "serve/split.h"

typedef struct hl_hub hl_hub;
typedef struct hl_job hl_job;

typedef void hl_job_event_fn(void *arg, const hl_event *ev);

struct hl_job {
    /* The caller's. */
    hl_package *package; /* jobs of packages with the same path run on one engine */
    hl_request req;      /* its id is not NULL */
    const uint32_t *context; /* [n_context] tokens that stand before the prompt */
    size_t n_context;
    bool load_only; /* ends when the model is there */
    bool set_keep;
    int64_t keep_ns; /* with set_keep: how long the model stays; HL_DURATION_FOREVER */
    hl_job_event_fn *on_event;
    void *arg;

    /* The hub's.  In callbacks: the prompt as the engine got it, and the model's tokenizer. */
    hl_prepared prepared;
    const hl_tokenizer *tokenizer;
    struct hl__runner *runner; /* under the hub's lock; NULL: not submitted, or over */
    struct hl_job *next;
    bool cancelled; /* under the hub's lock */
    bool has_prepared, engaged;
    hl_seq_id seq;
    uint64_t started_ns, loaded_ns;
    hl__split split;
    struct hl_grammar *grammar; /* of the request's format */
};

typedef struct hl_hub_config {
    uint32_t seqs_max;   /* of a model, computed at once; 0: 32 */
    uint32_t queue_max;  /* jobs that wait or run; 0: 512 */
    uint32_t models_max; /* loaded at once; 0: 3 */
    int64_t keep_ns;     /* of models whose jobs do not say */
} hl_hub_config;

hl_status hl_hub_open(const hl_hub_config *config, hl_hub **ret, hl_error *err) HL_NODISCARD;
/* Cancels what runs, each job still gets its terminal event, and takes nothing more. */
void hl_hub_stop(hl_hub *h);
/* The same, and joins the threads; NULL is fine. */
void hl_hub_close(hl_hub *h);

hl_status hl_hub_submit(hl_hub *h, hl_job *job, hl_error *err) HL_NODISCARD;
/* Its terminal event comes soon.  For a job that is over: nothing. */
void hl_hub_cancel(hl_hub *h, hl_job *job);
/* The model goes when its last job is over, at once when there is none. */
void hl_hub_unload(hl_hub *h, const char *path);

typedef struct hl_hub_model {
    char path[HL_MODEL_PATH_MAX], name[HL_MODEL_NAME_MAX + 8];
    uint64_t bytes; /* weights and what the engine took; 0: still loading */
    uint32_t ctx;
    uint64_t left_ns; /* until it goes; UINT64_MAX: never */
    uint32_t n_jobs;
} hl_hub_model;

/* At most cap, longest staying first; returns how many. */
size_t hl_hub_list(hl_hub *h, hl_hub_model *ret, size_t cap);
