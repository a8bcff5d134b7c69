/* Voices and choices over scripted events. */
#include "api_world.h"

/* Times and ids become '#'. */
static void mask(char *s, const char *key) {
    for (char *at = strstr(s, key); at; at = strstr(at, key)) {
        at += strlen(key);
        char *end = strchr(at, '"');
        memmove(at + 1, end, strlen(end) + 1);
        *at = '#';
    }
}

static void expect(const char *text) {
    char *have = world.out.ptr ? world.out.ptr : "";
    mask(have, "\"created_at\":\"");
    mask(have, "[{\"id\":\"");
    mask(have, "},{\"id\":\"");
    assert_string_equal(have, text);
    assert_true(world.ended);
}

#define CHAT "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]"
#define CHUNK                                                                                      \
    "data: {\"id\":\"chatcmpl-5\",\"object\":\"chat.completion.chunk\",\"created\":7,"             \
    "\"model\":\"m\",\"system_fingerprint\":\"fp_ollama\",\"choices\":["

/* -- Ollama ------------------------------------------------------------------------------------ */

static void chat_says_tool_calls_with_the_end(void **state) {
    (void)state;
    start(&hl__voice_chat, HL__DIALECT_OLLAMA, CHAT "}");
    say(0, HL_CHANNEL_THINKING, "hm");
    say(0, HL_CHANNEL_ANSWER, "a\n");
    call_tool(0, "f", "{ \"x\" : \"a \\\" b\",\n\"y\":1}");
    call_tool(0, "g", "{}");
    finish(0, HL_FINISH_STOP);
    assert_string_equal(world.type, "application/x-ndjson");
    expect("{\"model\":\"m\",\"created_at\":\"#\",\"message\":{\"role\":\"assistant\",\"content\":"
           "\"\",\"thinking\":\"hm\"},\"done\":false}\n"
           "{\"model\":\"m\",\"created_at\":\"#\",\"message\":{\"role\":\"assistant\",\"content\":"
           "\"a\\n\"},\"done\":false}\n"
           "{\"model\":\"m\",\"created_at\":\"#\",\"message\":{\"role\":\"assistant\",\"content\":"
           "\"\",\"tool_calls\":[{\"id\":\"#\",\"function\":{\"index\":0,\"name\":\"f\","
           "\"arguments\":{\"x\":\"a \\\" b\",\"y\":1}}},{\"id\":\"#\",\"function\":{"
           "\"index\":1,\"name\":\"g\",\"arguments\":{}}}]},\"done\":true,\"done_reason\":\"stop\","
           "\"load_duration\":1,\"prompt_eval_count\":3,\"eval_count\":2}\n");
}

static void chat_of_a_go_template_says_them_at_once(void **state) {
    (void)state;
    package.go = (hl_gotemplate *)&package; /* nothing looks inside */
    start(&hl__voice_chat, HL__DIALECT_OLLAMA, CHAT "}");
    call_tool(0, "f", "{}");
    call_tool(0, "g", "{}");
    finish(0, HL_FINISH_STOP);
    package.go = NULL;
    expect("{\"model\":\"m\",\"created_at\":\"#\",\"message\":{\"role\":\"assistant\",\"content\":"
           "\"\",\"tool_calls\":[{\"id\":\"#\",\"function\":{\"index\":0,\"name\":\"f\","
           "\"arguments\":{}}}]},\"done\":false}\n"
           "{\"model\":\"m\",\"created_at\":\"#\",\"message\":{\"role\":\"assistant\",\"content\":"
           "\"\",\"tool_calls\":[{\"id\":\"#\",\"function\":{\"index\":1,\"name\":\"g\","
           "\"arguments\":{}}}]},\"done\":false}\n"
           "{\"model\":\"m\",\"created_at\":\"#\",\"message\":{\"role\":\"assistant\",\"content\":"
           "\"\"},\"done\":true,\"done_reason\":\"stop\",\"load_duration\":1,\"prompt_eval_count\":"
           "3,\"eval_count\":"
           "2}\n");
}

static void generate_answers_whole(void **state) {
    (void)state;
    start(&hl__voice_generate, HL__DIALECT_OLLAMA,
          "{\"model\":\"m\",\"prompt\":\"x\",\"stream\":false}");
    say(0, HL_CHANNEL_THINKING, "hm");
    say(0, HL_CHANNEL_ANSWER, "a");
    finish(0, HL_FINISH_LENGTH);
    assert_int_equal(world.status, 200);
    expect("{\"model\":\"m\",\"created_at\":\"#\",\"response\":\"a\",\"thinking\":\"hm\",\"done\":"
           "true,\"done_reason\":\"length\",\"context\":[],\"load_duration\":1,\"prompt_eval_"
           "count\":3,\"eval_count\":"
           "2}");
}

static void an_error_before_the_stream_has_its_status(void **state) {
    (void)state;
    start(&hl__voice_chat, HL__DIALECT_OLLAMA, CHAT "}");
    say(0, HL_CHANNEL_ANSWER, "");
    break_down(0, HL_ELIMIT, "too long");
    assert_int_equal(world.status, 400);
    expect("{\"error\":\"too long\"}");
}

