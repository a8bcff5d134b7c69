/* POST /v1/chat/completions */
#include "api/openai/common.h"

/* -- answers ----------------------------------------------------------------------------------- */

static void append_logprobs(const hl__choice *ch, hl_buf *out) {
    if (ch->logprobs.len == 0) return;
    hl_buf_append_cstr(out, ",\"logprobs\":{\"content\":[");
    hl_buf_append_str(out, hl_buf_str(&ch->logprobs));
    hl_buf_append_cstr(out, "]}");
}

/* {"id":…,"function":{…}}; arguments are a text here. */
static void append_call(const hl__tool_call *call, size_t index, hl_buf *out) {
    hl_buf_append_char(out, '{');
    hl__json_text(out, "id", hl_str_from(call->id));
    hl__json_uint(out, "index", index);
    hl_buf_append_cstr(out, ",\"type\":\"function\",\"function\":{");
    hl__json_text(out, "name", call->name);
    hl__json_text(out, "arguments", call->arguments);
    hl_buf_append_cstr(out, "}}");
}

/* An event without its choices: data: {…,"choices":[ */
static void begin_event(const hl__call *c, hl_buf *out) {
    hl_buf_append_cstr(out, "data: ");
    hl__openai_begin(c, "chatcmpl", "chat.completion.chunk", out);
    hl__openai_model(c, out);
    hl_buf_append_cstr(out, ",\"choices\":[");
}

/* {"index":…,"delta":{ with the role in a choice's first one */
static void begin_delta(const hl__choice *ch, hl_buf *out) {
    begin_event(ch->call, out);
    hl_buf_printf(out, "{\"index\":%u,\"delta\":{", ch->index);
    if (ch->n_pieces == 0) hl__json_text(out, "role", HL_STR("assistant"));
}

static void piece(const hl__choice *ch, hl_channel channel, hl_str text, hl_buf *out) {
    bool thinking = channel == HL_CHANNEL_THINKING;
    begin_delta(ch, out);
    hl__json_text(out, "content", thinking ? HL_STR("") : text);
    if (thinking) hl__json_text(out, "reasoning", text);
    hl_buf_append_char(out, '}');
    append_logprobs(ch, out);
    hl_buf_append_cstr(out, ",\"finish_reason\":null}]}\n\n");
}

static void tool_call(const hl__choice *ch, const hl__tool_call *call, hl_buf *out) {
    begin_delta(ch, out);
    hl__json_text(out, "content", HL_STR(""));
    hl_buf_append_cstr(out, ",\"tool_calls\":[");
    append_call(call, ch->n_calls - 1, out);
    hl_buf_append_cstr(out, "]},\"finish_reason\":null}]}\n\n");
}

static void end_choice(const hl__choice *ch, hl_buf *out) {
    begin_event(ch->call, out);
    hl_buf_printf(out, "{\"index\":%u,\"delta\":{},\"finish_reason\":\"%s\"}]}\n\n", ch->index,
                  hl__openai_finish(ch));
}

static void last(const hl__call *c, hl_buf *out) {
    if (c->usage) {
        begin_event(c, out);
        hl_buf_append_char(out, ']');
        hl__openai_usage(c, out);
        hl_buf_append_cstr(out, "}\n\n");
    }
    hl_buf_append_cstr(out, "data: [DONE]\n\n");
}

static void append_message(const hl__choice *ch, hl_buf *out) {
    hl_buf_append_cstr(out, "\"message\":{\"role\":\"assistant\"");
    hl__json_text(out, "content", hl_buf_str(&ch->answer));
    if (ch->thinking.len > 0) hl__json_text(out, "reasoning", hl_buf_str(&ch->thinking));
    for (size_t i = 0; i < ch->n_calls; i++) {
        hl_buf_append_cstr(out, i == 0 ? ",\"tool_calls\":[" : ",");
        append_call(&ch->calls[i], i, out);
    }
    hl_buf_append_cstr(out, ch->n_calls > 0 ? "]}" : "}");
}

