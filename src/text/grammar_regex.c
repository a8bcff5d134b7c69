/* Regular expressions: those of a schema's `pattern`, as far as they are regular, and our own. */
#include "base/utf8.h"
#include "text/grammar_nfa.h"

enum { DEPTH_MAX = 64, LAST_CHAR = 0x10FFFF };

typedef struct parser {
    hl__nfa *b;
    hl_str text;
    size_t at;
    hl_status failed;
    hl_error *err;
} parser;

static hl__tree *refuse(parser *p, hl_status st, const char *what) {
    if (p->failed >= 0)
        p->failed = hl_fail(p->err, st, "grammar", "the pattern \"%.*s\" has %s at byte %zu",
                            HL_STR_ARG(hl_str_slice(p->text, 0, 100)), what, p->at);
    return NULL;
}

static bool more(const parser *p) {
    return p->at < p->text.len;
}

static char peek(const parser *p, size_t ahead) {
    return p->at + ahead < p->text.len ? p->text.ptr[p->at + ahead] : '\0';
}

static bool take(parser *p, const char *s) {
    if (!hl_str_starts(hl_str_slice(p->text, p->at, SIZE_MAX), hl_str_from(s))) return false;
    p->at += strlen(s);
    return true;
}

static uint32_t take_char(parser *p) {
    uint32_t c;
    bool ok;
    p->at += hl_utf8_decode(p->text, p->at, &c, &ok);
    return c;
}

/* -- characters -------------------------------------------------------------------------------- */

static bool hex_digit(char c, uint32_t *value) {
    if (c >= '0' && c <= '9')
        *value = *value * 16 + (uint32_t)(c - '0');
    else if ((c | 32) >= 'a' && (c | 32) <= 'f')
        *value = *value * 16 + (uint32_t)((c | 32) - 'a') + 10;
    else
        return false;
    return true;
}

static bool take_hex(parser *p, size_t digits, uint32_t *ret) {
    *ret = 0;
    for (size_t i = 0; i < digits; i++, p->at++)
        if (!hex_digit(peek(p, 0), ret)) return false;
    return true;
}

static void add_digits(hl__nfa *b, hl__chars *c) {
    hl__chars_add(b, c, '0', '9');
}

static void add_word(hl__nfa *b, hl__chars *c) {
    add_digits(b, c);
    hl__chars_add(b, c, 'A', 'Z');
    hl__chars_add(b, c, 'a', 'z');
    hl__chars_add(b, c, '_', '_');
}

