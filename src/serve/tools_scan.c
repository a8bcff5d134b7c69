#include "serve/tools_scan.h"

#include "base/utf8.h"
#include "serve/tools_loose.h"

size_t hl__tools_step(hl_str s, size_t at) {
    HL_ASSERT(at < s.len);
    if ((uint8_t)s.ptr[at] != HL__TOOLS_CONTROL || at + 1 >= s.len) return 1;
    size_t n = 2 + (size_t)(uint8_t)s.ptr[at + 1];
    return n <= s.len - at ? n : s.len - at;
}

size_t hl__tools_skip_space(hl_str s, size_t at) {
    while (at < s.len &&
           (s.ptr[at] == ' ' || s.ptr[at] == '\n' || s.ptr[at] == '\t' || s.ptr[at] == '\r'))
        at++;
    return at;
}

size_t hl__tools_mark_at(hl_str s, size_t at, hl_str mark) {
    if (at >= s.len || mark.len == 0) return 0;
    hl_str rest = hl_str_slice(s, at, s.len);
    if ((uint8_t)rest.ptr[0] == HL__TOOLS_CONTROL) {
        size_t n = hl__tools_step(s, at);
        return n > 2 && hl_str_eq(hl_str_slice(rest, 2, n), mark) ? n : 0;
    }
    if (hl_str_starts(rest, mark)) return mark.len;
    return hl_str_starts(mark, rest) ? SIZE_MAX : 0;
}

size_t hl__tools_marks_at(hl_str s, size_t at, const hl_str *marks, size_t n) {
    size_t found = 0;
    for (size_t i = 0; i < n; i++) {
        size_t len = hl__tools_mark_at(s, at, marks[i]);
        if (len > 0 && len != SIZE_MAX) return len;
        if (len == SIZE_MAX) found = len;
    }
    return found;
}

/* Where the mark stands at or behind `from`; SIZE_MAX: nowhere. */
static size_t find_mark(hl_str s, size_t from, hl_str mark) {
    for (size_t at = from; at < s.len; at += hl__tools_step(s, at)) {
        if (s.ptr[at] != mark.ptr[0] && (uint8_t)s.ptr[at] != HL__TOOLS_CONTROL) continue;
        size_t len = hl__tools_mark_at(s, at, mark);
        if (len > 0 && len != SIZE_MAX) return at;
    }
    return SIZE_MAX;
}

void hl__tools_scan_begin(hl_tools *t) {
    t->json = SIZE_MAX;
    t->searched = 0;
}

/* -- the end of JSON --------------------------------------------------------------------------- */

/* Whether what stands behind the bracket can be JSON that calls something: most text that begins
 * with a bracket is told at once. */
static bool begins_well(hl_str s, size_t at) {
    size_t next = hl__tools_skip_space(s, at + 1);
    if (next >= s.len) return true;
    return s.ptr[at] == '{' ? s.ptr[next] == '"' || s.ptr[next] == '}' : s.ptr[next] == '{';
}

static void json_byte(hl_tools *t, char c) {
    if (t->json_in_string) {
        if (!t->json_escaped && c == '"') t->json_in_string = false;
        t->json_escaped = !t->json_escaped && c == '\\';
    } else if (c == '"') {
        t->json_in_string = true;
    } else if (c == '{' || c == '[') {
        t->json_depth++;
    } else if (c == '}' || c == ']') {
        t->json_depth--;
    }
}

/* The brackets from `at` on are followed to their end, *ret_end.  NO: up to where it is none. */
static hl__tools_verdict find_json_end(hl_tools *t, size_t at, size_t *ret_end) {
    hl_str s = hl_buf_str(&t->held);
    if (t->json != at) {
        t->json = t->json_at = at;
        t->json_depth = 0;
        t->json_in_string = t->json_escaped = false;
    }
    *ret_end = at;
    if (!begins_well(s, at)) return HL__TOOLS_NO;
    while (t->json_at < s.len) {
        *ret_end = t->json_at;
        if ((uint8_t)s.ptr[t->json_at] == HL__TOOLS_CONTROL) return HL__TOOLS_NO;
        json_byte(t, s.ptr[t->json_at++]);
        *ret_end = t->json_at;
        if (t->json_depth == 0) return HL__TOOLS_YES;
    }
    return HL__TOOLS_MORE;
}

/* -- the forms --------------------------------------------------------------------------------- */

static hl__tools_verdict scan_json(hl_tools *t, size_t at, hl__tools_calls *ret, size_t *ret_len) {
    hl__tools_verdict v = find_json_end(t, at, ret_len);
    if (v != HL__TOOLS_YES) return v;
    hl_str json = hl_str_slice(hl_buf_str(&t->held), at, *ret_len);
    return hl__tools_from_json(t->tools, json, ret) ? HL__TOOLS_YES : HL__TOOLS_NO;
}

