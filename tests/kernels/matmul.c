/* Matrices and activations of every level against ref, bit for bit: integer sums are exact and the
 * order of the others is part of the meaning (ADR 0007).  ref itself is compared with double
 * precision. */
#include "base/mem.h"
#include "compute/cpu/act.h"
#include "kernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const hl_dtype TYPES[] = {HL_DTYPE_F32,  HL_DTYPE_F16,  HL_DTYPE_BF16, HL_DTYPE_Q8_0,
                                 HL_DTYPE_Q4_0, HL_DTYPE_Q4_K, HL_DTYPE_Q5_K, HL_DTYPE_Q6_K};
enum { TYPE_COUNT = sizeof TYPES / sizeof TYPES[0] };

/* ---- inputs */

typedef enum weights_kind {
    WEIGHTS_NORMAL,
    WEIGHTS_ZERO,
    WEIGHTS_ONES,     /* every bit set in codes and scales, largest finite d */
    WEIGHTS_LOW,      /* most negative codes and scales, largest finite d */
    WEIGHTS_TINY,     /* subnormal d */
    WEIGHTS_ANY_BITS, /* what a broken file may hold: NaN and infinite scales too */
    WEIGHTS_KIND_COUNT
} weights_kind;

typedef enum act_input {
    ACT_NORMAL,
    ACT_ZERO,
    ACT_SUBNORMAL,
    ACT_HUGE,
    ACT_LIMIT, /* only -amax and amax: every code is 127 or -127 */
    ACT_OUTLIER,
    ACT_NOT_FINITE,
    ACT_INPUT_COUNT
} act_input;

static void fill_bytes(hl_rng *rng, void *p, size_t n, weights_kind kind) {
    uint8_t *b = p;
    for (size_t i = 0; i < n; i++) {
        switch (kind) {
        case WEIGHTS_ZERO: b[i] = 0; break;
        case WEIGHTS_ONES: b[i] = 0xff; break;
        case WEIGHTS_LOW: b[i] = 0x80; break;
        default: b[i] = (uint8_t)hl_rng_u64(rng); break;
        }
    }
}

static hl_f16 scale_bits(hl_rng *rng, weights_kind kind) {
    switch (kind) {
    case WEIGHTS_ZERO: return 0;
    case WEIGHTS_ONES: return 0x7bff;
    case WEIGHTS_LOW: return 0xfbff;
    case WEIGHTS_TINY: return (hl_f16)(1 + hl_rng_below(rng, 3));
    case WEIGHTS_ANY_BITS: return (hl_f16)hl_rng_u64(rng);
    default: return hl_f32_to_f16(0.01f * hl_rng_normal(rng));
    }
}

static void fill_block(hl_rng *rng, hl_dtype t, uint8_t *b, weights_kind kind) {
    fill_bytes(rng, b, hl_dtype_lookup(t).block_bytes, kind);
    hl_f16 d = scale_bits(rng, kind), dmin = scale_bits(rng, kind);
    float one = kind == WEIGHTS_NORMAL ? hl_rng_normal(rng) : hl_f16_to_f32(d);
    switch ((uint32_t)t) {
    case HL_DTYPE_F32: memcpy(b, &one, sizeof one); return;
    case HL_DTYPE_F16: d = hl_f32_to_f16(one); break;
    case HL_DTYPE_BF16: d = hl_f32_to_bf16(one); break;
    case HL_DTYPE_Q4_K:
    case HL_DTYPE_Q5_K: memcpy(b + sizeof d, &dmin, sizeof dmin); break;
    case HL_DTYPE_Q6_K: memcpy(b + offsetof(hl_block_q6_k, d), &d, sizeof d); return;
    default: break;
    }
    memcpy(b, &d, sizeof d);
}

static void fill_weights(hl_rng *rng, hl_dtype t, void *w, size_t n, weights_kind kind) {
    hl_dtype_info info = hl_dtype_lookup(t);
    for (size_t i = 0; i < n / info.block_weights; i++)
        fill_block(rng, t, (uint8_t *)w + i * info.block_bytes, kind);
}

