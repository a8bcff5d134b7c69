/* serve/split.h
 *
 * An engine's text event told apart into reasoning, answer and calls of tools: by the tags of
 * serve/thinking.h, then the answer by serve/tools.h where the request has tools.  Control
 * tokens that some models use for tags leave no text: their ids are watched.
 *
 * Each text event comes out as at least one; its tokens and their log-probabilities go with the
 * first, whose text may be empty.
 *
 * Ownership: owns what it holds back; the texts it gives out live until the callback returns.
 * Threads: one at a time.
 */
#pragma once

#include "engine/request.h"
#include "serve/prepare.h"
#include "serve/tools.h"

typedef void hl__split_fn(void *arg, const hl_event *ev);

enum { HL__SPLIT_MARKS_MAX = 2 + 2 * HL_TOOLS_MARKS_MAX + 3 };

/* A control token that is looked out for; the first two open and close reasoning. */
typedef struct hl__split_mark {
    hl_token id; /* HL_TOKEN_NONE: texts do */
    hl_str text;
} hl__split_mark;

typedef struct hl__split {
    hl_thinking thinking;
    bool has_tools;
    hl_tools tools;
    hl__split_mark marks[HL__SPLIT_MARKS_MAX];
    size_t n_marks;
    hl_buf reasoning, answer;
    const hl_tokenizer *tokenizer;
    hl__split_fn *tell; /* gets events in order, reasoning first */
    void *arg;
    const hl_event *event; /* whose tokens are still to be told, within a call */
    hl_seq_id seq;
} hl__split;

void hl__split_init(hl__split *s, const hl_prepared *p, const hl_tokenizer *t, hl__split_fn *tell,
                    void *arg);
void hl__split_deinit(hl__split *s);

/* One TEXT event. */
void hl__split_text(hl__split *s, const hl_event *ev);
/* What was held back comes out; before the terminal event. */
void hl__split_finish(hl__split *s, hl_seq_id seq);
