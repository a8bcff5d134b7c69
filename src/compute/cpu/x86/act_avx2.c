/* Preparing activations (compute/cpu/act.h): the bytes of ref, faster. */
#include "compute/cpu/act.h"
#include "compute/cpu/x86/simd_avx2.h"

typedef struct act_scale {
    float d, inverse;
} act_scale;

static HL__INLINE float max_of(__m256 v) {
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
}

/* Infinity and NaN have the highest exponents: as integers they are the greatest magnitudes. */
static HL__INLINE act_scale act_scale_of(const float *x, const size_t n) {
    const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
    __m256i most = _mm256_setzero_si256();
    for (size_t i = 0; i < n; i += 8) {
        __m256i v = _mm256_castps_si256(_mm256_loadu_ps(x + i));
        most = _mm256_max_epi32(most, _mm256_and_si256(v, magnitude));
    }
    __m256i finite = _mm256_cmpgt_epi32(_mm256_set1_epi32(0x7f800000), most);
    if (_mm256_movemask_epi8(finite) != -1) return (act_scale){NAN, 0};
    float amax = max_of(_mm256_castsi256_ps(most));
    if (amax < HL__ACT_AMAX_MIN) return (act_scale){0, 0};
    return (act_scale){amax / 127.0f, 127.0f / amax};
}

/* 32 values; NaN times zero would not be zero. */
static HL__INLINE __m256i quantise(const float *x, float inverse) {
    if (!(inverse > 0)) return _mm256_setzero_si256();
    __m256 scale = _mm256_set1_ps(inverse);
    __m256i v[4];
    HL__UNROLL for (size_t i = 0; i < 4; i++)
        v[i] = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + i * 8), scale));
    __m256i words0 = _mm256_packs_epi32(v[0], v[1]), words1 = _mm256_packs_epi32(v[2], v[3]);
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    return _mm256_permutevar8x32_epi32(_mm256_packs_epi16(words0, words1), order);
}

/* In every 16-bit element: the sum of two neighbours. */
static HL__INLINE __m256i pair_sums(__m256i q) {
    return _mm256_maddubs_epi16(_mm256_set1_epi8(1), q);
}

static void act_small(const float *x, hl__act_small *a) {
    act_scale s = act_scale_of(x, HL__ACT_SMALL);
    __m256i q = quantise(x, s.inverse);
    _mm256_storeu_si256((__m256i *)a->q, q);
    a->d = s.d;
    __m256i sums = _mm256_madd_epi16(pair_sums(q), _mm256_set1_epi16(-128));
    __m128i v = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    v = _mm_add_epi32(v, _mm_shuffle_epi32(v, 0x4e));
    a->neg128 = _mm_cvtsi128_si32(_mm_add_epi32(v, _mm_shuffle_epi32(v, 0xb1)));
}

/* Sums of 32 values, two sub-blocks of 16 (one a half register). */
static HL__INLINE void act_sums(hl__act_super *a, size_t i, __m256i q) {
    __m256i v = pair_sums(q);
    v = _mm256_add_epi16(v, _mm256_shuffle_epi32(v, 0x4e));
    v = _mm256_add_epi16(v, _mm256_shuffle_epi32(v, 0xb1)); /* 32-bit elements: both parts */
    __m256i neg32 = _mm256_madd_epi16(v, _mm256_set1_epi16(-32));
    __m256i parts = _mm256_mullo_epi16(v, _mm256_set1_epi16(-32));
    for (int u = 0; u < 2; u++) {
        __m128i n = u ? _mm256_extracti128_si256(neg32, 1) : _mm256_castsi256_si128(neg32);
        __m128i p = u ? _mm256_extracti128_si256(parts, 1) : _mm256_castsi256_si128(parts);
        int32_t pair = _mm_cvtsi128_si32(p);
        a->neg32[i * 2 + (size_t)u] = _mm_cvtsi128_si32(n);
        memcpy(a->neg32_pair[i * 2 + (size_t)u], &pair, sizeof pair);
    }
    a->sum[i] = (int16_t)((a->neg32[i * 2] + a->neg32[i * 2 + 1]) / -32);
}

static void act_super(const float *x, hl__act_super *a) {
    act_scale s = act_scale_of(x, HL__ACT_SUPER);
    a->d = s.d;
    for (size_t i = 0; i < HL__ACT_SUPER / 32; i++) {
        __m256i q = quantise(x + i * 32, s.inverse);
        _mm256_storeu_si256((__m256i *)(a->q + i * 32), q);
        act_sums(a, i, q);
    }
}

void hl__act_prepare_avx2(hl_act_kind kind, const float *x, size_t ldx, uint32_t n, uint32_t cols,
                          void *act) {
    size_t row_bytes = hl__act_row_bytes(kind, cols);
    uint8_t *row = act;
    for (uint32_t j = 0; j < n; j++, x += ldx, row += row_bytes) {
        if (kind == HL_ACT_KIND_F32) {
            memcpy(row, x, (size_t)cols * sizeof *x);
            continue;
        }
        hl__act_small *small = (hl__act_small *)row;
        hl__act_super *super = (hl__act_super *)(row + hl__act_super_at(cols));
        for (size_t i = 0; i < cols / HL__ACT_SMALL; i++)
            act_small(x + i * HL__ACT_SMALL, &small[i]);
        for (size_t i = 0; i < cols / HL__ACT_SUPER; i++)
            act_super(x + i * HL__ACT_SUPER, &super[i]);
    }
}
