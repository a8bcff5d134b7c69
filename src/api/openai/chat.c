/* POST /v1/chat/completions */
#include "api/call.h"

#include <math.h>

/* -- answers ----------------------------------------------------------------------------------- */

static void begin(const hl__call *c, const char *object, hl_buf *out) {
    hl_buf_printf(out, "{\"id\":\"chatcmpl-%u\",\"object\":\"%s\",\"created\":%lld", c->number,
                  object, (long long)c->created_s);
    hl__json_text(out, "model", c->model);
    hl_buf_append_cstr(out, ",\"system_fingerprint\":\"fp_ollama\",\"choices\":[");
}

static void append_logprobs(const hl__call *c, hl_buf *out) {
    if (c->logprobs.len == 0) return;
    hl_buf_append_cstr(out, ",\"logprobs\":{\"content\":[");
    hl_buf_append_str(out, hl_buf_str(&c->logprobs));
    hl_buf_append_cstr(out, "]}");
}

static void piece(const hl__call *c, hl_channel channel, hl_str text, hl_buf *out) {
    bool thinking = channel == HL_CHANNEL_THINKING;
    begin(c, "chat.completion.chunk", out);
    hl_buf_append_cstr(out, "{\"index\":0,\"delta\":{");
    if (c->n_pieces == 0) hl__json_text(out, "role", HL_STR("assistant"));
    hl__json_text(out, "content", thinking ? HL_STR("") : text);
    if (thinking) hl__json_text(out, "reasoning", text);
    hl_buf_append_char(out, '}');
    append_logprobs(c, out);
    hl_buf_append_cstr(out, ",\"finish_reason\":null}]}");
}

static void append_usage(const hl_usage *u, hl_buf *out) {
    hl__json_key(out, "usage");
    hl_buf_append_char(out, '{');
    hl__json_uint(out, "prompt_tokens", u->prompt_tokens);
    hl__json_uint(out, "completion_tokens", u->generated_tokens);
    hl__json_uint(out, "total_tokens", (uint64_t)u->prompt_tokens + u->generated_tokens);
    if (u->cached_tokens > 0)
        hl_buf_printf(out, ",\"prompt_tokens_details\":{\"cached_tokens\":%u}", u->cached_tokens);
    hl_buf_append_char(out, '}');
}

static void whole(const hl__call *c, const hl_event *end, hl_buf *out) {
    begin(c, "chat.completion", out);
    hl_buf_append_cstr(out, "{\"index\":0,\"message\":{");
    hl__json_text(out, "role", HL_STR("assistant"));
    hl__json_text(out, "content", hl_buf_str(&c->answer));
    if (c->thinking.len > 0) hl__json_text(out, "reasoning", hl_buf_str(&c->thinking));
    hl_buf_append_char(out, '}');
    append_logprobs(c, out);
    hl_buf_printf(out, ",\"finish_reason\":\"%s\"}]", hl__finish_text(end->finish));
    append_usage(&end->usage, out);
    hl_buf_append_char(out, '}');
}

static void last(const hl__call *c, const hl_event *end) {
    hl_buf b;
    hl_buf_init(&b, 0);
    begin(c, "chat.completion.chunk", &b);
    hl_buf_printf(&b, "{\"index\":0,\"delta\":{},\"finish_reason\":\"%s\"}]}",
                  hl__finish_text(end->finish));
    hl_http_write_sse(c->visit.x, hl_buf_str(&b));
    if (c->usage) {
        hl_buf_reset(&b);
        begin(c, "chat.completion.chunk", &b);
        hl_buf_append_char(&b, ']');
        append_usage(&end->usage, &b);
        hl_buf_append_char(&b, '}');
        hl_http_write_sse(c->visit.x, hl_buf_str(&b));
    }
    hl_http_write_sse(c->visit.x, HL_STR("[DONE]"));
    hl_buf_deinit(&b);
}

static const hl__voice VOICE = {.stream_type = "text/event-stream",
                                .piece = piece,
                                .whole = whole,
                                .last = last,
                                .write = hl_http_write_sse};

/* -- the request ------------------------------------------------------------------------------- */

/* A number of the request for an option; absent: `fallback`, which NAN leaves unset. */
static hl_status read_number(hl__call *c, const char *key, hl_option_id id, double fallback,
                             hl_error *err) {
    double value = fallback;
    bool has;
    HL_TRY(hl__field_number(&c->body, key, &value, &has, err));
    if (!has && isnan(fallback)) return HL_OK;
    return hl_options_set_number(&c->job.req.options, id, value, err);
}

/* OpenAI's defaults for temperature and top_p, not the model's. */
static hl_status read_numbers(hl__call *c, hl_error *err) {
    HL_TRY(read_number(c, "temperature", HL_OPT_temperature, 1, err));
    HL_TRY(read_number(c, "top_p", HL_OPT_top_p, 1, err));
    HL_TRY(read_number(c, "max_tokens", HL_OPT_num_predict, NAN, err));
    HL_TRY(read_number(c, "max_completion_tokens", HL_OPT_num_predict, NAN, err));
    HL_TRY(read_number(c, "seed", HL_OPT_seed, NAN, err));
    HL_TRY(read_number(c, "frequency_penalty", HL_OPT_frequency_penalty, NAN, err));
    return read_number(c, "presence_penalty", HL_OPT_presence_penalty, NAN, err);
}

