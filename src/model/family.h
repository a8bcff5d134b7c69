/* model/family.h
 *
 * What a family (one file in families/) is made with: typed reads of the keys of its
 * architecture, binding of tensors by name with their shapes checked, and the parts that
 * decoders have in common.  Private to model/.
 *
 * A family reads the keys that its published model has, pushes the model's blocks in order,
 * and leaves the rest to model.c: embedding, output, limits, tensors that nobody asked for.
 *
 * Errors: EFORMAT names the key or the tensor and what was expected; EUNSUPPORTED names what
 * this program cannot compute.  Nothing in the file is trusted but what gguf.h checked.
 */
#pragma once

#include "model/model.h"

/* Bounds that no published model comes near; with them, products of two sizes fit 64 bits and
 * sums of a layer fit 32. */
enum {
    HL__LAYERS_MAX = 1024,
    HL__EMBD_MAX = 1 << 18,
    HL__FF_MAX = 1 << 20,
    HL__HEADS_MAX = 4096,
    HL__VOCAB_MAX = 1 << 22,
    HL__CTX_MAX = 1 << 28,
    HL__HEAD_DIM_MAX = 256, /* what kernels take (compute/cpu/ops.h) */
    HL__HEAD_DIM_STEP = 8
};

/* A model that is being put together. */
typedef struct hl__binder {
    hl_model *model;
    const hl_gguf_tensor **bound; /* [n_bound] tensors that the model uses, in the arena */
    size_t n_bound;
    uint32_t n_blocks_max;
} hl__binder;

typedef struct hl__family {
    const char *name; /* general.architecture, and the prefix of its keys */
    hl_status (*build)(hl__binder *b, hl_error *err);
} hl__family;

extern const hl__family hl__family_llama, hl__family_mistral, hl__family_qwen2, hl__family_qwen3;

/* ---- keys.  `key` is without the family's prefix: "attention.head_count" */

hl_status hl__key_u32(const hl__binder *b, const char *key, uint32_t fallback, uint32_t *ret,
                      hl_error *err) HL_NODISCARD;
hl_status hl__key_f32(const hl__binder *b, const char *key, float fallback, float *ret,
                      hl_error *err) HL_NODISCARD;
hl_status hl__key_bool(const hl__binder *b, const char *key, bool fallback, bool *ret,
                       hl_error *err) HL_NODISCARD;
hl_status hl__key_str(const hl__binder *b, const char *key, hl_str fallback, hl_str *ret,
                      hl_error *err) HL_NODISCARD;
/* Must be there and lie in 1 … max. */
hl_status hl__key_count(const hl__binder *b, const char *key, uint32_t max, uint32_t *ret,
                        hl_error *err) HL_NODISCARD;

/* ---- tensors.  name and suffix make the tensor's name: layer_name(3, "attn_q.weight") */

enum { HL__NAME_MAX = 64, HL__NO_LAYER = UINT32_MAX };

typedef enum hl__presence { HL__REQUIRED, HL__OPTIONAL } hl__presence;

/* "blk.LAYER.NAME", or NAME with HL__NO_LAYER.  An optional one that is not there leaves *ret zero.
 */
hl_status hl__bind_matrix(hl__binder *b, uint32_t layer, const char *name, hl__presence presence,
                          uint32_t rows, uint32_t cols, hl_weight *ret, hl_error *err) HL_NODISCARD;
hl_status hl__bind_vector(hl__binder *b, uint32_t layer, const char *name, hl__presence presence,
                          uint32_t n, hl_vector *ret, hl_error *err) HL_NODISCARD;
bool hl__tensor_exists(const hl__binder *b, const char *name);

/* ---- what decoders have in common */

/* Attention and FFN of every layer have the same shape. */
typedef struct hl__decoder {
    uint32_t n_heads, n_heads_kv, head_dim, n_ff;
    float scale;
    hl_rope rope;
} hl__decoder;

hl_status hl__decoder_read(hl__binder *b, hl_rope_pairs pairs, hl__decoder *ret,
                           hl_error *err) HL_NODISCARD;
/* Refuses keys of models that share a name but not the arithmetic (mixtures of experts). */
hl_status hl__refuse_experts(const hl__binder *b, hl_error *err) HL_NODISCARD;

/* Pushes a block with norm, q, k, v and o; the family adds the rest to *ret (valid until the next
 * push). */
hl_status hl__push_attention(hl__binder *b, const hl__decoder *d, uint32_t layer,
                             hl_attention **ret, hl_error *err) HL_NODISCARD;
hl_status hl__push_ffn(hl__binder *b, const hl__decoder *d, uint32_t layer,
                       hl_error *err) HL_NODISCARD;

/* Turns the keys rope.* and a tensor of divisors (may be missing) into a table. */
hl_status hl__rope_read(hl__binder *b, uint32_t head_dim, hl_rope_pairs pairs, hl_rope *ret,
                        hl_error *err) HL_NODISCARD;
