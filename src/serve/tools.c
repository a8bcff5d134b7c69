#include "serve/tools.h"

#include "serve/tools_scan.h"

void hl_tools_init(hl_tools *t, const hl_tools_format *format, struct json_object *tools) {
    *t = (hl_tools){.format = *format, .tools = tools, .at_start = true};
    hl_buf_init(&t->held, 0);
    hl__tools_scan_begin(t);
}

void hl_tools_deinit(hl_tools *t) {
    hl_buf_deinit(&t->held);
}

/* Where the text goes. */
typedef struct outlet {
    hl_tools_fn *fn;
    void *arg;
} outlet;

/* The first len bytes are text, without the control tokens among them. */
static void give_text(hl_tools *t, size_t len, const outlet *out) {
    hl_str s = hl_str_slice(hl_buf_str(&t->held), 0, len);
    HL_ASSERT(len <= t->held.len);
    for (size_t from = 0, at = 0; at <= s.len;) {
        bool control = at < s.len && (uint8_t)s.ptr[at] == HL__TOOLS_CONTROL;
        if (!control && at < s.len) {
            at++;
            continue;
        }
        if (at > from) out->fn(out->arg, hl_str_slice(s, from, at), NULL);
        if (at == s.len) break;
        from = at += hl__tools_step(s, at);
    }
    hl_buf_consume(&t->held, len);
}

static void begin_call(hl_tools *t) {
    t->state = HL_TOOLS_CALL;
    t->at_start = false;
    hl__tools_scan_begin(t);
}

static void begin_text(hl_tools *t) {
    t->state = HL_TOOLS_TEXT;
    t->at_start = false;
}

/* Each step takes what it can from what is held; true: the state changed, go on. */

/* Before anything else was said, JSON may be a call. */
static bool step_start(hl_tools *t) {
    hl_str s = hl_buf_str(&t->held);
    size_t at = hl__tools_skip_space(s, 0);
    if (at == s.len) return false;
    t->at_start = false;
    if (s.ptr[at] == '{' || s.ptr[at] == '[') begin_call(t);
    return true;
}

static bool step_text(hl_tools *t, const outlet *out) {
    hl_str s = hl_buf_str(&t->held);
    size_t at = 0, mark = 0;
    if (t->at_start && t->format.bare) return step_start(t);
    while (at < s.len && mark == 0) {
        mark = hl__tools_marks_at(s, at, t->format.open, HL_TOOLS_MARKS_MAX);
        if (mark == 0) at += hl__tools_step(s, at);
    }
    give_text(t, at, out);
    if (mark == 0 || mark == SIZE_MAX) return false;
    begin_call(t);
    return true;
}

static void give_calls(hl_tools *t, const hl__tools_calls *calls, const outlet *out) {
    HL_ASSERT(calls->n > 0);
    for (size_t i = 0; i < calls->n; i++) {
        hl_tool_call call = hl__tools_calls_get(calls, i);
        out->fn(out->arg, (hl_str){"", 0}, &call);
    }
    t->state = HL_TOOLS_BEHIND;
    t->closed = false;
}

static bool step_call(hl_tools *t, const outlet *out) {
    hl__tools_calls calls;
    size_t len = 0;
    hl__tools_calls_init(&calls);
    hl__tools_verdict v = hl__tools_scan(t, &calls, &len);
    if (v == HL__TOOLS_MORE && t->held.len > HL_TOOLS_HELD_MAX) {
        v = HL__TOOLS_NO;
        len = t->held.len;
    }
    if (v == HL__TOOLS_NO) {
        give_text(t, len > 0 ? len : hl__tools_step(hl_buf_str(&t->held), 0), out);
        begin_text(t);
    } else if (v == HL__TOOLS_YES) {
        HL_ASSERT(len > 0 && len <= t->held.len);
        hl_buf_consume(&t->held, len);
        give_calls(t, &calls, out);
    }
    hl__tools_calls_deinit(&calls);
    return v != HL__TOOLS_MORE;
}

