/* bench/load.h
 *
 * Many streaming clients on one server, as people use it: each sends the same system text and a
 * question of its own to /v1/chat/completions, and notes when each piece of the answer arrives.
 * The route is one that every server of this kind has, so that the same load measures all.
 *
 * closed loop  `clients` requests run at any time, a client asks again when it has its answer
 * Poisson      requests come at `rate` a second whether or not the earlier ones are done, at most
 *              `clients` at a time; one that waits for its turn counts from when it should have
 *              been sent
 *
 * Errors: EINVAL (address), EIO, ENOMEM.  A request that fails is counted, not an error.
 * Threads: one; uses no others.
 */
#pragma once

#include "base/str.h"
#include "bench/samples.h"

typedef struct hl_load_config {
    const char *base_url; /* "http://127.0.0.1:11434" */
    const char *model;
    const char *api_key; /* NULL: none */
    hl_str system;       /* shared by all; empty: none */
    hl_str prompt;       /* of every request instead of questions of its own; empty: none */
    uint32_t clients;    /* at least 1 */
    uint32_t requests;   /* in all */
    uint32_t tokens_max; /* of an answer */
    double rate;         /* 0: closed loop */
    double temperature;
    uint64_t seed; /* of questions, arrivals and sampling */
} hl_load_config;

typedef struct hl_load_result {
    hl_samples ttft_ms;  /* from when it was due to the first piece, one a request */
    hl_samples gap_ms;   /* between two pieces of one answer */
    hl_samples total_ms; /* until the end, one a request */
    uint64_t prompt_tokens, cached_tokens, tokens; /* as the server counts them */
    double seconds;                                /* from the first request to the last end */
    uint32_t n_done, n_failed;
    char failure[256]; /* of the first that failed */
} hl_load_result;

/* *ret is filled also on failure; hl_load_result_deinit in any case. */
hl_status hl_load_run(const hl_load_config *config, hl_load_result *ret,
                      hl_error *err) HL_NODISCARD;
void hl_load_result_deinit(hl_load_result *r);
