#include "serve/load.h"

#include "engine/fake/fake.h"
#include "testing.h"

static hl_error err;
static hl__loaded *l;

static int set_up(void **state) {
    char path[HL_MODEL_PATH_MAX];
    (void)state;
    if (hl_model_resolve(HL_STR("tiny"), path, &err) < 0) return 1;
    return hl__loaded_open(path, "tiny:latest", &l, &err) < 0;
}

static int tear_down(void **state) {
    (void)state;
    hl__loaded_close(l);
    return 0;
}

static hl__plan plan_with(uint32_t seqs_max, uint64_t limit_bytes) {
    hl__load_wish wish = {.seqs_max = seqs_max};
    hl__plan p;
    if (hl__loaded_plan(l, &wish, limit_bytes, &p, &err) < 0) fail_msg("%s", err.text);
    assert_true(p.weight_bytes > 0 && p.weight_bytes < p.fixed_bytes && p.token_bytes > 0);
    return p;
}

static hl_native_plan takes(const hl__plan *p, uint32_t kv_pages) {
    hl_native_config config = {.backend = &hl_backend_cpu,
                               .seqs_max = p->seqs_max,
                               .ctx_max = p->ctx_train,
                               .kv_pages = kv_pages};
    hl_native_plan n;
    if (hl_native_plan_make(l->model, &config, &n, &err) < 0) fail_msg("%s", err.text);
    return n;
}

/* What is promised is what the engine says, to a byte a token. */
static void a_plan_foretells_the_engine(void **state) {
    (void)state;
    hl__plan p = plan_with(4, 0);
    for (uint32_t contexts = 1; contexts <= 4; contexts++) {
        uint32_t tokens = contexts * p.ctx_train;
        uint64_t said = hl__plan_bytes(&p, tokens), is = takes(&p, tokens / 32).total_bytes;
        assert_in_range(said, is, is + tokens + 64);
    }
}

static void many_sequences_where_there_is_memory(void **state) {
    (void)state;
    assert_int_equal(plan_with(0, 64ull << 30).seqs_max, 256);
    assert_int_equal(plan_with(7, 1ull << 20).seqs_max, 7); /* as the user says */
    hl__plan few = plan_with(0, 128ull << 20);
    assert_in_range(few.seqs_max, 16, 128);
}

static void the_context_that_nobody_asks_for(void **state) {
    (void)state;
    hl__load_wish wish = {.ctx_default = 1000};
    hl__plan p;
    assert_int_equal(hl__loaded_plan(l, &wish, 0, &p, &err), HL_OK);
    assert_int_equal(p.ctx_default, 1000);
    wish.ctx_default = 1u << 30;
    assert_int_equal(hl__loaded_plan(l, &wish, 0, &p, &err), HL_OK);
    assert_int_equal(p.ctx_default, p.ctx_train);
}

static void an_engine_of_a_pool(void **state) {
    (void)state;
    hl__load_wish wish = {.seqs_max = 2, .threads = 1};
    hl__plan p;
    assert_int_equal(hl__loaded_plan(l, &wish, 0, &p, &err), HL_OK);
    assert_int_equal(hl__loaded_start(l, &wish, &p, 1000, NULL, NULL, &err), HL_OK);
    assert_int_equal(l->shape.kv_pages, 32); /* of 32 tokens */
    assert_int_equal(l->shape.ctx, 1024);    /* no longer than the pool */
    assert_int_equal(l->shape.seqs_max, 2);
    assert_true(l->bytes >= p.fixed_bytes);
}

static hl_status make_fake(void *arg, const hl_model *m, const hl_tokenizer *t,
                           const hl_native_config *config, hl_engine **ret, hl_error *e) {
    (void)m, (void)t;
    ++*(int *)arg;
    if (config->seqs_max == 3) return hl_fail(e, HL_EDEVICE, "test", "not today");
    hl_fake_script script = {.seqs_max = config->seqs_max, .ctx_max = config->ctx_max};
    return hl_fake_create(&script, ret, e);
}

static void somebody_elses_engine(void **state) {
    (void)state;
    hl__load_wish wish = {.seqs_max = 3};
    hl__plan p;
    int n_made = 0;
    assert_int_equal(hl__loaded_plan(l, &wish, 0, &p, &err), HL_OK);
    assert_int_equal(hl__loaded_start(l, &wish, &p, 512, make_fake, &n_made, &err), HL_EDEVICE);
    assert_string_equal(err.text, "not today");
    p.seqs_max = 2;
    assert_int_equal(hl__loaded_start(l, &wish, &p, 512, make_fake, &n_made, &err), HL_OK);
    assert_int_equal(n_made, 2);
    assert_string_equal(l->engine->ops->name, "fake");
}

static void the_limit(void **state) {
    (void)state;
    hl__load_wish wish = {0};
    uint64_t all = hl__memory_limit(&wish, 0);
    assert_true(all > 0);
    wish.memory_bytes = 1000;
    assert_int_equal(hl__memory_limit(&wish, 0), 1000);
    wish.memory_bytes = UINT64_MAX; /* there is not more than there is */
    assert_true(hl__memory_limit(&wish, 0) < 1ull << 50);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_plan_foretells_the_engine),
        TEST(many_sequences_where_there_is_memory),
        TEST(the_context_that_nobody_asks_for),
        TEST(an_engine_of_a_pool),
        TEST(somebody_elses_engine),
        TEST(the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
