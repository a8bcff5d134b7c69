/* The verbs of integers, floating point numbers and texts. */
#include "text/gotemplate_format.h"

#include "base/utf8.h"
#include "text/template_chars.h"

#include <math.h>
#include <stdio.h>

static bool is_printable(uint32_t cp) {
    return hl__tpl_char_flags(cp) & TPL_CHAR_PRINTABLE;
}

/* value in a base with the sign, prefix and zeros that the flags ask for. */
static void format_base(go_format *f, uint64_t value, bool minus, unsigned base, bool upper,
                        const char *prefix) {
    char digits[64];
    size_t at = sizeof digits;
    uint64_t rest = value;
    do {
        digits[--at] = (upper ? "0123456789ABCDEF" : "0123456789abcdef")[rest % base];
        rest /= base;
    } while (rest);
    size_t n = sizeof digits - at, wanted = 0;
    bool sign = minus || f->plus || f->space;
    if (f->has_precision)
        wanted = (size_t)f->precision;
    else if (f->zero && !f->minus && f->has_width)
        wanted = f->width > sign ? (size_t)(f->width - sign) : 0;
    hl_buf b = hl__go_text_begin(f->r);
    if (f->has_precision && !wanted && !value) {
        n = 0; /* no digits, no sign: blanks only */
        sign = false;
        prefix = "";
    }
    if (sign) hl_buf_append_char(&b, minus ? '-' : f->plus ? '+' : ' ');
    bool octal = prefix[0] == '0' && !prefix[1];
    if (!octal || (wanted <= n && digits[at] != '0')) hl_buf_append_cstr(&b, prefix);
    for (size_t i = n; i < wanted && !b.failed; i++) hl_buf_append_char(&b, '0');
    hl_buf_append(&b, digits + at, n);
    bool zero = f->zero;
    f->zero = false;
    hl__go_format_pad(f, hl_buf_str(&b));
    f->zero = zero;
    if (b.failed) f->b->failed = b.failed;
    hl_buf_deinit(&b);
}

/* %c, %q and %U of what may be no character at all. */
static void format_char(go_format *f, uint64_t value, uint32_t verb) {
    bool valid = value <= 0x10FFFF && (value < 0xD800 || value > 0xDFFF);
    uint32_t cp = valid ? (uint32_t)value : HL_UTF8_BAD;
    char utf8[4];
    hl_str c = {utf8, hl_utf8_encode(cp, utf8)};
    hl_buf b = hl__go_text_begin(f->r);
    if (verb == 'c') hl_buf_append_str(&b, c);
    if (verb == 'q') hl__go_quote(&b, c, '\'', f->plus);
    if (verb == 'U') {
        int digits = f->has_precision && f->precision > 4 ? f->precision : 4;
        hl_buf_printf(&b, "U+%0*llX", digits, (unsigned long long)value);
        if (f->sharp && valid && is_printable(cp)) hl_buf_printf(&b, " '%.*s'", HL_STR_ARG(c));
    }
    bool zero = f->zero;
    if (verb == 'U') f->zero = false;
    hl__go_format_pad(f, hl_buf_str(&b));
    f->zero = zero;
    if (b.failed) f->b->failed = b.failed;
    hl_buf_deinit(&b);
}

bool hl__go_format_int(go_format *f, const go_value *v, uint32_t verb) {
    bool minus = v->u.i < 0;
    uint64_t value = minus ? 0 - (uint64_t)v->u.i : (uint64_t)v->u.i;
    switch (verb) {
    case 'v':
        if (f->sharp_v && v->kind == GO_BYTE) {
            format_base(f, value, false, 16, false, "0x");
            return true;
        } /* fall through */
    case 'd': format_base(f, value, minus, 10, false, ""); return true;
    case 'b': format_base(f, value, minus, 2, false, f->sharp ? "0b" : ""); return true;
    case 'o': format_base(f, value, minus, 8, false, f->sharp ? "0" : ""); return true;
    case 'O': format_base(f, value, minus, 8, false, "0o"); return true;
    case 'x': format_base(f, value, minus, 16, false, f->sharp ? "0x" : ""); return true;
    case 'X': format_base(f, value, minus, 16, true, f->sharp ? "0X" : ""); return true;
    case 'c':
    case 'q':
    case 'U': format_char(f, (uint64_t)v->u.i, verb); return true;
    default: return false;
    }
}

