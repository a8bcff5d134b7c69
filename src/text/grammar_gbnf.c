/* GBNF: rules of characters, as llama.cpp's documentation describes them. */
#include "base/utf8.h"
#include "text/grammar_nfa.h"

enum { DEPTH_MAX = 64, NAMES_MAX = 4096, LAST_CHAR = 0x10FFFF };

typedef struct name {
    hl_str text;
    uint32_t rule;
    bool defined;
} name;

typedef struct parser {
    hl__nfa *b;
    hl_str text;
    size_t at;
    name *names; /* [n_names] in the arena, room for NAMES_MAX */
    uint32_t n_names;
    hl_status failed;
    hl_error *err;
} parser;

static hl__tree *refuse(parser *p, hl_status st, const char *what) {
    size_t line = 1;
    for (size_t i = 0; i < p->at && i < p->text.len; i++) line += p->text.ptr[i] == '\n';
    if (p->failed >= 0)
        p->failed = hl_fail(p->err, st, "grammar", "line %zu of the grammar: %s", line, what);
    return NULL;
}

static char peek(const parser *p, size_t ahead) {
    return p->at + ahead < p->text.len ? p->text.ptr[p->at + ahead] : '\0';
}

static bool take(parser *p, const char *s) {
    if (!hl_str_starts(hl_str_slice(p->text, p->at, SIZE_MAX), hl_str_from(s))) return false;
    p->at += strlen(s);
    return true;
}

/* White space and comments; line ends only where a rule may go on behind them. */
static void skip(parser *p, bool lines) {
    while (p->at < p->text.len) {
        char c = peek(p, 0);
        if (c == '#') {
            while (p->at < p->text.len && peek(p, 0) != '\n') p->at++;
        } else if (c == ' ' || c == '\t' || (lines && (c == '\n' || c == '\r'))) {
            p->at++;
        } else {
            return;
        }
    }
}

