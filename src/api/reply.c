#include "api/visit.h"

#include "base/clock.h"

static const char NATIVE_TYPE[] = "application/json; charset=utf-8";
static const char OPENAI_TYPE[] = "application/json";

/* What is longer goes out in chunks, as from Go's server; but what is larger than a stream may
 * have unread. */
enum { WHOLE_MAX = 2048, CHUNKED_MAX = 1 << 20 };

void hl__json_key(hl_buf *b, const char *key) {
    if (b->len > 0 && b->ptr[b->len - 1] != '{') hl_buf_append_char(b, ',');
    hl_buf_append_char(b, '"');
    hl_buf_append_cstr(b, key);
    hl_buf_append_cstr(b, "\":");
}

void hl__json_text(hl_buf *b, const char *key, hl_str value) {
    hl__json_key(b, key);
    hl_json_append_string(b, value);
}

void hl__json_uint(hl_buf *b, const char *key, uint64_t value) {
    hl__json_key(b, key);
    hl_buf_append_uint(b, value);
}

void hl__json_now(hl_buf *b, const char *key) {
    char now[32];
    hl_clock_rfc3339(hl_clock_wall_ns(), now);
    hl__json_text(b, key, hl_str_from(now));
}

hl__dialect hl__dialect_of(hl_str path) {
    if (hl_str_starts(path, HL_STR("/v1/messages"))) return HL__DIALECT_ANTHROPIC;
    return hl_str_starts(path, HL_STR("/v1/")) ? HL__DIALECT_OPENAI : HL__DIALECT_OLLAMA;
}

static hl_str openai_type(int status) {
    if (status == 404) return HL_STR("not_found_error");
    return status < 500 ? HL_STR("invalid_request_error") : HL_STR("api_error");
}

static hl_str anthropic_type(int status) {
    switch (status) {
    case 401: return HL_STR("authentication_error");
    case 403: return HL_STR("permission_error");
    case 404: return HL_STR("not_found_error");
    case 413: return HL_STR("request_too_large");
    case 429: return HL_STR("rate_limit_error");
    case 503:
    case 529: return HL_STR("overloaded_error");
    default: return status < 500 ? HL_STR("invalid_request_error") : HL_STR("api_error");
    }
}

static void append_openai(hl_buf *b, int status, hl_str text) {
    hl_buf_append_cstr(b, "{\"error\":{");
    hl__json_text(b, "message", text);
    hl__json_text(b, "type", openai_type(status));
    hl_buf_append_cstr(b, ",\"param\":null,\"code\":null}}");
}

static void append_anthropic(hl_buf *b, const hl__visit *v, int status, hl_str text) {
    hl_buf_append_cstr(b, "{\"type\":\"error\",\"error\":{");
    hl__json_text(b, "type", anthropic_type(status));
    hl__json_text(b, "message", text);
    hl_buf_append_cstr(b, "},\"request_id\":\"req_");
    hl_buf_append_cstr(b, v->req_id);
    hl_buf_append_cstr(b, "\"}");
}

void hl__append_error(hl_buf *b, const hl__visit *v, int status, hl_str text) {
    switch (v->dialect) {
    case HL__DIALECT_OPENAI: append_openai(b, status, text); return;
    case HL__DIALECT_ANTHROPIC: append_anthropic(b, v, status, text); return;
    case HL__DIALECT_OLLAMA: break;
    }
    hl_buf_append_char(b, '{');
    hl__json_text(b, "error", text);
    hl_buf_append_char(b, '}');
}

/* As Ollama has them: a request that OpenAI's routes cannot read is refused by the other type. */
void hl__answer_json(const hl__visit *v, int status, const hl_buf *b) {
    if (b->failed < 0) {
        hl_http_answer(v->x, 500, NATIVE_TYPE, HL_STR("{\"error\":\"out of memory\"}"));
        return;
    }
    bool own = v->dialect != HL__DIALECT_OLLAMA && (status != 400 || v->was_read);
    const char *type = own ? OPENAI_TYPE : NATIVE_TYPE;
    if (b->len <= WHOLE_MAX || b->len > CHUNKED_MAX) {
        hl_http_answer(v->x, status, type, hl_buf_str(b));
        return;
    }
    hl_http_begin(v->x, status, type);
    hl_http_end(v->x, hl_http_write(v->x, hl_buf_str(b)));
}

void hl__answer_error(const hl__visit *v, int status, hl_str text) {
    hl_buf b;
    hl_buf_init(&b, 0);
    hl__append_error(&b, v, status, text);
    if (status == 503) hl_http_add_header(v->x, "Retry-After", "1");
    hl_log(HL_LOG_INFO, v->req_id, "msg=\"request refused\" path=%s status=%d", hl_http_path(v->x),
           status);
    hl__answer_json(v, status, &b);
    hl_buf_deinit(&b);
}

void hl__answer_failure(const hl__visit *v, const hl_error *err) {
    HL_ASSERT(err->status < 0);
    if (v->api->config.allow_paths) /* our own commands: their exit codes tell more than HTTP's */
        hl_http_add_header(v->x, "HyperLlama-Status", hl_status_name(err->status));
    hl__answer_error(v, hl_status_http(err->status), hl_str_from(err->text));
}
