/* model/model.h
 *
 * A model is a list of blocks.  A family (one file in model/families/) maps a GGUF's metadata
 * and tensor names onto hyperparameters and blocks; a backend (compute/backend.h)
 * knows kinds of blocks, never families.  Each block is
 *
 *     h = h + op(norm(h))          h [rows, n_embd] f32, the residual stream
 *
 * What this does not do: compute, own threads, know token texts (text/tokenizer.h).
 *
 * Ownership: a model owns its open GGUF; weights point into the mapped file.
 * Errors: EUNSUPPORTED names an unknown family, or a tensor and its type that cannot be computed
 * with; EFORMAT names a missing or misshapen tensor or key. Threads: a loaded model is immutable.
 */
#pragma once

#include "gguf/gguf.h"

/* A matrix of the file: y[rows] = W x[cols]; row-major, a row is cols / block weights blocks. */
typedef struct hl_weight {
    hl_str name;
    hl_dtype dtype;
    uint32_t rows, cols;
    const void *data; /* [rows, cols] dtype; NULL: the model has none */
} hl_weight;

/* A vector of the file as f32. */
typedef struct hl_vector {
    const float *data; /* [n] f32, owned by the model; NULL: the model has none */
    uint32_t n;
} hl_vector;

typedef enum hl_rope_pairs {
    HL_ROPE_ADJACENT, /* (0,1) (2,3) …: llama, mistral */
    HL_ROPE_HALVES    /* (0,n/2) (1,n/2+1) …: qwen */
} hl_rope_pairs;

/* Rotary embedding: pair i of position p turns by p * freq[i].  The scaling methods (linear, Llama
 * 3 factors, YaRN) are folded into freq and magnitude at load; a backend sees only these. */
typedef struct hl_rope {
    hl_rope_pairs pairs;
    uint32_t n_dims;   /* how many of a head's dimensions turn, the first ones */
    const float *freq; /* [n_dims / 2] radians a position, owned by the model */
    float magnitude;   /* cos and sin are multiplied by it; 1 without YaRN */
} hl_rope;

typedef enum hl_block_kind { HL_BLOCK_ATTENTION, HL_BLOCK_FFN } hl_block_kind;

typedef struct hl_attention {
    uint32_t n_heads, n_heads_kv, head_dim; /* n_heads is a multiple of n_heads_kv (GQA) */
    uint32_t kv_layer;                      /* which slot of a KV page holds its keys and values */
    float scale;                            /* of q·k before softmax */
    hl_weight q, k, v, o; /* [n_heads*head_dim, n_embd], [n_heads_kv*head_dim, n_embd] x2, [n_embd,
                             n_heads*head_dim] */
    hl_vector q_bias, k_bias, v_bias, o_bias;
    hl_vector q_norm, k_norm; /* RMS norm of each head before rope, [head_dim] */
    hl_rope rope;
} hl_attention;

typedef enum hl_activation { HL_ACT_SILU } hl_activation;

/* down(act(gate x) * up x) */
typedef struct hl_ffn {
    uint32_t n_ff;
    hl_activation act;
    hl_weight gate, up, down; /* [n_ff, n_embd] x2, [n_embd, n_ff] */
} hl_ffn;

typedef struct hl_block {
    hl_block_kind kind;
    uint32_t layer; /* of the published model: blocks of one layer stand together */
    hl_vector norm; /* RMS norm before the op, [n_embd] */
    union {
        hl_attention attention;
        hl_ffn ffn;
    } as;
} hl_block;

/* How the hidden states of a text's tokens become its embedding. */
typedef enum hl_pooling {
    HL_POOLING_LAST, /* the last token's, which alone has seen all; also where the file says none */
    HL_POOLING_MEAN,
    HL_POOLING_CLS, /* the first token's */
    HL_POOLING_RANK /* none: the model gives a score to a pair of texts */
} hl_pooling;

typedef struct hl_model {
    hl_gguf *gguf; /* owned */
    hl_str family; /* general.architecture */
    uint32_t n_layers, n_embd, n_vocab, n_kv_layers;
    uint32_t ctx_train; /* tokens a sequence may have */
    uint32_t n_heads_kv_max,
        head_dim_max; /* over all attention blocks: what a KV page is laid out for */
    float norm_eps;
    hl_pooling pooling;
    uint64_t n_parameters;
    uint64_t weight_bytes;
    hl_weight embedding; /* [n_vocab, n_embd] */
    hl_vector output_norm;
    hl_weight output; /* [n_vocab, n_embd]; the embedding again where the model ties them */
    hl_block *blocks; /* [n_blocks] */
    uint32_t n_blocks;
    hl_arena *arena; /* owned: vectors, blocks, rope tables */
} hl_model;

/* Takes g (also on failure). */
hl_status hl_model_load(hl_gguf *g, hl_model **ret, hl_error *err) HL_NODISCARD;
hl_status hl_model_open(const char *path, hl_model **ret, hl_error *err) HL_NODISCARD;
void hl_model_close(hl_model *m); /* accepts NULL */

/* Names of the families that can be loaded, for messages and `info`; NULL at the end. */
const char *const *hl_model_families(void);
