/* compute/cpu/x86/vec_avx512vnni.h
 *
 * What vec_avx2.h has, in registers of 16 floats.  Only for *_avx512vnni.c files.
 */
#pragma once

#include "gguf/dtype.h"

#include <immintrin.h>

enum { VEC_LANES = 16 };
typedef __m512 vec;

#define VEC_INLINE static inline __attribute__((always_inline))

VEC_INLINE vec vec_zero(void) {
    return _mm512_setzero_ps();
}

VEC_INLINE vec vec_set1(float x) {
    return _mm512_set1_ps(x);
}

VEC_INLINE vec vec_load(const float *p) {
    return _mm512_loadu_ps(p);
}

VEC_INLINE void vec_store(float *p, vec v) {
    _mm512_storeu_ps(p, v);
}

VEC_INLINE __mmask16 vec_first(uint32_t n) {
    return (__mmask16)(n >= VEC_LANES ? 0xffff : (1u << n) - 1);
}

VEC_INLINE vec vec_load_n(const float *p, uint32_t n) {
    return _mm512_maskz_loadu_ps(vec_first(n), p);
}

VEC_INLINE void vec_store_n(float *p, vec v, uint32_t n) {
    _mm512_mask_storeu_ps(p, vec_first(n), v);
}

VEC_INLINE vec vec_select_n(vec v, vec other, uint32_t n) {
    return _mm512_mask_mov_ps(other, vec_first(n), v);
}

VEC_INLINE vec vec_load_f16(const hl_f16 *p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

VEC_INLINE void vec_store_f16(hl_f16 *p, vec v) {
    _mm256_storeu_si256((__m256i *)(void *)p, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}

VEC_INLINE vec vec_add(vec a, vec b) {
    return _mm512_add_ps(a, b);
}

VEC_INLINE vec vec_sub(vec a, vec b) {
    return _mm512_sub_ps(a, b);
}

VEC_INLINE vec vec_mul(vec a, vec b) {
    return _mm512_mul_ps(a, b);
}

VEC_INLINE vec vec_div(vec a, vec b) {
    return _mm512_div_ps(a, b);
}

VEC_INLINE vec vec_fma(vec a, vec b, vec c) {
    return _mm512_fmadd_ps(a, b, c);
}

VEC_INLINE vec vec_fnma(vec a, vec b, vec c) {
    return _mm512_fnmadd_ps(a, b, c);
}

VEC_INLINE vec vec_max(vec a, vec b) {
    return _mm512_max_ps(a, b);
}

VEC_INLINE vec vec_min(vec a, vec b) {
    return _mm512_min_ps(a, b);
}

VEC_INLINE float vec_reduce_add(vec v) {
    return _mm512_reduce_add_ps(v);
}

VEC_INLINE float vec_reduce_max(vec v) {
    return _mm512_reduce_max_ps(v);
}

VEC_INLINE vec vec_round(vec v) {
    return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

VEC_INLINE vec vec_scale2(vec v, vec n) {
    return _mm512_scalef_ps(v, n);
}

VEC_INLINE vec vec_zero_below(vec v, vec x, float low) {
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, _mm512_set1_ps(low), _CMP_NLT_UQ), v);
}

VEC_INLINE vec vec_turn_pairs(vec x, vec cs) {
    vec swapped = _mm512_permute_ps(x, 0xb1);
    return _mm512_fmaddsub_ps(x, _mm512_moveldup_ps(cs),
                              _mm512_mul_ps(swapped, _mm512_movehdup_ps(cs)));
}

VEC_INLINE void vec_unzip(const float *p, vec *ret_c, vec *ret_s) {
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28,
                                           30);
    const __m512i odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29,
                                          31);
    vec a = vec_load(p), b = vec_load(p + VEC_LANES);
    *ret_c = _mm512_permutex2var_ps(a, even, b);
    *ret_s = _mm512_permutex2var_ps(a, odd, b);
}
