/* Model directories to GGUF: every family's tensors, types, files; what is refused and leaves
 * nothing behind. */
#include "model_dir.h"

#include "base/fs.h"
#include "model/model.h"
#include "store/convert.h"
#include "text/tokenizer.h"

#include <math.h>

typedef struct made {
    model_dir from;
    char out[96];
    hl_error err;
    hl_gguf *g;
    char said[256]; /* statuses, each once */
    uint64_t done, total;
    int reports, reports_max; /* reports_max 0: any */
} made;

static bool hear(void *arg, const hl_convert_progress *p) {
    made *m = arg;
    assert_true(p->done <= p->total);
    if (!strstr(m->said, p->status))
        (void)snprintf(m->said + strlen(m->said), sizeof m->said - strlen(m->said), "%s\n",
                       p->status);
    m->done = p->done;
    m->total = p->total;
    return ++m->reports != m->reports_max;
}

static hl_status convert(made *m, const char *type) {
    hl_convert_options o = {.type = hl_str_from(type), .name = HL_STR("a name")};
    if (!m->from.n_embd) model_dir_write(&m->from);
    (void)snprintf(m->out, sizeof m->out, "%s/out.gguf", m->from.dir);
    return hl_convert_directory(m->from.dir, &o, m->out, hear, m, &m->err);
}

static void convert_well(made *m, const char *type) {
    if (convert(m, type) < 0) fail_msg("%s", m->err.text);
    if (hl_gguf_open(m->out, &m->g, &m->err) < 0) fail_msg("%s", m->err.text);
}

static void made_deinit(made *m) {
    hl_gguf_close(m->g);
    model_dir_deinit(&m->from);
}

/* -- weights ----------------------------------------------------------------------------------- */

/* Where element i of a row-permuted tensor of rows of `cols` comes from. */
static uint64_t source_of(uint64_t i, uint64_t cols, uint64_t head) {
    uint64_t row = i / cols, in_head = row % head;
    return (row - in_head + in_head % 2 * (head / 2) + in_head / 2) * cols + i % cols;
}

static void check_tensor(const made *m, const char *ours, const char *theirs, bool permuted,
                         hl_dtype type) {
    const hl_gguf_tensor *t = hl_gguf_find_tensor(m->g, hl_str_from(ours));
    if (!t) fail_msg("no tensor %s", ours);
    bool vector = t->n_dims == 1;
    uint64_t n = t->dims[0] * t->dims[1], cols = vector ? 1 : t->dims[0];
    assert_int_equal(t->type, vector ? HL_DTYPE_F32 : type);
    float *got = malloc(n * sizeof *got);
    assert_non_null(got);
    hl_dtype_to_f32((hl_dtype)t->type, t->data.ptr, got, n);
    for (uint64_t i = 0; i < n; i++) {
        float want = model_dir_value(theirs, permuted ? source_of(i, cols, m->from.head_dim) : i);
        if (got[i] != want)
            fail_msg("%s[%llu] is %g, expected %g", ours, (unsigned long long)i, (double)got[i],
                     (double)want);
    }
    free(got);
}

