#include "model/family.h"

#include <math.h>
#include <stdio.h>

/* --- Keys ------------------------------------------------------------------ */

typedef struct key_name {
    char text[128];
} key_name;

static key_name full_key(const hl__binder *b, const char *key) {
    key_name k;
    int n = snprintf(k.text, sizeof k.text, "%.*s.%s", HL_STR_ARG(b->model->family), key);
    HL_ASSERT(n > 0 && (size_t)n < sizeof k.text); /* the family's name is one of our table */
    return k;
}

hl_status hl__key_u32(const hl__binder *b, const char *key, uint32_t fallback, uint32_t *ret,
                      hl_error *err) {
    return hl_gguf_get_u32(b->model->gguf, full_key(b, key).text, fallback, ret, err);
}

hl_status hl__key_f32(const hl__binder *b, const char *key, float fallback, float *ret,
                      hl_error *err) {
    return hl_gguf_get_f32(b->model->gguf, full_key(b, key).text, fallback, ret, err);
}

hl_status hl__key_bool(const hl__binder *b, const char *key, bool fallback, bool *ret,
                       hl_error *err) {
    return hl_gguf_get_bool(b->model->gguf, full_key(b, key).text, fallback, ret, err);
}

hl_status hl__key_str(const hl__binder *b, const char *key, hl_str fallback, hl_str *ret,
                      hl_error *err) {
    return hl_gguf_get_str(b->model->gguf, full_key(b, key).text, fallback, ret, err);
}

hl_status hl__key_count(const hl__binder *b, const char *key, uint32_t max, uint32_t *ret,
                        hl_error *err) {
    key_name k = full_key(b, key);
    uint32_t n;
    HL_TRY(hl_gguf_require_u32(b->model->gguf, k.text, &n, err));
    if (n < 1 || n > max)
        return hl_fail(err, HL_EFORMAT, "model", "%s is %u, expected 1 to %u", k.text, n, max);
    *ret = n;
    return HL_OK;
}

/* --- Tensors --------------------------------------------------------------- */

typedef struct tensor_name {
    char text[HL__NAME_MAX];
} tensor_name;

static tensor_name full_name(uint32_t layer, const char *name) {
    tensor_name t;
    int n = layer == HL__NO_LAYER ? snprintf(t.text, sizeof t.text, "%s", name)
                                  : snprintf(t.text, sizeof t.text, "blk.%u.%s", layer, name);
    HL_ASSERT(n > 0 && (size_t)n < sizeof t.text);
    return t;
}

bool hl__tensor_exists(const hl__binder *b, const char *name) {
    return hl_gguf_find_tensor(b->model->gguf, hl_str_from(name)) != NULL;
}

static hl_status find(const hl__binder *b, const char *name, hl__presence presence,
                      const hl_gguf_tensor **ret, hl_error *err) {
    *ret = hl_gguf_find_tensor(b->model->gguf, hl_str_from(name));
    if (*ret || presence == HL__OPTIONAL) return HL_OK;
    return hl_fail(err, HL_EFORMAT, "model", "tensor %s is missing", name);
}

static hl_status check_shape(const hl_gguf_tensor *t, uint64_t cols, uint64_t rows, hl_error *err) {
    bool flat = true;
    for (size_t i = 2; i < HL_GGUF_DIMS_MAX; i++) flat = flat && t->dims[i] == 1;
    if (flat && t->dims[0] == cols && t->dims[1] == rows) return HL_OK;
    return hl_fail(err, HL_EFORMAT, "model",
                   "tensor %.*s has the shape [%llu, %llu, %llu, %llu], expected [%llu, %llu]",
                   HL_STR_ARG(t->name), (unsigned long long)t->dims[0],
                   (unsigned long long)t->dims[1], (unsigned long long)t->dims[2],
                   (unsigned long long)t->dims[3], (unsigned long long)cols,
                   (unsigned long long)rows);
}

