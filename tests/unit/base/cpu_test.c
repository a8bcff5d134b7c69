#define _GNU_SOURCE
#include "base/cpu.h"
#include "testing.h"

#include <stdlib.h>

static const uint32_t AVX2 = HL_CPU_HAS_AVX2 | HL_CPU_HAS_FMA | HL_CPU_HAS_F16C | HL_CPU_HAS_BMI2 |
                             HL_CPU_HAS_SSE42;
static const uint32_t AVX512 = HL_CPU_HAS_AVX512F | HL_CPU_HAS_AVX512BW | HL_CPU_HAS_AVX512DQ |
                               HL_CPU_HAS_AVX512VL | HL_CPU_HAS_AVX512VNNI;

static void test_best_level_needs_all_its_features(void **state) {
    (void)state;
    assert_int_equal(hl_cpu_level_best(0), HL_CPU_REF);
    assert_int_equal(hl_cpu_level_best(AVX512), HL_CPU_REF);
    assert_int_equal(hl_cpu_level_best(AVX2), HL_CPU_AVX2);
    assert_int_equal(hl_cpu_level_best(AVX2 & ~(uint32_t)HL_CPU_HAS_FMA), HL_CPU_REF);
    assert_int_equal(hl_cpu_level_best(AVX2 | AVX512), HL_CPU_AVX512VNNI);
    assert_int_equal(hl_cpu_level_best(AVX2 | (AVX512 & ~(uint32_t)HL_CPU_HAS_AVX512VNNI)),
                     HL_CPU_AVX2);
    assert_int_equal(hl_cpu_level_best(UINT32_MAX), HL_CPU_AVX512VNNI);
}

static void test_names(void **state) {
    (void)state;
    for (unsigned i = 0; i < HL_CPU_LEVEL_COUNT; i++) {
        hl_cpu_level back = (hl_cpu_level)(HL_CPU_LEVEL_COUNT - 1 - i);
        assert_true(hl_cpu_level_from_name(hl_cpu_level_name((hl_cpu_level)i), &back));
        assert_int_equal(back, i);
    }
    hl_cpu_level kept = HL_CPU_AVX2;
    assert_false(hl_cpu_level_from_name("AVX2", &kept));
    assert_false(hl_cpu_level_from_name("", &kept));
    assert_int_equal(kept, HL_CPU_AVX2);
    assert_string_equal(hl_cpu_feature_name(HL_CPU_FEATURE_INDEX_AVX2), "avx2");
    assert_string_equal(hl_cpu_feature_name(HL_CPU_FEATURE_COUNT - 1), "amx-bf16");
}

#if defined(__x86_64__)
/* The compiler's own run-time knowledge, where both compilers have it. */
static void test_features_agree_with_the_compiler(void **state) {
    (void)state;
    uint32_t f = hl_cpu_features();
#define SAME(bit, name)                                                                            \
    if (((f & HL_CPU_HAS_##bit) != 0) != (__builtin_cpu_supports(name) != 0))                      \
    fail_msg("%s differs", name)
    SAME(SSE42, "sse4.2");
    SAME(AVX2, "avx2");
    SAME(FMA, "fma");
    SAME(BMI2, "bmi2");
    SAME(AVX512F, "avx512f");
    SAME(AVX512BW, "avx512bw");
    SAME(AVX512DQ, "avx512dq");
    SAME(AVX512VL, "avx512vl");
    SAME(AVX512VNNI, "avx512vnni");
#undef SAME
}
#endif

static void test_choice_without_a_wish_is_the_best(void **state) {
    (void)state;
    hl_cpu_level level;
    assert_int_equal(unsetenv("HYPERLLAMA_CPU"), 0);
    assert_int_equal(hl_cpu_level_choose(&level, NULL), HL_OK);
    assert_int_equal(level, hl_cpu_level_best(hl_cpu_features()));
    assert_true(hl_cpu_level_available(level));
    assert_int_equal(setenv("HYPERLLAMA_CPU", "", 1), 0);
    assert_int_equal(hl_cpu_level_choose(&level, NULL), HL_OK);
    assert_int_equal(level, hl_cpu_level_best(hl_cpu_features()));
}

static void test_choice_by_name(void **state) {
    (void)state;
    for (unsigned i = 0; i < HL_CPU_LEVEL_COUNT; i++) {
        hl_cpu_level level;
        hl_error err;
        assert_int_equal(setenv("HYPERLLAMA_CPU", hl_cpu_level_name((hl_cpu_level)i), 1), 0);
        hl_status st = hl_cpu_level_choose(&level, &err);
        if (hl_cpu_level_available((hl_cpu_level)i)) {
            assert_int_equal(st, HL_OK);
            assert_int_equal(level, i);
        } else {
            assert_int_equal(st, HL_EINVAL);
            assert_non_null(strstr(err.text, "the processor lacks it"));
        }
    }
}

static void test_unknown_name_lists_what_there_is(void **state) {
    (void)state;
    hl_cpu_level level;
    hl_error err;
    assert_int_equal(setenv("HYPERLLAMA_CPU", "sse9", 1), 0);
    assert_int_equal(hl_cpu_level_choose(&level, &err), HL_EINVAL);
    assert_non_null(strstr(err.text, "HYPERLLAMA_CPU=sse9: no such level; this machine has: ref"));
}

static void test_threads_default_is_at_least_one(void **state) {
    (void)state;
    assert_true(hl_cpu_threads_default() >= 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_best_level_needs_all_its_features),
        cmocka_unit_test(test_names),
#if defined(__x86_64__)
        cmocka_unit_test(test_features_agree_with_the_compiler),
#endif
        cmocka_unit_test(test_choice_without_a_wish_is_the_best),
        cmocka_unit_test(test_choice_by_name),
        cmocka_unit_test(test_unknown_name_lists_what_there_is),
        cmocka_unit_test(test_threads_default_is_at_least_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
