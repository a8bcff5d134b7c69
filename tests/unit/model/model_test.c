#include "model/model.h"

#include "small_model.h"

#include <math.h>

/* --- Families -------------------------------------------------------------- */

static void each_family_loads(void **state) {
    (void)state;
    for (const char *const *name = hl_model_families(); *name; name++) {
        small_model s = {.family = *name, .untied = true};
        hl_model *m;
        hl_error err;
        small_begin(&s);
        small_ok(hl_model_load(small_finish(&s), &m, &err), &err);
        assert_str(m->family, *name);
        assert_int_equal(m->n_layers, 2);
        assert_int_equal(m->n_blocks, 4);
        assert_int_equal(m->n_kv_layers, 2);
        assert_int_equal(m->n_vocab, 50);
        assert_int_equal(m->ctx_train, 256);
        assert_int_equal(m->n_heads_kv_max, 2);
        assert_int_equal(m->head_dim_max, 16);
        assert_int_equal(m->blocks[2].kind, HL_BLOCK_ATTENTION);
        assert_int_equal(m->blocks[2].layer, 1);
        assert_int_equal(m->blocks[2].as.attention.kv_layer, 1);
        assert_int_equal(m->blocks[3].kind, HL_BLOCK_FFN);
        assert_int_equal(m->blocks[3].as.ffn.n_ff, 96);
        assert_ptr_not_equal(m->output.data, m->embedding.data);
        hl_model_close(m);
        small_deinit(&s);
    }
}

static void what_tells_the_families_apart(void **state) {
    static const struct {
        const char *name;
        hl_rope_pairs pairs;
        bool biases, norms;
    } FAMILIES[] = {{"llama", HL_ROPE_ADJACENT, false, false},
                    {"qwen2", HL_ROPE_HALVES, true, false},
                    {"qwen3", HL_ROPE_HALVES, false, true}};
    (void)state;
    for (size_t i = 0; i < sizeof FAMILIES / sizeof FAMILIES[0]; i++) {
        small_model s = {.family = FAMILIES[i].name};
        hl_model *m;
        hl_error err;
        small_begin(&s);
        small_ok(hl_model_load(small_finish(&s), &m, &err), &err);
        const hl_attention *a = &m->blocks[0].as.attention;
        assert_int_equal(a->rope.pairs, FAMILIES[i].pairs);
        assert_int_equal(a->q_bias.data != NULL, FAMILIES[i].biases);
        assert_int_equal(a->k_norm.data != NULL, FAMILIES[i].norms);
        assert_ptr_equal(m->output.data, m->embedding.data); /* tied */
        assert_true(fabsf(a->scale - 0.25f) < 1e-6f);
        hl_model_close(m);
        small_deinit(&s);
    }
}

static void pooling_is_the_files_or_the_last(void **state) {
    (void)state;
    static const hl_pooling expected[] = {HL_POOLING_LAST, HL_POOLING_MEAN, HL_POOLING_CLS,
                                          HL_POOLING_LAST, HL_POOLING_RANK, HL_POOLING_LAST};
    for (uint32_t type = 0; type < 6; type++) {
        small_model s = {0};
        hl_model *m;
        hl_error err;
        small_begin(&s);
        if (type < 5) small_u32(&s, "pooling_type", type);
        small_ok(hl_model_load(small_finish(&s), &m, &err), &err);
        assert_int_equal(m->pooling, expected[type]);
        hl_model_close(m);
        small_deinit(&s);
    }
}

static void attention_to_later_tokens_is_refused(void **state) {
    (void)state;
    small_model s = {0};
    hl_error err;
    hl_model *m = NULL;
    const hl_gguf_value causal = {.key = HL_STR("llama.attention.causal"), .type = HL_GGUF_BOOL};
    small_begin(&s);
    small_ok(hl_gguf_writer_set(s.w, &causal, &err), &err);
    assert_int_equal(hl_model_load(small_finish(&s), &m, &err), HL_EUNSUPPORTED);
    assert_non_null(strstr(err.text, "llama.attention.causal is false"));
    small_deinit(&s);
}

