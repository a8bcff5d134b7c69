#include "cli/client.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/access.h"
#include "cli/interrupt.h"
#include "cli/member.h"
#include "cli/out.h"
#include "cli/server.h"
#include "config/env.h"
#include "http/client.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct hl_client {
    hl_settings settings;    /* zeroed until they are needed */
    hl_http_client *running; /* NULL: not looked for yet, or none */
    bool looked, loopback;   /* loopback: of the address that was looked at */
    hl_http_client *own;     /* to `server` */
    hl__server *server;      /* in this process; NULL: not needed yet */
    hl__ask_how how;
    atomic_bool cancelled;           /* set by hl_client_cancel, cleared when a request begins */
    _Atomic(hl_http_client *) asked; /* by the request that runs */
};

hl_status hl_client_open(hl_client **ret, hl_error *err) {
    hl_client *c = hl_calloc(1, sizeof *c);
    if (!c) return hl_fail(err, HL_ENOMEM, "client", "no memory");
    atomic_init(&c->cancelled, false);
    atomic_init(&c->asked, NULL);
    *ret = c;
    return HL_OK;
}

void hl_client_close(hl_client *c) {
    if (!c) return;
    hl_http_client_close(c->running);
    hl_http_client_close(c->own);
    hl__server_stop(c->server);
    hl_settings_deinit(&c->settings);
    hl_free(c);
}

void hl_client_set_keep(hl_client *c, int64_t keep_ns) {
    c->how.set_keep = true;
    c->how.keep_ns = keep_ns;
}

void hl_client_set_whole(hl_client *c) {
    c->how.whole = true;
}

void hl_client_cancel(hl_client *c) {
    atomic_store(&c->cancelled, true);
    hl_http_client *http = atomic_load(&c->asked);
    if (http) hl_http_client_cancel(http);
}

static hl_status need_settings(hl_client *c, hl_error *err) {
    if (c->settings.texts) return HL_OK;
    hl_settings settings = {0};
    hl_status st = hl_settings_init(&settings, err);
    if (st >= 0) st = hl_settings_read(&settings, NULL, err);
    if (st >= 0) st = hl_settings_check(&settings, err);
    if (st < 0)
        hl_settings_deinit(&settings);
    else
        c->settings = settings;
    return st;
}

/* -- a running server -------------------------------------------------------------------------- */

static hl_status connect_to(const hl__access *at, const char *key, hl_http_client **ret,
                            hl_error *err) {
    hl_http_client_config config = {.url = at->url,
                                    .bearer = key,
                                    .ca_file = getenv("SSL_CERT_FILE"), /* as for Ollama's */
                                    .no_proxy = at->loopback};
    return hl_http_client_open(&config, ret, err);
}

static hl_status parse_object(hl_str text, struct json_object **ret, hl_error *err) {
    if (hl_json_parse(text, ret, err) < 0) return err->status = HL_EREMOTE;
    if (json_object_is_type(*ret, json_type_object)) return HL_OK;
    json_object_put(*ret);
    *ret = NULL;
    return hl_fail(err, HL_EREMOTE, "client", "it is no JSON object");
}

static hl_status fetch_json(hl_http_client *http, const hl_http_ask *ask, struct json_object **ret,
                            hl_error *err) {
    hl_buf body;
    hl_buf_init(&body, 0);
    *ret = NULL;
    hl_status st = hl_http_client_fetch(http, ask, &body, err);
    if (st >= 0) {
        st = parse_object(hl_buf_str(&body), ret, err);
        if (st < 0) hl_error_prefix(err, "the server's answer to %s", ask->path);
    }
    hl_buf_deinit(&body);
    return st;
}

typedef enum who { NOBODY, SILENT, HYPERLLAMA, ANOTHER, WANTS_KEY } who;

enum { VERSION_MS = 10000 };

