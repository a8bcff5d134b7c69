/* A conversation's messages in their order. */
#include "serve/prepare_talk.h"

#include "base/mem.h"

/* -- JSON -------------------------------------------------------------------------------------- */

hl_status hl__var_no_memory(hl_error *err) {
    return hl_fail(err, HL_ENOMEM, "prepare", "no memory for the request's variables");
}

hl_status hl__var_put(struct json_object *o, const char *key, struct json_object *value,
                      hl_error *err) {
    if (value && json_object_object_add(o, key, value) == 0) return HL_OK;
    json_object_put(value);
    return hl__var_no_memory(err);
}

hl_status hl__var_put_str(struct json_object *o, const char *key, hl_str s, hl_error *err) {
    if (s.len > INT32_MAX) return hl_fail(err, HL_ELIMIT, "prepare", "%s is too long", key);
    return hl__var_put(o, key, json_object_new_string_len(s.ptr ? s.ptr : "", (int)s.len), err);
}

hl_status hl__var_put_bool(struct json_object *o, const char *key, bool value, hl_error *err) {
    return hl__var_put(o, key, json_object_new_boolean(value), err);
}

hl_status hl__var_put_copy(struct json_object *o, const char *key, struct json_object *value,
                           hl_error *err) {
    struct json_object *copy = NULL;
    if (value && json_object_deep_copy(value, &copy, NULL) != 0) return hl__var_no_memory(err);
    if (json_object_object_add(o, key, copy) == 0) return HL_OK;
    json_object_put(copy);
    return hl__var_no_memory(err);
}

/* -- the list ---------------------------------------------------------------------------------- */

static void make_text_message(hl_message *msg, hl_part *part, const char *role, hl_str text) {
    *part = (hl_part){.kind = HL_PART_TEXT, .text = text};
    *msg = (hl_message){.role = hl_str_from(role), .parts = part, .n_parts = 1};
}

/* The request's own, else the package's, unless the messages have one. */
static hl_str system_of(const hl_prepare_model *m, const hl_request *req) {
    bool has_own = req->n_messages > 0 && hl_str_is(req->messages[0].role, "system");
    if (req->system.len > 0) return req->system;
    return has_own ? (hl_str){"", 0} : m->package->system;
}

static void add_all(hl__talk *t, const hl_message *messages, size_t n) {
    for (size_t i = 0; i < n; i++) t->messages[t->n++] = &messages[i];
}

static void fill(hl__talk *t, const hl_prepare_model *m, const hl_request *req) {
    hl_str system = system_of(m, req);
    if (system.len > 0) {
        make_text_message(&t->system, &t->system_part, "system", system);
        add_all(t, &t->system, 1);
    }
    if (m->n_context == 0) add_all(t, m->package->messages, m->package->n_messages);
    add_all(t, req->messages, req->n_messages);
    if (req->n_messages == 0) {
        make_text_message(&t->prompt, &t->prompt_part, "user", req->prompt);
        add_all(t, &t->prompt, 1);
    }
    t->last_user = t->n;
    for (size_t i = 0; i < t->n; i++)
        if (hl__talk_is(t, i, "user")) t->last_user = i;
}

/* Most Jinja templates take earlier reasoning out of the texts themselves. */
static bool must_strip(const hl__prepare_how *how) {
    return how->tags && (!how->jinja || hl_str_find(how->source, HL_STR("split("), 0) == SIZE_MAX);
}

hl_status hl__talk_init(hl__talk *t, const hl_prepare_model *m, const hl_request *req,
                        const hl__prepare_how *how, hl_error *err) {
    *t = (hl__talk){.tags = how->tags, .strip_reasoning = must_strip(how)};
    t->messages = hl_calloc(m->package->n_messages + req->n_messages + 2, sizeof *t->messages);
    if (!t->messages) return hl_fail(err, HL_ENOMEM, "prepare", "no memory for the messages");
    fill(t, m, req);
    if (!req->tools || req->tool_choice == HL_TOOLS_NONE) return HL_OK;
    hl_status st = hl__talk_tools(req->tools, &t->tools, err);
    if (st < 0) hl__talk_deinit(t);
    return st;
}

void hl__talk_deinit(hl__talk *t) {
    hl_free(t->messages);
    t->messages = NULL;
    json_object_put(t->tools);
    t->tools = NULL;
}

/* -- texts ------------------------------------------------------------------------------------- */

static size_t skip_space(hl_str s, size_t at) {
    while (at < s.len &&
           (s.ptr[at] == ' ' || s.ptr[at] == '\n' || s.ptr[at] == '\t' || s.ptr[at] == '\r'))
        at++;
    return at;
}

/* Where the answer begins in a text that begins with reasoning between tags. */
static size_t behind_reasoning(hl_str s, const hl_thinking_tags *tags) {
    size_t at = skip_space(s, 0);
    if (!hl_str_starts(hl_str_slice(s, at, s.len), tags->open)) return 0;
    size_t end = hl_str_find(s, tags->close, at + tags->open.len);
    return end == SIZE_MAX ? 0 : skip_space(s, end + tags->close.len);
}

hl_status hl__talk_content(const hl__talk *t, size_t i, hl_buf *ret, hl_error *err) {
    const hl_message *msg = t->messages[i];
    size_t begin = ret->len;
    HL_ASSERT(i < t->n);
    for (size_t k = 0; k < msg->n_parts; k++) {
        if (msg->parts[k].kind != HL_PART_TEXT)
            return hl_fail(err, HL_EUNSUPPORTED, "prepare", "this model takes no %s",
                           msg->parts[k].kind == HL_PART_IMAGE ? "images" : "audio");
        hl_buf_append_str(ret, msg->parts[k].text);
    }
    HL_TRY(hl_buf_status(ret, "the message", err));
    bool earlier = t->last_user < t->n && i < t->last_user;
    if (!t->strip_reasoning || !earlier || !hl__talk_is(t, i, "assistant")) return HL_OK;
    hl_str said = hl_str_slice(hl_buf_str(ret), begin, ret->len);
    size_t skip = behind_reasoning(said, t->tags);
    if (skip > 0) memmove(ret->ptr + begin, said.ptr + skip, said.len - skip + 1);
    ret->len -= skip;
    return HL_OK;
}
