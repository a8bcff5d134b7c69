#include "serve/runner.h"

#include "base/clock.h"
#include "base/log.h"

#include <string.h>

enum { EVENTS_MAX = 64 };

/* -- loading ----------------------------------------------------------------------------------- */

static hl_status plan(hl__runner *r, uint64_t limit_bytes, hl_error *err) {
    if (!r->loaded) HL_TRY(hl__loaded_open(r->model->path, r->model->name, &r->loaded, err));
    return hl__loaded_plan(r->loaded, &r->wish, limit_bytes, &r->plan, err);
}

/* What is reserved but not yet touched does not show in the system's figures: they alone would
 * promise too much, so that the limit is never more than when no model was there. */
static uint64_t limit_of(hl_hub *h, const hl__load_wish *wish, uint64_t taken_bytes) {
    uint64_t limit = hl__memory_limit(wish, taken_bytes);
    uint64_t first = atomic_load(&h->memory_first);
    if (taken_bytes == 0 || first == 0) {
        atomic_store(&h->memory_first, limit);
        return limit;
    }
    return limit < first ? limit : first;
}

static hl__load_wish wish_of(const hl_hub *h, const hl__resident *m) {
    return (hl__load_wish){.seqs_max = h->config.seqs_max,
                           .ctx_default = h->config.ctx_default,
                           .pool_percent = h->config.pool_percent,
                           .threads = m->threads,
                           .memory_bytes = h->config.memory_bytes};
}

static void do_plan(hl__runner *r) {
    hl_hub *h = r->hub;
    hl_error err;
    pthread_mutex_lock(&h->lock);
    uint64_t taken_bytes = hl__sched_bytes(&h->sched);
    r->wish = wish_of(h, r->model);
    pthread_mutex_unlock(&h->lock);
    uint64_t limit = limit_of(h, &r->wish, taken_bytes);
    hl_status st = plan(r, limit, &err);
    uint64_t now_ns = hl_clock_ns();
    pthread_mutex_lock(&h->lock);
    if (st < 0)
        hl__sched_load_failed(&h->sched, r->model, &err, now_ns);
    else
        hl__sched_planned(&h->sched, r->model, &r->plan, limit);
    hl__hub_dispatch(h, now_ns);
    pthread_mutex_unlock(&h->lock);
}

static void do_load(hl__runner *r) {
    hl_hub *h = r->hub;
    hl_error err;
    hl_status st = hl__loaded_start(r->loaded, &r->wish, &r->plan, r->pool_tokens,
                                    h->config.make_engine, h->config.make_arg, &err);
    uint64_t now_ns = hl_clock_ns();
    pthread_mutex_lock(&h->lock);
    if (st < 0) {
        hl__sched_load_failed(&h->sched, r->model, &err, now_ns);
    } else {
        r->kv_bytes = r->plan.token_bytes * r->pool_tokens;
        r->stats = (hl_native_stats){.pages_free = r->loaded->shape.kv_pages};
        hl__sched_loaded(&h->sched, r->model, r->loaded->bytes, r->loaded->shape.ctx, now_ns);
    }
    hl__hub_dispatch(h, now_ns);
    pthread_mutex_unlock(&h->lock);
}

static void wait_for_ends(hl__runner *r) {
    pthread_mutex_lock(&r->hub->lock);
    while (r->n_told > 0) hl__wake_wait(&r->wake, &r->hub->lock, UINT64_MAX);
    pthread_mutex_unlock(&r->hub->lock);
}

/* False: the model is no more, and this thread with it. */
static bool do_close(hl__runner *r) {
    hl_hub *h = r->hub;
    HL_ASSERT(r->n_running == 0);
    wait_for_ends(r);
    hl__loaded *loaded = r->loaded;
    if (loaded && loaded->engine)
        hl_log(HL_LOG_INFO, NULL, "msg=\"model unloaded\" model=%s", loaded->name);
    hl__loaded_close(loaded);
    pthread_mutex_lock(&h->lock);
    r->loaded = NULL;
    bool stays = hl__sched_closed(&h->sched, r->model);
    if (!stays) {
        r->model = NULL;
        r->next = h->ended;
        h->ended = r;
        pthread_cond_signal(&h->wake_main);
    }
    hl__hub_dispatch(h, hl_clock_ns());
    pthread_mutex_unlock(&h->lock);
    return stays;
}

/* -- running ----------------------------------------------------------------------------------- */

static void remove_running(hl__runner *r, hl_job *job) {
    hl_job **at = &r->running;
    while (*at != job) at = &(*at)->next;
    *at = job->next;
    job->next = NULL;
    r->n_running--;
}

/* Its end is told after the scheduler has forgotten it: a late cancel finds nothing. */
static void end_job(hl__runner *r, hl_job *job, const hl_event *ev, uint64_t now_ns) {
    hl_hub *h = r->hub;
    pthread_mutex_lock(&h->lock);
    job->in_engine = false;
    hl__sched_over(&h->sched, &job->task, now_ns);
    hl__hub_dispatch(h, now_ns);
    pthread_mutex_unlock(&h->lock);
    hl__job_end(h, job, ev, now_ns);
}

