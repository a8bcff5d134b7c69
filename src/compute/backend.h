/* compute/backend.h
 *
 * A backend runs a model's blocks on a ragged batch: four calls (plan, open, forward, close) and a
 * page copy.  Fusion, threads, repacked weights and scratch are its own business.
 *
 * A step takes, for each sequence, a span of rows: a chunk of prompt, one token to decode, or one
 * token and its drafts to verify.  All are one case.  A row's result depends on its own sequence
 * only: bit for bit the same whatever else is in the batch, however the prompt is cut into chunks,
 * and for any number of threads (ADR 0007).
 *
 * Memory is planned and taken at open; forward allocates nothing.
 * Threads: one caller at a time; the backend has its own pool.
 */
#pragma once

#include "model/model.h"

enum {
    HL_KV_PAGE_TOKENS = 32, /* tokens a page holds, of every layer (ADR 0004) */
    HL_KV_GROUPS = 1        /* page tables a sequence has; windowed layers will want their own */
};

typedef enum hl_output {
    HL_OUTPUT_LOGITS, /* [n_vocab] f32 */
    /* [n_embd] f32: hidden states after the output norm, for embeddings (ADR 0009).  They take no
     * rows of outputs: each is added to the slice's sum, in row order, so that it does not show how
     * a prompt was cut into chunks. */
    HL_OUTPUT_SUM
} hl_output;

/* One sequence's share of a step. */
typedef struct hl_slice {
    uint32_t row0, n_rows;               /* range in the batch's tokens, n_rows >= 1 */
    uint32_t kv_len;                     /* tokens of this sequence already in the cache */
    const uint32_t *pages[HL_KV_GROUPS]; /* page table, covers kv_len + n_rows tokens */
    uint32_t n_outputs;                  /* how many of the last rows want an output, 0 … n_rows */
    hl_output output;
    float *sum; /* [n_embd] f32, of HL_OUTPUT_SUM */
} hl_slice;

typedef struct hl_batch {
    const uint32_t *tokens; /* [n_rows] ids below n_vocab */
    uint32_t n_rows;
    const hl_slice *slices; /* [n_slices], in row order, without gaps */
    uint32_t n_slices;
    /* Layers block0 … block1-1 only, so that a model can be split between backends.  block0 > 0:
     * hidden holds the residual stream to go on with; block1 < n_blocks: it is left there and there
     * are no outputs.  Behind the last block it is used up. */
    uint32_t block0, block1;
    float *hidden;        /* [n_rows, n_embd] f32; may be NULL when all blocks run */
    float *outputs;       /* [sum of n_outputs that are logits, output_stride] f32, in row order */
    size_t output_stride; /* floats, at least n_vocab */
} hl_batch;

typedef struct hl_backend_limits {
    uint32_t rows_max; /* of one step */
    uint32_t slices_max;
    uint32_t outputs_max; /* rows with logits in one step */
    uint32_t kv_pages;    /* of the pool */
    uint32_t threads;     /* 0: what the machine offers */
} hl_backend_limits;

typedef struct hl_backend_plan {
    uint64_t weight_bytes, kv_bytes, scratch_bytes;
    uint64_t kv_page_bytes;
} hl_backend_plan;

typedef struct hl_backend hl_backend;

typedef struct hl_backend_ops {
    const char *name; /* "cpu" */
    hl_status (*plan)(const hl_model *m, const hl_backend_limits *limits, hl_backend_plan *ret,
                      hl_error *err);
    /* m is borrowed and must outlive the backend. */
    hl_status (*open)(const hl_model *m, const hl_backend_limits *limits, hl_backend **ret,
                      hl_error *err);
    hl_status (*forward)(hl_backend *b, const hl_batch *batch, hl_error *err);
    /* The first n_tokens of page src become those of page dst. */
    void (*copy_page)(hl_backend *b, uint32_t dst, uint32_t src, uint32_t n_tokens);
    void (*close)(hl_backend *b); /* accepts NULL */
    /* One line for the log: kernels in use, threads. */
    const char *(*describe)(const hl_backend *b);
} hl_backend_ops;

struct hl_backend {
    const hl_backend_ops *ops; /* first member of every backend */
};

extern const hl_backend_ops hl_backend_cpu;
