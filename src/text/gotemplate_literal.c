/* Literals as strconv reads them. */
#include "text/gotemplate_lex.h"

#include "base/utf8.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

static int digit_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return 16;
}

/* n digits of this base at *at, which moves behind them. */
static bool take_digits(hl_str s, size_t *at, size_t n, int base, uint32_t *ret) {
    uint32_t value = 0;
    if (n > s.len - *at) return false;
    for (size_t i = 0; i < n; i++) {
        int d = digit_value(s.ptr[*at + i]);
        if (d >= base) return false;
        value = value * (uint32_t)base + (uint32_t)d;
    }
    *at += n;
    *ret = value;
    return true;
}

/* What follows a backslash at *at.  *ret_byte: \x and octal give a byte, not a character. */
static bool take_escape(hl_str s, char quote, size_t *at, uint32_t *ret, bool *ret_byte) {
    static const char NAMES[] = "abfnrtv\\", VALUES[] = "\a\b\f\n\r\t\v\\";
    if (*at >= s.len) return false;
    char c = s.ptr[(*at)++];
    const char *name = memchr(NAMES, c, sizeof NAMES - 1);
    *ret_byte = false;
    if (name || c == quote) {
        *ret = name ? (unsigned char)VALUES[name - NAMES] : (unsigned char)c;
        return true;
    }
    if (c >= '0' && c <= '7') {
        (*at)--;
        *ret_byte = true;
        return take_digits(s, at, 3, 8, ret) && *ret < 256;
    }
    *ret_byte = c == 'x';
    if (c != 'x' && c != 'u' && c != 'U') return false;
    if (!take_digits(s, at, c == 'x' ? 2 : c == 'u' ? 4 : 8, 16, ret)) return false;
    return *ret <= 0x10FFFF && (*ret < 0xD800 || *ret > 0xDFFF);
}

static void unquote_raw(hl_str inner, char *to, size_t *ret_n) {
    for (size_t i = 0; i < inner.len; i++)
        if (inner.ptr[i] != '\r') to[(*ret_n)++] = inner.ptr[i];
}

bool hl__go_unquote(hl_arena *a, hl_str quoted, hl_str *ret) {
    HL_ASSERT(quoted.len >= 2);
    hl_str inner = hl_str_slice(quoted, 1, quoted.len - 1);
    char *to = hl_arena_alloc(a, inner.len + 1);
    size_t n = 0;
    if (!to) return false;
    if (quoted.ptr[0] == '`') {
        unquote_raw(inner, to, &n);
        *ret = (hl_str){to, n};
        return true;
    }
    for (size_t at = 0; at < inner.len;) {
        char c = inner.ptr[at++];
        if (c != '\\') {
            to[n++] = c;
            continue;
        }
        uint32_t cp;
        bool byte;
        if (!take_escape(inner, '"', &at, &cp, &byte)) return false;
        if (byte)
            to[n++] = (char)cp;
        else /* an escape is never shorter than its character */
            n += hl_utf8_encode(cp, to + n);
    }
    HL_ASSERT(n <= inner.len);
    *ret = (hl_str){to, n};
    return true;
}

bool hl__go_rune(hl_str quoted, int64_t *ret) {
    HL_ASSERT(quoted.len >= 2);
    hl_str inner = hl_str_slice(quoted, 1, quoted.len - 1);
    uint32_t cp = 0;
    size_t at = 1;
    bool ok = true;
    if (!inner.len) return false;
    if (inner.ptr[0] == '\\')
        ok = take_escape(inner, '\'', &at, &cp, &(bool){0});
    else
        at = hl_utf8_decode(inner, 0, &cp, &ok);
    *ret = cp;
    return ok && at == inner.len;
}

/* Underscores stand between digits, or behind a base's prefix. */
static bool underscores_ok(hl_str s) {
    bool digit = false, prefix = s.len > 1 && s.ptr[0] == '0' && strchr("xXoObB", s.ptr[1]);
    bool hex = prefix && (s.ptr[1] | 32) == 'x';
    if (prefix) digit = true;
    for (size_t i = prefix ? 2 : 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool next = i + 1 < s.len && digit_value(s.ptr[i + 1]) < (hex ? 16 : 10);
        if (c == '_' && !(digit && next)) return false;
        digit = digit_value(c) < (hex ? 16 : 10);
    }
    return true;
}

/* The digits of an integer without its sign; false when they are none of one. */
static bool read_uint(hl_str s, uint64_t *ret, bool *ret_overflow) {
    int base = 10;
    size_t i = 0;
    uint64_t value = 0;
    if (s.len > 1 && s.ptr[0] == '0') {
        char c = (char)(s.ptr[1] | 32);
        base = c == 'x' ? 16 : c == 'b' ? 2 : 8;
        i = c == 'x' || c == 'b' || c == 'o' ? 2 : 1;
    }
    if (i >= s.len) return false;
    *ret_overflow = false;
    for (; i < s.len; i++) {
        if (s.ptr[i] == '_') continue;
        int d = digit_value(s.ptr[i]);
        if (d >= base) return false;
        if (__builtin_mul_overflow(value, (uint64_t)base, &value) ||
            __builtin_add_overflow(value, (uint64_t)d, &value))
            *ret_overflow = true;
    }
    *ret = value;
    return true;
}

static bool read_float(hl_str s, double *ret) {
    char text[512];
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '_') continue;
        if (n + 1 >= sizeof text) return false;
        text[n++] = s.ptr[i];
    }
    text[n] = '\0';
    bool hex = strpbrk(text, "xX") != NULL;
    if (hex && !strpbrk(text, "pP")) return false;
    char *end;
    *ret = strtod(text, &end);
    return n && end == text + n && isfinite(*ret);
}

bool hl__go_number(hl_str text, go_value *ret) {
    bool minus = text.len && text.ptr[0] == '-';
    hl_str digits = text.len && (minus || text.ptr[0] == '+') ? hl_str_slice(text, 1, text.len)
                                                              : text;
    uint64_t value;
    bool overflow;
    if (!underscores_ok(digits)) return false;
    if (read_uint(digits, &value, &overflow)) {
        if (overflow || (minus && value > (uint64_t)INT64_MAX + 1)) return false;
        *ret = (go_value){0}; /* it fits uint64 only: an error where it is used */
        if (minus || value <= INT64_MAX) *ret = hl__go_int((int64_t)(minus ? 0 - value : value));
        return true;
    }
    double f;
    if (!read_float(text, &f)) return false;
    bool dotted = false;
    for (size_t i = 0; i < text.len; i++) dotted |= strchr(".eEpP", text.ptr[i]) != NULL;
    *ret = (go_value){.kind = GO_FLOAT, .u.f = f};
    return dotted;
}
