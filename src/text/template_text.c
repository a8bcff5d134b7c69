/* str() and repr() of values. */
#include "text/template_eval.h"

#include "text/template_chars.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- floats ---- */

/* The shortest digits (at most 17) that read back as f, which is finite and positive:
 * d.ddd… times 10 to the *ret_exponent.  Source: Python's repr, as its documentation
 * describes it ("the shortest string that rounds to the same value"). */
static void shortest_digits(double f, char digits[20], int *ret_exponent) {
    char text[40];
    /* 15 digits are enough to see a shorter decimal through, but not for subnormal numbers */
    for (int precision = f < DBL_MIN ? 1 : 15; precision <= 17; precision++) {
        (void)snprintf(text, sizeof text, "%.*e", precision - 1, f);
        if (precision == 17 || strtod(text, NULL) == f) break;
        /* beside a power of two the nearest decimal may miss where the one above does not */
        if (precision == 16 && text[16] < '9') {
            text[16]++;
            if (strtod(text, NULL) == f) break;
        }
    }
    size_t n = 0;
    for (const char *p = text; *p && *p != 'e'; p++) {
        if (*p >= '0' && *p <= '9') digits[n++] = *p; /* whatever the locale's point is */
    }
    while (n > 1 && digits[n - 1] == '0') n--;
    digits[n] = '\0';
    const char *e = strchr(text, 'e');
    HL_ASSERT(e && n <= 17);
    *ret_exponent = (int)strtoll(e + 1, NULL, 10);
}

static size_t put(char *out, size_t n, const char *s, size_t len) {
    HL_ASSERT(n + len < TPL_FLOAT_MAX);
    memcpy(out + n, s, len);
    out[n + len] = '\0';
    return n + len;
}

static size_t put_zeros(char *out, size_t n, int count) {
    for (; count > 0; count--) n = put(out, n, "0", 1);
    return n;
}

size_t hl__tpl_float_repr(double f, char out[TPL_FLOAT_MAX]) {
    if (isnan(f)) return put(out, 0, "nan", 3);
    size_t n = signbit(f) ? put(out, 0, "-", 1) : 0;
    if (isinf(f)) return put(out, n, "inf", 3);
    if (f == 0) return put(out, n, "0.0", 3);
    char digits[20], exponent[8];
    int e;
    shortest_digits(fabs(f), digits, &e);
    size_t len = strlen(digits);
    if (e < -4 || e >= 16) {
        n = put(out, n, digits, 1);
        if (len > 1) {
            n = put(out, n, ".", 1);
            n = put(out, n, digits + 1, len - 1);
        }
        int w = snprintf(exponent, sizeof exponent, "e%c%02d", e < 0 ? '-' : '+', abs(e));
        return put(out, n, exponent, (size_t)w);
    }
    if (e < 0) {
        n = put_zeros(out, put(out, n, "0.", 2), -e - 1);
        return put(out, n, digits, len);
    }
    size_t whole = (size_t)e + 1 < len ? (size_t)e + 1 : len;
    n = put_zeros(out, put(out, n, digits, whole), e + 1 - (int)whole);
    n = put(out, n, ".", 1);
    return whole == len ? put(out, n, "0", 1) : put(out, n, digits + whole, len - whole);
}

/* ---- repr of strings ---- */

static void append_quoted_char(hl_buf *b, uint32_t cp, hl_str raw, char quote) {
    static const char FROM[] = "\\\n\r\t", TO[] = "\\nrt";
    const char *known = cp && cp < 0x80 ? strchr(FROM, (int)cp) : NULL;
    if (known || cp == (uint8_t)quote) {
        hl_buf_append_char(b, '\\');
        hl_buf_append_char(b, known ? TO[known - FROM] : quote);
    } else if (hl__tpl_char_flags(cp) & TPL_CHAR_PRINTABLE) {
        hl_buf_append_str(b, raw);
    } else {
        hl_buf_printf(b,
                      cp < 0x100     ? "\\x%02x"
                      : cp < 0x10000 ? "\\u%04x"
                                     : "\\U%08x",
                      (unsigned)cp);
    }
}

