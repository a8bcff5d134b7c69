/* An engine's events told apart. */
#include "serve/split.h"
#include "testing.h"

static hl_gguf *gguf;
static hl_tokenizer *tokenizer;
static hl_prepared prepared;
static hl_buf told;
static size_t n_tokens, n_events;
static bool thinking;

static void tell(void *arg, const hl_event *ev) {
    (void)arg;
    assert_int_equal(ev->seq, 7);
    n_tokens += ev->n_tokens;
    n_events++;
    assert_true((ev->logprobs != NULL) == (ev->n_tokens > 0));
    bool thinks = ev->kind == HL_EVENT_TEXT && ev->channel == HL_CHANNEL_THINKING;
    if (ev->text.len > 0 && thinks != thinking) hl_buf_append_char(&told, thinks ? '(' : ')');
    if (ev->text.len > 0) thinking = thinks;
    hl_buf_append_str(&told, ev->text);
    if (ev->kind == HL_EVENT_TOOL_CALL)
        hl_buf_printf(&told, "«%.*s %.*s»", HL_STR_ARG(ev->call.name),
                      HL_STR_ARG(ev->call.arguments));
}

/* An answer as the engine gives it: `group` tokens an event. */
static void run(const char *text, size_t group, const char *want) {
    hl__split s;
    hl_tokens ids = {0};
    hl_token_logprobs logprobs[64] = {0};
    hl_error err;
    hl_detokenizer d;
    hl_buf piece;
    n_tokens = n_events = 0;
    thinking = false;
    hl_buf_reset(&told);
    hl_buf_append_cstr(&told, "");
    hl_buf_init(&piece, 0);
    assert_int_equal(
        hl_tokenizer_encode(tokenizer, hl_str_from(text), HL_ENCODE_PARSE_SPECIAL, &ids, &err),
        HL_OK);
    hl_detokenizer_init(&d, tokenizer, false, true);
    hl__split_init(&s, &prepared, tokenizer, tell, NULL);
    for (size_t at = 0, n; at < ids.n; at += n) {
        hl_buf_reset(&piece);
        for (n = 0; n < group && at + n < ids.n; n++)
            hl_detokenizer_push(&d, ids.ids[at + n], &piece);
        hl_event ev = {.kind = HL_EVENT_TEXT, .seq = 7, .text = hl_buf_str(&piece)};
        ev.tokens = ids.ids + at;
        ev.n_tokens = n;
        ev.logprobs = logprobs;
        size_t before = n_tokens;
        hl__split_text(&s, &ev);
        assert_int_equal(n_tokens, before + n); /* none lost, none twice, none late */
    }
    hl__split_finish(&s, 7);
    if (strcmp(hl_buf_str(&told).ptr, want) != 0) print_error("%s\n", told.ptr);
    assert_string_equal(hl_buf_str(&told).ptr, want);
    assert_int_equal(n_tokens, ids.n);
    hl__split_deinit(&s);
    hl_tokens_deinit(&ids);
    hl_buf_deinit(&piece);
}

static void reasoning_answer_and_calls(void **state) {
    (void)state;
    run("<think>\nx</think>\n\ny<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n"
        "</tool_call>",
        60, "(x)y«f {\"a\":1}»");
    for (size_t group = 1; group < 9; group++)
        run("<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call> <tool_call>{\"name\": "
            "\"g\"}",
            group, "«f {}»<tool_call>{\"name\": \"g\"}");
}

static void without_tools_calls_are_text(void **state) {
    (void)state;
    json_object_put(prepared.tools);
    prepared.tools = NULL;
    run("<tool_call>{\"name\": \"f\"}</tool_call>", 1, "<tool_call>{\"name\": \"f\"}</tool_call>");
}

/* Of this vocabulary's control tokens, two stand for marks. */
static void marks_may_be_control_tokens(void **state) {
    (void)state;
    hl_str open = HL_STR("<|im_start|>"), close = HL_STR("<|im_end|>");
    assert_int_equal(hl_tokenizer_kind(tokenizer, hl_tokenizer_find(tokenizer, open)),
                     HL_TOKEN_CONTROL);
    prepared.tools_format = (hl_tools_format){.open = {open}, .close = {close}};
    for (size_t group = 1; group < 9; group++) {
        run("So: <|im_start|>{\"name\": \"f\", \"arguments\": {}}<|im_end|>then", group,
            "So: «f {}»then");
        run("So: <|im_start|>well<|im_end|> then", group, "So: well then");
    }
    prepared.tags = NULL;
    run("<|im_start|>{\"name\": \"f\"}", 1, "«f {}»");
}

static void reasoning_may_be_between_control_tokens(void **state) {
    (void)state;
    hl_thinking_tags tags = {HL_STR("<|im_start|>"), HL_STR("<|im_end|>")};
    prepared.tags = &tags;
    for (size_t group = 1; group < 5; group++) {
        run("<|im_start|>why<|im_end|>\nso <|im_end|>", group, "(why)so ");
        assert_true(n_events >= 2);
    }
}

static int open_model(void **state) {
    char path[HL_MODEL_PATH_MAX];
    hl_error err;
    (void)state;
    hl_buf_init(&told, 0);
    return hl_model_resolve(HL_STR("tiny"), path, &err) < 0 ||
           hl_gguf_open(path, &gguf, &err) < 0 || hl_tokenizer_create(gguf, &tokenizer, &err) < 0;
}

static int fresh(void **state) {
    static const hl_thinking_tags TAGS = {HL_STR("<think>"), HL_STR("</think>")};
    hl_error err;
    (void)state;
    json_object_put(prepared.tools);
    prepared = (hl_prepared){.tags = &TAGS};
    prepared.tools_format = hl_tools_format_find(HL_STR("<tool_call>"), HL_STR(""));
    return hl_json_parse(HL_STR("[{\"function\":{\"name\":\"f\"}}]"), &prepared.tools, &err) < 0;
}

static int close_model(void **state) {
    (void)state;
    json_object_put(prepared.tools);
    hl_tokenizer_destroy(tokenizer);
    hl_gguf_close(gguf);
    hl_buf_deinit(&told);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(reasoning_answer_and_calls, fresh),
        cmocka_unit_test_setup(without_tools_calls_are_text, fresh),
        cmocka_unit_test_setup(marks_may_be_control_tokens, fresh),
        cmocka_unit_test_setup(reasoning_may_be_between_control_tokens, fresh),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
