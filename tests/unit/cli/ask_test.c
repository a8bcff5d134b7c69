#include "cli/ask.h"

#include "config/duration.h"

#include "testing.h"

/* -- the body ---------------------------------------------------------------------------------- */

static void expect_body(const hl_request *req, int64_t keep_ns, const char *want) {
    hl_buf out;
    struct json_object *o = NULL;
    hl_buf_init(&out, 0);
    hl__ask_how how = {.set_keep = keep_ns != 0, .keep_ns = keep_ns};
    hl__ask_body(req, &how, &out);
    assert_string_equal(out.ptr, want);
    assert_int_equal(hl_json_parse(hl_buf_str(&out), &o, NULL), HL_OK);
    json_object_put(o);
    hl_buf_deinit(&out);
}

static void prompts_are_generates(void **state) {
    (void)state;
    hl_str stops[] = {HL_STR("a\"b"), HL_STR("c")};
    hl_request req = {.model = HL_STR("tiny"), .prompt = HL_STR("Hi\n")};
    hl_options_init(&req.options);
    assert_string_equal(hl__ask_path(&req), "/api/generate");
    expect_body(&req, 0, "{\"model\":\"tiny\",\"prompt\":\"Hi\\n\"}");
    hl_buf whole;
    hl_buf_init(&whole, 0);
    hl__ask_body(&req, &(hl__ask_how){.whole = true}, &whole);
    assert_string_equal(whole.ptr, "{\"model\":\"tiny\",\"prompt\":\"Hi\\n\",\"stream\":false}");
    hl_buf_deinit(&whole);
    req.raw = true;
    req.no_truncate = true;
    req.format = HL_FORMAT_JSON;
    req.think = HL_THINK_OFF;
    req.options.stop = stops;
    req.options.n_stop = 2;
    assert_int_equal(hl_options_set_text(&req.options, HL_STR("top_p"), HL_STR("0.1"), NULL), 0);
    assert_int_equal(hl_options_set_text(&req.options, HL_STR("seed"), HL_STR("-7"), NULL), 0);
    expect_body(&req, 300000000000,
                "{\"model\":\"tiny\",\"prompt\":\"Hi\\n\",\"raw\":true,\"think\":false,"
                "\"format\":\"json\",\"truncate\":false,"
                "\"options\":{\"seed\":-7,\"top_p\":0.100000001,\"stop\":[\"a\\\"b\",\"c\"]},"
                "\"keep_alive\":\"300000000000ns\"}");
    req = (hl_request){.model = HL_STR("m"), .options = {.stop = stops}, .think = HL_THINK_HIGH};
    expect_body(&req, HL_DURATION_FOREVER,
                "{\"model\":\"m\",\"prompt\":\"\",\"think\":\"high\",\"options\":{\"stop\":[]},"
                "\"keep_alive\":-1}");
}

static void conversations_are_chats(void **state) {
    (void)state;
    hl_part parts[] = {{.text = HL_STR("Hi")}, {.text = HL_STR("Hello")}};
    hl_message messages[] = {
        {.role = HL_STR("user"), .parts = &parts[0], .n_parts = 1},
        {.role = HL_STR("assistant"), .parts = &parts[1], .n_parts = 1, .thinking = HL_STR("hm")}};
    hl_request req = {
        .model = HL_STR("m"), .messages = messages, .n_messages = 2, .system = HL_STR("S")};
    assert_string_equal(hl__ask_path(&req), "/api/chat");
    expect_body(&req, 0,
                "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"S\"},"
                "{\"role\":\"user\",\"content\":\"Hi\"},"
                "{\"role\":\"assistant\",\"content\":\"Hello\",\"thinking\":\"hm\"}]}");
    hl_buf out;
    hl_buf_init(&out, 0);
    hl__ask_create(&req, HL_STR("n"), &out);
    assert_string_equal(out.ptr, "{\"model\":\"n\",\"from\":\"m\",\"system\":\"S\",\"messages\":["
                                 "{\"role\":\"user\",\"content\":\"Hi\"},"
                                 "{\"role\":\"assistant\",\"content\":\"Hello\","
                                 "\"thinking\":\"hm\"}],\"stream\":false}");
    hl_buf_deinit(&out);
}

/* -- the answer -------------------------------------------------------------------------------- */

typedef struct heard {
    hl_buf text;
    size_t n, enough;
    hl_event end;
} heard;

