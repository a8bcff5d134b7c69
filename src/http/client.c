#include "http/client.h"

#include "base/json.h"
#include "base/mem.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    CONNECT_MS = 10000,
    BODY_BYTES_MAX = 256 << 20,
    UNIT_BYTES_MAX = 64 << 20,
    ERROR_BYTES_MAX = 64 << 10,
    POLL_MS = 10000, /* whatever happens wakes the poll; this is for nothing */
    ERROR_TEXT_MAX = 400,
};

struct hl_http_client {
    CURLM *multi;
    CURL *easy;
    struct curl_slist *headers;
    char *url;
    int wake; /* eventfd */
    atomic_bool cancelled;
    char curl_text[CURL_ERROR_SIZE];
};

/* One request on its way. */
typedef struct transfer {
    hl_http_client *client;
    hl_buf *body;         /* of a whole answer, or NULL */
    hl_http_lines *lines; /* of a streamed one, or NULL */
    hl_buf error_body;
    hl_status failed; /* of taking the answer: below 0, or HL_DONE */
    hl_error *err;
} transfer;

/* -- opening ----------------------------------------------------------------------------------- */

static void start_curl(void) {
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* A key with a line break in it would be a header of its own. */
static bool is_header_value(const char *text) {
    for (; text && *text; text++)
        if ((unsigned char)*text <= ' ' || (unsigned char)*text >= 0x7f) return false;
    return true;
}

static bool add_header(hl_http_client *c, const char *line) {
    struct curl_slist *more = curl_slist_append(c->headers, line);
    if (more) c->headers = more;
    return more != NULL;
}

/* Without Expect curl would wait for leave to send a large body. */
static bool add_headers(hl_http_client *c, const char *bearer) {
    hl_buf line;
    bool ok = add_header(c, "Content-Type: application/json") && add_header(c, "Expect:");
    if (!ok || !bearer || !bearer[0]) return ok;
    hl_buf_init(&line, 0);
    hl_buf_append_cstr(&line, "Authorization: Bearer ");
    hl_buf_append_cstr(&line, bearer);
    ok = line.failed >= 0 && add_header(c, line.ptr);
    hl_buf_deinit(&line);
    return ok;
}

static bool set_long(hl_http_client *c, CURLoption option, long value) {
    return curl_easy_setopt(c->easy, option, value) == CURLE_OK;
}

static bool set_text(hl_http_client *c, CURLoption option, const char *value) {
    return curl_easy_setopt(c->easy, option, value) == CURLE_OK;
}

static bool configure(hl_http_client *c, const hl_http_client_config *config) {
    long connect_ms = config->connect_ms ? (long)config->connect_ms : CONNECT_MS;
    return set_long(c, CURLOPT_NOSIGNAL, 1) && set_long(c, CURLOPT_FOLLOWLOCATION, 0) &&
           set_long(c, CURLOPT_TCP_KEEPALIVE, 1) &&
           set_long(c, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1) &&
           set_long(c, CURLOPT_CONNECTTIMEOUT_MS, connect_ms) &&
           set_text(c, CURLOPT_PROTOCOLS_STR, "http,https") &&
           set_text(c, CURLOPT_USERAGENT, "hyperllama/" HL_VERSION) &&
           (!config->ca_file || !config->ca_file[0] ||
            set_text(c, CURLOPT_CAINFO, config->ca_file)) &&
           (!config->no_proxy || set_text(c, CURLOPT_NOPROXY, "*")) &&
           (!config->socket_path || set_text(c, CURLOPT_UNIX_SOCKET_PATH, config->socket_path)) &&
           curl_easy_setopt(c->easy, CURLOPT_ERRORBUFFER, c->curl_text) == CURLE_OK &&
           curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->headers) == CURLE_OK;
}