/* *ret_version: of another program, or empty. */
static who ask_who(hl_http_client *http, hl_buf *ret_version, hl_error *err) {
    struct json_object *o = NULL;
    hl_http_ask ask = {.method = "GET", .path = "/api/version", .total_ms = VERSION_MS};
    hl_status st = fetch_json(http, &ask, &o, err);
    int http_status = hl_http_client_status(http);
    bool ours = st >= 0 && hl__member(o, "hyperllama");
    hl_buf_append_str(ret_version, hl__member_text(o, "version"));
    json_object_put(o);
    if (ours) return HYPERLLAMA;
    if (http_status == 0) return st == HL_EBUSY ? SILENT : NOBODY;
    return http_status == 401 ? WANTS_KEY : ANOTHER;
}

/* The key is shown to those only who ask for one. */
static hl_status show_key(hl_client *c, const hl__access *at, hl_error *err) {
    hl_buf key, version;
    hl_buf_init(&key, 0);
    hl_buf_init(&version, 0);
    hl_status st = hl__access_key(&key, err);
    if (st >= 0 && key.len == 0)
        st = hl_fail(err, HL_EINVAL, "client",
                     "the server at %.200s wants an API key: set HYPERLLAMA_API_KEY, or put it "
                     "into ~/.hyperllama/key",
                     at->url);
    hl_http_client_close(c->running);
    c->running = NULL;
    if (st >= 0) st = connect_to(at, key.ptr, &c->running, err);
    if (st >= 0 && ask_who(c->running, &version, err) != HYPERLLAMA)
        st = hl_fail(err, HL_EINVAL, "client", "the server at %.200s does not take the API key",
                     at->url);
    hl_buf_deinit(&version);
    hl_buf_deinit(&key);
    return st;
}

static void tell_another(const hl__access *at, const hl_buf *version) {
    hl_buf line;
    hl_buf_init(&line, 0);
    hl_buf_printf(&line, "Note: %s at %s is not HyperLlama; this command uses its own engine\n",
                  version->len > 0 ? "the server" : "what answers", at->url);
    hl__complain(hl_buf_str(&line));
    hl_buf_deinit(&line);
}

/* c->running is what was found; none is no failure. */
static hl_status decide(hl_client *c, const hl__access *at, hl_error *err) {
    hl_buf version;
    hl_error why = {0};
    hl_buf_init(&version, 0);
    who found = ask_who(c->running, &version, &why);
    hl_status st = HL_OK;
    if (found == WANTS_KEY) st = show_key(c, at, err);
    if (found == ANOTHER) tell_another(at, &version);
    if (found == SILENT || (found == NOBODY && !at->loopback))
        st = hl_fail(err, HL_EREMOTE, "client", "could not connect to a HyperLlama server: %s",
                     why.text);
    if (st < 0 || (found != HYPERLLAMA && found != WANTS_KEY)) {
        hl_http_client_close(c->running);
        c->running = NULL;
    }
    hl_buf_deinit(&version);
    return st;
}

static hl_status look(hl_client *c, hl_error *err) {
    hl__access at;
    if (c->looked) return HL_OK;
    HL_TRY(need_settings(c, err));
    HL_TRY(hl__access_read(hl_str_from(c->settings.host), &at, err));
    if (!at.nowhere) {
        HL_TRY(connect_to(&at, NULL, &c->running, err));
        HL_TRY(decide(c, &at, err));
    }
    c->loopback = at.loopback;
    c->looked = true;
    return HL_OK;
}

hl_status hl_client_need_running(hl_client *c, hl_error *err) {
    HL_TRY(look(c, err));
    if (c->running) return HL_OK;
    return hl_fail(err, HL_EREMOTE, "client",
                   "could not connect to a HyperLlama server, run 'hyperllama serve' to start it");
}

/* -- our own ----------------------------------------------------------------------------------- */

