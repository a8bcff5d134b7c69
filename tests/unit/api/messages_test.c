#include "api/fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static hl_error err;
static hl_arena *arena;
static struct json_object *read_json;

static int set_up(void **state) {
    (void)state;
    arena = hl_arena_create(1 << 20);
    return arena == NULL;
}

static int tear_down(void **state) {
    (void)state;
    hl_arena_destroy(arena);
    return 0;
}

static hl_status read_messages(const char *text, bool openai, hl_request *req) {
    assert_int_equal(hl_json_parse(hl_str_from(text), &read_json, &err), HL_OK);
    return hl__read_messages(read_json, openai, arena, req, &err);
}

static void drop(void) {
    json_object_put(read_json);
    read_json = NULL;
}

static void ollama_messages(void **state) {
    (void)state;
    hl_request req = {0};
    assert_int_equal(
        read_messages("[{\"role\":\"USER\",\"content\":\"a\",\"images\":[\"AAAA\",\"QQ==\"]},"
                      "{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"id\":\"c1\","
                      "\"function\":{\"name\":\"f\",\"arguments\":{\"x\":1}}}]},"
                      "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":null,"
                      "\"thinking\":\"t\"},"
                      "{\"role\":\"tool\",\"tool_name\":\"g\",\"tool_call_id\":\"c1\"}]",
                      false, &req),
        HL_OK);
    assert_int_equal(req.n_messages, 4);
    assert_true(hl_str_is(req.messages[0].role, "user"));
    assert_true(hl_str_is(req.messages[0].parts[0].text, "a"));
    assert_int_equal(req.messages[0].n_parts, 2);
    assert_int_equal(req.messages[0].parts[1].kind, HL_PART_IMAGE);
    assert_true(hl_str_is(req.messages[2].tool_name, "f"));
    assert_true(hl_str_is(req.messages[2].thinking, "t"));
    assert_true(hl_str_is(req.messages[3].tool_name, "g"));
    drop();
}

/* An id may come again: an answer is to the last call of its id before it. */
static void answers_find_the_last_call_of_their_id(void **state) {
    (void)state;
    hl_request req = {0};
    hl_buf text;
    hl_buf_init(&text, 0);
    hl_buf_append_char(&text, '[');
    for (unsigned i = 0; i < 60; i++)
        hl_buf_printf(&text,
                      "{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c%u\",\"function\":{"
                      "\"name\":\"f%u\"}},{\"function\":{}}]},"
                      "{\"role\":\"tool\",\"tool_call_id\":\"c%u\"},",
                      i % 20, i, i % 20);
    hl_buf_append_cstr(&text, "{\"role\":\"tool\",\"tool_call_id\":\"c20\"}]");
    assert_int_equal(read_messages(text.ptr, false, &req), HL_OK);
    for (size_t i = 0; i < 60; i++) {
        char want[8];
        snprintf(want, sizeof want, "f%zu", i);
        assert_true(hl_str_is(req.messages[2 * i + 1].tool_name, want));
    }
    assert_int_equal(req.messages[120].tool_name.len, 0);
    hl_buf_deinit(&text);
    drop();
}

static void openai_messages(void **state) {
    (void)state;
    hl_request req = {0};
    assert_int_equal(
        read_messages("[{\"role\":\"developer\",\"content\":\"d\"},"
                      "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
                      "{\"type\":\"image_url\",\"image_url\":{\"url\":"
                      "\"data:image/png;base64,AAAA\"}}]},"
                      "{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":\"r\","
                      "\"tool_calls\":[{\"id\":\"c1\",\"function\":{\"name\":\"f\","
                      "\"arguments\":\"{\\\"x\\\":1}\"}}]},"
                      "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"18\"}]",
                      true, &req),
        HL_OK);
    assert_true(hl_str_is(req.messages[0].role, "system"));
    assert_int_equal(req.messages[1].n_parts, 2);
    assert_int_equal(req.messages[1].parts[1].kind, HL_PART_IMAGE);
    assert_true(hl_str_is(req.messages[2].thinking, "r"));
    struct json_object *function = json_object_object_get(
        json_object_array_get_idx(req.messages[2].tool_calls, 0), "function");
    assert_true(
        json_object_is_type(json_object_object_get(function, "arguments"), json_type_object));
    assert_true(hl_str_is(req.messages[3].tool_name, "f"));
    drop();
}

static void bad_messages_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *json;
        bool openai;
        const char *text; /* NULL: any */
    } bad[] = {
        {"[5]", false,
         "json: cannot unmarshal number into Go struct field ChatRequest.messages of type "
         "api.Message"},
        {"[null]", false, NULL},
        {"[{\"role\":5}]", false, NULL},
        {"[{\"content\":[]}]", false,
         "json: cannot unmarshal array into Go struct field ChatRequest.messages.content of type "
         "string"},
        {"[{\"images\":\"x\"}]", false, NULL},
        {"[{\"images\":[5]}]", false, NULL},
        {"[{\"images\":[\"@@@\"]}]", false, "illegal base64 data at input byte 0"},
        {"[{\"images\":[\"AAAAA\"]}]", false, "illegal base64 data at input byte 4"},
        {"[{\"images\":[\"A=AA\"]}]", false, "illegal base64 data at input byte 1"},
        {"[{\"images\":[\"QQ==A\"]}]", false, "illegal base64 data at input byte 4"},
        {"[{\"tool_calls\":{}}]", false, NULL},
        {"[{\"tool_calls\":[5]}]", false, "a tool call of a message has no function"},
        {"[{\"tool_calls\":[{\"function\":{\"arguments\":\"x\"}}]}]", false,
         "the arguments of a tool call are no object"},
        {"[{\"content\":5}]", true, "invalid message content type: float64"},
        {"[{\"content\":true}]", true, "invalid message content type: bool"},
        {"[{\"content\":{}}]", true, "invalid message content type: map[string]interface {}"},
        {"[{\"role\":\"user\"}]", true, "invalid message content type: <nil>"},
        {"[{\"content\":[5]}]", true, "invalid message format"},
        {"[{\"content\":[{\"type\":\"video\"}]}]", true, "invalid message format"},
        {"[{\"content\":[{\"type\":\"image_url\",\"image_url\":\"https://x/y.png\"}]}]", true,
         "image URLs are not currently supported, please use base64 encoded data instead"},
        {"[{\"content\":[{\"type\":\"image_url\"}]}]", true, "invalid image input"},
        {"[{\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":"
         "\"data:image/png;base64,@\"}}]}]",
         true, "invalid image input"},
        {"[{\"tool_calls\":[{\"function\":{\"arguments\":\"[]\"}}]}]", true,
         "invalid tool call arguments"},
        {"[{\"tool_calls\":[{\"function\":{\"arguments\":\"{\"}}]}]", true,
         "invalid tool call arguments"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        hl_request req = {0};
        assert_int_equal(read_messages(bad[i].json, bad[i].openai, &req), HL_EINVAL);
        if (bad[i].text) assert_string_equal(err.text, bad[i].text);
        drop();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ollama_messages),
        cmocka_unit_test(answers_find_the_last_call_of_their_id),
        cmocka_unit_test(openai_messages),
        cmocka_unit_test(bad_messages_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
