#include "testing.h"

#include "gguf/quantize.h"
#include "gguf/writer.h"
#include "gguf_bytes.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

/* --- A made-up model ------------------------------------------------------ */

typedef struct shape {
    uint32_t n_layers, n_experts, n_heads, n_kv_heads;
    uint64_t row;
    uint32_t type;
    bool tied;
} shape;

static const shape LLAMA = {16, 0, 8, 2, 256, HL_DTYPE_F16, false};

enum { NAME_MAX_LEN = 48, ROWS = 2 };

typedef struct model {
    hl_buf bytes;
    hl_gguf *g;
} model;

static const char *const GLOBAL[] = {"token_embd.weight", "output_norm.weight", "output.weight"};
static const char *const LAYER[] = {
    "attn_norm.weight",     "attn_q.weight",   "attn_q.bias",        "attn_k.weight",
    "attn_v.weight",        "attn_qkv.weight", "attn_output.weight", "ffn_down.weight",
    "ffn_down_exps.weight", "ffn_up.weight",   "ffn_gate_inp.weight"};
enum { N_GLOBAL = 3, N_LAYER = sizeof LAYER / sizeof LAYER[0], NAMES_MAX = 3 + 80 * N_LAYER };

static void add(hl_gguf_writer *w, const shape *s, char name[NAME_MAX_LEN], size_t *n_weights) {
    hl_gguf_tensor t = {.name = hl_str_from(name), .type = s->type, .n_dims = 2};
    bool flat = strstr(name, "norm") || strstr(name, "bias");
    if (flat) t.type = HL_DTYPE_F32;
    t.n_dims = flat ? 1 : 2;
    t.dims[0] = s->row;
    t.dims[1] = ROWS;
    assert_int_equal(hl_gguf_writer_add_tensor(w, &t, NULL), HL_OK);
    size_t bytes = hl_dtype_bytes((hl_dtype)t.type, s->row * (flat ? 1 : ROWS));
    *n_weights += (bytes + 31) / 32 * 32;
}

/* Every byte of the tensors is 0x33: a positive number in each of the float types. */
static void model_init(model *m, const shape *s) {
    static char names[NAMES_MAX][NAME_MAX_LEN];
    size_t n_names = 0, n_bytes = 0;
    hl_gguf_writer *w;
    hl_buf_init(&m->bytes, 0);
    assert_int_equal(hl_gguf_writer_create(&w, NULL), HL_OK);
    assert_int_equal(hl_gguf_writer_set_str(w, "general.architecture", HL_STR("llama"), NULL), 0);
    assert_int_equal(hl_gguf_writer_set_u32(w, "llama.block_count", s->n_layers, NULL), 0);
    assert_int_equal(hl_gguf_writer_set_u32(w, "llama.expert_count", s->n_experts, NULL), 0);
    assert_int_equal(hl_gguf_writer_set_u32(w, "llama.attention.head_count", s->n_heads, NULL), 0);
    assert_int_equal(
        hl_gguf_writer_set_u32(w, "llama.attention.head_count_kv", s->n_kv_heads, NULL), 0);
    assert_int_equal(hl_gguf_writer_set_u32(w, "general.file_type", 1, NULL), 0);
    assert_int_equal(hl_gguf_writer_set_u32(w, "split.count", 1, NULL), 0);
    for (size_t i = 0; i < (s->tied ? N_GLOBAL - 1 : N_GLOBAL); i++) {
        (void)snprintf(names[n_names], NAME_MAX_LEN, "%s", GLOBAL[i]);
        add(w, s, names[n_names++], &n_bytes);
    }
    for (uint32_t layer = 0; layer < s->n_layers; layer++) {
        for (size_t i = 0; i < N_LAYER; i++) {
            (void)snprintf(names[n_names], NAME_MAX_LEN, "blk.%u.%s", layer, LAYER[i]);
            add(w, s, names[n_names++], &n_bytes);
        }
    }
    assert_int_equal(hl_gguf_writer_head(w, &m->bytes, NULL), HL_OK);
    for (size_t i = 0; i < n_bytes; i++) hl_buf_append_char(&m->bytes, 0x33);
    hl_gguf_writer_destroy(w);
    assert_int_equal(hl_gguf_open_bytes(bytes_of(&m->bytes), &m->g, NULL), HL_OK);
}

static void model_deinit(model *m) {
    hl_gguf_close(m->g);
    hl_buf_deinit(&m->bytes);
}

/* --- Mixes ---------------------------------------------------------------- */

