/* POST /v1/responses: the answers.  Nothing is kept: each request brings its whole conversation. */
#include "api/openai/responses.h"

#include "api/openai/common.h"
#include "base/clock.h"

static const int64_t NS_PER_S = 1000000000;
static const hl_str NOTHING = {"", 0};

static hl__response *response_of(const hl__call *c) {
    HL_ASSERT(c->state);
    return c->state;
}

static void drop_state(void *arg) {
    hl__response *r = arg;
    json_object_put(r->messages);
    json_object_put(r->tools);
    json_object_put(r->choice);
    hl_buf_deinit(&r->text);
    hl_buf_deinit(&r->output);
}

/* -- what the request said --------------------------------------------------------------------- */

static void append_json(struct json_object *v, const char *otherwise, hl_buf *out) {
    enum { HOW = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE };
    const char *text = v ? json_object_to_json_string_ext(v, HOW) : otherwise;
    if (text)
        hl_buf_append_cstr(out, text);
    else
        out->failed = HL_ENOMEM;
}

static void echo(const hl__call *c, const char *key, const char *otherwise, hl_buf *out) {
    hl__json_key(out, key);
    append_json(hl__field(&c->body, key), otherwise, out);
}

static void echo_option(const hl__call *c, const char *key, hl_option_id id, hl_buf *out) {
    hl__json_key(out, key);
    hl_buf_printf(out, "%.10g", hl_options_get(&c->req.options, id));
}

static void echo_tool(struct json_object *v, hl_buf *out) {
    static const char *const keys[] = {"type", "name", "description", "strict", "parameters"};
    hl__fields f = {v, "ResponsesTool"};
    hl_buf_append_char(out, '{');
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        hl__json_key(out, keys[i]);
        append_json(hl__field(&f, keys[i]), "null", out);
    }
    hl_buf_append_char(out, '}');
}

static void echo_tools(const hl__call *c, hl_buf *out) {
    struct json_object *tools = hl__field(&c->body, "tools");
    size_t n = json_object_is_type(tools, json_type_array) ? json_object_array_length(tools) : 0;
    hl_buf_append_cstr(out, ",\"tools\":[");
    for (size_t i = 0; i < n; i++) {
        if (i > 0) hl_buf_append_char(out, ',');
        echo_tool(json_object_array_get_idx(tools, i), out);
    }
    hl_buf_append_char(out, ']');
}

static void echo_text(const hl__call *c, hl_buf *out) {
    struct json_object *text = hl__field(&c->body, "text");
    hl__fields f = {text, "ResponsesText"};
    hl_buf_append_cstr(out, ",\"text\":{\"format\":");
    append_json(text ? hl__field(&f, "format") : NULL, "{\"type\":\"text\"}", out);
    hl_buf_append_char(out, '}');
}

/* Streams say it with a summary, whole answers without, as Ollama's do. */
static void echo_reasoning(const hl__call *c, hl_buf *out) {
    struct json_object *reasoning = hl__field(&c->body, "reasoning");
    hl__fields f = {reasoning, "Reasoning"};
    hl__json_key(out, "reasoning");
    if (!reasoning) {
        hl_buf_append_cstr(out, "null");
        return;
    }
    hl_buf_append_cstr(out, "{\"effort\":");
    append_json(hl__field(&f, "effort"), "null", out);
    if (c->stream || hl__field(&f, "summary")) {
        hl_buf_append_cstr(out, ",\"summary\":");
        append_json(hl__field(&f, "summary"), "null", out);
    }
    hl_buf_append_char(out, '}');
}

/* -- the response object ----------------------------------------------------------------------- */

static void append_usage(const hl__call *c, hl_buf *out) {
    const hl__choice *ch = &c->choices[0];
    const hl_usage *u = &ch->usage;
    hl_buf_printf(out,
                  ",\"usage\":{\"input_tokens\":%u,\"output_tokens\":%u,\"total_tokens\":%u,"
                  "\"input_tokens_details\":{\"cached_tokens\":%u},"
                  "\"output_tokens_details\":{\"reasoning_tokens\":%u}}",
                  u->prompt_tokens, u->generated_tokens, u->prompt_tokens + u->generated_tokens,
                  u->cached_tokens, ch->n_thinking);
}

static bool is_cut(const hl__call *c) {
    const hl__choice *ch = &c->choices[0];
    return ch->done && ch->finish == HL_FINISH_LENGTH && ch->n_calls == 0;
}

/* How far the answer is told: one without text is over before its stream begins. */
typedef enum stage { STAGE_BEGUN, STAGE_OVER, STAGE_FAILED } stage;

