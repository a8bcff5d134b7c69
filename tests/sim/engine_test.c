/* The native engine in simulation: random requests (answers, some longer than their context, and
 * embeddings), arrivals, cancels, limits and page pools, all
 * from a seed, on the scripted backend, and fewer with the tiny model on the CPU where it is at
 * hand (the full number with HL_TEST_SLOW).  Whatever happens around it, each sequence says what it
 * says alone.
 *
 * HL_SIM_SEED=n replays one seed, HL_SIM_SEEDS=n runs so many. */
#include "base/cpu.h"
#include "base/fs.h"
#include "base/rng.h"
#include "engine/native/native.h"
#include "engine/native/shift.h"
#include "sim/drive.h"
#include "sim/scripted.h"
#include "testing.h"

#include <stdlib.h>

enum { REQUESTS_MAX = 32, STOPS = 3, NEVER = INT32_MAX };

typedef struct planned {
    hl_request req;
    uint32_t *tokens; /* owned */
    hl_str stops[STOPS];
    int arrives, cancels; /* steps */
    bool submitted, done;
    answer alone, together;
} planned;

typedef struct sim {
    uint64_t seed;
    hl_rng rng;
    hl_native_config config;
    hl_model model; /* the fixture's, with a pooling of its own */
    planned requests[REQUESTS_MAX];
    answer answers[REQUESTS_MAX];
    uint32_t n_requests;
    uint64_t work_tokens; /* of all requests */
    float end_bias;       /* of the scripted backend */
    bool forgets_page;
} sim;

typedef struct fixture {
    const hl_backend_ops *backend;
    const hl_model *model;
    const hl_tokenizer *tokenizer;
    hl_logit_bias no_end[8]; /* against the tokens that end an answer */
    size_t n_no_end;
} fixture;

static fixture fixture_of(const hl_backend_ops *backend, const hl_model *m, const hl_tokenizer *t) {
    fixture f = {.backend = backend, .model = m, .tokenizer = t};
    for (uint32_t i = 0; i < hl_tokenizer_n_vocab(t) && f.n_no_end < 8; i++)
        if (hl_tokenizer_is_end(t, i)) f.no_end[f.n_no_end++] = (hl_logit_bias){i, -1000};
    return f;
}

static uint32_t below(sim *s, uint32_t n) {
    return (uint32_t)hl_rng_below(&s->rng, n);
}

#define sim_fail(s, ...)                                                                           \
    do {                                                                                           \
        print_error("seed %llu (replay: HL_SIM_SEED=%llu): ", (unsigned long long)(s)->seed,       \
                    (unsigned long long)(s)->seed);                                                \
        fail_msg(__VA_ARGS__);                                                                     \
    } while (0)

/* ---- what is asked ---- */

/* Prompts begin alike now and then, up to any length: they share pages. */
static void plan_prompt(sim *s, planned *p, uint32_t n) {
    hl_rng text;
    uint32_t n_shared = below(s, 2) ? below(s, n + 1) : 0;
    p->tokens = hl_calloc(n, sizeof *p->tokens);
    assert_non_null(p->tokens);
    hl_rng_init(&text, below(s, 3));
    for (uint32_t i = 0; i < n; i++)
        p->tokens[i] = (uint32_t)(i < n_shared ? hl_rng_below(&text, 256)
                                               : hl_rng_below(&s->rng, 256));
    p->req.tokens = p->tokens;
    p->req.n_tokens = n;
}

static void plan_options(sim *s, planned *p, uint32_t n_predict) {
    static const char *const stops[] = {"the", "a", "in", "\xc3\xa9", "q9", "and an"};
    hl_options *o = &p->req.options;
    hl_options_init(o);
    o->num_predict = (int32_t)n_predict;
    o->temperature = below(s, 2) ? 0 : 0.9f;
    o->seed = (int32_t)below(s, 1000);
    o->top_k = below(s, 2) ? 40 : 0;
    o->repeat_penalty = below(s, 2) ? 1.2f : 1;
    o->num_batch = below(s, 3) ? 512 : 1 + (int32_t)below(s, 40);
    o->logprobs = below(s, 4) == 0;
    o->n_logprobs = below(s, 4);
    o->n_stop = below(s, STOPS + 1);
    for (size_t i = 0; i < o->n_stop; i++)
        p->stops[i] = hl_str_from(stops[below(s, sizeof stops / sizeof *stops)]);
    o->stop = p->stops;
}

