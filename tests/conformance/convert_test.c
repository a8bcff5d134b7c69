/* Reference models as directories of safetensors, converted back: the same tensors to the byte, the
 * same ids, the same template, and the reference's logits. */
#include "conformance/families.h"

#include "base/fs.h"
#include "store/convert.h"
#include "temp_dir.h"
#include "text/tokenizer.h"

#include <sys/wait.h>

enum { CTX = 512, PROMPTS_MAX = 4 };
static const double TOLERANCE = 0.02; /* as logits_test.c's for F16 */

/* A model as it is published; its weights are those of `g`. */
typedef struct published {
    const hl_gguf *g;
    const char *config;
    size_t n_heads, n_heads_kv; /* whose rows GGUF permutes; 0: does not */
    bool f32;                   /* matrices too; else F16 */
} published;

/* -- the way there ----------------------------------------------------------------------------- */

static const char *const NAMES[][2] = {
    {"token_embd.weight", "model.embed_tokens.weight"},
    {"output_norm.weight", "model.norm.weight"},
    {"output.weight", "lm_head.weight"},
    {"attn_norm.weight", "input_layernorm.weight"},
    {"attn_q.weight", "self_attn.q_proj.weight"},
    {"attn_k.weight", "self_attn.k_proj.weight"},
    {"attn_v.weight", "self_attn.v_proj.weight"},
    {"attn_q.bias", "self_attn.q_proj.bias"},
    {"attn_k.bias", "self_attn.k_proj.bias"},
    {"attn_v.bias", "self_attn.v_proj.bias"},
    {"attn_q_norm.weight", "self_attn.q_norm.weight"},
    {"attn_k_norm.weight", "self_attn.k_norm.weight"},
    {"attn_output.weight", "self_attn.o_proj.weight"},
    {"ffn_norm.weight", "post_attention_layernorm.weight"},
    {"ffn_gate.weight", "mlp.gate_proj.weight"},
    {"ffn_up.weight", "mlp.up_proj.weight"},
    {"ffn_down.weight", "mlp.down_proj.weight"},
};

static void published_name(hl_str ours, char ret[128]) {
    unsigned layer = 0;
    int at = 0;
    char name[64];
    assert_true(ours.len < sizeof name);
    memcpy(name, ours.ptr, ours.len);
    name[ours.len] = '\0';
    if (sscanf(name, "blk.%u.%n", &layer, &at) < 1) at = 0;
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (strcmp(name + at, NAMES[i][0]) != 0) continue;
        if (at)
            (void)snprintf(ret, 128, "model.layers.%u.%s", layer, NAMES[i][1]);
        else
            (void)snprintf(ret, 128, "%s", NAMES[i][1]);
        return;
    }
    fail_msg("no published name of %s", name);
}

/* The inverse of GGUF's llama layout, as published: first halves, then second ones. */
static void unpermute(float *x, size_t rows, size_t cols, size_t n_heads) {
    if (n_heads == 0) return;
    size_t n = rows / n_heads, half = n / 2;
    float *copy = malloc(rows * cols * sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, x, rows * cols * sizeof *copy);
    for (size_t row = 0; row < rows; row++) {
        size_t i = row % n, to = row - i + i % 2 * half + i / 2;
        memcpy(x + to * cols, copy + row * cols, cols * sizeof *x);
    }
    free(copy);
}