static const char *planned(const model *m, hl_quant mix, const char *name) {
    static uint32_t types[NAMES_MAX];
    hl_quant_plan(m->g, mix, types);
    for (size_t i = 0; i < hl_gguf_n_tensors(m->g); i++) {
        if (hl_str_is(hl_gguf_tensor_at(m->g, i)->name, name))
            return hl_dtype_name((hl_dtype)types[i]);
    }
    return "not there";
}

static void names_are_parsed(void **state) {
    (void)state;
    hl_quant mix;
    hl_error err;
    assert_int_equal(hl_quant_parse(HL_STR("q4_k_m"), &mix, NULL), HL_OK);
    assert_int_equal(mix, HL_QUANT_Q4_K_M);
    assert_int_equal(hl_quant_parse(HL_STR("Q8_0"), &mix, NULL), HL_OK);
    assert_int_equal(mix, HL_QUANT_Q8_0);
    assert_int_equal(hl_quant_parse(HL_STR("Q4_K"), &mix, &err), HL_EINVAL);
    assert_non_null(strstr(err.text, "Q4_K_S Q4_K_M"));
    assert_int_equal(hl_quant_parse(HL_STR(""), &mix, &err), HL_EINVAL);
    assert_string_equal(hl_quant_file_type_name(15), "Q4_K_M");
    assert_string_equal(hl_quant_file_type_name(0), "F32");
    assert_null(hl_quant_file_type_name(4));
    assert_null(hl_quant_file_type_name(UINT32_MAX));
#define X(text, number, dtype) assert_string_equal(hl_quant_file_type_name(number), #text);
    HL_QUANT_MAP(X)
#undef X
}

/* In 16 layers the first and last two, and every third between, have more bits. */
static void medium_mixes_spend_bits_on_some_layers(void **state) {
    (void)state;
    model m;
    model_init(&m, &LLAMA);
    for (uint32_t layer = 0; layer < 16; layer++) {
        bool more = layer < 2 || layer >= 14 || layer == 4 || layer == 7 || layer == 10 ||
                    layer == 13;
        char v[NAME_MAX_LEN], down[NAME_MAX_LEN];
        (void)snprintf(v, sizeof v, "blk.%u.attn_v.weight", layer);
        (void)snprintf(down, sizeof down, "blk.%u.ffn_down.weight", layer);
        assert_string_equal(planned(&m, HL_QUANT_Q4_K_M, v), more ? "Q6_K" : "Q4_K");
        assert_string_equal(planned(&m, HL_QUANT_Q4_K_M, down), more ? "Q6_K" : "Q4_K");
        assert_string_equal(planned(&m, HL_QUANT_Q5_K_M, v), more ? "Q6_K" : "Q5_K");
        assert_string_equal(planned(&m, HL_QUANT_Q4_K_S, v), layer < 4 ? "Q5_K" : "Q4_K");
        assert_string_equal(planned(&m, HL_QUANT_Q4_K_S, down), layer < 2 ? "Q5_K" : "Q4_K");
        assert_string_equal(planned(&m, HL_QUANT_Q5_K_S, down), "Q5_K");
        assert_string_equal(planned(&m, HL_QUANT_Q8_0, v), "Q8_0");
    }
    assert_string_equal(planned(&m, HL_QUANT_Q4_K_M, "blk.0.ffn_down_exps.weight"), "Q6_K");
    assert_string_equal(planned(&m, HL_QUANT_Q4_K_M, "blk.5.attn_qkv.weight"), "Q5_K");
    assert_string_equal(planned(&m, HL_QUANT_Q5_K_M, "blk.5.attn_qkv.weight"), "Q6_K");
    assert_string_equal(planned(&m, HL_QUANT_Q4_K_S, "blk.5.attn_qkv.weight"), "Q4_K");
    model_deinit(&m);
}

static void small_and_sensitive_tensors_stay(void **state) {
    (void)state;
    model m;
    model_init(&m, &LLAMA);
    assert_string_equal(planned(&m, HL_QUANT_Q4_K_M, "output_norm.weight"), "F32");
    assert_string_equal(planned(&m, HL_QUANT_Q4_K_M, "blk.0.attn_norm.weight"), "F32");
    assert_string_equal(planned(&m, HL_QUANT_Q4_K_M, "blk.0.attn_q.bias"), "F32");
    assert_string_equal(planned(&m, HL_QUANT_Q4_K_M, "blk.0.ffn_gate_inp.weight"), "F16");
    assert_string_equal(planned(&m, HL_QUANT_Q4_K_M, "output.weight"), "Q6_K");
    assert_string_equal(planned(&m, HL_QUANT_Q4_0, "output.weight"), "Q6_K");
    assert_string_equal(planned(&m, HL_QUANT_Q8_0, "output.weight"), "Q8_0");
    assert_string_equal(planned(&m, HL_QUANT_Q4_K_M, "token_embd.weight"), "Q4_K");
    model_deinit(&m);
    shape tied = LLAMA;
    tied.tied = true;
    model_init(&m, &tied);
    assert_string_equal(planned(&m, HL_QUANT_Q4_K_M, "token_embd.weight"), "Q6_K");
    model_deinit(&m);
}

