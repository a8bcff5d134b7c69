/* text/template_strings.h — what methods and filters of the same name share: Python's
 * operations on strings.  Results are slices of the argument where they can be. */
#pragma once

#include "text/template_chars.h"
#include "text/template_run.h"

/* chars: NULL for white space, else the set of characters to take away. */
hl_status hl__tpl_strip(tpl_run *r, hl_str s, const hl_str *chars, bool left, bool right,
                        hl_str *ret) HL_NODISCARD;
/* count < 0: all. */
hl_status hl__tpl_replace(tpl_run *r, hl_str s, hl_str old, hl_str with, int64_t count,
                          tpl_value *ret) HL_NODISCARD;
/* lower, upper, casefold */
hl_status hl__tpl_change_case(tpl_run *r, hl_str s, tpl_case to, tpl_value *ret) HL_NODISCARD;
hl_status hl__tpl_capitalize(tpl_run *r, hl_str s, tpl_value *ret) HL_NODISCARD;
/* Padded to so many characters; the odd space as Python's center puts it. */
hl_status hl__tpl_justify(tpl_run *r, hl_str s, int64_t width, hl_str fill, char align,
                          tpl_value *ret) HL_NODISCARD;
/* The line that begins at byte *at, without its end, behind which *at moves; false at the end. */
bool hl__tpl_next_line(hl_str s, size_t *at, hl_str *ret_line, hl_str *ret_end);
/* The next run of characters that are no white space; false when there is none. */
bool hl__tpl_next_word(hl_str s, size_t *at, hl_str *ret);
/* str.islower and str.isupper */
bool hl__tpl_is_case(hl_str s, unsigned flag);
/* Appends cp in another case to r->out. */
void hl__tpl_append_case(tpl_run *r, uint32_t cp, tpl_case to);
/* Appends the character of s at byte *at in lower case, which depends on where in a word it
 * is; *at moves behind it. */
void hl__tpl_append_lower(tpl_run *r, hl_str s, size_t *at);
