/* The meaning of the row kernels. */
#include "compute/cpu/ops_parts.h"

#include <math.h>

static void rmsnorm(float *y, const float *x, const float *g, uint32_t n, float eps) {
    double sum = 0;
    for (uint32_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
    float scale = (float)(1 / sqrt(sum / n + (double)eps));
    for (uint32_t i = 0; i < n; i++) y[i] = x[i] * scale * g[i];
}

static void add(float *y, const float *x, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) y[i] += x[i];
}

static void silu_mul(float *y, const float *gate, const float *up, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) y[i] = gate[i] / (1 + expf(-gate[i])) * up[i];
}

static void rope(float *x, const float *cos_sin, uint32_t n_dims, bool halves) {
    uint32_t n = n_dims / 2, step = halves ? 1 : 2, apart = halves ? n : 1;
    for (uint32_t i = 0; i < n; i++, x += step) {
        float c = cos_sin[2 * i], s = cos_sin[2 * i + 1], a = x[0], b = x[apart];
        x[0] = fmaf(a, c, -(b * s));
        x[apart] = fmaf(a, s, b * c);
    }
}

static void f32_to_f16(hl_f16 *y, const float *x, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) y[i] = hl_f32_to_f16(x[i]);
}

static void f16_to_f32(float *y, const hl_f16 *x, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) y[i] = hl_f16_to_f32(x[i]);
}

void hl__rows_ref_init(hl_cpu_ops *ops) {
    ops->rmsnorm = rmsnorm;
    ops->add = add;
    ops->silu_mul = silu_mul;
    ops->rope = rope;
    ops->f32_to_f16 = f32_to_f16;
    ops->f16_to_f32 = f16_to_f32;
}
