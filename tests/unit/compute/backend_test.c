/* The CPU backend on small models of random weights, at every level of this machine. */
#include "compute/backend.h"

#include "base/cpu.h"
#include "small_model.h"

#include <math.h>
#include <stdlib.h>

enum { TOKENS = 75, VOCAB = 50, EMBD = 64, PAGES = 16 };

static const hl_backend_limits LIMITS = {
    .rows_max = 128, .slices_max = 4, .outputs_max = 128, .kv_pages = PAGES, .threads = 2};

typedef struct fixture {
    small_model s;
    hl_model *m;
    hl_backend *b;
    uint32_t ids[TOKENS];
    uint32_t pages[PAGES];
    float logits[TOKENS][VOCAB]; /* of all rows, computed at once */
} fixture;

static void forward(fixture *f, hl_batch batch) {
    hl_error err;
    if (batch.block1 == 0) batch.block1 = f->m->n_blocks;
    if (batch.output_stride == 0) batch.output_stride = VOCAB;
    hl_mem_guard_enter();
    hl_status st = f->b->ops->forward(f->b, &batch, &err);
    hl_mem_guard_leave();
    small_ok(st, &err);
}

/* Tokens at … at + n - 1 of the one sequence. */
static void forward_span(fixture *f, uint32_t at, uint32_t n, uint32_t n_outputs, float *outputs) {
    hl_slice s = {.n_rows = n, .kv_len = at, .pages = {f->pages}, .n_outputs = n_outputs};
    forward(
        f,
        (hl_batch){
            .tokens = f->ids + at, .n_rows = n, .slices = &s, .n_slices = 1, .outputs = outputs});
}

static void open_fixture(fixture *f, const char *family) {
    hl_error err;
    hl_rng rng;
    *f = (fixture){.s = {.family = family}};
    small_begin(&f->s);
    small_ok(hl_model_load(small_finish(&f->s), &f->m, &err), &err);
    small_ok(hl_backend_cpu.open(f->m, &LIMITS, &f->b, &err), &err);
    hl_rng_init(&rng, 9);
    for (uint32_t i = 0; i < TOKENS; i++) f->ids[i] = (uint32_t)hl_rng_below(&rng, VOCAB);
    for (uint32_t i = 0; i < PAGES; i++) f->pages[i] = PAGES - 1 - i;
    forward_span(f, 0, TOKENS, TOKENS, f->logits[0]);
}

static void close_fixture(fixture *f) {
    hl_backend_cpu.close(f->b);
    hl_model_close(f->m);
    small_deinit(&f->s);
}

/* Runs a test for every level and some families. */
static void for_each(void (*test)(fixture *f)) {
    static const char *const FAMILIES[] = {"llama", "qwen2", "qwen3"};
    for (int level = 0; level < HL_CPU_LEVEL_COUNT; level++) {
        if (!hl_cpu_level_available((hl_cpu_level)level)) continue;
        assert_int_equal(setenv("HYPERLLAMA_CPU", hl_cpu_level_name((hl_cpu_level)level), 1), 0);
        for (size_t i = 0; i < 3; i++) {
            static fixture f;
            open_fixture(&f, FAMILIES[i]);
            test(&f);
            close_fixture(&f);
        }
    }
    assert_int_equal(unsetenv("HYPERLLAMA_CPU"), 0);
}

/* --- Rows ------------------------------------------------------------------ */

static void assert_row(const fixture *f, uint32_t row, const float *logits) {
    assert_memory_equal(logits, f->logits[row], sizeof f->logits[row]);
}

static void token_by_token(fixture *f) {
    float logits[VOCAB];
    for (uint32_t i = 0; i < TOKENS; i++) {
        forward_span(f, i, 1, 1, logits);
        assert_true(isfinite(logits[0]));
        assert_row(f, i, logits);
    }
}

static void decode_gives_the_bits_of_prefill(void **state) {
    (void)state;
    for_each(token_by_token);
}

