#include "serve/hub.h"

#include "base/clock.h"
#include "base/mem.h"
#include "config/duration.h"
#include "serve/runner.h"

#include <string.h>

enum { QUEUE_MAX = 512, MODELS_MAX = 3, SEQS_UNKNOWN = 256 };

/* -- open, close ------------------------------------------------------------------------------- */

static void set_default(uint32_t *value, uint32_t fallback) {
    if (*value == 0) *value = fallback;
}

static void init_config(hl_hub *h, const hl_hub_config *config) {
    h->config = *config;
    set_default(&h->config.queue_max, QUEUE_MAX);
    set_default(&h->config.models_max, MODELS_MAX);
    uint32_t seqs = h->config.seqs_max;
    hl__sched_config sched = {.queue_max = h->config.queue_max,
                              .models_max = h->config.models_max,
                              .seqs_max = seqs ? seqs : SEQS_UNKNOWN,
                              .prepares_max = HL__IO_THREADS,
                              .keep_ns = config->keep_ns};
    hl__sched_init(&h->sched, &sched);
}

static hl_status start_threads(hl_hub *h, hl_error *err) {
    HL_TRY(hl_thread_start(&h->main, hl__hub_main, h, err));
    while (h->n_io < HL__IO_THREADS) {
        hl_status st = hl_thread_start(&h->io[h->n_io], hl__hub_io, h, err);
        if (st < 0 && h->n_io == 0) return st;
        if (st < 0) break; /* fewer will do */
        h->n_io++;
    }
    return HL_OK;
}

static void join_threads(hl_hub *h) {
    hl_thread_join(&h->main);
    for (uint32_t i = 0; i < h->n_io; i++) hl_thread_join(&h->io[i]);
}

static void free_hub(hl_hub *h) {
    hl__sched_deinit(&h->sched);
    hl_metrics_deinit(&h->metrics);
    pthread_cond_destroy(&h->wake_io);
    pthread_cond_destroy(&h->wake_main);
    pthread_mutex_destroy(&h->lock);
    hl_free(h);
}

hl_status hl_hub_open(const hl_hub_config *config, hl_hub **ret, hl_error *err) {
    hl_hub *h = hl_calloc(1, sizeof *h);
    if (!h) return hl_fail(err, HL_ENOMEM, "hub", "no memory");
    init_config(h, config);
    hl_metrics_init(&h->metrics);
    pthread_mutex_init(&h->lock, NULL);
    hl__wake_init(&h->wake_main);
    hl__wake_init(&h->wake_io);
    hl_status st = start_threads(h, err);
    if (st < 0) {
        free_hub(h);
        return st;
    }
    *ret = h;
    return HL_OK;
}

void hl_hub_stop(hl_hub *h) {
    pthread_mutex_lock(&h->lock);
    uint64_t now_ns = hl_clock_ns();
    hl__sched_stop(&h->sched, now_ns);
    hl__hub_dispatch(h, now_ns);
    pthread_mutex_unlock(&h->lock);
}

void hl_hub_close(hl_hub *h) {
    if (!h) return;
    hl_hub_stop(h);
    pthread_mutex_lock(&h->lock);
    h->closing = true;
    pthread_cond_signal(&h->wake_main);
    pthread_mutex_unlock(&h->lock);
    join_threads(h);
    free_hub(h);
}

bool hl_hub_is_stopping(hl_hub *h) {
    pthread_mutex_lock(&h->lock);
    bool stopping = h->sched.stopping;
    pthread_mutex_unlock(&h->lock);
    return stopping;
}

/* -- jobs -------------------------------------------------------------------------------------- */

static uint32_t positive(int32_t value) {
    return value > 0 ? (uint32_t)value : 0;
}

static void init_job(hl_job *job) {
    const hl_options *o = &job->req.options;
    job->task = (hl__task){.path = job->package->path,
                           .name = job->package->name,
                           .ctx = o->set >> HL_OPT_num_ctx & 1 ? positive(o->num_ctx) : 0,
                           .threads = positive(o->num_thread),
                           .load_only = job->load_only,
                           .prepare_only = job->prepare_only,
                           .set_keep = job->set_keep,
                           .keep_ns = job->keep_ns};
    job->has_prepared = job->split_ready = job->in_engine = false;
    job->seq = 0;
    job->said_ns = 0;
    job->grammar = NULL;
    job->told_for = NULL;
    job->next = NULL;
    job->started_ns = hl_clock_ns();
}