static void add_space(hl__nfa *b, hl__chars *c) {
    static const uint32_t SPACES[][2] = {
        {9, 13},          {' ', ' '},       {0xA0, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A},
        {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
    for (size_t i = 0; i < sizeof SPACES / sizeof SPACES[0]; i++)
        hl__chars_add(b, c, SPACES[i][0], SPACES[i][1]);
}

static void add_set(hl__nfa *b, hl__chars *c, const hl__chars *more_chars) {
    for (uint32_t i = 0; i < more_chars->n; i++)
        hl__chars_add(b, c, more_chars->r[i].lo, more_chars->r[i].hi);
}

/* \d and its like, after the backslash.  False: it is none. */
static bool take_class(parser *p, hl__chars *c) {
    hl__chars set = {0};
    switch (peek(p, 0) | 32) {
    case 'd': add_digits(p->b, &set); break;
    case 'w': add_word(p->b, &set); break;
    case 's': add_space(p->b, &set); break;
    default: return false;
    }
    if (!(peek(p, 0) & 32)) hl__chars_invert(p->b, &set);
    add_set(p->b, c, &set);
    p->at++;
    return true;
}

/* One character after a backslash. */
static bool take_escape(parser *p, uint32_t *ret) {
    static const char NAMES[] = "nrtfv0", PLAIN[] = "\n\r\t\f\v";
    char name = peek(p, 0);
    if (take(p, "u")) return take_hex(p, 4, ret) && (*ret < 0xD800 || *ret > 0xDFFF);
    if (take(p, "x")) return take_hex(p, 2, ret);
    const char *known = name ? strchr(NAMES, name) : NULL;
    bool letter = ((name | 32) >= 'a' && (name | 32) <= 'z') || (name >= '1' && name <= '9');
    if (!more(p) || (!known && letter)) return false;
    *ret = known ? (uint32_t)(uint8_t)PLAIN[known - NAMES] : take_char(p);
    p->at += known != NULL;
    return true;
}

static bool take_member(parser *p, uint32_t *ret) {
    if (take(p, "\\")) {
        if (peek(p, 0) == 'b') { /* in a class: backspace */
            p->at++;
            *ret = '\b';
            return true;
        }
        return take_escape(p, ret);
    }
    *ret = take_char(p);
    return true;
}

static hl__tree *parse_set(parser *p) {
    hl__tree *t = hl__tree_new(p->b, HL__TREE_CHARS);
    if (!t) return NULL;
    bool inverted = take(p, "^");
    while (more(p) && peek(p, 0) != ']') {
        uint32_t lo, hi;
        if (peek(p, 0) == '\\') {
            p->at++;
            if (take_class(p, t->chars)) continue;
            p->at--;
        }
        if (!take_member(p, &lo)) return refuse(p, HL_EUNSUPPORTED, "an unknown escape");
        hi = lo;
        if (peek(p, 0) == '-' && peek(p, 1) != ']' && peek(p, 1) != '\0') {
            p->at++;
            if (!take_member(p, &hi)) return refuse(p, HL_EUNSUPPORTED, "an unknown escape");
        }
        if (hi < lo) return refuse(p, HL_EINVAL, "a range that goes backwards");
        hl__chars_add(p->b, t->chars, lo, hi);
    }
    if (!take(p, "]")) return refuse(p, HL_EINVAL, "a class without end");
    if (inverted) hl__chars_invert(p->b, t->chars);
    return t;
}

static hl__tree *any_but_newline(parser *p) {
    hl__tree *t = hl__tree_chars(p->b, '\n', '\n');
    if (!t) return NULL;
    hl__chars_add(p->b, t->chars, '\r', '\r');
    hl__chars_add(p->b, t->chars, 0x2028, 0x2029);
    hl__chars_invert(p->b, t->chars);
    return t;
}

/* -- structure --------------------------------------------------------------------------------- */

static hl__tree *parse_choice(parser *p, int depth);

static hl__tree *parse_group(parser *p, int depth) {
    if (depth == DEPTH_MAX) return refuse(p, HL_ELIMIT, "too many groups inside groups");
    if (peek(p, 0) == '?' && !take(p, "?:"))
        return refuse(p, HL_EUNSUPPORTED, "a look-around or a named group");
    hl__tree *t = parse_choice(p, depth + 1);
    if (t && !take(p, ")")) return refuse(p, HL_EINVAL, "a group without end");
    return t;
}

static hl__tree *parse_escape(parser *p) {
    uint32_t c;
    hl__tree *t = hl__tree_new(p->b, HL__TREE_CHARS);
    if (!t || take_class(p, t->chars)) return t;
    if (!take_escape(p, &c)) return refuse(p, HL_EUNSUPPORTED, "an unknown escape");
    hl__chars_add(p->b, t->chars, c, c);
    return t;
}

static hl__tree *parse_atom(parser *p, int depth) {
    if (take(p, "(")) return parse_group(p, depth);
    if (take(p, "[")) return parse_set(p);
    if (take(p, ".")) return any_but_newline(p);
    if (take(p, "\\")) return parse_escape(p);
    if (strchr("*+?", peek(p, 0))) return refuse(p, HL_EINVAL, "nothing to repeat");
    if (strchr("^$", peek(p, 0)))
        return refuse(p, HL_EUNSUPPORTED, "an anchor that is not at its start or end");
    uint32_t c = take_char(p);
    return hl__tree_chars(p->b, c, c);
}

static bool take_number(parser *p, uint32_t *ret) {
    size_t from = p->at;
    for (*ret = 0; peek(p, 0) >= '0' && peek(p, 0) <= '9'; p->at++)
        if (*ret <= HL_GRAMMAR_REPEAT_MAX) *ret = *ret * 10 + (uint32_t)(peek(p, 0) - '0');
    return p->at > from;
}

/* {m}, {m,} or {m,n}; anything else in braces is text. */
static bool take_counts(parser *p, uint32_t *min, uint32_t *max) {
    size_t from = p->at;
    bool ok = take(p, "{") && take_number(p, min);
    *max = *min;
    if (ok && take(p, ",") && !take_number(p, max)) *max = HL__NONE;
    if (ok && take(p, "}")) return true;
    p->at = from;
    return false;
}

static hl__tree *parse_repeated(parser *p, int depth) {
    hl__tree *t = parse_atom(p, depth);
    if (t && more(p)) {
        uint32_t min = 0, max = HL__NONE;
        if (take(p, "*"))
            min = 0;
        else if (take(p, "+"))
            min = 1;
        else if (take(p, "?"))
            max = 1;
        else if (!take_counts(p, &min, &max))
            return t;
        if (min > HL_GRAMMAR_REPEAT_MAX || (max != HL__NONE && max > HL_GRAMMAR_REPEAT_MAX))
            return refuse(p, HL_ELIMIT, "a count that is too large");
        if (max < min) return refuse(p, HL_EINVAL, "a count that goes backwards");
        (void)take(p, "?"); /* lazy: the same texts */
        t = hl__tree_repeat(p->b, t, min, max);
    }
    return t;
}

static hl__tree *any_text(parser *p) {
    hl__tree *any = hl__tree_chars(p->b, 0, LAST_CHAR);
    return any ? hl__tree_repeat(p->b, any, 0, HL__NONE) : NULL;
}

/* One alternative.  At depth 0 it is searched for: where it has no anchor, any text is around. */
static hl__tree *parse_sequence(parser *p, int depth) {
    hl__tree *t = hl__tree_new(p->b, HL__TREE_SEQ);
    bool open_end = depth == 0;
    if (t && depth == 0 && !take(p, "^")) {
        hl__tree *any = any_text(p);
        if (!any) return NULL;
        hl__tree_add(t, any);
    }
    while (t && more(p) && peek(p, 0) != '|' && peek(p, 0) != ')') {
        if (depth == 0 && peek(p, 0) == '$' && (peek(p, 1) == '|' || p->at + 1 == p->text.len)) {
            p->at++;
            open_end = false;
            break;
        }
        hl__tree *part = parse_repeated(p, depth);
        if (!part) return NULL;
        hl__tree_add(t, part);
    }
    hl__tree *any = t && open_end ? any_text(p) : NULL;
    if (any) hl__tree_add(t, any);
    return t;
}

static hl__tree *parse_choice(parser *p, int depth) {
    hl__tree *t = hl__tree_new(p->b, HL__TREE_ALT);
    do {
        hl__tree *part = t ? parse_sequence(p, depth) : NULL;
        if (!part) return NULL;
        hl__tree_add(t, part);
    } while (take(p, "|"));
    return t;
}

static hl__tree *parse_all(parser *p) {
    hl__tree *t = parse_choice(p, 0);
    if (t && more(p)) return refuse(p, HL_EINVAL, "a ')' too many");
    return t;
}

void hl__regex_emit(hl__nfa *b, uint32_t from, uint32_t to, const char *pattern) {
    parser p = {.b = b, .text = hl_str_from(pattern)};
    hl__tree *t = hl__nfa_ok(b) ? parse_choice(&p, 1) : NULL;
    HL_ASSERT(!hl__nfa_ok(b) || (t && !more(&p)));
    if (t) hl__tree_emit(b, from, to, t, false);
}

hl_status hl__regex_pattern(hl__nfa *b, uint32_t from, uint32_t to, hl_str pattern, hl_error *err) {
    parser p = {.b = b, .text = pattern, .err = err};
    hl__tree *t = hl__nfa_ok(b) ? parse_all(&p) : NULL;
    if (p.failed < 0) return p.failed;
    if (t) hl__tree_emit(b, from, to, t, true);
    return HL_OK; /* or b has failed */
}
