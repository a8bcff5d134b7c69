/* The sampler against exact probabilities, computed here in double precision by sorting everything.
 */
#include "engine/native/sample.h"

#include "base/clock.h"
#include "base/mem.h"
#include "testing.h"

#include <math.h>
#include <stdlib.h>

/* ---- the plain reference ---- */

typedef struct entry {
    double logit, p, key;
    uint32_t token;
} entry;

static int by_key(const void *a, const void *b) {
    const entry *x = a, *y = b;
    if (x->key != y->key) return x->key > y->key ? -1 : 1;
    return x->token < y->token ? -1 : 1;
}

static void sort_by_logit(entry *e, size_t n) {
    for (size_t i = 0; i < n; i++) e[i].key = e[i].logit;
    qsort(e, n, sizeof *e, by_key);
}

static void softmax(entry *e, size_t n, double temperature) {
    double max = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++) max = fmax(max, e[i].logit);
    for (size_t i = 0; i < n; i++) sum += e[i].p = exp((e[i].logit - max) / temperature);
    for (size_t i = 0; i < n; i++) e[i].p /= sum;
}

static size_t cut(const entry *e, size_t n, double mass, bool more) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += e[i].p;
        if (more ? sum > mass : sum >= mass) return i + 1;
    }
    return n;
}

/* ret_p [n_vocab]: the probability of each token under the options. */
static void exact(const hl_options *o, const float *logits, uint32_t n_vocab,
                  const uint32_t *history, size_t n_history, double *ret_p) {
    entry *e = calloc(n_vocab, sizeof *e);
    for (uint32_t i = 0; i < n_vocab; i++) e[i] = (entry){.logit = (double)logits[i], .token = i};
    for (size_t i = 0; i < o->n_logit_bias; i++)
        e[o->logit_bias[i].token].logit += (double)o->logit_bias[i].bias;
    size_t window = o->repeat_last_n < 0 ? n_history : (size_t)o->repeat_last_n;
    if (window > n_history) window = n_history;
    for (uint32_t i = 0; i < n_vocab; i++) {
        int count = 0;
        for (size_t k = n_history - window; k < n_history; k++) count += history[k] == i;
        if (count == 0) continue;
        double penalty = (double)o->repeat_penalty;
        e[i].logit = e[i].logit > 0 ? e[i].logit / penalty : e[i].logit * penalty;
        e[i].logit -= count * (double)o->frequency_penalty + (double)o->presence_penalty;
    }
    size_t n = n_vocab;
    sort_by_logit(e, n);
    if (o->top_k > 0 && (size_t)o->top_k < n) n = (size_t)o->top_k;
    if (o->typical_p < 1) {
        double entropy = 0;
        softmax(e, n, 1);
        for (size_t i = 0; i < n; i++) entropy -= e[i].p > 0 ? e[i].p * log(e[i].p) : 0;
        for (size_t i = 0; i < n; i++) e[i].key = -fabs(-log(e[i].p) - entropy);
        qsort(e, n, sizeof *e, by_key);
        n = cut(e, n, (double)o->typical_p, true);
    }
    sort_by_logit(e, n);
    softmax(e, n, 1);
    if (o->top_p < 1) n = cut(e, n, (double)o->top_p, false);
    size_t kept = n;
    for (size_t i = 0; i < kept; i++)
        if (e[i].p < (double)o->min_p * e[0].p) n = i < n ? i : n;
    softmax(e, n, (double)o->temperature);
    for (uint32_t i = 0; i < n_vocab; i++) ret_p[i] = 0;
    for (size_t i = 0; i < n; i++) ret_p[e[i].token] = e[i].p;
    free(e);
}

/* ---- helpers ---- */

static void random_logits(float *logits, uint32_t n, hl_rng *rng) {
    for (uint32_t i = 0; i < n; i++) logits[i] = 2.5f * hl_rng_normal(rng);
}

static hl_sampler sampler_of(const hl_options *o, uint64_t seed) {
    hl_sampler s;
    hl_sampler_init(&s, o, 4096, seed);
    s.bias = o->logit_bias;
    s.n_bias = o->n_logit_bias;
    return s;
}

/* ---- tests ---- */

/* Pearson's statistic of n draws is near the degrees of freedom f: beyond f + 6 sqrt(2 f) + 12 only
 * once in many millions, and the seeds are fixed.  What must not be drawn never is. */
