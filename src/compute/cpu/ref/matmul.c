/* The meaning of matrices and activations: plain loops over the file's own blocks.
 *
 * Every sum has one order, and every level keeps it: integer sums inside a block are exact; a
 * block's value is scaled in f32; blocks are added with fmaf in ascending order.  So all levels
 * give the same bits (ADR 0007). */
#include "compute/cpu/act.h"
#include "compute/cpu/ops_parts.h"

#include <string.h>

static hl_act_kind act_kind(hl_dtype t) {
    return hl_dtype_lookup(t).block_weights == 1 ? HL_ACT_KIND_F32 : HL_ACT_KIND_Q8;
}

/* ---- activations */

typedef struct act_scale {
    float d, inverse;
} act_scale;

static act_scale act_scale_of(const float *x, size_t n) {
    float amax = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(x[i])) return (act_scale){NAN, 0};
        float a = fabsf(x[i]);
        amax = a > amax ? a : amax;
    }
    if (amax < HL__ACT_AMAX_MIN) return (act_scale){0, 0};
    return (act_scale){amax / 127.0f, 127.0f / amax};
}

/* inverse is 0 where x may hold what is no number. */
static int act_quantise(const float *x, float inverse, int8_t *q, size_t n) {
    int sum = 0;
    for (size_t i = 0; i < n; i++) {
        q[i] = inverse > 0 ? (int8_t)lrintf(x[i] * inverse) : 0;
        sum += q[i];
    }
    return sum;
}

static void act_small(const float *x, hl__act_small *a) {
    act_scale s = act_scale_of(x, HL__ACT_SMALL);
    a->d = s.d;
    a->neg128 = -128 * act_quantise(x, s.inverse, a->q, HL__ACT_SMALL);
}

static void act_super(const float *x, hl__act_super *a) {
    act_scale s = act_scale_of(x, HL__ACT_SUPER);
    a->d = s.d;
    (void)act_quantise(x, s.inverse, a->q, HL__ACT_SUPER);
    memset(a->sum, 0, sizeof a->sum);
    for (size_t i = 0; i < HL__ACT_SUPER / 16; i++) {
        const int8_t *q = a->q + i * 16;
        int parts[2] = {0, 0};
        for (size_t k = 0; k < 16; k++) parts[k / 2 % 2] += q[k];
        a->neg32_pair[i][0] = (int16_t)(-32 * parts[0]);
        a->neg32_pair[i][1] = (int16_t)(-32 * parts[1]);
        a->neg32[i] = -32 * (parts[0] + parts[1]);
        a->sum[i / 2] = (int16_t)(a->sum[i / 2] + parts[0] + parts[1]);
    }
}

static void act_row(const float *x, uint32_t cols, uint8_t *row) {
    hl__act_small *small = (hl__act_small *)row;
    hl__act_super *super = (hl__act_super *)(row + hl__act_super_at(cols));
    for (size_t i = 0; i < cols / HL__ACT_SMALL; i++) act_small(x + i * HL__ACT_SMALL, &small[i]);
    for (size_t i = 0; i < cols / HL__ACT_SUPER; i++) act_super(x + i * HL__ACT_SUPER, &super[i]);
}

static void act_prepare(hl_act_kind kind, const float *x, size_t ldx, uint32_t n, uint32_t cols,
                        void *act) {
    size_t row_bytes = hl__act_row_bytes(kind, cols);
    for (uint32_t j = 0; j < n; j++, x += ldx) {
        uint8_t *row = (uint8_t *)act + j * row_bytes;
        if (kind == HL_ACT_KIND_F32) {
            memcpy(row, x, (size_t)cols * sizeof *x);
        } else {
            act_row(x, cols, row);
        }
    }
}

/* ---- matrices: the file's bytes */

static size_t matrix_bytes(hl_dtype t, uint32_t rows, uint32_t cols) {
    return (rows * hl_dtype_bytes(t, cols) + 63) / 64 * 64;
}