/* An upper bound of the tokens that are computed for an answer: a full context is computed again
 * from what it keeps. */
static uint64_t work_of(const planned *p, uint32_t ctx, uint32_t n, uint32_t n_predict) {
    hl_shift shift = hl_shift_of(p->req.options.num_keep, false, n, ctx);
    return p->req.no_shift ? n + n_predict : n + n_predict + (n_predict / shift.drop + 1) * ctx;
}

static void plan_request(sim *s, uint32_t ctx, uint32_t arrive_max) {
    planned *p = &s->requests[s->n_requests];
    uint32_t n = 1 + below(s, below(s, 2) ? ctx - 1 : ctx / 8),
             n_predict = 1 + below(s, below(s, 2) ? 40 : ctx);
    *p = (planned){.cancels = NEVER};
    plan_prompt(s, p, n);
    plan_options(s, p, n_predict);
    p->req.kind = below(s, 4) == 0 ? HL_REQUEST_EMBED : HL_REQUEST_GENERATE;
    p->req.no_shift = below(s, 2);
    p->req.options.num_keep = (int32_t)below(s, ctx) - 1;
    p->req.cache_salt = below(s, 4) == 0;
    p->arrives = (int)below(s, arrive_max + 1);
    if (below(s, 4) == 0) p->cancels = p->arrives + (int)below(s, 30);
    s->answers[s->n_requests] = (answer){.seq = 100 + s->n_requests};
    s->n_requests++;
    s->work_tokens += work_of(p, ctx, n, n_predict);
}

static uint64_t clock_ns, clock_mix;

/* Steps of all durations, so that prompts get shares of all sizes (engine/native/pace.h). */
static uint64_t uneven_clock(void) {
    clock_mix = clock_mix * 6364136223846793005u + 1442695040888963407u;
    clock_ns += 1 + (clock_mix >> 40) % (clock_mix >> 63 ? 1000 : 50);
    return clock_ns;
}

static void plan_limits(sim *s, const fixture *f) {
    uint32_t seqs = 1 + below(s, 10), ctx = 8 + below(s, 200);
    uint32_t least = (ctx + HL_KV_PAGE_TOKENS - 1) / HL_KV_PAGE_TOKENS;
    clock_ns = 1;
    clock_mix = s->seed;
    s->config = (hl_native_config){.backend = f->backend,
                                   .threads = 1,
                                   .now = below(s, 2) ? uneven_clock : NULL,
                                   .seqs_max = seqs,
                                   .ctx_max = ctx,
                                   .kv_pages = least +
                                               below(s, below(s, 2) ? least + 1 : least * seqs),
                                   .step_rows_max = seqs + below(s, below(s, 2) ? 8 : 200)};
}

/* ---- alone ---- */

static hl_engine *create(sim *s, const fixture *f, const hl_native_config *config) {
    hl_engine *e;
    hl_error err;
    s->model = *f->model;
    s->model.pooling = (hl_pooling)(s->seed % HL_POOLING_RANK);
    if (hl_native_create(&s->model, f->tokenizer, config, &e, &err) < 0)
        sim_fail(s, "%s", err.text);
    if (f->backend != &hl_backend_scripted) return e;
    (*scripted_last())->end_bias = s->end_bias;
    return e;
}

static void run_alone(sim *s, const fixture *f) {
    hl_native_config config = s->config;
    config.seqs_max = 1;
    config.kv_pages = 0;
    config.step_rows_max = config.ctx_max;
    hl_engine *e = create(s, f, &config);
    for (uint32_t i = 0; i < s->n_requests; i++) {
        planned *p = &s->requests[i];
        const char *wrong = drive_alone(e, 1, &p->req, &p->alone);
        if (wrong) sim_fail(s, "alone, request %u: %s", i, wrong);
    }
    hl_engine_destroy(e);
}

/* ---- together ---- */

/* All that came by now; where the engine is full a request comes a step later. */
static void submit_arrived(sim *s, hl_engine *e, int step) {
    for (uint32_t i = 0; i < s->n_requests; i++) {
        planned *p = &s->requests[i];
        if (p->submitted || p->arrives > step) continue;
        hl_status st = hl_engine_submit(e, s->answers[i].seq, &p->req, (uint64_t)step, NULL);
        hl_native_stats stats;
        hl_native_stats_get(e, &stats);
        if (st == HL_EBUSY && stats.seqs_live <= s->config.seqs_max) continue;
        if (st < 0) sim_fail(s, "submit: %s", hl_status_text(st));
        p->submitted = true;
    }
}

