#include "engine/native/slots.h"

#include <string.h>

/* ---- submit ---- */

static hl__slot *find_free(hl__native *e) {
    for (uint32_t i = 0; i < e->engine.caps.seqs_max; i++)
        if (e->slots[i].state == HL__SLOT_FREE) return &e->slots[i];
    return NULL;
}

static bool is_known(const hl__native *e, hl_seq_id seq) {
    for (uint32_t i = 0; i < e->engine.caps.seqs_max; i++)
        if (e->slots[i].state != HL__SLOT_FREE && hl_life_id(&e->slots[i].life) == seq) return true;
    return false;
}

static uint32_t context_of(const hl__native *e, const hl_options *o) {
    uint32_t max = e->engine.caps.ctx_max;
    return o->num_ctx > 0 && (uint32_t)o->num_ctx < max ? (uint32_t)o->num_ctx : max;
}

static hl_status check_tokens(const hl__native *e, const hl_request *req, hl_error *err) {
    uint32_t n_ctx = context_of(e, &req->options);
    bool embeds = req->kind == HL_REQUEST_EMBED;
    if (req->n_tokens == 0) return hl_fail(err, HL_EINVAL, "engine", "the prompt has no tokens");
    if (embeds && req->n_tokens > n_ctx)
        return hl_fail(err, HL_ELIMIT, "engine", "the input has %zu tokens, the context is %u",
                       req->n_tokens, n_ctx);
    if (!embeds && req->n_tokens >= n_ctx)
        return hl_fail(err, HL_ELIMIT, "engine",
                       "the prompt has %zu tokens, a context of %u has room for %u and an answer",
                       req->n_tokens, n_ctx, n_ctx - 1);
    for (size_t i = 0; i < req->n_tokens; i++)
        if (req->tokens[i] >= e->n_vocab)
            return hl_fail(err, HL_EINVAL, "engine", "token %zu of the prompt is %u, there are %u",
                           i, req->tokens[i], e->n_vocab);
    return HL_OK;
}

static hl_status check_embed(const hl__native *e, hl_error *err) {
    if (e->model->pooling != HL_POOLING_RANK) return HL_OK;
    return hl_fail(err, HL_EUNSUPPORTED, "engine",
                   "this model gives scores to pairs of texts, it makes no embeddings");
}

static hl_status check_generate(const hl__native *e, const hl_request *req, hl_error *err) {
    const hl_options *o = &req->options;
    if (req->format != HL_FORMAT_TEXT && !req->grammar)
        return hl_fail(err, HL_EINVAL, "engine", "a format without its grammar");
    if (req->grammar &&
        (!req->grammar_vocab || hl_grammar_vocab_tokenizer(req->grammar_vocab) != e->tokenizer))
        return hl_fail(err, HL_EINVAL, "engine", "a grammar without this engine's vocabulary");
    if (o->logprobs && o->n_logprobs > HL_NATIVE_LOGPROBS_MAX)
        return hl_fail(err, HL_ELIMIT, "engine", "%u log-probabilities a token, at most %d",
                       o->n_logprobs, HL_NATIVE_LOGPROBS_MAX);
    return hl_logit_bias_check(o->logit_bias, o->n_logit_bias, e->n_vocab, err);
}

static hl_status check_request(const hl__native *e, const hl_request *req, hl_error *err) {
    if (req->kind == HL_REQUEST_EMBED)
        HL_TRY(check_embed(e, err));
    else
        HL_TRY(check_generate(e, req, err));
    return check_tokens(e, req, err);
}

/* 0, negative, or more than ten contexts: ten contexts. */
static uint32_t predict_of(const hl_options *o, uint32_t n_ctx) {
    uint64_t most = 10 * (uint64_t)n_ctx;
    if (o->num_predict > 0 && (uint64_t)o->num_predict < most) return (uint32_t)o->num_predict;
    return most < UINT32_MAX ? (uint32_t)most : UINT32_MAX;
}

