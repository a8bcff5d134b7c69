/* small_model.h: makes a model of random weights in memory, to be changed before it is finished. */
#pragma once

#include "base/mem.h"
#include "base/rng.h"
#include "gguf/quantize.h"
#include "gguf/writer.h"
#include "testing.h"

#include <stdio.h>

enum { SMALL_TENSORS_MAX = 64, SMALL_NAME_MAX = 48 };

typedef struct small_tensor {
    char name[SMALL_NAME_MAX];
    uint32_t type;
    uint64_t cols, rows; /* rows 1: a vector */
} small_tensor;

typedef struct small_model {
    const char *family;
    const char *without_key; /* of the family's, left out; NULL: none */
    hl_dtype type;           /* of matrices */
    uint32_t n_layers, n_embd, n_heads, n_heads_kv, head_dim, n_ff, n_vocab, ctx;
    bool untied;
    hl_gguf_writer *w;
    small_tensor tensors[SMALL_TENSORS_MAX];
    size_t n_tensors;
    char keys[32][64]; /* the writer borrows them */
    size_t n_keys;
    uint8_t *bytes; /* the file, 64-byte aligned, once finished */
    size_t n_bytes;
} small_model;

static inline void small_ok(hl_status st, const hl_error *err) {
    if (st < 0) fail_msg("%s", err->text);
}

/* NULL for the key that is left out. */
static inline const char *small_key(small_model *s, const char *key) {
    if (s->without_key && strcmp(key, s->without_key) == 0) return NULL;
    assert_true(s->n_keys < sizeof s->keys / sizeof s->keys[0]);
    char *full = s->keys[s->n_keys++];
    (void)snprintf(full, sizeof s->keys[0], "%s.%s", s->family, key);
    return full;
}

static inline void small_u32(small_model *s, const char *key, uint32_t u) {
    hl_error err;
    const char *full = small_key(s, key);
    if (full) small_ok(hl_gguf_writer_set_u32(s->w, full, u, &err), &err);
}

static inline void small_f32(small_model *s, const char *key, float f) {
    hl_error err;
    const char *full = small_key(s, key);
    if (full) small_ok(hl_gguf_writer_set_f32(s->w, full, f, &err), &err);
}

static inline void small_str(small_model *s, const char *key, const char *text) {
    hl_error err;
    const char *full = small_key(s, key);
    if (full) small_ok(hl_gguf_writer_set_str(s->w, full, hl_str_from(text), &err), &err);
}

static inline small_tensor *small_add(small_model *s, const char *name, uint32_t type,
                                      uint64_t cols, uint64_t rows) {
    assert_true(s->n_tensors < SMALL_TENSORS_MAX);
    small_tensor *t = &s->tensors[s->n_tensors++];
    (void)snprintf(t->name, sizeof t->name, "%s", name);
    t->type = type;
    t->cols = cols;
    t->rows = rows;
    return t;
}

static inline small_tensor *small_find(small_model *s, const char *name) {
    for (size_t i = 0; i < s->n_tensors; i++) {
        if (strcmp(s->tensors[i].name, name) == 0) return &s->tensors[i];
    }
    fail_msg("no tensor %s", name);
    return NULL;
}

static inline void small_remove(small_model *s, const char *name) {
    small_tensor *t = small_find(s, name);
    *t = s->tensors[--s->n_tensors];
}

static inline void small_add_layer(small_model *s, uint32_t layer) {
    char name[SMALL_NAME_MAX];
    uint32_t n = s->n_embd, q = s->n_heads * s->head_dim, kv = s->n_heads_kv * s->head_dim;
    const struct {
        const char *name;
        uint32_t type;
        uint64_t cols, rows;
    } rows[] = {
        {"attn_norm.weight", HL_DTYPE_F32, n, 1},
        {"attn_q.weight", s->type, n, q},
        {"attn_k.weight", s->type, n, kv},
        {"attn_v.weight", s->type, n, kv},
        {"attn_output.weight", s->type, q, n},
        {"ffn_norm.weight", HL_DTYPE_F32, n, 1},
        {"ffn_gate.weight", s->type, n, s->n_ff},
        {"ffn_up.weight", s->type, n, s->n_ff},
        {"ffn_down.weight", s->type, s->n_ff, n},
        {"attn_q.bias", HL_DTYPE_F32, q, 1},
        {"attn_k.bias", HL_DTYPE_F32, kv, 1},
        {"attn_v.bias", HL_DTYPE_F32, kv, 1},
        {"attn_q_norm.weight", HL_DTYPE_F32, s->head_dim, 1},
        {"attn_k_norm.weight", HL_DTYPE_F32, s->head_dim, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strstr(rows[i].name, ".bias") && strcmp(s->family, "qwen2") != 0) continue;
        if (strstr(rows[i].name, "_norm.weight") && strstr(rows[i].name, "attn_") &&
            strlen(rows[i].name) > strlen("attn_norm.weight") && strcmp(s->family, "qwen3") != 0)
            continue;
        (void)snprintf(name, sizeof name, "blk.%u.%s", layer, rows[i].name);
        (void)small_add(s, name, rows[i].type, rows[i].cols, rows[i].rows);
    }
}

