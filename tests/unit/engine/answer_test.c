/* What a sequence's outputs become: embeddings, answers that outgrow their context or get stuck. */
#include "base/rng.h"
#include "engine/native/native.h"
#include "engine/native/shift.h"
#include "sim/drive.h"
#include "sim/scripted.h"
#include "testing.h"

enum { CTX = 96, SEQS = 4 };

typedef struct fixture {
    hl_model model;
    hl_tokenizer *tokenizer;
    hl_engine *engine;
} fixture;

static void begin(fixture *f, hl_pooling pooling, uint32_t kv_pages) {
    hl_error err;
    f->model = scripted_model();
    f->model.pooling = pooling;
    f->tokenizer = scripted_tokenizer(&err);
    assert_non_null(f->tokenizer);
    hl_native_config config = {.backend = &hl_backend_scripted,
                               .seqs_max = SEQS,
                               .ctx_max = CTX,
                               .kv_pages = kv_pages,
                               .step_rows_max = 40};
    if (hl_native_create(&f->model, f->tokenizer, &config, &f->engine, &err) < 0)
        fail_msg("%s", err.text);
    (*scripted_last())->end_bias = -100;
}

static void end(fixture *f) {
    hl_native_stats stats;
    hl_native_stats_get(f->engine, &stats);
    assert_int_equal(stats.pages_used, 0);
    assert_int_equal((*scripted_last())->n_faults, 0);
    hl_engine_destroy(f->engine);
    hl_tokenizer_destroy(f->tokenizer);
}

static void fill(uint32_t seed, uint32_t *tokens, uint32_t n) {
    hl_rng rng;
    hl_rng_init(&rng, seed);
    for (uint32_t i = 0; i < n; i++) tokens[i] = (uint32_t)hl_rng_below(&rng, 250);
}

static hl_request request_of(hl_request_kind kind, const uint32_t *tokens, uint32_t n) {
    hl_request req = {.kind = kind, .tokens = tokens, .n_tokens = n};
    hl_options_init(&req.options);
    req.options.temperature = 0;
    return req;
}

static answer run_one(fixture *f, const hl_request *req) {
    answer a;
    const char *wrong = drive_alone(f->engine, 7, req, &a);
    if (wrong) fail_msg("%s", wrong);
    return a;
}

/* ---- embeddings ---- */

/* The vector of tokens, straight from what the scripted backend thinks of them. */
static void expect_vector(hl_pooling pooling, const uint32_t *tokens, uint32_t n, float *ret) {
    scripted_cell cells[CTX];
    uint32_t pages[CTX / HL_KV_PAGE_TOKENS] = {0, 1, 2};
    scripted b = {.cells = cells, .limits = {.kv_pages = CTX / HL_KV_PAGE_TOKENS}};
    hl_slice s = {.pages = {pages}};
    double squares = 0;
    memset(ret, 0, SCRIPTED_EMBD * sizeof *ret);
    for (uint32_t i = 0; i < n; i++) {
        cells[i] = (scripted_cell){.token = tokens[i], .position = i};
        bool counts = pooling == HL_POOLING_MEAN ||
                      (pooling == HL_POOLING_CLS ? i == 0 : i == n - 1);
        if (counts) scripted_add_hidden(&b, scripted_thought(&b, &s, i), ret);
    }
    for (int i = 0; i < SCRIPTED_EMBD; i++) squares += (double)ret[i] * (double)ret[i];
    for (int i = 0; i < SCRIPTED_EMBD; i++) ret[i] = (float)(ret[i] * (1 / sqrt(squares)));
}

static void check_vector(fixture *f, const hl_request *req) {
    float expected[SCRIPTED_EMBD];
    hl_event ev[4];
    size_t n = 0;
    uint64_t now = 0;
    expect_vector(f->model.pooling, req->tokens, (uint32_t)req->n_tokens, expected);
    assert_int_equal(hl_engine_submit(f->engine, 3, req, 0, NULL), HL_OK);
    while (n == 0) assert_int_equal(hl_engine_step(f->engine, ++now, ev, 4, &n, NULL), HL_OK);
    assert_int_equal(n, 2);
    assert_int_equal(ev[0].kind, HL_EVENT_EMBEDDING);
    assert_int_equal(ev[0].n_vector, SCRIPTED_EMBD);
    assert_memory_equal(ev[0].vector, expected, sizeof expected);
    assert_int_equal(ev[1].kind, HL_EVENT_FINISHED);
    assert_int_equal(ev[1].usage.prompt_tokens, req->n_tokens);
}