hl_status hl_http_client_open(const hl_http_client_config *config, hl_http_client **ret,
                              hl_error *err) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    HL_ASSERT(config->url);
    if (!is_header_value(config->bearer))
        return hl_fail(err, HL_EINVAL, "http", "the API key has characters that no key has");
    (void)pthread_once(&once, start_curl);
    hl_http_client *c = hl_calloc(1, sizeof *c);
    if (!c) return hl_fail(err, HL_ENOMEM, "http", "no memory for a client");
    atomic_init(&c->cancelled, false);
    c->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    c->multi = curl_multi_init();
    c->easy = curl_easy_init();
    c->url = hl_strdup(config->url);
    if (c->wake >= 0 && c->multi && c->easy && c->url && add_headers(c, config->bearer) &&
        configure(c, config)) {
        *ret = c;
        return HL_OK;
    }
    hl_http_client_close(c);
    return hl_fail(err, HL_ENOMEM, "http", "no memory or descriptors for a client");
}

void hl_http_client_close(hl_http_client *c) {
    if (!c) return;
    if (c->easy) curl_easy_cleanup(c->easy);
    if (c->multi) curl_multi_cleanup(c->multi);
    curl_slist_free_all(c->headers);
    if (c->wake >= 0) close(c->wake);
    hl_free(c->url);
    hl_free(c);
}

void hl_http_client_cancel(hl_http_client *c) {
    int before = errno; /* this may be a signal handler */
    uint64_t one = 1;
    atomic_store(&c->cancelled, true);
    (void)!write(c->wake, &one, sizeof one);
    errno = before;
}

/* -- what the server says ---------------------------------------------------------------------- */

int hl_http_client_status(const hl_http_client *c) {
    long status = 0;
    (void)curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    return (int)status;
}

