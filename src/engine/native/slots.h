/* engine/native/slots.h
 *
 * The engine's own structures, private to engine.c (create, step, destroy), submit.c (a request
 * becomes a sequence in a slot) and answer.c (what the step's outputs mean for their sequences).
 */
#pragma once

#include "engine/life.h"
#include "engine/native/batch.h"
#include "engine/native/emit.h"
#include "engine/native/native.h"
#include "engine/native/pace.h"
#include "engine/native/repeat.h"
#include "engine/native/sample.h"
#include "engine/native/shift.h"
#include "text/grammar.h"

/* ENDED: the terminal event is not given out. */
typedef enum hl__slot_state { HL__SLOT_FREE, HL__SLOT_LIVE, HL__SLOT_ENDED } hl__slot_state;

/* A live sequence, or room for one. */
typedef struct hl__slot {
    hl_span span; /* first: a span is a slot's */

    hl_life life;
    hl__slot_state state;
    hl_request_kind kind;
    uint32_t *tokens; /* [ctx_max] prompt and answer */
    uint32_t n_ctx, n_generated;
    uint64_t submit_ns, start_ns, first_ns; /* start and first token; 0: not yet */

    /* Of GENERATE. */
    hl_logit_bias *bias; /* [HL_LOGIT_BIAS_MAX] */
    hl_sampler sampler;
    hl_emit emit;
    hl_repeat repeat;
    hl_grammar_state *grammar;     /* used when there is a vocabulary for it */
    const hl_grammar_vocab *vocab; /* the request's; NULL: any text */
    uint32_t n_predict;
    uint32_t n_top; /* log-probabilities beside the chosen one */
    bool logprobs, shifts;
    hl_shift shift; /* of a full context */

    /* Of EMBED: [n_embd] the sum of hidden states, at the end the embedding.  Written by steps
     * only: the last event may still borrow it when the next request is submitted. */
    float *vector;
} hl__slot;

typedef struct hl__native {
    hl_engine engine; /* first */
    const hl_model *model;
    const hl_tokenizer *tokenizer;
    hl_backend *backend;
    uint64_t (*now)(void);
    uint64_t step_ns; /* step's now_ns */
    uint32_t n_vocab; /* ids that have both a logit and a text */
    hl_rng seeds;

    hl__slot *slots; /* [caps.seqs_max] */
    hl_batcher batcher;
    hl_pace pace;
    uint32_t *rows;   /* [batcher.rows_max] tokens of a step */
    hl_slice *slices; /* [caps.seqs_max] */
    float *outputs;   /* [outputs_max, model->n_vocab] */
    hl_sample_scratch scratch;
    hl_grammar_masks *masks;

    hl_event *events; /* [2 * caps.seqs_max] of the last step: what it made and an end for each */
    uint32_t n_events, n_given;
    hl_error lost; /* status < 0: the backend failed, and with it the engine */
    hl_native_stats stats;
} hl__native;

/* Time for usage figures. */
static inline uint64_t hl__native_time(const hl__native *e, uint64_t now_ns) {
    return e->now ? e->now() : now_ns;
}

/* submit.c: the table's entries. */
hl_status hl__native_submit(hl_engine *base, hl_seq_id seq, const hl_request *req, uint64_t now_ns,
                            hl_error *err);
void hl__native_cancel(hl_engine *base, hl_seq_id seq);

/* answer.c: all make events and may end the sequence. */
void hl__answer_cancelled(hl__native *e);
/* The next token comes from logits [n_vocab], which are as they were afterwards. */
void hl__answer_logits(hl__native *e, hl__slot *s, float *logits);
/* The sum is complete. */
void hl__answer_embedding(hl__native *e, hl__slot *s);
