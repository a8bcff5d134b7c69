/* The reference model as a directory of safetensors, converted back: the same tensors to the byte,
 * the same ids, the same template, and the reference's logits. */
#include "conformance/runner.h"

#include "base/fs.h"
#include "store/convert.h"
#include "temp_dir.h"
#include "text/tokenizer.h"

enum { CTX = 512, N_HEADS = 8, N_HEADS_KV = 2, PROMPTS_MAX = 4 };
static const double TOLERANCE = 0.02; /* as logits_test.c's for F16 */

/* -- the way there ----------------------------------------------------------------------------- */

static const char *const NAMES[][2] = {
    {"token_embd.weight", "model.embed_tokens.weight"},
    {"output_norm.weight", "model.norm.weight"},
    {"attn_norm.weight", "input_layernorm.weight"},
    {"attn_q.weight", "self_attn.q_proj.weight"},
    {"attn_k.weight", "self_attn.k_proj.weight"},
    {"attn_v.weight", "self_attn.v_proj.weight"},
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

static void put_tensor(hl_buf *header, hl_buf *data, const hl_gguf_tensor *t, bool f32) {
    char name[128];
    size_t n = (size_t)(t->dims[0] * t->dims[1]), from = data->len;
    float *x = malloc(n * sizeof *x);
    assert_non_null(x);
    f32 = f32 || t->n_dims == 1; /* norms are not exact in F16 */
    hl_dtype_to_f32((hl_dtype)t->type, t->data.ptr, x, n);
    if (hl_str_ends(t->name, HL_STR("attn_q.weight")))
        unpermute(x, (size_t)t->dims[1], (size_t)t->dims[0], N_HEADS);
    if (hl_str_ends(t->name, HL_STR("attn_k.weight")))
        unpermute(x, (size_t)t->dims[1], (size_t)t->dims[0], N_HEADS_KV);
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

static void write_directory(const char *dir, const hl_gguf *g, bool f32) {
    static const char CONFIG[] =
        "{\"architectures\":[\"LlamaForCausalLM\"],\"vocab_size\":4096,\"hidden_size\":512,"
        "\"intermediate_size\":1280,\"num_hidden_layers\":8,\"num_attention_heads\":8,"
        "\"num_key_value_heads\":2,\"max_position_embeddings\":4096,\"rms_norm_eps\":1e-5,"
        "\"tie_word_embeddings\":true,\"rope_theta\":500000.0,\"rope_scaling\":null,"
        "\"bos_token_id\":4084,\"eos_token_id\":4086}";
    static const char SPECIALS[] =
        "{\"bos_token\":null,\"eos_token\":\"<|im_end|>\",\"pad_token\":\"<|endoftext|>\"}";
    hl_buf header = {0}, data = {0}, all = {0};
    for (size_t i = 0; i < hl_gguf_n_tensors(g); i++)
        put_tensor(&header, &data, hl_gguf_tensor_at(g, i), f32);
    hl_buf_append_cstr(&header, "}");
    uint64_t n = header.len;
    hl_buf_append(&all, &n, 8);
    hl_buf_append(&all, header.ptr, header.len);
    hl_buf_append(&all, data.ptr, data.len);
    assert_int_equal(all.failed, HL_OK);
    put_file(dir, "model.safetensors", all.ptr, all.len);
    put_file(dir, "config.json", CONFIG, sizeof CONFIG - 1);
    put_file(dir, "tokenizer_config.json", SPECIALS, sizeof SPECIALS - 1);
    copy_file(dir, "tokenizer.json");
    copy_file(dir, "chat_template.jinja");
    hl_buf_deinit(&header);
    hl_buf_deinit(&data);
    hl_buf_deinit(&all);
}

/* -- the way back ------------------------------------------------------------------------------ */

static void compare_tensors(const hl_gguf *want, const hl_gguf *got) {
    assert_int_equal(hl_gguf_n_tensors(got), hl_gguf_n_tensors(want));
    for (size_t i = 0; i < hl_gguf_n_tensors(want); i++) {
        const hl_gguf_tensor *a = hl_gguf_tensor_at(want, i);
        const hl_gguf_tensor *b = hl_gguf_find_tensor(got, a->name);
        if (!b || a->type != b->type || a->dims[0] != b->dims[0] || a->dims[1] != b->dims[1] ||
            a->data.len != b->data.len || memcmp(a->data.ptr, b->data.ptr, a->data.len) != 0)
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
                assert_true(fabs((double)r.logits[id] - at_f64(get(p, "top_logits"), k)) <=
                            TOLERANCE);
            }
            n_done++;
        }
        hl_free(ids);
    }
    assert_true(n_done > 0);
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
    write_directory(dir, g, f32);
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

/* What published tools write, where they are installed (numpy, gguf, safetensors). */
static void from_published_tools(void **state) {
    (void)state;
    char dir[64], command[256];
    if (!there(SHARED_TINY "tiny-f16.gguf")) skip();
    temp_dir_make(dir);
    (void)snprintf(command, sizeof command,
                   "python3 ../shared/tools/tiny_to_hf.py %s >/dev/null 2>&1", dir);
    int rc = system(command);
    if (rc == 0) convert_and_compare(dir, "");
    temp_dir_remove(dir);
    if (rc == 0) return;
    print_message("skipped: the Python packages numpy, gguf and safetensors are not all here\n");
    skip();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_f32),
        cmocka_unit_test(from_f16),
        cmocka_unit_test(to_f32),
        cmocka_unit_test(from_published_tools),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
