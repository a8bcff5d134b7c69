/* One step.  Every thread walks the same phases (pool.h); each phase is a list of items, and
 * a barrier stands behind it.  A layer has these:
 *
 *   settle     a row: add what the last block gave to the residual stream, norm, prepare
 *   project    rows of q, k, v
 *   place      a row and KV head: bias, norm, rope; keys and values into their page
 *   attend     a tile of query rows and KV head
 *   prepare    a row
 *   project    rows of o
 *   settle
 *   widen      rows of gate and up, and silu
 *   prepare    a row
 *   project    rows of down
 *
 * Behind the last attention block rows without an output are dropped: rows then are counted among
 * those with one.
 */
#include "compute/cpu/cpu.h"

#include <math.h>

/* What every thread knows of the step; each has its own copy and changes it in the same way. */
typedef struct walk {
    hl__cpu_backend *b;
    const hl_batch *batch;
    uint32_t thread;
    float *hidden;              /* [batch->n_rows, n_embd] */
    uint32_t n_rows;            /* that are computed now */
    const uint32_t *rows;       /* [n_rows] their rows in hidden */
    const hl__tiles *tiles;     /* of queries */
    bool owed;                  /* y is to be added to hidden … */
    const hl_vector *owed_bias; /* … and this, if it has data */
} walk;

/* --- Rows ------------------------------------------------------------------ */

static float *thread_row(const walk *w) {
    const hl__scratch *s = &w->b->scratch;
    return (float *)(void *)(s->of_thread + w->thread * s->thread_bytes);
}

static void barrier(const walk *w) {
    hl__pool_barrier(w->b->pool);
}

static bool take(const walk *w, uint32_t n, uint32_t *ret) {
    *ret = hl__pool_take(w->b->pool);
    return *ret < n;
}

enum { KIND_F32 = 1 << HL_ACT_KIND_F32, KIND_Q8 = 1 << HL_ACT_KIND_Q8 };

static unsigned kind_of(const walk *w, const hl_cpu_matrix *m) {
    return 1u << w->b->ops->act_kind(m->dtype);
}

static void prepare_row(const walk *w, unsigned kinds, const float *x, uint32_t cols,
                        uint32_t row) {
    const hl_cpu_ops *ops = w->b->ops;
    for (int kind = 0; kind < HL__ACT_KINDS; kind++) {
        if (!(kinds & 1u << kind)) continue;
        size_t bytes = ops->act_row_bytes((hl_act_kind)kind, cols);
        uint8_t *act = w->b->scratch.act[kind] + row * bytes;
        ops->act_prepare((hl_act_kind)kind, x, cols, 1, cols, act);
    }
}

/* Row i of the residual stream, with what it is owed. */
static float *settle_row(const walk *w, uint32_t i) {
    uint32_t n = w->b->model->n_embd;
    float *h = w->hidden + (size_t)w->rows[i] * n;
    if (!w->owed) return h;
    w->b->ops->add(h, w->b->scratch.y + (size_t)i * n, n);
    if (w->owed_bias && w->owed_bias->data) w->b->ops->add(h, w->owed_bias->data, n);
    return h;
}

static void settle(walk *w, const hl_vector *norm, unsigned kinds) {
    const hl_model *m = w->b->model;
    float *x = thread_row(w);
    for (uint32_t i; take(w, w->n_rows, &i);) {
        float *h = settle_row(w, i);
        w->b->ops->rmsnorm(x, h, norm->data, m->n_embd, m->norm_eps);
        prepare_row(w, kinds, x, m->n_embd, i);
    }
    w->owed = false;
    barrier(w);
}

/* x [n_rows, cols] */
static void prepare(const walk *w, unsigned kinds, const float *x, uint32_t cols) {
    for (uint32_t i; take(w, w->n_rows, &i);) prepare_row(w, kinds, x + (size_t)i * cols, cols, i);
    barrier(w);
}

/* --- Matrices -------------------------------------------------------------- */

