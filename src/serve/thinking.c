#include "serve/thinking.h"

/* In the order they are looked for: a template may mention several. */
static const hl_thinking_tags TAGS[] = {
    {HL_STR("<think>"), HL_STR("</think>")},
    {HL_STR("<thinking>"), HL_STR("</thinking>")},
    {HL_STR("[THINK]"), HL_STR("[/THINK]")},
    {HL_STR("<seed:think>"), HL_STR("</seed:think>")},
    {HL_STR("<|START_THINKING|>"), HL_STR("<|END_THINKING|>")},
    {HL_STR("<|inner_prefix|>"), HL_STR("<|inner_suffix|>")},
};

const hl_thinking_tags *hl_thinking_tags_find(hl_str template_text) {
    for (size_t i = 0; i < sizeof TAGS / sizeof *TAGS; i++)
        if (hl_str_find(template_text, TAGS[i].close, 0) != SIZE_MAX) return &TAGS[i];
    return NULL;
}

static bool is_space(char c) {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static hl_str without_leading(hl_str s) {
    while (s.len > 0 && is_space(s.ptr[0])) s = hl_str_slice(s, 1, s.len);
    return s;
}

static hl_str without_trailing(hl_str s) {
    while (s.len > 0 && is_space(s.ptr[s.len - 1])) s.len--;
    return s;
}

bool hl_thinking_prompt_open(const hl_thinking_tags *tags, hl_str prompt) {
    return tags && hl_str_ends(without_trailing(prompt), tags->open);
}

void hl_thinking_init(hl_thinking *t, const hl_thinking_tags *tags, bool open) {
    *t = (hl_thinking){.tags = tags};
    t->state = !tags ? HL_THINKING_ANSWER : open ? HL_THINKING_OPENED : HL_THINKING_START;
    hl_buf_init(&t->held, 0);
}

void hl_thinking_deinit(hl_thinking *t) {
    hl_buf_deinit(&t->held);
}

/* Whether s is a beginning of the tag, but not all of it. */
static bool is_partial(hl_str s, hl_str tag) {
    return s.len < tag.len && hl_str_starts(tag, s);
}

/* How many bytes at the end of s may turn out to be the start of the tag. */
static size_t uncertain_tail(hl_str s, hl_str tag) {
    size_t tail = s.len < tag.len ? s.len : tag.len - 1;
    while (tail > 0 && !hl_str_starts(tag, hl_str_slice(s, s.len - tail, s.len))) tail--;
    return tail;
}

static void drop_to(hl_thinking *t, hl_str rest) {
    HL_ASSERT(rest.len <= t->held.len);
    hl_buf_consume(&t->held, t->held.len - rest.len);
}

/* Each step takes what it can from what is held; true: the state changed, go on. */

static bool step_start(hl_thinking *t) {
    hl_str rest = without_leading(hl_buf_str(&t->held));
    if (is_partial(rest, t->tags->open)) return false;
    if (!hl_str_starts(rest, t->tags->open)) {
        t->state = HL_THINKING_ANSWER;
        return true;
    }
    drop_to(t, hl_str_slice(rest, t->tags->open.len, rest.len));
    t->state = HL_THINKING_OPENED;
    return true;
}

/* Some models repeat the tag that the prompt ended with. */
static bool step_opened(hl_thinking *t) {
    hl_str rest = without_leading(hl_buf_str(&t->held));
    if (is_partial(rest, t->tags->open)) return false;
    if (hl_str_starts(rest, t->tags->open))
        rest = hl_str_slice(rest, t->tags->open.len, rest.len);
    else
        t->state = HL_THINKING_INSIDE;
    drop_to(t, rest);
    return true;
}

static bool step_inside(hl_thinking *t, hl_buf *thinking) {
    hl_str held = hl_buf_str(&t->held);
    size_t at = hl_str_find(held, t->tags->close, 0);
    if (at != SIZE_MAX) {
        hl_buf_append_str(thinking, hl_str_slice(held, 0, at));
        hl_buf_consume(&t->held, at + t->tags->close.len);
        t->state = HL_THINKING_CLOSED;
        return true;
    }
    size_t sure = held.len - uncertain_tail(held, t->tags->close);
    hl_buf_append_str(thinking, hl_str_slice(held, 0, sure));
    hl_buf_consume(&t->held, sure);
    return false;
}

static bool step_closed(hl_thinking *t) {
    drop_to(t, without_leading(hl_buf_str(&t->held)));
    if (t->held.len == 0) return false;
    t->state = HL_THINKING_ANSWER;
    return true;
}

static bool step(hl_thinking *t, hl_buf *thinking, hl_buf *answer) {
    switch (t->state) {
    case HL_THINKING_START: return step_start(t);
    case HL_THINKING_OPENED: return step_opened(t);
    case HL_THINKING_INSIDE: return step_inside(t, thinking);
    case HL_THINKING_CLOSED: return step_closed(t);
    case HL_THINKING_ANSWER: break;
    }
    hl_buf_append_str(answer, hl_buf_str(&t->held));
    hl_buf_consume(&t->held, t->held.len);
    return false;
}

/* Text that cannot be held for want of memory must not be lost unseen. */
static void tell_failure(const hl_thinking *t, hl_buf *out) {
    if (t->held.failed != HL_OK && out->failed == HL_OK) out->failed = t->held.failed;
}

void hl_thinking_push(hl_thinking *t, hl_str text, hl_buf *thinking, hl_buf *answer) {
    HL_ASSERT(t->tags || t->state == HL_THINKING_ANSWER);
    hl_buf_append_str(&t->held, text);
    while (step(t, thinking, answer)) continue;
    tell_failure(t, answer);
}

void hl_thinking_mark(hl_thinking *t, bool opening, hl_buf *thinking) {
    if (opening && t->state == HL_THINKING_START) {
        hl_buf_reset(&t->held);
        t->state = HL_THINKING_OPENED;
    } else if (!opening && (t->state == HL_THINKING_OPENED || t->state == HL_THINKING_INSIDE)) {
        hl_str held = hl_buf_str(&t->held);
        if (t->state == HL_THINKING_OPENED) held = without_leading(held);
        hl_buf_append_str(thinking, held);
        hl_buf_reset(&t->held);
        t->state = HL_THINKING_CLOSED;
    }
}

void hl_thinking_leave(hl_thinking *t, hl_buf *answer) {
    if (t->state != HL_THINKING_START && t->state != HL_THINKING_CLOSED) return;
    if (t->state == HL_THINKING_START) hl_buf_append_str(answer, hl_buf_str(&t->held));
    hl_buf_reset(&t->held);
    t->state = HL_THINKING_ANSWER;
}

void hl_thinking_finish(hl_thinking *t, hl_buf *thinking, hl_buf *answer) {
    hl_str held = hl_buf_str(&t->held);
    switch (t->state) {
    case HL_THINKING_START: hl_buf_append_str(answer, held); break;
    case HL_THINKING_OPENED: hl_buf_append_str(thinking, without_leading(held)); break;
    case HL_THINKING_INSIDE: hl_buf_append_str(thinking, held); break;
    case HL_THINKING_CLOSED:
    case HL_THINKING_ANSWER: break;
    }
    tell_failure(t, answer);
    hl_buf_reset(&t->held);
    HL_ASSERT(t->held.len == 0);
}
