/* Filters over single values: defaults, numbers, JSON, attributes. */
#include "text/template_eval.h"

#include "text/template_strings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static hl_status filter_default(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    (void)r;
    bool use = c->a[0].kind == TPL_UNDEFINED ||
               (hl__tpl_arg_bool(&c->a[2], false) && !hl__tpl_truth(&c->a[0]));
    *ret = c->a[0];
    if (use) *ret = c->a[1].kind == TPL_MISSING ? hl__tpl_lit("") : c->a[1];
    return HL_OK;
}

static hl_status filter_attr(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    hl_str name;
    HL_TRY(hl__tpl_arg_str(r, &c->a[1], (hl_str){0}, &name));
    HL_TRY(hl__tpl_get_attr(r, &c->a[0], name, ret));
    /* keys are no attributes */
    if (c->a[0].kind == TPL_DICT && ret->kind != TPL_METHOD)
        *ret = hl__tpl_undefined(name, TPL_DICT);
    return HL_OK;
}

/* ---- JSON ---- */

static hl_status json_separators(tpl_run *r, const tpl_value *v, tpl_json_style *style) {
    tpl_value pair;
    HL_TRY(hl__tpl_collect(r, v, &pair));
    if (pair.u.list->n != 2)
        return hl__tpl_fail(r, HL_EFORMAT, "separators must be a pair of strings");
    HL_TRY(hl__tpl_arg_str(r, &pair.u.list->items[0], (hl_str){0}, &style->comma));
    return hl__tpl_arg_str(r, &pair.u.list->items[1], (hl_str){0}, &style->colon);
}

static hl_status json_indent(tpl_run *r, const tpl_value *v, tpl_json_style *style) {
    tpl_value text = *v;
    int64_t n;
    if (v->kind != TPL_STR) {
        HL_TRY(hl__tpl_arg_int(r, v, 0, &n));
        HL_TRY(hl__tpl_repeat(r, HL_STR(" "), n, &text));
    }
    style->indented = true;
    style->indent = text.u.s;
    style->comma = HL_STR(",");
    return HL_OK;
}

static hl_status filter_tojson(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_json_style style = {.comma = HL_STR(", "), .colon = HL_STR(": ")};
    style.ascii = hl__tpl_arg_bool(&c->a[1], false);
    style.sort_keys = hl__tpl_arg_bool(&c->a[4], false);
    if (hl__tpl_given(&c->a[2])) HL_TRY(json_indent(r, &c->a[2], &style));
    if (hl__tpl_given(&c->a[3])) HL_TRY(json_separators(r, &c->a[3], &style));
    size_t begin = hl__tpl_text_begin(r);
    HL_TRY(hl__tpl_append_json(r, &c->a[0], &style, 0));
    return hl__tpl_text_end(r, begin, ret);
}

/* Not in transformers, but templates that other programs render use it. */
static hl_status filter_from_json(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    hl_str s;
    hl_error why;
    struct json_object *o = NULL;
    HL_TRY(hl__tpl_arg_str(r, &c->a[0], (hl_str){0}, &s));
    HL_TRY(hl__tpl_charge(r, s.len / 8));
    hl_status st = hl_json_parse(s, &o, &why);
    if (st < 0) return hl__tpl_fail(r, st, "from_json: %s", why.text);
    st = hl__tpl_from_json(r, o, ret);
    json_object_put(o);
    return st;
}

/* ---- numbers out of texts ---- */

enum { NUMBER_MAX = 400 };

/* Without white space around it and single underscores between digits, as Python's int and
 * float read it; false for what neither of them would. */
static bool plain_number(hl_str s, char out[NUMBER_MAX]) {
    size_t n = 0;
    s = hl__tpl_chars_strip(s, true, true);
    if (s.len == 0 || s.len >= NUMBER_MAX) return false;
    for (size_t i = 0; i < s.len; i++) {
        char ch = s.ptr[i];
        if (ch == '_') {
            bool between = i > 0 && i + 1 < s.len && s.ptr[i - 1] != '_' && n &&
                           strchr("+-.eE", out[n - 1]) == NULL && s.ptr[i + 1] != '_';
            if (!between) return false;
            continue;
        }
        if (ch <= ' ' || (uint8_t)ch >= 0x7F) return false;
        out[n++] = ch;
    }
    out[n] = '\0';
    return true;
}

static int digit_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
}

