/* F32, F16, BF16: weights are widened exactly and multiplied in f32, one fma after another in the
 * order of k, so that a value has one chain of additions whatever else is computed beside it.
 *
 * Two registers of rows and up to six columns share each load.  The tile of a long row is
 * larger than the second-level cache; the fmas of a step outlast its load all the same. */
#include "compute/cpu/x86/simd_avx2.h"

enum {
    COLUMNS = 6, /* 12 sums in registers */
    PREFETCH_BYTES = 3072
};

static HL__INLINE size_t weight_bytes_of(const hl_dtype type) {
    return type == HL_DTYPE_F32 ? sizeof(float) : sizeof(hl_f16);
}

static HL__INLINE __m256 load_weights(const hl_dtype type, const uint8_t *p) {
    if (type == HL_DTYPE_F32) return _mm256_load_ps((const float *)p);
    if (type == HL_DTYPE_F16) return hl__load_f16(p);
    __m256i bits = _mm256_cvtepu16_epi32(_mm_load_si128((const __m128i *)p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(bits, 16));
}

/* Columns j … j + cols - 1. */
static HL__INLINE void run_columns(const hl_dtype type, const hl__tile *t, uint32_t j,
                                   const int cols) {
    const size_t half_bytes = 8 * weight_bytes_of(type);
    const float *x[COLUMNS];
    __m256 sum[2][COLUMNS];
    HL__UNROLL for (int c = 0; c < cols; c++) {
        x[c] = (const float *)(t->act + (j + (uint32_t)c) * t->act_bytes);
        sum[0][c] = sum[1][c] = _mm256_setzero_ps();
    }
    const uint8_t *w = t->w;
    for (size_t k = 0; k < t->n_blocks; k++, w += 2 * half_bytes) {
        hl__prefetch(w + PREFETCH_BYTES, 2 * half_bytes);
        __m256 w0 = load_weights(type, w), w1 = load_weights(type, w + half_bytes);
        HL__UNROLL for (int c = 0; c < cols; c++) {
            __m256 v = _mm256_set1_ps(x[c][k]);
            sum[0][c] = _mm256_fmadd_ps(w0, v, sum[0][c]);
            sum[1][c] = _mm256_fmadd_ps(w1, v, sum[1][c]);
        }
    }
    HL__UNROLL for (int c = 0; c < cols; c++) {
        hl__store_y(t, j + (uint32_t)c, 0, sum[0][c]);
        hl__store_y(t, j + (uint32_t)c, 1, sum[1][c]);
    }
}

static HL__INLINE void run_type(const hl_dtype type, const hl__tile *t) {
    uint32_t j = 0;
    for (; j + COLUMNS <= t->n; j += COLUMNS) run_columns(type, t, j, COLUMNS);
    switch (t->n - j) {
    case 1: run_columns(type, t, j, 1); return;
    case 2: run_columns(type, t, j, 2); return;
    case 3: run_columns(type, t, j, 3); return;
    case 4: run_columns(type, t, j, 4); return;
    case 5: run_columns(type, t, j, 5); return;
    default: return;
    }
}

void hl__tile_float_avx2(hl_dtype type, const hl__tile *t) {
    switch ((int)type) {
    case HL_DTYPE_F32: run_type(HL_DTYPE_F32, t); return;
    case HL_DTYPE_F16: run_type(HL_DTYPE_F16, t); return;
    default: run_type(HL_DTYPE_BF16, t); return;
    }
}
