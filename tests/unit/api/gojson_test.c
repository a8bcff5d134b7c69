#include "api/gojson.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* What Go's decoder says of each; "" : nothing. */
static const char *const CASES[][2] = {
    {"", "EOF"},
    {"  \n", "EOF"},
    {"{}", ""},
    {"{\"a\":[1,-2.5e+3,true,false,null,\"x\\u00e9\\n\"]}", ""},
    {"{} behind", ""}, /* a decoder reads one value */
    {"{", "unexpected EOF"},
    {"{\"a", "unexpected EOF"},
    {"{\"a\":", "unexpected EOF"},
    {"[1,", "unexpected EOF"},
    {"tru", "unexpected EOF"},
    {"1e", "unexpected EOF"},
    {"not json", "invalid character 'o' in literal null (expecting 'u')"},
    {"truth", "invalid character 't' in literal true (expecting 'e')"},
    {"falsy", "invalid character 'y' in literal false (expecting 'e')"},
    {"xyz", "invalid character 'x' looking for beginning of value"},
    {"'a'", "invalid character '\\'' looking for beginning of value"},
    {"\xC3\xA9", "invalid character '\xC3\x83' looking for beginning of value"},
    {"\x01", "invalid character '\\x01' looking for beginning of value"},
    {"{a:1}", "invalid character 'a' looking for beginning of object key string"},
    {"{\"a\":1,}", "invalid character '}' looking for beginning of object key string"},
    {"{\"a\" 1}", "invalid character '1' after object key"},
    {"{\"a\":1 \"b\"}", "invalid character '\"' after object key:value pair"},
    {"[1 2]", "invalid character '2' after array element"},
    {"[1,]", "invalid character ']' looking for beginning of value"},
    {"\"a\nb\"", "invalid character '\\n' in string literal"},
    {"\"\\x\"", "invalid character 'x' in string escape code"},
    {"\"\\u12g4\"", "invalid character 'g' in \\u hexadecimal character escape"},
    {"-x", "invalid character 'x' in numeric literal"},
    {"[1.]", "invalid character ']' after decimal point in numeric literal"},
    {"[1e+]", "invalid character ']' in exponent of numeric literal"},
    {"[01]", "invalid character '1' after array element"},
};

static void complains_as_go_does(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        hl_buf out;
        hl_buf_init(&out, 0);
        bool complains = hl__go_json_complain(hl_str_from(CASES[i][0]), &out);
        assert_string_equal(out.ptr ? out.ptr : "", CASES[i][1]);
        assert_int_equal(complains, CASES[i][1][0] != '\0');
        hl_buf_deinit(&out);
    }
}

/* Deeper than anybody reads: no complaint of Go's, and no end of the stack. */
static void depth_is_bounded(void **state) {
    (void)state;
    static char deep[200000];
    hl_buf out;
    hl_buf_init(&out, 0);
    for (size_t i = 0; i < sizeof deep; i++) deep[i] = i % 2 ? '[' : ' ';
    assert_false(hl__go_json_complain((hl_str){deep, sizeof deep}, &out));
    hl_buf_deinit(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(complains_as_go_does),
                                       cmocka_unit_test(depth_is_bounded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