/* One request at a time needs the memory of one; what fails is this command's to tell. */
static hl_status start_own(hl_client *c, hl_error *err) {
    HL_TRY(need_settings(c, err));
    if (c->settings.source[HL_SET_num_parallel] == HL_FROM_DEFAULT) c->settings.num_parallel = 1;
    if (hl_env_text("LOG").len == 0 && !hl_env_bool("DEBUG", false)) hl_log_set_level(HL_LOG_ERROR);
    hl__server_config config = {.settings = &c->settings, .own = true};
    HL_TRY(hl__server_start(&config, &c->server, err));
    hl__interrupt_removes(hl__server_socket_path(c->server));
    return HL_OK;
}

static hl_status need_own(hl_client *c, hl_error *err) {
    if (c->own) return HL_OK;
    if (!c->server) HL_TRY(start_own(c, err));
    HL_ASSERT(hl__server_socket_path(c->server));
    hl_http_client_config config = {.url = "http://localhost",
                                    .socket_path = hl__server_socket_path(c->server),
                                    .no_proxy = true};
    return hl_http_client_open(&config, &c->own, err);
}

/* Names begin with a letter or a digit and may have slashes in them. */
static bool is_path(hl_str model) {
    char path[4096];
    if (hl_str_ends(model, HL_STR(".gguf"))) return true;
    if (hl_str_starts(model, HL_STR("/")) || hl_str_starts(model, HL_STR("."))) return true;
    if (hl_str_find(model, HL_STR("/"), 0) == SIZE_MAX || model.len >= sizeof path) return false;
    memcpy(path, model.ptr, model.len);
    path[model.len] = '\0';
    return hl_path_is_file(path) || hl_path_is_dir(path);
}

/* Who is asked about a model; empty: about all. */
static hl_status choose(hl_client *c, hl_str model, hl_http_client **ret, hl_error *err) {
    bool path = is_path(model);
    if (!path) HL_TRY(look(c, err));
    if (path || !c->running) HL_TRY(need_own(c, err));
    *ret = path || !c->running ? c->own : c->running;
    HL_ASSERT(*ret);
    return HL_OK;
}

/* -- requests ---------------------------------------------------------------------------------- */

