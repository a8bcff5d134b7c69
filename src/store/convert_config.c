#include "store/convert_config.h"

#include <math.h>

enum {
    /* Bounds that no published model comes near; products of two fit 64 bits. */
    LAYERS_MAX = 1024,
    ROW_MAX = 1 << 20, /* of a row */
    HEADS_MAX = 4096,
    HEAD_DIM_MAX = 4096,
    VOCAB_MAX = 1 << 22,
    CTX_MAX = 1 << 28,
    QWEN3_HEAD_DIM = 128 /* where the file does not say */
};

static const double TWO_PI = 6.283185307179586;
/* Of what GGUF stores in 32 bits.  Bases of models for millions of tokens are tens of billions. */
static const double THETA_MAX = 1e18, FACTOR_MAX = 1e9;

/* -- family ------------------------------------------------------------------------------------ */

static const struct {
    const char *architecture, *model_type;
    hl__convert_family family;
} FAMILIES[] = {
    {"LlamaForCausalLM", "llama", HL__CONVERT_LLAMA},
    {"MistralForCausalLM", "mistral", HL__CONVERT_LLAMA},
    {"Qwen2ForCausalLM", "qwen2", HL__CONVERT_QWEN2},
    {"Qwen3ForCausalLM", "qwen3", HL__CONVERT_QWEN3},
};

const char *hl__convert_family_name(hl__convert_family f) {
    static const char *const NAMES[] = {"llama", "qwen2", "qwen3"};
    return NAMES[f];
}

/* The first of "architectures", else "model_type". */
static hl_status read_family(hl__node n, hl__convert_family *ret, hl_error *err) {
    struct json_object *list, *first;
    hl_str name;
    HL_TRY(hl__node_array(n, "architectures", &list, err));
    first = list ? json_object_array_get_idx(list, 0) : NULL;
    if (first && !json_object_is_type(first, json_type_string))
        return hl__node_fail(n, HL_EFORMAT, "architectures", "holds no strings", err);
    HL_TRY(hl__node_str(n, "model_type", &name, err));
    if (first) name = hl__convert_json_str(first);
    for (size_t i = 0; i < sizeof FAMILIES / sizeof FAMILIES[0]; i++) {
        *ret = FAMILIES[i].family;
        if (hl_str_is(name, first ? FAMILIES[i].architecture : FAMILIES[i].model_type))
            return HL_OK;
    }
    return hl_fail(err, HL_EUNSUPPORTED, "convert",
                   "%s: the architecture \"%.*s\" is not known; known are LlamaForCausalLM, "
                   "MistralForCausalLM, Qwen2ForCausalLM and Qwen3ForCausalLM",
                   n.file, HL_STR_ARG(hl_str_slice(name, 0, 80)));
}

/* -- what cannot be computed as it was trained --------------------------------------------------
 */

static hl_status refuse_quantised(hl__node n, hl_error *err) {
    hl__node q;
    hl_str method;
    HL_TRY(hl__node_object(n, "quantization_config", &q, err));
    if (!q.object) return HL_OK;
    HL_TRY(hl__node_str(q, "quant_method", &method, err));
    return hl_fail(err, HL_EUNSUPPORTED, "convert",
                   "%s: the weights are quantised (%.*s); the model has to be in F32, F16 or BF16",
                   n.file, HL_STR_ARG(hl_str_slice(method, 0, 40)));
}

static hl_status refuse_activation(hl__node n, hl_error *err) {
    hl_str act;
    HL_TRY(hl__node_str(n, "hidden_act", &act, err));
    if (!act.ptr || hl_str_is(act, "silu") || hl_str_is(act, "swish")) return HL_OK;
    return hl__node_fail(n, HL_EUNSUPPORTED, "hidden_act", "is not silu, the only one supported",
                         err);
}

/* Layers that see only the latest tokens.  Qwen 2 writes a width that use_sliding_window turns off;
 * Mistral's counts where there is one. */
static hl_status refuse_window(hl__node n, hl_error *err) {
    bool uses;
    struct json_object *types;
    HL_TRY(hl__node_bool(n, "use_sliding_window", hl__node_get(n, "sliding_window") != NULL, &uses,
                         err));
    HL_TRY(hl__node_array(n, "layer_types", &types, err));
    for (size_t i = 0; types && i < json_object_array_length(types); i++) {
        struct json_object *type = json_object_array_get_idx(types, i);
        if (!json_object_is_type(type, json_type_string) ||
            !hl_str_is(hl__convert_json_str(type), "full_attention"))
            uses = true;
    }
    if (!uses) return HL_OK;
    return hl_fail(err, HL_EUNSUPPORTED, "convert",
                   "%s: attention over a sliding window is not supported", n.file);
}

