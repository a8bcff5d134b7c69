#include "base/clock.h"
#include "base/log.h"
#include "serve/format.h"
#include "serve/runner.h"

#include <string.h>

enum { NS_PER_S = 1000000000 };

void hl__jobs_push(hl__jobs *l, hl_job *job) {
    job->next = NULL;
    if (l->last)
        l->last->next = job;
    else
        l->first = job;
    l->last = job;
}

hl_job *hl__jobs_pop(hl__jobs *l) {
    hl_job *job = l->first;
    if (!job) return NULL;
    l->first = job->next;
    if (!l->first) l->last = NULL;
    job->next = NULL;
    return job;
}

/* -- prepare ----------------------------------------------------------------------------------- */

hl_status hl__job_prepare(hl_job *job, hl__loaded *l, uint32_t ctx, hl_error *err) {
    hl_prepare_model m = {.package = job->package,
                          .tokenizer = l->tokenizer,
                          .ctx = ctx,
                          .context = job->context,
                          .n_context = job->n_context};
    int64_t now_s = hl_clock_wall_ns() / NS_PER_S;
    HL_ASSERT(!job->has_prepared && l->tokenizer);
    HL_TRY(hl_prepare(&m, &job->req, now_s, &job->prepared, err));
    job->has_prepared = true;
    job->tokenizer = l->tokenizer;
    if (job->prepared.n_dropped > 0)
        hl_log(HL_LOG_INFO, job->req.id, "msg=\"old messages left out\" n=%zu",
               job->prepared.n_dropped);
    return hl__format_compile(l, &job->req, &job->prepared, &job->grammar, err);
}

/* -- run --------------------------------------------------------------------------------------- */

static void tell(void *arg, const hl_event *ev) {
    hl_job *job = arg;
    job->on_event(job->arg, ev);
}

/* The model may be another one than when the job was prepared: the same file, loaded again. */
static hl_status need_grammar_vocab(hl_job *job, hl__loaded *l, hl_error *err) {
    return job->grammar ? hl__loaded_need_vocab(l, err) : HL_OK;
}

hl_status hl__job_submit(hl_job *job, hl__loaded *l, hl_seq_id seq, uint32_t ctx, hl_error *err) {
    hl_request ready = job->req;
    HL_ASSERT(job->has_prepared && !job->split_ready);
    HL_TRY(need_grammar_vocab(job, l, err));
    ready.grammar = job->grammar;
    ready.grammar_vocab = job->grammar ? l->vocab : NULL;
    ready.tokens = job->prepared.tokens.ids;
    ready.n_tokens = job->prepared.tokens.n;
    ready.options.num_ctx = (int32_t)ctx;
    job->seq = seq;
    job->tokenizer = l->tokenizer;
    HL_TRY(hl_engine_submit(l->engine, seq, &ready, hl_clock_ns(), err));
    hl__split_init(&job->split, &job->prepared, l->tokenizer, tell, job);
    job->split_ready = true;
    return HL_OK;
}

static void measure_text(hl_hub *h, hl_job *job, size_t n_tokens, uint64_t now_ns) {
    if (job->said_ns == 0) hl_histogram_add(&h->metrics.first_token, now_ns - job->started_ns);
    for (size_t i = job->said_ns == 0; i < n_tokens; i++)
        hl_histogram_add(&h->metrics.between_tokens,
                         job->said_ns ? (now_ns - job->said_ns) / n_tokens : 0);
    if (n_tokens > 0) job->said_ns = now_ns;
}

void hl__job_event(hl_hub *h, hl_job *job, const hl_event *ev, uint64_t now_ns) {
    if (ev->kind != HL_EVENT_TEXT) {
        tell(job, ev);
        return;
    }
    measure_text(h, job, ev->n_tokens, now_ns);
    hl__split_text(&job->split, ev);
}

/* -- end --------------------------------------------------------------------------------------- */

hl_event hl__job_end_event(const hl_job *job) {
    hl_event ev = {.kind = HL_EVENT_FINISHED, .seq = job->seq};
    switch (job->task.end) {
    case HL__END_DONE: ev.finish = HL_FINISH_STOP; break;
    case HL__END_CANCELLED: ev.finish = HL_FINISH_CANCELLED; break;
    case HL__END_FAILED:
        ev.kind = HL_EVENT_FAILED;
        ev.error = job->task.why;
        break;
    }
    return ev;
}

static void log_end(const hl_job *job, const hl_event *ev) {
    const hl_usage *u = &ev->usage;
    if (ev->kind == HL_EVENT_FAILED) {
        hl_log(HL_LOG_WARN, job->req.id, "msg=\"request failed\" model=%s error=\"%s\"",
               job->package->name, ev->error.text);
        return;
    }
    hl_log(HL_LOG_INFO, job->req.id,
           "msg=\"request %s\" model=%s prompt_tokens=%u cached_tokens=%u tokens=%u load_ns=%llu "
           "prompt_ns=%llu generate_ns=%llu total_ns=%llu",
           ev->finish == HL_FINISH_CANCELLED ? "cancelled" : "finished", job->package->name,
           u->prompt_tokens, u->cached_tokens, u->generated_tokens, (unsigned long long)u->load_ns,
           (unsigned long long)u->prompt_ns, (unsigned long long)u->generate_ns,
           (unsigned long long)u->total_ns);
}

static void count_end(hl_metrics *m, const hl_event *ev) {
    const hl_usage *u = &ev->usage;
    if (ev->kind == HL_EVENT_FAILED)
        atomic_fetch_add(&m->failed, 1);
    else if (ev->finish == HL_FINISH_CANCELLED)
        atomic_fetch_add(&m->cancelled, 1);
    else
        atomic_fetch_add(&m->finished, 1);
    atomic_fetch_add(&m->prompt_tokens, u->prompt_tokens);
    atomic_fetch_add(&m->cached_tokens, u->cached_tokens);
    atomic_fetch_add(&m->generated_tokens, u->generated_tokens);
    if (u->generated_tokens > 0) hl_histogram_add(&m->whole, u->total_ns);
}

/* After the callback the job is its caller's to free: what is ours is taken out before. */
void hl__job_end(hl_hub *h, hl_job *job, const hl_event *end, uint64_t now_ns) {
    HL_ASSERT(job->task.state == HL__TASK_OVER);
    HL_ASSERT(end->kind == HL_EVENT_FINISHED || end->kind == HL_EVENT_FAILED);
    hl_event ev = *end;
    if (job->split_ready) hl__split_finish(&job->split, ev.seq);
    hl_prepared prepared = job->prepared;
    hl__split split = job->split;
    hl_grammar *grammar = job->grammar;
    bool has_prepared = job->has_prepared, split_ready = job->split_ready;
    if (job->task.ready_ns) ev.usage.load_ns = job->task.ready_ns - job->started_ns;
    ev.usage.total_ns = now_ns - job->started_ns;
    log_end(job, &ev);
    count_end(&h->metrics, &ev);
    job->on_event(job->arg, &ev);
    if (split_ready) hl__split_deinit(&split);
    if (has_prepared) hl_prepared_deinit(&prepared);
    hl_grammar_destroy(grammar);
}
