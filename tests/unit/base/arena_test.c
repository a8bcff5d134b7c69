#include "base/arena.h"
#include "base/mem.h"
#include "testing.h"

static void test_memory_is_aligned_zeroed_and_distinct(void **state) {
    (void)state;
    hl_arena *a = hl_arena_create(0);
    assert_non_null(a);
    uint8_t *all[300];
    for (size_t i = 0; i < 300; i++) {
        all[i] = hl_arena_alloc(a, i * 7 + 1);
        assert_non_null(all[i]);
        assert_int_equal((uintptr_t)all[i] % 16, 0);
        for (size_t k = 0; k < i * 7 + 1; k++) assert_int_equal(all[i][k], 0);
        memset(all[i], (int)(i & 0xFF), i * 7 + 1);
    }
    for (size_t i = 0; i < 300; i++) assert_int_equal(all[i][i * 7], i & 0xFF);
    hl_arena_destroy(a);
    hl_arena_destroy(NULL);
}

static void test_large_and_empty_allocations(void **state) {
    (void)state;
    hl_arena *a = hl_arena_create(0);
    assert_non_null(hl_arena_alloc(a, 0));
    uint8_t *big = hl_arena_alloc(a, 10u << 20);
    assert_non_null(big);
    big[(10u << 20) - 1] = 1;
    assert_non_null(hl_arena_alloc(a, 1));
    assert_int_equal(hl_arena_status(a), HL_OK);
    hl_arena_destroy(a);
}

static void test_limit_refuses_and_says_so(void **state) {
    (void)state;
    hl_arena *a = hl_arena_create(100);
    assert_non_null(hl_arena_alloc(a, 100));
    assert_int_equal(hl_arena_status(a), HL_OK);
    assert_null(hl_arena_alloc(a, 32));
    assert_int_equal(hl_arena_status(a), HL_ELIMIT);
    hl_arena_destroy(a);
}

/* A stranger's file of a million empty strings must meet the limit too. */
static void test_many_tiny_allocations_meet_the_limit(void **state) {
    (void)state;
    hl_arena *a = hl_arena_create(1u << 16);
    size_t n = 0;
    while (hl_arena_alloc(a, 1)) n++;
    assert_true(n <= (1u << 16) / 16);
    assert_int_equal(hl_arena_status(a), HL_ELIMIT);
    hl_arena_destroy(a);
}

static void test_absurd_sizes_are_refused(void **state) {
    (void)state;
    hl_arena *a = hl_arena_create(0);
    assert_null(hl_arena_alloc(a, SIZE_MAX));
    assert_null(hl_arena_alloc(a, SIZE_MAX - 15));
    assert_null(hl_arena_array(a, SIZE_MAX / 4, 8));
    assert_int_equal(hl_arena_status(a), HL_ELIMIT);
    assert_null(hl_arena_str(a, (hl_str){"x", SIZE_MAX}).ptr);
    assert_non_null(hl_arena_array(a, 0, 8));
    hl_arena_destroy(a);
}

static void test_reset_forgets_and_zeroes(void **state) {
    (void)state;
    hl_arena *a = hl_arena_create(1u << 20);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 100; i++) {
            uint8_t *p = hl_arena_alloc(a, 1000);
            assert_non_null(p);
            assert_int_equal(p[0] | p[999], 0);
            memset(p, 0xAA, 1000);
        }
        assert_true(hl_arena_bytes(a) >= 100000);
        hl_arena_reset(a);
        assert_int_equal(hl_arena_bytes(a), 0);
    }
    hl_arena_destroy(a);
}

static void test_reset_clears_a_refusal(void **state) {
    (void)state;
    hl_arena *a = hl_arena_create(16);
    assert_null(hl_arena_alloc(a, 17));
    hl_arena_reset(a);
    assert_int_equal(hl_arena_status(a), HL_OK);
    assert_non_null(hl_arena_alloc(a, 16));
    hl_arena_destroy(a);
}

static void test_str_is_a_terminated_copy(void **state) {
    (void)state;
    hl_arena *a = hl_arena_create(0);
    hl_str s = hl_arena_str(a, HL_STR("abc"));
    assert_str(s, "abc");
    assert_int_equal(s.ptr[3], '\0');
    assert_str(hl_arena_str(a, (hl_str){NULL, 0}), "");
    hl_arena_destroy(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_is_aligned_zeroed_and_distinct),
        cmocka_unit_test(test_large_and_empty_allocations),
        cmocka_unit_test(test_limit_refuses_and_says_so),
        cmocka_unit_test(test_many_tiny_allocations_meet_the_limit),
        cmocka_unit_test(test_absurd_sizes_are_refused),
        cmocka_unit_test(test_reset_forgets_and_zeroes),
        cmocka_unit_test(test_reset_clears_a_refusal),
        cmocka_unit_test(test_str_is_a_terminated_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
