/* What grammars accept, where they let a text end, and what they refuse to be made from. */
#include "testing.h"
#include "text/grammar.h"

static hl_error error;

static hl_grammar *schema_of(const char *text) {
    struct json_object *schema;
    hl_grammar *g = NULL;
    assert_int_equal(hl_json_parse(hl_str_from(text), &schema, &error), HL_OK);
    hl_status st = hl_grammar_schema(schema, NULL, &g, &error);
    if (st < 0) print_error("%s: %s\n", text, error.text);
    assert_int_equal(st, HL_OK);
    json_object_put(schema);
    return g;
}

static hl_status refusal_of(const char *text) {
    struct json_object *schema;
    hl_grammar *g = NULL;
    assert_int_equal(hl_json_parse(hl_str_from(text), &schema, &error), HL_OK);
    hl_status st = hl_grammar_schema(schema, NULL, &g, &error);
    json_object_put(schema);
    hl_grammar_destroy(g);
    return st;
}

typedef enum verdict { REFUSED, PREFIX, WHOLE } verdict;

/* The same by single bytes, at once, and in two parts wherever it is cut. */
static verdict verdict_of(const hl_grammar *g, const char *text) {
    hl_grammar_state *s;
    size_t n = strlen(text), at = 0;
    assert_int_equal(hl_grammar_state_create(&s, &error), HL_OK);
    hl_grammar_begin(s, g);
    while (at < n && hl_grammar_advance(s, (hl_str){text + at, 1})) at++;
    verdict v = at < n ? REFUSED : hl_grammar_can_end(s) ? WHOLE : PREFIX;
    if (n <= HL_GRAMMAR_TOKEN_MAX && n > 0) {
        for (size_t cut = 0; cut < n; cut++) {
            hl_grammar_begin(s, g);
            bool ok = cut == 0 || hl_grammar_advance(s, (hl_str){text, cut});
            assert_true(ok == (cut <= at));
            if (!ok) continue;
            assert_true(hl_grammar_accepts(s, (hl_str){text + cut, n - cut}) == (v != REFUSED));
            assert_true(hl_grammar_advance(s, (hl_str){text + cut, n - cut}) == (v != REFUSED));
        }
        if (v != REFUSED) assert_true(hl_grammar_can_end(s) == (v == WHOLE));
    }
    hl_grammar_state_destroy(s);
    return v;
}

typedef struct row {
    const char *text;
    verdict v;
} row;

static void check_rows(hl_grammar *g, const char *what, const row *rows) {
    for (; rows->text; rows++) {
        verdict v = verdict_of(g, rows->text);
        if (v != rows->v) print_error("%s: <%s> is %d\n", what, rows->text, v);
        assert_int_equal(v, rows->v);
    }
    hl_grammar_destroy(g);
}

#define CHECK(schema, ...)                                                                         \
    check_rows(schema_of(schema), schema, (const row[]){__VA_ARGS__, {NULL, REFUSED}})

static void json_is_any_object(void **state) {
    (void)state;
    hl_grammar *g;
    assert_int_equal(hl_grammar_json(NULL, &g, &error), HL_OK);
    check_rows(g, "json",
               (const row[]){{"{}", WHOLE},
                             {"{ }", WHOLE},
                             {"{\"a\": 1, \"b\": [true, null, {\"c\": -1.5e+10}]}", WHOLE},
                             {"{\n  \"a\": [\n    1\n  ]\n}", WHOLE},
                             {"{\"a\"", PREFIX},
                             {"{\"a\": \"\xC3", PREFIX},
                             {"[]", REFUSED},
                             {"1", REFUSED},
                             {" {}", REFUSED},
                             {"{} ", REFUSED},
                             {"{}{", REFUSED},
                             {"{\"a\" :1}", REFUSED},
                             {"{\"a\":  1}", REFUSED},
                             {"{\"a\":\n\n1}", REFUSED},
                             {"{,", REFUSED},
                             {"{\"a\":1,}", REFUSED},
                             {"{\"a\":[1,]}", REFUSED},
                             {"{\"a\":01", REFUSED},
                             {"{\"a\":tru", PREFIX},
                             {"{\"a\":trux", REFUSED},
                             {"{a", REFUSED},
                             {NULL, REFUSED}});
}

