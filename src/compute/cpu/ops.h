/* compute/cpu/ops.h
 *
 * One table of CPU kernels, filled once for a level (base/cpu.h).  Every entry has a portable twin
 * in compute/cpu/ref/ that defines its meaning; tests/kernels compares the two.  Kernels never
 * allocate, never log, never fail; all sizes are checked before.
 *
 * Within a level the arithmetic of one output element is fixed: matmul gives the same bits for
 * one column as for five hundred, attention the same for any chunking, and nothing depends on
 * how rows are shared between threads (ADR 0007).  Matrix products have the same bits at
 * all levels; the other kernels differ between levels by rounding.
 *
 * Threads: pure; a caller splits work by row ranges.
 */
#pragma once

#include "base/cpu.h"
#include "gguf/dtype.h"

/* How activations must be prepared for a weight type. */
typedef enum hl_act_kind {
    HL_ACT_KIND_F32, /* used as they are: F32 F16 BF16 weights */
    HL_ACT_KIND_Q8   /* quantised to 8 bits a row at a time: quantised weights */
} hl_act_kind;

/* Weights repacked for a level.  Rows are padded with zeros to a multiple of row_tile; row_tile
 * rows are interleaved so that one load feeds row_tile sums. */
typedef struct hl_cpu_matrix {
    hl_dtype dtype;
    uint32_t rows, cols;
    void *data; /* hl_cpu_ops.matrix_bytes bytes, 64-byte aligned, taken by the backend */
} hl_cpu_matrix;

enum {
    HL_CPU_ROW_TILE_MAX = 64,
    HL_CPU_PAGE_TOKENS = 32, /* of a KV page; a backend asserts that it is its own */
    HL_CPU_HEAD_DIM_MAX = 256
};

/* Query rows against their sequence's cached keys and values, for one KV head: the
 * n_group query heads that share it (GQA).  Keys lie transposed in a page, so that a page's
 * scores are computed side by side. */
typedef struct hl_cpu_attention {
    uint32_t head_dim;     /* multiple of 8, at most HL_CPU_HEAD_DIM_MAX */
    uint32_t n_group;      /* query heads of this KV head */
    float scale;           /* of q·k */
    const uint32_t *pages; /* page table */
    const hl_f16 *k_base;  /* this layer's and KV head's keys in page 0, [head_dim, page_tokens] */
    const hl_f16 *v_base;  /* and values, [page_tokens, head_dim]; both 64-byte aligned */
    size_t page_stride;    /* hl_f16 elements from a page to the next */
} hl_cpu_attention;

typedef struct hl_cpu_ops {
    hl_cpu_level level;
    const char *isa;

    uint32_t row_tile; /* rows that are packed together; threads split at multiples of it */

    /* ---- matrices */
    size_t (*matrix_bytes)(hl_dtype t, uint32_t rows, uint32_t cols);
    /* Packs rows row0 … row1-1 (row0 a multiple of row_tile, row1 too or == w->rows) of src, the
     * whole [rows, cols] matrix as it is in the file. */
    void (*matrix_pack)(hl_cpu_matrix *w, const void *src, uint32_t row0, uint32_t row1);
    hl_act_kind (*act_kind)(hl_dtype t);
    /* Bytes of one prepared row of cols activations (multiple of 64). */
    size_t (*act_row_bytes)(hl_act_kind kind, uint32_t cols);
    /* x [n, cols] f32, stride ldx floats -> act [n] rows of act_row_bytes. */
    void (*act_prepare)(hl_act_kind kind, const float *x, size_t ldx, uint32_t n, uint32_t cols,
                        void *act);
    /* y[j * ldy + i] = sum over k of w[i, k] x[j, k], for rows i in row0 … row1-1 (as in
     * matrix_pack) and columns j in 0 … n-1.  y is f32; entries outside the range are not touched.
     */
    void (*matmul)(const hl_cpu_matrix *w, uint32_t row0, uint32_t row1, const void *act,
                   uint32_t n, float *y, size_t ldy);

    /* ---- rows */
    /* Of add, silu_mul, rope and the conversions each element is its own: a range of a row gives
     * the bits that the whole row gives. */
    /* y[i] = x[i] / sqrt(mean(x^2) + eps) * g[i]; y may be x. */
    void (*rmsnorm)(float *y, const float *x, const float *g, uint32_t n, float eps);
    void (*add)(float *y, const float *x, uint32_t n); /* y += x */
    void (*silu_mul)(float *y, const float *gate, const float *up,
                     uint32_t n); /* silu(gate) * up; y may be gate */
    /* Rotates the first n_dims of x by cos_sin [n_dims/2][2]; pairs adjacent, or halves. */
    void (*rope)(float *x, const float *cos_sin, uint32_t n_dims, bool halves);
    void (*f32_to_f16)(hl_f16 *y, const float *x, uint32_t n);
    void (*f16_to_f32)(float *y, const hl_f16 *x, uint32_t n);

    /* ---- attention */
    /* For query rows r = 0 … n_rows-1 at positions pos0 + r: softmax(scale q·K) V over positions 0
     * … pos0 + r.  q [n_rows, n_group, head_dim] f32 with ldq floats from row to row; out likewise
     * with ldo. What pages hold behind a row's position (also NaN) has no effect on it.  scratch:
     * of this thread, attention_scratch bytes, 64-byte aligned. */
    size_t (*attention_scratch)(uint32_t head_dim, uint32_t n_group);
    void (*attention)(const hl_cpu_attention *a, const float *q, size_t ldq, uint32_t n_rows,
                      uint32_t pos0, float *out, size_t ldo, void *scratch);
} hl_cpu_ops;

/* The table of a level that this CPU has. */
const hl_cpu_ops *hl_cpu_ops_get(hl_cpu_level level);
