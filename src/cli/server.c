#include "cli/server.h"

#include "api/api.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/address.h"
#include "serve/gate.h"
#include "store/catalog_db.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 108 }; /* what a Unix socket's name may have */

struct hl__server {
    hl_gate *gate;
    hl_hub *hub;
    hl_api *api;
    hl_http_server *http;
    bool loopback_only;
    hl_http_address addresses[HL_HTTP_LISTENERS_MAX];
    hl_http_listener listeners[HL_HTTP_LISTENERS_MAX];
    size_t n_listeners;
    char socket_path[PATH_BYTES], directory[PATH_BYTES]; /* of an own server; "": none */
};

/* -- where it listens -------------------------------------------------------------------------- */

static hl_status add_listener(hl__server *s, const hl_http_listener *l, hl_error *err) {
    if (s->n_listeners == HL_HTTP_LISTENERS_MAX)
        return hl_fail(err, HL_EINVAL, "serve", "more than %d addresses to listen on",
                       HL_HTTP_LISTENERS_MAX);
    s->listeners[s->n_listeners++] = *l;
    return HL_OK;
}

static hl_status add_address(hl__server *s, hl_str text, const hl_settings *settings,
                             hl_error *err) {
    hl_http_address at;
    HL_TRY(hl_http_address_parse(text, &at, err));
    s->loopback_only = s->loopback_only && hl_http_is_loopback(at.host);
    hl_http_address *kept = &s->addresses[s->n_listeners % HL_HTTP_LISTENERS_MAX];
    hl_http_listener l = {.address = kept->host,
                          .port = at.port,
                          .tls_cert = settings->tls_cert[0] ? settings->tls_cert : NULL,
                          .tls_key = settings->tls_key[0] ? settings->tls_key : NULL};
    HL_TRY(add_listener(s, &l, err));
    *kept = at;
    return HL_OK;
}

static hl_status read_addresses(hl__server *s, const hl_settings *settings, hl_error *err) {
    hl_str list = hl_str_from(settings->host), entry;
    s->loopback_only = true;
    for (size_t at = 0; hl_list_next(list, &at, &entry);)
        HL_TRY(add_address(s, entry, settings, err));
    if (s->n_listeners == 0) HL_TRY(add_address(s, HL_STR(""), settings, err));
    if (!settings->socket[0]) return HL_OK;
    return add_listener(s, &(hl_http_listener){.socket_path = settings->socket}, err);
}

/* In the user's run-time directory, or in a new one that nobody else can enter. */
static hl_status own_socket(hl__server *s, hl_error *err) {
    const char *place = getenv("XDG_RUNTIME_DIR");
    struct stat st;
    bool good = place && place[0] == '/' && stat(place, &st) == 0 && S_ISDIR(st.st_mode) &&
                st.st_uid == geteuid() && (st.st_mode & 0077) == 0 &&
                strlen(place) + 40 < sizeof s->socket_path;
    if (!good) {
        (void)snprintf(s->directory, sizeof s->directory, "/tmp/hyperllama-XXXXXX");
        place = mkdtemp(s->directory);
        if (!place) {
            s->directory[0] = '\0';
            return hl_fail(err, HL_EIO, "serve", "cannot make a directory in /tmp: %s",
                           strerror(errno));
        }
    }
    (void)snprintf(s->socket_path, sizeof s->socket_path, "%.67s/hyperllama-%ld.sock", place,
                   (long)getpid());
    return add_listener(s, &(hl_http_listener){.socket_path = s->socket_path}, err);
}

/* -- who may come ------------------------------------------------------------------------------ */

static hl_status fail_open(const hl_settings *settings, hl_error *err) {
    return hl_fail(
        err, HL_EUNSUPPORTED, "serve",
        "%.80s: listening beyond this machine needs a key: make one with `hyperllama key "
        "create`, or say --no-auth to let everybody in",
        settings->host);
}

/* This machine's own users need a key as soon as there is one, others always. */
static hl_status open_gate(hl__server *s, const hl_settings *settings, hl_error *err) {
    char path[4096];
    hl_key_limits limits = {.per_minute = (uint32_t)settings->key_requests_per_minute,
                            .at_once = (uint32_t)settings->key_requests_at_once};
    if (settings->no_auth) return HL_OK;
    if (!hl_keys_path(path, sizeof path))
        return s->loopback_only ? HL_OK : fail_open(settings, err);
    HL_TRY(hl_gate_open(path, s->loopback_only ? HL_GATE_IF_ANY : HL_GATE_ALWAYS, limits, &s->gate,
                        err));
    if (s->loopback_only || hl_gate_has_keys(s->gate)) return HL_OK;
    return fail_open(settings, err);
}