static void put_tensor(hl_buf *header, hl_buf *data, const hl_gguf_tensor *t, const published *p) {
    char name[128];
    size_t n = (size_t)(t->dims[0] * t->dims[1]), from = data->len;
    float *x = malloc(n * sizeof *x);
    assert_non_null(x);
    bool f32 = p->f32 || t->n_dims == 1; /* norms are not exact in F16 */
    hl_dtype_to_f32((hl_dtype)t->type, t->data.ptr, x, n);
    if (hl_str_ends(t->name, HL_STR("attn_q.weight")))
        unpermute(x, (size_t)t->dims[1], (size_t)t->dims[0], p->n_heads);
    if (hl_str_ends(t->name, HL_STR("attn_k.weight")))
        unpermute(x, (size_t)t->dims[1], (size_t)t->dims[0], p->n_heads_kv);
    for (size_t i = 0; i < n && !f32; i++) {
        hl_f16 h = hl_f32_to_f16(x[i]);
        hl_buf_append(data, &h, sizeof h);
    }
    if (f32) hl_buf_append(data, x, n * sizeof *x);
    published_name(t->name, name);
    hl_buf_printf(header, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", header->len ? "," : "{", name,
                  f32 ? "F32" : "F16");
    if (t->n_dims == 2) hl_buf_printf(header, "%llu,", (unsigned long long)t->dims[1]);
    hl_buf_printf(header, "%llu],\"data_offsets\":[%zu,%zu]}", (unsigned long long)t->dims[0], from,
                  data->len);
    free(x);
}

static void put_file(const char *dir, const char *name, const void *data, size_t n) {
    char path[256];
    hl_error err;
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    check_ok(hl_file_write(path, (hl_bytes){data, n}, &err), &err);
}

static void copy_file(const char *dir, const char *name) {
    char path[256];
    hl_buf b = {0};
    hl_error err;
    (void)snprintf(path, sizeof path, SHARED_TINY "%s", name);
    check_ok(hl_file_read(path, 1 << 20, &b, &err), &err);
    put_file(dir, name, b.ptr, b.len);
    hl_buf_deinit(&b);
}

static bool is_published(const hl_gguf_tensor *t) {
    return !hl_str_is(t->name, "rope_freqs.weight"); /* computed from the configuration */
}

static void write_weights(const char *dir, const published *p) {
    hl_buf header = {0}, data = {0}, all = {0};
    for (size_t i = 0; i < hl_gguf_n_tensors(p->g); i++) {
        const hl_gguf_tensor *t = hl_gguf_tensor_at(p->g, i);
        if (is_published(t)) put_tensor(&header, &data, t, p);
    }
    hl_buf_append_cstr(&header, "}");
    uint64_t n = header.len;
    hl_buf_append(&all, &n, 8);
    hl_buf_append(&all, header.ptr, header.len);
    hl_buf_append(&all, data.ptr, data.len);
    assert_int_equal(all.failed, HL_OK);
    put_file(dir, "model.safetensors", all.ptr, all.len);
    put_file(dir, "config.json", p->config, strlen(p->config));
    hl_buf_deinit(&header);
    hl_buf_deinit(&data);
    hl_buf_deinit(&all);
}

static void write_tiny(const char *dir, const hl_gguf *g, bool f32) {
    static const char SPECIALS[] =
        "{\"bos_token\":null,\"eos_token\":\"<|im_end|>\",\"pad_token\":\"<|endoftext|>\"}";
    published p = {
        g,
        "{\"architectures\":[\"LlamaForCausalLM\"],\"vocab_size\":4096,\"hidden_size\":512,"
        "\"intermediate_size\":1280,\"num_hidden_layers\":8,\"num_attention_heads\":8,"
        "\"num_key_value_heads\":2,\"max_position_embeddings\":4096,\"rms_norm_eps\":1e-5,"
        "\"tie_word_embeddings\":true,\"rope_theta\":500000.0,\"rope_scaling\":null,"
        "\"bos_token_id\":4084,\"eos_token_id\":4086}",
        8, 2, f32};
    write_weights(dir, &p);
    put_file(dir, "tokenizer_config.json", SPECIALS, sizeof SPECIALS - 1);
    copy_file(dir, "tokenizer.json");
    copy_file(dir, "chat_template.jinja");
}

/* -- the way back ------------------------------------------------------------------------------ */

/* Bytes are equal; numbers that the converter computes are so to rounding. */
static bool same_data(const hl_gguf_tensor *a, const hl_gguf_tensor *b) {
    if (is_published(a)) return memcmp(a->data.ptr, b->data.ptr, a->data.len) == 0;
    const float *x = (const float *)(const void *)a->data.ptr;
    const float *y = (const float *)(const void *)b->data.ptr;
    assert_int_equal(a->type, HL_DTYPE_F32);
    for (uint64_t i = 0; i < a->dims[0]; i++)
        if (!(fabsf(x[i] - y[i]) <= 1e-6f * fabsf(x[i]))) return false;
    return true;
}

static void compare_tensors(const hl_gguf *want, const hl_gguf *got) {
    assert_int_equal(hl_gguf_n_tensors(got), hl_gguf_n_tensors(want));
    for (size_t i = 0; i < hl_gguf_n_tensors(want); i++) {
        const hl_gguf_tensor *a = hl_gguf_tensor_at(want, i);
        const hl_gguf_tensor *b = hl_gguf_find_tensor(got, a->name);
        if (!b || a->type != b->type || a->dims[0] != b->dims[0] || a->dims[1] != b->dims[1] ||
            a->data.len != b->data.len || !same_data(a, b))
            fail_msg("tensor %.*s differs", HL_STR_ARG(a->name));
    }
}

/* Texts about the model are not in the directory; ends of answers are found by their texts. */
static bool is_compared(hl_str key) {
    static const char *const NOT[] = {"eot_token_id", "fim_pre_token_id", "fim_suf_token_id",
                                      "fim_mid_token_id"};
    for (size_t i = 0; i < sizeof NOT / sizeof NOT[0]; i++) {
        if (hl_str_ends(key, hl_str_from(NOT[i]))) return false;
    }
    return !hl_str_starts(key, HL_STR("general.")) || hl_str_is(key, "general.architecture") ||
           hl_str_is(key, "general.file_type");
}

static bool same_value(const hl_gguf_value *a, const hl_gguf_value *b) {
    if (a->type != b->type) return false;
    if (a->type == HL_GGUF_STR) return hl_str_eq(a->as.str, b->as.str);
    if (a->type != HL_GGUF_ARRAY) return memcmp(&a->as, &b->as, sizeof a->as.u) == 0;
    if (a->as.array.type != b->as.array.type || a->as.array.n != b->as.array.n) return false;
    for (size_t i = 0; i < a->as.array.n; i++) {
        if (a->as.array.type == HL_GGUF_STR ? !hl_str_eq(a->as.array.strs[i], b->as.array.strs[i])
                                            : hl_gguf_array_i64(a, i) != hl_gguf_array_i64(b, i))
            return false;
    }
    return true;
}

static void compare_values(const hl_gguf *want, const hl_gguf *got) {
    size_t n = 0;
    for (size_t i = 0; i < hl_gguf_n_values(want); i++) {
        const hl_gguf_value *a = hl_gguf_value_at(want, i);
        if (!is_compared(a->key)) continue;
        const hl_gguf_value *b = hl_gguf_find(got, a->key);
        if (!b || !same_value(a, b)) fail_msg("%.*s differs", HL_STR_ARG(a->key));
        n++;
    }
    assert_true(n >= 20);
}

static void compare_ids(const hl_gguf *g) {
    hl_tokenizer *t;
    hl_error err;
    check_ok(hl_tokenizer_create(g, &t, &err), &err);
    struct json_object *o = load_json(SHARED_TINY "reference/tokenizer.json");
    struct json_object *items = get(o, "items");
    for (size_t i = 0; i < json_object_array_length(items); i++) {
        struct json_object *item = json_object_array_get_idx(items, i), *text = get(item, "text");
        hl_str s = {json_object_get_string(text), (size_t)json_object_get_string_len(text)};
        uint32_t n;
        uint32_t *want = get_ids(item, "ids", &n);
        hl_tokens ids = {0};
        check_ok(hl_tokenizer_encode(t, s, HL_ENCODE_PARSE_SPECIAL, &ids, &err), &err);
        assert_int_equal(ids.n, n);
        if (n) assert_memory_equal(ids.ids, want, n * sizeof *want);
        hl_tokens_deinit(&ids);
        hl_free(want);
    }
    json_object_put(o);
    hl_tokenizer_destroy(t);
}

static void compare_logits(const char *path) {
    struct json_object *json = load_json(SHARED_TINY "reference/logits.json");
    struct json_object *prompts = get(json, "prompts");
    uint32_t n_done = 0, most = sanitized() ? 1 : PROMPTS_MAX;
    double worst = 0;
    runner r;
    runner_open(&r, path, 2, 1, CTX, 64, 1);
    for (size_t i = 0; i < json_object_array_length(prompts) && n_done < most; i++) {
        struct json_object *p = json_object_array_get_idx(prompts, i), *top = get(p, "top_ids");
        uint32_t n;
        uint32_t *ids = get_ids(p, "ids", &n);
        if (n <= (sanitized() ? 8 : 64)) {
            runner_prefill(&r, 0, ids, 0, n, 64);
            for (size_t k = 0; k < json_object_array_length(top); k++) {
                size_t id = (size_t)json_object_get_int64(json_object_array_get_idx(top, k));
                double gap = fabs((double)r.logits[id] - at_f64(get(p, "top_logits"), k));
                assert_true(gap <= TOLERANCE);
                worst = fmax(worst, gap);
            }
            n_done++;
        }
        hl_free(ids);
    }
    assert_true(n_done > 0);
    print_message("tiny: largest difference of a logit %.5f\n", worst);
    runner_close(&r);
    json_object_put(json);
}

/* `type`: as of hl_convert_options; with "F32" the weights are the same, in another type. */
static void convert_and_compare(const char *dir, const char *type) {
    char path[96];
    hl_error err = {0};
    hl_convert_options o = {.type = hl_str_from(type)};
    hl_gguf *want, *got;
    (void)snprintf(path, sizeof path, "%s/out.gguf", dir);
    check_ok(hl_gguf_open(SHARED_TINY "tiny-f16.gguf", &want, &err), &err);
    check_ok(hl_convert_directory(dir, &o, path, NULL, NULL, &err), &err);
    check_ok(hl_gguf_open(path, &got, &err), &err);
    if (type[0] == '\0') {
        compare_tensors(want, got);
        compare_values(want, got);
    }
    compare_ids(got);
    hl_gguf_close(got);
    hl_gguf_close(want);
    compare_logits(path);
}

static void there_and_back(bool f32, const char *type) {
    char dir[64];
    hl_gguf *g;
    hl_error err;
    if (!there(SHARED_TINY "tiny-f16.gguf")) skip();
    temp_dir_make(dir);
    check_ok(hl_gguf_open(SHARED_TINY "tiny-f16.gguf", &g, &err), &err);
    write_tiny(dir, g, f32);
    hl_gguf_close(g);
    convert_and_compare(dir, type);
    temp_dir_remove(dir);
}

static void from_f32(void **state) {
    (void)state;
    there_and_back(true, "");
}

static void from_f16(void **state) {
    (void)state;
    there_and_back(false, "");
}

static void to_f32(void **state) {
    (void)state;
    there_and_back(false, "F32");
}

/* -- other families ---------------------------------------------------------------------------- */

/* Byte-level BPE of the vocabulary in g. */
static void write_tokenizer(const char *dir, const hl_gguf *g) {
    const hl_gguf_value *tokens = hl_gguf_find(g, HL_STR("tokenizer.ggml.tokens"));
    const hl_gguf_value *kinds = hl_gguf_find(g, HL_STR("tokenizer.ggml.token_type"));
    const hl_gguf_value *merges = hl_gguf_find(g, HL_STR("tokenizer.ggml.merges"));
    struct json_object *root = json_tokener_parse(
        "{\"added_tokens\":[],\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"
        "\"use_regex\":true},\"model\":{\"type\":\"BPE\",\"vocab\":{},\"merges\":[]}}");
    assert_true(root && tokens && kinds && merges);
    for (size_t i = 0; i < tokens->as.array.n; i++) {
        char text[64];
        struct json_object *added, *id = json_object_new_int64((int64_t)i);
        (void)snprintf(text, sizeof text, "%.*s", HL_STR_ARG(tokens->as.array.strs[i]));
        if (hl_gguf_array_i64(kinds, i) == HL_TOKEN_NORMAL) {
            json_object_object_add(get(get(root, "model"), "vocab"), text, id);
            continue;
        }
        added = json_object_new_object();
        json_object_object_add(added, "id", id);
        json_object_object_add(added, "content", json_object_new_string(text));
        json_object_object_add(added, "special", json_object_new_boolean(true));
        json_object_array_add(get(root, "added_tokens"), added);
    }
    for (size_t i = 0; i < merges->as.array.n; i++) {
        hl_str m = merges->as.array.strs[i];
        json_object_array_add(get(get(root, "model"), "merges"),
                              json_object_new_string_len(m.ptr, (int)m.len));
    }
    const char *text = json_object_to_json_string(root);
    put_file(dir, "tokenizer.json", text, strlen(text));
    json_object_put(root);
}

/* A case of the reference, and what its config.json says. */
typedef struct family {
    const char *name, *config;
    size_t n_heads, n_heads_kv; /* as in `published` */
} family;

#define SIZES(class, embd, layers, heads)                                                          \
    "{\"architectures\":[\"" class "\"],\"vocab_size\":320,\"hidden_size\":" #embd                 \
                                   ",\"intermediate_size\":96,\"num_hidden_layers\":" #layers      \
                                   ",\"num_attention_heads\":" #heads                              \
                                   ",\"max_position_embeddings\":512,\"hidden_act\":\"silu\","     \
                                   "\"tie_word_embeddings\":false,"                                \
                                   "\"bos_token_id\":312,\"eos_token_id\":313,"

static const family FAMILIES_PUBLISHED[] = {
    {"llama2_mha",
     SIZES("LlamaForCausalLM", 64, 3, 2) "\"rms_norm_eps\":1e-5,\"rope_scaling\":null}", 2, 2},
    {"llama3_1_ropefactors",
     SIZES("LlamaForCausalLM", 128, 2,
           4) "\"num_key_value_heads\":1,\"rms_norm_eps\":1e-6,"
              "\"rope_theta\":10000.0,\"rope_scaling\":{\"factor\":8.0,\"low_freq_factor\":1.0,"
              "\"high_freq_factor\":4.0,\"original_max_position_embeddings\":64,\"rope_type\":"
              "\"llama3\"}}",
     4, 1},
    {"llama_yarn",
     SIZES("LlamaForCausalLM", 64, 3,
           2) "\"num_key_value_heads\":1,\"head_dim\":32,"
              "\"rms_norm_eps\":1e-6,\"rope_parameters\":{\"rope_type\":\"yarn\",\"rope_theta\":"
              "10000.0,"
              "\"factor\":4.0,\"original_max_position_embeddings\":128}}",
     2, 1},
    {"qwen2",
     SIZES("Qwen2ForCausalLM", 64, 3,
           2) "\"num_key_value_heads\":1,\"rms_norm_eps\":1e-6,"
              "\"rope_theta\":1000000.0,\"sliding_window\":131072,\"use_sliding_window\":false,"
              "\"max_window_layers\":3}",
     0, 0},
    {"qwen3",
     SIZES("Qwen3ForCausalLM", 64, 3,
           4) "\"num_key_value_heads\":2,\"head_dim\":32,"
              "\"rms_norm_eps\":1e-6,\"rope_theta\":1000000.0,\"attention_bias\":false}",
     0, 0},
};
enum { N_FAMILIES = sizeof FAMILIES_PUBLISHED / sizeof FAMILIES_PUBLISHED[0] };

static void check_family(const family *f) {
    char dir[64], path[256];
    hl_gguf *want, *got;
    hl_error err = {0};
    struct json_object *json = families_load(f->name);
    temp_dir_make(dir);
    (void)snprintf(path, sizeof path, FAMILIES "gguf/%s.f16.gguf", f->name);
    check_ok(hl_gguf_open(path, &want, &err), &err);
    published p = {want, f->config, f->n_heads, f->n_heads_kv, false};
    write_weights(dir, &p);
    write_tokenizer(dir, want);
    (void)snprintf(path, sizeof path, "%s/out.gguf", dir);
    check_ok(hl_convert_directory(dir, NULL, path, NULL, NULL, &err), &err);
    check_ok(hl_gguf_open(path, &got, &err), &err);
    compare_tensors(want, got);
    hl_gguf_close(got);
    hl_gguf_close(want);
    families_check(f->name, "f16", path, get(json, "sequences"));
    json_object_put(json);
    temp_dir_remove(dir);
}

static void from_other_families(void **state) {
    (void)state;
    if (!there(FAMILIES "logits/llama2_mha.json")) skip();
    for (size_t i = 0; i < N_FAMILIES; i++) check_family(&FAMILIES_PUBLISHED[i]);
}

/* -- what published tools write ---------------------------------------------------------------- */

#define TOOL "../shared/tools/tiny_to_hf.py"

/* A place for Python's packages beside this program, in the build directory. */
static void venv_path(char ret[512]) {
    ssize_t n = readlink("/proc/self/exe", ret, 400);
    assert_true(n > 0 && n < 400);
    ret[n] = '\0';
    char *slash = strrchr(ret, '/');
    assert_non_null(slash);
    (void)snprintf(slash, 100, "/venv-convert");
}

static void from_published_tools(void **state) {
    (void)state;
    enum { NO_PACKAGES = 77 };
    char dir[64], venv[512], command[1024];
    if (!there(SHARED_TINY "tiny-f16.gguf") || !there(TOOL)) skip();
    temp_dir_make(dir);
    venv_path(venv);
    (void)snprintf(command, sizeof command,
                   "sh tests/conformance/published_directory.sh '%s' '%s' '%s'", TOOL, venv, dir);
    int rc = system(command);
    bool packages = !WIFEXITED(rc) || WEXITSTATUS(rc) != NO_PACKAGES;
    if (packages) {
        assert_int_equal(rc, 0);
        convert_and_compare(dir, "");
    }
    temp_dir_remove(dir);
    if (packages) return;
    print_message("skipped: numpy, gguf and safetensors of Python cannot be installed\n");
    skip();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_f32),
        cmocka_unit_test(from_f16),
        cmocka_unit_test(to_f32),
        cmocka_unit_test(from_other_families),
        cmocka_unit_test(from_published_tools),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