static float act_value(hl_rng *rng, act_input kind) {
    float v = hl_rng_normal(rng);
    switch (kind) {
    case ACT_ZERO: return 0;
    case ACT_SUBNORMAL: return v * 1e-41f;
    case ACT_HUGE: return v * 1e30f;
    case ACT_LIMIT: return v < 0 ? -3 : 3;
    case ACT_OUTLIER: return hl_rng_below(rng, 50) == 0 ? v * 1000 : v;
    case ACT_NOT_FINITE:
        if (hl_rng_below(rng, 100) > 0) return v;
        return hl_rng_below(rng, 2) ? NAN : v < 0 ? -INFINITY : INFINITY;
    default: return v;
    }
}

/* ---- a matrix at two levels and their products */

typedef struct trial {
    const hl_cpu_ops *ops, *ref;
    hl_dtype type;
    uint32_t rows, cols, n;
    void *src;
    float *x;
    size_t ldx;
    hl_cpu_matrix w, w_ref;
    void *act, *act_ref;
} trial;

static hl_cpu_matrix pack(const hl_cpu_ops *ops, const trial *t) {
    hl_cpu_matrix w = {t->type, t->rows, t->cols,
                       guarded(ops->matrix_bytes(t->type, t->rows, t->cols))};
    /* In two parts, the later first: packing is shared between threads. */
    uint32_t middle = t->rows / 2 / ops->row_tile * ops->row_tile;
    ops->matrix_pack(&w, t->src, middle, t->rows);
    if (middle > 0) ops->matrix_pack(&w, t->src, 0, middle);
    return w;
}

static void *prepare(const hl_cpu_ops *ops, const trial *t) {
    hl_act_kind kind = ops->act_kind(t->type);
    size_t bytes = ops->act_row_bytes(kind, t->cols) * t->n;
    void *act = guarded(bytes);
    memset(act, 0, bytes); /* padding is not written */
    ops->act_prepare(kind, t->x, t->ldx, t->n, t->cols, act);
    return act;
}

static void trial_open(trial *t, hl_rng *rng, weights_kind weights, act_input input) {
    size_t n_weights = (size_t)t->rows * t->cols;
    t->src = guarded(hl_dtype_bytes(t->type, n_weights));
    fill_weights(rng, t->type, t->src, n_weights, weights);
    t->ldx = t->cols + 3;
    t->x = guarded(((t->n - 1) * t->ldx + t->cols) * sizeof *t->x);
    for (size_t i = 0; i < (t->n - 1) * t->ldx + t->cols; i++) t->x[i] = act_value(rng, input);
    t->w = pack(t->ops, t);
    t->w_ref = pack(t->ref, t);
    t->act = prepare(t->ops, t);
    t->act_ref = prepare(t->ref, t);
}

static bool same_float(float a, float b) {
    return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b));
}

/* The first differing index, or n. */
static size_t first_difference(const float *a, const float *b, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!same_float(a[i], b[i])) return i;
    return n;
}

static void check_y(const trial *t, const char *what, const float *y, const float *want, size_t n,
                    uint32_t columns, weights_kind weights, act_input input) {
    size_t i = first_difference(y, want, n);
    CHECK(i == n, "%s %s: %s [%u, %u] n %u weights %u input %u: y[%zu] = %.9g, not %.9g",
          t->ops->isa, hl_dtype_name(t->type), what, t->rows, t->cols, columns, weights, input, i,
          (double)y[i], (double)want[i]);
}

static const float CANARY = 12345.5f;

static float *canaries(size_t n) {
    float *y = guarded(n * sizeof *y);
    for (size_t i = 0; i < n; i++) y[i] = CANARY;
    return y;
}

