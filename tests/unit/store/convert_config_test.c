/* config.json: sizes and their defaults, the forms of rope scaling, what is refused by name. */
#include "testing.h"

#include "store/convert_config.h"

#include <math.h>
#include <stdio.h>

#define SIZES                                                                                      \
    "\"hidden_size\":64,\"intermediate_size\":96,\"num_hidden_layers\":2,"                         \
    "\"num_attention_heads\":4,\"vocab_size\":100,\"max_position_embeddings\":256"
#define LLAMA "\"architectures\":[\"LlamaForCausalLM\"],"

static hl_status read(const char *text, hl__convert_config *ret, hl_error *err) {
    hl__doc d;
    hl_status st = hl__doc_parse(hl_str_from(text), "config.json", &d, err);
    if (st < 0) return st;
    st = hl__config_read(&d, ret, err);
    hl__doc_close(&d);
    return st;
}

static hl__convert_config read_well(const char *text) {
    hl__convert_config c;
    hl_error err;
    if (read(text, &c, &err) < 0) fail_msg("%s: %s", text, err.text);
    return c;
}

static void defaults(void **state) {
    (void)state;
    hl__convert_config c = read_well("{" LLAMA SIZES "}");
    assert_int_equal(c.family, HL__CONVERT_LLAMA);
    assert_int_equal(c.n_heads_kv, 4);
    assert_int_equal(c.head_dim, 16);
    assert_int_equal(c.ctx, 256);
    assert_false(c.tied);
    assert_false(c.attention_bias);
    assert_true(c.norm_eps == 1e-6);
    assert_true(c.rope.base == 10000);
    assert_int_equal(c.rope.kind, HL__ROPE_PLAIN);
    c = read_well("{\"model_type\":\"qwen3\"," SIZES "}");
    assert_int_equal(c.family, HL__CONVERT_QWEN3);
    assert_int_equal(c.head_dim, 128);
    assert_int_equal(read_well("{\"model_type\":\"mistral\"," SIZES "}").family, HL__CONVERT_LLAMA);
}

static void values(void **state) {
    (void)state;
    hl__convert_config c = read_well(
        "{\"architectures\":[\"Qwen2ForCausalLM\"],\"model_type\":\"other\"," SIZES
        ",\"num_key_value_heads\":2,\"head_dim\":32,\"tie_word_embeddings\":true,"
        "\"rms_norm_eps\":0.001,\"rope_theta\":1000000,\"rope_scaling\":null,"
        "\"sliding_window\":100,\"use_sliding_window\":false,\"layer_types\":[\"full_attention\"]"
        "}");
    assert_int_equal(c.family, HL__CONVERT_QWEN2);
    assert_int_equal(c.n_heads_kv, 2);
    assert_int_equal(c.head_dim, 32);
    assert_true(c.tied);
    assert_true(c.rope.base == 1e6);
}

static void scaling(void **state) {
    (void)state;
    hl__convert_rope r =
        read_well("{" LLAMA SIZES ",\"rope_scaling\":{\"type\":\"linear\",\"factor\":2}}").rope;
    assert_int_equal(r.kind, HL__ROPE_LINEAR);
    assert_true(r.factor == 2);
    r = read_well("{" LLAMA SIZES ",\"rope_scaling\":{\"rope_type\":\"yarn\",\"type\":\"x\","
                  "\"factor\":4.0,\"original_max_position_embeddings\":64,"
                  "\"attention_factor\":1.5}}")
            .rope;
    assert_int_equal(r.kind, HL__ROPE_YARN);
    assert_int_equal(r.ctx_before, 64);
    assert_true(r.beta_fast == 32 && r.beta_slow == 1 && r.magnitude == 1.5);
    r = read_well("{" LLAMA SIZES ",\"rope_parameters\":{\"rope_type\":\"llama3\",\"factor\":8,"
                  "\"rope_theta\":5e5,\"low_freq_factor\":1,\"high_freq_factor\":4}}")
            .rope;
    assert_int_equal(r.kind, HL__ROPE_LLAMA3);
    assert_true(r.base == 5e5 && r.low == 1 && r.high == 4);
    assert_int_equal(r.ctx_before, 256);
    r = read_well("{" LLAMA SIZES ",\"rope_parameters\":{\"rope_type\":\"default\","
                  "\"rope_theta\":7}}")
            .rope;
    assert_true(r.kind == HL__ROPE_PLAIN && r.base == 7);
    r = read_well("{" LLAMA SIZES ",\"rope_theta\":45000000000}").rope; /* four million tokens */
    assert_true(r.base == 45e9);
}

