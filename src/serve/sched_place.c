#include "serve/sched.h"

/* Models that fit as they are pass one that waits for others to go, so many times. */
enum { PASSES_MAX = 4 };

static bool is_there(const hl__resident *m) {
    return m->bytes > 0;
}

typedef struct taken {
    uint64_t bytes;
    uint32_t n_models;
} taken;

static void count_in(taken *sum, const hl__resident *m) {
    sum->bytes += m->bytes;
    sum->n_models += is_there(m);
}

static void count_out(taken *sum, const hl__resident *m) {
    HL_ASSERT(sum->bytes >= m->bytes && sum->n_models >= is_there(m));
    sum->bytes -= m->bytes;
    sum->n_models -= is_there(m);
}

static taken count_taken(const hl__sched *s) {
    taken sum = {0};
    for (const hl__resident *m = s->models; m; m = m->next) count_in(&sum, m);
    return sum;
}

uint64_t hl__sched_bytes(const hl__sched *s) {
    return count_taken(s).bytes;
}

/* -- what a model needs ------------------------------------------------------------------------ */

static uint64_t first_arrival(const hl__resident *m) {
    uint64_t first = UINT64_MAX;
    if (m->waiting.first) first = m->waiting.first->arrival;
    if (m->ready.first && m->ready.first->arrival < first) first = m->ready.first->arrival;
    return first;
}

/* The largest context that is wanted; *ret_asked: by somebody who said so. */
static uint32_t wanted_ctx(const hl__resident *m, bool *ret_asked) {
    uint32_t ctx = hl__plan_ctx(&m->plan, 0);
    const hl__tasks *lists[] = {&m->waiting, &m->ready};
    *ret_asked = false;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (const hl__task *t = lists[i]->first; t; t = t->after) {
            uint32_t needs = hl__task_needs(t);
            if (t->ctx == 0 || needs < ctx) continue;
            ctx = needs;
            *ret_asked = true;
        }
    return ctx;
}

static uint64_t limit_of(const hl__sched *s) {
    return s->limit_bytes ? s->limit_bytes : UINT64_MAX;
}

/* Tokens of the pool that it gets beside what is taken; 0: has no place there. */
static uint32_t pool_beside(const hl__sched *s, const hl__resident *m, taken t) {
    bool asked;
    uint64_t limit = limit_of(s);
    if (t.n_models >= s->config.models_max || t.bytes >= limit) return 0;
    return hl__plan_pool(&m->plan, limit - t.bytes, wanted_ctx(m, &asked));
}

static bool load(hl__resident *m, uint32_t pool_tokens, hl__action *ret) {
    HL_ASSERT(m->state == HL__MODEL_PLANNED && pool_tokens > 0 && m->bytes == 0);
    m->pool_tokens = pool_tokens;
    m->bytes = hl__plan_bytes(&m->plan, pool_tokens);
    m->state = HL__MODEL_LOADING;
    *ret = (hl__action){.kind = HL__ACT_LOAD, .model = m};
    return true;
}

/* -- tasks that ask for too much --------------------------------------------------------------- */

/* More than the model has, and than it could have. */
static bool asks_too_much(const hl__sched *s, const hl__task *t) {
    uint32_t needs = hl__task_needs(t);
    return t->ctx > 0 && needs > t->model->ctx &&
           needs > hl__plan_ctx_max(&t->model->plan, limit_of(s));
}

static void refuse(hl__sched *s, hl__task *t, uint64_t now_ns) {
    hl_error why;
    const hl__resident *m = t->model;
    if (hl__plan_refuse(&m->plan, m->name, limit_of(s), hl__task_needs(t), &why) < 0)
        hl__sched_end(s, t, HL__END_FAILED, &why, now_ns);
}

/* Of a model that is there the first task is enough: those behind it are not touched yet. */
void hl__sched_refuse(hl__sched *s, uint64_t now_ns) {
    for (hl__resident *m = s->models; m; m = m->next) {
        bool all = m->state == HL__MODEL_PLANNED, one = m->state == HL__MODEL_READY;
        for (hl__task *t = all || one ? m->waiting.first : NULL; t;) {
            hl__task *after = t->after;
            bool refused = asks_too_much(s, t);
            if (refused) refuse(s, t, now_ns);
            t = all || refused ? after : NULL;
        }
    }
}

