#include "serve/sched.h"

#include "base/mem.h"
#include "config/duration.h"

#include <string.h>

void hl__sched_init(hl__sched *s, const hl__sched_config *config) {
    HL_ASSERT(config->queue_max > 0 && config->models_max > 0);
    HL_ASSERT(config->seqs_max > 0 && config->prepares_max > 0);
    *s = (hl__sched){.config = *config};
}

void hl__sched_deinit(hl__sched *s) {
    HL_ASSERT(!s->models && s->n_tasks == 0 && s->ended.n == 0);
    *s = (hl__sched){0};
}

/* -- models ------------------------------------------------------------------------------------ */

static hl__resident *find(const hl__sched *s, const char *path) {
    hl__resident *m = s->models;
    while (m && strcmp(m->path, path) != 0) m = m->next;
    return m;
}

static void free_model(hl__resident *m) {
    hl_free(m->path);
    hl_free(m->name);
    hl_free(m);
}

static hl_status add_model(hl__sched *s, const hl__task *t, hl__resident **ret, hl_error *err) {
    hl__resident *m = hl_calloc(1, sizeof *m), **end = &s->models;
    if (m) {
        m->path = hl_strdup(t->path);
        m->name = hl_strdup(t->name);
    }
    if (!m || !m->path || !m->name) {
        if (m) free_model(m);
        return hl_fail(err, HL_ENOMEM, "hub", "no memory for %s", t->name);
    }
    m->keep_ns = s->config.keep_ns;
    m->yields_to = UINT64_MAX;
    while (*end) end = &(*end)->next;
    *end = *ret = m;
    return HL_OK;
}

static void remove_model(hl__sched *s, hl__resident *m) {
    hl__resident **at = &s->models;
    HL_ASSERT(hl__resident_tasks(m) == 0 && m->bytes == 0);
    while (*at != m) at = &(*at)->next;
    *at = m->next;
    free_model(m);
}

uint64_t hl__resident_expires_ns(const hl__resident *m) {
    if (m->leaving) return 0;
    if (m->keep_ns == HL_DURATION_FOREVER) return UINT64_MAX;
    uint64_t at = m->idle_ns + (uint64_t)m->keep_ns;
    return at < m->idle_ns ? UINT64_MAX : at;
}

/* -- tasks ------------------------------------------------------------------------------------- */

static hl__tasks *list_of(hl__sched *s, const hl__task *t) {
    HL_ASSERT(t->state != HL__TASK_OVER); /* it would be in no list */
    switch (t->state) {
    case HL__TASK_WAITING: return &t->model->waiting;
    case HL__TASK_PREPARING: return &t->model->preparing;
    case HL__TASK_READY: return &t->model->ready;
    case HL__TASK_RUNNING: return &t->model->running;
    case HL__TASK_ENDED:
    case HL__TASK_OVER: break;
    }
    return &s->ended;
}

static void move(hl__sched *s, hl__task *t, hl__task_state to) {
    if (t->state != HL__TASK_OVER) hl__tasks_remove(list_of(s, t), t);
    s->n_preparing -= t->state == HL__TASK_PREPARING;
    s->n_preparing += to == HL__TASK_PREPARING;
    t->state = to;
    if (to != HL__TASK_OVER) hl__tasks_insert(list_of(s, t), t);
}

/* Its model may be idle now. */
static void leave_model(hl__task *t, uint64_t now_ns) {
    hl__resident *m = t->model;
    m->n_cancels -= t->cancelled && !t->cancel_sent && t->state == HL__TASK_RUNNING;
    t->model = NULL;
    m->idle_ns = now_ns;
}

void hl__sched_end(hl__sched *s, hl__task *t, hl__task_end how, const hl_error *why,
                   uint64_t now_ns) {
    HL_ASSERT(t->state != HL__TASK_OVER && t->state != HL__TASK_ENDED);
    HL_ASSERT((how == HL__END_FAILED) == (why != NULL));
    hl__tasks_remove(list_of(s, t), t);
    s->n_preparing -= t->state == HL__TASK_PREPARING;
    leave_model(t, now_ns);
    t->state = HL__TASK_ENDED;
    t->end = how;
    if (why) t->why = *why;
    hl__tasks_insert(&s->ended, t);
}