static hl_status append_quoted(tpl_run *r, hl_str s) {
    bool single = memchr(s.ptr ? s.ptr : "", '\'', s.len) != NULL;
    bool twice = memchr(s.ptr ? s.ptr : "", '"', s.len) != NULL;
    char quote = single && !twice ? '"' : '\'';
    HL_TRY(hl__tpl_charge(r, s.len / 8));
    hl_buf_append_char(&r->out, quote);
    for (size_t at = 0; at < s.len;) {
        size_t from = at;
        uint32_t cp = hl__tpl_chars_next(s, &at);
        append_quoted_char(&r->out, cp, hl_str_slice(s, from, at), quote);
    }
    hl_buf_append_char(&r->out, quote);
    return hl__tpl_out_check(r);
}

/* ---- repr of containers ---- */

static hl_status append_items(tpl_run *r, const tpl_list *l, bool tuple) {
    hl_buf_append_char(&r->out, tuple ? '(' : '[');
    for (size_t i = 0; i < l->n; i++) {
        if (i) hl_buf_append_cstr(&r->out, ", ");
        HL_TRY(hl__tpl_append_repr(r, &l->items[i]));
    }
    if (tuple && l->n == 1) hl_buf_append_char(&r->out, ',');
    hl_buf_append_char(&r->out, tuple ? ')' : ']');
    return HL_OK;
}

static hl_status append_entries(tpl_run *r, const tpl_dict *d) {
    size_t at = 0, n = 0;
    hl_buf_append_char(&r->out, '{');
    for (const tpl_entry *e; (e = hl__tpl_dict_next(d, &at));) {
        if (n++) hl_buf_append_cstr(&r->out, ", ");
        HL_TRY(hl__tpl_append_repr(r, &e->key));
        hl_buf_append_cstr(&r->out, ": ");
        HL_TRY(hl__tpl_append_repr(r, &e->value));
    }
    hl_buf_append_char(&r->out, '}');
    return HL_OK;
}

static hl_status append_view(tpl_run *r, const tpl_value *v) {
    static const char *const NAMES[] = {"dict_keys([", "dict_values([", "dict_items(["};
    size_t at = 0, n = 0;
    hl_buf_append_cstr(&r->out, NAMES[v->aux]);
    for (const tpl_entry *e; (e = hl__tpl_dict_next(v->u.dict, &at));) {
        tpl_value item;
        if (n++) hl_buf_append_cstr(&r->out, ", ");
        HL_TRY(hl__tpl_entry_view(r, e, (tpl_view)v->aux, &item));
        HL_TRY(hl__tpl_append_repr(r, &item));
    }
    hl_buf_append_cstr(&r->out, "])");
    return HL_OK;
}

static void append_range(tpl_run *r, const tpl_range *g) {
    hl_buf_printf(&r->out, "range(%lld, %lld", (long long)g->start, (long long)g->stop);
    if (g->step != 1) hl_buf_printf(&r->out, ", %lld", (long long)g->step);
    hl_buf_append_char(&r->out, ')');
}

static hl_status append_namespace(tpl_run *r, const tpl_dict *d) {
    hl_buf_append_cstr(&r->out, "<Namespace ");
    HL_TRY(append_entries(r, d));
    hl_buf_append_char(&r->out, '>');
    return HL_OK;
}

static hl_status append_loop(tpl_run *r, tpl_loop *l) {
    tpl_value n;
    HL_TRY(hl__tpl_loop_attr(r, l, HL_STR("length"), &n));
    hl_buf_printf(&r->out, "<LoopContext %lld/%lld>", (long long)l->index0 + 1, (long long)n.u.i);
    return HL_OK;
}

static void append_float(tpl_run *r, double f) {
    char text[TPL_FLOAT_MAX];
    size_t n = hl__tpl_float_repr(f, text);
    hl_buf_append(&r->out, text, n);
}

