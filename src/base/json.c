#include "base/json.h"

#include "base/utf8.h"

#include <limits.h>

/* json-c's strict mode differs from version to version: some take NaN, 0.18 refuses every
 * character outside ASCII.  So json-c builds the tree in its lenient mode, and what that lets
 * pass is refused here: odd tokens, commas before a bracket, anything behind the value. */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static char char_at(hl_str s, size_t at) {
    return at < s.len ? s.ptr[at] : '\0';
}

static size_t skip_digits(hl_str s, size_t at) {
    while (is_digit(char_at(s, at))) at++;
    return at;
}

/* The end of the number at `at` (RFC 8259 section 6), or `at` when it is malformed. */
static size_t scan_number(hl_str s, size_t at) {
    size_t p = at + (char_at(s, at) == '-');
    if (!is_digit(char_at(s, p))) return at;
    p = char_at(s, p) == '0' ? p + 1 : skip_digits(s, p);
    if (char_at(s, p) == '.') {
        if (!is_digit(char_at(s, p + 1))) return at;
        p = skip_digits(s, p + 1);
    }
    if (char_at(s, p) == 'e' || char_at(s, p) == 'E') {
        p++;
        if (char_at(s, p) == '+' || char_at(s, p) == '-') p++;
        if (!is_digit(char_at(s, p))) return at;
        p = skip_digits(s, p);
    }
    return is_digit(char_at(s, p)) ? at : p; /* no digit behind a leading zero */
}

/* json-c would silently clamp an integer that fits neither int64 nor uint64. */
static bool fits_integer(hl_str number) {
    hl_str digits = number.ptr[0] == '-' ? hl_str_slice(number, 1, number.len) : number;
    if (skip_digits(digits, 0) != digits.len) return true; /* not an integer: keeps its text */
    hl_str most = digits.len < number.len ? HL_STR("9223372036854775808")
                                          : HL_STR("18446744073709551615");
    if (digits.len != most.len) return digits.len < most.len;
    return memcmp(digits.ptr, most.ptr, most.len) <= 0;
}

/* The end of the string at `at`, or the offset of what is wrong with *ret_ok false. */
static size_t scan_string(hl_str s, size_t at, bool *ret_ok) {
    *ret_ok = false;
    for (at++; at < s.len && s.ptr[at] != '"'; at++) {
        if ((unsigned char)s.ptr[at] < 0x20) return at;
        if (s.ptr[at] != '\\') continue;
        char c = char_at(s, ++at);
        if (c == '\0' || !strchr("\"\\/bfnrtu", c)) return at;
        for (int i = 0; c == 'u' && i < 4; i++) {
            char hex = char_at(s, ++at);
            if (hex == '\0' || !strchr("0123456789abcdefABCDEF", hex)) return at;
        }
    }
    *ret_ok = at < s.len;
    return at < s.len ? at + 1 : at;
}

static size_t scan_word(hl_str s, size_t at) {
    static const char *const WORDS[] = {"true", "false", "null"};
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        hl_str word = hl_str_from(WORDS[i]);
        if (hl_str_starts(hl_str_slice(s, at, s.len), word)) return at + word.len;
    }
    return at;
}

static size_t skip_space(hl_str s, size_t at) {
    while (at < s.len && strchr(" \t\n\r", s.ptr[at]) && s.ptr[at]) at++;
    return at;
}

static bool is_last_comma(hl_str s, size_t at) {
    char next = char_at(s, skip_space(s, at + 1));
    return s.ptr[at] == ',' && (next == ']' || next == '}');
}

static bool begins_value(char c) {
    return c == '\0' || !strchr("}]:, \t\n\r", c);
}

