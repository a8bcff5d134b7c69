/* What a Jinja template sees of a conversation. */
#include "serve/prepare_talk.h"

/* -- messages ---------------------------------------------------------------------------------- */

static hl_status put_content(struct json_object *o, const hl__talk *t, size_t i, hl_error *err) {
    hl_buf content;
    hl_buf_init(&content, 0);
    hl_status st = hl__talk_content(t, i, &content, err);
    if (st >= 0) st = hl__var_put_str(o, "content", hl_buf_str(&content), err);
    hl_buf_deinit(&content);
    return st;
}

/* Earlier reasoning, and a tool's name, go by two names in templates. */
static hl_status fill_message(struct json_object *o, const hl__talk *t, size_t i,
                              const hl__call_style *style, hl_error *err) {
    const hl_message *msg = t->messages[i];
    HL_TRY(hl__var_put_str(o, "role", msg->role, err));
    HL_TRY(put_content(o, t, i, err));
    if (msg->thinking.len > 0) {
        HL_TRY(hl__var_put_str(o, "reasoning_content", msg->thinking, err));
        HL_TRY(hl__var_put_str(o, "thinking", msg->thinking, err));
    }
    HL_TRY(hl__talk_put_calls(o, t, i, style, err));
    if (msg->tool_name.len > 0) {
        HL_TRY(hl__var_put_str(o, "name", msg->tool_name, err));
        HL_TRY(hl__var_put_str(o, "tool_name", msg->tool_name, err));
    }
    return hl__talk_put_call_id(o, t, i, style, err);
}

static hl_status append_message(struct json_object *array, const hl__talk *t, size_t i,
                                const hl__call_style *style, hl_error *err) {
    struct json_object *o = json_object_new_object();
    if (!o) return hl__var_no_memory(err);
    hl_status st = fill_message(o, t, i, style, err);
    if (st >= 0 && json_object_array_add(array, o) == 0) return HL_OK;
    json_object_put(o);
    return st < 0 ? st : hl__var_no_memory(err);
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
static hl_status put_thinking(struct json_object *o, const hl_request *req,
                              const hl__prepare_how *how, hl_error *err) {
    if (!how->tags) return HL_OK;
    bool on = req->think != HL_THINK_OFF;
    HL_TRY(hl__var_put_bool(o, "enable_thinking", on, err));
    HL_TRY(hl__var_put_bool(o, "thinking", on, err));
    const char *effort = effort_name(req->think);
    return effort ? hl__var_put_str(o, "reasoning_effort", hl_str_from(effort), err) : HL_OK;
}

static bool has(struct json_object *o, const char *key) {
    return json_object_object_get_ex(o, key, NULL);
}

static hl_status put_token(struct json_object *o, const char *key, const hl_tokenizer *t,
                           hl_token id, hl_error *err) {
    if (id == HL_TOKEN_NONE || has(o, key)) return HL_OK;
    return hl__var_put_str(o, key, hl_tokenizer_piece(t, id, true), err);
}

hl_status hl_prepare_defaults(const hl_tokenizer *t, struct json_object *variables, hl_error *err) {
    HL_TRY(put_token(variables, "bos_token", t, hl_tokenizer_bos(t), err));
    HL_TRY(put_token(variables, "eos_token", t, hl_tokenizer_eos(t), err));
    if (has(variables, "add_generation_prompt")) return HL_OK;
    return hl__var_put_bool(variables, "add_generation_prompt", true, err);
}

static hl_status put_further(struct json_object *o, struct json_object *vars, hl_error *err) {
    if (!vars) return HL_OK;
    json_object_object_foreach(vars, key, value) HL_TRY(hl__var_put_copy(o, key, value, err));
    return HL_OK;
}

typedef struct view {
    const hl__talk *talk;
    size_t from;
    hl__call_style style;
} view;

static hl_status fill_variables(struct json_object *o, const view *v, const hl_tokenizer *tokenizer,
                                const hl_request *req, const hl__prepare_how *how, hl_error *err) {
    const hl__talk *t = v->talk;
    struct json_object *messages = json_object_new_array();
    HL_TRY(hl__var_put(o, "messages", messages, err));
    for (size_t i = 0; i < t->n; i++)
        if (hl__talk_has(t, i, v->from)) HL_TRY(append_message(messages, t, i, &v->style, err));
    HL_TRY(hl__var_put_copy(o, "tools", t->tools, err));
    HL_TRY(hl__var_put_copy(o, "documents", NULL, err));
    HL_TRY(put_thinking(o, req, how, err));
    HL_TRY(put_further(o, req->template_vars, err));
    return hl_prepare_defaults(tokenizer, o, err);
}

static hl_status render(const view *v, const hl_prepare_model *m, const hl_request *req,
                        const hl__prepare_how *how, hl_buf *ret, hl_error *err) {
    struct json_object *variables = json_object_new_object();
    if (!variables) return hl__var_no_memory(err);
    hl_status st = fill_variables(variables, v, m->tokenizer, req, how, err);
    if (st >= 0) {
        st = hl_template_render(how->jinja, variables, how->now_s, ret, err);
        if (st == HL_EINVAL)
            hl_error_prefix(err, "the chat template of %s", m->package->name); /* its own words */
    }
    json_object_put(variables);
    return st;
}

static bool has_calls(const hl__talk *t, size_t from) {
    for (size_t i = from; i < t->n; i++)
        if (t->messages[i]->tool_calls) return true;
    return false;
}

/* Most templates want arguments as objects; some join them to texts, and fail. */
hl_status hl__talk_render_jinja(const hl__talk *t, size_t from, const hl_prepare_model *m,
                                const hl_request *req, const hl__prepare_how *how, hl_buf *ret,
                                hl_error *err) {
    view v = {.talk = t, .from = from};
    v.style.short_ids = hl_str_find(how->source, HL_STR("|length != 9"), 0) != SIZE_MAX;
    HL_ASSERT(how->jinja && from < t->n);
    hl_status st = render(&v, m, req, how, ret, err);
    if (st != HL_EFORMAT || !has_calls(t, from)) return st;
    v.style.as_text = true;
    hl_error again;
    return render(&v, m, req, how, ret, &again) >= 0 ? HL_OK : st;
}