/* All columns at once, and each number of columns that has its own code. */
static void check_product(const trial *t, weights_kind weights, act_input input) {
    size_t ldy = t->rows + 1, n_y = (t->n - 1) * ldy + t->rows;
    size_t act_bytes = t->ops->act_row_bytes(t->ops->act_kind(t->type), t->cols);
    float *want = canaries(n_y), *y = canaries(n_y);
    t->ref->matmul(&t->w_ref, 0, t->rows, t->act_ref, t->n, want, ldy);
    for (uint32_t n = 1; n <= t->n; n++) {
        /* Columns from the end, so that places in a tile of columns change. */
        uint32_t j = t->n - n;
        for (size_t i = 0; i < n_y; i++) y[i] = i < j * ldy ? want[i] : CANARY;
        t->ops->matmul(&t->w, 0, t->rows, (uint8_t *)t->act + j * act_bytes, n, y + j * ldy, ldy);
        check_y(t, "columns", y, want, n_y, n, weights, input);
    }
    for (uint32_t row = 0; row < t->rows; row += t->ops->row_tile) {
        uint32_t end = row + t->ops->row_tile < t->rows ? row + t->ops->row_tile : t->rows;
        for (size_t i = 0; i < n_y; i++) y[i] = i % ldy >= row && i % ldy < end ? CANARY : want[i];
        t->ops->matmul(&t->w, row, end, t->act, t->n, y, ldy);
        check_y(t, "rows", y, want, n_y, t->n, weights, input);
    }
}

static void check_act(const trial *t) {
    hl_act_kind kind = t->ops->act_kind(t->type);
    size_t row_bytes = t->ops->act_row_bytes(kind, t->cols);
    CHECK(row_bytes % 64 == 0, "%zu", row_bytes);
    if (kind == HL_ACT_KIND_F32) {
        CHECK(memcmp(t->act, t->act_ref, row_bytes * t->n) == 0, "F32 activations differ");
        return;
    }
    CHECK(row_bytes == t->ref->act_row_bytes(kind, t->cols), "%zu bytes", row_bytes);
    CHECK(memcmp(t->act, t->act_ref, row_bytes * t->n) == 0,
          "%s: prepared activations of %u columns differ", t->ops->isa, t->cols);
}

static void check_shape(const hl_cpu_ops *ops, const hl_cpu_ops *ref, hl_dtype type, uint32_t rows,
                        uint32_t cols, uint32_t n, weights_kind weights, act_input input) {
    hl_rng rng;
    hl_rng_init(&rng, rows * 1000003ull + cols * 1009ull + n + (uint64_t)weights * 77 + input);
    trial t = {.ops = ops, .ref = ref, .type = type, .rows = rows, .cols = cols, .n = n};
    trial_open(&t, &rng, weights, input);
    check_act(&t);
    check_product(&t, weights, input);
    guarded_free_all();
}

/* A column has the same bits alone, among seven and among many; and so it has at any place. */
static void check_batches(const hl_cpu_ops *ops, hl_dtype type) {
    hl_rng rng;
    hl_rng_init(&rng, 11);
    trial t = {.ops = ops, .ref = ops, .type = type, .rows = 70, .cols = 512, .n = 512};
    trial_open(&t, &rng, WEIGHTS_NORMAL, ACT_OUTLIER);
    size_t act_bytes = ops->act_row_bytes(ops->act_kind(type), t.cols);
    size_t n_y = (size_t)t.n * t.rows;
    float *want = canaries(n_y), *y = canaries(n_y);
    ops->matmul(&t.w, 0, t.rows, t.act, t.n, want, t.rows);
    static const uint32_t SIZES[] = {1, 7};
    for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++) {
        for (uint32_t j = 0; j < t.n; j += SIZES[i]) {
            uint32_t n = t.n - j < SIZES[i] ? t.n - j : SIZES[i];
            ops->matmul(&t.w, 0, t.rows, (uint8_t *)t.act + j * act_bytes, n, y + j * t.rows,
                        t.rows);
        }
        CHECK(memcmp(y, want, n_y * sizeof *y) == 0, "%s %s: %u columns at a time", ops->isa,
              hl_dtype_name(type), SIZES[i]);
    }
    for (size_t i = 0; i < n_y; i++) y[i] = CANARY;
    ops->matmul(&t.w, 0, t.rows, t.act, 0, y, t.rows);
    CHECK(y[0] == CANARY, "no columns, no change");
    guarded_free_all();
}

