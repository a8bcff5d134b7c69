#include "engine/native/native.h"

#include "base/mem.h"
#include "engine/life.h"
#include "engine/native/batch.h"
#include "engine/native/emit.h"
#include "engine/native/sample.h"
#include "text/grammar.h"

#include <string.h>

/* ENDED: the terminal event is not given out. */
typedef enum slot_state { SLOT_FREE, SLOT_LIVE, SLOT_ENDED } slot_state;

/* A live sequence, or room for one. */
typedef struct slot {
    hl_span span; /* first: a span is a slot's */

    hl_life life;
    slot_state state;
    uint32_t *tokens;    /* [ctx_max] prompt and answer */
    hl_logit_bias *bias; /* [HL_LOGIT_BIAS_MAX] */
    hl_sampler sampler;
    hl_emit emit;
    hl_grammar_state *grammar;     /* used when there is a vocabulary for it */
    const hl_grammar_vocab *vocab; /* the request's; NULL: any text */
    uint32_t n_ctx, n_predict, n_generated;
    uint32_t n_top; /* log-probabilities beside the chosen one */
    bool logprobs;
    uint64_t submit_ns, start_ns, first_ns; /* start and first token; 0: not yet */
} slot;

typedef struct native {
    hl_engine engine; /* first */
    const hl_model *model;
    const hl_tokenizer *tokenizer;
    hl_backend *backend;
    uint64_t (*now)(void);
    uint64_t step_ns; /* step's now_ns */
    uint32_t n_vocab; /* ids that have both a logit and a text */
    hl_rng seeds;

    slot *slots; /* [caps.seqs_max] */
    hl_batcher batcher;
    uint32_t *rows;   /* [batcher.rows_max] tokens of a step */
    hl_slice *slices; /* [caps.seqs_max] */
    float *outputs;   /* [outputs_max, model->n_vocab] */
    hl_sample_scratch scratch;
    hl_grammar_masks *masks;

    hl_event *events; /* [2 * caps.seqs_max] of the last step: a text and an end for each */
    uint32_t n_events, n_given;
    hl_error lost; /* status < 0: the backend failed, and with it the engine */
    hl_native_stats stats;
} native;

static native *native_of(hl_engine *e) {
    return (native *)e;
}

/* Time for usage figures. */
static uint64_t time_of(const native *e, uint64_t now_ns) {
    return e->now ? e->now() : now_ns;
}

/* ---- submit ---- */

static slot *find_free(native *e) {
    for (uint32_t i = 0; i < e->engine.caps.seqs_max; i++)
        if (e->slots[i].state == SLOT_FREE) return &e->slots[i];
    return NULL;
}

static bool is_known(const native *e, hl_seq_id seq) {
    for (uint32_t i = 0; i < e->engine.caps.seqs_max; i++)
        if (e->slots[i].state != SLOT_FREE && hl_life_id(&e->slots[i].life) == seq) return true;
    return false;
}

static uint32_t context_of(const native *e, const hl_options *o) {
    uint32_t max = e->engine.caps.ctx_max;
    return o->num_ctx > 0 && (uint32_t)o->num_ctx < max ? (uint32_t)o->num_ctx : max;
}

static hl_status check_tokens(const native *e, const hl_request *req, hl_error *err) {
    uint32_t n_ctx = context_of(e, &req->options);
    if (req->n_tokens == 0) return hl_fail(err, HL_EINVAL, "engine", "the prompt has no tokens");
    if (req->n_tokens >= n_ctx)
        return hl_fail(err, HL_ELIMIT, "engine",
                       "the prompt has %zu tokens, a context of %u has room for %u and an answer",
                       req->n_tokens, n_ctx, n_ctx - 1);
    for (size_t i = 0; i < req->n_tokens; i++)
        if (req->tokens[i] >= e->n_vocab)
            return hl_fail(err, HL_EINVAL, "engine", "token %zu of the prompt is %u, there are %u",
                           i, req->tokens[i], e->n_vocab);
    return HL_OK;
}

