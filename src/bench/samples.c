#include "bench/samples.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

void hl_samples_deinit(hl_samples *s) {
    hl_free(s->values);
    *s = (hl_samples){0};
}

static bool grow(hl_samples *s) {
    size_t cap = s->cap ? 2 * s->cap : 64;
    double *values = hl_realloc(s->values, cap * sizeof *values);
    if (!values) return false;
    s->values = values;
    s->cap = cap;
    return true;
}

void hl_samples_add(hl_samples *s, double value) {
    HL_ASSERT(!isnan(value));
    if (s->n == s->cap && !grow(s)) {
        s->failed = true;
        return;
    }
    s->values[s->n++] = value;
    s->sorted = false;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double hl_samples_quantile(hl_samples *s, double q) {
    HL_ASSERT(q >= 0 && q <= 1);
    if (s->n == 0) return 0;
    if (!s->sorted) qsort(s->values, s->n, sizeof *s->values, by_value);
    s->sorted = true;
    size_t rank = (size_t)ceil(q * (double)s->n);
    return s->values[rank > 0 ? rank - 1 : 0];
}

double hl_samples_mean(const hl_samples *s) {
    double sum = 0;
    for (size_t i = 0; i < s->n; i++) sum += s->values[i];
    return s->n ? sum / (double)s->n : 0;
}
