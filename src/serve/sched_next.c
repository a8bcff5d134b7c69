#include "serve/sched.h"

static bool act(hl__action *ret, hl__act kind, hl__resident *m, hl__task *t) {
    *ret = (hl__action){kind, m, t};
    return true;
}

static void take(hl__tasks *from, hl__task *t, hl__tasks *to, hl__task_state state) {
    hl__tasks_remove(from, t);
    t->state = state;
    hl__tasks_insert(to, t);
}

/* -- ends -------------------------------------------------------------------------------------- */

static bool next_end(hl__sched *s, hl__action *ret) {
    hl__task *t = s->ended.first;
    if (!t) return false;
    HL_ASSERT(t->state == HL__TASK_ENDED && !t->model && s->n_tasks > 0);
    hl__tasks_remove(&s->ended, t);
    t->state = HL__TASK_OVER;
    s->n_tasks--;
    return act(ret, HL__ACT_END, NULL, t);
}

/* -- a model ----------------------------------------------------------------------------------- */

static bool next_cancel(hl__resident *m, hl__action *ret) {
    if (m->n_cancels == 0) return false;
    hl__task *t = m->running.first;
    while (t && !(t->cancelled && !t->cancel_sent)) t = t->after;
    HL_ASSERT(t);
    t->cancel_sent = true;
    m->n_cancels--;
    return act(ret, HL__ACT_CANCEL, m, t);
}

static bool next_run(hl__resident *m, hl__action *ret) {
    hl__task *t = m->ready.first;
    if (!t || m->lost || m->running.n >= m->plan.seqs_max) return false;
    take(&m->ready, t, &m->running, HL__TASK_RUNNING);
    return act(ret, HL__ACT_RUN, m, t);
}

bool hl__resident_is_quiet(const hl__resident *m, uint64_t than) {
    if (m->preparing.n > 0 || m->ready.n > 0 || m->running.n > 0) return false;
    return !m->waiting.first ||
           (m->waiting.first->arrival > than && m->waiting.first->arrival > m->owes_to);
}

/* The first task that waits needs more than there is, and nothing is left that needs what is. */
static bool is_to_grow(const hl__resident *m) {
    const hl__task *t = m->waiting.first;
    bool busy = m->preparing.n > 0 || m->ready.n > 0 || m->running.n > 0;
    return t && hl__task_needs(t) > m->ctx && !busy;
}

static bool is_to_close(const hl__sched *s, const hl__resident *m, uint64_t now_ns) {
    if (m->lost) return m->preparing.n == 0 && m->running.n == 0;
    if (hl__resident_tasks(m) > 0) return is_to_grow(m);
    return s->stopping || hl__resident_expires_ns(m) <= now_ns;
}

static bool next_of_model(const hl__sched *s, hl__resident *m, uint64_t now_ns, hl__action *ret) {
    switch (m->state) {
    case HL__MODEL_NEW:
        m->state = HL__MODEL_PLANNING;
        m->threads = m->waiting.first ? m->waiting.first->threads : 0;
        return act(ret, HL__ACT_PLAN, m, NULL);
    case HL__MODEL_READY:
        if (next_cancel(m, ret) || next_run(m, ret)) return true;
        if (!is_to_close(s, m, now_ns)) return false;
        break;
    case HL__MODEL_PLANNED: /* nobody waits any more */
        if (hl__resident_tasks(m) > 0) return false;
        break;
    case HL__MODEL_FAILED: break;
    case HL__MODEL_PLANNING:
    case HL__MODEL_LOADING:
    case HL__MODEL_CLOSING: return false;
    }
    m->state = HL__MODEL_CLOSING;
    return act(ret, HL__ACT_CLOSE, m, NULL);
}

/* -- prepare ----------------------------------------------------------------------------------- */

/* A few more than there are places for in the engine, so that none stays empty. */
static hl__task *next_to_prepare(const hl__sched *s, const hl__resident *m) {
    hl__task *t = m->waiting.first;
    if (m->state != HL__MODEL_READY || m->lost || !t) return NULL;
    uint32_t n_ahead = m->preparing.n + m->ready.n + m->running.n;
    bool in_time = t->arrival <= m->yields_to || t->arrival <= m->owes_to;
    bool may = in_time && hl__task_needs(t) <= m->ctx &&
               n_ahead < m->plan.seqs_max + s->config.prepares_max;
    return may ? t : NULL;
}

static bool next_prepare(hl__sched *s, uint64_t now_ns, hl__action *ret) {
    hl__task *first = NULL;
    if (s->n_preparing >= s->config.prepares_max) return false;
    for (hl__resident *m = s->models; m; m = m->next) {
        hl__task *t = next_to_prepare(s, m);
        if (t && (!first || t->arrival < first->arrival)) first = t;
    }
    if (!first) return false;
    if (first->ready_ns == 0) first->ready_ns = now_ns;
    take(&first->model->waiting, first, &first->model->preparing, HL__TASK_PREPARING);
    s->n_preparing++;
    return act(ret, HL__ACT_PREPARE, first->model, first);
}

/* -- all --------------------------------------------------------------------------------------- */

bool hl__sched_next(hl__sched *s, uint64_t now_ns, hl__action *ret) {
    hl__sched_refuse(s, now_ns);
    if (next_end(s, ret)) return true;
    for (hl__resident *m = s->models; m; m = m->next)
        if (next_of_model(s, m, now_ns, ret)) return true;
    return hl__sched_place(s, now_ns, ret) || next_prepare(s, now_ns, ret);
}

uint64_t hl__sched_wake_at(const hl__sched *s) {
    uint64_t first = UINT64_MAX;
    for (const hl__resident *m = s->models; m; m = m->next) {
        if (m->state != HL__MODEL_READY || hl__resident_tasks(m) > 0) continue;
        uint64_t at = hl__resident_expires_ns(m);
        if (at < first) first = at;
    }
    return first;
}