static bool is_name(char c) {
    return ((c | 32) >= 'a' && (c | 32) <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static hl_str take_name(parser *p) {
    size_t from = p->at;
    while (is_name(peek(p, 0))) p->at++;
    return hl_str_slice(p->text, from, p->at);
}

static name *find_name(parser *p, hl_str text) {
    for (uint32_t i = 0; i < p->n_names; i++)
        if (hl_str_eq(p->names[i].text, text)) return &p->names[i];
    if (p->n_names == NAMES_MAX) {
        (void)refuse(p, HL_ELIMIT, "too many rules");
        return NULL;
    }
    p->names[p->n_names] = (name){.text = text, .rule = hl__nfa_rule_new(p->b)};
    return &p->names[p->n_names++];
}

/* -- characters -------------------------------------------------------------------------------- */

static bool take_hex(parser *p, size_t digits, uint32_t *ret) {
    *ret = 0;
    for (size_t i = 0; i < digits; i++, p->at++) {
        char c = peek(p, 0), low = (char)(c | 32);
        if (c >= '0' && c <= '9')
            *ret = *ret * 16 + (uint32_t)(c - '0');
        else if (low >= 'a' && low <= 'f')
            *ret = *ret * 16 + (uint32_t)(low - 'a') + 10;
        else
            return false;
    }
    return *ret <= LAST_CHAR && (*ret < 0xD800 || *ret > 0xDFFF);
}

static bool take_char(parser *p, uint32_t *ret) {
    bool ok = true;
    if (!take(p, "\\")) {
        p->at += hl_utf8_decode(p->text, p->at, ret, &ok);
        return ok;
    }
    if (take(p, "x")) return take_hex(p, 2, ret);
    if (take(p, "u")) return take_hex(p, 4, ret);
    if (take(p, "U")) return take_hex(p, 8, ret);
    char c = peek(p, 0);
    if (!c || !strchr("nrt\"\\[]-^/", c)) return false;
    *ret = c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : (uint32_t)(uint8_t)c;
    p->at++;
    return true;
}

static hl__tree *parse_literal(parser *p) {
    hl__tree *t = hl__tree_new(p->b, HL__TREE_SEQ);
    while (t && !take(p, "\"")) {
        uint32_t c;
        if (p->at >= p->text.len || peek(p, 0) == '\n')
            return refuse(p, HL_EINVAL, "a text without end");
        if (!take_char(p, &c)) return refuse(p, HL_EINVAL, "an unknown character");
        hl__tree *part = hl__tree_chars(p->b, c, c);
        if (!part) return NULL;
        hl__tree_add(t, part);
    }
    return t;
}

static hl__tree *parse_set(parser *p) {
    hl__tree *t = hl__tree_new(p->b, HL__TREE_CHARS);
    if (!t) return NULL;
    bool inverted = take(p, "^");
    while (!take(p, "]")) {
        uint32_t lo, hi;
        if (p->at >= p->text.len) return refuse(p, HL_EINVAL, "a class without end");
        if (!take_char(p, &lo)) return refuse(p, HL_EINVAL, "an unknown character in a class");
        hi = lo;
        if (peek(p, 0) == '-' && peek(p, 1) != ']') {
            p->at++;
            if (p->at >= p->text.len || !take_char(p, &hi) || hi < lo)
                return refuse(p, HL_EINVAL, "a range that makes no sense");
        }
        hl__chars_add(p->b, t->chars, lo, hi);
    }
    if (inverted) hl__chars_invert(p->b, t->chars);
    return t;
}

/* -- rules ------------------------------------------------------------------------------------- */

static hl__tree *parse_choice(parser *p, int depth);

static hl__tree *parse_group(parser *p, int depth) {
    if (depth == DEPTH_MAX) return refuse(p, HL_ELIMIT, "too many groups inside groups");
    hl__tree *t = parse_choice(p, depth + 1);
    if (t && !take(p, ")")) return refuse(p, HL_EINVAL, "a group without end");
    return t;
}

static hl__tree *parse_call(parser *p) {
    name *n = find_name(p, take_name(p));
    hl__tree *t = n ? hl__tree_new(p->b, HL__TREE_CALL) : NULL;
    if (t) t->rule = n->rule;
    return t;
}

static hl__tree *parse_atom(parser *p, int depth) {
    if (take(p, "\"")) return parse_literal(p);
    if (take(p, "[")) return parse_set(p);
    if (take(p, "(")) return parse_group(p, depth);
    if (take(p, ".")) return hl__tree_chars(p->b, 0, LAST_CHAR);
    if (is_name(peek(p, 0))) return parse_call(p);
    if (peek(p, 0) == '<' || peek(p, 0) == '!')
        return refuse(p, HL_EUNSUPPORTED, "tokens by name or number are not supported");
    return refuse(p, HL_EINVAL, "something that is no part of a rule");
}

static bool take_number(parser *p, uint32_t *ret) {
    size_t from = p->at;
    for (*ret = 0; peek(p, 0) >= '0' && peek(p, 0) <= '9'; p->at++)
        if (*ret <= HL_GRAMMAR_REPEAT_MAX) *ret = *ret * 10 + (uint32_t)(peek(p, 0) - '0');
    return p->at > from;
}

/* False: no operator, or one that makes no sense. */
static bool take_operator(parser *p, uint32_t *min, uint32_t *max) {
    *min = 0;
    *max = HL__NONE;
    if (take(p, "*")) return true;
    if (take(p, "+")) {
        *min = 1;
        return true;
    }
    if (take(p, "?")) {
        *max = 1;
        return true;
    }
    if (!take(p, "{")) return false;
    bool has_min = take_number(p, min);
    *max = *min;
    bool ok = has_min || peek(p, 0) == ',';
    if (take(p, ",") && !take_number(p, max)) *max = HL__NONE;
    if (!ok || !take(p, "}") || *max < *min) return refuse(p, HL_EINVAL, "a bad count") != NULL;
    if (*min > HL_GRAMMAR_REPEAT_MAX || (*max != HL__NONE && *max > HL_GRAMMAR_REPEAT_MAX))
        return refuse(p, HL_ELIMIT, "a count that is too large") != NULL;
    return true;
}

static bool starts_part(const parser *p) {
    char c = peek(p, 0);
    return c && c != '|' && c != ')' && c != '\n' && c != '\r';
}

static hl__tree *parse_sequence(parser *p, int depth) {
    hl__tree *t = hl__tree_new(p->b, HL__TREE_SEQ);
    skip(p, depth > 0);
    while (t && starts_part(p)) {
        uint32_t min, max;
        hl__tree *part = parse_atom(p, depth);
        if (part && take_operator(p, &min, &max)) part = hl__tree_repeat(p->b, part, min, max);
        if (!part || p->failed < 0) return NULL;
        hl__tree_add(t, part);
        skip(p, depth > 0);
    }
    return t;
}

static hl__tree *parse_choice(parser *p, int depth) {
    hl__tree *t = hl__tree_new(p->b, HL__TREE_ALT);
    bool again = true;
    while (t && again) {
        hl__tree *part = parse_sequence(p, depth);
        if (!part) return NULL;
        hl__tree_add(t, part);
        size_t behind = p->at;
        skip(p, true); /* a choice may go on in the next line */
        again = take(p, "|");
        if (!again) p->at = behind;
        if (again) skip(p, true);
    }
    return t;
}

static void parse_rule(parser *p) {
    hl_str text = take_name(p);
    if (text.len == 0) {
        (void)refuse(p, HL_EINVAL, "a rule's name is missing");
        return;
    }
    name *n = find_name(p, text);
    skip(p, true);
    if (!n || !take(p, "::=")) {
        (void)refuse(p, HL_EINVAL, "\"::=\" is missing");
        return;
    }
    if (n->defined) {
        (void)refuse(p, HL_EINVAL, "a rule that was defined before");
        return;
    }
    n->defined = true;
    skip(p, true);
    uint32_t rule = n->rule;
    hl__tree *t = parse_choice(p, 0);
    if (!t || !hl__nfa_ok(p->b)) return;
    if (p->at < p->text.len && peek(p, 0) != '\n' && peek(p, 0) != '\r') {
        (void)refuse(p, HL_EINVAL, "something behind a rule");
        return;
    }
    hl__tree_emit(p->b, p->b->rules[rule].start, p->b->rules[rule].end, t, false);
}

static uint32_t parse_all(parser *p) {
    skip(p, true);
    while (p->at < p->text.len && p->failed >= 0 && hl__nfa_ok(p->b)) {
        parse_rule(p);
        skip(p, true);
    }
    for (uint32_t i = 0; i < p->n_names && p->failed >= 0; i++)
        if (!p->names[i].defined)
            p->failed = hl_fail(p->err, HL_EINVAL, "grammar", "the rule \"%.*s\" is not defined",
                                HL_STR_ARG(hl_str_slice(p->names[i].text, 0, 100)));
    for (uint32_t i = 0; i < p->n_names; i++)
        if (hl_str_is(p->names[i].text, "root")) return p->names[i].rule;
    if (p->failed >= 0)
        p->failed = hl_fail(p->err, HL_EINVAL, "grammar", "the grammar has no rule \"root\"");
    return 0;
}

hl_status hl_grammar_gbnf(hl_str text, const hl_grammar_thinking *thinking, hl_grammar **ret,
                          hl_error *err) {
    hl__nfa b;
    if (text.len > HL_GRAMMAR_SOURCE_MAX)
        return hl_fail(err, HL_ELIMIT, "grammar", "a grammar of %zu bytes, at most %d", text.len,
                       HL_GRAMMAR_SOURCE_MAX);
    HL_TRY(hl__nfa_init(&b, HL_GRAMMAR_DEPTH_MAX, err));
    parser p = {.b = &b, .text = text, .err = err};
    p.names = HL_ARENA_ARRAY(b.arena, NAMES_MAX, name);
    if (!p.names) hl__nfa_fail(&b, HL_ENOMEM, "no memory for a grammar");
    uint32_t root = p.names ? parse_all(&p) : 0;
    hl_status st = hl__nfa_ok(&b) ? p.failed : HL_OK;
    if (st >= 0) st = hl__nfa_finish(&b, hl__nfa_thinking(&b, thinking, root), ret, err);
    hl__nfa_deinit(&b);
    return st;
}
