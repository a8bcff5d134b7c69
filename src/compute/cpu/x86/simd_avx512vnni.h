/* compute/cpu/x86/simd_avx512vnni.h
 *
 * Small shared pieces of the AVX-512 kernels.  Only for *_avx512vnni.c files.
 */
#pragma once

#include "compute/cpu/x86/tile.h"
#include "compute/cpu/x86/unroll.h"

#include <immintrin.h>
#include <string.h>

static HL__INLINE __m512i hl__load(const void *p) {
    return _mm512_load_si512(p);
}

static HL__INLINE __m512 hl__load_f16(const void *p) {
    return _mm512_cvtph_ps(_mm256_load_si256(p));
}

/* Four bytes to every lane. */
static HL__INLINE __m512i hl__broadcast_word(const void *p) {
    int32_t word;
    memcpy(&word, p, sizeof word);
    return _mm512_set1_epi32(word);
}

static HL__INLINE __m512i hl__low_nibbles(__m512i v) {
    return _mm512_and_si512(v, _mm512_set1_epi8(15));
}

static HL__INLINE __m512i hl__high_nibbles(__m512i v) {
    return _mm512_and_si512(_mm512_srli_epi16(v, 4), _mm512_set1_epi8(15));
}

static HL__INLINE void hl__prefetch(const uint8_t *p, size_t bytes) {
    for (size_t i = 0; i < bytes; i += 64) _mm_prefetch((const char *)p + i, _MM_HINT_T0);
}

static HL__INLINE void hl__store_y(const hl__tile *t, uint32_t j, int half, __m512 v) {
    _mm512_mask_storeu_ps(t->y + j * t->ldy + half * 16, (__mmask16)(t->rows_mask >> half * 16), v);
}
