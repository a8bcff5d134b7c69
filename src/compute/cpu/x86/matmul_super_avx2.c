/* Q4_K, Q5_K, Q6_K: super-blocks of 256 weights with integer scales a sub-block.
 *
 * A byte product adds two neighbours in 16 bits and saturates; codes are unsigned and small, so
 * that several fit in 16 bits before they are multiplied with the sub-block's scale, which widens
 * them: 8 groups of Q4_K (15 * 127 * 16 = 30480), 4 of Q5_K (31 * 127 * 8 = 31496).  Q6_K's codes
 * are 0 to 63 where -32 to 31 is meant: its sums start at what is too much, may wrap on the way,
 * and end within 32 * 127 * 8 = 32512.
 *
 * Codes are widened in registers; as on AVX-512 nothing is gained by keeping them widened. */
#include "compute/cpu/act.h"
#include "compute/cpu/x86/simd_avx2.h"

enum {
    TILE = HL__TILE_ROWS_AVX2,
    D_BYTES = TILE * sizeof(hl_f16),
    WORD_BYTES = TILE * sizeof(uint32_t), /* two registers */
    COLUMNS = 4,
    PREFETCH_BYTES = 3072
};

/* Where things are in a block of a tile, see x86/pack.h. */
enum {
    KM_SCALES_AT = 2 * D_BYTES,
    KM_CODES_AT = KM_SCALES_AT + 3 * WORD_BYTES,
    Q6_SCALES_AT = D_BYTES,
    Q6_CODES_AT = Q6_SCALES_AT + 4 * WORD_BYTES,
};

static HL__INLINE size_t block_bytes_of(const hl_dtype type) {
    switch ((int)type) {
    case HL_DTYPE_Q4_K: return TILE * sizeof(hl_block_q4_k);
    case HL_DTYPE_Q5_K: return TILE * sizeof(hl_block_q5_k);
    default: return TILE * sizeof(hl_block_q6_k);
    }
}

/* ---- scales */

typedef struct scale_words {
    __m256i w[4];
} scale_words;

static HL__INLINE scale_words load_scale_words(const uint8_t *block, const int half) {
    const uint8_t *p = block + KM_SCALES_AT + (size_t)half * 3 * 32;
    __m256i a = hl__load(p), b = hl__load(p + 32), c = hl__load(p + 64);
    const __m256i six = _mm256_set1_epi8(63);
    __m256i last = _mm256_and_si256(_mm256_srli_epi16(a, 6), _mm256_set1_epi8(3));
    last = _mm256_or_si256(last, _mm256_and_si256(_mm256_srli_epi16(b, 4), _mm256_set1_epi8(12)));
    last = _mm256_or_si256(last, _mm256_and_si256(_mm256_srli_epi16(c, 2), _mm256_set1_epi8(48)));
    return (scale_words){
        {_mm256_and_si256(a, six), _mm256_and_si256(b, six), _mm256_and_si256(c, six), last}};
}

/* The lowest byte of every lane, to both its 16-bit elements; the next call gives the next. */
static HL__INLINE __m256i take_scale(__m256i *word) {
    const __m256i both = _mm256_setr_epi8(0, -1, 0, -1, 4, -1, 4, -1, 8, -1, 8, -1, 12, -1, 12, -1,
                                          0, -1, 0, -1, 4, -1, 4, -1, 8, -1, 8, -1, 12, -1, 12, -1);
    __m256i scale = _mm256_shuffle_epi8(*word, both);
    *word = _mm256_srli_epi32(*word, 8);
    return scale;
}

static HL__INLINE __m256i take_signed_scale(__m256i *word) {
    const __m256i both = _mm256_setr_epi8(-1, 0, -1, 0, -1, 4, -1, 4, -1, 8, -1, 8, -1, 12, -1, 12,
                                          -1, 0, -1, 0, -1, 4, -1, 4, -1, 8, -1, 8, -1, 12, -1, 12);
    __m256i scale = _mm256_srai_epi16(_mm256_shuffle_epi8(*word, both), 8);
    *word = _mm256_srli_epi32(*word, 8);
    return scale;
}

/* Minima of sub-blocks 2i and 2i + 1. */
static HL__INLINE __m256i min_pair(const scale_words *s, const int i) {
    __m256i word = s->w[2 + i / 2];
    if (i % 2) word = _mm256_srli_epi16(word, 8);
    return _mm256_and_si256(word, _mm256_set1_epi32(0x00ff00ff));
}

/* ---- codes: groups 2i and 2i + 1 of 32 weights, one half */

typedef struct code_pair {
    __m256i low, high;
} code_pair;

static HL__INLINE code_pair q4_k_codes(const uint8_t *sub, const int i, const int half) {
    __m256i v = hl__load(sub + i * WORD_BYTES + half * 32);
    return (code_pair){hl__low_nibbles(v), hl__high_nibbles(v)};
}

/* v | (bits shifted & mask); a negative count shifts right, bits that cross bytes are masked off.
 */
