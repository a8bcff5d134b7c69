/* POST /v1/responses over scripted events. */
#include "api_world.h"

static void begin(const char *body) {
    start(&hl__voice_responses, HL__DIALECT_OPENAI, body);
}

static void refused(const char *body, const char *text) {
    expect_refused(&hl__voice_responses, HL__DIALECT_OPENAI, body, text);
}

/* The event's data, and *at behind it. */
static struct json_object *next_event(const char **at, const char *type) {
    struct json_object *o;
    char want[80];
    snprintf(want, sizeof want, "event: %s\ndata: ", type);
    if (strncmp(*at, want, strlen(want)) != 0) fail_msg("no %s at %.80s", type, *at);
    const char *data = *at + strlen(want), *end = strstr(data, "\n\n");
    assert_non_null(end);
    assert_int_equal(hl_json_parse((hl_str){data, (size_t)(end - data)}, &o, NULL), HL_OK);
    assert_true(hl_str_is(hl__json_get_str(o, "type"), type));
    *at = end + 2;
    return o;
}

static void expect_status(struct json_object *response, const char *status) {
    assert_true(hl_str_is(hl__json_get_str(response, "status"), status));
}

/* -- requests ---------------------------------------------------------------------------------- */

static void items_of_one_answer_are_one_message(void **state) {
    (void)state;
    begin("{\"model\":\"m\",\"instructions\":\"be kind\",\"input\":["
          "{\"role\":\"user\",\"content\":\"a\"},"
          "{\"type\":\"reasoning\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"hm\"}]},"
          "{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\","
          "\"text\":\"b\"}]},"
          "{\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"{}\"},"
          "{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":\"18\"},"
          "{\"type\":\"web_search_call\"},"
          "{\"role\":\"developer\",\"content\":[{\"type\":\"input_text\",\"text\":\"d\"}]}]}");
    assert_int_equal(asked()->n_messages, 5);
    expect_message(0, "system", "be kind");
    expect_message(1, "user", "a");
    expect_message(2, "assistant", "b");
    expect_message(3, "tool", "18");
    expect_message(4, "system", "d");
    assert_true(hl_str_is(asked()->messages[2].thinking, "hm"));
    assert_int_equal(json_object_array_length(asked()->messages[2].tool_calls), 1);
    assert_true(hl_str_is(asked()->messages[3].tool_name, "f"));
    finish(0, HL_FINISH_STOP);
}

static void tools_may_be_in_groups(void **state) {
    (void)state;
    begin("{\"model\":\"m\",\"input\":\"a\",\"tools\":[{\"type\":\"web_search\"},"
          "{\"type\":\"namespace\",\"name\":\"n\",\"tools\":[{\"type\":\"function\",\"name\":"
          "\"f\"}]}],\"tool_choice\":{\"type\":\"function\",\"name\":\"n.f\"}}");
    assert_int_equal(json_object_array_length(asked()->tools), 1);
    assert_int_equal(asked()->tool_choice, HL_TOOLS_NAMED);
    assert_true(hl_str_is(asked()->tool_name, "n.f"));
    finish(0, HL_FINISH_STOP);
}

static void a_prompt_is_never_shown(void **state) {
    (void)state;
    begin("{\"model\":\"m\",\"input\":\"a\",\"_debug_render_only\":true,\"n\":3}");
    assert_false(world.jobs[0]->prepare_only);
    finish(0, HL_FINISH_STOP);
    assert_int_equal(world.status, 200);
}

static void what_it_cannot_read_is_refused(void **state) {
    (void)state;
    refused("{\"model\":\"m\"}", "input is required: a text or an array of items");
    refused("{\"input\":[1]}", "input: an item is no object");
    refused("{\"input\":[{\"content\":\"a\"}]}", "input: a message has no role");
    refused("{\"input\":[{\"role\":\"user\",\"content\":5}]}",
            "input: a content is no text and no array of parts");
    refused("{\"input\":[{\"role\":\"user\",\"content\":[5]}]}",
            "input: a part of a content is no object");
    refused("{\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_file\"}]}]}",
            "file inputs are not currently supported");
    refused("{\"input\":[{\"type\":\"computer_call\"}]}",
            "input: the type \"computer_call\" is not supported");
    refused("{\"input\":[{\"type\":\"function_call\",\"name\":\"f\",\"arguments\":\"[]\"}]}",
            "invalid tool call arguments");
    refused("{\"input\":\"a\",\"tools\":[{\"type\":\"namespace\",\"tools\":[]}]}",
            "tools: a namespace has no name");
    refused("{\"input\":\"a\",\"tools\":[{\"type\":\"namespace\",\"name\":\"n\",\"tools\":[{"
            "\"type\":\"namespace\",\"name\":\"n\"}]}]}",
            "tools: the type \"namespace\" is not supported");
    refused("{\"input\":\"a\",\"text\":{\"format\":{\"type\":\"json_schema\"}}}",
            "text.format has no schema");
    refused("{\"input\":\"a\",\"grammar\":\"root ::= \\\"a\\\"\",\"text\":{\"format\":{"
            "\"type\":\"json_object\"}}}",
            "an answer cannot have both a grammar and a format");
}