static hl_status check_type(const hl_gguf_tensor *t, hl_error *err) {
    hl_dtype_info info = hl_dtype_lookup(t->type);
    if (!info.name)
        return hl_fail(err, HL_EUNSUPPORTED, "model", "tensor %.*s has the unknown type %u",
                       HL_STR_ARG(t->name), t->type);
    if (!info.computes)
        return hl_fail(err, HL_EUNSUPPORTED, "model",
                       "tensor %.*s has the type %s, with which this program cannot compute",
                       HL_STR_ARG(t->name), info.name);
    /* gguf.h promises both for a type that it knows */
    HL_ASSERT(t->dims[0] % info.block_weights == 0);
    HL_ASSERT(t->data.len == t->dims[0] / info.block_weights * t->dims[1] * info.block_bytes);
    return HL_OK;
}

static void note_bound(hl__binder *b, const hl_gguf_tensor *t) {
    HL_ASSERT(b->n_bound < hl_gguf_n_tensors(b->model->gguf));
    b->bound[b->n_bound++] = t;
    b->model->weight_bytes += t->data.len;
}

hl_status hl__bind_matrix(hl__binder *b, uint32_t layer, const char *name, hl__presence presence,
                          uint32_t rows, uint32_t cols, hl_weight *ret, hl_error *err) {
    tensor_name full = full_name(layer, name);
    const hl_gguf_tensor *t;
    *ret = (hl_weight){0};
    HL_TRY(find(b, full.text, presence, &t, err));
    if (!t) return HL_OK;
    HL_TRY(check_shape(t, cols, rows, err));
    HL_TRY(check_type(t, err));
    note_bound(b, t);
    *ret = (hl_weight){t->name, (hl_dtype)t->type, rows, cols, t->data.ptr};
    return HL_OK;
}

hl_status hl__bind_vector(hl__binder *b, uint32_t layer, const char *name, hl__presence presence,
                          uint32_t n, hl_vector *ret, hl_error *err) {
    tensor_name full = full_name(layer, name);
    const hl_gguf_tensor *t;
    *ret = (hl_vector){0};
    HL_TRY(find(b, full.text, presence, &t, err));
    if (!t) return HL_OK;
    HL_TRY(check_shape(t, n, 1, err));
    HL_TRY(check_type(t, err));
    float *data = HL_ARENA_ARRAY(b->model->arena, n, float);
    if (!data) return hl_fail(err, HL_ENOMEM, "model", "no memory for tensor %s", full.text);
    hl_dtype_to_f32((hl_dtype)t->type, t->data.ptr, data, n);
    note_bound(b, t);
    *ret = (hl_vector){data, n};
    return HL_OK;
}

/* --- What decoders have in common ------------------------------------------ */

hl_status hl__refuse_experts(const hl__binder *b, hl_error *err) {
    uint32_t n;
    HL_TRY(hl__key_u32(b, "expert_count", 0, &n, err));
    if (n == 0) return HL_OK;
    return hl_fail(err, HL_EUNSUPPORTED, "model",
                   "%.*s.expert_count is %u: mixtures of experts are not supported yet",
                   HL_STR_ARG(b->model->family), n);
}

static hl_status read_head_dim(const hl__binder *b, hl__decoder *d, hl_error *err) {
    uint32_t n_embd = b->model->n_embd, value_dim;
    HL_TRY(hl__key_u32(b, "attention.key_length", n_embd / d->n_heads, &d->head_dim, err));
    HL_TRY(hl__key_u32(b, "attention.value_length", d->head_dim, &value_dim, err));
    if (d->head_dim == 0 || d->head_dim > HL__HEAD_DIM_MAX || d->head_dim % HL__HEAD_DIM_STEP != 0)
        return hl_fail(err, HL_EUNSUPPORTED, "model",
                       "a head has %u dimensions, supported are multiples of %d up to %d",
                       d->head_dim, HL__HEAD_DIM_STEP, HL__HEAD_DIM_MAX);
    if (value_dim != d->head_dim)
        return hl_fail(err, HL_EUNSUPPORTED, "model",
                       "keys of %u and values of %u dimensions a head are not supported",
                       d->head_dim, value_dim);
    return HL_OK;
}

