#include "base/mem.h"
#include "testing.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_size_zero_can_be_freed(void **state) {
    (void)state;
    void *a = hl_alloc(0), *b = hl_calloc(0, 8), *c = hl_calloc(8, 0), *d = hl_realloc(NULL, 0);
    assert_true(a && b && c && d);
    hl_free(a);
    hl_free(b);
    hl_free(c);
    hl_free(d);
    hl_free(NULL);
}

static void test_calloc_zeroes_and_checks_overflow(void **state) {
    (void)state;
    uint8_t *p = hl_calloc(100, 3);
    assert_non_null(p);
    for (int i = 0; i < 300; i++) assert_int_equal(p[i], 0);
    hl_free(p);
    size_t volatile huge = SIZE_MAX / 2;
    assert_null(hl_calloc(huge, 4));
}

static void test_aligned(void **state) {
    (void)state;
    for (size_t align = 8; align <= 4096; align *= 2) {
        for (size_t size = 0; size < 3 * align; size += align / 2 + 1) {
            uint8_t *p = hl_alloc_aligned(align, size);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % align, 0);
            if (size) p[size - 1] = 1;
            hl_free(p);
        }
    }
    assert_null(hl_alloc_aligned(64, SIZE_MAX - 8));
}

static void test_anonymous_map_is_zero_and_page_aligned(void **state) {
    (void)state;
    size_t size = (5u << 20) + 123;
    uint8_t *p = hl_map_anon(size);
    assert_non_null(p);
    assert_int_equal((uintptr_t)p % 4096, 0);
    assert_int_equal(p[0] | p[size - 1], 0);
    p[0] = p[size - 1] = 1;
    hl_unmap_anon(p, size);
    hl_unmap_anon(NULL, 1);
    assert_null(hl_map_anon(0));
    assert_null(hl_map_anon(SIZE_MAX / 2));
}

static void test_strings(void **state) {
    (void)state;
    char *a = hl_strdup("abc"), *b = hl_strndup("abcdef", 2), *c = hl_strndup(NULL, 0);
    assert_string_equal(a, "abc");
    assert_string_equal(b, "ab");
    assert_string_equal(c, "");
    hl_free(a);
    hl_free(b);
    hl_free(c);
}

static void test_the_nth_allocation_fails_once(void **state) {
    (void)state;
    hl_mem_fail_nth(3);
    for (int i = 1; i <= 5; i++) {
        void *p = hl_alloc(8);
        assert_int_equal(p == NULL, i == 3);
        hl_free(p);
    }
    hl_mem_fail_nth(1);
    hl_mem_fail_nth(0);
    void *p = hl_alloc(8);
    assert_non_null(p);
    hl_free(p);
}

static void test_realloc_that_fails_keeps_the_old(void **state) {
    (void)state;
    char *p = hl_strdup("kept");
    hl_mem_fail_nth(1);
    assert_null(hl_realloc(p, 1000));
    hl_mem_fail_nth(0);
    assert_string_equal(p, "kept");
    hl_free(p);
}

static void test_allocations_are_counted(void **state) {
    (void)state;
    uint64_t before = hl_mem_count();
    hl_free(hl_alloc(1));
    hl_free(hl_calloc(1, 1));
    assert_int_equal(hl_mem_count() - before, 2);
}

/* What f does must end the process with SIGABRT; we look from outside. */
static void assert_aborts(void (*f)(void)) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)signal(SIGABRT, SIG_DFL);
        (void)close(STDERR_FILENO);
        f();
        _exit(0);
    }
    int how = 0;
    assert_true(waitpid(pid, &how, 0) == pid);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGABRT);
}

static void allocate_under_guard(void) {
    hl_mem_guard_enter();
    hl_free(hl_alloc(1));
}

static void leave_without_enter(void) {
    hl_mem_guard_leave();
}

static void test_guard_catches_an_allocation(void **state) {
    (void)state;
    assert_aborts(allocate_under_guard);
    assert_aborts(leave_without_enter);
    hl_mem_guard_enter();
    hl_mem_guard_enter();
    hl_mem_guard_leave();
    hl_mem_guard_leave();
    hl_free(hl_alloc(1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_size_zero_can_be_freed),
        cmocka_unit_test(test_calloc_zeroes_and_checks_overflow),
        cmocka_unit_test(test_aligned),
        cmocka_unit_test(test_anonymous_map_is_zero_and_page_aligned),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_the_nth_allocation_fails_once),
        cmocka_unit_test(test_realloc_that_fails_keeps_the_old),
        cmocka_unit_test(test_allocations_are_counted),
        cmocka_unit_test(test_guard_catches_an_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
