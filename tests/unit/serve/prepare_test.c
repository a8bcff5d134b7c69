#include "serve/prepare.h"

#include "gguf/gguf.h"
#include "serve/resolve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static hl_gguf *gguf;
static hl_tokenizer *tokenizer;
static hl_template *chat;
static hl_package package;
static hl_prepare_model model;
static hl_error err;

static hl_prepared prepared;

static hl_status prepare(const hl_request *req) {
    err = (hl_error){0};
    return hl_prepare(&model, req, 0, &prepared, &err);
}

static void expect_text(const hl_request *req, const char *want) {
    assert_int_equal(prepare(req), HL_OK);
    assert_string_equal(prepared.text.ptr, want);
    assert_true(prepared.tokens.n > 0);
    hl_prepared_deinit(&prepared);
}

static struct json_object *parsed(const char *text) {
    struct json_object *o;
    assert_int_equal(hl_json_parse(hl_str_from(text), &o, &err), HL_OK);
    return o;
}

static hl_message message(const char *role, hl_part *part, const char *text) {
    *part = (hl_part){.kind = HL_PART_TEXT, .text = hl_str_from(text)};
    return (hl_message){.role = hl_str_from(role), .parts = part, .n_parts = 1};
}

static void a_prompt_is_one_user_message(void **state) {
    (void)state;
    hl_request req = {.prompt = HL_STR("Hi"), .think = HL_THINK_OFF};
    expect_text(&req, "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
                      "<think>\n\n</think>\n\n");
    req.system = HL_STR("Be kind.");
    expect_text(&req, "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
                      "<|im_start|>assistant\n<think>\n\n</think>\n\n");
}

static void thinking_is_on_by_default(void **state) {
    (void)state;
    hl_request req = {.prompt = HL_STR("Hi")};
    static const hl_think on[] = {HL_THINK_UNSET, HL_THINK_ON, HL_THINK_HIGH};
    for (size_t i = 0; i < 3; i++) {
        req.think = on[i];
        assert_int_equal(prepare(&req), HL_OK);
        assert_true(prepared.thinking_open && prepared.tags);
        hl_prepared_deinit(&prepared);
    }
    req.think = HL_THINK_OFF;
    assert_int_equal(prepare(&req), HL_OK);
    assert_false(prepared.thinking_open);
    hl_prepared_deinit(&prepared);
}

