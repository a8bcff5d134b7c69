#include "base/mem.h"
#include "gguf/quantize.h"
#include "gguf/writer.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <strings.h>

enum { QUANTIZATION_VERSION = 2, CHUNK_WEIGHTS = 64 * HL_QK_K };

/* --- Names ---------------------------------------------------------------- */

static bool same_name(hl_str a, const char *b) {
    return a.len == strlen(b) && strncasecmp(a.ptr, b, a.len) == 0;
}

hl_status hl_quant_parse(hl_str name, hl_quant *ret, hl_error *err) {
#define X(text, file_type, dtype)                                                                  \
    if (same_name(name, #text)) {                                                                  \
        *ret = HL_QUANT_##text;                                                                    \
        return HL_OK;                                                                              \
    }
    HL_QUANT_MAP(X)
#undef X
#define X(text, file_type, dtype) " " #text
    return hl_fail(err, HL_EINVAL, "gguf",
                   "unknown quantisation '%.*s'; known are:" HL_QUANT_MAP(X), HL_STR_ARG(name));
#undef X
}

const char *hl_quant_file_type_name(uint32_t file_type) {
    static const char *const NAMES[] = {
        [0] = "F32",      [1] = "F16",      [2] = "Q4_0",    [3] = "Q4_1",    [7] = "Q8_0",
        [8] = "Q5_0",     [9] = "Q5_1",     [10] = "Q2_K",   [11] = "Q3_K_S", [12] = "Q3_K_M",
        [13] = "Q3_K_L",  [14] = "Q4_K_S",  [15] = "Q4_K_M", [16] = "Q5_K_S", [17] = "Q5_K_M",
        [18] = "Q6_K",    [19] = "IQ2_XXS", [20] = "IQ2_XS", [21] = "Q2_K_S", [22] = "IQ3_XS",
        [23] = "IQ3_XXS", [24] = "IQ1_S",   [25] = "IQ4_NL", [26] = "IQ3_S",  [27] = "IQ3_M",
        [28] = "IQ2_S",   [29] = "IQ2_M",   [30] = "IQ4_XS", [31] = "IQ1_M",  [32] = "BF16",
        [36] = "TQ1_0",   [37] = "TQ2_0",   [38] = "MXFP4"};
    return file_type < sizeof NAMES / sizeof NAMES[0] ? NAMES[file_type] : NULL;
}

/* --- Which type a tensor gets --------------------------------------------- */

/* What the rules ask of a model. */
typedef struct model_facts {
    uint32_t n_layers, n_experts, heads_per_kv_head;
    bool tied; /* the embedding is also the output */
} model_facts;

static uint32_t fact(const hl_gguf *g, hl_str architecture, const char *what) {
    char key[256];
    int len = snprintf(key, sizeof key, "%.*s.%s", HL_STR_ARG(architecture), what);
    uint32_t u = 0;
    if (len < 0 || (size_t)len >= sizeof key) return 0;
    return hl_gguf_get_u32(g, key, 0, &u, NULL) == HL_OK ? u : 0; /* an array, say: not known */
}

static model_facts facts_of(const hl_gguf *g) {
    hl_str architecture = HL_STR("");
    if (hl_gguf_get_str(g, "general.architecture", architecture, &architecture, NULL) < 0)
        architecture = HL_STR("");
    uint32_t n_heads = fact(g, architecture, "attention.head_count");
    uint32_t n_kv_heads = fact(g, architecture, "attention.head_count_kv");
    return (model_facts){.n_layers = fact(g, architecture, "block_count"),
                         .n_experts = fact(g, architecture, "expert_count"),
                         .heads_per_kv_head = n_kv_heads ? n_heads / n_kv_heads : 1,
                         .tied = !hl_gguf_find_tensor(g, HL_STR("output.weight"))};
}

static bool has(hl_str name, const char *part) {
    return hl_str_find(name, hl_str_from(part), 0) != SIZE_MAX;
}

/* The N of "blk.N.…"; UINT32_MAX if it has none. */
static uint32_t layer_of(hl_str name) {
    size_t i = sizeof "blk." - 1;
    if (!hl_str_starts(name, HL_STR("blk.")) || i == name.len || name.ptr[i] == '.')
        return UINT32_MAX;
    uint32_t n = 0;
    for (; i < name.len && name.ptr[i] != '.'; i++) {
        if (name.ptr[i] < '0' || name.ptr[i] > '9' || n > 9999999) return UINT32_MAX;
        n = n * 10 + (uint32_t)(name.ptr[i] - '0');
    }
    return n;
}

/* Tensors that are small, or whose few weights steer much, stay as they are. */
static bool stays(const hl_gguf_tensor *t) {
    static const char *const NAMES[] = {"norm.weight", "ffn_gate_inp", "position_embd",
                                        "token_types", "ssm_conv1d",   "shortconv.conv",
                                        "time_mix_",   "attn_rel_b"};
    if (t->n_dims < 2 || !hl_str_ends(t->name, HL_STR(".weight"))) return true;
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (has(t->name, NAMES[i])) return true;
    }
    return false;
}

