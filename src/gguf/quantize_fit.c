#include "gguf/quantize_fit.h"

#include "base/status.h"

#include <math.h>

enum { LANES = 8, N_MAX = 32 };

void hl__importance(const float *x, size_t n, float *ret) {
    float squares = 0;
    for (size_t i = 0; i < n; i++) squares += x[i] * x[i];
    float rms = sqrtf(squares / (float)n);
    for (size_t i = 0; i < n; i++) ret[i] = rms + fabsf(x[i]);
}

typedef struct affine_sums {
    float w, wx, wq, wqq, wxq, wxx;
} affine_sums;

/* Codes for the inverse scale, and what the least squares need of them. */
static void sum_affine(const float *x, const float *w, size_t n, float inverse, float q_max,
                       affine_sums *ret) {
    float wq[LANES] = {0}, wqq[LANES] = {0}, wxq[LANES] = {0};
    for (size_t i = 0; i < n; i += LANES) {
        for (size_t k = 0; k < LANES; k++) {
            float q = hl__round_within(inverse * x[i + k], 0, q_max), t = w[i + k] * q;
            wq[k] += t;
            wqq[k] += t * q;
            wxq[k] += t * x[i + k];
        }
    }
    ret->wq = hl__sum_lanes(wq);
    ret->wqq = hl__sum_lanes(wqq);
    ret->wxq = hl__sum_lanes(wxq);
}

/* The best x = scale * q + base for the sums, base at most base_max; returns its error. */
static float solve_affine(const affine_sums *s, float base_max, float *ret_scale, float *ret_base) {
    float det = s->w * s->wqq - s->wq * s->wq;
    float scale = (s->w * s->wxq - s->wx * s->wq) / det;
    float base = (s->wqq * s->wx - s->wq * s->wxq) / det;
    if (!(det > 0) || base > base_max) {
        base = base_max;
        scale = (s->wxq - base * s->wq) / s->wqq;
    }
    *ret_scale = scale;
    *ret_base = base;
    return s->wxx - 2 * scale * s->wxq - 2 * base * s->wx + scale * scale * s->wqq +
           2 * scale * base * s->wq + base * base * s->w;
}

/* For a given number of steps the best line through the codes is a least-squares problem; which
 * codes are best is not.  So: try inverse scales around the one that spans the range, solve each,
 * keep the best.  x is taken from its lower end, which keeps the sums small. */
hl__affine hl__fit_affine(const float *x, const float *importance, size_t n, float q_max) {
    enum { STEPS = 20 };
    float lo = 0, hi = x[0], above[N_MAX];
    HL_ASSERT(n > 0 && n <= N_MAX && n % LANES == 0);
    for (size_t i = 0; i < n; i++) {
        lo = x[i] < lo ? x[i] : lo;
        hi = x[i] > hi ? x[i] : hi;
    }
    if (!(hi > lo)) return (hl__affine){0, -lo};
    affine_sums s = {0};
    for (size_t i = 0; i < n; i++) {
        above[i] = x[i] - lo;
        s.w += importance[i];
        s.wx += importance[i] * above[i];
        s.wxx += importance[i] * above[i] * above[i];
    }
    hl__affine best = {(hi - lo) / q_max, -lo};
    float best_error = INFINITY;
    for (int step = 0; step <= STEPS; step++) {
        float inverse = (q_max - 1 + (float)step * (2.0f / STEPS)) / (hi - lo), scale, base;
        sum_affine(above, importance, n, inverse, q_max, &s);
        float error = solve_affine(&s, -lo, &scale, &base);
        if (!(error < best_error && scale > 0)) continue;
        best_error = error;
        best = (hl__affine){scale, -lo - base};
    }
    return best;
}

/* scale = wxq / wqq is best for given codes and takes wxq^2 / wqq off the error. */
static float gain_symmetric(const float *x, const float *w, size_t n, float inverse, float q_max,
                            float *ret_scale) {
    float wqq[LANES] = {0}, wxq[LANES] = {0};
    for (size_t i = 0; i < n; i += LANES) {
        for (size_t k = 0; k < LANES; k++) {
            float q = hl__round_within(inverse * x[i + k], -q_max, q_max - 1), t = w[i + k] * q;
            wqq[k] += t * q;
            wxq[k] += t * x[i + k];
        }
    }
    float qq = hl__sum_lanes(wqq), xq = hl__sum_lanes(wxq);
    *ret_scale = xq / qq;
    return qq > 0 ? xq * xq / qq : 0;
}

float hl__fit_symmetric(const float *x, const float *importance, size_t n, float q_max) {
    enum { STEPS = 20 };
    float extreme = 0;
    HL_ASSERT(n > 0 && n <= N_MAX && n % LANES == 0);
    for (size_t i = 0; i < n; i++) extreme = fabsf(x[i]) > fabsf(extreme) ? x[i] : extreme;
    if (!(fabsf(extreme) > 0)) return 0;
    float best = extreme / -q_max, best_gain = 0;
    for (int step = 0; step <= STEPS; step++) {
        /* The extreme becomes -q_max, of which there is one more than of the other sign. */
        float inverse = -(q_max - 1 + (float)step * (2.0f / STEPS)) / extreme, scale;
        float gain = gain_symmetric(x, importance, n, inverse, q_max, &scale);
        if (!(gain > best_gain)) continue;
        best_gain = gain;
        best = scale;
    }
    return best;
}
