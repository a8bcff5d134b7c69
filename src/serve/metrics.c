#include "serve/metrics.h"

#include <string.h>

enum { NS_PER_US = 1000, US_PER_S = 1000000 };

static const uint32_t FIRST_US[] = {
    1000,   2500,    5000,    10000,   20000,   40000,    80000,    150000,   250000,   500000,
    750000, 1000000, 2500000, 5000000, 7500000, 10000000, 20000000, 40000000, 80000000, 160000000};
static const uint32_t BETWEEN_US[] = {250,    500,    1000,    2500,    5000,   10000,  25000,
                                      50000,  75000,  100000,  150000,  200000, 300000, 400000,
                                      500000, 750000, 1000000, 2500000, 5000000};
static const uint32_t WHOLE_US[] = {10000,    50000,    100000,    300000,    500000,    1000000,
                                    1500000,  2500000,  5000000,   10000000,  15000000,  20000000,
                                    30000000, 60000000, 120000000, 240000000, 480000000, 960000000};

_Static_assert(sizeof FIRST_US / sizeof *FIRST_US <= HL_HISTOGRAM_BOUNDS_MAX &&
                   sizeof BETWEEN_US / sizeof *BETWEEN_US <= HL_HISTOGRAM_BOUNDS_MAX &&
                   sizeof WHOLE_US / sizeof *WHOLE_US <= HL_HISTOGRAM_BOUNDS_MAX,
               "all bounds have a place");

#define BOUNDS(table) (table), sizeof(table) / sizeof *(table)

static void set_bounds(hl_histogram *h, const uint32_t *bounds_us, size_t n) {
    h->bounds_us = bounds_us;
    h->n_bounds = (uint32_t)n;
}

void hl_metrics_init(hl_metrics *m) {
    memset(m, 0, sizeof *m);
    pthread_mutex_init(&m->lock, NULL);
    set_bounds(&m->first_token, BOUNDS(FIRST_US));
    set_bounds(&m->between_tokens, BOUNDS(BETWEEN_US));
    set_bounds(&m->whole, BOUNDS(WHOLE_US));
}

void hl_metrics_deinit(hl_metrics *m) {
    pthread_mutex_destroy(&m->lock);
}

/* -- counting ---------------------------------------------------------------------------------- */

/* With the lock.  NULL: more routes and statuses than there are. */
static hl_metrics_route *find_route(hl_metrics *m, const char *method, const char *path,
                                    int status) {
    for (uint32_t i = 0; i < m->n_routes; i++) {
        hl_metrics_route *r = &m->routes[i];
        if (r->status == status && strcmp(r->path, path) == 0 && strcmp(r->method, method) == 0)
            return r;
    }
    if (m->n_routes == HL_METRICS_ROUTES_MAX) return NULL;
    hl_metrics_route *r = &m->routes[m->n_routes++];
    *r = (hl_metrics_route){.method = method, .path = path, .status = status};
    return r;
}

void hl_metrics_request(hl_metrics *m, const char *method, const char *path, int status) {
    pthread_mutex_lock(&m->lock);
    hl_metrics_route *r = find_route(m, method, path, status);
    if (r) r->n++;
    pthread_mutex_unlock(&m->lock);
}

