#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "serve/runner.h"

enum { NS_PER_S = 1000000000 };

/* -- waiting ----------------------------------------------------------------------------------- */

void hl__wake_init(pthread_cond_t *c) {
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(c, &attr);
    pthread_condattr_destroy(&attr);
}

void hl__wake_wait(pthread_cond_t *c, pthread_mutex_t *lock, uint64_t at_ns) {
    if (at_ns == UINT64_MAX) {
        pthread_cond_wait(c, lock);
        return;
    }
    struct timespec at = {.tv_sec = (time_t)(at_ns / NS_PER_S),
                          .tv_nsec = (long)(at_ns % NS_PER_S)};
    pthread_cond_timedwait(c, lock, &at);
}

/* -- handing out ------------------------------------------------------------------------------- */

static hl_job *job_of(hl__task *t) {
    return (hl_job *)t; /* its first member */
}

static hl__runner *start_runner(hl_hub *h, hl__resident *m, hl_error *err) {
    hl__runner *r = hl_calloc(1, sizeof *r);
    if (!r) {
        (void)hl_fail(err, HL_ENOMEM, "hub", "no memory for %s", m->name);
        return NULL;
    }
    r->hub = h;
    r->model = m;
    r->todo = HL__TODO_PLAN;
    hl__wake_init(&r->wake);
    m->driver = r; /* the thread waits for the lock before it looks */
    if (hl_thread_start(&r->thread, hl__runner_run, r, err) < 0) {
        m->driver = NULL;
        pthread_cond_destroy(&r->wake);
        hl_free(r);
        return NULL;
    }
    h->n_runners++;
    return r;
}

static void give_todo(hl_hub *h, hl__resident *m, hl__todo todo, uint64_t now_ns) {
    hl_error err;
    hl__runner *r = m->driver;
    if (r) {
        HL_ASSERT(r->todo == HL__TODO_NONE);
        r->todo = todo;
        pthread_cond_signal(&r->wake);
    } else if (todo == HL__TODO_CLOSE) {
        (void)hl__sched_closed(&h->sched, m); /* its thread never began */
    } else if (!start_runner(h, m, &err)) {
        hl__sched_load_failed(&h->sched, m, &err, now_ns);
    }
}

static void give_run(hl__runner *r, hl__task *t) {
    r->ctx_last = hl__task_ctx(t);
    hl__jobs_push(&r->to_run, job_of(t));
    pthread_cond_signal(&r->wake);
}

/* One that the engine does not have yet is looked at again when it has. */
static void give_cancel(hl__runner *r, hl__task *t) {
    hl_job *job = job_of(t);
    if (job->in_engine) hl_engine_cancel(r->loaded->engine, job->seq);
    r->cancelled = true;
    pthread_cond_signal(&r->wake);
}

static void give(hl_hub *h, const hl__action *a, uint64_t now_ns) {
    switch (a->kind) {
    case HL__ACT_PLAN: give_todo(h, a->model, HL__TODO_PLAN, now_ns); break;
    case HL__ACT_LOAD: give_todo(h, a->model, HL__TODO_LOAD, now_ns); break;
    case HL__ACT_CLOSE: give_todo(h, a->model, HL__TODO_CLOSE, now_ns); break;
    case HL__ACT_RUN: give_run(a->model->driver, a->task); break;
    case HL__ACT_CANCEL: give_cancel(a->model->driver, a->task); break;
    case HL__ACT_PREPARE:
        hl__jobs_push(&h->to_prepare, job_of(a->task));
        pthread_cond_signal(&h->wake_io);
        break;
    case HL__ACT_END:
        hl__jobs_push(&h->to_end, job_of(a->task));
        pthread_cond_signal(&h->wake_main);
        break;
    }
}

void hl__hub_dispatch(hl_hub *h, uint64_t now_ns) {
    hl__action a;
    while (hl__sched_next(&h->sched, now_ns, &a)) give(h, &a, now_ns);
    if (hl__sched_wake_at(&h->sched) < h->main_sleeps_until) pthread_cond_signal(&h->wake_main);
}

/* -- ends -------------------------------------------------------------------------------------- */

/* With the lock, but for the callback. */
static void end_jobs(hl_hub *h) {
    for (hl_job *job; (job = hl__jobs_pop(&h->to_end)) != NULL;) {
        hl__runner *r = job->told_for;
        pthread_mutex_unlock(&h->lock);
        hl_event ev = hl__job_end_event(job);
        hl__job_end(h, job, &ev, hl_clock_ns());
        pthread_mutex_lock(&h->lock);
        if (!r) continue;
        HL_ASSERT(r->n_told > 0);
        r->n_told--;
        pthread_cond_signal(&r->wake);
    }
}

/* -- the main thread --------------------------------------------------------------------------- */

/* With the lock: threads that have nothing left to do but return. */
static void join_ended(hl_hub *h) {
    while (h->ended) {
        hl__runner *r = h->ended;
        h->ended = r->next;
        hl_thread_join(&r->thread);
        pthread_cond_destroy(&r->wake);
        hl_free(r);
        h->n_runners--;
    }
}

static bool is_over(const hl_hub *h) {
    return h->closing && h->n_runners == 0 && !h->sched.models && h->sched.n_tasks == 0 &&
           !h->to_end.first;
}

void hl__hub_main(void *hub) {
    hl_hub *h = hub;
    pthread_mutex_lock(&h->lock);
    for (;;) {
        hl__hub_dispatch(h, hl_clock_ns());
        end_jobs(h);
        join_ended(h);
        if (is_over(h)) break;
        if (h->to_end.first || h->ended) continue;
        h->main_sleeps_until = hl__sched_wake_at(&h->sched);
        if (h->main_sleeps_until > hl_clock_ns())
            hl__wake_wait(&h->wake_main, &h->lock, h->main_sleeps_until);
        h->main_sleeps_until = 0;
    }
    pthread_cond_broadcast(&h->wake_io);
    pthread_mutex_unlock(&h->lock);
}

/* -- the io threads ---------------------------------------------------------------------------- */

/* With the lock: a job that ends here is in no list of its model's any more, and its callback may
 * yet look at the tokenizer. */
static void keep_for_end(hl__runner *r, hl_job *job) {
    if (!job->prepare_only) return;
    job->told_for = r;
    r->n_told++;
}

/* With the lock, but for the work.  The ends are told here, since a callback may have much to do
 * with the prompt, and nothing else should wait for the main thread. */
static void prepare(hl_hub *h, hl_job *job) {
    hl__task *t = &job->task;
    hl__runner *r = t->model->driver;
    uint32_t ctx = hl__task_ctx(t);
    bool cancelled = t->cancelled;
    hl_error err;
    hl_status st = HL_OK;
    pthread_mutex_unlock(&h->lock);
    if (!cancelled) st = hl__job_prepare(job, r->loaded, ctx, &err);
    uint64_t now_ns = hl_clock_ns();
    pthread_mutex_lock(&h->lock);
    keep_for_end(r, job);
    hl__sched_prepared(&h->sched, t, st < 0 ? &err : NULL, now_ns);
    hl__hub_dispatch(h, now_ns);
    end_jobs(h);
}

void hl__hub_io(void *hub) {
    hl_hub *h = hub;
    pthread_mutex_lock(&h->lock);
    while (!is_over(h)) {
        hl_job *job = hl__jobs_pop(&h->to_prepare);
        if (job)
            prepare(h, job);
        else
            hl__wake_wait(&h->wake_io, &h->lock, UINT64_MAX);
    }
    pthread_mutex_unlock(&h->lock);
}