static void draws_have_the_exact_distribution(void **state) {
    (void)state;
    enum { VOCAB = 40, DRAWS = 8000, HISTORY = 12 };
    hl_sample_scratch scratch;
    assert_int_equal(hl_sample_scratch_init(&scratch, VOCAB, NULL), HL_OK);
    const hl_logit_bias bias[] = {{3, 4}, {5, -100}, {3, 0.5f}};
    for (uint64_t seed = 0; seed < 48; seed++) {
        hl_rng rng;
        hl_rng_init(&rng, seed);
        float logits[VOCAB], before[VOCAB];
        uint32_t history[HISTORY];
        random_logits(logits, VOCAB, &rng);
        for (int i = 0; i < HISTORY; i++) history[i] = (uint32_t)hl_rng_below(&rng, VOCAB / 2);
        hl_options o;
        hl_options_init(&o);
        o.temperature = seed % 3 == 0 ? 1.0f : 0.3f + (float)hl_rng_unit(&rng);
        o.top_k = seed % 2 ? 10 + (int32_t)hl_rng_below(&rng, 20) : 0;
        o.top_p = seed % 4 < 2 ? 1.0f : 0.7f;
        o.typical_p = seed % 5 == 0 ? 0.8f : 1.0f;
        o.min_p = seed % 7 == 0 ? 0.05f : 0;
        o.repeat_last_n = seed % 3 ? 6 : -1;
        o.repeat_penalty = seed % 2 ? 1.3f : 1;
        o.presence_penalty = seed % 4 == 3 ? 0.5f : 0;
        o.frequency_penalty = seed % 8 == 5 ? 0.4f : 0;
        o.logit_bias = bias;
        o.n_logit_bias = seed % 6 == 1 ? 3 : 0;
        memcpy(before, logits, sizeof logits);
        double p[VOCAB];
        exact(&o, logits, VOCAB, history, HISTORY, p);
        uint32_t drawn[VOCAB] = {0};
        hl_sampler s = sampler_of(&o, seed);
        for (int i = 0; i < DRAWS; i++)
            drawn[hl_sampler_pick(&s, &scratch, logits, history, HISTORY)]++;
        assert_memory_equal(before, logits, sizeof logits);
        double chi2 = 0, freedom = -1, rest_p = 0, rest_n = 0;
        for (int i = 0; i < VOCAB; i++) {
            if (p[i] == 0 && drawn[i] > 0) fail_msg("seed %d draws %d of no weight", (int)seed, i);
            if (p[i] * DRAWS < 10) {
                rest_p += p[i];
                rest_n += drawn[i];
                continue;
            }
            chi2 += (drawn[i] - p[i] * DRAWS) * (drawn[i] - p[i] * DRAWS) / (p[i] * DRAWS);
            freedom++;
        }
        if (rest_p * DRAWS >= 10) {
            chi2 += (rest_n - rest_p * DRAWS) * (rest_n - rest_p * DRAWS) / (rest_p * DRAWS);
            freedom++;
        }
        if (freedom < 0) freedom = 0;
        if (chi2 > freedom + 6 * sqrt(2 * freedom) + 12)
            fail_msg("seed %d: chi-square %g for %g degrees of freedom", (int)seed, chi2, freedom);
    }
    hl_sample_scratch_deinit(&scratch);
}

/* Which tokens can come at all, on vocabularies where selection is not trivial: every token drawn
 * has weight, and the smallest kept one appears when the temperature is high. */
static void large_vocabularies_keep_the_same_tokens(void **state) {
    (void)state;
    enum { VOCAB = 3000 };
    hl_sample_scratch scratch;
    float logits[VOCAB];
    double p[VOCAB];
    assert_int_equal(hl_sample_scratch_init(&scratch, VOCAB, NULL), HL_OK);
    for (uint64_t seed = 0; seed < 24; seed++) {
        hl_rng rng;
        hl_rng_init(&rng, seed);
        random_logits(logits, VOCAB, &rng);
        if (seed % 2) /* many ties */
            for (int i = 0; i < VOCAB; i++) logits[i] = roundf(logits[i]);
        hl_options o;
        hl_options_init(&o);
        o.temperature = 100;
        o.top_k = seed % 3 == 0 ? 20 : 0;
        o.top_p = seed % 3 == 1 ? 0.3f : seed % 3 == 2 ? 0.02f : 1;
        o.typical_p = seed % 4 == 3 ? 0.05f : 1;
        exact(&o, logits, VOCAB, NULL, 0, p);
        uint32_t n_kept = 0, n_seen = 0;
        bool seen[VOCAB] = {0};
        for (int i = 0; i < VOCAB; i++) n_kept += p[i] > 0;
        hl_sampler s = sampler_of(&o, seed);
        for (uint32_t i = 0; i < 40 * n_kept && i < 4000; i++) {
            uint32_t token = hl_sampler_pick(&s, &scratch, logits, NULL, 0);
            if (p[token] == 0) fail_msg("seed %d draws a token that was cut", (int)seed);
            n_seen += !seen[token];
            seen[token] = true;
        }
        if (n_kept <= 100) assert_int_equal(n_seen, n_kept);
    }
    hl_sample_scratch_deinit(&scratch);
}

