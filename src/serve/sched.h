/* serve/sched.h
 *
 * What the hub decides, without its threads: which model is loaded, which one goes, and what each
 * task (a job, as seen from here) does next.  Events come in as calls, decisions come out of
 * hl__sched_next, which works them out of the state alone: there is no list of things to do that
 * could lose one.
 *
 *     task   WAITING  →  PREPARING  →  READY  →  RUNNING  →  over
 *            for its     on the io     for a     in the
 *            model       pool          place     engine
 *
 *     model  NEW → PLANNING → PLANNED → LOADING → READY → CLOSING → gone, or NEW again
 *                  what does  waits for
 *                  it take?   memory
 *
 * Order.  A model's tasks are prepared in order of arrival, and run in order of arrival among those
 * that are prepared: a slow prompt holds nobody up.  A task that wants a larger context than the
 * model has waits for what runs to end, and those behind it wait, too.
 *
 * Memory.  What fits stays.  For a model that does not fit, idle ones go, least recently used
 * first. Where that is not enough, busy ones prepare no task that came later than the first one
 * that waits, until they are idle: nobody is thrown out, and nobody waits for ever.  A model that
 * fits as it is may pass one that waits, a few times.
 *
 * Ownership: tasks are the submitter's, known here from a submit that succeeded until END or
 * hl__sched_over; models are the scheduler's.
 * Threads: one at a time.   Time and memory are arguments.
 */
#pragma once

#include "serve/plan.h"
#include "serve/task.h"

typedef enum hl__model_state {
    HL__MODEL_NEW,
    HL__MODEL_PLANNING,
    HL__MODEL_PLANNED,
    HL__MODEL_LOADING,
    HL__MODEL_READY,
    HL__MODEL_FAILED, /* what there is of it is to be closed */
    HL__MODEL_CLOSING
} hl__model_state;

/* A model that is loaded, or on its way. */
typedef struct hl__resident {
    char *path, *name; /* owned */
    struct hl__resident *next;
    void *driver; /* the caller's */
    hl__model_state state;
    hl__tasks waiting, preparing, ready, running;
    hl__plan plan;        /* from PLANNED on */
    uint32_t pool_tokens; /* from LOADING on */
    uint32_t ctx;         /* the largest of a task, from READY on */
    uint32_t threads;
    uint64_t bytes; /* reserved from LOADING to the end of CLOSING; 0: nothing */
    int64_t keep_ns;
    uint64_t idle_ns;   /* since when it has no tasks */
    uint64_t yields_to; /* tasks that arrived later are not prepared … */
    uint64_t owes_to;   /* … but for those up to here */
    uint32_t n_passed;  /* while it waits for memory, by others */
    uint32_t n_cancels; /* running tasks whose CANCEL is to be given out */
    bool leaving;       /* goes when it has no tasks */
    bool lost;          /* its engine is of no use any more */
} hl__resident;

typedef struct hl__sched_config {
    uint32_t queue_max;    /* tasks beyond those that their models compute at once */
    uint32_t models_max;   /* loaded at once */
    uint32_t seqs_max;     /* of a model that is not planned yet */
    uint32_t prepares_max; /* at once */
    int64_t keep_ns;       /* of models whose tasks do not say */
} hl__sched_config;

typedef struct hl__sched_counts {
    uint64_t loads, load_failures, evictions;
} hl__sched_counts;

typedef struct hl__sched {
    hl__sched_config config;
    hl__resident *models; /* oldest first */
    hl__tasks ended;
    uint64_t n_arrived;
    uint32_t n_tasks; /* that are not over */
    uint32_t n_preparing;
    uint64_t limit_bytes; /* for all models; 0: unknown */
    bool stopping;
    hl__sched_counts counts;
} hl__sched;

void hl__sched_init(hl__sched *s, const hl__sched_config *config);
/* Everything must be over. */
void hl__sched_deinit(hl__sched *s);

/* -- what happens ------------------------------------------------------------------------------ */

