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
    struct json_object *vars = json_object_new_object(), *o, *m, *v;
    json_object_object_add(vars, "mine", json_object_new_int(1));
    json_object_object_add(vars, "add_generation_prompt", json_object_new_boolean(0));
    hl_request req = {.messages = &msg, .n_messages = 1, .think = HL_THINK_MAX};
    req.template_vars = vars;
    assert_int_equal(hl_prepare_variables(&model, &req, 0, &o, &err), HL_OK);
    m = json_object_array_get_idx(json_object_object_get(o, "messages"), 0);
    assert_string_equal(json_object_get_string(json_object_object_get(m, "reasoning_content")),
                        "why");
    assert_string_equal(json_object_get_string(json_object_object_get(m, "name")), "f");
    assert_string_equal(json_object_get_string(json_object_object_get(o, "reasoning_effort")),
                        "high");
    assert_int_equal(json_object_get_int(json_object_object_get(o, "mine")), 1);
    assert_false(json_object_get_boolean(json_object_object_get(o, "add_generation_prompt")));
    assert_true(json_object_object_get_ex(o, "tools", &v) && !v);
    assert_string_equal(json_object_get_string(json_object_object_get(o, "eos_token")),
                        "<|im_end|>");
    json_object_put(o);
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
    assert_non_null(strstr(err.text, "num_ctx"));

    /* A template that wants the user to begin, at any length that is left. */
    req.template_override = HL_STR(
        "{% if messages[1].role != 'user' %}{{ raise_exception('the user begins') }}"
        "{% endif %}{% for m in messages %}{{ m.content }} {% endfor %}");
    for (model.ctx = 20; model.ctx < 120; model.ctx += 3) {
        assert_int_equal(prepare(&req), HL_OK);
        hl_prepared_deinit(&prepared);
    }
}

static void a_prompt_that_is_too_long_is_refused(void **state) {
    (void)state;
    hl_request req = {.prompt = HL_STR("one two three four five six seven eight nine ten"),
                      .raw = true};
    model.ctx = 5;
    assert_int_equal(prepare(&req), HL_ELIMIT);
    assert_non_null(strstr(err.text, "the context of 5"));
}

static void without_a_template_texts_are_lines(void **state) {
    (void)state;
    hl_part parts[2];
    hl_message messages[2] = {message("user", &parts[0], "one"), message("user", &parts[1], "two")};
    hl_request req = {.messages = messages, .n_messages = 2};
    package.chat = NULL;
    package.tags = NULL;
    expect_text(&req, "one\ntwo");
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
        cmocka_unit_test_setup(a_prompt_that_is_too_long_is_refused, fresh),
        cmocka_unit_test_setup(without_a_template_texts_are_lines, fresh),
        cmocka_unit_test_setup(a_template_can_be_given, fresh),
        cmocka_unit_test_setup(images_are_refused, fresh),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
