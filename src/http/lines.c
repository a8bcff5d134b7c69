#include "http/lines.h"

void hl_http_lines_init(hl_http_lines *l, hl_http_framing framing, size_t unit_max,
                        hl_http_unit_fn *take, void *arg) {
    HL_ASSERT(take && unit_max > 0);
    *l = (hl_http_lines){.framing = framing, .unit_max = unit_max, .take = take, .arg = arg};
    hl_buf_init(&l->line, unit_max);
    hl_buf_init(&l->data, unit_max);
}

void hl_http_lines_deinit(hl_http_lines *l) {
    hl_buf_deinit(&l->line);
    hl_buf_deinit(&l->data);
}

static hl_status fail_long(const hl_http_lines *l, hl_error *err) {
    return hl_fail(err, HL_ELIMIT, "http", "the server sent a line of more than %zu bytes",
                   l->unit_max);
}

static hl_status check(const hl_http_lines *l, const hl_buf *b, hl_error *err) {
    if (b->failed == HL_ELIMIT) return fail_long(l, err);
    return hl_buf_status(b, "the server's line", err);
}

static void give(hl_http_lines *l, hl_str unit) {
    HL_ASSERT(!l->enough);
    l->enough = !l->take(l->arg, unit);
}

/* -- server-sent events ------------------------------------------------------------------------ */

static void give_event(hl_http_lines *l) {
    HL_ASSERT(l->has_data || l->data.len == 0);
    if (l->has_data) give(l, hl_buf_str(&l->data));
    l->has_data = false;
    hl_buf_reset(&l->data);
}

static void take_field(hl_http_lines *l, hl_str line) {
    size_t colon = hl_str_find(line, HL_STR(":"), 0);
    hl_str value = colon == SIZE_MAX ? HL_STR("") : hl_str_slice(line, colon + 1, line.len);
    if (!hl_str_is(hl_str_slice(line, 0, colon), "data")) return;
    if (hl_str_starts(value, HL_STR(" "))) value = hl_str_slice(value, 1, value.len);
    if (l->has_data) hl_buf_append_char(&l->data, '\n');
    hl_buf_append_str(&l->data, value);
    l->has_data = true;
}

/* -- lines ------------------------------------------------------------------------------------- */

static hl_status take_line(hl_http_lines *l, hl_str line, hl_error *err) {
    if (line.len > l->unit_max) return fail_long(l, err);
    if (l->framing == HL_HTTP_NDJSON) {
        if (hl_str_ends(line, HL_STR("\r"))) line.len--;
        if (line.len > 0) give(l, line);
        return HL_OK;
    }
    if (line.len == 0)
        give_event(l);
    else
        take_field(l, line);
    return check(l, &l->data, err);
}

/* Offset of the end of the line that begins at `from`; SIZE_MAX: not there yet. */
static size_t find_end(const hl_http_lines *l, hl_str s, size_t from) {
    if (l->framing == HL_HTTP_NDJSON) return hl_str_find(s, HL_STR("\n"), from);
    for (size_t i = from; i < s.len; i++)
        if (s.ptr[i] == '\n' || s.ptr[i] == '\r') return i;
    return SIZE_MAX;
}

/* A line that came in one piece is not copied. */
static hl_status end_line(hl_http_lines *l, hl_str piece, hl_error *err) {
    if (l->line.len == 0) return take_line(l, piece, err);
    hl_buf_append_str(&l->line, piece);
    HL_TRY(check(l, &l->line, err));
    hl_status st = take_line(l, hl_buf_str(&l->line), err);
    hl_buf_reset(&l->line);
    return st;
}

hl_status hl_http_lines_push(hl_http_lines *l, hl_str bytes, hl_error *err) {
    size_t at = 0;
    if (bytes.len == 0) return l->enough ? HL_DONE : HL_OK;
    if (l->after_cr && bytes.ptr[0] == '\n') at++;
    l->after_cr = false;
    while (!l->enough) {
        size_t end = find_end(l, bytes, at);
        if (end == SIZE_MAX) break;
        HL_TRY(end_line(l, hl_str_slice(bytes, at, end), err));
        at = end + 1;
        if (l->framing == HL_HTTP_NDJSON || bytes.ptr[end] != '\r') continue;
        if (at < bytes.len)
            at += bytes.ptr[at] == '\n';
        else
            l->after_cr = true;
    }
    if (l->enough) return HL_DONE;
    hl_buf_append_str(&l->line, hl_str_slice(bytes, at, bytes.len));
    return check(l, &l->line, err);
}

hl_status hl_http_lines_end(hl_http_lines *l, hl_error *err) {
    if (!l->enough && l->framing == HL_HTTP_NDJSON && l->line.len > 0) {
        hl_status st = take_line(l, hl_buf_str(&l->line), err);
        hl_buf_reset(&l->line);
        HL_TRY(st);
    }
    return l->enough ? HL_DONE : HL_OK;
}
