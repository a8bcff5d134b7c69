#include "base/utf8.h"
#include "testing.h"

static void test_every_scalar_value_round_trips(void **state) {
    (void)state;
    for (uint32_t cp = 0; cp <= 0x10FFFF; cp++) {
        if (cp == 0xD800) cp = 0xE000;
        char out[4];
        size_t n = hl_utf8_encode(cp, out);
        uint32_t back;
        bool ok;
        size_t m = hl_utf8_decode((hl_str){out, n}, 0, &back, &ok);
        if (!ok || m != n || back != cp) fail_msg("U+%04X does not round-trip", (unsigned)cp);
    }
}

/* Malformed at once: overlong forms, surrogates, too large, lone continuations, cut short. */
static void test_malformed_bytes_are_one_long(void **state) {
    (void)state;
    static const char *const BAD[] = {"\x80",
                                      "\xBF",
                                      "\xC0\x80",
                                      "\xC1\xBF",
                                      "\xE0\x9F\xBF",
                                      "\xED\xA0\x80",
                                      "\xED\xBF\xBF",
                                      "\xF0\x8F\xBF\xBF",
                                      "\xF4\x90\x80\x80",
                                      "\xF5\x80\x80\x80",
                                      "\xFF",
                                      "\xC3",
                                      "\xE2\x82",
                                      "\xF0\x9F\x98",
                                      "\xC3\x28",
                                      "\xE2\x28\xA1",
                                      "\xF0\x9F\x28\xAF"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        uint32_t cp = 0;
        bool ok = true;
        hl_str s = hl_str_from(BAD[i]);
        assert_int_equal(hl_utf8_decode(s, 0, &cp, &ok), 1);
        assert_false(ok);
        assert_int_equal(cp, HL_UTF8_BAD);
        assert_int_equal(hl_utf8_check(s), 0);
    }
}

static void test_check_gives_the_first_bad_offset(void **state) {
    (void)state;
    assert_int_equal(hl_utf8_check(HL_STR("")), 0);
    assert_int_equal(hl_utf8_check(HL_STR("a€😀\0z")), 10);
    assert_int_equal(hl_utf8_check(HL_STR("é\xFFx")), 2);
    assert_int_equal(hl_utf8_check(HL_STR("ab\xE2\x82")), 2);
}

static void test_tail_holds_back_what_may_still_become_a_character(void **state) {
    (void)state;
    assert_int_equal(hl_utf8_tail(HL_STR("")), 0);
    assert_int_equal(hl_utf8_tail(HL_STR("abc")), 0);
    assert_int_equal(hl_utf8_tail(HL_STR("a€")), 0);
    assert_int_equal(hl_utf8_tail(HL_STR("a\xC3")), 1);
    assert_int_equal(hl_utf8_tail(HL_STR("a\xE2\x82")), 2);
    assert_int_equal(hl_utf8_tail(HL_STR("\xF0\x9F\x98")), 3);
    assert_int_equal(hl_utf8_tail(HL_STR("\xF0\x9F\x98\x80")), 0);
    assert_int_equal(hl_utf8_tail(HL_STR("\x80\x80\x80\x80")), 0);
    assert_int_equal(hl_utf8_tail(HL_STR("\xED\xA0")), 0); /* a surrogate never becomes one */
    assert_int_equal(hl_utf8_tail(HL_STR("\xFF")), 0);
}

/* Cutting a text anywhere and holding back the tail never loses or breaks a character. */
static void test_stream_of_pieces_is_whole(void **state) {
    (void)state;
    hl_str s = HL_STR("aé€😀ü𝒳z日本");
    for (size_t cut = 0; cut <= s.len; cut++) {
        hl_str head = hl_str_slice(s, 0, cut);
        size_t keep = head.len - hl_utf8_tail(head);
        assert_int_equal(hl_utf8_check(hl_str_slice(s, 0, keep)), keep);
        assert_int_equal(hl_utf8_check(hl_str_slice(s, keep, s.len)), s.len - keep);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_scalar_value_round_trips),
        cmocka_unit_test(test_malformed_bytes_are_one_long),
        cmocka_unit_test(test_check_gives_the_first_bad_offset),
        cmocka_unit_test(test_tail_holds_back_what_may_still_become_a_character),
        cmocka_unit_test(test_stream_of_pieces_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