/* The first and last eighth of the layers and every third between. */
static bool wants_more_bits(uint32_t layer, uint32_t n_layers) {
    uint32_t eighth = n_layers / 8;
    return layer < eighth || layer >= 7 * n_layers / 8 || (layer - eighth) % 3 == 2;
}

static hl_dtype base_type(hl_quant mix) {
    switch (mix) {
#define X(text, file_type, dtype)                                                                  \
    case HL_QUANT_##text: return HL_DTYPE_##dtype;
        HL_QUANT_MAP(X)
#undef X
    }
    hl_assert_failed(__FILE__, __LINE__, "a mix of the table");
}

static hl_dtype value_type(const model_facts *f, hl_quant mix, uint32_t layer) {
    bool medium = mix == HL_QUANT_Q4_K_M || mix == HL_QUANT_Q5_K_M;
    if (f->n_experts == 8) return HL_DTYPE_Q8_0; /* shared by all experts: costs little */
    if (medium && wants_more_bits(layer, f->n_layers)) return HL_DTYPE_Q6_K;
    if (mix == HL_QUANT_Q4_K_S && layer < 4) return HL_DTYPE_Q5_K;
    /* Large models in which eight heads read the same values. */
    bool shared = f->n_layers == 80 && f->heads_per_kv_head == 8;
    return shared && base_type(mix) == HL_DTYPE_Q4_K ? HL_DTYPE_Q5_K : base_type(mix);
}

static hl_dtype down_type(const model_facts *f, hl_quant mix, uint32_t layer) {
    bool medium = mix == HL_QUANT_Q4_K_M || mix == HL_QUANT_Q5_K_M;
    if (medium && wants_more_bits(layer, f->n_layers)) return HL_DTYPE_Q6_K;
    return mix == HL_QUANT_Q4_K_S && layer < f->n_layers / 8 ? HL_DTYPE_Q5_K : base_type(mix);
}

static hl_dtype wanted_type(const model_facts *f, hl_quant mix, hl_str name) {
    hl_dtype base = base_type(mix);
    if (hl_dtype_lookup(base).block_weights == 1) return base;
    if (hl_str_is(name, "output.weight") || (f->tied && hl_str_is(name, "token_embd.weight")))
        return mix == HL_QUANT_Q8_0 ? HL_DTYPE_Q8_0 : HL_DTYPE_Q6_K;
    uint32_t layer = layer_of(name);
    if (layer >= f->n_layers) return base;
    if (has(name, "attn_v.weight")) return value_type(f, mix, layer);
    if (has(name, "ffn_down")) return down_type(f, mix, layer);
    if (has(name, "attn_k.weight") && f->n_experts == 8) return HL_DTYPE_Q8_0;
    if (has(name, "attn_output.weight") && f->n_experts == 8 && base == HL_DTYPE_Q4_K)
        return HL_DTYPE_Q5_K;
    if (has(name, "attn_qkv.weight") && mix == HL_QUANT_Q4_K_M) return HL_DTYPE_Q5_K;
    if (has(name, "attn_qkv.weight") && mix == HL_QUANT_Q5_K_M) return HL_DTYPE_Q6_K;
    return base;
}

/* Rows that the wanted blocks do not divide take 8 bits, or 16. */
static hl_dtype fitting_type(hl_dtype wanted, uint64_t row) {
    if (row % hl_dtype_lookup(wanted).block_weights == 0) return wanted;
    return row % HL_QK == 0 ? HL_DTYPE_Q8_0 : HL_DTYPE_F16;
}

void hl_quant_plan(const hl_gguf *g, hl_quant mix, uint32_t *ret) {
    model_facts facts = facts_of(g);
    for (size_t i = 0; i < hl_gguf_n_tensors(g); i++) {
        const hl_gguf_tensor *t = hl_gguf_tensor_at(g, i);
        ret[i] = stays(t) ? t->type : fitting_type(wanted_type(&facts, mix, t->name), t->dims[0]);
    }
}

/* --- Writing -------------------------------------------------------------- */

/* Buffers of one conversion. */
typedef struct chunk {
    float f32[CHUNK_WEIGHTS];
    _Alignas(8) uint8_t blocks[CHUNK_WEIGHTS * sizeof(float)];
} chunk;

/* The largest weight that the type holds; blocks have scales in F16. */
static float weight_max(hl_dtype t) {
    return t == HL_DTYPE_F32 ? FLT_MAX : t == HL_DTYPE_BF16 ? 0x1.FEp127f : 65504;
}

