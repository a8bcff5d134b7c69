/* serve/hub.h
 *
 * Many requests at once, over several models.
 *
 *     submit    any thread         what is next is decided at once (sched.h)
 *     prepare   the io pool        prompt to tokens, format to grammar; holds up nobody
 *     load      the model's thread other models' answers go on
 *     compute   the model's thread all jobs of a model together
 *     events    on_event, from one of these, one at a time for a job; exactly one terminal event,
 *               the last call for it
 *
 * A model stays loaded for its keep-alive after the last job, and goes when another one needs its
 * memory; one that is busy stays.
 *
 * Ownership: a job is its caller's memory and lives until its terminal event's callback begins to
 * return; what its request borrows, too.  Jobs are prepared at the same time: the JSON of a request
 * (tools, schema, variables) must be no other job's, since json-c counts references without locks.
 * Errors of submit: EBUSY (too many wait, or the program ends), ENOMEM.  Everything later is a
 * FAILED event.
 * Threads: all functions from any thread; callbacks may call hl_hub_*.  Callbacks of different jobs
 * may come at the same time.
 */
#pragma once

#include "serve/load.h"
#include "serve/metrics.h"
#include "serve/split.h"
#include "serve/task.h"

typedef struct hl_hub hl_hub;
typedef struct hl_job hl_job;

typedef void hl_job_event_fn(void *arg, const hl_event *ev);

struct hl_job {
    hl__task task; /* first; the hub's */

    /* The caller's. */
    hl_package *package;     /* jobs of packages with the same path run on one engine */
    hl_request req;          /* its id is not NULL */
    const uint32_t *context; /* [n_context] tokens that stand before the prompt */
    size_t n_context;
    bool load_only;    /* ends when the model is there */
    bool prepare_only; /* ends when the prompt is: see `prepared` in the callback */
    bool set_keep;
    int64_t keep_ns; /* with set_keep: how long the model stays; HL_DURATION_FOREVER */
    hl_job_event_fn *on_event;
    void *arg;

    /* The hub's.  In callbacks: the prompt as the engine got it, and the model's tokenizer. */
    bool has_prepared; /* both are there */
    hl_prepared prepared;
    const hl_tokenizer *tokenizer;
    bool split_ready, in_engine;
    hl_seq_id seq;
    uint64_t started_ns, said_ns; /* said: the last text */
    hl__split split;
    struct hl_grammar *grammar;  /* of the request's format */
    struct hl__runner *told_for; /* its tokenizer stays until the end is told; NULL: none does */
    struct hl_job *next;         /* in a list of work */
};

typedef struct hl_hub_config {
    uint32_t seqs_max;     /* of a model, computed at once; 0: as many as memory allows */
    uint32_t queue_max;    /* jobs beyond those; 0: 512 */
    uint32_t models_max;   /* loaded at once; 0: 3 */
    uint32_t ctx_default;  /* of requests that do not say; 0: HL_CTX_DEFAULT */
    uint32_t pool_percent; /* of the memory left, for a model's KV pages; 0: 50 */
    uint64_t memory_bytes; /* for all models; 0: what the machine has */
    int64_t keep_ns;       /* of models whose jobs do not say */
    /* For tests, instead of the native engine; its ids, contexts and numbers are the same. */
    hl__engine_make *make_engine;
    void *make_arg;
} hl_hub_config;

hl_status hl_hub_open(const hl_hub_config *config, hl_hub **ret, hl_error *err) HL_NODISCARD;
/* Cancels what runs, each job still gets its terminal event, and takes nothing more. */
void hl_hub_stop(hl_hub *h);
/* The same, and joins the threads; NULL is fine. */
void hl_hub_close(hl_hub *h);
/* From stop on. */
bool hl_hub_is_stopping(hl_hub *h);

hl_status hl_hub_submit(hl_hub *h, hl_job *job, hl_error *err) HL_NODISCARD;
/* Its terminal event comes soon.  For a job that is over: nothing. */
void hl_hub_cancel(hl_hub *h, hl_job *job);
/* The model goes when its last job is over, at once when there is none. */
void hl_hub_unload(hl_hub *h, const char *path);

typedef struct hl_hub_model {
    char path[HL_MODEL_PATH_MAX], name[HL_MODEL_NAME_MAX + 8];
    uint64_t bytes;   /* weights, KV pages and what the engine takes beside */
    uint32_t ctx;     /* of the last request */
    uint32_t ctx_max; /* the largest that a request may ask for without loading it again */
    uint64_t left_ns; /* until it goes; UINT64_MAX: never */
    uint32_t n_jobs, n_running;
    uint64_t kv_bytes;
    uint32_t pages_used, pages_cached, pages_free; /* of the KV pages, after the last step */
} hl_hub_model;

/* Loaded models, at most cap, longest staying first; returns how many. */
size_t hl_hub_list(hl_hub *h, hl_hub_model *ret, size_t cap);

/* What the hub and the API count; lives as long as the hub. */
hl_metrics *hl_hub_metrics(hl_hub *h);
/* All metrics as Prometheus reads them. */
void hl_hub_render_metrics(hl_hub *h, hl_buf *out);
