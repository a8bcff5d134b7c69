#include "engine/native/slots.h"

#include <math.h>
#include <string.h>

/* ---- ends ---- */

static hl_event *push_event(hl__native *e, const hl__slot *s, hl_event_kind kind) {
    HL_ASSERT(e->n_events < 2 * e->engine.caps.seqs_max);
    hl_event *ev = &e->events[e->n_events++];
    *ev = (hl_event){.kind = kind, .seq = hl_life_id(&s->life)};
    return ev;
}

static hl_usage usage_of(const hl__native *e, const hl__slot *s) {
    uint64_t now = hl__native_time(e, e->step_ns);
    hl_usage u = {.prompt_tokens = s->span.n_prompt,
                  .cached_tokens = s->span.n_cached,
                  .generated_tokens = s->n_generated,
                  .total_ns = now - s->submit_ns};
    if (s->start_ns) u.prompt_ns = (s->first_ns ? s->first_ns : now) - s->start_ns;
    if (s->first_ns) u.generate_ns = now - s->first_ns;
    return u;
}

/* Everything but the slot's buffers, which the last events still borrow. */
static void end_slot(hl__native *e, hl__slot *s) {
    HL_ASSERT(s->state == HL__SLOT_LIVE);
    hl_life_end(&s->life);
    e->stats.cached_tokens += s->span.n_cached;
    hl_batcher_remove(&e->batcher, &s->span);
    s->state = HL__SLOT_ENDED;
    e->stats.seqs_live--;
}

static void finish(hl__native *e, hl__slot *s, hl_finish why) {
    hl_event *ev = push_event(e, s, HL_EVENT_FINISHED);
    ev->finish = why;
    ev->usage = usage_of(e, s);
    end_slot(e, s);
}

static void fail_logits(hl__native *e, hl__slot *s, uint32_t at, float value) {
    hl_event *ev = push_event(e, s, HL_EVENT_FAILED);
    (void)hl_fail(&ev->error, HL_EDEVICE, "engine",
                  "the model's output for token %u of the sequence is not finite (logit %u is %g)",
                  s->span.n_tokens, at, (double)value);
    end_slot(e, s);
}

static void fail_grammar(hl__native *e, hl__slot *s) {
    hl_event *ev = push_event(e, s, HL_EVENT_FAILED);
    (void)hl_fail(&ev->error, HL_EUNSUPPORTED, "engine",
                  "no token of this model goes on with the format behind %u tokens of the answer",
                  s->n_generated);
    end_slot(e, s);
}

void hl__answer_cancelled(hl__native *e) {
    for (uint32_t i = 0; i < e->engine.caps.seqs_max; i++) {
        hl__slot *s = &e->slots[i];
        if (s->state == HL__SLOT_LIVE && hl_life_cancelled(&s->life))
            finish(e, s, HL_FINISH_CANCELLED);
    }
}

/* ---- an embedding ---- */

/* The sum of squares. */
static double squares_of(const float *x, uint32_t n) {
    double sum = 0;
    for (uint32_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
    return sum;
}

static void fail_embedding(hl__native *e, hl__slot *s) {
    hl_event *ev = push_event(e, s, HL_EVENT_FAILED);
    (void)hl_fail(&ev->error, HL_EDEVICE, "engine", "embedding contains NaN or Inf values");
    end_slot(e, s);
}

/* Of length 1, so a mean's divisor does not matter. */
void hl__answer_embedding(hl__native *e, hl__slot *s) {
    uint32_t n = e->model->n_embd;
    double squares = squares_of(s->vector, n);
    HL_ASSERT(s->kind == HL_REQUEST_EMBED);
    if (!isfinite(squares)) {
        fail_embedding(e, s);
        return;
    }
    double scale = squares > 0 ? 1 / sqrt(squares) : 0;
    for (uint32_t i = 0; i < n; i++) s->vector[i] = (float)(s->vector[i] * scale);
    hl_event *ev = push_event(e, s, HL_EVENT_EMBEDDING);
    ev->vector = s->vector;
    ev->n_vector = n;
    finish(e, s, HL_FINISH_STOP);
}

/* ---- the next token ---- */

static void give_text(hl__native *e, hl__slot *s, bool last) {
    hl_event text;
    if (!hl_emit_take(&s->emit, last, &text)) return;
    text.seq = hl_life_id(&s->life);
    *push_event(e, s, HL_EVENT_TEXT) = text;
}

static void end_answer(hl__native *e, hl__slot *s, bool stopped, hl_finish why) {
    if (!stopped) hl_emit_finish(&s->emit);
    give_text(e, s, true);
    finish(e, s, why);
}

/* Nothing can follow: the end token needs no computing, but counts as if it had come. */
static void end_complete(hl__native *e, hl__slot *s) {
    s->n_generated++;
    end_answer(e, s, false, HL_FINISH_STOP);
}

/* The context is full: what is kept of it is computed again like a prompt. */
static void shift_context(hl__native *e, hl__slot *s) {
    hl_span *span = &s->span;
    uint32_t keep = s->shift.keep, from = keep + s->shift.drop;
    HL_ASSERT(span->n_tokens == s->n_ctx && from < s->n_ctx);
    memmove(s->tokens + keep, s->tokens + from, (s->n_ctx - from) * sizeof *s->tokens);
    hl_batcher_rewind(&e->batcher, span, keep, s->n_ctx - s->shift.drop);
}

/* A token was sampled: it joins the history, and its text goes out. */
static void accept(hl__native *e, hl__slot *s, uint32_t token, const hl_token_logprobs *logprobs) {
    HL_ASSERT(s->span.n_tokens < s->n_ctx);
    if (s->n_generated++ == 0) s->first_ns = hl__native_time(e, e->step_ns);
    if (hl_tokenizer_is_end(e->tokenizer, token)) {
        end_answer(e, s, false, HL_FINISH_STOP);
        return;
    }
    if (hl_repeat_push(&s->repeat, hl_tokenizer_piece(e->tokenizer, token, false))) {
        end_answer(e, s, false, HL_FINISH_STOP);
        return;
    }
    s->tokens[s->span.n_tokens++] = token;
    bool full = s->span.n_tokens == s->n_ctx;
    if (hl_emit_push(&s->emit, token, logprobs))
        end_answer(e, s, true, HL_FINISH_STOP);
    else if (s->n_generated == s->n_predict || (full && !s->shifts))
        end_answer(e, s, false, HL_FINISH_LENGTH);
    else if (s->vocab && hl_grammar_is_complete(s->grammar))
        end_complete(e, s);
    else {
        give_text(e, s, false);
        if (full) shift_context(e, s);
    }
}

/* Whether the format lets the token come next; then the format moves on. */
static bool follows_format(hl__native *e, hl__slot *s, uint32_t token) {
    if (!s->vocab) return true;
    if (hl_tokenizer_is_end(e->tokenizer, token)) return hl_grammar_can_end(s->grammar);
    return hl_grammar_advance(s->grammar, hl_grammar_vocab_piece(s->vocab, token));
}

/* Most tokens follow the format by themselves; which ones may come is only worked out when one does
 * not.  False: none. */
static bool pick(hl__native *e, hl__slot *s, float *logits, uint32_t *ret_token) {
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

void hl__answer_logits(hl__native *e, hl__slot *s, float *logits) {
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
