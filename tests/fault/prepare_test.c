/* Preparing a request, and reading its calls, with each allocation failing in turn. */
#include "base/mem.h"
#include "serve/format.h"
#include "serve/prepare.h"
#include "serve/tools.h"
#include "testing.h"

static hl_gguf *gguf;
static hl_tokenizer *tokenizer;
static hl_template *chat;
static hl_package package;
static struct json_object *tools;
static hl_request req;
static hl_error err;

static hl_status prepare_and_compile(void) {
    static const hl_token CONTEXT[] = {5, 6, 7};
    hl_prepare_model m = {.package = &package,
                          .tokenizer = tokenizer,
                          .ctx = 200,
                          .context = CONTEXT,
                          .n_context = 3};
    hl_prepared p;
    hl_grammar *g;
    hl_status st = hl_prepare(&m, &req, 0, &p, &err);
    if (st < 0) return st;
    st = hl_format_grammar(tokenizer, &req, &p, &g, &err);
    if (st >= 0) hl_grammar_destroy(g);
    hl_prepared_deinit(&p);
    return st;
}

static void fail_each(void) {
    for (uint64_t n = 1;; n++) {
        assert_true(n < 100 * 1000);
        hl_mem_fail_nth(n);
        hl_status st = prepare_and_compile();
        hl_mem_fail_nth(0);
        if (st == HL_OK) break;
        assert_int_equal(st, HL_ENOMEM);
    }
}

static hl_message message(const char *role, hl_part *part, const char *text) {
    *part = (hl_part){.kind = HL_PART_TEXT, .text = hl_str_from(text)};
    return (hl_message){.role = hl_str_from(role), .parts = part, .n_parts = 1};
}

static void preparing_ends_in_a_status(void **state) {
    hl_part parts[4];
    hl_message talk[4] = {message("system", &parts[0], "s"), message("user", &parts[1], "a"),
                          message("assistant", &parts[2], "b"), message("user", &parts[3], "c")};
    (void)state;
    req = (hl_request){
        .messages = talk, .n_messages = 4, .tools = tools, .tool_choice = HL_TOOLS_REQUIRED};
    fail_each();
    req.template_override = HL_STR("{{ .System }}{{ range .Messages }}{{ .Content }}{{ end }}");
    fail_each();
    req.template_override = HL_STR("{{ .System }}{{ .Prompt }}");
    fail_each();
    req = (hl_request){.prompt = HL_STR("a"), .suffix = HL_STR("b")};
    fail_each();
    req = (hl_request){.kind = HL_REQUEST_EMBED, .prompt = HL_STR("a b")};
    fail_each();
}

static size_t n_text, n_calls;

static void tell(void *arg, hl_str text, const hl_tool_call *call) {
    (void)arg;
    n_text += text.len;
    n_calls += call != NULL;
}

/* Without memory a call may become text; nothing is lost. */
static void calls_become_text(void **state) {
    hl_str text = HL_STR("<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": [1, 2]}}");
    hl_tools_format format = hl_tools_format_find(HL_STR("<tool_call>"), HL_STR(""));
    (void)state;
    for (uint64_t n = 1; n < 100; n++) {
        hl_tools t;
        n_text = n_calls = 0;
        hl_tools_init(&t, &format, tools);
        hl_mem_fail_nth(n);
        for (size_t at = 0; at < text.len; at += 5)
            hl_tools_push(&t, hl_str_slice(text, at, at + 5), tell, NULL);
        hl_tools_finish(&t, tell, NULL);
        hl_mem_fail_nth(0);
        hl_tools_deinit(&t);
        assert_true(n_calls == 1 ? n_text == 0 : n_text == text.len);
    }
    assert_int_equal(n_calls, 1);
}

static int open_model(void **state) {
    char path[HL_MODEL_PATH_MAX];
    hl_str text;
    (void)state;
    if (hl_model_resolve(HL_STR("tiny"), path, &err) < 0 || hl_gguf_open(path, &gguf, &err) < 0 ||
        hl_tokenizer_create(gguf, &tokenizer, &err) < 0 ||
        hl_gguf_require_str(gguf, "tokenizer.chat_template", &text, &err) < 0 ||
        hl_template_parse("tiny", text, &chat, &err) < 0 ||
        hl_json_parse(HL_STR("[{\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\","
                             "\"properties\":{\"a\":{\"type\":\"array\"}}}}}]"),
                      &tools, &err) < 0)
        return -1;
    package = (hl_package){.name = "sample",
                           .chat = chat,
                           .template_text = text,
                           .tags = hl_thinking_tags_find(HL_STR("</think>"))};
    return 0;
}

static int close_model(void **state) {
    (void)state;
    json_object_put(tools);
    hl_template_destroy(chat);
    hl_tokenizer_destroy(tokenizer);
    hl_gguf_close(gguf);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(preparing_ends_in_a_status),
        cmocka_unit_test(calls_become_text),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
