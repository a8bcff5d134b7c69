#include "store/registry_link.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "config/env.h"
#include "store/registry_file.h"
#include "store/registry_token.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    CONNECTIONS_DEFAULT = 8,
    CONNECTIONS_MAX = 64,
    STALL_MS = 30000,
    BACKOFF_MS = 500,
    RETRY_AFTER_MAX_S = 60,
    STEP_MS = 50,
    NS_PER_MS = 1000000,
    ERROR_TEXT_MAX = 300,
};

/* -- opening ----------------------------------------------------------------------------------- */

/* Only http and https are schemes of registries; http when the user said so. */
static hl_status read_scheme(const hl_registry_ask *ask, const char **ret, hl_error *err) {
    size_t at = hl_str_find(ask->model, HL_STR("://"), 0);
    *ret = ask->insecure ? "http" : "https";
    if (at == SIZE_MAX) return HL_OK;
    hl_str scheme = hl_str_slice(ask->model, 0, at);
    if (hl_str_eq_nocase(scheme, HL_STR("https"))) {
        *ret = "https";
        return HL_OK;
    }
    if (!hl_str_eq_nocase(scheme, HL_STR("http")))
        return hl_fail(err, HL_EINVAL, "registry", "invalid model name");
    if (!ask->insecure) return hl_fail(err, HL_EINVAL, "registry", "insecure protocol http");
    return HL_OK;
}

static hl_status read_file_place(const hl_registry_ask *ask, hl__link *l, hl_error *err) {
    const char *scheme;
    HL_TRY(hl__file_name(ask->model, &l->name, err));
    HL_TRY(read_scheme(ask, &scheme, err));
    for (size_t i = 0; i < ask->model.len; i++)
        if ((unsigned char)ask->model.ptr[i] <= ' ')
            return hl_fail(err, HL_EINVAL, "registry", "invalid model name");
    hl_buf_append_str(&l->file_url, ask->model);
    HL_TRY(hl_buf_status(&l->file_url, "the file's URL", err));
    return hl_url_origin(l->file_url.ptr, l->origin, err);
}

static hl_status read_place(const hl_registry_ask *ask, hl__link *l, hl_error *err) {
    const char *scheme;
    if (hl_registry_is_file(ask->model)) return read_file_place(ask, l, err);
    HL_TRY(hl_name_parse(ask->model, &l->name, err));
    HL_TRY(read_scheme(ask, &scheme, err));
    hl_buf_printf(&l->base, "%s://%s/v2/%s/%s/", scheme, l->name.host, l->name.space,
                  l->name.model);
    HL_TRY(hl_buf_status(&l->base, "the registry's URL", err));
    if (hl_url_origin(l->base.ptr, l->origin, NULL) < 0)
        return hl_fail(err, HL_EINVAL, "registry", "invalid model name");
    return HL_OK;
}

hl_status hl_registry_check(hl_str model, bool insecure, hl_name *ret, hl_error *err) {
    hl_registry_ask ask = {.model = model, .insecure = insecure};
    hl__link l = {0};
    hl_status st = read_place(&ask, &l, err);
    *ret = l.name;
    hl_buf_deinit(&l.base);
    hl_buf_deinit(&l.file_url);
    return st;
}

static void read_tuning(hl__tuning *ret) {
    uint64_t n = hl_env_uint("PULL_CONNECTIONS", CONNECTIONS_DEFAULT);
    uint64_t stall_ms = hl_env_uint("PULL_STALL_MS", STALL_MS);
    uint64_t backoff_ms = hl_env_uint("PULL_BACKOFF_MS", BACKOFF_MS);
    ret->connections = n < 1 ? 1 : n > CONNECTIONS_MAX ? CONNECTIONS_MAX : (uint32_t)n;
    ret->stall_ns = (stall_ms < UINT32_MAX ? stall_ms : UINT32_MAX) * NS_PER_MS;
    ret->backoff_ns = (backoff_ms < STALL_MS ? backoff_ms : STALL_MS) * NS_PER_MS;
}

