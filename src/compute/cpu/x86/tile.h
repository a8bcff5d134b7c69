/* compute/cpu/x86/tile.h
 *
 * A product as the x86 kernels see it: one tile of rows (x86/pack.h) times all columns.  Each
 * family of weight types is one function a level; which columns it takes together is its own
 * business, since it may not change a bit of the result.
 *
 * Threads: pure.
 */
#pragma once

#include "compute/cpu/ops.h"

enum { HL__TILE_ROWS_AVX2 = 16, HL__TILE_ROWS_AVX512 = 32 };

typedef struct hl__tile {
    const uint8_t *w; /* n_blocks blocks of the tile */
    size_t n_blocks;
    const uint8_t *act; /* first column's first block */
    size_t act_bytes;   /* from a column to the next */
    uint32_t n;         /* columns, at least 1 */
    float *y;           /* first column's value of the tile's first row */
    size_t ldy;
    uint32_t rows_mask; /* bit i: row i of the tile exists */
} hl__tile;

typedef void hl__tile_fn(hl_dtype t, const hl__tile *tile);

/* By what the weights' scales look like. */
typedef struct hl__tile_fns {
    hl__tile_fn *floats; /* F32 F16 BF16 */
    hl__tile_fn *small;  /* Q8_0 Q4_0: a scale a 32 weights */
    hl__tile_fn *super;  /* Q4_K Q5_K Q6_K: super-blocks of 256 */
    uint32_t tile_rows;
} hl__tile_fns;

hl__tile_fn hl__tile_float_avx2, hl__tile_small_avx2, hl__tile_super_avx2;
hl__tile_fn hl__tile_float_avx512vnni, hl__tile_small_avx512vnni, hl__tile_super_avx512vnni;

/* hl_cpu_ops.matmul */
void hl__tiles_matmul(const hl__tile_fns *fns, const hl_cpu_matrix *w, uint32_t row0, uint32_t row1,
                      const void *act, uint32_t n, float *y, size_t ldy);

/* hl_cpu_ops.act_prepare, for both levels. */
void hl__act_prepare_avx2(hl_act_kind kind, const float *x, size_t ldx, uint32_t n, uint32_t cols,
                          void *act);
