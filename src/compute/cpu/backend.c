#include "compute/cpu/cpu.h"

#include <stdio.h>

#include "base/mem.h"

_Static_assert((int)HL_KV_PAGE_TOKENS == (int)HL_CPU_PAGE_TOKENS, "kernels know the page");

/* --- Sizes ----------------------------------------------------------------- */

/* The largest of each over all blocks. */
typedef struct widths {
    uint32_t qkv, mixed, ff;
    uint32_t act_cols; /* of any matrix's input */
    uint32_t group;    /* query heads of a KV head */
    uint32_t n_ropes;
} widths;

static uint32_t max_u32(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

static bool same_rope(const hl_rope *a, const hl_rope *b) {
    return a->freq == b->freq && a->n_dims == b->n_dims && a->magnitude == b->magnitude;
}

/* Finds or adds. */
static uint32_t rope_index(const hl_rope **ropes, uint32_t *n, const hl_rope *rope) {
    for (uint32_t i = 0; i < *n; i++) {
        if (same_rope(ropes[i], rope)) return i;
    }
    ropes[*n] = rope;
    return (*n)++;
}

static widths widths_of(const hl_model *m) {
    widths w = {.act_cols = m->n_embd};
    const hl_rope *last = NULL;
    for (uint32_t i = 0; i < m->n_blocks; i++) {
        const hl_attention *a = &m->blocks[i].as.attention;
        if (m->blocks[i].kind == HL_BLOCK_FFN) {
            w.ff = max_u32(w.ff, m->blocks[i].as.ffn.n_ff);
            continue;
        }
        w.qkv = max_u32(w.qkv, (a->n_heads + 2 * a->n_heads_kv) * a->head_dim);
        w.mixed = max_u32(w.mixed, a->n_heads * a->head_dim);
        w.group = max_u32(w.group, a->n_heads / a->n_heads_kv);
        if (!last || !same_rope(last, &a->rope)) w.n_ropes++;
        last = &a->rope;
    }
    w.act_cols = max_u32(w.act_cols, max_u32(w.mixed, w.ff));
    return w;
}

static void *carve(uint8_t *base, uint64_t *used, uint64_t n, uint64_t size) {
    uint64_t at = *used;
    *used = (at + n * size + HL__LINE_BYTES - 1) / HL__LINE_BYTES * HL__LINE_BYTES;
    return base ? base + at : NULL;
}

/* Lays scratch out from base on, which may be NULL to measure; returns its bytes. */
static uint64_t lay_scratch(const hl_model *m, const hl_cpu_ops *ops, const hl_backend_limits *l,
                            uint8_t *base, hl__scratch *s) {
    widths w = widths_of(m);
    uint64_t used = 0, rows = l->rows_max, n_embd = m->n_embd;
    s->hidden = carve(base, &used, rows * n_embd, sizeof(float));
    s->y = carve(base, &used, rows * n_embd, sizeof(float));
    s->qkv = carve(base, &used, rows * w.qkv, sizeof(float));
    s->mixed = carve(base, &used, rows * w.mixed, sizeof(float));
    s->gate = carve(base, &used, rows * w.ff, sizeof(float));
    s->up = carve(base, &used, rows * w.ff, sizeof(float));
    for (int kind = 0; kind < HL__ACT_KINDS; kind++) {
        uint64_t row_bytes = ops->act_row_bytes((hl_act_kind)kind, w.act_cols);
        s->act[kind] = carve(base, &used, rows, row_bytes);
    }
    s->cos_sin = carve(base, &used, rows * w.n_ropes * m->head_dim_max, sizeof(float));
    s->rows = carve(base, &used, rows, sizeof *s->rows);
    s->rows_all = carve(base, &used, rows, sizeof *s->rows_all);
    s->rows_out = carve(base, &used, rows, sizeof *s->rows_out);
    s->logits_at = carve(base, &used, rows, sizeof *s->logits_at);
    s->tiles_all.tile = carve(base, &used, rows, sizeof *s->tiles_all.tile);
    s->tiles_out.tile = carve(base, &used, rows, sizeof *s->tiles_out.tile);
    uint64_t thread = 0;
    (void)carve(NULL, &thread, n_embd, sizeof(float));
    s->thread_attention_at = thread;
    (void)carve(NULL, &thread, ops->attention_scratch(m->head_dim_max, w.group), 1);
    s->thread_bytes = thread;
    s->of_thread = carve(base, &used, l->threads, thread);
    return used;
}

static uint64_t kv_head_elements(const hl_model *m) {
    return 2ull * HL_KV_PAGE_TOKENS * m->head_dim_max;
}

static hl_backend_plan plan_of(const hl_model *m, const hl_cpu_ops *ops,
                               const hl_backend_limits *l) {
    hl__scratch s;
    hl_backend_plan p = {0};
    p.weight_bytes = hl__weights_bytes(m, ops);
    p.kv_page_bytes = kv_head_elements(m) * m->n_heads_kv_max * m->n_kv_layers * sizeof(hl_f16);
    p.kv_bytes = p.kv_page_bytes * l->kv_pages;
    p.scratch_bytes = lay_scratch(m, ops, l, NULL, &s);
    return p;
}

/* --- Plan and open --------------------------------------------------------- */

static hl_status complete_limits(const hl_backend_limits *limits, hl_backend_limits *ret,
                                 hl_error *err) {
    enum { ROWS_MAX = 1 << 16 };
    *ret = *limits;
    if (ret->threads == 0) ret->threads = hl_cpu_threads_default();
    if (ret->threads > HL__POOL_THREADS_MAX)
        return hl_fail(err, HL_EINVAL, "cpu", "%u threads asked for, at most %d are possible",
                       ret->threads, HL__POOL_THREADS_MAX);
    if (ret->rows_max < 1 || ret->rows_max > ROWS_MAX || ret->slices_max < 1 || ret->kv_pages < 1)
        return hl_fail(err, HL_EINVAL, "cpu",
                       "limits of %u rows, %u sequences and %u pages a step are not usable",
                       ret->rows_max, ret->slices_max, ret->kv_pages);
    return HL_OK;
}

static hl_status cpu_plan(const hl_model *m, const hl_backend_limits *limits, hl_backend_plan *ret,
                          hl_error *err) {
    hl_cpu_level level;
    hl_backend_limits l;
    HL_TRY(hl_cpu_level_choose(&level, err));
    HL_TRY(complete_limits(limits, &l, err));
    *ret = plan_of(m, hl_cpu_ops_get(level), &l);
    return HL_OK;
}

static void find_blocks(hl__cpu_backend *b) {
    const hl_model *m = b->model;
    for (uint32_t i = 0; i < m->n_blocks; i++) {
        if (m->blocks[i].kind != HL_BLOCK_ATTENTION) continue;
        b->last_attention = i;
        b->blocks[i].as.attention.rope = rope_index(b->ropes, &b->n_ropes,
                                                    &m->blocks[i].as.attention.rope);
    }
}

static hl_status take_memory(hl__cpu_backend *b, hl_error *err) {
    const hl_model *m = b->model;
    b->blocks = hl_calloc(m->n_blocks, sizeof *b->blocks);
    b->ropes = hl_calloc(m->n_blocks, sizeof *b->ropes);
    b->weights = hl_map_anon(b->plan.weight_bytes);
    b->kv = hl_map_anon(b->plan.kv_bytes);
    b->scratch_base = hl_map_anon(b->plan.scratch_bytes);
    if (b->blocks && b->ropes && b->weights && b->kv && b->scratch_base) return HL_OK;
    return hl_fail(err, HL_ENOMEM, "cpu",
                   "no memory for %llu MB of weights, %llu of KV pages and %llu of scratch",
                   (unsigned long long)(b->plan.weight_bytes >> 20),
                   (unsigned long long)(b->plan.kv_bytes >> 20),
                   (unsigned long long)(b->plan.scratch_bytes >> 20));
}

static hl_status open_parts(hl__cpu_backend *b, const hl_backend_limits *limits, hl_error *err) {
    hl_cpu_level level;
    HL_TRY(hl_cpu_level_choose(&level, err));
    HL_TRY(complete_limits(limits, &b->limits, err));
    b->ops = hl_cpu_ops_get(level);
    b->plan = plan_of(b->model, b->ops, &b->limits);
    b->kv_head_elements = kv_head_elements(b->model);
    b->kv_page_elements = b->plan.kv_page_bytes / sizeof(hl_f16);
    HL_TRY(take_memory(b, err));
    HL_TRY(hl__pool_create(b->limits.threads, &b->pool, err));
    uint64_t laid = lay_scratch(b->model, b->ops, &b->limits, b->scratch_base, &b->scratch);
    HL_ASSERT(laid == b->plan.scratch_bytes);
    find_blocks(b);
    hl__weights_pack(b);
    (void)snprintf(b->describe, sizeof b->describe, "cpu: %s kernels, %u thread%s", b->ops->isa,
                   b->limits.threads, b->limits.threads == 1 ? "" : "s");
    return HL_OK;
}

static void cpu_close(hl_backend *backend);

static hl_status cpu_open(const hl_model *m, const hl_backend_limits *limits, hl_backend **ret,
                          hl_error *err) {
    HL_ASSERT(m->n_blocks >= 1 && m->n_kv_layers >= 1);
    hl__cpu_backend *b = hl_calloc(1, sizeof *b);
    if (!b) return hl_fail(err, HL_ENOMEM, "cpu", "no memory for the backend");
    b->base.ops = &hl_backend_cpu;
    b->model = m;
    hl_status st = open_parts(b, limits, err);
    if (st < 0) {
        cpu_close(&b->base);
        return st;
    }
    *ret = &b->base;
    return HL_OK;
}

static void cpu_close(hl_backend *backend) {
    hl__cpu_backend *b = (hl__cpu_backend *)backend;
    if (!b) return;
    hl__pool_destroy(b->pool);
    hl_unmap_anon(b->weights, b->plan.weight_bytes);
    hl_unmap_anon(b->kv, b->plan.kv_bytes);
    hl_unmap_anon(b->scratch_base, b->plan.scratch_bytes);
    hl_free(b->ropes);
    hl_free(b->blocks);
    hl_free(b);
}

/* --- Pages ----------------------------------------------------------------- */

/* Tokens lie scattered in a page's keys; the rest of the page is copied with them, unused. */
static void cpu_copy_page(hl_backend *backend, uint32_t dst, uint32_t src, uint32_t n_tokens) {
    hl__cpu_backend *b = (hl__cpu_backend *)backend;
    HL_ASSERT(dst < b->limits.kv_pages && src < b->limits.kv_pages);
    HL_ASSERT(n_tokens <= HL_KV_PAGE_TOKENS);
    if (n_tokens == 0 || dst == src) return;
    uint64_t bytes = b->plan.kv_page_bytes;
    memcpy(b->kv + dst * bytes, b->kv + src * bytes, bytes);
}

static const char *cpu_describe(const hl_backend *backend) {
    return ((const hl__cpu_backend *)backend)->describe;
}

const hl_backend_ops hl_backend_cpu = {
    .name = "cpu",
    .plan = cpu_plan,
    .open = cpu_open,
    .forward = hl__cpu_forward,
    .copy_page = cpu_copy_page,
    .close = cpu_close,
    .describe = cpu_describe,
};