static const char *status_of(const hl__call *c, stage at) {
    if (at == STAGE_FAILED) return "failed";
    if (at == STAGE_BEGUN) return "in_progress";
    return is_cut(c) ? "incomplete" : "completed";
}

static void append_state(const hl__call *c, stage at, hl_buf *out) {
    bool cut = at == STAGE_OVER && is_cut(c);
    hl_buf_printf(out, ",\"object\":\"response\",\"created_at\":%lld", (long long)c->created_s);
    if (at == STAGE_OVER)
        hl_buf_printf(out, ",\"completed_at\":%lld", (long long)(hl_clock_wall_ns() / NS_PER_S));
    else
        hl_buf_append_cstr(out, ",\"completed_at\":null");
    hl__json_text(out, "status", hl_str_from(status_of(c, at)));
    hl_buf_append_cstr(out, cut ? ",\"incomplete_details\":{\"reason\":\"max_output_tokens\"}"
                                : ",\"incomplete_details\":null");
}

static void append_settings(const hl__call *c, stage at, hl_buf *out) {
    const hl__response *r = response_of(c);
    echo_tools(c, out);
    echo(c, "tool_choice", "\"auto\"", out);
    echo(c, "truncation", "\"disabled\"", out);
    echo(c, "parallel_tool_calls", "true", out);
    echo_text(c, out);
    echo_option(c, "top_p", HL_OPT_top_p, out);
    echo_option(c, "presence_penalty", HL_OPT_presence_penalty, out);
    echo_option(c, "frequency_penalty", HL_OPT_frequency_penalty, out);
    hl_buf_append_cstr(out, ",\"top_logprobs\":0");
    echo_option(c, "temperature", HL_OPT_temperature, out);
    echo_reasoning(c, out);
    if (at == STAGE_OVER)
        append_usage(c, out);
    else
        hl_buf_append_cstr(out, ",\"usage\":null");
    if (r->max_tokens > 0)
        hl_buf_printf(out, ",\"max_output_tokens\":%.0f", r->max_tokens);
    else
        hl_buf_append_cstr(out, ",\"max_output_tokens\":null");
}

/* error: what went wrong, of STAGE_FAILED. */
static void append_response(const hl__call *c, stage at, hl_str error, hl_buf *out) {
    const hl__response *r = response_of(c);
    hl_buf_append_char(out, '{');
    hl__json_text(out, "id", hl_str_from(r->id));
    append_state(c, at, out);
    hl__json_text(out, "model", c->model);
    hl_buf_append_cstr(out, ",\"previous_response_id\":null");
    echo(c, "instructions", "null", out);
    hl_buf_append_cstr(out, ",\"output\":[");
    hl_buf_append_str(out, hl_buf_str(&r->output));
    hl_buf_append_cstr(out, "],\"error\":");
    if (at == STAGE_FAILED) {
        hl_buf_append_cstr(out, "{\"code\":\"server_error\"");
        hl__json_text(out, "message", error);
        hl_buf_append_char(out, '}');
    } else {
        hl_buf_append_cstr(out, "null");
    }
    append_settings(c, at, out);
    hl_buf_append_cstr(out, ",\"max_tool_calls\":null,\"store\":false");
    echo(c, "background", "false", out);
    hl_buf_append_cstr(out, ",\"service_tier\":\"default\",\"metadata\":{},"
                            "\"safety_identifier\":null,\"prompt_cache_key\":null}");
}

/* -- output items ------------------------------------------------------------------------------ */

static void append_reasoning_item(const char *id, hl_str text, hl_buf *out) {
    hl_buf_append_char(out, '{');
    hl__json_text(out, "id", hl_str_from(id));
    hl_buf_append_cstr(out, ",\"type\":\"reasoning\",\"summary\":[{\"type\":\"summary_text\"");
    hl__json_text(out, "text", text);
    hl_buf_append_cstr(out, "}]");
    hl__json_text(out, "encrypted_content", text);
    hl_buf_append_char(out, '}');
}

static void append_text_part(hl_str text, hl_buf *out) {
    hl_buf_append_cstr(out, "{\"type\":\"output_text\"");
    hl__json_text(out, "text", text);
    hl_buf_append_cstr(out, ",\"annotations\":[],\"logprobs\":[]}");
}

static void append_message_item(const char *id, const char *status, hl_str text, bool has_part,
                                hl_buf *out) {
    hl_buf_append_char(out, '{');
    hl__json_text(out, "id", hl_str_from(id));
    hl_buf_printf(out, ",\"type\":\"message\",\"status\":\"%s\",\"role\":\"assistant\"", status);
    hl_buf_append_cstr(out, ",\"content\":[");
    if (has_part) append_text_part(text, out);
    hl_buf_append_cstr(out, "]}");
}

