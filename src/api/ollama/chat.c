/* POST /api/chat */
#include "api/ollama/voice.h"

/* -- answers ----------------------------------------------------------------------------------- */

static void append_message(hl_str text, hl_str thinking, hl_buf *out) {
    hl__json_key(out, "message");
    hl_buf_append_char(out, '{');
    hl__json_text(out, "role", HL_STR("assistant"));
    hl__json_text(out, "content", text);
    if (thinking.len > 0) hl__json_text(out, "thinking", thinking);
    hl_buf_append_char(out, '}');
}

static void piece(const hl__call *c, hl_channel channel, hl_str text, hl_buf *out) {
    hl_str none = {"", 0};
    bool thinking = channel == HL_CHANNEL_THINKING;
    hl__ollama_begin(c, out);
    append_message(thinking ? none : text, thinking ? text : none, out);
    hl_buf_append_cstr(out, ",\"done\":false");
    hl__ollama_logprobs(c, out);
    hl_buf_append_char(out, '}');
}

static void final(const hl__call *c, const hl_event *end, hl_str text, hl_str thinking,
                  hl_buf *out) {
    hl__ollama_begin(c, out);
    append_message(text, thinking, out);
    hl__ollama_done(out, hl__finish_text(end->finish));
    hl__ollama_usage(&end->usage, out);
    hl__ollama_logprobs(c, out);
    hl_buf_append_char(out, '}');
}

static void whole(const hl__call *c, const hl_event *end, hl_buf *out) {
    final(c, end, hl_buf_str(&c->answer), hl_buf_str(&c->thinking), out);
}

static void last(const hl__call *c, const hl_event *end) {
    hl_str none = {"", 0};
    hl_buf b;
    hl_buf_init(&b, 0);
    final(c, end, none, none, &b);
    hl_http_write_line(c->visit.x, hl_buf_str(&b));
    hl_buf_deinit(&b);
}

static void short_answer(const hl__call *c, const char *reason, hl_buf *out) {
    hl_str none = {"", 0};
    hl__ollama_begin(c, out);
    append_message(none, none, out);
    hl__ollama_done(out, reason);
    hl_buf_append_char(out, '}');
}

static const hl__voice VOICE = {.stream_type = "application/x-ndjson",
                                .piece = piece,
                                .whole = whole,
                                .last = last,
                                .write = hl_http_write_line,
                                .short_answer = short_answer};

/* -- the request ------------------------------------------------------------------------------- */

static hl_status read_tools(hl__call *c, hl_error *err) {
    struct json_object *tools = hl__field(&c->body, "tools");
    if (tools && !json_object_is_type(tools, json_type_array))
        return hl_fail(err, HL_EINVAL, "api",
                       "json: cannot unmarshal %s into Go struct field ChatRequest.tools of type "
                       "api.Tools",
                       json_object_is_type(tools, json_type_string) ? "string" : "object");
    if (tools && json_object_array_length(tools) > 0) c->job.req.tools = tools;
    return HL_OK;
}

static hl_status read(hl__call *c, hl_error *err) {
    struct json_object *messages;
    HL_TRY(hl__call_read_common(c, err));
    HL_TRY(hl__field_array(&c->body, "messages", &messages, err));
    HL_TRY(hl__read_messages(messages, false, c->arena, &c->job.req, err));
    return read_tools(c, err);
}

void hl__handle_chat(hl__visit *v) {
    hl__call *c;
    hl_error err;
    const hl_catalog_entry *e;
    hl__call_make(v, &VOICE, "ChatRequest", &c);
    if (!c) return;
    c->stream = true;
    if (read(c, &err) < 0) {
        hl__call_fail(c, &err);
        return;
    }
    if (c->model.len == 0) {
        hl__call_refuse(c, 400, "model is required");
        return;
    }
    if (!hl__call_find_model(c, &e)) return;
    bool empty = c->job.req.n_messages == 0;
    if (empty && c->job.set_keep && c->job.keep_ns == 0)
        hl__call_unload(c);
    else if (hl__call_check_model(c, &e->info, "chat", &err) < 0)
        hl__call_fail(c, &err);
    else
        hl__call_start(c, empty);
}
