/* A row's logits are the same bits however its prompt is cut, whoever stands beside it, for any
 * number of threads (ADR 0007).  HL_TEST_SLOW=1: every combination, on every level and file. */
#include "conformance/runner.h"

#include "base/rng.h"

enum {
    PROMPT = 100,
    PROMPT_LONG = 600,
    CTX = 640,
    NEIGHBOURS_MAX = 31,
    ROWS_MAX = 512 + 3 * NEIGHBOURS_MAX
};

typedef struct combination {
    uint32_t chunk, neighbours, threads;
} combination;

/* Each value of each axis, in company of different others. */
static const combination SOME[] = {{1, 0, 2},    {7, 1, 2},  {64, 7, 4},
                                   {512, 31, 2}, {7, 31, 4}, {1, 7, 1}};

/* What takes more than one large chunk. */
static const combination SOME_LONG[] = {{512, 0, 2}, {512, 31, 4}, {64, 7, 1}, {7, 1, 2}};

static uint32_t ids[NEIGHBOURS_MAX + 1][CTX];
static uint32_t n_prompt; /* PROMPT or PROMPT_LONG */

static void make_ids(uint32_t n_vocab) {
    hl_rng rng;
    hl_rng_init(&rng, 5);
    for (size_t s = 0; s <= NEIGHBOURS_MAX; s++) {
        for (size_t i = 0; i < CTX; i++) ids[s][i] = (uint32_t)hl_rng_below(&rng, n_vocab);
    }
}

/* Sequence 0 in chunks; neighbours add 1 to 3 tokens a step, some before it and some behind. */
static void run(runner *r, combination c, float *ret_logits) {
    uint32_t at[NEIGHBOURS_MAX + 1] = {0}, before = c.neighbours / 2;
    while (at[0] < n_prompt) {
        span spans[NEIGHBOURS_MAX + 1];
        uint32_t n = 0, outputs_before = 0;
        for (uint32_t i = 0; i <= c.neighbours; i++) {
            uint32_t seq = i == before ? 0 : i < before ? i + 1 : i;
            uint32_t left = (seq == 0 ? n_prompt : CTX) - at[seq];
            uint32_t want = seq == 0 ? c.chunk : 1 + seq % 3, now = want < left ? want : left;
            if (now == 0) continue;
            bool output = seq == 0 ? at[0] + now == n_prompt : seq % 2;
            if (i < before) outputs_before += output;
            spans[n++] = (span){seq, at[seq], now, output, ids[seq]};
            at[seq] += now;
        }
        runner_step(r, spans, n);
        size_t n_vocab = r->model->n_vocab;
        if (at[0] == n_prompt)
            memcpy(ret_logits, r->logits + outputs_before * n_vocab, n_vocab * sizeof *ret_logits);
    }
}

static void compare(runner *r, const float *want, float *got, combination c, const char *path) {
    run(r, c, got);
    if (memcmp(want, got, r->model->n_vocab * sizeof *got) != 0)
        fail_msg("%s %s: %u tokens in chunks of %u, %u neighbours, %u threads give other bits",
                 getenv("HYPERLLAMA_CPU"), path, n_prompt, c.chunk, c.neighbours, c.threads);
}

static void open_runner(runner *r, const char *path, uint32_t threads) {
    runner_open(r, path, threads, NEIGHBOURS_MAX + 1, CTX, ROWS_MAX, NEIGHBOURS_MAX + 1);
}

static void check_threads(const char *path, uint32_t threads, const float *want, float *got,
                          bool all) {
    static const uint32_t CHUNKS[] = {1, 7, 64, 512}, NEIGHBOURS[] = {0, 1, 7, 31};
    runner r;
    open_runner(&r, path, threads);
    bool is_long = n_prompt == PROMPT_LONG;
    const combination *some = is_long ? SOME_LONG : SOME;
    size_t n_some = is_long ? sizeof SOME_LONG / sizeof SOME_LONG[0] : sizeof SOME / sizeof SOME[0];
    for (size_t i = 0; !all && i < n_some; i++) {
        if (some[i].threads == threads) compare(&r, want, got, some[i], path);
    }
    for (size_t c = 0; all && c < 4; c++) {
        for (size_t n = 0; n < 4; n++)
            compare(&r, want, got, (combination){CHUNKS[c], NEIGHBOURS[n], threads}, path);
    }
    runner_close(&r);
}

static void check_length(const char *path, uint32_t n_tokens, bool all) {
    runner r;
    n_prompt = n_tokens;
    open_runner(&r, path, 1);
    make_ids(r.model->n_vocab);
    size_t n_vocab = r.model->n_vocab;
    float *want = hl_calloc(n_vocab, sizeof *want), *got = hl_calloc(n_vocab, sizeof *got);
    assert_non_null(want);
    assert_non_null(got);
    run(&r, (combination){n_tokens, 0, 1}, want);
    runner_close(&r);
    for (uint32_t threads = 1; threads <= 4; threads *= 2)
        check_threads(path, threads, want, got, all);
    hl_free(want);
    hl_free(got);
}

static void check_file(hl_cpu_level level, const char *path, bool all) {
    check_length(path, PROMPT, all);
    if (level != HL_CPU_REF && !sanitized()) check_length(path, PROMPT_LONG, all);
}

static void check_files(const char *const *paths, size_t n) {
    bool slow = getenv("HL_TEST_SLOW") != NULL;
    FOR_EACH_LEVEL(level) {
        use_level((hl_cpu_level)level);
        for (size_t i = 0; i < n; i++) check_file((hl_cpu_level)level, paths[i], slow);
    }
}

/* Small enough for ref. */
static void small_models(void **state) {
    static const char *const PATHS[] = {
        "../shared/reference/families/gguf/qwen3.f16.gguf",
        "../shared/reference/families/gguf/llama2_mha_q8_0.q8_0.gguf",
        "../shared/reference/families/gguf/qwen2.f16.gguf"};
    (void)state;
    if (!there(PATHS[0])) skip();
    check_files(PATHS, 3);
}

static void tiny_models(void **state) {
    static const char *const PATHS[] = {SHARED_TINY "tiny-f16.gguf", SHARED_TINY "tiny-q8_0.gguf",
                                        SHARED_TINY "tiny-q4_k_m.gguf"};
    (void)state;
    if (!there(PATHS[0]) || too_slow_here()) skip();
    bool slow = getenv("HL_TEST_SLOW") != NULL;
    FOR_EACH_LEVEL(level) {
        if (level == HL_CPU_REF && !slow) continue; /* minutes; small models cover it */
        use_level((hl_cpu_level)level);
        for (size_t i = 0; i < 3; i++)
            check_file((hl_cpu_level)level, PATHS[i], slow && level != HL_CPU_REF);
    }
}

static void shipped_model(void **state) {
    (void)state;
    if (too_slow_here()) skip();
    glob_t found;
    bool slow = getenv("HL_TEST_SLOW") != NULL;
    if (glob("models/tiny/*.gguf", 0, NULL, &found) != 0) {
        print_message("skipped: models/tiny has no model\n");
        skip();
    }
    FOR_EACH_LEVEL(level) {
        if (level == HL_CPU_REF && !slow) continue;
        use_level((hl_cpu_level)level);
        check_file((hl_cpu_level)level, found.gl_pathv[0], slow && level != HL_CPU_REF);
    }
    globfree(&found);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_models),
        cmocka_unit_test(tiny_models),
        cmocka_unit_test(shipped_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