static void parameters_and_bytes_are_counted(void **state) {
    (void)state;
    small_model s = {.n_layers = 1};
    hl_model *m;
    hl_error err;
    small_begin(&s);
    uint64_t want = 0;
    for (size_t i = 0; i < s.n_tensors; i++) want += s.tensors[i].cols * s.tensors[i].rows;
    small_ok(hl_model_load(small_finish(&s), &m, &err), &err);
    assert_int_equal(m->n_parameters, want);
    assert_int_equal(m->weight_bytes, want * sizeof(float));
    hl_model_close(m);
    small_deinit(&s);
}

/* --- Rope ------------------------------------------------------------------ */

static void load_rope(small_model *s, hl_model **ret, const hl_rope **ret_rope) {
    hl_error err;
    small_ok(hl_model_load(small_finish(s), ret, &err), &err);
    *ret_rope = &(*ret)->blocks[0].as.attention.rope;
    assert_int_equal((*ret_rope)->n_dims, 16);
}

static void assert_near(double a, double b) {
    if (!(fabs(a - b) <= 1e-6 * fabs(b))) fail_msg("%.9g is not %.9g", a, b);
}

static void rope_without_scaling(void **state) {
    (void)state;
    small_model s = {0};
    hl_model *m;
    const hl_rope *rope;
    small_begin(&s);
    small_f32(&s, "rope.freq_base", 500000);
    load_rope(&s, &m, &rope);
    for (uint32_t i = 0; i < 8; i++) assert_near(rope->freq[i], pow(500000, -2.0 * i / 16));
    assert_near(rope->magnitude, 1);
    hl_model_close(m);
    small_deinit(&s);
}

static void rope_linear_and_divisors(void **state) {
    (void)state;
    small_model s = {0};
    hl_model *m;
    const hl_rope *rope;
    small_begin(&s);
    small_str(&s, "rope.scaling.type", "linear");
    small_f32(&s, "rope.scaling.factor", 4);
    (void)small_add(&s, "rope_freqs.weight", HL_DTYPE_F32, 8, 1); /* ones */
    load_rope(&s, &m, &rope);
    for (uint32_t i = 0; i < 8; i++) assert_near(rope->freq[i], pow(10000, -2.0 * i / 16) / 4);
    hl_model_close(m);
    small_deinit(&s);
}

/* Base 10000, 16 dimensions, 128 tokens before: pair 0 is above 32 turns' pair (floor of -0.39 cut
 * to 0), the ramp ends at ceil(2.62) = 3. */
static void rope_yarn(void **state) {
    (void)state;
    small_model s = {0};
    hl_model *m;
    const hl_rope *rope;
    small_begin(&s);
    small_str(&s, "rope.scaling.type", "yarn");
    small_f32(&s, "rope.scaling.factor", 4);
    small_u32(&s, "rope.scaling.original_context_length", 128);
    load_rope(&s, &m, &rope);
    static const double RAMP[8] = {0, 1.0 / 3, 2.0 / 3, 1, 1, 1, 1, 1};
    for (uint32_t i = 0; i < 8; i++) {
        double freq = pow(10000, -2.0 * i / 16);
        assert_near(rope->freq[i], freq * (1 - RAMP[i]) + freq / 4 * RAMP[i]);
    }
    assert_near(rope->magnitude, 1 + 0.1 * log(4));
    hl_model_close(m);
    small_deinit(&s);
}

/* --- Refusals -------------------------------------------------------------- */

/* Finishes and loads; expects the status, and a message that names `names`. */
static void refused(small_model *s, hl_status st, const char *names) {
    hl_model *m;
    hl_error err = {0};
    assert_int_equal(hl_model_load(small_finish(s), &m, &err), st);
    if (!strstr(err.text, names)) fail_msg("\"%s\" does not name \"%s\"", err.text, names);
    small_deinit(s);
}

static void unknown_families_are_refused_by_name(void **state) {
    (void)state;
    small_model s = {.family = "mamba2"};
    small_begin(&s);
    refused(&s, HL_EUNSUPPORTED, "\"mamba2\" is not known; known are llama, mistral, qwen2, qwen3");
}

