/* Perplexity on the held-out text against the float32 reference: a window of 2,048 tokens, or with
 * HL_TEST_SLOW=1 all of them (three on the portable level), on every level. */
#include "conformance/runner.h"

#include "text/tokenizer.h"

enum { WINDOW = 2048, CHUNK = 256 };

/* A text, its reference, and what a file may be off by. */
typedef struct subject {
    const char *vectors, *text; /* perplexity.json and what it was computed from */
    const char *model;
    double tolerance;
} subject;

#define REFERENCE SHARED_TINY "reference/perplexity.json", SHARED_TINY "reference/heldout.txt"
#define OWN       "tests/conformance/data/tiny/perplexity.json", "tests/conformance/data/tiny/heldout.txt"

static const subject AGAINST_REFERENCE[] = {
    {REFERENCE, SHARED_TINY "tiny-f16.gguf", 0.001},
    {REFERENCE, SHARED_TINY "tiny-q8_0.gguf", 0.005},
    {REFERENCE, SHARED_TINY "tiny-q4_k_m.gguf", 0.03},
};
/* Of the file's own weights: only the inputs of 8 bits are left. */
static const subject SHIPPED = {OWN, "models/tiny/tiny-q4_k_m.gguf", 0.01};

static void load_tokens(const subject *s, hl_tokens *ret) {
    hl_gguf *g;
    hl_tokenizer *t;
    hl_error err;
    hl_buf text;
    hl_buf_init(&text, 0);
    check_ok(hl_file_read(s->text, 1 << 24, &text, &err), &err);
    check_ok(hl_gguf_open(s->model, &g, &err), &err);
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
static void check_windows(const subject *s, struct json_object *json, const hl_tokens *tokens,
                          uint32_t n_ctx, uint32_t n_windows) {
    struct json_object *result = result_of(json, n_ctx), *each = get(result, "nll_per_window");
    runner r;
    double ours = 0, theirs = 0;
    if (n_windows > json_object_array_length(each))
        n_windows = (uint32_t)json_object_array_length(each);
    runner_open(&r, s->model, 2, 1, n_ctx, CHUNK, CHUNK);
    for (uint32_t i = 0; i < n_windows; i++) {
        assert_true(tokens->n >= (size_t)(i + 1) * n_ctx);
        ours += window_nll(&r, tokens->ids + (size_t)i * n_ctx, n_ctx) / (n_ctx - 1);
        theirs += at_f64(each, i);
    }
    runner_close(&r);
    double off = exp((ours - theirs) / n_windows) - 1;
    print_message("%s %s: %u windows of %u, perplexity %.5f, reference %.5f (%+.4f %%)\n",
                  getenv("HYPERLLAMA_CPU"), s->model, n_windows, n_ctx, exp(ours / n_windows),
                  exp(theirs / n_windows), off * 100);
    assert_true(fabs(off) <= s->tolerance);
}

/* All of them take the portable kernels hours. */
static void check_against_reference(const subject *s, struct json_object *json,
                                    const hl_tokens *tokens) {
    bool slow = getenv("HL_TEST_SLOW") != NULL;
    bool portable = strcmp(getenv("HYPERLLAMA_CPU"), "ref") == 0;
    check_windows(s, json, tokens, WINDOW, slow && !portable ? UINT32_MAX : 1);
    if (slow) check_windows(s, json, tokens, 512, portable ? 2 : UINT32_MAX);
}

/* The tokens must be the reference's before their likelihood means anything. */
static void check_tokens(struct json_object *json, const hl_tokens *tokens) {
    struct json_object *first = NULL;
    assert_int_equal(tokens->n, json_object_get_int64(get(json, "tokens")));
    if (!json_object_object_get_ex(json, "first_ids", &first)) return;
    for (size_t i = 0; i < json_object_array_length(first); i++)
        assert_int_equal(tokens->ids[i],
                         json_object_get_int64(json_object_array_get_idx(first, i)));
}

static void held_out_text(void **state) {
    (void)state;
    if (!there(AGAINST_REFERENCE[0].vectors) || too_slow_here()) skip();
    struct json_object *json = load_json(AGAINST_REFERENCE[0].vectors);
    hl_tokens tokens = {0};
    load_tokens(&AGAINST_REFERENCE[0], &tokens);
    check_tokens(json, &tokens);
    FOR_EACH_LEVEL(level) {
        use_level((hl_cpu_level)level);
        for (size_t i = 0; i < sizeof AGAINST_REFERENCE / sizeof AGAINST_REFERENCE[0]; i++)
            check_against_reference(&AGAINST_REFERENCE[i], json, &tokens);
    }
    hl_tokens_deinit(&tokens);
    json_object_put(json);
}

static void shipped_model(void **state) {
    (void)state;
    if (!there(SHIPPED.model) || too_slow_here()) skip();
    struct json_object *json = load_json(SHIPPED.vectors);
    hl_tokens tokens = {0};
    load_tokens(&SHIPPED, &tokens);
    check_tokens(json, &tokens);
    FOR_EACH_LEVEL(level) {
        use_level((hl_cpu_level)level);
        check_windows(&SHIPPED, json, &tokens, 512, UINT32_MAX);
    }
    hl_tokens_deinit(&tokens);
    json_object_put(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(held_out_text),
                                       cmocka_unit_test(shipped_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
