#include "engine/native/sample.h"

#include "base/mem.h"

#include <float.h>
#include <math.h>
#include <string.h>

uint64_t hl_sample_scratch_bytes(uint32_t n_vocab) {
    return n_vocab * (uint64_t)(sizeof(hl_candidate) + sizeof(uint32_t) + sizeof(hl_logit_bias) +
                                3 * sizeof(float)) +
           HL_LOGIT_BIAS_MAX * sizeof(hl_logit_bias);
}

hl_status hl_sample_scratch_init(hl_sample_scratch *s, uint32_t n_vocab, hl_error *err) {
    HL_ASSERT(n_vocab > 0);
    *s = (hl_sample_scratch){.n_vocab = n_vocab};
    s->candidates = hl_calloc(n_vocab, sizeof *s->candidates);
    s->counts = hl_calloc(n_vocab, sizeof *s->counts);
    s->undo = hl_calloc((size_t)n_vocab + HL_LOGIT_BIAS_MAX, sizeof *s->undo);
    s->weights = hl_calloc(n_vocab, sizeof *s->weights);
    s->kept = hl_calloc(n_vocab, sizeof *s->kept);
    s->masked = hl_calloc(n_vocab, sizeof *s->masked);
    if (s->candidates && s->counts && s->undo && s->weights && s->kept && s->masked) return HL_OK;
    hl_sample_scratch_deinit(s);
    return hl_fail(err, HL_ENOMEM, "engine", "no memory to sample from %u tokens", n_vocab);
}

void hl_sample_scratch_deinit(hl_sample_scratch *s) {
    hl_free(s->candidates);
    hl_free(s->counts);
    hl_free(s->undo);
    hl_free(s->weights);
    hl_free(s->kept);
    hl_free(s->masked);
    *s = (hl_sample_scratch){0};
}

void hl_sampler_init(hl_sampler *s, const hl_options *o, uint32_t n_ctx, uint64_t seed) {
    *s = (hl_sampler){
        .temperature = o->temperature,
        .top_p = o->top_p,
        .min_p = o->min_p,
        .typical_p = o->typical_p,
        .repeat_penalty = o->repeat_penalty,
        .presence_penalty = o->presence_penalty,
        .frequency_penalty = o->frequency_penalty,
        .top_k = o->top_k > 0 ? (uint32_t)o->top_k : 0,
        .n_last = o->repeat_last_n < 0 ? n_ctx : (uint32_t)o->repeat_last_n,
    };
    hl_rng_init(&s->rng, seed);
}

hl_status hl_logit_bias_check(const hl_logit_bias *bias, size_t n, uint32_t n_vocab,
                              hl_error *err) {
    if (n > HL_LOGIT_BIAS_MAX)
        return hl_fail(err, HL_ELIMIT, "engine", "%zu logit biases, at most %d", n,
                       HL_LOGIT_BIAS_MAX);
    for (size_t i = 0; i < n; i++) {
        if (bias[i].token >= n_vocab)
            return hl_fail(err, HL_EINVAL, "engine",
                           "logit bias for token %u, the vocabulary has %u", bias[i].token,
                           n_vocab);
        if (!isfinite(bias[i].bias))
            return hl_fail(err, HL_EINVAL, "engine", "logit bias of token %u is not finite",
                           bias[i].token);
    }
    return HL_OK;
}

/* All exponent bits set: infinite or no number.  Or-ed over blocks, so that the common case is
 * plain arithmetic without branches. */
uint32_t hl_logits_check(const float *logits, uint32_t n) {
    enum { BLOCK = 1024 };
    for (uint32_t at = 0; at < n; at += BLOCK) {
        uint32_t end = n - at < BLOCK ? n : at + BLOCK, bad = 0;
        for (uint32_t i = at; i < end; i++) {
            uint32_t bits;
            memcpy(&bits, &logits[i], sizeof bits);
            bad |= (bits & 0x7F800000u) == 0x7F800000u;
        }
        if (!bad) continue;
        while (isfinite(logits[at])) at++;
        return at;
    }
    return n;
}

/* ---- bias and penalties, in place, with a list to undo them ---- */

static void set_logit(hl_sample_scratch *scratch, float *logits, uint32_t token, float value) {
    scratch->undo[scratch->n_undo++] = (hl_logit_bias){token, logits[token]};
    logits[token] = value > FLT_MAX ? FLT_MAX : value < -FLT_MAX ? -FLT_MAX : value;
}

static void undo_all(hl_sample_scratch *scratch, float *logits) {
    while (scratch->n_undo > 0) {
        hl_logit_bias was = scratch->undo[--scratch->n_undo];
        logits[was.token] = was.bias;
    }
}

