#include "cli/progress.h"

#include "testing.h"

static const uint64_t S = 1000000000;

static void plain_lines_are_few(void **state) {
    (void)state;
    hl__progress p;
    hl_buf out;
    hl_buf_init(&out, 0);
    hl__progress_init(&p, 0);
    hl__progress_step(&p, HL_STR("pulling manifest"), 0, 0, 0, &out);
    for (uint64_t i = 0; i <= 1000; i++)
        hl__progress_step(&p, HL_STR("pulling abc"), 1000000000, i * 1000000, i * S / 100, &out);
    hl__progress_step(&p, HL_STR("pulling abc"), 1000000000, 1000000000, 11 * S, &out);
    hl__progress_step(&p, HL_STR("pulling small"), 100, 0, 11 * S, &out);
    hl__progress_step(&p, HL_STR("pulling small"), 100, 50, 11 * S, &out);
    hl__progress_step(&p, HL_STR("pulling small"), 100, 100, 11 * S, &out);
    hl__progress_step(&p, HL_STR("success"), 0, 0, 12 * S, &out);
    hl__progress_end(&p, 12 * S, &out);
    size_t lines = 0;
    for (size_t i = 0; i < out.len; i++) lines += out.ptr[i] == '\n';
    assert_int_equal(lines, 1 + 11 + 2 + 1);
    assert_non_null(strstr(out.ptr, "pulling abc:  50%  500 MB/1 GB\n"));
    assert_non_null(strstr(out.ptr, "pulling abc: 100%  1 GB\n"));
    assert_null(strchr(out.ptr, '\033'));
    hl_buf_deinit(&out);
}

static void bars_have_rate_and_time_left(void **state) {
    (void)state;
    hl__progress p;
    hl_buf out;
    hl_buf_init(&out, 0);
    hl__progress_init(&p, 100);
    hl__progress_step(&p, HL_STR("pulling abc"), 1000, 0, 0, &out);
    hl_buf_reset(&out);
    hl__progress_step(&p, HL_STR("pulling abc"), 1000, 500, 2 * S, &out);
    assert_str(hl_buf_str(&out), "\033[1A\r\033[Jpulling abc:  50% ▕█████████         ▏ 500 B/1 KB"
                                 "  250 B/s  2s\n");
    hl_buf_reset(&out);
    hl__progress_step(&p, HL_STR("pulling abc"), 1000, 1000, 3 * S, &out);
    assert_non_null(strstr(out.ptr, "100%"));
    hl_buf_reset(&out);
    hl__progress_step(&p, HL_STR("success"), 0, 0, 4 * S, &out);
    assert_str(hl_buf_str(&out), "\033[Jsuccess\n"); /* what is over is not drawn again */
    hl_buf_deinit(&out);
}

static void strange_texts_do_no_harm(void **state) {
    (void)state;
    hl__progress p;
    hl_buf out;
    char text[400];
    hl_buf_init(&out, 0);
    hl__progress_init(&p, 0);
    memset(text, '\033', sizeof text);
    hl__progress_step(&p, (hl_str){text, sizeof text}, 10, 20, 0, &out);
    for (unsigned i = 0; i < 200; i++) {
        text[0] = (char)('a' + i % 20);
        text[1] = (char)('a' + i / 20);
        hl__progress_step(&p, (hl_str){text, 2}, UINT64_MAX, i, 0, &out);
    }
    hl__progress_init(&p, 100);
    for (unsigned i = 0; i < 200; i++) {
        text[0] = (char)('a' + i % 20);
        text[1] = (char)('a' + i / 20);
        hl__progress_step(&p, (hl_str){text, 2}, UINT64_MAX, UINT64_MAX / 2, i * S, &out);
    }
    hl__progress_end(&p, 0, &out);
    assert_true(out.failed >= 0);
    hl_buf_deinit(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_lines_are_few),
        cmocka_unit_test(bars_have_rate_and_time_left),
        cmocka_unit_test(strange_texts_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