/* y[n, ldy] = W act, for rows of the item with number i among the matrix's own. */
static void project_item(const walk *w, const hl_cpu_matrix *m, uint32_t i, float *y, size_t ldy) {
    const hl_cpu_ops *ops = w->b->ops;
    uint32_t each = hl__rows_of_item(w->b, m, w->n_rows), row0 = i * each;
    uint32_t row1 = row0 + each < m->rows ? row0 + each : m->rows;
    ops->matmul(m, row0, row1, w->b->scratch.act[ops->act_kind(m->dtype)], w->n_rows, y, ldy);
}

static uint32_t n_items(const walk *w, const hl_cpu_matrix *m) {
    return hl__items_of(m->rows, hl__rows_of_item(w->b, m, w->n_rows));
}

static void project(walk *w, const hl_cpu_matrix *m, const hl_vector *bias) {
    for (uint32_t i, n = n_items(w, m); take(w, n, &i);)
        project_item(w, m, i, w->b->scratch.y, m->rows);
    w->owed = true;
    w->owed_bias = bias;
    barrier(w);
}

/* --- Attention ------------------------------------------------------------- */

static hl_f16 *keys_in_page_0(const hl__cpu_backend *b, const hl_attention *a, uint32_t head_kv) {
    size_t head = (size_t)a->kv_layer * b->model->n_heads_kv_max + head_kv;
    return (hl_f16 *)(void *)b->kv + head * b->kv_head_elements;
}

static size_t values_at(const hl_attention *a) {
    return (size_t)a->head_dim * HL_KV_PAGE_TOKENS;
}

static uint32_t qkv_width(const hl_attention *a) {
    return (a->n_heads + 2 * a->n_heads_kv) * a->head_dim;
}

static void project_qkv(const walk *w, const hl_attention *a, const hl__cpu_block *c) {
    const hl_cpu_matrix *q = &c->as.attention.q, *k = &c->as.attention.k, *v = &c->as.attention.v;
    float *y = w->b->scratch.qkv;
    uint32_t n_q = n_items(w, q), n_k = n_items(w, k), n_v = n_items(w, v), ldy = qkv_width(a);
    for (uint32_t i; take(w, n_q + n_k + n_v, &i);) {
        if (i < n_q) {
            project_item(w, q, i, y, ldy);
        } else if (i < n_q + n_k) {
            project_item(w, k, i - n_q, y + q->rows, ldy);
        } else {
            project_item(w, v, i - n_q - n_k, y + q->rows + k->rows, ldy);
        }
    }
    barrier(w);
}

/* Bias, norm and rope of one head. */
static void place_head(const walk *w, const hl_attention *a, float *x, const float *bias,
                       const hl_vector *norm, const float *cos_sin) {
    const hl_cpu_ops *ops = w->b->ops;
    if (bias) ops->add(x, bias, a->head_dim);
    if (norm->data) ops->rmsnorm(x, x, norm->data, a->head_dim, w->b->model->norm_eps);
    ops->rope(x, cos_sin, a->rope.n_dims, a->rope.pairs == HL_ROPE_HALVES);
}

static const float *bias_of(const hl_vector *bias, size_t at) {
    return bias->data ? bias->data + at : NULL;
}

static void store(const walk *w, const hl_attention *a, uint32_t head_kv, hl__row row,
                  const float *k, const float *v) {
    const hl__cpu_backend *b = w->b;
    uint32_t page = w->batch->slices[row.slice].pages[0][row.pos / HL_KV_PAGE_TOKENS];
    uint32_t t = row.pos % HL_KV_PAGE_TOKENS, n = a->head_dim;
    hl_f16 *keys = keys_in_page_0(b, a, head_kv) + page * b->kv_page_elements;
    hl_f16 key[HL_CPU_HEAD_DIM_MAX];
    b->ops->f32_to_f16(key, k, n);
    for (uint32_t d = 0; d < n; d++) keys[d * HL_KV_PAGE_TOKENS + t] = key[d];
    b->ops->f32_to_f16(keys + values_at(a) + (size_t)t * n, v, n);
}

