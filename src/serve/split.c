#include "serve/split.h"

/* A tag that is a control token leaves no text, so that its id must be watched. */
static hl_token control_token(const hl_tokenizer *t, hl_str tag) {
    hl_token id = hl_tokenizer_find(t, tag);
    bool hidden = id != HL_TOKEN_NONE && hl_tokenizer_kind(t, id) == HL_TOKEN_CONTROL;
    return hidden ? id : HL_TOKEN_NONE;
}

void hl__split_init(hl__split *s, const hl_prepared *p, const hl_tokenizer *t, hl__split_fn *tell,
                    void *arg) {
    *s = (hl__split){.tell = tell, .arg = arg};
    s->tags[0] = p->tags ? control_token(t, p->tags->open) : HL_TOKEN_NONE;
    s->tags[1] = p->tags ? control_token(t, p->tags->close) : HL_TOKEN_NONE;
    hl_thinking_init(&s->thinking, p->tags, p->thinking_open);
    hl_buf_init(&s->reasoning, 0);
    hl_buf_init(&s->answer, 0);
}

void hl__split_deinit(hl__split *s) {
    hl_thinking_deinit(&s->thinking);
    hl_buf_deinit(&s->reasoning);
    hl_buf_deinit(&s->answer);
}

static void tell_parts(hl__split *s, const hl_event *ev) {
    hl_event part = *ev;
    if (s->reasoning.len > 0) {
        part.channel = HL_CHANNEL_THINKING;
        part.text = hl_buf_str(&s->reasoning);
        s->tell(s->arg, &part);
        part.tokens = NULL;
        part.n_tokens = 0;
        part.logprobs = NULL;
    }
    if (s->answer.len > 0 || part.n_tokens > 0) {
        part.channel = HL_CHANNEL_ANSWER;
        part.text = hl_buf_str(&s->answer);
        s->tell(s->arg, &part);
    }
    if (s->reasoning.failed >= 0) hl_buf_reset(&s->reasoning);
    if (s->answer.failed >= 0) hl_buf_reset(&s->answer);
}

void hl__split_text(hl__split *s, const hl_event *ev) {
    HL_ASSERT(ev->kind == HL_EVENT_TEXT);
    for (size_t i = 0; i < ev->n_tokens; i++)
        for (size_t k = 0; k < 2; k++)
            if (ev->tokens[i] == s->tags[k]) hl_thinking_mark(&s->thinking, k == 0, &s->reasoning);
    hl_thinking_push(&s->thinking, ev->text, &s->reasoning, &s->answer);
    tell_parts(s, ev);
}

void hl__split_finish(hl__split *s, hl_seq_id seq) {
    hl_event rest = {.kind = HL_EVENT_TEXT, .seq = seq};
    hl_thinking_finish(&s->thinking, &s->reasoning, &s->answer);
    if (s->reasoning.len > 0 || s->answer.len > 0) tell_parts(s, &rest);
}
