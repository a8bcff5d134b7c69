/* cli/answer.h
 *
 * Shows a request's events as they come.  On a terminal the reasoning is dim and announced, the
 * words are wrapped (neither with TERM=dumb); anywhere else only the answer is written, byte for
 * byte.
 *
 * Ownership: owns the collected texts.   Threads: one at a time.
 */
#pragma once

#include "cli/wrap.h"
#include "engine/request.h"

typedef struct hl__answer {
    bool terminal, escapes; /* where it goes, and whether that knows colours */
    bool hide_thinking;
    bool silent; /* collect only */
    bool in_thinking;
    hl__wrap wrap;
    hl_buf text, thinking; /* collected */
    hl_buf screen;
    hl_finish finish;
    hl_usage usage;
    hl_status failed; /* of writing */
    hl_error error;
} hl__answer;

/* wordwrap counts on a terminal that takes escapes only. */
void hl__answer_init(hl__answer *a, bool wordwrap, bool hide_thinking);
void hl__answer_deinit(hl__answer *a);
/* An hl_client_event_fn; arg is the hl__answer. */
bool hl__answer_event(void *arg, const hl_event *ev);
/* The blank line after an answer, and what went wrong with writing it. */
hl_status hl__answer_end(hl__answer *a, hl_error *err) HL_NODISCARD;

/* What --verbose prints: labels of 22 columns, Go's durations, lines with nothing left out. */
void hl__usage_text(const hl_usage *usage, hl_buf *out);
const char *hl__finish_name(hl_finish finish); /* as Ollama's done_reason */
