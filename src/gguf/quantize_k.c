#include "gguf/quantize_k.h"

#include "gguf/quantize_fit.h"

#include <math.h>

/* Both kinds of super-block are made in the same way.  Each sub-block is fitted alone;
 * the scales are rounded to the integers that the format has for them; then, as long as
 * that helps, the rounded scales move by one step where that lowers the error with the
 * codes chosen anew, and the super-block's own scale is solved again for the codes. */
enum { REFINEMENTS_MAX = 3 };

static float f16_round(float v) {
    return hl_f16_to_f32(hl_f32_to_f16(v));
}

/* --- With minima: Q4_K, Q5_K ---------------------------------------------- */

enum { SUBS = 8, SUB = 32, SCALE_MAX = 63 };

/* w = d * scale[s] * q - dmin * min[s] */
typedef struct affine_block {
    float d, dmin;
    float scale[SUBS], min[SUBS]; /* whole numbers, 0 to SCALE_MAX */
    float q[HL_QK_K];             /* whole numbers */
    float error;
} affine_block;

/* The nearest codes of a sub-block to *ret_q; returns their error. */
static float code_affine(const float *x, const float *w, float scale, float min, float q_max,
                         float ret_q[SUB]) {
    float inverse = scale > 0 ? 1 / scale : 0, lanes[8] = {0};
    for (size_t i = 0; i < SUB; i += 8) {
        for (size_t k = 0; k < 8; k++) {
            float q = hl__round_within(inverse * (x[i + k] + min), 0, q_max);
            float miss = x[i + k] - (scale * q - min);
            ret_q[i + k] = q;
            lanes[k] += w[i + k] * miss * miss;
        }
    }
    return hl__sum_lanes(lanes);
}

static void code_affine_block(const float *x, const float *w, float q_max, affine_block *b) {
    b->error = 0;
    for (size_t s = 0; s < SUBS; s++)
        b->error += code_affine(x + s * SUB, w + s * SUB, b->d * b->scale[s], b->dmin * b->min[s],
                                q_max, b->q + s * SUB);
}

/* Moves scale and minimum of sub-block s to the best of their neighbours. */
static void move_affine(const float *x, const float *w, float q_max, affine_block *b, size_t s) {
    float scale = b->scale[s], min = b->min[s], best = INFINITY, q[SUB];
    for (int step = 0; step < 9; step++) {
        float try_scale = scale + (float)(step / 3 - 1), try_min = min + (float)(step % 3 - 1);
        if (try_scale < 0 || try_scale > SCALE_MAX || try_min < 0 || try_min > SCALE_MAX) continue;
        float error = code_affine(x + s * SUB, w + s * SUB, b->d * try_scale, b->dmin * try_min,
                                  q_max, q);
        if (!(error < best)) continue;
        best = error;
        b->scale[s] = try_scale;
        b->min[s] = try_min;
    }
}

/* Least squares for d and dmin with all codes and scales as they are. */
static void solve_affine_block(const float *x, const float *w, affine_block *b) {
    double aa = 0, ab = 0, bb = 0, xa = 0, xb = 0;
    for (size_t i = 0; i < HL_QK_K; i++) {
        double wi = (double)w[i], xi = (double)x[i];
        double u = (double)(b->scale[i / SUB] * b->q[i]), v = -(double)b->min[i / SUB];
        aa += wi * u * u;
        ab += wi * u * v;
        bb += wi * v * v;
        xa += wi * u * xi;
        xb += wi * v * xi;
    }
    double det = aa * bb - ab * ab;
    double d = det > 0 ? (xa * bb - xb * ab) / det : aa > 0 ? xa / aa : 0;
    double dmin = det > 0 ? (xb * aa - xa * ab) / det : 0;
    if (!(d > 0 && dmin >= 0)) return;
    b->d = f16_round((float)d);
    b->dmin = f16_round((float)dmin);
}

