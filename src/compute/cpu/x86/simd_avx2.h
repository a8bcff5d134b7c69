/* compute/cpu/x86/simd_avx2.h
 *
 * Small shared pieces of the AVX2 kernels.  Only for *_avx2.c files.
 */
#pragma once

#include "compute/cpu/x86/tile.h"
#include "compute/cpu/x86/unroll.h"

#include <immintrin.h>
#include <string.h>

static HL__INLINE __m256i hl__load(const void *p) {
    return _mm256_load_si256(p);
}

static HL__INLINE __m256 hl__load_f16(const void *p) {
    return _mm256_cvtph_ps(_mm_load_si128(p));
}

/* Four bytes to every lane. */
static HL__INLINE __m256i hl__broadcast_word(const void *p) {
    int32_t word;
    memcpy(&word, p, sizeof word);
    return _mm256_set1_epi32(word);
}

static HL__INLINE __m256i hl__low_nibbles(__m256i v) {
    return _mm256_and_si256(v, _mm256_set1_epi8(15));
}

static HL__INLINE __m256i hl__high_nibbles(__m256i v) {
    return _mm256_and_si256(_mm256_srli_epi16(v, 4), _mm256_set1_epi8(15));
}

static HL__INLINE void hl__prefetch(const uint8_t *p, size_t bytes) {
    for (size_t i = 0; i < bytes; i += 64) _mm_prefetch((const char *)p + i, _MM_HINT_T0);
}

/* All bits of the lanes whose rows exist. */
static HL__INLINE __m256i hl__lanes(const hl__tile *t, int half) {
    const __m256i bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    __m256i mask = _mm256_set1_epi32((int)(t->rows_mask >> half * 8));
    return _mm256_cmpeq_epi32(_mm256_and_si256(mask, bits), bits);
}

static HL__INLINE void hl__store_y(const hl__tile *t, uint32_t j, int half, __m256 v) {
    _mm256_maskstore_ps(t->y + j * t->ldy + half * 8, hl__lanes(t, half), v);
}
