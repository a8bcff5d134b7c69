/* POST /v1/messages over scripted events. */
#include "api_world.h"

static void begin(const char *rest) {
    char body[2048];
    snprintf(body, sizeof body, "{\"model\":\"m\",\"max_tokens\":9,%s}", rest);
    start(&hl__voice_anthropic, HL__DIALECT_ANTHROPIC, body);
}

#define ONE "\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]"

static void refused(const char *rest, const char *text) {
    char body[1024];
    snprintf(body, sizeof body, "{\"model\":\"m\",\"max_tokens\":9,%s}", rest);
    expect_refused(&hl__voice_anthropic, HL__DIALECT_ANTHROPIC, body, text);
}

/* -- requests ---------------------------------------------------------------------------------- */

static void blocks_become_messages(void **state) {
    (void)state;
    begin("\"system\":[{\"type\":\"text\",\"text\":\"s\"},{\"type\":\"text\",\"text\":\"t\"}],"
          "\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"
          "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\"},"
          "{\"type\":\"redacted_thinking\",\"data\":\"x\"},"
          "{\"type\":\"tool_use\",\"id\":\"c1\",\"name\":\"f\",\"input\":{\"x\":1}}]},"
          "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"c1\","
          "\"content\":[{\"type\":\"text\",\"text\":\"18\"}]},{\"type\":\"text\",\"text\":\"b\"}]},"
          "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"c1\","
          "\"content\":\"19\"}]}]");
    assert_int_equal(asked()->n_messages, 6);
    expect_message(0, "system", "s\nt");
    expect_message(1, "user", "a");
    expect_message(2, "assistant", "");
    expect_message(3, "tool", "18");
    expect_message(4, "user", "b");
    expect_message(5, "tool", "19");
    assert_true(hl_str_is(asked()->messages[2].thinking, "hm"));
    assert_int_equal(json_object_array_length(asked()->messages[2].tool_calls), 1);
    assert_true(hl_str_is(asked()->messages[3].tool_name, "f"));
    finish(0, HL_FINISH_STOP);
}

static void tools_and_their_choice(void **state) {
    (void)state;
    begin(ONE ",\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\"}},"
              "{\"type\":\"custom\",\"name\":\"g\"}],"
              "\"tool_choice\":{\"type\":\"tool\",\"name\":\"g\",\"disable_parallel_tool_use\":"
              "true}");
    assert_int_equal(json_object_array_length(asked()->tools), 2);
    assert_int_equal(asked()->tool_choice, HL_TOOLS_NAMED);
    assert_true(hl_str_is(asked()->tool_name, "g"));
    call_tool(0, "g", "{}");
    assert_int_equal(world.n_cancels, 1);
    finish(0, HL_FINISH_CANCELLED);
    assert_non_null(strstr(world.out.ptr, "\"stop_reason\":\"tool_use\""));
}

