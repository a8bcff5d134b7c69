/* The n-th allocation fails, for every n until all goes well: each attempt must end in
 * a status, without a leak (AddressSanitizer) and without a half-made result. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "testing.h"

typedef hl_status job_fn(void);

/* Runs job with its 1st, 2nd, … allocation failing; returns how many attempts failed. */
static int fail_each(job_fn *job) {
    for (int n = 1; n < 10000; n++) {
        hl_mem_fail_nth((uint64_t)n);
        hl_status st = job();
        hl_mem_fail_nth(0);
        if (st == HL_OK) return n - 1;
        assert_int_equal(st, HL_ENOMEM);
    }
    fail_msg("it never went well");
    return -1;
}

static hl_status use_arena(void) {
    hl_arena *a = hl_arena_create(0);
    if (!a) return HL_ENOMEM;
    for (int i = 0; i < 100; i++) {
        if (!hl_arena_alloc(a, 2000)) break;
    }
    hl_status st = hl_arena_status(a);
    if (st == HL_OK) assert_true(hl_arena_bytes(a) >= 200000);
    hl_arena_destroy(a);
    return st;
}

/* Goes on after a failure, as callers that check once do. */
static hl_status use_arena_after_failure(void) {
    hl_arena *a = hl_arena_create(0);
    if (!a) return HL_ENOMEM;
    for (int i = 0; i < 100; i++) {
        uint8_t *p = hl_arena_alloc(a, 2000);
        if (p) memset(p, 1, 2000);
    }
    hl_status st = hl_arena_status(a);
    hl_arena_reset(a);
    hl_arena_destroy(a);
    return st;
}

static hl_status use_buf(void) {
    hl_buf b;
    hl_error err;
    hl_buf_init(&b, 0);
    for (int i = 0; i < 1000; i++) hl_buf_printf(&b, "%d,", i);
    hl_status st = hl_buf_status(&b, "it", &err);
    if (st == HL_OK)
        assert_int_equal(b.len, 3890);
    else
        assert_string_equal(err.text, "no memory for it");
    hl_buf_deinit(&b);
    return st;
}

static hl_status use_json_string(void) {
    hl_buf b;
    hl_buf_init(&b, 0);
    for (int i = 0; i < 40; i++) hl_json_append_string(&b, HL_STR("a \"quoted\" line\n"));
    hl_status st = hl_buf_status(&b, "it", NULL);
    hl_buf_deinit(&b);
    return st;
}

static hl_status use_file(void) {
    hl_buf b;
    hl_buf_init(&b, 0);
    hl_status st = hl_file_read("/proc/self/maps", 1u << 24, &b, NULL);
    hl_buf_deinit(&b);
    return st;
}

static void test_arena(void **state) {
    (void)state;
    assert_true(fail_each(use_arena) >= 3);
    assert_true(fail_each(use_arena_after_failure) >= 3);
}

static void test_buf(void **state) {
    (void)state;
    assert_true(fail_each(use_buf) >= 5);
}

static void test_json(void **state) {
    (void)state;
    assert_true(fail_each(use_json_string) >= 2);
}

static void test_file(void **state) {
    (void)state;
    assert_true(fail_each(use_file) >= 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena),
        cmocka_unit_test(test_buf),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
