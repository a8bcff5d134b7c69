/* store/convert_config.h
 *
 * What config.json says of a model: its family, sizes, rotary embedding.  Whatever this program
 * could not compute as published (a window, biases of the FFN, a kind of rope scaling) is refused
 * by name.  Private to store/convert*.
 */
#pragma once

#include "gguf/writer.h"
#include "store/convert_json.h"

enum { HL__CONFIG_BYTES_MAX = 4 << 20 };

typedef enum hl__convert_family {
    HL__CONVERT_LLAMA, /* rows of q and k are permuted (docs/formats/safetensors.md) */
    HL__CONVERT_QWEN2,
    HL__CONVERT_QWEN3
} hl__convert_family;

typedef enum hl__rope_kind {
    HL__ROPE_PLAIN,
    HL__ROPE_LINEAR,
    HL__ROPE_YARN,
    HL__ROPE_LLAMA3
} hl__rope_kind;

typedef struct hl__convert_rope {
    hl__rope_kind kind;
    double base, factor;
    uint32_t ctx_before;         /* yarn, llama3: context before the model was stretched */
    double beta_fast, beta_slow; /* yarn */
    double magnitude;            /* yarn: of cos and sin; 0: what the factor gives */
    double low, high;            /* llama3: turns over ctx_before */
} hl__convert_rope;

typedef struct hl__convert_config {
    hl__convert_family family;
    uint32_t n_layers, n_embd, n_ff, n_heads, n_heads_kv, head_dim, n_vocab, ctx;
    double norm_eps;
    bool tied, attention_bias;
    hl__convert_rope rope;
} hl__convert_config;

hl_status hl__config_read(const hl__doc *config, hl__convert_config *ret,
                          hl_error *err) HL_NODISCARD;

const char *hl__convert_family_name(hl__convert_family f); /* "llama" */

/* Declares general.architecture and the family's keys, which the writer borrows: they live in a. */
hl_status hl__config_declare(const hl__convert_config *c, hl_arena *a, hl_gguf_writer *w,
                             hl_error *err) HL_NODISCARD;
/* llama3: by how much pair i of head_dim / 2 turns slower. */
float hl__rope_divisor(const hl__convert_config *c, uint32_t i);
