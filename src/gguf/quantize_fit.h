/* gguf/quantize_fit.h
 *
 * The search behind quantising: which scale (and minimum) lets small integers
 * come nearest to given weights.  Private to gguf/.
 *
 * All errors are sums of importance[i] * (x[i] - approximation)^2.
 * Threads: pure.
 */
#pragma once

#include <stddef.h>

/* The nearest whole number in [lo, hi]; NaN gives lo. */
static inline float hl__round_within(float v, float lo, float hi) {
    v = v > lo ? v : lo;
    v = v < hi ? v : hi;
    /* At 1.5 * 2^23 the last bit is worth 1: adding rounds, to nearest even. */
    return (v + 12582912.0f) - 12582912.0f;
}

/* Sums run in eight lanes: the order is fixed, and compilers turn lanes into vectors. */
static inline float hl__sum_lanes(const float lanes[8]) {
    float a = (lanes[0] + lanes[4]) + (lanes[2] + lanes[6]);
    float b = (lanes[1] + lanes[5]) + (lanes[3] + lanes[7]);
    return a + b;
}

/* A weight's importance: large weights carry most of a dot product, so their relative error
 * counts; the root mean square keeps small ones from counting nothing.  n <= 256. */
void hl__importance(const float *x, size_t n, float *ret);

/* x[i] ~ scale * q[i] - min with q in [0, q_max], min >= 0; n is a multiple of 8, at most 32. */
typedef struct hl__affine {
    float scale, min;
} hl__affine;
hl__affine hl__fit_affine(const float *x, const float *importance, size_t n, float q_max);

/* x[i] ~ scale * q[i] with q in [-q_max, q_max - 1]; n is a multiple of 8, at most 32.  scale may
 * be negative. */
float hl__fit_symmetric(const float *x, const float *importance, size_t n, float q_max);