static void place(const walk *w, const hl_attention *a, const hl__cpu_block *c) {
    const hl__scratch *s = &w->b->scratch;
    uint32_t hd = a->head_dim, n_group = a->n_heads / a->n_heads_kv;
    size_t k_at = (size_t)a->n_heads * hd, v_at = k_at + (size_t)a->n_heads_kv * hd;
    const float *tables = s->cos_sin + (size_t)c->as.attention.rope * w->b->limits.rows_max *
                                           w->b->model->head_dim_max;
    for (uint32_t i; take(w, w->n_rows * a->n_heads_kv, &i);) {
        uint32_t row = i / a->n_heads_kv, head_kv = i % a->n_heads_kv;
        float *qkv = s->qkv + (size_t)row * qkv_width(a);
        const float *cos_sin = tables + (size_t)row * a->rope.n_dims;
        for (uint32_t g = 0; g < n_group; g++) {
            size_t at = ((size_t)head_kv * n_group + g) * hd;
            place_head(w, a, qkv + at, bias_of(&a->q_bias, at), &a->q_norm, cos_sin);
        }
        size_t at = (size_t)head_kv * hd;
        float *k = qkv + k_at + at, *v = qkv + v_at + at;
        place_head(w, a, k, bias_of(&a->k_bias, at), &a->k_norm, cos_sin);
        if (a->v_bias.data) w->b->ops->add(v, a->v_bias.data + at, hd);
        store(w, a, head_kv, s->rows[row], k, v);
    }
    barrier(w);
}

static void attend_tile(const walk *w, const hl_attention *a, const hl__tile *t, uint32_t head_kv) {
    const hl__cpu_backend *b = w->b;
    const hl__scratch *s = &b->scratch;
    uint32_t n_group = a->n_heads / a->n_heads_kv;
    const hl_f16 *keys = keys_in_page_0(b, a, head_kv);
    hl_cpu_attention args = {.head_dim = a->head_dim,
                             .n_group = n_group,
                             .scale = a->scale,
                             .pages = w->batch->slices[t->slice].pages[0],
                             .k_base = keys,
                             .v_base = keys + values_at(a),
                             .page_stride = b->kv_page_elements};
    size_t ldq = qkv_width(a), ldo = (size_t)a->n_heads * a->head_dim;
    size_t head_at = (size_t)head_kv * n_group * a->head_dim;
    void *scratch = s->of_thread + w->thread * s->thread_bytes + s->thread_attention_at;
    b->ops->attention(&args, s->qkv + t->row * ldq + head_at, ldq, t->n_rows, s->rows[t->row].pos,
                      s->mixed + t->out * ldo + head_at, ldo, scratch);
}

/* Late tiles look back furthest, so they go first. */
static void attend(const walk *w, const hl_attention *a) {
    const hl__tiles *tiles = w->tiles;
    for (uint32_t i; take(w, tiles->n * a->n_heads_kv, &i);)
        attend_tile(w, a, &tiles->tile[tiles->n - 1 - i / a->n_heads_kv], i % a->n_heads_kv);
    barrier(w);
}

static void drop_rows_without_output(walk *w) {
    const hl__scratch *s = &w->b->scratch;
    w->rows = s->rows_out;
    w->tiles = &s->tiles_out;
    w->n_rows = s->tiles_out.n_rows;
}

static void run_attention(walk *w, uint32_t i_block) {
    const hl_block *block = &w->b->model->blocks[i_block];
    const hl_attention *a = &block->as.attention;
    const hl__cpu_block *c = &w->b->blocks[i_block];
    bool last = i_block == w->b->last_attention && w->batch->block1 == w->b->model->n_blocks;
    settle(w, &block->norm,
           kind_of(w, &c->as.attention.q) | kind_of(w, &c->as.attention.k) |
               kind_of(w, &c->as.attention.v));
    project_qkv(w, a, c);
    place(w, a, c);
    if (last) drop_rows_without_output(w);
    attend(w, a);
    if (w->n_rows == 0) return;
    prepare(w, kind_of(w, &c->as.attention.o), w->b->scratch.mixed, a->n_heads * a->head_dim);
    project(w, &c->as.attention.o, &a->o_bias);
}