static HL__INLINE __m256i or_shifted(__m256i v, __m256i bits, const int count, __m256i mask) {
    bits = count >= 0 ? _mm256_slli_epi32(bits, count) : _mm256_srli_epi32(bits, -count);
    return _mm256_or_si256(v, _mm256_and_si256(bits, mask));
}

static HL__INLINE code_pair q5_k_codes(const uint8_t *sub, const int i, const int half) {
    __m256i v = hl__load(sub + (1 + i) * WORD_BYTES + half * 32), fifth = hl__load(sub + half * 32);
    const __m256i bit = _mm256_set1_epi8(16);
    return (code_pair){or_shifted(hl__low_nibbles(v), fifth, 4 - i, bit),
                       or_shifted(hl__high_nibbles(v), fifth, -i, bit)};
}

static HL__INLINE code_pair q6_k_codes(const uint8_t *sub, const int i, const int half) {
    __m256i v = hl__load(sub + (2 + i) * WORD_BYTES + half * 32);
    __m256i upper = hl__load(sub + i / 2 * WORD_BYTES + half * 32);
    const __m256i bits = _mm256_set1_epi8(48);
    return (code_pair){or_shifted(hl__low_nibbles(v), upper, 4 - i % 2 * 2, bits),
                       or_shifted(hl__high_nibbles(v), upper, -(i % 2 * 2), bits)};
}

static HL__INLINE code_pair codes_of(const hl_dtype type, const uint8_t *sub, const int i,
                                     const int half) {
    switch ((int)type) {
    case HL_DTYPE_Q4_K: return q4_k_codes(sub, i, half);
    case HL_DTYPE_Q5_K: return q5_k_codes(sub, i, half);
    default: return q6_k_codes(sub, i, half);
    }
}

/* ---- sums */

typedef const hl__act_super *columns[COLUMNS];
typedef __m256i sums[2][COLUMNS];

/* first: the sum starts here. */
static HL__INLINE void add_group(__m256i w0, __m256i w1, int g, const bool first, columns x,
                                 const int cols, sums sum16) {
    HL__UNROLL for (int c = 0; c < cols; c++) {
        __m256i q = hl__broadcast_word(x[c]->q + g * 4);
        __m256i v0 = _mm256_maddubs_epi16(w0, q), v1 = _mm256_maddubs_epi16(w1, q);
        sum16[0][c] = first ? v0 : _mm256_add_epi16(sum16[0][c], v0);
        sum16[1][c] = first ? v1 : _mm256_add_epi16(sum16[1][c], v1);
        HL__KEEP(sum16[0][c]);
        HL__KEEP(sum16[1][c]);
    }
}

static HL__INLINE void add_pair(const hl_dtype type, const uint8_t *sub, const int i, int g,
                                const bool first, columns x, const int cols, sums sum16) {
    code_pair a = codes_of(type, sub, i, 0), b = codes_of(type, sub, i, 1);
    add_group(a.low, b.low, g + i * 2, first, x, cols, sum16);
    add_group(a.high, b.high, g + i * 2 + 1, false, x, cols, sum16);
}

static HL__INLINE void add_scaled(sums total, sums sum16, __m256i s0, __m256i s1, const int cols) {
    HL__UNROLL for (int c = 0; c < cols; c++) {
        total[0][c] = _mm256_add_epi32(total[0][c], _mm256_madd_epi16(sum16[0][c], s0));
        total[1][c] = _mm256_add_epi32(total[1][c], _mm256_madd_epi16(sum16[1][c], s1));
    }
}

/* Sum over sub-blocks of minimum times the activations' sum, one half and column. */
static HL__INLINE __m256i dot_minima(const __m256i m[4], const hl__act_super *x) {
    __m256i sum = _mm256_madd_epi16(m[0], hl__broadcast_word(x->sum));
    HL__UNROLL for (int i = 1; i < 4; i++)
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(m[i], hl__broadcast_word(x->sum + i * 2)));
    return sum;
}

/* ---- one super-block */

static HL__INLINE void finish_km(const uint8_t *block, const scale_words sw[2], sums total,
                                 columns x, const int cols, __m256 acc[2][COLUMNS]) {
    HL__UNROLL for (int half = 0; half < 2; half++) {
        __m256i m[4] = {min_pair(&sw[half], 0), min_pair(&sw[half], 1), min_pair(&sw[half], 2),
                        min_pair(&sw[half], 3)};
        __m256 d = hl__load_f16(block + half * 16),
               dmin = hl__load_f16(block + D_BYTES + half * 16);
        HL__UNROLL for (int c = 0; c < cols; c++) {
            __m256 v = _mm256_mul_ps(d, _mm256_cvtepi32_ps(total[half][c]));
            v = _mm256_fnmadd_ps(dmin, _mm256_cvtepi32_ps(dot_minima(m, x[c])), v);
            acc[half][c] = _mm256_fmadd_ps(_mm256_set1_ps(x[c]->d), v, acc[half][c]);
        }
    }
}

