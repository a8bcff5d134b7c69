#include "store/convert_plan.h"

#include <stdio.h>

enum { NAME_BYTES = 128, ENDS = 4 /* tensors outside of layers */ };

/* -- what a family consists of ------------------------------------------------------------------
 */

typedef enum size { SIZE_ONE, SIZE_EMBD, SIZE_Q, SIZE_KV, SIZE_FF, SIZE_HEAD, SIZE_VOCAB } size;

enum {
    IN_LLAMA = 1 << HL__CONVERT_LLAMA,
    IN_QWEN2 = 1 << HL__CONVERT_QWEN2,
    IN_QWEN3 = 1 << HL__CONVERT_QWEN3,
    IN_ALL = IN_LLAMA | IN_QWEN2 | IN_QWEN3
};

typedef struct row {
    const char *ours, *theirs;
    size rows, cols; /* rows SIZE_ONE: a vector */
    int families;
    bool pairs; /* rows that turn in pairs: permuted for llama */
    bool bias;  /* of llama's attention_bias */
} row;

static const row LAYER[] = {
    {"attn_norm.weight", "input_layernorm.weight", SIZE_ONE, SIZE_EMBD, IN_ALL, false, false},
    {"attn_q.weight", "self_attn.q_proj.weight", SIZE_Q, SIZE_EMBD, IN_ALL, true, false},
    {"attn_q.bias", "self_attn.q_proj.bias", SIZE_ONE, SIZE_Q, IN_LLAMA | IN_QWEN2, true, true},
    {"attn_k.weight", "self_attn.k_proj.weight", SIZE_KV, SIZE_EMBD, IN_ALL, true, false},
    {"attn_k.bias", "self_attn.k_proj.bias", SIZE_ONE, SIZE_KV, IN_LLAMA | IN_QWEN2, true, true},
    {"attn_v.weight", "self_attn.v_proj.weight", SIZE_KV, SIZE_EMBD, IN_ALL, false, false},
    {"attn_v.bias", "self_attn.v_proj.bias", SIZE_ONE, SIZE_KV, IN_LLAMA | IN_QWEN2, false, true},
    {"attn_q_norm.weight", "self_attn.q_norm.weight", SIZE_ONE, SIZE_HEAD, IN_QWEN3, false, false},
    {"attn_k_norm.weight", "self_attn.k_norm.weight", SIZE_ONE, SIZE_HEAD, IN_QWEN3, false, false},
    {"attn_output.weight", "self_attn.o_proj.weight", SIZE_EMBD, SIZE_Q, IN_ALL, false, false},
    {"attn_output.bias", "self_attn.o_proj.bias", SIZE_ONE, SIZE_EMBD, IN_LLAMA, false, true},
    {"ffn_norm.weight", "post_attention_layernorm.weight", SIZE_ONE, SIZE_EMBD, IN_ALL, false,
     false},
    {"ffn_gate.weight", "mlp.gate_proj.weight", SIZE_FF, SIZE_EMBD, IN_ALL, false, false},
    {"ffn_up.weight", "mlp.up_proj.weight", SIZE_FF, SIZE_EMBD, IN_ALL, false, false},
    {"ffn_down.weight", "mlp.down_proj.weight", SIZE_EMBD, SIZE_FF, IN_ALL, false, false},
};
enum { N_LAYER = sizeof LAYER / sizeof LAYER[0] };

static const row EMBEDDING = {
    "token_embd.weight", "embed_tokens.weight", SIZE_VOCAB, SIZE_EMBD, IN_ALL, false, false};
static const row NORM = {
    "output_norm.weight", "norm.weight", SIZE_ONE, SIZE_EMBD, IN_ALL, false, false};
static const row OUTPUT = {
    "output.weight", "lm_head.weight", SIZE_VOCAB, SIZE_EMBD, IN_ALL, false, false};

/* Computed from other sizes, written by old programs; or the embedding again. */
static bool is_left_out(const hl__convert_config *c, hl_str name) {
    return hl_str_ends(name, HL_STR("rotary_emb.inv_freq")) ||
           (c->tied && hl_str_is(name, OUTPUT.theirs));
}

