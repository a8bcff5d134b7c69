#include "config/duration.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static int64_t parsed(const char *text) {
    int64_t ns = -99;
    hl_error err;
    assert_int_equal(hl_duration_parse(hl_str_from(text), &ns, &err), HL_OK);
    return ns;
}

static void go_durations(void **state) {
    (void)state;
    assert_int_equal(parsed("5m"), 300000000000);
    assert_int_equal(parsed("1h30m"), 5400000000000);
    assert_int_equal(parsed("500ms"), 500000000);
    assert_int_equal(parsed("1.5s"), 1500000000);
    assert_int_equal(parsed("3us"), 3000);
    assert_int_equal(parsed("3\xC2\xB5s"), 3000);
    assert_int_equal(parsed("0"), 0);
    assert_int_equal(parsed("+2s"), 2000000000);
}

static void bare_numbers_are_seconds(void **state) {
    (void)state;
    assert_int_equal(parsed("300"), 300000000000);
    assert_int_equal(parsed("0.5"), 500000000);
}

static void negative_is_forever(void **state) {
    (void)state;
    assert_int_equal(parsed("-1"), HL_DURATION_FOREVER);
    assert_int_equal(parsed("-1h"), HL_DURATION_FOREVER);
    assert_int_equal(parsed("-0"), 0);
    assert_int_equal(parsed("999999999999h"), INT64_MAX);
}

static void nonsense_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",      "-", "m",   "5x",   "1m2",
                                      "1..2s", ".", "5 m", "1e9s", "nan"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t ns;
        hl_error err;
        assert_int_equal(hl_duration_parse(hl_str_from(bad[i]), &ns, &err), HL_EINVAL);
        assert_non_null(strstr(err.text, "invalid duration"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(go_durations),
        cmocka_unit_test(bare_numbers_are_seconds),
        cmocka_unit_test(negative_is_forever),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