static hl_status refuse_strangers(hl__node n, hl_error *err) {
    bool mlp_bias;
    double partial;
    HL_TRY(refuse_quantised(n, err));
    HL_TRY(refuse_activation(n, err));
    HL_TRY(refuse_window(n, err));
    HL_TRY(hl__node_bool(n, "mlp_bias", false, &mlp_bias, err));
    if (mlp_bias) return hl__node_fail(n, HL_EUNSUPPORTED, "mlp_bias", "is not supported", err);
    HL_TRY(hl__node_f64(n, "partial_rotary_factor", 1, &partial, err));
    if (partial == 1) return HL_OK;
    return hl__node_fail(n, HL_EUNSUPPORTED, "partial_rotary_factor", "is not supported", err);
}

/* -- sizes ------------------------------------------------------------------------------------- */

static hl_status read_heads(hl__node n, hl__convert_config *c, hl_error *err) {
    HL_TRY(hl__node_count(n, "num_attention_heads", HEADS_MAX, &c->n_heads, err));
    c->n_heads_kv = c->n_heads;
    if (hl__node_get(n, "num_key_value_heads"))
        HL_TRY(hl__node_count(n, "num_key_value_heads", HEADS_MAX, &c->n_heads_kv, err));
    if (c->n_heads % c->n_heads_kv != 0)
        return hl__node_fail(n, HL_EFORMAT, "num_key_value_heads",
                             "does not divide the number of heads", err);
    c->head_dim = c->family == HL__CONVERT_QWEN3 ? QWEN3_HEAD_DIM : c->n_embd / c->n_heads;
    if (hl__node_get(n, "head_dim"))
        HL_TRY(hl__node_count(n, "head_dim", HEAD_DIM_MAX, &c->head_dim, err));
    else if (c->n_embd < c->n_heads || c->n_embd % c->n_heads != 0 || c->head_dim > HEAD_DIM_MAX)
        return hl__node_fail(n, HL_EFORMAT, "hidden_size", "is no multiple of the heads", err);
    if (c->head_dim % 2 == 0) return HL_OK;
    return hl__node_fail(n, HL_EFORMAT, "head_dim", "is odd", err);
}

static hl_status read_sizes(hl__node n, hl__convert_config *c, hl_error *err) {
    HL_TRY(hl__node_count(n, "num_hidden_layers", LAYERS_MAX, &c->n_layers, err));
    HL_TRY(hl__node_count(n, "hidden_size", ROW_MAX, &c->n_embd, err));
    HL_TRY(hl__node_count(n, "intermediate_size", ROW_MAX, &c->n_ff, err));
    HL_TRY(hl__node_count(n, "vocab_size", VOCAB_MAX, &c->n_vocab, err));
    HL_TRY(hl__node_count(n, "max_position_embeddings", CTX_MAX, &c->ctx, err));
    HL_TRY(read_heads(n, c, err));
    HL_TRY(hl__node_bool(n, "tie_word_embeddings", false, &c->tied, err));
    HL_TRY(hl__node_bool(n, "attention_bias", false, &c->attention_bias, err));
    HL_TRY(hl__node_f64(n, "rms_norm_eps", 1e-6, &c->norm_eps, err));
    if (c->norm_eps > 0 && c->norm_eps < 1) return HL_OK;
    return hl__node_fail(n, HL_EFORMAT, "rms_norm_eps", "is not between 0 and 1", err);
}

/* -- rotary embedding -------------------------------------------------------------------------- */

static hl_status read_up_to(hl__node n, const char *key, double max, double *ret, hl_error *err) {
    HL_TRY(hl__node_f64(n, key, *ret, ret, err));
    if (*ret > 0 && *ret <= max) return HL_OK;
    return hl__node_fail(n, HL_EFORMAT, key, "is missing, not above 0 or too large", err);
}

static hl_status read_positive(hl__node n, const char *key, double fallback, double *ret,
                               hl_error *err) {
    *ret = fallback;
    return read_up_to(n, key, FACTOR_MAX, ret, err);
}