static void check_layer(const made *m, unsigned layer, hl_dtype type) {
    static const char *const NAMES[][2] = {
        {"attn_norm.weight", "input_layernorm.weight"},
        {"attn_q.weight", "self_attn.q_proj.weight"},
        {"attn_q.bias", "self_attn.q_proj.bias"},
        {"attn_k.weight", "self_attn.k_proj.weight"},
        {"attn_k.bias", "self_attn.k_proj.bias"},
        {"attn_v.weight", "self_attn.v_proj.weight"},
        {"attn_v.bias", "self_attn.v_proj.bias"},
        {"attn_q_norm.weight", "self_attn.q_norm.weight"},
        {"attn_k_norm.weight", "self_attn.k_norm.weight"},
        {"attn_output.weight", "self_attn.o_proj.weight"},
        {"attn_output.bias", "self_attn.o_proj.bias"},
        {"ffn_norm.weight", "post_attention_layernorm.weight"},
        {"ffn_gate.weight", "mlp.gate_proj.weight"},
        {"ffn_up.weight", "mlp.up_proj.weight"},
        {"ffn_down.weight", "mlp.down_proj.weight"},
    };
    bool llama = strcmp(m->from.family, "llama") == 0, qwen3 = strcmp(m->from.family, "qwen3") == 0;
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        const char *name = NAMES[i][0];
        char ours[64], theirs[128];
        bool there = !(strstr(name, "bias") && !m->from.bias) &&
                     !(strcmp(name, "attn_output.bias") == 0 && !llama) &&
                     !(strstr(name, "_norm.weight") && strstr(name, "attn_") &&
                       strcmp(name, "attn_norm.weight") != 0 && !qwen3);
        (void)snprintf(ours, sizeof ours, "blk.%u.%s", layer, name);
        (void)snprintf(theirs, sizeof theirs, "%slayers.%u.%s", m->from.prefix, layer, NAMES[i][1]);
        assert_int_equal(hl_gguf_find_tensor(m->g, hl_str_from(ours)) != NULL, there);
        bool pairs = strncmp(name, "attn_q.", 7) == 0 || strncmp(name, "attn_k.", 7) == 0;
        if (there) check_tensor(m, ours, theirs, pairs && llama, type);
    }
}

static void check_weights(const made *m, hl_dtype type) {
    char theirs[64];
    (void)snprintf(theirs, sizeof theirs, "%sembed_tokens.weight", m->from.prefix);
    check_tensor(m, "token_embd.weight", theirs, false, type);
    (void)snprintf(theirs, sizeof theirs, "%snorm.weight", m->from.prefix);
    check_tensor(m, "output_norm.weight", theirs, false, type);
    assert_int_equal(hl_gguf_find_tensor(m->g, HL_STR("output.weight")) != NULL, m->from.untied);
    if (m->from.untied) check_tensor(m, "output.weight", "lm_head.weight", false, type);
    for (unsigned i = 0; i < m->from.n_layers; i++) check_layer(m, i, type);
}

/* The program itself has to be able to use what it made. */
static void check_loads(const made *m, const char *family) {
    hl_model *model;
    hl_error err;
    if (hl_model_open(m->out, &model, &err) < 0) fail_msg("%s", err.text);
    assert_str(model->family, family);
    assert_int_equal(model->n_vocab, MODEL_DIR_VOCAB);
    hl_model_close(model);
}

static uint32_t u32(const made *m, const char *key) {
    uint32_t u;
    hl_error err;
    if (hl_gguf_require_u32(m->g, key, &u, &err) < 0) fail_msg("%s", err.text);
    return u;
}

/* -- good ones --------------------------------------------------------------------------------- */

static void every_family(void **state) {
    (void)state;
    static const model_dir ALL[] = {
        {.family = "llama"},
        {.family = "llama", .bias = true, .n_heads_kv = 4, .untied = true},
        {.family = "qwen2"},
        {.family = "qwen2", .untied = true, .n_files = 3},
        {.family = "qwen3", .head_dim = 32},
        {.family = "qwen3", .prefix = ""},
        {.family = "llama", .underlines = true, .n_heads_kv = 1},
    };
    for (size_t i = 0; i < sizeof ALL / sizeof ALL[0]; i++) {
        made m = {.from = ALL[i]};
        convert_well(&m, "");
        check_weights(&m, HL_DTYPE_BF16);
        check_loads(&m, m.from.family);
        assert_int_equal(u32(&m, "general.file_type"), 32);
        assert_string_equal(m.said, "converting model\n");
        assert_true(m.total > 0 && m.done == m.total);
        made_deinit(&m);
    }
}

