/* What a format is, and what an answer is held to. */
#include "serve/format.h"
#include "testing.h"

static hl_error err;

static void json_and_schemas_are_formats(void **state) {
    (void)state;
    hl_format format;
    struct json_object *schema;
    assert_int_equal(hl_format_parse(HL_STR(""), &format, &schema, &err), HL_OK);
    assert_int_equal(format, HL_FORMAT_TEXT);
    assert_int_equal(hl_format_parse(HL_STR("json"), &format, &schema, &err), HL_OK);
    assert_int_equal(format, HL_FORMAT_JSON);
    assert_null(schema);
    hl_str text = HL_STR("{\"type\": \"integer\"}");
    assert_int_equal(hl_format_parse(text, &format, &schema, &err), HL_OK);
    assert_int_equal(format, HL_FORMAT_SCHEMA);
    assert_int_equal(json_object_object_length(schema), 1);
    json_object_put(schema);
}

static void others_are_refused_as_ollama_does(void **state) {
    (void)state;
    hl_format format;
    struct json_object *schema;
    assert_int_equal(hl_format_parse(HL_STR("xml"), &format, &schema, &err), HL_EINVAL);
    assert_string_equal(err.text,
                        "invalid format: \"xml\"; expected \"json\" or a valid JSON Schema object");
    assert_int_equal(hl_format_parse(HL_STR("[1]"), &format, &schema, &err), HL_EINVAL);
    assert_int_equal(hl_format_parse(HL_STR("{\"a\""), &format, &schema, &err), HL_EFORMAT);
    assert_non_null(strstr(err.text, "invalid format: "));
    assert_null(schema);
}

static hl_gguf *gguf;
static hl_tokenizer *tokenizer;

static void expect_calls(const hl_request *req, const hl_prepared *p, const char *const *yes,
                         const char *const *no) {
    hl_grammar *g;
    hl_grammar_state *s;
    assert_int_equal(hl_format_grammar(tokenizer, req, p, &g, &err), HL_OK);
    assert_int_equal(hl_grammar_state_create(&s, &err), HL_OK);
    for (; *yes; yes++) {
        hl_grammar_begin(s, g);
        assert_true(hl_grammar_advance(s, hl_str_from(*yes)));
        assert_true(hl_grammar_can_end(s));
    }
    for (; *no; no++) {
        hl_grammar_begin(s, g);
        assert_false(hl_grammar_accepts(s, hl_str_from(*no)));
    }
    hl_grammar_state_destroy(s);
    hl_grammar_destroy(g);
}

static void an_answer_may_have_to_be_a_call(void **state) {
    static const char *const ADD[] = {
        "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1}}\n</tool_call>", NULL};
    static const char *const BOTH[] = {
        "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1}}\n</tool_call>",
        "<tool_call>\n{\"name\": \"odd\", \"arguments\": {\"x\": [null]}}\n</tool_call>", NULL};
    static const char *const NO[] = {"Hi",
                                     "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": \"1",
                                     "<tool_call>\n{\"name\": \"none\"", NULL};
    static const char *const NOT_ODD[] = {"<tool_call>\n{\"name\": \"odd\"", NULL};
    static const char *const THOUGHT[] = {
        "<think>hm</think>\n\n<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1}}\n"
        "</tool_call>",
        NULL};
    static const hl_thinking_tags TAGS = {HL_STR("<think>"), HL_STR("</think>")};
    struct json_object *tools;
    hl_str text = HL_STR(
        "[{\"function\":{\"name\":\"add\",\"parameters\":{\"type\":\"object\",\"properties\":{"
        "\"a\":"
        "{\"$ref\":\"#/$defs/"
        "n\"}},\"required\":[\"a\"],\"$defs\":{\"n\":{\"type\":\"integer\"}}}}},"
        "{\"function\":{\"name\":\"odd\",\"parameters\":{\"type\":\"object\",\"not\":{}}}}]");
    (void)state;
    assert_int_equal(hl_json_parse(text, &tools, &err), HL_OK);
    hl_prepared p = {.tools = tools};
    p.tools_format = hl_tools_format_find(HL_STR("<tool_call>"), HL_STR(""));
    hl_request req = {.tools = tools, .tool_choice = HL_TOOLS_REQUIRED};
    expect_calls(&req, &p, BOTH, NO);
    req.tool_choice = HL_TOOLS_NAMED;
    req.tool_name = HL_STR("add");
    expect_calls(&req, &p, ADD, NO);
    expect_calls(&req, &p, ADD, NOT_ODD);
    p.tags = &TAGS;
    expect_calls(&req, &p, THOUGHT, NO);
    req.tool_name = HL_STR("none");
    hl_grammar *g;
    assert_int_equal(hl_format_grammar(tokenizer, &req, &p, &g, &err), HL_EINVAL);
    assert_non_null(strstr(err.text, "there is no tool \"none\""));
    json_object_put(tools);
}

/* Marks that are control tokens of the vocabulary. */
static void a_call_may_begin_with_a_control_token(void **state) {
    static const char *const YES[] = {"\xFF<|im_start|>add: {\"a\": 1}\xFF<|im_end|>", NULL};
    static const char *const NO[] = {"<|im_start|>add", NULL};
    struct json_object *tools;
    (void)state;
    assert_int_equal(hl_json_parse(HL_STR("[{\"name\":\"add\"}]"), &tools, &err), HL_OK);
    hl_prepared p = {.tools = tools};
    p.tools_format = (hl_tools_format){.open = {HL_STR("<|im_start|>")},
                                       .close = {HL_STR("<|im_end|>")},
                                       .before = HL_STR("<|im_start|>"),
                                       .middle = HL_STR(": "),
                                       .after = HL_STR("<|im_end|>"),
                                       .before_named = true};
    hl_request req = {.tools = tools, .tool_choice = HL_TOOLS_REQUIRED};
    expect_calls(&req, &p, YES, NO);
    json_object_put(tools);
}

static void a_grammar_may_be_given(void **state) {
    static const char *const YES[] = {"yes", "no", NULL}, *const NO[] = {"maybe", NULL};
    hl_prepared p = {0};
    hl_grammar *g;
    (void)state;
    hl_request req = {.grammar_text = HL_STR("root ::= \"yes\" | \"no\"")};
    expect_calls(&req, &p, YES, NO);
    req.grammar_text = HL_STR("root ::= x");
    assert_true(hl_format_grammar(tokenizer, &req, &p, &g, &err) < 0);
    req = (hl_request){0};
    assert_int_equal(hl_format_grammar(tokenizer, &req, &p, &g, &err), HL_OK);
    assert_null(g);
}

static int open_model(void **state) {
    char path[HL_MODEL_PATH_MAX];
    (void)state;
    return hl_model_resolve(HL_STR("tiny"), path, &err) < 0 ||
           hl_gguf_open(path, &gguf, &err) < 0 || hl_tokenizer_create(gguf, &tokenizer, &err) < 0;
}

static int close_model(void **state) {
    (void)state;
    hl_tokenizer_destroy(tokenizer);
    hl_gguf_close(gguf);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_and_schemas_are_formats),
        cmocka_unit_test(others_are_refused_as_ollama_does),
        cmocka_unit_test(an_answer_may_have_to_be_a_call),
        cmocka_unit_test(a_call_may_begin_with_a_control_token),
        cmocka_unit_test(a_grammar_may_be_given),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
