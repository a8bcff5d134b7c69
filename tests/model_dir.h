/* model_dir.h: model directories as training frameworks publish them, with weights that can be told
 * apart, to be changed before they are written. */
#pragma once

#include "base/json.h"
#include "base/utf8.h"
#include "gguf/dtype.h"
#include "temp_dir.h"

#include <stdio.h>
#include <sys/stat.h>

enum { MODEL_DIR_FILES_MAX = 3, MODEL_DIR_VOCAB = 272 };

typedef struct model_dir {
    const char *family; /* "llama" (default), "qwen2", "qwen3" */
    const char *type;   /* "BF16" (default), "F16", "F32" or any other text, of 2 bytes */
    uint32_t n_layers, n_embd, n_heads, n_heads_kv, head_dim, n_ff;
    bool untied, bias;       /* bias: of llama's attention */
    unsigned n_files;        /* 0: one; else so many, with an index */
    const char *prefix;      /* of tensors' names, "model." by default */
    const char *more_config; /* further members of config.json: "\"a\": 1, " */
    const char *without;     /* the tensor of this name is left out */
    const char *wide;        /* … of this name has one column more */
    const char *extra;       /* a tensor of this name is added */
    float first;             /* of every matrix; 0: none */
    bool underlines;         /* a vocabulary in SentencePiece's way */
    char dir[64];
    hl_buf header[MODEL_DIR_FILES_MAX], data[MODEL_DIR_FILES_MAX], index;
    size_t n_tensors;
} model_dir;

/* Of element i of the published tensor: exact in every type. */
static inline float model_dir_value(const char *name, uint64_t i) {
    uint32_t h = 17;
    for (const char *p = name; *p; p++) h = h * 31 + (uint8_t)*p;
    return (float)((int)((h + i * 7) % 251) - 125) / 256;
}

/* -- files ------------------------------------------------------------------------------------- */

static inline void model_dir_put(const model_dir *d, const char *name, const void *data, size_t n) {
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", d->dir, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static inline void model_dir_text(const model_dir *d, const char *name, const char *text) {
    model_dir_put(d, name, text, strlen(text));
}

static inline void model_dir_remove(const model_dir *d, const char *name) {
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", d->dir, name);
    assert_int_equal(unlink(path), 0);
}

/* -- weights ----------------------------------------------------------------------------------- */

static inline void model_dir_number(hl_buf *b, const char *type, float f) {
    uint16_t half = strcmp(type, "F16") == 0 ? hl_f32_to_f16(f) : hl_f32_to_bf16(f);
    if (strcmp(type, "F32") == 0)
        hl_buf_append(b, &f, sizeof f);
    else
        hl_buf_append(b, &half, sizeof half);
}

