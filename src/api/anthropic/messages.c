/* POST /v1/messages and /v1/messages/count_tokens */
#include "api/anthropic/translate.h"
#include "api/call.h"

typedef enum block { BLOCK_NONE, BLOCK_TEXT, BLOCK_THINKING } block;

/* What a call keeps beside itself. */
typedef struct state {
    struct json_object *messages, *tools, *choice; /* owned: in OpenAI's shape */
    char id[HL__ID_MAX];
    block open;       /* of a stream */
    uint32_t n_begun; /* blocks of a stream */
} state;

static state *state_of(const hl__call *c) {
    HL_ASSERT(c->state);
    return c->state;
}

static void drop_state(void *arg) {
    state *s = arg;
    json_object_put(s->messages);
    json_object_put(s->tools);
    json_object_put(s->choice);
}

/* -- what both kinds of answers have ----------------------------------------------------------- */

static const char *stop_reason(const hl__choice *ch) {
    if (ch->n_calls > 0) return "tool_use";
    return ch->finish == HL_FINISH_LENGTH ? "max_tokens" : "end_turn";
}

static void begin_message(const hl__call *c, hl_buf *out) {
    hl_buf_append_char(out, '{');
    hl__json_text(out, "id", hl_str_from(state_of(c)->id));
    hl_buf_append_cstr(out, ",\"type\":\"message\",\"role\":\"assistant\"");
    hl__json_text(out, "model", c->model);
}

/* Known before the first event, and still after the job has gone. */
static uint32_t n_input(const hl__choice *ch) {
    return ch->done ? ch->usage.prompt_tokens : (uint32_t)ch->job.prepared.tokens.n;
}

static void append_usage(uint32_t input, uint32_t output, hl_buf *out) {
    hl_buf_printf(out, ",\"usage\":{\"input_tokens\":%u,\"output_tokens\":%u}", input, output);
}

/* -- the whole answer -------------------------------------------------------------------------- */

static void append_text_block(const char *type, hl_str text, bool *first, hl_buf *out) {
    if (text.len == 0) return;
    hl_buf_printf(out, "%s{\"type\":\"%s\"", *first ? "" : ",", type);
    hl__json_text(out, type, text);
    hl_buf_append_char(out, '}');
    *first = false;
}

static void append_call_block(const hl__tool_call *call, bool *first, hl_buf *out) {
    hl_buf_append_cstr(out, *first ? "{\"type\":\"tool_use\"" : ",{\"type\":\"tool_use\"");
    hl__json_text(out, "id", hl_str_from(call->id));
    hl__json_text(out, "name", call->name);
    hl_buf_append_cstr(out, ",\"input\":");
    hl_buf_append_str(out, call->arguments);
    hl_buf_append_char(out, '}');
    *first = false;
}

static void whole(const hl__call *c, hl_buf *out) {
    const hl__choice *ch = &c->choices[0];
    bool first = true;
    begin_message(c, out);
    hl_buf_append_cstr(out, ",\"content\":[");
    append_text_block("thinking", hl_buf_str(&ch->thinking), &first, out);
    append_text_block("text", hl_buf_str(&ch->answer), &first, out);
    for (size_t i = 0; i < ch->n_calls; i++) append_call_block(&ch->calls[i], &first, out);
    hl_buf_printf(out, "],\"stop_reason\":\"%s\"", stop_reason(ch));
    append_usage(ch->usage.prompt_tokens, ch->usage.generated_tokens, out);
    hl_buf_append_char(out, '}');
}

/* -- the stream -------------------------------------------------------------------------------- */

static void begin_event(const char *type, hl_buf *out) {
    hl_buf_printf(out, "event: %s\ndata: {\"type\":\"%s\"", type, type);
}

static void end_event(hl_buf *out) {
    hl_buf_append_cstr(out, "}\n\n");
}

static void begin(const hl__call *c, hl_buf *out) {
    begin_event("message_start", out);
    hl_buf_append_cstr(out, ",\"message\":");
    begin_message(c, out);
    hl_buf_append_cstr(out, ",\"content\":[]");
    append_usage(n_input(&c->choices[0]), 0, out);
    hl_buf_append_char(out, '}');
    end_event(out);
}

static void stop_block(state *s, hl_buf *out) {
    if (s->open == BLOCK_NONE) return;
    s->open = BLOCK_NONE;
    begin_event("content_block_stop", out);
    hl_buf_printf(out, ",\"index\":%u", s->n_begun - 1);
    end_event(out);
}