static void refused(void **state) {
    (void)state;
    static const struct {
        const char *members; /* before the sizes */
        hl_status st;
        const char *part;
    } BAD[] = {
        {"\"architectures\":[\"GemmaForCausalLM\"],", HL_EUNSUPPORTED, "\"GemmaForCausalLM\""},
        {"\"model_type\":\"phi\",", HL_EUNSUPPORTED, "LlamaForCausalLM"},
        {"", HL_EUNSUPPORTED, "\"\" is not known"},
        {"\"architectures\":[7],", HL_EFORMAT, "holds no strings"},
        {LLAMA "\"quantization_config\":{\"quant_method\":\"awq\"},", HL_EUNSUPPORTED, "(awq)"},
        {LLAMA "\"hidden_act\":\"gelu\",", HL_EUNSUPPORTED, "hidden_act"},
        {LLAMA "\"mlp_bias\":true,", HL_EUNSUPPORTED, "mlp_bias"},
        {LLAMA "\"partial_rotary_factor\":0.5,", HL_EUNSUPPORTED, "partial_rotary_factor"},
        {LLAMA "\"sliding_window\":4096,", HL_EUNSUPPORTED, "sliding window"},
        {LLAMA "\"use_sliding_window\":true,", HL_EUNSUPPORTED, "sliding window"},
        {LLAMA "\"layer_types\":[\"full_attention\",\"sliding_attention\"],", HL_EUNSUPPORTED,
         "sliding window"},
        {LLAMA "\"num_key_value_heads\":3,", HL_EFORMAT, "does not divide"},
        {LLAMA "\"num_key_value_heads\":0,", HL_EFORMAT, "expected 1 to"},
        {LLAMA "\"head_dim\":15,", HL_EFORMAT, "is odd"},
        {LLAMA "\"head_dim\":\"16\",", HL_EFORMAT, "is no whole number"},
        {LLAMA "\"rms_norm_eps\":2,", HL_EFORMAT, "rms_norm_eps"},
        {LLAMA "\"rope_theta\":-1,", HL_EFORMAT, "rope_theta"},
        {LLAMA "\"rope_theta\":1e19,", HL_EFORMAT, "rope_theta"},
        {LLAMA "\"rope_scaling\":{\"type\":\"linear\",\"factor\":1e10},", HL_EFORMAT, "too large"},
        {LLAMA "\"rope_theta\":1e999,", HL_EFORMAT, "rope_theta"},
        {LLAMA "\"rope_theta\":0.5,", HL_EFORMAT, "below 1"},
        {LLAMA "\"rope_scaling\":7,", HL_EFORMAT, "rope_scaling is no object"},
        {LLAMA "\"rope_scaling\":{},", HL_EFORMAT, "rope_scaling.rope_type is missing"},
        {LLAMA "\"rope_scaling\":{\"type\":\"longrope\"},", HL_EUNSUPPORTED, "\"longrope\""},
        {LLAMA "\"rope_scaling\":{\"type\":\"dynamic\",\"factor\":2},", HL_EUNSUPPORTED,
         "\"dynamic\""},
        {LLAMA "\"rope_scaling\":{\"type\":\"linear\"},", HL_EFORMAT, "rope_scaling.factor"},
        {LLAMA "\"rope_scaling\":{\"type\":\"yarn\",\"factor\":2,\"mscale\":1},", HL_EUNSUPPORTED,
         "mscale"},
        {LLAMA "\"rope_scaling\":{\"type\":\"yarn\",\"factor\":2,\"truncate\":false},",
         HL_EUNSUPPORTED, "truncate"},
        {LLAMA "\"rope_scaling\":{\"type\":\"llama3\",\"factor\":2,\"low_freq_factor\":4,"
               "\"high_freq_factor\":4},",
         HL_EFORMAT, "is not below"},
        {LLAMA "\"tie_word_embeddings\":1,", HL_EFORMAT, "neither true nor false"},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        char text[1024];
        hl__convert_config c;
        hl_error err = {0};
        (void)snprintf(text, sizeof text, "{%s" SIZES "}", BAD[i].members);
        hl_status st = read(text, &c, &err);
        if (st != BAD[i].st || !strstr(err.text, BAD[i].part))
            fail_msg("%s: %s \"%s\"", text, hl_status_name(st), err.text);
    }
}

static void sizes_are_needed(void **state) {
    (void)state;
    static const char *const NAMES[] = {"hidden_size",       "intermediate_size",
                                        "num_hidden_layers", "num_attention_heads",
                                        "vocab_size",        "max_position_embeddings"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        char text[] = "{" LLAMA SIZES "}";
        hl__convert_config c;
        hl_error err = {0};
        *strstr(text, NAMES[i]) = 'X';
        assert_int_equal(read(text, &c, &err), HL_EFORMAT);
        assert_non_null(strstr(err.text, NAMES[i]));
        assert_non_null(strstr(err.text, "is missing"));
    }
}

/* What a reader multiplies with the factor's own gives the published magnitude. */
static void declared_yarn(void **state) {
    (void)state;
    hl__convert_config c = read_well(
        "{" LLAMA SIZES ",\"rope_scaling\":{\"type\":\"yarn\",\"factor\":4,"
        "\"original_max_position_embeddings\":64,\"attention_factor\":1.5}}");
    hl_arena *a = hl_arena_create(0);
    hl_gguf_writer *w;
    hl_gguf *g;
    hl_buf head = {0};
    hl_error err;
    float factor = 0;
    assert_non_null(a);
    assert_int_equal(hl_gguf_writer_create(&w, &err), HL_OK);
    assert_int_equal(hl__config_declare(&c, a, w, &err), HL_OK);
    assert_int_equal(hl_gguf_writer_head(w, &head, &err), HL_OK);
    assert_int_equal(hl_gguf_open_bytes((hl_bytes){(const uint8_t *)head.ptr, head.len}, &g, &err),
                     HL_OK);
    assert_int_equal(hl_gguf_require_f32(g, "llama.rope.scaling.attn_factor", &factor, &err),
                     HL_OK);
    assert_true(fabs((double)factor * (1 + 0.1 * log(4)) - 1.5) < 1e-6);
    hl_str type;
    assert_int_equal(hl_gguf_require_str(g, "llama.rope.scaling.type", &type, &err), HL_OK);
    assert_str(type, "yarn");
    hl_gguf_close(g);
    hl_buf_deinit(&head);
    hl_gguf_writer_destroy(w);
    hl_arena_destroy(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),         cmocka_unit_test(values),
        cmocka_unit_test(scaling),          cmocka_unit_test(refused),
        cmocka_unit_test(sizes_are_needed), cmocka_unit_test(declared_yarn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