static hl_status read_context_before(hl__node n, const hl__convert_config *c, hl__convert_rope *r,
                                     hl_error *err) {
    static const char KEY[] = "original_max_position_embeddings";
    r->ctx_before = c->ctx;
    return hl__node_get(n, KEY) ? hl__node_count(n, KEY, CTX_MAX, &r->ctx_before, err) : HL_OK;
}

static hl_status read_yarn(hl__node n, const hl__convert_config *c, hl__convert_rope *r,
                           hl_error *err) {
    static const char *const UNKNOWN[] = {"mscale", "mscale_all_dim"};
    bool truncate;
    r->kind = HL__ROPE_YARN;
    for (size_t i = 0; i < sizeof UNKNOWN / sizeof UNKNOWN[0]; i++) {
        if (hl__node_get(n, UNKNOWN[i]))
            return hl__node_fail(n, HL_EUNSUPPORTED, UNKNOWN[i], "is not supported", err);
    }
    HL_TRY(hl__node_bool(n, "truncate", true, &truncate, err));
    if (!truncate)
        return hl__node_fail(n, HL_EUNSUPPORTED, "truncate", "false is not supported", err);
    HL_TRY(read_context_before(n, c, r, err));
    HL_TRY(read_positive(n, "beta_fast", 32, &r->beta_fast, err));
    HL_TRY(read_positive(n, "beta_slow", 1, &r->beta_slow, err));
    if (!hl__node_get(n, "attention_factor")) return HL_OK;
    return read_positive(n, "attention_factor", 0, &r->magnitude, err);
}

static hl_status read_llama3(hl__node n, const hl__convert_config *c, hl__convert_rope *r,
                             hl_error *err) {
    r->kind = HL__ROPE_LLAMA3;
    HL_TRY(read_context_before(n, c, r, err));
    HL_TRY(read_positive(n, "low_freq_factor", 0, &r->low, err));
    HL_TRY(read_positive(n, "high_freq_factor", 0, &r->high, err));
    if (r->low < r->high) return HL_OK;
    return hl__node_fail(n, HL_EFORMAT, "low_freq_factor", "is not below high_freq_factor", err);
}

/* n: rope_scaling, or rope_parameters, which has the base as well. */
static hl_status read_scaling(hl__node n, const hl__convert_config *c, hl__convert_rope *r,
                              hl_error *err) {
    hl_str type;
    HL_TRY(hl__node_str(n, "rope_type", &type, err));
    if (!type.ptr) HL_TRY(hl__node_str(n, "type", &type, err));
    if (!type.ptr) return hl__node_fail(n, HL_EFORMAT, "rope_type", "is missing", err);
    if (hl_str_is(type, "default")) return HL_OK;
    bool linear = hl_str_is(type, "linear"), yarn = hl_str_is(type, "yarn");
    if (!linear && !yarn && !hl_str_is(type, "llama3"))
        return hl_fail(err, HL_EUNSUPPORTED, "convert",
                       "%s: %s of the kind \"%.*s\" is not supported", n.file, n.at,
                       HL_STR_ARG(hl_str_slice(type, 0, 40)));
    HL_TRY(read_positive(n, "factor", 0, &r->factor, err));
    r->kind = HL__ROPE_LINEAR;
    if (linear) return HL_OK;
    return yarn ? read_yarn(n, c, r, err) : read_llama3(n, c, r, err);
}

static hl_status read_rope(hl__node n, hl__convert_config *c, hl_error *err) {
    hl__convert_rope *r = &c->rope;
    hl__node part;
    r->base = 10000;
    HL_TRY(read_up_to(n, "rope_theta", THETA_MAX, &r->base, err));
    HL_TRY(hl__node_object(n, "rope_parameters", &part, err));
    if (part.object)
        HL_TRY(read_up_to(part, "rope_theta", THETA_MAX, &r->base, err));
    else
        HL_TRY(hl__node_object(n, "rope_scaling", &part, err));
    if (r->base < 1) return hl__node_fail(n, HL_EFORMAT, "rope_theta", "is below 1", err);
    return part.object ? read_scaling(part, c, r, err) : HL_OK;
}

hl_status hl__config_read(const hl__doc *config, hl__convert_config *ret, hl_error *err) {
    hl__node n = hl__doc_node(config);
    hl__convert_config c = {0};
    HL_TRY(read_family(n, &c.family, err));
    HL_TRY(refuse_strangers(n, err));
    HL_TRY(read_sizes(n, &c, err));
    HL_TRY(read_rope(n, &c, err));
    HL_ASSERT(c.n_heads_kv > 0 && c.n_heads % c.n_heads_kv == 0 && c.head_dim > 0);
    *ret = c;
    return HL_OK;
}

