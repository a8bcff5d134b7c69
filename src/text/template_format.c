/* "…" % values and "…".format(values): the two ways in which Python writes values into a
 * text.  What a field looks like is the same for both; only how it is spelled differs. */
#include "text/template_eval.h"

#include "base/utf8.h"
#include "text/template_chars.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct field {
    hl_str fill; /* one character */
    char align;  /* '<' '>' '^' '=', '\0': the type's own */
    char sign;   /* '+' ' ' or '\0' */
    char group;  /* ',' '_' or '\0' */
    bool alternate;
    int64_t width;     /* 0: none  */
    int64_t precision; /* -1: none */
    char type;         /* '\0': the value's own */
} field;

enum { PRECISION_MAX = 100, NUMBER_MAX = 640 };

/* ---- padding ---- */

static hl_status pad(tpl_run *r, const field *f, int64_t n) {
    if (n > 0 && (uint64_t)n > r->limits->output_bytes_max)
        return hl__tpl_fail(r, HL_ELIMIT, "a field of %lld characters", (long long)f->width);
    HL_TRY(hl__tpl_charge(r, n > 0 ? (uint64_t)n / 8 : 0));
    for (int64_t i = 0; i < n; i++) hl_buf_append_str(&r->out, f->fill);
    return hl__tpl_out_check(r);
}

/* lead: a sign or a prefix, which '=' keeps before the padding. */
static hl_status append_padded(tpl_run *r, const field *f, char align, hl_str lead, hl_str body) {
    int64_t n = (int64_t)(hl__tpl_chars_count(lead) + hl__tpl_chars_count(body));
    int64_t space = f->width > n ? f->width - n : 0;
    if (f->align) align = f->align;
    int64_t before = align == '>' ? space : align == '^' ? space / 2 : 0;
    HL_TRY(pad(r, f, before));
    hl_buf_append_str(&r->out, lead);
    if (align == '=') HL_TRY(pad(r, f, space));
    hl_buf_append_str(&r->out, body);
    HL_TRY(pad(r, f, align == '=' ? 0 : space - before));
    return hl__tpl_out_check(r);
}

/* ---- numbers ---- */

/* Digits before the point in groups of `every`. */
static size_t group_digits(const char *digits, char group, unsigned every, char out[NUMBER_MAX]) {
    size_t whole = strspn(digits, "0123456789abcdefABCDEF"), n = 0;
    for (size_t i = 0; digits[i] && n + 2 < NUMBER_MAX; i++) {
        if (i && i < whole && (whole - i) % every == 0) out[n++] = group;
        out[n++] = digits[i];
    }
    out[n] = '\0';
    return n;
}

static hl_status append_number(tpl_run *r, const field *f, bool negative, const char *prefix,
                               const char *digits) {
    char lead[8], grouped[NUMBER_MAX];
    HL_ASSERT(strlen(digits) < NUMBER_MAX);
    int n = snprintf(lead, sizeof lead, "%s%s",
                     negative         ? "-"
                     : f->sign == '+' ? "+"
                     : f->sign == ' ' ? " "
                                      : "",
                     prefix);
    HL_ASSERT(n >= 0 && (size_t)n < sizeof lead);
    bool decimal = !f->type || strchr("xXob", f->type) == NULL;
    if (f->group) {
        (void)group_digits(digits, f->group, decimal ? 3 : 4, grouped);
        digits = grouped;
    }
    return append_padded(r, f, '>', hl_str_from(lead), hl_str_from(digits));
}

static void digits_of(uint64_t v, unsigned base, bool capital, char out[72]) {
    char reversed[72];
    size_t n = 0;
    do {
        reversed[n++] = (capital ? "0123456789ABCDEF" : "0123456789abcdef")[v % base];
        v /= base;
    } while (v);
    for (size_t i = 0; i < n; i++) out[i] = reversed[n - 1 - i];
    out[n] = '\0';
}