static void missing_keys_are_named(void **state) {
    static const char *const KEYS[] = {"block_count", "embedding_length", "context_length",
                                       "feed_forward_length", "attention.head_count"};
    (void)state;
    for (size_t i = 0; i < sizeof KEYS / sizeof KEYS[0]; i++) {
        small_model s = {.without_key = KEYS[i]};
        small_begin(&s);
        refused(&s, HL_EFORMAT, KEYS[i]);
    }
}

static void absurd_numbers_are_refused(void **state) {
    static const struct {
        const char *key;
        uint32_t value;
    } NUMBERS[] = {{"block_count", 0},
                   {"block_count", UINT32_MAX},
                   {"block_count", 3},
                   {"embedding_length", 0},
                   {"embedding_length", UINT32_MAX},
                   {"context_length", 0},
                   {"context_length", UINT32_MAX},
                   {"feed_forward_length", 0},
                   {"feed_forward_length", UINT32_MAX},
                   {"attention.head_count", 0},
                   {"attention.head_count", UINT32_MAX},
                   {"attention.head_count_kv", 0},
                   {"attention.head_count_kv", 3},
                   {"attention.head_count_kv", UINT32_MAX},
                   {"rope.dimension_count", 0},
                   {"rope.dimension_count", 7},
                   {"rope.dimension_count", 18},
                   {"pooling_type", 5},
                   {"pooling_type", UINT32_MAX},
                   {"attention.causal", 0}}; /* not a bool */
    (void)state;
    for (size_t i = 0; i < sizeof NUMBERS / sizeof NUMBERS[0]; i++) {
        small_model s = {0};
        small_begin(&s);
        small_u32(&s, NUMBERS[i].key, NUMBERS[i].value);
        refused(&s, HL_EFORMAT, "");
    }
}

static void head_sizes_that_kernels_lack_are_refused(void **state) {
    static const uint32_t SIZES[] = {0, 4, 12, 264, UINT32_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++) {
        small_model s = {0};
        small_begin(&s);
        small_u32(&s, "attention.key_length", SIZES[i]);
        refused(&s, HL_EUNSUPPORTED, "dimensions");
    }
}

static void bad_floats_are_refused(void **state) {
    static const struct {
        const char *key;
        float value;
    } FLOATS[] = {{"attention.layer_norm_rms_epsilon", NAN},
                  {"attention.layer_norm_rms_epsilon", -1},
                  {"attention.layer_norm_rms_epsilon", 0},
                  {"attention.scale", INFINITY},
                  {"rope.freq_base", NAN},
                  {"rope.freq_base", 0},
                  {"rope.scaling.factor", NAN},
                  {"rope.scaling.factor", -2}};
    (void)state;
    for (size_t i = 0; i < sizeof FLOATS / sizeof FLOATS[0]; i++) {
        small_model s = {0};
        small_begin(&s);
        small_f32(&s, FLOATS[i].key, FLOATS[i].value);
        refused(&s, HL_EFORMAT, "");
    }
}

static void missing_tensors_are_named(void **state) {
    static const char *const NAMES[] = {"token_embd.weight", "output_norm.weight",
                                        "blk.1.attn_norm.weight", "blk.0.attn_v.weight",
                                        "blk.1.ffn_down.weight"};
    (void)state;
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        small_model s = {0};
        small_begin(&s);
        small_remove(&s, NAMES[i]);
        refused(&s, HL_EFORMAT, NAMES[i]);
    }
}

static void wrong_shapes_are_named(void **state) {
    static const char *const NAMES[] = {"output.weight", "blk.0.attn_q.weight",
                                        "blk.0.attn_k.weight", "blk.1.ffn_up.weight"};
    (void)state;
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        small_model s = {.untied = true};
        small_begin(&s);
        small_find(&s, NAMES[i])->rows--;
        refused(&s, HL_EFORMAT, NAMES[i]);
    }
    small_model s = {0};
    small_begin(&s);
    small_find(&s, "blk.0.attn_norm.weight")->cols = 65;
    refused(&s, HL_EFORMAT, "blk.0.attn_norm.weight has the shape [65, 1");
}