hl_status hl__link_pool(const hl__link *l, hl_http_pool **ret, hl_error *err) {
    hl_http_pool_config config = {
        .ca_file = getenv("SSL_CERT_FILE"),
        .public_only = !l->ask->insecure && !hl_env_bool("ALLOW_PRIVATE", false),
        .https_only = !l->ask->insecure,
    };
    return hl_http_pool_open(&config, ret, err);
}

hl_status hl__link_open(const hl_registry_ask *ask, hl__link *ret, hl_error *err) {
    HL_ASSERT(ask->report);
    *ret = (hl__link){.ask = ask};
    hl_rng_init(&ret->rng, hl_rng_entropy());
    read_tuning(&ret->tuning);
    hl_status st = read_place(ask, ret, err);
    if (st >= 0) st = hl__link_pool(ret, &ret->pool, err);
    if (st < 0) hl__link_close(ret);
    return st;
}

void hl__link_close(hl__link *l) {
    hl_http_pool_close(l->pool);
    hl_buf_deinit(&l->base);
    hl_buf_deinit(&l->file_url);
    hl_buf_deinit(&l->bearer);
    *l = (hl__link){0};
}

/* -- small parts ------------------------------------------------------------------------------- */

bool hl__link_is_cancelled(const hl__link *l) {
    return l->ask->cancelled && atomic_load(l->ask->cancelled);
}

hl_status hl__link_fail_cancelled(hl_error *err) {
    return hl_fail(err, HL_ECANCELLED, "registry", "context canceled");
}

static uint64_t read_uint(const char *text) {
    uint64_t v = 0;
    if (!text[0] || strlen(text) > 18) return 0;
    for (; *text; text++) {
        if (*text < '0' || *text > '9') return 0;
        v = 10 * v + (uint64_t)(*text - '0');
    }
    return v;
}

uint64_t hl__link_pause(hl__link *l, uint32_t tries, const hl_http_task *t) {
    uint64_t most = l->tuning.backoff_ns << (tries > 6 ? 6 : tries);
    uint64_t pause = most / 2 + hl_rng_below(&l->rng, most / 2 + 1);
    uint64_t asked_s = t && t->line && t->http >= 400
                           ? read_uint(hl_http_task_header(t, "Retry-After"))
                           : 0;
    if (asked_s > RETRY_AFTER_MAX_S) asked_s = RETRY_AFTER_MAX_S;
    uint64_t asked = asked_s * 1000 * NS_PER_MS;
    return pause > asked ? pause : asked;
}

void hl__link_url(const hl__link *l, const char *what, const char *rest, hl_buf *ret) {
    hl_buf_append_str(ret, hl_buf_str(&l->base));
    hl_buf_append_cstr(ret, what);
    hl_buf_append_cstr(ret, rest);
}

const char *hl__link_bearer(const hl__link *l, const char *url) {
    char origin[HL_URL_ORIGIN_MAX];
    if (l->bearer.len == 0 || hl_url_origin(url, origin, NULL) < 0) return NULL;
    return strcmp(origin, l->origin) == 0 ? l->bearer.ptr : NULL;
}

hl_status hl__link_follow(const hl__link *l, const char *url, const hl_http_task *t, hl_buf *ret,
                          hl_error *err) {
    const char *to = hl_http_task_redirect(t);
    char origin[HL_URL_ORIGIN_MAX];
    if (!to || !to[0])
        return hl_fail(err, HL_EREMOTE, "registry", "\"%.200s\" leads nowhere (status %d)", url,
                       t->http);
    HL_TRY(hl_url_origin(to, origin, err));
    if (!l->ask->insecure && !hl_str_starts(hl_str_from(origin), HL_STR("https:")))
        return hl_fail(err, HL_EINVAL, "registry", "insecure protocol http: \"%.200s\" leads to it",
                       url);
    hl_buf_append_cstr(ret, to);
    return hl_buf_status(ret, "the registry's URL", err);
}

