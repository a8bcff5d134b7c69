#include "cli/ask.h"

#include "cli/member.h"
#include "config/duration.h"
#include "http/client.h"

const char *hl__ask_path(const hl_request *req) {
    return req->n_messages > 0 ? "/api/chat" : "/api/generate";
}

/* -- the body ---------------------------------------------------------------------------------- */

static void key(hl_buf *out, const char *name) {
    if (out->len > 0 && out->ptr[out->len - 1] != '{') hl_buf_append_char(out, ',');
    hl_buf_printf(out, "\"%s\":", name);
}

static void text(hl_buf *out, const char *name, hl_str value) {
    key(out, name);
    hl_json_append_string(out, value);
}

static void flag(hl_buf *out, const char *name, bool value) {
    key(out, name);
    hl_buf_append_cstr(out, value ? "true" : "false");
}

static void append_json(hl_buf *out, const char *name, struct json_object *value) {
    key(out, name);
    hl_buf_append_str(out, hl__value_json(value));
}

static void append_number(const hl_options *o, hl_option_id id, hl_buf *out) {
    double value = hl_options_get(o, id);
    key(out, hl_option_info_at(id)->name);
    switch (hl_option_info_at(id)->kind) {
    case HL_OPTION_INT: hl_buf_printf(out, "%.0f", value); break;
    case HL_OPTION_FLOAT: hl_buf_printf(out, "%.9g", value); break;
    case HL_OPTION_BOOL: hl_buf_append_cstr(out, value != 0 ? "true" : "false"); break;
    }
}

void hl__ask_options(const hl_options *o, const char *name, hl_buf *out) {
    if (o->set == 0 && !o->stop) return;
    key(out, name);
    hl_buf_append_char(out, '{');
    for (unsigned id = 0; id < HL_OPTIONS_N; id++)
        if (o->set >> id & 1) append_number(o, (hl_option_id)id, out);
    if (o->stop) key(out, "stop");
    for (size_t i = 0; i < o->n_stop; i++) {
        hl_buf_append_char(out, i > 0 ? ',' : '[');
        hl_json_append_string(out, o->stop[i]);
    }
    if (o->stop) hl_buf_append_cstr(out, o->n_stop > 0 ? "]" : "[]");
    hl_buf_append_char(out, '}');
}

void hl__ask_keep_alive(int64_t keep_ns, hl_buf *out) {
    key(out, "keep_alive");
    if (keep_ns == HL_DURATION_FOREVER)
        hl_buf_append_cstr(out, "-1");
    else
        hl_buf_printf(out, "\"%lldns\"", (long long)keep_ns);
}

static void append_think(hl_think think, hl_buf *out) {
    HL_ASSERT(think <= HL_THINK_MAX);
    static const char *const texts[] = {
        [HL_THINK_UNSET] = NULL,    [HL_THINK_OFF] = "false",         [HL_THINK_ON] = "true",
        [HL_THINK_LOW] = "\"low\"", [HL_THINK_MEDIUM] = "\"medium\"", [HL_THINK_HIGH] = "\"high\"",
        [HL_THINK_MAX] = "\"max\"",
    };
    if (!texts[think]) return;
    key(out, "think");
    hl_buf_append_cstr(out, texts[think]);
}

static void append_message(const hl_message *m, hl_buf *out) {
    hl_buf_append_char(out, '{');
    text(out, "role", m->role);
    HL_ASSERT(m->n_parts == 1 && m->parts[0].kind == HL_PART_TEXT);
    text(out, "content", m->parts[0].text);
    if (m->thinking.len > 0) text(out, "thinking", m->thinking);
    hl_buf_append_char(out, '}');
}

static void append_messages(const hl_request *req, hl_str system, hl_buf *out) {
    key(out, "messages");
    hl_buf_append_char(out, '[');
    if (system.len > 0) {
        hl_buf_append_cstr(out, "{\"role\":\"system\"");
        text(out, "content", system);
        hl_buf_append_cstr(out, "},");
    }
    for (size_t i = 0; i < req->n_messages; i++) {
        if (i > 0) hl_buf_append_char(out, ',');
        append_message(&req->messages[i], out);
    }
    hl_buf_append_char(out, ']');
}