static void an_error_within_the_stream_is_its_last_line(void **state) {
    (void)state;
    start(&hl__voice_generate, HL__DIALECT_OLLAMA, "{\"model\":\"m\",\"prompt\":\"x\"}");
    say(0, HL_CHANNEL_ANSWER, "a");
    break_down(0, HL_EDEVICE, "lost");
    expect("{\"model\":\"m\",\"created_at\":\"#\",\"response\":\"a\",\"done\":false}\n"
           "{\"error\":\"lost\"}\n");
}

/* -- OpenAI ------------------------------------------------------------------------------------ */

static void openai_streams_calls_at_once(void **state) {
    (void)state;
    start(&hl__voice_openai_chat, HL__DIALECT_OPENAI,
          CHAT ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}");
    call_tool(0, "f", "{\"x\":1}");
    assert_true(world.out.len > 0);
    finish(0, HL_FINISH_STOP);
    assert_string_equal(world.type, "text/event-stream");
    expect(CHUNK "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{"
                 "\"id\":\"#\",\"index\":0,\"type\":\"function\",\"function\":{\"name\":\"f\","
                 "\"arguments\":\"{\\\"x\\\":1}\"}}]},\"finish_reason\":null}]}\n\n" CHUNK
                 "{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n" CHUNK
                 "],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,\"total_tokens\":5}}\n\n"
                 "data: [DONE]\n\n");
}

static void choices_answer_together(void **state) {
    (void)state;
    start(&hl__voice_openai_chat, HL__DIALECT_OPENAI, CHAT ",\"n\":2,\"seed\":4}");
    assert_int_equal(world.n_jobs, 2);
    assert_int_equal(world.jobs[0]->req.options.seed, 4);
    assert_int_equal(world.jobs[1]->req.options.seed, 5);
    say(1, HL_CHANNEL_ANSWER, "b");
    finish(1, HL_FINISH_STOP);
    assert_false(world.ended);
    say(0, HL_CHANNEL_ANSWER, "a");
    finish(0, HL_FINISH_LENGTH);
    expect("{\"id\":\"chatcmpl-5\",\"object\":\"chat.completion\",\"created\":7,\"model\":\"m\","
           "\"system_fingerprint\":\"fp_ollama\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
           "\"assistant\",\"content\":\"a\"},\"finish_reason\":\"length\"},{\"index\":1,"
           "\"message\":{\"role\":\"assistant\",\"content\":\"b\"},\"finish_reason\":\"stop\"}],"
           "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,\"total_tokens\":7}}");
}

/* Each answer takes the memory that its prompt needs. */
static void answers_to_a_large_request_have_a_limit(void **state) {
    (void)state;
    char kilobyte[1025] = "";
    hl_buf body;
    memset(kilobyte, 'x', sizeof kilobyte - 1);
    hl_buf_init(&body, 0);
    hl_buf_append_cstr(&body, CHAT ",\"n\":2,\"padding\":\"");
    for (int i = 0; i < 16 << 10; i++) hl_buf_append_cstr(&body, kilobyte);
    hl_buf_append_cstr(&body, "\"}");
    start(&hl__voice_openai_chat, HL__DIALECT_OPENAI, body.ptr);
    hl_buf_deinit(&body);
    assert_int_equal(world.n_jobs, 0);
    assert_int_equal(world.status, 400);
    assert_non_null(strstr(world.out.ptr, "2 answers to a request of 167"));
}

static void streamed_choices_have_an_end_each(void **state) {
    (void)state;
    start(&hl__voice_openai_chat, HL__DIALECT_OPENAI, CHAT ",\"n\":2,\"stream\":true}");
    say(1, HL_CHANNEL_ANSWER, "b");
    finish(1, HL_FINISH_STOP);
    finish(0, HL_FINISH_STOP);
    expect(CHUNK
           "{\"index\":1,\"delta\":{\"role\":\"assistant\",\"content\":\"b\"},\"finish_reason\":"
           "null}]}\n\n" CHUNK "{\"index\":1,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n" CHUNK
           "{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n");
}

static void a_failed_choice_ends_the_others(void **state) {
    (void)state;
    start(&hl__voice_openai_chat, HL__DIALECT_OPENAI, CHAT ",\"n\":2,\"stream\":true}");
    say(0, HL_CHANNEL_ANSWER, "a");
    break_down(1, HL_EDEVICE, "lost");
    assert_true(world.n_cancels >= 1);
    assert_false(world.ended);
    finish(0, HL_FINISH_CANCELLED);
    assert_non_null(strstr(world.out.ptr, "data: {\"error\":{\"message\":\"lost\",\"type\":"
                                          "\"api_error\",\"param\":null,\"code\":null}}\n\n"));
    assert_null(strstr(world.out.ptr, "[DONE]"));
    assert_true(world.ended);
}

static void a_choice_that_finds_no_place_refuses_all(void **state) {
    (void)state;
    world.refuse_at = 1;
    start(&hl__voice_openai_chat, HL__DIALECT_OPENAI, CHAT ",\"n\":4}");
    assert_int_equal(world.n_jobs, 1);
    assert_false(world.ended);
    finish(0, HL_FINISH_CANCELLED);
    assert_int_equal(world.status, 503);
    expect("{\"error\":{\"message\":\"queue full\",\"type\":\"api_error\",\"param\":null,\"code\":"
           "null}}");
}

