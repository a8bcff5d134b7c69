#include "serve/hub.h"

#include "base/clock.h"
#include "base/mem.h"
#include "config/duration.h"
#include "serve/runner.h"

enum { SEQS_MAX = 32, QUEUE_MAX = 512, MODELS_MAX = 3, JOIN_POLL_NS = 1000000 };

static void set_default(uint32_t *value, uint32_t fallback) {
    if (*value == 0) *value = fallback;
}

hl_status hl_hub_open(const hl_hub_config *config, hl_hub **ret, hl_error *err) {
    hl_hub *h = hl_calloc(1, sizeof *h);
    if (!h) return hl_fail(err, HL_ENOMEM, "hub", "no memory");
    h->config = *config;
    set_default(&h->config.seqs_max, SEQS_MAX);
    set_default(&h->config.queue_max, QUEUE_MAX);
    set_default(&h->config.models_max, MODELS_MAX);
    pthread_mutex_init(&h->lock, NULL);
    *ret = h;
    return HL_OK;
}

/* With the lock: threads that have nothing left to do but return. */
static void join_ended(hl_hub *h) {
    while (h->ended) {
        hl__runner *r = h->ended;
        h->ended = r->next;
        hl_thread_join(&r->thread);
        pthread_cond_destroy(&r->wake);
        hl_free(r);
    }
}

/* -- runners ----------------------------------------------------------------------------------- */

static hl__runner *find(hl_hub *h, const char *path) {
    for (hl__runner *r = h->runners; r; r = r->next)
        if (strcmp(r->path, path) == 0) return r;
    return NULL;
}

/* Of those with nothing to do, the one that was used longest ago. */
static hl__runner *least_recent(hl_hub *h) {
    hl__runner *found = NULL;
    for (hl__runner *r = h->runners; r; r = r->next)
        if (r->n_jobs == 0 && !r->leaving && (!found || r->idle_ns < found->idle_ns)) found = r;
    return found;
}

static uint32_t n_staying(const hl_hub *h) {
    uint32_t n = 0;
    for (const hl__runner *r = h->runners; r; r = r->next) n += !r->leaving;
    return n;
}

static hl_status make_place(hl_hub *h, hl_error *err) {
    if (n_staying(h) < h->config.models_max) return HL_OK;
    hl__runner *r = least_recent(h);
    if (!r)
        return hl_fail(err, HL_EBUSY, "hub", "server busy: %u models are loaded and in use",
                       h->n_runners);
    r->leaving = true;
    pthread_cond_signal(&r->wake);
    return HL_OK;
}

static void init_wake(pthread_cond_t *c) {
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(c, &attr);
    pthread_condattr_destroy(&attr);
}

static hl_status start_runner(hl_hub *h, const hl_job *job, hl__runner **ret, hl_error *err) {
    HL_TRY(make_place(h, err));
    hl__runner *r = hl_calloc(1, sizeof *r);
    if (!r) return hl_fail(err, HL_ENOMEM, "hub", "no memory for %s", job->package->name);
    HL_ASSERT(strlen(job->package->path) < sizeof r->path && strlen(job->package->name) < sizeof r->name);
    memcpy(r->path, job->package->path, strlen(job->package->path) + 1);
    memcpy(r->name, job->package->name, strlen(job->package->name) + 1);
    r->hub = h;
    r->keep_ns = h->config.keep_ns;
    r->idle_ns = hl_clock_ns();
    init_wake(&r->wake);
    hl_status st = hl_thread_start(&r->thread, hl__runner_run, r, err);
    if (st < 0) {
        pthread_cond_destroy(&r->wake);
        hl_free(r);
        return st;
    }
    r->next = h->runners;
    h->runners = r;
    h->n_runners++;
    *ret = r;
    return HL_OK;
}

/* -- jobs -------------------------------------------------------------------------------------- */

static void append(hl_job **list, hl_job *job) {
    while (*list) list = &(*list)->next;
    job->next = NULL;
    *list = job;
}

