#include "base/clock.h"
#include "testing.h"

static void test_monotonic_does_not_go_back(void **state) {
    (void)state;
    uint64_t last = hl_clock_ns();
    for (int i = 0; i < 1000; i++) {
        uint64_t now = hl_clock_ns();
        assert_true(now >= last);
        last = now;
    }
}

static void test_sleep_lasts_at_least_as_long(void **state) {
    (void)state;
    uint64_t start = hl_clock_ns();
    hl_clock_sleep_ns(2000000);
    assert_true(hl_clock_ns() - start >= 2000000);
}

static void test_wall_clock_is_after_this_was_written(void **state) {
    (void)state;
    assert_true(hl_clock_wall_ns() > 1735689600ll * 1000000000); /* 2025-01-01 */
}

static void test_rfc3339(void **state) {
    (void)state;
    static const struct {
        int64_t ns;
        const char *text;
    } CASES[] = {
        {0, "1970-01-01T00:00:00.000000000Z"},
        {1787307072123456789ll, "2026-08-21T10:11:12.123456789Z"},
        {951782400000000001ll, "2000-02-29T00:00:00.000000001Z"},
        {-1, "1969-12-31T23:59:59.999999999Z"},
        {-1000000000ll, "1969-12-31T23:59:59.000000000Z"},
        {INT64_MAX, "2262-04-11T23:47:16.854775807Z"},
        {INT64_MIN, "1677-09-21T00:12:43.145224192Z"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char out[32];
        hl_clock_rfc3339(CASES[i].ns, out);
        assert_string_equal(out, CASES[i].text);
    }
}

static void test_duration_text_is_go_s(void **state) {
    (void)state;
    static const struct {
        uint64_t ns;
        const char *text;
    } CASES[] = {
        {0, "0s"},
        {1, "1ns"},
        {999, "999ns"},
        {1000, "1µs"},
        {1100, "1.1µs"},
        {999999, "999.999µs"},
        {2200000, "2.2ms"},
        {1234567, "1.234567ms"},
        {1000000000, "1s"},
        {3300000000, "3.3s"},
        {59999999999, "59.999999999s"},
        {60000000000, "1m0s"},
        {123500000000, "2m3.5s"},
        {3600000000000, "1h0m0s"},
        {7325000000001, "2h2m5.000000001s"},
        {UINT64_MAX, "5124095h34m33.709551615s"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char out[32];
        hl_duration_text(CASES[i].ns, out);
        assert_string_equal(out, CASES[i].text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_monotonic_does_not_go_back),
        cmocka_unit_test(test_sleep_lasts_at_least_as_long),
        cmocka_unit_test(test_wall_clock_is_after_this_was_written),
        cmocka_unit_test(test_rfc3339),
        cmocka_unit_test(test_duration_text_is_go_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