static void fail_all(hl__sched *s, hl__tasks *l, const hl_error *why, uint64_t now_ns) {
    while (l->first) {
        bool cancelled = l->first->cancelled;
        hl__sched_end(s, l->first, cancelled ? HL__END_CANCELLED : HL__END_FAILED,
                      cancelled ? NULL : why, now_ns);
    }
}

uint32_t hl__task_needs(const hl__task *t) {
    return t->prepare_only ? 0 : hl__plan_ctx(&t->model->plan, t->ctx);
}

uint32_t hl__task_ctx(const hl__task *t) {
    uint32_t ctx = hl__plan_ctx(&t->model->plan, t->ctx);
    return ctx < t->model->ctx ? ctx : t->model->ctx;
}

/* -- submit ------------------------------------------------------------------------------------ */

static uint32_t places_of(const hl__sched *s, const hl__resident *m) {
    return m && m->state >= HL__MODEL_PLANNED && m->plan.seqs_max > 0 ? m->plan.seqs_max
                                                                      : s->config.seqs_max;
}

static bool is_full(const hl__sched *s, const hl__resident *at) {
    uint32_t n_beyond = 0;
    if (!at || hl__resident_tasks(at) < places_of(s, at)) return false;
    for (const hl__resident *m = s->models; m; m = m->next) {
        uint32_t n = hl__resident_tasks(m), places = places_of(s, m);
        n_beyond += n > places ? n - places : 0;
    }
    return n_beyond >= s->config.queue_max;
}

static bool is_served(const hl__task *t) {
    const hl__resident *m = t->model;
    return t->load_only && m->state == HL__MODEL_READY && !m->lost && hl__task_needs(t) <= m->ctx;
}

hl_status hl__sched_submit(hl__sched *s, hl__task *t, uint64_t now_ns, hl_error *err) {
    HL_ASSERT(t->state == HL__TASK_OVER && !t->model);
    if (s->stopping) return hl_fail(err, HL_EBUSY, "hub", "the server is shutting down");
    hl__resident *m = find(s, t->path);
    if (is_full(s, m))
        return hl_fail(err, HL_EBUSY, "hub",
                       "server busy, please try again.  maximum pending requests exceeded");
    if (!m) HL_TRY(add_model(s, t, &m, err));
    m->leaving = false;
    if (t->set_keep) m->keep_ns = t->keep_ns;
    t->model = m;
    t->arrival = ++s->n_arrived;
    t->ready_ns = 0;
    t->cancelled = t->cancel_sent = false;
    s->n_tasks++;
    move(s, t, HL__TASK_WAITING);
    if (is_served(t)) {
        t->ready_ns = now_ns;
        hl__sched_end(s, t, HL__END_DONE, NULL, now_ns);
    }
    return HL_OK;
}

/* -- cancel ------------------------------------------------------------------------------------ */

void hl__sched_cancel(hl__sched *s, hl__task *t, uint64_t now_ns) {
    if (t->state == HL__TASK_OVER || t->state == HL__TASK_ENDED || t->cancelled) return;
    t->cancelled = true;
    if (t->state == HL__TASK_RUNNING)
        t->model->n_cancels++;
    else if (t->state != HL__TASK_PREPARING) /* or its memory is in use; its end is near */
        hl__sched_end(s, t, HL__END_CANCELLED, NULL, now_ns);
}

void hl__sched_unload(hl__sched *s, const char *path) {
    hl__resident *m = find(s, path);
    if (m) m->leaving = true;
}

static void cancel_all(hl__sched *s, hl__tasks *l, uint64_t now_ns) {
    for (hl__task *t = l->first; t;) {
        hl__task *after = t->after;
        hl__sched_cancel(s, t, now_ns);
        t = after;
    }
}

