/* Logits and greedy continuations against float32 references, on every level. */
#include "conformance/runner.h"

enum { CTX = 2304, CHUNK = 512 };

typedef struct subject {
    const char *model, *vectors;
    double tolerance; /* of a logit */
    double margin;    /* a greedy token may differ where the two best are closer; 0: none may */
} subject;

/* F16 weights with f32 sums: what is left are f16 keys and values, of logits up to 30. */
static const subject FULL = {SHARED_TINY "tiny-f16.gguf", SHARED_TINY "reference/logits.json", 0.02,
                             0};
/* The reference multiplies the same 4-bit weights in f32, we with inputs of 8 bits. */
static const subject SHIPPED = {"models/tiny/tiny-q4_k_m.gguf",
                                "tests/conformance/data/tiny/logits.json", 1, 0.5};

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

/* Nothing behind the first token that differs is compared. */
static void compare_greedy(runner *r, struct json_object *prompt, const uint32_t *ids, uint32_t n,
                           double margin) {
    uint32_t n_want, all[CTX];
    uint32_t *want = get_ids(prompt, "greedy_ids", &n_want);
    memcpy(all, ids, n * sizeof *ids);
    for (uint32_t i = 0; i < n_want; i++) {
        uint32_t best = best_of(r->logits, r->model->n_vocab);
        if (best != want[i]) {
            double apart = at_f64(get(prompt, "greedy_margins"), i);
            if (apart >= margin)
                fail_msg("%s: greedy token %u is %u, expected %u (margin %.3f)",
                         json_object_get_string(get(prompt, "name")), i, best, want[i], apart);
            break;
        }
        all[n + i] = best;
        runner_prefill(r, 0, all, n + i, 1, 1);
    }
    hl_free(want);
}

/* How much of the reference is compared. */
typedef struct amount {
    uint32_t prompt_tokens_max, prompts_max, greedy_max;
} amount;

static amount amount_here(void) {
    return sanitized() ? (amount){8, 2, 0} : (amount){CTX, UINT32_MAX, UINT32_MAX};
}

static void check_level(hl_cpu_level level, const subject *what) {
    struct json_object *json = load_json(what->vectors), *prompts = get(json, "prompts");
    amount most = amount_here();
    runner r;
    double worst = 0;
    use_level(level);
    runner_open(&r, what->model, 2, 1, CTX, CHUNK, 1);
    size_t n_prompts = json_object_array_length(prompts), n_done = 0;
    for (size_t i = 0; i < n_prompts && n_done < most.prompts_max; i++) {
        struct json_object *p = json_object_array_get_idx(prompts, i);
        uint32_t n;
        uint32_t *ids = get_ids(p, "ids", &n);
        if (n <= most.prompt_tokens_max) {
            runner_prefill(&r, 0, ids, 0, n, CHUNK);
            worst = fmax(worst, compare_logits(&r, p));
            if (n_done++ < most.greedy_max) compare_greedy(&r, p, ids, n, what->margin);
        }
        hl_free(ids);
    }
    print_message("%s %s: %zu prompts, largest difference of a logit %.5f\n",
                  hl_cpu_level_name(level), what->model, n_done, worst);
    runner_close(&r);
    json_object_put(json);
    assert_true(n_done > 0);
    assert_true(worst <= what->tolerance);
}

static void check(const subject *what) {
    if (!there(what->vectors) || !there(what->model)) skip();
    FOR_EACH_LEVEL(level) check_level((hl_cpu_level)level, what);
}

static void full_precision(void **state) {
    (void)state;
    check(&FULL);
}

static void shipped_model(void **state) {
    (void)state;
    check(&SHIPPED);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(full_precision),
                                       cmocka_unit_test(shipped_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