/* --- FFN ------------------------------------------------------------------- */

/* Gate and up of the same rows, then their product, while both are in the cache. */
static void widen(const walk *w, const hl__cpu_block *c, uint32_t n_ff) {
    const hl__scratch *s = &w->b->scratch;
    const hl_cpu_matrix *gate = &c->as.ffn.gate, *up = &c->as.ffn.up;
    uint32_t each = hl__rows_of_item(w->b, gate, w->n_rows);
    for (uint32_t i; take(w, hl__items_of(n_ff, each), &i);) {
        uint32_t row0 = i * each, n = row0 + each < n_ff ? each : n_ff - row0;
        project_item(w, gate, i, s->gate, n_ff);
        project_item(w, up, i, s->up, n_ff);
        for (uint32_t j = 0; j < w->n_rows; j++) {
            float *g = s->gate + (size_t)j * n_ff + row0;
            w->b->ops->silu_mul(g, g, s->up + (size_t)j * n_ff + row0, n);
        }
    }
    barrier(w);
}

static void run_ffn(walk *w, uint32_t i_block) {
    const hl_block *block = &w->b->model->blocks[i_block];
    const hl__cpu_block *c = &w->b->blocks[i_block];
    uint32_t n_ff = block->as.ffn.n_ff;
    settle(w, &block->norm, kind_of(w, &c->as.ffn.gate) | kind_of(w, &c->as.ffn.up));
    widen(w, c, n_ff);
    prepare(w, kind_of(w, &c->as.ffn.down), w->b->scratch.gate, n_ff);
    project(w, &c->as.ffn.down, NULL);
}

/* --- Begin and end --------------------------------------------------------- */

/* The angle is a product in f32, as in the published models' own code. */
static void fill_cos_sin(const hl_rope *rope, uint32_t pos, float *cos_sin) {
    for (uint32_t i = 0; i < rope->n_dims / 2; i++) {
        float angle = (float)pos * rope->freq[i];
        cos_sin[2 * i] = cosf(angle) * rope->magnitude;
        cos_sin[2 * i + 1] = sinf(angle) * rope->magnitude;
    }
}

static void embed(const walk *w, uint32_t row) {
    const hl_weight *e = &w->b->model->embedding;
    size_t bytes = hl_dtype_bytes(e->dtype, e->cols);
    const uint8_t *src = (const uint8_t *)e->data + w->batch->tokens[row] * bytes;
    hl_dtype_to_f32(e->dtype, src, w->hidden + (size_t)row * e->cols, e->cols);
}

static void begin(const walk *w) {
    const hl__cpu_backend *b = w->b;
    const hl__scratch *s = &b->scratch;
    for (uint32_t row; take(w, w->n_rows, &row);) {
        if (w->batch->block0 == 0) embed(w, row);
        for (uint32_t i = 0; i < b->n_ropes; i++) {
            const hl_rope *rope = b->ropes[i];
            float *table = s->cos_sin + (size_t)i * b->limits.rows_max * b->model->head_dim_max;
            fill_cos_sin(rope, s->rows[row].pos, table + (size_t)row * rope->n_dims);
        }
    }
    barrier(w);
}

/* The residual stream stays with the caller, all of it added. */
static void leave_hidden(walk *w) {
    for (uint32_t i; take(w, w->n_rows, &i);) (void)settle_row(w, i);
    barrier(w);
}

/* Row i of those with an output wants its hidden state. */
static bool wants_hidden(const walk *w, uint32_t i) {
    return w->b->scratch.logits_at[i] == HL__NO_LOGITS;
}

