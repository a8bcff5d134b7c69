#include "http/transfer.h"

#include "base/clock.h"
#include "base/mem.h"
#include "http/proxy.h"
#include "http/reach.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>

enum { CONNECT_MS = 15000, BUFFER_BYTES = 256 << 10, SHOWN_URL_MAX = 200 };

/* One request on its way. */
typedef struct hl_http_line {
    hl_http_pool *pool;
    hl_http_task *task;
    CURL *easy;
    struct curl_slist *headers;
    bool refused; /* an address was */
    char curl_text[CURL_ERROR_SIZE];
    char url[SHOWN_URL_MAX + 1];
} hl_http_line;

struct hl_http_pool {
    hl_http_pool_config config;
    char *ca_file; /* owned, or NULL */
    CURLM *multi;
    hl_http_proxies proxies; /* whose addresses may be anything */
};

/* -- the pool ---------------------------------------------------------------------------------- */

static void start_curl(void) {
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

hl_status hl_http_pool_open(const hl_http_pool_config *config, hl_http_pool **ret, hl_error *err) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, start_curl);
    hl_http_pool *p = hl_calloc(1, sizeof *p);
    if (!p) return hl_fail(err, HL_ENOMEM, "http", "no memory for transfers");
    p->config = *config;
    bool has_ca = config->ca_file && config->ca_file[0];
    p->ca_file = has_ca ? hl_strdup(config->ca_file) : NULL;
    p->multi = curl_multi_init();
    if (!p->multi || (has_ca && !p->ca_file)) {
        hl_http_pool_close(p);
        return hl_fail(err, HL_ENOMEM, "http", "no memory for transfers");
    }
    if (config->public_only) hl_http_proxies_find(&p->proxies);
    *ret = p;
    return HL_OK;
}

void hl_http_pool_close(hl_http_pool *p) {
    if (!p) return;
    if (p->multi) (void)curl_multi_cleanup(p->multi);
    hl_free(p->ca_file);
    hl_free(p);
}

/* -- what curl asks ---------------------------------------------------------------------------- */

/* The last moment before a connection is made: this is the address that it goes to. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *at) {
    hl_http_line *l = arg;
    (void)purpose;
    if (l->pool->config.public_only && !hl_address_is_public(&at->addr) &&
        !hl_http_proxies_have(&l->pool->proxies, &at->addr)) {
        l->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(at->family, at->socktype | SOCK_CLOEXEC, at->protocol);
}

static int read_http(hl_http_line *l) {
    long http = 0;
    (void)curl_easy_getinfo(l->easy, CURLINFO_RESPONSE_CODE, &http);
    return (int)http;
}

static size_t take_bytes(char *bytes, size_t size, size_t n, void *arg) {
    hl_http_line *l = arg;
    hl_http_task *t = l->task;
    hl_bytes piece = {(const uint8_t *)bytes, size * n};
    t->moved_ns = hl_clock_ns();
    t->http = read_http(l);
    if (t->http < 200 || t->http > 299) {
        size_t room = HL_HTTP_TASK_TEXT_MAX - t->text.len;
        hl_buf_append(&t->text, bytes, piece.len < room ? piece.len : room);
        return piece.len;
    }
    if (t->take) t->status = t->take(t, piece);
    return t->status < 0 ? CURL_WRITEFUNC_ERROR : piece.len;
}

static size_t give_bytes(char *out, size_t size, size_t n, void *arg) {
    hl_http_line *l = arg;
    size_t given = 0;
    l->task->moved_ns = hl_clock_ns();
    l->task->status = l->task->give(l->task, out, size * n, &given);
    return l->task->status < 0 ? CURL_READFUNC_ABORT : given;
}

/* -- a task ------------------------------------------------------------------------------------ */

static bool set_long(hl_http_line *l, CURLoption option, long value) {
    return curl_easy_setopt(l->easy, option, value) == CURLE_OK;
}

static bool set_ptr(hl_http_line *l, CURLoption option, const void *value) {
    return curl_easy_setopt(l->easy, option, value) == CURLE_OK;
}

