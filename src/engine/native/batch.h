/* engine/native/batch.h
 *
 * Who computes in a step.  Sequences stand in a queue in order of arrival; the first n_admitted of
 * them hold pages.  Each step has a budget of rows:
 *
 *   1. running sequences (all but their last token computed) get one row each, so that nobody's
 *      stream stalls behind somebody's long prompt;
 *   2. what is left, up to prompt_rows_max, goes to prompts in order of arrival, in chunks; the
 * first waiting sequence is admitted when there are pages for all of its tokens, and nobody passes
 * it.
 *
 * When a sequence needs a page and none is left, the youngest admitted one is preempted: it gives
 * all its pages back and waits at its place in the queue; later its tokens are computed again (what
 * is still cached is not).  So the oldest always gets on, and everybody becomes the oldest.
 *
 * Complete pages are shared between sequences with equal prefixes (kv.h), also while both are
 * being computed.  The last token is always computed: its output is wanted.
 *
 * Pure over its arrays: no clock, no randomness, no backend.   Threads: one at a time.
 */
#pragma once

#include "engine/native/kv.h"

/* A live sequence as the scheduler sees it; memory is the caller's. */
typedef struct hl_span {
    const uint32_t *tokens; /* [n_tokens] prompt and answer so far */
    uint32_t n_tokens;      /* grows by what is sampled */
    uint32_t n_prompt;
    uint32_t chunk_max; /* rows in one step, at least 1 */
    uint64_t salt;      /* of its prefix */
    bool every_row;     /* all of its rows are to be computed: it takes no cached pages, and
                           leaves none behind that would push out others' */
    uint32_t *pages;    /* page table, room for all tokens it may get */
    uint32_t n_pages;
    uint32_t kv_len;     /* tokens whose keys and values are in the pages; < n_tokens */
    uint32_t kv_len_max; /* the most it ever was: what lies below was paid for once */
    uint32_t n_cached;   /* prompt tokens found in the cache when first needed */
    bool admitted;
} hl_span;

/* A sequence's share of a step. */
typedef struct hl_share {
    hl_span *span;
    uint32_t n_rows;
    bool output; /* its last row is the sequence's last token */
} hl_share;

typedef struct hl_batcher {
    hl_kv *kv;        /* owned */
    hl_span **queue;  /* [n_queue] in order of arrival, room for spans_max */
    hl_share *shares; /* [n_shares] of this step, room for spans_max */
    uint32_t spans_max, rows_max;
    uint32_t prompt_rows_max; /* of a step with streams, for the caller to set; rows_max at first */
    uint32_t n_queue, n_admitted, n_shares, n_rows;
    uint32_t n_running; /* of n_rows: those of running sequences */
    uint64_t n_preemptions;
} hl_batcher;

/* rows_max >= spans_max >= 1.  The pool must hold one sequence of the largest context. */
hl_status hl_batcher_init(hl_batcher *b, uint32_t spans_max, uint32_t rows_max, uint32_t kv_pages,
                          hl_error *err) HL_NODISCARD;
void hl_batcher_deinit(hl_batcher *b); /* accepts zeroes */

void hl_batcher_add(hl_batcher *b, hl_span *s);
/* Takes s out of the queue and gives its pages back. */
void hl_batcher_remove(hl_batcher *b, hl_span *s);

/* The tokens of s behind the first n_kept are others now, n_tokens in all (at least one behind the
 * kept); they are computed again. */
void hl_batcher_rewind(hl_batcher *b, hl_span *s, uint32_t n_kept, uint32_t n_tokens);

/* Sequences that get a row each in the next step. */
uint32_t hl_batcher_count_running(const hl_batcher *b);
/* Fills shares, with pages for all of their rows.  At least one share when the queue is not empty.
 */
void hl_batcher_plan(hl_batcher *b);
/* The shares are computed: moves kv_len on and publishes pages that became complete. */
void hl_batcher_commit(hl_batcher *b);

static inline uint32_t hl_pages_for(uint32_t n_tokens) {
    return n_tokens / HL_KV_PAGE_TOKENS + (n_tokens % HL_KV_PAGE_TOKENS != 0);
}
