#include "text/template_lex.h"

#include "base/utf8.h"
#include "text/template_chars.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct lexer {
    hl_template *t;
    hl_arena *scratch;
    hl_str src;
    size_t at;
    tpl_tokens *out;
    hl_error *err;
} lexer;

tpl_place hl__tpl_place(const hl_template *t, uint32_t at) {
    tpl_place p = {t->name, 1, 1};
    for (size_t i = 0; i < at && i < t->source.len; i++) {
        uint8_t c = (uint8_t)t->source.ptr[i];
        if (c == '\n') {
            p.line++;
            p.column = 1;
        } else if ((c & 0xC0) != 0x80) {
            p.column++;
        }
    }
    return p;
}

hl_status hl__tpl_syntax_at(const hl_template *t, uint32_t at, hl_error *err, const char *fmt,
                            ...) {
    char text[HL_ERROR_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    tpl_place p = hl__tpl_place(t, at);
    return hl_fail(err, HL_EFORMAT, "template", "%s:%u:%u: %s", p.name, p.line, p.column, text);
}

hl_status hl__tpl_no_memory(const hl_template *t, const hl_arena *a, hl_error *err) {
    if (hl_arena_status(a) == HL_ELIMIT)
        return hl_fail(err, HL_ELIMIT, "template",
                       "%s: parsing takes more than %zu bytes of memory", t->name,
                       t->limits.memory_bytes_max);
    return hl_fail(err, HL_ENOMEM, "template", "%s: no memory to parse it", t->name);
}

/* ---- tokens ---- */

static hl_status push(lexer *l, tpl_token tok) {
    tpl_tokens *out = l->out;
    if (out->n == out->cap) {
        size_t cap = out->cap ? out->cap * 2 : 256;
        tpl_token *items = HL_ARENA_ARRAY(l->scratch, cap, tpl_token);
        if (!items) return hl__tpl_no_memory(l->t, l->scratch, l->err);
        if (out->n) memcpy(items, out->items, out->n * sizeof *items);
        out->items = items;
        out->cap = cap;
    }
    out->items[out->n++] = tok;
    return HL_OK;
}

static hl_status push_slice(lexer *l, tpl_token_kind kind, size_t from, size_t to) {
    HL_ASSERT(from <= to && to <= l->src.len);
    return push(l, (tpl_token){.kind = (uint8_t)kind,
                               .at = (uint32_t)from,
                               .text = hl_str_slice(l->src, from, to)});
}

static bool looking_at(const lexer *l, size_t at, const char *what) {
    size_t n = strlen(what);
    return at <= l->src.len && l->src.len - at >= n && memcmp(l->src.ptr + at, what, n) == 0;
}

static char char_at(const lexer *l, size_t at) {
    return at < l->src.len ? l->src.ptr[at] : '\0';
}

static size_t skip_space(const lexer *l, size_t at) {
    while (at < l->src.len) {
        size_t next = at;
        if (!(hl__tpl_char_flags(hl__tpl_chars_next(l->src, &next)) & TPL_CHAR_SPACE)) break;
        at = next;
    }
    return at;
}

/* Behind the end of a tag whose inside ends at `at`: "-%}" takes all white space, "+%}" nothing,
 * "%}" one newline when `trims`.  SIZE_MAX: no end of a tag here. */
static size_t tag_end(const lexer *l, size_t at, const char *close, bool trims) {
    if (char_at(l, at) == '-' && looking_at(l, at + 1, close)) return skip_space(l, at + 3);
    if (trims && char_at(l, at) == '+' && looking_at(l, at + 1, close)) return at + 3;
    if (!looking_at(l, at, close)) return SIZE_MAX;
    return trims && char_at(l, at + 2) == '\n' ? at + 3 : at + 2;
}

/* ---- text between tags ---- */

/* The text before a tag whose opening is followed by `sign`.  lstrip: the tag is one
 * that lstrip_blocks speaks of, not a print. */
static hl_status push_text(lexer *l, size_t from, size_t to, char sign, bool lstrip) {
    hl_str text = hl_str_slice(l->src, from, to);
    if (sign == '-') {
        text = hl__tpl_chars_strip(text, false, true);
    } else if (sign != '+' && lstrip) {
        size_t line = text.len;
        while (line > 0 && text.ptr[line - 1] != '\n') line--;
        bool starts = line > 0 || from == 0 || l->src.ptr[from - 1] == '\n';
        hl_str indent = hl_str_slice(text, line, text.len);
        if (starts && hl__tpl_chars_strip(indent, true, false).len == 0) text.len = line;
    }
    if (text.len == 0) return HL_OK;
    return push_slice(l, TPL_T_TEXT, from, from + text.len);
}

static char sign_at(const lexer *l, size_t at) {
    char c = char_at(l, at);
    return c == '-' || c == '+' ? c : '\0';
}

/* If a tag whose opening "{%" is at `at` says nothing but `word`: where its word ends. */
static size_t tag_word(const lexer *l, size_t at, const char *word) {
    size_t inside = at + 2 + (sign_at(l, at + 2) ? 1 : 0);
    inside = skip_space(l, inside);
    if (!looking_at(l, inside, word)) return SIZE_MAX;
    return skip_space(l, inside + strlen(word));
}

/* {% raw %} … {% endraw %}; at the text behind the first tag. */
static hl_status lex_raw(lexer *l, size_t tag, size_t body) {
    for (size_t at = body; (at = hl_str_find(l->src, HL_STR("{%"), at)) != SIZE_MAX; at++) {
        size_t word = tag_word(l, at, "endraw");
        size_t end = word == SIZE_MAX ? SIZE_MAX : tag_end(l, word, "%}", true);
        if (end == SIZE_MAX) continue;
        HL_TRY(push_text(l, body, at, sign_at(l, at + 2), true));
        l->at = end;
        return HL_OK;
    }
    return hl__tpl_syntax(l->t, (uint32_t)tag, l->err, "missing end of raw block");
}

static hl_status lex_comment(lexer *l, size_t tag) {
    size_t body = tag + 2 + (sign_at(l, tag + 2) ? 1 : 0);
    size_t close = hl_str_find(l->src, HL_STR("#}"), body);
    if (close == SIZE_MAX)
        return hl__tpl_syntax(l->t, (uint32_t)tag, l->err, "missing end of comment");
    char sign = close > body ? sign_at(l, close - 1) : '\0';
    l->at = tag_end(l, sign ? close - 1 : close, "#}", true);
    HL_ASSERT(l->at != SIZE_MAX);
    return HL_OK;
}

/* The next "{{", "{%" or "{#". */
static size_t find_tag(const lexer *l, size_t at) {
    while ((at = hl_str_find(l->src, HL_STR("{"), at)) != SIZE_MAX) {
        char c = char_at(l, at + 1);
        if (c == '{' || c == '%' || c == '#') return at;
        at++;
    }
    return SIZE_MAX;
}

static hl_status lex_inside(lexer *l, const char *close, tpl_token_kind end);

static hl_status lex_tag(lexer *l, size_t from, size_t tag) {
    char kind = l->src.ptr[tag + 1], sign = sign_at(l, tag + 2);
    HL_TRY(push_text(l, from, tag, sign, kind != '{'));
    if (kind == '#') return lex_comment(l, tag);
    l->at = tag + 2 + (sign ? 1 : 0);
    if (kind == '{') {
        HL_TRY(push_slice(l, TPL_T_PRINT_BEGIN, tag, tag + 2));
        return lex_inside(l, "}}", TPL_T_PRINT_END);
    }
    size_t word = tag_word(l, tag, "raw");
    size_t raw = word == SIZE_MAX ? SIZE_MAX : tag_end(l, word, "%}", false);
    if (raw != SIZE_MAX) return lex_raw(l, tag, raw);
    HL_TRY(push_slice(l, TPL_T_BLOCK_BEGIN, tag, tag + 2));
    return lex_inside(l, "%}", TPL_T_BLOCK_END);
}

/* ---- inside tags ---- */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_name_char(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (uint8_t)c >= 0x80;
}

/* Digits of a base with single underscores between them; returns the end. */
static size_t digits(const lexer *l, size_t at, int base) {
    for (;; at++) {
        char c = char_at(l, at);
        if (c == '_' && is_name_char(char_at(l, at + 1)) && char_at(l, at + 1) != '_')
            c = char_at(l, ++at);
        int v = is_digit(c)                          ? c - '0'
                : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                     : 99;
        if (v >= base) return at;
    }
}

/* The end of a float that begins at `at`, or `at`: "1.5", "1e5", not "1.". */
static size_t float_end(const lexer *l, size_t at) {
    size_t end = digits(l, at, 10), result = at;
    if (char_at(l, end) == '.' && is_digit(char_at(l, end + 1)))
        result = end = digits(l, end + 1, 10);
    if ((char_at(l, end) | 32) == 'e') {
        size_t exponent = end + 1;
        if (char_at(l, exponent) == '+' || char_at(l, exponent) == '-') exponent++;
        if (is_digit(char_at(l, exponent))) result = digits(l, exponent, 10);
    }
    return result;
}

/* The text without its underscores; numbers longer than that are refused. */
enum { NUMBER_MAX = 128 };
static bool plain_number(hl_str text, char out[NUMBER_MAX]) {
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '_') continue;
        if (n + 1 == NUMBER_MAX) return false;
        out[n++] = text.ptr[i];
    }
    out[n] = '\0';
    return true;
}