static bool set_headers(hl_http_line *l) {
    const char *const *lines = l->task->headers;
    for (size_t i = 0; i <= HL_HTTP_TASK_HEADERS_MAX; i++) {
        const char *line = i > 0 ? lines[i - 1] : "Expect:"; /* no waiting for leave to send */
        if (!line) break;
        struct curl_slist *more = curl_slist_append(l->headers, line);
        if (!more) return false;
        l->headers = more;
    }
    return set_ptr(l, CURLOPT_HTTPHEADER, l->headers);
}

static bool set_method(hl_http_line *l) {
    const hl_http_task *t = l->task;
    if (strcmp(t->method, "HEAD") == 0) return set_long(l, CURLOPT_NOBODY, 1);
    if (!t->give && strcmp(t->method, "GET") == 0) return set_long(l, CURLOPT_HTTPGET, 1);
    if (!t->give)
        return set_ptr(l, CURLOPT_POSTFIELDS, "") && set_long(l, CURLOPT_POSTFIELDSIZE, 0) &&
               set_ptr(l, CURLOPT_CUSTOMREQUEST, t->method);
    return set_long(l, CURLOPT_UPLOAD, 1) &&
           curl_easy_setopt(l->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)t->give_bytes) ==
               CURLE_OK &&
           curl_easy_setopt(l->easy, CURLOPT_READFUNCTION, give_bytes) == CURLE_OK &&
           set_ptr(l, CURLOPT_READDATA, l) && set_ptr(l, CURLOPT_CUSTOMREQUEST, t->method);
}