static void cancel_some(sim *s, hl_engine *e, int step) {
    for (uint32_t i = 0; i < s->n_requests; i++)
        if (step >= s->requests[i].cancels) hl_engine_cancel(e, s->answers[i].seq);
    hl_engine_cancel(e, 1); /* nobody */
}

static void check_invariants(sim *s, const hl_engine *e) {
    hl_native_stats st;
    hl_native_stats_get(e, &st);
    if (s->config.backend == &hl_backend_scripted && (*scripted_last())->n_faults)
        sim_fail(s, "the backend saw a wrong batch or page");
    if (st.pages_used + st.pages_cached + st.pages_free != s->config.kv_pages)
        sim_fail(s, "pages are lost");
    if (st.page_refs < st.pages_used) sim_fail(s, "a page is used without a reference");
    if (st.seqs_admitted == 0 && st.pages_used > 0) sim_fail(s, "pages of nobody are used");
    if (st.step_rows > s->config.step_rows_max || st.step_outputs > s->config.seqs_max)
        sim_fail(s, "a step above its limits");
    if (st.seqs_live > s->config.seqs_max || st.seqs_admitted > st.seqs_live)
        sim_fail(s, "more sequences than there may be");
    /* The oldest gets on in every step, so all is done after as many steps as there are tokens. */
    if (st.steps > s->work_tokens) sim_fail(s, "somebody waits without end");
}

static uint32_t count_done(const sim *s) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_requests; i++) n += s->answers[i].n_terminal;
    return n;
}

static void run_together(sim *s, hl_engine *e) {
    uint64_t allocations = hl_mem_count();
    for (int step = 0; count_done(s) < s->n_requests; step++) {
        hl_status st;
        submit_arrived(s, e, step);
        cancel_some(s, e, step);
        uint64_t before = hl_mem_count();
        size_t cap = 1 + below(s, 12);
        const char *wrong = drive_step(e, (uint64_t)step, cap, s->answers, s->n_requests, &st);
        if (wrong) sim_fail(s, "%s", wrong);
        if (st < 0) sim_fail(s, "step: %s", hl_status_text(st));
        allocations += hl_mem_count() - before; /* the answers' own */
        check_invariants(s, e);
        if (step > 100000) sim_fail(s, "it does not end");
    }
    if (hl_mem_count() != allocations) sim_fail(s, "submit or cancel allocates");
}

static void compare(sim *s) {
    for (uint32_t i = 0; i < s->n_requests; i++) {
        const answer *a = &s->answers[i], *alone = &s->requests[i].alone;
        if (a->n_terminal != 1 || a->last.kind != HL_EVENT_FINISHED)
            sim_fail(s, "request %u: no good end", i);
        if (a->last.finish == HL_FINISH_CANCELLED) {
            if (s->requests[i].cancels == NEVER) sim_fail(s, "request %u: nobody cancelled it", i);
            if (!answer_begins(alone, a)) sim_fail(s, "request %u: another text than alone", i);
            continue;
        }
        if (!answer_equal(alone, a)) sim_fail(s, "request %u: another text than alone", i);
        if (a->last.finish != alone->last.finish) sim_fail(s, "request %u: another end", i);
        const hl_usage *u = &a->last.usage, *v = &alone->last.usage;
        if (u->prompt_tokens != v->prompt_tokens || u->generated_tokens != v->generated_tokens)
            sim_fail(s, "request %u: other counts than alone", i);
        if (u->cached_tokens >= u->prompt_tokens) sim_fail(s, "request %u: all was cached", i);
        bool embeds = s->requests[i].req.kind == HL_REQUEST_EMBED;
        if (a->n_embeddings != embeds) sim_fail(s, "request %u: too many or no embeddings", i);
        if (s->requests[i].req.options.logprobs && a->n_logprobs != a->n_tokens)
            sim_fail(s, "request %u: tokens without log-probabilities", i);
    }
}

