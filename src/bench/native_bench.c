/* hyperllama-bench-native MODEL [-p TOKENS] [-n TOKENS] [-t THREADS] [-r REPETITIONS]
 *
 * Speed of the native backend alone: no engine, no sampling but the best token.  Each repetition
 * computes a prompt of random tokens (steps of STEP_ROWS rows, the last row's output only), then
 * decodes tokens one at a time behind it.  -p 0 or -n 0 leaves out that part.  Prints one JSON
 * object. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "compute/backend.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEP_ROWS = 512, TOKENS_MAX = 1 << 20, REPETITIONS_MAX = 1000 };

typedef struct options {
    const char *model;
    uint32_t n_prompt, n_gen, threads, repetitions;
} options;

typedef struct bench {
    options o;
    hl_model *model;
    hl_backend *backend;
    uint32_t *pages, *prompt;
    float *logits;
} bench;

static hl_status parse_number(const char *flag, const char *text, uint32_t max, uint32_t *ret,
                              hl_error *err) {
    char *end = NULL;
    errno = 0;
    unsigned long v = text ? strtoul(text, &end, 10) : 0;
    if (!text || !*text || *end || errno || *text == '-' || v > max)
        return hl_fail(err, HL_EINVAL, "bench", "%s wants a number from 0 to %u", flag, max);
    *ret = (uint32_t)v;
    return HL_OK;
}

static hl_status parse(int argc, char **argv, options *o, hl_error *err) {
    *o = (options){.n_prompt = 512, .n_gen = 128, .repetitions = 1};
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (*arg != '-') {
            o->model = arg;
            continue;
        }
        if (strcmp(arg, "-p") == 0) {
            HL_TRY(parse_number(arg, value, TOKENS_MAX, &o->n_prompt, err));
        } else if (strcmp(arg, "-n") == 0) {
            HL_TRY(parse_number(arg, value, TOKENS_MAX, &o->n_gen, err));
        } else if (strcmp(arg, "-t") == 0) {
            HL_TRY(parse_number(arg, value, UINT16_MAX, &o->threads, err));
        } else if (strcmp(arg, "-r") == 0) {
            HL_TRY(parse_number(arg, value, REPETITIONS_MAX, &o->repetitions, err));
        } else {
            return hl_fail(err, HL_EINVAL, "bench", "unknown flag %s", arg);
        }
        i++;
    }
    if (o->model) return HL_OK;
    return hl_fail(err, HL_EINVAL, "bench",
                   "usage: hyperllama-bench-native MODEL [-p N] [-n N] [-t N] [-r N]");
}

static hl_status prepare(bench *b, hl_error *err) {
    uint32_t tokens = b->o.n_prompt + b->o.n_gen + 1;
    hl_backend_limits limits = {.rows_max = STEP_ROWS,
                                .slices_max = 1,
                                .outputs_max = 1,
                                .kv_pages = tokens / HL_KV_PAGE_TOKENS + 1,
                                .threads = b->o.threads};
    HL_TRY(hl_model_open(b->o.model, &b->model, err));
    HL_TRY(hl_backend_cpu.open(b->model, &limits, &b->backend, err));
    b->pages = hl_calloc(limits.kv_pages, sizeof *b->pages);
    b->prompt = hl_calloc(tokens, sizeof *b->prompt);
    b->logits = hl_calloc(b->model->n_vocab, sizeof *b->logits);
    if (!b->pages || !b->prompt || !b->logits)
        return hl_fail(err, HL_ENOMEM, "bench", "no memory for %u tokens", tokens);
    hl_rng rng;
    hl_rng_init(&rng, 1);
    for (uint32_t i = 0; i < limits.kv_pages; i++) b->pages[i] = i;
    for (uint32_t i = 0; i < tokens; i++)
        b->prompt[i] = (uint32_t)hl_rng_below(&rng, b->model->n_vocab);
    return HL_OK;
}

/* n tokens at position at; the last one's logits if asked for. */
static hl_status forward(bench *b, const uint32_t *ids, uint32_t at, uint32_t n, bool output,
                         hl_error *err) {
    hl_slice slice = {.n_rows = n, .kv_len = at, .pages = {b->pages}, .n_outputs = output};
    hl_batch batch = {.tokens = ids,
                      .n_rows = n,
                      .slices = &slice,
                      .n_slices = 1,
                      .block1 = b->model->n_blocks,
                      .outputs = b->logits,
                      .output_stride = b->model->n_vocab};
    return b->backend->ops->forward(b->backend, &batch, err);
}

static hl_status prefill(bench *b, hl_error *err) {
    uint32_t n = b->o.n_prompt;
    for (uint32_t at = 0; at < n; at += STEP_ROWS) {
        uint32_t now = n - at < STEP_ROWS ? n - at : STEP_ROWS;
        HL_TRY(forward(b, b->prompt + at, at, now, at + now == n, err));
    }
    return HL_OK;
}

static hl_status decode(bench *b, hl_error *err) {
    uint32_t token = b->prompt[b->o.n_prompt];
    for (uint32_t i = 0; i < b->o.n_gen; i++) {
        HL_TRY(forward(b, &token, b->o.n_prompt + i, 1, true, err));
        token = 0;
        for (uint32_t k = 1; k < b->model->n_vocab; k++)
            token = b->logits[k] > b->logits[token] ? k : token;
    }
    return HL_OK;
}

static double rate(uint32_t tokens, uint64_t start_ns) {
    double ns = (double)(hl_clock_ns() - start_ns);
    return ns > 0 ? tokens * 1e9 / ns : 0;
}

static void print_rates(const char *name, const double *rates, uint32_t n) {
    printf(",\"%s\":[", name);
    for (uint32_t i = 0; i < n; i++) printf("%s%.3f", i ? "," : "", rates[i]);
    printf("]");
}

static hl_status measure(bench *b, hl_error *err) {
    static double prefills[REPETITIONS_MAX], decodes[REPETITIONS_MAX];
    HL_TRY(forward(b, b->prompt, 0, 1, true, err)); /* touches everything once */
    for (uint32_t i = 0; i < b->o.repetitions; i++) {
        uint64_t start = hl_clock_ns();
        HL_TRY(prefill(b, err));
        prefills[i] = rate(b->o.n_prompt, start);
        start = hl_clock_ns();
        HL_TRY(decode(b, err));
        decodes[i] = rate(b->o.n_gen, start);
    }
    printf("{\"backend\":\"%s\",\"n_prompt\":%u,\"n_gen\":%u",
           b->backend->ops->describe(b->backend), b->o.n_prompt, b->o.n_gen);
    print_rates("prefill_tokens_per_second", prefills, b->o.n_prompt ? b->o.repetitions : 0);
    print_rates("decode_tokens_per_second", decodes, b->o.n_gen ? b->o.repetitions : 0);
    printf("}\n");
    return HL_OK;
}

int main(int argc, char **argv) {
    bench b = {0};
    hl_error err;
    hl_status st = parse(argc, argv, &b.o, &err);
    if (st >= 0) st = prepare(&b, &err);
    if (st >= 0) st = measure(&b, &err);
    if (st < 0) fprintf(stderr, "hyperllama-bench-native: %s\n", err.text);
    hl_backend_cpu.close(b.backend);
    hl_model_close(b.model);
    hl_free(b.pages);
    hl_free(b.prompt);
    hl_free(b.logits);
    return st < 0 ? hl_status_exit(st) : 0;
}