static void apply_bias(const hl_sampler *s, hl_sample_scratch *scratch, float *logits) {
    HL_ASSERT(s->n_bias <= HL_LOGIT_BIAS_MAX);
    for (size_t i = 0; i < s->n_bias; i++) {
        uint32_t token = s->bias[i].token;
        set_logit(scratch, logits, token, logits[token] + s->bias[i].bias);
    }
}

static float penalised(const hl_sampler *s, float logit, uint32_t count) {
    logit = logit > 0 ? logit / s->repeat_penalty : logit * s->repeat_penalty;
    return logit - (float)count * s->frequency_penalty - s->presence_penalty;
}

static void apply_penalties(const hl_sampler *s, hl_sample_scratch *scratch, float *logits,
                            const uint32_t *history, size_t n_history) {
    if (s->repeat_penalty == 1 && s->presence_penalty == 0 && s->frequency_penalty == 0) return;
    size_t n = n_history < s->n_last ? n_history : s->n_last;
    const uint32_t *last = history + (n_history - n);
    for (size_t i = 0; i < n; i++) {
        HL_DASSERT(last[i] < scratch->n_vocab);
        scratch->counts[last[i]]++;
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t token = last[i], count = scratch->counts[token];
        if (count == 0) continue; /* done at an earlier place */
        set_logit(scratch, logits, token, penalised(s, logits[token], count));
        scratch->counts[token] = 0;
    }
}

/* ---- selection ---- */

/* The strict order of candidates: larger key first, then lower id. */
static bool before(const hl_candidate *a, const hl_candidate *b) {
    return a->key > b->key || (a->key == b->key && a->token < b->token);
}

static void swap(hl_candidate *a, hl_candidate *b) {
    hl_candidate t = *a;
    *a = *b;
    *b = t;
}

/* Restores the heap c [n] below i.  last_on_top: the root is the candidate that comes last in the
 * order, else the one that comes first. */
static void sift_down(hl_candidate *c, uint32_t n, uint32_t i, bool last_on_top) {
    for (uint32_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && before(&c[child + 1], &c[child]) != last_on_top) child++;
        if (before(&c[child], &c[i]) == last_on_top) return;
        swap(&c[child], &c[i]);
    }
}

static void heapify(hl_candidate *c, uint32_t n, bool last_on_top) {
    for (uint32_t i = n / 2; i-- > 0;) sift_down(c, n, i, last_on_top);
}

/* The k largest logits into c [k], sorted. */
static void select_top_k(const float *logits, uint32_t n, uint32_t k, hl_candidate *c) {
    HL_ASSERT(k <= n);
    for (uint32_t i = 0; i < k; i++)
        c[i] = (hl_candidate){.logit = logits[i], .key = logits[i], .token = i};
    heapify(c, k, true);
    for (uint32_t i = k; i < n && k > 0; i++) {
        if (!(logits[i] > c[0].key)) continue; /* equal: the lower id stays */
        c[0] = (hl_candidate){.logit = logits[i], .key = logits[i], .token = i};
        sift_down(c, k, 0, true);
    }
    for (uint32_t left = k; left > 1;) {
        swap(&c[0], &c[--left]);
        sift_down(c, left, 0, true);
    }
}

/* exp(x) for x <= 0, to about 1e-7 of its value and 0 below exp(-87): 2^n times a polynomial of
 * what is left over.  Without branches, so that compilers make loops over it wide. */
static inline float exp_of_negative(float x) {
    float in = x > -87 ? x : -87;
    int n = (int)(in * 1.44269504f - 0.5f);
    float r = (in - (float)n * 0.693359375f) + (float)n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1;
    uint32_t bits = (uint32_t)(n + 127) << 23;
    float scale;
    memcpy(&scale, &bits, sizeof scale);
    return p * scale * (float)(x > -87);
}

enum { LANES = 8 }; /* partial results of sums and maxima, in a fixed order */

static float largest(const float *x, uint32_t n) {
    float lanes[LANES], max = x[0];
    uint32_t i = 0;
    for (int k = 0; k < LANES; k++) lanes[k] = x[0];
    for (; i + LANES <= n; i += LANES) {
        for (uint32_t k = 0; k < LANES; k++) {
            float v = x[i + k];
            lanes[k] = v > lanes[k] ? v : lanes[k];
        }
    }
    for (; i < n; i++) max = x[i] > max ? x[i] : max;
    for (int k = 0; k < LANES; k++) max = lanes[k] > max ? lanes[k] : max;
    return max;
}