static void every_type(void **state) {
    (void)state;
    static const struct {
        const char *from, *to;
        hl_dtype type;
        uint32_t file_type;
    } ALL[] = {
        {"F32", "", HL_DTYPE_F16, 1},       {"F16", "", HL_DTYPE_F16, 1},
        {"BF16", "f16", HL_DTYPE_F16, 1},   {"F32", "F32", HL_DTYPE_F32, 0},
        {"F16", "BF16", HL_DTYPE_BF16, 32}, {"F16", "F32", HL_DTYPE_F32, 0},
    };
    for (size_t i = 0; i < sizeof ALL / sizeof ALL[0]; i++) {
        made m = {.from = {.type = ALL[i].from}};
        convert_well(&m, ALL[i].to);
        check_weights(&m, ALL[i].type);
        assert_int_equal(u32(&m, "general.file_type"), ALL[i].file_type);
        made_deinit(&m);
    }
}

static void a_mix(void **state) {
    (void)state;
    made m = {.from = {.family = "qwen2"}};
    convert_well(&m, "q8_0");
    assert_string_equal(m.said, "converting model\nquantizing BF16 model to Q8_0\n");
    const hl_gguf_tensor *t = hl_gguf_find_tensor(m.g, HL_STR("blk.1.ffn_up.weight"));
    assert_int_equal(t->type, HL_DTYPE_Q8_0);
    assert_int_equal(u32(&m, "general.file_type"), 7);
    assert_int_equal(temp_dir_count(m.from.dir, "out.gguf"), 1);
    check_loads(&m, "qwen2");
    made_deinit(&m);
}

static void the_vocabulary(void **state) {
    (void)state;
    made m = {0};
    hl_tokenizer *t;
    hl_tokens ids = {0};
    convert_well(&m, "");
    assert_int_equal(hl_tokenizer_create(m.g, &t, &m.err), HL_OK);
    assert_int_equal(
        hl_tokenizer_encode(t, HL_STR("hell <|end|>"), HL_ENCODE_PARSE_SPECIAL, &ids, &m.err),
        HL_OK);
    assert_int_equal(ids.n, 4);
    assert_int_equal(ids.ids[0], 256);
    assert_int_equal(ids.ids[1], 258);
    assert_int_equal(ids.ids[2], ' ');
    assert_int_equal(ids.ids[3], 257);
    assert_int_equal(hl_tokenizer_kind(t, 259), HL_TOKEN_USER);
    assert_int_equal(hl_tokenizer_kind(t, MODEL_DIR_VOCAB - 1), HL_TOKEN_UNUSED);
    assert_int_equal(hl_tokenizer_eos(t), 257);
    assert_true(hl_tokenizer_is_end(t, 260));
    assert_false(hl_tokenizer_adds_bos(t));
    hl_str text;
    assert_int_equal(hl_gguf_require_str(m.g, "tokenizer.chat_template", &text, &m.err), HL_OK);
    assert_str(text, "{{ messages[0].content }}");
    assert_int_equal(hl_gguf_require_str(m.g, "general.name", &text, &m.err), HL_OK);
    assert_str(text, "a name");
    hl_tokens_deinit(&ids);
    hl_tokenizer_destroy(t);
    made_deinit(&m);
}

/* The frequencies that the published formula gives, at both ends and on the ramp. */
static void slower_pairs_of_llama_3(void **state) {
    (void)state;
    made m = {.from = {.more_config = "\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8.0,"
                                      "\"low_freq_factor\":1.0,\"high_freq_factor\":4.0,"
                                      "\"original_max_position_embeddings\":100},"}};
    convert_well(&m, "");
    const hl_gguf_tensor *t = hl_gguf_find_tensor(m.g, HL_STR("rope_freqs.weight"));
    assert_non_null(t);
    assert_int_equal(t->dims[0], m.from.head_dim / 2);
    const float *f = (const float *)(const void *)t->data.ptr;
    assert_true(f[0] == 1); /* 100 / 2π = 15.9 turns */
    assert_true(f[7] == 8); /* next to none */
    double turns = 100 / 6.283185307179586 * pow(500000, -2.0 / 16);
    assert_true(turns > 1 && turns < 4);
    double fast = (turns - 1) / 3;
    assert_true(fabs((double)f[1] - 1 / ((1 - fast) / 8 + fast)) < 1e-6);
    check_loads(&m, "llama");
    made_deinit(&m);
}