static void check_type(const hl_cpu_ops *ops, const hl_cpu_ops *ref, hl_dtype type) {
    uint32_t block = hl_dtype_lookup(type).block_weights;
    /* Chunks of k in the kernels are at most 512 weights. */
    const uint32_t cols[] = {block, 3 * block, block == 1 ? 33 : 5 * block,
                             block == 1 ? 525 : 2 * block,
                             block == 1       ? 64
                             : block == HL_QK ? 25 * block
                                              : 6 * block};
    static const uint32_t ROWS[] = {1, 31, 33, 7, 80};
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        check_shape(ops, ref, type, ROWS[i], cols[i], 27, WEIGHTS_NORMAL, ACT_NORMAL);
        check_shape(ops, ref, type, ROWS[4 - i], cols[i], 5, WEIGHTS_NORMAL, ACT_OUTLIER);
    }
    for (unsigned w = 0; w < WEIGHTS_KIND_COUNT; w++)
        for (unsigned a = 0; a < ACT_INPUT_COUNT; a++)
            check_shape(ops, ref, type, 33, cols[1], 7, (weights_kind)w, (act_input)a);
}

/* ---- ref against double precision */

/* Half a quantisation step of x at column k, 0 where activations are used as they are. */
static double act_error(const trial *t, const float *x, uint32_t k) {
    uint32_t block = hl_dtype_lookup(t->type).block_weights;
    if (block == 1) return 0;
    float amax = 0;
    for (uint32_t i = k / block * block; i < k / block * block + block; i++)
        amax = fabsf(x[i]) > amax ? fabsf(x[i]) : amax;
    return (double)amax / 127 * 0.5001;
}

/* Every value must be within what rounding the activations explains, and n f32 additions. */
static void check_ref_row(const trial *t, const float *w, const float *x, float y) {
    double sum = 0, magnitude = 0, allowed = 0;
    for (uint32_t k = 0; k < t->cols; k++) {
        sum += (double)w[k] * (double)x[k];
        magnitude += fabs((double)w[k]) * (fabs((double)x[k]));
        allowed += fabs((double)w[k]) * act_error(t, x, k);
    }
    allowed += magnitude * 0x1p-24 * (t->cols + 3) * 4;
    CHECK(fabs(sum - (double)y) <= allowed, "%s: %.9g, not %.9g within %.3g",
          hl_dtype_name(t->type), (double)y, sum, allowed);
}

static void check_ref(const hl_cpu_ops *ref, hl_dtype type) {
    hl_rng rng;
    hl_rng_init(&rng, 7);
    trial t = {.ops = ref, .ref = ref, .type = type, .rows = 9, .cols = 768, .n = 3};
    trial_open(&t, &rng, WEIGHTS_NORMAL, ACT_OUTLIER);
    float *w = guarded(t.cols * sizeof *w), *y = canaries((size_t)t.n * t.rows);
    ref->matmul(&t.w_ref, 0, t.rows, t.act_ref, t.n, y, t.rows);
    for (uint32_t i = 0; i < t.rows; i++) {
        hl_dtype_to_f32(type, (uint8_t *)t.src + i * hl_dtype_bytes(type, t.cols), w, t.cols);
        for (uint32_t j = 0; j < t.n; j++) check_ref_row(&t, w, t.x + j * t.ldx, y[j * t.rows + i]);
    }
    guarded_free_all();
}

static void check(const hl_cpu_ops *ops, const hl_cpu_ops *ref) {
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (ops == ref) check_ref(ref, TYPES[i]);
        check_type(ops, ref, TYPES[i]);
        if (ops != ref) check_batches(ops, TYPES[i]);
    }
}

/* ---- bench */

enum { BENCH_COLS = 4096, BENCH_ROWS_PREFILL = 512, BENCH_RUNS = 15 };
static const size_t BENCH_BYTES = 128u
                                  << 20; /* of weights for few columns: more than any cache here */

typedef struct bench_job {
    const hl_cpu_ops *ops;
    hl_cpu_matrix w;
    void *act;
    float *y;
    uint32_t n;
    unsigned n_threads;
} bench_job;

static void bench_thread_rows(void *arg, unsigned thread) {
    bench_job *b = arg;
    uint32_t tiles = b->w.rows / b->ops->row_tile;
    uint32_t row0 = tiles * thread / b->n_threads * b->ops->row_tile;
    uint32_t row1 = tiles * (thread + 1) / b->n_threads * b->ops->row_tile;
    b->ops->matmul(&b->w, row0, row1, b->act, b->n, b->y, b->w.rows);
}

