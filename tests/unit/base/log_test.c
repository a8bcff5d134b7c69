#define _GNU_SOURCE
#include "base/log.h"
#include "testing.h"

#include <unistd.h>

static char got[4096];

/* Standard error goes into a pipe between these two; what was written is in got. */
static int ends[2], saved;

static void capture(void) {
    assert_int_equal(pipe(ends), 0);
    saved = dup(STDERR_FILENO);
    assert_true(saved >= 0 && dup2(ends[1], STDERR_FILENO) >= 0);
    close(ends[1]);
}

static void captured(void) {
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    close(saved);
    size_t len = 0;
    ssize_t n;
    while ((n = read(ends[0], got + len, sizeof got - 1 - len)) > 0) len += (size_t)n;
    got[len] = '\0';
    close(ends[0]);
}

static int reset(void **state) {
    (void)state;
    hl_log_set_level(HL_LOG_WARN);
    return 0;
}

static void test_levels(void **state) {
    (void)state;
    assert_true(hl_log_enabled(HL_LOG_ERROR) && hl_log_enabled(HL_LOG_WARN));
    assert_false(hl_log_enabled(HL_LOG_INFO));
    assert_true(hl_log_set_level_name("trace"));
    assert_true(hl_log_enabled(HL_LOG_TRACE));
    assert_false(hl_log_set_level_name("loud"));
    assert_false(hl_log_set_level_name(""));
    assert_true(hl_log_enabled(HL_LOG_TRACE));
    assert_true(hl_log_set_level_name("error"));
    assert_false(hl_log_enabled(HL_LOG_WARN));
}

static void test_line_has_time_level_request_and_message(void **state) {
    (void)state;
    capture();
    hl_log(HL_LOG_WARN, "r7", "msg=\"slow\" ms=%d", 41);
    hl_log(HL_LOG_ERROR, NULL, "msg=\"no request\"");
    captured();
    assert_memory_equal(got, "time=2", 6);
    assert_non_null(strstr(got, "Z level=warn req=r7 msg=\"slow\" ms=41\n"));
    assert_non_null(strstr(got, "Z level=error msg=\"no request\"\n"));
}

static void test_json_when_asked_for(void **state) {
    (void)state;
    hl_log_set_format(HL_LOG_JSON);
    capture();
    hl_log(HL_LOG_WARN, "r7", "msg=\"slow\" ms=%d", 41);
    captured();
    hl_log_set_format(HL_LOG_TEXT);
    assert_memory_equal(got, "{\"time\":\"2", 10);
    assert_non_null(
        strstr(got, "Z\",\"level\":\"warn\",\"req\":\"r7\",\"msg\":\"slow\",\"ms\":41}\n"));
}

static void test_quiet_levels_write_nothing(void **state) {
    (void)state;
    capture();
    hl_log(HL_LOG_INFO, NULL, "msg=x");
    captured();
    assert_string_equal(got, "");
}

static void test_one_line_whatever_the_text(void **state) {
    (void)state;
    char text[3000];
    memset(text, 'z', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    capture();
    hl_log(HL_LOG_ERROR, text, "a\nb\033%s", text);
    captured();
    assert_in_range(strlen(got), 900, 1024);
    assert_ptr_equal(strchr(got, '\n'), got + strlen(got) - 1);
    assert_non_null(strstr(got, " a b zz"));
}

static void test_request_ids_differ(void **state) {
    (void)state;
    char a[HL_REQ_ID_MAX], b[HL_REQ_ID_MAX];
    hl_log_next_req(a);
    hl_log_next_req(b);
    assert_int_equal(a[0], 'r');
    assert_string_not_equal(a, b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_levels, reset),
        cmocka_unit_test_setup(test_line_has_time_level_request_and_message, reset),
        cmocka_unit_test_setup(test_json_when_asked_for, reset),
        cmocka_unit_test_setup(test_quiet_levels_write_nothing, reset),
        cmocka_unit_test_setup(test_one_line_whatever_the_text, reset),
        cmocka_unit_test(test_request_ids_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
