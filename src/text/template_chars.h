/* text/template_chars.h
 *
 * Characters as Python's str sees them: classes and case mappings of Unicode 14 (Python
 * 3.11), and positions counted in characters over UTF-8.  The tables in template_chars_data.c are
 * written by tools/make_template_chars.py.
 *
 * Threads: pure.
 */
#pragma once

#include "base/str.h"

enum {
    TPL_CHAR_SPACE = 1,
    TPL_CHAR_ALPHA = 2,
    TPL_CHAR_DECIMAL = 4,
    TPL_CHAR_DIGIT = 8,
    TPL_CHAR_NUMERIC = 16,
    TPL_CHAR_UPPER = 32,
    TPL_CHAR_LOWER = 64,
    TPL_CHAR_TITLE = 128,
    TPL_CHAR_PRINTABLE = 256,
    TPL_CHAR_CASE_IGNORABLE = 512
};
unsigned hl__tpl_char_flags(uint32_t cp);

typedef enum tpl_case { TPL_CASE_LOWER, TPL_CASE_UPPER, TPL_CASE_TITLE, TPL_CASE_FOLD } tpl_case;
/* Writes the one to three characters that cp becomes; returns how many. */
enum { TPL_CASE_MAX = 3 };
unsigned hl__tpl_char_case(uint32_t cp, tpl_case to, uint32_t out[TPL_CASE_MAX]);

/* Strings are valid UTF-8: templates and input are checked at the door. */
size_t hl__tpl_chars_count(hl_str s);
/* Byte offset of the n-th character behind byte `from`, at most s.len. */
size_t hl__tpl_chars_skip(hl_str s, size_t from, size_t n);
/* The character at byte *at, which moves behind it. */
uint32_t hl__tpl_chars_next(hl_str s, size_t *at);
/* The character that ends at byte *end, which moves to its start. */
uint32_t hl__tpl_chars_prev(hl_str s, size_t *end);
/* Without white space at the left, the right, or both. */
hl_str hl__tpl_chars_strip(hl_str s, bool left, bool right);

/* Data (template_chars_data.c). */
typedef struct tpl_char_run {
    uint32_t from;
    uint16_t flags; /* of all characters up to the next run */
} tpl_char_run;
typedef struct tpl_case_run {
    uint32_t from, to; /* characters, both included … */
    uint32_t step;     /* … every step-th of them … */
    int32_t delta;     /* … becomes itself plus this */
} tpl_case_run;
typedef struct tpl_case_special {
    uint32_t cp, to[TPL_CASE_MAX]; /* 0: not used */
} tpl_case_special;

extern const tpl_char_run hl__tpl_char_runs[];
extern const size_t hl__tpl_char_runs_n;
typedef struct tpl_case_table {
    const tpl_case_run *runs;
    size_t n_runs;
    const tpl_case_special *specials;
    size_t n_specials;
} tpl_case_table;
extern const tpl_case_table hl__tpl_case_tables[4]; /* by tpl_case */
