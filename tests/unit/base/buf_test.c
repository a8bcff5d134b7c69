#include "base/buf.h"
#include "testing.h"

static void test_appends_add_up_and_end_in_nul(void **state) {
    (void)state;
    hl_buf b;
    hl_buf_init(&b, 0);
    assert_str(hl_buf_str(&b), "");
    hl_buf_append(&b, "a\0b", 3);
    hl_buf_append_str(&b, HL_STR("cd"));
    hl_buf_append_cstr(&b, "ef");
    hl_buf_append_char(&b, '!');
    hl_buf_printf(&b, "%d-%s", 42, "x");
    assert_int_equal(b.len, 12);
    assert_memory_equal(b.ptr, "a\0bcdef!42-x", 13);
    assert_int_equal(hl_buf_status(&b, "it", NULL), HL_OK);
    hl_buf_deinit(&b);
    assert_null(b.ptr);
}

static void test_whole_numbers(void **state) {
    (void)state;
    hl_buf b;
    hl_buf_init(&b, 0);
    hl_buf_append_uint(&b, 0);
    hl_buf_append_char(&b, ' ');
    hl_buf_append_uint(&b, 4096);
    hl_buf_append_char(&b, ' ');
    hl_buf_append_uint(&b, UINT64_MAX);
    assert_str(hl_buf_str(&b), "0 4096 18446744073709551615");
    hl_buf_deinit(&b);
}

static void test_nothing_can_be_appended(void **state) {
    (void)state;
    hl_buf b;
    hl_buf_init(&b, 0);
    hl_buf_append(&b, NULL, 0);
    hl_buf_append_str(&b, (hl_str){NULL, 0});
    assert_int_equal(b.len, 0);
    assert_int_equal(b.ptr[0], '\0');
    hl_buf_deinit(&b);
}

static void test_grows_to_any_size(void **state) {
    (void)state;
    hl_buf b;
    hl_buf_init(&b, 0);
    for (int i = 0; i < 100000; i++) hl_buf_append_char(&b, (char)('a' + i % 26));
    assert_int_equal(b.len, 100000);
    for (size_t i = 0; i < b.len; i++) assert_int_equal(b.ptr[i], 'a' + i % 26);
    hl_buf_deinit(&b);
}

static void test_limit_is_exact_and_sticks(void **state) {
    (void)state;
    hl_buf b;
    hl_error err;
    hl_buf_init(&b, 5);
    hl_buf_append_cstr(&b, "12345");
    assert_int_equal(hl_buf_status(&b, "it", &err), HL_OK);
    hl_buf_append_char(&b, '6');
    hl_buf_append(&b, NULL, 0);
    assert_str(hl_buf_str(&b), "12345");
    assert_int_equal(hl_buf_status(&b, "the reply", &err), HL_ELIMIT);
    assert_string_equal(err.text, "the reply is larger than 5 bytes");
    hl_buf_reset(&b);
    hl_buf_append_cstr(&b, "ok");
    assert_int_equal(hl_buf_status(&b, "it", &err), HL_OK);
    assert_str(hl_buf_str(&b), "ok");
    hl_buf_deinit(&b);
}

static void test_absurd_sizes_fail_at_once(void **state) {
    (void)state;
    static const size_t LIMITS[] = {0, 10, SIZE_MAX};
    for (size_t i = 0; i < 3; i++) {
        hl_buf b;
        hl_error err;
        hl_buf_init(&b, LIMITS[i]);
        hl_buf_append_char(&b, 'x');
        assert_false(hl_buf_reserve(&b, SIZE_MAX));
        assert_int_equal(hl_buf_status(&b, "it", &err), LIMITS[i] ? HL_ELIMIT : HL_ENOMEM);
        assert_str(hl_buf_str(&b), "x");
        hl_buf_deinit(&b);
    }
}

static void test_printf_past_the_limit_writes_nothing(void **state) {
    (void)state;
    hl_buf b;
    hl_buf_init(&b, 8);
    hl_buf_printf(&b, "%s", "123456789");
    assert_int_equal(b.len, 0);
    assert_int_equal(hl_buf_status(&b, "it", NULL), HL_ELIMIT);
    hl_buf_deinit(&b);
}

static void test_consume_drops_the_front(void **state) {
    (void)state;
    hl_buf b;
    hl_buf_init(&b, 0);
    hl_buf_consume(&b, 0);
    hl_buf_append_cstr(&b, "hello");
    hl_buf_consume(&b, 2);
    assert_string_equal(b.ptr, "llo");
    hl_buf_consume(&b, 3);
    assert_string_equal(b.ptr, "");
    hl_buf_deinit(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_appends_add_up_and_end_in_nul),
        cmocka_unit_test(test_whole_numbers),
        cmocka_unit_test(test_nothing_can_be_appended),
        cmocka_unit_test(test_grows_to_any_size),
        cmocka_unit_test(test_limit_is_exact_and_sticks),
        cmocka_unit_test(test_absurd_sizes_fail_at_once),
        cmocka_unit_test(test_printf_past_the_limit_writes_nothing),
        cmocka_unit_test(test_consume_drops_the_front),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
