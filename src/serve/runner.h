/* serve/runner.h
 *
 * The hub's threads and what they share; private to hub.c, dispatch.c, runner.c and job.c.
 *
 *     main     tells the ends of jobs that are in no engine, joins threads, wakes for keep-alives
 *     io       a few: prepare jobs, and tell the ends that come of it
 *     runner   one a model: plans, loads, steps, closes; it alone uses the model's engine, but for
 *              hl_engine_cancel
 *
 * Whoever tells the scheduler something, with the lock, then has hl__hub_dispatch hand out what
 * follows from it.  Callbacks of jobs run without the lock.
 */
#pragma once

#include "base/thread.h"
#include "serve/hub.h"
#include "serve/sched.h"

enum { HL__IO_THREADS = 4 };

/* First in, first out. */
typedef struct hl__jobs {
    hl_job *first, *last;
} hl__jobs;

void hl__jobs_push(hl__jobs *l, hl_job *job);
hl_job *hl__jobs_pop(hl__jobs *l); /* NULL: none */

typedef enum hl__todo { HL__TODO_NONE, HL__TODO_PLAN, HL__TODO_LOAD, HL__TODO_CLOSE } hl__todo;

typedef struct hl__runner {
    struct hl_hub *hub;
    struct hl__runner *next; /* of the hub's ended ones */
    hl_thread thread;

    /* Under the hub's lock. */
    pthread_cond_t wake;
    hl__resident *model;
    hl__todo todo;
    hl__jobs to_run; /* not yet taken by the thread */
    bool cancelled;  /* there may be something to step for */
    uint32_t n_told; /* jobs whose ends are being told: until then `loaded` stays, too */
    uint32_t ctx_last;
    uint64_t kv_bytes;
    hl_native_stats stats; /* after the last step */

    /* The thread's own; `loaded` stays while jobs are prepared with it, and n_told. */
    hl__loaded *loaded;
    hl__load_wish wish;
    hl__plan plan;
    uint32_t pool_tokens;
    hl_job *running; /* list */
    uint32_t n_running;
    hl_seq_id next_seq;
} hl__runner;

struct hl_hub {
    hl_hub_config config;
    hl_metrics metrics;
    hl_thread main, io[HL__IO_THREADS];
    uint32_t n_io;

    pthread_mutex_t lock; /* never held while another is taken */
    pthread_cond_t wake_main, wake_io;
    hl__sched sched;
    hl__jobs to_prepare, to_end;
    hl__runner *ended;
    uint32_t n_runners;
    uint64_t main_sleeps_until; /* 0: it is awake */
    bool closing;

    atomic_uint_fast64_t memory_first; /* the limit when no model was there */
};

/* dispatch.c.  With the lock: hands out all that there is to do now. */
void hl__hub_dispatch(hl_hub *h, uint64_t now_ns);
void hl__hub_main(void *hub);
void hl__hub_io(void *hub);
void hl__wake_init(pthread_cond_t *c);
/* Waits for the condition, at most until at_ns. */
void hl__wake_wait(pthread_cond_t *c, pthread_mutex_t *lock, uint64_t at_ns);

/* runner.c.  The thread's function. */
void hl__runner_run(void *runner);

/* job.c.  Without the lock. */
hl_status hl__job_prepare(hl_job *job, hl__loaded *l, uint32_t ctx, hl_error *err) HL_NODISCARD;
hl_status hl__job_submit(hl_job *job, hl__loaded *l, hl_seq_id seq, uint32_t ctx,
                         hl_error *err) HL_NODISCARD;
/* An event of the engine that is not the last. */
void hl__job_event(hl_hub *h, hl_job *job, const hl_event *ev, uint64_t now_ns);
/* The last; the scheduler has forgotten the job.  Afterwards it is its caller's. */
void hl__job_end(hl_hub *h, hl_job *job, const hl_event *end, uint64_t now_ns);
/* What the scheduler says of its end, as an event. */
hl_event hl__job_end_event(const hl_job *job);