static void free_requests(sim *s) {
    for (uint32_t i = 0; i < s->n_requests; i++) {
        hl_free(s->requests[i].tokens);
        answer_deinit(&s->requests[i].alone);
        answer_deinit(&s->answers[i]);
    }
}

/* Runs what was planned; *ret gets the figures at the end. */
static void run(sim *s, const fixture *f, hl_native_stats *ret) {
    run_alone(s, f);
    hl_engine *e = create(s, f, &s->config);
    if (s->forgets_page) (*scripted_last())->forgets_page = true;
    run_together(s, e);
    hl_native_stats_get(e, ret);
    hl_engine_destroy(e);
    if (ret->pages_used != 0 || ret->page_refs != 0) sim_fail(s, "pages are not given back");
}

/* ---- tests ---- */

static bool is_slow(void) {
    const char *slow = getenv("HL_TEST_SLOW");
    return slow && *slow == '1';
}

static void random_requests_as_alone(void **state) {
    const char *one = getenv("HL_SIM_SEED"), *many = getenv("HL_SIM_SEEDS");
    uint64_t from = one ? strtoull(one, NULL, 10) : 0, n = many        ? strtoull(many, NULL, 10)
                                                           : is_slow() ? 20000
                                                                       : 1000;
    uint64_t preemptions = 0, cached = 0;
    for (uint64_t seed = from; seed < (one ? from + 1 : n); seed++) {
        sim *s = hl_calloc(1, sizeof *s);
        hl_native_stats stats;
        s->seed = seed;
        hl_rng_init(&s->rng, seed);
        plan_limits(s, *state);
        uint32_t want = 1 + below(s, 24), arrive_max = below(s, 40);
        while (s->n_requests < want) plan_request(s, s->config.ctx_max, arrive_max);
        s->end_bias = (float[]){-100, 0, 6}[below(s, 3)];
        run(s, *state, &stats);
        compare(s);
        preemptions += stats.preemptions;
        cached += stats.cached_tokens;
        free_requests(s);
        hl_free(s);
    }
    print_message("%llu preemptions, %llu tokens from the cache\n", (unsigned long long)preemptions,
                  (unsigned long long)cached);
    /* What was meant to be tested did happen. */
    if (!one) assert_true(preemptions > n / 20 && cached > n);
}

/* Sequences of 1 to tokens_max tokens in half the pages they need together. */
static void plan_half_the_pages(sim *s, const fixture *f, uint64_t seed, uint32_t n_seqs,
                                uint32_t tokens_max) {
    uint32_t pages = 0, ctx = tokens_max + 48;
    uint32_t predict_max = seed % 2 ? tokens_max / 2
                                    : 60; /* long answers are what gets preempted */
    s->seed = seed;
    hl_rng_init(&s->rng, seed);
    for (uint32_t i = 0; i < n_seqs; i++) {
        planned *p = &s->requests[i];
        uint32_t n_tokens = i == 0 ? 2 : i == 1 ? tokens_max : 2 + below(s, tokens_max - 1);
        uint32_t n_predict = 1 + below(s, n_tokens - 1 < predict_max ? n_tokens - 1 : predict_max);
        *p = (planned){.cancels = seed % 3 && below(s, 3) == 0 ? (int)below(s, 400) : NEVER};
        plan_prompt(s, p, n_tokens - n_predict);
        plan_options(s, p, n_predict);
        p->req.options.n_stop = 0;
        p->req.options.logprobs = true; /* their bits tell whether the logits are the same */
        p->req.options.n_logprobs = HL_NATIVE_LOGPROBS_MAX;
        p->req.options.logit_bias = f->no_end;
        p->req.options.n_logit_bias = seed % 2 ? f->n_no_end : 0;
        p->arrives = (int)below(s, 20);
        pages += (n_tokens + HL_KV_PAGE_TOKENS - 1) / HL_KV_PAGE_TOKENS;
        s->answers[i] = (answer){.seq = 100 + i};
        s->work_tokens += n_tokens;
    }
    uint32_t least = (ctx + HL_KV_PAGE_TOKENS - 1) / HL_KV_PAGE_TOKENS;
    s->n_requests = n_seqs;
    s->config = (hl_native_config){.backend = f->backend,
                                   .threads = 1,
                                   .seqs_max = n_seqs,
                                   .ctx_max = ctx,
                                   .kv_pages = pages / 2 > least ? pages / 2 : least,
                                   .step_rows_max = 256};
}

