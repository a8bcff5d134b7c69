/* tojson, which transformers makes json.dumps(value, ensure_ascii, indent, separators, sort_keys)
 * with ensure_ascii off: not Jinja's own, which sorts keys and escapes for HTML. */
#include "text/template_eval.h"

#include "text/template_chars.h"

#include <math.h>

static void append_ascii_string(hl_buf *b, hl_str s) {
    static const char FROM[] = "\"\\\b\f\n\r\t", TO[] = "\"\\bfnrt";
    hl_buf_append_char(b, '"');
    for (size_t at = 0; at < s.len;) {
        uint32_t cp = hl__tpl_chars_next(s, &at);
        const char *known = cp && cp < 0x80 ? strchr(FROM, (int)cp) : NULL;
        if (known) {
            hl_buf_append_char(b, '\\');
            hl_buf_append_char(b, TO[known - FROM]);
        } else if (cp >= 0x20 && cp < 0x7F) {
            hl_buf_append_char(b, (char)cp);
        } else if (cp < 0x10000) {
            hl_buf_printf(b, "\\u%04x", (unsigned)cp);
        } else {
            hl_buf_printf(b, "\\u%04x\\u%04x", (unsigned)(0xD800 + ((cp - 0x10000) >> 10)),
                          (unsigned)(0xDC00 + ((cp - 0x10000) & 0x3FF)));
        }
    }
    hl_buf_append_char(b, '"');
}

static hl_status append_string(tpl_run *r, hl_str s, const tpl_json_style *style) {
    HL_TRY(hl__tpl_charge(r, s.len / 16));
    if (style->ascii)
        append_ascii_string(&r->out, s);
    else
        hl_json_append_string(&r->out, s);
    return hl__tpl_out_check(r);
}

static void append_float(tpl_run *r, double f) {
    char text[TPL_FLOAT_MAX];
    if (isnan(f)) {
        hl_buf_append_cstr(&r->out, "NaN");
    } else if (isinf(f)) {
        hl_buf_append_cstr(&r->out, f < 0 ? "-Infinity" : "Infinity");
    } else {
        size_t n = hl__tpl_float_repr(f, text);
        hl_buf_append(&r->out, text, n);
    }
}

static void append_newline(tpl_run *r, const tpl_json_style *style, uint32_t level) {
    if (!style->indented) return;
    hl_buf_append_char(&r->out, '\n');
    for (uint32_t i = 0; i < level; i++) hl_buf_append_str(&r->out, style->indent);
}

static hl_status append_list(tpl_run *r, const tpl_list *l, const tpl_json_style *style,
                             uint32_t level) {
    hl_buf_append_char(&r->out, '[');
    for (size_t i = 0; i < l->n; i++) {
        if (i) hl_buf_append_str(&r->out, style->comma);
        append_newline(r, style, level + 1);
        HL_TRY(hl__tpl_append_json(r, &l->items[i], style, level + 1));
    }
    if (l->n) append_newline(r, style, level);
    hl_buf_append_char(&r->out, ']');
    return HL_OK;
}

/* Keys that are no strings become strings. */
static hl_status append_key(tpl_run *r, const tpl_value *key, const tpl_json_style *style) {
    if (key->kind == TPL_STR) return append_string(r, key->u.s, style);
    if (key->kind != TPL_NONE && key->kind != TPL_BIGINT && !hl__tpl_is_number(key))
        return hl__tpl_fail(r, HL_EFORMAT, "keys must be str, int, float, bool or None, not %s",
                            hl__tpl_type_name((tpl_kind)key->kind));
    hl_buf_append_char(&r->out, '"');
    HL_TRY(hl__tpl_append_json(r, key, style, 0));
    hl_buf_append_char(&r->out, '"');
    return HL_OK;
}

/* By insertion, which is quick where keys come sorted and bounded by the steps elsewhere. */
static hl_status sort_entries(tpl_run *r, tpl_entry *e, size_t n) {
    for (size_t i = 1; i < n; i++) {
        tpl_entry moving = e[i];
        size_t at = i;
        for (; at > 0; at--) {
            int c;
            HL_TRY(hl__tpl_charge(r, 1));
            HL_TRY(hl__tpl_compare(r, &moving.key, &e[at - 1].key, "<", &c));
            if (c != -1) break;
            e[at] = e[at - 1];
        }
        e[at] = moving;
    }
    return HL_OK;
}

static hl_status append_dict(tpl_run *r, const tpl_dict *d, const tpl_json_style *style,
                             uint32_t level) {
    void *p;
    size_t at = 0, n = 0;
    HL_TRY(hl__tpl_alloc(r, d->n, sizeof(tpl_entry), &p));
    tpl_entry *entries = p;
    for (const tpl_entry *e; (e = hl__tpl_dict_next(d, &at));) entries[n++] = *e;
    HL_ASSERT(n == d->n);
    if (style->sort_keys) HL_TRY(sort_entries(r, entries, n));
    hl_buf_append_char(&r->out, '{');
    for (size_t i = 0; i < n; i++) {
        if (i) hl_buf_append_str(&r->out, style->comma);
        append_newline(r, style, level + 1);
        HL_TRY(append_key(r, &entries[i].key, style));
        hl_buf_append_str(&r->out, style->colon);
        HL_TRY(hl__tpl_append_json(r, &entries[i].value, style, level + 1));
    }
    if (n) append_newline(r, style, level);
    hl_buf_append_char(&r->out, '}');
    return HL_OK;
}

static hl_status append_kind(tpl_run *r, const tpl_value *v, const tpl_json_style *style,
                             uint32_t level) {
    switch ((tpl_kind)v->kind) {
    case TPL_NONE: hl_buf_append_cstr(&r->out, "null"); return HL_OK;
    case TPL_BOOL: hl_buf_append_cstr(&r->out, v->u.b ? "true" : "false"); return HL_OK;
    case TPL_INT: hl_buf_printf(&r->out, "%lld", (long long)v->u.i); return HL_OK;
    case TPL_BIGINT: hl_buf_append_str(&r->out, v->u.s); return HL_OK;
    case TPL_FLOAT: append_float(r, v->u.f); return HL_OK;
    case TPL_STR: return append_string(r, v->u.s, style);
    case TPL_LIST:
    case TPL_TUPLE: return append_list(r, v->u.list, style, level);
    case TPL_DICT: return append_dict(r, v->u.dict, style, level);
    default:
        return hl__tpl_fail(r, HL_EFORMAT, "object of type %s is not JSON serializable",
                            hl__tpl_type_name((tpl_kind)v->kind));
    }
}

hl_status hl__tpl_append_json(tpl_run *r, const tpl_value *v, const tpl_json_style *style,
                              uint32_t level) {
    HL_TRY(hl__tpl_enter(r));
    HL_TRY(append_kind(r, v, style, level));
    hl__tpl_leave(r);
    return hl__tpl_out_check(r);
}
