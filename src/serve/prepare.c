#include "serve/prepare.h"

/* -- JSON -------------------------------------------------------------------------------------- */

static hl_status no_memory(hl_error *err) {
    return hl_fail(err, HL_ENOMEM, "prepare", "no memory for the request's variables");
}

/* Takes value; NULL for value means that there was no memory for it. */
static hl_status add(struct json_object *o, const char *key, struct json_object *value,
                     hl_error *err) {
    if (value && json_object_object_add(o, key, value) == 0) return HL_OK;
    json_object_put(value);
    return no_memory(err);
}

static hl_status add_str(struct json_object *o, const char *key, hl_str s, hl_error *err) {
    if (s.len > INT32_MAX) return hl_fail(err, HL_ELIMIT, "prepare", "%s is too long", key);
    return add(o, key, json_object_new_string_len(s.ptr ? s.ptr : "", (int)s.len), err);
}

static hl_status add_bool(struct json_object *o, const char *key, bool value, hl_error *err) {
    return add(o, key, json_object_new_boolean(value), err);
}

/* A value that somebody else owns; NULL is JSON's null. */
static hl_status add_shared(struct json_object *o, const char *key, struct json_object *value,
                            hl_error *err) {
    struct json_object *shared = json_object_get(value);
    if (json_object_object_add(o, key, shared) == 0) return HL_OK;
    json_object_put(shared);
    return no_memory(err);
}

static bool has(struct json_object *o, const char *key) {
    return json_object_object_get_ex(o, key, NULL);
}

/* -- messages ---------------------------------------------------------------------------------- */

/* The text parts of a message, one behind the other. */
static hl_status join_parts(const hl_message *msg, hl_buf *ret, hl_error *err) {
    for (size_t i = 0; i < msg->n_parts; i++) {
        if (msg->parts[i].kind != HL_PART_TEXT)
            return hl_fail(err, HL_EUNSUPPORTED, "prepare", "this model takes no %s",
                           msg->parts[i].kind == HL_PART_IMAGE ? "images" : "audio");
        hl_buf_append_str(ret, msg->parts[i].text);
    }
    return hl_buf_status(ret, "the message", err);
}

static hl_status add_content(struct json_object *o, const hl_message *msg, hl_error *err) {
    hl_buf content;
    hl_buf_init(&content, 0);
    hl_status st = join_parts(msg, &content, err);
    if (st >= 0) st = add_str(o, "content", hl_buf_str(&content), err);
    hl_buf_deinit(&content);
    return st;
}

/* Earlier reasoning goes by two names in templates. */
static hl_status fill_message(struct json_object *o, const hl_message *msg, hl_error *err) {
    HL_TRY(add_str(o, "role", msg->role, err));
    HL_TRY(add_content(o, msg, err));
    if (msg->thinking.len > 0) {
        HL_TRY(add_str(o, "reasoning_content", msg->thinking, err));
        HL_TRY(add_str(o, "thinking", msg->thinking, err));
    }
    if (msg->tool_calls) HL_TRY(add_shared(o, "tool_calls", msg->tool_calls, err));
    if (msg->tool_name.len > 0) {
        HL_TRY(add_str(o, "name", msg->tool_name, err));
        HL_TRY(add_str(o, "tool_name", msg->tool_name, err));
    }
    return HL_OK;
}

static hl_status append_message(struct json_object *array, const hl_message *msg, hl_error *err) {
    struct json_object *o = json_object_new_object();
    if (!o) return no_memory(err);
    hl_status st = fill_message(o, msg, err);
    if (st >= 0 && json_object_array_add(array, o) == 0) return HL_OK;
    json_object_put(o);
    return st < 0 ? st : no_memory(err);
}

static hl_status append_text_message(struct json_object *array, const char *role, hl_str text,
                                     hl_error *err) {
    hl_part part = {.kind = HL_PART_TEXT, .text = text};
    hl_message msg = {.role = hl_str_from(role), .parts = &part, .n_parts = 1};
    return append_message(array, &msg, err);
}

static size_t n_leading_system(const hl_request *req) {
    return req->n_messages > 0 && hl_str_is(req->messages[0].role, "system") ? 1 : 0;
}

static hl_status fill_messages(struct json_object *array, const hl_request *req, size_t n_dropped,
                               hl_error *err) {
    size_t kept_first = n_leading_system(req);
    if (req->system.len > 0) HL_TRY(append_text_message(array, "system", req->system, err));
    for (size_t i = 0; i < req->n_messages; i++)
        if (i < kept_first || i >= kept_first + n_dropped)
            HL_TRY(append_message(array, &req->messages[i], err));
    if (req->n_messages == 0) HL_TRY(append_text_message(array, "user", req->prompt, err));
    return HL_OK;
}

/* -- variables --------------------------------------------------------------------------------- */