static uint64_t run_half_the_pages(const fixture *f, uint64_t seed, uint32_t n_seqs,
                                   uint32_t tokens_max) {
    sim *s = hl_calloc(1, sizeof *s);
    hl_native_stats stats;
    plan_half_the_pages(s, f, seed, n_seqs, tokens_max);
    run(s, f, &stats);
    compare(s);
    print_message("seed %d: %u pages, %llu steps, %llu preemptions, %llu tokens cached\n",
                  (int)seed, s->config.kv_pages, (unsigned long long)stats.steps,
                  (unsigned long long)stats.preemptions, (unsigned long long)stats.cached_tokens);
    free_requests(s);
    hl_free(s);
    return stats.preemptions;
}

static void thirty_two_in_half_the_pages(void **state) {
    uint64_t preemptions = 0;
    for (uint64_t seed = 0; seed < 6; seed++)
        preemptions += run_half_the_pages(*state, seed, 32, 2000);
    assert_true(preemptions > 0);
}

/* The test can fail: one lost token in a page is another text. */
static void a_lost_token_is_noticed(void **state) {
    sim *s = hl_calloc(1, sizeof *s);
    hl_native_stats stats;
    plan_half_the_pages(s, *state, 3, 32, 2000);
    s->forgets_page = true;
    run(s, *state, &stats);
    uint32_t n_differ = 0;
    for (uint32_t i = 0; i < s->n_requests; i++)
        n_differ += !answer_equal(&s->requests[i].alone, &s->answers[i]);
    assert_true(n_differ > 0);
    free_requests(s);
    hl_free(s);
}

static void run_file_in_half_the_pages(const char *path, bool full) {
    hl_error err;
    hl_model *m;
    hl_tokenizer *t;
    if (hl_model_open(path, &m, &err) < 0) fail_msg("%s", err.text);
    if (hl_tokenizer_create(m->gguf, &t, &err) < 0) fail_msg("%s", err.text);
    const fixture f = fixture_of(&hl_backend_cpu, m, t);
    uint64_t preemptions = 0;
    if (full)
        for (uint64_t seed = 1; seed <= 4; seed++)
            preemptions += run_half_the_pages(&f, seed, 32, 2000);
    else
        preemptions += run_half_the_pages(&f, 1, 6, 120);
    assert_true(preemptions > 0);
    hl_tokenizer_destroy(t);
    hl_model_close(m);
}

/* Texts, ids and log-probabilities as alone, also after preempting, on each kind of weights;
 * HL_TEST_SLOW=1: on every level; on those with SIMD 32 sequences of up to 2,000 tokens. */
static void the_tiny_model_in_half_the_pages(void **state) {
    static const char *const paths[] = {"models/tiny/tiny-q4_k_m.gguf",
                                        "../shared/tiny-model/tiny-f16.gguf",
                                        "../shared/tiny-model/tiny-q8_0.gguf"};
    (void)state;
    hl_cpu_level best = hl_cpu_level_best(hl_cpu_features());
    for (hl_cpu_level level = is_slow() ? HL_CPU_REF : best; level <= best; level++) {
        (void)setenv("HYPERLLAMA_CPU", hl_cpu_level_name(level), 1);
        for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
            if (!hl_path_is_file(paths[i])) {
                print_message("%s is not at hand\n", paths[i]);
                continue;
            }
            print_message("%s %s: ", hl_cpu_level_name(level), paths[i]);
            run_file_in_half_the_pages(paths[i], is_slow() && level > HL_CPU_REF);
        }
    }
    (void)unsetenv("HYPERLLAMA_CPU");
}

int main(void) {
    hl_error err;
    hl_model model = scripted_model();
    hl_tokenizer *tokenizer = scripted_tokenizer(&err);
    if (!tokenizer) {
        print_error("%s\n", err.text);
        return 1;
    }
    fixture f = fixture_of(&hl_backend_scripted, &model, tokenizer);
#define with(test) {#test, test, NULL, NULL, &f}
    const struct CMUnitTest tests[] = {
        with(random_requests_as_alone),
        with(thirty_two_in_half_the_pages),
        with(a_lost_token_is_noticed),
        with(the_tiny_model_in_half_the_pages),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    hl_tokenizer_destroy(tokenizer);
    return failed;
}