static void strings_are_utf8_with_escapes(void **state) {
    (void)state;
    CHECK("{\"type\":\"string\"}", {"\"\"", WHOLE},
          {"\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"", WHOLE},
          {"\"\\n\\\"\\\\\\/\\u00e9\\uD83D\\uDE00\"", WHOLE}, {"\"\\ud83d\"", REFUSED},
          {"\"\\ude00", REFUSED}, {"\"\\x", REFUSED}, {"\"\\u12g", REFUSED}, {"\"\t", REFUSED},
          {"\"\n", REFUSED}, {"\"\x80", REFUSED}, {"\"\xC0", REFUSED}, {"\"\xED\xA0", REFUSED},
          {"\"\xF4\x90", REFUSED}, {"\"\xC3x", REFUSED}, {"\"a\"b", REFUSED}, {"'a'", REFUSED});
    CHECK("{\"type\":\"string\",\"minLength\":2,\"maxLength\":3}", {"\"a\"", REFUSED},
          {"\"ab\"", WHOLE}, {"\"\xC3\xA9\\n\\uD83D\\uDE00\"", WHOLE}, {"\"abcd", REFUSED});
    CHECK("{\"type\":\"string\",\"maxLength\":0}", {"\"\"", WHOLE}, {"\"a", REFUSED});
}

static void numbers(void **state) {
    (void)state;
    CHECK("{\"type\":\"number\"}", {"0", WHOLE}, {"-0.5", WHOLE}, {"12.25e-3", WHOLE},
          {"1.", PREFIX}, {"-", PREFIX}, {"+1", REFUSED}, {".5", REFUSED}, {"00", REFUSED},
          {"1e", PREFIX}, {"NaN", REFUSED});
    CHECK("{\"type\":\"integer\"}", {"-12", WHOLE}, {"999999999999999999", WHOLE}, {"1.0", REFUSED},
          {"1e2", REFUSED});
    CHECK("{\"type\":\"integer\",\"minimum\":18,\"maximum\":120}", {"18", WHOLE}, {"17", REFUSED},
          {"1", PREFIX}, {"120", WHOLE}, {"121", REFUSED}, {"99", WHOLE}, {"-1", REFUSED},
          {"019", REFUSED}, {"200", REFUSED});
    CHECK("{\"type\":\"integer\",\"exclusiveMinimum\":-3,\"exclusiveMaximum\":2}", {"-2", WHOLE},
          {"-3", REFUSED}, {"1", WHOLE}, {"2", REFUSED}, {"0", WHOLE}, {"-0", REFUSED});
    CHECK("{\"type\":\"integer\",\"minimum\":-120,\"maximum\":-7}", {"-7", WHOLE}, {"-6", PREFIX},
          {"-4x", REFUSED}, {"-120", WHOLE}, {"-121", REFUSED}, {"0", REFUSED}, {"-55", WHOLE});
    CHECK("{\"type\":\"number\",\"minimum\":0.25,\"exclusiveMaximum\":3.5}", {"0.25", WHOLE},
          {"0.2", PREFIX}, {"0.24", REFUSED}, {"0.3", WHOLE}, {"0", PREFIX}, {"1", WHOLE},
          {"3.49999", WHOLE}, {"3.5", REFUSED}, {"3", WHOLE}, {"4", REFUSED}, {"2.999", WHOLE});
    CHECK("{\"type\":\"number\",\"minimum\":-1.5,\"maximum\":-0.5}", {"-1.5", WHOLE},
          {"-1.51", REFUSED}, {"-1.50", WHOLE}, {"-0.5", WHOLE}, {"-0.49", REFUSED}, {"-1", WHOLE},
          {"0", REFUSED});
    CHECK("{\"type\":\"number\",\"exclusiveMinimum\":0}", {"0", PREFIX}, {"0.000", PREFIX},
          {"0.001", WHOLE}, {"5", WHOLE}, {"-", REFUSED});
    CHECK("{\"type\":\"number\",\"minimum\":1.25,\"maximum\":1.5}", {"1.25", WHOLE}, {"1.3", WHOLE},
          {"1.2", PREFIX}, {"1.24", REFUSED}, {"1.5", WHOLE}, {"1.51", REFUSED}, {"1.500", WHOLE},
          {"1", PREFIX}, {"2", REFUSED});
}

static void objects_keep_the_order(void **state) {
    (void)state;
    CHECK("{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},\"nick\":{\"type\":"
          "\"string\"},\"age\":{\"type\":\"integer\"}},\"required\":[\"age\"]}",
          {"{\"name\": \"a\", \"nick\": \"b\", \"age\": 3}", WHOLE}, {"{\"age\":3}", WHOLE},
          {"{\"nick\":\"\",\"age\":3}", WHOLE}, {"{}", REFUSED}, {"{\"name\":\"a\"}", REFUSED},
          {"{\"nick\":\"\",\"name\"", REFUSED}, {"{\"age\":3,", REFUSED}, {"{\"n", PREFIX},
          {"{\"x", REFUSED}, {"{\"age\":3.5", REFUSED}, {"{\"age\":3\n}", WHOLE});
    CHECK("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"null\"},\"ab\":true},"
          "\"additionalProperties\":{\"type\":\"integer\"}}",
          {"{\"a\":null,\"b\":1,\"c\":2}", WHOLE}, {"{\"b\":1}", WHOLE}, {"{\"a\":1", REFUSED},
          {"{\"b\":1,\"a\":", REFUSED}, {"{\"ab\":\"x\"}", WHOLE}, {"{\"abc\":1}", WHOLE},
          {"{\"abc\":\"", REFUSED}, {"{\"\":1}", WHOLE}, {"{\"b\":1,\"\\u0061\"", REFUSED},
          {"{}", WHOLE});
    CHECK(
        "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"boolean\"},\"minProperties\":1,"
        "\"maxProperties\":2}",
        {"{}", REFUSED}, {"{\"a\":true}", WHOLE}, {"{\"a\":true,\"b\":false}", WHOLE},
        {"{\"a\":true,\"b\":false,", REFUSED});
    CHECK("{\"required\":[\"a\"]}", {"{\"a\":1}", WHOLE}, {"{\"b\":", REFUSED},
          {"{\"a\":1,\"b\":2}", WHOLE}, {"{}", REFUSED});
    CHECK("{\"type\":\"object\",\"properties\":{},\"additionalProperties\":false}", {"{}", WHOLE},
          {"{\"", REFUSED});
}

static void arrays(void **state) {
    (void)state;
    CHECK("{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"minItems\":1,\"maxItems\":2}",
          {"[]", REFUSED}, {"[1]", WHOLE}, {"[1, 2]", WHOLE}, {"[1,2,", REFUSED}, {"[\"", REFUSED});
    CHECK("{\"type\":\"array\"}", {"[]", WHOLE}, {"[1,\"a\",[]]", WHOLE}, {"{", REFUSED});
    CHECK("{\"type\":\"array\",\"prefixItems\":[{\"type\":\"integer\"},{\"type\":\"string\"}],"
          "\"items\":{\"type\":\"null\"},\"minItems\":2}",
          {"[1,\"\"]", WHOLE}, {"[1]", REFUSED}, {"[1,\"\",null,null]", WHOLE},
          {"[1,\"\",1", REFUSED});
    CHECK("{\"type\":\"array\",\"prefixItems\":[{\"type\":\"integer\"}],\"items\":false}",
          {"[1]", WHOLE}, {"[]", WHOLE}, {"[1,", REFUSED});
}

static void alternatives(void **state) {
    (void)state;
    CHECK("{\"enum\":[\"red\",\"green\",1,null,{\"a\":[1]}]}", {"\"red\"", WHOLE}, {"\"re", PREFIX},
          {"\"blue", REFUSED}, {"1", WHOLE}, {"2", REFUSED}, {"null", WHOLE},
          {"{\"a\": [1]}", WHOLE});
    CHECK("{\"type\":\"string\",\"enum\":[\"a\",1]}", {"\"a\"", WHOLE}, {"1", REFUSED});
    CHECK("{\"const\":\"a\\\"\\n\"}", {"\"a\\\"\\n\"", WHOLE}, {"\"a\"", REFUSED});
    CHECK("{\"type\":[\"string\",\"null\"]}", {"null", WHOLE}, {"\"a\"", WHOLE}, {"1", REFUSED});
    CHECK("{\"type\":\"integer\",\"nullable\":true}", {"null", WHOLE}, {"1", WHOLE},
          {"\"", REFUSED});
    CHECK("{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"object\",\"properties\":{\"k\":{"
          "\"const\":1}},"
          "\"required\":[\"k\"]},{\"type\":\"object\",\"properties\":{\"kind\":{\"const\":2}},"
          "\"required\":[\"kind\"]}]}",
          {"3", WHOLE}, {"{\"k\":1}", WHOLE}, {"{\"kind\":2}", WHOLE}, {"{\"k\":2", REFUSED},
          {"{}", REFUSED});
    CHECK("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"type\":"
          "\"integer\"}},\"anyOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}]}",
          {"{\"a\":1}", WHOLE}, {"{\"b\":1}", WHOLE}, {"{}", REFUSED},
          {"{\"a\":1,\"b\":2}", WHOLE});
    CHECK("{\"allOf\":[{\"type\":\"object\",\"properties\":{\"a\":{\"minimum\":1}},\"required\":["
          "\"a\"]"
          "},{\"properties\":{\"a\":{\"type\":\"integer\",\"maximum\":5},\"b\":{\"type\":\"null\"}}"
          "}]}",
          {"{\"a\":3,\"b\":null}", WHOLE}, {"{\"a\":6", REFUSED}, {"{\"a\":0", REFUSED},
          {"{\"b", REFUSED});
    CHECK("true", {"1", WHOLE}, {"{\"a\":[]}", WHOLE});
    CHECK("{}", {"\"a\"", WHOLE}, {"x", REFUSED});
}

static void references(void **state) {
    (void)state;
    CHECK("{\"$ref\":\"#/$defs/node\",\"$defs\":{\"node\":{\"type\":\"object\",\"properties\":{"
          "\"v\":{\"type\":\"integer\"},\"next\":{\"anyOf\":[{\"$ref\":\"#/$defs/node\"},{\"type\":"
          "\"null\"}]}},\"required\":[\"v\",\"next\"]}}}",
          {"{\"v\":1,\"next\":null}", WHOLE}, {"{\"v\":1,\"next\":{\"v\":2,\"next\":null}}", WHOLE},
          {"{\"v\":1,\"next\":{\"v\":2}", REFUSED});
    CHECK("{\"type\":\"array\",\"items\":{\"$ref\":\"#\"}}", {"[[],[[]]]", WHOLE}, {"[1", REFUSED});
    CHECK("{\"type\":\"object\",\"properties\":{\"a/b\":{\"const\":1},\"c\":{\"$ref\":"
          "\"#/properties/a~1b\"}}}",
          {"{\"c\":1}", WHOLE}, {"{\"c\":2", REFUSED});
    CHECK("{\"$defs\":{\"n\":{\"type\":\"integer\",\"minimum\":3}},\"$ref\":\"#/$defs/"
          "n\",\"maximum\":4}",
          {"3", WHOLE}, {"5", REFUSED});
}

static void patterns_and_formats(void **state) {
    (void)state;
    CHECK("{\"type\":\"string\",\"pattern\":\"^[a-c]{2,3}$\"}", {"\"ab\"", WHOLE},
          {"\"a\"", REFUSED}, {"\"abca", REFUSED}, {"\"d", REFUSED});
    CHECK("{\"type\":\"string\",\"pattern\":\"b+\"}", {"\"xbz\"", WHOLE}, {"\"xz\"", REFUSED},
          {"\"xz", PREFIX});
    CHECK("{\"type\":\"string\",\"pattern\":\"^(a|\\\\\\\\|\\\"|\\\\n|[^\\\\x00-z])$\"}",
          {"\"a\"", WHOLE}, {"\"\\\\\"", WHOLE}, {"\"\\\"\"", WHOLE}, {"\"\\n\"", WHOLE},
          {"\"\xC3\xA9\"", WHOLE}, {"\"b", REFUSED});
    CHECK("{\"type\":\"string\",\"pattern\":\"^\\\\d{3}-\\\\w*$|^x\"}", {"\"123-ab_\"", WHOLE},
          {"\"xyz\"", WHOLE}, {"\"12a", REFUSED});
    CHECK("{\"type\":\"string\",\"format\":\"date\"}", {"\"2024-02-28\"", WHOLE},
          {"\"2024-13", REFUSED}, {"\"2024-04-31", REFUSED}, {"\"2024-12-31\"", WHOLE});
    CHECK("{\"type\":\"string\",\"format\":\"date-time\"}",
          {"\"2024-02-28T23:59:59.5+01:00\"", WHOLE}, {"\"2024-02-28T24", REFUSED},
          {"\"2024-02-28T00:00:00Z\"", WHOLE}, {"\"2024-02-28 ", REFUSED});
    CHECK("{\"type\":\"string\",\"format\":\"uuid\"}",
          {"\"01234567-89ab-cdef-0123-456789ABCDEF\"", WHOLE}, {"\"0123456-", REFUSED});
    CHECK("{\"type\":\"string\",\"format\":\"email\"}", {"\"a.b@c-d.org\"", WHOLE},
          {"\"a@b\"", REFUSED}, {"\"@", REFUSED});
    CHECK("{\"type\":\"string\",\"format\":\"ipv4\"}", {"\"255.0.10.199\"", WHOLE},
          {"\"256", REFUSED});
}

static void what_is_not_known_is_named(void **state) {
    (void)state;
    static const struct {
        const char *schema, *says;
        hl_status st;
    } ROWS[] = {
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"not\":{}}}}",
         "\"not\" is not supported at "
         "#/properties/a",
         HL_EUNSUPPORTED},
        {"{\"type\":\"array\",\"items\":{\"multipleOf\":2}}",
         "\"multipleOf\" is not supported at #/items", HL_EUNSUPPORTED},
        {"{\"$defs\":{\"x\":{\"if\":{}}},\"$ref\":\"#/$defs/x\"}",
         "\"if\" is not supported at #/$defs/x", HL_EUNSUPPORTED},
        {"{\"type\":\"object\",\"patternProperties\":{}}", "patternProperties", HL_EUNSUPPORTED},
        {"{\"type\":\"string\",\"format\":\"iri\"}", "format \"iri\"", HL_EUNSUPPORTED},
        {"{\"type\":\"string\",\"pattern\":\"(?=a)\"}", "look-around", HL_EUNSUPPORTED},
        {"{\"type\":\"string\",\"pattern\":\"a\\\\b\"}", "unknown escape", HL_EUNSUPPORTED},
        {"{\"type\":\"string\",\"pattern\":\"a\",\"maxLength\":3}", "more than one",
         HL_EUNSUPPORTED},
        {"{\"type\":\"string\",\"pattern\":\"(a\"}", "group without end", HL_EINVAL},
        {"{\"type\":\"nonsense\"}", "type \"nonsense\" is not known", HL_EINVAL},
        {"{\"$ref\":\"#/nowhere\"}", "points to nothing", HL_EINVAL},
        {"{\"$ref\":\"http://x\"}", "which is not", HL_EUNSUPPORTED},
        {"{\"$ref\":\"#\"}", "no text can satisfy", HL_EINVAL},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#\"}},\"required\":[\"a\"]}",
         "no text can satisfy", HL_EINVAL},
        {"{\"type\":\"integer\",\"minimum\":3,\"maximum\":2}", "no text can satisfy", HL_EINVAL},
        {"{\"enum\":[]}", "no text can satisfy", HL_EINVAL},
        {"false", "no text can satisfy", HL_EINVAL},
        {"3", "no object", HL_EINVAL},
        {"{\"type\":\"string\",\"maxLength\":1000000}", "maxLength is above", HL_ELIMIT},
        {"{\"type\":\"string\",\"pattern\":\"^(a|b)*a(a|b){40}$\"}", "too", HL_ELIMIT},
        {"{\"type\":\"string\",\"pattern\":\"((a{1000}){1000}){1000}\"}", "too large", HL_ELIMIT},
        {"{\"type\":\"object\",\"required\":[\"a\"],\"additionalProperties\":false}", "is required",
         HL_EINVAL},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        hl_status st = refusal_of(ROWS[i].schema);
        if (st != ROWS[i].st || !strstr(error.text, ROWS[i].says))
            print_error("%s: %d %s\n", ROWS[i].schema, st, error.text);
        assert_int_equal(st, ROWS[i].st);
        assert_non_null(strstr(error.text, ROWS[i].says));
    }
}

