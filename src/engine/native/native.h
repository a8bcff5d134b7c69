/* engine/native/native.h
 *
 * The engine of this program: continuous batching over a paged KV cache, on any backend.
 *
 *     batch   who runs in this step, and in which pages      (batch.h, kv.h)
 *     forward the backend computes it                        (compute/backend.h)
 *     sample  a token from each output                       (sample.h)
 *     emit    tokens to text, stop strings, events           (emit.h, stop.h)
 *
 * or, of an embedding, hidden states summed by the backend to one vector of length 1.
 *
 * It takes tokens: rendering and tokenising are done before submit.  A text depends on its own
 * request only, whatever else is in the batch, also when it is preempted and recomputed.
 *
 * All memory is taken at create; submit and step allocate nothing.
 *
 * Errors of create: EINVAL names a limit that makes no sense, ENOMEM, and what the backend says.
 * Of submit, beside engine.h's: EINVAL (no tokens, an id that the vocabulary has not, malformed
 * or empty stop strings, a bias that is no number, a format without its grammar), EUNSUPPORTED
 * (embeddings of a model that ranks), ELIMIT (too many or too long stop strings, biases,
 * logprobs).  Threads: as engine.h says; cancel may come from any thread.
 */
#pragma once

#include "compute/backend.h"
#include "engine/engine.h"
#include "text/tokenizer.h"

enum {
    HL_NATIVE_STOP_BYTES_MAX = 4096, /* of all stop strings of a request together */
    HL_NATIVE_LOGPROBS_MAX = 20      /* likeliest tokens reported beside the chosen one */
};

typedef struct hl_native_config {
    const hl_backend_ops *backend;
    uint32_t seqs_max; /* live at once, waiting ones included; at least 1 */
    uint32_t ctx_max;  /* tokens of one sequence, prompt and answer; at least 2 */
    uint32_t kv_pages; /* of the pool; one sequence of ctx_max must fit.  0: seqs_max of them */
    uint32_t
        step_rows_max;     /* tokens computed in one step; at least seqs_max.  0: 512 or seqs_max */
    uint32_t outputs_max;  /* rows sampled in one step; at least seqs_max.  0: seqs_max */
    uint32_t threads;      /* 0: what the machine offers */
    uint64_t seed;         /* of the sequences that bring none */
    uint64_t (*now)(void); /* for usage figures only; NULL: they are as coarse as step's now_ns */
} hl_native_config;

typedef struct hl_native_plan {
    hl_backend_plan backend;
    uint64_t engine_bytes; /* histories, tables, outputs, buffers */
    uint64_t total_bytes;
    uint32_t kv_pages, step_rows_max, outputs_max; /* with the defaults filled in */
} hl_native_plan;

/* What create would take, taking nothing. */
hl_status hl_native_plan_make(const hl_model *m, const hl_native_config *config,
                              hl_native_plan *ret, hl_error *err) HL_NODISCARD;

/* m and t are shared and must outlive the engine.  Returns owned; ends with ops->destroy. */
hl_status hl_native_create(const hl_model *m, const hl_tokenizer *t, const hl_native_config *config,
                           hl_engine **ret, hl_error *err) HL_NODISCARD;

/* For `ps`, the log and tests; e is from hl_native_create. */
typedef struct hl_native_stats {
    uint32_t seqs_live, seqs_admitted;                /* admitted: holding pages */
    uint32_t pages_used, pages_cached, pages_free;    /* sum: the pool */
    uint32_t page_refs;                               /* page table entries of all sequences */
    uint32_t step_rows, step_outputs;                 /* of the last step that computed */
    uint64_t steps, preemptions, rows, cached_tokens; /* since create */
} hl_native_stats;
void hl_native_stats_get(const hl_engine *e, hl_native_stats *ret);
/* The backend's own line for the log. */
const char *hl_native_describe(const hl_engine *e);
