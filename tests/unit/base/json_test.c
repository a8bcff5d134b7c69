#include "base/json.h"
#include "testing.h"

static hl_status parse(hl_str text, struct json_object **ret, hl_error *err) {
    *ret = NULL;
    return hl_json_parse(text, ret, err);
}

/* What text becomes when it is parsed and printed again by json-c. */
static void assert_reads(const char *text, const char *want) {
    struct json_object *v;
    hl_error err;
    if (parse(hl_str_from(text), &v, &err) != HL_OK) fail_msg("%s: %s", text, err.text);
    assert_string_equal(
        json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
        want);
    json_object_put(v);
}

static void test_values(void **state) {
    (void)state;
    static const char *const SAME[] = {"{}",
                                       "[]",
                                       "[[]]",
                                       "null",
                                       "true",
                                       "false",
                                       "0",
                                       "-1",
                                       "12",
                                       "\"\"",
                                       "\"é😀\"",
                                       "{\"b\":1,\"a\":[1,2,{\"c\":null}]}",
                                       "9223372036854775807",
                                       "-9223372036854775808",
                                       "18446744073709551615",
                                       "1.5",
                                       "1e5",
                                       "-0.25E-3",
                                       "0.1000000000000000055511151231257827"};
    for (size_t i = 0; i < sizeof SAME / sizeof SAME[0]; i++) assert_reads(SAME[i], SAME[i]);
    assert_reads(" \t\r\n{ \"a\" : [ 1 , 2 ] } \n", "{\"a\":[1,2]}");
    assert_reads("\"\\u00e9\\n\\/\\ud83d\\ude00\"", "\"é\\n/😀\"");
    assert_reads("\"\\ud800\"", "\"\xEF\xBF\xBD\"");
}

static void test_null_is_a_null_pointer(void **state) {
    (void)state;
    struct json_object *v = (struct json_object *)(uintptr_t)1;
    assert_int_equal(hl_json_parse(HL_STR("null"), &v, NULL), HL_OK);
    assert_null(v);
}

static void test_malformed(void **state) {
    (void)state;
    static const char *const BAD[] = {"",
                                      " ",
                                      "{",
                                      "}",
                                      "[",
                                      "[1,",
                                      "[1,]",
                                      "[,1]",
                                      "{,}",
                                      "{\"a\"}",
                                      "{\"a\":}",
                                      "{\"a\":1,}",
                                      "{a:1}",
                                      "{'a':1}",
                                      "'a'",
                                      "\"a",
                                      "\"\\x\"",
                                      "\"\\u12\"",
                                      "\"\\u12g4\"",
                                      "\"\n\"",
                                      "\"\t\"",
                                      "01",
                                      "-",
                                      "-01",
                                      "+1",
                                      ".5",
                                      "1.",
                                      "1.e5",
                                      "1e",
                                      "1e+",
                                      "0x10",
                                      "1 2",
                                      "[1 2]",
                                      "[1][2]",
                                      "{}x",
                                      "nul",
                                      "nulll",
                                      "True",
                                      "NULL",
                                      "NaN",
                                      "Infinity",
                                      "-Infinity",
                                      "[NaN]",
                                      "/**/1",
                                      "1//x",
                                      "[1}",
                                      "{\"a\":1]",
                                      "tru",
                                      "\"a\"\"b\"",
                                      "[1,,2]",
                                      "[1 , ]",
                                      "{\"a\":1 , }",
                                      "{\"a\":1,,}",
                                      "{} {}",
                                      "\"a\" \"b\"",
                                      "true false",
                                      "null,",
                                      "1,",
                                      "\"\\",
                                      "\"\\u",
                                      "[\"a\",\"",
                                      "undefined",
                                      "1true",
                                      "\\u0031",
                                      ":",
                                      ",",
                                      "[:]",
                                      "{\"a\" 1}",
                                      "{1:2}",
                                      "{null:1}",
                                      "\xEF\xBB\xBF{}"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        struct json_object *v;
        hl_error err = {0};
        if (parse(hl_str_from(BAD[i]), &v, &err) != HL_EFORMAT) fail_msg("read: %s", BAD[i]);
        assert_null(v);
        assert_string_equal(err.area, "json");
        assert_non_null(strstr(err.text, " at offset "));
    }
}

static void test_bytes_that_are_no_text(void **state) {
    (void)state;
    struct json_object *v;
    hl_error err;
    assert_int_equal(parse((hl_str){"{}\0{}", 5}, &v, &err), HL_EFORMAT);
    assert_int_equal(parse((hl_str){"\"a\0b\"", 5}, &v, &err), HL_EFORMAT);
    assert_int_equal(parse(HL_STR("\"ab\xFF\""), &v, &err), HL_EFORMAT);
    assert_string_equal(err.text, "invalid UTF-8 at offset 3");
    assert_int_equal(parse((hl_str){NULL, 0}, &v, &err), HL_EFORMAT);
}