const char *hl_http_client_header(const hl_http_client *c, const char *name) {
    struct curl_header *header;
    if (curl_easy_header(c->easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK) return "";
    return header->value;
}

static size_t take_bytes(char *bytes, size_t size, size_t n, void *arg) {
    transfer *t = arg;
    hl_str piece = {bytes, size * n};
    HL_ASSERT(t->failed == HL_OK && !t->lines != !t->body);
    if (hl_http_client_status(t->client) >= 400) {
        if (t->error_body.len < ERROR_BYTES_MAX) hl_buf_append_str(&t->error_body, piece);
        return piece.len;
    }
    if (t->lines) {
        t->failed = hl_http_lines_push(t->lines, piece, t->err);
    } else {
        hl_buf_append_str(t->body, piece);
        t->failed = hl_buf_status(t->body, "the server's answer", t->err);
    }
    return t->failed == HL_OK ? piece.len : CURL_WRITEFUNC_ERROR;
}

static bool find_error(struct json_object *o, hl_str *ret) {
    struct json_object *error;
    if (!json_object_is_type(o, json_type_object) || !json_object_object_get_ex(o, "error", &error))
        return false;
    if (json_object_is_type(error, json_type_object) &&
        !json_object_object_get_ex(error, "message", &error))
        return false;
    if (!json_object_is_type(error, json_type_string)) return false;
    *ret = (hl_str){json_object_get_string(error), (size_t)json_object_get_string_len(error)};
    return true;
}

hl_status hl_http_fail_by(struct json_object *o, hl_status st, hl_error *err) {
    struct json_object *inner = NULL;
    hl_str text;
    if (!find_error(o, &text)) return HL_OK;
    /* It may be the whole JSON of a server behind the server. */
    if (hl_str_starts(text, HL_STR("{")) && hl_json_parse(text, &inner, NULL) >= 0)
        (void)find_error(inner, &text);
    st = hl_fail(err, st, "http", "%.*s", HL_STR_ARG(hl_str_slice(text, 0, ERROR_TEXT_MAX)));
    json_object_put(inner);
    return st;
}

static hl_status status_of(int http) {
    switch (http) {
    case 404: return HL_ENOTFOUND;
    case 429:
    case 503: return HL_EBUSY;
    case 405:
    case 501: return HL_EUNSUPPORTED;
    default: return http < 500 && http != 499 ? HL_EINVAL : HL_EREMOTE;
    }
}

static hl_status fail_http(const transfer *t, hl_error *err) {
    int http = hl_http_client_status(t->client);
    hl_str body = hl_buf_str(&t->error_body);
    struct json_object *o = NULL;
    hl_status st = HL_OK;
    if (hl_json_parse(body, &o, NULL) >= 0) st = hl_http_fail_by(o, status_of(http), err);
    json_object_put(o);
    if (st < 0) return st;
    hl_str line = hl_str_slice(body, 0, hl_str_find(body, HL_STR("\n"), 0));
    if (line.len == 0)
        return hl_fail(err, status_of(http), "http", "the server answered with status %d", http);
    return hl_fail(err, status_of(http), "http", "%.*s",
                   HL_STR_ARG(hl_str_slice(line, 0, ERROR_TEXT_MAX)));
}

static hl_status fail_curl(const hl_http_client *c, CURLcode code, hl_error *err) {
    const char *text = c->curl_text[0] ? c->curl_text : curl_easy_strerror(code);
    switch (code) {
    case CURLE_OUT_OF_MEMORY: return hl_fail(err, HL_ENOMEM, "http", "no memory for the request");
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return hl_fail(err, HL_EINVAL, "http", "%.200s: %.200s", c->url, text);
    case CURLE_OPERATION_TIMEDOUT:
        return hl_fail(err, HL_EBUSY, "http", "the server at %.200s does not answer in time",
                       c->url);
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return hl_fail(err, HL_EREMOTE, "http",
                       "the server at %.200s ended the connection before its answer was complete",
                       c->url);
    default: return hl_fail(err, HL_EREMOTE, "http", "%.200s: %.200s", c->url, text);
    }
}

/* -- a request --------------------------------------------------------------------------------- */

static bool set_method(hl_http_client *c, const hl_http_ask *ask) {
    (void)set_text(c, CURLOPT_CUSTOMREQUEST, NULL);
    if (strcmp(ask->method, "HEAD") == 0) return set_long(c, CURLOPT_NOBODY, 1);
    if (!set_long(c, CURLOPT_NOBODY, 0) || !set_long(c, CURLOPT_HTTPGET, 1)) return false;
    if (ask->body.len == 0 && strcmp(ask->method, "GET") == 0) return true;
    return curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)ask->body.len) ==
               CURLE_OK &&
           curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, ask->body.ptr) == CURLE_OK &&
           set_text(c, CURLOPT_CUSTOMREQUEST, ask->method);
}

static int tell_sent(void *arg, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                     curl_off_t up) {
    const hl_http_ask *ask = arg;
    (void)down_total;
    (void)down;
    (void)up_total;
    ask->on_sent(ask->sent_arg, up > 0 ? (uint64_t)up : 0);
    return 0;
}

static bool set_watch(hl_http_client *c, const hl_http_ask *ask) {
    if (!ask->on_sent) return set_long(c, CURLOPT_NOPROGRESS, 1);
    return curl_easy_setopt(c->easy, CURLOPT_XFERINFOFUNCTION, tell_sent) == CURLE_OK &&
           curl_easy_setopt(c->easy, CURLOPT_XFERINFODATA, ask) == CURLE_OK &&
           set_long(c, CURLOPT_NOPROGRESS, 0);
}

