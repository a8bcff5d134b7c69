#include "api/entry.h"

#include "api/guard.h"
#include "base/clock.h"
#include "http/address.h"
#include "serve/gate.h"

#include <stdio.h>

static const hl_str NOTHING = {"", 0};

static const char ALLOWED_HEADERS[] =
    "Authorization,Content-Type,User-Agent,Accept,X-Requested-With,Openai-Beta,X-Stainless-Arch,"
    "X-Stainless-Async,X-Stainless-Custom-Poll-Interval,X-Stainless-Helper-Method,X-Stainless-Lang,"
    "X-Stainless-Os,X-Stainless-Package-Version,X-Stainless-Poll-Helper,X-Stainless-Retry-Count,"
    "X-Stainless-Runtime,X-Stainless-Runtime-Version,X-Stainless-Timeout";

/* -- keys -------------------------------------------------------------------------------------- */

/* "Bearer KEY", or what Anthropic's clients send; empty: none. */
static hl_str key_of(const hl_http_exchange *x) {
    static const hl_str bearer = HL_STR("bearer ");
    hl_str given = hl_str_from(hl_http_header(x, "Authorization"));
    if (given.len > bearer.len && hl_str_eq_nocase(hl_str_slice(given, 0, bearer.len), bearer))
        return hl_str_slice(given, bearer.len, given.len);
    return hl_str_from(hl_http_header(x, "x-api-key"));
}

static bool is_open_to_all(const hl_http_exchange *x) {
    hl_str path = hl_str_from(hl_http_path(x));
    return hl_str_is(path, "/") || hl_str_is(path, "/health") || hl_str_is(path, "/ui") ||
           hl_str_starts(path, HL_STR("/ui/"));
}

static void refuse(hl_api *a, hl_http_exchange *x, hl_gate_answer why, uint32_t retry_s) {
    static const struct {
        int status;
        const char *text;
    } answers[] = {
        [HL_GATE_NO_KEY] = {401, "unauthorized: this server wants an API key"},
        [HL_GATE_BAD_KEY] = {401, "unauthorized: the API key is not valid"},
        [HL_GATE_TOO_FAST] = {429, "too many requests in a minute for this API key"},
        [HL_GATE_TOO_MANY] = {429, "too many requests at once for this API key"},
        [HL_GATE_BROKEN] = {500, "the keys cannot be read"},
    };
    hl__visit v = {.api = a, .x = x, .dialect = hl__dialect_of(hl_str_from(hl_http_path(x)))};
    char seconds[16];
    HL_ASSERT(why != HL_GATE_OPEN);
    hl_log_next_req(v.req_id);
    if (answers[why].status == 401) hl_http_add_header(x, "WWW-Authenticate", "Bearer");
    if (retry_s > 0) {
        snprintf(seconds, sizeof seconds, "%u", retry_s);
        hl_http_add_header(x, "Retry-After", seconds);
    }
    hl__answer_error(&v, answers[why].status, hl_str_from(answers[why].text));
}

/* The key may be counted in: then the exchange's tag says whose it is. */
static hl_gate_answer ask_gate(hl_api *a, hl_http_exchange *x, uint32_t *ret_retry_s) {
    hl_gate_pass pass;
    *ret_retry_s = 0;
    if (!a->config.gate || hl_http_over_unix(x)) return HL_GATE_OPEN;
    hl_gate_answer answer = hl_gate_enter(a->config.gate, key_of(x), hl_clock_ns(), &pass);
    hl_http_set_tag(x, pass.key_id);
    *ret_retry_s = pass.retry_s;
    return answer;
}

void hl__entry_leave(hl_api *a, hl_http_exchange *x) {
    if (a->config.gate) hl_gate_leave(a->config.gate, hl_http_tag(x));
}

/* -- hosts ------------------------------------------------------------------------------------- */

static bool is_listed(hl_str list, hl_str name) {
    hl_str entry;
    for (size_t at = 0; hl_list_next(list, &at, &entry);)
        if (hl_str_is(entry, "*") || hl_str_eq_nocase(entry, name)) return true;
    return false;
}

