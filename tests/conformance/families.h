/* tests/conformance/families.h
 *
 * Small random models of each family, and the logits of the published modelling code for them.
 */
#pragma once

#include "conformance/runner.h"

#define FAMILIES "../shared/reference/families/"

enum { FAMILIES_CTX = 256, FAMILIES_GREEDY = 16, FAMILIES_CHUNK = 64 };

/* What a file type's arithmetic may be off by, in log-probabilities, and the margin below which a
 * greedy token may differ. */
typedef struct families_slack {
    const char *type;
    double log_probability, margin;
} families_slack;

static const families_slack FAMILIES_SLACKS[] = {
    {"f32", 1e-2, 0.02}, /* f16 keys and values */
    {"f16", 1e-2, 0.06},
    {"q8_0", 0.6, 0.8}, /* activations of 8 bits: the reference multiplies in f32 */
};

static inline const families_slack *families_slack_of(const char *type) {
    for (size_t i = 0; i < sizeof FAMILIES_SLACKS / sizeof FAMILIES_SLACKS[0]; i++) {
        if (strcmp(FAMILIES_SLACKS[i].type, type) == 0) return &FAMILIES_SLACKS[i];
    }
    fail_msg("no slack for %s", type);
    return NULL;
}

/* The largest difference of a log-probability. */
static inline double families_gap(const runner *r, struct json_object *want) {
    uint32_t n = r->model->n_vocab;
    float *w = hl_calloc(n, sizeof *w);
    assert_non_null(w);
    assert_int_equal(json_object_array_length(want), n);
    for (uint32_t i = 0; i < n; i++) w[i] = (float)at_f64(want, i);
    double worst = 0, ours = logsumexp(r->logits, n), theirs = logsumexp(w, n);
    for (uint32_t i = 0; i < n; i++) {
        assert_true(isfinite(r->logits[i])); /* fmax() would lose what is not */
        worst = fmax(worst, fabs(((double)r->logits[i] - ours) - ((double)w[i] - theirs)));
    }
    hl_free(w);
    return worst;
}

/* Nothing behind the first token that differs is compared. */
static inline void families_greedy(runner *r, const char *name, struct json_object *seq,
                                   const uint32_t *ids, uint32_t n, double margin) {
    uint32_t n_want, all[FAMILIES_CTX];
    uint32_t *want = get_ids(seq, "gen_ids", &n_want);
    memcpy(all, ids, n * sizeof *ids);
    for (uint32_t i = 0; i < n_want && i < FAMILIES_GREEDY; i++) {
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

/* The file at path, a model of the case `name` with weights of the type, against its sequences. */
static inline void families_check(const char *name, const char *type, const char *path,
                                  struct json_object *sequences) {
    const families_slack *s = families_slack_of(type);
    const char *level = getenv("HYPERLLAMA_CPU");
    runner r;
    double worst = 0;
    runner_open(&r, path, 2, 1, FAMILIES_CTX, FAMILIES_CHUNK, 1);
    for (size_t i = 0; i < json_object_array_length(sequences); i++) {
        struct json_object *seq = json_object_array_get_idx(sequences, i);
        uint32_t n;
        uint32_t *ids = get_ids(seq, "ids", &n);
        runner_prefill(&r, 0, ids, 0, n, FAMILIES_CHUNK);
        worst = fmax(worst, families_gap(&r, get(seq, "logits")));
        families_greedy(&r, name, seq, ids, n, s->margin);
        hl_free(ids);
    }
    print_message("%s %s %s: largest difference of a log-probability %.5f\n",
                  level ? level : "any level", name, type, worst);
    if (worst > s->log_probability) fail_msg("%s %s is off by %.5f", name, type, worst);
    runner_close(&r);
}

/* The case's reference; its "sequences" are what families_check wants. */
static inline struct json_object *families_load(const char *name) {
    char path[256];
    (void)snprintf(path, sizeof path, FAMILIES "logits/%s.json", name);
    return load_json(path);
}