/* int(text, base): false for what is none. */
static hl_status int_of_text(tpl_run *r, const char *text, int64_t base, tpl_value *ret, bool *ok) {
    const char *p = text;
    bool negative = *p == '-', overflow = false;
    if (*p == '-' || *p == '+') p++;
    char kind = p[0] == '0' ? (char)(p[1] | 32) : '\0';
    int64_t prefixed = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 0, v = 0;
    if (prefixed && (base == prefixed || base == 0)) {
        base = prefixed;
        p += 2;
    }
    if (base == 0) base = 10;
    *ok = *p != '\0' && base >= 2 && base <= 36;
    for (const char *d = p; *ok && *d; d++) {
        *ok = digit_value(*d) < base;
        overflow |= __builtin_mul_overflow(v, base, &v);
        overflow |= negative ? __builtin_sub_overflow(v, digit_value(*d), &v)
                             : __builtin_add_overflow(v, digit_value(*d), &v);
    }
    if (!*ok) return HL_OK;
    *ret = hl__tpl_int(v);
    if (!overflow) return HL_OK;
    if (base != 10) return hl__tpl_fail(r, HL_ELIMIT, "integer does not fit 64 bits");
    while (*p == '0') p++;
    HL_TRY(hl__tpl_printf(r, ret, "%s%s", negative ? "-" : "", p));
    ret->kind = TPL_BIGINT;
    return HL_OK;
}

/* float(text): false for what is none. */
static bool float_of_text(const char *text, double *ret) {
    const char *p = text + (*text == '-' || *text == '+');
    char small[12];
    size_t n = 0;
    for (; p[n] && n + 1 < sizeof small; n++)
        small[n] = (char)(p[n] >= 'A' && p[n] <= 'Z' ? p[n] | 32 : p[n]);
    small[n] = '\0';
    if (strcmp(small, "inf") == 0 || strcmp(small, "infinity") == 0) {
        *ret = *text == '-' ? -INFINITY : INFINITY;
        return true;
    }
    if (strcmp(small, "nan") == 0) {
        *ret = NAN;
        return true;
    }
    if (strspn(text, "0123456789.eE+-") != strlen(text)) return false; /* no hex floats */
    char *end;
    *ret = strtod(text, &end);
    return end != text && *end == '\0';
}

static hl_status int_of_float(tpl_run *r, double f, const tpl_value *otherwise, tpl_value *ret) {
    *ret = *otherwise;
    if (isnan(f)) return HL_OK;
    if (isinf(f)) return hl__tpl_fail(r, HL_EFORMAT, "cannot convert float infinity to integer");
    *ret = hl__tpl_int(fabs(f) < 0x1p63 ? (int64_t)f : 0);
    if (fabs(f) < 0x1p63) return HL_OK;
    HL_TRY(hl__tpl_printf(r, ret, "%.0f", f));
    ret->kind = TPL_BIGINT;
    return HL_OK;
}

static hl_status filter_int(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_value zero = hl__tpl_int(0), otherwise = c->a[1].kind == TPL_MISSING ? zero : c->a[1];
    const tpl_value *v = &c->a[0];
    int64_t i, base;
    HL_TRY(hl__tpl_arg_int(r, &c->a[2], 10, &base));
    if (v->kind == TPL_UNDEFINED) return hl__tpl_fail_undefined(r, v);
    *ret = otherwise;
    if (v->kind == TPL_BIGINT) *ret = *v;
    if (hl__tpl_as_int(v, &i)) *ret = hl__tpl_int(i);
    if (v->kind == TPL_FLOAT) return int_of_float(r, v->u.f, &otherwise, ret);
    char text[NUMBER_MAX];
    bool ok = false;
    double f;
    if (v->kind != TPL_STR || !plain_number(v->u.s, text)) return HL_OK;
    HL_TRY(int_of_text(r, text, base, ret, &ok));
    if (ok) return HL_OK;
    *ret = otherwise;
    if (!float_of_text(text, &f) || isinf(f)) return HL_OK;
    return int_of_float(r, f, &otherwise, ret);
}

static hl_status filter_float(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    const tpl_value *v = &c->a[0];
    char text[NUMBER_MAX];
    double f;
    if (v->kind == TPL_UNDEFINED) return hl__tpl_fail_undefined(r, v);
    *ret = c->a[1].kind == TPL_MISSING ? hl__tpl_float(0) : c->a[1];
    if (hl__tpl_is_number(v)) *ret = hl__tpl_float(hl__tpl_as_float(v));
    if (v->kind != TPL_STR && v->kind != TPL_BIGINT) return HL_OK;
    if (plain_number(v->u.s, text) && float_of_text(text, &f)) *ret = hl__tpl_float(f);
    return HL_OK;
}