static void greedy_takes_the_lowest_of_equals(void **state) {
    (void)state;
    float logits[] = {1, 3, 2, 3, -1};
    hl_sample_scratch scratch;
    assert_int_equal(hl_sample_scratch_init(&scratch, 5, NULL), HL_OK);
    hl_options o;
    hl_options_init(&o);
    o.temperature = 0;
    hl_sampler s = sampler_of(&o, 1);
    assert_int_equal(hl_sampler_pick(&s, &scratch, logits, NULL, 0), 1);
    o.repeat_penalty = 2;
    s = sampler_of(&o, 1);
    const uint32_t history[] = {1};
    assert_int_equal(hl_sampler_pick(&s, &scratch, logits, history, 1), 3);
    const hl_logit_bias bias[] = {{4, 50}};
    o.logit_bias = bias;
    o.n_logit_bias = 1;
    s = sampler_of(&o, 1);
    assert_int_equal(hl_sampler_pick(&s, &scratch, logits, history, 1), 4);
    o.repeat_last_n = 0; /* no window, no penalty */
    o.n_logit_bias = 0;
    s = sampler_of(&o, 1);
    assert_int_equal(hl_sampler_pick(&s, &scratch, logits, history, 1), 1);
    hl_sample_scratch_deinit(&scratch);
}

static void a_seed_repeats_its_draws(void **state) {
    (void)state;
    enum { VOCAB = 100 };
    float logits[VOCAB];
    hl_rng rng;
    hl_rng_init(&rng, 5);
    random_logits(logits, VOCAB, &rng);
    hl_sample_scratch scratch;
    assert_int_equal(hl_sample_scratch_init(&scratch, VOCAB, NULL), HL_OK);
    hl_options o;
    hl_options_init(&o);
    hl_sampler a = sampler_of(&o, 7), b = sampler_of(&o, 7), c = sampler_of(&o, 8);
    int differ = 0;
    for (int i = 0; i < 200; i++) {
        uint32_t x = hl_sampler_pick(&a, &scratch, logits, NULL, 0);
        assert_int_equal(hl_sampler_pick(&b, &scratch, logits, NULL, 0), x);
        differ += hl_sampler_pick(&c, &scratch, logits, NULL, 0) != x;
    }
    assert_true(differ > 0);
    hl_sample_scratch_deinit(&scratch);
}

static void logprobs_are_of_the_raw_distribution(void **state) {
    (void)state;
    enum { VOCAB = 500, TOP = 20 };
    float logits[VOCAB];
    entry e[VOCAB];
    hl_logprob top[TOP];
    hl_rng rng;
    hl_rng_init(&rng, 9);
    random_logits(logits, VOCAB, &rng);
    logits[400] = logits[7]; /* a tie */
    for (uint32_t i = 0; i < VOCAB; i++) e[i] = (entry){.logit = (double)logits[i], .token = i};
    sort_by_logit(e, VOCAB);
    softmax(e, VOCAB, 1);
    hl_sample_scratch scratch;
    assert_int_equal(hl_sample_scratch_init(&scratch, VOCAB, NULL), HL_OK);
    hl_logprob chosen = hl_logprobs_get(logits, &scratch, e[77].token, TOP, top);
    assert_int_equal(chosen.token, e[77].token);
    assert_true(fabs((double)chosen.logprob - log(e[77].p)) < 1e-5);
    for (int i = 0; i < TOP; i++) {
        assert_int_equal(top[i].token, e[i].token);
        assert_true(fabs((double)top[i].logprob - log(e[i].p)) < 1e-5);
    }
    hl_sample_scratch_deinit(&scratch);
}

static void finds_what_is_not_finite(void **state) {
    (void)state;
    enum { VOCAB = 5000 };
    float *logits = calloc(VOCAB, sizeof *logits);
    assert_int_equal(hl_logits_check(logits, VOCAB), VOCAB);
    const uint32_t places[] = {0, 1023, 1024, VOCAB - 1};
    const float values[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < 3; k++) {
            logits[places[i]] = values[k];
            assert_int_equal(hl_logits_check(logits, VOCAB), places[i]);
        }
        logits[places[i]] = 3e38f;
    }
    assert_int_equal(hl_logits_check(logits, VOCAB), VOCAB);
    free(logits);
}

