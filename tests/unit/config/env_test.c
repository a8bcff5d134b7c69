#include "config/env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static int forget(void **state) {
    (void)state;
    unsetenv("HYPERLLAMA_TEST");
    unsetenv("OLLAMA_TEST");
    return 0;
}

static void ours_goes_before_theirs(void **state) {
    (void)state;
    assert_int_equal(hl_env_text("TEST").len, 0);
    setenv("OLLAMA_TEST", "theirs", 1);
    assert_true(hl_str_is(hl_env_text("TEST"), "theirs"));
    setenv("HYPERLLAMA_TEST", "ours", 1);
    assert_true(hl_str_is(hl_env_text("TEST"), "ours"));
    setenv("HYPERLLAMA_TEST", "  ", 1);
    assert_true(hl_str_is(hl_env_text("TEST"), "theirs"));
}

static void values_are_trimmed(void **state) {
    (void)state;
    assert_true(hl_str_is(hl_env_trim(HL_STR("  \"a b\" \n")), "a b"));
    assert_true(hl_str_is(hl_env_trim(HL_STR("'x'")), "x"));
    assert_true(hl_str_is(hl_env_trim(HL_STR("\"\"")), ""));
    assert_true(hl_str_is(hl_env_trim(HL_STR("\t")), ""));
}

static void unreadable_booleans_are_true(void **state) {
    (void)state;
    assert_true(hl_env_bool("TEST", true));
    assert_false(hl_env_bool("TEST", false));
    static const char *const no[] = {"0", "false", "F", " 'FALSE' "};
    for (size_t i = 0; i < 4; i++) {
        setenv("OLLAMA_TEST", no[i], 1);
        assert_false(hl_env_bool("TEST", true));
    }
    setenv("OLLAMA_TEST", "no thanks", 1);
    assert_true(hl_env_bool("TEST", false));
}

static void unreadable_numbers_fall_back(void **state) {
    (void)state;
    setenv("OLLAMA_TEST", " \"8192\"", 1);
    assert_int_equal(hl_env_uint("TEST", 7), 8192);
    static const char *const bad[] = {"8k", "-1", "0x10", "99999999999999999999", ""};
    for (size_t i = 0; i < 5; i++) {
        setenv("OLLAMA_TEST", bad[i], 1);
        assert_int_equal(hl_env_uint("TEST", 7), 7);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(ours_goes_before_theirs, forget),
        cmocka_unit_test_teardown(values_are_trimmed, forget),
        cmocka_unit_test_teardown(unreadable_booleans_are_true, forget),
        cmocka_unit_test_teardown(unreadable_numbers_fall_back, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