static void shapes_that_change_the_rules(void **state) {
    (void)state;
    model m;
    shape s = LLAMA;
    s.n_experts = 8;
    model_init(&m, &s);
    assert_string_equal(planned(&m, HL_QUANT_Q4_K_M, "blk.3.attn_v.weight"), "Q8_0");
    assert_string_equal(planned(&m, HL_QUANT_Q4_K_M, "blk.3.attn_k.weight"), "Q8_0");
    assert_string_equal(planned(&m, HL_QUANT_Q4_K_M, "blk.3.attn_output.weight"), "Q5_K");
    model_deinit(&m);
    s = LLAMA;
    s.n_layers = 80;
    s.n_heads = 64;
    s.n_kv_heads = 8;
    s.row = 32;
    model_init(&m, &s);
    assert_string_equal(planned(&m, HL_QUANT_Q4_K_M, "blk.12.attn_v.weight"), "Q8_0");
    model_deinit(&m);
    s.row = 256;
    model_init(&m, &s);
    assert_string_equal(planned(&m, HL_QUANT_Q4_K_M, "blk.11.attn_v.weight"), "Q5_K");
    model_deinit(&m);
    s = LLAMA;
    s.row = 40;
    model_init(&m, &s);
    assert_string_equal(planned(&m, HL_QUANT_Q4_K_M, "blk.0.attn_q.weight"), "F16");
    assert_string_equal(planned(&m, HL_QUANT_Q8_0, "output.weight"), "F16");
    model_deinit(&m);
}

/* --- Writing -------------------------------------------------------------- */

typedef struct watch {
    size_t n_calls;
    uint64_t done, total;
} watch;

static void note_progress(void *user, const hl_gguf_tensor *t, uint64_t done, uint64_t total) {
    watch *w = user;
    assert_true(done > w->done && done <= total && done - w->done == t->data.len);
    w->n_calls++;
    w->done = done;
    w->total = total;
}

static void path_init(char path[64]) {
    (void)snprintf(path, 64, "/tmp/hl-quantize-%ld.gguf", (long)getpid());
}

static void writes_a_whole_model(void **state) {
    (void)state;
    char path[64];
    path_init(path);
    model m;
    model_init(&m, &LLAMA);
    static uint32_t types[NAMES_MAX];
    static const hl_quant MIXES[] = {HL_QUANT_Q8_0, HL_QUANT_Q4_0, HL_QUANT_Q4_K_M};
    for (size_t k = 0; k < 3; k++) {
        watch seen = {0};
        hl_quant_progress progress = {note_progress, &seen};
        assert_int_equal(hl_gguf_quantize(m.g, MIXES[k], path, &progress, NULL), HL_OK);
        assert_int_equal(seen.n_calls, hl_gguf_n_tensors(m.g));
        assert_true(seen.done == seen.total);
        hl_gguf *g;
        uint32_t u;
        assert_int_equal(hl_gguf_open(path, &g, NULL), HL_OK);
        assert_int_equal(hl_gguf_require_u32(g, "general.file_type", &u, NULL), HL_OK);
        assert_int_equal(u, MIXES[k]);
        assert_int_equal(hl_gguf_require_u32(g, "general.quantization_version", &u, NULL), HL_OK);
        assert_int_equal(u, 2);
        assert_int_equal(hl_gguf_require_u32(g, "llama.block_count", &u, NULL), HL_OK);
        assert_null(hl_gguf_find(g, HL_STR("split.count")));
        hl_quant_plan(m.g, MIXES[k], types);
        assert_int_equal(hl_gguf_n_tensors(g), hl_gguf_n_tensors(m.g));
        for (size_t i = 0; i < hl_gguf_n_tensors(g); i++) {
            const hl_gguf_tensor *a = hl_gguf_tensor_at(m.g, i), *b = hl_gguf_tensor_at(g, i);
            assert_true(hl_str_eq(a->name, b->name) && b->type == types[i]);
            assert_true(a->n_dims == b->n_dims && a->dims[0] == b->dims[0]);
            float x[HL_QK_K], y[HL_QK_K];
            hl_dtype_to_f32((hl_dtype)a->type, a->data.ptr, x, HL_QK_K);
            hl_dtype_to_f32((hl_dtype)b->type, b->data.ptr, y, HL_QK_K);
            for (size_t c = 0; c < HL_QK_K; c++) assert_true(fabsf(x[c] - y[c]) <= 0.05f * x[c]);
        }
        hl_gguf_close(g);
    }
    model_deinit(&m);
    (void)unlink(path);
}

