/* text/tokenizer_merge.h
 *
 * The merging itself: turns one piece of text into tokens, the best pair first, leftmost
 * among equals.  Two ways with one result: short pieces scan an array for the best pair,
 * long ones keep the pairs in buckets by rank, so that a piece of n symbols takes at most
 * n log n steps whatever it holds.  Private to text/.
 *
 * Threads: one hl__merger belongs to one call; it borrows the tokenizer.
 */
#pragma once

#include "base/arena.h"
#include "text/tokenizer_vocab.h"

typedef struct hl__merger {
    const hl_tokenizer *t;
    hl_arena *arena;     /* of long pieces; created by the first one */
    uint32_t *bucket_of; /* [n_ranks] bucket + 1, 0: none */
} hl__merger;

static inline void hl__merger_init(hl__merger *m, const hl_tokenizer *t) {
    *m = (hl__merger){.t = t};
}
void hl__merger_deinit(hl__merger *m);

/* Appends the tokens of one piece.  EFORMAT: the vocabulary has no token for a byte of it. */
hl_status hl__merger_run(hl__merger *m, hl_str piece, hl_tokens *ret, hl_error *err) HL_NODISCARD;
/* The single token that merging makes of the piece, or HL_TOKEN_NONE; short pieces only (longer
 * ones give HL_TOKEN_NONE).  For tokenizer_load.c, which finds HL__TOKEN_WHOLE with it. */
hl_token hl__merger_single(const hl_tokenizer *t, hl_str piece);
