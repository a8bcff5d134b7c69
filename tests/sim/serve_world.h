/* The world of the serve simulation: jobs, models and the hub's threads on one thread, all from a
 * seed.  The scheduler (serve/sched.h) and the engines (engine/native with its batch and KV pages,
 * on the scripted backend) are the real ones; a thread is what it may do next.
 *
 * Time goes in rounds: in each, clients come and go, what was begun gets on, awake engines mostly
 * step.  Whatever is begun ends within ROUNDS_OF_WORK rounds. */
#pragma once

#include "base/mem.h"
#include "base/rng.h"
#include "config/duration.h"
#include "engine/native/native.h"
#include "sim/scripted.h"
#include "sim/serve_faults.h"

#include <stdarg.h>
#include <stdio.h>

enum {
    JOBS_MAX = 48,
    MODELS_N = 4,
    PROMPT_MAX = 100,
    PREDICT_MAX = 28,
    CTX_DEFAULT_SIM = 128,
    CTX_TRAINED_SIM = 512,
    ROUNDS_OF_WORK = 12,
    ROUNDS_MAX = 6000,       /* of a seed */
    ROUNDS_OF_WAITING = 1500 /* for memory, from the first job that waits for the model */
};

static const uint64_t PAGE_BYTES_SIM = 32 * 100, FIXED_BYTES_SIM = 10000;

/* -- what there is ----------------------------------------------------------------------------- */

typedef struct sim_job {
    hl__task task; /* first */
    uint32_t model;
    uint32_t prompt[PROMPT_MAX], n_prompt;
    uint32_t ctx, n_predict;
    hl_seq_id seq;
    bool submitted, in_engine, may_fail;
    bool asked_too_much;
    uint32_t n_ends, n_tokens;
    uint32_t tokens[PREDICT_MAX + 1];
    hl_event_kind end;
    hl_finish finish;
    uint32_t steps_since_cancel; /* of its engine, while it runs */
    struct sim_job *next;        /* to_run */
} sim_job;

typedef enum sim_op { OP_NONE, OP_PLAN, OP_LOAD, OP_CLOSE } sim_op;

/* A model's thread. */
typedef struct sim_runner {
    uint32_t model;
    hl__resident *resident;
    sim_op op;
    uint32_t rounds_left;
    hl_engine *engine;
    sim_job *to_run, *running[JOBS_MAX];
    uint32_t n_running;
    bool awake;
    uint32_t rounds_planned; /* waiting for memory */
} sim_runner;

typedef struct sim_prepare {
    sim_job *job;
    uint32_t rounds_left;
} sim_prepare;

typedef struct world {
    uint64_t seed;
    hl_rng rng;
    uint64_t now_ns;
    uint32_t round;
    const hl_model *model;
    const hl_tokenizer *tokenizer;
    hl__sched sched;
    uint64_t limit_bytes;
    uint32_t seqs_max[MODELS_N];
    uint64_t fixed_bytes[MODELS_N];
    sim_runner runners[MODELS_N];
    bool has_runner[MODELS_N];
    sim_prepare prepares[JOBS_MAX];
    uint32_t n_prepares;
    sim_job jobs[JOBS_MAX];
    uint32_t n_jobs, n_submitted, n_over;
    hl_seq_id next_seq;
    bool stops, stopped;
    uint64_t preemptions;
    uint32_t longest_wait;
    char wrong[256]; /* empty: nothing */
} world;

static inline uint32_t below(world *w, uint32_t n) {
    return (uint32_t)hl_rng_below(&w->rng, n);
}

static inline bool one_in(world *w, uint32_t n) {
    return below(w, n) == 0;
}

/* Notes the first thing that is wrong; the seed then ends. */
__attribute__((format(printf, 2, 3))) static inline void wrong(world *w, const char *fmt, ...) {
    va_list args;
    if (w->wrong[0]) return;
    int n = snprintf(w->wrong, sizeof w->wrong, "round %u: ", w->round);
    va_start(args, fmt);
    vsnprintf(w->wrong + n, sizeof w->wrong - (size_t)n, fmt, args);
    va_end(args);
}

static inline bool is_over(const sim_job *j) {
    return j->n_ends > 0;
}

/* -- what a job must say ----------------------------------------------------------------------- */