static void one_call_ends_the_answer_if_asked(void **state) {
    (void)state;
    start(&hl__voice_openai_chat, HL__DIALECT_OPENAI, CHAT ",\"parallel_tool_calls\":false}");
    call_tool(0, "f", "{}");
    assert_int_equal(world.n_cancels, 1);
    call_tool(0, "g", "{}");
    finish(0, HL_FINISH_CANCELLED);
    assert_int_equal(world.status, 200);
    assert_non_null(strstr(world.out.ptr, "\"finish_reason\":\"tool_calls\""));
    assert_null(strstr(world.out.ptr, "\"g\""));
}

/* -- completions ------------------------------------------------------------------------------- */

static void completions_take_several_prompts(void **state) {
    (void)state;
    start(&hl__voice_openai_completion, HL__DIALECT_OPENAI,
          "{\"model\":\"m\",\"prompt\":[\"p\",\"q\"],\"n\":2,\"echo\":true}");
    assert_int_equal(world.n_jobs, 4);
    for (size_t i = 4; i-- > 0;) {
        say(i, HL_CHANNEL_ANSWER, "a");
        finish(i, HL_FINISH_STOP);
    }
    expect("{\"id\":\"cmpl-5\",\"object\":\"text_completion\",\"created\":7,\"model\":\"m\","
           "\"system_fingerprint\":\"fp_ollama\",\"choices\":["
           "{\"text\":\"pa\",\"index\":0,\"finish_reason\":\"stop\"},"
           "{\"text\":\"pa\",\"index\":1,\"finish_reason\":\"stop\"},"
           "{\"text\":\"qa\",\"index\":2,\"finish_reason\":\"stop\"},"
           "{\"text\":\"qa\",\"index\":3,\"finish_reason\":\"stop\"}],"
           "\"usage\":{\"prompt_tokens\":6,\"completion_tokens\":8,\"total_tokens\":14}}");
}

static void completions_stream_with_usage(void **state) {
    (void)state;
    start(&hl__voice_openai_completion, HL__DIALECT_OPENAI,
          "{\"model\":\"m\",\"prompt\":\"p\",\"stream\":true,\"stream_options\":{\"include_usage\":"
          "true}}");
    say(0, HL_CHANNEL_ANSWER, "a");
    finish(0, HL_FINISH_STOP);
#define EVENT "data: {\"id\":\"cmpl-5\",\"object\":\"text_completion\",\"created\":7,\"choices\":["
#define USAGE(p, c, t)                                                                             \
    "],\"model\":\"m\",\"system_fingerprint\":\"fp_ollama\",\"usage\":{\"prompt_tokens\":" p       \
    ",\"completion_tokens\":" c ",\"total_tokens\":" t "}}\n\n"
    expect(EVENT "{\"text\":\"a\",\"index\":0,\"finish_reason\":null}" USAGE("0", "0", "0") EVENT
           "{\"text\":\"\",\"index\":0,\"finish_reason\":\"stop\"}" USAGE("0", "0", "0")
               EVENT USAGE("3", "2", "5") "data: [DONE]\n\n");
}

/* -- clients that go --------------------------------------------------------------------------- */

static void a_client_that_leaves_cancels_all(void **state) {
    (void)state;
    start(&hl__voice_openai_chat, HL__DIALECT_OPENAI, CHAT ",\"n\":3}");
    world.leave(world.leave_arg);
    assert_int_equal(world.n_cancels, 3);
    for (size_t i = 0; i < 3; i++) finish(i, HL_FINISH_CANCELLED);
    assert_true(world.ended);
}

static void a_client_that_does_not_read_cancels(void **state) {
    (void)state;
    world.deaf = true;
    start(&hl__voice_generate, HL__DIALECT_OLLAMA, "{\"model\":\"m\",\"prompt\":\"x\"}");
    say(0, HL_CHANNEL_ANSWER, "a");
    assert_int_equal(world.n_cancels, 1);
    say(0, HL_CHANNEL_ANSWER, "b");
    assert_null(strstr(world.out.ptr, "\"b\""));
    finish(0, HL_FINISH_CANCELLED);
    assert_true(world.ended);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(chat_says_tool_calls_with_the_end),
        T(chat_of_a_go_template_says_them_at_once),
        T(generate_answers_whole),
        T(an_error_before_the_stream_has_its_status),
        T(an_error_within_the_stream_is_its_last_line),
        T(openai_streams_calls_at_once),
        T(choices_answer_together),
        T(answers_to_a_large_request_have_a_limit),
        T(streamed_choices_have_an_end_each),
        T(a_failed_choice_ends_the_others),
        T(a_choice_that_finds_no_place_refuses_all),
        T(one_call_ends_the_answer_if_asked),
        T(completions_take_several_prompts),
        T(completions_stream_with_usage),
        T(a_client_that_leaves_cancels_all),
        T(a_client_that_does_not_read_cancels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