static uint64_t size_of(const hl__convert_config *c, size s) {
    switch (s) {
    case SIZE_ONE: return 1;
    case SIZE_EMBD: return c->n_embd;
    case SIZE_Q: return (uint64_t)c->n_heads * c->head_dim;
    case SIZE_KV: return (uint64_t)c->n_heads_kv * c->head_dim;
    case SIZE_FF: return c->n_ff;
    case SIZE_HEAD: return c->head_dim;
    case SIZE_VOCAB: return c->n_vocab;
    }
    hl_assert_failed(__FILE__, __LINE__, "a size of the table");
}

static bool has(const hl__convert_config *c, const row *r) {
    if (!(r->families & 1 << c->family)) return false;
    return !r->bias || c->family != HL__CONVERT_LLAMA || c->attention_bias;
}

/* -- one tensor -------------------------------------------------------------------------------- */

typedef struct making {
    const hl__convert_config *config;
    const hl__weights *weights;
    int type;
    hl_arena *arena;
    hl__convert_plan *plan;
    size_t n_used; /* tensors of the directory that have a place */
} making;

/* Published with or without "model." before it. */
static const hl__st_tensor *find(const making *m, const char *name) {
    const hl__st_tensor *t = hl__weights_find(m->weights, hl_str_from(name));
    if (t || !hl_str_starts(hl_str_from(name), HL_STR("model."))) return t;
    return hl__weights_find(m->weights, hl_str_from(name + sizeof "model." - 1));
}

static hl_status check_shape(const hl__st_tensor *t, uint64_t rows, uint64_t cols, bool vector,
                             hl_error *err) {
    if (t->type == HL__ST_OTHER)
        return hl_fail(err, HL_EUNSUPPORTED, "convert",
                       "tensor %.*s is of the type %s; only F32, F16 and BF16 are converted",
                       HL_STR_ARG(t->name), t->type_name);
    bool fits = vector ? t->n_dims == 1 && t->dims[0] == cols
                       : t->n_dims == 2 && t->dims[0] == rows && t->dims[1] == cols;
    if (fits) return HL_OK;
    return hl_fail(err, HL_EFORMAT, "convert",
                   "tensor %.*s has %u dimensions [%llu, %llu], config.json wants [%llu, %llu]",
                   HL_STR_ARG(t->name), t->n_dims, (unsigned long long)t->dims[0],
                   (unsigned long long)t->dims[1], (unsigned long long)(vector ? cols : rows),
                   (unsigned long long)(vector ? 0 : cols));
}

static hl_dtype type_for(const making *m, const hl__st_tensor *from, bool vector) {
    if (vector) return HL_DTYPE_F32;
    if (m->type >= 0) return (hl_dtype)m->type;
    return from->type == HL__ST_BF16 ? HL_DTYPE_BF16 : HL_DTYPE_F16;
}

static hl_status push(making *m, const char *name, const hl__convert_tensor *t, hl_error *err) {
    hl__convert_plan *p = m->plan;
    HL_ASSERT(p->n < p->cap);
    p->tensors[p->n] = *t;
    p->tensors[p->n].to.name = hl_arena_str(m->arena, hl_str_from(name));
    if (!p->tensors[p->n].to.name.ptr)
        return hl_fail(err, HL_ENOMEM, "convert", "no memory for a tensor's name");
    p->n++;
    p->bytes += t->from ? t->from->bytes : 0;
    return HL_OK;
}

static hl_status take(making *m, const row *r, const char *ours, const char *theirs,
                      hl_error *err) {
    uint64_t rows = size_of(m->config, r->rows), cols = size_of(m->config, r->cols);
    bool vector = r->rows == SIZE_ONE;
    hl__convert_tensor t = {.from = find(m, theirs)};
    if (!t.from) return hl_fail(err, HL_EFORMAT, "convert", "tensor %s is missing", theirs);
    HL_TRY(check_shape(t.from, rows, cols, vector, err));
    bool permuted = r->pairs && m->config->family == HL__CONVERT_LLAMA;
    t.head_rows = permuted ? m->config->head_dim : 0;
    t.to = (hl_gguf_tensor){
        .type = type_for(m, t.from, vector), .n_dims = vector ? 1 : 2, .dims = {cols, rows, 1, 1}};
    m->n_used++;
    return push(m, ours, &t, err);
}

