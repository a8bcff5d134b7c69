/* engine/native/sample.h
 *
 * From logits to a token, with Ollama's options in llama.cpp's order:
 *
 *     logit bias, penalties, top_k, typical_p, top_p, min_p, temperature, draw
 *
 * Temperature 0 takes the largest logit (after bias and penalties); of equal ones the lowest id.
 * One draw a token from the sequence's own generator, so a seed gives the same text again whatever
 * else is in the batch.  Time is linear in the vocabulary: nothing sorts it whole.
 *
 * Threads: a sampler and a scratch belong to one thread at a time.
 */
#pragma once

#include "base/rng.h"
#include "engine/request.h"

typedef struct hl_candidate {
    float logit, weight; /* weight: exp(logit - largest logit), not normalised */
    float key;           /* what is sorted by, largest first */
    uint32_t token;
} hl_candidate;

/* Room to sample in, shared by all sequences of an engine. */
typedef struct hl_sample_scratch {
    uint32_t n_vocab;
    hl_candidate *candidates; /* [n_vocab] */
    float *weights, *kept;    /* [n_vocab] */
    float *masked;            /* [n_vocab] logits of which some are ruled out */
    uint32_t *counts;         /* [n_vocab] zero between calls */
    hl_logit_bias *undo; /* [HL_LOGIT_BIAS_MAX + n_vocab] logits that were changed, as they were */
    size_t n_undo;
} hl_sample_scratch;

hl_status hl_sample_scratch_init(hl_sample_scratch *s, uint32_t n_vocab,
                                 hl_error *err) HL_NODISCARD;
void hl_sample_scratch_deinit(hl_sample_scratch *s); /* accepts zeroes */
uint64_t hl_sample_scratch_bytes(uint32_t n_vocab);  /* memory that init takes */

typedef struct hl_sampler {
    float temperature, top_p, min_p, typical_p;
    float repeat_penalty, presence_penalty, frequency_penalty;
    uint32_t top_k;  /* 0: all */
    uint32_t n_last; /* tokens that the penalties look at */
    const hl_logit_bias
        *bias; /* [n_bias] borrowed from the caller; checked by hl_logit_bias_check */
    size_t n_bias;
    hl_rng rng;
} hl_sampler;

/* n_ctx: what repeat_last_n -1 means.  The bias list is left empty. */
void hl_sampler_init(hl_sampler *s, const hl_options *o, uint32_t n_ctx, uint64_t seed);

/* ELIMIT: too many; EINVAL: an id outside the vocabulary, a bias that is not finite. */
hl_status hl_logit_bias_check(const hl_logit_bias *bias, size_t n, uint32_t n_vocab,
                              hl_error *err) HL_NODISCARD;

/* Index of the first logit that is no finite number, or n. */
uint32_t hl_logits_check(const float *logits, uint32_t n);

/* The next token.  logits [n_vocab] f32 finite, changed meanwhile and left as they were.
 * history [n_history]: prompt and answer so far, ids below n_vocab. */
uint32_t hl_sampler_pick(hl_sampler *s, hl_sample_scratch *scratch, float *logits,
                         const uint32_t *history, size_t n_history);

/* The same among the tokens whose bits are set in mask (bit id % 32 of word id / 32), at least one.
 */
uint32_t hl_sampler_pick_masked(hl_sampler *s, hl_sample_scratch *scratch, const float *logits,
                                const uint32_t *mask, const uint32_t *history, size_t n_history);

/* Log-probabilities before bias, penalties and temperature: returns that of `token`, and puts the
 * n_top
 * (<= n_vocab) likeliest into ret_top; of equal ones the lowest id first. */
hl_logprob hl_logprobs_get(const float *logits, hl_sample_scratch *scratch, uint32_t token,
                           uint32_t n_top, hl_logprob *ret_top);