static hl_status lex_number(lexer *l) {
    size_t from = l->at, end = float_end(l, from);
    bool real = end > from && !(from > 0 && l->src.ptr[from - 1] == '.');
    int base = 10;
    if (!real) {
        char c = (char)(char_at(l, from + 1) | 32);
        if (l->src.ptr[from] == '0') base = c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 10;
        end = digits(l, base == 10 ? from : from + 2, base);
    }
    char text[NUMBER_MAX];
    if (!plain_number(hl_str_slice(l->src, from, end), text))
        return hl__tpl_syntax(l->t, (uint32_t)from, l->err, "number is too long");
    tpl_token tok = {.kind = TPL_T_NUMBER, .at = (uint32_t)from};
    tok.text = hl_str_slice(l->src, from, end);
    int64_t v = 0;
    for (const char *p = text + (base == 10 ? 0 : 2); !real && *p; p++) {
        int d = is_digit(*p) ? *p - '0' : (*p | 32) - 'a' + 10;
        if (__builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, d, &v))
            return hl__tpl_syntax(l->t, (uint32_t)from, l->err, "integer does not fit 64 bits");
    }
    tok.value = real ? hl__tpl_float(strtod(text, NULL)) : hl__tpl_int(v);
    l->at = end;
    return push(l, tok);
}

