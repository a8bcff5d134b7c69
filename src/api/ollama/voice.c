#include "api/ollama/voice.h"

static const hl_str NONE = {"", 0};

static bool is_chat(const hl__call *c) {
    return c->voice == &hl__voice_chat;
}

/* -- parts ------------------------------------------------------------------------------------- */

static void begin(const hl__call *c, hl_buf *out) {
    hl_buf_append_char(out, '{');
    hl__json_text(out, "model", c->model);
    hl__json_now(out, "created_at");
}

/* From the first-th on. */
static void append_tool_calls(const hl__choice *ch, size_t first, hl_buf *out) {
    if (first >= ch->n_calls) return;
    hl__json_key(out, "tool_calls");
    hl_buf_append_char(out, '[');
    for (size_t i = first; i < ch->n_calls; i++) {
        const hl__tool_call *call = &ch->calls[i];
        hl_buf_append_cstr(out, i > first ? ",{" : "{");
        hl__json_text(out, "id", hl_str_from(call->id));
        hl_buf_append_cstr(out, ",\"function\":{");
        hl__json_uint(out, "index", i);
        hl__json_text(out, "name", call->name);
        hl__json_key(out, "arguments");
        hl_buf_append_str(out, call->arguments);
        hl_buf_append_cstr(out, "}}");
    }
    hl_buf_append_char(out, ']');
}

/* first_call: of the choice's calls, which a chat says from there on. */
static void append_body(const hl__choice *ch, hl_str text, hl_str thinking, size_t first_call,
                        hl_buf *out) {
    bool chat = is_chat(ch->call);
    if (chat) {
        hl__json_key(out, "message");
        hl_buf_append_cstr(out, "{\"role\":\"assistant\"");
    }
    hl__json_text(out, chat ? "content" : "response", text);
    if (thinking.len > 0) hl__json_text(out, "thinking", thinking);
    if (!chat) return;
    append_tool_calls(ch, first_call, out);
    hl_buf_append_char(out, '}');
}

static void append_done(hl_buf *out, const char *reason) {
    hl__json_key(out, "done");
    hl_buf_append_cstr(out, "true");
    hl__json_text(out, "done_reason", hl_str_from(reason));
}

/* All tokens of prompt and answer, for the next request's context. */
static void append_context(const hl__choice *ch, hl_buf *out) {
    if (!ch->call->keep_tokens) return;
    hl__json_key(out, "context");
    for (size_t i = 0; i < ch->tokens.n; i++) {
        hl_buf_append_char(out, i == 0 ? '[' : ',');
        hl_buf_append_uint(out, ch->tokens.ids[i]);
    }
    hl_buf_append_cstr(out, ch->tokens.n == 0 ? "[]" : "]");
}

static void number(hl_buf *out, const char *key, uint64_t value) {
    if (value > 0) hl__json_uint(out, key, value);
}

/* Durations in nanoseconds; what is 0 is left out, but for the load of a model that was there:
 * clients compute with it. */
static void append_usage(const hl_usage *u, hl_buf *out) {
    number(out, "total_duration", u->total_ns);
    number(out, "load_duration", u->load_ns > 0 ? u->load_ns : 1);
    number(out, "prompt_eval_count", u->prompt_tokens);
    number(out, "prompt_eval_duration", u->prompt_ns);
    number(out, "eval_count", u->generated_tokens);
    number(out, "eval_duration", u->generate_ns);
}

static void append_logprobs(const hl__choice *ch, hl_buf *out) {
    if (ch->logprobs.len == 0) return;
    hl__json_key(out, "logprobs");
    hl_buf_append_char(out, '[');
    hl_buf_append_str(out, hl_buf_str(&ch->logprobs));
    hl_buf_append_char(out, ']');
}

/* -- lines ------------------------------------------------------------------------------------- */

void hl__ollama_piece(const hl__choice *ch, hl_channel channel, hl_str text, hl_buf *out) {
    bool thinking = channel == HL_CHANNEL_THINKING;
    begin(ch->call, out);
    append_body(ch, thinking ? NONE : text, thinking ? text : NONE, ch->n_calls, out);
    hl_buf_append_cstr(out, ",\"done\":false");
    append_logprobs(ch, out);
    hl_buf_append_cstr(out, "}\n");
}

/* In a stream, calls come at once where the template is Go's, else with the end. */
static bool calls_come_early(const hl__call *c) {
    return c->stream && c->package->go;
}

void hl__ollama_tool_call(const hl__choice *ch, const hl__tool_call *call, hl_buf *out) {
    (void)call; /* the last of the choice's */
    if (!is_chat(ch->call) || !calls_come_early(ch->call)) return;
    begin(ch->call, out);
    append_body(ch, NONE, NONE, ch->n_calls - 1, out);
    hl_buf_append_cstr(out, ",\"done\":false}\n");
}

static void final(const hl__choice *ch, hl_str text, hl_str thinking, hl_buf *out) {
    begin(ch->call, out);
    append_body(ch, text, thinking, calls_come_early(ch->call) ? ch->n_calls : 0, out);
    append_done(out, hl__finish_text(ch->finish));
    append_context(ch, out);
    if (is_chat(ch->call)) append_logprobs(ch, out); /* where Ollama has them */
    append_usage(&ch->usage, out);
    if (!is_chat(ch->call)) append_logprobs(ch, out);
    hl_buf_append_char(out, '}');
}

void hl__ollama_last(const hl__call *c, hl_buf *out) {
    final(&c->choices[0], NONE, NONE, out);
    hl_buf_append_char(out, '\n');
}

void hl__ollama_failed(const hl__call *c, int status, hl_str text, hl_buf *out) {
    hl__append_error(out, &c->visit, status, text);
    hl_buf_append_char(out, '\n');
}

void hl__ollama_whole(const hl__call *c, hl_buf *out) {
    const hl__choice *ch = &c->choices[0];
    final(ch, hl_buf_str(&ch->answer), hl_buf_str(&ch->thinking), out);
}

void hl__ollama_short(const hl__call *c, const char *reason, hl_buf *out) {
    const hl__choice none = {.call = (hl__call *)c};
    begin(c, out);
    append_body(&none, NONE, NONE, 0, out);
    append_done(out, reason);
    hl_buf_append_char(out, '}');
}

void hl__ollama_rendered(const hl__call *c, hl_str prompt, hl_buf *out) {
    begin(c, out);
    if (is_chat(c))
        hl_buf_append_cstr(out, ",\"message\":{\"role\":\"\",\"content\":\"\"}");
    else
        hl_buf_append_cstr(out, ",\"response\":\"\"");
    hl_buf_append_cstr(out, ",\"done\":false,\"_debug_info\":{");
    hl__json_text(out, "rendered_template", prompt);
    hl_buf_append_cstr(out, "}}");
}
