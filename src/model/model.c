#include "model/family.h"

#include <math.h>
#include <stdio.h>

#include "base/mem.h"

#define FAMILY_MAP(X) X(llama) X(mistral) X(qwen2) X(qwen3)

static const hl__family *const FAMILIES[] = {
#define X(name) &hl__family_##name,
    FAMILY_MAP(X)
#undef X
};
enum { N_FAMILIES = sizeof FAMILIES / sizeof FAMILIES[0], BLOCKS_A_LAYER = 2 };

const char *const *hl_model_families(void) {
    static const char *const NAMES[] = {
#define X(name) #name,
        FAMILY_MAP(X)
#undef X
            NULL};
    return NAMES;
}

static hl_status refuse_family(hl_str name, hl_error *err) {
    char known[256] = "";
    for (size_t i = 0; i < N_FAMILIES; i++) {
        size_t len = strlen(known);
        (void)snprintf(known + len, sizeof known - len, "%s%s", i ? ", " : "", FAMILIES[i]->name);
    }
    return hl_fail(err, HL_EUNSUPPORTED, "model",
                   "the model family \"%.*s\" is not known; known are %s",
                   (int)(name.len < 64 ? name.len : 64), name.ptr, known);
}

static hl_status find_family(hl_model *m, const hl__family **ret, hl_error *err) {
    HL_TRY(hl_gguf_require_str(m->gguf, "general.architecture", &m->family, err));
    for (size_t i = 0; i < N_FAMILIES; i++) {
        if (!hl_str_is(m->family, FAMILIES[i]->name)) continue;
        *ret = FAMILIES[i];
        return HL_OK;
    }
    return refuse_family(m->family, err);
}

/* --- What every family has ------------------------------------------------- */

static hl_status read_sizes(hl__binder *b, hl_error *err) {
    hl_model *m = b->model;
    HL_TRY(hl__key_count(b, "block_count", HL__LAYERS_MAX, &m->n_layers, err));
    HL_TRY(hl__key_count(b, "embedding_length", HL__EMBD_MAX, &m->n_embd, err));
    HL_TRY(hl__key_count(b, "context_length", HL__CTX_MAX, &m->ctx_train, err));
    HL_TRY(hl__key_f32(b, "attention.layer_norm_rms_epsilon", 1e-5f, &m->norm_eps, err));
    if (isfinite(m->norm_eps) && m->norm_eps > 0 && m->norm_eps < 1) return HL_OK;
    return hl_fail(err, HL_EFORMAT, "model",
                   "attention.layer_norm_rms_epsilon is %g, expected a number between 0 and 1",
                   (double)m->norm_eps);
}

static hl_status read_pooling(hl__binder *b, hl_error *err) {
    static const hl_pooling of_key[] = {HL_POOLING_LAST, HL_POOLING_MEAN, HL_POOLING_CLS,
                                        HL_POOLING_LAST, HL_POOLING_RANK};
    uint32_t key;
    HL_TRY(hl__key_u32(b, "pooling_type", 0, &key, err));
    if (key >= sizeof of_key / sizeof *of_key)
        return hl_fail(err, HL_EFORMAT, "model", "pooling_type is %u, expected 0 to 4", key);
    b->model->pooling = of_key[key];
    return HL_OK;
}

/* Some embedding models let a token see those behind it: computed as decoders, their vectors would
 * be wrong without a sign of it. */
static hl_status refuse_noncausal(hl__binder *b, hl_error *err) {
    bool causal;
    HL_TRY(hl__key_bool(b, "attention.causal", true, &causal, err));
    if (causal) return HL_OK;
    return hl_fail(err, HL_EUNSUPPORTED, "model",
                   "%.*s.attention.causal is false: attention to later tokens is not supported yet",
                   HL_STR_ARG(b->model->family));
}

/* Rows of the embedding, and as many tokens in the tokenizer if the file has one. */
static hl_status read_vocab(hl_model *m, hl_error *err) {
    const hl_gguf_tensor *t = hl_gguf_find_tensor(m->gguf, HL_STR("token_embd.weight"));
    if (!t) return hl_fail(err, HL_EFORMAT, "model", "tensor token_embd.weight is missing");
    if (t->dims[1] < 1 || t->dims[1] > HL__VOCAB_MAX)
        return hl_fail(err, HL_EFORMAT, "model",
                       "token_embd.weight has %llu rows, expected 1 to %d",
                       (unsigned long long)t->dims[1], HL__VOCAB_MAX);
    m->n_vocab = (uint32_t)t->dims[1];
    const hl_gguf_value *tokens = hl_gguf_find(m->gguf, HL_STR("tokenizer.ggml.tokens"));
    if (!tokens || tokens->type != HL_GGUF_ARRAY || tokens->as.array.n == m->n_vocab) return HL_OK;
    return hl_fail(err, HL_EFORMAT, "model", "the tokenizer has %zu tokens, the embedding %u rows",
                   tokens->as.array.n, m->n_vocab);
}