/* {"errors":[{"code":…,"message":…}]}, {"error":…}, or a line of text. */
static hl_str find_message(struct json_object *o) {
    struct json_object *v = NULL;
    if (json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, "errors", &v) &&
        json_object_is_type(v, json_type_array) && json_object_array_length(v) > 0)
        o = json_object_array_get_idx(v, 0);
    v = NULL;
    if (json_object_is_type(o, json_type_object) &&
        (json_object_object_get_ex(o, "message", &v) ||
         json_object_object_get_ex(o, "error", &v)) &&
        json_object_is_type(v, json_type_string))
        return (hl_str){json_object_get_string(v), (size_t)json_object_get_string_len(v)};
    return (hl_str){"", 0};
}

static hl_status status_of(int http) {
    switch (http) {
    case 404: return HL_ENOTFOUND;
    case 408:
    case 429: return HL_EREMOTE;
    default: return http >= 400 && http < 500 ? HL_EINVAL : HL_EREMOTE;
    }
}

hl_status hl__link_fail_http(const hl_http_task *t, hl_error *err) {
    struct json_object *o = NULL;
    hl_str body = hl_buf_str(&t->text), text = {"", 0};
    if (t->http == 404) return hl_fail(err, HL_ENOTFOUND, "registry", "file does not exist");
    if (hl_json_parse(body, &o, NULL) >= 0) text = find_message(o);
    if (text.len == 0 && !o) text = hl_str_slice(body, 0, hl_str_find(body, HL_STR("\n"), 0));
    text = hl_str_slice(text, 0, ERROR_TEXT_MAX);
    hl_status st = t->http == 401 && text.len == 0
                       ? hl_fail(err, HL_EINVAL, "registry", "unauthorized")
                       : hl_fail(err, status_of(t->http), "registry", "%d%s%.*s", t->http,
                                 text.len > 0 ? ": " : "", HL_STR_ARG(text));
    json_object_put(o);
    return st;
}

hl_status hl__link_renew(hl__link *l, const hl_http_task *refused, hl_error *err) {
    hl__challenge c;
    const char *header = hl_http_task_header(refused, "WWW-Authenticate");
    if (!hl__challenge_parse(hl_str_from(header), &c)) return hl__link_fail_http(refused, err);
    if (++l->n_tokens > HL__LINK_TOKENS_MAX)
        return hl_fail(err, HL_EINVAL, "registry", "unauthorized: the registry takes no token");
    return hl__token_get(l, &c, err);
}

/* -- a request --------------------------------------------------------------------------------- */

static hl_status sleep_for(const hl__link *l, uint64_t ns, hl_error *err) {
    uint64_t until = hl_clock_ns() + ns;
    while (hl_clock_ns() < until) {
        if (hl__link_is_cancelled(l)) return hl__link_fail_cancelled(err);
        uint64_t left = until - hl_clock_ns();
        if (left > (uint64_t)STEP_MS * NS_PER_MS) left = (uint64_t)STEP_MS * NS_PER_MS;
        if ((int64_t)left > 0) hl_clock_sleep_ns(left);
    }
    return HL_OK;
}

/* Until the task is over; its status is what came of it. */
static void await(hl__link *l, hl_http_task *t) {
    for (;;) {
        hl_http_task *over = NULL;
        hl_error err = {0};
        hl_status st = hl_http_pool_step(l->pool, STEP_MS, &over, &err);
        if (over) return;
        if (hl__link_is_cancelled(l))
            st = hl__link_fail_cancelled(&err);
        else if (hl_clock_ns() - t->moved_ns > l->tuning.stall_ns)
            st = hl_fail(&err, HL_EREMOTE, "registry", "%s \"%.200s\": no byte for %u s", t->method,
                         t->url, (unsigned)(l->tuning.stall_ns / NS_PER_MS / 1000));
        if (st >= 0) continue;
        t->status = st;
        t->error = err;
        return;
    }
}

static bool is_redirect(int http) {
    return http == 301 || http == 302 || http == 303 || http == 307 || http == 308;
}

static bool is_busy(int http) {
    return http == 408 || http == 429 || (http >= 500 && http != 501);
}

typedef struct asking {
    hl__link *link;
    const hl__request *r;
    hl_buf url;
    uint32_t tries, hops;
    bool renewed;
    hl_http_task task;
} asking;