/* weights [n] = exp((logits - largest) / temperature).  Returns their sum. */
static double weigh(const float *logits, uint32_t n, float temperature, float *ret_weights) {
    float max = largest(logits, n);
    double lanes[LANES] = {0}, sum = 0;
    uint32_t i = 0;
    for (uint32_t k = 0; k < n; k++)
        ret_weights[k] = exp_of_negative((logits[k] - max) / temperature);
    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++) lanes[k] += (double)ret_weights[i + (uint32_t)k];
    for (; i < n; i++) sum += (double)ret_weights[i];
    for (int k = 0; k < LANES; k++) sum += lanes[k];
    return sum;
}

/* Puts those of c [n] first that come before or are the median of three of them; *ret_weight is
 * theirs together.  Neither part is empty. */
static uint32_t partition(hl_candidate *c, uint32_t n, double *ret_weight) {
    const hl_candidate *x = &c[0], *y = &c[n / 2], *z = &c[n - 1];
    const hl_candidate *median = before(x, y) ? (before(y, z)   ? y
                                                 : before(x, z) ? z
                                                                : x)
                                              : (before(x, z)   ? x
                                                 : before(y, z) ? z
                                                                : y);
    hl_candidate pivot = *median;
    uint32_t n_first = 0;
    *ret_weight = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (before(&pivot, &c[i])) continue;
        *ret_weight += (double)c[i].weight;
        swap(&c[i], &c[n_first++]);
    }
    return n_first;
}

/* Keeps the first candidates in the order of their keys: as few as have `mass` together (with
 * `more`: more than that).  Returns how many.  Halves the part where the border lies until it is
 * small, then takes from it one by one; should bad luck or a crafted model spoil the halving, the
 * rest is a heap. */
static uint32_t keep_mass(hl_candidate *c, uint32_t n, double mass, bool more) {
    enum { SMALL = 16, ROUNDS_MAX = 40 };
    uint32_t in = 0, out = n; /* below in: kept; from out on: not */
    double sum = 0, weight;
    for (int round = 0; round < ROUNDS_MAX && out - in > SMALL; round++) {
        uint32_t n_first = partition(c + in, out - in, &weight);
        if (more ? sum + weight > mass : sum + weight >= mass) {
            out = in + n_first;
        } else {
            in += n_first;
            sum += weight;
        }
    }
    hl_candidate *rest = c + in;
    uint32_t n_rest = out - in, left = n_rest;
    heapify(rest, n_rest, false);
    while (left > 0) {
        sum += (double)rest[0].weight;
        swap(&rest[0], &rest[--left]); /* collected from the end, first one last */
        sift_down(rest, left, 0, false);
        if (more ? sum > mass : sum >= mass) break;
    }
    for (uint32_t i = 0, j = n_rest; i + 1 < j; i++) swap(&rest[i], &rest[--j]);
    return out - left;
}

/* Tokens of at least this weight become candidates. */
static uint32_t gather(const float *logits, const float *weights, uint32_t n, double least,
                       hl_candidate *c) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++)
        if ((double)weights[i] >= least)
            c[kept++] = (hl_candidate){logits[i], weights[i], logits[i], i};
    return kept;
}

static double weight_of(const hl_candidate *c, uint32_t n) {
    double sum = 0;
    for (uint32_t i = 0; i < n; i++) sum += (double)c[i].weight;
    return sum;
}

/* Weights of sorted candidates.  Returns their sum. */
static double weigh_sorted(hl_candidate *c, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) c[i].weight = exp_of_negative(c[i].logit - c[0].logit);
    return weight_of(c, n);
}

/* Tokens whose surprise, -log p, is nearest to the expected one (Meister et al., "Locally typical
 * sampling", 2022).  sum: of the weights. */
static uint32_t keep_typical(hl_candidate *c, uint32_t n, float typical_p, double sum) {
    double max = (double)c[0].logit, entropy = 0;
    for (uint32_t i = 1; i < n; i++)
        if ((double)c[i].logit > max) max = (double)c[i].logit;
    double log_sum = max + log(sum);
    for (uint32_t i = 0; i < n; i++)
        if (c[i].weight > 0) entropy += (double)c[i].weight / sum * (log_sum - (double)c[i].logit);
    for (uint32_t i = 0; i < n; i++)
        c[i].key = (float)-fabs(log_sum - (double)c[i].logit - entropy);
    uint32_t kept = keep_mass(c, n, (double)typical_p * sum, true);
    for (uint32_t i = 0; i < kept; i++) c[i].key = c[i].logit;
    return kept;
}

/* Those at least min_p times as likely as the likeliest. */
static uint32_t keep_min_p(hl_candidate *c, uint32_t n, float min_p) {
    float heaviest = 0;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++)
        if (c[i].weight > heaviest) heaviest = c[i].weight;
    for (uint32_t i = 0; i < n; i++)
        if (c[i].weight >= min_p * heaviest) c[kept++] = c[i];
    return kept;
}