/* rows 0: a vector. */
static inline void model_dir_tensor(model_dir *d, const char *name, uint64_t rows, uint64_t cols) {
    if (d->without && strcmp(d->without, name) == 0) return;
    if (d->wide && strcmp(d->wide, name) == 0) cols++;
    unsigned file = (unsigned)(d->n_tensors++ % (d->n_files ? d->n_files : 1));
    hl_buf *h = &d->header[file], *data = &d->data[file];
    size_t from = data->len;
    for (uint64_t i = 0; i < (rows ? rows : 1) * cols; i++)
        model_dir_number(data, d->type,
                         i == 0 && rows && d->first != 0 ? d->first : model_dir_value(name, i));
    hl_buf_printf(h, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", h->len ? "," : "{", name, d->type);
    if (rows) hl_buf_printf(h, "%llu,", (unsigned long long)rows);
    hl_buf_printf(h, "%llu],\"data_offsets\":[%zu,%zu]}", (unsigned long long)cols, from,
                  data->len);
    hl_buf_printf(&d->index, "%s\"%s\":\"model-%u.safetensors\"", d->index.len ? "," : "", name,
                  file);
}

static inline void model_dir_layer(model_dir *d, uint32_t layer) {
    uint64_t n = d->n_embd, q = (uint64_t)d->n_heads * d->head_dim,
             kv = (uint64_t)d->n_heads_kv * d->head_dim;
    const struct {
        const char *name;
        uint64_t rows, cols;
        bool there;
    } rows[] = {
        {"input_layernorm.weight", 0, n, true},
        {"self_attn.q_proj.weight", q, n, true},
        {"self_attn.k_proj.weight", kv, n, true},
        {"self_attn.v_proj.weight", kv, n, true},
        {"self_attn.o_proj.weight", n, q, true},
        {"self_attn.q_proj.bias", 0, q, d->bias},
        {"self_attn.k_proj.bias", 0, kv, d->bias},
        {"self_attn.v_proj.bias", 0, kv, d->bias},
        {"self_attn.o_proj.bias", 0, n, d->bias && strcmp(d->family, "llama") == 0},
        {"self_attn.q_norm.weight", 0, d->head_dim, strcmp(d->family, "qwen3") == 0},
        {"self_attn.k_norm.weight", 0, d->head_dim, strcmp(d->family, "qwen3") == 0},
        {"post_attention_layernorm.weight", 0, n, true},
        {"mlp.gate_proj.weight", d->n_ff, n, true},
        {"mlp.up_proj.weight", d->n_ff, n, true},
        {"mlp.down_proj.weight", n, d->n_ff, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char name[128];
        (void)snprintf(name, sizeof name, "%slayers.%u.%s", d->prefix, layer, rows[i].name);
        if (rows[i].there) model_dir_tensor(d, name, rows[i].rows, rows[i].cols);
    }
}

static inline void model_dir_file(const model_dir *d, const char *name, const hl_buf *header,
                                  const hl_buf *data) {
    hl_buf all = {0};
    uint64_t n = header->len;
    hl_buf_append(&all, &n, 8);
    hl_buf_append(&all, header->ptr, header->len);
    hl_buf_append(&all, data->ptr, data->len);
    assert_int_equal(all.failed, HL_OK);
    model_dir_put(d, name, all.ptr, all.len);
    hl_buf_deinit(&all);
}

static inline void model_dir_weights(model_dir *d) {
    char name[128];
    (void)snprintf(name, sizeof name, "%sembed_tokens.weight", d->prefix);
    model_dir_tensor(d, name, MODEL_DIR_VOCAB, d->n_embd);
    for (uint32_t i = 0; i < d->n_layers; i++) model_dir_layer(d, i);
    (void)snprintf(name, sizeof name, "%snorm.weight", d->prefix);
    model_dir_tensor(d, name, 0, d->n_embd);
    if (d->untied) model_dir_tensor(d, "lm_head.weight", MODEL_DIR_VOCAB, d->n_embd);
    if (d->extra) model_dir_tensor(d, d->extra, 0, 4);
    for (unsigned i = 0; i < (d->n_files ? d->n_files : 1); i++) {
        hl_buf_append_cstr(&d->header[i], "}");
        (void)snprintf(name, sizeof name, d->n_files ? "model-%u.safetensors" : "model.safetensors",
                       i);
        model_dir_file(d, name, &d->header[i], &d->data[i]);
    }
    if (!d->n_files) return;
    hl_buf all = {0};
    hl_buf_printf(&all, "{\"metadata\":{},\"weight_map\":{%s}}", d->index.ptr);
    model_dir_put(d, "model.safetensors.index.json", all.ptr, all.len);
    hl_buf_deinit(&all);
}

/* -- texts ------------------------------------------------------------------------------------- */

static inline void model_dir_config(const model_dir *d) {
    const char *architecture = strcmp(d->family, "llama") == 0   ? "LlamaForCausalLM"
                               : strcmp(d->family, "qwen2") == 0 ? "Qwen2ForCausalLM"
                                                                 : "Qwen3ForCausalLM";
    hl_buf b = {0};
    hl_buf_printf(&b,
                  "{%s\"architectures\":[\"%s\"],\"hidden_size\":%u,\"intermediate_size\":%u,"
                  "\"num_hidden_layers\":%u,\"num_attention_heads\":%u,\"num_key_value_heads\":%u,"
                  "\"head_dim\":%u,\"vocab_size\":%d,\"max_position_embeddings\":256,"
                  "\"rms_norm_eps\":1e-05,\"rope_theta\":500000,\"hidden_act\":\"silu\","
                  "\"attention_bias\":%s,\"tie_word_embeddings\":%s,\"eos_token_id\":257}",
                  d->more_config ? d->more_config : "", architecture, d->n_embd, d->n_ff,
                  d->n_layers, d->n_heads, d->n_heads_kv, d->head_dim, MODEL_DIR_VOCAB,
                  d->bias ? "true" : "false", d->untied ? "false" : "true");
    model_dir_put(d, "config.json", b.ptr, b.len);
    hl_buf_deinit(&b);
}

/* The printable character that stands for a byte in byte-level vocabularies. */
static inline uint32_t model_dir_symbol(uint32_t byte) {
    uint32_t extra = 0;
    for (uint32_t b = 0;; b++) {
        bool keeps = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
        if (b == byte) return keeps ? b : 256 + extra;
        extra += !keeps;
    }
}

/* 256 bytes, then "he", "ll"; 257 and 260 are special. */
static inline void model_dir_bytes(hl_buf *b) {
    for (uint32_t i = 0; i < 256; i++) {
        char text[4];
        size_t n = hl_utf8_encode(model_dir_symbol(i), text);
        hl_json_append_string(b, (hl_str){text, n});
        hl_buf_printf(b, ":%u,", i);
    }
    hl_buf_append_cstr(b, "\"he\":256,\"ll\":258},\"merges\":[\"h e\",[\"l\",\"l\"]]},");
}

/* <unk>, <s>, </s>, bytes, then pieces. */
static inline void model_dir_pieces(hl_buf *b) {
    static const char *const PIECES[] = {"\u2581", "h", "e", "l", "o", "he", "ll", "\u2581he"};
    hl_buf_append_cstr(b, "\"<unk>\":0,\"<s>\":1,\"</s>\":2,");
    for (uint32_t i = 0; i < 256; i++) hl_buf_printf(b, "\"<0x%02X>\":%u,", i, i + 3);
    for (uint32_t i = 0; i < 8; i++)
        hl_buf_printf(b, "\"%s\":%u%s", PIECES[i], i + 259, i < 7 ? "," : "},");
    hl_buf_append_cstr(b, "\"byte_fallback\":true,\"unk_token\":\"<unk>\","
                          "\"merges\":[\"h e\",\"l l\",\"\u2581 he\"]},");
}

#define MODEL_DIR_QWEN2                                                                            \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}|"               \
    " ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+"

static inline void model_dir_tokenizer(const model_dir *d) {
    hl_buf b = {0};
    hl_buf_append_cstr(&b, "{\"version\":\"1.0\",\"model\":{\"type\":\"BPE\",\"vocab\":{");
    if (d->underlines) {
        model_dir_pieces(&b);
        hl_buf_append_cstr(
            &b, "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":["
                "{\"type\":\"Prepend\",\"prepend\":\"\u2581\"},"
                "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"\u2581\"}]},"
                "\"added_tokens\":[{\"id\":0,\"content\":\"<unk>\",\"special\":true},"
                "{\"id\":1,\"content\":\"<s>\",\"special\":true},"
                "{\"id\":2,\"content\":\"</s>\",\"special\":true}]}");
    } else {
        model_dir_bytes(&b);
        hl_buf_append_cstr(
            &b, "\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\","
                "\"pattern\":{\"Regex\":\"" MODEL_DIR_QWEN2 "\"},\"behavior\":\"Isolated\","
                "\"invert\":false},{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"
                "\"use_regex\":false}]},"
                "\"added_tokens\":[{\"id\":257,\"content\":\"<|end|>\",\"special\":true},"
                "{\"id\":259,\"content\":\"<tool>\",\"special\":false},"
                "{\"id\":260,\"content\":\"<|begin|>\",\"special\":true}]}");
    }
    model_dir_put(d, "tokenizer.json", b.ptr, b.len);
    hl_buf_deinit(&b);
}

/* -- all --------------------------------------------------------------------------------------- */

/* d has what differs from the defaults. */
static inline void model_dir_write(model_dir *d) {
    if (!d->family) d->family = "llama";
    if (!d->type) d->type = "BF16";
    if (!d->n_layers) d->n_layers = 2;
    if (!d->n_embd) d->n_embd = 64;
    if (!d->n_heads) d->n_heads = 4;
    if (!d->n_heads_kv) d->n_heads_kv = 2;
    if (!d->head_dim) d->head_dim = 16;
    if (!d->n_ff) d->n_ff = 96;
    if (!d->prefix) d->prefix = "model.";
    if (strcmp(d->family, "qwen2") == 0) d->bias = true;
    assert_true(d->n_files <= MODEL_DIR_FILES_MAX);
    if (!d->dir[0]) temp_dir_make(d->dir);
    model_dir_weights(d);
    model_dir_config(d);
    model_dir_tokenizer(d);
    model_dir_text(d, "tokenizer_config.json",
                   "{\"bos_token\":null,\"eos_token\":{\"content\":\"<|end|>\"},"
                   "\"chat_template\":\"{{ messages[0].content }}\"}");
    model_dir_text(d, "generation_config.json", "{\"eos_token_id\":[257,260]}");
}

static inline void model_dir_deinit(model_dir *d) {
    for (size_t i = 0; i < MODEL_DIR_FILES_MAX; i++) {
        hl_buf_deinit(&d->header[i]);
        hl_buf_deinit(&d->data[i]);
    }
    hl_buf_deinit(&d->index);
    if (d->dir[0]) temp_dir_remove(d->dir);
}
