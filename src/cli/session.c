#include "cli/session.h"

#include "base/mem.h"
#include "cli/answer.h"
#include "cli/interrupt.h"
#include "cli/out.h"

bool hl__think_parse(hl_str text, hl_think *ret) {
    static const struct {
        const char *name;
        hl_think think;
    } names[] = {
        {"", HL_THINK_ON},     {"true", HL_THINK_ON},       {"false", HL_THINK_OFF},
        {"low", HL_THINK_LOW}, {"medium", HL_THINK_MEDIUM}, {"high", HL_THINK_HIGH},
        {"max", HL_THINK_MAX},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!hl_str_is(text, names[i].name)) continue;
        *ret = names[i].think;
        return true;
    }
    return false;
}

hl_status hl__session_init(hl__session *s, hl_client *client, hl_str model, hl_error *err) {
    *s = (hl__session){.client = client, .wordwrap = true};
    hl_buf_init(&s->model, 0);
    hl_buf_init(&s->system, 0);
    hl_options_init(&s->options);
    hl_buf_append_str(&s->model, model);
    s->texts = hl_arena_create(0);
    s->settings = hl_arena_create(0);
    if (s->texts && s->settings && s->model.failed >= 0) return HL_OK;
    hl__session_deinit(s);
    return hl_fail(err, HL_ENOMEM, "session", "no memory");
}

void hl__session_deinit(hl__session *s) {
    hl_buf_deinit(&s->model);
    hl_buf_deinit(&s->system);
    json_object_put(s->schema);
    hl_free(s->messages);
    hl_arena_destroy(s->texts);
    hl_arena_destroy(s->settings);
}

void hl__session_clear(hl__session *s) {
    s->n_messages = 0;
    hl_arena_reset(s->texts);
}

hl_status hl__session_set_system(hl__session *s, hl_str text, hl_error *err) {
    hl_buf_reset(&s->system);
    hl_buf_append_str(&s->system, text);
    return hl_buf_status(&s->system, "the system message", err);
}

hl_status hl__session_set_stops(hl__session *s, const hl_str *texts, size_t n, hl_error *err) {
    if (n > HL_STOPS_MAX)
        return hl_fail(err, HL_ELIMIT, "session", "more than %d stop strings", HL_STOPS_MAX);
    hl_str *stops = HL_ARENA_ARRAY(s->settings, n, hl_str);
    for (size_t i = 0; stops && i < n; i++) {
        stops[i] = hl_arena_str(s->settings, texts[i]);
        if (!stops[i].ptr) stops = NULL;
    }
    if (!stops) return hl_fail(err, HL_ENOMEM, "session", "no memory for the stop strings");
    s->options.stop = stops;
    s->options.n_stop = n;
    return HL_OK;
}

/* -- asking ------------------------------------------------------------------------------------ */

static bool grow(hl__session *s) {
    if (s->n_messages < s->cap_messages) return true;
    size_t cap = s->cap_messages ? s->cap_messages * 2 : 16;
    hl_message *messages = hl_realloc(s->messages, cap * sizeof *messages);
    if (!messages) return false;
    s->messages = messages;
    s->cap_messages = cap;
    return true;
}

static hl_status add_message(hl__session *s, const char *role, hl_str text, hl_str thinking,
                             hl_error *err) {
    hl_part *part = HL_ARENA_NEW(s->texts, hl_part);
    hl_str own_text = hl_arena_str(s->texts, text), own_thinking = {"", 0};
    if (thinking.len > 0) own_thinking = hl_arena_str(s->texts, thinking);
    if (!part || !own_text.ptr || !own_thinking.ptr || !grow(s))
        return hl_fail(err, HL_ENOMEM, "session", "no memory for the conversation");
    *part = (hl_part){.kind = HL_PART_TEXT, .text = own_text};
    s->messages[s->n_messages++] = (hl_message){
        .role = hl_str_from(role), .parts = part, .n_parts = 1, .thinking = own_thinking};
    return HL_OK;
}

static void show_usage(const hl_usage *usage) {
    hl_buf out;
    hl_buf_init(&out, 0);
    hl__usage_text(usage, &out);
    hl__complain(hl_buf_str(&out));
    hl_buf_deinit(&out);
}

hl_request hl__session_request(const hl__session *s) {
    return (hl_request){.model = hl_buf_str(&s->model),
                        .messages = s->messages,
                        .n_messages = s->n_messages,
                        .system = hl_buf_str(&s->system),
                        .think = s->think,
                        .format = s->format,
                        .schema = s->schema,
                        .options = s->options};
}

static hl_status answer(hl__session *s, hl__answer *a, hl_error *err) {
    hl_request req = hl__session_request(s);
    hl__interrupt_begin(s->client, false);
    hl_status st = hl_client_generate(s->client, &req, hl__answer_event, a, err);
    bool interrupted = hl__interrupt_end();
    if (st < 0) return st;
    HL_TRY(hl__answer_end(a, err));
    if (s->verbose) show_usage(&a->usage);
    if (interrupted && a->text.len == 0)
        return hl_fail(err, HL_ECANCELLED, "session", "interrupted");
    return add_message(s, "assistant", hl_buf_str(&a->text), hl_buf_str(&a->thinking), err);
}

hl_status hl__session_ask(hl__session *s, hl_str text, hl_error *err) {
    size_t n_before = s->n_messages;
    hl__answer a;
    HL_ASSERT(n_before % 2 == 0);
    HL_TRY(add_message(s, "user", text, (hl_str){"", 0}, err));
    hl__answer_init(&a, s->wordwrap, s->hide_thinking);
    hl_status st = answer(s, &a, err);
    hl__answer_deinit(&a);
    if (st < 0) s->n_messages = n_before;
    HL_ASSERT(st < 0 || s->n_messages == n_before + 2);
    return st;
}
