#include "base/rng.h"
#include "testing.h"

#include <math.h>

/* The first values of the authors' splitmix64.c for seed 0. */
static void test_seeding_is_splitmix64(void **state) {
    (void)state;
    hl_rng r;
    hl_rng_init(&r, 0);
    assert_true(r.s[0] == 0xE220A8397B1DCDAFull);
    assert_true(r.s[1] == 0x6E789E6AA1B965F4ull);
    assert_true(r.s[2] == 0x06C45D188009454Full);
    assert_true(r.s[3] == 0xF88BB8A8724C81ECull);
}

/* The first values of the authors' xoshiro256plusplus.c from the state 1, 2, 3, 4. */
static void test_generator_is_xoshiro256pp(void **state) {
    (void)state;
    static const uint64_t WANT[] = {41943041,
                                    58720359,
                                    3588806011781223,
                                    3591011842654386,
                                    9228616714210784205ull,
                                    9973669472204895162ull,
                                    14011001112246962877ull,
                                    12406186145184390807ull};
    hl_rng r = {{1, 2, 3, 4}};
    for (size_t i = 0; i < sizeof WANT / sizeof WANT[0]; i++)
        assert_true(hl_rng_u64(&r) == WANT[i]);
}

static void test_below_stays_below_and_reaches_all(void **state) {
    (void)state;
    hl_rng r;
    hl_rng_init(&r, 1);
    unsigned seen[7] = {0};
    for (int i = 0; i < 7000; i++) {
        uint64_t x = hl_rng_below(&r, 7);
        assert_true(x < 7);
        seen[x]++;
    }
    for (int i = 0; i < 7; i++) assert_in_range(seen[i], 850, 1150);
    assert_int_equal(hl_rng_below(&r, 1), 0);
    assert_true(hl_rng_below(&r, UINT64_MAX) < UINT64_MAX);
}

static void test_unit_is_in_its_interval_and_even(void **state) {
    (void)state;
    hl_rng r;
    hl_rng_init(&r, 2);
    double sum = 0;
    for (int i = 0; i < 10000; i++) {
        double x = hl_rng_unit(&r);
        assert_true(x >= 0 && x < 1);
        sum += x;
    }
    assert_true(fabs(sum / 10000 - 0.5) < 0.02);
}

static void test_normal_has_mean_0_and_deviation_1(void **state) {
    (void)state;
    hl_rng r;
    hl_rng_init(&r, 3);
    double sum = 0, squares = 0;
    for (int i = 0; i < 20000; i++) {
        double x = (double)hl_rng_normal(&r);
        assert_true(isfinite(x));
        sum += x;
        squares += x * x;
    }
    assert_true(fabs(sum / 20000) < 0.03);
    assert_true(fabs(squares / 20000 - 1) < 0.05);
}

static void test_same_seed_same_numbers(void **state) {
    (void)state;
    hl_rng a, b, c;
    hl_rng_init(&a, 42);
    hl_rng_init(&b, 42);
    hl_rng_init(&c, 43);
    assert_true(hl_rng_u64(&a) == hl_rng_u64(&b));
    assert_true(hl_rng_u64(&a) != hl_rng_u64(&c));
    assert_true(hl_rng_entropy() != hl_rng_entropy());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seeding_is_splitmix64),
        cmocka_unit_test(test_generator_is_xoshiro256pp),
        cmocka_unit_test(test_below_stays_below_and_reaches_all),
        cmocka_unit_test(test_unit_is_in_its_interval_and_even),
        cmocka_unit_test(test_normal_has_mean_0_and_deviation_1),
        cmocka_unit_test(test_same_seed_same_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