static bool configure(hl_http_line *l) {
    const hl_http_pool *p = l->pool;
    long connect_ms = p->config.connect_ms ? (long)p->config.connect_ms : CONNECT_MS;
    return set_ptr(l, CURLOPT_URL, l->task->url) && set_long(l, CURLOPT_NOSIGNAL, 1) &&
           set_long(l, CURLOPT_FOLLOWLOCATION, 0) && set_long(l, CURLOPT_TCP_KEEPALIVE, 1) &&
           set_long(l, CURLOPT_BUFFERSIZE, BUFFER_BYTES) &&
           set_long(l, CURLOPT_UPLOAD_BUFFERSIZE, BUFFER_BYTES) &&
           set_long(l, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1) &&
           set_long(l, CURLOPT_CONNECTTIMEOUT_MS, connect_ms) &&
           set_ptr(l, CURLOPT_PROTOCOLS_STR, p->config.https_only ? "https" : "http,https") &&
           set_ptr(l, CURLOPT_USERAGENT, "hyperllama/" HL_VERSION) &&
           (!p->ca_file || set_ptr(l, CURLOPT_CAINFO, p->ca_file)) &&
           curl_easy_setopt(l->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
           set_ptr(l, CURLOPT_OPENSOCKETDATA, l) &&
           curl_easy_setopt(l->easy, CURLOPT_WRITEFUNCTION, take_bytes) == CURLE_OK &&
           set_ptr(l, CURLOPT_WRITEDATA, l) && set_ptr(l, CURLOPT_ERRORBUFFER, l->curl_text) &&
           set_ptr(l, CURLOPT_PRIVATE, l) && set_headers(l) && set_method(l);
}

static void drop_line(hl_http_line *l) {
    if (!l) return;
    if (l->easy) curl_easy_cleanup(l->easy);
    curl_slist_free_all(l->headers);
    hl_free(l);
}

hl_status hl_http_pool_begin(hl_http_pool *p, hl_http_task *t, hl_error *err) {
    HL_ASSERT(t->method && t->url && !t->line);
    hl_http_line *l = hl_calloc(1, sizeof *l);
    if (!l) return hl_fail(err, HL_ENOMEM, "http", "no memory for a request");
    l->pool = p;
    l->task = t;
    l->easy = curl_easy_init();
    hl_str url = hl_str_slice(hl_str_from(t->url), 0, SHOWN_URL_MAX);
    memcpy(l->url, url.ptr, url.len);
    t->status = HL_OK;
    t->http = 0;
    t->unreachable = false;
    t->moved_ns = hl_clock_ns();
    if (!l->easy || !configure(l) || curl_multi_add_handle(p->multi, l->easy) != CURLM_OK) {
        drop_line(l);
        return hl_fail(err, HL_ENOMEM, "http", "no memory for a request");
    }
    hl_buf_init(&t->text, HL_HTTP_TASK_TEXT_MAX);
    t->line = l;
    return HL_OK;
}

void hl_http_task_end(hl_http_pool *p, hl_http_task *t) {
    if (!t->line) return;
    (void)curl_multi_remove_handle(p->multi, t->line->easy);
    drop_line(t->line);
    hl_buf_deinit(&t->text);
    t->line = NULL;
}

const char *hl_http_task_header(const hl_http_task *t, const char *name) {
    struct curl_header *header;
    HL_ASSERT(t->line);
    CURLHcode code = curl_easy_header(t->line->easy, name, 0, CURLH_HEADER, -1, &header);
    return code == CURLHE_OK ? header->value : "";
}

const char *hl_http_task_redirect(const hl_http_task *t) {
    char *url = NULL;
    HL_ASSERT(t->line);
    (void)curl_easy_getinfo(t->line->easy, CURLINFO_REDIRECT_URL, &url);
    return url;
}

/* -- steps ------------------------------------------------------------------------------------- */

/* "Get", "Head", as Go's client writes it. */
static const char *shown_method(const hl_http_line *l) {
    static const char *const names[] = {"Get", "Head", "Post", "Put", "Patch"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(names[i], l->task->method) == 0) return names[i];
    return l->task->method;
}

static hl_status fail_unreachable(hl_http_line *l, const char *why, hl_error *err) {
    l->task->unreachable = true;
    return hl_fail(err, HL_EREMOTE, "http", "%s \"%s\": %s", shown_method(l), l->url, why);
}

/* In the words of Ollama's, for those that look for them. */
static hl_status judge(hl_http_line *l, CURLcode code, hl_error *err) {
    const char *why = l->curl_text[0] ? l->curl_text : curl_easy_strerror(code);
    const char *method = shown_method(l);
    if (l->refused && code != CURLE_OK)
        return hl_fail(err, HL_EINVAL, "http",
                       "%s \"%s\": the address is not a public one (allow it with insecure, or "
                       "HYPERLLAMA_ALLOW_PRIVATE=1)",
                       method, l->url);
    switch (code) {
    case CURLE_OK: return HL_OK;
    case CURLE_OUT_OF_MEMORY: return hl_fail(err, HL_ENOMEM, "http", "no memory for a request");
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY: {
        char text[CURL_ERROR_SIZE + 32];
        hl_str host = hl_str_from(why);
        size_t colon = hl_str_find(host, HL_STR(": "), 0);
        if (colon != SIZE_MAX) host = hl_str_slice(host, colon + 2, host.len);
        snprintf(text, sizeof text, "dial tcp: lookup %.*s: no such host", HL_STR_ARG(host));
        return fail_unreachable(l, text, err);
    }
    case CURLE_COULDNT_CONNECT: return fail_unreachable(l, why, err);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return hl_fail(err, HL_EINVAL, "http", "%s \"%s\": %s", method, l->url, why);
    default: return hl_fail(err, HL_EREMOTE, "http", "%s \"%s\": %s", method, l->url, why);
    }
}

static hl_http_task *next_over(hl_http_pool *p) {
    int left;
    void *private = NULL;
    CURLMsg *m = curl_multi_info_read(p->multi, &left);
    if (!m) return NULL;
    CURLcode code = m->data.result;
    (void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&private);
    hl_http_line *l = private;
    hl_http_task *t = l->task;
    t->http = read_http(l);
    if (t->status >= 0) t->status = judge(l, code, &t->error);
    return t;
}

hl_status hl_http_pool_step(hl_http_pool *p, uint32_t wait_ms, hl_http_task **ret, hl_error *err) {
    int running;
    *ret = next_over(p);
    if (*ret) return HL_OK;
    CURLMcode m = curl_multi_perform(p->multi, &running);
    *ret = next_over(p);
    if (*ret) return HL_OK;
    if (m == CURLM_OK) m = curl_multi_poll(p->multi, NULL, 0, (int)wait_ms, NULL);
    if (m == CURLM_OK) m = curl_multi_perform(p->multi, &running);
    if (m != CURLM_OK) return hl_fail(err, HL_EREMOTE, "http", "%s", curl_multi_strerror(m));
    *ret = next_over(p);
    return HL_OK;
}