static void submit(hl__runner *r, hl_job *job, uint32_t ctx) {
    hl_hub *h = r->hub;
    hl_event failed = {.kind = HL_EVENT_FAILED};
    hl_status st = hl__job_submit(job, r->loaded, ++r->next_seq, ctx, &failed.error);
    if (st < 0) {
        failed.seq = job->seq;
        end_job(r, job, &failed, hl_clock_ns());
        return;
    }
    job->next = r->running;
    r->running = job;
    r->n_running++;
    pthread_mutex_lock(&h->lock);
    job->in_engine = true;
    if (job->task.cancelled) hl_engine_cancel(r->loaded->engine, job->seq);
    pthread_mutex_unlock(&h->lock);
}

static void submit_all(hl__runner *r, hl__jobs *jobs) {
    for (hl_job *job; (job = hl__jobs_pop(jobs)) != NULL;) submit(r, job, hl__task_ctx(&job->task));
}

static void take_event(hl__runner *r, const hl_event *ev, uint64_t now_ns) {
    hl_job *job = r->running;
    while (job && job->seq != ev->seq) job = job->next;
    HL_ASSERT(job && job->split_ready);
    if (ev->kind != HL_EVENT_FINISHED && ev->kind != HL_EVENT_FAILED) {
        hl__job_event(r->hub, job, ev, now_ns);
        return;
    }
    remove_running(r, job);
    end_job(r, job, ev, now_ns);
}

/* The engine is lost, and all that ran on it; the main thread tells the jobs' ends. */
static void lose_engine(hl__runner *r, const hl_error *why) {
    hl_hub *h = r->hub;
    uint64_t now_ns = hl_clock_ns();
    pthread_mutex_lock(&h->lock);
    while (r->running) {
        r->running->in_engine = false;
        remove_running(r, r->running);
    }
    hl__sched_lost(&h->sched, r->model, why, now_ns);
    while (hl__jobs_pop(&r->to_run)) { /* those, too */
    }
    hl__hub_dispatch(h, now_ns);
    pthread_mutex_unlock(&h->lock);
}

/* Returns when to step again. */
static uint64_t step(hl__runner *r) {
    hl_event events[EVENTS_MAX];
    hl_error err;
    size_t n;
    int fd;
    hl_engine *e = r->loaded->engine;
    hl_status st = hl_engine_step(e, hl_clock_ns(), events, EVENTS_MAX, &n, &err);
    if (st < 0) {
        lose_engine(r, &err);
        return UINT64_MAX;
    }
    uint64_t now_ns = hl_clock_ns();
    for (size_t i = 0; i < n; i++) take_event(r, &events[i], now_ns);
    return st == HL_AGAIN ? hl_engine_wake_at(e, &fd) : 0;
}

/* -- the thread -------------------------------------------------------------------------------- */

static bool do_todo(hl__runner *r, hl__todo todo) {
    switch (todo) {
    case HL__TODO_PLAN: do_plan(r); break;
    case HL__TODO_LOAD: do_load(r); break;
    case HL__TODO_CLOSE: return do_close(r);
    case HL__TODO_NONE: break;
    }
    return true;
}

static bool is_native(const hl__loaded *l) {
    return l && l->engine && strcmp(l->engine->ops->name, "native") == 0;
}

/* With the lock: for those who look. */
static void publish(hl__runner *r) {
    if (!is_native(r->loaded)) return;
    hl_native_stats before = r->stats;
    hl_native_stats_get(r->loaded->engine, &r->stats);
    hl_metrics *m = &r->hub->metrics;
    if (r->stats.preemptions > before.preemptions)
        atomic_fetch_add(&m->preemptions, r->stats.preemptions - before.preemptions);
    if (r->stats.steps > before.steps) atomic_fetch_add(&m->steps, r->stats.steps - before.steps);
}

/* With the lock: until there is something to do, or it is time for a step. */
static void wait_for_work(hl__runner *r, uint64_t step_at_ns) {
    while (r->todo == HL__TODO_NONE && !r->to_run.first && !r->cancelled) {
        if (r->n_running > 0 && step_at_ns <= hl_clock_ns()) break;
        hl__wake_wait(&r->wake, &r->hub->lock, r->n_running > 0 ? step_at_ns : UINT64_MAX);
    }
    r->cancelled = false;
}

void hl__runner_run(void *runner) {
    hl__runner *r = runner;
    uint64_t step_at_ns = UINT64_MAX;
    for (bool stays = true; stays;) {
        pthread_mutex_lock(&r->hub->lock);
        publish(r);
        wait_for_work(r, step_at_ns);
        hl__todo todo = r->todo;
        hl__jobs jobs = r->to_run;
        r->todo = HL__TODO_NONE;
        r->to_run = (hl__jobs){0};
        r->pool_tokens = r->model->pool_tokens;
        pthread_mutex_unlock(&r->hub->lock);
        submit_all(r, &jobs);
        step_at_ns = r->n_running > 0 ? step(r) : UINT64_MAX;
        stays = do_todo(r, todo);
    }
}
