/* text/pretokenize_match.h
 *
 * The matchers behind pretokenize.c, one for each shape of expression.  Private to text/.
 */
#pragma once

#include "text/unicode.h"

/* Bytes of the match that begins at p (p < end), or 0.  Without a match *ret_skip says how
 * many bytes from p on surely begin none (at least the one character). */
typedef size_t hl__match(const hl__stage *stage, const uint8_t *p, const uint8_t *end,
                         size_t *ret_skip);

typedef enum hl__word {
    HL__WORD_LETTERS, /* \p{L}+ */
    HL__WORD_MARKS,   /* [\p{L}\p{M}]+ */
    HL__WORD_CASED,   /* upper-case letters, then lower-case ones (o200k) */
    HL__WORD_NOT_HAN  /* the same without Script=Han, which is a piece of its own (kimi-k2) */
} hl__word;

typedef enum hl__contraction {
    HL__CONTRACTION_NONE,
    HL__CONTRACTION_FIRST, /* (?i:'s|'t|'re|'ve|'m|'ll|'d) is a piece */
    HL__CONTRACTION_SUFFIX /* … belongs to the word before it */
} hl__contraction;

struct hl__stage {
    hl__match *match;
    /* hl__match_words */
    hl__word word;
    hl__contraction contraction;
    unsigned digits_max;
    const char *tail; /* ASCII characters taken behind punctuation */
    /* hl__match_run: \s? when space_before, then 1 to `max` (0: any number of) characters
     * of `classes`, of the ASCII characters `also`, or inside `ranges` */
    unsigned classes, max;
    bool space_before;
    const char *also;
    const hl__unicode_range *ranges;
    size_t n_ranges;
};

hl__match hl__match_gpt2, hl__match_words, hl__match_mixed, hl__match_run, hl__match_trailing_space,
    hl__match_three_digits, hl__match_clause, hl__match_line;
