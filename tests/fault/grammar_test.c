/* Compiling a format when memory runs out: a status, nothing kept, and in the end success. */
#include "base/mem.h"
#include "testing.h"
#include "text/grammar.h"

static const char SCHEMA[] =
    "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\",\"pattern\":\"^x+$\"},\"b\":{"
    "\"allOf\":[{\"type\":\"integer\"},{\"minimum\":3}]},\"c\":{\"enum\":[\"x\",[1]]}},"
    "\"required\":"
    "[\"a\"],\"additionalProperties\":true}";
static const char GBNF[] = "root ::= item+ [a-z]{1,3}\nitem ::= \"a\" | \"(\" root \")\"";

static hl_status compile(int kind, struct json_object *schema, hl_error *err) {
    hl_grammar_thinking t = {.open = HL_STR("<t>"), .close = HL_STR("</t>")};
    hl_grammar *g = NULL;
    hl_status st = kind == 0   ? hl_grammar_schema(schema, &t, &g, err)
                   : kind == 1 ? hl_grammar_gbnf(hl_str_from(GBNF), &t, &g, err)
                               : hl_grammar_json(&t, &g, err);
    assert_true((st == HL_OK) == (g != NULL));
    hl_grammar_destroy(g);
    return st;
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    struct json_object *schema;
    hl_error err;
    assert_int_equal(hl_json_parse(hl_str_from(SCHEMA), &schema, &err), HL_OK);
    for (int kind = 0; kind < 3; kind++) {
        hl_status st = HL_ENOMEM;
        uint64_t n = 1;
        for (; st != HL_OK && n < 5000; n++) {
            hl_mem_fail_nth(n);
            st = compile(kind, schema, &err);
            hl_mem_fail_nth(0);
            assert_true(st == HL_OK || st == HL_ENOMEM || st == HL_ELIMIT);
        }
        assert_int_equal(st, HL_OK);
        assert_true(n > 5);
    }
    json_object_put(schema);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