static void bench_fill(bench_job *b, hl_dtype type, size_t bytes) {
    hl_rng rng;
    hl_rng_init(&rng, 3);
    uint8_t *w = b->w.data;
    const size_t block = 4096;
    size_t src_bytes = hl_dtype_bytes(type, (size_t)b->ops->row_tile * b->w.cols);
    uint8_t *src = hl_alloc(src_bytes);
    HL_ASSERT(src);
    fill_weights(&rng, type, src, (size_t)b->ops->row_tile * b->w.cols, WEIGHTS_NORMAL);
    b->ops->matrix_pack(&b->w, src, 0, b->ops->row_tile);
    for (size_t at = src_bytes; at < bytes; at += block)
        memcpy(w + at, w + at % src_bytes / block * block, bytes - at < block ? bytes - at : block);
    hl_free(src);
}

static void bench_one(const hl_cpu_ops *ops, hl_dtype type, uint32_t n) {
    const limits *l = limits_of(ops->level);
    hl_dtype_info info = hl_dtype_lookup(type);
    uint32_t rows = BENCH_ROWS_PREFILL;
    if (n < 16) rows = (uint32_t)(BENCH_BYTES / hl_dtype_bytes(type, BENCH_COLS) / 64 * 64);
    bench_job b = {
        .ops = ops, .w = {type, rows, BENCH_COLS, NULL}, .n = n, .n_threads = bench_threads()};
    hl_act_kind kind = ops->act_kind(type);
    size_t w_bytes = ops->matrix_bytes(type, rows, BENCH_COLS),
           act_bytes = ops->act_row_bytes(kind, BENCH_COLS) * n;
    size_t y_bytes = (size_t)rows * n * sizeof(float);
    b.w.data = hl_map_anon(w_bytes);
    b.act = hl_map_anon(act_bytes);
    b.y = hl_map_anon(y_bytes);
    HL_ASSERT(b.w.data && b.act && b.y);
    bench_fill(&b, type, w_bytes);
    float *x = hl_alloc((size_t)n * BENCH_COLS * sizeof *x);
    HL_ASSERT(x);
    hl_rng rng;
    hl_rng_init(&rng, 5);
    for (size_t i = 0; i < (size_t)n * BENCH_COLS; i++) x[i] = hl_rng_normal(&rng);
    ops->act_prepare(kind, x, BENCH_COLS, n, BENCH_COLS, b.act);
    double took = bench_best(b.n_threads, BENCH_RUNS, bench_thread_rows, &b);
    double bytes = (double)w_bytes / took, work = 2.0 * rows * BENCH_COLS * n / took;
    double peak = info.block_weights == 1 ? l->f32 : l->int8;
    printf("%-10s %-5s n %4u: %6.1f GB/s (%3.0f %% of read)  %7.0f GOP/s (%3.0f %% of peak)\n",
           ops->isa, info.name, n, bytes * 1e-9, bytes / l->read * 100, work * 1e-9,
           work / peak * 100);
    (void)fflush(stdout);
    hl_free(x);
    hl_unmap_anon(b.w.data, w_bytes);
    hl_unmap_anon(b.act, act_bytes);
    hl_unmap_anon(b.y, y_bytes);
}

static void bench(const hl_cpu_ops *ops) {
    static const uint32_t COLUMNS[] = {1, 2, 4, 8, 32, 512};
    if (ops->level == HL_CPU_REF) return; /* not made for speed */
    const char *type = getenv("BENCH_TYPE"), *n = getenv("BENCH_COLUMNS");
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (type && strcmp(type, hl_dtype_name(TYPES[i])) != 0) continue;
        for (size_t j = 0; j < sizeof COLUMNS / sizeof COLUMNS[0]; j++)
            if (!n || strtoul(n, NULL, 10) == COLUMNS[j]) bench_one(ops, TYPES[i], COLUMNS[j]);
    }
}

const kernel_family KERNELS_MATMUL = {"matmul", check, bench};