static const char *effort_name(hl_think think) {
    switch (think) {
    case HL_THINK_LOW: return "low";
    case HL_THINK_MEDIUM: return "medium";
    case HL_THINK_HIGH:
    case HL_THINK_MAX: return "high";
    case HL_THINK_UNSET:
    case HL_THINK_OFF:
    case HL_THINK_ON: break;
    }
    return NULL;
}

/* Thinking is on where the model can, unless it is switched off. */
static hl_status add_thinking(const hl_prepare_model *m, const hl_request *req,
                              struct json_object *o, hl_error *err) {
    if (!m->package->tags) {
        if (req->think <= HL_THINK_OFF) return HL_OK;
        return hl_fail(err, HL_EINVAL, "prepare", "\"%s\" does not support thinking", m->package->name);
    }
    bool on = req->think != HL_THINK_OFF;
    HL_TRY(add_bool(o, "enable_thinking", on, err));
    HL_TRY(add_bool(o, "thinking", on, err));
    const char *effort = effort_name(req->think);
    return effort ? add_str(o, "reasoning_effort", hl_str_from(effort), err) : HL_OK;
}

static hl_status add_token(struct json_object *o, const char *key, const hl_tokenizer *t,
                           hl_token id, hl_error *err) {
    if (id == HL_TOKEN_NONE || has(o, key)) return HL_OK;
    return add_str(o, key, hl_tokenizer_piece(t, id, true), err);
}

hl_status hl_prepare_defaults(const hl_tokenizer *t, struct json_object *variables, hl_error *err) {
    HL_TRY(add_token(variables, "bos_token", t, hl_tokenizer_bos(t), err));
    HL_TRY(add_token(variables, "eos_token", t, hl_tokenizer_eos(t), err));
    if (has(variables, "add_generation_prompt")) return HL_OK;
    return add_bool(variables, "add_generation_prompt", true, err);
}

static hl_status add_further(struct json_object *o, struct json_object *vars, hl_error *err) {
    if (!vars) return HL_OK;
    json_object_object_foreach(vars, key, value) HL_TRY(add_shared(o, key, value, err));
    return HL_OK;
}

static hl_status fill_variables(const hl_prepare_model *m, const hl_request *req, size_t n_dropped,
                                struct json_object *o, hl_error *err) {
    struct json_object *messages = json_object_new_array();
    HL_TRY(add(o, "messages", messages, err));
    HL_TRY(fill_messages(messages, req, n_dropped, err));
    HL_TRY(add_shared(o, "tools", req->tools, err));
    HL_TRY(add_shared(o, "documents", NULL, err));
    HL_TRY(add_thinking(m, req, o, err));
    HL_TRY(add_further(o, req->template_vars, err));
    return hl_prepare_defaults(m->tokenizer, o, err);
}

hl_status hl_prepare_variables(const hl_prepare_model *m, const hl_request *req, size_t n_dropped,
                               struct json_object **ret, hl_error *err) {
    struct json_object *o = json_object_new_object();
    if (!o) return no_memory(err);
    hl_status st = fill_variables(m, req, n_dropped, o, err);
    if (st < 0)
        json_object_put(o);
    else
        *ret = o;
    return st;
}

/* -- text -------------------------------------------------------------------------------------- */

static hl_status render_with(const hl_prepare_model *m, const hl_template *chat,
                             const hl_request *req, size_t n_dropped, int64_t now_s, hl_buf *ret,
                             hl_error *err) {
    struct json_object *variables;
    HL_TRY(hl_prepare_variables(m, req, n_dropped, &variables, err));
    hl_status st = hl_template_render(chat, variables, now_s, ret, err);
    json_object_put(variables);
    if (st == HL_EINVAL)
        hl_error_prefix(err, "the chat template of %s", m->package->name); /* its own words */
    return st;
}

static hl_status render_override(const hl_prepare_model *m, const hl_request *req, size_t n_dropped,
                                 int64_t now_s, hl_buf *ret, hl_error *err) {
    hl_template *chat;
    HL_TRY(hl_template_parse("template", req->template_override, &chat, err));
    hl_status st = render_with(m, chat, req, n_dropped, now_s, ret, err);
    hl_template_destroy(chat);
    return st;
}

/* For models without a template: the texts, a line each. */
static hl_status plain_text(const hl_prepare_model *m, const hl_request *req, size_t n_dropped,
                            hl_buf *ret, hl_error *err) {
    if (req->think > HL_THINK_OFF)
        return hl_fail(err, HL_EINVAL, "prepare", "\"%s\" does not support thinking", m->package->name);
    if (req->tools)
        return hl_fail(err, HL_EINVAL, "prepare", "\"%s\" does not support tools", m->package->name);
    size_t kept_first = n_leading_system(req);
    if (req->system.len > 0) hl_buf_printf(ret, "%.*s\n", HL_STR_ARG(req->system));
    for (size_t i = 0; i < req->n_messages; i++) {
        if (i >= kept_first && i < kept_first + n_dropped) continue;
        HL_TRY(join_parts(&req->messages[i], ret, err));
        if (i + 1 < req->n_messages) hl_buf_append_char(ret, '\n');
    }
    if (req->n_messages == 0) hl_buf_append_str(ret, req->prompt);
    return HL_OK;
}

