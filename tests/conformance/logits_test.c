/* The shipped architecture against float32 references: logits, greedy continuations. */
#include "conformance/runner.h"

#define LOGITS SHARED_TINY "reference/logits.json"

enum { CTX = 2304, CHUNK = 512, GREEDY = 64 };

/* What F16 weights with f32 sums and f16 keys and values stay within, of logits up to 30. */
static const double LOGIT_TOLERANCE = 0.02;

/* Returns the largest difference of the 20 best logits and of logsumexp. */
static double compare_logits(const runner *r, struct json_object *prompt) {
    struct json_object *ids = get(prompt, "top_ids"), *want = get(prompt, "top_logits");
    double worst = fabs(logsumexp(r->logits, r->model->n_vocab) -
                        json_object_get_double(get(prompt, "logsumexp")));
    for (size_t i = 0; i < json_object_array_length(ids); i++) {
        size_t id = (size_t)json_object_get_int64(json_object_array_get_idx(ids, i));
        worst = fmax(worst, fabs((double)r->logits[id] - at_f64(want, i)));
    }
    return worst;
}

static void compare_greedy(runner *r, struct json_object *prompt, const uint32_t *ids, uint32_t n) {
    uint32_t n_want, all[CTX];
    uint32_t *want = get_ids(prompt, "greedy_ids", &n_want);
    memcpy(all, ids, n * sizeof *ids);
    for (uint32_t i = 0; i < n_want; i++) {
        uint32_t best = best_of(r->logits, r->model->n_vocab);
        if (best != want[i])
            fail_msg("%s: greedy token %u is %u, expected %u",
                     json_object_get_string(get(prompt, "name")), i, best, want[i]);
        all[n + i] = best;
        runner_prefill(r, 0, all, n + i, 1, 1);
    }
    hl_free(want);
}

/* How much of the reference a level is held against: ref takes minutes for all. */
typedef struct amount {
    uint32_t prompt_tokens_max, prompts_max, greedy_max;
} amount;

static amount amount_of(hl_cpu_level level) {
    if (sanitized()) return (amount){8, 2, 0};
    bool all = level != HL_CPU_REF || getenv("HL_TEST_SLOW");
    return all ? (amount){CTX, UINT32_MAX, UINT32_MAX} : (amount){24, 4, 1};
}

static void check_level(hl_cpu_level level) {
    struct json_object *json = load_json(LOGITS), *prompts = get(json, "prompts");
    amount most = amount_of(level);
    runner r;
    double worst = 0;
    use_level(level);
    runner_open(&r, SHARED_TINY "tiny-f16.gguf", 2, 1, CTX, CHUNK, 1);
    size_t n_prompts = json_object_array_length(prompts), n_done = 0;
    for (size_t i = 0; i < n_prompts && n_done < most.prompts_max; i++) {
        struct json_object *p = json_object_array_get_idx(prompts, i);
        uint32_t n;
        uint32_t *ids = get_ids(p, "ids", &n);
        if (n <= most.prompt_tokens_max) {
            runner_prefill(&r, 0, ids, 0, n, CHUNK);
            worst = fmax(worst, compare_logits(&r, p));
            if (n_done++ < most.greedy_max) compare_greedy(&r, p, ids, n);
        }
        hl_free(ids);
    }
    print_message("%s: %zu prompts, largest difference of a logit %.5f\n", hl_cpu_level_name(level),
                  n_done, worst);
    runner_close(&r);
    json_object_put(json);
    assert_true(n_done > 0);
    assert_true(worst <= LOGIT_TOLERANCE);
}

static void logits_and_greedy_equal_the_reference(void **state) {
    (void)state;
    if (!there(LOGITS)) skip();
    FOR_EACH_LEVEL(level) check_level((hl_cpu_level)level);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(logits_and_greedy_equal_the_reference)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
