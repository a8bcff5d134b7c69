#include "compute/cpu/cpu.h"

static uint64_t bytes_of(const hl_cpu_ops *ops, const hl_weight *w) {
    if (!w->data) return 0;
    uint64_t bytes = ops->matrix_bytes(w->dtype, w->rows, w->cols);
    return (bytes + HL__LINE_BYTES - 1) / HL__LINE_BYTES * HL__LINE_BYTES;
}

uint64_t hl__weights_bytes(const hl_model *m, const hl_cpu_ops *ops) {
    uint64_t sum = bytes_of(ops, &m->output);
    for (uint32_t i = 0; i < m->n_blocks; i++) {
        const hl_block *block = &m->blocks[i];
        const hl_attention *a = &block->as.attention;
        const hl_ffn *f = &block->as.ffn;
        switch (block->kind) {
        case HL_BLOCK_ATTENTION:
            sum += bytes_of(ops, &a->q) + bytes_of(ops, &a->k) + bytes_of(ops, &a->v) +
                   bytes_of(ops, &a->o);
            break;
        case HL_BLOCK_FFN:
            sum += bytes_of(ops, &f->gate) + bytes_of(ops, &f->up) + bytes_of(ops, &f->down);
            break;
        }
    }
    return sum;
}

uint32_t hl__rows_of_item(const hl__cpu_backend *b, const hl_cpu_matrix *w, uint32_t n_cols) {
    enum {
        COLS_FEW = 8,            /* up to here reading the weights takes longer than computing */
        ITEMS_FEW = 2,           /* a thread: each begins anew what the processor reads ahead … */
        BYTES_FEW_MAX = 2 << 20, /* … but a thread that was interrupted must not hold up a step */
        ITEMS = 8,
        ROWS_MAX = 256 /* gate and up of so many rows stay in the cache until their product */
    };
    bool few = n_cols <= COLS_FEW;
    uint32_t tile = b->ops->row_tile;
    uint32_t n_items = hl__pool_threads(b->pool) * (few ? ITEMS_FEW : ITEMS);
    uint32_t n_tiles = hl__items_of(hl__items_of(w->rows, tile), n_items);
    size_t tile_bytes = b->ops->matrix_bytes(w->dtype, tile, w->cols);
    size_t n_tiles_max = few ? BYTES_FEW_MAX / tile_bytes : ROWS_MAX / tile;
    HL_DASSERT(tile >= 1 && tile <= HL_CPU_ROW_TILE_MAX && n_tiles >= 1 && tile_bytes > 0);
    if (n_tiles_max == 0) n_tiles_max = 1;
    return (n_tiles < n_tiles_max ? n_tiles : (uint32_t)n_tiles_max) * tile;
}

enum { PACK_COLS = 512 }; /* items as for many columns */

typedef struct pack_job {
    hl__cpu_backend *b;
    const hl_weight *src;
    hl_cpu_matrix *dst;
} pack_job;

static void pack_items(void *arg, uint32_t thread) {
    (void)thread;
    pack_job *job = arg;
    uint32_t n = hl__rows_of_item(job->b, job->dst, PACK_COLS), rows = job->dst->rows;
    for (uint32_t i; (i = hl__pool_take(job->b->pool)) < hl__items_of(rows, n);) {
        uint32_t row0 = i * n, row1 = row0 + n < rows ? row0 + n : rows;
        job->b->ops->matrix_pack(job->dst, job->src->data, row0, row1);
    }
}

/* The file's bytes have done their part, but for the embedding, whose rows are read from there. */
static void forget(const hl_model *m, const hl_weight *w) {
    if (w->data == m->embedding.data) return;
    size_t bytes = hl_dtype_bytes(w->dtype, (size_t)w->rows * w->cols);
    hl_gguf_forget(m->gguf, (hl_bytes){w->data, bytes});
}

/* Returns where the next matrix goes. */
static uint8_t *pack(hl__cpu_backend *b, const hl_weight *src, hl_cpu_matrix *dst, uint8_t *at) {
    *dst = (hl_cpu_matrix){src->dtype, src->rows, src->cols, at};
    pack_job job = {b, src, dst};
    hl__pool_run(b->pool, pack_items, &job);
    forget(b->model, src);
    return at + bytes_of(b->ops, src);
}

void hl__weights_pack(hl__cpu_backend *b) {
    const hl_model *m = b->model;
    uint8_t *at = b->weights;
    for (uint32_t i = 0; i < m->n_blocks; i++) {
        const hl_block *block = &m->blocks[i];
        const hl_attention *a = &block->as.attention;
        const hl_ffn *f = &block->as.ffn;
        hl__cpu_block *dst = &b->blocks[i];
        switch (block->kind) {
        case HL_BLOCK_ATTENTION:
            at = pack(b, &a->q, &dst->as.attention.q, at);
            at = pack(b, &a->k, &dst->as.attention.k, at);
            at = pack(b, &a->v, &dst->as.attention.v, at);
            at = pack(b, &a->o, &dst->as.attention.o, at);
            break;
        case HL_BLOCK_FFN:
            at = pack(b, &f->gate, &dst->as.ffn.gate, at);
            at = pack(b, &f->up, &dst->as.ffn.up, at);
            at = pack(b, &f->down, &dst->as.ffn.down, at);
            break;
        }
    }
    at = pack(b, &m->output, &b->output, at);
    HL_ASSERT(at == b->weights + b->plan.weight_bytes);
}
