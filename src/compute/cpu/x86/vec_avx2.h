/* compute/cpu/x86/vec_avx2.h
 *
 * A register of floats and what rows_body.h and attention_body.h do with it, for AVX2.
 * vec_avx512vnni.h has the same names.  Only for *_avx2.c files.
 */
#pragma once

#include "gguf/dtype.h"

#include <immintrin.h>

enum { VEC_LANES = 8 };
typedef __m256 vec;

#define VEC_INLINE static inline __attribute__((always_inline))

VEC_INLINE vec vec_zero(void) {
    return _mm256_setzero_ps();
}

VEC_INLINE vec vec_set1(float x) {
    return _mm256_set1_ps(x);
}

VEC_INLINE vec vec_load(const float *p) {
    return _mm256_loadu_ps(p);
}

VEC_INLINE void vec_store(float *p, vec v) {
    _mm256_storeu_ps(p, v);
}

/* All ones in the first n lanes. */
VEC_INLINE __m256i vec_first(uint32_t n) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), lane);
}

/* The first n lanes; the others are 0, and left alone in memory. */
VEC_INLINE vec vec_load_n(const float *p, uint32_t n) {
    return _mm256_maskload_ps(p, vec_first(n));
}

VEC_INLINE void vec_store_n(float *p, vec v, uint32_t n) {
    _mm256_maskstore_ps(p, vec_first(n), v);
}

/* v in the first n lanes, else `other`. */
VEC_INLINE vec vec_select_n(vec v, vec other, uint32_t n) {
    return _mm256_blendv_ps(other, v, _mm256_castsi256_ps(vec_first(n)));
}

VEC_INLINE vec vec_load_f16(const hl_f16 *p) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)p));
}

VEC_INLINE void vec_store_f16(hl_f16 *p, vec v) {
    _mm_storeu_si128((__m128i *)(void *)p, _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}

VEC_INLINE vec vec_add(vec a, vec b) {
    return _mm256_add_ps(a, b);
}

VEC_INLINE vec vec_sub(vec a, vec b) {
    return _mm256_sub_ps(a, b);
}

VEC_INLINE vec vec_mul(vec a, vec b) {
    return _mm256_mul_ps(a, b);
}

VEC_INLINE vec vec_div(vec a, vec b) {
    return _mm256_div_ps(a, b);
}

/* a b + c */
VEC_INLINE vec vec_fma(vec a, vec b, vec c) {
    return _mm256_fmadd_ps(a, b, c);
}

/* c - a b */
VEC_INLINE vec vec_fnma(vec a, vec b, vec c) {
    return _mm256_fnmadd_ps(a, b, c);
}

/* b where either is NaN */
VEC_INLINE vec vec_max(vec a, vec b) {
    return _mm256_max_ps(a, b);
}

VEC_INLINE vec vec_min(vec a, vec b) {
    return _mm256_min_ps(a, b);
}

VEC_INLINE float vec_reduce_add(vec v) {
    __m128 x = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    x = _mm_add_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)));
}

VEC_INLINE float vec_reduce_max(vec v) {
    __m128 x = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    x = _mm_max_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
}

VEC_INLINE vec vec_round(vec v) {
    return _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* v 2^n for whole n in -126 … 127; NaN stays NaN. */
VEC_INLINE vec vec_scale2(vec v, vec n) {
    __m256i e = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    return _mm256_mul_ps(v, _mm256_castsi256_ps(_mm256_slli_epi32(e, 23)));
}

/* v where x >= low or is NaN, else 0 */
VEC_INLINE vec vec_zero_below(vec v, vec x, float low) {
    return _mm256_and_ps(v, _mm256_cmp_ps(x, _mm256_set1_ps(low), _CMP_NLT_UQ));
}

/* (x0 c0 - x1 s0, x1 c0 + x0 s0, x2 c1 - …) for cs = (c0, s0, c1, …) */
VEC_INLINE vec vec_turn_pairs(vec x, vec cs) {
    vec swapped = _mm256_permute_ps(x, 0xb1);
    return _mm256_fmaddsub_ps(x, _mm256_moveldup_ps(cs),
                              _mm256_mul_ps(swapped, _mm256_movehdup_ps(cs)));
}

/* (c0, s0, c1, s1 …) of VEC_LANES pairs into cosines and sines */
VEC_INLINE void vec_unzip(const float *p, vec *ret_c, vec *ret_s) {
    vec a = vec_load(p), b = vec_load(p + VEC_LANES);
    vec low = _mm256_permute2f128_ps(a, b, 0x20), high = _mm256_permute2f128_ps(a, b, 0x31);
    *ret_c = _mm256_shuffle_ps(low, high, 0x88);
    *ret_s = _mm256_shuffle_ps(low, high, 0xdd);
}