/* 0x1.8p+01: as C has it, but with two digits of exponent at least. */
static void float_hex(const go_format *f, double value, bool upper, hl_buf *b) {
    size_t from = b->len;
    if (f->has_precision)
        hl_buf_printf(b, upper ? "%.*A" : "%.*a", f->precision, value);
    else
        hl_buf_printf(b, upper ? "%A" : "%a", value);
    size_t p = hl_str_find(hl_buf_str(b), upper ? HL_STR("P") : HL_STR("p"), from);
    if (p == SIZE_MAX || b->len != p + 3) return;
    char digit = b->ptr[p + 2];
    b->ptr[p + 2] = '0';
    hl_buf_append_char(b, digit);
}

/* 6755399441055744p-52: all bits as an integer. */
static void float_bits(double value, hl_buf *b) {
    enum { BITS = 53, EXPONENT_MIN = -1074 };
    int exponent;
    double mantissa = ldexp(frexp(value, &exponent), BITS);
    exponent -= BITS;
    if (value == 0) exponent = EXPONENT_MIN;
    for (; exponent < EXPONENT_MIN; exponent++) mantissa /= 2; /* exact: a small number has zeros */
    hl_buf_printf(b, "%.0fp%+d", mantissa, exponent);
}

static void float_digits(const go_format *f, double value, uint32_t verb, hl_buf *b) {
    if (!isfinite(value)) {
        hl_buf_append_cstr(b, isnan(value) ? "NaN" : value < 0 ? "-Inf" : "+Inf");
        return;
    }
    int precision = f->has_precision ? f->precision : 6;
    bool general = verb == 'g' || verb == 'G' || verb == 'v';
    if (general && !f->has_precision)
        hl__go_float_g(b, value, verb == 'G' ? 'E' : 'e');
    else if (general)
        hl_buf_printf(b, verb == 'G' ? "%.*G" : "%.*g", precision, value);
    else if (verb == 'x' || verb == 'X')
        float_hex(f, value, verb == 'X', b);
    else if (verb == 'b')
        float_bits(value, b);
    else if (verb == 'e' || verb == 'E')
        hl_buf_printf(b, verb == 'e' ? "%.*e" : "%.*E", precision, value);
    else
        hl_buf_printf(b, "%.*f", precision, value);
}

bool hl__go_format_float(go_format *f, double value, uint32_t verb) {
    if (verb >= 128 || !memchr("vgGeEfFxXb", (int)verb, 10)) return false;
    hl_buf digits = hl__go_text_begin(f->r), b = hl__go_text_begin(f->r);
    float_digits(f, value, verb, &digits);
    hl_str s = hl_buf_str(&digits);
    bool number = isfinite(value), signed_already = s.len && (s.ptr[0] == '-' || s.ptr[0] == '+');
    char sign = signed_already ? s.ptr[0] : '+';
    if (signed_already) s = hl_str_slice(s, 1, s.len);
    bool plus = f->plus || (isinf(value) && value > 0);
    if (sign == '+') sign = f->plus ? '+' : f->space ? ' ' : plus ? '+' : '\0';
    size_t width = f->has_width ? (size_t)f->width : 0;
    bool zeros = f->zero && !f->minus && number;
    if (sign) hl_buf_append_char(&b, sign);
    size_t used = s.len + (sign ? 1 : 0);
    for (size_t i = used; zeros && i < width && !b.failed; i++) hl_buf_append_char(&b, '0');
    hl_buf_append_str(&b, s);
    bool zero = f->zero;
    f->zero = false;
    hl__go_format_pad(f, hl_buf_str(&b));
    f->zero = zero;
    if (b.failed || digits.failed) f->b->failed = HL_ELIMIT;
    hl_buf_deinit(&digits);
    hl_buf_deinit(&b);
    return true;
}