static hl_status check_weights(const float *x, size_t n, float max, hl_error *err) {
    for (size_t i = 0; i < n; i++) {
        if (!(fabsf(x[i]) <= max))
            return hl_fail(err, HL_EFORMAT, "gguf", "a weight is %g", (double)x[i]);
    }
    return HL_OK;
}

static hl_status convert(hl_gguf_writer *w, const hl_gguf_tensor *t, hl_dtype to, chunk *c,
                         hl_error *err) {
    hl_dtype_info from = hl_dtype_lookup(t->type);
    HL_ASSERT(from.computes && CHUNK_WEIGHTS % from.block_weights == 0);
    size_t n_weights = t->data.len / from.block_bytes * from.block_weights;
    for (size_t at = 0; at < n_weights; at += CHUNK_WEIGHTS) {
        size_t n = n_weights - at < CHUNK_WEIGHTS ? n_weights - at : CHUNK_WEIGHTS;
        const uint8_t *blocks = t->data.ptr + at / from.block_weights * from.block_bytes;
        hl_dtype_to_f32((hl_dtype)t->type, blocks, c->f32, n);
        HL_TRY(check_weights(c->f32, n, weight_max(to), err));
        hl_dtype_from_f32(to, c->f32, c->blocks, n);
        HL_TRY(hl_gguf_writer_write(w, (hl_bytes){c->blocks, hl_dtype_bytes(to, n)}, err));
    }
    return HL_OK;
}

static hl_status declare(const hl_gguf *g, hl_quant mix, const uint32_t *types, hl_gguf_writer *w,
                         hl_error *err) {
    HL_TRY(hl_gguf_writer_copy_values(w, g, err));
    HL_TRY(hl_gguf_writer_set_u32(w, "general.file_type", mix, err));
    HL_TRY(hl_gguf_writer_set_u32(w, "general.quantization_version", QUANTIZATION_VERSION, err));
    for (size_t i = 0; i < hl_gguf_n_tensors(g); i++) {
        hl_gguf_tensor t = *hl_gguf_tensor_at(g, i);
        bool source = t.type == HL_DTYPE_F32 || t.type == HL_DTYPE_F16 || t.type == HL_DTYPE_BF16 ||
                      t.type == HL_DTYPE_Q8_0;
        if (t.type != types[i] && !source)
            return hl_fail(err, HL_EUNSUPPORTED, "gguf",
                           "tensor %.*s is %s; only F32, F16, BF16 and Q8_0 can be quantised",
                           HL_STR_ARG(t.name), hl_dtype_name((hl_dtype)t.type));
        t.type = types[i];
        HL_TRY(hl_gguf_writer_add_tensor(w, &t, err));
    }
    return HL_OK;
}

static hl_status write_tensors(const hl_gguf *g, const uint32_t *types, hl_gguf_writer *w, chunk *c,
                               const hl_quant_progress *progress, hl_error *err) {
    uint64_t total = 0, done = 0;
    for (size_t i = 0; i < hl_gguf_n_tensors(g); i++) total += hl_gguf_tensor_at(g, i)->data.len;
    for (size_t i = 0; i < hl_gguf_n_tensors(g); i++) {
        const hl_gguf_tensor *t = hl_gguf_tensor_at(g, i);
        hl_status st = t->type == types[i] ? hl_gguf_writer_write(w, t->data, err)
                                           : convert(w, t, (hl_dtype)types[i], c, err);
        if (st < 0) {
            hl_error_prefix(err, "tensor %.*s", HL_STR_ARG(t->name));
            return st;
        }
        done += t->data.len;
        if (progress) progress->report(progress->user, t, done, total);
    }
    return HL_OK;
}

hl_status hl_gguf_quantize(const hl_gguf *g, hl_quant mix, const char *path,
                           const hl_quant_progress *progress, hl_error *err) {
    hl_gguf_writer *w = NULL;
    uint32_t *types = hl_calloc(hl_gguf_n_tensors(g), sizeof *types);
    chunk *c = hl_alloc_aligned(_Alignof(chunk), sizeof *c);
    hl_status st = HL_OK;
    if (!types || !c) {
        st = hl_fail(err, HL_ENOMEM, "gguf", "no memory to quantise");
        goto end;
    }
    hl_quant_plan(g, mix, types);
    st = hl_gguf_writer_create(&w, err);
    if (st == HL_OK) st = declare(g, mix, types, w, err);
    if (st == HL_OK) st = hl_gguf_writer_open(w, path, err);
    if (st == HL_OK) st = write_tensors(g, types, w, c, progress, err);
    if (st == HL_OK) st = hl_gguf_writer_commit(w, err);
end:
    hl_gguf_writer_destroy(w);
    hl_free(types);
    hl_free(c);
    return st;
}