static hl_grammar *gbnf_of(const char *text) {
    hl_grammar *g = NULL;
    hl_status st = hl_grammar_gbnf(hl_str_from(text), NULL, &g, &error);
    if (st < 0) print_error("%s: %s\n", text, error.text);
    assert_int_equal(st, HL_OK);
    return g;
}

static void gbnf(void **state) {
    (void)state;
    check_rows(
        gbnf_of("# moves\nroot ::= (move \" \")+ end?\nmove ::= [a-h] [1-8] |\n  \"O-O\"\nend ::= "
                "\"\\u00e9\" | [^\\x00-\\x7F] # any\n"),
        "moves",
        (const row[]){{"e4 ", WHOLE},
                      {"e4 O-O \xC3\xA9", WHOLE},
                      {"e9", REFUSED},
                      {"", PREFIX},
                      {"e4 \xE2\x82\xAC", WHOLE},
                      {"O-", PREFIX},
                      {NULL, REFUSED}});
    check_rows(gbnf_of("root ::= \"(\" root \")\" | \"x\"{2,3}"), "nested",
               (const row[]){{"((xx))", WHOLE},
                             {"xxxx", REFUSED},
                             {"(x)", REFUSED},
                             {"((xxx)", PREFIX},
                             {NULL, REFUSED}});
    check_rows(gbnf_of("root ::= item+\nitem ::= \"a\" root?"), "ambiguous",
               (const row[]){{"aaaaaaaaaaaaaaaaaaaa", WHOLE}, {"b", REFUSED}, {NULL, REFUSED}});
    static const char *const BAD[] = {"root ::= other",
                                      "root = 1",
                                      "root ::= \"a",
                                      "root ::= [a",
                                      "root ::= (\"a\"",
                                      "x ::= \"a\"",
                                      "root ::= root \"a\" | \"b\"",
                                      "root ::= \"a\"{3,2}",
                                      "root ::= <[1]>",
                                      "root ::= \"a\"\nroot ::= \"b\""};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        hl_grammar *g = NULL;
        assert_true(hl_grammar_gbnf(hl_str_from(BAD[i]), NULL, &g, &error) < 0);
        assert_null(g);
    }
}