static hl_status append_int(tpl_run *r, const field *f, int64_t v) {
    char digits[72], filled[NUMBER_MAX];
    unsigned base = f->type == 'x' || f->type == 'X' ? 16
                    : f->type == 'o'                 ? 8
                    : f->type == 'b'                 ? 2
                                                     : 10;
    const char *prefix = "";
    if (f->alternate && base != 10)
        prefix = f->type == 'x' ? "0x" : f->type == 'X' ? "0X" : base == 8 ? "0o" : "0b";
    digits_of(v < 0 ? 0 - (uint64_t)v : (uint64_t)v, base, f->type == 'X', digits);
    if (f->precision <= (int64_t)strlen(digits)) return append_number(r, f, v < 0, prefix, digits);
    (void)snprintf(filled, sizeof filled, "%0*d%s", (int)(f->precision - (int64_t)strlen(digits)),
                   0, digits);
    return append_number(r, f, v < 0, prefix, filled);
}

/* Without a type: repr, or with a precision as 'g' that still looks like a float. */
static void float_digits(const field *f, double v, char out[NUMBER_MAX]) {
    char type = f->type == '%' ? 'f' : f->type, fmt[8] = "%.*f";
    int precision = f->precision >= 0 ? (int)f->precision : 6;
    if (f->alternate) memcpy(fmt, "%#.*f", 6);
    fmt[strlen(fmt) - 1] = type ? type : 'g';
    if (!type && f->precision < 0) {
        (void)hl__tpl_float_repr(v, out);
        return;
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(out, NUMBER_MAX, fmt, precision, v);
#pragma GCC diagnostic pop
    if (!type && isfinite(v) && !strpbrk(out, ".e")) memcpy(out + strlen(out), ".0", 3);
    if (f->type == '%' && strlen(out) + 1 < NUMBER_MAX) memcpy(out + strlen(out), "%", 2);
}

static hl_status append_float(tpl_run *r, const field *f, double v) {
    char digits[NUMBER_MAX + 4];
    if (f->type == '%') v *= 100;
    float_digits(f, fabs(v), digits);
    return append_number(r, f, signbit(v) && !isnan(v), "", digits);
}

/* ---- one field ---- */

static hl_status append_text(tpl_run *r, const field *f, hl_str s) {
    if (f->precision >= 0) s = hl_str_slice(s, 0, hl__tpl_chars_skip(s, 0, (size_t)f->precision));
    return append_padded(r, f, '<', (hl_str){0}, s);
}

static bool is_float_type(char type) {
    return type && strchr("eEfFgG%", type) != NULL;
}

static hl_status check_field(tpl_run *r, const field *f) {
    if (f->precision <= PRECISION_MAX || f->type == 's' || !f->type) return HL_OK;
    return hl__tpl_fail(r, HL_ELIMIT, "a precision of more than %d digits", PRECISION_MAX);
}

static hl_status append_char(tpl_run *r, const field *f, int64_t cp) {
    char text[4];
    if (cp < 0 || cp > 0x10FFFF || (cp >= 0xD800 && cp < 0xE000))
        return hl__tpl_fail(r, HL_EFORMAT, "no character has the number %lld", (long long)cp);
    return append_text(r, f, (hl_str){text, hl_utf8_encode((uint32_t)cp, text)});
}

/* What format(value, spec) gives. */
static hl_status append_field(tpl_run *r, const field *f, const tpl_value *v) {
    int64_t i;
    HL_TRY(check_field(r, f));
    bool text = !f->type || f->type == 's';
    if (v->kind == TPL_STR && text) return append_text(r, f, v->u.s);
    if (v->kind == TPL_UNDEFINED && text) return append_text(r, f, (hl_str){0});
    if (hl__tpl_as_int(v, &i) && f->type == 'c') return append_char(r, f, i);
    if (hl__tpl_is_number(v) && (is_float_type(f->type) || (v->kind == TPL_FLOAT && !f->type))) {
        if (f->precision > PRECISION_MAX)
            return hl__tpl_fail(r, HL_ELIMIT, "a precision of more than %d digits", PRECISION_MAX);
        return append_float(r, f, hl__tpl_as_float(v));
    }
    if (hl__tpl_as_int(v, &i) && (!f->type || strchr("dnxXob", f->type)) && f->precision < 0)
        return append_int(r, f, i);
    return hl__tpl_fail(r, HL_EFORMAT, "invalid format specifier for object of type '%s'",
                        hl__tpl_type_name((tpl_kind)v->kind));
}

/* ---- % ---- */

typedef struct percent {
    tpl_run *r;
    hl_str fmt;
    size_t at;
    const tpl_value *values;
    const tpl_list *tuple; /* of several values, or NULL */
    size_t n_used;
    bool safe; /* what is written in is escaped */
} percent;

static hl_status too_few(percent *p) {
    return hl__tpl_fail(p->r, HL_EFORMAT, "not enough arguments for format string");
}

static hl_status next_value(percent *p, const tpl_value **ret) {
    size_t n = p->tuple ? p->tuple->n : 1;
    if (p->n_used >= n) return too_few(p);
    *ret = p->tuple ? &p->tuple->items[p->n_used] : p->values;
    p->n_used++;
    return HL_OK;
}

static char percent_char(const percent *p) {
    return p->at < p->fmt.len ? p->fmt.ptr[p->at] : '\0';
}

/* (name) takes the value from a dict. */
static hl_status percent_name(percent *p, const tpl_value **ret) {
    if (percent_char(p) != '(') return HL_OK;
    size_t close = hl_str_find(p->fmt, HL_STR(")"), p->at);
    if (close == SIZE_MAX) return hl__tpl_fail(p->r, HL_EFORMAT, "incomplete format key");
    hl_str name = hl_str_slice(p->fmt, p->at + 1, close);
    tpl_entry *e;
    if (p->values->kind != TPL_DICT)
        return hl__tpl_fail(p->r, HL_EFORMAT, "format requires a mapping");
    HL_TRY(hl__tpl_dict_find_str(p->r, p->values->u.dict, name, &e));
    if (!e) return hl__tpl_fail(p->r, HL_EFORMAT, "no key '%.*s'", HL_STR_ARG(name));
    *ret = &e->value;
    p->n_used = 1;
    p->at = close + 1;
    return HL_OK;
}

/* Digits, or '*' for a value. */
static hl_status percent_size(percent *p, int64_t otherwise, int64_t *ret) {
    const tpl_value *v;
    if (percent_char(p) == '*') {
        p->at++;
        HL_TRY(next_value(p, &v));
        return hl__tpl_arg_int(p->r, v, 0, ret);
    }
    *ret = otherwise;
    for (; percent_char(p) >= '0' && percent_char(p) <= '9'; p->at++) {
        if (*ret > INT32_MAX) return hl__tpl_fail(p->r, HL_ELIMIT, "a field that is too wide");
        *ret = (*ret < 0 ? 0 : *ret * 10) + (percent_char(p) - '0');
    }
    return HL_OK;
}

static hl_status percent_flags(percent *p, field *f, bool *left) {
    bool zero = false;
    *left = false;
    for (char c; (c = percent_char(p)) != '\0' && strchr("#0- +", c); p->at++) {
        if (c == '#') f->alternate = true;
        if (c == '0') zero = true;
        if (c == '-') *left = true;
        if (c == '+' || (c == ' ' && !f->sign)) f->sign = c;
    }
    if (zero && !*left) {
        f->fill = HL_STR("0");
        f->align = '=';
    }
    return HL_OK;
}

/* %s, %r and %a of any value. */
static hl_status percent_text(percent *p, field *f, const tpl_value *v) {
    tpl_value text = *v;
    size_t begin = hl__tpl_text_begin(p->r);
    if (f->type == 's') {
        HL_TRY(hl__tpl_to_str(p->r, v, &text));
    } else {
        HL_TRY(hl__tpl_append_repr(p->r, v));
        HL_TRY(hl__tpl_text_end(p->r, begin, &text));
    }
    f->type = 's';
    if (f->align == '=') f->align = '>'; /* texts are padded with spaces */
    if (f->fill.len && f->fill.ptr[0] == '0') f->fill = HL_STR(" ");
    if (!f->align) f->align = '>';
    return append_text(p->r, f, text.u.s);
}

static hl_status percent_number(percent *p, field *f, const tpl_value *v) {
    if (v->kind == TPL_UNDEFINED) return hl__tpl_fail_undefined(p->r, v);
    tpl_value number = *v;
    if (!hl__tpl_is_number(v))
        return hl__tpl_fail(p->r, HL_EFORMAT, "%%%c format: a real number is required, not %s",
                            f->type, hl__tpl_type_name((tpl_kind)v->kind));
    HL_TRY(check_field(p->r, f));
    if (is_float_type(f->type)) return append_float(p->r, f, hl__tpl_as_float(v));
    if (v->kind == TPL_FLOAT) {
        if (!(fabs(v->u.f) < 0x1p62))
            return hl__tpl_fail(p->r, HL_ELIMIT, "integer does not fit 64 bits");
        number = hl__tpl_int((int64_t)v->u.f);
    }
    if (f->type == 'i' || f->type == 'u') f->type = 'd';
    int64_t i;
    if (!hl__tpl_as_int(&number, &i)) i = 0;
    return append_int(p->r, f, i);
}

static hl_status percent_char_value(percent *p, field *f, const tpl_value *v) {
    int64_t i;
    if (!f->align) f->align = '>';
    if (v->kind == TPL_STR && hl__tpl_chars_count(v->u.s) == 1) return append_text(p->r, f, v->u.s);
    if (!hl__tpl_as_int(v, &i)) return hl__tpl_fail(p->r, HL_EFORMAT, "%%c requires int or char");
    return append_char(p->r, f, i);
}

static hl_status percent_value(percent *p, field *f, const tpl_value *v) {
    if (!f->type || !strchr("srac"
                            "diuoxX"
                            "eEfFgG",
                            f->type))
        return hl__tpl_fail(p->r, HL_EFORMAT, "unsupported format character at index %zu", p->at);
    if (strchr("sra", f->type)) return percent_text(p, f, v);
    if (f->type == 'c') return percent_char_value(p, f, v);
    return percent_number(p, f, v);
}

static hl_status escape_since(tpl_run *r, size_t begin) {
    tpl_value text;
    HL_TRY(hl__tpl_text_end(r, begin, &text));
    hl__tpl_append_escaped(r, text.u.s);
    return hl__tpl_out_check(r);
}

/* Behind the '%'. */
static hl_status percent_field(percent *p) {
    const tpl_value *v = NULL;
    HL_ASSERT(p->at > 0 && p->at <= p->fmt.len);
    field f = {.fill = HL_STR(" "), .precision = -1};
    bool left;
    HL_TRY(percent_name(p, &v));
    HL_TRY(percent_flags(p, &f, &left));
    HL_TRY(percent_size(p, 0, &f.width));
    if (f.width < 0) {
        left = true;
        f.width = f.width < -INT32_MAX ? INT32_MAX : -f.width;
    }
    if (left) f.align = '<';
    if (percent_char(p) == '.') {
        p->at++;
        HL_TRY(percent_size(p, 0, &f.precision));
        if (f.precision < 0) f.precision = 0;
    }
    while (percent_char(p) && strchr("hlL", percent_char(p))) p->at++;
    if (p->at >= p->fmt.len) return hl__tpl_fail(p->r, HL_EFORMAT, "incomplete format");
    f.type = p->fmt.ptr[p->at++];
    if (f.type == '%') {
        hl_buf_append_char(&p->r->out, '%');
        return HL_OK;
    }
    if (!v) HL_TRY(next_value(p, &v));
    size_t begin = hl__tpl_text_begin(p->r);
    HL_TRY(percent_value(p, &f, v));
    return p->safe && !v->safe ? escape_since(p->r, begin) : HL_OK;
}

hl_status hl__tpl_percent(tpl_run *r, const tpl_value *fmt, const tpl_value *values,
                          tpl_value *ret) {
    percent p = {.r = r, .fmt = fmt->u.s, .values = values, .safe = fmt->safe};
    HL_ASSERT(fmt->kind == TPL_STR);
    if (values->kind == TPL_TUPLE) p.tuple = values->u.list;
    size_t begin = hl__tpl_text_begin(r);
    HL_TRY(hl__tpl_charge(r, p.fmt.len / 8));
    while (p.at < p.fmt.len) {
        if (p.fmt.ptr[p.at++] == '%')
            HL_TRY(percent_field(&p));
        else
            hl_buf_append_char(&r->out, p.fmt.ptr[p.at - 1]);
    }
    /* whatever has keys or positions (but for texts) may also be there for them alone */
    bool keyed = hl__tpl_has_len(values) && values->kind != TPL_STR && values->kind != TPL_VIEW;
    bool all = p.tuple ? p.n_used == p.tuple->n : p.n_used == 1 || keyed;
    if (!all)
        return hl__tpl_fail(r, HL_EFORMAT, "not all arguments converted during string formatting");
    HL_TRY(hl__tpl_text_end(r, begin, ret));
    ret->safe = fmt->safe;
    return HL_OK;
}

/* ---- .format ---- */

typedef struct formatter {
    tpl_run *r;
    const tpl_args *args;
    size_t n_auto; /* {} fields so far */
    bool safe;
} formatter;

static bool is_align(char c) {
    return c && strchr("<>^=", c) != NULL;
}

static size_t spec_number(hl_str spec, size_t at, int64_t *ret) {
    for (; at < spec.len && spec.ptr[at] >= '0' && spec.ptr[at] <= '9'; at++) {
        *ret = (*ret < 0 ? 0 : *ret * 10) + (spec.ptr[at] - '0');
        if (*ret > INT32_MAX) *ret = INT32_MAX;
    }
    return at;
}

/* [[fill]align][sign][#][0][width][group][.precision][type] */
static hl_status read_spec(tpl_run *r, hl_str spec, field *f) {
    size_t at = 0, first = hl__tpl_chars_skip(spec, 0, 1);
    *f = (field){.fill = HL_STR(" "), .precision = -1};
    if (first < spec.len && is_align(spec.ptr[first])) {
        f->fill = hl_str_slice(spec, 0, first);
        f->align = spec.ptr[first];
        at = first + 1;
    } else if (spec.len && is_align(spec.ptr[0])) {
        f->align = spec.ptr[at++];
    }
    if (at < spec.len && spec.ptr[at] && strchr("+- ", spec.ptr[at])) {
        f->sign = spec.ptr[at] == '-' ? '\0' : spec.ptr[at];
        at++;
    }
    if (at < spec.len && spec.ptr[at] == '#') {
        f->alternate = true;
        at++;
    }
    if (at < spec.len && spec.ptr[at] == '0') {
        if (!f->align) {
            f->fill = HL_STR("0");
            f->align = '=';
        }
        at++;
    }
    at = spec_number(spec, at, &f->width);
    if (at < spec.len && (spec.ptr[at] == ',' || spec.ptr[at] == '_')) f->group = spec.ptr[at++];
    if (at < spec.len && spec.ptr[at] == '.') at = spec_number(spec, at + 1, &f->precision);
    if (at < spec.len) f->type = spec.ptr[at++];
    if (at == spec.len) return HL_OK;
    return hl__tpl_fail(r, HL_EFORMAT, "invalid format specifier '%.*s'", HL_STR_ARG(spec));
}

static bool all_digits(hl_str s) {
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') return false;
    }
    return s.len > 0;
}

