/* Perplexity on the held-out text against the float32 reference: a window of 2,048 tokens, or with
 * HL_TEST_SLOW=1 all of them. */
#include "conformance/runner.h"

#include "text/tokenizer.h"

#define PERPLEXITY SHARED_TINY "reference/perplexity.json"
#define HELDOUT    SHARED_TINY "reference/heldout.txt"

enum { WINDOW = 2048, CHUNK = 256 };

/* What a file may add to the reference's perplexity, or take away. */
typedef struct file {
    const char *path;
    double tolerance;
} file;

static const file FILES[] = {
    {SHARED_TINY "tiny-f16.gguf", 0.001},
    {SHARED_TINY "tiny-q8_0.gguf", 0.005},
    {SHARED_TINY "tiny-q4_k_m.gguf", 0.03},
};

static void load_tokens(hl_tokens *ret) {
    hl_gguf *g;
    hl_tokenizer *t;
    hl_error err;
    hl_buf text;
    hl_buf_init(&text, 0);
    check_ok(hl_file_read(HELDOUT, 1 << 24, &text, &err), &err);
    check_ok(hl_gguf_open(FILES[0].path, &g, &err), &err);
    check_ok(hl_tokenizer_create(g, &t, &err), &err);
    check_ok(hl_tokenizer_encode(t, hl_buf_str(&text), 0, ret, &err), &err);
    hl_tokenizer_destroy(t);
    hl_gguf_close(g);
    hl_buf_deinit(&text);
}

/* Sum of the negative log-likelihoods of all tokens of the window but the first. */
static double window_nll(runner *r, const uint32_t *ids, uint32_t n) {
    double sum = 0;
    uint32_t n_vocab = r->model->n_vocab;
    for (uint32_t at = 0; at < n; at += CHUNK) {
        uint32_t now = n - at < CHUNK ? n - at : CHUNK;
        span s = {0, at, now, now, ids};
        runner_step(r, &s, 1);
        for (uint32_t i = 0; i < now && at + i + 1 < n; i++) {
            const float *logits = r->logits + (size_t)i * n_vocab;
            sum += logsumexp(logits, n_vocab) - (double)logits[ids[at + i + 1]];
        }
    }
    return sum;
}

static struct json_object *result_of(struct json_object *json, uint32_t n_ctx) {
    struct json_object *results = get(json, "results");
    for (size_t i = 0; i < json_object_array_length(results); i++) {
        struct json_object *one = json_object_array_get_idx(results, i);
        if (json_object_get_int64(get(one, "n_ctx")) == n_ctx) return one;
    }
    fail_msg("no result for windows of %u", n_ctx);
    return NULL;
}

/* The first n_windows of n_ctx tokens. */
static void check_windows(const file *f, struct json_object *json, const hl_tokens *tokens,
                          uint32_t n_ctx, uint32_t n_windows) {
    struct json_object *result = result_of(json, n_ctx), *each = get(result, "nll_per_window");
    runner r;
    double ours = 0, theirs = 0;
    if (n_windows > json_object_array_length(each))
        n_windows = (uint32_t)json_object_array_length(each);
    runner_open(&r, f->path, 2, 1, n_ctx, CHUNK, CHUNK);
    for (uint32_t i = 0; i < n_windows; i++) {
        assert_true(tokens->n >= (size_t)(i + 1) * n_ctx);
        ours += window_nll(&r, tokens->ids + (size_t)i * n_ctx, n_ctx) / (n_ctx - 1);
        theirs += at_f64(each, i);
    }
    runner_close(&r);
    double off = exp((ours - theirs) / n_windows) - 1;
    print_message("%s %s: %u windows of %u, perplexity %.5f, reference %.5f (%+.4f %%)\n",
                  getenv("HYPERLLAMA_CPU"), f->path, n_windows, n_ctx, exp(ours / n_windows),
                  exp(theirs / n_windows), off * 100);
    assert_true(fabs(off) <= f->tolerance);
}

static void check_level(hl_cpu_level level, struct json_object *json, const hl_tokens *tokens) {
    bool slow = getenv("HL_TEST_SLOW") != NULL;
    use_level(level);
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
        if (level == HL_CPU_REF) { /* minutes a window of 2,048 */
            check_windows(&FILES[i], json, tokens, slow ? WINDOW : 512, 1);
            continue;
        }
        check_windows(&FILES[i], json, tokens, WINDOW, slow ? UINT32_MAX : 1);
        if (slow) check_windows(&FILES[i], json, tokens, 512, UINT32_MAX);
    }
}

static void perplexity_is_that_of_the_reference(void **state) {
    (void)state;
    if (!there(PERPLEXITY) || sanitized()) skip();
    struct json_object *json = load_json(PERPLEXITY);
    hl_tokens tokens = {0};
    uint32_t n;
    uint32_t *first = get_ids(json, "first_ids", &n);
    load_tokens(&tokens);
    assert_int_equal(tokens.n, json_object_get_int64(get(json, "tokens")));
    assert_memory_equal(tokens.ids, first, n * sizeof *first);
    FOR_EACH_LEVEL(level) check_level((hl_cpu_level)level, json, &tokens);
    hl_free(first);
    hl_tokens_deinit(&tokens);
    json_object_put(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(perplexity_is_that_of_the_reference)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
