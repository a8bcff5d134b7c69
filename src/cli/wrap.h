/* cli/wrap.h
 *
 * Words wrapped while they stream to a terminal: letters are shown at once, and a word
 * that turns out not to fit is taken back and begun on the next line.  Control characters but
 * newline and tab are dropped: a model's text must not steer the terminal.
 *
 * Threads: one at a time.  Widths are those of the C locale's wcwidth.
 */
#pragma once

#include "base/buf.h"

enum { HL_WRAP_WORD_MAX = 256 };

typedef struct hl__wrap {
    unsigned width;  /* columns of a line; 0: no wrapping, only the filter */
    unsigned column; /* where the cursor is */
    unsigned word_columns;
    size_t word_len; /* the word that the cursor stands behind */
    char word[HL_WRAP_WORD_MAX];
} hl__wrap;

void hl__wrap_init(hl__wrap *w, unsigned width);
/* Appends to out what the terminal is to get for text, whole UTF-8 characters. */
void hl__wrap_push(hl__wrap *w, hl_str text, hl_buf *out);
