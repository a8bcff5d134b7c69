/* Floating point numbers in Go's shortest form. */
#include "text/gotemplate_format.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct go_digits {
    bool minus;
    char d[20]; /* no zeros at the end, but for 0 itself */
    int n;
    int exponent; /* of the first digit */
} go_digits;

/* The fewest digits that give |value|, which is finite, back. */
static go_digits shortest(double value) {
    enum { DIGITS_MAX = 17 };
    char text[40];
    for (int p = 0; p < DIGITS_MAX; p++) {
        (void)snprintf(text, sizeof text, "%.*e", p, fabs(value));
        if (strtod(text, NULL) == fabs(value)) break;
    }
    go_digits out = {.minus = signbit(value)};
    const char *at = text;
    for (; *at && *at != 'e'; at++)
        if (*at != '.') out.d[out.n++] = *at;
    bool minus = at[1] == '-';
    for (at += 2; *at; at++) out.exponent = out.exponent * 10 + (*at - '0');
    if (minus) out.exponent = -out.exponent;
    while (out.n > 1 && out.d[out.n - 1] == '0') out.n--;
    return out;
}

/* 1.25e+06; json: 1.25e-7 for a small number's one-digit exponent. */
static void append_e(hl_buf *b, const go_digits *g, char e, bool json) {
    hl_buf_append(b, g->d, 1);
    if (g->n > 1) hl_buf_append_char(b, '.');
    hl_buf_append(b, g->d + 1, (size_t)(g->n - 1));
    int exponent = abs(g->exponent);
    bool short_exponent = json && g->exponent < 0;
    hl_buf_printf(b, short_exponent ? "%c%c%d" : "%c%c%02d", e, g->exponent < 0 ? '-' : '+',
                  exponent);
}

static void append_f(hl_buf *b, const go_digits *g) {
    if (g->exponent < 0) {
        hl_buf_append_cstr(b, "0.");
        for (int i = -1; i > g->exponent; i--) hl_buf_append_char(b, '0');
        hl_buf_append(b, g->d, (size_t)g->n);
        return;
    }
    for (int i = 0; i <= g->exponent; i++) hl_buf_append_char(b, i < g->n ? g->d[i] : '0');
    if (g->n <= g->exponent + 1) return;
    hl_buf_append_char(b, '.');
    hl_buf_append(b, g->d + g->exponent + 1, (size_t)(g->n - g->exponent - 1));
}

void hl__go_float_g(hl_buf *b, double value, char e) {
    HL_ASSERT(isfinite(value));
    enum { EXPONENT_MIN = -4, EXPONENT_MAX = 5 };
    go_digits g = shortest(value);
    if (g.minus) hl_buf_append_char(b, '-');
    if (g.exponent < EXPONENT_MIN || g.exponent > EXPONENT_MAX)
        append_e(b, &g, e, false);
    else
        append_f(b, &g);
}

void hl__go_float_json(hl_buf *b, double value) {
    HL_ASSERT(isfinite(value));
    double size = fabs(value);
    go_digits g = shortest(value);
    if (g.minus) hl_buf_append_char(b, '-');
    if (size != 0 && (size < 1e-6 || size >= 1e21))
        append_e(b, &g, 'e', true);
    else
        append_f(b, &g);
}