static hl_status check_tokens(hl_str s, hl_error *err) {
    size_t n_values = 0;
    for (size_t at = 0; at < s.len;) {
        char c = s.ptr[at];
        bool ok = true;
        size_t end = at + 1;
        if (begins_value(c) && ++n_values > HL_JSON_VALUES_MAX)
            return hl_fail(err, HL_ELIMIT, "json", "more than %d values", HL_JSON_VALUES_MAX);
        if (c == '"') {
            end = scan_string(s, at, &ok);
            if (!ok) at = end;
        } else if (c == '-' || is_digit(c)) {
            end = scan_number(s, at);
            ok = end > at;
            if (ok && !fits_integer(hl_str_slice(s, at, end)))
                return hl_fail(err, HL_ELIMIT, "json", "integer too large at offset %zu", at);
        } else if (c == '\0' || !strchr("{}[]:, \t\n\r", c)) {
            end = scan_word(s, at);
            ok = end > at;
        } else {
            ok = !is_last_comma(s, at);
        }
        if (!ok) {
            return hl_fail(err, HL_EFORMAT, "json", "%s at offset %zu",
                           at < s.len ? "unexpected character" : "unexpected end", at);
        }
        at = end;
    }
    return HL_OK;
}

static hl_status fail_parse(enum json_tokener_error e, size_t at, hl_error *err) {
    if (e == json_tokener_error_depth)
        return hl_fail(err, HL_ELIMIT, "json", "nested deeper than %d", HL_JSON_DEPTH_MAX);
    const char *why = e == json_tokener_continue  ? "unexpected end"
                      : e == json_tokener_success ? "something behind the value"
                                                  : json_tokener_error_desc(e);
    return hl_fail(err, HL_EFORMAT, "json", "%s at offset %zu", why, at);
}

static hl_status parse(struct json_tokener *tok, hl_str text, struct json_object **ret,
                       hl_error *err) {
    struct json_object *value = json_tokener_parse_ex(tok, text.ptr, (int)text.len);
    enum json_tokener_error e = json_tokener_get_error(tok);
    size_t at = json_tokener_get_parse_end(tok);
    if (e == json_tokener_continue) { /* a number at the very end is finished by what follows */
        value = json_tokener_parse_ex(tok, "", 1);
        e = json_tokener_get_error(tok);
        at = text.len;
    }
    size_t rest = skip_space(text, at);
    if (e != json_tokener_success || rest != text.len) {
        json_object_put(value);
        return fail_parse(e, e == json_tokener_success ? rest : at, err);
    }
    *ret = value;
    return HL_OK;
}

hl_status hl_json_parse(hl_str text, struct json_object **ret, hl_error *err) {
    size_t bad = hl_utf8_check(text);
    if (bad != text.len)
        return hl_fail(err, HL_EFORMAT, "json", "invalid UTF-8 at offset %zu", bad);
    if (text.len >= INT_MAX)
        return hl_fail(err, HL_ELIMIT, "json", "text of %zu bytes is too long", text.len);
    if (text.len == 0) return hl_fail(err, HL_EFORMAT, "json", "unexpected end at offset 0");
    HL_TRY(check_tokens(text, err));
    struct json_tokener *tok = json_tokener_new_ex(HL_JSON_DEPTH_MAX);
    if (!tok) return hl_fail(err, HL_ENOMEM, "json", "no memory to parse JSON");
    hl_status st = parse(tok, text, ret, err);
    json_tokener_free(tok);
    return st;
}

/* The letter behind the backslash for cp, or 0. */
static char short_escape(uint32_t cp) {
    switch (cp) {
    case '\b': return 'b';
    case '\t': return 't';
    case '\n': return 'n';
    case '\f': return 'f';
    case '\r': return 'r';
    case '"': return '"';
    case '\\': return '\\';
    default: return 0;
    }
}

void hl_json_append_string(hl_buf *b, hl_str s) {
    hl_buf_append_char(b, '"');
    for (size_t at = 0; at < s.len;) {
        uint32_t cp;
        bool ok;
        size_t n = hl_utf8_decode(s, at, &cp, &ok);
        char letter = short_escape(cp);
        if (letter)
            hl_buf_printf(b, "\\%c", letter);
        else if (cp < 0x20)
            hl_buf_printf(b, "\\u%04x", (unsigned)cp);
        else
            hl_buf_append_str(b, ok ? hl_str_slice(s, at, at + n) : HL_STR("\xEF\xBF\xBD"));
        at += n;
    }
    hl_buf_append_char(b, '"');
}