static hl_status plain_argument(formatter *m, size_t i, tpl_value *ret) {
    if (i >= m->args->n)
        return hl__tpl_fail(m->r, HL_EFORMAT,
                            "replacement index %zu out of range for positional args tuple", i);
    *ret = m->args->plain[i];
    return HL_OK;
}

static hl_status first_of_name(formatter *m, hl_str name, tpl_value *ret) {
    if (name.len == 0) return plain_argument(m, m->n_auto++, ret);
    if (all_digits(name)) {
        int64_t i = 0;
        (void)spec_number(name, 0, &i);
        return plain_argument(m, (size_t)i, ret);
    }
    for (size_t i = 0; i < m->args->n_named; i++) {
        if (!hl_str_eq(m->args->named[i].name, name)) continue;
        *ret = m->args->named[i].value;
        return HL_OK;
    }
    return hl__tpl_fail(m->r, HL_EFORMAT, "no argument named '%.*s'", HL_STR_ARG(name));
}

/* name, name.attribute, name[key] … */
static hl_status value_of_name(formatter *m, hl_str name, tpl_value *ret) {
    size_t at = 0;
    while (at < name.len && name.ptr[at] != '.' && name.ptr[at] != '[') at++;
    HL_TRY(first_of_name(m, hl_str_slice(name, 0, at), ret));
    while (at < name.len) {
        bool item = name.ptr[at] == '[';
        size_t from = at + 1, end = from;
        while (end < name.len &&
               (item ? name.ptr[end] != ']' : name.ptr[end] != '.' && name.ptr[end] != '['))
            end++;
        hl_str part = hl_str_slice(name, from, end);
        tpl_value of = *ret, key = hl__tpl_str(part);
        if (item && all_digits(part)) {
            key = hl__tpl_int(0);
            (void)spec_number(part, 0, &key.u.i);
        }
        if (item)
            HL_TRY(hl__tpl_get_item(m->r, &of, &key, ret));
        else
            HL_TRY(hl__tpl_get_attr(m->r, &of, part, ret));
        at = item ? end + 1 : end;
    }
    return HL_OK;
}