/* Hidden states replace their row of the residual stream, which nobody reads any more. */
static void settle_outputs(const walk *w) {
    const hl_model *m = w->b->model;
    float *x = thread_row(w);
    for (uint32_t i; take(w, w->n_rows, &i);) {
        float *h = settle_row(w, i);
        bool hidden = wants_hidden(w, i);
        w->b->ops->rmsnorm(hidden ? h : x, h, m->output_norm.data, m->n_embd, m->norm_eps);
        if (!hidden) prepare_row(w, kind_of(w, &w->b->output), x, m->n_embd, i);
    }
    barrier(w);
}

/* Item i of the head for every run of rows that want logits; theirs stand together in outputs. */
static void head_item(const walk *w, uint32_t i) {
    const hl_cpu_ops *ops = w->b->ops;
    const hl_cpu_matrix *m = &w->b->output;
    hl_act_kind kind = ops->act_kind(m->dtype);
    size_t act_bytes = ops->act_row_bytes(kind, m->cols), ldy = w->batch->output_stride;
    uint32_t each = hl__rows_of_item(w->b, m, w->n_rows), row0 = i * each;
    uint32_t row1 = row0 + each < m->rows ? row0 + each : m->rows;
    for (uint32_t first = 0, end; first < w->n_rows; first = end) {
        for (end = first; end < w->n_rows && !wants_hidden(w, end);) end++;
        if (end > first) {
            float *out = w->batch->outputs + w->b->scratch.logits_at[first] * ldy;
            ops->matmul(m, row0, row1, w->b->scratch.act[kind] + first * act_bytes, end - first,
                        out, ldy);
        } else {
            end++;
        }
    }
}

static void sum_slice(const walk *w, const hl_slice *s) {
    uint32_t n = w->b->model->n_embd, end = s->row0 + s->n_rows;
    if (s->output != HL_OUTPUT_SUM) return;
    for (uint32_t row = end - s->n_outputs; row < end; row++)
        w->b->ops->add(s->sum, w->hidden + (size_t)row * n, n);
}

static void head(const walk *w) {
    settle_outputs(w);
    uint32_t n = n_items(w, &w->b->output);
    for (uint32_t i; take(w, n + w->batch->n_slices, &i);) {
        if (i < n)
            head_item(w, i);
        else
            sum_slice(w, &w->batch->slices[i - n]);
    }
    barrier(w);
}

/* --- The step -------------------------------------------------------------- */

typedef struct step {
    hl__cpu_backend *b;
    const hl_batch *batch;
    float *hidden;
} step;

static void walk_blocks(void *arg, uint32_t thread) {
    const step *st = arg;
    const hl__scratch *s = &st->b->scratch;
    const hl_model *m = st->b->model;
    walk w = {.b = st->b,
              .batch = st->batch,
              .thread = thread,
              .hidden = st->hidden,
              .n_rows = st->batch->n_rows,
              .rows = s->rows_all,
              .tiles = &s->tiles_all};
    begin(&w);
    if (w.batch->block0 > w.b->last_attention && w.batch->block1 == m->n_blocks)
        drop_rows_without_output(&w);
    for (uint32_t i = st->batch->block0; i < st->batch->block1 && w.n_rows > 0; i++) {
        switch (m->blocks[i].kind) {
        case HL_BLOCK_ATTENTION: run_attention(&w, i); break;
        case HL_BLOCK_FFN: run_ffn(&w, i); break;
        }
    }
    if (w.n_rows == 0) return; /* nobody wants an output */
    if (st->batch->block1 < m->n_blocks) {
        leave_hidden(&w);
    } else {
        head(&w);
    }
}

static void add_tiles(hl__tiles *tiles, uint32_t slice, uint32_t row, uint32_t n, uint32_t out) {
    for (uint32_t i = 0; i < n; i += HL__TILE_ROWS) {
        uint32_t n_rows = n - i < HL__TILE_ROWS ? n - i : HL__TILE_ROWS;
        tiles->tile[tiles->n++] = (hl__tile){slice, row + i, out + i, n_rows};
    }
    tiles->n_rows += n;
}