static hl_status check_request(const native *e, const hl_request *req, hl_error *err) {
    const hl_options *o = &req->options;
    if (req->kind != HL_REQUEST_GENERATE)
        return hl_fail(err, HL_EUNSUPPORTED, "engine", "this engine makes no embeddings");
    if (req->format != HL_FORMAT_TEXT && !req->grammar)
        return hl_fail(err, HL_EINVAL, "engine", "a format without its grammar");
    if (req->grammar &&
        (!req->grammar_vocab || hl_grammar_vocab_tokenizer(req->grammar_vocab) != e->tokenizer))
        return hl_fail(err, HL_EINVAL, "engine", "a grammar without this engine's vocabulary");
    if (o->logprobs && o->n_logprobs > HL_NATIVE_LOGPROBS_MAX)
        return hl_fail(err, HL_ELIMIT, "engine", "%u log-probabilities a token, at most %d",
                       o->n_logprobs, HL_NATIVE_LOGPROBS_MAX);
    HL_TRY(hl_logit_bias_check(o->logit_bias, o->n_logit_bias, e->n_vocab, err));
    return check_tokens(e, req, err);
}

/* 0, negative, or more than ten contexts: ten contexts, which is to say until the context is full.
 */
static uint32_t predict_of(const hl_options *o, uint32_t n_ctx) {
    uint64_t most = 10 * (uint64_t)n_ctx;
    if (o->num_predict > 0 && (uint64_t)o->num_predict < most) return (uint32_t)o->num_predict;
    return most < UINT32_MAX ? (uint32_t)most : UINT32_MAX;
}

static void fill_span(slot *s, const hl_request *req) {
    uint32_t n = (uint32_t)req->n_tokens;
    memcpy(s->tokens, req->tokens, n * sizeof *s->tokens);
    s->span = (hl_span){.tokens = s->tokens,
                        .n_tokens = n,
                        .n_prompt = n,
                        .chunk_max = (uint32_t)req->options.num_batch,
                        .pages = s->span.pages};
    if (req->options.num_batch < 1) s->span.chunk_max = 1;
}

static void fill_sampler(native *e, slot *s, const hl_options *o) {
    /* Drawn also when it is not used, so that one request's seed does not change others' texts. */
    uint64_t seed = hl_rng_u64(&e->seeds);
    hl_sampler_init(&s->sampler, o, s->n_ctx, o->seed == -1 ? seed : (uint64_t)(int64_t)o->seed);
    s->sampler.bias = s->bias;
    s->sampler.n_bias = o->n_logit_bias;
    if (o->n_logit_bias) memcpy(s->bias, o->logit_bias, o->n_logit_bias * sizeof *s->bias);
    s->logprobs = o->logprobs;
    s->n_top = o->n_logprobs < e->n_vocab ? o->n_logprobs : e->n_vocab;
}

static hl_status native_submit(hl_engine *base, hl_seq_id seq, const hl_request *req,
                               uint64_t now_ns, hl_error *err) {
    native *e = native_of(base);
    HL_ASSERT(!is_known(e, seq));
    HL_TRY(check_request(e, req, err));
    slot *s = find_free(e);
    if (!s)
        return hl_fail(err, HL_EBUSY, "engine", "%u sequences are live, no more at once",
                       base->caps.seqs_max);
    HL_TRY(hl_emit_begin(&s->emit, e->tokenizer, &req->options, err));
    s->n_ctx = context_of(e, &req->options);
    s->n_predict = predict_of(&req->options, s->n_ctx);
    s->n_generated = 0;
    s->submit_ns = time_of(e, now_ns);
    s->start_ns = s->first_ns = 0;
    fill_span(s, req);
    fill_sampler(e, s, &req->options);
    s->vocab = req->grammar ? req->grammar_vocab : NULL;
    if (req->grammar) hl_grammar_begin(s->grammar, req->grammar);
    s->state = SLOT_LIVE;
    e->stats.seqs_live++;
    hl_batcher_add(&e->batcher, &s->span);
    hl_life_begin(&s->life, seq);
    return HL_OK;
}

/* ---- cancel ---- */

static void native_cancel(hl_engine *base, hl_seq_id seq) {
    native *e = native_of(base);
    for (uint32_t i = 0; i < base->caps.seqs_max; i++)
        if (hl_life_cancel(&e->slots[i].life, seq)) return;
}