static hl_status format_text(formatter *m, hl_str fmt, unsigned level);

/* The inside of {…}. */
static hl_status format_field(formatter *m, hl_str inside, unsigned level) {
    size_t name_end = 0;
    for (bool bracket = false; name_end < inside.len; name_end++) {
        char c = inside.ptr[name_end];
        if (c == '[') bracket = true;
        if (c == ']') bracket = false;
        if (!bracket && (c == '!' || c == ':')) break;
    }
    tpl_value v, spec;
    char conversion = '\0';
    HL_TRY(value_of_name(m, hl_str_slice(inside, 0, name_end), &v));
    if (name_end + 1 < inside.len && inside.ptr[name_end] == '!') {
        conversion = inside.ptr[name_end + 1];
        name_end += 2;
    }
    size_t begin = hl__tpl_text_begin(m->r);
    HL_TRY(format_text(m, hl_str_slice(inside, name_end + 1, inside.len), level + 1));
    HL_TRY(hl__tpl_text_end(m->r, begin, &spec));
    bool safe = v.safe;
    if (conversion == 's' || (!conversion && spec.u.s.len == 0)) {
        HL_TRY(hl__tpl_to_str(m->r, &v, &v));
    } else if (conversion) {
        HL_TRY(hl__tpl_append_repr(m->r, &v));
        HL_TRY(hl__tpl_text_end(m->r, begin, &v));
    }
    field f;
    HL_TRY(read_spec(m->r, spec.u.s, &f));
    HL_TRY(append_field(m->r, &f, &v));
    return m->safe && !safe ? escape_since(m->r, begin) : HL_OK;
}