static void begin_affine_block(const float *x, const float *w, float q_max, affine_block *b) {
    hl__affine fit[SUBS];
    float top_scale = 0, top_min = 0;
    for (size_t s = 0; s < SUBS; s++) {
        fit[s] = hl__fit_affine(x + s * SUB, w + s * SUB, SUB, q_max);
        top_scale = fit[s].scale > top_scale ? fit[s].scale : top_scale;
        top_min = fit[s].min > top_min ? fit[s].min : top_min;
    }
    b->d = f16_round(top_scale / SCALE_MAX);
    b->dmin = f16_round(top_min / SCALE_MAX);
    for (size_t s = 0; s < SUBS; s++) {
        b->scale[s] = b->d > 0 ? hl__round_within(fit[s].scale / b->d, 0, SCALE_MAX) : 0;
        b->min[s] = b->dmin > 0 ? hl__round_within(fit[s].min / b->dmin, 0, SCALE_MAX) : 0;
    }
    code_affine_block(x, w, q_max, b);
}

static void make_affine_block(const float *x, float q_max, affine_block *ret) {
    float w[HL_QK_K];
    for (size_t s = 0; s < SUBS; s++) hl__importance(x + s * SUB, SUB, w + s * SUB);
    begin_affine_block(x, w, q_max, ret);
    affine_block b = *ret;
    for (int i = 0; i < REFINEMENTS_MAX; i++) {
        for (size_t s = 0; s < SUBS; s++) move_affine(x, w, q_max, &b, s);
        code_affine_block(x, w, q_max, &b);
        solve_affine_block(x, w, &b);
        code_affine_block(x, w, q_max, &b);
        if (!(b.error < ret->error)) break;
        *ret = b;
    }
}

/* The reverse of hl_k_scale_min. */
static void pack_scales(const affine_block *b, uint8_t scales[12]) {
    memset(scales, 0, 12);
    for (size_t s = 0; s < SUBS; s++) {
        uint8_t scale = (uint8_t)b->scale[s], min = (uint8_t)b->min[s];
        if (s < 4) {
            scales[s] |= scale;
            scales[s + 4] |= min;
        } else {
            scales[s + 4] = (uint8_t)((scale & 15) | (min & 15) << 4);
            scales[s - 4] |= (uint8_t)((scale >> 4) << 6);
            scales[s] |= (uint8_t)((min >> 4) << 6);
        }
    }
}

void hl__q4_k_from_f32(const float *x, hl_block_q4_k *ret) {
    affine_block b;
    make_affine_block(x, 15, &b);
    *ret = (hl_block_q4_k){.d = hl_f32_to_f16(b.d), .dmin = hl_f32_to_f16(b.dmin)};
    pack_scales(&b, ret->scales);
    for (size_t i = 0; i < HL_QK_K; i++) {
        size_t s = i / SUB;
        ret->qs[s / 2 * SUB + i % SUB] |= (uint8_t)((uint8_t)b.q[i] << s % 2 * 4);
    }
}

void hl__q5_k_from_f32(const float *x, hl_block_q5_k *ret) {
    affine_block b;
    make_affine_block(x, 31, &b);
    *ret = (hl_block_q5_k){.d = hl_f32_to_f16(b.d), .dmin = hl_f32_to_f16(b.dmin)};
    pack_scales(&b, ret->scales);
    for (size_t i = 0; i < HL_QK_K; i++) {
        size_t s = i / SUB;
        uint8_t q = (uint8_t)b.q[i];
        ret->qs[s / 2 * SUB + i % SUB] |= (uint8_t)((q & 15) << s % 2 * 4);
        ret->qh[i % SUB] |= (uint8_t)((q >> 4) << s);
    }
}

/* --- Without: Q6_K -------------------------------------------------------- */

enum { SUBS_6 = 16, SUB_6 = 16, Q_6 = 32, SCALE_6_MIN = -128, SCALE_6_MAX = 127 };

/* w = d * scale[s] * q */
typedef struct symmetric_block {
    float d;
    float scale[SUBS_6]; /* whole numbers, SCALE_6_MIN to SCALE_6_MAX */
    float q[HL_QK_K];    /* whole numbers, -Q_6 to Q_6 - 1 */
    float error;
} symmetric_block;