static hl_status make_text(const hl_prepare_model *m, const hl_request *req, size_t n_dropped,
                           int64_t now_s, hl_buf *ret, hl_error *err) {
    hl_buf_reset(ret);
    bool own = !req->raw && req->template_override.len == 0;
    if (own) HL_TRY(hl_package_check_template(m->package, err));
    if (req->raw)
        hl_buf_append_str(ret, req->prompt);
    else if (req->template_override.len > 0)
        HL_TRY(render_override(m, req, n_dropped, now_s, ret, err));
    else if (m->package->chat)
        HL_TRY(render_with(m, m->package->chat, req, n_dropped, now_s, ret, err));
    else
        HL_TRY(plain_text(m, req, n_dropped, ret, err));
    return hl_buf_status(ret, "the prompt", err);
}

/* -- tokens ------------------------------------------------------------------------------------ */

/* BOS where the model wants one and the template has not written it.  EOS is never added: the
 * prompt is to be continued. */
static hl_status make_tokens(const hl_prepare_model *m, hl_str text, hl_tokens *ret,
                             hl_error *err) {
    const hl_tokenizer *t = m->tokenizer;
    hl_token bos = hl_tokenizer_bos(t);
    ret->n = 0;
    bool wants_bos = bos != HL_TOKEN_NONE && (hl_tokenizer_adds_bos(t) || text.len == 0);
    if (wants_bos && !(text.len > 0 && hl_str_starts(text, hl_tokenizer_piece(t, bos, true))))
        HL_TRY(hl_tokens_push(ret, bos, err));
    HL_TRY(hl_tokenizer_encode(t, text, HL_ENCODE_PARSE_SPECIAL, ret, err));
    if (ret->n == 0) return hl_fail(err, HL_EINVAL, "prepare", "the prompt is empty");
    return HL_OK;
}

/* How many messages may be dropped: all but a leading system message and the last. */
static size_t n_droppable(const hl_request *req) {
    size_t kept = n_leading_system(req) + 1;
    return !req->raw && req->n_messages > kept ? req->n_messages - kept : 0;
}

/* One more, and those up to the next turn of the user: many templates refuse a conversation that
 * begins in the middle of one. */
static size_t drop_turn(const hl_request *req, size_t n_dropped) {
    size_t kept_first = n_leading_system(req), max = n_droppable(req);
    HL_ASSERT(n_dropped < max && kept_first + max < req->n_messages);
    do n_dropped++;
    while (n_dropped < max && !hl_str_is(req->messages[kept_first + n_dropped].role, "user"));
    return n_dropped;
}

static hl_status make_fitting(const hl_prepare_model *m, const hl_request *req, int64_t now_s,
                              hl_prepared *p, hl_error *err) {
    for (;;) {
        HL_TRY(make_text(m, req, p->n_dropped, now_s, &p->text, err));
        HL_TRY(make_tokens(m, hl_buf_str(&p->text), &p->tokens, err));
        if (p->tokens.n < m->ctx) return HL_OK;
        if (p->n_dropped >= n_droppable(req))
            return hl_fail(err, HL_ELIMIT, "prepare",
                           "the prompt has %zu tokens, more than fit the context of %u (num_ctx) "
                           "with an answer",
                           p->tokens.n, m->ctx);
        p->n_dropped = drop_turn(req, p->n_dropped);
    }
}

hl_status hl_prepare(const hl_prepare_model *m, const hl_request *req, int64_t now_s,
                     hl_prepared *ret, hl_error *err) {
    HL_ASSERT(m->tokenizer && m->ctx > 0);
    hl_prepared p = {0};
    hl_buf_init(&p.text, 0);
    hl_status st = make_fitting(m, req, now_s, &p, err);
    if (st < 0) {
        hl_prepared_deinit(&p);
        return st;
    }
    HL_ASSERT(p.tokens.n > 0 && p.n_dropped <= n_droppable(req));
    p.tags = req->raw ? NULL : m->package->tags;
    p.thinking_open = hl_thinking_prompt_open(p.tags, hl_buf_str(&p.text));
    *ret = p;
    return HL_OK;
}

void hl_prepared_deinit(hl_prepared *p) {
    hl_buf_deinit(&p->text);
    hl_tokens_deinit(&p->tokens);
}
