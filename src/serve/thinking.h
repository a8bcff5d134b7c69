/* serve/thinking.h
 *
 * Tells a model's reasoning from its answer while the text streams.  Models put the reasoning
 * between two tags at the start of an answer ("<think>…</think>"); which tags, their
 * template says.  Many templates end the prompt with the opening tag: then the
 * answer starts inside.  White space behind a tag belongs to neither part.
 *
 * What this does not do: look for tags further on.  Once the answer has begun, a tag is text.
 *
 * Ownership: owns what it holds back; tags are static.
 * Threads: one at a time.
 */
#pragma once

#include "base/buf.h"

typedef struct hl_thinking_tags {
    hl_str open, close;
} hl_thinking_tags;

/* The tags that a chat template (its source) speaks of; NULL: none. */
const hl_thinking_tags *hl_thinking_tags_find(hl_str template_text);
/* Whether a rendered prompt ends with the opening tag. */
bool hl_thinking_prompt_open(const hl_thinking_tags *tags, hl_str prompt);

typedef enum hl_thinking_state {
    HL_THINKING_START,  /* nothing but white space so far, perhaps a part of the opening tag */
    HL_THINKING_OPENED, /* behind the opening tag, no reasoning yet                          */
    HL_THINKING_INSIDE,
    HL_THINKING_CLOSED, /* behind the closing tag, no answer yet                             */
    HL_THINKING_ANSWER
} hl_thinking_state;

typedef struct hl_thinking {
    const hl_thinking_tags *tags;
    hl_thinking_state state;
    hl_buf held; /* what may be a tag's beginning, or white space behind one */
} hl_thinking;

/* tags NULL: all text is answer.  open: the prompt ended inside. */
void hl_thinking_init(hl_thinking *t, const hl_thinking_tags *tags, bool open);
void hl_thinking_deinit(hl_thinking *t);

/* Appends what is now known to be reasoning or answer.  Of one call, the reasoning comes first. */
void hl_thinking_push(hl_thinking *t, hl_str text, hl_buf *thinking, hl_buf *answer);
/* A tag that is a control token, which leaves no text. */
void hl_thinking_mark(hl_thinking *t, bool opening, hl_buf *thinking);
/* What comes next belongs to an answer: no reasoning begins any more.  Within it, nothing. */
void hl_thinking_leave(hl_thinking *t, hl_buf *answer);
/* The end of the text. */
void hl_thinking_finish(hl_thinking *t, hl_buf *thinking, hl_buf *answer);
