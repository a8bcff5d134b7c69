/* Q8_0 and Q4_0: a scale every 32 weights.
 *
 * A block costs 8 byte dot products for 16 rows and a column, one multiplication and one fma: at
 * best 80 % of the byte dot rate where they share ports.  Codes are w + 128 unsigned, so that the
 * sum starts at -128 times the activations' sum.
 *
 * One column runs at the memory's rate; of many, each group of columns reads the tile from the
 * second-level cache. */
#include "compute/cpu/act.h"
#include "compute/cpu/x86/simd_avx512vnni.h"

enum {
    TILE = HL__TILE_ROWS_AVX512,
    CODES_AT = TILE * sizeof(hl_f16),
    WORD_BYTES = TILE * sizeof(uint32_t), /* two registers */
    COLUMNS = 6,                          /* at once: 12 integer and 12 float sums in registers */
    PREFETCH_BYTES = 3072
};

typedef const hl__act_small *columns[COLUMNS];
typedef __m512i dots[2][COLUMNS];

static HL__INLINE void start_dot(dots dot, columns x, const int cols) {
    HL__UNROLL for (int c = 0; c < cols; c++)
        dot[0][c] = dot[1][c] = _mm512_set1_epi32(x[c]->neg128);
}

static HL__INLINE void add_group(__m512i w0, __m512i w1, const size_t g, columns x, const int cols,
                                 dots dot) {
    HL__UNROLL for (int c = 0; c < cols; c++) {
        __m512i q = hl__broadcast_word(x[c]->q + g * 4);
        dot[0][c] = _mm512_dpbusd_epi32(dot[0][c], w0, q);
        dot[1][c] = _mm512_dpbusd_epi32(dot[1][c], w1, q);
    }
}

static HL__INLINE void dot_q8(const uint8_t *w, columns x, const int cols, dots dot) {
    start_dot(dot, x, cols);
    HL__UNROLL for (size_t g = 0; g < 8; g++) {
        const uint8_t *codes = w + CODES_AT + g * WORD_BYTES;
        add_group(hl__load(codes), hl__load(codes + 64), g, x, cols, dot);
    }
}

/* q - 8 + 128: the form of Q8_0. */
static HL__INLINE __m512i widen_q4(__m512i nibbles) {
    return _mm512_add_epi8(nibbles, _mm512_set1_epi8(120));
}

static HL__INLINE void dot_q4(const uint8_t *w, columns x, const int cols, dots dot) {
    start_dot(dot, x, cols);
    HL__UNROLL for (size_t i = 0; i < 4; i++) {
        const uint8_t *codes = w + CODES_AT + i * WORD_BYTES;
        __m512i w0 = hl__load(codes), w1 = hl__load(codes + 64);
        add_group(widen_q4(hl__low_nibbles(w0)), widen_q4(hl__low_nibbles(w1)), i * 2, x, cols,
                  dot);
        add_group(widen_q4(hl__high_nibbles(w0)), widen_q4(hl__high_nibbles(w1)), i * 2 + 1, x,
                  cols, dot);
    }
}

static HL__INLINE void add_block(const uint8_t *d, dots dot, columns x, const int cols,
                                 __m512 sum[2][COLUMNS]) {
    __m512 d0 = hl__load_f16(d), d1 = hl__load_f16(d + 32);
    HL__UNROLL for (int c = 0; c < cols; c++) {
        __m512 xd = _mm512_set1_ps(x[c]->d);
        __m512 f0 = _mm512_cvtepi32_ps(dot[0][c]), f1 = _mm512_cvtepi32_ps(dot[1][c]);
        sum[0][c] = _mm512_fmadd_ps(f0, _mm512_mul_ps(d0, xd), sum[0][c]);
        sum[1][c] = _mm512_fmadd_ps(f1, _mm512_mul_ps(d1, xd), sum[1][c]);
    }
}

/* Columns j … j + cols - 1. */
static HL__INLINE void run_columns(const bool q4, const hl__tile *t, uint32_t j, const int cols) {
    const size_t block_bytes = TILE * (q4 ? sizeof(hl_block_q4_0) : sizeof(hl_block_q8_0));
    columns x;
    __m512 sum[2][COLUMNS];
    dots dot;
    HL__UNROLL for (int c = 0; c < cols; c++) {
        x[c] = (const hl__act_small *)(t->act + (j + (uint32_t)c) * t->act_bytes);
        sum[0][c] = sum[1][c] = _mm512_setzero_ps();
    }
    const uint8_t *w = t->w;
    for (size_t i = 0; i < t->n_blocks; i++, w += block_bytes) {
        hl__prefetch(w + PREFETCH_BYTES, block_bytes);
        if (q4)
            dot_q4(w, x, cols, dot);
        else
            dot_q8(w, x, cols, dot);
        add_block(w, dot, x, cols, sum);
        HL__UNROLL for (int c = 0; c < cols; c++) x[c]++;
    }
    HL__UNROLL for (int c = 0; c < cols; c++) {
        hl__store_y(t, j + (uint32_t)c, 0, sum[0][c]);
        hl__store_y(t, j + (uint32_t)c, 1, sum[1][c]);
    }
}

static HL__INLINE void run_type(const bool q4, const hl__tile *t) {
    uint32_t j = 0;
    for (; j + COLUMNS <= t->n; j += COLUMNS) run_columns(q4, t, j, COLUMNS);
    switch (t->n - j) {
    case 1: run_columns(q4, t, j, 1); return;
    case 2: run_columns(q4, t, j, 2); return;
    case 3: run_columns(q4, t, j, 3); return;
    case 4: run_columns(q4, t, j, 4); return;
    case 5: run_columns(q4, t, j, 5); return;
    default: return;
    }
}

void hl__tile_small_avx512vnni(hl_dtype type, const hl__tile *t) {
    if (type == HL_DTYPE_Q4_0)
        run_type(true, t);
    else
        run_type(false, t);
}