/* The text is a slice: nothing behind its end may be looked at. */
static void test_slice_needs_no_nul(void **state) {
    (void)state;
    struct json_object *v;
    assert_int_equal(parse((hl_str){"123456", 3}, &v, NULL), HL_OK);
    assert_int_equal(json_object_get_int(v), 123);
    json_object_put(v);
    assert_int_equal(parse((hl_str){"{}}", 2}, &v, NULL), HL_OK);
    json_object_put(v);
    assert_int_equal(parse((hl_str){"\"abc\"", 4}, &v, NULL), HL_EFORMAT);
}

static void test_integers_too_large_are_refused(void **state) {
    (void)state;
    struct json_object *v;
    hl_error err;
    assert_int_equal(parse(HL_STR("[18446744073709551616]"), &v, &err), HL_ELIMIT);
    assert_string_equal(err.text, "integer too large at offset 1");
    assert_int_equal(parse(HL_STR("-9223372036854775809"), &v, &err), HL_ELIMIT);
    assert_int_equal(parse(HL_STR("100000000000000000000"), &v, &err), HL_ELIMIT);
    assert_reads("100000000000000000000.0", "100000000000000000000.0");
}

static void test_depth_is_limited(void **state) {
    (void)state;
    char text[2 * HL_JSON_DEPTH_MAX + 8];
    for (int depth = 1; depth <= HL_JSON_DEPTH_MAX + 2; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        struct json_object *v;
        hl_error err;
        hl_status st = parse((hl_str){text, 2 * (size_t)depth}, &v, &err);
        if (depth < HL_JSON_DEPTH_MAX) assert_int_equal(st, HL_OK);
        if (depth > HL_JSON_DEPTH_MAX) assert_int_equal(st, HL_ELIMIT);
        json_object_put(v);
    }
}

/* Small values take fifty times their text in memory. */
static void test_values_are_counted(void **state) {
    (void)state;
    enum { PAIRS = HL_JSON_VALUES_MAX / 2 };
    hl_buf b;
    hl_error err;
    struct json_object *v;
    hl_buf_init(&b, 0);
    hl_buf_append_cstr(&b, "[0");
    for (int i = 0; i < PAIRS; i++)
        hl_buf_append_cstr(&b, i + 1 < PAIRS ? ",[], \"[[[\"" : ",true");
    hl_buf_append_char(&b, ']');
    assert_int_equal(parse(hl_buf_str(&b), &v, &err), HL_ELIMIT);
    assert_string_equal(err.text, "more than 2097152 values");
    b.len -= 6; /* without the last, and the bracket */
    hl_buf_append_char(&b, ']');
    assert_int_equal(parse(hl_buf_str(&b), &v, &err), HL_OK);
    assert_int_equal(json_object_array_length(v), HL_JSON_VALUES_MAX - 1);
    json_object_put(v);
    hl_buf_deinit(&b);
}

static void assert_writes(hl_str s, const char *want) {
    hl_buf b;
    hl_buf_init(&b, 0);
    hl_json_append_string(&b, s);
    assert_str(hl_buf_str(&b), want);
    hl_buf_deinit(&b);
}

static void test_append_string(void **state) {
    (void)state;
    assert_writes((hl_str){NULL, 0}, "\"\"");
    assert_writes(HL_STR("a/b é😀"), "\"a/b é😀\"");
    assert_writes(HL_STR("\"\\\b\t\n\f\r"), "\"\\\"\\\\\\b\\t\\n\\f\\r\"");
    assert_writes(HL_STR("\0\x01\x1f\x7f"), "\"\\u0000\\u0001\\u001f\x7f\"");
    assert_writes(HL_STR("a\xFFz\xE2\x82"), "\"a\xEF\xBF\xBDz\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

static void test_every_character_comes_back(void **state) {
    (void)state;
    for (int c = 0; c < 128; c++) {
        char in[3] = {'<', (char)c, '>'};
        hl_buf b;
        struct json_object *v;
        hl_buf_init(&b, 0);
        hl_json_append_string(&b, (hl_str){in, 3});
        assert_int_equal(parse(hl_buf_str(&b), &v, NULL), HL_OK);
        assert_int_equal(json_object_get_string_len(v), 3);
        assert_memory_equal(json_object_get_string(v), in, 3);
        json_object_put(v);
        hl_buf_deinit(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_null_is_a_null_pointer),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_bytes_that_are_no_text),
        cmocka_unit_test(test_slice_needs_no_nul),
        cmocka_unit_test(test_integers_too_large_are_refused),
        cmocka_unit_test(test_depth_is_limited),
        cmocka_unit_test(test_values_are_counted),
        cmocka_unit_test(test_append_string),
        cmocka_unit_test(test_every_character_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
