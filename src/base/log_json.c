#include "base/log_json.h"

#include "base/utf8.h"

#include <stdio.h>

/* Bytes beyond the capacity are dropped; a line of 1 KiB never gets there. */
typedef struct line {
    char *ptr;
    size_t len, cap;
} line;

static void put(line *l, const char *bytes, size_t n) {
    if (n > l->cap - l->len) n = l->cap - l->len;
    memcpy(l->ptr + l->len, bytes, n);
    l->len += n;
}

static void put_cstr(line *l, const char *text) {
    put(l, text, strlen(text));
}

/* -- values ------------------------------------------------------------------------------------ */

static void put_char(line *l, uint32_t cp) {
    char out[8];
    if (cp == '"' || cp == '\\') {
        out[0] = '\\';
        out[1] = (char)cp;
        put(l, out, 2);
    } else if (cp < 0x20 || cp == 0x7F) {
        put(l, out, (size_t)snprintf(out, sizeof out, "\\u%04x", (unsigned)cp));
    } else {
        put(l, out, hl_utf8_encode(cp, out));
    }
}

static void put_string(line *l, hl_str text) {
    put_cstr(l, "\"");
    for (size_t at = 0; at < text.len;) {
        uint32_t cp;
        bool ok;
        at += hl_utf8_decode(text, at, &cp, &ok);
        put_char(l, cp);
    }
    put_cstr(l, "\"");
}

static size_t skip_digits(hl_str s, size_t at) {
    while (at < s.len && s.ptr[at] >= '0' && s.ptr[at] <= '9') at++;
    return at;
}

/* As JSON writes them, without exponents, and short enough for every reader to keep exactly. */
static bool is_number(hl_str s) {
    size_t first = s.len > 0 && s.ptr[0] == '-', at = skip_digits(s, first);
    if (at == first || at - first > 15 || (s.ptr[first] == '0' && at - first > 1)) return false;
    if (at == s.len) return true;
    if (s.ptr[at] != '.' || s.len - at > 10) return false;
    return at + 1 < s.len && skip_digits(s, at + 1) == s.len;
}

static void put_value(line *l, hl_str value, bool quoted) {
    bool plain = is_number(value) || hl_str_is(value, "true") || hl_str_is(value, "false");
    if (!quoted && plain)
        put(l, value.ptr, value.len);
    else
        put_string(l, value);
}

static void put_field(line *l, hl_str key, hl_str value, bool quoted) {
    put_cstr(l, l->len > 1 ? ",\"" : "\"");
    put(l, key.ptr, key.len);
    put_cstr(l, "\":");
    put_value(l, value, quoted);
}

/* -- fields ------------------------------------------------------------------------------------ */

static bool is_key_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* The length of "key=" at `at`, 0: there is none. */
static size_t key_at(hl_str s, size_t at) {
    size_t end = at;
    while (end < s.len && is_key_byte(s.ptr[end])) end++;
    return end > at && end < s.len && s.ptr[end] == '=' ? end + 1 - at : 0;
}

/* A value ends where the text does or another key follows: what is quoted may contain quotes,
 * what is not may contain spaces. */
static bool ends_at(hl_str s, size_t at) {
    return at == s.len || (s.ptr[at] == ' ' && (at + 1 == s.len || key_at(s, at + 1) > 0));
}

static size_t value_end(hl_str s, size_t at, bool quoted) {
    for (; at < s.len; at++)
        if (quoted ? s.ptr[at] == '"' && ends_at(s, at + 1) : ends_at(s, at)) return at;
    return s.len;
}

static void put_fields(line *l, hl_str s) {
    for (size_t at = 0; at < s.len;) {
        size_t n = key_at(s, at);
        hl_str key = n ? hl_str_slice(s, at, at + n - 1) : HL_STR("msg");
        at += n;
        bool quoted = n > 0 && at < s.len && s.ptr[at] == '"';
        size_t from = at + (quoted ? 1 : 0), end = value_end(s, from, quoted);
        put_field(l, key, hl_str_slice(s, from, end), quoted || n == 0);
        at = end + (quoted ? 2 : 1);
    }
}

size_t hl_log_json(const char *when, const char *level, const char *req, hl_str text, char *out,
                   size_t cap) {
    HL_ASSERT(cap >= HL_LOG_JSON_MAX);
    line l = {.ptr = out, .cap = cap - 2};
    put_cstr(&l, "{");
    put_field(&l, HL_STR("time"), hl_str_from(when), true);
    put_field(&l, HL_STR("level"), hl_str_from(level), true);
    if (req) put_field(&l, HL_STR("req"), hl_str_from(req), true);
    put_fields(&l, text);
    l.cap = cap;
    put_cstr(&l, "}\n");
    return l.len;
}