static int hex_value(char c) {
    if (is_digit(c)) return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Exactly n hex digits at p; false if they are not there. */
static bool hex_digits(hl_str s, size_t at, unsigned n, uint32_t *ret) {
    *ret = 0;
    if (s.len - at < n) return false;
    for (unsigned i = 0; i < n; i++) {
        int v = hex_value(s.ptr[at + i]);
        if (v < 0) return false;
        *ret = *ret << 4 | (uint32_t)v;
    }
    return true;
}

static bool is_surrogate(uint32_t cp) {
    return cp >= 0xD800 && cp < 0xE000;
}

/* One escape behind the backslash at s[*at]; its bytes go to out (at most 12), *at moves behind
 * it.  False: damaged.  As Python's unicode-escape over Jinja's backslashreplace, except
 * that surrogates, which no UTF-8 text can hold, are paired or become U+FFFD. */
static bool unescape_one(hl_str s, size_t *at, char *out, size_t *ret_n) {
    static const char FROM[] = "\\'\"abfnrtv", TO[] = "\\'\"\a\b\f\n\r\t\v";
    char c = s.ptr[*at];
    const char *known = c ? strchr(FROM, c) : NULL;
    *ret_n = 0;
    if (known) {
        out[(*ret_n)++] = TO[known - FROM];
        ++*at;
        return true;
    }
    if (c == '\n') {
        ++*at;
        return true;
    }
    uint32_t cp = 0;
    if (c >= '0' && c <= '7') {
        for (int i = 0; i < 3 && *at < s.len && s.ptr[*at] >= '0' && s.ptr[*at] <= '7'; i++)
            cp = cp * 8 + (uint32_t)(s.ptr[(*at)++] - '0');
        *ret_n = hl_utf8_encode(cp, out);
        return true;
    }
    if (c == 'x' || c == 'u' || c == 'U') {
        unsigned n = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        if (!hex_digits(s, *at + 1, n, &cp) || cp > 0x10FFFF) return false;
        *at += 1 + n;
        uint32_t low;
        if (cp >= 0xD800 && cp < 0xDC00 && s.len - *at >= 6 && s.ptr[*at] == '\\' &&
            s.ptr[*at + 1] == 'u' && hex_digits(s, *at + 2, 4, &low) && low >= 0xDC00 &&
            low < 0xE000) {
            cp = 0x10000 + ((cp - 0xD800) << 10) + (low - 0xDC00);
            *at += 6;
        }
        *ret_n = hl_utf8_encode(is_surrogate(cp) ? HL_UTF8_BAD : cp, out);
        return true;
    }
    if (c == 'N') return false; /* names of characters: a table nobody needs */
    out[(*ret_n)++] = '\\';
    if ((uint8_t)c >= 0x80) { /* backslashreplace wrote it as x.., u.... or U........ */
        cp = hl__tpl_chars_next(s, at);
        int digits = cp < 0x100 ? 2 : cp < 0x10000 ? 4 : 8;
        char letter = digits == 2 ? 'x' : digits == 4 ? 'u' : 'U';
        *ret_n += (size_t)snprintf(out + 1, 11, "%c%0*x", letter, digits, (unsigned)cp);
    }
    return true;
}

static hl_status lex_string(lexer *l) {
    size_t from = l->at, end = from + 1;
    char quote = l->src.ptr[from];
    bool escapes = false;
    while (end < l->src.len && l->src.ptr[end] != quote) {
        escapes |= l->src.ptr[end] == '\\';
        end += l->src.ptr[end] == '\\' ? 2 : 1;
    }
    if (end >= l->src.len)
        return hl__tpl_syntax(l->t, (uint32_t)from, l->err, "missing end of string");
    tpl_token tok = {.kind = TPL_T_STRING, .at = (uint32_t)from};
    tok.text = hl_str_slice(l->src, from + 1, end);
    l->at = end + 1;
    if (!escapes) return push(l, tok);
    /* an escape of 2 bytes and more becomes at most 3 times as long */
    char *out = hl_arena_alloc(l->t->arena, tok.text.len * 3 + 16);
    if (!out) return hl__tpl_no_memory(l->t, l->t->arena, l->err);
    size_t n = 0;
    for (size_t at = 0; at < tok.text.len;) {
        char c = tok.text.ptr[at++];
        size_t len = 1;
        out[n] = c;
        if (c == '\\' && !unescape_one(tok.text, &at, out + n, &len))
            return hl__tpl_syntax(l->t, (uint32_t)(from + at), l->err,
                                  "damaged escape in a string");
        n += len;
    }
    HL_ASSERT(n <= tok.text.len * 3 + 16);
    tok.text = (hl_str){out, n};
    return push(l, tok);
}

static hl_status lex_name(lexer *l) {
    size_t from = l->at, end = from;
    while (is_name_char(char_at(l, end))) {
        uint32_t cp = hl__tpl_chars_next(l->src, &end);
        if (cp >= 0x80 && !(hl__tpl_char_flags(cp) & (TPL_CHAR_ALPHA | TPL_CHAR_NUMERIC)))
            return hl__tpl_syntax(l->t, (uint32_t)from, l->err, "invalid character in a name");
    }
    l->at = end;
    return push_slice(l, TPL_T_NAME, from, end);
}

static hl_status lex_operator(lexer *l, uint32_t *depth) {
    static const char *const OPS[] = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/",
                                      "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                      ">",  "<",  "=",  ".",  ":",  "|",  ",", ";"};
    for (size_t i = 0; i < sizeof OPS / sizeof OPS[0]; i++) {
        if (!looking_at(l, l->at, OPS[i])) continue;
        char c = OPS[i][0];
        if (c == '(' || c == '[' || c == '{') ++*depth;
        if (c == ')' || c == ']' || c == '}') {
            if (*depth == 0)
                return hl__tpl_syntax(l->t, (uint32_t)l->at, l->err, "unexpected '%c'", c);
            --*depth;
        }
        size_t from = l->at;
        l->at += strlen(OPS[i]);
        return push_slice(l, TPL_T_OP, from, l->at);
    }
    return hl__tpl_syntax(
        l->t, (uint32_t)l->at, l->err, "unexpected character '%.*s'",
        HL_STR_ARG(hl_str_slice(l->src, l->at, hl__tpl_chars_skip(l->src, l->at, 1))));
}

static hl_status lex_inside(lexer *l, const char *close, tpl_token_kind end) {
    uint32_t depth = 0; /* open brackets: inside them "}}" is two braces */
    size_t opened = l->at;
    for (;;) {
        l->at = skip_space(l, l->at);
        if (l->at >= l->src.len)
            return hl__tpl_syntax(l->t, (uint32_t)(opened < l->src.len ? opened : l->src.len),
                                  l->err, "missing '%s'", close);
        size_t behind = depth ? SIZE_MAX : tag_end(l, l->at, close, end == TPL_T_BLOCK_END);
        if (behind != SIZE_MAX) {
            HL_TRY(push_slice(l, end, l->at, l->at + 2));
            l->at = behind;
            return HL_OK;
        }
        char c = l->src.ptr[l->at];
        if (is_digit(c))
            HL_TRY(lex_number(l));
        else if (is_name_char(c))
            HL_TRY(lex_name(l));
        else if (c == '\'' || c == '"')
            HL_TRY(lex_string(l));
        else
            HL_TRY(lex_operator(l, &depth));
    }
}

hl_status hl__tpl_lex(hl_template *t, hl_arena *scratch, tpl_tokens *ret, hl_error *err) {
    HL_ASSERT(t->source.len < UINT32_MAX);
    *ret = (tpl_tokens){0};
    lexer l = {.t = t, .scratch = scratch, .src = t->source, .out = ret, .err = err};
    while (l.at < l.src.len) {
        size_t from = l.at, tag = find_tag(&l, from);
        if (tag == SIZE_MAX) {
            HL_TRY(push_slice(&l, TPL_T_TEXT, from, l.src.len));
            break;
        }
        HL_TRY(lex_tag(&l, from, tag));
    }
    return push_slice(&l, TPL_T_END, l.src.len, l.src.len);
}
