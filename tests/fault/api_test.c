/* The n-th allocation fails while a request is read and answered: the client gets an error, or a
 * stream that breaks off, and nothing is lost. */
#include "api_world.h"

#include "base/mem.h"

static const char TOOLS[] = "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]";

/* Some answer was given in full, or the request was not taken. */
static hl_status play(const hl__voice *voice, hl__dialect dialect, const char *body) {
    hl_error err = {0};
    hl_status st = try_start(voice, dialect, body, &err);
    if (st < 0) assert_true(err.text[0] != '\0');
    for (size_t i = 0; i < world.n_jobs; i++) {
        say(i, HL_CHANNEL_THINKING, "hm");
        say(i, HL_CHANNEL_ANSWER, "an answer");
        call_tool(i, "f", "{\"x\":1}");
        finish(i, HL_FINISH_STOP);
    }
    assert_true(st < 0 || world.ended);
    return st < 0 || world.status >= 400 || world.deaf ? HL_ENOMEM : HL_OK;
}

static void fail_each(const hl__voice *voice, hl__dialect dialect, const char *body) {
    hl_status st = HL_ENOMEM;
    uint64_t n = 1;
    for (; n < 200; n++) {
        void *state = NULL;
        set_up(&state);
        world.may_break = true;
        hl_mem_fail_nth(n);
        st = play(voice, dialect, body);
        hl_mem_fail_nth(0);
        tear_down(&state);
    }
    assert_int_equal(st, HL_OK); /* more than there are */
}

static void generating_survives(void **state) {
    (void)state;
    fail_each(
        &hl__voice_generate, HL__DIALECT_OLLAMA,
        "{\"model\":\"m\",\"prompt\":\"x\",\"context\":[1,2],\"options\":{\"stop\":[\"a\"]}}");
}

static void chatting_survives(void **state) {
    char body[400];
    (void)state;
    snprintf(body, sizeof body,
             "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"n\":2,%s}",
             TOOLS);
    fail_each(&hl__voice_openai_chat, HL__DIALECT_OPENAI, body);
    snprintf(
        body, sizeof body,
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"stream\":true,%s}",
        TOOLS);
    fail_each(&hl__voice_chat, HL__DIALECT_OLLAMA, body);
    fail_each(&hl__voice_openai_chat, HL__DIALECT_OPENAI, body);
}

static void completing_survives(void **state) {
    (void)state;
    fail_each(&hl__voice_openai_completion, HL__DIALECT_OPENAI,
              "{\"model\":\"m\",\"prompt\":[\"a\",[1,2]],\"n\":2}");
}

static void other_shapes_survive(void **state) {
    static const char *const items =
        "{\"model\":\"m\",\"instructions\":\"i\",\"input\":[{\"role\":\"user\",\"content\":\"a\"},"
        "{\"type\":\"reasoning\",\"summary\":[{\"text\":\"hm\"}]},{\"type\":\"function_call\","
        "\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"{}\"},{\"type\":\"function_call_output\","
        "\"call_id\":\"c\",\"output\":\"18\"}],\"tools\":[{\"type\":\"namespace\",\"name\":\"n\","
        "\"tools\":[{\"type\":\"function\",\"name\":\"f\"}]}],\"stream\":%s}";
    static const char *const blocks =
        "{\"model\":\"m\",\"max_tokens\":9,\"system\":[{\"type\":\"text\",\"text\":\"s\"}],"
        "\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":[{"
        "\"type\":\"thinking\",\"thinking\":\"hm\"},{\"type\":\"tool_use\",\"id\":\"c\",\"name\":"
        "\"f\",\"input\":{}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
        "\"tool_use_id\":\"c\",\"content\":\"18\"}]}],\"tools\":[{\"name\":\"f\"}],\"tool_choice\":"
        "{\"type\":\"tool\",\"name\":\"f\"},\"stream\":%s}";
    static const char *const streams[] = {"false", "true"};
    char body[1024];
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        snprintf(body, sizeof body, items, streams[i]);
        fail_each(&hl__voice_responses, HL__DIALECT_OPENAI, body);
        snprintf(body, sizeof body, blocks, streams[i]);
        fail_each(&hl__voice_anthropic, HL__DIALECT_ANTHROPIC, body);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generating_survives),
        cmocka_unit_test(chatting_survives),
        cmocka_unit_test(completing_survives),
        cmocka_unit_test(other_shapes_survive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