/* n_logits: rows of outputs taken so far. */
static void lay_slice(hl__cpu_backend *b, const hl_batch *batch, uint32_t i, uint32_t *n_logits) {
    hl__scratch *s = &b->scratch;
    const hl_slice *sl = &batch->slices[i];
    for (uint32_t r = 0; r < sl->n_rows; r++) {
        s->rows[sl->row0 + r] = (hl__row){i, sl->kv_len + r};
        s->rows_all[sl->row0 + r] = sl->row0 + r;
    }
    uint32_t first = sl->row0 + sl->n_rows - sl->n_outputs, out = s->tiles_out.n_rows;
    add_tiles(&s->tiles_all, i, sl->row0, sl->n_rows, sl->row0);
    add_tiles(&s->tiles_out, i, first, sl->n_outputs, out);
    for (uint32_t r = 0; r < sl->n_outputs; r++) {
        s->rows_out[out + r] = first + r;
        s->logits_at[out + r] = sl->output == HL_OUTPUT_LOGITS ? (*n_logits)++ : HL__NO_LOGITS;
    }
}

/* The engine's promises (backend.h). */
static void check_batch(const hl__cpu_backend *b, const hl_batch *batch) {
    const hl_model *m = b->model;
    uint32_t row = 0, n_out = 0;
    HL_ASSERT(batch->n_rows >= 1 && batch->n_rows <= b->limits.rows_max);
    HL_ASSERT(batch->n_slices >= 1 && batch->n_slices <= b->limits.slices_max);
    HL_ASSERT(batch->block0 < batch->block1 && batch->block1 <= m->n_blocks);
    HL_ASSERT(batch->hidden || (batch->block0 == 0 && batch->block1 == m->n_blocks));
    for (uint32_t i = 0; i < batch->n_slices; i++) {
        const hl_slice *s = &batch->slices[i];
        HL_ASSERT(s->row0 == row && s->n_rows >= 1 && s->n_rows <= batch->n_rows - row);
        HL_ASSERT(s->n_outputs <= s->n_rows && s->kv_len <= UINT32_MAX - s->n_rows);
        for (uint32_t p = 0; p <= (s->kv_len + s->n_rows - 1) / HL_KV_PAGE_TOKENS; p++)
            HL_ASSERT(s->pages[0][p] < b->limits.kv_pages);
        row += s->n_rows;
        if (s->output == HL_OUTPUT_LOGITS)
            n_out += s->n_outputs;
        else
            HL_ASSERT(s->sum || s->n_outputs == 0);
    }
    HL_ASSERT(row == batch->n_rows && n_out <= b->limits.outputs_max);
    HL_ASSERT(n_out == 0 || batch->block1 < m->n_blocks ||
              (batch->outputs && batch->output_stride >= m->n_vocab));
}

/* Ids may come straight from a request. */
static hl_status check_tokens(const hl_model *m, const hl_batch *batch, hl_error *err) {
    for (uint32_t i = 0; batch->block0 == 0 && i < batch->n_rows; i++) {
        if (batch->tokens[i] >= m->n_vocab)
            return hl_fail(err, HL_EINVAL, "cpu", "token id %u, the vocabulary has %u",
                           batch->tokens[i], m->n_vocab);
    }
    return HL_OK;
}

hl_status hl__cpu_forward(hl_backend *backend, const hl_batch *batch, hl_error *err) {
    hl__cpu_backend *b = (hl__cpu_backend *)backend;
    check_batch(b, batch);
    HL_TRY(check_tokens(b->model, batch, err));
    uint32_t n_logits = 0;
    b->scratch.tiles_all.n = b->scratch.tiles_all.n_rows = 0;
    b->scratch.tiles_out.n = b->scratch.tiles_out.n_rows = 0;
    for (uint32_t i = 0; i < batch->n_slices; i++) lay_slice(b, batch, i, &n_logits);
    step st = {b, batch, batch->hidden ? batch->hidden : b->scratch.hidden};
    hl__pool_run(b->pool, walk_blocks, &st);
    return HL_OK;
}
