#include "api/ollama/voice.h"

void hl__ollama_begin(const hl__call *c, hl_buf *out) {
    hl_buf_append_char(out, '{');
    hl__json_text(out, "model", c->model);
    hl__json_now(out, "created_at");
}

void hl__ollama_done(hl_buf *out, const char *reason) {
    hl__json_key(out, "done");
    hl_buf_append_cstr(out, "true");
    hl__json_text(out, "done_reason", hl_str_from(reason));
}

static void number(hl_buf *out, const char *key, uint64_t value) {
    if (value > 0) hl__json_uint(out, key, value);
}

void hl__ollama_usage(const hl_usage *u, hl_buf *out) {
    number(out, "total_duration", u->total_ns);
    number(out, "load_duration", u->load_ns);
    number(out, "prompt_eval_count", u->prompt_tokens);
    number(out, "prompt_eval_duration", u->prompt_ns);
    number(out, "eval_count", u->generated_tokens);
    number(out, "eval_duration", u->generate_ns);
}

void hl__ollama_logprobs(const hl__call *c, hl_buf *out) {
    if (c->logprobs.len == 0) return;
    hl__json_key(out, "logprobs");
    hl_buf_append_char(out, '[');
    hl_buf_append_str(out, hl_buf_str(&c->logprobs));
    hl_buf_append_char(out, ']');
}
