#include "serve/plan.h"

/* Nobody wants less, and a model that cannot have it is of no use. */
enum { CTX_LEAST = 256, CONTEXTS_MOST = 64, MIB_SHIFT = 20 };

static uint32_t least_u32(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

uint32_t hl__plan_ctx(const hl__plan *p, uint32_t asked) {
    uint32_t ctx = least_u32(asked ? asked : p->ctx_default, p->ctx_train);
    return ctx > HL_CTX_MIN ? ctx : HL_CTX_MIN;
}

uint64_t hl__plan_bytes(const hl__plan *p, uint32_t pool_tokens) {
    return p->fixed_bytes + pool_tokens * p->token_bytes;
}

/* Tokens for which there is room beside the fixed part. */
static uint32_t tokens_in(const hl__plan *p, uint64_t room_bytes) {
    HL_ASSERT(p->token_bytes > 0 && p->fixed_bytes >= p->weight_bytes);
    if (room_bytes <= p->fixed_bytes) return 0;
    uint64_t tokens = (room_bytes - p->fixed_bytes) / p->token_bytes;
    return tokens < UINT32_MAX ? (uint32_t)tokens : UINT32_MAX;
}

uint32_t hl__plan_ctx_max(const hl__plan *p, uint64_t limit_bytes) {
    return least_u32(tokens_in(p, limit_bytes), p->ctx_train);
}

/* One context for each sequence is all that can be used, and many sequences fill theirs only in
 * part. */
static uint32_t pool_most(const hl__plan *p, uint32_t ctx) {
    uint64_t most = (uint64_t)hl__plan_ctx(p, 0) * least_u32(p->seqs_max, CONTEXTS_MOST);
    if (most < ctx) most = ctx;
    return most < UINT32_MAX ? (uint32_t)most : UINT32_MAX;
}

static uint32_t share(const hl__plan *p, uint32_t tokens, uint32_t ctx) {
    uint32_t part = (uint32_t)((uint64_t)tokens * p->pool_percent / 100);
    return least_u32(part > ctx ? part : ctx, pool_most(p, ctx));
}

uint32_t hl__plan_pool(const hl__plan *p, uint64_t room_bytes, uint32_t ctx) {
    uint32_t tokens = tokens_in(p, room_bytes);
    return tokens < ctx ? 0 : share(p, tokens, ctx);
}

hl_status hl__plan_pool_alone(const hl__plan *p, const char *name, uint64_t limit_bytes,
                              uint32_t ctx, bool asked, uint32_t *ret, hl_error *err) {
    uint32_t tokens = tokens_in(p, limit_bytes);
    uint32_t least = asked ? ctx : least_u32(ctx, CTX_LEAST);
    if (tokens < least) return hl__plan_refuse(p, name, limit_bytes, least, err);
    *ret = tokens < ctx ? tokens : share(p, tokens, ctx);
    HL_ASSERT(*ret >= least);
    return HL_OK;
}

hl_status hl__plan_refuse(const hl__plan *p, const char *name, uint64_t limit_bytes, uint32_t ctx,
                          hl_error *err) {
    uint64_t rest = hl__plan_bytes(p, ctx) - p->weight_bytes;
    return hl_fail(
        err, HL_ENOMEM, "model",
        "%s: a context of %u tokens needs %llu MB beside %llu MB of weights, and %llu MB "
        "can be used: ask for a smaller num_ctx, or for a smaller model",
        name, ctx, (unsigned long long)(rest >> MIB_SHIFT),
        (unsigned long long)(p->weight_bytes >> MIB_SHIFT),
        (unsigned long long)(limit_bytes >> MIB_SHIFT));
}
