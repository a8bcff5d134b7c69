/* Drives an engine for tests and watches the contract of engine/engine.h on every event: texts are
 * whole UTF-8 and borrowed until the next step, nothing comes after the terminal event, ids are
 * known. */
#pragma once

#include "base/mem.h"
#include "base/utf8.h"
#include "engine/engine.h"

#include <math.h>
#include <string.h>

/* All that an engine said of one sequence. */
typedef struct answer {
    hl_seq_id seq;
    hl_buf text;
    uint32_t *tokens; /* [n_tokens] */
    uint64_t *bits;   /* [n_tokens] of the log-probabilities' bytes; 0 where none are asked for */
    size_t n_tokens, cap_tokens;
    size_t n_logprobs;
    uint32_t n_embeddings;
    uint64_t embedding_bits; /* a hash of its bytes */
    uint32_t n_terminal;
    hl_event last; /* the terminal one, without its texts */
} answer;

static inline void answer_deinit(answer *a) {
    hl_buf_deinit(&a->text);
    hl_free(a->tokens);
    hl_free(a->bits);
    *a = (answer){0};
}

/* The first n tokens are the same, and came from the same logits, bit for bit. */
static inline bool answer_tokens_equal(const answer *a, const answer *b, size_t n) {
    return n == 0 || (memcmp(a->tokens, b->tokens, n * sizeof *a->tokens) == 0 &&
                      memcmp(a->bits, b->bits, n * sizeof *a->bits) == 0);
}

static inline bool answer_equal(const answer *a, const answer *b) {
    return hl_str_eq(hl_buf_str(&a->text), hl_buf_str(&b->text)) && a->n_tokens == b->n_tokens &&
           answer_tokens_equal(a, b, a->n_tokens) && a->embedding_bits == b->embedding_bits;
}

/* What a cancelled sequence said is the beginning of what it would have said. */
static inline bool answer_begins(const answer *whole, const answer *part) {
    return hl_str_starts(hl_buf_str(&whole->text), hl_buf_str(&part->text)) &&
           part->n_tokens <= whole->n_tokens && answer_tokens_equal(whole, part, part->n_tokens);
}

/* FNV-1a over the chosen and the likeliest tokens with their log-probabilities. */
static inline uint64_t logprobs_bits(const hl_token_logprobs *l) {
    uint64_t hash = 0xCBF29CE484222325u;
    for (uint32_t i = 0; i <= l->n_top; i++) {
        const hl_logprob *p = i == 0 ? &l->chosen : &l->top[i - 1];
        uint32_t words[2] = {p->token, 0};
        memcpy(&words[1], &p->logprob, sizeof p->logprob);
        for (int k = 0; k < 2; k++) hash = (hash ^ words[k]) * 0x100000001B3u;
    }
    return hash;
}

static inline const char *answer_add_embedding(answer *a, const hl_event *ev) {
    double squares = 0;
    uint64_t hash = 0xCBF29CE484222325u;
    for (uint32_t i = 0; i < ev->n_vector; i++) {
        uint32_t word;
        memcpy(&word, &ev->vector[i], sizeof word);
        hash = (hash ^ word) * 0x100000001B3u;
        squares += (double)ev->vector[i] * (double)ev->vector[i];
    }
    if (a->n_tokens > 0 || a->n_embeddings++ > 0) return "an embedding among others";
    if (fabs(squares - 1) > 1e-3) return "an embedding that is not of length 1";
    a->embedding_bits = hash;
    return NULL;
}

/* NULL, or what is wrong with the event. */
static inline const char *answer_add(answer *a, const hl_event *ev) {
    if (a->n_terminal > 0) return "an event after the terminal one";
    if (ev->kind == HL_EVENT_EMBEDDING) return answer_add_embedding(a, ev);
    if (ev->kind != HL_EVENT_TEXT) {
        a->n_terminal++;
        a->last = *ev;
        return NULL;
    }
    if (hl_utf8_check(ev->text) != ev->text.len) return "a text that is not UTF-8";
    if (ev->n_tokens == 0 && ev->text.len == 0) return "an event that says nothing";
    if (ev->channel != HL_CHANNEL_ANSWER) return "an engine that tells thinking apart";
    hl_buf_append_str(&a->text, ev->text);
    for (size_t i = 0; i < ev->n_tokens; i++) {
        if (a->n_tokens == a->cap_tokens) {
            a->cap_tokens = a->cap_tokens ? 2 * a->cap_tokens : 64;
            a->tokens = hl_realloc(a->tokens, a->cap_tokens * sizeof *a->tokens);
            a->bits = hl_realloc(a->bits, a->cap_tokens * sizeof *a->bits);
            HL_ASSERT(a->tokens && a->bits);
        }
        a->bits[a->n_tokens] = ev->logprobs ? logprobs_bits(&ev->logprobs[i]) : 0;
        a->tokens[a->n_tokens++] = ev->tokens[i];
        a->n_logprobs += ev->logprobs != NULL;
    }
    return NULL;
}

/* One step; events go to the answers [n] by seq.  NULL, or what is wrong. */
enum { DRIVE_CAP_MAX = 64 };
static inline const char *drive_step(hl_engine *e, uint64_t now_ns, size_t cap, answer *answers,
                                     size_t n, hl_status *ret_st) {
    hl_event events[DRIVE_CAP_MAX];
    size_t n_events;
    HL_ASSERT(cap <= DRIVE_CAP_MAX);
    *ret_st = hl_engine_step(e, now_ns, events, cap, &n_events, NULL);
    for (size_t i = 0; i < n_events; i++) {
        answer *a = NULL;
        for (size_t k = 0; k < n; k++)
            if (answers[k].seq == events[i].seq && answers[k].n_terminal == 0) a = &answers[k];
        const char *wrong = a ? answer_add(a, &events[i]) : "an event of nobody";
        if (wrong) return wrong;
    }
    return NULL;
}

/* Runs one request to its end, alone.  NULL, or what is wrong. */
static inline const char *drive_alone(hl_engine *e, hl_seq_id seq, const hl_request *req,
                                      answer *ret) {
    hl_status st = hl_engine_submit(e, seq, req, 0, NULL);
    *ret = (answer){.seq = seq};
    if (st < 0) return hl_status_text(st);
    for (uint64_t now = 1; ret->n_terminal == 0; now++) {
        const char *wrong = drive_step(e, now, DRIVE_CAP_MAX, ret, 1, &st);
        if (wrong) return wrong;
        if (st < 0) return hl_status_text(st);
    }
    return NULL;
}
