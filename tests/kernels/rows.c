/* Row kernels of every level against ref, within rounding; and each element's bits alone or in a
 * row. */
#include "kernels.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N_MAX = 1030, TRIALS = 40 };

typedef enum row_input { ROW_NORMAL, ROW_LARGE, ROW_SMALL, ROW_MIXED, ROW_INPUT_COUNT } row_input;

static float *random_row(hl_rng *rng, uint32_t n, row_input input) {
    static const float SCALES[] = {1, 1e3f, 1e-20f};
    float *x = guarded(n * sizeof *x);
    for (uint32_t i = 0; i < n; i++) {
        float scale = input == ROW_MIXED ? SCALES[hl_rng_below(rng, 3)] : SCALES[input];
        x[i] = scale * hl_rng_normal(rng);
    }
    return x;
}

static float *copy_row(const float *x, uint32_t n) {
    float *copy = guarded(n * sizeof *copy);
    memcpy(copy, x, n * sizeof *copy);
    return copy;
}

/* |a - b| <= relative |b| + absolute, or both the same value that is no number or infinite. */
static bool near(float a, float b, double relative, double absolute) {
    if (!isfinite(b)) return isnan(b) ? isnan(a) : a == b;
    return fabs((double)a - (double)b) <= relative * fabs((double)b) + absolute;
}

static void check_near(const char *what, const float *a, const float *b, uint32_t n,
                       double relative, double absolute) {
    for (uint32_t i = 0; i < n; i++)
        CHECK(near(a[i], b[i], relative, absolute), "%s: element %u of %u is %.9g, ref has %.9g",
              what, i, n, (double)a[i], (double)b[i]);
}

/* The sum's rounding: 1e-6 covers 1030 squares in f32. */
static void check_rmsnorm(const hl_cpu_ops *ops, const hl_cpu_ops *ref, hl_rng *rng, uint32_t n,
                          row_input input) {
    float *x = random_row(rng, n, input), *g = random_row(rng, n, ROW_NORMAL);
    float *y = guarded(n * sizeof *y), *want = guarded(n * sizeof *want);
    ref->rmsnorm(want, x, g, n, 1e-5f);
    ops->rmsnorm(y, x, g, n, 1e-5f);
    check_near("rmsnorm", y, want, n, 2e-6, 1e-37);
    float *in_place = copy_row(x, n);
    ops->rmsnorm(in_place, in_place, g, n, 1e-5f);
    CHECK(memcmp(in_place, y, n * sizeof *y) == 0, "rmsnorm of %u in place", n);
}

static void check_add(const hl_cpu_ops *ops, const hl_cpu_ops *ref, hl_rng *rng, uint32_t n,
                      row_input input) {
    float *x = random_row(rng, n, input), *y = random_row(rng, n, ROW_NORMAL);
    float *want = copy_row(y, n);
    ref->add(want, x, n);
    ops->add(y, x, n);
    CHECK(memcmp(y, want, n * sizeof *y) == 0, "add of %u", n);
}

/* exp is within 2 units in the last place on both sides; the quotient halves what it adds. */
static void check_silu(const hl_cpu_ops *ops, const hl_cpu_ops *ref, hl_rng *rng, uint32_t n,
                       row_input input) {
    float *gate = random_row(rng, n, input), *up = random_row(rng, n, ROW_NORMAL);
    if (n > 3) { /* both ends of exp */
        gate[0] = -87.5f;
        gate[1] = -200;
        gate[2] = 200;
    }
    float *y = guarded(n * sizeof *y), *want = guarded(n * sizeof *want);
    ref->silu_mul(want, gate, up, n);
    ops->silu_mul(y, gate, up, n);
    check_near("silu_mul", y, want, n, 1e-6, 1e-34);
    uint32_t first = n / 3, count = n - first;
    float *part = copy_row(gate + first, count), *up_part = copy_row(up + first, count);
    ops->silu_mul(part, part, up_part, count);
    CHECK(memcmp(part, y + first, count * sizeof *y) == 0, "silu_mul of %u: bits of a part", n);
}

