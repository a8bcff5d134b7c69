#include "serve/split.h"

/* A tag that is a control token leaves no text, so that its id must be watched. */
static void watch(hl__split *s, hl_str tag) {
    hl_token id = tag.len > 0 && tag.len <= UINT8_MAX ? hl_tokenizer_find(s->tokenizer, tag)
                                                      : HL_TOKEN_NONE;
    bool hidden = id != HL_TOKEN_NONE && hl_tokenizer_kind(s->tokenizer, id) == HL_TOKEN_CONTROL;
    HL_ASSERT(s->n_marks < HL__SPLIT_MARKS_MAX);
    s->marks[s->n_marks++] = (hl__split_mark){hidden ? id : HL_TOKEN_NONE, tag};
}

static void watch_tools(hl__split *s, const hl_tools_format *f) {
    for (size_t i = 0; i < HL_TOOLS_MARKS_MAX; i++) {
        if (f->open[i].len > 0) watch(s, f->open[i]);
        if (f->close[i].len > 0) watch(s, f->close[i]);
    }
    if (f->sep.len > 0) watch(s, f->sep);
    if (f->named) watch(s, HL_STR("[CALL_ID]"));
    if (f->quote.len > 0) watch(s, f->quote);
}

void hl__split_init(hl__split *s, const hl_prepared *p, const hl_tokenizer *t, hl__split_fn *tell,
                    void *arg) {
    *s = (hl__split){.tell = tell, .arg = arg, .tokenizer = t, .has_tools = p->tools != NULL};
    watch(s, p->tags ? p->tags->open : (hl_str){"", 0});
    watch(s, p->tags ? p->tags->close : (hl_str){"", 0});
    if (s->has_tools) watch_tools(s, &p->tools_format);
    hl_thinking_init(&s->thinking, p->tags, p->thinking_open);
    hl_tools_init(&s->tools, &p->tools_format, p->tools);
    hl_buf_init(&s->reasoning, 0);
    hl_buf_init(&s->answer, 0);
}

void hl__split_deinit(hl__split *s) {
    hl_thinking_deinit(&s->thinking);
    hl_tools_deinit(&s->tools);
    hl_buf_deinit(&s->reasoning);
    hl_buf_deinit(&s->answer);
}

/* -- out --------------------------------------------------------------------------------------- */

static void tell_text(hl__split *s, hl_channel channel, hl_str text) {
    hl_event part = {.kind = HL_EVENT_TEXT, .seq = s->seq, .channel = channel, .text = text};
    if (s->event) {
        part.tokens = s->event->tokens;
        part.n_tokens = s->event->n_tokens;
        part.logprobs = s->event->logprobs;
        s->event = NULL;
    }
    s->tell(s->arg, &part);
}

/* Tokens that have told no text yet do so before a call that came of them. */
static void tell_tools(void *arg, hl_str text, const hl_tool_call *call) {
    hl__split *s = arg;
    if (!call) {
        tell_text(s, HL_CHANNEL_ANSWER, text);
        return;
    }
    if (s->event && s->event->n_tokens > 0) tell_text(s, HL_CHANNEL_ANSWER, (hl_str){"", 0});
    hl_event ev = {.kind = HL_EVENT_TOOL_CALL, .seq = s->seq, .call = *call};
    s->tell(s->arg, &ev);
}

static void empty(hl_buf *b) {
    if (b->failed >= 0) hl_buf_reset(b);
}

static void tell_parts(hl__split *s) {
    if (s->reasoning.len > 0) tell_text(s, HL_CHANNEL_THINKING, hl_buf_str(&s->reasoning));
    if (s->answer.len > 0 && s->has_tools)
        hl_tools_push(&s->tools, hl_buf_str(&s->answer), tell_tools, s);
    else if (s->answer.len > 0)
        tell_text(s, HL_CHANNEL_ANSWER, hl_buf_str(&s->answer));
    empty(&s->reasoning);
    empty(&s->answer);
}

/* -- in ---------------------------------------------------------------------------------------- */

static size_t mark_of(const hl__split *s, hl_token id) {
    for (size_t k = 0; k < s->n_marks; k++)
        if (s->marks[k].id == id && id != HL_TOKEN_NONE) return k;
    return SIZE_MAX;
}

/* Where in the event's text its i-th token, which leaves none, stands: before the texts of those
 * behind it. */
static size_t place_of(const hl__split *s, const hl_event *ev, size_t i) {
    size_t behind = 0;
    while (++i < ev->n_tokens)
        if (ev->tokens[i] < hl_tokenizer_n_vocab(s->tokenizer))
            behind += hl_tokenizer_piece(s->tokenizer, ev->tokens[i], false).len;
    size_t at = ev->text.len > behind ? ev->text.len - behind : 0;
    while (at < ev->text.len && ((uint8_t)ev->text.ptr[at] & 0xC0) == 0x80) at++;
    return at;
}

static void take_text(hl__split *s, hl_str text) {
    hl_thinking_push(&s->thinking, text, &s->reasoning, &s->answer);
    tell_parts(s);
}

/* Marks of calls count in the answer only; there, those of reasoning count no more. */
static void take_mark(hl__split *s, size_t k) {
    if (k < 2) {
        hl_thinking_mark(&s->thinking, k == 0, &s->reasoning);
        return;
    }
    HL_ASSERT(s->has_tools);
    hl_thinking_leave(&s->thinking, &s->answer);
    tell_parts(s);
    if (s->thinking.state == HL_THINKING_ANSWER)
        hl_tools_mark(&s->tools, s->marks[k].text, tell_tools, s);
}

void hl__split_text(hl__split *s, const hl_event *ev) {
    size_t done = 0;
    HL_ASSERT(ev->kind == HL_EVENT_TEXT && !s->event);
    s->event = ev;
    s->seq = ev->seq;
    for (size_t i = 0; i < ev->n_tokens; i++) {
        size_t k = mark_of(s, ev->tokens[i]);
        if (k == SIZE_MAX) continue;
        size_t at = place_of(s, ev, i);
        if (at > done) {
            take_text(s, hl_str_slice(ev->text, done, at));
            done = at;
        }
        take_mark(s, k);
    }
    take_text(s, hl_str_slice(ev->text, done, ev->text.len));
    if (s->event && ev->n_tokens > 0) tell_text(s, HL_CHANNEL_ANSWER, (hl_str){"", 0});
    s->event = NULL;
}

void hl__split_finish(hl__split *s, hl_seq_id seq) {
    s->seq = seq;
    hl_thinking_finish(&s->thinking, &s->reasoning, &s->answer);
    tell_parts(s);
    if (s->has_tools) hl_tools_finish(&s->tools, tell_tools, s);
}