/* In chunks, again with what is cached, and up to the whole context. */
static void each_pooling_of_texts_of_any_length(void **state) {
    (void)state;
    const hl_pooling poolings[] = {HL_POOLING_LAST, HL_POOLING_MEAN, HL_POOLING_CLS};
    uint32_t tokens[CTX];
    fill(1, tokens, CTX);
    for (int i = 0; i < 3; i++) {
        fixture f;
        begin(&f, poolings[i], 0);
        for (uint32_t n = 1; n <= CTX; n += n < 4 ? 1 : 23) {
            hl_request req = request_of(HL_REQUEST_EMBED, tokens, n);
            check_vector(&f, &req);
            check_vector(&f, &req);
            req.options.num_batch = 7;
            check_vector(&f, &req);
        }
        hl_request whole = request_of(HL_REQUEST_EMBED, tokens, CTX);
        check_vector(&f, &whole);
        end(&f);
    }
}

/* A mean needs every token's hidden state, cached or not; the last token's needs only its own. */
static void only_the_last_is_found_in_the_cache(void **state) {
    (void)state;
    uint32_t tokens[80];
    fill(2, tokens, 80);
    hl_request req = request_of(HL_REQUEST_EMBED, tokens, 80);
    for (int mean = 0; mean < 2; mean++) {
        fixture f;
        begin(&f, mean ? HL_POOLING_MEAN : HL_POOLING_LAST, 0);
        answer first = run_one(&f, &req), again = run_one(&f, &req);
        assert_int_equal(first.last.usage.cached_tokens, 0);
        assert_int_equal(again.last.usage.cached_tokens, mean ? 0 : 64);
        assert_true(answer_equal(&first, &again));
        req.kind = HL_REQUEST_GENERATE; /* nor does a mean leave anything to others */
        req.options.num_predict = 1;
        answer said = run_one(&f, &req);
        assert_int_equal(said.last.usage.cached_tokens, mean ? 0 : 64);
        req.kind = HL_REQUEST_EMBED;
        answer_deinit(&said);
        end(&f);
    }
}

static void too_long_texts_and_ranking_models_are_refused(void **state) {
    (void)state;
    fixture f;
    hl_error err;
    uint32_t tokens[CTX + 1];
    fill(3, tokens, CTX + 1);
    hl_request req = request_of(HL_REQUEST_EMBED, tokens, CTX + 1);
    begin(&f, HL_POOLING_MEAN, 0);
    assert_int_equal(hl_engine_submit(f.engine, 1, &req, 0, &err), HL_ELIMIT);
    assert_string_equal(err.text, "the input has 97 tokens, the context is 96");
    end(&f);
    begin(&f, HL_POOLING_RANK, 0);
    req.n_tokens = 3;
    assert_false(f.engine->caps.embeds);
    assert_int_equal(hl_engine_submit(f.engine, 1, &req, 0, &err), HL_EUNSUPPORTED);
    end(&f);
}

static void an_embedding_that_is_no_number(void **state) {
    (void)state;
    fixture f;
    uint32_t tokens[60];
    fill(4, tokens, 60);
    begin(&f, HL_POOLING_MEAN, 0);
    (*scripted_last())->nan_at = 20;
    hl_request req = request_of(HL_REQUEST_EMBED, tokens, 60);
    answer a = run_one(&f, &req);
    assert_int_equal(a.last.kind, HL_EVENT_FAILED);
    assert_string_equal(a.last.error.text, "embedding contains NaN or Inf values");
    assert_int_equal(a.n_embeddings, 0);
    end(&f);
}

/* ---- salts ---- */

static void equal_prompts_of_two_salts_share_nothing(void **state) {
    (void)state;
    fixture f;
    uint32_t tokens[80];
    fill(5, tokens, 80);
    begin(&f, HL_POOLING_LAST, 0);
    hl_request req = request_of(HL_REQUEST_GENERATE, tokens, 80);
    req.options.num_predict = 1;
    const uint64_t salts[] = {0, 1, 2, 1, 0};
    const uint32_t cached[] = {0, 0, 0, 64, 64};
    for (int i = 0; i < 5; i++) {
        req.cache_salt = salts[i];
        answer a = run_one(&f, &req);
        assert_int_equal(a.last.usage.cached_tokens, cached[i]);
        answer_deinit(&a);
    }
    end(&f);
}

/* ---- a full context ---- */

static void without_shifting_it_ends(void **state) {
    (void)state;
    fixture f;
    uint32_t tokens[20];
    fill(6, tokens, 20);
    begin(&f, HL_POOLING_LAST, 0);
    hl_request req = request_of(HL_REQUEST_GENERATE, tokens, 20);
    req.no_shift = true;
    answer a = run_one(&f, &req);
    assert_int_equal(a.last.finish, HL_FINISH_LENGTH);
    assert_int_equal(a.last.usage.generated_tokens, CTX - 20);
    assert_int_equal(a.n_tokens, CTX - 20);
    answer_deinit(&a);
    end(&f);
}

