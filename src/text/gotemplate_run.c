/* Limits, memory and errors of a rendering. */
#include "text/gotemplate_run.h"

#include <stdarg.h>
#include <stdio.h>

static uint32_t column(const hl_gotemplate *t, uint32_t at) {
    uint32_t from = at;
    while (from > 0 && t->source.ptr[from - 1] != '\n') from--;
    return at - from;
}

hl_status hl__go_fail_(go_run *r, hl_status st, const char *fmt, ...) {
    enum { QUOTED_MAX = 20 };
    char text[HL_ERROR_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    HL_ASSERT(r->at <= r->end && r->end <= r->t->source.len);
    hl_str what = hl_str_slice(r->t->source, r->at, r->end);
    const char *more = what.len > QUOTED_MAX ? "..." : "";
    if (what.len > QUOTED_MAX) what.len = QUOTED_MAX;
    return hl_fail(r->err, st, "template", "template: %s:%u:%u: executing \"%.*s\" at <%.*s%s>: %s",
                   r->t->name, hl__go_line(r->t, r->at), column(r->t, r->at), HL_STR_ARG(r->name),
                   HL_STR_ARG(what), more, text);
}

hl_status hl__go_charge(go_run *r, uint64_t steps) {
    if (steps <= r->t->limits.steps_max - r->steps) {
        r->steps += steps;
        return HL_OK;
    }
    r->steps = r->t->limits.steps_max;
    return hl__go_fail(r, HL_ELIMIT, "takes more than %zu steps", r->t->limits.steps_max);
}

hl_status hl__go_charge_bytes(go_run *r, size_t bytes) {
    return hl__go_charge(r, 1 + bytes / 32);
}

hl_status hl__go_charge_search(go_run *r, size_t i) {
    HL_ASSERT(i < r->n_vars);
    return hl__go_charge(r, (r->n_vars - i) / 16);
}

hl_status hl__go_deeper(go_run *r) {
    HL_TRY(hl__go_charge(r, 1));
    if (r->depth >= r->t->limits.depth_max)
        return hl__go_fail(r, HL_ELIMIT, "exceeded maximum template depth (%u)",
                           r->t->limits.depth_max);
    r->depth++;
    return HL_OK;
}

static hl_status fail_alloc(go_run *r) {
    if (hl_arena_status(r->arena) == HL_ELIMIT)
        return hl__go_fail(r, HL_ELIMIT, "takes more than %zu bytes of memory",
                           r->t->limits.memory_bytes_max);
    return hl__go_fail(r, HL_ENOMEM, "no memory");
}

hl_status hl__go_take(go_run *r, size_t n, size_t size, void **ret) {
    HL_ASSERT(size > 0);
    *ret = hl_arena_array(r->arena, n ? n : 1, size);
    return *ret ? HL_OK : fail_alloc(r);
}

hl_status hl__go_entries_of(go_run *r, const go_value *v, go_entry **ret) {
    HL_TRY(hl__go_charge(r, v->n));
    *ret = hl__go_entries(r->arena, v);
    return *ret ? HL_OK : fail_alloc(r);
}

hl_buf hl__go_text_begin(const go_run *r) {
    hl_buf b;
    hl_buf_init(&b, r->t->limits.output_bytes_max);
    return b;
}

hl_status hl__go_text_end(go_run *r, hl_buf *b, go_value *ret) {
    hl_status st = hl_buf_status(b, "a text", r->err);
    if (st >= 0) st = hl__go_charge_bytes(r, b->len);
    if (st >= 0) {
        hl_str copy = hl_arena_str(r->arena, hl_buf_str(b));
        if (copy.ptr)
            *ret = hl__go_str(copy);
        else
            st = fail_alloc(r);
    }
    hl_buf_deinit(b);
    return st;
}

hl_status hl__go_var_add(go_run *r, hl_str name, const go_value *v) {
    if (r->n_vars == r->vars_cap) {
        size_t cap = r->vars_cap ? r->vars_cap * 2 : 16;
        void *vars;
        HL_TRY(hl__go_take(r, cap, sizeof *r->vars, &vars));
        if (r->n_vars) memcpy(vars, r->vars, r->n_vars * sizeof *r->vars);
        r->vars = vars;
        r->vars_cap = cap;
    }
    r->vars[r->n_vars++] = (go_var){name, *v};
    return HL_OK;
}

hl_status hl__go_var_set(go_run *r, hl_str name, const go_value *v) {
    for (size_t i = r->n_vars; i-- > r->base;) {
        if (!hl_str_eq(r->vars[i].name, name)) continue;
        HL_TRY(hl__go_charge_search(r, i));
        r->vars[i].value = *v;
        return HL_OK;
    }
    return hl__go_fail(r, HL_EFORMAT, "undefined variable: %.*s", HL_STR_ARG(name));
}
