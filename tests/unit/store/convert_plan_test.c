/* Which tensors a file gets, in which order and type.  What they hold is convert_test.c's. */
#include "model_dir.h"

#include "store/convert_plan.h"

typedef struct planned {
    model_dir from;
    hl__weights *weights;
    hl_arena *arena;
    hl__convert_config config;
    hl__convert_plan plan;
    hl_error err;
} planned;

static hl_status make(planned *p, int type) {
    p->config = (hl__convert_config){.family = HL__CONVERT_LLAMA,
                                     .n_layers = 2,
                                     .n_embd = 64,
                                     .n_ff = 96,
                                     .n_heads = 4,
                                     .n_heads_kv = 2,
                                     .head_dim = 16,
                                     .n_vocab = MODEL_DIR_VOCAB,
                                     .tied = true,
                                     .rope = {.kind = HL__ROPE_LLAMA3,
                                              .base = 10000,
                                              .factor = 8,
                                              .low = 1,
                                              .high = 4,
                                              .ctx_before = 100}};
    model_dir_write(&p->from);
    p->arena = hl_arena_create(0);
    if (hl__weights_open(p->from.dir, &p->weights, &p->err) < 0) fail_msg("%s", p->err.text);
    return hl__plan_make(&p->config, p->weights, type, p->arena, &p->plan, &p->err);
}

static void planned_deinit(planned *p) {
    hl__weights_close(p->weights);
    hl_arena_destroy(p->arena);
    model_dir_deinit(&p->from);
}

static void order_and_types(void **state) {
    (void)state;
    static const struct {
        const char *name;
        hl_dtype type;
        uint64_t cols, rows;
        uint32_t head_rows;
    } WANT[] = {
        {"token_embd.weight", HL_DTYPE_F16, 64, MODEL_DIR_VOCAB, 0},
        {"output_norm.weight", HL_DTYPE_F32, 64, 1, 0},
        {"rope_freqs.weight", HL_DTYPE_F32, 8, 1, 0},
        {"blk.0.attn_norm.weight", HL_DTYPE_F32, 64, 1, 0},
        {"blk.0.attn_q.weight", HL_DTYPE_F16, 64, 64, 16},
        {"blk.0.attn_k.weight", HL_DTYPE_F16, 64, 32, 16},
        {"blk.0.attn_v.weight", HL_DTYPE_F16, 64, 32, 0},
        {"blk.0.attn_output.weight", HL_DTYPE_F16, 64, 64, 0},
        {"blk.0.ffn_norm.weight", HL_DTYPE_F32, 64, 1, 0},
        {"blk.0.ffn_gate.weight", HL_DTYPE_F16, 64, 96, 0},
        {"blk.0.ffn_up.weight", HL_DTYPE_F16, 64, 96, 0},
        {"blk.0.ffn_down.weight", HL_DTYPE_F16, 96, 64, 0},
        {"blk.1.attn_norm.weight", HL_DTYPE_F32, 64, 1, 0},
    };
    planned p = {0};
    if (make(&p, HL_DTYPE_F16) < 0) fail_msg("%s", p.err.text);
    assert_int_equal(p.plan.n, 3 + 2 * 9);
    assert_int_equal(p.plan.type, HL_DTYPE_F16);
    for (size_t i = 0; i < sizeof WANT / sizeof WANT[0]; i++) {
        const hl__convert_tensor *t = &p.plan.tensors[i];
        assert_str(t->to.name, WANT[i].name);
        assert_int_equal(t->to.type, WANT[i].type);
        assert_int_equal(t->to.dims[0], WANT[i].cols);
        assert_int_equal(t->to.dims[1], WANT[i].rows);
        assert_int_equal(t->head_rows, WANT[i].head_rows);
        assert_int_equal(t->from == NULL, i == 2);
    }
    planned_deinit(&p);
}

static void leftovers(void **state) {
    (void)state;
    planned p = {.from = {.bias = true}}; /* which the sizes do not announce */
    assert_int_equal(make(&p, -1), HL_EUNSUPPORTED);
    assert_non_null(strstr(p.err.text, "bias is not part of the family llama"));
    planned_deinit(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_and_types),
        cmocka_unit_test(leftovers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
