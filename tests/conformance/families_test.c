/* Small random models of each family against the logits of the published modelling code. */
#include "conformance/runner.h"

#define FAMILIES "../shared/reference/families/"

enum { CTX = 256, GREEDY = 16, CHUNK = 64 };

static const char *const CASES[] = {"llama2_mha", "llama2_mha_q8_0", "llama3_1_ropefactors",
                                    "llama_yarn", "mistral",         "qwen2",
                                    "qwen3"};
enum { N_CASES = sizeof CASES / sizeof CASES[0] };

/* What a file type's arithmetic may be off by, in log-probabilities, and the margin below which a
 * greedy token may differ. */
typedef struct slack {
    const char *type;
    double log_probability, margin;
} slack;

static const slack SLACKS[] = {
    {"f32", 1e-2, 0.02}, /* f16 keys and values */
    {"f16", 1e-2, 0.06},
    {"q8_0", 0.6, 0.8}, /* activations of 8 bits: the reference multiplies in f32 */
};

static const slack *slack_of(const char *type) {
    for (size_t i = 0; i < sizeof SLACKS / sizeof SLACKS[0]; i++) {
        if (strcmp(SLACKS[i].type, type) == 0) return &SLACKS[i];
    }
    fail_msg("no slack for %s", type);
    return NULL;
}

static double compare_logits(const runner *r, struct json_object *want) {
    uint32_t n = r->model->n_vocab;
    float *w = hl_calloc(n, sizeof *w);
    assert_non_null(w);
    assert_int_equal(json_object_array_length(want), n);
    for (uint32_t i = 0; i < n; i++) w[i] = (float)at_f64(want, i);
    double worst = 0, ours = logsumexp(r->logits, n), theirs = logsumexp(w, n);
    for (uint32_t i = 0; i < n; i++)
        worst = fmax(worst, fabs(((double)r->logits[i] - ours) - ((double)w[i] - theirs)));
    hl_free(w);
    return worst;
}

/* Nothing behind the first token that differs is compared. */
static void compare_greedy(runner *r, const char *name, struct json_object *seq,
                           const uint32_t *ids, uint32_t n, double margin) {
    uint32_t n_want, all[CTX];
    uint32_t *want = get_ids(seq, "gen_ids", &n_want);
    memcpy(all, ids, n * sizeof *ids);
    for (uint32_t i = 0; i < n_want && i < GREEDY; i++) {
        uint32_t best = best_of(r->logits, r->model->n_vocab);
        double there_margin = at_f64(get(seq, "margins"), i);
        if (best != want[i]) {
            if (there_margin >= margin)
                fail_msg("%s, length %u: token %u is %u, expected %u (margin %.3f)", name, n, i,
                         best, want[i], there_margin);
            break;
        }
        all[n + i] = best;
        runner_prefill(r, 0, all, n + i, 1, 1);
    }
    hl_free(want);
}

static void check_file(const char *name, const slack *s, const char *path,
                       struct json_object *sequences) {
    runner r;
    double worst = 0;
    char full[256];
    (void)snprintf(full, sizeof full, FAMILIES "%s", path);
    runner_open(&r, full, 2, 1, CTX, CHUNK, 1);
    for (size_t i = 0; i < json_object_array_length(sequences); i++) {
        struct json_object *seq = json_object_array_get_idx(sequences, i);
        uint32_t n;
        uint32_t *ids = get_ids(seq, "ids", &n);
        runner_prefill(&r, 0, ids, 0, n, CHUNK);
        worst = fmax(worst, compare_logits(&r, get(seq, "logits")));
        compare_greedy(&r, name, seq, ids, n, s->margin);
        hl_free(ids);
    }
    print_message("%s %s %s: largest difference of a log-probability %.5f\n",
                  getenv("HYPERLLAMA_CPU"), name, s->type, worst);
    if (worst > s->log_probability) fail_msg("%s %s is off by %.5f", name, s->type, worst);
    runner_close(&r);
}

static void check_case(const char *name) {
    char path[256];
    (void)snprintf(path, sizeof path, FAMILIES "logits/%s.json", name);
    struct json_object *json = load_json(path);
    json_object_object_foreach(get(json, "files"), type, file) {
        check_file(name, slack_of(type), json_object_get_string(file), get(json, "sequences"));
    }
    json_object_put(json);
}

static void families_agree_with_the_published_code(void **state) {
    (void)state;
    if (!there(FAMILIES "logits/llama2_mha.json")) skip();
    FOR_EACH_LEVEL(level) {
        use_level((hl_cpu_level)level);
        for (size_t i = 0; i < N_CASES; i++) check_case(CASES[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(families_agree_with_the_published_code)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
