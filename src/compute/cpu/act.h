/* compute/cpu/act.h
 *
 * Prepared activations, the same bytes at every level, so that one preparation serves
 * every weight type that a step multiplies with it.
 *
 * HL_ACT_KIND_F32: cols floats.
 * HL_ACT_KIND_Q8:  cols / 32 small blocks (for Q8_0 and Q4_0 weights), then, from a multiple of 64
 * bytes on, cols / 256 super blocks (for the K types; a rest of cols is in no super block, and no K
 * matrix has one).  Both hold the same row, quantised to 8 bits with a scale for 32 or for 256
 * values: x = d * q, d = amax / 127, q rounded to nearest even, |q| <= 127.
 * A block with a value that is not finite has d = NaN and q = 0: its products are NaN, and
 * nothing is undefined.  A block whose amax is below HL__ACT_AMAX_MIN is zero.
 *
 * A row's bytes are an odd number of cache lines: rows that a kernel reads side by side then
 * fall into different sets of the first-level cache.
 */
#pragma once

#include "compute/cpu/ops.h"

#include <math.h>

enum { HL__ACT_SMALL = HL_QK, HL__ACT_SUPER = HL_QK_K };

/* Scales below are not worth the trouble of subnormal reciprocals. */
#define HL__ACT_AMAX_MIN 0x1p-100f

typedef struct hl__act_small {
    int8_t q[HL__ACT_SMALL];
    float d;
    int32_t neg128; /* -128 * (sum of q): what weights stored as w + 128 have too much */
} hl__act_small;
_Static_assert(sizeof(hl__act_small) == 40, "no padding: rows are compared byte by byte");

typedef struct hl__act_super {
    int8_t q[HL__ACT_SUPER];
    int32_t neg32[HL__ACT_SUPER / 16]; /* -32 * (sum of 16 q): as above for w + 32 of Q6_K */
    /* The same in two 16-bit parts: q 0 1, 4 5, 8 9, 12 13 of the 16, and the others. */
    int16_t neg32_pair[HL__ACT_SUPER / 16][2];
    int16_t sum[HL__ACT_SUPER / 32]; /* sums of 32 q, for the minima of Q4_K and Q5_K */
    float d;
} hl__act_super;
_Static_assert(sizeof(hl__act_super) == 404, "no padding: rows are compared byte by byte");

static inline size_t hl__act_super_at(uint32_t cols) {
    return ((size_t)cols / HL__ACT_SMALL * sizeof(hl__act_small) + 63) / 64 * 64;
}

static inline const hl__act_super *hl__act_supers(const void *row, uint32_t cols) {
    return (const hl__act_super *)((const uint8_t *)row + hl__act_super_at(cols));
}

static inline size_t hl__act_row_bytes(hl_act_kind kind, uint32_t cols) {
    size_t bytes = kind == HL_ACT_KIND_F32 ? (size_t)cols * sizeof(float)
                                           : hl__act_super_at(cols) + (size_t)cols / HL__ACT_SUPER *
                                                                          sizeof(hl__act_super);
    size_t lines = (bytes + 63) / 64;
    return (lines | 1) * 64;
}
