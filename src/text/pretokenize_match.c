#include "text/pretokenize.h"

#include "text/pretokenize_match.h"

enum { OTHER = HL_UNICODE_L | HL_UNICODE_N | HL_UNICODE_SPACE }; /* what punctuation is not */

/* ---- one character ----------------------------------------------------------------- */

typedef struct character {
    uint32_t cp;
    unsigned classes;
    unsigned len; /* 0: the end */
} character;

static inline character char_at(const uint8_t *p, const uint8_t *end) {
    if (p == end) return (character){0};
    if (*p < 0x80) return (character){*p, hl__unicode_class_blocks[*p], 1};
    uint32_t cp;
    bool ok;
    hl_str rest = {(const char *)p, (size_t)(end - p)};
    size_t len = hl_utf8_decode(rest, 0, &cp, &ok);
    return (character){cp, ok ? hl_unicode_class(cp) : 0, (unsigned)len};
}

static inline bool is_newline(uint8_t c) {
    return c == '\n' || c == '\r';
}

static inline bool is_ascii_letter(uint8_t c) {
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool is_ascii_punctuation(uint8_t c) {
    return c > 0x20 && c < 0x7F && !is_ascii_letter(c) && !(c >= '0' && c <= '9');
}

/* ---- runs -------------------------------------------------------------------------- */

static inline const uint8_t *skip(const uint8_t *p, const uint8_t *end, unsigned classes) {
    for (;;) {
        character c = char_at(p, end);
        if (!(c.classes & classes)) return p;
        p += c.len;
    }
}

static inline const uint8_t *skip_others(const uint8_t *p, const uint8_t *end, unsigned classes) {
    for (;;) {
        character c = char_at(p, end);
        if (c.len == 0 || (c.classes & classes)) return p;
        p += c.len;
    }
}

static const uint8_t *skip_ascii(const uint8_t *p, const uint8_t *end, const char *set) {
    while (p < end && *p && strchr(set, *p)) p++;
    return p;
}

/* 's 't 'm 'd 're 've 'll; in any case also 'ſ, which folds to 's.  0: none. */
static size_t contraction(const uint8_t *p, const uint8_t *end, bool any_case) {
    size_t n = (size_t)(end - p);
    if (n < 2 || p[0] != '\'') return 0;
    unsigned fold = any_case ? 0x20 : 0;
    unsigned a = p[1] | fold, b = n > 2 ? p[2] | fold : 0;
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
    if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l')) return 3;
    if (any_case && n > 2 && p[1] == 0xC5 && p[2] == 0xBF) return 3;
    return 0;
}

/* \s+(?!\S)|\s+, behind \s*[\r\n]+ when `lines`: white space up to the last newline, or all but
 * its last character, which may belong to the word behind it.  0: no white space here. */
static size_t spaces(const uint8_t *p, const uint8_t *end, bool lines) {
    const uint8_t *e = p, *last = p, *line_end = NULL;
    for (;;) {
        character c = char_at(e, end);
        if (!(c.classes & HL_UNICODE_SPACE)) break;
        last = e;
        e += c.len;
        if (is_newline(*last)) line_end = e;
    }
    if (lines && line_end) return (size_t)(line_end - p);
    if (e == end || last == p) return (size_t)(e - p);
    return (size_t)(last - p);
}

/* ---- gpt-2 ------------------------------------------------------------------------- */

/* 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
size_t hl__match_gpt2(const hl__stage *stage, const uint8_t *p, const uint8_t *end,
                      size_t *ret_skip) {
    HL_DASSERT(p < end);
    (void)stage;
    (void)ret_skip; /* everything matches */
    size_t n = contraction(p, end, false);
    if (n) return n;
    const uint8_t *q = p + (*p == ' ');
    character c = char_at(q, end);
    if (c.classes & HL_UNICODE_L) return (size_t)(skip(q, end, HL_UNICODE_L) - p);
    if (c.classes & HL_UNICODE_N) return (size_t)(skip(q, end, HL_UNICODE_N) - p);
    if (c.len && !(c.classes & HL_UNICODE_SPACE)) return (size_t)(skip_others(q, end, OTHER) - p);
    return spaces(p, end, false);
}

/* ---- the descendants of cl100k ----------------------------------------------------- */

static bool in_word(character c, bool with_han, unsigned classes) {
    return (c.classes & classes) && (with_han || !hl_unicode_is_han(c.cp));
}