static void types_that_cannot_compute_are_named(void **state) {
    (void)state;
    small_model s = {0};
    small_begin(&s);
    small_find(&s, "blk.1.attn_output.weight")->type = HL_DTYPE_Q5_1;
    refused(&s, HL_EUNSUPPORTED, "blk.1.attn_output.weight has the type Q5_1");
}

static void tensors_nobody_knows_are_refused(void **state) {
    (void)state;
    small_model s = {0};
    small_begin(&s);
    (void)small_add(&s, "blk.0.ffn_gate.bias", HL_DTYPE_F32, 96, 1);
    refused(&s, HL_EUNSUPPORTED, "blk.0.ffn_gate.bias is not part of the family llama");
}

static void mixtures_of_experts_are_refused(void **state) {
    (void)state;
    small_model s = {0};
    small_begin(&s);
    small_u32(&s, "expert_count", 8);
    refused(&s, HL_EUNSUPPORTED, "expert_count is 8");
}

static void unknown_rope_scaling_is_refused(void **state) {
    (void)state;
    small_model s = {0};
    small_begin(&s);
    small_str(&s, "rope.scaling.type", "longrope");
    refused(&s, HL_EUNSUPPORTED, "longrope");
}

static void a_tokenizer_of_another_size_is_refused(void **state) {
    (void)state;
    small_model s = {0};
    hl_error err;
    hl_str tokens[3] = {HL_STR("a"), HL_STR("b"), HL_STR("c")};
    hl_gguf_value v = {.key = HL_STR("tokenizer.ggml.tokens"), .type = HL_GGUF_ARRAY};
    v.as.array.type = HL_GGUF_STR;
    v.as.array.n = 3;
    v.as.array.strs = tokens;
    small_begin(&s);
    small_ok(hl_gguf_writer_set(s.w, &v, &err), &err);
    refused(&s, HL_EFORMAT, "3 tokens, the embedding 50");
}

/* --- Memory ---------------------------------------------------------------- */

static void load_gives_back_what_it_took_when_memory_ends(void **state) {
    (void)state;
    small_model s = {.family = "qwen3"};
    hl_model *m = NULL;
    hl_error err;
    small_begin(&s);
    hl_gguf_close(small_finish(&s));
    hl_status st = HL_ENOMEM;
    for (uint64_t n = 1; st == HL_ENOMEM; n++) {
        hl_gguf *g;
        assert_true(n < 200);
        small_ok(hl_gguf_open_bytes((hl_bytes){s.bytes, s.n_bytes}, &g, &err), &err);
        hl_mem_fail_nth(n);
        st = hl_model_load(g, &m, &err);
        hl_mem_fail_nth(0);
        if (n == 1) assert_int_equal(st, HL_ENOMEM);
    }
    small_ok(st, &err);
    hl_model_close(m);
    hl_model_close(NULL);
    small_deinit(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_family_loads),
        cmocka_unit_test(what_tells_the_families_apart),
        cmocka_unit_test(pooling_is_the_files_or_the_last),
        cmocka_unit_test(attention_to_later_tokens_is_refused),
        cmocka_unit_test(parameters_and_bytes_are_counted),
        cmocka_unit_test(rope_without_scaling),
        cmocka_unit_test(rope_linear_and_divisors),
        cmocka_unit_test(rope_yarn),
        cmocka_unit_test(unknown_families_are_refused_by_name),
        cmocka_unit_test(missing_keys_are_named),
        cmocka_unit_test(absurd_numbers_are_refused),
        cmocka_unit_test(head_sizes_that_kernels_lack_are_refused),
        cmocka_unit_test(bad_floats_are_refused),
        cmocka_unit_test(missing_tensors_are_named),
        cmocka_unit_test(wrong_shapes_are_named),
        cmocka_unit_test(types_that_cannot_compute_are_named),
        cmocka_unit_test(tensors_nobody_knows_are_refused),
        cmocka_unit_test(mixtures_of_experts_are_refused),
        cmocka_unit_test(unknown_rope_scaling_is_refused),
        cmocka_unit_test(a_tokenizer_of_another_size_is_refused),
        cmocka_unit_test(load_gives_back_what_it_took_when_memory_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
