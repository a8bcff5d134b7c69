#include "serve/runner.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/duration.h"
#include "serve/client.h"
#include "serve/format.h"

#include <errno.h>

enum { EVENTS_MAX = 64, NS_PER_S = 1000000000 };

uint64_t hl__runner_expires_ns(const hl__runner *r) {
    if (r->leaving) return 0;
    if (r->keep_ns == HL_DURATION_FOREVER) return UINT64_MAX;
    uint64_t at = r->idle_ns + (uint64_t)r->keep_ns;
    return at < r->idle_ns ? UINT64_MAX : at;
}

/* -- the end of a job -------------------------------------------------------------------------- */

static void log_end(const hl__runner *r, const hl_job *job, const hl_event *ev) {
    const hl_usage *u = &ev->usage;
    if (ev->kind == HL_EVENT_FAILED) {
        hl_log(HL_LOG_WARN, job->req.id, "msg=\"request failed\" model=%s error=\"%s\"", r->name,
               ev->error.text);
        return;
    }
    hl_log(HL_LOG_INFO, job->req.id,
           "msg=\"request %s\" model=%s prompt_tokens=%u cached_tokens=%u tokens=%u load_ns=%llu "
           "prompt_ns=%llu generate_ns=%llu total_ns=%llu",
           ev->finish == HL_FINISH_CANCELLED ? "cancelled" : "finished", r->name, u->prompt_tokens,
           u->cached_tokens, u->generated_tokens, (unsigned long long)u->load_ns,
           (unsigned long long)u->prompt_ns, (unsigned long long)u->generate_ns,
           (unsigned long long)u->total_ns);
}

/* After the callback the job is its caller's to free; cancels of it find nothing from here on. */
static void end_job(hl__runner *r, hl_job *job, hl_event *ev) {
    hl_hub *h = r->hub;
    hl_prepared prepared = job->prepared;
    hl__split split = job->split;
    hl_grammar *grammar = job->grammar;
    bool engaged = job->engaged, has_prepared = job->has_prepared;
    uint64_t now_ns = hl_clock_ns();
    if (job->loaded_ns >= job->started_ns) ev->usage.load_ns = job->loaded_ns - job->started_ns;
    ev->usage.total_ns = now_ns - job->started_ns;
    log_end(r, job, ev);
    pthread_mutex_lock(&h->lock);
    HL_ASSERT(job->runner == r && r->n_jobs > 0 && h->n_jobs > 0);
    job->runner = NULL;
    r->n_jobs--;
    h->n_jobs--;
    r->idle_ns = now_ns;
    pthread_mutex_unlock(&h->lock);
    job->on_event(job->arg, ev);
    if (has_prepared) hl_prepared_deinit(&prepared);
    if (engaged) hl__split_deinit(&split);
    hl_grammar_destroy(grammar);
}

static void fail_job(hl__runner *r, hl_job *job, const hl_error *why) {
    hl_event ev = {.kind = HL_EVENT_FAILED, .seq = job->seq, .error = *why};
    HL_ASSERT(why->status < 0);
    end_job(r, job, &ev);
}

static void finish_job(hl__runner *r, hl_job *job, hl_finish how) {
    hl_event ev = {.kind = HL_EVENT_FINISHED, .seq = job->seq, .finish = how};
    end_job(r, job, &ev);
}

/* -- loading ----------------------------------------------------------------------------------- */

static void publish(hl__runner *r, uint64_t bytes, uint32_t ctx) {
    pthread_mutex_lock(&r->hub->lock);
    r->bytes = bytes;
    r->ctx = ctx;
    pthread_mutex_unlock(&r->hub->lock);
}

static void give_up(hl__runner *r) {
    HL_ASSERT(r->n_running == 0);
    hl__loaded_close(r->loaded);
    r->loaded = NULL;
    publish(r, 0, 0);
}

/* A larger context than the engine has needs another engine; anything smaller does not. */
static bool needs_engine(const hl__runner *r, const hl_job *job) {
    if (!r->loaded || !r->loaded->engine) return true;
    int32_t asked = job->req.options.num_ctx;
    uint32_t want = asked > 0 ? (uint32_t)asked : 0, trained = r->loaded->model->ctx_train;
    if (want > trained) want = trained;
    return want > r->loaded->shape.ctx;
}