/* What the server says of a failure beside its HTTP status, which stands for several. */
static hl_status refine(const hl_http_client *http, hl_status st, hl_error *err) {
    const char *name = hl_http_client_header(http, "HyperLlama-Status");
#define X(id, value, http_status, exit, retry, text)                                               \
    if ((value) < 0 && strcmp(name, #id) == 0) st = HL_##id;
    HL_STATUS_MAP(X)
#undef X
    if (err) err->status = st;
    return st;
}

static hl_status ask_json(hl_client *c, hl_str model, const hl_http_ask *ask,
                          struct json_object **ret, hl_error *err) {
    hl_http_client *http;
    HL_TRY(choose(c, model, &http, err));
    hl_status st = fetch_json(http, ask, ret, err);
    return st < 0 ? refine(http, st, err) : st;
}

/* For routes whose answer has nothing in it. */
static hl_status ask_only(hl_client *c, hl_str model, const hl_http_ask *ask, hl_error *err) {
    hl_http_client *http;
    hl_buf body;
    HL_TRY(choose(c, model, &http, err));
    hl_buf_init(&body, 0);
    hl_status st = hl_http_client_fetch(http, ask, &body, err);
    hl_buf_deinit(&body);
    return st < 0 ? refine(http, st, err) : st;
}

static hl_status post(hl_client *c, hl_str model, const char *path, const hl_buf *body,
                      struct json_object **ret, hl_error *err) {
    HL_TRY(hl_buf_status(body, "the request", err));
    hl_http_ask ask = {.method = "POST", .path = path, .body = hl_buf_str(body)};
    return ask_json(c, model, &ask, ret, err);
}

static void give_cancelled(hl__asked *a) {
    hl_event end = {.kind = HL_EVENT_FINISHED, .finish = HL_FINISH_CANCELLED};
    if (!a->done) (void)a->on_event(a->arg, &end);
}

static hl_status stream(hl_client *c, hl_http_client *http, const hl_http_ask *ask, hl__asked *a,
                        hl_error *err) {
    HL_ASSERT(!atomic_load(&c->asked));
    atomic_store(&c->asked, http);
    hl_status st = atomic_load(&c->cancelled)
                       ? hl_fail(err, HL_ECANCELLED, "client", "cancelled")
                       : hl_http_client_stream(http, ask, HL_HTTP_NDJSON, hl__asked_line, a, err);
    atomic_store(&c->asked, NULL);
    if (a->failed < 0) {
        *err = a->error;
        return a->failed;
    }
    if (st == HL_ECANCELLED || a->stopped) {
        give_cancelled(a);
        return HL_OK;
    }
    if (st < 0) return refine(http, st, err);
    if (a->done) return HL_OK;
    return hl_fail(err, HL_EREMOTE, "client", "the server ended before its answer was complete");
}

hl_status hl_client_generate(hl_client *c, const hl_request *req, hl_client_event_fn *on_event,
                             void *arg, hl_error *err) {
    hl_http_client *http;
    hl_buf body;
    hl__asked a = {.on_event = on_event, .arg = arg};
    HL_ASSERT(c && on_event && err);
    atomic_store(&c->cancelled, false);
    HL_TRY(choose(c, req->model, &http, err));
    hl_buf_init(&body, 0);
    hl__ask_body(req, &c->how, &body);
    hl_status st = hl_buf_status(&body, "the request", err);
    hl_http_ask ask = {.method = "POST", .path = hl__ask_path(req), .body = hl_buf_str(&body)};
    if (st >= 0) st = stream(c, http, &ask, &a, err);
    hl_buf_deinit(&body);
    return st;
}

/* -- the other routes -------------------------------------------------------------------------- */

static void begin_body(hl_buf *body, hl_str model) {
    hl_buf_init(body, 0);
    hl_buf_append_cstr(body, "{\"model\":");
    hl_json_append_string(body, model);
}

hl_status hl_client_load(hl_client *c, hl_str model, const hl_options *o, hl_error *err) {
    hl_buf body;
    struct json_object *answer = NULL;
    begin_body(&body, model);
    hl__ask_options(o, "options", &body);
    if (c->how.set_keep) hl__ask_keep_alive(c->how.keep_ns, &body);
    hl_buf_append_char(&body, '}');
    hl_status st = post(c, model, "/api/generate", &body, &answer, err);
    json_object_put(answer);
    hl_buf_deinit(&body);
    return st;
}

hl_status hl_client_unload(hl_client *c, hl_str model, struct json_object **ret, hl_error *err) {
    hl_buf body;
    begin_body(&body, model);
    hl__ask_keep_alive(0, &body);
    hl_buf_append_char(&body, '}');
    hl_status st = post(c, model, "/api/generate", &body, ret, err);
    hl_buf_deinit(&body);
    return st;
}

hl_status hl_client_show(hl_client *c, hl_str model, bool verbose, struct json_object **ret,
                         hl_error *err) {
    hl_buf body;
    begin_body(&body, model);
    hl_buf_append_cstr(&body, verbose ? ",\"verbose\":true}" : "}");
    hl_status st = post(c, model, "/api/show", &body, ret, err);
    hl_buf_deinit(&body);
    return st;
}

hl_status hl_client_list(hl_client *c, struct json_object **ret, hl_error *err) {
    hl_http_ask ask = {.method = "GET", .path = "/api/tags?wide"};
    return ask_json(c, HL_STR(""), &ask, ret, err);
}

hl_status hl_client_ps(hl_client *c, struct json_object **ret, hl_error *err) {
    hl_http_ask ask = {.method = "GET", .path = "/api/ps?wide"};
    return ask_json(c, HL_STR(""), &ask, ret, err);
}

hl_status hl_client_copy(hl_client *c, hl_str from, hl_str to, hl_error *err) {
    hl_buf body;
    hl_buf_init(&body, 0);
    hl_buf_append_cstr(&body, "{\"source\":");
    hl_json_append_string(&body, from);
    hl_buf_append_cstr(&body, ",\"destination\":");
    hl_json_append_string(&body, to);
    hl_buf_append_char(&body, '}');
    hl_status st = hl_buf_status(&body, "the request", err);
    hl_http_ask ask = {.method = "POST", .path = "/api/copy", .body = hl_buf_str(&body)};
    if (st >= 0) st = ask_only(c, HL_STR(""), &ask, err);
    hl_buf_deinit(&body);
    return st;
}

hl_status hl_client_delete(hl_client *c, hl_str model, hl_error *err) {
    hl_buf body;
    begin_body(&body, model);
    hl_buf_append_char(&body, '}');
    hl_status st = hl_buf_status(&body, "the request", err);
    hl_http_ask ask = {.method = "DELETE", .path = "/api/delete", .body = hl_buf_str(&body)};
    if (st >= 0) st = ask_only(c, HL_STR(""), &ask, err);
    hl_buf_deinit(&body);
    return st;
}

hl_status hl_client_create(hl_client *c, hl_str from, hl_str body, hl_error *err) {
    hl_http_ask ask = {.method = "POST", .path = "/api/create", .body = body};
    return ask_only(c, from, &ask, err);
}

hl_status hl_client_watch(hl_client *c, hl_str from, const char *path, hl_str body,
                          hl_client_line_fn *take, void *arg, hl_error *err) {
    hl_http_client *http;
    atomic_store(&c->cancelled, false);
    HL_TRY(choose(c, from, &http, err));
    hl_http_ask ask = {.method = "POST", .path = path, .body = body};
    atomic_store(&c->asked, http);
    hl_status st = atomic_load(&c->cancelled)
                       ? hl_fail(err, HL_ECANCELLED, "client", "cancelled")
                       : hl_http_client_stream(http, &ask, HL_HTTP_NDJSON, take, arg, err);
    atomic_store(&c->asked, NULL);
    return st < 0 ? refine(http, st, err) : st;
}

/* -- blobs ------------------------------------------------------------------------------------- */

hl_status hl_client_find(hl_client *c, hl_client_place *ret, hl_error *err) {
    HL_TRY(look(c, err));
    *ret = !c->running ? HL_CLIENT_OURS : c->loopback ? HL_CLIENT_HERE : HL_CLIENT_ELSEWHERE;
    return HL_OK;
}

static void blob_path(const char *digest, char ret[128]) {
    int len = snprintf(ret, 128, "/api/blobs/%s", digest);
    HL_ASSERT(len > 0 && len < 128);
}

hl_status hl_client_has_blob(hl_client *c, const char *digest, bool *ret, hl_error *err) {
    char path[128];
    blob_path(digest, path);
    hl_http_ask ask = {.method = "HEAD", .path = path};
    hl_status st = ask_only(c, HL_STR(""), &ask, err);
    *ret = st >= 0;
    return st == HL_ENOTFOUND ? HL_OK : st;
}

hl_status hl_client_send_blob(hl_client *c, const char *digest, hl_bytes data,
                              void (*sent)(void *arg, uint64_t bytes), void *arg, hl_error *err) {
    char path[128];
    hl_http_client *http;
    hl_buf answer;
    blob_path(digest, path);
    HL_TRY(choose(c, HL_STR(""), &http, err));
    hl_http_ask ask = {.method = "POST",
                       .path = path,
                       .body = {(const char *)data.ptr, data.len},
                       .on_sent = sent,
                       .sent_arg = arg};
    hl_buf_init(&answer, 0);
    atomic_store(&c->asked, http);
    hl_status st = atomic_load(&c->cancelled) ? hl_fail(err, HL_ECANCELLED, "client", "cancelled")
                                              : hl_http_client_fetch(http, &ask, &answer, err);
    atomic_store(&c->asked, NULL);
    hl_buf_deinit(&answer);
    return st < 0 ? refine(http, st, err) : st;
}

hl_status hl_client_embed(hl_client *c, hl_str model, hl_str body, struct json_object **ret,
                          hl_error *err) {
    hl_http_ask ask = {.method = "POST", .path = "/api/embed", .body = body};
    return ask_json(c, model, &ask, ret, err);
}