/* Loops over sub-blocks are real loops: unrolled, compilers keep too much at once. */
static HL__INLINE void add_block_km(const hl_dtype type, const uint8_t *block, columns x,
                                    const int cols, __m256 acc[2][COLUMNS]) {
    const size_t sub_bytes = (block_bytes_of(type) - KM_CODES_AT) / 8;
    scale_words sw[2] = {load_scale_words(block, 0), load_scale_words(block, 1)};
    sums total, sum16;
    HL__UNROLL for (int c = 0; c < cols; c++) total[0][c] = total[1][c] = _mm256_setzero_si256();
    hl__prefetch(block + PREFETCH_BYTES, KM_CODES_AT);
    for (int s = 0; s < 8; s++) {
        const uint8_t *sub = block + KM_CODES_AT + (size_t)s * sub_bytes;
        hl__prefetch(sub + PREFETCH_BYTES, sub_bytes);
        __m256i s0 = take_scale(&sw[0].w[s / 4]), s1 = take_scale(&sw[1].w[s / 4]);
        HL__UNROLL for (int i = 0; i < 4; i++) {
            bool first = i == 0 || (i == 2 && type == HL_DTYPE_Q5_K);
            if (i == 2 && first) add_scaled(total, sum16, s0, s1, cols);
            add_pair(type, sub, i, s * 8, first, x, cols, sum16);
        }
        add_scaled(total, sum16, s0, s1, cols);
    }
    finish_km(block, sw, total, x, cols, acc);
}

static HL__INLINE void add_block_q6(const uint8_t *block, columns x, const int cols,
                                    __m256 acc[2][COLUMNS]) {
    __m256i words[4][2];
    sums total, sum16;
    HL__UNROLL for (int c = 0; c < cols; c++) total[0][c] = total[1][c] = _mm256_setzero_si256();
    hl__prefetch(block + PREFETCH_BYTES, Q6_CODES_AT);
    HL__UNROLL for (int i = 0; i < 8; i++)
        words[i / 2][i % 2] = hl__load(block + Q6_SCALES_AT + i * 32);
    for (int s = 0; s < 8; s++) {
        const uint8_t *sub = block + Q6_CODES_AT + s * 6 * WORD_BYTES;
        hl__prefetch(sub + PREFETCH_BYTES, 6 * WORD_BYTES);
        HL__UNROLL for (int u = 0; u < 2; u++) {
            HL__UNROLL for (int c = 0; c < cols; c++)
                sum16[0][c] = sum16[1][c] = hl__broadcast_word(x[c]->neg32_pair[s * 2 + u]);
            HL__UNROLL for (int i = u * 2; i < u * 2 + 2; i++)
                add_pair(HL_DTYPE_Q6_K, sub, i, s * 8, false, x, cols, sum16);
            add_scaled(total, sum16, take_signed_scale(&words[s / 2][0]),
                       take_signed_scale(&words[s / 2][1]), cols);
        }
    }
    HL__UNROLL for (int half = 0; half < 2; half++) {
        __m256 d = hl__load_f16(block + half * 16);
        HL__UNROLL for (int c = 0; c < cols; c++) {
            __m256 v = _mm256_mul_ps(d, _mm256_cvtepi32_ps(total[half][c]));
            acc[half][c] = _mm256_fmadd_ps(_mm256_set1_ps(x[c]->d), v, acc[half][c]);
        }
    }
}

/* ---- a tile */

/* Columns j … j + cols - 1. */
static HL__INLINE void run_columns(const hl_dtype type, const hl__tile *t, uint32_t j,
                                   const int cols) {
    columns x;
    __m256 acc[2][COLUMNS];
    HL__UNROLL for (int c = 0; c < cols; c++) {
        x[c] = (const hl__act_super *)(t->act + (j + (uint32_t)c) * t->act_bytes);
        acc[0][c] = acc[1][c] = _mm256_setzero_ps();
    }
    const uint8_t *block = t->w;
    for (size_t i = 0; i < t->n_blocks; i++, block += block_bytes_of(type)) {
        if (type == HL_DTYPE_Q6_K)
            add_block_q6(block, x, cols, acc);
        else
            add_block_km(type, block, x, cols, acc);
        HL__UNROLL for (int c = 0; c < cols; c++) x[c]++;
    }
    HL__UNROLL for (int c = 0; c < cols; c++) {
        hl__store_y(t, j + (uint32_t)c, 0, acc[0][c]);
        hl__store_y(t, j + (uint32_t)c, 1, acc[1][c]);
    }
}

static HL__INLINE void run_type(const hl_dtype type, const hl__tile *t) {
    uint32_t j = 0;
    for (; j + COLUMNS <= t->n; j += COLUMNS) run_columns(type, t, j, COLUMNS);
    switch (t->n - j) {
    case 1: run_columns(type, t, j, 1); return;
    case 2: run_columns(type, t, j, 2); return;
    case 3: run_columns(type, t, j, 3); return;
    default: return;
    }
}

void hl__tile_super_avx2(hl_dtype type, const hl__tile *t) {
    switch ((int)type) {
    case HL_DTYPE_Q4_K: run_type(HL_DTYPE_Q4_K, t); return;
    case HL_DTYPE_Q5_K: run_type(HL_DTYPE_Q5_K, t); return;
    default: run_type(HL_DTYPE_Q6_K, t); return;
    }
}