/* ---- the end of a sequence ---- */

static hl_event *push_event(native *e, const slot *s, hl_event_kind kind) {
    HL_ASSERT(e->n_events < 2 * e->engine.caps.seqs_max);
    hl_event *ev = &e->events[e->n_events++];
    *ev = (hl_event){.kind = kind, .seq = hl_life_id(&s->life)};
    return ev;
}

static hl_usage usage_of(const native *e, const slot *s) {
    uint64_t now = time_of(e, e->step_ns);
    hl_usage u = {.prompt_tokens = s->span.n_prompt,
                  .cached_tokens = s->span.n_cached,
                  .generated_tokens = s->n_generated,
                  .total_ns = now - s->submit_ns};
    if (s->start_ns) u.prompt_ns = (s->first_ns ? s->first_ns : now) - s->start_ns;
    if (s->first_ns) u.generate_ns = now - s->first_ns;
    return u;
}

/* Everything but the slot's buffers, which the last events still borrow. */
static void end_slot(native *e, slot *s) {
    HL_ASSERT(s->state == SLOT_LIVE);
    hl_life_end(&s->life);
    e->stats.cached_tokens += s->span.n_cached;
    hl_batcher_remove(&e->batcher, &s->span);
    s->state = SLOT_ENDED;
    e->stats.seqs_live--;
}

static void finish(native *e, slot *s, hl_finish why) {
    hl_event *ev = push_event(e, s, HL_EVENT_FINISHED);
    ev->finish = why;
    ev->usage = usage_of(e, s);
    end_slot(e, s);
}

static void fail_logits(native *e, slot *s, uint32_t at, float value) {
    hl_event *ev = push_event(e, s, HL_EVENT_FAILED);
    (void)hl_fail(&ev->error, HL_EDEVICE, "engine",
                  "the model's output for token %u of the sequence is not finite (logit %u is %g)",
                  s->span.n_tokens, at, (double)value);
    end_slot(e, s);
}

static void fail_grammar(native *e, slot *s) {
    hl_event *ev = push_event(e, s, HL_EVENT_FAILED);
    (void)hl_fail(&ev->error, HL_EUNSUPPORTED, "engine",
                  "no token of this model goes on with the format behind %u tokens of the answer",
                  s->n_generated);
    end_slot(e, s);
}

static void finish_cancelled(native *e) {
    for (uint32_t i = 0; i < e->engine.caps.seqs_max; i++) {
        slot *s = &e->slots[i];
        if (s->state == SLOT_LIVE && hl_life_cancelled(&s->life)) finish(e, s, HL_FINISH_CANCELLED);
    }
}

/* ---- a step ---- */

/* Lays the shares of this step out as the backend's batch; returns how many rows want an output. */
static uint32_t fill_batch(native *e, hl_batch *ret) {
    const hl_batcher *b = &e->batcher;
    uint32_t row = 0, n_outputs = 0;
    for (uint32_t i = 0; i < b->n_shares; i++) {
        const hl_share *share = &b->shares[i];
        const hl_span *span = share->span;
        memcpy(e->rows + row, span->tokens + span->kv_len, share->n_rows * sizeof *e->rows);
        e->slices[i] = (hl_slice){.row0 = row,
                                  .n_rows = share->n_rows,
                                  .kv_len = span->kv_len,
                                  .pages = {span->pages},
                                  .n_outputs = share->output ? 1 : 0,
                                  .output = HL_OUTPUT_LOGITS};
        row += share->n_rows;
        n_outputs += share->output;
    }
    HL_ASSERT(row == b->n_rows && row <= b->rows_max);
    *ret = (hl_batch){.tokens = e->rows,
                      .n_rows = row,
                      .slices = e->slices,
                      .n_slices = b->n_shares,
                      .block0 = 0,
                      .block1 = e->model->n_blocks,
                      .outputs = e->outputs,
                      .output_stride = e->model->n_vocab};
    return n_outputs;
}

static void note_starts(native *e) {
    uint64_t now = time_of(e, e->step_ns);
    for (uint32_t i = 0; i < e->batcher.n_shares; i++) {
        slot *s = (slot *)e->batcher.shares[i].span;
        if (s->start_ns == 0) s->start_ns = now;
    }
}