static inline uint64_t thought_after(uint64_t h, uint32_t token) {
    h = (h ^ token) * 0x9E3779B97F4A7C15ull;
    return h ^ h >> 32;
}

/* The likeliest token: the logits are those of scripted_logits, equal ones included. */
static inline uint32_t likeliest(uint64_t thought) {
    uint32_t best = 0;
    float best_logit = 0;
    for (uint32_t i = 0; i < SCRIPTED_VOCAB; i++) {
        float logit = (float)(scripted_mix(thought + i) >> 40) * 0x1p-24f * 12 - 6;
        if (i > 0 && logit <= best_logit) continue;
        best = i;
        best_logit = logit;
    }
    return best;
}

/* Its tokens are the model's, each once and in order; all of them when it was not disturbed. */
static inline void check_tokens(world *w, const sim_job *j) {
    uint64_t thought = 1;
    bool ended = false;
    uint32_t n = 0;
    for (uint32_t i = 0; i < j->n_prompt; i++) thought = thought_after(thought, j->prompt[i]);
    for (; n < j->n_tokens && !ended; n++) {
        uint32_t token = likeliest(thought);
        ended = token == SCRIPTED_END;
        if (ended || token != j->tokens[n])
            wrong(w, "token %u of job %llu is %u, not %u", n, (unsigned long long)j->seq,
                  j->tokens[n], token);
        thought = thought_after(thought, token);
    }
    bool whole = j->end == HL_EVENT_FINISHED && j->finish != HL_FINISH_CANCELLED;
    if (!whole || j->task.load_only || j->task.prepare_only) return;
    if (j->finish == HL_FINISH_STOP && likeliest(thought) != SCRIPTED_END)
        wrong(w, "job %llu stopped early", (unsigned long long)j->seq);
    if (j->finish == HL_FINISH_LENGTH && j->n_tokens != j->n_predict)
        wrong(w, "job %llu has %u of %u tokens", (unsigned long long)j->seq, j->n_tokens,
              j->n_predict);
}

/* Alone, with one context. */
static inline bool can_fit(const world *w, uint32_t model) {
    uint64_t context_bytes = CTX_DEFAULT_SIM / HL_KV_PAGE_TOKENS * PAGE_BYTES_SIM;
    return w->fixed_bytes[model] + context_bytes <= w->limit_bytes;
}

static inline void end_of(world *w, sim_job *j, hl_event_kind kind, hl_finish finish) {
    j->end = kind;
    j->finish = finish;
    if (j->n_ends++ > 0) {
        wrong(w, "a second terminal event");
        return;
    }
    w->n_over++;
    if (j->task.state != HL__TASK_OVER) wrong(w, "ended while the scheduler knows it");
    bool may_fail = j->may_fail || j->asked_too_much || !can_fit(w, j->model);
    if (kind == HL_EVENT_FAILED && !may_fail)
        wrong(w, "failed without a reason: %s", j->task.why.text);
    if (finish == HL_FINISH_CANCELLED && kind == HL_EVENT_FINISHED && !j->task.cancelled)
        wrong(w, "cancelled, and nobody asked for it");
    check_tokens(w, j);
}

/* -- the engine of a model --------------------------------------------------------------------- */

static inline void note_failure(world *w, uint32_t model) {
    for (uint32_t i = 0; i < w->n_jobs; i++)
        if (w->jobs[i].model == model && w->jobs[i].submitted && !is_over(&w->jobs[i]))
            w->jobs[i].may_fail = true;
}

static inline bool open_engine(world *w, sim_runner *r) {
    const hl__resident *m = r->resident;
    uint32_t n_pages = (m->pool_tokens + HL_KV_PAGE_TOKENS - 1) / HL_KV_PAGE_TOKENS;
    uint64_t tokens = (uint64_t)n_pages * HL_KV_PAGE_TOKENS;
    hl_native_config config = {.backend = &hl_backend_scripted,
                               .seqs_max = m->plan.seqs_max,
                               .ctx_max = tokens < CTX_TRAINED_SIM ? (uint32_t)tokens
                                                                   : CTX_TRAINED_SIM,
                               .kv_pages = n_pages,
                               .step_rows_max = 16 + below(w, 64),
                               .threads = 1,
                               .seed = w->seed};
    if (hl_native_create(w->model, w->tokenizer, &config, &r->engine, NULL) < 0) return false;
    scripted *b = *scripted_last();
    if (one_in(w, 12)) b->fails_at = 1 + below(w, 60);
    if (one_in(w, 12)) b->nan_at = 1 + below(w, 60);
    return true;
}

