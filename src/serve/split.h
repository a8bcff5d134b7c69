/* serve/split.h
 *
 * An engine's text event told apart into reasoning and answer, by the tags of serve/thinking.h and
 * by the control tokens that some models use for them.
 *
 * Ownership: owns what it holds back; the texts it gives out live until the next call.
 * Threads: one at a time.
 */
#pragma once

#include "engine/request.h"
#include "serve/prepare.h"

typedef void hl__split_fn(void *arg, const hl_event *ev);

typedef struct hl__split {
    hl_thinking thinking;
    hl_token tags[2]; /* control tokens that open and close reasoning; HL_TOKEN_NONE: texts do */
    hl_buf reasoning, answer;
    hl__split_fn *tell; /* gets events with their channel, reasoning first */
    void *arg;
} hl__split;

void hl__split_init(hl__split *s, const hl_prepared *p, const hl_tokenizer *t, hl__split_fn *tell,
                    void *arg);
void hl__split_deinit(hl__split *s);

/* One TEXT event; its tokens go with the first part that is told. */
void hl__split_text(hl__split *s, const hl_event *ev);
/* What was held back comes out; before the terminal event. */
void hl__split_finish(hl__split *s, hl_seq_id seq);