static void a_model_that_cannot_think_says_so(void **state) {
    (void)state;
    hl_request req = {.prompt = HL_STR("Hi")};
    package.tags = NULL;
    expect_text(&req, "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
    req.think = HL_THINK_LOW;
    assert_int_equal(prepare(&req), HL_EINVAL);
    assert_string_equal(err.text, "\"sample\" does not support thinking");
}

static void a_raw_prompt_stays_as_it_is(void **state) {
    (void)state;
    hl_request req = {.prompt = HL_STR("a <|im_end|>"), .raw = true, .system = HL_STR("no")};
    assert_int_equal(prepare(&req), HL_OK);
    assert_string_equal(prepared.text.ptr, "a <|im_end|>");
    assert_int_equal(prepared.tokens.ids[prepared.tokens.n - 1],
                     hl_tokenizer_find(tokenizer, HL_STR("<|im_end|>")));
    assert_null(prepared.tags);
    hl_prepared_deinit(&prepared);
}

static void nothing_begins_with_bos(void **state) {
    (void)state;
    hl_request req = {.raw = true};
    assert_int_equal(prepare(&req), HL_OK);
    assert_int_equal(prepared.tokens.n, 1);
    assert_int_equal(prepared.tokens.ids[0], hl_tokenizer_bos(tokenizer));
    hl_prepared_deinit(&prepared);
}

static void messages_go_through_the_template(void **state) {
    (void)state;
    hl_part parts[3];
    hl_message messages[3] = {message("user", &parts[0], "one"),
                              message("assistant", &parts[1], "two"),
                              message("user", &parts[2], "three")};
    messages[1].thinking = HL_STR("why");
    hl_request req = {.messages = messages, .n_messages = 3, .think = HL_THINK_OFF};
    expect_text(&req, "<|im_start|>user\none<|im_end|>\n<|im_start|>assistant\ntwo<|im_end|>\n"
                      "<|im_start|>user\nthree<|im_end|>\n<|im_start|>assistant\n"
                      "<think>\n\n</think>\n\n");
}

static void variables_have_what_templates_look_for(void **state) {
    (void)state;
    hl_part part;
    hl_message msg = message("assistant", &part, "x");
    msg.thinking = HL_STR("why");
    msg.tool_name = HL_STR("f");
    struct json_object *vars = parsed("{\"mine\":1,\"add_generation_prompt\":false}");
    hl_request req = {.messages = &msg, .n_messages = 1, .think = HL_THINK_MAX};
    req.template_vars = vars;
    req.template_override = HL_STR(
        "{% set m = messages[0] %}{{ m.reasoning_content }} {{ m.thinking }} {{ m.name }} "
        "{{ m.tool_name }} {{ reasoning_effort }} {{ enable_thinking }} {{ mine }} "
        "{{ add_generation_prompt }} {{ tools is none }} {{ eos_token }}");
    expect_text(&req, "why why f f high True 1 False True <|im_end|>");
    json_object_put(vars);
}

static void old_messages_make_room(void **state) {
    (void)state;
    enum { N = 21 };
    hl_part parts[N];
    hl_message messages[N];
    messages[0] = message("system", &parts[0], "Be brief.");
    for (size_t i = 1; i < N; i++)
        messages[i] = message(i % 2 ? "user" : "assistant", &parts[i], "some words of a talk");
    messages[N - 2] = message("user", &parts[N - 2], "the last question");
    hl_request req = {.messages = messages, .n_messages = N - 1, .think = HL_THINK_OFF};
    model.ctx = 100;
    assert_int_equal(prepare(&req), HL_OK);
    assert_true(prepared.n_dropped > 0 && prepared.n_dropped < N - 3);
    assert_true(prepared.tokens.n < model.ctx);
    assert_non_null(strstr(prepared.text.ptr, "Be brief."));
    assert_non_null(strstr(prepared.text.ptr, "the last question"));
    hl_prepared_deinit(&prepared);
    model.ctx = 10;
    assert_int_equal(prepare(&req), HL_ELIMIT);
    assert_non_null(strstr(err.text, "exceeds the available context size (10 tokens)"));

    /* A template that wants the user to begin, at any length that is left. */
    req.template_override = HL_STR(
        "{% if messages[1].role != 'user' %}{{ raise_exception('the user begins') }}"
        "{% endif %}{% for m in messages %}{{ m.content }} {% endfor %}");
    for (model.ctx = 20; model.ctx < 120; model.ctx += 3) {
        assert_int_equal(prepare(&req), HL_OK);
        hl_prepared_deinit(&prepared);
    }
}

static void a_prompt_that_is_too_long_loses_its_middle(void **state) {
    (void)state;
    uint32_t ids[853];
    for (uint32_t i = 0; i < 853; i++) ids[i] = i;
    hl_request req = {.tokens = ids, .n_tokens = 853};
    hl_options_init(&req.options);
    model.ctx = 256;
    assert_int_equal(prepare(&req), HL_OK); /* Ollama's numbers */
    assert_int_equal(prepared.tokens.n, 130);
    assert_int_equal(prepared.tokens.ids[3], 3);
    assert_int_equal(prepared.tokens.ids[4], 853 - 126);
    assert_int_equal(prepared.tokens.ids[129], 852);
    assert_int_equal(prepared.uncut.n, 853);
    hl_prepared_deinit(&prepared);

    for (int32_t keep = -1; keep < 300; keep += 7)
        for (model.ctx = 2; model.ctx < 300; model.ctx += 11) {
            req.options.num_keep = keep;
            assert_int_equal(prepare(&req), HL_OK);
            assert_true(prepared.tokens.n > 0 && prepared.tokens.n < model.ctx);
            hl_prepared_deinit(&prepared);
        }
    model.ctx = 256;
    req.no_shift = true;
    assert_int_equal(prepare(&req), HL_ELIMIT);
    assert_non_null(strstr(err.text, "the prompt is longer than the context length"));
    req.no_truncate = true;
    assert_int_equal(prepare(&req), HL_ELIMIT);
    assert_string_equal(err.text,
                        "{\"error\":{\"code\":400,\"message\":\"request (853 tokens) exceeds the "
                        "available context size (256 tokens), try increasing it\",\"type\":"
                        "\"exceed_context_size_error\",\"n_prompt_tokens\":853,\"n_ctx\":256}}");
    ids[7] = hl_tokenizer_n_vocab(tokenizer);
    assert_int_equal(prepare(&req), HL_EINVAL);
}

static void a_context_stands_before_the_prompt(void **state) {
    (void)state;
    hl_part part;
    hl_message earlier = message("user", &part, "earlier");
    uint32_t ids[] = {70, 71, 72};
    hl_request req = {.prompt = HL_STR("Hi"), .think = HL_THINK_OFF};
    package.messages = &earlier;
    package.n_messages = 1;
    package.system = HL_STR("Be kind.");
    assert_int_equal(prepare(&req), HL_OK);
    assert_non_null(strstr(prepared.text.ptr, "earlier"));
    hl_prepared_deinit(&prepared);
    model.context = ids;
    model.n_context = 3;
    assert_int_equal(prepare(&req), HL_OK);
    assert_null(strstr(prepared.text.ptr, "earlier"));
    assert_non_null(strstr(prepared.text.ptr, "Be kind."));
    assert_memory_equal(prepared.tokens.ids, ids, sizeof ids);
    hl_prepared_deinit(&prepared);
}

static void a_package_begins_the_talk(void **state) {
    (void)state;
    hl_part parts[3];
    hl_message earlier[2] = {message("user", &parts[0], "a"), message("assistant", &parts[1], "b")};
    hl_message own[2] = {message("user", &parts[2], "c"), message("user", &parts[2], "c")};
    hl_request req = {.prompt = HL_STR("c"),
                      .template_override = HL_STR(
                          "{% for m in messages %}{{ m.role }} {{ m.content }},{% endfor %}")};
    package.messages = earlier;
    package.n_messages = 2;
    package.system = HL_STR("s");
    expect_text(&req, "system s,user a,assistant b,user c,");
    req.system = HL_STR("mine");
    expect_text(&req, "system mine,user a,assistant b,user c,");
    req = (hl_request){
        .messages = own, .n_messages = 1, .template_override = req.template_override};
    expect_text(&req, "system s,user a,assistant b,user c,");
    own[0].role = HL_STR("system");
    req.n_messages = 2;
    expect_text(&req, "user a,assistant b,system c,user c,");
}

/* A question, a call, its answer, words, and again; the answer of a tool never comes first. */
static void an_answer_of_a_tool_keeps_its_call(void **state) {
    enum { N = 41 };
    hl_part parts[N];
    hl_message messages[N];
    static const char *const ROLES[] = {"user", "assistant", "tool", "assistant"};
    struct json_object *calls = parsed("[{\"function\":{\"name\":\"f\",\"arguments\":{}}}]");
    (void)state;
    for (size_t i = 0; i < N; i++)
        messages[i] = message(ROLES[i % 4], &parts[i], "some words here");
    for (size_t i = 1; i < N; i += 4) messages[i].tool_calls = calls;
    hl_request req = {.messages = messages, .think = HL_THINK_OFF};
    req.template_override = HL_STR(
        "{% for m in messages %}{{ m.role }} {{ m.content }} {% endfor %}");
    for (req.n_messages = N - 3; req.n_messages <= N; req.n_messages++)
        for (model.ctx = 30; model.ctx < 120; model.ctx += 3) {
            assert_int_equal(prepare(&req), HL_OK);
            assert_true(prepared.n_dropped > 0);
            assert_false(hl_str_starts(hl_buf_str(&prepared.text), HL_STR("tool")));
            hl_prepared_deinit(&prepared);
        }
    json_object_put(calls);
}

/* Templates want the arguments of earlier calls in one of two ways, and ids for answers. */
static void earlier_calls_are_given_as_templates_want(void **state) {
    hl_part parts[3];
    hl_message talk[3] = {message("user", &parts[0], "q"), message("assistant", &parts[1], ""),
                          message("tool", &parts[2], "2")};
    struct json_object *calls = parsed(
        "[{\"id\":\"abc\",\"function\":{\"name\":\"f\",\"arguments\":{\"b\":1.0,\"a\":[]}}}]");
    (void)state;
    talk[1].tool_calls = calls;
    hl_request req = {.messages = talk, .n_messages = 3};
    req.template_override = HL_STR("{% for m in messages %}{% for c in m.tool_calls or [] %}"
                                   "{{ c.function.arguments | tojson }}{% endfor %}"
                                   "{{ m.tool_call_id }}{% endfor %}");
    expect_text(&req, "{\"b\": 1.0, \"a\": []}abc");
    req.template_override = HL_STR("{% for m in messages %}{% for c in m.tool_calls or [] %}"
                                   "{{ 'f' + c.function.arguments }}{% endfor %}{% endfor %}");
    expect_text(&req, "f{\"b\":1.0,\"a\":[]}");
    json_object_put(calls);
}

/* Answers name no call; they are told by their tools' names, else by their order. */
static void answers_get_their_calls_ids(void **state) {
    hl_part parts[5];
    hl_message talk[5] = {message("user", &parts[0], "q"), message("assistant", &parts[1], ""),
                          message("tool", &parts[2], "2"), message("tool", &parts[3], "3"),
                          message("tool", &parts[4], "4")};
    struct json_object *calls = parsed(
        "[{\"id\":\"a\",\"function\":{\"name\":\"f\"}},{\"id\":\"b\",\"function\":{\"name\":"
        "\"g\"}},{\"id\":\"123456abc\",\"function\":{\"name\":\"g\"}}]");
    (void)state;
    talk[1].tool_calls = calls;
    hl_request req = {.messages = talk, .n_messages = 5};
    req.template_override = HL_STR(
        "{% for m in messages %}{% for c in m.tool_calls or [] %}{{ c.id }} {% endfor %}"
        "{{ m.tool_call_id }} {% endfor %}");
    expect_text(&req, " a b 123456abc  a b 123456abc ");
    talk[2].tool_name = talk[3].tool_name = HL_STR("g");
    talk[4].tool_name = HL_STR("f");
    expect_text(&req, " a b 123456abc  b 123456abc a ");
    req.template_override = HL_STR(
        "{% for m in messages %}{% for c in m.tool_calls or [] %}{{ c.id|length != 9 }}"
        "{% endfor %}{% if m.role == 'tool' %}{{ m.tool_call_id in "
        "messages[1].tool_calls|map(attribute='id')|list }}{% endif %}{% endfor %}");
    expect_text(&req, "FalseFalseFalseTrueTrueTrue");
    json_object_put(calls);
}

/* A row of answers that no turn has: those behind are left alone. */
static void long_rows_of_answers_end_somewhere(void **state) {
    enum { N = 300 };
    static hl_part parts[N + 1];
    static hl_message talk[N + 1];
    struct json_object *calls = parsed("[{\"id\":\"a\",\"function\":{\"name\":\"f\"}}]");
    (void)state;
    for (size_t i = 0; i <= N; i++) talk[i] = message(i ? "tool" : "assistant", &parts[i], "");
    talk[0].tool_calls = calls;
    talk[1].tool_name = talk[N].tool_name = HL_STR("f");
    hl_request req = {.messages = talk, .n_messages = N + 1};
    req.template_override = HL_STR("{% for m in messages %}{{ m.tool_call_id }}{% endfor %}.");
    expect_text(&req, "a.");
    json_object_put(calls);
}

static void inputs_of_embeddings_lose_their_end(void **state) {
    (void)state;
    hl_request req = {.kind = HL_REQUEST_EMBED, .prompt = HL_STR("one two three four five six")};
    assert_int_equal(prepare(&req), HL_OK);
    size_t n = prepared.tokens.n;
    hl_prepared_deinit(&prepared);
    for (model.ctx = 1; model.ctx <= n; model.ctx++) {
        assert_int_equal(prepare(&req), HL_OK);
        assert_int_equal(prepared.tokens.n, model.ctx);
        hl_prepared_deinit(&prepared);
    }
    req.no_truncate = true;
    model.ctx = 3;
    assert_int_equal(prepare(&req), HL_ELIMIT);
    assert_string_equal(err.text, "the input length exceeds the context length");
}

static void go_templates_see_messages(void **state) {
    (void)state;
    hl_part parts[5];
    hl_message talk[5] = {message("system", &parts[0], "s"), message("user", &parts[1], "a"),
                          message("user", &parts[2], "b"),
                          message("assistant", &parts[3], "<think>x</think>\n\nc"),
                          message("user", &parts[4], "d")};
    hl_request req = {.messages = talk, .n_messages = 5};
    req.template_override = HL_STR(
        "{{ .System }}|{{ range .Messages }}{{ .Role }}:{{ .Content }},{{ end }}|"
        "{{ .Think }} {{ .ThinkLevel }} {{ .IsThinkSet }}");
    expect_text(&req, "s|system:s,user:a\n\nb,assistant:c,user:d,|true medium true");
    req.think = HL_THINK_OFF;
    expect_text(&req, "s|system:s,user:a\n\nb,assistant:c,user:d,|false  true");
    req.think = HL_THINK_MAX;
    req.template_override = HL_STR("{{ .ThinkLevel }}");
    req.template_override = HL_STR("{{ range .Messages }}{{ end }}{{ .ThinkLevel }}");
    expect_text(&req, "max");
}

static void older_go_templates_take_turns(void **state) {
    (void)state;
    hl_part parts[4];
    hl_message talk[4] = {message("system", &parts[0], "s"), message("user", &parts[1], "a"),
                          message("assistant", &parts[2], "b"), message("user", &parts[3], "c")};
    hl_request req = {.messages = talk, .n_messages = 4};
    req.template_override = HL_STR("{{ if .System }}[{{ .System }}] {{ end }}<{{ .Prompt }}> ");
    expect_text(&req, "[s] <a> b<c> ");
    req.template_override = HL_STR(
        "{{ if .System }}[{{ .System }}] {{ end }}<{{ .Prompt }}> {{ .Response }}; ");
    expect_text(&req, "[s] <a> b; <c> ");
    req.n_messages = 3;
    expect_text(&req, "[s] <a> b");
}

static void a_suffix_is_filled_in(void **state) {
    (void)state;
    hl_request req = {.prompt = HL_STR("def add("), .suffix = HL_STR("return c")};
    expect_text(&req, "<|fim_prefix|>def add(<|fim_suffix|>return c<|fim_middle|>");
    req.template_override = HL_STR("{{ .Prompt }}<hole>{{ .Suffix }}");
    expect_text(&req, "def add(<hole>return c");
}

static void tools_have_the_keys_of_ollama(void **state) {
    (void)state;
    struct json_object *tools = parsed(
        "[{\"function\":{\"parameters\":{\"required\":[\"a\"],\"properties\":{\"b\":{\"minimum\":1,"
        "\"enum\":[],\"description\":\"d\",\"type\":[\"integer\"]},\"a\":{\"anyOf\":[{\"default\":"
        "1,"
        "\"type\":\"string\"},null]}},\"additionalProperties\":false,\"type\":\"object\"},\"name\":"
        "\"f\",\"strict\":true},\"type\":\"function\"}]");
    hl_request req = {.prompt = HL_STR("x"), .tools = tools};
    req.template_override = HL_STR("{% if tools %}{{ tools | tojson }}{% endif %}<tool_call>");
    expect_text(&req,
                "[{\"type\": \"function\", \"function\": {\"name\": \"f\", \"parameters\": "
                "{\"type\": \"object\", \"required\": [\"a\"], \"properties\": {\"b\": {\"type\": "
                "\"integer\", \"description\": \"d\"}, \"a\": {\"anyOf\": [{\"type\": "
                "\"string\"}, null]}}}}}]<tool_call>");
    struct json_object *bare = parsed(
        "[{\"function\":{\"name\":\"f\",\"description\":\"\",\"parameters\":{\"required\":[],"
        "\"properties\":{},\"type\":\"object\"}}},null,7,{\"function\":null}]");
    req.tools = bare;
    expect_text(&req, "[{\"function\": {\"name\": \"f\", \"parameters\": {\"type\": \"object\", "
                      "\"properties\": {}}}}, null, 7, {}]<tool_call>");
    json_object_put(bare);
    req.tools = tools;
    assert_int_equal(prepare(&req), HL_OK);
    assert_ptr_equal(prepared.tools, tools);
    assert_true(hl_str_is(prepared.tools_format.open[0], "<tool_call>"));
    hl_prepared_deinit(&prepared);
    req.format = HL_FORMAT_JSON;
    assert_int_equal(prepare(&req), HL_OK);
    assert_null(prepared.tools);
    hl_prepared_deinit(&prepared);
    req.tool_choice = HL_TOOLS_NONE;
    expect_text(&req, "<tool_call>");
    json_object_put(tools);
}

static void without_a_template_texts_are_lines(void **state) {
    (void)state;
    hl_part parts[2];
    hl_message messages[2] = {message("user", &parts[0], "one"), message("user", &parts[1], "two")};
    hl_request req = {.messages = messages, .n_messages = 2};
    package.chat = NULL;
    package.tags = NULL;
    expect_text(&req, "<|im_start|>user\none<|im_end|>\n<|im_start|>user\ntwo<|im_end|>\n"
                      "<|im_start|>assistant\n");
    req = (hl_request){.prompt = HL_STR("Hi"), .system = HL_STR("Be kind.")};
    expect_text(&req, "Be kind.\nHi");
    req.think = HL_THINK_ON;
    assert_int_equal(prepare(&req), HL_EINVAL);
}

static void a_template_can_be_given(void **state) {
    (void)state;
    hl_request req = {.prompt = HL_STR("Hi"),
                      .template_override = HL_STR("[{{ messages[0].content }}]")};
    expect_text(&req, "[Hi]");
    req.template_override = HL_STR("{{ raise_exception('not like this') }}");
    assert_int_equal(prepare(&req), HL_EINVAL);
    assert_string_equal(err.text, "the chat template of sample: not like this");
    req.template_override = HL_STR("{% if %}");
    assert_int_equal(prepare(&req), HL_EFORMAT);
    req.template_override = HL_STR("{{ .Nothing }}"); /* Go's only, and speaks of nothing */
    expect_text(&req, "<no value>");
    req.template_override = HL_STR("{{ .Nothing");
    assert_int_equal(prepare(&req), HL_EFORMAT);
    assert_string_equal(err.text, "template: :1: unclosed action");
}

static void images_are_refused(void **state) {
    (void)state;
    hl_part part = {.kind = HL_PART_IMAGE};
    hl_message msg = {.role = HL_STR("user"), .parts = &part, .n_parts = 1};
    hl_request req = {.messages = &msg, .n_messages = 1};
    assert_int_equal(prepare(&req), HL_EUNSUPPORTED);
}

/* The model that comes with the program: its vocabulary and its template. */
static int open_model(void **state) {
    (void)state;
    char path[HL_MODEL_PATH_MAX];
    hl_str text;
    if (hl_model_resolve(HL_STR("tiny"), path, &err) < 0 || hl_gguf_open(path, &gguf, &err) < 0 ||
        hl_tokenizer_create(gguf, &tokenizer, &err) < 0 ||
        hl_gguf_require_str(gguf, "tokenizer.chat_template", &text, &err) < 0 ||
        hl_template_parse("tiny", text, &chat, &err) < 0) {
        print_error("%s\n", err.text);
        return -1;
    }
    return 0;
}

static int fresh(void **state) {
    (void)state;
    package = (hl_package){
        .name = "sample", .chat = chat, .tags = hl_thinking_tags_find(HL_STR("</think>"))};
    model = (hl_prepare_model){.package = &package, .tokenizer = tokenizer, .ctx = 4096};
    return 0;
}

static int close_model(void **state) {
    (void)state;
    hl_template_destroy(chat);
    hl_tokenizer_destroy(tokenizer);
    hl_gguf_close(gguf);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_prompt_is_one_user_message, fresh),
        cmocka_unit_test_setup(thinking_is_on_by_default, fresh),
        cmocka_unit_test_setup(a_model_that_cannot_think_says_so, fresh),
        cmocka_unit_test_setup(a_raw_prompt_stays_as_it_is, fresh),
        cmocka_unit_test_setup(nothing_begins_with_bos, fresh),
        cmocka_unit_test_setup(messages_go_through_the_template, fresh),
        cmocka_unit_test_setup(variables_have_what_templates_look_for, fresh),
        cmocka_unit_test_setup(old_messages_make_room, fresh),
        cmocka_unit_test_setup(a_prompt_that_is_too_long_loses_its_middle, fresh),
        cmocka_unit_test_setup(a_context_stands_before_the_prompt, fresh),
        cmocka_unit_test_setup(a_package_begins_the_talk, fresh),
        cmocka_unit_test_setup(an_answer_of_a_tool_keeps_its_call, fresh),
        cmocka_unit_test_setup(earlier_calls_are_given_as_templates_want, fresh),
        cmocka_unit_test_setup(answers_get_their_calls_ids, fresh),
        cmocka_unit_test_setup(long_rows_of_answers_end_somewhere, fresh),
        cmocka_unit_test_setup(inputs_of_embeddings_lose_their_end, fresh),
        cmocka_unit_test_setup(go_templates_see_messages, fresh),
        cmocka_unit_test_setup(older_go_templates_take_turns, fresh),
        cmocka_unit_test_setup(a_suffix_is_filled_in, fresh),
        cmocka_unit_test_setup(tools_have_the_keys_of_ollama, fresh),
        cmocka_unit_test_setup(without_a_template_texts_are_lines, fresh),
        cmocka_unit_test_setup(a_template_can_be_given, fresh),
        cmocka_unit_test_setup(images_are_refused, fresh),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