static void matrix_pack(hl_cpu_matrix *w, const void *src, uint32_t row0, uint32_t row1) {
    size_t row_bytes = hl_dtype_bytes(w->dtype, w->cols);
    memcpy((uint8_t *)w->data + row0 * row_bytes, (const uint8_t *)src + row0 * row_bytes,
           (row1 - row0) * row_bytes);
}

/* ---- floats: rows widened a piece at a time, for all columns */

/* One source, and the processor's own fmaf where it has one: the same bits, without a call of the
 * C library a product.  Sanitizers start before the choice between the two could be made. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) &&                             \
    !defined(__SANITIZE_ADDRESS__)
#define WITH_FMA __attribute__((target_clones("default", "fma")))
#else
#define WITH_FMA
#endif

WITH_FMA static float add_products(float sum, const float *w, const float *x, size_t n) {
    for (size_t k = 0; k < n; k++) sum = fmaf(w[k], x[k], sum);
    return sum;
}

static void matmul_floats(const hl_cpu_matrix *w, uint32_t row0, uint32_t row1, const float *x,
                          uint32_t n, float *y, size_t ldy) {
    enum { PIECE = 256 };
    size_t ldx = hl__act_row_bytes(HL_ACT_KIND_F32, w->cols) / sizeof *x;
    size_t weight_bytes = hl_dtype_bytes(w->dtype, 1);
    for (uint32_t i = row0; i < row1; i++) {
        const uint8_t *row = (const uint8_t *)w->data + i * w->cols * weight_bytes;
        for (uint32_t j = 0; j < n; j++) y[j * ldy + i] = 0;
        for (size_t at = 0; at < w->cols; at += PIECE) {
            float piece[PIECE];
            size_t n_piece = w->cols - at < PIECE ? w->cols - at : PIECE;
            hl_dtype_to_f32(w->dtype, row + at * weight_bytes, piece, n_piece);
            for (uint32_t j = 0; j < n; j++)
                y[j * ldy + i] = add_products(y[j * ldy + i], piece, x + j * ldx + at, n_piece);
        }
    }
}

/* ---- quantised: one row times one column */

static float dot_q8_0(const void *w, const void *act, uint32_t cols) {
    const hl_block_q8_0 *b = w;
    const hl__act_small *x = act;
    float sum = 0;
    for (uint32_t i = 0; i < cols / HL_QK; i++, b++, x++) {
        int32_t dot = 0;
        for (size_t k = 0; k < HL_QK; k++) dot += b->qs[k] * x->q[k];
        sum = fmaf((float)dot, hl_f16_to_f32(b->d) * x->d, sum);
    }
    return sum;
}

static float dot_q4_0(const void *w, const void *act, uint32_t cols) {
    const hl_block_q4_0 *b = w;
    const hl__act_small *x = act;
    float sum = 0;
    for (uint32_t i = 0; i < cols / HL_QK; i++, b++, x++) {
        int32_t dot = 0;
        for (size_t k = 0; k < HL_QK / 2; k++) {
            dot += ((b->qs[k] & 15) - 8) * x->q[k];
            dot += ((b->qs[k] >> 4) - 8) * x->q[k + HL_QK / 2];
        }
        sum = fmaf((float)dot, hl_f16_to_f32(b->d) * x->d, sum);
    }
    return sum;
}

/* A super-block's codes with scales, and its minima, are two exact integers. */
static float add_k(float sum, hl_f16 d, int32_t codes, hl_f16 dmin, int32_t minima, float x_d) {
    float v = hl_f16_to_f32(d) * (float)codes;
    v = fmaf(-hl_f16_to_f32(dmin), (float)minima, v);
    return fmaf(x_d, v, sum);
}

static float dot_q4_k(const void *w, const void *act, uint32_t cols) {
    const hl_block_q4_k *b = w;
    const hl__act_super *x = hl__act_supers(act, cols);
    float sum = 0;
    for (uint32_t i = 0; i < cols / HL_QK_K; i++, b++, x++) {
        int32_t codes = 0, minima = 0;
        for (uint32_t s = 0; s < 8; s++) {
            uint8_t scale, min;
            hl_k_scale_min(b->scales, s, &scale, &min);
            const uint8_t *qs = b->qs + s / 2 * 32;
            int32_t dot = 0;
            for (size_t k = 0; k < 32; k++) dot += (qs[k] >> (s & 1) * 4 & 15) * x->q[s * 32 + k];
            codes += scale * dot;
            minima += min * x->sum[s];
        }
        sum = add_k(sum, b->d, codes, b->dmin, minima, x->d);
    }
    return sum;
}

