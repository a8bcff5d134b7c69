/* serve/task.h
 *
 * A job as the scheduler sees it, and lists of them.  Ownership: the submitter's memory; a task is
 * in one list at a time.  Threads: one at a time.
 */
#pragma once

#include "base/status.h"

typedef struct hl__task hl__task;

typedef enum hl__task_state {
    HL__TASK_OVER, /* the scheduler does not know it */
    HL__TASK_WAITING,
    HL__TASK_PREPARING,
    HL__TASK_READY,
    HL__TASK_RUNNING,
    HL__TASK_ENDED /* its END is to be given out */
} hl__task_state;

typedef enum hl__task_end { HL__END_DONE, HL__END_CANCELLED, HL__END_FAILED } hl__task_end;

struct hl__task {
    /* The submitter's. */
    const char *path, *name; /* of the model; borrowed */
    uint32_t ctx;            /* asked for; 0: the model's default */
    uint32_t threads;        /* of the engine, if this task loads it; 0: any */
    bool load_only;          /* done when the model is there */
    bool prepare_only;       /* done when it is prepared */
    bool set_keep;
    int64_t keep_ns; /* with set_keep: how long the model stays, or HL_DURATION_FOREVER */

    /* The scheduler's. */
    hl__task_state state;
    struct hl__resident *model; /* NULL when it has ended */
    hl__task *before, *after;
    uint64_t arrival;
    uint64_t ready_ns; /* when its model was there for it; 0: not yet */
    bool cancelled, cancel_sent;
    hl__task_end end;
    hl_error why; /* of FAILED */
};

typedef struct hl__tasks {
    hl__task *first, *last;
    uint32_t n;
} hl__tasks;

/* Behind the last one that arrived earlier: mostly at the end. */
static inline void hl__tasks_insert(hl__tasks *l, hl__task *t) {
    hl__task *before = l->last;
    while (before && before->arrival > t->arrival) before = before->before;
    hl__task *after = before ? before->after : l->first;
    t->before = before;
    t->after = after;
    *(before ? &before->after : &l->first) = t;
    *(after ? &after->before : &l->last) = t;
    l->n++;
}

static inline void hl__tasks_remove(hl__tasks *l, hl__task *t) {
    HL_ASSERT(l->n > 0);
    HL_ASSERT(t->before ? t->before->after == t : l->first == t);
    *(t->before ? &t->before->after : &l->first) = t->after;
    *(t->after ? &t->after->before : &l->last) = t->before;
    t->before = t->after = NULL;
    l->n--;
}
