#include "cli/wrap.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* A terminal of many lines that knows what the wrapper sends: left, erase to the end, newline. */
typedef struct screen {
    char rows[64][128];
    size_t row, column;
} screen;

static void screen_take(screen *s, hl_str bytes) {
    for (size_t i = 0; i < bytes.len; i++) {
        char c = bytes.ptr[i];
        if (c == '\x1b') {
            char *end;
            unsigned long n = strtoull(bytes.ptr + i + 2, &end, 10);
            if (*end == 'D') s->column -= n;
            if (*end == 'K') memset(s->rows[s->row] + s->column, 0, 128 - s->column);
            i = (size_t)(end - bytes.ptr);
        } else if (c == '\n') {
            s->row++;
            s->column = 0;
        } else {
            s->rows[s->row][s->column++] = c;
        }
    }
}

static screen shown;

/* Shows the text in pieces of `piece` bytes on a terminal of `width` columns. */
static void show(const char *text, unsigned width, size_t piece) {
    hl__wrap w;
    hl_buf out;
    hl_str s = hl_str_from(text);
    memset(&shown, 0, sizeof shown);
    hl_buf_init(&out, 0);
    hl__wrap_init(&w, width);
    for (size_t at = 0; at < s.len; at += piece) {
        hl_buf_reset(&out);
        hl__wrap_push(&w, hl_str_slice(s, at, at + piece), &out);
        screen_take(&shown, hl_buf_str(&out));
    }
    hl_buf_deinit(&out);
}

static void words_move_to_the_next_line(void **state) {
    (void)state;
    for (size_t piece = 1; piece < 40; piece++) {
        show("the quick brown fox jumps over", 12, piece);
        assert_string_equal(shown.rows[0], "the quick ");
        assert_string_equal(shown.rows[1], "brown fox ");
        assert_string_equal(shown.rows[2], "jumps over");
        assert_int_equal(shown.row, 2);
    }
}

static void a_full_line_ends_with_its_space(void **state) {
    (void)state;
    show("abcde fghij k", 5, 1);
    assert_string_equal(shown.rows[0], "abcde");
    assert_string_equal(shown.rows[1], "fghij");
    assert_string_equal(shown.rows[2], "k");
}

static void a_word_longer_than_a_line_is_broken(void **state) {
    (void)state;
    show("abcdefghijklmno p", 6, 3);
    assert_string_equal(shown.rows[0], "abcdef");
    assert_string_equal(shown.rows[1], "ghijkl");
    assert_string_equal(shown.rows[2], "mno p");
}

static void newlines_are_kept(void **state) {
    (void)state;
    show("a\n\n  b c\n", 20, 2);
    assert_string_equal(shown.rows[0], "a");
    assert_string_equal(shown.rows[1], "");
    assert_string_equal(shown.rows[2], "  b c");
    assert_int_equal(shown.row, 3);
}

static void no_width_means_no_wrapping(void **state) {
    (void)state;
    show("a line that is longer than most of the others here", 0, 7);
    assert_string_equal(shown.rows[0], "a line that is longer than most of the others here");
}

static void control_characters_are_dropped(void **state) {
    (void)state;
    show("a\x1b[2Jb\rc\x07 d\x7f", 30, 100);
    assert_string_equal(shown.rows[0], "a[2Jbc d");
    hl__wrap w;
    hl_buf out;
    hl_buf_init(&out, 0);
    hl__wrap_init(&w, 0);
    hl__wrap_push(&w, HL_STR("x\xC2\x9Bm\xC3\xA9\xFF"),
                  &out); /* an 8-bit escape, an accent, junk */
    assert_string_equal(out.ptr, "xm\xC3\xA9");
    hl_buf_deinit(&out);
}

static void wide_characters_count_twice(void **state) {
    (void)state;
    hl__wrap w;
    hl_buf out;
    hl_buf_init(&out, 0);
    hl__wrap_init(&w, 6);
    hl__wrap_push(&w, HL_STR("\xE6\xBC\xA2\xE5\xAD\x97\xE6\xBC\xA2\xE5\xAD\x97"), &out);
    assert_int_equal(w.column, 2);
    assert_non_null(strchr(out.ptr, '\n'));
    hl_buf_deinit(&out);
}

static void endless_words_are_no_danger(void **state) {
    (void)state;
    hl__wrap w;
    hl_buf out;
    hl_buf_init(&out, 0);
    hl__wrap_init(&w, 1000);
    for (int i = 0; i < 5000; i++)
        hl__wrap_push(&w, HL_STR("\xCC\x81x"), &out); /* accents: no columns */
    assert_true(w.word_len <= HL_WRAP_WORD_MAX);
    assert_true(w.column <= 1000);
    hl_buf_deinit(&out);
}

static int set_up(void **state) {
    (void)state;
    return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_move_to_the_next_line),
        cmocka_unit_test(a_full_line_ends_with_its_space),
        cmocka_unit_test(a_word_longer_than_a_line_is_broken),
        cmocka_unit_test(newlines_are_kept),
        cmocka_unit_test(no_width_means_no_wrapping),
        cmocka_unit_test(control_characters_are_dropped),
        cmocka_unit_test(wide_characters_count_twice),
        cmocka_unit_test(endless_words_are_no_danger),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