static void check_rope(const hl_cpu_ops *ops, const hl_cpu_ops *ref, hl_rng *rng, uint32_t n_dims,
                       bool halves) {
    float *x = random_row(rng, n_dims, ROW_NORMAL), *want = copy_row(x, n_dims);
    float *cos_sin = guarded(n_dims * sizeof *cos_sin);
    for (uint32_t i = 0; i < n_dims; i += 2) {
        float angle = 10 * hl_rng_normal(rng);
        cos_sin[i] = cosf(angle);
        cos_sin[i + 1] = sinf(angle);
    }
    ref->rope(want, cos_sin, n_dims, halves);
    ops->rope(x, cos_sin, n_dims, halves);
    check_near(halves ? "rope of halves" : "rope of neighbours", x, want, n_dims, 1e-6, 1e-6);
}

static void check_f16(const hl_cpu_ops *ops, const hl_cpu_ops *ref, hl_rng *rng, uint32_t n,
                      row_input input) {
    float *x = random_row(rng, n, input);
    hl_f16 *y = guarded(n * sizeof *y), *want = guarded(n * sizeof *want);
    ref->f32_to_f16(want, x, n);
    ops->f32_to_f16(y, x, n);
    CHECK(memcmp(y, want, n * sizeof *y) == 0, "f32_to_f16 of %u", n);
    for (uint32_t i = 0; i < n; i++) {
        do {
            y[i] = (hl_f16)hl_rng_u64(rng);
        } while ((y[i] & 0x7c00) == 0x7c00); /* NaN may change its payload */
    }
    float *wide = guarded(n * sizeof *wide), *want_wide = guarded(n * sizeof *want_wide);
    ref->f16_to_f32(want_wide, y, n);
    ops->f16_to_f32(wide, y, n);
    CHECK(memcmp(wide, want_wide, n * sizeof *wide) == 0, "f16_to_f32 of %u", n);
}

static void check(const hl_cpu_ops *ops, const hl_cpu_ops *ref) {
    hl_rng rng;
    hl_rng_init(&rng, 7);
    for (uint32_t trial = 0; trial < TRIALS * ROW_INPUT_COUNT; trial++) {
        uint32_t n = trial < 64 ? trial + 1 : 1 + (uint32_t)hl_rng_below(&rng, N_MAX);
        row_input input = (row_input)(trial % ROW_INPUT_COUNT);
        check_rmsnorm(ops, ref, &rng, n, input);
        check_add(ops, ref, &rng, n, input);
        check_silu(ops, ref, &rng, n, input);
        guarded_free_all();
        check_f16(ops, ref, &rng, n, input);
        check_rope(ops, ref, &rng, 2 + trial % 128 * 2, trial & 1);
        guarded_free_all();
    }
}

/* ---- measuring */

enum { BENCH_N = 8192, BENCH_REPEATS = 2000 };

typedef struct bench_arg {
    const hl_cpu_ops *ops;
    int which;
    float *x, *y, *z;
} bench_arg;

static void bench_work_row(void *arg, unsigned thread) {
    bench_arg *b = arg;
    if (thread > 0) return;
    for (int i = 0; i < BENCH_REPEATS; i++) {
        switch (b->which) {
        case 0: b->ops->rmsnorm(b->x, b->y, b->z, BENCH_N, 1e-5f); break;
        case 1: b->ops->add(b->x, b->y, BENCH_N); break;
        case 2: b->ops->silu_mul(b->x, b->y, b->z, BENCH_N); break;
        default: b->ops->f32_to_f16((hl_f16 *)(void *)b->x, b->y, BENCH_N); break;
        }
    }
}

static void bench(const hl_cpu_ops *ops) {
    static const char *const NAMES[] = {"rmsnorm", "add", "silu_mul", "f32_to_f16"};
    hl_rng rng;
    hl_rng_init(&rng, 1);
    for (int which = 0; which < 4; which++) {
        bench_arg b = {ops, which, random_row(&rng, BENCH_N, ROW_NORMAL),
                       random_row(&rng, BENCH_N, ROW_NORMAL),
                       random_row(&rng, BENCH_N, ROW_NORMAL)};
        double s = bench_best(1, 5, bench_work_row, &b);
        printf("%s %s: %.2f elements a ns\n", ops->isa, NAMES[which],
               BENCH_N * (double)BENCH_REPEATS / s * 1e-9);
        guarded_free_all();
    }
}

const kernel_family KERNELS_ROWS = {"rows", check, bench};
