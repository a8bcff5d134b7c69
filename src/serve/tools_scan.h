/* serve/tools_scan.h
 *
 * One candidate for a call, looked at from its beginning each time more of it is there.
 *
 * A mark in the text is the mark's own bytes; one that was a control token is the byte FF, which is
 * in no text, its length and its bytes.
 *
 * Private to serve/tools*.c.   Threads: one at a time.
 */
#pragma once

#include "serve/tools.h"
#include "serve/tools_call.h"

enum { HL__TOOLS_CONTROL = 0xFF };

typedef enum hl__tools_verdict {
    HL__TOOLS_MORE, /* cannot be told yet */
    HL__TOOLS_NO,   /* not a call: the first *ret_len bytes are text */
    HL__TOOLS_YES   /* calls, of the first *ret_len bytes */
} hl__tools_verdict;

/* Forgets what was found out of another candidate. */
void hl__tools_scan_begin(hl_tools *t);
/* What t holds; closing marks are not looked at. */
hl__tools_verdict hl__tools_scan(hl_tools *t, hl__tools_calls *ret, size_t *ret_len);

/* How long the mark at `at` is; 0: there is none; SIZE_MAX: what is there may become it. */
size_t hl__tools_mark_at(hl_str s, size_t at, hl_str mark);
/* The first of marks that stands at `at`, as above. */
size_t hl__tools_marks_at(hl_str s, size_t at, const hl_str *marks, size_t n);
/* Of the format's element: its head, as above. */
size_t hl__tools_head_at(const hl_tools *t, hl_str s, size_t at);
size_t hl__tools_skip_space(hl_str s, size_t at);
/* How many bytes the character, or the control token, at `at` has. */
size_t hl__tools_step(hl_str s, size_t at);