static hl_status read_effort(hl__call *c, hl_error *err) {
    static const struct {
        const char *name;
        hl_think think;
    } efforts[] = {{"none", HL_THINK_OFF},      {"minimal", HL_THINK_LOW}, {"low", HL_THINK_LOW},
                   {"medium", HL_THINK_MEDIUM}, {"high", HL_THINK_HIGH},   {"max", HL_THINK_MAX},
                   {"xhigh", HL_THINK_MAX},     {"ultra", HL_THINK_MAX}};
    struct json_object *reasoning;
    hl_str effort = {"", 0};
    HL_TRY(hl__field_object(&c->body, "reasoning", &reasoning, err));
    if (reasoning) {
        hl__fields f = {reasoning, "Reasoning"};
        HL_TRY(hl__field_str(&f, "effort", &effort, err));
    }
    HL_TRY(hl__field_str(&c->body, "reasoning_effort", &effort, err));
    if (effort.len == 0) return HL_OK;
    for (size_t i = 0; i < sizeof efforts / sizeof *efforts; i++) {
        if (!hl_str_is(effort, efforts[i].name)) continue;
        c->job.req.think = efforts[i].think;
        return HL_OK;
    }
    return hl_fail(err, HL_EINVAL, "api",
                   "invalid reasoning value: \"%.*s\" (must be \"minimal\", \"low\", \"medium\", "
                   "\"high\", \"xhigh\", \"ultra\", \"max\", or \"none\")",
                   HL_STR_ARG(hl_str_slice(effort, 0, 80)));
}

static hl_status read_response_format(hl__call *c, hl_error *err) {
    struct json_object *format, *schema;
    hl_str type = {"", 0};
    HL_TRY(hl__field_object(&c->body, "response_format", &format, err));
    if (!format) return HL_OK;
    hl__fields f = {format, "ResponseFormat"};
    HL_TRY(hl__field_str(&f, "type", &type, err));
    if (hl_str_is(type, "json_object")) c->job.req.format = HL_FORMAT_JSON;
    if (!hl_str_is(type, "json_schema")) return HL_OK;
    HL_TRY(hl__field_object(&f, "json_schema", &schema, err));
    hl__fields inner = {schema, "JsonSchema"};
    if (schema) HL_TRY(hl__field_object(&inner, "schema", &schema, err));
    if (!schema) return hl_fail(err, HL_EINVAL, "api", "response_format has no schema");
    c->job.req.format = HL_FORMAT_SCHEMA;
    c->job.req.schema = schema;
    return HL_OK;
}

/* tool_choice "none" takes the tools away; they cannot be forced yet. */
static hl_status read_tools(hl__call *c, hl_error *err) {
    struct json_object *tools, *choice = hl__field(&c->body, "tool_choice");
    HL_TRY(hl__field_array(&c->body, "tools", &tools, err));
    if (!tools || json_object_array_length(tools) == 0) return HL_OK;
    if (json_object_is_type(choice, json_type_string) && hl_str_is(hl__json_str(choice), "none"))
        return HL_OK;
    c->job.req.tools = tools;
    return HL_OK;
}

/* What would change the answer, and is not there yet, is refused by name. */
static hl_status refuse_missing(hl__call *c, hl_error *err) {
    bool has;
    double n = 1;
    HL_TRY(hl__field_number(&c->body, "n", &n, &has, err));
    if (has && n != 1) return hl_fail(err, HL_EUNSUPPORTED, "api", "n is not supported yet");
    if (hl__field(&c->body, "logit_bias"))
        return hl_fail(err, HL_EUNSUPPORTED, "api", "logit_bias is not supported yet");
    return HL_OK;
}

static hl_status read(hl__call *c, hl_error *err) {
    struct json_object *messages, *stream_options;
    HL_TRY(hl__field_str(&c->body, "model", &c->model, err));
    HL_TRY(hl__field_bool(&c->body, "stream", &c->stream, err));
    HL_TRY(hl__field_object(&c->body, "stream_options", &stream_options, err));
    if (stream_options) {
        hl__fields f = {stream_options, "StreamOptions"};
        HL_TRY(hl__field_bool(&f, "include_usage", &c->usage, err));
    }
    HL_TRY(hl__field_array(&c->body, "messages", &messages, err));
    if (!messages || json_object_array_length(messages) == 0)
        return hl_fail(err, HL_EINVAL, "api", "[] is too short - 'messages'");
    HL_TRY(hl__read_messages(messages, true, c->arena, &c->job.req, err));
    HL_TRY(read_numbers(c, err));
    HL_TRY(hl__read_stops(hl__field(&c->body, "stop"), c->arena, &c->job.req.options, err));
    HL_TRY(read_effort(c, err));
    HL_TRY(read_response_format(c, err));
    HL_TRY(read_tools(c, err));
    HL_TRY(hl__call_read_logprobs(c, err));
    return refuse_missing(c, err);
}

void hl__handle_openai_chat(hl__visit *v) {
    hl__call *c;
    hl_error err;
    const hl_catalog_entry *e;
    hl__call_make(v, &VOICE, "ChatCompletionRequest", &c);
    if (!c) return;
    if (read(c, &err) < 0) {
        hl__call_fail(c, &err);
        return;
    }
    if (c->model.len == 0) {
        hl__call_refuse(c, 400, "model is required");
        return;
    }
    if (!hl__call_find_model(c, &e)) return;
    if (hl__call_check_model(c, &e->info, "chat", &err) < 0)
        hl__call_fail(c, &err);
    else
        hl__call_start(c, false);
}