/* Bytes over the first weights of a tensor. */
static void put(const model *m, const char *name, const void *bytes, size_t n) {
    const hl_gguf_tensor *t = hl_gguf_find_tensor(m->g, hl_str_from(name));
    assert_non_null(t);
    assert_true(n <= t->data.len);
    memcpy((void *)(uintptr_t)t->data.ptr, bytes, n);
}

/* The model of a type in a plain one: the first n bytes of blk.1.attn_k.weight are `want`, and
 * other tensors are converted or not as they should be. */
static void check_plain(const model *m, hl_quant mix, hl_dtype type, const void *want, size_t n) {
    char path[64];
    hl_gguf *g;
    uint32_t u;
    hl_error err = {0};
    path_init(path);
    if (hl_gguf_quantize(m->g, mix, path, NULL, &err) < 0) fail_msg("%s", err.text);
    assert_int_equal(hl_gguf_open(path, &g, NULL), HL_OK);
    assert_int_equal(hl_gguf_require_u32(g, "general.file_type", &u, NULL), HL_OK);
    assert_string_equal(hl_quant_file_type_name(u), hl_dtype_name(type));
    for (size_t i = 0; i < hl_gguf_n_tensors(g); i++) {
        const hl_gguf_tensor *a = hl_gguf_tensor_at(m->g, i), *b = hl_gguf_tensor_at(g, i);
        bool stays = a->n_dims == 1 || hl_str_ends(a->name, HL_STR("ffn_gate_inp.weight"));
        assert_int_equal(b->type, stays ? a->type : type);
        assert_true(a->n_dims != 1 || b->type == HL_DTYPE_F32);
        if (stays) assert_memory_equal(b->data.ptr, a->data.ptr, a->data.len);
    }
    const hl_gguf_tensor *t = hl_gguf_find_tensor(g, HL_STR("blk.1.attn_k.weight"));
    assert_true(t && n <= t->data.len);
    assert_memory_equal(t->data.ptr, want, n);
    hl_gguf_close(g);
    (void)unlink(path);
}

/* To nearest, halves to even, down to the smallest numbers. */
static void plain_types_are_rounded_from_f32(void **state) {
    (void)state;
    static const float X[] = {0x1.002p0f, 0x1.006p0f, 0x1.01p0f, 0x1.03p0f, -65504,
                              0x1.8p-25f, 0x1p-25f,   -0.0f,     0x1.01p-3f};
    static const uint16_t F16[] = {0x3C00, 0x3C02, 0x3C04, 0x3C0C, 0xFBFF,
                                   0x0001, 0x0000, 0x8000, 0x3004},
                          BF16[] = {0x3F80, 0x3F80, 0x3F80, 0x3F82, 0xC780,
                                    0x3340, 0x3300, 0x8000, 0x3E00};
    model m;
    shape s = LLAMA;
    s.type = HL_DTYPE_F32;
    model_init(&m, &s);
    put(&m, "blk.1.attn_k.weight", X, sizeof X);
    check_plain(&m, HL_QUANT_F32, HL_DTYPE_F32, X, sizeof X);
    check_plain(&m, HL_QUANT_F16, HL_DTYPE_F16, F16, sizeof F16);
    check_plain(&m, HL_QUANT_BF16, HL_DTYPE_BF16, BF16, sizeof BF16);
    model_deinit(&m);
}

