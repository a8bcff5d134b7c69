#include "cli/session.h"

#include <stdlib.h>
#include <unistd.h>

#include "testing.h"

static void thinking_levels_are_ollamas(void **state) {
    (void)state;
    hl_think think;
    assert_true(hl__think_parse(HL_STR(""), &think) && think == HL_THINK_ON);
    assert_true(hl__think_parse(HL_STR("true"), &think) && think == HL_THINK_ON);
    assert_true(hl__think_parse(HL_STR("false"), &think) && think == HL_THINK_OFF);
    assert_true(hl__think_parse(HL_STR("max"), &think) && think == HL_THINK_MAX);
    assert_false(hl__think_parse(HL_STR("yes"), &think));
}

static void stops_and_system_are_copied(void **state) {
    (void)state;
    hl__session s;
    hl_client *c;
    hl_error err;
    assert_int_equal(hl_client_open(&c, &err), HL_OK);
    assert_int_equal(hl__session_init(&s, c, HL_STR("nope"), &err), HL_OK);
    char word[] = "stop";
    hl_str stops[2] = {{word, 4}, {word, 2}};
    assert_int_equal(hl__session_set_stops(&s, stops, 2, &err), HL_OK);
    assert_int_equal(hl__session_set_system(&s, stops[0], &err), HL_OK);
    memset(word, 'x', 4);
    assert_int_equal(s.options.n_stop, 2);
    assert_true(hl_str_is(s.options.stop[0], "stop"));
    assert_string_equal(s.system.ptr, "stop");
    hl_str many[HL_STOPS_MAX + 1] = {{0}};
    assert_int_equal(hl__session_set_stops(&s, many, HL_STOPS_MAX + 1, &err), HL_ELIMIT);
    hl__session_deinit(&s);
    hl_client_close(c);
}

static void a_failed_question_is_forgotten(void **state) {
    (void)state;
    hl__session s;
    hl_client *c;
    hl_error err;
    assert_int_equal(hl_client_open(&c, &err), HL_OK);
    assert_int_equal(hl__session_init(&s, c, HL_STR("nope"), &err), HL_OK);
    assert_int_equal(hl__session_ask(&s, HL_STR("hi"), &err), HL_ENOTFOUND);
    assert_string_equal(err.text, "model 'nope' not found");
    assert_int_equal(s.n_messages, 0);
    hl__session_deinit(&s);
    hl_client_close(c);
}

int main(void) {
    static char home[] = "/tmp/session-test-XXXXXX"; /* no settings, no server but our own */
    if (!mkdtemp(home) || setenv("HOME", home, 1) != 0) return 1;
    if (setenv("HYPERLLAMA_HOST", "127.0.0.1:0", 1) != 0) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thinking_levels_are_ollamas),
        cmocka_unit_test(stops_and_system_are_copied),
        cmocka_unit_test(a_failed_question_is_forgotten),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)rmdir(home);
    return failed;
}