/* EBUSY: full, or stopping; ENOMEM. */
hl_status hl__sched_submit(hl__sched *s, hl__task *t, uint64_t now_ns, hl_error *err) HL_NODISCARD;
/* Its end comes soon.  Nothing for a task that is over. */
void hl__sched_cancel(hl__sched *s, hl__task *t, uint64_t now_ns);
void hl__sched_unload(hl__sched *s, const char *path);
/* Cancels all tasks, takes no more, and lets the models go. */
void hl__sched_stop(hl__sched *s, uint64_t now_ns);

/* Answers to PLAN: what the model takes, and what all models together may take now. */
void hl__sched_planned(hl__sched *s, hl__resident *m, const hl__plan *plan, uint64_t limit_bytes);
/* To LOAD.  bytes: taken in fact; ctx: of the largest sequence. */
void hl__sched_loaded(hl__sched *s, hl__resident *m, uint64_t bytes, uint32_t ctx, uint64_t now_ns);
/* To PLAN or LOAD: fails all tasks that wait for it. */
void hl__sched_load_failed(hl__sched *s, hl__resident *m, const hl_error *why, uint64_t now_ns);
/* To CLOSE.  False: the model is no more, *m is freed. */
bool hl__sched_closed(hl__sched *s, hl__resident *m);
/* To PREPARE; why: NULL when it went well. */
void hl__sched_prepared(hl__sched *s, hl__task *t, const hl_error *why, uint64_t now_ns);
/* To RUN: the engine has told the task's end, or did not take it.  The task is its submitter's. */
void hl__sched_over(hl__sched *s, hl__task *t, uint64_t now_ns);
/* The engine is lost, and all that ran in it; what waits gets another one. */
void hl__sched_lost(hl__sched *s, hl__resident *m, const hl_error *why, uint64_t now_ns);

/* -- what to do -------------------------------------------------------------------------------- */

typedef enum hl__act {
    HL__ACT_PLAN,    /* find out what the model takes */
    HL__ACT_LOAD,    /* with a pool of model->pool_tokens */
    HL__ACT_CLOSE,   /* give back all that it has; nothing runs, nothing is being prepared */
    HL__ACT_PREPARE, /* the task's prompt */
    HL__ACT_RUN,     /* submit the task to its engine */
    HL__ACT_CANCEL,  /* in the engine, which then tells its end */
    HL__ACT_END      /* tell the task's end; it is its submitter's again */
} hl__act;

typedef struct hl__action {
    hl__act kind;
    hl__resident *model; /* NULL for END */
    hl__task *task;
} hl__action;

/* The next thing to do, which is then taken as begun; false: nothing until something happens, or
 * hl__sched_wake_at. */
bool hl__sched_next(hl__sched *s, uint64_t now_ns, hl__action *ret);
uint64_t hl__sched_wake_at(const hl__sched *s); /* UINT64_MAX: never */

/* -- looking ----------------------------------------------------------------------------------- */

static inline uint32_t hl__resident_tasks(const hl__resident *m) {
    return m->waiting.n + m->preparing.n + m->ready.n + m->running.n;
}

/* Taken and reserved by all models. */
uint64_t hl__sched_bytes(const hl__sched *s);
/* The context that a task gets from its model, which is there. */
uint32_t hl__task_ctx(const hl__task *t);
/* When an idle model is to go; UINT64_MAX: never. */
uint64_t hl__resident_expires_ns(const hl__resident *m);

/* -- between the scheduler's files ------------------------------------------------------------- */

/* Ends a task that does not run. */
void hl__sched_end(hl__sched *s, hl__task *t, hl__task_end how, const hl_error *why,
                   uint64_t now_ns);
/* What the task needs of its model, whose plan is known. */
uint32_t hl__task_needs(const hl__task *t);
/* Whether the model may go though tasks wait for it: nothing runs or is being prepared, and what
 * waits came later than `than`. */
bool hl__resident_is_quiet(const hl__resident *m, uint64_t than);
/* Fails tasks that want a context which can never be had. */
void hl__sched_refuse(hl__sched *s, uint64_t now_ns);
/* Room for the models that wait for it: the next LOAD, or the CLOSE or END that brings one on. */
bool hl__sched_place(hl__sched *s, uint64_t now_ns, hl__action *ret);
