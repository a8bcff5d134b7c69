#include "api/entry.h"
#include "api/health.h"
#include "api/ollama/transfers.h"
#include "api/visit.h"
#include "base/mem.h"

#include <unistd.h>

typedef struct route {
    const char *method, *path;
    hl__handler_fn *handle;
    size_t body_max;
} route;

static const route ROUTES[] = {
#define X(method, path, handler, body_max) {method, path, hl__handle_##handler, body_max},
#include "api/routes.def"
#undef X
};
enum { ROUTES_N = sizeof ROUTES / sizeof *ROUTES };

hl_status hl_api_create(const hl_api_config *config, hl_api **ret, hl_error *err) {
    HL_ASSERT(config->hub && config->settings);
    hl_api *a = hl_calloc(1, sizeof *a);
    if (!a) return hl_fail(err, HL_ENOMEM, "api", "no memory");
    a->config = *config;
    a->hub = config->hub;
    a->origins = hl_str_from(config->settings->origins);
    if (gethostname(a->machine_name, sizeof a->machine_name - 1) != 0) a->machine_name[0] = '\0';
    hl_catalog_config catalog = {.models_dir = config->settings->models,
                                 .allow_paths = config->allow_paths,
                                 .prune = !config->allow_paths,
                                 .remember = config->remember};
    hl_status st = hl_catalog_open(&catalog, &a->catalog, err);
    if (st >= 0) st = hl__transfers_open(&a->transfers, err);
    if (st < 0)
        hl_api_destroy(a);
    else
        *ret = a;
    return st;
}

void hl_api_quiesce(hl_api *a) {
    hl__transfers_cancel(a->transfers);
}

void hl_api_destroy(hl_api *a) {
    if (!a) return;
    hl__transfers_close(a->transfers);
    hl_catalog_close(a->catalog);
    hl_free(a);
}

/* -- finding ----------------------------------------------------------------------------------- */

static bool path_matches(const char *pattern, hl_str path, hl_str *ret_rest) {
    hl_str p = hl_str_from(pattern);
    if (!hl_str_ends(p, HL_STR("*"))) return hl_str_eq(p, path);
    p.len--;
    if (!hl_str_starts(path, p) || path.len == p.len) return false;
    *ret_rest = hl_str_slice(path, p.len, path.len);
    return hl_str_find(*ret_rest, HL_STR("/"), 0) == SIZE_MAX;
}

/* NULL: none; *ret_allow then lists the path's other methods. */
static const route *find(const char *method, hl_str path, hl_str *ret_rest, hl_buf *ret_allow) {
    for (size_t i = 0; i < ROUTES_N; i++) {
        if (!path_matches(ROUTES[i].path, path, ret_rest)) continue;
        if (strcmp(ROUTES[i].method, method) == 0) return &ROUTES[i];
        if (ret_allow->len > 0) hl_buf_append_cstr(ret_allow, ", ");
        hl_buf_append_cstr(ret_allow, ROUTES[i].method);
    }
    return NULL;
}

size_t hl_api_body_max(void *arg, const char *method, const char *path) {
    hl_str rest;
    hl_buf allow;
    (void)arg;
    hl_buf_init(&allow, 0);
    const route *r = find(method, hl_str_from(path), &rest, &allow);
    hl_buf_deinit(&allow);
    return r && r->body_max > 0 ? r->body_max : 64 << 10;
}

/* -- no route ---------------------------------------------------------------------------------- */

static const hl_str NOTHING = {"", 0};

/* The path without double slashes and a slash at its end; false: it was like that. */
static bool clean_path(hl_str path, hl_buf *ret) {
    for (size_t i = 0; i < path.len; i++)
        if (path.ptr[i] != '/' || ret->len == 0 || ret->ptr[ret->len - 1] != '/')
            hl_buf_append_char(ret, path.ptr[i]);
    if (ret->len > 1 && ret->ptr[ret->len - 1] == '/') ret->ptr[--ret->len] = '\0';
    return ret->failed >= 0 && !hl_str_eq(hl_buf_str(ret), path);
}

static void answer_unrouted(hl_http_exchange *x, hl_str path, const hl_buf *allow) {
    hl_buf clean, none;
    hl_str rest;
    hl_buf_init(&clean, 0);
    hl_buf_init(&none, 0);
    if (allow->len > 0) {
        hl_http_add_header(x, "Allow", allow->ptr);
        hl_http_answer(x, 405, "text/plain", HL_STR("405 method not allowed"));
    } else if (clean_path(path, &clean) &&
               find(hl_http_method(x), hl_buf_str(&clean), &rest, &none)) {
        hl_http_add_header(x, "Location", clean.ptr);
        hl_http_answer(x, strcmp(hl_http_method(x), "GET") == 0 ? 301 : 307, NULL, NOTHING);
    } else {
        hl_http_answer(x, 404, "text/plain", HL_STR("404 page not found"));
    }
    hl_buf_deinit(&clean);
    hl_buf_deinit(&none);
}

/* -- the hooks --------------------------------------------------------------------------------- */

hl_http_sink *hl_api_head(void *arg, hl_http_exchange *x) {
    hl_str rest;
    hl_buf allow;
    hl_buf_init(&allow, 0);
    (void)find("OPTIONS", hl_str_from(hl_http_path(x)), &rest, &allow);
    bool may = hl__entry_check(arg, x, hl_buf_str(&allow));
    hl_buf_deinit(&allow);
    return may ? hl__blob_sink(arg, x) : NULL;
}

void hl_api_done(void *arg, hl_http_exchange *x) {
    hl__entry_leave(arg, x);
    hl_api_count(arg, hl_http_method(x), hl_http_path(x), hl_http_status(x));
}

void hl_api_handle(void *arg, hl_http_exchange *x) {
    hl__visit v = {.api = arg, .x = x};
    hl_str path = hl_str_from(hl_http_path(x));
    hl_buf allow;
    hl_log_next_req(v.req_id);
    hl_log(HL_LOG_DEBUG, v.req_id, "msg=\"request\" method=%s bytes=%zu", hl_http_method(x),
           hl_http_body(x).len);
    v.dialect = hl__dialect_of(path);
    hl_buf_init(&allow, 0);
    const route *r = find(hl_http_method(x), path, &v.rest, &allow);
    if (r)
        r->handle(&v);
    else
        answer_unrouted(x, path, &allow);
    hl_buf_deinit(&allow);
}