static void append_prompt(const hl_request *req, hl_buf *out) {
    text(out, "prompt", req->prompt);
    if (req->system.len > 0) text(out, "system", req->system);
    if (req->raw) flag(out, "raw", true);
}

void hl__ask_body(const hl_request *req, const hl__ask_how *how, hl_buf *out) {
    hl_buf_append_char(out, '{');
    text(out, "model", req->model);
    if (req->n_messages > 0)
        append_messages(req, req->system, out);
    else
        append_prompt(req, out);
    append_think(req->think, out);
    if (req->format == HL_FORMAT_JSON) text(out, "format", HL_STR("json"));
    if (req->format == HL_FORMAT_SCHEMA) append_json(out, "format", req->schema);
    if (req->no_truncate) flag(out, "truncate", false);
    hl__ask_options(&req->options, "options", out);
    if (how->set_keep) hl__ask_keep_alive(how->keep_ns, out);
    if (how->whole) flag(out, "stream", false);
    hl_buf_append_char(out, '}');
}

void hl__ask_create(const hl_request *req, hl_str name, hl_buf *out) {
    hl_buf_append_char(out, '{');
    text(out, "model", name);
    text(out, "from", req->model);
    if (req->system.len > 0) text(out, "system", req->system);
    hl__ask_options(&req->options, "parameters", out);
    if (req->n_messages > 0) append_messages(req, HL_STR(""), out);
    flag(out, "stream", false);
    hl_buf_append_char(out, '}');
}

/* -- the answer -------------------------------------------------------------------------------- */

static bool give(hl__asked *a, const hl_event *ev) {
    if (a->on_event(a->arg, ev)) return true;
    a->stopped = true;
    return false;
}

static bool give_text(hl__asked *a, hl_channel channel, hl_str t) {
    hl_event ev = {.kind = HL_EVENT_TEXT, .channel = channel, .text = t};
    return t.len == 0 || give(a, &ev);
}

static hl_finish finish_of(hl_str reason) {
    return hl_str_is(reason, "length") ? HL_FINISH_LENGTH : HL_FINISH_STOP;
}

static uint32_t count_of(struct json_object *o, const char *name) {
    uint64_t n = hl__member_uint(o, name);
    return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

static bool give_end(hl__asked *a, struct json_object *o) {
    hl_event ev = {.kind = HL_EVENT_FINISHED,
                   .finish = finish_of(hl__member_text(o, "done_reason")),
                   .usage = {.prompt_tokens = count_of(o, "prompt_eval_count"),
                             .generated_tokens = count_of(o, "eval_count"),
                             .total_ns = hl__member_uint(o, "total_duration"),
                             .load_ns = hl__member_uint(o, "load_duration"),
                             .prompt_ns = hl__member_uint(o, "prompt_eval_duration"),
                             .generate_ns = hl__member_uint(o, "eval_duration")}};
    a->done = true;
    return give(a, &ev);
}

static bool take_object(hl__asked *a, struct json_object *o) {
    struct json_object *message = hl__member(o, "message");
    struct json_object *from = message ? message : o;
    a->failed = hl_http_fail_by(o, HL_EREMOTE, &a->error);
    if (a->failed < 0) return false;
    return give_text(a, HL_CHANNEL_THINKING, hl__member_text(from, "thinking")) &&
           give_text(a, HL_CHANNEL_ANSWER,
                     hl__member_text(from, message ? "content" : "response")) &&
           (!hl__member_bool(o, "done") || give_end(a, o));
}

bool hl__asked_line(void *arg, hl_str line) {
    hl__asked *a = arg;
    struct json_object *o = NULL;
    HL_ASSERT(!a->stopped && a->failed >= 0); /* nothing comes behind those */
    if (a->done) return true;
    if (hl_json_parse(line, &o, NULL) < 0 || !json_object_is_type(o, json_type_object)) {
        json_object_put(o);
        a->failed = hl_fail(&a->error, HL_EREMOTE, "client",
                            "the server's answer is no line of JSON: %.*s",
                            HL_STR_ARG(hl_str_slice(line, 0, 60)));
        return false;
    }
    bool more = take_object(a, o);
    json_object_put(o);
    return more;
}
