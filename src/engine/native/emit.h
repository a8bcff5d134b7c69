/* engine/native/emit.h
 *
 * One sequence's way from tokens to TEXT events: characters are completed
 * (text/tokenizer.h), possible stop strings held back (stop.h).  Tokens and their log-probabilities
 * wait for the text they belong to, so that the tokens of all events together are the answer's, in
 * order.
 *
 * What an event borrows is written by hl_emit_push and hl_emit_finish only, never by
 * hl_emit_begin: a new request may be submitted while the last event of the old one is being read.
 *
 * Threads: one at a time.
 */
#pragma once

#include "engine/native/stop.h"
#include "engine/request.h"
#include "text/tokenizer.h"

enum { HL_EMIT_TOKENS_MAX = 32 }; /* tokens without text are reported at the latest then */

typedef struct hl_emit {
    hl_detokenizer detokenizer;
    hl_stop stop;
    hl_buf piece; /* of one token */
    hl_buf text;  /* of the event */
    uint32_t tokens[HL_EMIT_TOKENS_MAX];
    hl_token_logprobs logprobs[HL_EMIT_TOKENS_MAX];
    hl_logprob *top; /* [HL_EMIT_TOKENS_MAX, top_max] */
    uint32_t top_max, n_tokens;
    bool with_logprobs;
    bool taken; /* the event was given out: the next push starts anew */
} hl_emit;

/* piece_max: bytes of the vocabulary's longest token. */
hl_status hl_emit_init(hl_emit *e, size_t piece_max, uint32_t stop_bytes_max, uint32_t top_max,
                       hl_error *err) HL_NODISCARD;
void hl_emit_deinit(hl_emit *e); /* accepts zeroes */
uint64_t hl_emit_bytes(size_t piece_max, uint32_t stop_bytes_max, uint32_t top_max);

/* A new answer.  Errors are hl_stop_set's. */
hl_status hl_emit_begin(hl_emit *e, const hl_tokenizer *t, const hl_options *o,
                        hl_error *err) HL_NODISCARD;
/* One token.  logprobs NULL: none asked for; the top list is copied.  True: a stop string is
 * complete. */
bool hl_emit_push(hl_emit *e, hl_token token, const hl_token_logprobs *logprobs);
/* The answer ends without a stop string: shows what was held back. */
void hl_emit_finish(hl_emit *e);
/* Fills the TEXT event that is due, if one is; at the end (`last`) whatever is left.  False: none.
 */
bool hl_emit_take(hl_emit *e, bool last, hl_event *ret);
