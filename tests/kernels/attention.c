/* Attention of every level against ref within rounding, and against itself bit for bit: rows
 * together or alone, whatever pages hold behind them. */
#include "kernels.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TOKENS = HL_CPU_PAGE_TOKENS, PAGES_MAX = 24, POISON = 0x7e01 /* NaN */ };

typedef struct setting {
    hl_cpu_attention a;
    uint32_t pages[PAGES_MAX];
    hl_f16 *pool;
    uint32_t n_rows, pos0;
    float *q;
    size_t ldq, ldo; /* more than a row needs */
} setting;

static size_t row_floats(const setting *s) {
    return (size_t)s->a.n_group * s->a.head_dim;
}

/* Keys and values at positions 0 … n_tokens-1, NaN behind. */
static void fill_pool(setting *s, hl_rng *rng, uint32_t n_tokens, float key_scale) {
    uint32_t hd = s->a.head_dim;
    for (uint32_t i = 0; i < PAGES_MAX * TOKENS; i++) {
        hl_f16 *k = s->pool + s->pages[i / TOKENS] * s->a.page_stride, *v = k + hd * TOKENS;
        for (uint32_t d = 0; d < hd; d++) {
            bool there = i < n_tokens;
            k[d * TOKENS + i % TOKENS] = there ? hl_f32_to_f16(key_scale * hl_rng_normal(rng))
                                               : (hl_f16)POISON;
            v[i % TOKENS * hd + d] = there ? hl_f32_to_f16(hl_rng_normal(rng)) : (hl_f16)POISON;
        }
    }
}

static void make(setting *s, hl_rng *rng, uint32_t head_dim, uint32_t n_group, uint32_t n_rows,
                 uint32_t pos0, float key_scale) {
    size_t page = 2 * (size_t)head_dim * TOKENS;
    *s = (setting){.n_rows = n_rows, .pos0 = pos0};
    s->pool = guarded(PAGES_MAX * page * sizeof *s->pool);
    for (uint32_t i = 0; i < PAGES_MAX; i++) s->pages[i] = (i * 7 + 3) % PAGES_MAX;
    s->a = (hl_cpu_attention){.head_dim = head_dim,
                              .n_group = n_group,
                              .scale = 1 / sqrtf((float)head_dim),
                              .pages = s->pages,
                              .k_base = s->pool,
                              .v_base = s->pool + head_dim * TOKENS,
                              .page_stride = page};
    fill_pool(s, rng, pos0 + n_rows, key_scale);
    s->ldq = row_floats(s) + 5;
    s->ldo = row_floats(s) + 3;
    s->q = guarded(((n_rows - 1) * s->ldq + row_floats(s)) * sizeof *s->q);
    for (size_t r = 0; r < n_rows; r++) {
        for (size_t i = 0; i < row_floats(s); i++) s->q[r * s->ldq + i] = hl_rng_normal(rng);
    }
}

/* out [n_rows, row_floats] without gaps */
static void run(const hl_cpu_ops *ops, const setting *s, uint32_t row0, uint32_t n_rows,
                float *out) {
    float *wide = guarded(((n_rows - 1) * s->ldo + row_floats(s)) * sizeof *wide);
    size_t bytes = (ops->attention_scratch(s->a.head_dim, s->a.n_group) + 63) / 64 * 64;
    void *scratch = guarded(bytes);
    ops->attention(&s->a, s->q + row0 * s->ldq, s->ldq, n_rows, s->pos0 + row0, wide, s->ldo,
                   scratch);
    for (size_t r = 0; r < n_rows; r++)
        memcpy(out + r * row_floats(s), wide + r * s->ldo, row_floats(s) * sizeof *out);
}

/* Weights sum to 1 and values are about 1: an absolute bound.  f32 sums of up to 256 products with
 * a score's rounding in the exponent: 2e-5 holds with keys of deviation 1, less well with larger
 * ones. */
static void check_near(const setting *s, const float *out, const float *want, double tolerance) {
    for (size_t i = 0; i < s->n_rows * row_floats(s); i++) {
        double off = fabs((double)out[i] - (double)want[i]);
        CHECK(off <= tolerance,
              "head_dim %u, group %u, rows %u from %u: element %zu is %.9g, ref %.9g",
              s->a.head_dim, s->a.n_group, s->n_rows, s->pos0, i, (double)out[i], (double)want[i]);
        if (!(off <= tolerance)) return;
    }
}