static void what_it_cannot_read_is_refused(void **state) {
    hl_error err = {0};
    (void)state;
    assert_int_equal(
        try_start(&hl__voice_anthropic, HL__DIALECT_ANTHROPIC, "{\"model\":\"m\"}", &err),
        HL_EINVAL);
    assert_string_equal(err.text, "max_tokens is required and must be positive");
    refused("\"messages\":[]", "messages is required");
    refused("\"messages\":[1]", "an element of messages is no object");
    refused("\"messages\":[{\"role\":\"tool\",\"content\":\"a\"}]", "invalid role: tool");
    refused("\"messages\":[{\"role\":\"user\"}]", "invalid message content type: <nil>");
    refused("\"messages\":[{\"role\":\"user\",\"content\":[1]}]",
            "a block of a message's content is no object");
    refused("\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"tool_use\",\"id\":"
            "\"c\"}]}]",
            "tool_use block missing required 'name' field");
    refused("\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":{"
            "\"type\":\"url\"}}]}]",
            "invalid image source type: url");
    refused("\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"video\"}]}]",
            "messages: a block of the type \"video\" is not supported");
    refused("\"system\":5," ONE, "system is no text and no blocks");
    refused(ONE ",\"tools\":[{\"type\":\"bash_20250124\",\"name\":\"b\"}]",
            "a tool of the type \"bash_20250124\" is not supported");
    refused(ONE ",\"tool_choice\":{\"type\":\"any\"}",
            "tool_choice is \"required\", but there are no tools");
    refused(ONE ",\"tool_choice\":{\"type\":\"some\"}",
            "tool_choice: the type \"some\" is not supported");
}

static void thinking_follows_the_request(void **state) {
    static const struct {
        const char *rest;
        hl_think want;
    } cases[] = {
        {ONE, HL_THINK_UNSET},
        {ONE ",\"thinking\":{\"type\":\"adaptive\"}", HL_THINK_ON},
        {ONE ",\"output_config\":{\"effort\":\"xhigh\"}", HL_THINK_HIGH},
        {ONE ",\"thinking\":{\"type\":\"disabled\"},\"output_config\":{\"effort\":\"low\"}",
         HL_THINK_OFF},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set_up(state);
        begin(cases[i].rest);
        assert_int_equal(asked()->think, cases[i].want);
        finish(0, HL_FINISH_STOP);
        tear_down(state);
    }
    set_up(state);
}

/* -- answers ----------------------------------------------------------------------------------- */

/* The id, which is drawn, becomes '#'. */
static void expect(const char *text) {
    static const char key[] = "\"id\":\"";
    char *at = world.out.ptr;
    while ((at = strstr(at, key))) {
        at += strlen(key);
        char *end = strchr(at, '"');
        memmove(at + 1, end, strlen(end) + 1);
        *at = '#';
    }
    assert_string_equal(world.out.ptr, text);
    assert_true(world.ended);
}

static void a_whole_answer_has_its_blocks(void **state) {
    (void)state;
    begin(ONE);
    say(0, HL_CHANNEL_THINKING, "hm");
    say(0, HL_CHANNEL_ANSWER, "a\n");
    call_tool(0, "f", "{ \"x\": 1 }");
    finish(0, HL_FINISH_STOP);
    expect("{\"id\":\"#\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":"
           "[{\"type\":\"thinking\",\"thinking\":\"hm\"},{\"type\":\"text\",\"text\":\"a\\n\"},"
           "{\"type\":\"tool_use\",\"id\":\"#\",\"name\":\"f\",\"input\":{\"x\":1}}],"
           "\"stop_reason\":\"tool_use\",\"usage\":{\"input_tokens\":3,\"output_tokens\":2}}");
}

#define EVENT(type, rest) "event: " type "\ndata: {\"type\":\"" type "\"" rest "}\n\n"

static void events_tell_each_block(void **state) {
    (void)state;
    begin(ONE ",\"stream\":true");
    say(0, HL_CHANNEL_THINKING, "hm");
    say(0, HL_CHANNEL_ANSWER, "a");
    call_tool(0, "f", "{}");
    finish(0, HL_FINISH_LENGTH);
    expect(EVENT("message_start", ",\"message\":{\"id\":\"#\",\"type\":\"message\",\"role\":"
                                  "\"assistant\",\"model\":\"m\",\"content\":[],\"usage\":{"
                                  "\"input_tokens\":0,\"output_tokens\":0}}")
               EVENT("content_block_start", ",\"index\":0,\"content_block\":{\"type\":"
                                            "\"thinking\",\"thinking\":\"\"}")
                   EVENT("content_block_delta", ",\"index\":0,\"delta\":{\"type\":"
                                                "\"thinking_delta\",\"thinking\":\"hm\"}")
                       EVENT("content_block_stop", ",\"index\":0") EVENT(
                           "content_block_start", ",\"index\":1,\"content_block\":{\"type\":"
                                                  "\"text\",\"text\":\"\"}")
                           EVENT("content_block_delta", ",\"index\":1,\"delta\":{\"type\":"
                                                        "\"text_delta\",\"text\":\"a\"}")
                               EVENT("content_block_stop", ",\"index\":1") EVENT(
                                   "content_block_start",
                                   ",\"index\":2,\"content_block\":{\"type\":\"tool_use\","
                                   "\"id\":\"#\",\"name\":\"f\",\"input\":{}}")
                                   EVENT("content_block_delta",
                                         ",\"index\":2,\"delta\":{\"type\":\"input_json_delta\","
                                         "\"partial_json\":\"{}\"}") EVENT("content_block_stop",
                                                                           ",\"index\":2")
                                       EVENT("message_delta",
                                             ",\"delta\":{\"stop_reason\":\"tool_use\"},"
                                             "\"usage\":{\"input_tokens\":3,\"output_tokens\":2}")
                                           EVENT("message_stop", ""));
}

static void a_failure_is_the_last_event(void **state) {
    (void)state;
    begin(ONE ",\"stream\":true");
    say(0, HL_CHANNEL_ANSWER, "a");
    break_down(0, HL_EDEVICE, "lost");
    const char *at = strstr(world.out.ptr, "event: error\n");
    assert_non_null(at);
    assert_string_equal(at, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
                            "\"api_error\",\"message\":\"lost\"},\"request_id\":\"req_r1\"}\n\n");
    assert_true(world.ended);
}

static void tokens_are_counted_without_an_answer(void **state) {
    (void)state;
    start(&hl__voice_anthropic_count, HL__DIALECT_ANTHROPIC, "{\"model\":\"m\"," ONE "}");
    assert_true(world.jobs[0]->prepare_only);
    finish(0, HL_FINISH_STOP);
    expect("{\"input_tokens\":3}");
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(blocks_become_messages),         T(tools_and_their_choice),
        T(what_it_cannot_read_is_refused), T(thinking_follows_the_request),
        T(a_whole_answer_has_its_blocks),  T(events_tell_each_block),
        T(a_failure_is_the_last_event),    T(tokens_are_counted_without_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