static hl_status read_heads(const hl__binder *b, hl__decoder *d, hl_error *err) {
    HL_TRY(hl__key_count(b, "attention.head_count", HL__HEADS_MAX, &d->n_heads, err));
    HL_TRY(hl__key_u32(b, "attention.head_count_kv", d->n_heads, &d->n_heads_kv, err));
    if (d->n_heads_kv == 0 || d->n_heads % d->n_heads_kv != 0)
        return hl_fail(err, HL_EFORMAT, "model",
                       "%u attention heads cannot share %u key and value heads", d->n_heads,
                       d->n_heads_kv);
    return read_head_dim(b, d, err);
}

hl_status hl__decoder_read(hl__binder *b, hl_rope_pairs pairs, hl__decoder *ret, hl_error *err) {
    hl__decoder d = {0};
    HL_TRY(read_heads(b, &d, err));
    HL_TRY(hl__key_count(b, "feed_forward_length", HL__FF_MAX, &d.n_ff, err));
    HL_TRY(hl__key_f32(b, "attention.scale", 1.0f / sqrtf((float)d.head_dim), &d.scale, err));
    if (!isfinite(d.scale))
        return hl_fail(err, HL_EFORMAT, "model", "attention.scale is not a finite number");
    HL_TRY(hl__rope_read(b, d.head_dim, pairs, &d.rope, err));
    *ret = d;
    return HL_OK;
}

static hl_block *push_block(hl__binder *b, hl_block_kind kind, uint32_t layer) {
    hl_model *m = b->model;
    HL_ASSERT(m->n_blocks < b->n_blocks_max);
    hl_block *block = &m->blocks[m->n_blocks++];
    block->kind = kind;
    block->layer = layer;
    return block;
}

hl_status hl__push_attention(hl__binder *b, const hl__decoder *d, uint32_t layer,
                             hl_attention **ret, hl_error *err) {
    hl_model *m = b->model;
    hl_block *block = push_block(b, HL_BLOCK_ATTENTION, layer);
    hl_attention *a = &block->as.attention;
    uint32_t n_q = d->n_heads * d->head_dim, n_kv = d->n_heads_kv * d->head_dim, n = m->n_embd;
    *a = (hl_attention){.n_heads = d->n_heads,
                        .n_heads_kv = d->n_heads_kv,
                        .head_dim = d->head_dim,
                        .kv_layer = m->n_kv_layers++,
                        .scale = d->scale,
                        .rope = d->rope};
    HL_TRY(hl__bind_vector(b, layer, "attn_norm.weight", HL__REQUIRED, n, &block->norm, err));
    HL_TRY(hl__bind_matrix(b, layer, "attn_q.weight", HL__REQUIRED, n_q, n, &a->q, err));
    HL_TRY(hl__bind_matrix(b, layer, "attn_k.weight", HL__REQUIRED, n_kv, n, &a->k, err));
    HL_TRY(hl__bind_matrix(b, layer, "attn_v.weight", HL__REQUIRED, n_kv, n, &a->v, err));
    HL_TRY(hl__bind_matrix(b, layer, "attn_output.weight", HL__REQUIRED, n, n_q, &a->o, err));
    if (m->n_heads_kv_max < d->n_heads_kv) m->n_heads_kv_max = d->n_heads_kv;
    if (m->head_dim_max < d->head_dim) m->head_dim_max = d->head_dim;
    *ret = a;
    return HL_OK;
}

hl_status hl__push_ffn(hl__binder *b, const hl__decoder *d, uint32_t layer, hl_error *err) {
    hl_block *block = push_block(b, HL_BLOCK_FFN, layer);
    hl_ffn *f = &block->as.ffn;
    uint32_t n = b->model->n_embd;
    *f = (hl_ffn){.n_ff = d->n_ff, .act = HL_ACT_SILU};
    HL_TRY(hl__bind_vector(b, layer, "ffn_norm.weight", HL__REQUIRED, n, &block->norm, err));
    HL_TRY(hl__bind_matrix(b, layer, "ffn_gate.weight", HL__REQUIRED, d->n_ff, n, &f->gate, err));
    HL_TRY(hl__bind_matrix(b, layer, "ffn_up.weight", HL__REQUIRED, d->n_ff, n, &f->up, err));
    return hl__bind_matrix(b, layer, "ffn_down.weight", HL__REQUIRED, n, d->n_ff, &f->down, err);
}