static void last_rows_only(fixture *f) {
    float logits[3][VOCAB];
    forward_span(f, 0, 40, 0, NULL); /* nobody wants an output: only keys and values */
    forward_span(f, 40, TOKENS - 40, 3, logits[0]);
    for (uint32_t i = 0; i < 3; i++) assert_row(f, TOKENS - 3 + i, logits[i]);
}

static void outputs_are_those_of_the_last_rows(void **state) {
    (void)state;
    for_each(last_rows_only);
}

/* The same tokens in other pages beside other sequences. */
static void beside_others(fixture *f) {
    static float outputs[TOKENS][VOCAB];
    uint32_t other[PAGES], third[PAGES];
    for (uint32_t i = 0; i < PAGES; i++) {
        other[i] = (i + 3) % PAGES;
        third[i] = (i + 6) % PAGES;
    }
    uint32_t ids[20 + 30 + 1];
    memcpy(ids, f->ids + 10, 20 * sizeof *ids);
    memcpy(ids + 20, f->ids, 30 * sizeof *ids);
    ids[50] = 7;
    hl_slice slices[3] = {
        {.row0 = 0, .n_rows = 20, .pages = {other}, .n_outputs = 1},
        {.row0 = 20, .n_rows = 30, .pages = {third}, .n_outputs = 30},
        {.row0 = 50, .n_rows = 1, .pages = {f->pages}, .n_outputs = 1},
    };
    forward(
        f,
        (hl_batch){
            .tokens = ids, .n_rows = 51, .slices = slices, .n_slices = 3, .outputs = outputs[0]});
    for (uint32_t i = 0; i < 30; i++) assert_row(f, i, outputs[1 + i]);
}

static void neighbours_change_nothing(void **state) {
    (void)state;
    for_each(beside_others);
}

/* --- Outputs of both kinds -------------------------------------------------- */

/* Two sequences in turn, so that rows with logits and without stand in each other's way; the
 * second one's hidden states go to sums[0] and sums[1].  Logits are the head's matrix times the
 * hidden state. */
static void hidden_and_logits(fixture *f) {
    static float outputs[3][VOCAB], sums[2][EMBD];
    uint32_t ids[5] = {f->ids[0], f->ids[0], f->ids[1], f->ids[1], f->ids[2]}, other[1] = {0};
    hl_slice slices[3] = {
        {.n_rows = 1, .pages = {f->pages}, .n_outputs = 1},
        {.row0 = 1, .n_rows = 2, .pages = {other}, .n_outputs = 1, .output = HL_OUTPUT_SUM},
        {.row0 = 3, .n_rows = 2, .kv_len = 1, .pages = {f->pages}, .n_outputs = 2},
    };
    slices[1].sum = sums[0];
    memset(sums, 0, sizeof sums);
    forward(
        f, (hl_batch){
               .tokens = ids, .n_rows = 5, .slices = slices, .n_slices = 3, .outputs = outputs[0]});
    for (uint32_t row = 0; row < 3; row++) assert_row(f, row, outputs[row]);
    const float *head = f->m->output.data;
    for (uint32_t i = 0; i < VOCAB; i++) {
        double sum = 0;
        for (uint32_t k = 0; k < EMBD; k++) sum += (double)head[i * EMBD + k] * (double)sums[0][k];
        assert_true(fabs(sum - (double)f->logits[1][i]) < 1e-4);
    }
}

static void hidden_states_stand_beside_logits(void **state) {
    (void)state;
    for_each(hidden_and_logits);
}

static void sum_span(fixture *f, uint32_t at, uint32_t n, uint32_t n_outputs, float *sum) {
    hl_slice s = {.n_rows = n,
                  .kv_len = at,
                  .pages = {f->pages},
                  .n_outputs = n_outputs,
                  .output = HL_OUTPUT_SUM,
                  .sum = sum};
    forward(f, (hl_batch){.tokens = f->ids + at, .n_rows = n, .slices = &s, .n_slices = 1});
}