static void reasoning_comes_first(void **state) {
    (void)state;
    hl_grammar_thinking t = {.open = HL_STR("<think>"), .close = HL_STR("</think>")};
    hl_grammar *g;
    assert_int_equal(hl_grammar_json(&t, &g, &error), HL_OK);
    check_rows(g, "may think",
               (const row[]){{"{}", WHOLE},
                             {"<think>a { < </thin </think>\n\n{}", WHOLE},
                             {"x", REFUSED},
                             {"<think>{}", PREFIX},
                             {"<think>x<</think>{}", WHOLE},
                             {"<think></think>x", REFUSED},
                             {NULL, REFUSED}});
    t.inside = true;
    t.close_control = true;
    assert_int_equal(hl_grammar_json(&t, &g, &error), HL_OK);
    check_rows(g, "inside",
               (const row[]){{"abc</think>", PREFIX},
                             {"abc\xFF</think>{}", WHOLE},
                             {"a\xFFx", REFUSED},
                             {NULL, REFUSED}});
}

static void depth_is_bounded(void **state) {
    (void)state;
    hl_grammar *g;
    hl_grammar_state *s;
    assert_int_equal(hl_grammar_json(NULL, &g, &error), HL_OK);
    assert_int_equal(hl_grammar_state_create(&s, &error), HL_OK);
    hl_grammar_begin(s, g);
    assert_true(hl_grammar_advance(s, HL_STR("{\"a\":")));
    int depth = 0;
    while (depth < 1000 && hl_grammar_advance(s, HL_STR("["))) depth++;
    assert_in_range(depth, 40, HL_JSON_DEPTH_MAX - 1);
    assert_true(hl_grammar_advance(s, HL_STR("1")));
    for (; depth > 0; depth--) assert_true(hl_grammar_advance(s, HL_STR("]")));
    assert_true(hl_grammar_advance(s, HL_STR("}")));
    assert_true(hl_grammar_is_complete(s));
    hl_grammar_state_destroy(s);
    hl_grammar_destroy(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_any_object),
        cmocka_unit_test(strings_are_utf8_with_escapes),
        cmocka_unit_test(numbers),
        cmocka_unit_test(objects_keep_the_order),
        cmocka_unit_test(arrays),
        cmocka_unit_test(alternatives),
        cmocka_unit_test(references),
        cmocka_unit_test(patterns_and_formats),
        cmocka_unit_test(what_is_not_known_is_named),
        cmocka_unit_test(gbnf),
        cmocka_unit_test(reasoning_comes_first),
        cmocka_unit_test(depth_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
