#include "serve/plan.h"

#include "testing.h"

static hl_error err;

/* 1000 bytes of weights, 100 beside, 10 a token. */
static const hl__plan plan = {.weight_bytes = 1000,
                              .fixed_bytes = 1100,
                              .token_bytes = 10,
                              .ctx_train = 8192,
                              .ctx_default = 4096,
                              .seqs_max = 8,
                              .pool_percent = 50};

static void contexts(void **state) {
    (void)state;
    assert_int_equal(hl__plan_ctx(&plan, 0), 4096);
    assert_int_equal(hl__plan_ctx(&plan, 1), HL_CTX_MIN);
    assert_int_equal(hl__plan_ctx(&plan, 512), 512);
    assert_int_equal(hl__plan_ctx(&plan, 100000), 8192); /* as it was trained */
    assert_int_equal(hl__plan_ctx_max(&plan, 1100 + 5000 * 10), 5000);
    assert_int_equal(hl__plan_ctx_max(&plan, 1000), 0);
    assert_int_equal(hl__plan_ctx_max(&plan, UINT64_MAX), 8192);
}

static void the_pool(void **state) {
    (void)state;
    uint64_t one = hl__plan_bytes(&plan, 4096);
    assert_int_equal(one, 1100 + 40960);
    assert_int_equal(hl__plan_pool(&plan, one - 1, 4096), 0);
    assert_int_equal(hl__plan_pool(&plan, one, 4096), 4096); /* all that is left, for one */
    assert_int_equal(hl__plan_pool(&plan, hl__plan_bytes(&plan, 20000), 4096), 10000); /* half */
    assert_int_equal(hl__plan_pool(&plan, UINT64_MAX, 4096), 8 * 4096); /* what is of use */
    assert_int_equal(hl__plan_pool(&plan, UINT64_MAX, 8192), 8 * 4096);
    hl__plan many = plan;
    many.seqs_max = 256;
    assert_int_equal(hl__plan_pool(&many, UINT64_MAX, 4096), 64 * 4096);
    many.pool_percent = 10;
    assert_int_equal(hl__plan_pool(&many, hl__plan_bytes(&many, 100000), 4096), 10000);
}

static void alone(void **state) {
    (void)state;
    uint32_t pool = 0;
    uint64_t little = hl__plan_bytes(&plan, 1000);
    assert_int_equal(hl__plan_pool_alone(&plan, "m", little, 4096, false, &pool, &err), HL_OK);
    assert_int_equal(pool, 1000); /* nobody asked for more */
    assert_int_equal(hl__plan_pool_alone(&plan, "m", little, 4096, true, &pool, &err), HL_ENOMEM);
    assert_int_equal(hl__plan_pool_alone(&plan, "m", little, 900, true, &pool, &err), HL_OK);
    assert_int_equal(pool, 900);
    uint64_t least = hl__plan_bytes(&plan, 256);
    assert_int_equal(hl__plan_pool_alone(&plan, "m", least, 4096, false, &pool, &err), HL_OK);
    assert_int_equal(hl__plan_pool_alone(&plan, "m", least - 1, 4096, false, &pool, &err),
                     HL_ENOMEM);
}

static void the_numbers_are_said(void **state) {
    (void)state;
    hl__plan big = plan;
    uint32_t pool;
    big.weight_bytes = 4000ull << 20;
    big.fixed_bytes = 4100ull << 20;
    big.token_bytes = 1 << 17;
    assert_int_equal(hl__plan_pool_alone(&big, "m:8b", 3000ull << 20, 4096, true, &pool, &err),
                     HL_ENOMEM);
    assert_string_equal(
        err.text, "m:8b: a context of 4096 tokens needs 612 MB beside 4000 MB of weights, and "
                  "3000 MB can be used: ask for a smaller num_ctx, or for a smaller model");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(contexts), cmocka_unit_test(the_pool),
                                       cmocka_unit_test(alone),
                                       cmocka_unit_test(the_numbers_are_said)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