static hl_status filter_abs(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    bool negative = hl__tpl_is_number(&c->a[0]) && hl__tpl_as_float(&c->a[0]) < 0;
    if (c->a[0].kind == TPL_FLOAT) {
        *ret = hl__tpl_float(fabs(c->a[0].u.f));
        return HL_OK;
    }
    return hl__tpl_sign(r, negative, &c->a[0], ret);
}

/* Half to even of the exact decimal value, which printf rounds so. */
static double round_float(double v, int64_t digits) {
    char text[NUMBER_MAX + 16];
    if (!isfinite(v) || digits > 300) return v;
    if (digits >= 0) {
        (void)snprintf(text, sizeof text, "%.*f", (int)(digits > 60 ? 60 : digits), v);
        return strtod(text, NULL);
    }
    if (digits < -308) return copysign(0, v);
    double scale = pow(10, (double)-digits);
    return rint(v / scale) * scale;
}

static hl_status round_int(tpl_run *r, int64_t v, int64_t digits, tpl_value *ret) {
    int64_t scale = 1;
    *ret = hl__tpl_int(v);
    if (digits >= 0) return HL_OK;
    *ret = hl__tpl_int(0);
    if (digits < -18) return HL_OK;
    for (; digits < 0; digits++) scale *= 10;
    int64_t down = v / scale - (v % scale < 0), rest = v - down * scale;
    bool up = rest > scale - rest || (rest == scale - rest && down & 1);
    if (__builtin_mul_overflow(down + up, scale, &ret->u.i))
        return hl__tpl_fail(r, HL_ELIMIT, "integer does not fit 64 bits");
    return HL_OK;
}

static hl_status filter_round(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    const tpl_value *v = &c->a[0];
    int64_t digits, i;
    hl_str how;
    HL_TRY(hl__tpl_arg_int(r, &c->a[1], 0, &digits));
    HL_TRY(hl__tpl_arg_str(r, &c->a[2], HL_STR("common"), &how));
    bool common = hl_str_is(how, "common"), ceiling = hl_str_is(how, "ceil");
    if (!common && !ceiling && !hl_str_is(how, "floor"))
        return hl__tpl_fail(r, HL_EFORMAT, "method must be common, ceil or floor");
    if (v->kind == TPL_UNDEFINED) return hl__tpl_fail_undefined(r, v);
    if (!hl__tpl_is_number(v))
        return hl__tpl_fail(r, HL_EFORMAT, "type %s cannot be rounded",
                            hl__tpl_type_name((tpl_kind)v->kind));
    if (common && hl__tpl_as_int(v, &i)) return round_int(r, i, digits, ret);
    double f = hl__tpl_as_float(v), scale = pow(10, (double)digits);
    if (common)
        *ret = hl__tpl_float(round_float(f, digits));
    else
        *ret = hl__tpl_float((ceiling ? ceil(f * scale) : floor(f * scale)) / scale);
    return HL_OK;
}

static hl_status filter_filesizeformat(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    static const char *const PREFIXES[] = {"k", "M", "G", "T", "P", "E", "Z", "Y"};
    tpl_value number;
    tpl_call as_float = *c;
    as_float.a[1].kind = TPL_MISSING;
    HL_TRY(filter_float(r, &as_float, &number));
    bool binary = hl__tpl_arg_bool(&c->a[1], false);
    double bytes = hl__tpl_as_float(&number), base = binary ? 1024 : 1000, unit = base;
    if (bytes == 1) {
        *ret = hl__tpl_lit("1 Byte");
        return HL_OK;
    }
    if (!(bytes >= base)) return hl__tpl_printf(r, ret, "%.0f Bytes", trunc(bytes));
    size_t i = 0;
    for (; i < 7 && bytes >= unit * base; i++) unit *= base;
    const char *prefix = binary && i == 0 ? "K" : PREFIXES[i];
    return hl__tpl_printf(r, ret, "%.1f %s%s", bytes / unit, prefix, binary ? "iB" : "B");
}

const tpl_builtin hl__tpl_filters_values[] = {
    {"tojson", "value ensure_ascii? indent? separators? sort_keys?", filter_tojson},
    {"default", "value default_value? boolean?", filter_default},
    {"d", "value default_value? boolean?", filter_default},
    {"from_json", "value", filter_from_json},
    {"int", "value default? base?", filter_int},
    {"float", "value default?", filter_float},
    {"round", "value precision? method?", filter_round},
    {"abs", "x", filter_abs},
    {"attr", "obj name", filter_attr},
    {"filesizeformat", "value binary?", filter_filesizeformat},
    {0},
};