hl_status hl_hub_submit(hl_hub *h, hl_job *job, hl_error *err) {
    HL_ASSERT(job->package && job->req.id && job->on_event);
    pthread_mutex_lock(&h->lock); /* an early cancel looks at the task */
    HL_ASSERT(job->task.state == HL__TASK_OVER);
    init_job(job);
    hl_status st = hl__sched_submit(&h->sched, &job->task, job->started_ns, err);
    if (st >= 0) hl__hub_dispatch(h, job->started_ns);
    pthread_mutex_unlock(&h->lock);
    return st;
}

void hl_hub_cancel(hl_hub *h, hl_job *job) {
    pthread_mutex_lock(&h->lock);
    uint64_t now_ns = hl_clock_ns();
    hl__sched_cancel(&h->sched, &job->task, now_ns);
    hl__hub_dispatch(h, now_ns);
    pthread_mutex_unlock(&h->lock);
}

void hl_hub_unload(hl_hub *h, const char *path) {
    pthread_mutex_lock(&h->lock);
    hl__sched_unload(&h->sched, path);
    hl__hub_dispatch(h, hl_clock_ns());
    pthread_mutex_unlock(&h->lock);
}

/* -- looking ----------------------------------------------------------------------------------- */

static uint64_t left_of(const hl__resident *m, uint64_t now_ns) {
    uint64_t at = hl__resident_expires_ns(m);
    if (m->keep_ns == HL_DURATION_FOREVER) return UINT64_MAX;
    if (hl__resident_tasks(m) > 0) return (uint64_t)m->keep_ns;
    return at > now_ns ? at - now_ns : 0;
}

static void describe(const hl__resident *m, uint64_t now_ns, hl_hub_model *ret) {
    const hl__runner *r = m->driver;
    *ret = (hl_hub_model){.bytes = m->bytes,
                          .ctx = r->ctx_last ? r->ctx_last : hl__plan_ctx(&m->plan, 0),
                          .ctx_max = m->ctx,
                          .left_ns = left_of(m, now_ns),
                          .n_jobs = hl__resident_tasks(m),
                          .n_running = m->running.n,
                          .kv_bytes = r->kv_bytes,
                          .pages_used = r->stats.pages_used,
                          .pages_cached = r->stats.pages_cached,
                          .pages_free = r->stats.pages_free};
    HL_ASSERT(strlen(m->path) < sizeof ret->path && strlen(m->name) < sizeof ret->name);
    memcpy(ret->path, m->path, strlen(m->path) + 1);
    memcpy(ret->name, m->name, strlen(m->name) + 1);
}

static bool is_listed(const hl__resident *m) {
    return m->state == HL__MODEL_READY && !(m->leaving && hl__resident_tasks(m) == 0);
}

size_t hl_hub_list(hl_hub *h, hl_hub_model *ret, size_t cap) {
    size_t n = 0;
    uint64_t now_ns = hl_clock_ns();
    pthread_mutex_lock(&h->lock);
    for (const hl__resident *m = h->sched.models; m && n < cap; m = m->next)
        if (is_listed(m)) describe(m, now_ns, &ret[n++]);
    pthread_mutex_unlock(&h->lock);
    for (size_t i = 1; i < n; i++) {
        hl_hub_model m = ret[i];
        size_t at = i;
        for (; at > 0 && ret[at - 1].left_ns < m.left_ns; at--) ret[at] = ret[at - 1];
        ret[at] = m;
    }
    return n;
}

hl_metrics *hl_hub_metrics(hl_hub *h) {
    return &h->metrics;
}

static void measure(const hl__resident *m, hl_metrics_model *ret) {
    const hl__runner *r = m->driver;
    *ret = (hl_metrics_model){.name = m->name,
                              .n_running = m->running.n,
                              .n_waiting = hl__resident_tasks(m) - m->running.n,
                              .bytes = m->bytes};
    if (!r || m->state != HL__MODEL_READY) return;
    ret->pages_used = r->stats.pages_used;
    ret->pages_cached = r->stats.pages_cached;
    ret->pages_free = r->stats.pages_free;
}

/* Names are the models' own: the text is made with the lock. */
void hl_hub_render_metrics(hl_hub *h, hl_buf *out) {
    enum { SHOWN_MAX = 64 };
    hl_metrics_model models[SHOWN_MAX];
    size_t n = 0;
    pthread_mutex_lock(&h->lock);
    for (const hl__resident *m = h->sched.models; m && n < SHOWN_MAX; m = m->next)
        measure(m, &models[n++]);
    hl_metrics_moment now = {.models = models,
                             .n_models = n,
                             .loads = h->sched.counts.loads,
                             .load_failures = h->sched.counts.load_failures,
                             .evictions = h->sched.counts.evictions,
                             .memory_bytes = h->sched.limit_bytes};
    hl_metrics_render(&h->metrics, &now, out);
    pthread_mutex_unlock(&h->lock);
}