/* Rotary tables of old programs, and the output where it is the embedding again. */
static void what_is_left_out(void **state) {
    (void)state;
    static const char *const NAMES[] = {"model.layers.0.self_attn.rotary_emb.inv_freq",
                                        "lm_head.weight"};
    for (size_t i = 0; i < 2; i++) {
        made m = {.from = {.extra = NAMES[i]}};
        convert_well(&m, "");
        check_weights(&m, HL_DTYPE_BF16);
        made_deinit(&m);
    }
}

/* Of what config.json says, never of where the directory lies. */
static void names_are_stable(void **state) {
    (void)state;
    static const struct {
        const char *config, *want;
    } ALL[] = {
        {NULL, "llama 79K"},
        {"\"_name_or_path\":\"org/Some-Model\",", "Some-Model"},
        {"\"_name_or_path\":\"/home/x/out/\",", "out"},
        {"\"_name_or_path\":\"plain\",", "plain"},
        {"\"_name_or_path\":\"./\",", "llama 79K"},
        {"\"_name_or_path\":\"..\",", "llama 79K"},
        {"\"_name_or_path\":\"a/b\\nc\",", "llama 79K"},
        {"\"_name_or_path\":\"\",", "llama 79K"},
        {"\"_name_or_path\":null,", "llama 79K"},
    };
    for (size_t i = 0; i < sizeof ALL / sizeof ALL[0]; i++) {
        made m = {.from = {.more_config = ALL[i].config}};
        hl_str name;
        model_dir_write(&m.from);
        (void)snprintf(m.out, sizeof m.out, "%s/out.gguf", m.from.dir);
        assert_int_equal(hl_convert_directory(m.from.dir, NULL, m.out, NULL, NULL, &m.err), HL_OK);
        assert_int_equal(hl_gguf_open(m.out, &m.g, &m.err), HL_OK);
        assert_int_equal(hl_gguf_require_str(m.g, "general.name", &name, &m.err), HL_OK);
        assert_str(name, ALL[i].want);
        made_deinit(&m);
    }
}

/* -- bad ones ---------------------------------------------------------------------------------- */

static void expect(made *m, const char *type, hl_status st, const char *part) {
    hl_status got = convert(m, type);
    if (got != st || !strstr(m->err.text, part))
        fail_msg("%s: \"%s\", expected %s with \"%s\"", hl_status_name(got), m->err.text,
                 hl_status_name(st), part);
    assert_int_equal(temp_dir_count(m->from.dir, "out.gguf"), 0);
    made_deinit(m);
}

static void refused_weights(void **state) {
    (void)state;
    made none = {.from = {.without = "model.layers.1.mlp.up_proj.weight"}};
    expect(&none, "", HL_EFORMAT, "model.layers.1.mlp.up_proj.weight is missing");
    made head = {.from = {.untied = true, .without = "lm_head.weight"}};
    expect(&head, "", HL_EFORMAT, "lm_head.weight is missing");
    made wide = {.from = {.wide = "model.norm.weight"}};
    expect(&wide, "", HL_EFORMAT, "model.norm.weight has 1 dimensions [65");
    made type = {.from = {.type = "I16"}};
    expect(&type, "", HL_EUNSUPPORTED, "is of the type I16");
    made odd = {.from = {.type = "X16"}};
    expect(&odd, "", HL_EUNSUPPORTED, "the type \"X16\" is not known");
    made more = {.from = {.extra = "model.layers.0.mlp.up_proj.lora_A"}};
    expect(&more, "", HL_EUNSUPPORTED, "lora_A is not part of the family llama");
    made large = {.from = {.first = 70000}};
    expect(&large, "F16", HL_EFORMAT, "F16 cannot hold");
    made nan = {.from = {.first = NAN}};
    expect(&nan, "", HL_EFORMAT, "a weight is nan");
}