static void plain_types_of_other_types(void **state) {
    (void)state;
    static const struct {
        hl_dtype from;
        uint8_t bytes[3]; /* of a weight; Q8_0: the scale and the first weight */
        uint32_t f32;
        uint16_t f16, bf16;
    } CASES[] = {
        {HL_DTYPE_F16, {0x01, 0x3C, 0x33}, 0x3F802000, 0x3C01, 0x3F80},
        {HL_DTYPE_F16, {0x01, 0x00, 0x33}, 0x33800000, 0x0001, 0x3380},
        {HL_DTYPE_BF16, {0x81, 0x3F, 0x33}, 0x3F810000, 0x3C08, 0x3F81},
        {HL_DTYPE_Q8_0, {0x01, 0x38, 0x83}, 0xC27A3E80, 0xD3D2, 0xC27A}, /* (0.5 + 2^-11) * -125 */
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        model m;
        shape s = LLAMA;
        s.type = CASES[i].from;
        model_init(&m, &s);
        put(&m, "blk.1.attn_k.weight", CASES[i].bytes, sizeof CASES[i].bytes);
        check_plain(&m, HL_QUANT_F32, HL_DTYPE_F32, &CASES[i].f32, 4);
        check_plain(&m, HL_QUANT_F16, HL_DTYPE_F16, &CASES[i].f16, 2);
        check_plain(&m, HL_QUANT_BF16, HL_DTYPE_BF16, &CASES[i].bf16, 2);
        model_deinit(&m);
    }
}

/* What F32 and BF16 hold and F16 does not is no reason to refuse them. */
static void plain_types_have_their_own_ranges(void **state) {
    (void)state;
    static const float LARGE = 0x1p100f, LARGEST = 0x1.fffffep127f;
    static const uint16_t LARGE_BF16 = 0x7180;
    char path[64];
    hl_error err;
    model m;
    shape s = LLAMA;
    s.type = HL_DTYPE_F32;
    path_init(path);
    model_init(&m, &s);
    put(&m, "blk.1.attn_k.weight", &LARGE, sizeof LARGE);
    check_plain(&m, HL_QUANT_BF16, HL_DTYPE_BF16, &LARGE_BF16, sizeof LARGE_BF16);
    assert_int_equal(hl_gguf_quantize(m.g, HL_QUANT_F16, path, NULL, &err), HL_EFORMAT);
    assert_non_null(strstr(err.text, "blk.1.attn_k.weight"));
    put(&m, "blk.1.attn_k.weight", &LARGEST, sizeof LARGEST);
    assert_int_equal(hl_gguf_quantize(m.g, HL_QUANT_BF16, path, NULL, &err), HL_EFORMAT);
    model_deinit(&m);
    s.type = HL_DTYPE_BF16;
    model_init(&m, &s);
    put(&m, "blk.1.attn_k.weight", &LARGE_BF16, sizeof LARGE_BF16);
    check_plain(&m, HL_QUANT_F32, HL_DTYPE_F32, &LARGE, sizeof LARGE);
    model_deinit(&m);
}

static void refuses_what_it_cannot_convert(void **state) {
    (void)state;
    char path[64];
    path_init(path);
    model m;
    shape s = LLAMA;
    hl_error err;
    s.type = HL_DTYPE_Q5_0;
    model_init(&m, &s);
    assert_int_equal(hl_gguf_quantize(m.g, HL_QUANT_Q8_0, path, NULL, &err), HL_EUNSUPPORTED);
    assert_non_null(strstr(err.text, "token_embd.weight is Q5_0"));
    model_deinit(&m);
    s.type = HL_DTYPE_F32;
    model_init(&m, &s);
    const hl_gguf_tensor *t = hl_gguf_find_tensor(m.g, HL_STR("blk.2.attn_k.weight"));
    assert_non_null(t);
    float nan = NAN;
    memcpy((void *)(uintptr_t)(t->data.ptr + 400), &nan, sizeof nan);
    assert_int_equal(hl_gguf_quantize(m.g, HL_QUANT_Q4_0, path, NULL, &err), HL_EFORMAT);
    assert_non_null(strstr(err.text, "blk.2.attn_k.weight"));
    assert_false(hl_path_is_file(path));
    assert_int_equal(hl_gguf_quantize(m.g, HL_QUANT_Q4_0, "/nowhere/x", NULL, &err), HL_ENOTFOUND);
    model_deinit(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_parsed),
        cmocka_unit_test(medium_mixes_spend_bits_on_some_layers),
        cmocka_unit_test(small_and_sensitive_tensors_stay),
        cmocka_unit_test(shapes_that_change_the_rules),
        cmocka_unit_test(writes_a_whole_model),
        cmocka_unit_test(plain_types_are_rounded_from_f32),
        cmocka_unit_test(plain_types_of_other_types),
        cmocka_unit_test(plain_types_have_their_own_ranges),
        cmocka_unit_test(refuses_what_it_cannot_convert),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
