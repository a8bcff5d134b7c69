/* compute/cpu/x86/rows_body.h
 *
 * The row kernels, written once over vec_LEVEL.h; each rows_LEVEL.c includes it once.  A rest that
 * fills no register goes through the same instructions with lanes unused, so that an element's bits
 * do not depend on where a range begins or ends.
 */
#pragma once

#include "compute/cpu/ops_parts.h"
#include "compute/cpu/x86/vec_exp.h"

#include <math.h>

/* Four sums side by side, then in a fixed tree. */
VEC_INLINE float sum_of_squares(const float *x, uint32_t n) {
    vec sum[4] = {vec_zero(), vec_zero(), vec_zero(), vec_zero()};
    uint32_t i = 0;
    for (; i + 4 * VEC_LANES <= n; i += 4 * VEC_LANES) {
        for (uint32_t k = 0; k < 4; k++) {
            vec v = vec_load(x + i + k * VEC_LANES);
            sum[k] = vec_fma(v, v, sum[k]);
        }
    }
    for (; i < n; i += VEC_LANES) {
        vec v = vec_load_n(x + i, n - i);
        sum[0] = vec_fma(v, v, sum[0]);
    }
    return vec_reduce_add(vec_add(vec_add(sum[0], sum[1]), vec_add(sum[2], sum[3])));
}

static void rmsnorm(float *y, const float *x, const float *g, uint32_t n, float eps) {
    vec scale = vec_set1(1 / sqrtf(sum_of_squares(x, n) / (float)n + eps));
    uint32_t i = 0;
    for (; i + VEC_LANES <= n; i += VEC_LANES)
        vec_store(y + i, vec_mul(vec_mul(vec_load(x + i), scale), vec_load(g + i)));
    if (i < n) {
        vec v = vec_mul(vec_mul(vec_load_n(x + i, n - i), scale), vec_load_n(g + i, n - i));
        vec_store_n(y + i, v, n - i);
    }
}

static void add(float *y, const float *x, uint32_t n) {
    uint32_t i = 0;
    for (; i + VEC_LANES <= n; i += VEC_LANES)
        vec_store(y + i, vec_add(vec_load(y + i), vec_load(x + i)));
    if (i < n)
        vec_store_n(y + i, vec_add(vec_load_n(y + i, n - i), vec_load_n(x + i, n - i)), n - i);
}

VEC_INLINE vec silu_mul_vec(vec gate, vec up) {
    vec down = vec_add(vec_set1(1), vec_exp(vec_sub(vec_zero(), gate)));
    return vec_mul(vec_div(gate, down), up);
}

static void silu_mul(float *y, const float *gate, const float *up, uint32_t n) {
    uint32_t i = 0;
    for (; i + VEC_LANES <= n; i += VEC_LANES)
        vec_store(y + i, silu_mul_vec(vec_load(gate + i), vec_load(up + i)));
    if (i < n)
        vec_store_n(y + i, silu_mul_vec(vec_load_n(gate + i, n - i), vec_load_n(up + i, n - i)),
                    n - i);
}

static void rope_adjacent(float *x, const float *cos_sin, uint32_t n_dims) {
    uint32_t i = 0;
    for (; i + VEC_LANES <= n_dims; i += VEC_LANES)
        vec_store(x + i, vec_turn_pairs(vec_load(x + i), vec_load(cos_sin + i)));
    if (i < n_dims) {
        vec v = vec_turn_pairs(vec_load_n(x + i, n_dims - i), vec_load_n(cos_sin + i, n_dims - i));
        vec_store_n(x + i, v, n_dims - i);
    }
}

static void rope_halves(float *x, const float *cos_sin, uint32_t n) {
    uint32_t i = 0;
    for (; i + VEC_LANES <= n; i += VEC_LANES) {
        vec c, s, a = vec_load(x + i), b = vec_load(x + n + i);
        vec_unzip(cos_sin + 2 * i, &c, &s);
        vec_store(x + i, vec_fnma(b, s, vec_mul(a, c)));
        vec_store(x + n + i, vec_fma(a, s, vec_mul(b, c)));
    }
    for (; i < n; i++) {
        float c = cos_sin[2 * i], s = cos_sin[2 * i + 1], a = x[i], b = x[n + i];
        x[i] = fmaf(-b, s, a * c);
        x[n + i] = fmaf(a, s, b * c);
    }
}

static void rope(float *x, const float *cos_sin, uint32_t n_dims, bool halves) {
    if (halves) {
        rope_halves(x, cos_sin, n_dims / 2);
    } else {
        rope_adjacent(x, cos_sin, n_dims);
    }
}

static void f32_to_f16(hl_f16 *y, const float *x, uint32_t n) {
    uint32_t i = 0;
    for (; i + VEC_LANES <= n; i += VEC_LANES) vec_store_f16(y + i, vec_load(x + i));
    for (; i < n; i++) y[i] = hl_f32_to_f16(x[i]);
}

static void f16_to_f32(float *y, const hl_f16 *x, uint32_t n) {
    uint32_t i = 0;
    for (; i + VEC_LANES <= n; i += VEC_LANES) vec_store(y + i, vec_load_f16(x + i));
    for (; i < n; i++) y[i] = hl_f16_to_f32(x[i]);
}

VEC_INLINE void fill_rows(hl_cpu_ops *ops) {
    ops->rmsnorm = rmsnorm;
    ops->add = add;
    ops->silu_mul = silu_mul;
    ops->rope = rope;
    ops->f32_to_f16 = f32_to_f16;
    ops->f16_to_f32 = f16_to_f32;
}