static inline hl_native_stats stats_of(const sim_runner *r) {
    hl_native_stats s;
    hl_native_stats_get(r->engine, &s);
    return s;
}

static inline void check_pages(world *w, const sim_runner *r) {
    hl_native_stats s = stats_of(r);
    if (s.seqs_live != r->n_running) wrong(w, "%u live, %u running", s.seqs_live, r->n_running);
    if (s.seqs_live == 0 && (s.pages_used > 0 || s.page_refs > 0))
        wrong(w, "%u pages used by nobody", s.pages_used);
    if (s.pages_used > s.page_refs) wrong(w, "%u pages, %u references", s.pages_used, s.page_refs);
}

static inline void close_engine(world *w, sim_runner *r) {
    if (!r->engine) return;
    w->preemptions += stats_of(r).preemptions;
    hl_engine_destroy(r->engine);
    r->engine = NULL;
}

/* -- handing out ------------------------------------------------------------------------------- */

static inline sim_runner *runner_of(world *w, hl__resident *m) {
    sim_runner *r = m->driver;
    if (r) return r;
    uint32_t i = (uint32_t)(m->path[0] - 'a');
    HL_ASSERT(i < MODELS_N);
    r = &w->runners[i];
    if (w->has_runner[i]) wrong(w, "a second thread for a model");
    *r = (sim_runner){.model = i, .resident = m};
    w->has_runner[i] = true;
    m->driver = r;
    return r;
}

static inline void begin_op(world *w, hl__resident *m, sim_op op) {
    sim_runner *r = runner_of(w, m);
    if (r->op != OP_NONE) wrong(w, "two things at once for a model");
    if (op == OP_CLOSE) {
        if (r->n_running > 0 || r->to_run) wrong(w, "a busy model goes");
        for (uint32_t i = 0; i < w->n_prepares; i++)
            if (w->prepares[i].job->model == r->model) wrong(w, "a model goes that prepares");
    }
    r->op = op;
    r->rounds_left = 1 + below(w, ROUNDS_OF_WORK);
}

static inline void check_order(world *w, const sim_job *j) {
    for (uint32_t i = 0; i < w->n_jobs; i++) {
        const sim_job *other = &w->jobs[i];
        hl__task_state s = other->task.state;
        if (other->submitted && other->model == j->model && !other->task.load_only &&
            (s == HL__TASK_WAITING || s == HL__TASK_READY) && other->task.arrival < j->task.arrival)
            wrong(w, "a later job runs first");
    }
}

static inline void give_run(world *w, sim_runner *r, sim_job *j) {
    sim_job **at = &r->to_run;
    check_order(w, j);
    while (*at) at = &(*at)->next;
    *at = j;
    j->next = NULL;
    if (!fault_now(FAULT_LOST_WAKE_UP)) r->awake = true;
}

static inline void give(world *w, const hl__action *a) {
    sim_job *j = (sim_job *)a->task;
    switch (a->kind) {
    case HL__ACT_PLAN: begin_op(w, a->model, OP_PLAN); break;
    case HL__ACT_LOAD: begin_op(w, a->model, OP_LOAD); break;
    case HL__ACT_CLOSE: begin_op(w, a->model, OP_CLOSE); break;
    case HL__ACT_RUN: give_run(w, a->model->driver, j); break;
    case HL__ACT_PREPARE:
        w->prepares[w->n_prepares++] = (sim_prepare){.job = j,
                                                     .rounds_left = 1 + below(w, ROUNDS_OF_WORK)};
        break;
    case HL__ACT_CANCEL: {
        sim_runner *r = a->model->driver;
        if (j->in_engine) hl_engine_cancel(r->engine, j->seq);
        r->awake = true;
        break;
    }
    case HL__ACT_END:
        end_of(w, j, j->task.end == HL__END_FAILED ? HL_EVENT_FAILED : HL_EVENT_FINISHED,
               j->task.end == HL__END_CANCELLED ? HL_FINISH_CANCELLED : HL_FINISH_STOP);
        break;
    }
}

static inline void dispatch(world *w) {
    hl__action a;
    while (!w->wrong[0] && hl__sched_next(&w->sched, w->now_ns, &a)) give(w, &a);
}