static hl_status submit(hl_hub *h, hl_job *job, hl_error *err) {
    if (h->stopping) return hl_fail(err, HL_EBUSY, "hub", "the server is shutting down");
    if (h->n_jobs >= h->config.queue_max)
        return hl_fail(err, HL_EBUSY, "hub",
                       "server busy, please try again.  maximum pending requests exceeded");
    hl__runner *r = find(h, job->package->path);
    if (!r) HL_TRY(start_runner(h, job, &r, err));
    r->leaving = false;
    if (job->set_keep) r->keep_ns = job->keep_ns;
    job->runner = r;
    append(&r->queue, job);
    r->n_jobs++;
    h->n_jobs++;
    pthread_cond_signal(&r->wake);
    return HL_OK;
}

hl_status hl_hub_submit(hl_hub *h, hl_job *job, hl_error *err) {
    HL_ASSERT(job->package && job->req.id && job->on_event && !job->runner);
    job->cancelled = job->engaged = job->has_prepared = false;
    job->grammar = NULL;
    job->started_ns = hl_clock_ns();
    pthread_mutex_lock(&h->lock);
    join_ended(h);
    hl_status st = submit(h, job, err);
    pthread_mutex_unlock(&h->lock);
    return st;
}

void hl_hub_cancel(hl_hub *h, hl_job *job) {
    pthread_mutex_lock(&h->lock);
    if (job->runner && !job->cancelled) {
        job->cancelled = true;
        pthread_cond_signal(&job->runner->wake);
    }
    pthread_mutex_unlock(&h->lock);
}

void hl_hub_unload(hl_hub *h, const char *path) {
    pthread_mutex_lock(&h->lock);
    hl__runner *r = find(h, path);
    if (r) {
        r->leaving = true;
        pthread_cond_signal(&r->wake);
    }
    pthread_mutex_unlock(&h->lock);
}

void hl_hub_stop(hl_hub *h) {
    pthread_mutex_lock(&h->lock);
    h->stopping = true;
    for (hl__runner *r = h->runners; r; r = r->next) pthread_cond_signal(&r->wake);
    pthread_mutex_unlock(&h->lock);
}

void hl_hub_close(hl_hub *h) {
    if (!h) return;
    hl_hub_stop(h);
    pthread_mutex_lock(&h->lock);
    while (h->n_runners > 0) {
        pthread_mutex_unlock(&h->lock);
        hl_clock_sleep_ns(JOIN_POLL_NS);
        pthread_mutex_lock(&h->lock);
    }
    join_ended(h);
    HL_ASSERT(h->n_jobs == 0);
    pthread_mutex_unlock(&h->lock);
    pthread_mutex_destroy(&h->lock);
    hl_free(h);
}

/* -- looking ----------------------------------------------------------------------------------- */

static void describe(const hl__runner *r, uint64_t now_ns, hl_hub_model *ret) {
    uint64_t at = hl__runner_expires_ns(r);
    *ret = (hl_hub_model){.bytes = r->bytes, .ctx = r->ctx, .n_jobs = r->n_jobs};
    memcpy(ret->path, r->path, sizeof ret->path);
    memcpy(ret->name, r->name, sizeof ret->name);
    if (r->keep_ns == HL_DURATION_FOREVER)
        ret->left_ns = UINT64_MAX;
    else if (r->n_jobs > 0)
        ret->left_ns = (uint64_t)r->keep_ns;
    else
        ret->left_ns = at > now_ns ? at - now_ns : 0;
}

size_t hl_hub_list(hl_hub *h, hl_hub_model *ret, size_t cap) {
    size_t n = 0;
    uint64_t now_ns = hl_clock_ns();
    pthread_mutex_lock(&h->lock);
    for (const hl__runner *r = h->runners; r && n < cap; r = r->next)
        if (r->bytes > 0 && !(r->leaving && r->n_jobs == 0)) describe(r, now_ns, &ret[n++]);
    pthread_mutex_unlock(&h->lock);
    for (size_t i = 1; i < n; i++) {
        hl_hub_model m = ret[i];
        size_t at = i;
        for (; at > 0 && ret[at - 1].left_ns < m.left_ns; at--) ret[at] = ret[at - 1];
        ret[at] = m;
    }
    return n;
}