static hl_str without_port(hl_str host) {
    size_t colon = hl_str_find(host, HL_STR(":"), 0);
    bool is_v6 = host.len > 0 && host.ptr[0] == '[';
    return colon == SIZE_MAX || is_v6 ? host : hl_str_slice(host, 0, colon);
}

/* No page can have an address as its name and be somewhere else. */
static bool is_numeric(hl_str host) {
    char text[64];
    struct sockaddr_storage at;
    socklen_t len;
    hl_str bare = host;
    if (bare.len > 2 && bare.ptr[0] == '[') {
        size_t end = hl_str_find(bare, HL_STR("]"), 0);
        bare = hl_str_slice(bare, 1, end);
    }
    if (bare.len == 0 || bare.len >= sizeof text) return false;
    memcpy(text, bare.ptr, bare.len);
    text[bare.len] = '\0';
    return hl_http_sockaddr(text, 0, &at, &len, NULL) >= 0;
}

/* Beyond this machine a name may be anything, but a page of a stranger's may have made the browser
 * ask it: then it is on the list, or a key is there that no such page has. */
static bool host_allowed(const hl_api *a, const hl_http_exchange *x) {
    hl_str host = hl_str_from(hl_http_header(x, "Host"));
    if (hl_http_over_unix(x) || hl_http_host_allowed(host, a->machine_name)) return true;
    if (is_listed(hl_str_from(a->config.settings->allowed_hosts), without_port(host))) return true;
    return !a->config.loopback_only && (is_numeric(without_port(host)) || hl_http_tag(x) > 0);
}

/* -- web pages --------------------------------------------------------------------------------- */

static void add_allow(hl_http_exchange *x, hl_str allow) {
    char methods[64];
    if (allow.len == 0 || allow.len >= sizeof methods) return;
    snprintf(methods, sizeof methods, "%.*s", HL_STR_ARG(allow));
    hl_http_add_header(x, "Allow", methods);
}

/* Ollama's, and those of Anthropic's clients where the page asks for them. */
static void add_allowed_headers(hl_http_exchange *x) {
    static const char *const more[] = {"X-Api-Key", "Anthropic-Version", "Anthropic-Beta",
                                       "Anthropic-Dangerous-Direct-Browser-Access"};
    hl_str wanted = hl_str_from(hl_http_header(x, "Access-Control-Request-Headers"));
    hl_buf all;
    hl_buf_init(&all, 0);
    hl_buf_append_cstr(&all, ALLOWED_HEADERS);
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        if (is_listed(wanted, hl_str_from(more[i]))) hl_buf_printf(&all, ",%s", more[i]);
    if (all.failed >= 0) hl_http_add_header(x, "Access-Control-Allow-Headers", all.ptr);
    hl_buf_deinit(&all);
}

static void answer_preflight(hl_http_exchange *x) {
    hl_http_add_header(x, "Access-Control-Allow-Methods", "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS");
    add_allowed_headers(x);
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

/* -- all of it --------------------------------------------------------------------------------- */

/* A preflight brings no key: browsers ask it before they may send one. */
bool hl__entry_check(hl_api *a, hl_http_exchange *x, hl_str allow) {
    const char *origin = hl_http_header(x, "Origin");
    hl_str host = hl_str_from(hl_http_header(x, "Host"));
    bool preflight = strcmp(hl_http_method(x), "OPTIONS") == 0 && origin[0];
    uint32_t retry_s = 0;
    hl_gate_answer gate = preflight ? HL_GATE_OPEN : ask_gate(a, x, &retry_s);
    if (preflight) add_allow(x, allow);
    if (!host_allowed(a, x) || !hl__origin_allowed(hl_str_from(origin), host, a->origins)) {
        hl_http_answer(x, 403, NULL, NOTHING);
        return false;
    }
    if (origin[0]) add_origin(a, x, origin, preflight);
    if (preflight) {
        answer_preflight(x);
        return false;
    }
    if (gate == HL_GATE_OPEN || is_open_to_all(x)) return true;
    refuse(a, x, gate, retry_s);
    return false;
}
