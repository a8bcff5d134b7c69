/* What a template in Go's language sees of a conversation: with .Messages all of it, without (the
 * older kind) one turn after the other. */
#include "serve/prepare_talk.h"

#include "text/gotemplate.h"

static const char *level_of(hl_think think) {
    switch (think) {
    case HL_THINK_LOW: return "low";
    case HL_THINK_HIGH: return "high";
    case HL_THINK_MAX: return "max";
    case HL_THINK_UNSET:
    case HL_THINK_ON:
    case HL_THINK_MEDIUM: return "medium";
    case HL_THINK_OFF: break;
    }
    return "";
}

/* Thinking is on where the model can, unless it is switched off. */
static hl_status put_thinking(struct json_object *o, const hl_request *req,
                              const hl__prepare_how *how, hl_error *err) {
    bool on = how->tags && req->think != HL_THINK_OFF;
    HL_TRY(hl__var_put_bool(o, "Think", on, err));
    HL_TRY(hl__var_put_bool(o, "IsThinkSet", how->tags || req->think != HL_THINK_UNSET, err));
    return hl__var_put_str(o, "ThinkLevel", hl_str_from(on ? level_of(req->think) : ""), err);
}

static hl_status render(const hl_gotemplate *go, struct json_object *variables,
                        const hl__prepare_how *how, bool last, hl_buf *ret, hl_error *err) {
    hl_gotemplate_how h = {.type = &hl_gotemplate_ollama, .now_s = how->now_s};
    h.add_response = true;
    h.cut_at_response = last;
    return hl_gotemplate_render(go, variables, &h, ret, err);
}

/* -- messages ---------------------------------------------------------------------------------- */

static hl_status put_rest(struct json_object *o, const hl_message *msg, hl_error *err) {
    if (msg->thinking.len > 0) HL_TRY(hl__var_put_str(o, "thinking", msg->thinking, err));
    if (msg->tool_calls) HL_TRY(hl__var_put_copy(o, "tool_calls", msg->tool_calls, err));
    return msg->tool_name.len > 0 ? hl__var_put_str(o, "tool_name", msg->tool_name, err) : HL_OK;
}

/* Whether the message goes on with the one before it. */
static bool joins(const hl__talk *t, size_t before, size_t i) {
    const hl_message *a = t->messages[before], *b = t->messages[i];
    return hl_str_eq(a->role, b->role) && !hl_str_is(b->role, "tool") && !a->tool_calls &&
           !b->tool_calls && b->thinking.len == 0;
}

/* The next message that is there, or t->n. */
static size_t next_of(const hl__talk *t, size_t i, size_t from) {
    while (i < t->n && !hl__talk_has(t, i, from)) i++;
    return i;
}

/* The texts of a message and of those that go on with it, a blank line between; *ret_next: behind
 * them. */
static hl_status join_texts(const hl__talk *t, size_t from, size_t i, hl_buf *ret, size_t *ret_next,
                            hl_error *err) {
    HL_TRY(hl__talk_content(t, i, ret, err));
    for (size_t last = i;; last = *ret_next) {
        *ret_next = next_of(t, last + 1, from);
        if (*ret_next == t->n || !joins(t, last, *ret_next)) return HL_OK;
        hl_buf_append_cstr(ret, "\n\n");
        HL_TRY(hl__talk_content(t, *ret_next, ret, err));
    }
}

static hl_status append_message(struct json_object *array, const hl_message *msg, hl_str text,
                                hl_error *err) {
    struct json_object *o = json_object_new_object();
    if (!o) return hl__var_no_memory(err);
    hl_status st = hl__var_put_str(o, "role", msg->role, err);
    if (st >= 0) st = hl__var_put_str(o, "content", text, err);
    if (st >= 0) st = put_rest(o, msg, err);
    if (st >= 0 && json_object_array_add(array, o) == 0) return HL_OK;
    json_object_put(o);
    return st < 0 ? st : hl__var_no_memory(err);
}

static hl_status put_messages(struct json_object *o, const hl__talk *t, size_t from, hl_buf *text,
                              hl_error *err) {
    struct json_object *array = json_object_new_array();
    HL_TRY(hl__var_put(o, "Messages", array, err));
    for (size_t i = next_of(t, 0, from), next; i < t->n; i = next) {
        hl_buf_reset(text);
        HL_TRY(join_texts(t, from, i, text, &next, err));
        HL_TRY(append_message(array, t->messages[i], hl_buf_str(text), err));
    }
    return HL_OK;
}

