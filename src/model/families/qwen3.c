/* qwen3: Qwen 3, dense.  An RMS norm over each head of q and of k before rope, no biases;
 * rotary pairs are halves; a head's size is a key of its own. */
#include "model/family.h"

static hl_status bind_norms(hl__binder *b, const hl__decoder *d, uint32_t layer, hl_attention *a,
                            hl_error *err) {
    HL_TRY(hl__bind_vector(b, layer, "attn_q_norm.weight", HL__REQUIRED, d->head_dim, &a->q_norm,
                           err));
    return hl__bind_vector(b, layer, "attn_k_norm.weight", HL__REQUIRED, d->head_dim, &a->k_norm,
                           err);
}

static hl_status build(hl__binder *b, hl_error *err) {
    hl__decoder d;
    HL_TRY(hl__refuse_experts(b, err));
    HL_TRY(hl__decoder_read(b, HL_ROPE_HALVES, &d, err));
    for (uint32_t layer = 0; layer < b->model->n_layers; layer++) {
        hl_attention *a;
        HL_TRY(hl__push_attention(b, &d, layer, &a, err));
        HL_TRY(bind_norms(b, &d, layer, a, err));
        HL_TRY(hl__push_ffn(b, &d, layer, err));
    }
    return HL_OK;
}

const hl__family hl__family_qwen3 = {"qwen3", build};