/* -- a model's thread -------------------------------------------------------------------------- */

static inline void job_over(world *w, sim_runner *r, sim_job *j, const hl_event *ev) {
    uint32_t at = 0;
    while (r->running[at] != j) at++;
    r->running[at] = r->running[--r->n_running];
    j->in_engine = false;
    if (ev->kind == HL_EVENT_FAILED) j->may_fail = true; /* as the backend was told */
    if (fault_now(FAULT_SECOND_END))
        hl__sched_end(&w->sched, &j->task, HL__END_CANCELLED, NULL, w->now_ns);
    else
        hl__sched_over(&w->sched, &j->task, w->now_ns);
    end_of(w, j, ev->kind, ev->finish);
    dispatch(w);
}

static inline void submit_to_engine(world *w, sim_runner *r, sim_job *j) {
    hl_error err;
    hl_request req = {.id = "s", .tokens = j->prompt, .n_tokens = j->n_prompt, .no_shift = true};
    hl_options_init(&req.options);
    req.options.temperature = 0;
    req.options.repeat_penalty = 1;
    req.options.num_predict = (int32_t)j->n_predict;
    req.options.num_ctx = (int32_t)hl__task_ctx(&j->task);
    req.options.num_batch = 8;
    j->seq = ++w->next_seq;
    r->running[r->n_running++] = j;
    if (hl_engine_submit(r->engine, j->seq, &req, w->now_ns, &err) < 0) {
        wrong(w, "the engine does not take a job: %s", err.text);
        return;
    }
    j->in_engine = true;
    j->steps_since_cancel = 0;
    if (j->task.cancelled) hl_engine_cancel(r->engine, j->seq);
}

static inline void take_event(world *w, sim_runner *r, const hl_event *ev) {
    sim_job *j = NULL;
    for (uint32_t i = 0; i < r->n_running; i++)
        if (r->running[i]->seq == ev->seq) j = r->running[i];
    if (!j) {
        wrong(w, "an event of nobody");
        return;
    }
    if (ev->kind != HL_EVENT_TEXT) {
        job_over(w, r, j, ev);
        return;
    }
    for (size_t i = 0; i < ev->n_tokens; i++) {
        if (j->n_tokens > PREDICT_MAX)
            wrong(w, "more tokens than were asked for");
        else
            j->tokens[j->n_tokens++] = ev->tokens[i];
    }
}

static inline void lose_engine(world *w, sim_runner *r, const hl_error *why) {
    note_failure(w, r->model);
    for (uint32_t i = 0; i < r->n_running; i++) r->running[i]->in_engine = false;
    r->n_running = 0;
    r->to_run = NULL;
    hl__sched_lost(&w->sched, r->resident, why, w->now_ns);
    dispatch(w);
}

/* "Pages and place are back within two steps of a cancel." */
static inline void check_cancels(world *w, sim_runner *r) {
    for (uint32_t i = 0; i < r->n_running; i++) {
        sim_job *j = r->running[i];
        if (j->task.cancelled && j->steps_since_cancel++ >= 2)
            wrong(w, "still there two steps after its cancel");
    }
}

static inline void step_engine(world *w, sim_runner *r) {
    hl_event events[64];
    hl_error err;
    size_t n;
    hl_status st = hl_engine_step(r->engine, w->now_ns, events, 64, &n, &err);
    if (st < 0) {
        lose_engine(w, r, &err);
        return;
    }
    for (size_t i = 0; i < n && !w->wrong[0]; i++) {
        take_event(w, r, &events[i]);
        if (events[i].kind == HL_EVENT_TEXT && events[i].n_tokens > 0 &&
            fault_now(FAULT_TOKEN_TWICE))
            take_event(w, r, &events[i]);
    }
    check_cancels(w, r);
    check_pages(w, r);
}

static inline void run_engine(world *w, sim_runner *r) {
    while (r->to_run) {
        sim_job *j = r->to_run;
        r->to_run = j->next;
        submit_to_engine(w, r, j);
    }
    if (r->n_running > 0 && !w->wrong[0]) step_engine(w, r);
    if (r->n_running == 0 && !r->to_run) r->awake = false;
}

/* -- what was begun ends ----------------------------------------------------------------------- */

static inline hl_error told_to_fail(void) {
    hl_error err;
    (void)hl_fail(&err, HL_EIO, "sim", "the seed says so");
    return err;
}

