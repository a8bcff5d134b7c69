/* compute/cpu/cpu.h
 *
 * The CPU backend's own structures: backend.c plans, opens and closes, weights.c repacks, forward.c
 * runs a step.  Private to compute/cpu/.
 *
 * KV pool: a page is [n_kv_layers][n_heads_kv_max][keys | values], keys
 * [head_dim, HL_KV_PAGE_TOKENS] f16 (transposed), values [HL_KV_PAGE_TOKENS, head_dim] f16.
 */
#pragma once

#include "compute/backend.h"
#include "compute/cpu/ops.h"
#include "compute/cpu/pool.h"

enum { HL__ACT_KINDS = HL_ACT_KIND_Q8 + 1, HL__LINE_BYTES = 64 };

/* A block's matrices, repacked. */
typedef struct hl__cpu_block {
    union {
        struct {
            hl_cpu_matrix q, k, v, o;
            uint32_t rope; /* index of its table */
        } attention;
        struct {
            hl_cpu_matrix gate, up, down;
        } ffn;
    } as;
} hl__cpu_block;

/* Where a row of the step belongs. */
typedef struct hl__row {
    uint32_t slice, pos;
} hl__row;

/* Query rows of one slice that are computed together. */
typedef struct hl__tile {
    uint32_t slice;
    uint32_t row;    /* of the batch: the first query */
    uint32_t out;    /* row that its result goes to */
    uint32_t n_rows; /* at most HL__TILE_ROWS */
} hl__tile;
enum { HL__TILE_ROWS = 16 };

typedef struct hl__tiles {
    hl__tile *tile; /* [n] */
    uint32_t n;
    uint32_t n_rows; /* in all of them */
} hl__tiles;

enum { HL__NO_LOGITS = UINT32_MAX }; /* a hidden state is wanted */

/* Memory of one step, taken at open.  R = rows_max. */
typedef struct hl__scratch {
    float *hidden;                 /* [R, n_embd] the residual stream, unless the caller keeps it */
    float *y;                      /* [R, n_embd] what o or down gave, not yet added to it */
    float *qkv;                    /* [R, (n_heads + 2 n_heads_kv) * head_dim] */
    float *mixed;                  /* [R, n_heads * head_dim] what attention gave */
    float *gate;                   /* [R, n_ff] */
    float *up;                     /* [R, n_ff] */
    uint8_t *act[HL__ACT_KINDS];   /* [R, act_row_bytes] prepared input of the next matrices */
    float *cos_sin;                /* [n_ropes, R, head_dim_max / 2, 2] */
    hl__row *rows;                 /* [R] */
    uint32_t *rows_all, *rows_out; /* [R] row of the residual stream for each row computed */
    uint32_t *logits_at;           /* [R] of those in rows_out: row of outputs, or HL__NO_LOGITS */
    hl__tiles tiles_all, tiles_out; /* [R] each; rows with an output only */
    uint8_t *of_thread;             /* [threads, thread_bytes] */
    size_t thread_bytes;
    size_t thread_attention_at; /* offset behind [n_embd] f32 */
} hl__scratch;

typedef struct hl__cpu_backend {
    hl_backend base;
    const hl_model *model; /* borrowed */
    const hl_cpu_ops *ops;
    hl_backend_limits limits;
    hl__pool *pool;
    hl__cpu_block *blocks; /* [model->n_blocks] */
    hl_cpu_matrix output;
    uint32_t last_attention; /* block behind which rows without an output are done */
    const hl_rope **ropes;   /* [n_ropes] those that differ */
    uint32_t n_ropes;
    uint8_t *weights, *kv, *scratch_base; /* mapped */
    hl_backend_plan plan;
    size_t kv_head_elements; /* keys and values of one head in one page */
    size_t kv_page_elements;
    hl__scratch scratch;
    char describe[96];
} hl__cpu_backend;

/* Rows of a matrix that one item covers when it is multiplied with n_cols columns: a multiple of
 * row_tile. */
uint32_t hl__rows_of_item(const hl__cpu_backend *b, const hl_cpu_matrix *w, uint32_t n_cols);
static inline uint32_t hl__items_of(uint32_t n, uint32_t n_each) {
    return n / n_each + (n % n_each != 0);
}

/* weights.c */
uint64_t hl__weights_bytes(const hl_model *m, const hl_cpu_ops *ops);
/* Fills b->blocks and b->output from b->weights on, in parallel. */
void hl__weights_pack(hl__cpu_backend *b);

/* forward.c */
hl_status hl__cpu_forward(hl_backend *backend, const hl_batch *batch, hl_error *err);