/* Where the field that begins behind the brace at `at` ends; SIZE_MAX: nowhere. */
static size_t field_end(hl_str fmt, size_t at) {
    unsigned depth = 1;
    for (; at < fmt.len; at++) {
        if (fmt.ptr[at] == '{') depth++;
        if (fmt.ptr[at] == '}' && --depth == 0) return at;
    }
    return SIZE_MAX;
}

static hl_status format_text(formatter *m, hl_str fmt, unsigned level) {
    if (level > 2) return hl__tpl_fail(m->r, HL_EFORMAT, "max string recursion exceeded");
    HL_TRY(hl__tpl_charge(m->r, fmt.len / 8));
    for (size_t at = 0; at < fmt.len;) {
        char c = fmt.ptr[at++];
        bool brace = c == '{' || c == '}';
        if (!brace || (at < fmt.len && fmt.ptr[at] == c)) {
            hl_buf_append_char(&m->r->out, c);
            at += brace;
            continue;
        }
        size_t end = c == '{' ? field_end(fmt, at) : SIZE_MAX;
        if (end == SIZE_MAX)
            return hl__tpl_fail(m->r, HL_EFORMAT, "single '%c' encountered in format string", c);
        HL_TRY(format_field(m, hl_str_slice(fmt, at, end), level));
        at = end + 1;
    }
    return hl__tpl_out_check(m->r);
}

hl_status hl__tpl_format(tpl_run *r, const tpl_value *fmt, const tpl_args *args, tpl_value *ret) {
    formatter m = {.r = r, .args = args, .safe = fmt->safe};
    HL_ASSERT(fmt->kind == TPL_STR);
    size_t begin = hl__tpl_text_begin(r);
    HL_TRY(format_text(&m, fmt->u.s, 0));
    HL_TRY(hl__tpl_text_end(r, begin, ret));
    ret->safe = fmt->safe;
    return HL_OK;
}
