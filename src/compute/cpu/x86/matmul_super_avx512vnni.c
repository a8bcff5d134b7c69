/* Q4_K, Q5_K, Q6_K: super-blocks of 256 weights with integer scales a sub-block.
 *
 * Codes are unsigned bytes; a sub-block's dot product is multiplied with its scale and summed in
 * integers, exactly; minima are a second integer sum.  Only the end of a super-block is
 * floating point: at best 64 of 72 operations on the byte dot port are dot products.
 *
 * Codes are widened in registers and used for up to four columns: widening runs on other ports, so
 * that keeping widened codes for more columns gains nothing.  One column runs at the memory's
 * rate; of many, each group of columns reads the tile from the second-level cache. */
#include "compute/cpu/act.h"
#include "compute/cpu/x86/simd_avx512vnni.h"

enum {
    COLUMNS = 4, /* at once: 16 integer sums in registers */
    TILE = HL__TILE_ROWS_AVX512,
    D_BYTES = TILE * sizeof(hl_f16),
    WORD_BYTES = TILE * sizeof(uint32_t), /* two registers */
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
    __m512i w[4];
} scale_words;

static HL__INLINE scale_words load_scale_words(const uint8_t *block, const int half) {
    const uint8_t *p = block + KM_SCALES_AT + (size_t)half * 3 * 64;
    __m512i a = hl__load(p), b = hl__load(p + 64), c = hl__load(p + 128);
    const __m512i six = _mm512_set1_epi8(63);
    __m512i last = _mm512_and_si512(_mm512_srli_epi16(a, 6), _mm512_set1_epi8(3));
    last = _mm512_or_si512(last, _mm512_and_si512(_mm512_srli_epi16(b, 4), _mm512_set1_epi8(12)));
    last = _mm512_or_si512(last, _mm512_and_si512(_mm512_srli_epi16(c, 2), _mm512_set1_epi8(48)));
    return (scale_words){
        {_mm512_and_si512(a, six), _mm512_and_si512(b, six), _mm512_and_si512(c, six), last}};
}

/* The lowest byte of every lane; the next call gives the next. */
static HL__INLINE __m512i take_scale(__m512i *word) {
    __m512i scale = _mm512_and_si512(*word, _mm512_set1_epi32(255));
    *word = _mm512_srli_epi32(*word, 8);
    return scale;
}

static HL__INLINE __m512i take_signed_scale(__m512i *word) {
    __m512i scale = _mm512_srai_epi32(_mm512_slli_epi32(*word, 24), 24);
    *word = _mm512_srli_epi32(*word, 8);
    return scale;
}

/* Minima of sub-blocks 2i and 2i + 1. */
static HL__INLINE __m512i min_pair(const scale_words *s, const int i) {
    __m512i word = s->w[2 + i / 2];
    if (i % 2) word = _mm512_srli_epi16(word, 8);
    return _mm512_and_si512(word, _mm512_set1_epi32(0x00ff00ff));
}

/* ---- codes: groups 2i and 2i + 1 of 32 weights, one half */

typedef struct code_pair {
    __m512i low, high;
} code_pair;

static HL__INLINE code_pair q4_k_codes(const uint8_t *sub, const int i, const int half) {
    __m512i v = hl__load(sub + i * WORD_BYTES + half * 64);
    return (code_pair){hl__low_nibbles(v), hl__high_nibbles(v)};
}

/* The lower nibbles of v and the upper ones of bits, whose lower ones may be anything. */
static HL__INLINE __m512i join_nibbles(__m512i v, __m512i bits) {
    return _mm512_ternarylogic_epi32(_mm512_set1_epi8(15), v, bits, 0xca);
}

/* bits holds, in each byte, what belongs above the low code's nibble and 4 bits higher what belongs
 * above the high code's; bits that a shift carries into the next byte fall on its lower nibble. */
static HL__INLINE code_pair join_pair(__m512i v, __m512i bits) {
    return (code_pair){join_nibbles(v, _mm512_slli_epi32(bits, 4)),
                       join_nibbles(_mm512_srli_epi32(v, 4), bits)};
}

