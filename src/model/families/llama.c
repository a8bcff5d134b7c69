/* llama: Llama 1 to 3.x and what was converted to their shape (Mistral, SmolLM, Yi …).  Rows
 * of q and k are permuted by the converters so that rotary pairs are adjacent.  Biases are of
 * the published `attention_bias` variants. */
#include "model/family.h"

static hl_status bind_biases(hl__binder *b, const hl__decoder *d, uint32_t layer, hl_attention *a,
                             hl_error *err) {
    uint32_t n_q = d->n_heads * d->head_dim, n_kv = d->n_heads_kv * d->head_dim;
    uint32_t n_embd = b->model->n_embd;
    HL_TRY(hl__bind_vector(b, layer, "attn_q.bias", HL__OPTIONAL, n_q, &a->q_bias, err));
    HL_TRY(hl__bind_vector(b, layer, "attn_k.bias", HL__OPTIONAL, n_kv, &a->k_bias, err));
    HL_TRY(hl__bind_vector(b, layer, "attn_v.bias", HL__OPTIONAL, n_kv, &a->v_bias, err));
    return hl__bind_vector(b, layer, "attn_output.bias", HL__OPTIONAL, n_embd, &a->o_bias, err);
}

static hl_status build(hl__binder *b, hl_error *err) {
    hl__decoder d;
    HL_TRY(hl__refuse_experts(b, err));
    HL_TRY(hl__decoder_read(b, HL_ROPE_ADJACENT, &d, err));
    for (uint32_t layer = 0; layer < b->model->n_layers; layer++) {
        hl_attention *a;
        HL_TRY(hl__push_attention(b, &d, layer, &a, err));
        HL_TRY(bind_biases(b, &d, layer, a, err));
        HL_TRY(hl__push_ffn(b, &d, layer, err));
    }
    return HL_OK;
}

const hl__family hl__family_llama = {"llama", build};
/* Some converters keep Mistral's own name; the arithmetic is the same. */
const hl__family hl__family_mistral = {"mistral", build};