/* [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+ from p on, or NULL. */
static const uint8_t *skip_upper_lower(const uint8_t *p, const uint8_t *end, bool with_han) {
    const unsigned upper = HL_UNICODE_LU | HL_UNICODE_LO | HL_UNICODE_M;
    const unsigned lower = HL_UNICODE_LL | HL_UNICODE_LO | HL_UNICODE_M;
    const uint8_t *either = NULL; /* behind the last character that is in both sets */
    character c = char_at(p, end);
    while (in_word(c, with_han, upper)) {
        p += c.len;
        if (c.classes & lower) either = p;
        c = char_at(p, end);
    }
    if (!in_word(c, with_han, lower)) return either; /* the first set gives that one back */
    while (in_word(c, with_han, lower)) {
        p += c.len;
        c = char_at(p, end);
    }
    return p;
}

/* [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+ where the other form did not match: only upper case is left. */
static const uint8_t *skip_upper(const uint8_t *p, const uint8_t *end, bool with_han) {
    const uint8_t *q = p;
    character c = char_at(q, end);
    while (in_word(c, with_han, HL_UNICODE_LU)) {
        q += c.len;
        c = char_at(q, end);
    }
    return q > p ? q : NULL;
}

static const uint8_t *skip_plain(const uint8_t *p, const uint8_t *end, unsigned classes) {
    const uint8_t *q = skip(p, end, classes);
    return q > p ? q : NULL;
}

/* `c` is the character at p; [^\r\n\p{L}\p{N}]? may stand before the word. */
static const uint8_t *word(const hl__stage *stage, character c, const uint8_t *p,
                           const uint8_t *end) {
    bool prefix = !(c.classes & (HL_UNICODE_L | HL_UNICODE_N)) && !is_newline(*p);
    const uint8_t *q = p + c.len, *e = NULL;
    if (stage->word <= HL__WORD_MARKS) {
        unsigned classes = HL_UNICODE_L |
                           (stage->word == HL__WORD_MARKS ? (unsigned)HL_UNICODE_M : 0);
        if (prefix) e = skip_plain(q, end, classes);
        return e ? e : skip_plain(p, end, classes);
    }
    bool with_han = stage->word == HL__WORD_CASED;
    if (prefix) e = skip_upper_lower(q, end, with_han);
    if (!e) e = skip_upper_lower(p, end, with_han);
    if (!e && prefix) e = skip_upper(q, end, with_han);
    if (!e) e = skip_upper(p, end, with_han);
    if (e && stage->contraction == HL__CONTRACTION_SUFFIX) e += contraction(e, end, true);
    return e;
}

static const uint8_t *digits(const hl__stage *stage, const uint8_t *p, const uint8_t *end) {
    for (unsigned i = 0; i < stage->digits_max; i++) {
        character c = char_at(p, end);
        if (!(c.classes & HL_UNICODE_N)) break;
        p += c.len;
    }
    return p;
}

static const uint8_t *han(const uint8_t *p, const uint8_t *end) {
    for (;;) {
        character c = char_at(p, end);
        if (c.len < 3 || !hl_unicode_is_han(c.cp)) return p;
        p += c.len;
    }
}

/* CONTRACTION | PREFIX? WORD SUFFIX? | \p{N}{1,max} | ?[^\s\p{L}\p{N}]+[tail]* |
 * \s*[\r\n]+ | \s+(?!\S) | \s+      (punctuation is [^\s\p{L}\p{M}\p{N}] with HL__WORD_MARKS) */
size_t hl__match_words(const hl__stage *stage, const uint8_t *p, const uint8_t *end,
                       size_t *ret_skip) {
    (void)ret_skip; /* everything matches */
    HL_DASSERT(p < end && stage->tail);
    character c = char_at(p, end);
    if (stage->contraction == HL__CONTRACTION_FIRST) {
        size_t n = contraction(p, end, true);
        if (n) return n;
    }
    if (stage->word == HL__WORD_NOT_HAN && c.len >= 3 && hl_unicode_is_han(c.cp))
        return (size_t)(han(p, end) - p);
    const uint8_t *e = word(stage, c, p, end);
    if (e) return (size_t)(e - p);
    if (c.classes & HL_UNICODE_N) return (size_t)(digits(stage, p, end) - p);
    const uint8_t *q = p + (*p == ' ');
    unsigned others = OTHER | (stage->word == HL__WORD_MARKS ? (unsigned)HL_UNICODE_M : 0);
    e = skip_others(q, end, others);
    if (e > q) return (size_t)(skip_ascii(e, end, stage->tail) - p);
    return spaces(p, end, true);
}

/* ---- deepseek-v3 ------------------------------------------------------------------- */

/* [!-/:-@\[-`{-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|
 * \s*[\r\n]+|\s+(?!\S)|\s+      Digits were cut out before; the rest may match nothing. */
