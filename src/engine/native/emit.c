#include "engine/native/emit.h"

#include "base/mem.h"

#include <string.h>

/* Bytes that one push or finish can show: a piece, what was held back of a character, and of a stop
 * string. */
static size_t text_max(size_t piece_max, uint32_t stop_bytes_max) {
    return piece_max + 2 * HL_DETOKENIZE_MAX + stop_bytes_max;
}

uint64_t hl_emit_bytes(size_t piece_max, uint32_t stop_bytes_max, uint32_t top_max) {
    return 4 * (uint64_t)text_max(piece_max, stop_bytes_max) + hl_stop_bytes(stop_bytes_max) +
           HL_EMIT_TOKENS_MAX * (uint64_t)top_max * sizeof(hl_logprob);
}

hl_status hl_emit_init(hl_emit *e, size_t piece_max, uint32_t stop_bytes_max, uint32_t top_max,
                       hl_error *err) {
    size_t max = text_max(piece_max, stop_bytes_max);
    *e = (hl_emit){.top_max = top_max};
    hl_buf_init(&e->piece, max);
    hl_buf_init(&e->text, max);
    hl_status st = hl_stop_init(&e->stop, stop_bytes_max, err);
    if (st < 0) goto fail;
    e->top = hl_calloc(HL_EMIT_TOKENS_MAX * (size_t)top_max, sizeof *e->top);
    if (e->top && hl_buf_reserve(&e->piece, max) && hl_buf_reserve(&e->text, max)) return HL_OK;
    st = hl_fail(err, HL_ENOMEM, "engine", "no memory for texts");
fail:
    hl_emit_deinit(e);
    return st;
}

void hl_emit_deinit(hl_emit *e) {
    hl_stop_deinit(&e->stop);
    hl_buf_deinit(&e->piece);
    hl_buf_deinit(&e->text);
    hl_free(e->top);
    *e = (hl_emit){0};
}

hl_status hl_emit_begin(hl_emit *e, const hl_tokenizer *t, const hl_options *o, hl_error *err) {
    HL_TRY(hl_stop_set(&e->stop, o->stop, o->n_stop, err));
    hl_detokenizer_init(&e->detokenizer, t, false, false);
    e->with_logprobs = o->logprobs;
    e->taken = true;
    return HL_OK;
}

static void start_anew(hl_emit *e) {
    if (!e->taken) return;
    hl_buf_reset(&e->text);
    e->n_tokens = 0;
    e->taken = false;
}

static void keep_token(hl_emit *e, hl_token token, const hl_token_logprobs *logprobs) {
    HL_ASSERT(e->n_tokens < HL_EMIT_TOKENS_MAX);
    uint32_t at = e->n_tokens++;
    e->tokens[at] = token;
    if (!logprobs) return;
    HL_ASSERT(logprobs->n_top <= e->top_max);
    hl_logprob *top = e->top + at * (size_t)e->top_max;
    if (logprobs->n_top) memcpy(top, logprobs->top, logprobs->n_top * sizeof *top);
    e->logprobs[at] = *logprobs;
    e->logprobs[at].top = top;
}

bool hl_emit_push(hl_emit *e, hl_token token, const hl_token_logprobs *logprobs) {
    HL_ASSERT(e->with_logprobs == (logprobs != NULL));
    start_anew(e);
    keep_token(e, token, logprobs);
    hl_buf_reset(&e->piece);
    hl_detokenizer_push(&e->detokenizer, token, &e->piece);
    bool hit = hl_stop_push(&e->stop, hl_buf_str(&e->piece), &e->text);
    HL_ASSERT(!e->piece.failed && !e->text.failed);
    return hit;
}

void hl_emit_finish(hl_emit *e) {
    start_anew(e);
    hl_buf_reset(&e->piece);
    hl_detokenizer_finish(&e->detokenizer, &e->piece);
    if (!hl_stop_push(&e->stop, hl_buf_str(&e->piece), &e->text))
        hl_stop_finish(&e->stop, &e->text);
    HL_ASSERT(!e->piece.failed && !e->text.failed);
}

bool hl_emit_take(hl_emit *e, bool last, hl_event *ret) {
    if (e->taken) return false;
    bool due = e->text.len > 0 || e->n_tokens == HL_EMIT_TOKENS_MAX || (last && e->n_tokens > 0);
    if (!due) return false;
    *ret = (hl_event){.kind = HL_EVENT_TEXT,
                      .channel = HL_CHANNEL_ANSWER,
                      .text = hl_buf_str(&e->text),
                      .tokens = e->tokens,
                      .n_tokens = e->n_tokens,
                      .logprobs = e->with_logprobs ? e->logprobs : NULL};
    e->taken = true;
    return true;
}