static void append_call_item(const char *id, const char *status, const hl__tool_call *call,
                             hl_str arguments, hl_buf *out) {
    hl_buf_append_char(out, '{');
    hl__json_text(out, "id", hl_str_from(id));
    hl_buf_printf(out, ",\"type\":\"function_call\",\"status\":\"%s\"", status);
    hl__json_text(out, "call_id", hl_str_from(call->id));
    hl__json_text(out, "name", call->name);
    hl__json_text(out, "arguments", arguments);
    hl_buf_append_char(out, '}');
}

static void separate(hl_buf *out) {
    if (out->len > 0) hl_buf_append_char(out, ',');
}

/* -- the whole answer -------------------------------------------------------------------------- */

static void append_items(hl__call *c, hl_buf *out) {
    const hl__choice *ch = &c->choices[0];
    char id[HL__ID_MAX];
    if (ch->thinking.len > 0) {
        hl__call_id(c, "rs_", 24, id);
        append_reasoning_item(id, hl_buf_str(&ch->thinking), out);
    }
    if (ch->answer.len > 0 || ch->n_calls == 0) {
        separate(out);
        hl__call_id(c, "msg_", 24, id);
        append_message_item(id, is_cut(c) ? "incomplete" : "completed", hl_buf_str(&ch->answer),
                            true, out);
    }
    for (size_t i = 0; i < ch->n_calls; i++) {
        separate(out);
        hl__call_id(c, "fc_", 24, id);
        append_call_item(id, "completed", &ch->calls[i], ch->calls[i].arguments, out);
    }
}

static void whole(const hl__call *c, hl_buf *out) {
    hl__response *r = response_of(c);
    append_items(c->choices[0].call, &r->output);
    append_response(c, STAGE_OVER, NOTHING, out);
    if (r->output.failed < 0) out->failed = r->output.failed;
}

/* -- the stream -------------------------------------------------------------------------------- */

static void begin_event(hl__response *r, const char *type, hl_buf *out) {
    hl_buf_printf(out, "event: %s\ndata: {\"type\":\"%s\",\"sequence_number\":%llu", type, type,
                  (unsigned long long)r->n_events++);
}

static void end_event(hl_buf *out) {
    hl_buf_append_cstr(out, "}\n\n");
}

static void response_event(const hl__call *c, const char *type, stage at, hl_str error,
                           hl_buf *out) {
    begin_event(response_of(c), type, out);
    hl_buf_append_cstr(out, ",\"response\":");
    append_response(c, at, error, out);
    end_event(out);
}

static void begin(const hl__call *c, hl_buf *out) {
    response_event(c, "response.created", STAGE_BEGUN, NOTHING, out);
    response_event(c, "response.in_progress", STAGE_BEGUN, NOTHING, out);
}

/* …,"item_id":…,"output_index":… of the open item. */
static void begin_item_event(hl__response *r, const char *type, const char *id, hl_buf *out) {
    begin_event(r, type, out);
    hl__json_text(out, "item_id", hl_str_from(id));
    hl_buf_printf(out, ",\"output_index\":%u", r->n_items);
}

static void begin_item(hl__response *r, const char *type, hl_buf *out) {
    begin_event(r, type, out);
    hl_buf_printf(out, ",\"output_index\":%u,\"item\":", r->n_items);
}

static void part_event(hl__response *r, const char *type, hl_str text, hl_buf *out) {
    begin_item_event(r, type, r->item_id, out);
    hl_buf_append_cstr(out, ",\"content_index\":0,\"part\":");
    append_text_part(text, out);
    end_event(out);
}

static void open_item(hl__call *c, hl__item kind, hl_buf *out) {
    hl__response *r = response_of(c);
    r->open = kind;
    hl_buf_reset(&r->text);
    hl__call_id(c, kind == HL__ITEM_REASONING ? "rs_" : "msg_", 24, r->item_id);
    begin_item(r, "response.output_item.added", out);
    if (kind == HL__ITEM_REASONING)
        hl_buf_printf(out, "{\"id\":\"%s\",\"type\":\"reasoning\",\"summary\":[]}", r->item_id);
    else
        append_message_item(r->item_id, "in_progress", NOTHING, false, out);
    end_event(out);
    if (kind == HL__ITEM_MESSAGE) part_event(r, "response.content_part.added", NOTHING, out);
}