size_t hl__match_mixed(const hl__stage *stage, const uint8_t *p, const uint8_t *end,
                       size_t *ret_skip) {
    HL_DASSERT(p < end && stage->tail);
    const unsigned letters = HL_UNICODE_L | HL_UNICODE_M, marks = HL_UNICODE_P | HL_UNICODE_S;
    character c = char_at(p, end);
    const uint8_t *q = p + c.len, *e;
    *ret_skip = c.len;
    if (is_ascii_punctuation(*p) && q < end && is_ascii_letter(*q)) {
        while (q < end && is_ascii_letter(*q)) q++;
        return (size_t)(q - p);
    }
    if (!(c.classes & (HL_UNICODE_L | marks)) && !is_newline(*p)) {
        e = skip(q, end, letters);
        if (e > q) return (size_t)(e - p);
    }
    e = skip(p, end, letters);
    if (e > p) return (size_t)(e - p);
    q = p + (*p == ' ');
    e = skip(q, end, marks);
    if (e > q) return (size_t)(skip_ascii(e, end, stage->tail) - p);
    return spaces(p, end, true);
}

/* ---- stages that cut out one thing ------------------------------------------------- */

static bool in_ranges(const hl__stage *stage, uint32_t cp) {
    size_t lo = 0, hi = stage->n_ranges;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (cp > stage->ranges[mid].last)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < stage->n_ranges && cp >= stage->ranges[lo].first;
}

static bool in_run(const hl__stage *stage, character c) {
    if (c.len == 0) return false;
    if (c.classes & stage->classes) return true;
    bool ascii = c.cp && c.cp < 0x80;
    if (ascii && stage->also && strchr(stage->also, (int)c.cp)) return true;
    return stage->n_ranges && in_ranges(stage, c.cp);
}

static const uint8_t *run(const hl__stage *stage, const uint8_t *p, const uint8_t *end) {
    for (unsigned n = 0; stage->max == 0 || n < stage->max; n++) {
        character c = char_at(p, end);
        if (!in_run(stage, c)) break;
        p += c.len;
    }
    return p;
}

size_t hl__match_run(const hl__stage *stage, const uint8_t *p, const uint8_t *end,
                     size_t *ret_skip) {
    character c = char_at(p, end);
    *ret_skip = c.len;
    if (stage->space_before && (c.classes & HL_UNICODE_SPACE)) {
        const uint8_t *e = run(stage, p + c.len, end);
        if (e > p + c.len) return (size_t)(e - p);
    }
    return (size_t)(run(stage, p, end) - p);
}

/* \s+$ */
size_t hl__match_trailing_space(const hl__stage *stage, const uint8_t *p, const uint8_t *end,
                                size_t *ret_skip) {
    (void)stage;
    const uint8_t *e = skip(p, end, HL_UNICODE_SPACE);
    if (e == end) return (size_t)(e - p);
    *ret_skip = e > p ? (size_t)(e - p) : char_at(p, end).len;
    return 0;
}

/* [0-9][0-9][0-9] */
size_t hl__match_three_digits(const hl__stage *stage, const uint8_t *p, const uint8_t *end,
                              size_t *ret_skip) {
    (void)stage;
    size_t n = 0;
    while (n < 3 && p + n < end && p[n] >= '0' && p[n] <= '9') n++;
    *ret_skip = n ? n : char_at(p, end).len;
    return n == 3 ? 3 : 0;
}

/* ` ?[^(\s|.,!?…。，、।۔،)]+`: the parentheses and the bar stand in the class. */
static bool in_clause(character c) {
    if (c.len == 0 || (c.classes & HL_UNICODE_SPACE)) return false;
    if (c.len == 1 && c.cp < 0x80) return !c.cp || !strchr("(|.,!?)", (int)c.cp);
    static const uint32_t STOPS[] = {0x2026, 0x3002, 0xFF0C, 0x3001, 0x0964, 0x06D4, 0x060C};
    for (size_t i = 0; i < sizeof STOPS / sizeof STOPS[0]; i++) {
        if (c.cp == STOPS[i]) return false;
    }
    return true;
}

size_t hl__match_clause(const hl__stage *stage, const uint8_t *p, const uint8_t *end,
                        size_t *ret_skip) {
    (void)stage;
    *ret_skip = char_at(p, end).len;
    const uint8_t *q = p + (*p == ' '), *e = q;
    for (character c = char_at(e, end); in_clause(c); c = char_at(e, end)) e += c.len;
    return e > q ? (size_t)(e - p) : 0;
}

/* [^\n]+|[\n]+ */
size_t hl__match_line(const hl__stage *stage, const uint8_t *p, const uint8_t *end,
                      size_t *ret_skip) {
    (void)stage;
    (void)ret_skip; /* everything matches */
    bool newline = *p == '\n';
    const uint8_t *e = p;
    while (e < end && (*e == '\n') == newline) e++;
    return (size_t)(e - p);
}