static bool is_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == '/';
}

/* Where the name that begins at `at` ends. */
static size_t name_end(hl_str s, size_t at) {
    while (at < s.len && is_name(s.ptr[at])) at++;
    return at;
}

/* Moves *at behind the mark where it is one.  False: it may become one. */
static bool pass(hl_str s, size_t *at, hl_str mark) {
    size_t len = hl__tools_mark_at(s, *at, mark);
    if (len == SIZE_MAX) return false;
    *at += len;
    return true;
}

/* Between a bare name and its arguments: ":0", "[CALL_ID]…", the separator, a fence. */
static bool pass_to_arguments(const hl_tools *t, hl_str s, size_t *at) {
    if (*at < s.len && s.ptr[*at] == ':')
        for (++*at; *at < s.len && s.ptr[*at] >= '0' && s.ptr[*at] <= '9';) ++*at;
    size_t id = *at;
    if (!pass(s, at, HL_STR("[CALL_ID]"))) return false;
    if (*at > id) *at = name_end(s, *at);
    *at = hl__tools_skip_space(s, *at);
    if (!pass(s, at, t->format.sep)) return false;
    *at = hl__tools_skip_space(s, *at);
    if (!pass(s, at, HL_STR("```json"))) return false;
    *at = hl__tools_skip_space(s, *at);
    return *at < s.len;
}

/* NAME and an object.  `begin`: what comes before the name is text if this is no call. */
static hl__tools_verdict scan_named(hl_tools *t, size_t begin, hl__tools_calls *ret,
                                    size_t *ret_len) {
    hl_str s = hl_buf_str(&t->held), word = HL_STR("function"), spaced = HL_STR("functions.");
    size_t at = begin, end = name_end(s, at);
    *ret_len = begin;
    if (end - at > HL__TOOLS_NAME_MAX) return HL__TOOLS_NO;
    if (hl_str_eq(hl_str_slice(s, at, end), word)) {
        size_t behind = end;
        if (end == s.len || !pass(s, &behind, t->format.sep)) return HL__TOOLS_MORE;
        if (behind > end) at = behind, end = name_end(s, at);
    }
    if (end == s.len) return end - at > HL__TOOLS_NAME_MAX ? HL__TOOLS_NO : HL__TOOLS_MORE;
    if (hl_str_starts(hl_str_slice(s, at, end), spaced)) at += spaced.len;
    hl_str name = hl_str_slice(s, at, end);
    if (!hl__tools_find(t->tools, name)) return HL__TOOLS_NO;
    if (!pass_to_arguments(t, s, &end))
        return end - begin > 2 * HL__TOOLS_NAME_MAX ? HL__TOOLS_NO : HL__TOOLS_MORE;
    if (s.ptr[end] != '{') return HL__TOOLS_NO;
    hl__tools_verdict v = find_json_end(t, end, ret_len);
    if (v != HL__TOOLS_YES) return v;
    hl_str json = hl_str_slice(s, end, *ret_len);
    return hl__tools_from_named(t->tools, name, json, ret) ? HL__TOOLS_YES : HL__TOOLS_NO;
}

/* Everything up to the closing mark, of which *ret_end is the beginning. */
static hl__tools_verdict find_close(hl_tools *t, size_t from, hl_str close, size_t *ret_end) {
    hl_str s = hl_buf_str(&t->held);
    if (t->searched < from) t->searched = from;
    *ret_end = find_mark(s, t->searched, close);
    if (*ret_end != SIZE_MAX) return HL__TOOLS_YES;
    while (t->searched < s.len && s.len - t->searched >= close.len)
        t->searched += hl__tools_step(s, t->searched);
    return HL__TOOLS_MORE;
}

/* Parameters, or JSON, up to `close`; keep: which is left for who reads on. */
static hl__tools_verdict scan_inside(hl_tools *t, hl_str name, size_t from,
                                     const hl_tools_element *e, bool keep, hl__tools_calls *ret,
                                     size_t *ret_len) {
    hl_str s = hl_buf_str(&t->held);
    size_t end;
    if (find_close(t, from, e->close, &end) == HL__TOOLS_MORE) return HL__TOOLS_MORE;
    hl_str inside = hl_str_slice(s, from, end);
    *ret_len = keep ? end : end + hl__tools_mark_at(s, end, e->close);
    if (hl_utf8_check(inside) != inside.len) return HL__TOOLS_NO; /* as a control token is */
    size_t first = hl__tools_skip_space(inside, 0);
    bool json = first < inside.len && inside.ptr[first] == '{';
    bool ok = json ? hl__tools_from_named(t->tools, name, inside, ret)
                   : hl__tools_from_element(t->tools, name, e, inside, ret);
    return ok ? HL__TOOLS_YES : HL__TOOLS_NO;
}

