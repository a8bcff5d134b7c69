/* tests/conformance/runner.h
 *
 * A model on the CPU backend without an engine: sequences with pages of their own, in an order that
 * is not that of the pool, prompts in chunks, neighbours in the same step.
 */
#pragma once

#include "base/cpu.h"
#include "base/json.h"
#include "base/mem.h"
#include "compute/backend.h"

#include <glob.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SHARED_TINY "../shared/tiny-model/"

enum { RUNNER_SEQS_MAX = 32 };

typedef struct runner {
    hl_model *model;
    hl_backend *backend;
    uint32_t n_seqs, pages_each;
    uint32_t *pages; /* [n_seqs, pages_each] */
    float *logits;   /* [rows with an output, n_vocab] */
    uint32_t outputs_max;
} runner;

typedef struct span {
    uint32_t seq, at, n, n_outputs; /* tokens at … at + n - 1 of the sequence */
    const uint32_t *ids;            /* [at + n] of the sequence */
} span;

static inline void check_ok(hl_status st, const hl_error *err) {
    if (st < 0) fail_msg("%s", err->text);
}

static inline void use_level(hl_cpu_level level) {
    assert_int_equal(setenv("HYPERLLAMA_CPU", hl_cpu_level_name(level), 1), 0);
}

static inline void runner_open(runner *r, const char *path, uint32_t threads, uint32_t n_seqs,
                               uint32_t ctx, uint32_t rows_max, uint32_t outputs_max) {
    hl_error err;
    *r = (runner){.n_seqs = n_seqs, .outputs_max = outputs_max};
    r->pages_each = (ctx + HL_KV_PAGE_TOKENS - 1) / HL_KV_PAGE_TOKENS;
    hl_backend_limits limits = {.rows_max = rows_max,
                                .slices_max = RUNNER_SEQS_MAX,
                                .outputs_max = outputs_max,
                                .kv_pages = n_seqs * r->pages_each,
                                .threads = threads};
    check_ok(hl_model_open(path, &r->model, &err), &err);
    check_ok(hl_backend_cpu.open(r->model, &limits, &r->backend, &err), &err);
    r->pages = hl_calloc(limits.kv_pages, sizeof *r->pages);
    r->logits = hl_calloc((size_t)outputs_max * r->model->n_vocab, sizeof *r->logits);
    assert_non_null(r->pages);
    assert_non_null(r->logits);
    for (uint32_t i = 0; i < limits.kv_pages; i++) r->pages[i] = limits.kv_pages - 1 - i;
}

static inline void runner_close(runner *r) {
    hl_backend_cpu.close(r->backend);
    hl_model_close(r->model);
    hl_free(r->pages);
    hl_free(r->logits);
    *r = (runner){0};
}

/* One step; r->logits then holds the outputs in order. */
static inline void runner_step(runner *r, const span *spans, uint32_t n) {
    hl_slice slices[RUNNER_SEQS_MAX];
    uint32_t n_rows = 0;
    for (uint32_t i = 0; i < n; i++) n_rows += spans[i].n;
    uint32_t *tokens = hl_calloc(n_rows, sizeof *tokens);
    assert_non_null(tokens);
    n_rows = 0;
    for (uint32_t i = 0; i < n; i++) {
        const span *s = &spans[i];
        slices[i] = (hl_slice){.row0 = n_rows,
                               .n_rows = s->n,
                               .kv_len = s->at,
                               .pages = {r->pages + (size_t)s->seq * r->pages_each},
                               .n_outputs = s->n_outputs};
        for (uint32_t k = 0; k < s->n; k++) tokens[n_rows++] = s->ids[s->at + k];
    }
    hl_batch batch = {.tokens = tokens,
                      .n_rows = n_rows,
                      .slices = slices,
                      .n_slices = n,
                      .block1 = r->model->n_blocks,
                      .outputs = r->logits,
                      .output_stride = r->model->n_vocab};
    hl_error err;
    hl_mem_guard_enter(); /* a step allocates nothing */
    hl_status st = r->backend->ops->forward(r->backend, &batch, &err);
    hl_mem_guard_leave();
    hl_free(tokens);
    check_ok(st, &err);
}

/* Runs ids of a sequence from `at` on; r->logits then are those of the last row. */
static inline void runner_prefill(runner *r, uint32_t seq, const uint32_t *ids, uint32_t at,
                                  uint32_t n, uint32_t chunk) {
    for (uint32_t done = 0; done < n;) {
        uint32_t now = n - done < chunk ? n - done : chunk;
        span s = {seq, at + done, now, done + now == n, ids};
        runner_step(r, &s, 1);
        done += now;
    }
}

static inline uint32_t best_of(const float *logits, uint32_t n) {
    uint32_t best = 0;
    for (uint32_t i = 1; i < n; i++) best = logits[i] > logits[best] ? i : best;
    return best;
}

static inline double logsumexp(const float *logits, uint32_t n) {
    double max = (double)logits[best_of(logits, n)], sum = 0;
    for (uint32_t i = 0; i < n; i++) sum += exp((double)logits[i] - max);
    return max + log(sum);
}

/* --- Reference files ------------------------------------------------------- */

static inline bool there(const char *path) {
    if (hl_path_is_file(path)) return true;
    print_message("skipped: %s is not here\n", path);
    return false;
}

static inline struct json_object *load_json(const char *path) {
    hl_buf text;
    hl_error err;
    struct json_object *json = NULL;
    hl_buf_init(&text, 0);
    check_ok(hl_file_read(path, 1 << 28, &text, &err), &err);
    check_ok(hl_json_parse(hl_buf_str(&text), &json, &err), &err);
    hl_buf_deinit(&text);
    return json;
}

static inline struct json_object *get(struct json_object *o, const char *key) {
    struct json_object *v = NULL;
    if (!json_object_object_get_ex(o, key, &v)) fail_msg("no key %s", key);
    return v;
}

static inline uint32_t *get_ids(struct json_object *o, const char *key, uint32_t *ret_n) {
    struct json_object *a = get(o, key);
    *ret_n = (uint32_t)json_object_array_length(a);
    uint32_t *ids = hl_calloc(*ret_n, sizeof *ids);
    assert_non_null(ids);
    for (uint32_t i = 0; i < *ret_n; i++)
        ids[i] = (uint32_t)json_object_get_int64(json_object_array_get_idx(a, i));
    return ids;
}

static inline double at_f64(struct json_object *array, size_t i) {
    return json_object_get_double(json_object_array_get_idx(array, i));
}

/* Sanitizers make kernels a hundred times slower: such builds run less. */
static inline bool sanitized(void) {
#if defined(__SANITIZE_ADDRESS__)
    return true;
#elif defined(__has_feature)
    return __has_feature(address_sanitizer);
#else
    return false;
#endif
}

static inline bool too_slow_here(void) {
    if (sanitized()) print_message("skipped: too slow with sanitizers; smaller models run\n");
    return sanitized();
}

/* Levels to test: those that this machine has, or the one that HL_TEST_LEVEL names. */
static inline bool level_wanted(hl_cpu_level level) {
    const char *only = getenv("HL_TEST_LEVEL");
    if (only && strcmp(only, hl_cpu_level_name(level)) != 0) return false;
    return hl_cpu_level_available(level);
}

#define FOR_EACH_LEVEL(level)                                                                      \
    for (int level = 0; level < HL_CPU_LEVEL_COUNT; level++)                                       \
        if (level_wanted((hl_cpu_level)level))
