/* bench/samples.h — measured values and their quantiles.   Threads: one at a time. */
#pragma once

#include "base/status.h"

typedef struct hl_samples {
    double *values; /* owned */
    size_t n, cap;
    bool sorted, failed; /* failed: one did not fit into memory */
} hl_samples;

void hl_samples_deinit(hl_samples *s);
void hl_samples_add(hl_samples *s, double value);
/* The smallest value that at least the part q of all are not above (nearest rank); q in 0 … 1.
 * Without values: 0. */
double hl_samples_quantile(hl_samples *s, double q);
double hl_samples_mean(const hl_samples *s);