static float dot_q5_k(const void *w, const void *act, uint32_t cols) {
    const hl_block_q5_k *b = w;
    const hl__act_super *x = hl__act_supers(act, cols);
    float sum = 0;
    for (uint32_t i = 0; i < cols / HL_QK_K; i++, b++, x++) {
        int32_t codes = 0, minima = 0;
        for (uint32_t s = 0; s < 8; s++) {
            uint8_t scale, min;
            hl_k_scale_min(b->scales, s, &scale, &min);
            const uint8_t *qs = b->qs + s / 2 * 32;
            int32_t dot = 0;
            for (size_t k = 0; k < 32; k++) {
                int q = (qs[k] >> (s & 1) * 4 & 15) | (b->qh[k] >> s & 1) << 4;
                dot += q * x->q[s * 32 + k];
            }
            codes += scale * dot;
            minima += min * x->sum[s];
        }
        sum = add_k(sum, b->d, codes, b->dmin, minima, x->d);
    }
    return sum;
}

static float dot_q6_k(const void *w, const void *act, uint32_t cols) {
    const hl_block_q6_k *b = w;
    const hl__act_super *x = hl__act_supers(act, cols);
    float sum = 0;
    for (uint32_t i = 0; i < cols / HL_QK_K; i++, b++, x++) {
        int32_t codes = 0;
        for (size_t k = 0; k < HL_QK_K; k++) {
            /* Half h, quarter q of the half, place p in the quarter. */
            size_t h = k / 128, q = k / 32 % 4, p = k % 32;
            int low = b->ql[h * 64 + q % 2 * 32 + p] >> q / 2 * 4 & 15;
            int high = b->qh[h * 32 + p] >> q * 2 & 3;
            codes += b->scales[k / 16] * ((low | high << 4) - 32) * x->q[k];
        }
        sum = fmaf(x->d, hl_f16_to_f32(b->d) * (float)codes, sum);
    }
    return sum;
}

typedef float dot_fn(const void *w, const void *act, uint32_t cols);

static dot_fn *dot_of(hl_dtype t) {
    switch ((uint32_t)t) {
    case HL_DTYPE_Q8_0: return dot_q8_0;
    case HL_DTYPE_Q4_0: return dot_q4_0;
    case HL_DTYPE_Q4_K: return dot_q4_k;
    case HL_DTYPE_Q5_K: return dot_q5_k;
    case HL_DTYPE_Q6_K: return dot_q6_k;
    default: hl_assert_failed(__FILE__, __LINE__, "every quantised type has its product");
    }
}

static void matmul(const hl_cpu_matrix *w, uint32_t row0, uint32_t row1, const void *act,
                   uint32_t n, float *y, size_t ldy) {
    if (act_kind(w->dtype) == HL_ACT_KIND_F32) {
        matmul_floats(w, row0, row1, act, n, y, ldy);
        return;
    }
    dot_fn *dot = dot_of(w->dtype);
    size_t w_bytes = hl_dtype_bytes(w->dtype, w->cols);
    size_t act_bytes = hl__act_row_bytes(act_kind(w->dtype), w->cols);
    for (uint32_t j = 0; j < n; j++) {
        const uint8_t *x = (const uint8_t *)act + j * act_bytes;
        for (uint32_t i = row0; i < row1; i++)
            y[j * ldy + i] = dot((const uint8_t *)w->data + i * w_bytes, x, w->cols);
    }
}

void hl__matmul_ref_init(hl_cpu_ops *ops) {
    ops->row_tile = 1;
    ops->matrix_bytes = matrix_bytes;
    ops->matrix_pack = matrix_pack;
    ops->act_kind = act_kind;
    ops->act_row_bytes = hl__act_row_bytes;
    ops->act_prepare = act_prepare;
    ops->matmul = matmul;
}