/* s has the sizes set, or zeros for defaults.  Everything can be changed until small_finish. */
static inline void small_begin(small_model *s) {
    hl_error err;
    if (!s->family) s->family = "llama";
    if (!s->n_layers) s->n_layers = 2;
    if (!s->n_embd) s->n_embd = 64;
    if (!s->n_heads) s->n_heads = 4;
    if (!s->n_heads_kv) s->n_heads_kv = 2;
    if (!s->head_dim) s->head_dim = 16;
    if (!s->n_ff) s->n_ff = 96;
    if (!s->n_vocab) s->n_vocab = 50;
    if (!s->ctx) s->ctx = 256;
    small_ok(hl_gguf_writer_create(&s->w, &err), &err);
    small_ok(hl_gguf_writer_set_str(s->w, "general.architecture", hl_str_from(s->family), &err),
             &err);
    small_u32(s, "block_count", s->n_layers);
    small_u32(s, "embedding_length", s->n_embd);
    small_u32(s, "context_length", s->ctx);
    small_u32(s, "feed_forward_length", s->n_ff);
    small_u32(s, "attention.head_count", s->n_heads);
    small_u32(s, "attention.head_count_kv", s->n_heads_kv);
    small_u32(s, "attention.key_length", s->head_dim);
    small_u32(s, "attention.value_length", s->head_dim);
    small_f32(s, "attention.layer_norm_rms_epsilon", 1e-5f);
    (void)small_add(s, "token_embd.weight", s->type, s->n_embd, s->n_vocab);
    (void)small_add(s, "output_norm.weight", HL_DTYPE_F32, s->n_embd, 1);
    if (s->untied) (void)small_add(s, "output.weight", s->type, s->n_embd, s->n_vocab);
    for (uint32_t i = 0; i < s->n_layers; i++) small_add_layer(s, i);
}

static inline void small_put_weights(hl_buf *b, const small_tensor *t, hl_rng *rng) {
    size_t n = (size_t)(t->cols * t->rows);
    hl_dtype_info info = hl_dtype_lookup(t->type);
    size_t n_bytes = n / info.block_weights * info.block_bytes;
    float *f = hl_calloc(n, sizeof *f);
    void *packed = hl_calloc(1, n_bytes);
    assert_non_null(f);
    assert_non_null(packed);
    for (size_t i = 0; i < n; i++) f[i] = t->rows == 1 ? 1 : 0.2f * hl_rng_normal(rng);
    if (info.computes) hl_dtype_from_f32((hl_dtype)t->type, f, packed, n);
    hl_buf_append(b, packed, n_bytes);
    while (b->len % 32 != 0) hl_buf_append_char(b, 0);
    hl_free(packed);
    hl_free(f);
}

/* Opens the file; the bytes live until small_deinit. */
static inline hl_gguf *small_finish(small_model *s) {
    hl_error err;
    hl_buf b;
    hl_gguf *g;
    hl_rng rng;
    hl_rng_init(&rng, 3);
    hl_buf_init(&b, 0);
    for (size_t i = 0; i < s->n_tensors; i++) {
        const small_tensor *t = &s->tensors[i];
        hl_gguf_tensor declared = {.name = hl_str_from(t->name), .type = t->type, .n_dims = 2};
        for (size_t d = 0; d < HL_GGUF_DIMS_MAX; d++) declared.dims[d] = 1;
        declared.dims[0] = t->cols;
        declared.dims[1] = t->rows;
        if (t->rows == 1) declared.n_dims = 1;
        small_ok(hl_gguf_writer_add_tensor(s->w, &declared, &err), &err);
    }
    small_ok(hl_gguf_writer_head(s->w, &b, &err), &err);
    for (size_t i = 0; i < s->n_tensors; i++) small_put_weights(&b, &s->tensors[i], &rng);
    small_ok(hl_buf_status(&b, "model", &err), &err);
    s->n_bytes = b.len;
    s->bytes = hl_alloc_aligned(64, b.len);
    assert_non_null(s->bytes);
    memcpy(s->bytes, b.ptr, b.len);
    hl_buf_deinit(&b);
    hl_gguf_writer_destroy(s->w);
    s->w = NULL;
    small_ok(hl_gguf_open_bytes((hl_bytes){s->bytes, s->n_bytes}, &g, &err), &err);
    return g;
}

static inline void small_deinit(small_model *s) {
    hl_gguf_writer_destroy(s->w);
    hl_free(s->bytes);
    *s = (small_model){0};
}