static void give_text(native *e, slot *s, bool last) {
    hl_event text;
    if (!hl_emit_take(&s->emit, last, &text)) return;
    text.seq = hl_life_id(&s->life);
    *push_event(e, s, HL_EVENT_TEXT) = text;
}

static void end_answer(native *e, slot *s, bool stopped, hl_finish why) {
    if (!stopped) hl_emit_finish(&s->emit);
    give_text(e, s, true);
    finish(e, s, why);
}

/* Nothing can follow: the end token needs no computing, but counts as if it had come. */
static void end_complete(native *e, slot *s) {
    s->n_generated++;
    end_answer(e, s, false, HL_FINISH_STOP);
}

/* A token was sampled: it joins the history, and its text goes out. */
static void accept(native *e, slot *s, uint32_t token, const hl_token_logprobs *logprobs) {
    HL_ASSERT(s->span.n_tokens < s->n_ctx);
    if (s->n_generated++ == 0) s->first_ns = time_of(e, e->step_ns);
    if (hl_tokenizer_is_end(e->tokenizer, token)) {
        end_answer(e, s, false, HL_FINISH_STOP);
        return;
    }
    s->tokens[s->span.n_tokens++] = token;
    if (hl_emit_push(&s->emit, token, logprobs))
        end_answer(e, s, true, HL_FINISH_STOP);
    else if (s->n_generated == s->n_predict || s->span.n_tokens == s->n_ctx)
        end_answer(e, s, false, HL_FINISH_LENGTH);
    else if (s->vocab && hl_grammar_is_complete(s->grammar))
        end_complete(e, s);
    else
        give_text(e, s, false);
}

/* Whether the format lets the token come next; then the format moves on. */
static bool follows_format(native *e, slot *s, uint32_t token) {
    if (!s->vocab) return true;
    if (hl_tokenizer_is_end(e->tokenizer, token)) return hl_grammar_can_end(s->grammar);
    return hl_grammar_advance(s->grammar, hl_grammar_vocab_piece(s->vocab, token));
}

/* Most tokens follow the format by themselves; which ones may come is only worked out when one does
 * not.  False: none. */
static bool pick(native *e, slot *s, float *logits, uint32_t *ret_token) {
    const uint32_t *history = s->span.tokens;
    uint32_t n = s->span.n_tokens;
    *ret_token = hl_sampler_pick(&s->sampler, &e->scratch, logits, history, n);
    if (follows_format(e, s, *ret_token)) return true;
    const uint32_t *mask = hl_grammar_mask(e->masks, s->vocab, s->grammar);
    bool any = false;
    for (uint32_t id = 0; id < e->n_vocab && !any; id++) any = hl_grammar_mask_has(mask, id);
    if (!any) return false;
    *ret_token = hl_sampler_pick_masked(&s->sampler, &e->scratch, logits, mask, history, n);
    return follows_format(e, s, *ret_token);
}

static void sample(native *e, slot *s, float *logits) {
    uint32_t bad = hl_logits_check(logits, e->n_vocab);
    if (bad < e->n_vocab) {
        fail_logits(e, s, bad, logits[bad]);
        return;
    }
    uint32_t token;
    if (!pick(e, s, logits, &token)) {
        fail_grammar(e, s);
        return;
    }
    if (!s->logprobs) {
        accept(e, s, token, NULL);
        return;
    }
    hl_logprob top[HL_NATIVE_LOGPROBS_MAX];
    hl_logprob chosen = hl_logprobs_get(logits, &e->scratch, token, s->n_top, top);
    accept(e, s, token, &(hl_token_logprobs){.chosen = chosen, .top = top, .n_top = s->n_top});
}

static hl_status compute(native *e, hl_error *err) {
    hl_batch batch;
    hl_batcher_plan(&e->batcher);
    note_starts(e);
    uint32_t n_outputs = fill_batch(e, &batch);
    HL_TRY(e->backend->ops->forward(e->backend, &batch, err));
    hl_batcher_commit(&e->batcher);
    e->stats.steps++;
    e->stats.rows += batch.n_rows;
    e->stats.step_rows = batch.n_rows;
    e->stats.step_outputs = n_outputs;
    float *logits = e->outputs;
    for (uint32_t i = 0; i < e->batcher.n_shares; i++) {
        if (!e->batcher.shares[i].output) continue;
        sample(e, (slot *)e->batcher.shares[i].span, logits);
        logits += batch.output_stride;
    }
    return HL_OK;
}

