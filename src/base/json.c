#include "base/json.h"

#include "base/utf8.h"

#include <limits.h>

hl_status hl_json_parse(hl_str text, struct json_object **ret, hl_error *err) {
    size_t bad = hl_utf8_check(text);
    if (bad != text.len)
        return hl_fail(err, HL_EFORMAT, "json", "invalid UTF-8 at offset %zu", bad);
    if (text.len >= INT_MAX)
        return hl_fail(err, HL_ELIMIT, "json", "text of %zu bytes is too long", text.len);
    struct json_tokener *tok = json_tokener_new_ex(HL_JSON_DEPTH_MAX);
    if (!tok) return hl_fail(err, HL_ENOMEM, "json", "no memory to parse JSON");
    json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
    struct json_object *value = json_tokener_parse_ex(tok, text.ptr ? text.ptr : "", (int)text.len);
    enum json_tokener_error e = json_tokener_get_error(tok);
    /* a bare number or word at the very end is only finished by what follows it */
    if (e == json_tokener_continue) {
        value = json_tokener_parse_ex(tok, "", 1);
        e = json_tokener_get_error(tok);
        if (e == json_tokener_success) json_tokener_reset(tok);
    }
    hl_status st = HL_OK;
    if (e == json_tokener_error_depth)
        st = hl_fail(err, HL_ELIMIT, "json", "nested deeper than %d", HL_JSON_DEPTH_MAX);
    else if (e != json_tokener_success)
        st = hl_fail(err, HL_EFORMAT, "json", "%s at offset %zu",
                     e == json_tokener_continue ? "unexpected end" : json_tokener_error_desc(e),
                     json_tokener_get_parse_end(tok));
    json_tokener_free(tok);
    if (st < 0) {
        json_object_put(value);
        return st;
    }
    *ret = value;
    return HL_OK;
}

static void append_escaped(hl_buf *b, uint32_t cp, hl_str raw) {
    static const char SHORT[] = "\b"
                                "b"
                                "\t"
                                "t"
                                "\n"
                                "n"
                                "\f"
                                "f"
                                "\r"
                                "r"
                                "\"\""
                                "\\\\";
    for (size_t i = 0; i + 1 < sizeof SHORT; i += 2) {
        if (cp == (uint8_t)SHORT[i]) {
            hl_buf_append_char(b, '\\');
            hl_buf_append_char(b, SHORT[i + 1]);
            return;
        }
    }
    if (cp < 0x20)
        hl_buf_printf(b, "\\u%04x", (unsigned)cp);
    else
        hl_buf_append_str(b, raw);
}

void hl_json_append_string(hl_buf *b, hl_str s) {
    hl_buf_append_char(b, '"');
    for (size_t at = 0; at < s.len;) {
        uint32_t cp;
        bool ok;
        size_t n = hl_utf8_decode(s, at, &cp, &ok);
        append_escaped(b, cp, ok ? hl_str_slice(s, at, at + n) : HL_STR("\xEF\xBF\xBD"));
        at += n;
    }
    hl_buf_append_char(b, '"');
}
