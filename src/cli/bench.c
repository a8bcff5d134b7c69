/* How fast a server answers many clients: this program's, or any other that has OpenAI's route. */
#include "base/fs.h"
#include "bench/load.h"
#include "cli/command.h"
#include "config/env.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct args {
    hl_str url, rate, system_file, key;
    int64_t clients, requests, tokens, system_words, seed;
    bool json;
} args;

enum { CLIENTS_MAX = 1024, REQUESTS_MAX = 1000000, SYSTEM_BYTES_MAX = 8 << 20 };

static const hl_flag FLAGS[] = {
    {"url", 0, HL_FLAG_TEXT, offsetof(args, url), "URL", NULL,
     "The server (default http://127.0.0.1:11434)"},
    {"clients", 'c', HL_FLAG_INT, offsetof(args, clients), "N", NULL,
     "Streams at a time (default 8)"},
    {"requests", 0, HL_FLAG_INT, offsetof(args, requests), "N", NULL,
     "Requests in all (default four a client)"},
    {"tokens", 'n', HL_FLAG_INT, offsetof(args, tokens), "N", NULL,
     "Most tokens of an answer (default 128)"},
    {"rate", 0, HL_FLAG_TEXT, offsetof(args, rate), "R", NULL,
     "Requests a second, at random times; without it a client asks again when it is answered"},
    {"system-words", 0, HL_FLAG_INT, offsetof(args, system_words), "N", NULL,
     "Words of the system text that all share (default 380, about 450 tokens)"},
    {"system-file", 0, HL_FLAG_TEXT, offsetof(args, system_file), "FILE", NULL, "The system text"},
    {"seed", 0, HL_FLAG_INT, offsetof(args, seed), "N", NULL, "Of questions, times and answers"},
    {"json", 0, HL_FLAG_SWITCH, offsetof(args, json), NULL, NULL, "Print one JSON object"},
};

/* -- the system text --------------------------------------------------------------------------- */

static void make_system(int64_t n_words, uint64_t seed, hl_buf *out) {
    static const char *const words[] = {
        "answer", "every", "question", "with",   "care", "and",  "say",   "what",
        "you",    "know",  "plainly",  "use",    "few",  "name", "units", "when",
        "there",  "are",   "numbers",  "before", "it",   "is",   "asked", "for",
        "keep",   "the",   "user's",   "words",  "in",   "mind", "while", "reading"};
    enum { N = sizeof words / sizeof *words };
    for (int64_t i = 0; i < n_words; i++) {
        uint64_t at = ((uint64_t)i * 7 + (uint64_t)i / N * 3 + seed) % N;
        hl_buf_printf(out, i ? " %s" : "%s", words[at]);
    }
}

static hl_status read_system(const args *a, hl_buf *out, hl_error *err) {
    if (a->system_file.len > 0) return hl_file_read(a->system_file.ptr, SYSTEM_BYTES_MAX, out, err);
    make_system(a->system_words, (uint64_t)a->seed, out);
    return hl_buf_status(out, "the system text", err);
}

/* -- the report -------------------------------------------------------------------------------- */

static void append_quantiles(hl_samples *s, const char *name, hl_buf *out) {
    hl_buf_printf(
        out, ",\"%s\":{\"mean\":%.3f,\"p50\":%.3f,\"p95\":%.3f,\"p99\":%.3f,\"max\":%.3f}", name,
        hl_samples_mean(s), hl_samples_quantile(s, 0.5), hl_samples_quantile(s, 0.95),
        hl_samples_quantile(s, 0.99), hl_samples_quantile(s, 1));
}

static void report_json(hl_load_result *r, hl_buf *out) {
    hl_buf_printf(out,
                  "{\"done\":%u,\"failed\":%u,\"seconds\":%.3f,\"tokens\":%llu,"
                  "\"tokens_per_second\":%.2f,\"prompt_tokens\":%llu,\"cached_tokens\":%llu",
                  r->n_done, r->n_failed, r->seconds, (unsigned long long)r->tokens,
                  (double)r->tokens / r->seconds, (unsigned long long)r->prompt_tokens,
                  (unsigned long long)r->cached_tokens);
    append_quantiles(&r->ttft_ms, "ttft_ms", out);
    append_quantiles(&r->gap_ms, "inter_token_ms", out);
    append_quantiles(&r->total_ms, "total_ms", out);
    hl_buf_append_cstr(out, ",\"failure\":");
    hl_json_append_string(out, hl_str_from(r->failure));
    hl_buf_append_cstr(out, "}\n");
}

static void report_row(hl_samples *s, const char *name, hl_buf *out) {
    hl_buf_printf(out, "%-22s %10.1f %10.1f %10.1f %10.1f\n", name, hl_samples_quantile(s, 0.5),
                  hl_samples_quantile(s, 0.95), hl_samples_quantile(s, 0.99),
                  hl_samples_quantile(s, 1));
}