/* The answer goes on as it would behind a prompt of what is kept. */
static void the_kept_tokens_are_all_it_knows(void **state) {
    (void)state;
    uint32_t tokens[CTX];
    const int32_t keeps[] = {4, 0, -1, 40, 1000};
    for (size_t k = 0; k < sizeof keeps / sizeof *keeps; k++) {
        fixture f;
        fill(7, tokens, 20);
        begin(&f, HL_POOLING_LAST, 0);
        hl_request req = request_of(HL_REQUEST_GENERATE, tokens, 20);
        req.options.num_keep = keeps[k];
        req.options.num_predict = CTX - 20 + 1; /* one behind the full context */
        req.options.repeat_penalty = 1.3f;
        answer a = run_one(&f, &req);
        assert_int_equal(a.n_tokens, CTX - 20 + 1);
        assert_int_equal(a.last.usage.prompt_tokens, 20);
        assert_int_equal(a.last.usage.generated_tokens, CTX - 20 + 1);

        hl_shift s = hl_shift_of(keeps[k], false, 20, CTX);
        memcpy(tokens + 20, a.tokens, (CTX - 20) * sizeof *tokens);
        memmove(tokens + s.keep, tokens + s.keep + s.drop,
                (CTX - s.keep - s.drop) * sizeof *tokens);
        req.n_tokens = CTX - s.drop;
        req.options.num_predict = 1;
        answer b = run_one(&f, &req);
        assert_int_equal(b.tokens[0], a.tokens[CTX - 20]);
        answer_deinit(&a);
        answer_deinit(&b);
        end(&f);
    }
}

/* Ten contexts when nothing else is asked; many at once in fewer pages than they need. */
static void it_goes_on_for_ten_contexts(void **state) {
    (void)state;
    fixture f;
    uint32_t tokens[20];
    uint64_t now = 0;
    answer a[SEQS];
    fill(8, tokens, 20);
    begin(&f, HL_POOLING_LAST, 2 * CTX / HL_KV_PAGE_TOKENS);
    hl_request req = request_of(HL_REQUEST_GENERATE, tokens, 20);
    req.options.temperature = 1;
    req.options.seed = 3;
    answer alone = run_one(&f, &req);
    assert_int_equal(alone.last.usage.generated_tokens, 10 * CTX);
    assert_int_equal(alone.last.finish, HL_FINISH_LENGTH);
    for (uint32_t i = 0; i < SEQS; i++) {
        a[i] = (answer){.seq = i};
        req.cache_salt = i; /* else all would share all pages */
        assert_int_equal(hl_engine_submit(f.engine, i, &req, now, NULL), HL_OK);
    }
    for (uint32_t n_done = 0; n_done < SEQS;) {
        hl_status st;
        const char *wrong = drive_step(f.engine, ++now, 8, a, SEQS, &st);
        if (wrong || st < 0 || now > 100000) fail_msg("%s", wrong ? wrong : "it does not end");
        n_done = 0;
        for (int i = 0; i < SEQS; i++) n_done += a[i].n_terminal;
    }
    for (int i = 0; i < SEQS; i++) {
        assert_true(answer_equal(&alone, &a[i]));
        answer_deinit(&a[i]);
    }
    hl_native_stats stats;
    hl_native_stats_get(f.engine, &stats);
    assert_true(stats.preemptions > 0);
    answer_deinit(&alone);
    end(&f);
}

/* ---- stuck ---- */

static void the_same_token_over_and_over_ends(void **state) {
    (void)state;
    fixture f;
    uint32_t tokens[20];
    const hl_logit_bias always_x = {'x', 1000};
    fill(9, tokens, 20);
    begin(&f, HL_POOLING_LAST, 0);
    hl_request req = request_of(HL_REQUEST_GENERATE, tokens, 20);
    req.options.logit_bias = &always_x;
    req.options.n_logit_bias = 1;
    answer a = run_one(&f, &req);
    assert_int_equal(a.last.finish, HL_FINISH_STOP);
    assert_int_equal(a.n_tokens, 31);
    assert_int_equal(a.text.len, 31);
    assert_int_equal(a.last.usage.generated_tokens, 32);
    answer_deinit(&a);
    end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_pooling_of_texts_of_any_length),
        cmocka_unit_test(only_the_last_is_found_in_the_cache),
        cmocka_unit_test(too_long_texts_and_ranking_models_are_refused),
        cmocka_unit_test(an_embedding_that_is_no_number),
        cmocka_unit_test(equal_prompts_of_two_salts_share_nothing),
        cmocka_unit_test(without_shifting_it_ends),
        cmocka_unit_test(the_kept_tokens_are_all_it_knows),
        cmocka_unit_test(it_goes_on_for_ten_contexts),
        cmocka_unit_test(the_same_token_over_and_over_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