/* A decoder's first token has seen only itself: what comes behind it cannot change its hidden
 * state and is not computed. */
static uint32_t n_computed(const hl__native *e, const hl_request *req) {
    bool first_only = req->kind == HL_REQUEST_EMBED && e->model->pooling == HL_POOLING_CLS;
    return first_only ? 1 : (uint32_t)req->n_tokens;
}

static void fill_span(const hl__native *e, hl__slot *s, const hl_request *req) {
    uint32_t n = n_computed(e, req);
    memcpy(s->tokens, req->tokens, n * sizeof *s->tokens);
    s->span = (hl_span){
        .tokens = s->tokens,
        .n_tokens = n,
        .n_prompt = (uint32_t)req->n_tokens,
        .chunk_max = req->options.num_batch < 1 ? 1 : (uint32_t)req->options.num_batch,
        .salt = req->cache_salt,
        .every_row = req->kind == HL_REQUEST_EMBED && e->model->pooling == HL_POOLING_MEAN,
        .pages = s->span.pages};
}

static void fill_sampler(hl__native *e, hl__slot *s, const hl_options *o) {
    /* Drawn also when it is not used, so that one request's seed does not change others' texts. */
    uint64_t seed = hl_rng_u64(&e->seeds);
    hl_sampler_init(&s->sampler, o, s->n_ctx, o->seed == -1 ? seed : (uint64_t)(int64_t)o->seed);
    s->sampler.bias = s->bias;
    s->sampler.n_bias = o->n_logit_bias;
    if (o->n_logit_bias) memcpy(s->bias, o->logit_bias, o->n_logit_bias * sizeof *s->bias);
    s->logprobs = o->logprobs;
    s->n_top = o->n_logprobs < e->n_vocab ? o->n_logprobs : e->n_vocab;
}

/* What only an answer needs. */
static void fill_answer(hl__native *e, hl__slot *s, const hl_request *req) {
    const hl_options *o = &req->options;
    s->n_predict = predict_of(o, s->n_ctx);
    s->repeat = (hl_repeat){0};
    s->shifts = !req->no_shift;
    bool has_bos = req->tokens[0] == hl_tokenizer_bos(e->tokenizer);
    s->shift = hl_shift_of(o->num_keep, has_bos, s->span.n_prompt, s->n_ctx);
    fill_sampler(e, s, o);
    s->vocab = req->grammar ? req->grammar_vocab : NULL;
    if (req->grammar) hl_grammar_begin(s->grammar, req->grammar);
}

hl_status hl__native_submit(hl_engine *base, hl_seq_id seq, const hl_request *req, uint64_t now_ns,
                            hl_error *err) {
    hl__native *e = (hl__native *)base;
    HL_ASSERT(!is_known(e, seq));
    HL_TRY(check_request(e, req, err));
    hl__slot *s = find_free(e);
    if (!s)
        return hl_fail(err, HL_EBUSY, "engine", "%u sequences are live, no more at once",
                       base->caps.seqs_max);
    if (req->kind == HL_REQUEST_GENERATE)
        HL_TRY(hl_emit_begin(&s->emit, e->tokenizer, &req->options, err));
    s->kind = req->kind;
    s->n_ctx = context_of(e, &req->options);
    s->n_generated = 0;
    s->submit_ns = hl__native_time(e, now_ns);
    s->start_ns = s->first_ns = 0;
    fill_span(e, s, req);
    if (req->kind == HL_REQUEST_GENERATE) fill_answer(e, s, req);
    s->state = HL__SLOT_LIVE;
    e->stats.seqs_live++;
    hl_batcher_add(&e->batcher, &s->span);
    hl_life_begin(&s->life, seq);
    return HL_OK;
}

/* ---- cancel ---- */

void hl__native_cancel(hl_engine *base, hl_seq_id seq) {
    hl__native *e = (hl__native *)base;
    for (uint32_t i = 0; i < base->caps.seqs_max; i++)
        if (hl_life_cancel(&e->slots[i].life, seq)) return;
}