/* Extreme but finite: no crash, no token outside, whatever the options. */
static void extreme_values_stay_in_bounds(void **state) {
    (void)state;
    enum { VOCAB = 64 };
    static const float values[] = {3.4e38f, -3.4e38f, 0, 1e-45f, -1e-45f, 100, -100};
    hl_sample_scratch scratch;
    assert_int_equal(hl_sample_scratch_init(&scratch, VOCAB, NULL), HL_OK);
    for (uint64_t seed = 0; seed < 2000; seed++) {
        hl_rng rng;
        hl_rng_init(&rng, seed);
        float logits[VOCAB];
        for (int i = 0; i < VOCAB; i++)
            logits[i] = values[hl_rng_below(&rng, sizeof values / sizeof *values)];
        hl_options o;
        hl_options_init(&o);
        for (int id = HL_OPT_temperature; id <= HL_OPT_frequency_penalty; id++) {
            const hl_option_info *info = hl_option_info_at((hl_option_id)id);
            double at = (double[]){info->min, info->max, info->fallback}[hl_rng_below(&rng, 3)];
            assert_int_equal(hl_options_set_number(&o, (hl_option_id)id, at, NULL), HL_OK);
        }
        const uint32_t history[] = {0, 1, 1, 2};
        const hl_logit_bias bias[] = {{0, 3.4e38f}, {1, -3.4e38f}};
        o.logit_bias = bias;
        o.n_logit_bias = 2;
        hl_sampler s = sampler_of(&o, seed);
        for (int i = 0; i < 4; i++)
            assert_in_range(hl_sampler_pick(&s, &scratch, logits, history, 4), 0, VOCAB - 1);
    }
    hl_sample_scratch_deinit(&scratch);
}

static void bias_is_checked(void **state) {
    (void)state;
    hl_error err;
    const hl_logit_bias far[] = {{100, 1}}, nan[] = {{1, NAN}};
    assert_int_equal(hl_logit_bias_check(far, 1, 100, &err), HL_EINVAL);
    assert_string_equal(err.text, "logit bias for token 100, the vocabulary has 100");
    assert_int_equal(hl_logit_bias_check(nan, 1, 100, &err), HL_EINVAL);
    assert_int_equal(hl_logit_bias_check(far, HL_LOGIT_BIAS_MAX + 1, 200, &err), HL_ELIMIT);
    assert_int_equal(hl_logit_bias_check(far, 1, 101, &err), HL_OK);
    assert_int_equal(hl_logit_bias_check(NULL, 0, 101, &err), HL_OK);
}

/* Figures for the reader; nothing depends on them. */
static void print_times_of_a_large_vocabulary(void **state) {
    (void)state;
    enum { VOCAB = 131072, TIMES = 20 };
    static const struct {
        const char *name;
        float temperature, top_p;
        int32_t top_k;
    } cases[] = {{"greedy", 0, 1, 0},
                 {"defaults", 0.8f, 0.9f, 40},
                 {"top_p only", 0.8f, 0.9f, 0},
                 {"nothing cut", 0.8f, 1, 0}};
    /* Normal logits are flat: top_p keeps tens of thousands, where a model leaves hundreds. */
    float *logits = calloc(VOCAB, sizeof *logits);
    hl_rng rng;
    hl_rng_init(&rng, 1);
    random_logits(logits, VOCAB, &rng);
    hl_sample_scratch scratch;
    assert_int_equal(hl_sample_scratch_init(&scratch, VOCAB, NULL), HL_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hl_options o;
        hl_options_init(&o);
        o.temperature = cases[i].temperature;
        o.top_p = cases[i].top_p;
        o.top_k = cases[i].top_k;
        hl_sampler s = sampler_of(&o, 1);
        uint64_t best = UINT64_MAX;
        for (int k = 0; k < TIMES; k++) {
            uint64_t start = hl_clock_ns();
            (void)hl_sampler_pick(&s, &scratch, logits, NULL, 0);
            uint64_t ns = hl_clock_ns() - start;
            best = ns < best ? ns : best;
        }
        print_message("%s: %.0f us a token of %d\n", cases[i].name, (double)best / 1000, VOCAB);
    }
    hl_sample_scratch_deinit(&scratch);
    free(logits);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_have_the_exact_distribution),
        cmocka_unit_test(large_vocabularies_keep_the_same_tokens),
        cmocka_unit_test(greedy_takes_the_lowest_of_equals),
        cmocka_unit_test(a_seed_repeats_its_draws),
        cmocka_unit_test(logprobs_are_of_the_raw_distribution),
        cmocka_unit_test(finds_what_is_not_finite),
        cmocka_unit_test(extreme_values_stay_in_bounds),
        cmocka_unit_test(bias_is_checked),
        cmocka_unit_test(print_times_of_a_large_vocabulary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
