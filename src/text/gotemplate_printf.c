/* Printf: the directives of a format. */
#include "text/gotemplate_format.h"

#include "base/utf8.h"

enum { NUMBER_MAX = 1000 * 1000 }; /* fmt takes no larger width, precision or index */

typedef struct go_printf {
    go_format f;
    hl_str format;
    size_t at;
    const go_value *args;
    size_t n_args, i_arg;
    bool good_index, after_index, reordered;
    bool no_close; /* there is no "]" any more */
} go_printf;

static char peek(const go_printf *p) {
    return p->at < p->format.len ? p->format.ptr[p->at] : '\0';
}

/* Digits; false when there are none or too many. */
static bool take_number(go_printf *p, int *ret) {
    bool is = false;
    int value = 0;
    while (peek(p) >= '0' && peek(p) <= '9') {
        if (value > NUMBER_MAX) { /* fmt then gives the whole rest up */
            p->at = p->format.len;
            *ret = 0;
            return false;
        }
        value = value * 10 + (peek(p) - '0');
        is = true;
        p->at++;
    }
    *ret = is ? value : 0;
    return is;
}

/* "[3]": the next argument is the third. */
static void take_index(go_printf *p) {
    if (peek(p) != '[') {
        p->after_index = false;
        return;
    }
    p->reordered = true;
    size_t close = p->no_close ? SIZE_MAX : hl_str_find(p->format, HL_STR("]"), p->at);
    p->no_close = close == SIZE_MAX;
    if (close == SIZE_MAX) {
        p->good_index = false;
        p->after_index = false;
        p->at++;
        return;
    }
    int index;
    p->at++;
    bool ok = take_number(p, &index) && p->at == close && index >= 1 && (size_t)index <= p->n_args;
    p->at = close + 1;
    p->after_index = ok;
    if (ok)
        p->i_arg = (size_t)index - 1;
    else
        p->good_index = false;
}

/* "*": an argument is the number. */
static bool take_star(go_printf *p, int *ret) {
    *ret = 0;
    p->at++;
    p->after_index = false;
    if (p->i_arg >= p->n_args) return false;
    const go_value *v = &p->args[p->i_arg++];
    bool integer = v->kind == GO_INT || v->kind == GO_BYTE;
    if (!integer || v->u.i > NUMBER_MAX || v->u.i < -NUMBER_MAX) return false;
    *ret = (int)v->u.i;
    return true;
}

static void take_flags(go_printf *p) {
    go_format *f = &p->f;
    for (;; p->at++) {
        switch (peek(p)) {
        case '#': f->sharp = true; break;
        case '0': f->zero = true; break;
        case '+': f->plus = true; break;
        case '-': f->minus = true; break;
        case ' ': f->space = true; break;
        default: return;
        }
    }
}

static void take_width(go_printf *p) {
    go_format *f = &p->f;
    if (peek(p) != '*') {
        f->has_width = take_number(p, &f->width);
        if (p->after_index && f->has_width) p->good_index = false;
        return;
    }
    f->has_width = take_star(p, &f->width);
    if (!f->has_width) hl_buf_append_cstr(f->b, "%!(BADWIDTH)");
    if (f->width < 0) {
        f->width = -f->width;
        f->minus = true;
        f->zero = false;
    }
}

static void take_precision(go_printf *p) {
    go_format *f = &p->f;
    if (peek(p) != '.' || p->at + 1 >= p->format.len) return;
    p->at++;
    if (p->after_index) p->good_index = false;
    take_index(p);
    if (peek(p) != '*') {
        (void)take_number(p, &f->precision);
        f->has_precision = true;
        return;
    }
    f->has_precision = take_star(p, &f->precision);
    if (f->precision < 0) {
        f->precision = 0;
        f->has_precision = false;
    }
    if (!f->has_precision) hl_buf_append_cstr(f->b, "%!(BADPREC)");
}

static void complain(go_printf *p, uint32_t verb, const char *what) {
    hl_buf_append_cstr(p->f.b, "%!");
    hl__go_format_cp(p->f.b, verb);
    hl_buf_append_cstr(p->f.b, what);
}

static hl_status format_verb(go_printf *p, uint32_t verb) {
    go_format *f = &p->f;
    if (verb == '%') {
        hl_buf_append_char(f->b, '%');
        return HL_OK;
    }
    if (!p->good_index || p->i_arg >= p->n_args) {
        complain(p, verb, p->good_index ? "(MISSING)" : "(BADINDEX)");
        return HL_OK;
    }
    if (verb == 'v') {
        f->sharp_v = f->sharp;
        f->plus_v = f->plus;
        f->sharp = f->plus = false;
    }
    const go_value *v = &p->args[p->i_arg++];
    /* data has no pointers: %p is always wrong for it */
    return verb == 'w' ? hl__go_format_bad(f, v, verb) : hl__go_format_value(f, v, verb);
}

static hl_status directive(go_printf *p) {
    p->f = (go_format){.r = p->f.r, .b = p->f.b};
    p->good_index = true;
    take_flags(p);
    take_index(p);
    take_width(p);
    take_precision(p);
    if (!p->after_index) take_index(p);
    if (p->at >= p->format.len) {
        hl_buf_append_cstr(p->f.b, "%!(NOVERB)");
        return HL_OK;
    }
    uint32_t verb;
    bool ok;
    p->at += hl_utf8_decode(p->format, p->at, &verb, &ok);
    return format_verb(p, verb);
}

static hl_status extra(go_printf *p) {
    if (p->reordered || p->i_arg >= p->n_args) return HL_OK;
    hl_buf *b = p->f.b;
    p->f = (go_format){.r = p->f.r, .b = b};
    hl_buf_append_cstr(b, "%!(EXTRA ");
    for (size_t i = p->i_arg; i < p->n_args; i++) {
        const go_value *v = &p->args[i];
        if (i > p->i_arg) hl_buf_append_cstr(b, ", ");
        if (!hl__go_is_nil(v)) hl_buf_printf(b, "%s=", hl__go_type_name(v));
        HL_TRY(hl__go_format_value(&p->f, v, 'v'));
    }
    hl_buf_append_char(b, ')');
    return HL_OK;
}

hl_status hl__go_sprintf(go_run *r, const go_value *args, size_t n, hl_buf *b) {
    HL_ASSERT(n > 0 && args[0].kind == GO_STRING);
    go_printf p = {.f = {.r = r, .b = b}, .format = args[0].u.s, .args = args + 1, .n_args = n - 1};
    while (p.at < p.format.len) {
        size_t percent = hl_str_find(p.format, HL_STR("%"), p.at);
        hl_buf_append_str(b, hl_str_slice(p.format, p.at, percent));
        if (percent == SIZE_MAX) break;
        p.at = percent + 1;
        HL_TRY(hl__go_charge(r, 1));
        HL_TRY(directive(&p));
    }
    return extra(&p);
}
