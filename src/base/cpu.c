#include "base/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const FEATURE_NAMES[] = {
#define X(name, text) text,
    HL_CPU_FEATURE_MAP(X)
#undef X
};

#if defined(__x86_64__)
#include <cpuid.h>

enum { EAX, EBX, ECX, EDX };

/* Register groups that the operating system saves (XCR0), as the kernels need them. */
enum {
    SAVES_AVX = 1 << 1 | 1 << 2,
    SAVES_AVX512 = SAVES_AVX | 1 << 5 | 1 << 6 | 1 << 7,
    SAVES_AMX = 1 << 17 | 1 << 18,
};

/* Where each feature is announced (Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E). */
typedef struct place {
    uint32_t feature, leaf, subleaf;
    unsigned reg, bit;
    uint32_t saves; /* register groups it needs */
} place;

static const place PLACES[] = {
    {HL_CPU_HAS_SSE42, 1, 0, ECX, 20, 0},
    {HL_CPU_HAS_FMA, 1, 0, ECX, 12, SAVES_AVX},
    {HL_CPU_HAS_F16C, 1, 0, ECX, 29, SAVES_AVX},
    {HL_CPU_HAS_AVX2, 7, 0, EBX, 5, SAVES_AVX},
    {HL_CPU_HAS_BMI2, 7, 0, EBX, 8, 0},
    {HL_CPU_HAS_AVX512F, 7, 0, EBX, 16, SAVES_AVX512},
    {HL_CPU_HAS_AVX512DQ, 7, 0, EBX, 17, SAVES_AVX512},
    {HL_CPU_HAS_AVX512BW, 7, 0, EBX, 30, SAVES_AVX512},
    {HL_CPU_HAS_AVX512VL, 7, 0, EBX, 31, SAVES_AVX512},
    {HL_CPU_HAS_AVX512VNNI, 7, 0, ECX, 11, SAVES_AVX512},
    {HL_CPU_HAS_AVX512BF16, 7, 1, EAX, 5, SAVES_AVX512},
    {HL_CPU_HAS_AVXVNNI, 7, 1, EAX, 4, SAVES_AVX},
    {HL_CPU_HAS_AMX_INT8, 7, 0, EDX, 25, SAVES_AMX},
    {HL_CPU_HAS_AMX_BF16, 7, 0, EDX, 22, SAVES_AMX},
};
_Static_assert(sizeof PLACES / sizeof PLACES[0] == HL_CPU_FEATURE_COUNT, "a place a feature");

static uint32_t saved_groups(void) {
    uint32_t regs[4];
    if (!__get_cpuid(1, &regs[EAX], &regs[EBX], &regs[ECX], &regs[EDX])) return 0;
    if (!(regs[ECX] & 1u << 27)) return 0; /* OSXSAVE: xgetbv exists */
    uint32_t lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return lo;
}

uint32_t hl_cpu_features(void) {
    uint32_t features = 0, saved = saved_groups();
    for (size_t i = 0; i < sizeof PLACES / sizeof PLACES[0]; i++) {
        const place *p = &PLACES[i];
        uint32_t regs[4];
        if (!__get_cpuid_count(p->leaf, p->subleaf, &regs[EAX], &regs[EBX], &regs[ECX], &regs[EDX]))
            continue;
        if ((regs[p->reg] >> p->bit & 1) && (saved & p->saves) == p->saves) features |= p->feature;
    }
    return features;
}
#else
uint32_t hl_cpu_features(void) {
    return 0;
}
#endif

const char *hl_cpu_feature_name(unsigned index) {
    HL_ASSERT(index < HL_CPU_FEATURE_COUNT);
    return FEATURE_NAMES[index];
}

typedef struct level_row {
    const char *name;
    uint32_t needs;
} level_row;

enum {
    NEEDS_AVX2 = HL_CPU_HAS_AVX2 | HL_CPU_HAS_FMA | HL_CPU_HAS_F16C | HL_CPU_HAS_BMI2,
    NEEDS_AVX512VNNI = NEEDS_AVX2 | HL_CPU_HAS_AVX512F | HL_CPU_HAS_AVX512BW | HL_CPU_HAS_AVX512DQ |
                       HL_CPU_HAS_AVX512VL | HL_CPU_HAS_AVX512VNNI,
};

static const level_row LEVELS[HL_CPU_LEVEL_COUNT] = {
    [HL_CPU_REF] = {"ref", 0},
    [HL_CPU_AVX2] = {"avx2", NEEDS_AVX2},
    [HL_CPU_AVX512VNNI] = {"avx512vnni", NEEDS_AVX512VNNI},
};

const char *hl_cpu_level_name(hl_cpu_level level) {
    HL_ASSERT((unsigned)level < HL_CPU_LEVEL_COUNT);
    return LEVELS[level].name;
}

bool hl_cpu_level_from_name(const char *name, hl_cpu_level *ret) {
    for (unsigned i = 0; i < HL_CPU_LEVEL_COUNT; i++) {
        if (strcmp(name, LEVELS[i].name) == 0) {
            *ret = (hl_cpu_level)i;
            return true;
        }
    }
    return false;
}

static bool has_level(uint32_t features, unsigned level) {
    return (features & LEVELS[level].needs) == LEVELS[level].needs;
}

hl_cpu_level hl_cpu_level_best(uint32_t features) {
    unsigned best = HL_CPU_REF;
    for (unsigned i = 0; i < HL_CPU_LEVEL_COUNT; i++) {
        if (has_level(features, i)) best = i;
    }
    return (hl_cpu_level)best;
}

bool hl_cpu_level_available(hl_cpu_level level) {
    HL_ASSERT((unsigned)level < HL_CPU_LEVEL_COUNT);
    return has_level(hl_cpu_features(), level);
}

static hl_status fail_level(const char *name, bool known, uint32_t features, hl_error *err) {
    char there[64] = "";
    for (unsigned i = 0; i < HL_CPU_LEVEL_COUNT; i++) {
        size_t len = strlen(there);
        if (has_level(features, i))
            (void)snprintf(there + len, sizeof there - len, " %s", LEVELS[i].name);
    }
    return hl_fail(err, HL_EINVAL, "cpu", "HYPERLLAMA_CPU=%s: %s; this machine has:%s", name,
                   known ? "the processor lacks it" : "no such level", there);
}

hl_status hl_cpu_level_choose(hl_cpu_level *ret, hl_error *err) {
    uint32_t features = hl_cpu_features();
    const char *name = getenv("HYPERLLAMA_CPU");
    if (!name || !*name) {
        *ret = hl_cpu_level_best(features);
        return HL_OK;
    }
    hl_cpu_level level = HL_CPU_REF;
    bool known = hl_cpu_level_from_name(name, &level);
    if (!known || !has_level(features, level)) return fail_level(name, known, features, err);
    *ret = level;
    return HL_OK;
}
