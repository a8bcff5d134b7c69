/* What this machine can do, measured in the same run as the kernels: reading memory once, and the
 * multiply-add instructions of each level with nothing else around them. */
#include "base/mem.h"
#include "kernels.h"

#include <stdio.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>

enum { READ_BYTES = 256 << 20, REPEATS = 400000, SUMS = 10, RUNS = 32 };

typedef struct probe {
    const uint8_t *data;
    uint64_t sink[BENCH_THREADS_MAX];
    unsigned n_threads;
} probe;

__attribute__((target("avx2"))) static void read_memory(void *arg, unsigned thread) {
    probe *p = arg;
    size_t part = READ_BYTES / p->n_threads / 4096 * 4096;
    const __m256i *from = (const __m256i *)(p->data + thread * part);
    __m256i x[4] = {0};
    for (size_t i = 0; i < part / sizeof *from; i += 4) {
        _mm_prefetch((const char *)(from + i) + 4096, _MM_HINT_T0);
        _mm_prefetch((const char *)(from + i) + 4096 + 64, _MM_HINT_T0);
        for (size_t j = 0; j < 4; j++) x[j] = _mm256_xor_si256(x[j], from[i + j]);
    }
    x[0] = _mm256_xor_si256(_mm256_xor_si256(x[0], x[1]), _mm256_xor_si256(x[2], x[3]));
    p->sink[thread] = (uint64_t)_mm256_extract_epi64(x[0], 0);
}

__attribute__((target("avx2,fma"))) static void fma_avx2(void *arg, unsigned thread) {
    __m256 sum[SUMS], x = _mm256_set1_ps(0.999f), y = _mm256_set1_ps(0.1f);
    for (size_t j = 0; j < SUMS; j++) sum[j] = _mm256_set1_ps((float)j);
    for (size_t i = 0; i < REPEATS; i++)
        for (size_t j = 0; j < SUMS; j++) sum[j] = _mm256_fmadd_ps(sum[j], x, y);
    for (size_t j = 1; j < SUMS; j++) sum[0] = _mm256_add_ps(sum[0], sum[j]);
    ((probe *)arg)->sink[thread] = (uint64_t)_mm256_cvtss_f32(sum[0]);
}

__attribute__((target("avx512f"))) static void fma_avx512(void *arg, unsigned thread) {
    __m512 sum[SUMS], x = _mm512_set1_ps(0.999f), y = _mm512_set1_ps(0.1f);
    for (size_t j = 0; j < SUMS; j++) sum[j] = _mm512_set1_ps((float)j);
    for (size_t i = 0; i < REPEATS; i++)
        for (size_t j = 0; j < SUMS; j++) sum[j] = _mm512_fmadd_ps(sum[j], x, y);
    for (size_t j = 1; j < SUMS; j++) sum[0] = _mm512_add_ps(sum[0], sum[j]);
    ((probe *)arg)->sink[thread] = (uint64_t)_mm512_cvtss_f32(sum[0]);
}

/* Four byte products summed in 16 bits before they are widened: what 4-bit weights allow. */
__attribute__((target("avx2"))) static void int8_avx2(void *arg, unsigned thread) {
    __m256i sum[SUMS], w = _mm256_set1_epi8(3), x = _mm256_set1_epi8(1);
    const __m256i one = _mm256_set1_epi16(1);
    for (size_t j = 0; j < SUMS; j++) sum[j] = _mm256_setzero_si256();
    for (size_t i = 0; i < REPEATS / 4; i++) {
        for (size_t j = 0; j < SUMS; j++) {
            __m256i s = _mm256_setzero_si256();
            for (size_t k = 0; k < 4; k++) {
                __asm__ volatile("" : "+x"(w));
                s = _mm256_add_epi16(s, _mm256_maddubs_epi16(w, x));
            }
            sum[j] = _mm256_add_epi32(sum[j], _mm256_madd_epi16(s, one));
        }
    }
    for (size_t j = 1; j < SUMS; j++) sum[0] = _mm256_add_epi32(sum[0], sum[j]);
    ((probe *)arg)->sink[thread] = (uint64_t)_mm256_extract_epi64(sum[0], 0);
}

__attribute__((target("avx512f,avx512vnni"))) static void int8_avx512(void *arg, unsigned thread) {
    __m512i sum[SUMS], w = _mm512_set1_epi8(3), x = _mm512_set1_epi8(1);
    for (size_t j = 0; j < SUMS; j++) sum[j] = _mm512_setzero_si512();
    for (size_t i = 0; i < REPEATS; i++)
        for (size_t j = 0; j < SUMS; j++) sum[j] = _mm512_dpbusd_epi32(sum[j], w, x);
    for (size_t j = 1; j < SUMS; j++) sum[0] = _mm512_add_epi32(sum[0], sum[j]);
    ((probe *)arg)->sink[thread] = (uint64_t)_mm512_reduce_add_epi32(sum[0]);
}

static double rate(bench_work *work, probe *p, double amount) {
    return amount * p->n_threads / bench_best(p->n_threads, RUNS, work, p);
}

static void measure(hl_cpu_level level, limits *ret) {
    probe p = {.n_threads = bench_threads()};
    bool wide = level == HL_CPU_AVX512VNNI;
    uint8_t *data = hl_map_anon(READ_BYTES);
    HL_ASSERT(data);
    memset(data, 1, READ_BYTES);
    p.data = data;
    ret->read = rate(read_memory, &p, (double)(READ_BYTES / p.n_threads / 4096 * 4096));
    ret->f32 = rate(wide ? fma_avx512 : fma_avx2, &p, 2.0 * REPEATS * SUMS * (wide ? 16 : 8));
    ret->int8 = rate(wide ? int8_avx512 : int8_avx2, &p, 2.0 * REPEATS * SUMS * (wide ? 64 : 32));
    hl_unmap_anon(data, READ_BYTES);
}
#else
static void measure(hl_cpu_level level, limits *ret) {
    (void)level;
    *ret = (limits){1, 1, 1};
}
#endif

const limits *limits_of(hl_cpu_level level) {
    static limits measured[HL_CPU_LEVEL_COUNT];
    limits *l = &measured[level];
    if (l->read > 0) return l;
    measure(level == HL_CPU_REF && hl_cpu_level_available(HL_CPU_AVX2) ? HL_CPU_AVX2 : level, l);
    printf("%s limits, %u threads: read %.1f GB/s, f32 %.0f GFLOP/s, int8 %.0f GOP/s\n",
           hl_cpu_level_name(level), bench_threads(), l->read * 1e-9, l->f32 * 1e-9,
           l->int8 * 1e-9);
    return l;
}
