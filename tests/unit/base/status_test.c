#include "base/status.h"
#include "testing.h"

#include <stdio.h>

static void test_table_is_consistent(void **state) {
    (void)state;
    assert_int_equal(HL_OK, 0);
    assert_true(HL_DONE > 0 && HL_AGAIN > 0);
#define X(name, value, http, exit, retry, text)                                                    \
    assert_int_equal(HL_##name, value);                                                            \
    assert_string_equal(hl_status_name(HL_##name), #name);                                         \
    assert_string_equal(hl_status_text(HL_##name), text);                                          \
    assert_int_equal(hl_status_http(HL_##name), http);                                             \
    assert_int_equal(hl_status_exit(HL_##name), exit);                                             \
    assert_int_equal(hl_status_retry(HL_##name), retry);
    HL_STATUS_MAP(X)
#undef X
}

static void test_every_error_has_a_nonzero_exit_and_an_error_http_status(void **state) {
    (void)state;
#define X(name, value, http, exit, retry, text)                                                    \
    if ((value) < 0) {                                                                             \
        assert_true((exit) != 0);                                                                  \
        assert_true((http) >= 400 && (http) < 600);                                                \
    }
    HL_STATUS_MAP(X)
#undef X
}

static void test_fail_fills_the_error_and_returns_the_status(void **state) {
    (void)state;
    hl_error err;
    assert_int_equal(hl_fail(&err, HL_EFORMAT, "gguf", "string at %d", 7), HL_EFORMAT);
    assert_int_equal(err.status, HL_EFORMAT);
    assert_string_equal(err.area, "gguf");
    assert_string_equal(err.text, "string at 7");
}

static void test_fail_without_an_error_only_returns(void **state) {
    (void)state;
    assert_int_equal(hl_fail(NULL, HL_EIO, "fs", "x"), HL_EIO);
    hl_error_prefix(NULL, "x");
}

static void test_text_is_one_printable_line(void **state) {
    (void)state;
    hl_error err;
    (void)hl_fail(&err, HL_EINVAL, "x", "a\nb\tc\033d\177é");
    assert_string_equal(err.text, "a?b?c?d?é");
}

static void test_long_texts_are_cut(void **state) {
    (void)state;
    hl_error err;
    char text[2 * HL_ERROR_TEXT_MAX];
    memset(text, 'y', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    (void)hl_fail(&err, HL_EINVAL, "x", "%s", text);
    assert_int_equal(strlen(err.text), HL_ERROR_TEXT_MAX - 1);
    hl_error_prefix(&err, "%s", text);
    assert_int_equal(strlen(err.text), HL_ERROR_TEXT_MAX - 1);
}

static void test_a_cut_never_splits_a_character(void **state) {
    (void)state;
    hl_error err;
    char text[2 * HL_ERROR_TEXT_MAX] = "x";
    for (size_t i = 1; i + 2 < sizeof text; i += 2) memcpy(text + i, "é", 3);
    (void)hl_fail(&err, HL_EINVAL, "x", "%s", text);
    size_t len = strlen(err.text);
    assert_true(len >= HL_ERROR_TEXT_MAX - 4);
    assert_int_equal((unsigned char)err.text[len - 1], 0xA9); /* the end of an é */
}

static void test_prefix_says_where(void **state) {
    (void)state;
    hl_error err;
    (void)hl_fail(&err, HL_EFORMAT, "gguf", "bad magic");
    hl_error_prefix(&err, "%s", "/x/y\n.gguf");
    assert_string_equal(err.text, "/x/y?.gguf: bad magic");
    assert_int_equal(err.status, HL_EFORMAT);
}

static hl_status try_it(hl_status inner, bool *ret_reached) {
    *ret_reached = false;
    HL_TRY(inner);
    *ret_reached = true;
    return HL_OK;
}

static void test_try_returns_errors_and_passes_notes(void **state) {
    (void)state;
    bool reached;
    assert_int_equal(try_it(HL_ELIMIT, &reached), HL_ELIMIT);
    assert_false(reached);
    assert_int_equal(try_it(HL_AGAIN, &reached), HL_OK);
    assert_true(reached);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_is_consistent),
        cmocka_unit_test(test_every_error_has_a_nonzero_exit_and_an_error_http_status),
        cmocka_unit_test(test_fail_fills_the_error_and_returns_the_status),
        cmocka_unit_test(test_fail_without_an_error_only_returns),
        cmocka_unit_test(test_text_is_one_printable_line),
        cmocka_unit_test(test_long_texts_are_cut),
        cmocka_unit_test(test_a_cut_never_splits_a_character),
        cmocka_unit_test(test_prefix_says_where),
        cmocka_unit_test(test_try_returns_errors_and_passes_notes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