static inline void end_plan(world *w, sim_runner *r) {
    hl__plan plan = {.weight_bytes = FIXED_BYTES_SIM / 2,
                     .fixed_bytes = w->fixed_bytes[r->model],
                     .token_bytes = PAGE_BYTES_SIM / HL_KV_PAGE_TOKENS,
                     .ctx_train = CTX_TRAINED_SIM,
                     .ctx_default = CTX_DEFAULT_SIM,
                     .seqs_max = w->seqs_max[r->model],
                     .pool_percent = 50};
    if (one_in(w, 30)) {
        hl_error err = told_to_fail();
        note_failure(w, r->model);
        hl__sched_load_failed(&w->sched, r->resident, &err, w->now_ns);
    } else {
        hl__sched_planned(&w->sched, r->resident, &plan, w->limit_bytes);
    }
}

static inline void end_load(world *w, sim_runner *r) {
    hl_error err = told_to_fail();
    if (one_in(w, 20) || !open_engine(w, r)) {
        note_failure(w, r->model);
        hl__sched_load_failed(&w->sched, r->resident, &err, w->now_ns);
        return;
    }
    hl__sched_loaded(&w->sched, r->resident, r->resident->bytes, r->engine->caps.ctx_max,
                     w->now_ns);
}

static inline void end_op(world *w, sim_runner *r) {
    sim_op op = r->op;
    r->op = OP_NONE;
    if (op == OP_PLAN) end_plan(w, r);
    if (op == OP_LOAD) end_load(w, r);
    if (op == OP_CLOSE) {
        close_engine(w, r);
        if (!hl__sched_closed(&w->sched, r->resident)) w->has_runner[r->model] = false;
    }
    dispatch(w);
}

static inline void end_prepare(world *w, uint32_t i) {
    sim_job *j = w->prepares[i].job;
    hl_error err = told_to_fail();
    bool fails = one_in(w, 25);
    w->prepares[i] = w->prepares[--w->n_prepares];
    j->may_fail |= fails;
    hl__sched_prepared(&w->sched, &j->task, fails ? &err : NULL, w->now_ns);
    dispatch(w);
}

static inline void get_on(world *w) {
    for (uint32_t i = 0; i < MODELS_N && !w->wrong[0]; i++) {
        sim_runner *r = &w->runners[i];
        if (!w->has_runner[i]) continue;
        if (r->op != OP_NONE) {
            if (--r->rounds_left == 0) end_op(w, r);
        } else if (r->awake && r->engine && !one_in(w, 4)) {
            run_engine(w, r);
        }
    }
    for (uint32_t i = w->n_prepares; i-- > 0 && !w->wrong[0];)
        if (--w->prepares[i].rounds_left == 0) end_prepare(w, i);
}

/* -- always ------------------------------------------------------------------------------------ */

static inline void check_memory(world *w) {
    uint32_t n = 0;
    for (const hl__resident *m = w->sched.models; m; m = m->next) n += m->bytes > 0;
    if (hl__sched_bytes(&w->sched) > w->limit_bytes) wrong(w, "more memory than there is");
    if (n > w->sched.config.models_max) wrong(w, "%u models loaded", n);
}

/* A model gets its place in bounded time, however busy the others are. */
static inline void check_waiting(world *w) {
    for (uint32_t i = 0; i < MODELS_N; i++) {
        sim_runner *r = &w->runners[i];
        if (!w->has_runner[i]) continue;
        bool waits = r->op == OP_NONE && r->resident->state == HL__MODEL_PLANNED;
        r->rounds_planned = waits ? r->rounds_planned + 1 : 0;
        if (r->rounds_planned > w->longest_wait) w->longest_wait = r->rounds_planned;
        if (r->rounds_planned > ROUNDS_OF_WAITING) wrong(w, "a model starves");
    }
}

static inline void check_jobs(world *w) {
    uint32_t n_known = 0;
    for (uint32_t i = 0; i < w->n_jobs; i++) {
        const sim_job *j = &w->jobs[i];
        bool known = j->task.state != HL__TASK_OVER;
        n_known += known;
        if (j->submitted && known == is_over(j)) wrong(w, "a job is lost");
    }
    if (n_known != w->sched.n_tasks) wrong(w, "%u tasks, %u known", n_known, w->sched.n_tasks);
}