void hl__sched_stop(hl__sched *s, uint64_t now_ns) {
    s->stopping = true;
    for (hl__resident *m = s->models; m; m = m->next) {
        cancel_all(s, &m->waiting, now_ns);
        cancel_all(s, &m->preparing, now_ns);
        cancel_all(s, &m->ready, now_ns);
        cancel_all(s, &m->running, now_ns);
    }
}

/* -- what the driver reports ------------------------------------------------------------------- */

void hl__sched_planned(hl__sched *s, hl__resident *m, const hl__plan *plan, uint64_t limit_bytes) {
    HL_ASSERT(m->state == HL__MODEL_PLANNING);
    HL_ASSERT(plan->token_bytes > 0 && plan->seqs_max > 0);
    m->plan = *plan;
    m->n_passed = 0;
    m->state = HL__MODEL_PLANNED;
    s->limit_bytes = limit_bytes;
}

void hl__sched_loaded(hl__sched *s, hl__resident *m, uint64_t bytes, uint32_t ctx,
                      uint64_t now_ns) {
    HL_ASSERT(m->state == HL__MODEL_LOADING && bytes > 0 && ctx > 0);
    m->state = HL__MODEL_READY;
    m->bytes = bytes;
    m->ctx = ctx;
    m->lost = false;
    m->idle_ns = now_ns;
    s->counts.loads++;
    for (hl__task *t = m->waiting.first; t;) {
        hl__task *after = t->after;
        t->ready_ns = now_ns;
        if (is_served(t)) hl__sched_end(s, t, HL__END_DONE, NULL, now_ns);
        t = after;
    }
}

void hl__sched_load_failed(hl__sched *s, hl__resident *m, const hl_error *why, uint64_t now_ns) {
    HL_ASSERT(m->state >= HL__MODEL_PLANNING && m->state <= HL__MODEL_LOADING);
    HL_ASSERT(m->preparing.n == 0 && m->running.n == 0 && why->status < 0);
    fail_all(s, &m->waiting, why, now_ns);
    fail_all(s, &m->ready, why, now_ns);
    m->state = HL__MODEL_FAILED;
    s->counts.load_failures++;
}

bool hl__sched_closed(hl__sched *s, hl__resident *m) {
    HL_ASSERT(m->state == HL__MODEL_CLOSING && m->preparing.n == 0 && m->running.n == 0);
    m->bytes = 0;
    m->ctx = 0;
    m->state = HL__MODEL_NEW;
    if (hl__resident_tasks(m) > 0) return true;
    remove_model(s, m);
    return false;
}

void hl__sched_prepared(hl__sched *s, hl__task *t, const hl_error *why, uint64_t now_ns) {
    HL_ASSERT(t->state == HL__TASK_PREPARING && t->model->state == HL__MODEL_READY);
    if (t->cancelled)
        hl__sched_end(s, t, HL__END_CANCELLED, NULL, now_ns);
    else if (why)
        hl__sched_end(s, t, HL__END_FAILED, why, now_ns);
    else if (t->prepare_only)
        hl__sched_end(s, t, HL__END_DONE, NULL, now_ns);
    else
        move(s, t, HL__TASK_READY);
}

void hl__sched_over(hl__sched *s, hl__task *t, uint64_t now_ns) {
    HL_ASSERT(t->state == HL__TASK_RUNNING && s->n_tasks > 0);
    hl__tasks_remove(&t->model->running, t);
    leave_model(t, now_ns);
    t->state = HL__TASK_OVER;
    s->n_tasks--;
}

void hl__sched_lost(hl__sched *s, hl__resident *m, const hl_error *why, uint64_t now_ns) {
    HL_ASSERT(m->state == HL__MODEL_READY && why->status < 0);
    m->lost = true;
    fail_all(s, &m->running, why, now_ns);
}