/* -- all --------------------------------------------------------------------------------------- */

static hl_status take_ends(making *m, hl_error *err) {
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof name, "model.%s", EMBEDDING.theirs);
    HL_TRY(take(m, &EMBEDDING, EMBEDDING.ours, name, err));
    m->plan->type = (hl_dtype)m->plan->tensors[0].to.type;
    (void)snprintf(name, sizeof name, "model.%s", NORM.theirs);
    HL_TRY(take(m, &NORM, NORM.ours, name, err));
    if (!m->config->tied) HL_TRY(take(m, &OUTPUT, OUTPUT.ours, OUTPUT.theirs, err));
    if (m->config->rope.kind != HL__ROPE_LLAMA3) return HL_OK;
    hl__convert_tensor divisors = {
        .to = {.type = HL_DTYPE_F32, .n_dims = 1, .dims = {m->config->head_dim / 2, 1, 1, 1}}};
    return push(m, "rope_freqs.weight", &divisors, err);
}

static hl_status take_layer(making *m, uint32_t layer, hl_error *err) {
    char ours[NAME_BYTES], theirs[NAME_BYTES];
    for (size_t i = 0; i < N_LAYER; i++) {
        if (!has(m->config, &LAYER[i])) continue;
        (void)snprintf(ours, sizeof ours, "blk.%u.%s", layer, LAYER[i].ours);
        (void)snprintf(theirs, sizeof theirs, "model.layers.%u.%s", layer, LAYER[i].theirs);
        HL_TRY(take(m, &LAYER[i], ours, theirs, err));
    }
    return HL_OK;
}

static bool is_used(const hl__convert_plan *p, const hl__st_tensor *t) {
    for (size_t i = 0; i < p->n; i++) {
        if (p->tensors[i].from == t) return true;
    }
    return false;
}

/* A tensor without a place is arithmetic that would be missing. */
static hl_status refuse_strangers(const making *m, hl_error *err) {
    size_t n = hl__weights_n(m->weights), n_left_out = 0;
    for (size_t i = 0; i < n; i++)
        n_left_out += is_left_out(m->config, hl__weights_at(m->weights, i)->name);
    if (m->n_used + n_left_out == n) return HL_OK;
    for (size_t i = 0; i < n; i++) {
        const hl__st_tensor *t = hl__weights_at(m->weights, i);
        if (is_left_out(m->config, t->name) || is_used(m->plan, t)) continue;
        return hl_fail(err, HL_EUNSUPPORTED, "convert",
                       "tensor %.*s is not part of the family %s as this program knows it",
                       HL_STR_ARG(t->name), hl__convert_family_name(m->config->family));
    }
    return HL_OK;
}

hl_status hl__plan_make(const hl__convert_config *c, const hl__weights *w, int type, hl_arena *a,
                        hl__convert_plan *ret, hl_error *err) {
    hl__convert_plan plan = {.cap = (size_t)c->n_layers * N_LAYER + ENDS};
    making m = {c, w, type, a, &plan, 0};
    plan.tensors = HL_ARENA_ARRAY(a, plan.cap, hl__convert_tensor);
    if (!plan.tensors) return hl_fail(err, HL_ENOMEM, "convert", "no memory for the tensors");
    HL_TRY(take_ends(&m, err));
    for (uint32_t i = 0; i < c->n_layers; i++) HL_TRY(take_layer(&m, i, err));
    HL_TRY(refuse_strangers(&m, err));
    HL_ASSERT(plan.n <= plan.cap && plan.bytes > 0);
    *ret = plan;
    return HL_OK;
}