static void start_block(state *s, block kind, hl_buf *out) {
    const char *type = kind == BLOCK_THINKING ? "thinking" : "text";
    stop_block(s, out);
    s->open = kind;
    begin_event("content_block_start", out);
    hl_buf_printf(out, ",\"index\":%u,\"content_block\":{\"type\":\"%s\",\"%s\":\"\"}",
                  s->n_begun++, type, type);
    end_event(out);
}

static void begin_delta(const state *s, const char *type, hl_buf *out) {
    begin_event("content_block_delta", out);
    hl_buf_printf(out, ",\"index\":%u,\"delta\":{\"type\":\"%s\"", s->n_begun - 1, type);
}

static void piece(const hl__choice *ch, hl_channel channel, hl_str text, hl_buf *out) {
    state *s = state_of(ch->call);
    bool thinking = channel == HL_CHANNEL_THINKING;
    block kind = thinking ? BLOCK_THINKING : BLOCK_TEXT;
    if (s->open != kind) start_block(s, kind, out);
    begin_delta(s, thinking ? "thinking_delta" : "text_delta", out);
    hl__json_text(out, thinking ? "thinking" : "text", text);
    hl_buf_append_char(out, '}');
    end_event(out);
}

static void tool_call(const hl__choice *ch, const hl__tool_call *call, hl_buf *out) {
    state *s = state_of(ch->call);
    stop_block(s, out);
    begin_event("content_block_start", out);
    hl_buf_printf(out, ",\"index\":%u,\"content_block\":{\"type\":\"tool_use\"", s->n_begun++);
    hl__json_text(out, "id", hl_str_from(call->id));
    hl__json_text(out, "name", call->name);
    hl_buf_append_cstr(out, ",\"input\":{}}");
    end_event(out);
    begin_delta(s, "input_json_delta", out);
    hl__json_text(out, "partial_json", call->arguments);
    hl_buf_append_char(out, '}');
    end_event(out);
    begin_event("content_block_stop", out);
    hl_buf_printf(out, ",\"index\":%u", s->n_begun - 1);
    end_event(out);
}

static void last(const hl__call *c, hl_buf *out) {
    const hl__choice *ch = &c->choices[0];
    stop_block(state_of(c), out);
    begin_event("message_delta", out);
    hl_buf_printf(out, ",\"delta\":{\"stop_reason\":\"%s\"}", stop_reason(ch));
    append_usage(ch->usage.prompt_tokens, ch->usage.generated_tokens, out);
    end_event(out);
    begin_event("message_stop", out);
    end_event(out);
}

static void failed(const hl__call *c, int status, hl_str text, hl_buf *out) {
    hl_buf_append_cstr(out, "event: error\ndata: ");
    hl__append_error(out, &c->visit, status, text);
    hl_buf_append_cstr(out, "\n\n");
}

/* -- the request ------------------------------------------------------------------------------- */

static hl_status make_state(hl__call *c, hl_error *err) {
    state *s = HL_ARENA_NEW(c->arena, state);
    if (!s) return hl_fail(err, HL_ENOMEM, "api", "no memory for the request");
    hl__call_id(c, "msg_", 24, s->id);
    c->state = s;
    return HL_OK;
}

static hl_status read_conversation(hl__call *c, hl_error *err) {
    state *s = state_of(c);
    struct json_object *messages;
    HL_TRY(hl__field_array(&c->body, "messages", &messages, err));
    if (!messages || json_object_array_length(messages) == 0)
        return hl_fail(err, HL_EINVAL, "api", "messages is required");
    HL_TRY(hl__anthropic_messages(&c->body, &s->messages, err));
    HL_TRY(hl__anthropic_tools(&c->body, &s->tools, err));
    HL_TRY(hl__anthropic_tool_choice(&c->body, &s->choice, &c->one_call, err));
    HL_TRY(hl__read_messages(s->messages, true, c->arena, &c->req, err));
    HL_TRY(hl__read_tools(s->tools, &c->req, err));
    return hl__read_tool_choice(s->choice, &c->req, err);
}

static hl_status read_number(hl__call *c, const char *key, hl_option_id id, hl_error *err) {
    double value = 0;
    bool has;
    HL_TRY(hl__field_number(&c->body, key, &value, &has, err));
    return has ? hl_options_set_number(&c->req.options, id, value, err) : HL_OK;
}

static hl_status read_effort(hl__call *c, hl_error *err) {
    static const struct {
        const char *name;
        hl_think think;
    } efforts[] = {{"low", HL_THINK_LOW},
                   {"medium", HL_THINK_MEDIUM},
                   {"high", HL_THINK_HIGH},
                   {"xhigh", HL_THINK_HIGH},
                   {"max", HL_THINK_MAX}};
    struct json_object *config;
    hl_str effort = {"", 0};
    HL_TRY(hl__field_object(&c->body, "output_config", &config, err));
    hl__fields f = {config, "OutputConfig"};
    if (config) HL_TRY(hl__field_str(&f, "effort", &effort, err));
    for (size_t i = 0; i < sizeof efforts / sizeof *efforts; i++)
        if (hl_str_is(effort, efforts[i].name)) c->req.think = efforts[i].think;
    return HL_OK;
}

