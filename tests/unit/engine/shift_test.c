#include "engine/native/shift.h"

#include "testing.h"

static void keeps_what_is_asked_and_the_newer_half(void **state) {
    (void)state;
    hl_shift s = hl_shift_of(4, false, 100, 256);
    assert_int_equal(s.keep, 4);
    assert_int_equal(s.drop, 126);
    s = hl_shift_of(4, true, 100, 256);
    assert_int_equal(s.keep, 5);
    assert_int_equal(s.drop, 125);
    s = hl_shift_of(-1, true, 100, 256); /* the BOS is part of the prompt */
    assert_int_equal(s.keep, 100);
    assert_int_equal(s.drop, 78);
}

static void always_moves_on_and_leaves_something(void **state) {
    (void)state;
    const int32_t keeps[] = {-1, 0, 1, 3, 4, 63, 64, 65, INT32_MAX};
    for (uint32_t n_ctx = 2; n_ctx < 70; n_ctx++) {
        for (size_t i = 0; i < sizeof keeps / sizeof *keeps; i++) {
            hl_shift s = hl_shift_of(keeps[i], i % 2, n_ctx - 1, n_ctx);
            assert_true(s.drop >= 1);
            assert_true(s.keep + s.drop < n_ctx); /* the newest token stays */
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_is_asked_and_the_newer_half),
        cmocka_unit_test(always_moves_on_and_leaves_something),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
