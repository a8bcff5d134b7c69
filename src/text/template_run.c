#include "text/template_run.h"

#include "text/template_ast.h"

#include <stdarg.h>
#include <stdio.h>

hl_status hl__tpl_fail_at_node(tpl_run *r, hl_status st, const char *fmt, ...) {
    char text[HL_ERROR_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    tpl_place p = hl__tpl_place(r->t, r->at);
    return hl_fail(r->err, st, "template", "%s:%u:%u: %s", p.name, p.line, p.column, text);
}

hl_status hl__tpl_fail_undefined(tpl_run *r, const tpl_value *v) {
    HL_ASSERT(v->kind == TPL_UNDEFINED);
    if (v->aux == TPL_UNDEFINED_TEXT)
        return hl__tpl_fail(r, HL_EFORMAT, "%.*s", HL_STR_ARG(v->u.s));
    if (v->aux == TPL_UNDEFINED_NAME)
        return hl__tpl_fail(r, HL_EFORMAT, "'%.*s' is undefined", HL_STR_ARG(v->u.s));
    bool none = v->aux == TPL_NONE;
    return hl__tpl_fail(r, HL_EFORMAT, "'%s%s' has no attribute '%.*s'",
                        none ? "None" : hl__tpl_type_name((tpl_kind)v->aux), none ? "" : " object",
                        HL_STR_ARG(v->u.s));
}

hl_status hl__tpl_charge(tpl_run *r, uint64_t steps) {
    if (steps <= r->limits->steps_max - r->steps) {
        r->steps += steps;
        return HL_OK;
    }
    r->steps = r->limits->steps_max;
    return hl__tpl_fail(r, HL_ELIMIT, "takes more than %zu steps", r->limits->steps_max);
}

hl_status hl__tpl_enter(tpl_run *r) {
    HL_TRY(hl__tpl_charge(r, 1));
    if (r->depth >= r->limits->depth_max)
        return hl__tpl_fail(r, HL_ELIMIT, "nested deeper than %u", r->limits->depth_max);
    r->depth++;
    return HL_OK;
}

hl_status hl__tpl_alloc(tpl_run *r, size_t n, size_t size, void **ret) {
    HL_ASSERT(size > 0);
    /* the arena rounds up to 16 and does not count that: count it here */
    if (n > (SIZE_MAX - 15) / size)
        return hl__tpl_fail(r, HL_ELIMIT, "asks for %zu values at once", n);
    size_t bytes = (n * size + 15) & ~(size_t)15;
    *ret = hl_arena_alloc(r->arena, bytes ? bytes : 16);
    if (*ret) return HL_OK;
    if (hl_arena_status(r->arena) == HL_ELIMIT)
        return hl__tpl_fail(r, HL_ELIMIT, "takes more than %zu bytes of memory",
                            r->limits->memory_bytes_max);
    return hl__tpl_fail(r, HL_ENOMEM, "no memory");
}

hl_status hl__tpl_out_check(tpl_run *r) {
    if (!r->out.failed) return HL_OK;
    if (r->out.failed == HL_ELIMIT)
        return hl__tpl_fail(r, HL_ELIMIT, "makes more than %zu bytes of text",
                            r->limits->output_bytes_max);
    return hl__tpl_fail(r, HL_ENOMEM, "no memory for the text");
}

hl_status hl__tpl_text_end(tpl_run *r, size_t begin, tpl_value *ret) {
    HL_TRY(hl__tpl_out_check(r));
    HL_ASSERT(begin <= r->out.len);
    hl_str made = hl_str_slice(hl_buf_str(&r->out), begin, r->out.len);
    HL_TRY(hl__tpl_text_copy(r, made, ret));
    r->out.len = begin;
    return HL_OK;
}

hl_status hl__tpl_text_copy(tpl_run *r, hl_str s, tpl_value *ret) {
    HL_TRY(hl__tpl_charge_bytes(r, s.len));
    void *copy;
    HL_TRY(hl__tpl_alloc(r, s.len, 1, &copy));
    if (s.len) memcpy(copy, s.ptr, s.len);
    *ret = hl__tpl_str((hl_str){copy, s.len});
    return HL_OK;
}

hl_status hl__tpl_printf(tpl_run *r, tpl_value *ret, const char *fmt, ...) {
    char text[HL_ERROR_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    HL_ASSERT(n >= 0);
    size_t len = (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    return hl__tpl_text_copy(r, (hl_str){text, len}, ret);
}

enum { TAIL_FROM = 256 }; /* shorter texts get no room to grow */

hl_status hl__tpl_concat(tpl_run *r, hl_str a, hl_str b, tpl_value *ret) {
    if (a.len > r->limits->output_bytes_max || b.len > r->limits->output_bytes_max - a.len)
        return hl__tpl_fail(r, HL_ELIMIT, "makes a text of more than %zu bytes",
                            r->limits->output_bytes_max);
    size_t len = a.len + b.len;
    if (a.len && a.ptr + a.len == r->tail && b.len <= r->tail_room) {
        HL_TRY(hl__tpl_charge_bytes(r, b.len));
        if (b.len) memmove((char *)a.ptr + a.len, b.ptr, b.len);
        r->tail += b.len;
        r->tail_room -= b.len;
        *ret = hl__tpl_str((hl_str){a.ptr, len});
        return HL_OK;
    }
    size_t room = len >= TAIL_FROM ? len : 0;
    void *p;
    HL_TRY(hl__tpl_charge_bytes(r, len));
    HL_TRY(hl__tpl_alloc(r, len + room, 1, &p));
    char *text = p;
    if (a.len) memcpy(text, a.ptr, a.len);
    if (b.len) memcpy(text + a.len, b.ptr, b.len);
    *ret = hl__tpl_str((hl_str){text, len});
    if (room) {
        r->tail = text + len;
        r->tail_room = room;
    }
    return HL_OK;
}