static hl_status load(hl__runner *r, const hl_job *job, hl_error *err) {
    hl_options o = job->req.options;
    if (o.num_ctx < HL_CTX_DEFAULT) o.set &= ~(1ull << HL_OPT_num_ctx);
    if (!r->loaded) HL_TRY(hl__loaded_open(r->path, r->name, &r->loaded, err));
    r->loaded->seqs_max = r->hub->config.seqs_max;
    return hl__loaded_need_engine(r->loaded, &o, err);
}

static hl_status need_engine(hl__runner *r, const hl_job *job, hl_error *err) {
    if (!needs_engine(r, job)) return HL_OK;
    HL_ASSERT(r->n_running == 0);
    hl_status st = load(r, job, err);
    if (st < 0)
        give_up(r);
    else
        publish(r, r->loaded->bytes, r->loaded->shape.ctx);
    return st;
}

/* -- the start of a job ------------------------------------------------------------------------ */

static void tell(void *arg, const hl_event *ev) {
    hl_job *job = arg;
    job->on_event(job->arg, ev);
}

/* Tokens of an earlier answer before those of the prompt, whose own BOS goes. */
static hl_status put_context(const hl__runner *r, hl_job *job, hl_error *err) {
    hl_tokens all = {0}, *prompt = &job->prepared.tokens;
    if (job->n_context == 0) return HL_OK;
    size_t skip = prompt->n > 1 && prompt->ids[0] == hl_tokenizer_bos(r->loaded->tokenizer);
    hl_status st = HL_OK;
    for (size_t i = 0; i < job->n_context && st >= 0; i++)
        st = hl_tokens_push(&all, job->context[i], err);
    for (size_t i = skip; i < prompt->n && st >= 0; i++)
        st = hl_tokens_push(&all, prompt->ids[i], err);
    if (st < 0) {
        hl_tokens_deinit(&all);
        return st;
    }
    hl_tokens_deinit(prompt);
    *prompt = all;
    return HL_OK;
}

static uint32_t context_of(const hl__runner *r, const hl_job *job) {
    int32_t asked = job->req.options.num_ctx;
    uint32_t ctx = r->loaded->shape.ctx;
    return asked > 0 && (uint32_t)asked < ctx ? (uint32_t)asked : ctx;
}

static hl_status prepare(const hl__runner *r, hl_job *job, hl_error *err) {
    hl__loaded *l = r->loaded;
    hl_prepare_model m = {
        .package = job->package, .tokenizer = l->tokenizer, .ctx = context_of(r, job)};
    HL_TRY(hl_prepare(&m, &job->req, hl_client_now_s(), &job->prepared, err));
    job->has_prepared = true;
    if (job->prepared.n_dropped > 0)
        hl_log(HL_LOG_INFO, job->req.id, "msg=\"old messages left out\" n=%zu",
               job->prepared.n_dropped);
    return put_context(r, job, err);
}

static hl_status engage(hl__runner *r, hl_job *job, hl_error *err) {
    HL_TRY(prepare(r, job, err));
    HL_TRY(hl__format_compile(r->loaded, &job->req, &job->prepared, &job->grammar, err));
    hl_request ready = job->req;
    ready.grammar = job->grammar;
    ready.grammar_vocab = job->grammar ? r->loaded->vocab : NULL;
    ready.tokens = job->prepared.tokens.ids;
    ready.n_tokens = job->prepared.tokens.n;
    ready.options.num_ctx = (int32_t)context_of(r, job);
    job->seq = ++r->next_seq;
    HL_TRY(hl_engine_submit(r->loaded->engine, job->seq, &ready, hl_clock_ns(), err));
    job->tokenizer = r->loaded->tokenizer;
    hl__split_init(&job->split, &job->prepared, r->loaded->tokenizer, tell, job);
    job->engaged = true;
    return HL_OK;
}

static bool is_cancelled(hl__runner *r, const hl_job *job) {
    pthread_mutex_lock(&r->hub->lock);
    bool cancelled = job->cancelled || r->hub->stopping;
    pthread_mutex_unlock(&r->hub->lock);
    return cancelled;
}

static void start_job(hl__runner *r, hl_job *job) {
    hl_error err;
    hl_status st = need_engine(r, job, &err);
    job->loaded_ns = hl_clock_ns();
    if (st >= 0 && job->load_only) {
        finish_job(r, job, HL_FINISH_STOP);
        return;
    }
    if (st >= 0) st = engage(r, job, &err);
    if (st < 0) {
        fail_job(r, job, &err);
        return;
    }
    job->next = r->running;
    r->running = job;
    r->n_running++;
}

