#include "api/floats.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DIGITS_MAX = 17,
    F32_DIGITS_MIN = 6, /* decimals of so many digits survive a float … */
    F32_DIGITS_MAX = 9, /* … and floats survive so many */
    F64_DIGITS_MIN = 15,
    F64_DIGITS_MAX = 17
};

/* d.ddd * 10^exponent, without zeros at the end */
typedef struct decimal {
    char digits[DIGITS_MAX + 1];
    int n, exponent;
} decimal;

static void append_zeros(hl_buf *b, int n) {
    for (int i = 0; i < n; i++) hl_buf_append_char(b, '0');
}

static void append_fraction(hl_buf *b, const char *digits, int n) {
    if (n <= 0) return;
    hl_buf_append_char(b, '.');
    hl_buf_append(b, digits, (size_t)n);
}

static void append_plain(hl_buf *b, const decimal *d) {
    int n_whole = d->exponent + 1, n = n_whole < d->n ? n_whole : d->n;
    if (n_whole <= 0) {
        hl_buf_append_cstr(b, "0.");
        append_zeros(b, -n_whole);
        hl_buf_append(b, d->digits, (size_t)d->n);
        return;
    }
    hl_buf_append(b, d->digits, (size_t)n);
    append_zeros(b, n_whole - n);
    append_fraction(b, d->digits + n, d->n - n);
}

static void append_decimal(hl_buf *b, bool negative, const decimal *d) {
    if (negative) hl_buf_append_char(b, '-');
    if (d->exponent >= -6 && d->exponent < 21) {
        append_plain(b, d);
        return;
    }
    hl_buf_append_char(b, d->digits[0]);
    append_fraction(b, d->digits + 1, d->n - 1);
    hl_buf_printf(b, d->exponent < 0 ? "e-%d" : "e+%d", abs(d->exponent));
}

static void strip_zeros(decimal *d) {
    while (d->n > 1 && d->digits[d->n - 1] == '0') d->n--;
}

/* Through the library: n digits of a. */
static void format_digits(double a, int n, decimal *ret) {
    char text[DIGITS_MAX + 16];
    (void)snprintf(text, sizeof text, "%.*e", n - 1, a); /* d.ddde±xx */
    const char *e = strchr(text, 'e');
    ret->n = 0;
    for (const char *c = text; c < e; c++)
        if (*c >= '0' && *c <= '9') ret->digits[ret->n++] = *c;
    ret->exponent = (int)strtoll(e + 1, NULL, 10);
    strip_zeros(ret);
}

static bool reads_back(double a, int n, bool is_f32) {
    char text[DIGITS_MAX + 16];
    (void)snprintf(text, sizeof text, "%.*e", n - 1, a);
    return is_f32 ? (double)strtof(text, NULL) == a : strtod(text, NULL) == a;
}

static void shortest(double a, bool is_f32, decimal *ret) {
    bool is_subnormal = a < (is_f32 ? (double)FLT_MIN : DBL_MIN); /* has fewer digits */
    int n = is_subnormal ? 1 : is_f32 ? F32_DIGITS_MIN : F64_DIGITS_MIN;
    int most = is_f32 ? F32_DIGITS_MAX : F64_DIGITS_MAX;
    while (n < most && !reads_back(a, n, is_f32)) n++;
    format_digits(a, n, ret);
}

/* Where powers of ten and their quotients are exact enough in double (16 digits for the 9 that are
 * wanted): 1e-6 <= a < 1. */
static bool shortest_fast(float x, decimal *ret) {
    static const double tens[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6, 1e7,
                                  1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14};
    double a = (double)x;
    int exponent = -1;
    if (!(a >= 1e-6 && a < 1)) return false;
    while (a * tens[-exponent] < 1) exponent--;
    for (int n = F32_DIGITS_MIN; n <= F32_DIGITS_MAX; n++) {
        double scale = tens[n - 1 - exponent], digits = nearbyint(a * scale);
        if ((float)(digits / scale) != x || digits >= tens[n]) continue;
        ret->exponent = exponent;
        ret->n = n;
        uint64_t rest = (uint64_t)digits;
        for (int i = n - 1; i >= 0; i--, rest /= 10) ret->digits[i] = (char)('0' + rest % 10);
        strip_zeros(ret);
        return true;
    }
    return false;
}

static bool append_zero(hl_buf *b, double x) {
    if (x != 0) return false;
    hl_buf_append_cstr(b, signbit(x) ? "-0" : "0");
    return true;
}

void hl__json_f32(hl_buf *b, float x) {
    decimal d;
    HL_DASSERT(isfinite(x));
    if (append_zero(b, (double)x)) return;
    if (!shortest_fast(fabsf(x), &d)) shortest(fabs((double)x), true, &d);
    append_decimal(b, x < 0, &d);
}

void hl__json_f64(hl_buf *b, double x) {
    decimal d;
    HL_DASSERT(isfinite(x));
    if (append_zero(b, x)) return;
    shortest(fabs(x), false, &d);
    append_decimal(b, x < 0, &d);
}