static HL__INLINE code_pair q5_k_codes(const uint8_t *sub, const int i, const int half) {
    __m512i v = hl__load(sub + (1 + i) * WORD_BYTES + half * 64), fifth = hl__load(sub + half * 64);
    __m512i bits = _mm512_srli_epi32(fifth, (unsigned)i);
    return join_pair(v, _mm512_and_si512(bits, _mm512_set1_epi8(0x11)));
}

static HL__INLINE code_pair q6_k_codes(const uint8_t *sub, const int i, const int half) {
    __m512i v = hl__load(sub + (2 + i) * WORD_BYTES + half * 64);
    __m512i upper = hl__load(sub + i / 2 * WORD_BYTES + half * 64);
    __m512i bits = _mm512_srli_epi32(upper, (unsigned)(i % 2) * 2);
    return join_pair(v, _mm512_and_si512(bits, _mm512_set1_epi8(0x33)));
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
typedef __m512i sums[2][COLUMNS];

static HL__INLINE void set_zero(sums v, const int cols) {
    HL__UNROLL for (int c = 0; c < cols; c++) v[0][c] = v[1][c] = _mm512_setzero_si512();
}

static HL__INLINE void start_sub_q6(sums dot, columns x, const int sub, const int cols) {
    HL__UNROLL for (int c = 0; c < cols; c++)
        dot[0][c] = dot[1][c] = _mm512_set1_epi32(x[c]->neg32[sub]);
}

static HL__INLINE void add_group(__m512i w0, __m512i w1, int g, columns x, const int cols,
                                 sums dot) {
    HL__UNROLL for (int c = 0; c < cols; c++) {
        __m512i q = hl__broadcast_word(x[c]->q + g * 4);
        dot[0][c] = _mm512_dpbusd_epi32(dot[0][c], w0, q);
        dot[1][c] = _mm512_dpbusd_epi32(dot[1][c], w1, q);
    }
}

static HL__INLINE void add_scaled(sums total, sums dot, __m512i s0, __m512i s1, const int cols) {
    HL__UNROLL for (int c = 0; c < cols; c++) {
        total[0][c] = _mm512_add_epi32(total[0][c], _mm512_mullo_epi32(dot[0][c], s0));
        total[1][c] = _mm512_add_epi32(total[1][c], _mm512_mullo_epi32(dot[1][c], s1));
        HL__KEEP(total[0][c]);
        HL__KEEP(total[1][c]);
    }
}

/* Sum over sub-blocks of minimum times the activations' sum, one half and column. */
static HL__INLINE __m512i dot_minima(const __m512i m[4], const hl__act_super *x) {
    __m512i sum = _mm512_setzero_si512();
    HL__UNROLL for (int i = 0; i < 4; i++)
        sum = _mm512_dpwssd_epi32(sum, m[i], hl__broadcast_word(x->sum + i * 2));
    return sum;
}

static HL__INLINE __m512 finish_km(__m512 acc, __m512i codes, __m512 d, __m512i minima, __m512 dmin,
                                   float x_d) {
    __m512 v = _mm512_mul_ps(d, _mm512_cvtepi32_ps(codes));
    v = _mm512_fnmadd_ps(dmin, _mm512_cvtepi32_ps(minima), v);
    return _mm512_fmadd_ps(_mm512_set1_ps(x_d), v, acc);
}

static HL__INLINE __m512 finish_q6(__m512 acc, __m512i codes, __m512 d, float x_d) {
    return _mm512_fmadd_ps(_mm512_set1_ps(x_d), _mm512_mul_ps(d, _mm512_cvtepi32_ps(codes)), acc);
}

/* ---- one super-block */

static HL__INLINE void add_pair(const hl_dtype type, const uint8_t *sub, const int i, const int g,
                                columns x, const int cols, sums dot) {
    code_pair a = codes_of(type, sub, i, 0), b = codes_of(type, sub, i, 1);
    add_group(a.low, b.low, g + i * 2, x, cols, dot);
    add_group(a.high, b.high, g + i * 2 + 1, x, cols, dot);
}

/* Loops over sub-blocks are real loops: unrolled, compilers keep too much at once. */
static HL__INLINE void add_block_km(const hl_dtype type, const uint8_t *block, columns x,
                                    const int cols, __m512 acc[2][COLUMNS]) {
    const size_t sub_bytes = (block_bytes_of(type) - KM_CODES_AT) / 8;
    scale_words sw[2] = {load_scale_words(block, 0), load_scale_words(block, 1)};
    sums total, dot;
    set_zero(total, cols);
    hl__prefetch(block + PREFETCH_BYTES, KM_CODES_AT);
    for (int s = 0; s < 8; s++) {
        const uint8_t *sub = block + KM_CODES_AT + (size_t)s * sub_bytes;
        hl__prefetch(sub + PREFETCH_BYTES, sub_bytes);
        set_zero(dot, cols);
        HL__UNROLL for (int i = 0; i < 4; i++) add_pair(type, sub, i, s * 8, x, cols, dot);
        add_scaled(total, dot, take_scale(&sw[0].w[s / 4]), take_scale(&sw[1].w[s / 4]), cols);
    }
    HL__UNROLL for (int half = 0; half < 2; half++) {
        __m512i m[4] = {min_pair(&sw[half], 0), min_pair(&sw[half], 1), min_pair(&sw[half], 2),
                        min_pair(&sw[half], 3)};
        __m512 d = hl__load_f16(block + half * 32),
               dmin = hl__load_f16(block + D_BYTES + half * 32);
        HL__UNROLL for (int c = 0; c < cols; c++) acc[half][c] = finish_km(
            acc[half][c], total[half][c], d, dot_minima(m, x[c]), dmin, x[c]->d);
    }
}

static HL__INLINE void add_block_q6(const uint8_t *block, columns x, const int cols,
                                    __m512 acc[2][COLUMNS]) {
    __m512i words[4][2];
    sums total, dot;
    set_zero(total, cols);
    hl__prefetch(block + PREFETCH_BYTES, Q6_CODES_AT);
    HL__UNROLL for (int i = 0; i < 8; i++)
        words[i / 2][i % 2] = hl__load(block + Q6_SCALES_AT + i * 64);
    for (int s = 0; s < 8; s++) {
        const uint8_t *sub = block + Q6_CODES_AT + s * 6 * WORD_BYTES;
        hl__prefetch(sub + PREFETCH_BYTES, 6 * WORD_BYTES);
        HL__UNROLL for (int u = 0; u < 2; u++) {
            start_sub_q6(dot, x, s * 2 + u, cols);
            HL__UNROLL for (int i = u * 2; i < u * 2 + 2; i++)
                add_pair(HL_DTYPE_Q6_K, sub, i, s * 8, x, cols, dot);
            add_scaled(total, dot, take_signed_scale(&words[s / 2][0]),
                       take_signed_scale(&words[s / 2][1]), cols);
        }
    }
    HL__UNROLL for (int half = 0; half < 2; half++) {
        __m512 d = hl__load_f16(block + half * 32);
        HL__UNROLL for (int c = 0; c < cols; c++)
            acc[half][c] = finish_q6(acc[half][c], total[half][c], d, x[c]->d);
    }
}

static HL__INLINE void run_columns(const hl_dtype type, const hl__tile *t, uint32_t j,
                                   const int cols) {
    columns x;
    __m512 acc[2][COLUMNS];
    HL__UNROLL for (int c = 0; c < cols; c++) {
        x[c] = (const hl__act_super *)(t->act + (j + (uint32_t)c) * t->act_bytes);
        acc[0][c] = acc[1][c] = _mm512_setzero_ps();
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

void hl__tile_super_avx512vnni(hl_dtype type, const hl__tile *t) {
    switch ((int)type) {
    case HL_DTYPE_Q4_K: run_type(HL_DTYPE_Q4_K, t); return;
    case HL_DTYPE_Q5_K: run_type(HL_DTYPE_Q5_K, t); return;
    default: run_type(HL_DTYPE_Q6_K, t); return;
    }
}
