#include "engine/native/slots.h"

#include "base/mem.h"

#include <string.h>

/* ---- a step ---- */

/* Rows of the share whose output is wanted: an answer goes on from the last, an embedding may be
 * made of all. */
static uint32_t n_outputs_of(const hl_share *share) {
    return share->span->every_row ? share->n_rows : share->output ? 1 : 0;
}

static hl_slice slice_of(const hl__native *e, const hl_share *share, uint32_t row) {
    hl__slot *s = (hl__slot *)share->span;
    bool embeds = s->kind == HL_REQUEST_EMBED;
    /* A sum begins with the first row; of only one row the earlier ones may have been cached. */
    if (embeds && (s->span.kv_len == 0 || !s->span.every_row))
        memset(s->vector, 0, e->model->n_embd * sizeof *s->vector);
    return (hl_slice){.row0 = row,
                      .n_rows = share->n_rows,
                      .kv_len = s->span.kv_len,
                      .pages = {s->span.pages},
                      .n_outputs = n_outputs_of(share),
                      .output = embeds ? HL_OUTPUT_SUM : HL_OUTPUT_LOGITS,
                      .sum = s->vector};
}

/* Lays the shares of this step out as the backend's batch; returns how many sequences want an
 * output. */
static uint32_t fill_batch(hl__native *e, hl_batch *ret) {
    const hl_batcher *b = &e->batcher;
    uint32_t row = 0, n_outputs = 0;
    for (uint32_t i = 0; i < b->n_shares; i++) {
        const hl_share *share = &b->shares[i];
        const hl_span *span = share->span;
        memcpy(e->rows + row, span->tokens + span->kv_len, share->n_rows * sizeof *e->rows);
        e->slices[i] = slice_of(e, share, row);
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

static void note_starts(hl__native *e) {
    uint64_t now = hl__native_time(e, e->step_ns);
    for (uint32_t i = 0; i < e->batcher.n_shares; i++) {
        hl__slot *s = (hl__slot *)e->batcher.shares[i].span;
        if (s->start_ns == 0) s->start_ns = now;
    }
}

static hl_status compute(hl__native *e, hl_error *err) {
    hl_batch batch;
    uint64_t began_ns = hl__native_time(e, e->step_ns);
    e->batcher.prompt_rows_max = hl_pace_rows(&e->pace, hl_batcher_count_running(&e->batcher),
                                              e->batcher.rows_max);
    hl_batcher_plan(&e->batcher);
    note_starts(e);
    uint32_t n_outputs = fill_batch(e, &batch), n_running = e->batcher.n_running;
    HL_TRY(e->backend->ops->forward(e->backend, &batch, err));
    hl_batcher_commit(&e->batcher);
    e->stats.steps++;
    e->stats.rows += batch.n_rows;
    e->stats.step_rows = batch.n_rows;
    e->stats.step_outputs = n_outputs;
    float *logits = e->outputs;
    for (uint32_t i = 0; i < e->batcher.n_shares; i++) {
        hl__slot *s = (hl__slot *)e->batcher.shares[i].span;
        if (!e->batcher.shares[i].output) continue;
        if (s->kind == HL_REQUEST_EMBED) {
            hl__answer_embedding(e, s);
            continue;
        }
        hl__answer_logits(e, s, logits);
        logits += batch.output_stride;
    }
    hl_pace_note(&e->pace, n_running, batch.n_rows - n_running,
                 hl__native_time(e, e->step_ns) - began_ns);
    return HL_OK;
}

/* Makes the events of one step; all of the last have been given out. */
static hl_status work(hl__native *e) {
    e->n_events = e->n_given = 0;
    hl__answer_cancelled(e);
    if (e->batcher.n_queue == 0) return HL_OK;
    return compute(e, &e->lost);
}

/* A slot is free for submit once its terminal event is out; its texts stay until the next work. */
static size_t give_events(hl__native *e, hl_event *ret, size_t cap) {
    size_t n = 0;
    while (n < cap && e->n_given < e->n_events) {
        const hl_event *ev = &e->events[e->n_given++];
        ret[n++] = *ev;
        if (ev->kind != HL_EVENT_FINISHED && ev->kind != HL_EVENT_FAILED) continue;
        for (uint32_t i = 0; i < e->engine.caps.seqs_max; i++) {
            hl__slot *s = &e->slots[i];
            if (s->state == HL__SLOT_ENDED && hl_life_id(&s->life) == ev->seq)
                s->state = HL__SLOT_FREE;
        }
    }
    return n;
}

static hl_status native_step(hl_engine *base, uint64_t now_ns, hl_event *ret, size_t cap,
                             size_t *ret_n, hl_error *err) {
    hl__native *e = (hl__native *)base;
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
    const hl__native *e = (const hl__native *)base;
    *ret_fd = -1;
    return e->n_given < e->n_events || e->batcher.n_queue > 0 ? 0 : UINT64_MAX;
}

/* ---- create, destroy ---- */

static void native_destroy(hl_engine *base) {
    hl__native *e = (hl__native *)base;
    if (!e) return;
    if (e->backend) e->backend->ops->close(e->backend);
    for (uint32_t i = 0; e->slots && i < base->caps.seqs_max; i++) {
        hl_emit_deinit(&e->slots[i].emit);
        hl_free(e->slots[i].tokens);
        hl_free(e->slots[i].vector);
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
                                         .submit = hl__native_submit,
                                         .cancel = hl__native_cancel,
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

static uint64_t slot_bytes(const hl_model *m, const hl_native_config *c) {
    return sizeof(hl__slot) + 2 * sizeof(hl_event) + sizeof(hl_slice) +
           c->ctx_max * (uint64_t)sizeof(uint32_t) + m->n_embd * (uint64_t)sizeof(float) +
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
    p.engine_bytes = sizeof(hl__native) + c.seqs_max * slot_bytes(m, &c) + hl_kv_bytes(c.kv_pages) +
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

static hl_status create_slots(hl__native *e, const hl_native_config *c, hl_error *err) {
    size_t piece_max = longest_piece(e->tokenizer);
    for (uint32_t i = 0; i < c->seqs_max; i++) {
        hl__slot *s = &e->slots[i];
        s->tokens = hl_calloc(c->ctx_max, sizeof *s->tokens);
        s->span.pages = hl_calloc(hl_pages_for(c->ctx_max), sizeof *s->span.pages);
        s->bias = hl_calloc(HL_LOGIT_BIAS_MAX, sizeof *s->bias);
        s->vector = hl_calloc(e->model->n_embd, sizeof *s->vector);
        if (!s->tokens || !s->span.pages || !s->bias || !s->vector)
            return hl_fail(err, HL_ENOMEM, "engine", "no memory for %u sequences of %u tokens",
                           c->seqs_max, c->ctx_max);
        HL_TRY(hl_emit_init(&s->emit, piece_max, HL_NATIVE_STOP_BYTES_MAX, HL_NATIVE_LOGPROBS_MAX,
                            err));
        HL_TRY(hl_grammar_state_create(&s->grammar, err));
    }
    return HL_OK;
}

static hl_status create_buffers(hl__native *e, const hl_native_config *c, hl_error *err) {
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
    hl__native *e = hl_calloc(1, sizeof *e);
    if (!e) return hl_fail(err, HL_ENOMEM, "engine", "no memory for an engine");
    e->engine = (hl_engine){.ops = &native_ops,
                            .caps = {.takes_tokens = true,
                                     .embeds = m->pooling != HL_POOLING_RANK,
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
    const hl__native *e = (const hl__native *)base;
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
    const hl__native *e = (const hl__native *)base;
    return e->backend->ops->describe(e->backend);
}
