#include "serve/gate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64], path[96];
static hl_gate *gate;
static hl_gate_pass pass;
static hl_error err;

static const uint64_t SECOND = 1000000000u;

static int set_up(void **state) {
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/hl-gate-XXXXXX");
    gate = NULL;
    if (!mkdtemp(dir)) return -1;
    snprintf(path, sizeof path, "%s/auth.db", dir);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    hl_gate_close(gate);
    unlink(path);
    return rmdir(dir);
}

static void open_gate(hl_gate_wants wants, hl_key_limits limits) {
    assert_int_equal(hl_gate_open(path, wants, limits, &gate, &err), HL_OK);
}

/* As another process does it. */
static void make_key(const char *name, hl_key_limits limits, char text[HL_KEY_TEXT_MAX]) {
    hl_keys *k;
    assert_int_equal(hl_keys_open(path, true, &k, &err), HL_OK);
    assert_int_equal(hl_keys_create(k, hl_str_from(name), limits, text, &err), HL_OK);
    hl_keys_close(k);
}

static void revoke_key(const char *name) {
    hl_keys *k;
    assert_int_equal(hl_keys_open(path, false, &k, &err), HL_OK);
    assert_int_equal(hl_keys_revoke(k, hl_str_from(name), &err), HL_OK);
    hl_keys_close(k);
}

static hl_gate_answer enter_at(const char *key, uint64_t now_ns) {
    return hl_gate_enter(gate, hl_str_from(key), now_ns, &pass);
}

static void without_keys_all_may(void **state) {
    (void)state;
    open_gate(HL_GATE_IF_ANY, (hl_key_limits){0});
    assert_false(hl_gate_has_keys(gate));
    assert_int_equal(enter_at("", 1), HL_GATE_OPEN);
    assert_int_equal(pass.key_id, 0);
    assert_int_equal(enter_at("ollama", 1),
                     HL_GATE_OPEN); /* what clients send to please a library */
}

/* Also while the server runs, from the next request on. */
static void the_first_key_shuts_the_gate(void **state) {
    (void)state;
    char text[HL_KEY_TEXT_MAX];
    open_gate(HL_GATE_IF_ANY, (hl_key_limits){0});
    assert_int_equal(enter_at("", 1), HL_GATE_OPEN);
    make_key("a", (hl_key_limits){0}, text);
    assert_int_equal(enter_at("", 1), HL_GATE_NO_KEY);
    assert_int_equal(enter_at("hl-wrong", 1), HL_GATE_BAD_KEY);
    assert_int_equal(enter_at(text, 1), HL_GATE_OPEN);
    assert_true(pass.key_id > 0);
    hl_gate_leave(gate, pass.key_id);
    text[10] ^= 1;
    assert_int_equal(enter_at(text, 1), HL_GATE_BAD_KEY);
}

static void a_revoked_key_is_wrong_at_once(void **state) {
    (void)state;
    char a[HL_KEY_TEXT_MAX], b[HL_KEY_TEXT_MAX];
    make_key("a", (hl_key_limits){0}, a);
    make_key("b", (hl_key_limits){0}, b);
    open_gate(HL_GATE_IF_ANY, (hl_key_limits){0});
    assert_int_equal(enter_at(a, 1), HL_GATE_OPEN);
    int64_t inside = pass.key_id;
    revoke_key("a");
    assert_int_equal(enter_at(a, 1), HL_GATE_BAD_KEY);
    assert_int_equal(enter_at(b, 1), HL_GATE_OPEN);
    hl_gate_leave(gate, inside); /* nobody's any more */
    revoke_key("b");
    assert_int_equal(enter_at("", 1), HL_GATE_OPEN); /* none is left */
}

static void beyond_this_machine_one_is_always_wanted(void **state) {
    (void)state;
    char text[HL_KEY_TEXT_MAX];
    open_gate(HL_GATE_ALWAYS, (hl_key_limits){0});
    assert_int_equal(enter_at("", 1), HL_GATE_NO_KEY);
    make_key("a", (hl_key_limits){0}, text);
    assert_int_equal(enter_at(text, 1), HL_GATE_OPEN);
    revoke_key("a");
    assert_int_equal(enter_at("", 1), HL_GATE_NO_KEY);
}

static void told_never_it_wants_none(void **state) {
    (void)state;
    char text[HL_KEY_TEXT_MAX];
    make_key("a", (hl_key_limits){0}, text);
    open_gate(HL_GATE_NEVER, (hl_key_limits){0});
    assert_int_equal(enter_at("", 1), HL_GATE_OPEN);
}

/* 6 a minute: six at once, then one every ten seconds. */
static void too_fast_is_told_when_to_come_again(void **state) {
    (void)state;
    char text[HL_KEY_TEXT_MAX];
    make_key("a", (hl_key_limits){.per_minute = 6}, text);
    open_gate(HL_GATE_IF_ANY, (hl_key_limits){.per_minute = 1});
    for (int i = 0; i < 6; i++) assert_int_equal(enter_at(text, SECOND), HL_GATE_OPEN);
    assert_int_equal(enter_at(text, SECOND), HL_GATE_TOO_FAST);
    assert_in_range(pass.retry_s, 10, 11);
    assert_int_equal(enter_at(text, 10 * SECOND), HL_GATE_TOO_FAST);
    assert_int_equal(enter_at(text, 12 * SECOND), HL_GATE_OPEN);
    assert_int_equal(enter_at(text, 12 * SECOND), HL_GATE_TOO_FAST);
    for (int i = 0; i < 6; i++) assert_int_equal(enter_at(text, 3600 * SECOND), HL_GATE_OPEN);
    assert_int_equal(enter_at(text, 3600 * SECOND), HL_GATE_TOO_FAST);
}

/* The configuration's limit, for keys without one; what one has taken, a reload does not give back.
 */
static void only_so_many_at_once(void **state) {
    (void)state;
    char a[HL_KEY_TEXT_MAX], b[HL_KEY_TEXT_MAX];
    make_key("a", (hl_key_limits){0}, a);
    open_gate(HL_GATE_IF_ANY, (hl_key_limits){.at_once = 2});
    assert_int_equal(enter_at(a, 1), HL_GATE_OPEN);
    assert_int_equal(enter_at(a, 1), HL_GATE_OPEN);
    int64_t id = pass.key_id;
    make_key("b", (hl_key_limits){.at_once = 1}, b);
    assert_int_equal(enter_at(a, 1), HL_GATE_TOO_MANY);
    assert_int_equal(pass.key_id, 0);
    assert_int_equal(enter_at(b, 1), HL_GATE_OPEN);
    assert_int_equal(enter_at(b, 1), HL_GATE_TOO_MANY);
    hl_gate_leave(gate, id);
    assert_int_equal(enter_at(a, 1), HL_GATE_OPEN);
}

static void a_file_of_others_does_not_open(void **state) {
    (void)state;
    char text[HL_KEY_TEXT_MAX];
    make_key("a", (hl_key_limits){0}, text);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(hl_gate_open(path, HL_GATE_IF_ANY, (hl_key_limits){0}, &gate, &err), HL_EIO);
    assert_null(gate);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(without_keys_all_may),           TEST(the_first_key_shuts_the_gate),
        TEST(a_revoked_key_is_wrong_at_once), TEST(beyond_this_machine_one_is_always_wanted),
        TEST(told_never_it_wants_none),       TEST(too_fast_is_told_when_to_come_again),
        TEST(only_so_many_at_once),           TEST(a_file_of_others_does_not_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