static void bad_options(void **state) {
    (void)state;
    made m = {0};
    expect(&m, "Q9", HL_EINVAL, "Q4_K_M");
    made ended = {.reports_max = 3};
    expect(&ended, "", HL_ECANCELLED, "ended");
}

static void missing_files(void **state) {
    (void)state;
    static const char *const NAMES[] = {"config.json", "tokenizer.json", "model.safetensors"};
    for (size_t i = 0; i < 3; i++) {
        made m = {0};
        model_dir_write(&m.from);
        model_dir_remove(&m.from, NAMES[i]);
        assert_int_equal(convert(&m, ""), HL_ENOTFOUND);
        assert_null(strstr(m.err.text, m.from.dir));
        expect(&m, "", HL_ENOTFOUND, i < 2 ? NAMES[i] : "*.safetensors");
    }
    made torch = {0};
    model_dir_write(&torch.from);
    model_dir_remove(&torch.from, "model.safetensors");
    model_dir_text(&torch.from, "pytorch_model.bin", "x");
    expect(&torch, "", HL_EUNSUPPORTED, "pytorch_model.bin is a PyTorch file");
}

/* A size of config.json that the weights do not have costs nothing. */
static void sizes_are_checked_before_the_vocabulary(void **state) {
    (void)state;
    made m = {.from = {.wide = "model.norm.weight"}};
    model_dir_write(&m.from);
    model_dir_text(&m.from, "tokenizer.json", "nothing");
    expect(&m, "", HL_EFORMAT, "model.norm.weight has");
}

static void links_out_of_the_directory(void **state) {
    (void)state;
    static const char *const NAMES[] = {"config.json", "tokenizer.json", "model.safetensors",
                                        "chat_template.jinja"};
    for (size_t i = 0; i < 4; i++) {
        made m = {0};
        char path[128], away[128];
        model_dir_write(&m.from);
        (void)snprintf(path, sizeof path, "%s/%s", m.from.dir, NAMES[i]);
        (void)snprintf(away, sizeof away, "%s-away", m.from.dir);
        if (i < 3)
            assert_int_equal(rename(path, away), 0);
        else
            assert_int_equal(symlink("/etc/passwd", away), 0);
        assert_int_equal(symlink(away, path), 0);
        expect(&m, "", HL_EINVAL, "leads out of");
        assert_int_equal(unlink(away), 0);
    }
}

static void links_within_the_directory(void **state) {
    (void)state;
    made m = {0};
    char from[128], to[128];
    model_dir_write(&m.from);
    (void)snprintf(from, sizeof from, "%s/model.safetensors", m.from.dir);
    (void)snprintf(to, sizeof to, "%s/weights.data", m.from.dir);
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(symlink("weights.data", from), 0);
    convert_well(&m, "");
    check_weights(&m, HL_DTYPE_BF16);
    made_deinit(&m);
}

/* A file that was there is only replaced by a whole one. */
static void an_old_file_stays(void **state) {
    (void)state;
    made m = {.from = {.first = NAN}};
    char path[128], text[8] = {0};
    model_dir_write(&m.from);
    model_dir_text(&m.from, "out.gguf", "old");
    (void)snprintf(path, sizeof path, "%s/out.gguf", m.from.dir);
    assert_int_equal(convert(&m, ""), HL_EFORMAT);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fread(text, 1, 7, f), 3);
    assert_string_equal(text, "old");
    (void)fclose(f);
    made_deinit(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_family),
        cmocka_unit_test(every_type),
        cmocka_unit_test(a_mix),
        cmocka_unit_test(the_vocabulary),
        cmocka_unit_test(slower_pairs_of_llama_3),
        cmocka_unit_test(what_is_left_out),
        cmocka_unit_test(names_are_stable),
        cmocka_unit_test(refused_weights),
        cmocka_unit_test(bad_options),
        cmocka_unit_test(missing_files),
        cmocka_unit_test(sizes_are_checked_before_the_vocabulary),
        cmocka_unit_test(links_out_of_the_directory),
        cmocka_unit_test(links_within_the_directory),
        cmocka_unit_test(an_old_file_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