/* -- room -------------------------------------------------------------------------------------- */

static bool close_model(hl__sched *s, hl__resident *m, hl__action *ret) {
    HL_ASSERT(m->state == HL__MODEL_READY && m->running.n == 0 && m->preparing.n == 0);
    m->state = HL__MODEL_CLOSING;
    s->counts.evictions++;
    *ret = (hl__action){.kind = HL__ACT_CLOSE, .model = m};
    return true;
}

static bool goes_before(const hl__resident *a, const hl__resident *b) {
    bool a_idle = hl__resident_tasks(a) == 0, b_idle = hl__resident_tasks(b) == 0;
    return a_idle != b_idle ? a_idle : a->idle_ns < b->idle_ns;
}

/* Of the models that may go for a task that arrived at `than`: an idle one, used longest ago. */
static hl__resident *least_recent(const hl__sched *s, uint64_t than) {
    hl__resident *found = NULL;
    for (hl__resident *m = s->models; m; m = m->next)
        if (m->state == HL__MODEL_READY && hl__resident_is_quiet(m, than) &&
            (!found || goes_before(m, found)))
            found = m;
    return found;
}

/* Busy models whose end makes the room take no more tasks that came after `m`'s. */
static void let_yield(hl__sched *s, const hl__resident *m, taken t) {
    for (hl__resident *v = s->models; v && pool_beside(s, m, t) == 0; v = v->next) {
        if (v->state != HL__MODEL_READY) continue;
        v->yields_to = first_arrival(m);
        count_out(&t, v);
    }
}

/* What it gets when all others are gone; ENOMEM: not even that is enough. */
static hl_status pool_alone(const hl__sched *s, const hl__resident *m, uint32_t *ret,
                            hl_error *err) {
    bool asked;
    uint32_t ctx = wanted_ctx(m, &asked);
    return hl__plan_pool_alone(&m->plan, m->name, limit_of(s), ctx, asked, ret, err);
}

/* For the model that waits longest.  Others go, but for those on their way out or in. */
static bool make_room(hl__sched *s, hl__resident *m, uint32_t pool, hl__action *ret) {
    taken t = count_taken(s);
    if (t.n_models == 0) return load(m, pool, ret);
    for (const hl__resident *v = s->models; v; v = v->next)
        if (v->state == HL__MODEL_CLOSING) count_out(&t, v);
    if (pool_beside(s, m, t) > 0) return false; /* soon */
    hl__resident *v = least_recent(s, first_arrival(m));
    if (v) return close_model(s, v, ret);
    let_yield(s, m, t);
    return false;
}

/* -- who waits --------------------------------------------------------------------------------- */

/* The model whose first task arrived first, behind `than`. */
static hl__resident *next_waiting(const hl__sched *s, uint64_t than) {
    hl__resident *found = NULL;
    for (hl__resident *m = s->models; m; m = m->next)
        if (m->state == HL__MODEL_PLANNED && first_arrival(m) > than &&
            (!found || first_arrival(m) < first_arrival(found)))
            found = m;
    return found;
}

static bool pass(hl__sched *s, hl__resident *first, hl__action *ret) {
    hl__resident *m = first;
    while (first->n_passed < PASSES_MAX && (m = next_waiting(s, first_arrival(m))) != NULL) {
        uint32_t pool = pool_beside(s, m, count_taken(s));
        if (pool == 0) continue;
        first->n_passed++;
        m->owes_to = m->waiting.last ? m->waiting.last->arrival : 0; /* or it came for nothing */
        return load(m, pool, ret);
    }
    return false;
}

bool hl__sched_place(hl__sched *s, uint64_t now_ns, hl__action *ret) {
    for (hl__resident *m = s->models; m; m = m->next) m->yields_to = UINT64_MAX;
    hl__resident *first = next_waiting(s, 0);
    if (!first) return false;
    uint32_t pool = pool_beside(s, first, count_taken(s));
    if (pool > 0) return load(first, pool, ret);
    hl_error why;
    if (pool_alone(s, first, &pool, &why) < 0) { /* nobody goes for nothing */
        hl__sched_load_failed(s, first, &why, now_ns);
        return hl__sched_next(s, now_ns, ret);
    }
    return make_room(s, first, pool, ret) || pass(s, first, ret);
}