/* Whether another call may begin here without a mark of its own; SIZE_MAX: not to be told yet. */
static size_t next_unmarked(const hl_tools *t, hl_str s, size_t at) {
    if (t->closed) return 0;
    if (s.ptr[at] == '{' || s.ptr[at] == '[') return 1;
    return hl__tools_head_at(t, s, at);
}

/* Behind a call: its closing marks, separators, another call, or text. */
static bool step_behind(hl_tools *t) {
    hl_str s = hl_buf_str(&t->held);
    size_t at = hl__tools_skip_space(s, 0);
    if (at == s.len) return false;
    size_t close = hl__tools_marks_at(s, at, t->format.close, HL_TOOLS_MARKS_MAX);
    size_t open = hl__tools_marks_at(s, at, t->format.open, HL_TOOLS_MARKS_MAX);
    size_t next = next_unmarked(t, s, at);
    bool separator = t->format.bare && (s.ptr[at] == ';' || s.ptr[at] == ',');
    if (separator || (close > 0 && close != SIZE_MAX)) {
        t->closed |= !separator;
        hl_buf_consume(&t->held, separator ? at + 1 : at + close);
        return true;
    }
    bool found = (open > 0 && open != SIZE_MAX) || (next > 0 && next != SIZE_MAX);
    if (!found && (close == SIZE_MAX || open == SIZE_MAX || next == SIZE_MAX)) return false;
    hl_buf_consume(&t->held, at);
    if (found)
        begin_call(t);
    else
        begin_text(t);
    return true;
}

static bool step(hl_tools *t, const outlet *out) {
    switch (t->state) {
    case HL_TOOLS_TEXT: return step_text(t, out);
    case HL_TOOLS_CALL: return step_call(t, out);
    case HL_TOOLS_BEHIND: return step_behind(t);
    }
    return false;
}

/* Without memory to hold it, text goes out as it comes. */
static void hold(hl_tools *t, const char *data, size_t len, const outlet *out) {
    hl_buf_append(&t->held, data, len);
    if (t->held.failed >= 0) return;
    t->held.failed = HL_OK;
    give_text(t, t->held.len, out);
    if (len > 0 && (uint8_t)data[0] != HL__TOOLS_CONTROL)
        out->fn(out->arg, (hl_str){data, len}, NULL);
    begin_text(t);
}

/* The byte that stands for control tokens is in no UTF-8; a stray one is left out. */
void hl_tools_push(hl_tools *t, hl_str text, hl_tools_fn *fn, void *arg) {
    outlet out = {fn, arg};
    while (text.len > 0) {
        const char *bad = memchr(text.ptr, HL__TOOLS_CONTROL, text.len);
        size_t n = bad ? (size_t)(bad - text.ptr) : text.len;
        hold(t, text.ptr, n, &out);
        text = hl_str_slice(text, bad ? n + 1 : n, text.len);
    }
    while (step(t, &out)) continue;
}

void hl_tools_mark(hl_tools *t, hl_str mark, hl_tools_fn *fn, void *arg) {
    char held[2 + UINT8_MAX];
    outlet out = {fn, arg};
    HL_ASSERT(mark.len > 0 && mark.len <= UINT8_MAX);
    held[0] = (char)HL__TOOLS_CONTROL;
    held[1] = (char)(uint8_t)mark.len;
    memcpy(held + 2, mark.ptr, mark.len);
    hold(t, held, 2 + mark.len, &out);
    while (step(t, &out)) continue;
}

/* What the end has cut of a closing mark is no text. */
static bool is_cut_close(const hl_tools *t) {
    hl_str s = hl_buf_str(&t->held);
    size_t at = hl__tools_skip_space(s, 0);
    return at == s.len ||
           hl__tools_marks_at(s, at, t->format.close, HL_TOOLS_MARKS_MAX) == SIZE_MAX;
}

void hl_tools_finish(hl_tools *t, hl_tools_fn *fn, void *arg) {
    outlet out = {fn, arg};
    if (t->state == HL_TOOLS_BEHIND && is_cut_close(t)) hl_buf_reset(&t->held);
    give_text(t, t->held.len, &out);
    t->state = HL_TOOLS_TEXT;
    HL_ASSERT(t->held.len == 0);
}
