#include "api/gojson.h"

#include <stdio.h>

enum { DEPTH_MAX = 1000 };

typedef struct scan {
    hl_str text;
    size_t at;
    hl_buf *out;
    bool failed;
} scan;

/* -- complaints -------------------------------------------------------------------------------- */

/* A byte as Go quotes it: a rune of its own. */
static void append_quoted(uint8_t c, hl_buf *out) {
    static const char escapes[] = "abtnvfr"; /* from 7 on */
    hl_buf_append_char(out, '\'');
    if (c == '\'' || c == '\\')
        hl_buf_printf(out, "\\%c", c);
    else if (c >= 7 && c <= 13)
        hl_buf_printf(out, "\\%c", escapes[c - 7]);
    else if (c < 0x20 || c == 0x7F)
        hl_buf_printf(out, "\\x%02x", c);
    else if (c < 0x80)
        hl_buf_append_char(out, (char)c);
    else if (c < 0xA1 || c == 0xAD)
        hl_buf_printf(out, "\\u%04x", c);
    else
        hl_buf_printf(out, "%c%c", 0xC0 | c >> 6, 0x80 | (c & 0x3F));
    hl_buf_append_char(out, '\'');
}

static bool is_end(const scan *s) {
    return s->at >= s->text.len;
}

static char peek(const scan *s) {
    return s->text.ptr[s->at];
}

static void fail_end(scan *s) {
    if (!s->failed) hl_buf_append_cstr(s->out, "unexpected EOF");
    s->failed = true;
}

/* At the character that does not belong there. */
static void fail_here(scan *s, const char *where) {
    if (is_end(s)) {
        fail_end(s);
        return;
    }
    if (s->failed) return;
    s->failed = true;
    hl_buf_append_cstr(s->out, "invalid character ");
    append_quoted((uint8_t)peek(s), s->out);
    hl_buf_append_char(s->out, ' ');
    hl_buf_append_cstr(s->out, where);
}

/* -- tokens ------------------------------------------------------------------------------------ */

static void skip_space(scan *s) {
    while (!is_end(s) && (peek(s) == ' ' || peek(s) == '\t' || peek(s) == '\n' || peek(s) == '\r'))
        s->at++;
}

static bool take(scan *s, char c) {
    if (s->failed || is_end(s) || peek(s) != c) return false;
    s->at++;
    return true;
}

static bool at_digit(const scan *s) {
    return !is_end(s) && peek(s) >= '0' && peek(s) <= '9';
}

static bool at_hex(const scan *s) {
    char c = is_end(s) ? ' ' : peek(s);
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static void scan_digits(scan *s, const char *where) {
    if (!at_digit(s)) fail_here(s, where);
    while (at_digit(s)) s->at++;
}

static void scan_number(scan *s) {
    take(s, '-');
    if (!take(s, '0')) scan_digits(s, "in numeric literal");
    if (take(s, '.')) scan_digits(s, "after decimal point in numeric literal");
    if (!take(s, 'e') && !take(s, 'E')) return;
    if (!take(s, '+')) take(s, '-');
    scan_digits(s, "in exponent of numeric literal");
}

static void scan_escape(scan *s) {
    static const char known[] = "\"\\/bfnrt";
    if (take(s, 'u')) {
        for (int i = 0; i < 4 && !s->failed; i++) {
            if (at_hex(s))
                s->at++;
            else
                fail_here(s, "in \\u hexadecimal character escape");
        }
        return;
    }
    for (const char *k = known; *k; k++)
        if (take(s, *k)) return;
    fail_here(s, "in string escape code");
}

/* Behind the opening quote. */
static void scan_string(scan *s) {
    while (!s->failed && !take(s, '"')) {
        if (is_end(s)) {
            fail_end(s);
        } else if (take(s, '\\')) {
            scan_escape(s);
        } else if ((uint8_t)peek(s) < 0x20) {
            fail_here(s, "in string literal");
        } else {
            s->at++;
        }
    }
}

static void scan_literal(scan *s, const char *word) {
    for (size_t i = 0; word[i] && !s->failed; i++) {
        char where[48];
        if (take(s, word[i])) continue;
        snprintf(where, sizeof where, "in literal %s (expecting '%c')", word, word[i]);
        fail_here(s, where);
    }
}

/* -- values ------------------------------------------------------------------------------------ */

static void scan_value(scan *s, int depth);

static void scan_array(scan *s, int depth) {
    skip_space(s);
    if (take(s, ']')) return;
    while (!s->failed) {
        scan_value(s, depth + 1);
        skip_space(s);
        if (take(s, ']')) return;
        if (!take(s, ',')) fail_here(s, "after array element");
    }
}

static void scan_member(scan *s, int depth) {
    skip_space(s);
    if (!take(s, '"')) {
        fail_here(s, "looking for beginning of object key string");
        return;
    }
    scan_string(s);
    skip_space(s);
    if (!take(s, ':')) fail_here(s, "after object key");
    scan_value(s, depth + 1);
}

static void scan_object(scan *s, int depth) {
    skip_space(s);
    if (take(s, '}')) return;
    while (!s->failed) {
        scan_member(s, depth);
        skip_space(s);
        if (take(s, '}')) return;
        if (!take(s, ',')) fail_here(s, "after object key:value pair");
    }
}

static void scan_value(scan *s, int depth) {
    skip_space(s);
    if (s->failed || depth > DEPTH_MAX) {
        s->failed = true;
        return;
    }
    if (is_end(s))
        fail_end(s);
    else if (take(s, '{'))
        scan_object(s, depth);
    else if (take(s, '['))
        scan_array(s, depth);
    else if (take(s, '"'))
        scan_string(s);
    else if (peek(s) == '-' || at_digit(s))
        scan_number(s);
    else if (peek(s) == 't')
        scan_literal(s, "true");
    else if (peek(s) == 'f')
        scan_literal(s, "false");
    else if (peek(s) == 'n')
        scan_literal(s, "null");
    else
        fail_here(s, "looking for beginning of value");
}

bool hl__go_json_complain(hl_str text, hl_buf *out) {
    scan s = {.text = text, .out = out};
    size_t before = out->len;
    skip_space(&s);
    if (is_end(&s)) {
        hl_buf_append_cstr(out, "EOF");
        return true;
    }
    scan_value(&s, 0);
    return out->len > before;
}