/* An element behind its head. */
static hl__tools_verdict scan_element(hl_tools *t, size_t at, hl__tools_calls *ret,
                                      size_t *ret_len) {
    const hl_tools_element *e = t->format.element;
    hl_str s = hl_buf_str(&t->held);
    size_t end = name_end(s, at), behind = end;
    *ret_len = at;
    if (end - at > HL__TOOLS_NAME_MAX) return HL__TOOLS_NO;
    if (end == s.len || !pass(s, &behind, e->head_end)) return HL__TOOLS_MORE;
    hl_str name = hl_str_slice(s, at, end);
    if (behind == end || !hl__tools_find(t->tools, name)) return HL__TOOLS_NO;
    return scan_inside(t, name, behind, e, false, ret, ret_len);
}

/* NAME, keys and values, up to the mark that closes the call. */
static hl__tools_verdict scan_arg_keys(hl_tools *t, size_t at, hl__tools_calls *ret,
                                       size_t *ret_len) {
    hl_str s = hl_buf_str(&t->held);
    size_t end = name_end(s, at);
    *ret_len = at;
    if (end - at > HL__TOOLS_NAME_MAX) return HL__TOOLS_NO;
    if (end == s.len) return HL__TOOLS_MORE;
    hl_str name = hl_str_slice(s, at, end);
    if (!hl__tools_find(t->tools, name)) return HL__TOOLS_NO;
    hl_tools_element e = {.close = t->format.close[0],
                          .open = HL_STR("<arg_key>"),
                          .end = HL_STR("</arg_key>"),
                          .value = HL_STR("<arg_value>"),
                          .done = HL_STR("</arg_value>")};
    return scan_inside(t, name, end, &e, true, ret, ret_len);
}

/* Everything up to the mark that closes the calls. */
static hl__tools_verdict scan_loose(hl_tools *t, size_t at, hl__tools_calls *ret, size_t *ret_len) {
    hl_str s = hl_buf_str(&t->held);
    size_t end;
    if (find_close(t, at, t->format.close[0], &end) == HL__TOOLS_MORE) return HL__TOOLS_MORE;
    *ret_len = end;
    bool ok = hl__tools_from_loose(t->tools, hl_str_slice(s, at, end), t->format.quote, ret);
    return ok ? HL__TOOLS_YES : HL__TOOLS_NO;
}

/* Whether JSON stands at `at`, and not a list of calls of another kind.  *ret_sure: it is told. */
static bool is_json(const hl_tools *t, hl_str s, size_t at, bool *ret_sure) {
    size_t next = hl__tools_skip_space(s, at + 1);
    *ret_sure = true;
    if (!t->format.loose || s.ptr[at] == '{') return true;
    *ret_sure = next < s.len;
    return *ret_sure && s.ptr[next] == '{';
}

/* -- all of them ------------------------------------------------------------------------------- */

size_t hl__tools_head_at(const hl_tools *t, hl_str s, size_t at) {
    return t->format.element ? hl__tools_mark_at(s, at, t->format.element->head) : 0;
}

/* Behind what opens a call.  SIZE_MAX: it is not all there. */
static size_t pass_open(const hl_tools *t, hl_str s) {
    for (size_t at = hl__tools_skip_space(s, 0);;) {
        if (hl__tools_head_at(t, s, at) > 0) return at; /* part of the call */
        size_t len = hl__tools_marks_at(s, at, t->format.open, HL_TOOLS_MARKS_MAX);
        if (len == SIZE_MAX) return SIZE_MAX;
        if (len == 0) return at;
        at = hl__tools_skip_space(s, at + len);
    }
}

hl__tools_verdict hl__tools_scan(hl_tools *t, hl__tools_calls *ret, size_t *ret_len) {
    hl_str s = hl_buf_str(&t->held);
    size_t at = pass_open(t, s);
    *ret_len = 0;
    if (at == SIZE_MAX || at >= s.len) return HL__TOOLS_MORE;
    bool sure, bracket = s.ptr[at] == '{' || s.ptr[at] == '[';
    if (bracket && is_json(t, s, at, &sure)) return scan_json(t, at, ret, ret_len);
    if (bracket && !sure) return HL__TOOLS_MORE;
    if (t->format.loose) return scan_loose(t, at, ret, ret_len);
    size_t head = hl__tools_head_at(t, s, at);
    if (head == SIZE_MAX) return HL__TOOLS_MORE;
    if (head > 0) return scan_element(t, at + head, ret, ret_len);
    if (t->format.arg_keys) return scan_arg_keys(t, at, ret, ret_len);
    if (t->format.named) return scan_named(t, at, ret, ret_len);
    *ret_len = at;
    return HL__TOOLS_NO;
}