/* -- answers ----------------------------------------------------------------------------------- */

static void events_tell_each_item(void **state) {
    static const struct {
        const char *type, *status;
    } events[] = {{"response.created", "in_progress"},
                  {"response.in_progress", "in_progress"},
                  {"response.output_item.added", NULL},
                  {"response.reasoning_summary_text.delta", NULL},
                  {"response.reasoning_summary_text.done", NULL},
                  {"response.output_item.done", NULL},
                  {"response.output_item.added", NULL},
                  {"response.content_part.added", NULL},
                  {"response.output_text.delta", NULL},
                  {"response.output_text.delta", NULL},
                  {"response.output_text.done", NULL},
                  {"response.content_part.done", NULL},
                  {"response.output_item.done", NULL},
                  {"response.output_item.added", NULL},
                  {"response.function_call_arguments.delta", NULL},
                  {"response.function_call_arguments.done", NULL},
                  {"response.output_item.done", NULL},
                  {"response.completed", "completed"}};
    (void)state;
    begin("{\"model\":\"m\",\"input\":\"a\",\"stream\":true}");
    say(0, HL_CHANNEL_THINKING, "hm");
    say(0, HL_CHANNEL_ANSWER, "a");
    say(0, HL_CHANNEL_ANSWER, "b");
    call_tool(0, "f", "{\"x\": 1}");
    finish(0, HL_FINISH_STOP);
    const char *at = world.out.ptr;
    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        struct json_object *o = next_event(&at, events[i].type);
        struct json_object *response = hl__json_get(o, "response");
        assert_int_equal(json_object_get_int64(hl__json_get(o, "sequence_number")), i);
        assert_int_equal(response != NULL, events[i].status != NULL);
        if (response) expect_status(response, events[i].status);
        if (i == 17)
            assert_int_equal(json_object_array_length(hl__json_get(response, "output")), 3);
        json_object_put(o);
    }
    assert_int_equal(*at, '\0');
}

/* Over before the first event is written: begun first all the same. */
static void a_stream_without_text_begins_and_ends(void **state) {
    (void)state;
    begin("{\"model\":\"m\",\"input\":\"a\",\"stream\":true}");
    finish(0, HL_FINISH_LENGTH);
    const char *at = world.out.ptr;
    for (int i = 0; i < 3; i++) {
        struct json_object *o = next_event(&at, i == 0   ? "response.created"
                                                : i == 1 ? "response.in_progress"
                                                         : "response.incomplete");
        struct json_object *response = hl__json_get(o, "response");
        expect_status(response, i < 2 ? "in_progress" : "incomplete");
        assert_int_equal(hl__json_get(response, "usage") != NULL, i == 2);
        assert_int_equal(hl__json_get(response, "incomplete_details") != NULL, i == 2);
        json_object_put(o);
    }
    assert_int_equal(*at, '\0');
}

static void a_failure_is_the_last_event(void **state) {
    (void)state;
    begin("{\"model\":\"m\",\"input\":\"a\",\"stream\":true}");
    say(0, HL_CHANNEL_ANSWER, "a");
    break_down(0, HL_EDEVICE, "lost");
    const char *at = strstr(world.out.ptr, "event: response.failed\n");
    assert_non_null(at);
    struct json_object *o = next_event(&at, "response.failed");
    struct json_object *response = hl__json_get(o, "response");
    expect_status(response, "failed");
    assert_true(hl_str_is(hl__json_get_str(hl__json_get(response, "error"), "message"), "lost"));
    assert_null(hl__json_get(response, "usage"));
    assert_int_equal(*at, '\0');
    json_object_put(o);
}

static void a_whole_answer_says_what_was_asked(void **state) {
    struct json_object *o;
    (void)state;
    begin("{\"model\":\"m\",\"input\":\"a\",\"instructions\":\"i\",\"temperature\":0.5,"
          "\"max_output_tokens\":9,\"truncation\":\"auto\"}");
    assert_int_equal(asked()->options.num_predict, 9);
    say(0, HL_CHANNEL_ANSWER, "b");
    finish(0, HL_FINISH_LENGTH);
    assert_int_equal(hl_json_parse(hl_buf_str(&world.out), &o, NULL), HL_OK);
    expect_status(o, "incomplete");
    assert_true(hl_str_is(hl__json_get_str(o, "instructions"), "i"));
    assert_true(hl_str_is(hl__json_get_str(o, "truncation"), "auto"));
    assert_int_equal(json_object_get_int64(hl__json_get(o, "max_output_tokens")), 9);
    assert_int_equal(json_object_get_int64(hl__json_get(hl__json_get(o, "usage"), "total_tokens")),
                     5);
    json_object_put(o);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(items_of_one_answer_are_one_message),
        T(tools_may_be_in_groups),
        T(a_prompt_is_never_shown),
        T(what_it_cannot_read_is_refused),
        T(events_tell_each_item),
        T(a_stream_without_text_begins_and_ends),
        T(a_failure_is_the_last_event),
        T(a_whole_answer_says_what_was_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