static void check_chunks(const hl_cpu_ops *ops, const setting *s, const float *out,
                         uint32_t chunk) {
    for (uint32_t row = 0; row < s->n_rows; row += chunk) {
        uint32_t n = s->n_rows - row < chunk ? s->n_rows - row : chunk;
        float *part = guarded(n * row_floats(s) * sizeof *part);
        run(ops, s, row, n, part);
        CHECK(memcmp(part, out + row * row_floats(s), n * row_floats(s) * sizeof *part) == 0,
              "head_dim %u, group %u: rows %u to %u alone have other bits than in %u rows",
              s->a.head_dim, s->a.n_group, row, row + n - 1, s->n_rows);
        if (row % 8 == 0 && chunk == 1) row += 7; /* some of them */
    }
}

static void check_case(const hl_cpu_ops *ops, const hl_cpu_ops *ref, hl_rng *rng, uint32_t head_dim,
                       uint32_t n_group, uint32_t n_rows, uint32_t pos0, float key_scale) {
    setting s;
    make(&s, rng, head_dim, n_group, n_rows, pos0, key_scale);
    float *out = guarded(n_rows * row_floats(&s) * sizeof *out);
    float *want = guarded(n_rows * row_floats(&s) * sizeof *want);
    run(ref, &s, 0, n_rows, want);
    run(ops, &s, 0, n_rows, out);
    check_near(&s, out, want, key_scale > 1 ? 1e-3 : 2e-5);
    check_chunks(ops, &s, out, 7);
    guarded_free_all();
    /* again, since chunks of one need much guarded memory */
    if (n_rows > 8) return;
    make(&s, rng, head_dim, n_group, n_rows, pos0, key_scale);
    out = guarded(n_rows * row_floats(&s) * sizeof *out);
    run(ops, &s, 0, n_rows, out);
    check_chunks(ops, &s, out, 1);
    guarded_free_all();
}

static void check(const hl_cpu_ops *ops, const hl_cpu_ops *ref) {
    static const uint32_t DIMS[] = {8, 32, 64, 72, 80, 128, 256}, GROUPS[] = {1, 2, 3, 4, 7, 8, 12};
    hl_rng rng;
    hl_rng_init(&rng, 11);
    for (size_t i = 0; i < sizeof DIMS / sizeof DIMS[0]; i++) {
        for (size_t g = 0; g < sizeof GROUPS / sizeof GROUPS[0]; g++) {
            check_case(ops, ref, &rng, DIMS[i], GROUPS[g], 1, (uint32_t)hl_rng_below(&rng, 300), 1);
            check_case(ops, ref, &rng, DIMS[i], GROUPS[g], 1 + (uint32_t)hl_rng_below(&rng, 40),
                       (uint32_t)hl_rng_below(&rng, 200), 1);
        }
    }
    check_case(ops, ref, &rng, 64, 4, 40, 0, 30); /* nearly one-hot weights */
    check_case(ops, ref, &rng, 64, 70, 2, 33, 1); /* a group larger than a tile */
}

/* ---- measuring */

typedef struct bench_arg {
    const hl_cpu_ops *ops;
    const setting *s;
    float *out;
    void *scratch;
    uint32_t repeats;
} bench_arg;

static void bench_one(void *arg, unsigned thread) {
    (void)thread;
    bench_arg *b = arg;
    for (uint32_t i = 0; i < b->repeats; i++)
        b->ops->attention(&b->s->a, b->s->q, b->s->ldq, b->s->n_rows, b->s->pos0, b->out, b->s->ldo,
                          b->scratch);
}

static void bench_case(const hl_cpu_ops *ops, uint32_t head_dim, uint32_t n_group,
                       uint32_t n_rows) {
    setting s;
    hl_rng rng;
    hl_rng_init(&rng, 1);
    make(&s, &rng, head_dim, n_group, n_rows, 700, 1);
    bench_arg b = {ops, &s, guarded(n_rows * s.ldo * sizeof(float)),
                   guarded((ops->attention_scratch(head_dim, n_group) + 63) / 64 * 64),
                   4 + 400 / n_rows};
    double seconds = bench_best(1, 5, bench_one, &b);
    double flops = 4.0 * head_dim * n_group * n_rows * (s.pos0 + n_rows / 2.0) * b.repeats;
    printf("%s attention head_dim %u, group %u, %u rows at %u: %.1f GFLOP/s a thread\n", ops->isa,
           head_dim, n_group, n_rows, s.pos0, flops / seconds * 1e-9);
    guarded_free_all();
}

static void bench(const hl_cpu_ops *ops) {
    bench_case(ops, 64, 4, 16);
    bench_case(ops, 64, 4, 1);
    bench_case(ops, 128, 4, 16);
    bench_case(ops, 128, 4, 1);
    bench_case(ops, 64, 1, 1);
}

const kernel_family KERNELS_ATTENTION = {"attention", check, bench};