/* In order of arrival; one that needs a larger engine holds back those behind it. */
static void start_waiting(hl__runner *r) {
    while (r->waiting) {
        hl_job *job = r->waiting;
        bool cancelled = is_cancelled(r, job);
        bool must_wait = r->n_running > 0 &&
                         (r->n_running >= r->hub->config.seqs_max || needs_engine(r, job));
        if (must_wait && !cancelled) return;
        r->waiting = job->next;
        if (cancelled)
            finish_job(r, job, HL_FINISH_CANCELLED);
        else
            start_job(r, job);
    }
}

/* -- running ----------------------------------------------------------------------------------- */

static void send_cancels(hl__runner *r) {
    for (hl_job *job = r->running; job; job = job->next)
        if (is_cancelled(r, job)) hl_engine_cancel(r->loaded->engine, job->seq);
    for (hl_job **at = &r->waiting; *at;) {
        hl_job *job = *at;
        if (!is_cancelled(r, job)) {
            at = &job->next;
            continue;
        }
        *at = job->next;
        finish_job(r, job, HL_FINISH_CANCELLED);
    }
}

static void take_event(hl__runner *r, const hl_event *ev) {
    hl_job **at = &r->running;
    while (*at && (*at)->seq != ev->seq) at = &(*at)->next;
    hl_job *job = *at;
    HL_ASSERT(job && job->engaged);
    if (ev->kind == HL_EVENT_TEXT) {
        hl__split_text(&job->split, ev);
        return;
    }
    hl__split_finish(&job->split, ev->seq);
    hl_event end = *ev;
    *at = job->next;
    r->n_running--;
    end_job(r, job, &end);
}

/* The engine is lost, and all that ran on it. */
static void fail_running(hl__runner *r, const hl_error *why) {
    while (r->running) {
        hl_job *job = r->running;
        r->running = job->next;
        r->n_running--;
        fail_job(r, job, why);
    }
    give_up(r);
}

static void step(hl__runner *r) {
    hl_event events[EVENTS_MAX];
    hl_error err;
    size_t n;
    hl_status st = hl_engine_step(r->loaded->engine, hl_clock_ns(), events, EVENTS_MAX, &n, &err);
    if (st < 0) {
        fail_running(r, &err);
        return;
    }
    HL_ASSERT(st != HL_AGAIN); /* something runs, and this engine waits for nobody */
    for (size_t i = 0; i < n; i++) take_event(r, &events[i]);
}

/* -- the thread -------------------------------------------------------------------------------- */

/* With the lock. */
static void sleep_until(hl__runner *r, uint64_t at_ns) {
    if (at_ns == UINT64_MAX) {
        pthread_cond_wait(&r->wake, &r->hub->lock);
        return;
    }
    struct timespec at = {.tv_sec = (time_t)(at_ns / NS_PER_S),
                          .tv_nsec = (long)(at_ns % NS_PER_S)};
    pthread_cond_timedwait(&r->wake, &r->hub->lock, &at);
}

static void leave_hub(hl__runner *r) {
    hl__runner **at = &r->hub->runners;
    while (*at != r) at = &(*at)->next;
    *at = r->next;
    r->bytes = 0;
}

/* Moves what was submitted behind what waits.  False: this runner is to end, and nobody finds it
 * any more. */
static bool take_submitted(hl__runner *r) {
    hl_hub *h = r->hub;
    pthread_mutex_lock(&h->lock);
    while (!r->queue && r->n_jobs == 0) {
        uint64_t at_ns = hl__runner_expires_ns(r);
        if (h->stopping || at_ns <= hl_clock_ns()) {
            leave_hub(r);
            pthread_mutex_unlock(&h->lock);
            return false;
        }
        sleep_until(r, at_ns);
    }
    hl_job **end = &r->waiting;
    while (*end) end = &(*end)->next;
    *end = r->queue;
    r->queue = NULL;
    pthread_mutex_unlock(&h->lock);
    return true;
}

void hl__runner_run(void *arg) {
    hl__runner *r = arg;
    while (take_submitted(r)) {
        send_cancels(r);
        start_waiting(r);
        if (r->n_running > 0) step(r);
    }
    HL_ASSERT(!r->waiting && !r->running);
    hl__loaded_close(r->loaded);
    hl_log(HL_LOG_INFO, NULL, "msg=\"model unloaded\" model=%s", r->name);
    pthread_mutex_lock(&r->hub->lock);
    r->next = r->hub->ended;
    r->hub->ended = r;
    r->hub->n_runners--;
    pthread_mutex_unlock(&r->hub->lock);
}