static hl_status read_thinking(hl__call *c, hl_error *err) {
    struct json_object *thinking;
    hl_str type = {"", 0};
    HL_TRY(hl__field_object(&c->body, "thinking", &thinking, err));
    hl__fields f = {thinking, "ThinkingConfig"};
    if (thinking) HL_TRY(hl__field_str(&f, "type", &type, err));
    if (hl_str_is(type, "enabled") || hl_str_is(type, "adaptive")) c->req.think = HL_THINK_ON;
    HL_TRY(read_effort(c, err));
    if (hl_str_is(type, "disabled")) c->req.think = HL_THINK_OFF;
    return HL_OK;
}

static hl_status read_limits(hl__call *c, hl_error *err) {
    double n = 0;
    bool has;
    HL_TRY(hl__field_number(&c->body, "max_tokens", &n, &has, err));
    if (!(n > 0))
        return hl_fail(err, HL_EINVAL, "api", "max_tokens is required and must be positive");
    return hl_options_set_number(&c->req.options, HL_OPT_num_predict, n, err);
}

static hl_status read_sampling(hl__call *c, hl_error *err) {
    HL_TRY(read_number(c, "temperature", HL_OPT_temperature, err));
    HL_TRY(read_number(c, "top_p", HL_OPT_top_p, err));
    HL_TRY(read_number(c, "top_k", HL_OPT_top_k, err));
    return hl__read_stops(hl__field(&c->body, "stop_sequences"), c->arena, &c->req.options, err);
}

static hl_status read_model(hl__call *c, hl_error *err) {
    HL_TRY(make_state(c, err));
    HL_TRY(hl__field_str(&c->body, "model", &c->model, err));
    if (c->model.len == 0) return hl_fail(err, HL_EINVAL, "api", "model is required");
    return HL_OK;
}

static hl_status read(hl__call *c, hl_error *err) {
    HL_TRY(read_model(c, err));
    HL_TRY(read_limits(c, err));
    HL_TRY(hl__field_bool(&c->body, "stream", &c->stream, err));
    HL_TRY(read_conversation(c, err));
    HL_TRY(read_thinking(c, err));
    return read_sampling(c, err);
}

const hl__voice hl__voice_anthropic = {.type = "MessagesRequest",
                                       .read = read,
                                       .stream_type = "text/event-stream",
                                       .begin = begin,
                                       .piece = piece,
                                       .tool_call = tool_call,
                                       .last = last,
                                       .failed = failed,
                                       .whole = whole,
                                       .drop_state = drop_state};

/* -- counting ---------------------------------------------------------------------------------- */

static hl_status read_count(hl__call *c, hl_error *err) {
    HL_TRY(read_model(c, err));
    c->render_only = true;
    HL_TRY(read_conversation(c, err));
    return read_thinking(c, err);
}

static void counted(const hl__call *c, hl_str prompt, hl_buf *out) {
    (void)prompt;
    hl_buf_printf(out, "{\"input_tokens\":%u}", n_input(&c->choices[0]));
}

const hl__voice hl__voice_anthropic_count = {.type = "CountTokensRequest",
                                             .read = read_count,
                                             .failed = failed,
                                             .rendered = counted,
                                             .drop_state = drop_state};

/* -- the routes -------------------------------------------------------------------------------- */

/* A request to think is relaxed where the model cannot: clients send it to every model. */
static bool find(hl__call *c) {
    hl_error err;
    const hl_catalog_entry *e = hl__call_find_model(c);
    if (!e) return false;
    if (!e->info.can_think) c->req.think = HL_THINK_UNSET;
    if (hl__call_check_model(c, &e->info, "chat", &err) >= 0) return true;
    hl__call_fail(c, &err);
    return false;
}

void hl__handle_anthropic_messages(hl__visit *v) {
    hl__call *c = hl__call_make(v, &hl__voice_anthropic);
    if (!c || !find(c)) return;
    if (c->stream) {
        hl_http_add_header(v->x, "Cache-Control", "no-cache");
        hl_http_add_header(v->x, "Connection", "keep-alive");
    }
    hl__call_start(c, false);
}

void hl__handle_anthropic_count(hl__visit *v) {
    hl__call *c = hl__call_make(v, &hl__voice_anthropic_count);
    if (c && find(c)) hl__call_start(c, false);
}
