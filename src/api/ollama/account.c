/* The server itself, and what belongs to an account at ollama.com, which this program has none of.
 */
#include "api/visit.h"

static void answer_text(const hl__visit *v, const char *json) {
    hl_buf b;
    hl_buf_init(&b, 0);
    hl_buf_append_cstr(&b, json);
    hl__answer_json(v, 200, &b);
    hl_buf_deinit(&b);
}

void hl__handle_root(hl__visit *v) {
    hl_http_answer(v->x, 200, "text/plain; charset=utf-8", HL_STR("Ollama is running"));
}

void hl__handle_version(hl__visit *v) {
    answer_text(v, "{\"version\":\"" HL_API_OLLAMA_VERSION "\",\"hyperllama\":\"" HL_VERSION "\"}");
}

void hl__handle_cloud_status(hl__visit *v) {
    answer_text(v, "{\"cloud\":{\"disabled\":true,\"source\":\"env\"}}");
}

void hl__handle_me(hl__visit *v) {
    hl__answer_error(v, 503, HL_STR("account unavailable"));
}

void hl__handle_signout(hl__visit *v) {
    hl__answer_error(v, 401, HL_STR("you are not currently signed in"));
}

void hl__handle_web_search(hl__visit *v) {
    hl__answer_error(v, 403, HL_STR("ollama cloud is disabled: web search is unavailable"));
}

void hl__handle_web_fetch(hl__visit *v) {
    hl__answer_error(v, 403, HL_STR("ollama cloud is disabled: web fetch is unavailable"));
}

void hl__handle_recommendations(hl__visit *v) {
    answer_text(v, "{\"recommendations\":[]}");
}