static float code_symmetric(const float *x, const float *w, float scale, float ret_q[SUB_6]) {
    float inverse = fabsf(scale) > 0 ? 1 / scale : 0, lanes[8] = {0};
    for (size_t i = 0; i < SUB_6; i += 8) {
        for (size_t k = 0; k < 8; k++) {
            float q = hl__round_within(inverse * x[i + k], -Q_6, Q_6 - 1);
            float miss = x[i + k] - scale * q;
            ret_q[i + k] = q;
            lanes[k] += w[i + k] * miss * miss;
        }
    }
    return hl__sum_lanes(lanes);
}

static void code_symmetric_block(const float *x, const float *w, symmetric_block *b) {
    b->error = 0;
    for (size_t s = 0; s < SUBS_6; s++)
        b->error += code_symmetric(x + s * SUB_6, w + s * SUB_6, b->d * b->scale[s],
                                   b->q + s * SUB_6);
}

static void move_symmetric(const float *x, const float *w, symmetric_block *b, size_t s) {
    float scale = b->scale[s], best = INFINITY, q[SUB_6];
    for (int step = -1; step <= 1; step++) {
        float try_scale = scale + (float)step;
        if (try_scale < SCALE_6_MIN || try_scale > SCALE_6_MAX) continue;
        float error = code_symmetric(x + s * SUB_6, w + s * SUB_6, b->d * try_scale, q);
        if (!(error < best)) continue;
        best = error;
        b->scale[s] = try_scale;
    }
}

static void solve_symmetric_block(const float *x, const float *w, symmetric_block *b) {
    double uu = 0, xu = 0;
    for (size_t i = 0; i < HL_QK_K; i++) {
        double u = (double)(b->scale[i / SUB_6] * b->q[i]);
        uu += (double)w[i] * u * u;
        xu += (double)w[i] * u * (double)x[i];
    }
    if (uu > 0) b->d = f16_round((float)(xu / uu));
}

static void begin_symmetric_block(const float *x, const float *w, symmetric_block *b) {
    float fit[SUBS_6], extreme = 0;
    for (size_t s = 0; s < SUBS_6; s++) {
        fit[s] = hl__fit_symmetric(x + s * SUB_6, w + s * SUB_6, SUB_6, Q_6);
        extreme = fabsf(fit[s]) > fabsf(extreme) ? fit[s] : extreme;
    }
    b->d = f16_round(extreme / SCALE_6_MIN);
    for (size_t s = 0; s < SUBS_6; s++)
        b->scale[s] = fabsf(b->d) > 0 ? hl__round_within(fit[s] / b->d, SCALE_6_MIN, SCALE_6_MAX)
                                      : 0;
    code_symmetric_block(x, w, b);
}

static void make_symmetric_block(const float *x, symmetric_block *ret) {
    float w[HL_QK_K];
    for (size_t s = 0; s < SUBS_6; s++) hl__importance(x + s * SUB_6, SUB_6, w + s * SUB_6);
    begin_symmetric_block(x, w, ret);
    symmetric_block b = *ret;
    for (int i = 0; i < REFINEMENTS_MAX; i++) {
        for (size_t s = 0; s < SUBS_6; s++) move_symmetric(x, w, &b, s);
        code_symmetric_block(x, w, &b);
        solve_symmetric_block(x, w, &b);
        code_symmetric_block(x, w, &b);
        if (!(b.error < ret->error)) break;
        *ret = b;
    }
}

void hl__q6_k_from_f32(const float *x, hl_block_q6_k *ret) {
    symmetric_block b;
    make_symmetric_block(x, &b);
    *ret = (hl_block_q6_k){.d = hl_f32_to_f16(b.d)};
    for (size_t s = 0; s < SUBS_6; s++) ret->scales[s] = (int8_t)b.scale[s];
    for (size_t i = 0; i < HL_QK_K; i++) {
        size_t half = i / 128, quarter = i % 128 / 32, at = i % 32;
        uint8_t q = (uint8_t)(b.q[i] + Q_6);
        ret->ql[half * 64 + quarter % 2 * 32 + at] |= (uint8_t)((q & 15) << quarter / 2 * 4);
        ret->qh[half * 32 + at] |= (uint8_t)((q >> 4) << quarter * 2);
    }
}
