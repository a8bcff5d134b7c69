/* serve/metrics.h
 *
 * What the server counts, and how Prometheus reads it: counters and histograms since the start, and
 * gauges of the moment.  What waits, what runs and how full the KV cache is also stand there under
 * vLLM's names, by which gateways choose a server.
 *
 * Names and units are in docs/user/metrics.md.
 * Threads: any.
 */
#pragma once

#include "base/buf.h"

#include <pthread.h>
#include <stdatomic.h>

enum { HL_HISTOGRAM_BOUNDS_MAX = 24, HL_METRICS_ROUTES_MAX = 256 };

typedef struct hl_histogram {
    const uint32_t *bounds_us; /* [n_bounds] rising */
    uint32_t n_bounds;
    atomic_uint_fast64_t counts[HL_HISTOGRAM_BOUNDS_MAX + 1]; /* the last: above all bounds */
    atomic_uint_fast64_t sum_ns;
} hl_histogram;

typedef struct hl_metrics_route {
    const char *method, *path; /* borrowed for good */
    int status;
    uint64_t n;
} hl_metrics_route;

typedef struct hl_metrics {
    pthread_mutex_t lock;                           /* of routes */
    hl_metrics_route routes[HL_METRICS_ROUTES_MAX]; /* [n_routes] */
    uint32_t n_routes;

    atomic_uint_fast64_t prompt_tokens, cached_tokens, generated_tokens;
    atomic_uint_fast64_t finished, failed, cancelled; /* jobs */
    atomic_uint_fast64_t preemptions, steps;
    hl_histogram first_token, between_tokens, whole; /* of jobs that generate */
} hl_metrics;

/* A model of the moment. */
typedef struct hl_metrics_model {
    const char *name;
    uint32_t n_waiting, n_running;
    uint32_t pages_used, pages_cached, pages_free;
    uint64_t bytes;
} hl_metrics_model;

typedef struct hl_metrics_moment {
    const hl_metrics_model *models; /* [n_models] */
    size_t n_models;
    uint64_t loads, load_failures, evictions; /* since the start */
    uint64_t memory_bytes;                    /* that models may take; 0: not known yet */
} hl_metrics_moment;

void hl_metrics_init(hl_metrics *m);
void hl_metrics_deinit(hl_metrics *m);

/* An answered request.  method and path are those of the route, not of the client, and stay. */
void hl_metrics_request(hl_metrics *m, const char *method, const char *path, int status);
void hl_histogram_add(hl_histogram *h, uint64_t ns);

/* In Prometheus' text format, version 0.0.4. */
void hl_metrics_render(hl_metrics *m, const hl_metrics_moment *now, hl_buf *out);
