#include "api/guard.h"
#include "api/visit.h"
#include "base/mem.h"
#include "config/env.h"
#include "http/address.h"

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

hl_status hl_api_create(hl_hub *hub, hl_api **ret, hl_error *err) {
    hl_api *a = hl_calloc(1, sizeof *a);
    if (!a) return hl_fail(err, HL_ENOMEM, "api", "no memory");
    a->hub = hub;
    a->origins = hl_env_text("ORIGINS");
    if (gethostname(a->machine_name, sizeof a->machine_name - 1) != 0) a->machine_name[0] = '\0';
    hl_status st = hl_catalog_open(&a->catalog, err);
    if (st < 0)
        hl_api_destroy(a);
    else
        *ret = a;
    return st;
}

void hl_api_destroy(hl_api *a) {
    if (!a) return;
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

/* -- what is answered for all routes ----------------------------------------------------------- */

static const char ALLOWED_HEADERS[] =
    "Authorization,Content-Type,User-Agent,Accept,X-Requested-With,Openai-Beta,X-Stainless-Arch,"
    "X-Stainless-Async,X-Stainless-Custom-Poll-Interval,X-Stainless-Helper-Method,X-Stainless-Lang,"
    "X-Stainless-Os,X-Stainless-Package-Version,X-Stainless-Poll-Helper,X-Stainless-Retry-Count,"
    "X-Stainless-Runtime,X-Stainless-Runtime-Version,X-Stainless-Timeout";

static const hl_str NOTHING = {"", 0};

static void answer_preflight(hl_http_exchange *x) {
    hl_http_add_header(x, "Access-Control-Allow-Methods", "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS");
    hl_http_add_header(x, "Access-Control-Allow-Headers", ALLOWED_HEADERS);
    hl_http_add_header(x, "Access-Control-Max-Age", "43200");
    hl_http_answer(x, 204, NULL, NOTHING);
}

static void add_origin(const hl_api *a, hl_http_exchange *x, const char *origin, bool preflight) {
    if (hl__origin_anybody(a->origins)) {
        hl_http_add_header(x, "Access-Control-Allow-Origin", "*");
        return;
    }
    hl_http_add_header(x, "Access-Control-Allow-Origin", origin);
    hl_http_add_header(x, "Vary", preflight ? "Access-Control-Request-Headers" : "Origin");
}

/* True: this request is answered. */
static bool guard(const hl_api *a, hl_http_exchange *x) {
    const char *origin = hl_http_header(x, "Origin");
    hl_str host = hl_str_from(hl_http_header(x, "Host"));
    bool preflight = strcmp(hl_http_method(x), "OPTIONS") == 0;
    if (!hl_http_host_allowed(host, a->machine_name) ||
        !hl__origin_allowed(hl_str_from(origin), host, a->origins)) {
        hl_http_answer(x, 403, NULL, NOTHING);
        return true;
    }
    if (origin[0]) add_origin(a, x, origin, preflight);
    if (!preflight || !origin[0]) return false;
    answer_preflight(x);
    return true;
}

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

void hl_api_handle(void *arg, hl_http_exchange *x) {
    hl__visit v = {.api = arg, .x = x};
    hl_str path = hl_str_from(hl_http_path(x));
    hl_buf allow;
    hl_log_next_req(v.req_id);
    hl_log(HL_LOG_DEBUG, v.req_id, "msg=\"request\" method=%s bytes=%zu", hl_http_method(x),
           hl_http_body(x).len);
    if (guard(v.api, x)) return;
    v.openai = hl_str_starts(path, HL_STR("/v1/"));
    hl_buf_init(&allow, 0);
    const route *r = find(hl_http_method(x), path, &v.rest, &allow);
    if (r)
        r->handle(&v);
    else
        answer_unrouted(x, path, &allow);
    hl_buf_deinit(&allow);
}