/* One by one, and added here, as at once and as in chunks: the same bits. */
static void cut_sums(fixture *f) {
    float whole[EMBD] = {0}, cut[EMBD] = {0}, by_hand[EMBD] = {0};
    sum_span(f, 0, TOKENS, TOKENS, whole);
    sum_span(f, 0, 7, 7, cut);
    sum_span(f, 7, 40, 40, cut);
    sum_span(f, 47, TOKENS - 47, TOKENS - 47, cut);
    for (uint32_t i = 0; i < TOKENS; i++) {
        float one[EMBD] = {0};
        sum_span(f, i, 1, 1, one);
        for (uint32_t k = 0; k < EMBD; k++) by_hand[k] += one[k];
    }
    assert_memory_equal(whole, cut, sizeof whole);
    assert_memory_equal(whole, by_hand, sizeof whole);
    sum_span(f, 0, TOKENS, 0, cut); /* no row is asked for */
    assert_memory_equal(whole, cut, sizeof whole);
}

static void sums_do_not_show_the_chunks(void **state) {
    (void)state;
    for_each(cut_sums);
}

/* --- A part of the blocks --------------------------------------------------- */

static void in_two_parts(fixture *f) {
    static float hidden[TOKENS][EMBD], outputs[2][VOCAB];
    hl_slice s = {.n_rows = TOKENS, .pages = {f->pages}, .n_outputs = 2};
    for (uint32_t cut = 1; cut < f->m->n_blocks; cut++) {
        hl_batch batch = {.tokens = f->ids,
                          .n_rows = TOKENS,
                          .slices = &s,
                          .n_slices = 1,
                          .hidden = hidden[0],
                          .outputs = outputs[0]};
        batch.block1 = cut;
        forward(f, batch);
        batch.block0 = cut;
        batch.block1 = 0;
        forward(f, batch);
        assert_row(f, TOKENS - 2, outputs[0]);
        assert_row(f, TOKENS - 1, outputs[1]);
    }
}

static void blocks_can_be_split_anywhere(void **state) {
    (void)state;
    for_each(in_two_parts);
}

/* --- Pages ------------------------------------------------------------------ */

static void on_a_copy(fixture *f) {
    float logits[VOCAB];
    uint32_t copy[PAGES];
    memcpy(copy, f->pages, sizeof copy);
    copy[1] = 0; /* in place of pages[1], of whose tokens 8 are shared */
    f->b->ops->copy_page(f->b, copy[1], f->pages[1], 8);
    uint32_t token = (f->ids[40] + 1) % VOCAB;
    hl_slice s = {.n_rows = 1, .kv_len = 40, .pages = {copy}, .n_outputs = 1};
    forward(f, (hl_batch){
                   .tokens = &token, .n_rows = 1, .slices = &s, .n_slices = 1, .outputs = logits});
    assert_memory_not_equal(logits, f->logits[40], sizeof logits);
    forward_span(f, TOKENS - 1, 1, 1, logits); /* the original has not changed */
    assert_row(f, TOKENS - 1, logits);
    f->b->ops->copy_page(f->b, copy[1], f->pages[1], 8);
    s.pages[0] = copy;
    forward(
        f, (hl_batch){
               .tokens = f->ids + 40, .n_rows = 1, .slices = &s, .n_slices = 1, .outputs = logits});
    assert_row(f, 40, logits);
}

static void a_copied_page_diverges(void **state) {
    (void)state;
    for_each(on_a_copy);
}

/* --- Open and plan ---------------------------------------------------------- */

static void load(small_model *s, hl_model **ret) {
    hl_error err;
    small_begin(s);
    small_ok(hl_model_load(small_finish(s), ret, &err), &err);
}