static void report_text(hl_load_result *r, hl_buf *out) {
    hl_buf_printf(out, "%-22s %10s %10s %10s %10s\n", "milliseconds", "p50", "p95", "p99", "max");
    report_row(&r->ttft_ms, "first token", out);
    report_row(&r->gap_ms, "between tokens", out);
    report_row(&r->total_ms, "whole answer", out);
    hl_buf_printf(out, "%.1f tokens/s, %llu tokens in %.1f s; %u answers, %u failed\n",
                  (double)r->tokens / r->seconds, (unsigned long long)r->tokens, r->seconds,
                  r->n_done, r->n_failed);
    hl_buf_printf(out, "%llu prompt tokens, %llu of them found in the cache\n",
                  (unsigned long long)r->prompt_tokens, (unsigned long long)r->cached_tokens);
    if (r->n_failed > 0) hl_buf_printf(out, "first failure: %s\n", r->failure);
}

/* -- the command ------------------------------------------------------------------------------- */

static hl_status check_range(const char *flag, int64_t value, int64_t max, hl_error *err) {
    if (value >= 1 && value <= max) return HL_OK;
    return hl_fail(err, HL_EINVAL, "bench", "--%s must be between 1 and %lld", flag,
                   (long long)max);
}

static hl_status read_rate(hl_str text, double *ret, hl_error *err) {
    char copy[32], *end = copy;
    *ret = 0;
    if (text.len == 0) return HL_OK;
    snprintf(copy, sizeof copy, "%.*s", HL_STR_ARG(hl_str_slice(text, 0, sizeof copy - 1)));
    double rate = strtod(copy, &end);
    if (*end || !(rate > 0 && rate < 1e6))
        return hl_fail(err, HL_EINVAL, "bench", "--rate wants a number of requests a second");
    *ret = rate;
    return HL_OK;
}

static hl_status make_config(const hl__call *call, const args *a, hl_load_config *ret,
                             hl_error *err) {
    HL_TRY(check_range("clients", a->clients, CLIENTS_MAX, err));
    HL_TRY(check_range("requests", a->requests, REQUESTS_MAX, err));
    HL_TRY(check_range("tokens", a->tokens, INT32_MAX, err));
    hl_str key = hl_env_text("API_KEY");
    *ret = (hl_load_config){.base_url = a->url.ptr,
                            .model = call->words[0],
                            .api_key = key.len > 0 ? key.ptr : NULL,
                            .clients = (uint32_t)a->clients,
                            .requests = (uint32_t)a->requests,
                            .tokens_max = (uint32_t)a->tokens,
                            .temperature = 1,
                            .seed = (uint64_t)a->seed};
    return read_rate(a->rate, &ret->rate, err);
}

static hl_status measure(const hl_load_config *config, bool json, hl_buf *out, hl_error *err) {
    hl_load_result r;
    hl_status st = hl_load_run(config, &r, err);
    if (st >= 0 && r.n_done == 0)
        st = hl_fail(err, HL_EIO, "bench", "no request was answered: %s", r.failure);
    if (st >= 0) (json ? report_json : report_text)(&r, out);
    hl_load_result_deinit(&r);
    return st;
}

static void set_defaults(args *a) {
    if (a->url.len == 0) a->url = HL_STR("http://127.0.0.1:11434");
    if (a->clients == 0) a->clients = 8;
    if (a->requests == 0) a->requests = 4 * a->clients;
    if (a->tokens == 0) a->tokens = 128;
    if (a->system_words == 0) a->system_words = 380;
}

static hl_status run(hl__call *call, hl_error *err) {
    args *a = call->args;
    hl_load_config config;
    hl_buf system, out;
    set_defaults(a);
    HL_TRY(make_config(call, a, &config, err));
    hl_buf_init(&system, SYSTEM_BYTES_MAX);
    hl_buf_init(&out, 0);
    hl_status st = read_system(a, &system, err);
    config.system = hl_buf_str(&system);
    if (st >= 0) st = measure(&config, a->json, &out, err);
    if (st >= 0) st = hl__out_buf(&out, err);
    hl_buf_deinit(&system);
    hl_buf_deinit(&out);
    return st;
}

const hl__command hl__command_bench = {
    .name = "bench",
    .usage = "bench MODEL [flags]",
    .summary = "Measure a server under load",
    .about =
        "Many streaming clients ask a server at once, each with a question of its own behind a\n"
        "system text that all share; prints when first tokens and the following ones came.",
    .flags = HL__FLAGS(FLAGS, false),
    .args_bytes = sizeof(args),
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