static hl_status prepare(transfer *t, const hl_http_ask *ask) {
    hl_http_client *c = t->client;
    hl_buf url;
    HL_ASSERT(ask->method && ask->path && ask->path[0] == '/');
    hl_buf_init(&url, 0);
    hl_buf_append_cstr(&url, c->url);
    hl_buf_append_cstr(&url, ask->path);
    bool ok = url.failed >= 0 && set_text(c, CURLOPT_URL, url.ptr) && set_method(c, ask) &&
              set_watch(c, ask) && set_long(c, CURLOPT_TIMEOUT_MS, (long)ask->total_ms) &&
              curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, take_bytes) == CURLE_OK &&
              curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, t) == CURLE_OK;
    hl_buf_deinit(&url);
    return ok ? HL_OK : hl_fail(t->err, HL_ENOMEM, "http", "no memory for the request");
}

/* Until the transfer is over or somebody cancels it. */
static CURLMcode run(hl_http_client *c) {
    struct curl_waitfd wake = {.fd = c->wake, .events = CURL_WAIT_POLLIN};
    for (int running = 1;;) {
        CURLMcode m = curl_multi_perform(c->multi, &running);
        if (m != CURLM_OK || running == 0 || atomic_load(&c->cancelled)) return m;
        m = curl_multi_poll(c->multi, &wake, 1, POLL_MS, NULL);
        if (m != CURLM_OK) return m;
    }
}

/* False: it is not over. */
static bool result(hl_http_client *c, CURLcode *ret) {
    int left;
    CURLMsg *m = curl_multi_info_read(c->multi, &left);
    if (m) *ret = m->data.result;
    return m != NULL;
}

static hl_status judge(transfer *t, bool over, CURLcode code) {
    hl_http_client *c = t->client;
    if (t->failed != HL_OK) return t->failed;
    if (!over) return hl_fail(t->err, HL_ECANCELLED, "http", "cancelled");
    if (code != CURLE_OK) return fail_curl(c, code, t->err);
    int status = hl_http_client_status(c);
    if (status >= 400) return fail_http(t, t->err);
    if (status >= 300)
        return hl_fail(t->err, HL_EREMOTE, "http",
                       "the server at %.200s sends us elsewhere (status %d)", c->url, status);
    return t->lines ? hl_http_lines_end(t->lines, t->err) : HL_OK;
}

static hl_status perform(transfer *t, const hl_http_ask *ask) {
    hl_http_client *c = t->client;
    uint64_t old;
    HL_ASSERT(t->err && !t->lines != !t->body);
    CURLcode code = CURLE_OK;
    (void)!read(c->wake, &old, sizeof old); /* a cancel that came too late for its request */
    atomic_store(&c->cancelled, false);
    c->curl_text[0] = '\0';
    HL_TRY(prepare(t, ask));
    if (curl_multi_add_handle(c->multi, c->easy) != CURLM_OK)
        return hl_fail(t->err, HL_ENOMEM, "http", "no memory for the request");
    hl_buf_init(&t->error_body, 0);
    CURLMcode m = run(c);
    bool over = result(c, &code);
    (void)curl_multi_remove_handle(c->multi, c->easy);
    hl_status st = m == CURLM_OK
                       ? judge(t, over, code)
                       : hl_fail(t->err, HL_EREMOTE, "http", "%s", curl_multi_strerror(m));
    hl_buf_deinit(&t->error_body);
    return st;
}

hl_status hl_http_client_fetch(hl_http_client *c, const hl_http_ask *ask, hl_buf *ret,
                               hl_error *err) {
    hl_error own;
    transfer t = {.client = c, .body = ret, .err = err ? err : &own};
    if (ret->bytes_max == 0) ret->bytes_max = BODY_BYTES_MAX;
    return perform(&t, ask);
}

hl_status hl_http_client_stream(hl_http_client *c, const hl_http_ask *ask, hl_http_framing framing,
                                hl_http_unit_fn *take, void *arg, hl_error *err) {
    hl_error own;
    hl_http_lines lines;
    transfer t = {.client = c, .lines = &lines, .err = err ? err : &own};
    hl_http_lines_init(&lines, framing, UNIT_BYTES_MAX, take, arg);
    hl_status st = perform(&t, ask);
    hl_http_lines_deinit(&lines);
    return st;
}