static void end_texts(hl__response *r, hl_buf *out) {
    hl_str text = hl_buf_str(&r->text);
    bool reasoning = r->open == HL__ITEM_REASONING;
    begin_item_event(
        r, reasoning ? "response.reasoning_summary_text.done" : "response.output_text.done",
        r->item_id, out);
    hl_buf_append_cstr(out,
                       reasoning ? ",\"summary_index\":0" : ",\"content_index\":0,\"logprobs\":[]");
    hl__json_text(out, "text", text);
    end_event(out);
    if (!reasoning) part_event(r, "response.content_part.done", text, out);
}

/* Adds a complete item to the output, and tells it. */
static void finish_item(hl__response *r, hl_str item, hl_buf *out) {
    begin_item(r, "response.output_item.done", out);
    hl_buf_append_str(out, item);
    end_event(out);
    separate(&r->output);
    hl_buf_append_str(&r->output, item);
    r->n_items++;
}

static void close_item(const hl__call *c, hl_buf *out) {
    hl__response *r = response_of(c);
    hl_buf item;
    if (r->open == HL__ITEM_NONE) return;
    hl_buf_init(&item, 0);
    end_texts(r, out);
    if (r->open == HL__ITEM_REASONING)
        append_reasoning_item(r->item_id, hl_buf_str(&r->text), &item);
    else
        append_message_item(r->item_id, is_cut(c) ? "incomplete" : "completed",
                            hl_buf_str(&r->text), true, &item);
    r->open = HL__ITEM_NONE;
    finish_item(r, hl_buf_str(&item), out);
    if (item.failed < 0) out->failed = item.failed;
    hl_buf_deinit(&item);
}

static void piece(const hl__choice *ch, hl_channel channel, hl_str text, hl_buf *out) {
    hl__response *r = response_of(ch->call);
    bool reasoning = channel == HL_CHANNEL_THINKING;
    hl__item kind = reasoning ? HL__ITEM_REASONING : HL__ITEM_MESSAGE;
    if (r->open != kind) {
        close_item(ch->call, out);
        open_item(ch->call, kind, out);
    }
    hl_buf_append_str(&r->text, text);
    begin_item_event(
        r, reasoning ? "response.reasoning_summary_text.delta" : "response.output_text.delta",
        r->item_id, out);
    hl_buf_append_cstr(out,
                       reasoning ? ",\"summary_index\":0" : ",\"content_index\":0,\"logprobs\":[]");
    hl__json_text(out, "delta", text);
    end_event(out);
}

static void arguments_event(hl__response *r, const char *id, const char *type, const char *key,
                            hl_str arguments, hl_buf *out) {
    begin_item_event(r, type, id, out);
    hl__json_text(out, key, arguments);
    end_event(out);
}

static void tool_call(const hl__choice *ch, const hl__tool_call *call, hl_buf *out) {
    hl__response *r = response_of(ch->call);
    char id[HL__ID_MAX];
    hl_buf item;
    close_item(ch->call, out);
    hl__call_id(ch->call, "fc_", 24, id);
    begin_item(r, "response.output_item.added", out);
    append_call_item(id, "in_progress", call, NOTHING, out);
    end_event(out);
    arguments_event(r, id, "response.function_call_arguments.delta", "delta", call->arguments, out);
    arguments_event(r, id, "response.function_call_arguments.done", "arguments", call->arguments,
                    out);
    hl_buf_init(&item, 0);
    append_call_item(id, "completed", call, call->arguments, &item);
    finish_item(r, hl_buf_str(&item), out);
    if (item.failed < 0) out->failed = item.failed;
    hl_buf_deinit(&item);
}

static void last(const hl__call *c, hl_buf *out) {
    close_item(c, out);
    response_event(c, is_cut(c) ? "response.incomplete" : "response.completed", STAGE_OVER, NOTHING,
                   out);
    if (response_of(c)->output.failed < 0) out->failed = response_of(c)->output.failed;
}

static void failed(const hl__call *c, int status, hl_str text, hl_buf *out) {
    (void)status;
    response_event(c, "response.failed", STAGE_FAILED, text, out);
}

/* -- the route --------------------------------------------------------------------------------- */

const hl__voice hl__voice_responses = {.type = "ResponsesRequest",
                                       .read = hl__responses_read,
                                       .stream_type = "text/event-stream",
                                       .begin = begin,
                                       .piece = piece,
                                       .tool_call = tool_call,
                                       .last = last,
                                       .failed = failed,
                                       .whole = whole,
                                       .drop_state = drop_state};

void hl__handle_openai_responses(hl__visit *v) {
    hl__call *c = hl__call_make(v, &hl__voice_responses);
    if (!c || !hl__openai_find(c, "chat")) return;
    if (c->stream) {
        hl_http_add_header(v->x, "Cache-Control", "no-cache");
        hl_http_add_header(v->x, "Connection", "keep-alive");
    }
    hl__call_start(c, false);
}