static hl_status begin(asking *a, hl_error *err) {
    size_t n = 0;
    const char *bearer = hl__link_bearer(a->link, a->url.ptr);
    a->task = (hl_http_task){.method = a->r->method,
                             .url = a->url.ptr,
                             .take = a->r->take,
                             .give = a->r->give,
                             .give_bytes = a->r->give_bytes,
                             .arg = a->r->arg};
    for (; n < 3 && a->r->headers[n]; n++) a->task.headers[n] = a->r->headers[n];
    if (bearer) a->task.headers[n++] = bearer;
    if (a->r->reset) a->r->reset(a->r->arg);
    return hl_http_pool_begin(a->link->pool, &a->task, err);
}

static hl_status follow(asking *a, hl_error *err) {
    hl_buf next;
    if (++a->hops > HL__LINK_HOPS_MAX)
        return hl_fail(err, HL_EREMOTE, "registry", "\"%.200s\" leads in circles", a->r->url);
    hl_buf_init(&next, 0);
    hl_status st = hl__link_follow(a->link, a->url.ptr, &a->task, &next, err);
    if (st < 0) {
        hl_buf_deinit(&next);
        return st;
    }
    hl_buf_deinit(&a->url);
    a->url = next;
    return HL_AGAIN;
}

/* HL_AGAIN: once more, with what has changed. */
static hl_status judge(asking *a, uint64_t *ret_pause, hl_error *err) {
    const hl_http_task *t = &a->task;
    *ret_pause = 0;
    bool broken = t->status == HL_EREMOTE && !t->unreachable;
    if (broken || (t->status >= 0 && is_busy(t->http))) {
        if (++a->tries < HL__LINK_TRIES) {
            *ret_pause = hl__link_pause(a->link, a->tries, t);
            return HL_AGAIN;
        }
    }
    if (t->status < 0) {
        if (err) *err = t->error;
        return t->status;
    }
    if (is_redirect(t->http) && !a->r->stay) return follow(a, err);
    if (t->http == 401 && !a->renewed && !a->r->no_token) {
        a->renewed = true;
        hl_status st = hl__link_renew(a->link, t, err);
        return st < 0 ? st : HL_AGAIN;
    }
    return HL_OK;
}

static hl_status read_url(const asking *a, const char *header, hl_buf *ret, hl_error *err) {
    const char *to = hl_http_task_header(&a->task, header);
    return to[0] ? hl_url_join(a->url.ptr, to, ret, err) : HL_OK;
}

static hl_status fill(const asking *a, hl__reply *ret, hl_error *err) {
    const hl_http_task *t = &a->task;
    ret->http = t->http;
    snprintf(ret->range, sizeof ret->range, "%s", hl_http_task_header(t, "Content-Range"));
    snprintf(ret->etag, sizeof ret->etag, "%s", hl_http_task_header(t, "ETag"));
    if (t->http >= 400) {
        hl_status st = hl__link_fail_http(t, &ret->error);
        HL_ASSERT(st < 0);
    }
    HL_TRY(read_url(a, "Location", &ret->location, err));
    return read_url(a, "Docker-Upload-Location", &ret->upload, err);
}

hl_status hl__link_ask(hl__link *l, const hl__request *r, hl__reply *ret, hl_error *err) {
    asking a = {.link = l, .r = r};
    uint64_t pause = 0;
    *ret = (hl__reply){0};
    hl_buf_append_cstr(&a.url, r->url);
    hl_status st = hl_buf_status(&a.url, "the registry's URL", err);
    while (st >= 0) {
        st = begin(&a, err);
        if (st < 0) break;
        await(l, &a.task);
        ret->unreachable = a.task.unreachable;
        st = judge(&a, &pause, err);
        if (st == HL_OK) st = fill(&a, ret, err);
        hl_http_task_end(l->pool, &a.task);
        if (st != HL_AGAIN) break;
        st = sleep_for(l, pause, err);
    }
    hl_buf_deinit(&a.url);
    if (st < 0) hl__reply_deinit(ret);
    return st;
}

void hl__reply_deinit(hl__reply *r) {
    hl_buf_deinit(&r->location);
    hl_buf_deinit(&r->upload);
}
