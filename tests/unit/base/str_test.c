#include "base/str.h"
#include "testing.h"

static const hl_str NOTHING = {NULL, 0};

static void test_from_and_equality(void **state) {
    (void)state;
    assert_int_equal(hl_str_from(NULL).len, 0);
    assert_true(hl_str_eq(HL_STR("abc"), hl_str_from("abc")));
    assert_false(hl_str_eq(HL_STR("abc"), HL_STR("abd")));
    assert_false(hl_str_eq(HL_STR("abc"), HL_STR("ab")));
    assert_true(hl_str_eq(NOTHING, HL_STR("")));
    assert_true(hl_str_eq((hl_str){"a\0b", 3}, HL_STR("a\0b")));
    assert_true(hl_str_is(HL_STR("x"), "x"));
    assert_false(hl_str_is(HL_STR("x"), "y"));
}

static void test_starts_and_ends(void **state) {
    (void)state;
    assert_true(hl_str_starts(HL_STR("model.gguf"), HL_STR("model")));
    assert_false(hl_str_starts(HL_STR("mo"), HL_STR("model")));
    assert_true(hl_str_ends(HL_STR("model.gguf"), HL_STR(".gguf")));
    assert_false(hl_str_ends(HL_STR("gguf"), HL_STR(".gguf")));
    assert_true(hl_str_starts(NOTHING, NOTHING));
    assert_true(hl_str_ends(HL_STR("x"), NOTHING));
}

static void test_slice_is_cut_to_the_length(void **state) {
    (void)state;
    hl_str s = HL_STR("hello");
    assert_str(hl_str_slice(s, 1, 3), "el");
    assert_str(hl_str_slice(s, 0, 99), "hello");
    assert_str(hl_str_slice(s, 99, 100), "");
    assert_str(hl_str_slice(s, 3, 1), "");
    assert_str(hl_str_slice(s, 0, SIZE_MAX), "hello");
    assert_null(hl_str_slice(NOTHING, 0, 4).ptr);
}

static void test_find(void **state) {
    (void)state;
    hl_str s = HL_STR("abcabc");
    assert_int_equal(hl_str_find(s, HL_STR("bc"), 0), 1);
    assert_int_equal(hl_str_find(s, HL_STR("bc"), 2), 4);
    assert_true(hl_str_find(s, HL_STR("bc"), 5) == SIZE_MAX);
    assert_true(hl_str_find(s, HL_STR("a"), 7) == SIZE_MAX);
    assert_int_equal(hl_str_find(s, HL_STR(""), 6), 6);
    assert_true(hl_str_find(NOTHING, HL_STR("a"), 0) == SIZE_MAX);
    assert_int_equal(hl_str_find(HL_STR("a\0b"), HL_STR("b"), 0), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_and_equality),
        cmocka_unit_test(test_starts_and_ends),
        cmocka_unit_test(test_slice_is_cut_to_the_length),
        cmocka_unit_test(test_find),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