/* All system texts, a blank line between. */
static hl_status put_system(struct json_object *o, const hl__talk *t, hl_buf *text, hl_error *err) {
    hl_buf_reset(text);
    for (size_t i = 0; i < t->n; i++) {
        if (!hl__talk_is(t, i, "system")) continue;
        if (text->len > 0) hl_buf_append_cstr(text, "\n\n");
        HL_TRY(hl__talk_content(t, i, text, err));
    }
    return hl__var_put_str(o, "System", hl_buf_str(text), err);
}

static hl_status render_messages(const hl__talk *t, size_t from, const hl_request *req,
                                 const hl__prepare_how *how, struct json_object *o, hl_buf *text,
                                 hl_buf *ret, hl_error *err) {
    HL_TRY(put_system(o, t, text, err));
    HL_TRY(put_messages(o, t, from, text, err));
    HL_TRY(hl__var_put_str(o, "Response", (hl_str){"", 0}, err));
    if (t->tools) HL_TRY(hl__var_put_copy(o, "Tools", t->tools, err));
    HL_TRY(put_thinking(o, req, how, err));
    return render(how->go, o, how, false, ret, err);
}

/* -- turns ------------------------------------------------------------------------------------- */

static hl_status put_turn(struct json_object *o, const char *key, hl_str text, hl_error *err) {
    return hl__var_put_str(o, key, text, err);
}

static bool said(struct json_object *o, const char *key) {
    struct json_object *value;
    return json_object_object_get_ex(o, key, &value) && json_object_get_string_len(value) > 0;
}

static hl_status begin_turn(struct json_object *o, hl_error *err) {
    HL_TRY(put_turn(o, "System", (hl_str){"", 0}, err));
    HL_TRY(put_turn(o, "Prompt", (hl_str){"", 0}, err));
    return put_turn(o, "Response", (hl_str){"", 0}, err);
}

/* A turn is over when what is to come stands before what it has. */
static hl_status take_turn(struct json_object *o, const hl_message *msg, hl_str text,
                           const hl__prepare_how *how, hl_buf *ret, hl_error *err) {
    bool system = hl_str_is(msg->role, "system"), user = hl_str_is(msg->role, "user");
    bool over = (system && said(o, "Prompt")) || ((system || user) && said(o, "Response"));
    if (over) {
        HL_TRY(render(how->go, o, how, false, ret, err));
        HL_TRY(begin_turn(o, err));
    }
    if (!system && !user && !hl_str_is(msg->role, "assistant")) return HL_OK;
    return put_turn(o, system ? "System" : user ? "Prompt" : "Response", text, err);
}

static hl_status render_turns(const hl__talk *t, size_t from, const hl_request *req,
                              const hl__prepare_how *how, struct json_object *o, hl_buf *text,
                              hl_buf *ret, hl_error *err) {
    HL_TRY(begin_turn(o, err));
    HL_TRY(put_thinking(o, req, how, err));
    for (size_t i = next_of(t, 0, from), next; i < t->n; i = next) {
        hl_buf_reset(text);
        HL_TRY(join_texts(t, from, i, text, &next, err));
        HL_TRY(take_turn(o, t->messages[i], hl_buf_str(text), how, ret, err));
    }
    return render(how->go, o, how, true, ret, err);
}

/* -- both -------------------------------------------------------------------------------------- */

hl_status hl__talk_render_go(const hl__talk *t, size_t from, const hl_request *req,
                             const hl__prepare_how *how, hl_buf *ret, hl_error *err) {
    struct json_object *o = json_object_new_object();
    hl_buf text;
    HL_ASSERT(how->go && from < t->n);
    if (!o) return hl__var_no_memory(err);
    hl_buf_init(&text, 0);
    hl_status st = hl_gotemplate_mentions(how->go, "Messages")
                       ? render_messages(t, from, req, how, o, &text, ret, err)
                       : render_turns(t, from, req, how, o, &text, ret, err);
    hl_buf_deinit(&text);
    json_object_put(o);
    return st;
}

static hl_status fill_suffix(struct json_object *o, const hl_request *req,
                             const hl__prepare_how *how, hl_error *err) {
    HL_TRY(hl__var_put_str(o, "Prompt", req->prompt, err));
    HL_TRY(hl__var_put_str(o, "Suffix", req->suffix, err));
    HL_TRY(hl__var_put_str(o, "Response", (hl_str){"", 0}, err));
    return put_thinking(o, req, how, err);
}

hl_status hl__talk_render_suffix(const hl_request *req, const hl__prepare_how *how, hl_buf *ret,
                                 hl_error *err) {
    struct json_object *o = json_object_new_object();
    hl_gotemplate_how h = {.type = &hl_gotemplate_ollama, .now_s = how->now_s};
    if (!o) return hl__var_no_memory(err);
    hl_status st = fill_suffix(o, req, how, err);
    if (st >= 0) st = hl_gotemplate_render(how->go, o, &h, ret, err);
    json_object_put(o);
    return st;
}