static uint32_t draw(hl_rng *rng, const float *weights, uint32_t n, double sum) {
    double left = hl_rng_unit(rng) * sum;
    uint32_t picked = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (weights[i] == 0) continue;
        picked = i; /* also the last one, should rounding leave a rest */
        left -= (double)weights[i];
        if (left < 0) break;
    }
    return picked;
}

static uint32_t pick_greedy(const float *logits, uint32_t n) {
    float max = largest(logits, n);
    uint32_t at = 0;
    while (logits[at] != max) at++;
    return at;
}

/* The candidates before top_p: by top_k sorted, else in the order of ids and without those that
 * top_p will not want; *ret_sum is the weight of all. */
static uint32_t first_candidates(const hl_sampler *s, hl_sample_scratch *scratch,
                                 const float *logits, double *ret_sum) {
    hl_candidate *c = scratch->candidates;
    uint32_t n = scratch->n_vocab;
    double least = 0;
    if (s->top_k > 0 && s->top_k < n) {
        select_top_k(logits, n, s->top_k, c);
        *ret_sum = weigh_sorted(c, s->top_k);
        n = s->top_k;
    } else {
        *ret_sum = weigh(logits, n, 1, scratch->weights);
        /* All tokens lighter than this have less than 1 - top_p together. */
        if (s->typical_p == 1) least = (1 - (double)s->top_p) * *ret_sum / n;
        n = gather(logits, scratch->weights, n, least, c);
    }
    if (s->typical_p == 1) return n;
    n = keep_typical(c, n, s->typical_p, *ret_sum);
    *ret_sum = weight_of(c, n);
    return n;
}

static uint32_t pick_random(hl_sampler *s, hl_sample_scratch *scratch, const float *logits) {
    hl_candidate *c = scratch->candidates;
    float *weights = scratch->weights;
    double sum;
    uint32_t n = scratch->n_vocab;
    bool all = s->top_k == 0 || s->top_k >= n;
    if (all && s->typical_p == 1 && s->top_p == 1 && s->min_p == 0) {
        sum = weigh(logits, n, s->temperature, weights);
        return draw(&s->rng, weights, n, sum);
    }
    n = first_candidates(s, scratch, logits, &sum);
    if (s->top_p < 1) n = keep_mass(c, n, (double)s->top_p * sum, false);
    if (s->min_p > 0) n = keep_min_p(c, n, s->min_p);
    HL_ASSERT(n > 0);
    float *kept = scratch->kept;
    for (uint32_t i = 0; i < n; i++) kept[i] = c[i].logit;
    sum = weigh(kept, n, s->temperature, weights);
    return c[draw(&s->rng, weights, n, sum)].token;
}

uint32_t hl_sampler_pick(hl_sampler *s, hl_sample_scratch *scratch, float *logits,
                         const uint32_t *history, size_t n_history) {
    HL_ASSERT(scratch->n_undo == 0);
    apply_bias(s, scratch, logits);
    apply_penalties(s, scratch, logits, history, n_history);
    uint32_t token = s->temperature == 0 ? pick_greedy(logits, scratch->n_vocab)
                                         : pick_random(s, scratch, logits);
    undo_all(scratch, logits);
    HL_ASSERT(token < scratch->n_vocab);
    return token;
}

/* Ruled out is the lowest finite logit: no weight, whatever bias and penalties do to it. */
uint32_t hl_sampler_pick_masked(hl_sampler *s, hl_sample_scratch *scratch, const float *logits,
                                const uint32_t *mask, const uint32_t *history, size_t n_history) {
    bool any = false;
    for (uint32_t i = 0; i < scratch->n_vocab; i++) {
        bool on = mask[i / 32] >> i % 32 & 1;
        scratch->masked[i] = on ? logits[i] : -FLT_MAX;
        any |= on;
    }
    HL_ASSERT(any);
    return hl_sampler_pick(s, scratch, scratch->masked, history, n_history);
}

hl_logprob hl_logprobs_get(const float *logits, hl_sample_scratch *scratch, uint32_t token,
                           uint32_t n_top, hl_logprob *ret_top) {
    HL_ASSERT(token < scratch->n_vocab && n_top <= scratch->n_vocab);
    double sum = weigh(logits, scratch->n_vocab, 1, scratch->weights);
    double log_sum = (double)largest(logits, scratch->n_vocab) + log(sum);
    select_top_k(logits, scratch->n_vocab, n_top, scratch->candidates);
    for (uint32_t i = 0; i < n_top; i++) {
        const hl_candidate *c = &scratch->candidates[i];
        ret_top[i] = (hl_logprob){c->token, (float)((double)c->logit - log_sum)};
    }
    return (hl_logprob){token, (float)((double)logits[token] - log_sum)};
}