/* -- keys of the file -------------------------------------------------------------------------- */

typedef struct keys {
    const char *family;
    hl_arena *arena;
    hl_gguf_writer *w;
    hl_status st;
    hl_error *err;
} keys;

/* "llama.NAME" in the arena; NULL and a status when there is no memory or was an error. */
static const char *key_of(keys *k, const char *name) {
    if (k->st < 0) return NULL;
    size_t n = strlen(k->family), len = strlen(name);
    char *key = hl_arena_alloc(k->arena, n + len + 2);
    if (!key) {
        k->st = hl_fail(k->err, HL_ENOMEM, "convert", "no memory for the metadata");
        return NULL;
    }
    memcpy(key, k->family, n);
    key[n] = '.';
    memcpy(key + n + 1, name, len);
    return key;
}

static void put_u32(keys *k, const char *name, uint32_t u) {
    const char *key = key_of(k, name);
    if (key) k->st = hl_gguf_writer_set_u32(k->w, key, u, k->err);
}

static void put_f32(keys *k, const char *name, double f) {
    const char *key = key_of(k, name);
    if (key) k->st = hl_gguf_writer_set_f32(k->w, key, (float)f, k->err);
}

static void put_str(keys *k, const char *name, hl_str s) {
    const char *key = key_of(k, name);
    if (key) k->st = hl_gguf_writer_set_str(k->w, key, s, k->err);
}

static void put_yarn(keys *k, const hl__convert_rope *r) {
    put_str(k, "rope.scaling.type", HL_STR("yarn"));
    put_f32(k, "rope.scaling.factor", r->factor);
    put_u32(k, "rope.scaling.original_context_length", r->ctx_before);
    put_f32(k, "rope.scaling.yarn_beta_fast", r->beta_fast);
    put_f32(k, "rope.scaling.yarn_beta_slow", r->beta_slow);
    if (r->magnitude == 0) return;
    /* What GGUF has is multiplied by what the factor gives. */
    put_f32(k, "rope.scaling.attn_factor", r->magnitude / (1 + 0.1 * fmax(log(r->factor), 0)));
}

hl_status hl__config_declare(const hl__convert_config *c, hl_arena *a, hl_gguf_writer *w,
                             hl_error *err) {
    keys k = {hl__convert_family_name(c->family), a, w, HL_OK, err};
    HL_TRY(hl_gguf_writer_set_str(w, "general.architecture", hl_str_from(k.family), err));
    put_u32(&k, "block_count", c->n_layers);
    put_u32(&k, "context_length", c->ctx);
    put_u32(&k, "embedding_length", c->n_embd);
    put_u32(&k, "feed_forward_length", c->n_ff);
    put_u32(&k, "attention.head_count", c->n_heads);
    put_u32(&k, "attention.head_count_kv", c->n_heads_kv);
    put_u32(&k, "attention.key_length", c->head_dim);
    put_u32(&k, "attention.value_length", c->head_dim);
    put_f32(&k, "attention.layer_norm_rms_epsilon", c->norm_eps);
    put_u32(&k, "rope.dimension_count", c->head_dim);
    put_f32(&k, "rope.freq_base", c->rope.base);
    put_u32(&k, "vocab_size", c->n_vocab);
    if (c->rope.kind == HL__ROPE_YARN) put_yarn(&k, &c->rope);
    if (c->rope.kind == HL__ROPE_LINEAR) {
        put_str(&k, "rope.scaling.type", HL_STR("linear"));
        put_f32(&k, "rope.scaling.factor", c->rope.factor);
    }
    return k.st;
}

/* Slow pairs are stretched, fast ones stay, between them it is a ramp.  Source: the model card of
 * Llama 3.1 and its published reference. */
float hl__rope_divisor(const hl__convert_config *c, uint32_t i) {
    const hl__convert_rope *r = &c->rope;
    HL_ASSERT(r->kind == HL__ROPE_LLAMA3 && i < c->head_dim / 2);
    double freq = pow(r->base, -2.0 * i / c->head_dim);
    double turns = r->ctx_before * freq / TWO_PI;
    if (turns > r->high) return 1;
    if (turns < r->low) return (float)r->factor;
    double fast = (turns - r->low) / (r->high - r->low);
    return (float)(1 / ((1 - fast) / r->factor + fast));
}
