#include "cli/human.h"

#include <stdio.h>

#include "testing.h"

static void sizes_are_decimal(void **state) {
    (void)state;
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {
        {0, "0 B"},
        {999, "999 B"},
        {1000, "1 KB"},
        {1500, "1.5 KB"},
        {24680183, "24 MB"},
        {58667826, "58 MB"},
        {986000000, "986 MB"},
        {4700000000, "4.7 GB"},
        {2000000000, "2 GB"},
        {12999999999, "12 GB"},
        {1200000000000, "1.2 TB"},
        {UINT64_MAX, "18446744 TB"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[HL__HUMAN_MAX];
        hl__size_text(cases[i].bytes, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void times_are_words(void **state) {
    (void)state;
    enum { M = 60, H = 3600, D = 86400 };
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {
        {0, "Less than a second"},
        {1, "1 second"},
        {59, "59 seconds"},
        {M, "About a minute"},
        {2 * M - 1, "About a minute"},
        {2 * M, "2 minutes"},
        {5 * M - 1, "4 minutes"},
        {H, "About an hour"},
        {85 * M, "About an hour"},
        {2 * H, "2 hours"},
        {47 * H, "47 hours"},
        {2 * D, "2 days"},
        {13 * D, "13 days"},
        {14 * D, "2 weeks"},
        {59 * D, "8 weeks"},
        {60 * D, "2 months"},
        {700 * D, "23 months"},
        {800 * D, "2 years"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[HL__HUMAN_MAX], want[64];
        snprintf(want, sizeof want, "%s ago", cases[i].text);
        hl__time_text(1000000, 1000000 + cases[i].seconds * 1000, text);
        assert_string_equal(text, want);
        if (cases[i].seconds == 0) continue;
        snprintf(want, sizeof want, "%s from now", cases[i].text);
        hl__time_text(1000000 + cases[i].seconds * 1000, 1000000, text);
        assert_string_equal(text, want);
    }
    char text[HL__HUMAN_MAX];
    hl__time_text(INT64_MIN, INT64_MAX, text); /* no sane clock, but no crash */
    hl__time_text(INT64_MAX, INT64_MIN, text);
}

static void processors_and_until(void **state) {
    (void)state;
    char text[HL__HUMAN_MAX];
    static const struct {
        uint64_t bytes, vram;
        const char *text;
    } cases[] = {{100, 0, "100% CPU"},
                 {100, 100, "100% GPU"},
                 {1000, 521, "48%/52% CPU/GPU"},
                 {0, 0, "Unknown"},
                 {1, 2, "Unknown"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hl__processor_text(cases[i].bytes, cases[i].vram, text);
        assert_string_equal(text, cases[i].text);
    }
    hl__until_text(999, 1000, text);
    assert_string_equal(text, "Stopping...");
    hl__until_text(1000 + 299999, 1000, text);
    assert_string_equal(text, "4 minutes from now");
    hl__until_text(1000 + (int64_t)21 * 365 * 86400000, 1000, text);
    assert_string_equal(text, "Forever");
    hl__until_text(1000 + (int64_t)19 * 365 * 86400000, 1000, text);
    assert_string_equal(text, "19 years from now");
}

static void dates_are_read(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t ms; /* -1: none */
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-03-09T14:05:06Z", 1773065106000},
        {"2026-03-09T14:05:06.123456789Z", 1773065106123},
        {"2026-03-09T15:05:06.1+01:00", 1773065106100},
        {"2026-03-09T09:35:06-04:30", 1773065106000},
        {"2319-03-04T07:33:25.753610163Z", 11018705605753},
        {"2024-02-29T00:00:00Z", 1709164800000},
        {"2026-03-09T14:05:06", -1},
        {"2026-03-09T14:05:06+0100", -1},
        {"2026-03-09 14:05:06Z", -1},
        {"2026-13-09T14:05:06Z", -1},
        {"2026-03-09T14:05:06.", -1},
        {"", -1},
        {"now", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t ms = 0;
        bool ok = hl__time_parse(hl_str_from(cases[i].text), &ms);
        assert_int_equal(ok, cases[i].ms >= 0);
        if (ok) assert_int_equal(ms, cases[i].ms);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_decimal),
        cmocka_unit_test(times_are_words),
        cmocka_unit_test(processors_and_until),
        cmocka_unit_test(dates_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
