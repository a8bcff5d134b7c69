#include "serve/tools_loose.h"

#include "base/utf8.h"
#include "serve/tools_scan.h"

enum { DEPTH_MAX = 32 };

typedef struct reader {
    hl_str s, quote;
    size_t at;
    hl_buf json; /* of the arguments in hand */
} reader;

static void skip_space(reader *r) {
    r->at = hl__tools_skip_space(r->s, r->at);
}

static char peek(reader *r) {
    skip_space(r);
    return r->at < r->s.len ? r->s.ptr[r->at] : '\0';
}

static bool take(reader *r, char c) {
    if (peek(r) != c) return false;
    r->at++;
    return true;
}

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '+' || c == '.' || c == '/';
}

static hl_str take_word(reader *r) {
    skip_space(r);
    size_t from = r->at;
    while (r->at < r->s.len && is_word(r->s.ptr[r->at])) r->at++;
    return hl_str_slice(r->s, from, r->at);
}

/* -- strings ----------------------------------------------------------------------------------- */

static size_t quote_at(const reader *r, size_t at) {
    size_t len = hl__tools_mark_at(r->s, at, r->quote);
    return len == SIZE_MAX ? 0 : len;
}

static char unescaped(char c) {
    switch (c) {
    case 'n': return '\n';
    case 't': return '\t';
    case 'r': return '\r';
    case '\\':
    case '\'':
    case '"': return c;
    default: return '\0';
    }
}

/* Between marks, everything stands for itself. */
static bool read_marked(reader *r, hl_buf *text) {
    for (r->at += quote_at(r, r->at); r->at < r->s.len; r->at++) {
        size_t len = quote_at(r, r->at);
        if (len > 0) {
            r->at += len;
            return true;
        }
        hl_buf_append_char(text, r->s.ptr[r->at]);
    }
    return false;
}

static bool read_quoted(reader *r, hl_buf *text) {
    char end = r->s.ptr[r->at++];
    for (; r->at < r->s.len; r->at++) {
        char c = r->s.ptr[r->at], next = r->at + 1 < r->s.len ? r->s.ptr[r->at + 1] : '\0';
        if (c == end) {
            r->at++;
            return true;
        }
        bool escape = c == '\\' && unescaped(next) != '\0';
        hl_buf_append_char(text, escape ? unescaped(next) : c);
        r->at += escape;
    }
    return false;
}

static bool read_string(reader *r) {
    hl_buf text;
    hl_buf_init(&text, 0);
    bool ok = quote_at(r, r->at) > 0 ? read_marked(r, &text) : read_quoted(r, &text);
    hl_str got = hl_buf_str(&text);
    ok = ok && text.failed >= 0 && hl_utf8_check(got) == got.len;
    if (ok) hl_json_append_string(&r->json, got);
    hl_buf_deinit(&text);
    return ok;
}

static bool at_string(reader *r) {
    char c = peek(r);
    return c == '"' || c == '\'' || (r->at < r->s.len && quote_at(r, r->at) > 0);
}

/* -- values ------------------------------------------------------------------------------------ */

static bool read_value(reader *r, int depth);

static bool read_word(reader *r) {
    hl_str word = take_word(r);
    if (hl_str_is(word, "True"))
        word = HL_STR("true");
    else if (hl_str_is(word, "False"))
        word = HL_STR("false");
    else if (hl_str_is(word, "None"))
        word = HL_STR("null");
    hl_buf_append_str(&r->json, word); /* whether it is JSON is seen when all of it is read */
    return word.len > 0;
}

/* KEY, `between`, VALUE, … `end`, behind the opening bracket. */
static bool read_members(reader *r, char between, char end, int depth) {
    hl_buf_append_char(&r->json, '{');
    for (bool first = true; !take(r, end); first = false) {
        if (!first && !take(r, ',')) return false;
        if (!first && take(r, end)) break;
        if (!first) hl_buf_append_char(&r->json, ',');
        if (at_string(r)) {
            if (!read_string(r)) return false;
        } else {
            hl_json_append_string(&r->json, take_word(r));
        }
        hl_buf_append_char(&r->json, ':');
        if (!take(r, between) || !read_value(r, depth + 1)) return false;
    }
    hl_buf_append_char(&r->json, '}');
    return true;
}

static bool read_list(reader *r, int depth) {
    hl_buf_append_char(&r->json, '[');
    for (bool first = true; !take(r, ']'); first = false) {
        if (!first && !take(r, ',')) return false;
        if (!first && take(r, ']')) break;
        if (!first) hl_buf_append_char(&r->json, ',');
        if (!read_value(r, depth + 1)) return false;
    }
    hl_buf_append_char(&r->json, ']');
    return true;
}

static bool read_value(reader *r, int depth) {
    if (depth > DEPTH_MAX) return false;
    if (at_string(r)) return read_string(r);
    if (take(r, '{')) return read_members(r, ':', '}', depth);
    if (take(r, '[')) return read_list(r, depth);
    return read_word(r);
}

/* -- calls ------------------------------------------------------------------------------------- */

static bool read_call(reader *r, struct json_object *tools, hl__tools_calls *ret) {
    hl_str name = take_word(r);
    if (hl_str_is(name, "call") && take(r, ':')) name = take_word(r);
    hl_buf_reset(&r->json);
    bool ok = take(r, '(')   ? read_members(r, '=', ')', 0)
              : take(r, '{') ? read_members(r, ':', '}', 0)
                             : false;
    return ok && r->json.failed >= 0 &&
           hl__tools_from_named(tools, name, hl_buf_str(&r->json), ret);
}

static bool read_calls(reader *r, struct json_object *tools, hl__tools_calls *ret) {
    if (!take(r, '[')) return read_call(r, tools, ret) && peek(r) == '\0';
    do
        if (!read_call(r, tools, ret)) return false;
    while (take(r, ','));
    return take(r, ']') && peek(r) == '\0' && r->at == r->s.len;
}

bool hl__tools_from_loose(struct json_object *tools, hl_str text, hl_str quote,
                          hl__tools_calls *ret) {
    reader r = {.s = text, .quote = quote};
    size_t n = ret->n;
    hl_buf_init(&r.json, 0);
    bool ok = read_calls(&r, tools, ret);
    if (!ok) ret->n = n;
    hl_buf_deinit(&r.json);
    return ok;
}
