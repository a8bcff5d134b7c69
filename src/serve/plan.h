/* serve/plan.h
 *
 * How much memory a model gets.  What it needs is fixed (weights, scratch, tables) and a pool of KV
 * pages, counted here in tokens: at least one context, at most one for each sequence, and else a
 * part of what is left beside the fixed bytes, so that the next model finds something.
 *
 * Threads: pure.
 */
#pragma once

#include "base/status.h"

enum { HL_CTX_DEFAULT = 4096, HL_CTX_MIN = 4 };

/* What loading a model will take; from its file. */
typedef struct hl__plan {
    uint64_t weight_bytes; /* for messages; a part of: */
    uint64_t fixed_bytes;  /* all that does not grow with the pool */
    uint64_t token_bytes;  /* of the pool, at least 1 */
    uint32_t ctx_train;    /* tokens of a sequence that the model can use */
    uint32_t ctx_default;  /* of a request that does not say; at most ctx_train */
    uint32_t seqs_max;     /* computed at once */
    uint32_t pool_percent; /* of what is left, at most, unless one context needs more */
} hl__plan;

/* The context of a request that asks for `asked` tokens (0: does not say). */
uint32_t hl__plan_ctx(const hl__plan *p, uint32_t asked);
/* Fixed part and pool. */
uint64_t hl__plan_bytes(const hl__plan *p, uint32_t pool_tokens);
/* The largest context of a request when everything else is gone. */
uint32_t hl__plan_ctx_max(const hl__plan *p, uint64_t limit_bytes);

/* Tokens of the pool in room_bytes, where one context of `ctx` tokens must fit; 0: does not fit. */
uint32_t hl__plan_pool(const hl__plan *p, uint64_t room_bytes, uint32_t ctx);
/* The same for a model that has all of the memory; `asked`: somebody wants this ctx, else a smaller
 * one will do.  Error: ENOMEM says the numbers. */
hl_status hl__plan_pool_alone(const hl__plan *p, const char *name, uint64_t limit_bytes,
                              uint32_t ctx, bool asked, uint32_t *ret, hl_error *err) HL_NODISCARD;
/* Why a context cannot be had. */
hl_status hl__plan_refuse(const hl__plan *p, const char *name, uint64_t limit_bytes, uint32_t ctx,
                          hl_error *err) HL_NODISCARD;