/* Makes the events of one step; all of the last have been given out. */
static hl_status work(native *e) {
    e->n_events = e->n_given = 0;
    finish_cancelled(e);
    if (e->batcher.n_queue == 0) return HL_OK;
    return compute(e, &e->lost);
}

/* A slot is free for submit once its terminal event is out; its texts stay until the next work. */
static size_t give_events(native *e, hl_event *ret, size_t cap) {
    size_t n = 0;
    while (n < cap && e->n_given < e->n_events) {
        const hl_event *ev = &e->events[e->n_given++];
        ret[n++] = *ev;
        if (ev->kind == HL_EVENT_TEXT) continue;
        for (uint32_t i = 0; i < e->engine.caps.seqs_max; i++) {
            slot *s = &e->slots[i];
            if (s->state == SLOT_ENDED && hl_life_id(&s->life) == ev->seq) s->state = SLOT_FREE;
        }
    }
    return n;
}

static hl_status native_step(hl_engine *base, uint64_t now_ns, hl_event *ret, size_t cap,
                             size_t *ret_n, hl_error *err) {
    native *e = native_of(base);
    *ret_n = 0;
    e->step_ns = now_ns;
    hl_mem_guard_enter();
    if (e->lost.status == HL_OK && e->n_given == e->n_events) {
        hl_status st = work(e);
        HL_ASSERT((st < 0) == (e->lost.status < 0));
    }
    if (e->lost.status == HL_OK) *ret_n = give_events(e, ret, cap);
    hl_mem_guard_leave();
    if (e->lost.status < 0) {
        if (err) *err = e->lost;
        return e->lost.status;
    }
    return *ret_n == 0 && e->batcher.n_queue == 0 ? HL_AGAIN : HL_OK;
}

static uint64_t native_wake_at(const hl_engine *base, int *ret_fd) {
    const native *e = (const native *)base;
    *ret_fd = -1;
    return e->n_given < e->n_events || e->batcher.n_queue > 0 ? 0 : UINT64_MAX;
}

/* ---- create, destroy ---- */

static void native_destroy(hl_engine *base) {
    native *e = native_of(base);
    if (!e) return;
    if (e->backend) e->backend->ops->close(e->backend);
    for (uint32_t i = 0; e->slots && i < base->caps.seqs_max; i++) {
        hl_emit_deinit(&e->slots[i].emit);
        hl_free(e->slots[i].tokens);
        hl_free(e->slots[i].span.pages);
        hl_free(e->slots[i].bias);
        hl_grammar_state_destroy(e->slots[i].grammar);
    }
    hl_grammar_masks_destroy(e->masks);
    hl_batcher_deinit(&e->batcher);
    hl_sample_scratch_deinit(&e->scratch);
    hl_free(e->slots);
    hl_free(e->rows);
    hl_free(e->slices);
    hl_free(e->outputs);
    hl_free(e->events);
    hl_free(e);
}

static const hl_engine_ops native_ops = {.name = "native",
                                         .submit = native_submit,
                                         .cancel = native_cancel,
                                         .step = native_step,
                                         .wake_at = native_wake_at,
                                         .destroy = native_destroy};