static void a_plan_says_what_is_taken(void **state) {
    (void)state;
    small_model s = {0};
    hl_model *m;
    hl_error err;
    hl_backend_plan plan, more;
    hl_backend_limits limits = LIMITS;
    load(&s, &m);
    small_ok(hl_backend_cpu.plan(m, &limits, &plan, &err), &err);
    /* layers, KV heads, keys and values, tokens, dimensions, bytes of an f16 */
    assert_int_equal(plan.kv_page_bytes, 2 * 2 * 2 * HL_KV_PAGE_TOKENS * 16 * 2);
    assert_int_equal(plan.kv_bytes, PAGES * plan.kv_page_bytes);
    assert_true(plan.weight_bytes >= m->weight_bytes / 2);
    limits.kv_pages *= 2;
    limits.rows_max *= 2;
    small_ok(hl_backend_cpu.plan(m, &limits, &more, &err), &err);
    assert_int_equal(more.weight_bytes, plan.weight_bytes);
    assert_int_equal(more.kv_bytes, 2 * plan.kv_bytes);
    assert_true(more.scratch_bytes > plan.scratch_bytes);
    hl_model_close(m);
    small_deinit(&s);
}

static void bad_limits_and_levels_are_refused(void **state) {
    (void)state;
    small_model s = {0};
    hl_model *m;
    hl_error err;
    hl_backend *b;
    load(&s, &m);
    hl_backend_limits limits = LIMITS;
    limits.threads = 1 << 20;
    assert_int_equal(hl_backend_cpu.open(m, &limits, &b, &err), HL_EINVAL);
    limits = LIMITS;
    limits.rows_max = 0;
    assert_int_equal(hl_backend_cpu.open(m, &limits, &b, &err), HL_EINVAL);
    assert_int_equal(setenv("HYPERLLAMA_CPU", "avx9000", 1), 0);
    assert_int_equal(hl_backend_cpu.open(m, &LIMITS, &b, &err), HL_EINVAL);
    assert_non_null(strstr(err.text, "avx9000"));
    assert_int_equal(unsetenv("HYPERLLAMA_CPU"), 0);
    hl_model_close(m);
    small_deinit(&s);
}

static void token_ids_past_the_vocabulary_are_refused(void **state) {
    (void)state;
    static fixture f;
    hl_error err;
    float logits[VOCAB];
    open_fixture(&f, "llama");
    uint32_t id = VOCAB;
    hl_slice s = {.n_rows = 1, .pages = {f.pages}, .n_outputs = 1};
    hl_batch batch = {.tokens = &id,
                      .n_rows = 1,
                      .slices = &s,
                      .n_slices = 1,
                      .block1 = f.m->n_blocks,
                      .outputs = logits,
                      .output_stride = VOCAB};
    assert_int_equal(f.b->ops->forward(f.b, &batch, &err), HL_EINVAL);
    assert_non_null(strstr(err.text, "token id 50"));
    assert_non_null(strstr(f.b->ops->describe(f.b), "2 threads"));
    close_fixture(&f);
}

static void open_gives_back_what_it_took_when_memory_ends(void **state) {
    (void)state;
    small_model s = {0};
    hl_model *m;
    hl_error err;
    hl_backend *b = NULL;
    load(&s, &m);
    hl_status st = HL_ENOMEM;
    for (uint64_t n = 1; st == HL_ENOMEM; n++) {
        assert_true(n < 100);
        hl_mem_fail_nth(n);
        st = hl_backend_cpu.open(m, &LIMITS, &b, &err);
        hl_mem_fail_nth(0);
        if (n == 1) assert_int_equal(st, HL_ENOMEM);
    }
    small_ok(st, &err);
    hl_backend_cpu.close(b);
    hl_backend_cpu.close(NULL);
    hl_model_close(m);
    small_deinit(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decode_gives_the_bits_of_prefill),
        cmocka_unit_test(outputs_are_those_of_the_last_rows),
        cmocka_unit_test(neighbours_change_nothing),
        cmocka_unit_test(hidden_states_stand_beside_logits),
        cmocka_unit_test(sums_do_not_show_the_chunks),
        cmocka_unit_test(blocks_can_be_split_anywhere),
        cmocka_unit_test(a_copied_page_diverges),
        cmocka_unit_test(a_plan_says_what_is_taken),
        cmocka_unit_test(bad_limits_and_levels_are_refused),
        cmocka_unit_test(token_ids_past_the_vocabulary_are_refused),
        cmocka_unit_test(open_gives_back_what_it_took_when_memory_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
