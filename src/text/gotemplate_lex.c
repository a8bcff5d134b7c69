#include "text/gotemplate_lex.h"

#include "base/utf8.h"
#include "text/template_chars.h"

#include <stdarg.h>
#include <stdio.h>

uint32_t hl__go_line(const hl_gotemplate *t, uint32_t at) {
    uint32_t line = 1;
    for (size_t i = 0; i < at && i < t->source.len; i++) line += t->source.ptr[i] == '\n';
    return line;
}

hl_status hl__go_syntax_(const hl_gotemplate *t, uint32_t at, hl_error *err, const char *fmt, ...) {
    char text[HL_ERROR_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return hl_fail(err, HL_EFORMAT, "template", "template: %s:%u: %s", t->name, hl__go_line(t, at),
                   text);
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static char char_at(const go_lexer *lx, size_t at) {
    return at < lx->t->source.len ? lx->t->source.ptr[at] : '\0';
}

static bool starts(const go_lexer *lx, size_t at, const char *s) {
    return hl_str_starts(hl_str_slice(lx->t->source, at, SIZE_MAX), hl_str_from(s));
}

/* The character at pos; its length is 0 at the end. */
static uint32_t peek(const go_lexer *lx, size_t *ret_len) {
    uint32_t cp = 0;
    bool ok;
    *ret_len = 0;
    if (lx->pos < lx->t->source.len) *ret_len = hl_utf8_decode(lx->t->source, lx->pos, &cp, &ok);
    return cp;
}

static bool is_alnum(uint32_t cp) {
    if (cp < 128) {
        char c = (char)cp;
        return c == '_' || is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    }
    return hl__tpl_char_flags(cp) & (TPL_CHAR_ALPHA | TPL_CHAR_DECIMAL);
}

static void skip_alnum(go_lexer *lx) {
    size_t len;
    while (is_alnum(peek(lx, &len)) && len) lx->pos += len;
}

static bool left_trim_mark(const go_lexer *lx, size_t at) {
    return char_at(lx, at) == '-' && is_space(char_at(lx, at + 1));
}

/* Whether "}}" or " -}}" is at `at`; how long it is. */
static bool right_delimiter(const go_lexer *lx, size_t at, size_t *ret_len, bool *ret_trim) {
    *ret_trim = is_space(char_at(lx, at)) && char_at(lx, at + 1) == '-' && starts(lx, at + 2, "}}");
    *ret_len = *ret_trim ? 4 : 2;
    return *ret_trim || starts(lx, at, "}}");
}

static void skip_space(go_lexer *lx) {
    while (is_space(char_at(lx, lx->pos))) lx->pos++;
}

static void token(const go_lexer *lx, go_token_kind kind, size_t from, go_token *ret) {
    *ret = (go_token){kind, (uint32_t)from, hl_str_slice(lx->t->source, from, lx->pos)};
}

static hl_status fail_char(const go_lexer *lx, const char *what, hl_error *err) {
    size_t len;
    uint32_t cp = peek(lx, &len);
    hl_str c = hl_str_slice(lx->t->source, lx->pos, lx->pos + len);
    if (!len) return hl__go_syntax(lx->t, (uint32_t)lx->pos, err, "%s: the text ends", what);
    if (cp < 32) return hl__go_syntax(lx->t, (uint32_t)lx->pos, err, "%s U+%04X", what, cp);
    return hl__go_syntax(lx->t, (uint32_t)lx->pos, err, "%s U+%04X '%.*s'", what, cp,
                         HL_STR_ARG(c));
}

/* A comment, whose "/" is at pos; text goes on behind it. */
static hl_status skip_comment(go_lexer *lx, hl_error *err) {
    size_t end = hl_str_find(lx->t->source, HL_STR("*/"), lx->pos + 2), len;
    bool trim;
    if (end == SIZE_MAX) return hl__go_syntax(lx->t, (uint32_t)lx->pos, err, "unclosed comment");
    if (!right_delimiter(lx, end + 2, &len, &trim))
        return hl__go_syntax(lx->t, (uint32_t)end, err, "comment ends before closing delimiter");
    lx->pos = end + 2 + len;
    if (trim) skip_space(lx);
    return HL_OK;
}

/* Outside of actions: a text, or the "{{" behind an empty one. */
static hl_status lex_text(go_lexer *lx, go_token *ret, hl_error *err) {
    for (;;) {
        size_t from = lx->pos, left = hl_str_find(lx->t->source, HL_STR("{{"), from);
        size_t end = left == SIZE_MAX ? lx->t->source.len : left;
        bool trim = left != SIZE_MAX && left_trim_mark(lx, left + 2);
        lx->pos = end;
        if (trim)
            while (end > from && is_space(lx->t->source.ptr[end - 1])) end--;
        if (end > from) {
            *ret = (go_token){GO_TK_TEXT, (uint32_t)from, hl_str_slice(lx->t->source, from, end)};
            return HL_OK;
        }
        if (left == SIZE_MAX) {
            token(lx, GO_TK_EOF, lx->pos, ret);
            return HL_OK;
        }
        lx->pos = left + 2 + (trim ? 1 : 0);
        if (!starts(lx, lx->pos, "/*") && !(trim && starts(lx, lx->pos + 1, "/*"))) {
            token(lx, GO_TK_LEFT, left, ret);
            lx->inside = true;
            lx->parens = 0;
            return HL_OK;
        }
        if (trim) lx->pos++;
        HL_TRY(skip_comment(lx, err));
    }
}

static void lex_right(go_lexer *lx, size_t len, bool trim, go_token *ret) {
    size_t from = lx->pos;
    lx->pos += len;
    token(lx, GO_TK_RIGHT, from, ret);
    if (trim) skip_space(lx);
    lx->inside = false;
}

static void lex_space(go_lexer *lx, go_token *ret) {
    size_t from = lx->pos, len;
    bool trim;
    while (is_space(char_at(lx, lx->pos))) {
        /* the last blank may belong to a " -}}" */
        if (lx->pos > from && right_delimiter(lx, lx->pos, &len, &trim) && trim) break;
        lx->pos++;
    }
    token(lx, GO_TK_SPACE, from, ret);
}

/* Whether a name may end here: Go wants "$x+2" to be written with blanks. */
static bool at_terminator(const go_lexer *lx) {
    char c = char_at(lx, lx->pos);
    if (lx->pos >= lx->t->source.len || is_space(c)) return true;
    return memchr(".,|:)(", c, 6) || starts(lx, lx->pos, "}}");
}

static hl_status lex_name(go_lexer *lx, go_token_kind kind, size_t from, go_token *ret,
                          hl_error *err) {
    skip_alnum(lx);
    if (!at_terminator(lx)) return fail_char(lx, "bad character", err);
    token(lx, kind, from, ret);
    return HL_OK;
}

static hl_status lex_word(go_lexer *lx, go_token *ret, hl_error *err) {
    static const struct {
        const char *word;
        go_token_kind kind;
    } KEYWORDS[] = {
        {"block", GO_TK_BLOCK},
        {"break", GO_TK_BREAK},
        {"continue", GO_TK_CONTINUE},
        {"define", GO_TK_DEFINE},
        {"else", GO_TK_ELSE},
        {"end", GO_TK_END},
        {"if", GO_TK_IF},
        {"nil", GO_TK_NIL},
        {"range", GO_TK_RANGE},
        {"template", GO_TK_TEMPLATE},
        {"with", GO_TK_WITH},
        {"true", GO_TK_BOOL},
        {"false", GO_TK_BOOL},
    };
    HL_TRY(lex_name(lx, GO_TK_WORD, lx->pos, ret, err));
    for (size_t i = 0; i < sizeof KEYWORDS / sizeof KEYWORDS[0]; i++)
        if (hl_str_is(ret->text, KEYWORDS[i].word)) ret->kind = KEYWORDS[i].kind;
    return HL_OK;
}

static void skip_any_of(go_lexer *lx, const char *set) {
    while (lx->pos < lx->t->source.len && char_at(lx, lx->pos) && strchr(set, char_at(lx, lx->pos)))
        lx->pos++;
}

static bool take_one_of(go_lexer *lx, const char *set) {
    char c = char_at(lx, lx->pos);
    if (!c || !strchr(set, c)) return false;
    lx->pos++;
    return true;
}

/* What may be a number; hl__go_number knows. */
static hl_status lex_number(go_lexer *lx, go_token *ret, hl_error *err) {
    size_t from = lx->pos, len;
    const char *digits = "0123456789_";
    bool hex = false, decimal = true;
    (void)take_one_of(lx, "+-");
    if (take_one_of(lx, "0")) {
        hex = take_one_of(lx, "xX");
        bool other = !hex && take_one_of(lx, "oObB");
        decimal = !hex && !other;
        if (hex) digits = "0123456789abcdefABCDEF_";
    }
    skip_any_of(lx, digits);
    if (take_one_of(lx, ".")) skip_any_of(lx, digits);
    if ((decimal && take_one_of(lx, "eE")) || (hex && take_one_of(lx, "pP"))) {
        (void)take_one_of(lx, "+-");
        skip_any_of(lx, "0123456789_");
    }
    uint32_t next = peek(lx, &len);
    if (len && (is_alnum(next) || next == '+' || next == '-')) {
        hl_str text = hl_str_slice(lx->t->source, from, lx->pos + len);
        return hl__go_syntax(lx->t, (uint32_t)from, err, "bad number syntax: \"%.*s\"",
                             HL_STR_ARG(text));
    }
    token(lx, GO_TK_NUMBER, from, ret);
    return HL_OK;
}

/* "…", '…' with backslashes, or `…`, which may hold newlines. */
static hl_status lex_quoted(go_lexer *lx, go_token *ret, hl_error *err) {
    size_t from = lx->pos++;
    char quote = lx->t->source.ptr[from];
    const char *what = quote == '"'   ? "unterminated quoted string"
                       : quote == '`' ? "unterminated raw quoted string"
                                      : "unterminated character constant";
    for (;; lx->pos++) {
        if (lx->pos < lx->t->source.len && char_at(lx, lx->pos) == quote) break;
        if (quote != '`' && char_at(lx, lx->pos) == '\\') lx->pos++;
        bool newline = quote != '`' && char_at(lx, lx->pos) == '\n';
        if (lx->pos >= lx->t->source.len || newline)
            return hl__go_syntax(lx->t, (uint32_t)from, err, "%s", what);
    }
    lx->pos++;
    token(lx, quote == '"' ? GO_TK_STRING : quote == '`' ? GO_TK_RAW : GO_TK_RUNE, from, ret);
    return HL_OK;
}

static hl_status lex_mark(go_lexer *lx, go_token *ret, hl_error *err) {
    size_t from = lx->pos;
    char c = char_at(lx, from);
    go_token_kind kind = GO_TK_CHAR;
    if (c == ':' && char_at(lx, from + 1) != '=')
        return hl__go_syntax(lx->t, (uint32_t)from, err, "expected :=");
    if (c == '(') {
        lx->parens++;
        kind = GO_TK_OPEN;
    }
    if (c == ')' && lx->parens-- == 0)
        return hl__go_syntax(lx->t, (uint32_t)from, err, "unexpected right paren");
    if (c == ')') kind = GO_TK_CLOSE;
    if (c == '=') kind = GO_TK_ASSIGN;
    if (c == ':') kind = GO_TK_DECLARE;
    if (c == '|') kind = GO_TK_PIPE;
    if (c < 32 || c >= 127) return fail_char(lx, "unrecognized character in action:", err);
    lx->pos += c == ':' ? 2 : 1;
    token(lx, kind, from, ret);
    return HL_OK;
}

static hl_status lex_inside(go_lexer *lx, go_token *ret, hl_error *err) {
    size_t len, from = lx->pos;
    bool trim;
    if (right_delimiter(lx, from, &len, &trim)) {
        if (lx->parens > 0) return hl__go_syntax(lx->t, (uint32_t)from, err, "unclosed left paren");
        lex_right(lx, len, trim, ret);
        return HL_OK;
    }
    if (from >= lx->t->source.len)
        return hl__go_syntax(lx->t, (uint32_t)from, err, "unclosed action");
    char c = char_at(lx, from);
    if (is_space(c)) {
        lex_space(lx, ret);
        return HL_OK;
    }
    if (c == '"' || c == '`' || c == '\'') return lex_quoted(lx, ret, err);
    if (c == '$' || (c == '.' && !is_digit(char_at(lx, from + 1)))) {
        lx->pos++;
        bool dot = c == '.' && at_terminator(lx);
        go_token_kind kind = dot ? GO_TK_DOT : c == '.' ? GO_TK_FIELD : GO_TK_VARIABLE;
        if (at_terminator(lx)) {
            token(lx, kind, from, ret);
            return HL_OK;
        }
        return lex_name(lx, kind, from, ret, err);
    }
    if (c == '.' || c == '+' || c == '-' || is_digit(c)) return lex_number(lx, ret, err);
    if (is_alnum(peek(lx, &len))) return lex_word(lx, ret, err);
    return lex_mark(lx, ret, err);
}

hl_status hl__go_lex(go_lexer *lx, go_token *ret, hl_error *err) {
    HL_ASSERT(lx->pos <= lx->t->source.len);
    return lx->inside ? lex_inside(lx, ret, err) : lex_text(lx, ret, err);
}
