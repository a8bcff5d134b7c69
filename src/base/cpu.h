/* base/cpu.h
 *
 * Which instructions this processor offers, and which level of kernels to use.
 * A level is a set of features that kernels may count on; levels are ordered, and
 * every machine has `ref`.  What the machine is otherwise (cores, caches, memory,
 * limits) is in base/machine.h.
 *
 * Threads: pure but for hl_cpu_level_choose, which reads the environment.
 */
#pragma once

#include "base/status.h"

/* X(name, text).  A feature counts only when the operating system saves its registers. */
#define HL_CPU_FEATURE_MAP(X)                                                                      \
    X(SSE42, "sse4.2")                                                                             \
    X(AVX2, "avx2")                                                                                \
    X(FMA, "fma")                                                                                  \
    X(F16C, "f16c")                                                                                \
    X(BMI2, "bmi2")                                                                                \
    X(AVX512F, "avx512f")                                                                          \
    X(AVX512BW, "avx512bw")                                                                        \
    X(AVX512DQ, "avx512dq")                                                                        \
    X(AVX512VL, "avx512vl")                                                                        \
    X(AVX512VNNI, "avx512vnni")                                                                    \
    X(AVX512BF16, "avx512bf16")                                                                    \
    X(AVXVNNI, "avxvnni")                                                                          \
    X(AMX_INT8, "amx-int8")                                                                        \
    X(AMX_BF16, "amx-bf16")

enum {
#define X(name, text) HL_CPU_FEATURE_INDEX_##name,
    HL_CPU_FEATURE_MAP(X)
#undef X
        HL_CPU_FEATURE_COUNT
};

/* Bits of a feature set: HL_CPU_HAS_AVX2, … */
typedef enum hl_cpu_feature {
#define X(name, text) HL_CPU_HAS_##name = 1 << HL_CPU_FEATURE_INDEX_##name,
    HL_CPU_FEATURE_MAP(X)
#undef X
} hl_cpu_feature;

/* The features of the processor this runs on; 0 on anything but x86-64. */
uint32_t hl_cpu_features(void);
/* "avx2" for HL_CPU_FEATURE_INDEX_AVX2; index below HL_CPU_FEATURE_COUNT. */
const char *hl_cpu_feature_name(unsigned index);

typedef enum hl_cpu_level {
    HL_CPU_REF,        /* portable C                                         */
    HL_CPU_AVX2,       /* avx2 fma f16c bmi2                                 */
    HL_CPU_AVX512VNNI, /* the above and avx512 f bw dq vl vnni               */
} hl_cpu_level;
enum { HL_CPU_LEVEL_COUNT = HL_CPU_AVX512VNNI + 1 };

const char *hl_cpu_level_name(hl_cpu_level level); /* "ref" "avx2" "avx512vnni" */
/* False, and no change, for any other name. */
bool hl_cpu_level_from_name(const char *name, hl_cpu_level *ret);
/* The highest level for which all features are in the set. */
hl_cpu_level hl_cpu_level_best(uint32_t features);
/* Whether this processor has it. */
bool hl_cpu_level_available(hl_cpu_level level);

/* The level to use: HYPERLLAMA_CPU if set and not empty, else the best there is.
 * EINVAL: no such level, or this processor lacks it; the message lists what there is. */
hl_status hl_cpu_level_choose(hl_cpu_level *ret, hl_error *err) HL_NODISCARD;

/* Threads that compute should use unless told: one a physical core that this process
 * may run on, and no more than its cgroup's quota pays for.  At least 1.
 * Defined in machine.c; asks hwloc, so call it once. */
uint32_t hl_cpu_threads_default(void);