static void whole(const hl__call *c, hl_buf *out) {
    hl__openai_begin(c, "chatcmpl", "chat.completion", out);
    hl__openai_model(c, out);
    for (uint32_t i = 0; i < c->n_choices; i++) {
        const hl__choice *ch = &c->choices[i];
        hl_buf_printf(out, "%s{\"index\":%u,", i == 0 ? ",\"choices\":[" : ",", i);
        append_message(ch, out);
        append_logprobs(ch, out);
        hl_buf_printf(out, ",\"finish_reason\":\"%s\"}", hl__openai_finish(ch));
    }
    hl_buf_append_char(out, ']');
    hl__openai_usage(c, out);
    hl_buf_append_char(out, '}');
}

static void rendered(const hl__call *c, hl_str prompt, hl_buf *out) {
    hl__openai_begin(c, "chatcmpl", "chat.completion", out);
    hl__openai_model(c, out);
    hl_buf_append_cstr(out, ",\"choices\":[],\"_debug_info\":{");
    hl__json_text(out, "rendered_template", prompt);
    hl_buf_append_cstr(out, "}}");
}

/* -- the request ------------------------------------------------------------------------------- */

static hl_status read_schema(hl__call *c, const hl__fields *format, hl_error *err) {
    struct json_object *schema;
    HL_TRY(hl__field_object(format, "json_schema", &schema, err));
    hl__fields inner = {schema, "JsonSchema"};
    if (schema) HL_TRY(hl__field_object(&inner, "schema", &schema, err));
    if (!schema) return hl_fail(err, HL_EINVAL, "api", "response_format has no schema");
    c->req.format = HL_FORMAT_SCHEMA;
    c->req.schema = schema;
    return HL_OK;
}

static hl_status read_response_format(hl__call *c, hl_error *err) {
    struct json_object *format;
    hl_str type = {"", 0};
    HL_TRY(hl__field_object(&c->body, "response_format", &format, err));
    if (!format) return HL_OK;
    hl__fields f = {format, "ResponseFormat"};
    HL_TRY(hl__field_str(&f, "type", &type, err));
    if (hl_str_is(type, "json_schema")) return read_schema(c, &f, err);
    if (hl_str_is(type, "json_object")) {
        c->req.format = HL_FORMAT_JSON;
        return HL_OK;
    }
    if (type.len == 0 || hl_str_is(type, "text")) return HL_OK;
    return hl_fail(err, HL_EINVAL, "api",
                   "response_format: the type \"%.*s\" is not supported (text, json_object, "
                   "json_schema are)",
                   HL_STR_ARG(hl_str_slice(type, 0, 80)));
}

static hl_status read_tools(hl__call *c, hl_error *err) {
    struct json_object *tools;
    bool parallel = true;
    HL_TRY(hl__field_array(&c->body, "tools", &tools, err));
    HL_TRY(hl__read_tools(tools, &c->req, err));
    HL_TRY(hl__field_bool(&c->body, "parallel_tool_calls", &parallel, err));
    c->one_call = !parallel;
    return hl__read_tool_choice(hl__field(&c->body, "tool_choice"), &c->req, err);
}

static hl_status read(hl__call *c, hl_error *err) {
    struct json_object *messages;
    HL_TRY(hl__field_array(&c->body, "messages", &messages, err));
    if (!messages || json_object_array_length(messages) == 0)
        return hl_fail(err, HL_EINVAL, "api", "[] is too short - 'messages'");
    HL_TRY(read_response_format(c, err));
    HL_TRY(hl__openai_read_common(c, err));
    HL_TRY(hl__openai_read_effort(c, err));
    HL_TRY(hl__read_messages(messages, true, c->arena, &c->req, err));
    HL_TRY(read_tools(c, err));
    return hl__call_read_logprobs(c, err);
}

const hl__voice hl__voice_openai_chat = {.type = "ChatCompletionRequest",
                                         .read = read,
                                         .stream_type = "text/event-stream",
                                         .piece = piece,
                                         .tool_call = tool_call,
                                         .end_choice = end_choice,
                                         .last = last,
                                         .failed = hl__openai_failed,
                                         .whole = whole,
                                         .rendered = rendered};

void hl__handle_openai_chat(hl__visit *v) {
    hl__call *c = hl__call_make(v, &hl__voice_openai_chat);
    if (c && hl__openai_find(c, "chat")) hl__call_start(c, false);
}