/* Fills in the defaults, and refuses what cannot work. */
static hl_status complete_limits(const hl_native_config *config, hl_native_config *ret,
                                 hl_error *err) {
    enum { ROWS_DEFAULT = 512 };
    hl_native_config c = *config;
    HL_ASSERT(c.backend);
    if (c.seqs_max < 1 || c.ctx_max < 2)
        return hl_fail(err, HL_EINVAL, "engine", "no room for a sequence (%u of %u tokens)",
                       c.seqs_max, c.ctx_max);
    uint64_t pages = (uint64_t)c.seqs_max * hl_pages_for(c.ctx_max);
    if (c.kv_pages == 0 && pages >= HL_KV_NONE)
        return hl_fail(err, HL_ELIMIT, "engine", "%u sequences of %u tokens need too many KV pages",
                       c.seqs_max, c.ctx_max);
    if (c.kv_pages == 0) c.kv_pages = (uint32_t)pages;
    if (c.step_rows_max == 0)
        c.step_rows_max = c.seqs_max > ROWS_DEFAULT ? c.seqs_max : ROWS_DEFAULT;
    if (c.outputs_max == 0) c.outputs_max = c.seqs_max;
    if (c.kv_pages < hl_pages_for(c.ctx_max) || c.kv_pages == HL_KV_NONE)
        return hl_fail(err, HL_EINVAL, "engine",
                       "%u KV pages of %d tokens do not hold a context of %u", c.kv_pages,
                       HL_KV_PAGE_TOKENS, c.ctx_max);
    if (c.step_rows_max < c.seqs_max || c.outputs_max < c.seqs_max)
        return hl_fail(err, HL_EINVAL, "engine",
                       "%u rows and %u outputs a step, but %u sequences want one each",
                       c.step_rows_max, c.outputs_max, c.seqs_max);
    *ret = c;
    return HL_OK;
}

static hl_backend_limits backend_limits(const hl_native_config *c) {
    return (hl_backend_limits){.rows_max = c->step_rows_max,
                               .slices_max = c->seqs_max,
                               .outputs_max = c->outputs_max,
                               .kv_pages = c->kv_pages,
                               .threads = c->threads};
}

/* How long a token's text can be is only known with the vocabulary; most are far below this. */
enum { PIECE_BYTES_PLANNED = 512 };

static uint64_t slot_bytes(const hl_native_config *c) {
    return sizeof(slot) + 2 * sizeof(hl_event) + sizeof(hl_slice) +
           c->ctx_max * (uint64_t)sizeof(uint32_t) +
           hl_pages_for(c->ctx_max) * (uint64_t)sizeof(uint32_t) +
           HL_LOGIT_BIAS_MAX * sizeof(hl_logit_bias) + hl_grammar_state_bytes() +
           hl_emit_bytes(PIECE_BYTES_PLANNED, HL_NATIVE_STOP_BYTES_MAX, HL_NATIVE_LOGPROBS_MAX);
}

hl_status hl_native_plan_make(const hl_model *m, const hl_native_config *config,
                              hl_native_plan *ret, hl_error *err) {
    hl_native_config c;
    HL_TRY(complete_limits(config, &c, err));
    hl_native_plan p = {
        .kv_pages = c.kv_pages, .step_rows_max = c.step_rows_max, .outputs_max = c.outputs_max};
    hl_backend_limits limits = backend_limits(&c);
    HL_TRY(c.backend->plan(m, &limits, &p.backend, err));
    p.engine_bytes = sizeof(native) + c.seqs_max * slot_bytes(&c) + hl_kv_bytes(c.kv_pages) +
                     c.step_rows_max * (uint64_t)sizeof(uint32_t) +
                     c.outputs_max * (uint64_t)m->n_vocab * sizeof(float) +
                     hl_sample_scratch_bytes(m->n_vocab) + hl_grammar_masks_bytes(m->n_vocab);
    p.total_bytes = p.backend.weight_bytes + p.backend.kv_bytes + p.backend.scratch_bytes +
                    p.engine_bytes;
    *ret = p;
    return HL_OK;
}

static size_t longest_piece(const hl_tokenizer *t) {
    size_t longest = 0;
    for (uint32_t i = 0; i < hl_tokenizer_n_vocab(t); i++) {
        hl_str piece = hl_tokenizer_piece(t, i, false);
        if (piece.len > longest) longest = piece.len;
    }
    return longest;
}