/* All but strings, whose two texts differ. */
static hl_status append_kind(tpl_run *r, const tpl_value *v) {
    switch ((tpl_kind)v->kind) {
    case TPL_UNDEFINED: hl_buf_append_cstr(&r->out, "Undefined"); return HL_OK;
    case TPL_NONE: hl_buf_append_cstr(&r->out, "None"); return HL_OK;
    case TPL_BOOL: hl_buf_append_cstr(&r->out, v->u.b ? "True" : "False"); return HL_OK;
    case TPL_INT: hl_buf_printf(&r->out, "%lld", (long long)v->u.i); return HL_OK;
    case TPL_BIGINT: hl_buf_append_str(&r->out, v->u.s); return HL_OK;
    case TPL_FLOAT: append_float(r, v->u.f); return HL_OK;
    case TPL_LIST:
    case TPL_TUPLE: return append_items(r, v->u.list, v->kind == TPL_TUPLE);
    case TPL_DICT: return append_entries(r, v->u.dict);
    case TPL_VIEW: return append_view(r, v);
    case TPL_RANGE: append_range(r, v->u.range); return HL_OK;
    case TPL_NAMESPACE: return append_namespace(r, v->u.dict);
    case TPL_LOOP: return append_loop(r, v->u.loop);
    case TPL_MACRO:
        hl_buf_printf(&r->out, "<Macro '%.*s'>", HL_STR_ARG(v->u.macro->node->text));
        return HL_OK;
    case TPL_METHOD: /* Python adds an address */
        hl_buf_printf(&r->out, "<built-in method %s of %s object>", v->u.method->fn->name,
                      hl__tpl_type_name((tpl_kind)v->u.method->self.kind));
        return HL_OK;
    default:
        hl_buf_printf(&r->out, "<%s object>", hl__tpl_type_name((tpl_kind)v->kind));
        return HL_OK;
    }
}

hl_status hl__tpl_append_repr(tpl_run *r, const tpl_value *v) {
    if (v->kind == TPL_STR && !v->safe) return append_quoted(r, v->u.s);
    HL_TRY(hl__tpl_enter(r));
    if (v->kind == TPL_STR) {
        hl_buf_append_cstr(&r->out, "Markup(");
        HL_TRY(append_quoted(r, v->u.s));
        hl_buf_append_char(&r->out, ')');
    } else {
        HL_TRY(append_kind(r, v));
    }
    hl__tpl_leave(r);
    return hl__tpl_out_check(r);
}

hl_status hl__tpl_append_str(tpl_run *r, const tpl_value *v) {
    if (v->kind == TPL_UNDEFINED) return HL_OK;
    if (v->kind != TPL_STR) return hl__tpl_append_repr(r, v);
    HL_TRY(hl__tpl_charge_bytes(r, v->u.s.len));
    hl_buf_append_str(&r->out, v->u.s);
    return hl__tpl_out_check(r);
}

hl_status hl__tpl_to_str(tpl_run *r, const tpl_value *v, tpl_value *ret) {
    if (v->kind == TPL_STR) {
        *ret = *v;
        return HL_OK;
    }
    size_t begin = hl__tpl_text_begin(r);
    HL_TRY(hl__tpl_append_str(r, v));
    return hl__tpl_text_end(r, begin, ret);
}

/* ---- HTML ---- */

void hl__tpl_append_escaped(tpl_run *r, hl_str s) {
    static const char FROM[] = "&<>'\"";
    static const char *const TO[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
    for (size_t i = 0; i < s.len; i++) {
        const char *known = s.ptr[i] ? strchr(FROM, s.ptr[i]) : NULL;
        if (known)
            hl_buf_append_cstr(&r->out, TO[known - FROM]);
        else
            hl_buf_append_char(&r->out, s.ptr[i]);
    }
}

hl_status hl__tpl_escape(tpl_run *r, const tpl_value *v, tpl_value *ret) {
    tpl_value s;
    HL_TRY(hl__tpl_to_str(r, v, &s));
    *ret = s;
    if (!s.safe) {
        size_t begin = hl__tpl_text_begin(r);
        HL_TRY(hl__tpl_charge(r, s.u.s.len / 8));
        hl__tpl_append_escaped(r, s.u.s);
        HL_TRY(hl__tpl_text_end(r, begin, ret));
    }
    ret->safe = true;
    return HL_OK;
}