static void quote_char(hl_buf *b, uint32_t cp, char quote, bool ascii) {
    static const char NAMES[] = "abfnrtv", VALUES[] = "\a\b\f\n\r\t\v";
    const char *named = cp && cp < 32 ? memchr(VALUES, (int)cp, sizeof VALUES - 1) : NULL;
    if (cp == (unsigned char)quote || cp == '\\')
        hl_buf_printf(b, "\\%c", (int)cp);
    else if (named)
        hl_buf_printf(b, "\\%c", NAMES[named - VALUES]);
    else if (cp < 128 ? cp >= 32 && cp < 127 : !ascii && is_printable(cp))
        hl__go_format_cp(b, cp);
    else if (cp < 32 || cp == 127)
        hl_buf_printf(b, "\\x%02x", cp);
    else
        hl_buf_printf(b, cp < 0x10000 ? "\\u%04x" : "\\U%08x", cp);
}

void hl__go_quote(hl_buf *b, hl_str s, char quote, bool ascii) {
    hl_buf_append_char(b, quote);
    for (size_t at = 0; at < s.len && !b->failed;) {
        uint32_t cp;
        bool ok;
        size_t len = hl_utf8_decode(s, at, &cp, &ok);
        if (ok)
            quote_char(b, cp, quote, ascii);
        else
            hl_buf_printf(b, "\\x%02x", (unsigned)(unsigned char)s.ptr[at]);
        at += len;
    }
    hl_buf_append_char(b, quote);
}

/* Whether `…` can hold it. */
static bool can_backquote(hl_str s) {
    for (size_t at = 0; at < s.len;) {
        uint32_t cp;
        bool ok;
        at += hl_utf8_decode(s, at, &cp, &ok);
        if (!ok || cp == 0xFEFF || (cp < 32 && cp != '\t') || cp == '`' || cp == 127) return false;
    }
    return true;
}

static void format_hex(go_format *f, hl_str s, bool upper) {
    hl_buf b = hl__go_text_begin(f->r);
    const char *prefix = f->sharp ? (upper ? "0X" : "0x") : "";
    size_t n = f->has_precision && (size_t)f->precision < s.len ? (size_t)f->precision : s.len;
    for (size_t i = 0; i < n && !b.failed; i++) {
        if (i && f->space) hl_buf_append_char(&b, ' ');
        if (i == 0 || f->space) hl_buf_append_cstr(&b, prefix);
        hl_buf_printf(&b, upper ? "%02X" : "%02x", (unsigned)(unsigned char)s.ptr[i]);
    }
    hl__go_format_pad(f, hl_buf_str(&b));
    if (b.failed) f->b->failed = b.failed;
    hl_buf_deinit(&b);
}

static hl_str cut(const go_format *f, hl_str s) {
    uint32_t cp;
    bool ok;
    size_t at = 0;
    if (!f->has_precision) return s;
    for (int n = 0; n < f->precision && at < s.len; n++) at += hl_utf8_decode(s, at, &cp, &ok);
    return hl_str_slice(s, 0, at);
}

static void format_quoted(go_format *f, hl_str s) {
    hl_buf b = hl__go_text_begin(f->r);
    s = cut(f, s);
    if (f->sharp && can_backquote(s))
        hl_buf_printf(&b, "`%.*s`", HL_STR_ARG(s));
    else
        hl__go_quote(&b, s, '"', f->plus);
    hl__go_format_pad(f, hl_buf_str(&b));
    if (b.failed) f->b->failed = b.failed;
    hl_buf_deinit(&b);
}

bool hl__go_format_string(go_format *f, hl_str s, uint32_t verb) {
    switch (verb) {
    case 'v':
        if (f->sharp_v)
            format_quoted(f, s);
        else
            hl__go_format_pad(f, cut(f, s));
        return true;
    case 's': hl__go_format_pad(f, cut(f, s)); return true;
    case 'x':
    case 'X': format_hex(f, s, verb == 'X'); return true;
    case 'q': format_quoted(f, s); return true;
    default: return false;
    }
}
