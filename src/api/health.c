#include "api/health.h"

#include "api/visit.h"

#include <string.h>

static const char METRICS_TYPE[] = "text/plain; version=0.0.4; charset=utf-8";

/* Whoever spreads requests over servers is to leave one alone that is ending. */
void hl__handle_health(hl__visit *v) {
    bool stopping = hl_hub_is_stopping(v->api->hub);
    hl_str body = stopping ? HL_STR("{\"status\":\"stopping\"}") : HL_STR("{\"status\":\"ok\"}");
    hl_http_answer(v->x, stopping ? 503 : 200, "application/json; charset=utf-8", body);
}

void hl__handle_metrics(hl__visit *v) {
    hl_buf b;
    hl_buf_init(&b, 0);
    hl_hub_render_metrics(v->api->hub, &b);
    if (b.failed < 0)
        hl__answer_error(v, 500, HL_STR("out of memory"));
    else
        hl_http_answer(v->x, 200, METRICS_TYPE, hl_buf_str(&b));
    hl_buf_deinit(&b);
}

/* -- counting ---------------------------------------------------------------------------------- */

typedef struct counted {
    const char *method, *path;
} counted;

static const counted ROUTES[] = {
#define X(method, path, handler, body_max) {method, path},
#include "api/routes.def"
#undef X
};

static bool belongs(const counted *r, const char *method, const char *path) {
    size_t len = strlen(r->path);
    if (strcmp(r->method, method) != 0) return false;
    if (len > 0 && r->path[len - 1] == '*') return strncmp(r->path, path, len - 1) == 0;
    return strcmp(r->path, path) == 0;
}

/* What clients make up must not become labels: their number would have no end. */
void hl_api_count(void *arg, const char *method, const char *path, int status) {
    static const counted other = {"other", "other"};
    const hl_api *a = arg;
    const counted *found = &other;
    for (size_t i = 0; i < sizeof ROUTES / sizeof *ROUTES && found == &other; i++)
        if (belongs(&ROUTES[i], method, path)) found = &ROUTES[i];
    hl_metrics_request(hl_hub_metrics(a->hub), found->method, found->path, status);
}