static hl_status create_slots(native *e, const hl_native_config *c, hl_error *err) {
    size_t piece_max = longest_piece(e->tokenizer);
    for (uint32_t i = 0; i < c->seqs_max; i++) {
        slot *s = &e->slots[i];
        s->tokens = hl_calloc(c->ctx_max, sizeof *s->tokens);
        s->span.pages = hl_calloc(hl_pages_for(c->ctx_max), sizeof *s->span.pages);
        s->bias = hl_calloc(HL_LOGIT_BIAS_MAX, sizeof *s->bias);
        if (!s->tokens || !s->span.pages || !s->bias)
            return hl_fail(err, HL_ENOMEM, "engine", "no memory for %u sequences of %u tokens",
                           c->seqs_max, c->ctx_max);
        HL_TRY(hl_emit_init(&s->emit, piece_max, HL_NATIVE_STOP_BYTES_MAX, HL_NATIVE_LOGPROBS_MAX,
                            err));
        HL_TRY(hl_grammar_state_create(&s->grammar, err));
    }
    return HL_OK;
}

static hl_status create_buffers(native *e, const hl_native_config *c, hl_error *err) {
    enum { OUTPUT_ALIGN = 64 };
    uint64_t output_bytes = c->outputs_max * (uint64_t)e->model->n_vocab * sizeof *e->outputs;
    e->slots = hl_calloc(c->seqs_max, sizeof *e->slots);
    e->events = hl_calloc(2 * (size_t)c->seqs_max, sizeof *e->events);
    e->slices = hl_calloc(c->seqs_max, sizeof *e->slices);
    e->rows = hl_calloc(c->step_rows_max, sizeof *e->rows);
    e->outputs = hl_alloc_aligned(OUTPUT_ALIGN, output_bytes);
    if (!e->slots || !e->events || !e->slices || !e->rows || !e->outputs)
        return hl_fail(err, HL_ENOMEM, "engine", "no memory for %u sequences", c->seqs_max);
    HL_TRY(create_slots(e, c, err));
    HL_TRY(hl_sample_scratch_init(&e->scratch, e->n_vocab, err));
    HL_TRY(hl_grammar_masks_create(hl_tokenizer_n_vocab(e->tokenizer), &e->masks, err));
    return hl_batcher_init(&e->batcher, c->seqs_max, c->step_rows_max, c->kv_pages, err);
}

hl_status hl_native_create(const hl_model *m, const hl_tokenizer *t, const hl_native_config *config,
                           hl_engine **ret, hl_error *err) {
    hl_native_config c;
    HL_TRY(complete_limits(config, &c, err));
    native *e = hl_calloc(1, sizeof *e);
    if (!e) return hl_fail(err, HL_ENOMEM, "engine", "no memory for an engine");
    e->engine = (hl_engine){.ops = &native_ops,
                            .caps = {.takes_tokens = true,
                                     .structured_output = true,
                                     .seqs_max = c.seqs_max,
                                     .ctx_max = c.ctx_max}};
    e->model = m;
    e->tokenizer = t;
    e->now = c.now;
    e->n_vocab = hl_tokenizer_n_vocab(t) < m->n_vocab ? hl_tokenizer_n_vocab(t) : m->n_vocab;
    hl_rng_init(&e->seeds, c.seed);
    hl_backend_limits limits = backend_limits(&c);
    hl_status st = HL_OK;
    if (e->n_vocab == 0) st = hl_fail(err, HL_EFORMAT, "engine", "the vocabulary is empty");
    if (st == HL_OK) st = create_buffers(e, &c, err);
    if (st == HL_OK) st = c.backend->open(m, &limits, &e->backend, err);
    if (st < 0) {
        native_destroy(&e->engine);
        return st;
    }
    *ret = &e->engine;
    return HL_OK;
}

/* ---- for others to see ---- */

void hl_native_stats_get(const hl_engine *base, hl_native_stats *ret) {
    HL_ASSERT(base->ops == &native_ops);
    const native *e = (const native *)base;
    hl_kv_counts kv = hl_kv_count(e->batcher.kv);
    *ret = e->stats;
    ret->seqs_admitted = e->batcher.n_admitted;
    ret->pages_used = kv.used;
    ret->pages_cached = kv.cached;
    ret->pages_free = kv.free;
    ret->page_refs = kv.refs;
    ret->preemptions = e->batcher.n_preemptions;
}

const char *hl_native_describe(const hl_engine *base) {
    HL_ASSERT(base->ops == &native_ops);
    const native *e = (const native *)base;
    return e->backend->ops->describe(e->backend);
}
