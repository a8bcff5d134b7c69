#include "bench/samples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void nothing_measured_is_zero(void **state) {
    (void)state;
    hl_samples s = {0};
    assert_true(hl_samples_quantile(&s, 0.5) == 0);
    assert_true(hl_samples_mean(&s) == 0);
    hl_samples_deinit(&s);
}

/* 100 … 1: the quantile q is the value 100 q, whatever order they came in. */
static void quantiles_are_nearest_ranks(void **state) {
    (void)state;
    hl_samples s = {0};
    for (int i = 100; i > 0; i--) hl_samples_add(&s, i);
    assert_true(hl_samples_quantile(&s, 0) == 1);
    assert_true(hl_samples_quantile(&s, 0.01) == 1);
    assert_true(hl_samples_quantile(&s, 0.5) == 50);
    assert_true(hl_samples_quantile(&s, 0.501) == 51);
    assert_true(hl_samples_quantile(&s, 0.95) == 95);
    assert_true(hl_samples_quantile(&s, 1) == 100);
    assert_true(hl_samples_mean(&s) == 50.5);
    hl_samples_deinit(&s);
}

static void one_more_is_seen_after_a_look(void **state) {
    (void)state;
    hl_samples s = {0};
    hl_samples_add(&s, 5);
    assert_true(hl_samples_quantile(&s, 0.99) == 5);
    hl_samples_add(&s, 3);
    assert_true(hl_samples_quantile(&s, 0.5) == 3);
    assert_true(hl_samples_quantile(&s, 0.99) == 5);
    hl_samples_deinit(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_measured_is_zero),
        cmocka_unit_test(quantiles_are_nearest_ranks),
        cmocka_unit_test(one_more_is_seen_after_a_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
