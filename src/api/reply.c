#include "api/visit.h"

#include "base/clock.h"

static const char NATIVE_TYPE[] = "application/json; charset=utf-8";
static const char OPENAI_TYPE[] = "application/json";

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

void hl__append_error(hl_buf *b, bool openai, int status, hl_str text) {
    hl_buf_append_char(b, '{');
    hl__json_key(b, "error");
    if (openai) {
        hl_buf_append_char(b, '{');
        hl__json_text(b, "message", text);
        hl__json_text(b, "type",
                      status == 404  ? HL_STR("not_found_error")
                      : status < 500 ? HL_STR("invalid_request_error")
                                     : HL_STR("api_error"));
        hl_buf_append_cstr(b, ",\"param\":null,\"code\":null}");
    } else {
        hl_json_append_string(b, text);
    }
    hl_buf_append_char(b, '}');
}

/* As Ollama has them: what OpenAI's routes refuse themselves goes by the other type. */
void hl__answer_json(const hl__visit *v, int status, const hl_buf *b) {
    if (b->failed < 0) {
        hl_http_answer(v->x, 500, NATIVE_TYPE, HL_STR("{\"error\":\"out of memory\"}"));
        return;
    }
    hl_http_answer(v->x, status, v->openai && status != 400 ? OPENAI_TYPE : NATIVE_TYPE,
                   hl_buf_str(b));
}

void hl__answer_error(const hl__visit *v, int status, hl_str text) {
    hl_buf b;
    hl_buf_init(&b, 0);
    hl__append_error(&b, v->openai, status, text);
    if (status == 503) hl_http_add_header(v->x, "Retry-After", "1");
    hl_log(HL_LOG_INFO, v->req_id, "msg=\"request refused\" path=%s status=%d", hl_http_path(v->x),
           status);
    hl__answer_json(v, status, &b);
    hl_buf_deinit(&b);
}

void hl__answer_failure(const hl__visit *v, const hl_error *err) {
    HL_ASSERT(err->status < 0);
    hl__answer_error(v, hl_status_http(err->status), hl_str_from(err->text));
}
