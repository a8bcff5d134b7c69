#include "cli/member.h"

#include "testing.h"

static void what_is_of_another_kind_is_empty(void **state) {
    (void)state;
    struct json_object *o = NULL;
    assert_int_equal(
        hl_json_parse(HL_STR("{\"text\":\"a\\u0000/b\",\"number\":7,\"minus\":-1,\"large\":"
                             "18446744073709551615,\"yes\":true,\"list\":[1],\"none\":null}"),
                      &o, NULL),
        HL_OK);
    assert_int_equal(hl__member_text(o, "text").len, 4);
    assert_int_equal(hl__member_text(o, "number").len, 0);
    assert_int_equal(hl__member_uint(o, "number"), 7);
    assert_int_equal(hl__member_uint(o, "minus"), 0);
    assert_true(hl__member_uint(o, "large") == UINT64_MAX);
    assert_int_equal(hl__member_uint(o, "text"), 0);
    assert_true(hl__member_bool(o, "yes"));
    assert_false(hl__member_bool(o, "number"));
    assert_int_equal(hl__array_len(hl__member_array(o, "list")), 1);
    assert_null(hl__member_array(o, "text"));
    assert_null(hl__member(o, "none"));
    assert_null(hl__member(o, "missing"));
    assert_null(hl__member(NULL, "text"));
    assert_null(hl__member(hl__member(o, "list"), "text"));
    assert_int_equal(hl__array_len(NULL), 0);
    assert_str(hl__value_json(hl__member(o, "list")), "[1]");
    assert_str(hl__value_text(hl__member(o, "number")), "7");
    json_object_put(o);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_of_another_kind_is_empty)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