static bool hear(void *arg, const hl_event *ev) {
    heard *h = arg;
    if (ev->kind == HL_EVENT_TEXT)
        hl_buf_printf(&h->text, "%s%.*s|", ev->channel == HL_CHANNEL_THINKING ? "T:" : "",
                      HL_STR_ARG(ev->text));
    else
        h->end = *ev;
    return ++h->n != h->enough;
}

/* Lines until one ends it; the events' texts are what is wanted. */
static void take(hl__asked *a, heard *h, const char *const *lines) {
    *h = (heard){.enough = h->enough};
    *a = (hl__asked){.on_event = hear, .arg = h};
    hl_buf_init(&h->text, 0);
    hl_buf_append_char(&h->text, '|');
    while (*lines && hl__asked_line(a, hl_str_from(*lines))) lines++;
}

static void lines_are_events(void **state) {
    (void)state;
    heard h = {0};
    hl__asked a;
    take(&a, &h,
         (const char *[]){"{\"model\":\"m\",\"response\":\"\",\"thinking\":\"hm\",\"done\":false}",
                          "{\"response\":\"He\",\"done\":false}",
                          "{\"message\":{\"role\":\"assistant\",\"content\":\"llo\","
                          "\"thinking\":\"x\"},\"done\":false}",
                          "{\"response\":\"\",\"done\":true,\"done_reason\":\"length\","
                          "\"total_duration\":50,\"load_duration\":1,\"prompt_eval_count\":19,"
                          "\"prompt_eval_duration\":4,\"eval_count\":9,\"eval_duration\":39}",
                          "{\"response\":\"never\"}", NULL});
    assert_string_equal(h.text.ptr, "|T:hm|He|T:x|llo|");
    assert_true(a.done && a.failed >= 0 && !a.stopped);
    assert_int_equal(h.end.kind, HL_EVENT_FINISHED);
    assert_int_equal(h.end.finish, HL_FINISH_LENGTH);
    assert_int_equal(h.end.usage.prompt_tokens, 19);
    assert_int_equal(h.end.usage.generated_tokens, 9);
    assert_int_equal(h.end.usage.total_ns, 50);
    assert_int_equal(h.end.usage.generate_ns, 39);
    hl_buf_deinit(&h.text);
}

static void an_error_in_a_stream_is_one(void **state) {
    (void)state;
    heard h = {0};
    hl__asked a;
    take(&a, &h, (const char *[]){"{\"response\":\"He\"}", "{\"error\":\"out of\\nluck\"}", NULL});
    assert_int_equal(a.failed, HL_EREMOTE);
    assert_string_equal(a.error.text, "out of?luck");
    assert_false(a.done);
    hl_buf_deinit(&h.text);
    take(&a, &h, (const char *[]){"{\"error\":{\"message\":\"no\"}}", NULL});
    assert_string_equal(a.error.text, "no");
    hl_buf_deinit(&h.text);
}

static void garbage_is_an_error(void **state) {
    (void)state;
    static const char *const lines[] = {"<html>", "[]", "7", "null", "{\"response\":", "\xff"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        heard h = {0};
        hl__asked a;
        take(&a, &h, (const char *[]){lines[i], NULL});
        assert_int_equal(a.failed, HL_EREMOTE);
        assert_non_null(strstr(a.error.text, "no line of JSON"));
        hl_buf_deinit(&h.text);
    }
    heard h = {0};
    hl__asked a;
    take(&a, &h,
         (const char *[]){"{\"response\":[],\"thinking\":7,\"message\":null,\"done\":\"yes\"}",
                          "{\"message\":{\"content\":{}},\"done\":true,\"done_reason\":1,"
                          "\"eval_count\":-1,\"prompt_eval_count\":99999999999}",
                          NULL});
    assert_true(a.done && a.failed >= 0);
    assert_int_equal(h.end.usage.generated_tokens, 0);
    assert_int_equal(h.end.usage.prompt_tokens, UINT32_MAX);
    hl_buf_deinit(&h.text);
}

static void a_listener_can_have_enough(void **state) {
    (void)state;
    heard h = {.enough = 1};
    hl__asked a;
    take(&a, &h, (const char *[]){"{\"response\":\"a\"}", "{\"response\":\"b\"}", NULL});
    assert_true(a.stopped && !a.done && a.failed >= 0);
    assert_string_equal(h.text.ptr, "|a|");
    hl_buf_deinit(&h.text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prompts_are_generates), cmocka_unit_test(conversations_are_chats),
        cmocka_unit_test(lines_are_events),      cmocka_unit_test(an_error_in_a_stream_is_one),
        cmocka_unit_test(garbage_is_an_error),   cmocka_unit_test(a_listener_can_have_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