void hl_histogram_add(hl_histogram *h, uint64_t ns) {
    uint32_t i = 0;
    HL_DASSERT(h->n_bounds > 0);
    while (i < h->n_bounds && ns > (uint64_t)h->bounds_us[i] * NS_PER_US) i++;
    atomic_fetch_add_explicit(&h->counts[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->sum_ns, ns, memory_order_relaxed);
}

/* -- telling ----------------------------------------------------------------------------------- */

static void head(hl_buf *out, const char *name, const char *type, const char *help) {
    hl_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void counter(hl_buf *out, const char *name, uint64_t value, const char *help) {
    head(out, name, "counter", help);
    hl_buf_printf(out, "%s %llu\n", name, (unsigned long long)value);
}

/* A label's value: backslash, quote and line feed are escaped. */
static void label(hl_buf *out, const char *text) {
    for (const char *c = text; *c; c++) {
        if (*c == '\n')
            hl_buf_append_cstr(out, "\\n");
        else {
            if (*c == '\\' || *c == '"') hl_buf_append_char(out, '\\');
            hl_buf_append_char(out, *c);
        }
    }
}

static void histogram(hl_buf *out, const char *name, hl_histogram *h, const char *help) {
    uint64_t n = 0;
    head(out, name, "histogram", help);
    for (uint32_t i = 0; i < h->n_bounds; i++) {
        n += atomic_load(&h->counts[i]);
        hl_buf_printf(out, "%s_bucket{le=\"%g\"} %llu\n", name, (double)h->bounds_us[i] / US_PER_S,
                      (unsigned long long)n);
    }
    n += atomic_load(&h->counts[h->n_bounds]);
    hl_buf_printf(out, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %.9g\n%s_count %llu\n", name,
                  (unsigned long long)n, name, (double)atomic_load(&h->sum_ns) * 1e-9, name,
                  (unsigned long long)n);
}

static void requests(hl_metrics *m, hl_buf *out) {
    static const char NAME[] = "hyperllama_http_requests_total";
    head(out, NAME, "counter", "Requests answered, by route and status.");
    pthread_mutex_lock(&m->lock);
    for (uint32_t i = 0; i < m->n_routes; i++) {
        const hl_metrics_route *r = &m->routes[i];
        hl_buf_printf(out, "%s{method=\"", NAME);
        label(out, r->method);
        hl_buf_append_cstr(out, "\",route=\"");
        label(out, r->path);
        hl_buf_printf(out, "\",code=\"%d\"} %llu\n", r->status, (unsigned long long)r->n);
    }
    pthread_mutex_unlock(&m->lock);
}

typedef double gauge_fn(const hl_metrics_model *m);

static double waiting_of(const hl_metrics_model *m) {
    return m->n_waiting;
}

static double running_of(const hl_metrics_model *m) {
    return m->n_running;
}

static double pages_of(const hl_metrics_model *m) {
    return (double)m->pages_used + m->pages_cached + m->pages_free;
}

static double used_of(const hl_metrics_model *m) {
    return m->pages_used;
}

static double cached_of(const hl_metrics_model *m) {
    return m->pages_cached;
}

/* What can be had again at once does not count as full. */
static double fill_of(const hl_metrics_model *m) {
    return pages_of(m) > 0 ? m->pages_used / pages_of(m) : 0;
}

static double bytes_of(const hl_metrics_model *m) {
    return (double)m->bytes;
}

/* Without a model there is still a 0: who reads it may take a missing one for a broken server. */
static void gauge(hl_buf *out, const hl_metrics_moment *now, const char *name, gauge_fn *value,
                  const char *help) {
    head(out, name, "gauge", help);
    for (size_t i = 0; i < now->n_models; i++) {
        hl_buf_printf(out, "%s{model_name=\"", name);
        label(out, now->models[i].name);
        hl_buf_printf(out, "\"} %.15g\n", value(&now->models[i]));
    }
    if (now->n_models == 0) hl_buf_printf(out, "%s{model_name=\"\"} 0\n", name);
}

static void gauges(const hl_metrics_moment *now, hl_buf *out) {
    gauge(out, now, "hyperllama_requests_waiting", waiting_of, "Jobs that wait to be computed.");
    gauge(out, now, "hyperllama_requests_running", running_of, "Jobs that are being computed.");
    gauge(out, now, "hyperllama_kv_pages", pages_of, "Pages of the KV cache.");
    gauge(out, now, "hyperllama_kv_pages_used", used_of, "Pages that running jobs hold.");
    gauge(out, now, "hyperllama_kv_pages_cached", cached_of, "Pages kept for equal prefixes.");
    gauge(out, now, "hyperllama_model_bytes", bytes_of, "Memory that the model takes.");
    gauge(out, now, "vllm:num_requests_waiting", waiting_of, "hyperllama_requests_waiting.");
    gauge(out, now, "vllm:num_requests_running", running_of, "hyperllama_requests_running.");
    gauge(out, now, "vllm:kv_cache_usage_perc", fill_of, "Part of the KV cache in use, 0 to 1.");
    gauge(out, now, "vllm:gpu_cache_usage_perc", fill_of, "The same under its older name.");
    head(out, "hyperllama_memory_limit_bytes", "gauge", "Memory that models may take; 0: unknown.");
    hl_buf_printf(out, "hyperllama_memory_limit_bytes %llu\n",
                  (unsigned long long)now->memory_bytes);
}

static void counters(hl_metrics *m, const hl_metrics_moment *now, hl_buf *out) {
    head(out, "hyperllama_jobs_total", "counter", "Jobs that are over, by how they ended.");
    hl_buf_printf(out,
                  "hyperllama_jobs_total{end=\"finished\"} %llu\n"
                  "hyperllama_jobs_total{end=\"failed\"} %llu\n"
                  "hyperllama_jobs_total{end=\"cancelled\"} %llu\n",
                  (unsigned long long)atomic_load(&m->finished),
                  (unsigned long long)atomic_load(&m->failed),
                  (unsigned long long)atomic_load(&m->cancelled));
    counter(out, "hyperllama_prompt_tokens_total", atomic_load(&m->prompt_tokens),
            "Tokens of prompts, those found in the cache included.");
    counter(out, "hyperllama_cached_tokens_total", atomic_load(&m->cached_tokens),
            "Tokens of prompts that were found in the KV cache.");
    counter(out, "hyperllama_generated_tokens_total", atomic_load(&m->generated_tokens),
            "Tokens of answers.");
    counter(out, "hyperllama_steps_total", atomic_load(&m->steps), "Steps of the engines.");
    counter(out, "hyperllama_preemptions_total", atomic_load(&m->preemptions),
            "Jobs that gave their pages back and were computed again.");
    counter(out, "hyperllama_model_loads_total", now->loads, "Models loaded.");
    counter(out, "hyperllama_model_load_failures_total", now->load_failures,
            "Models that could not be loaded.");
    counter(out, "hyperllama_model_evictions_total", now->evictions,
            "Models that went because another one needed their memory.");
}

void hl_metrics_render(hl_metrics *m, const hl_metrics_moment *now, hl_buf *out) {
    requests(m, out);
    counters(m, now, out);
    gauges(now, out);
    histogram(out, "hyperllama_time_to_first_token_seconds", &m->first_token,
              "From a job's arrival to its first token.");
    histogram(out, "hyperllama_time_between_tokens_seconds", &m->between_tokens,
              "From one token of an answer to the next.");
    histogram(out, "hyperllama_job_seconds", &m->whole, "From a job's arrival to its end.");
}