static hl_status bind_ends(hl__binder *b, hl_error *err) {
    hl_model *m = b->model;
    HL_TRY(hl__bind_matrix(b, HL__NO_LAYER, "token_embd.weight", HL__REQUIRED, m->n_vocab,
                           m->n_embd, &m->embedding, err));
    HL_TRY(hl__bind_vector(b, HL__NO_LAYER, "output_norm.weight", HL__REQUIRED, m->n_embd,
                           &m->output_norm, err));
    HL_TRY(hl__bind_matrix(b, HL__NO_LAYER, "output.weight", HL__OPTIONAL, m->n_vocab, m->n_embd,
                           &m->output, err));
    if (!m->output.data) m->output = m->embedding; /* tied */
    return HL_OK;
}

static hl_status take_room(hl__binder *b, hl_error *err) {
    hl_model *m = b->model;
    b->n_blocks_max = m->n_layers * BLOCKS_A_LAYER;
    m->blocks = HL_ARENA_ARRAY(m->arena, b->n_blocks_max, hl_block);
    b->bound = HL_ARENA_ARRAY(m->arena, hl_gguf_n_tensors(m->gguf), const hl_gguf_tensor *);
    if (m->blocks && b->bound) return HL_OK;
    return hl_fail(err, HL_ENOMEM, "model", "no memory for the list of blocks");
}

/* --- Tensors that nobody asked for ----------------------------------------- */

/* Rotary tables that old converters wrote; they say nothing that keys do not say. */
static bool is_harmless(hl_str name) {
    return hl_str_ends(name, HL_STR(".attn_rot_embd")) ||
           hl_str_ends(name, HL_STR(".attn_rot_embd.weight")) ||
           hl_str_ends(name, HL_STR("rope_freqs.weight"));
}

static bool is_bound(const hl__binder *b, const hl_gguf_tensor *t) {
    for (size_t i = 0; i < b->n_bound; i++) {
        if (b->bound[i] == t) return true;
    }
    return false;
}

/* A tensor that the family does not know is arithmetic that would be missing. */
static hl_status refuse_strangers(const hl__binder *b, hl_error *err) {
    const hl_gguf *g = b->model->gguf;
    for (size_t i = 0; i < hl_gguf_n_tensors(g); i++) {
        const hl_gguf_tensor *t = hl_gguf_tensor_at(g, i);
        if (is_harmless(t->name) || is_bound(b, t)) continue;
        return hl_fail(err, HL_EUNSUPPORTED, "model",
                       "tensor %.*s is not part of the family %.*s as this program knows it",
                       HL_STR_ARG(t->name), HL_STR_ARG(b->model->family));
    }
    return HL_OK;
}

static void count_parameters(hl__binder *b) {
    for (size_t i = 0; i < b->n_bound; i++) {
        const hl_gguf_tensor *t = b->bound[i];
        b->model->n_parameters += t->dims[0] * t->dims[1];
    }
}

/* --- Load ------------------------------------------------------------------ */

static hl_status build(hl_model *m, hl_error *err) {
    hl__binder b = {.model = m};
    const hl__family *family;
    HL_TRY(find_family(m, &family, err));
    HL_TRY(read_sizes(&b, err));
    HL_TRY(read_pooling(&b, err));
    HL_TRY(refuse_noncausal(&b, err));
    HL_TRY(read_vocab(m, err));
    HL_TRY(take_room(&b, err));
    HL_TRY(bind_ends(&b, err));
    HL_TRY(family->build(&b, err));
    HL_TRY(refuse_strangers(&b, err));
    HL_ASSERT(m->n_blocks >= 1 && m->n_blocks <= b.n_blocks_max);
    count_parameters(&b);
    return HL_OK;
}

hl_status hl_model_load(hl_gguf *g, hl_model **ret, hl_error *err) {
    hl_model *m = hl_calloc(1, sizeof *m);
    if (!m) {
        hl_gguf_close(g);
        return hl_fail(err, HL_ENOMEM, "model", "no memory for the model");
    }
    m->gguf = g;
    m->arena = hl_arena_create(0); /* bounded by the file's own tensors */
    hl_status st = m->arena ? build(m, err)
                            : hl_fail(err, HL_ENOMEM, "model", "no memory for the model");
    if (st < 0) {
        hl_model_close(m);
        return st;
    }
    *ret = m;
    return HL_OK;
}

hl_status hl_model_open(const char *path, hl_model **ret, hl_error *err) {
    hl_gguf *g;
    HL_TRY(hl_gguf_open(path, &g, err));
    hl_status st = hl_model_load(g, ret, err);
    if (st < 0) hl_error_prefix(err, "%s", path);
    return st;
}

void hl_model_close(hl_model *m) {
    if (!m) return;
    hl_gguf_close(m->gguf);
    hl_arena_destroy(m->arena);
    hl_free(m);
}
