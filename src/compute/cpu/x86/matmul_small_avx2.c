/* Q8_0 and Q4_0: a scale every 32 weights.
 *
 * A byte product adds two neighbours in 16 bits and saturates.  Q4_0: codes 0 to 15 times
 * |x| <= 127 leave room for all 32 of a block, so that they are widened once.  Q8_0: |w| times x
 * with w's sign (at most 2 * 128 * 127) just fits, and must be widened each time. */
#include "compute/cpu/act.h"
#include "compute/cpu/x86/simd_avx2.h"

enum {
    TILE = HL__TILE_ROWS_AVX2,
    CODES_AT = TILE * sizeof(hl_f16),
    WORD_BYTES = TILE * sizeof(uint32_t), /* two registers */
    COLUMNS = 4,
    PREFETCH_BYTES = 3072
};

typedef const hl__act_small *columns[COLUMNS];
typedef __m256i dots[2][COLUMNS];

static HL__INLINE __m256i dot_signed(__m256i w, __m256i magnitude, __m256i q) {
    __m256i pairs = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(q, w));
    return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

static HL__INLINE void dot_q8(const uint8_t *w, columns x, const int cols, dots dot) {
    HL__UNROLL for (size_t g = 0; g < 8; g++) {
        __m256i w0 = hl__load(w + CODES_AT + g * WORD_BYTES), m0 = _mm256_abs_epi8(w0);
        __m256i w1 = hl__load(w + CODES_AT + g * WORD_BYTES + 32), m1 = _mm256_abs_epi8(w1);
        HL__UNROLL for (int c = 0; c < cols; c++) {
            __m256i q = hl__broadcast_word(x[c]->q + g * 4);
            __m256i v0 = dot_signed(w0, m0, q), v1 = dot_signed(w1, m1, q);
            dot[0][c] = g ? _mm256_add_epi32(dot[0][c], v0) : v0;
            dot[1][c] = g ? _mm256_add_epi32(dot[1][c], v1) : v1;
            HL__KEEP(dot[0][c]);
            HL__KEEP(dot[1][c]);
        }
    }
}

static HL__INLINE void add_group(__m256i w0, __m256i w1, const size_t g, columns x, const int cols,
                                 dots sum) {
    HL__UNROLL for (int c = 0; c < cols; c++) {
        __m256i q = hl__broadcast_word(x[c]->q + g * 4);
        __m256i v0 = _mm256_maddubs_epi16(w0, q), v1 = _mm256_maddubs_epi16(w1, q);
        sum[0][c] = g ? _mm256_add_epi16(sum[0][c], v0) : v0;
        sum[1][c] = g ? _mm256_add_epi16(sum[1][c], v1) : v1;
        HL__KEEP(sum[0][c]);
        HL__KEEP(sum[1][c]);
    }
}

static HL__INLINE void dot_q4(const uint8_t *w, columns x, const int cols, dots dot) {
    HL__UNROLL for (size_t i = 0; i < 4; i++) {
        __m256i w0 = hl__load(w + CODES_AT + i * WORD_BYTES);
        __m256i w1 = hl__load(w + CODES_AT + i * WORD_BYTES + 32);
        add_group(hl__low_nibbles(w0), hl__low_nibbles(w1), i * 2, x, cols, dot);
        add_group(hl__high_nibbles(w0), hl__high_nibbles(w1), i * 2 + 1, x, cols, dot);
    }
    HL__UNROLL for (int c = 0; c < cols; c++) {
        const __m256i one = _mm256_set1_epi16(1);
        __m256i neg8 = _mm256_srai_epi32(_mm256_set1_epi32(x[c]->neg128), 4);
        dot[0][c] = _mm256_add_epi32(_mm256_madd_epi16(dot[0][c], one), neg8);
        dot[1][c] = _mm256_add_epi32(_mm256_madd_epi16(dot[1][c], one), neg8);
    }
}

static HL__INLINE void add_block(const uint8_t *d, dots dot, columns x, const int cols,
                                 __m256 sum[2][COLUMNS]) {
    __m256 d0 = hl__load_f16(d), d1 = hl__load_f16(d + 16);
    HL__UNROLL for (int c = 0; c < cols; c++) {
        __m256 xd = _mm256_set1_ps(x[c]->d);
        __m256 f0 = _mm256_cvtepi32_ps(dot[0][c]), f1 = _mm256_cvtepi32_ps(dot[1][c]);
        sum[0][c] = _mm256_fmadd_ps(f0, _mm256_mul_ps(d0, xd), sum[0][c]);
        sum[1][c] = _mm256_fmadd_ps(f1, _mm256_mul_ps(d1, xd), sum[1][c]);
    }
}

/* Columns j … j + cols - 1. */
static HL__INLINE void run_columns(const bool q4, const hl__tile *t, uint32_t j, const int cols) {
    const size_t block_bytes = TILE * (q4 ? sizeof(hl_block_q4_0) : sizeof(hl_block_q8_0));
    columns x;
    __m256 sum[2][COLUMNS];
    dots dot;
    HL__UNROLL for (int c = 0; c < cols; c++) {
        x[c] = (const hl__act_small *)(t->act + (j + (uint32_t)c) * t->act_bytes);
        sum[0][c] = sum[1][c] = _mm256_setzero_ps();
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
    default: return;
    }
}

void hl__tile_small_avx2(hl_dtype type, const hl__tile *t) {
    if (type == HL_DTYPE_Q4_0)
        run_type(true, t);
    else
        run_type(false, t);
}