/* -- start and end ----------------------------------------------------------------------------- */

/* Each connection takes a descriptor; the soft limit is often 1024. */
static void raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static hl_status start_hub(hl__server *s, const hl_settings *settings, hl_error *err) {
    hl_hub_config config = {.seqs_max = (uint32_t)settings->num_parallel,
                            .queue_max = (uint32_t)settings->max_queue,
                            .models_max = (uint32_t)settings->max_loaded_models,
                            .ctx_default = (uint32_t)settings->context_length,
                            .pool_percent = (uint32_t)settings->kv_memory_percent,
                            .memory_bytes = settings->memory_limit,
                            .keep_ns = settings->keep_alive};
    return hl_hub_open(&config, &s->hub, err);
}

static hl_status start_api(hl__server *s, const hl__server_config *config, hl_error *err) {
    char remember[4096];
    hl_api_config api = {.hub = s->hub,
                         .settings = config->settings,
                         .gate = s->gate,
                         .allow_paths = config->own,
                         .loopback_only = s->loopback_only};
    if (hl_catalog_db_path(remember, sizeof remember)) api.remember = remember;
    return hl_api_create(&api, &s->api, err);
}

static hl_status start_http(hl__server *s, const hl_settings *settings, hl_error *err) {
    hl_http_config config = {.listeners = s->listeners,
                             .n_listeners = s->n_listeners,
                             .connections_max = (uint32_t)settings->max_connections,
                             .on_head = hl_api_head,
                             .body_max = hl_api_body_max,
                             .handle = hl_api_handle,
                             .on_done = hl_api_done,
                             .arg = s->api};
    raise_descriptor_limit();
    return hl_http_open(&config, &s->http, err);
}

static void log_listening(const hl__server *s) {
    for (size_t i = 0; i < s->n_listeners; i++) {
        const hl_http_listener *l = &s->listeners[i];
        if (l->address)
            hl_log(HL_LOG_INFO, NULL, "msg=\"listening\" address=%s port=%u tls=%s version=%s",
                   l->address, hl_http_port_of(s->http, i), l->tls_cert ? "true" : "false",
                   HL_VERSION);
        else
            hl_log(HL_LOG_INFO, NULL, "msg=\"listening\" socket=\"%s\" version=%s", l->socket_path,
                   HL_VERSION);
    }
}

static hl_status start(hl__server *s, const hl__server_config *config, hl_error *err) {
    HL_TRY(config->own ? own_socket(s, err) : read_addresses(s, config->settings, err));
    if (config->own)
        s->loopback_only = true;
    else
        HL_TRY(open_gate(s, config->settings, err));
    HL_TRY(start_hub(s, config->settings, err));
    HL_TRY(start_api(s, config, err));
    HL_TRY(start_http(s, config->settings, err));
    if (!config->own) log_listening(s);
    return HL_OK;
}

hl_status hl__server_start(const hl__server_config *config, hl__server **ret, hl_error *err) {
    HL_ASSERT(config->settings && config->settings->texts);
    hl__server *s = hl_calloc(1, sizeof *s);
    if (!s) return hl_fail(err, HL_ENOMEM, "serve", "no memory");
    hl_status st = start(s, config, err);
    if (st < 0)
        hl__server_stop(s);
    else
        *ret = s;
    return st;
}

void hl__server_stop(hl__server *s) {
    if (!s) return;
    hl_http_close(s->http);
    hl_hub_close(s->hub);
    hl_api_destroy(s->api);
    hl_gate_close(s->gate);
    if (s->directory[0]) (void)rmdir(s->directory);
    hl_free(s);
}

const char *hl__server_socket_path(const hl__server *s) {
    return s->socket_path[0] ? s->socket_path : NULL;
}

unsigned hl__server_port(const hl__server *s) {
    return hl_http_port(s->http);
}

size_t hl__server_n_open(hl__server *s) {
    return hl_http_n_open(s->http);
}

void hl__server_quiesce(hl__server *s) {
    hl_http_quiesce(s->http);
    hl_api_quiesce(s->api);
}

void hl__server_cancel(hl__server *s) {
    hl_hub_stop(s->hub);
}
