#include "http/server.h"

#include "base/clock.h"
#include "base/mem.h"
#include "http/inner.h"

#include <stdio.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    UNREAD_MAX = 8 << 20,
    IDLE_S = 120,
    HEAD_MS = 30000,
    BODY_MS = 60000,
    BODY_RATE = 64 << 10,
    CONNECTIONS_MAX = 4096,
    REQUEST_HEADERS_MAX = 100,
    DESCRIPTORS_KEPT = 128, /* for files, models and ourselves */
    CLOSING_MAX = 256,      /* connections that are shut down and not yet closed */
    PIECE_BYTES = 16 << 10,
    CONNECTION_BYTES = 64 << 10, /* of libmicrohttpd's pool: a head must fit */
    DRAINED_MAX = 1 << 30        /* of a body that is refused */
};
enum { BODY_TOO_LARGE = 413, HEAD_TOO_LARGE = 431 };

static const uint64_t CLOSE_WAIT_NS = 5000000000u, CLOSE_POLL_NS = 2000000u;
static const uint64_t NS_PER_MS = 1000000u, NS_PER_S = 1000000000u;

/* -- connections ------------------------------------------------------------------------------- */

static void set_deadline(hl__connection *c, uint64_t after_ms, uint64_t n_bytes) {
    const hl_http_config *config = &c->listener->server->config;
    uint64_t ns = after_ms * NS_PER_MS + n_bytes / config->body_rate * NS_PER_S;
    atomic_store(&c->deadline_ns, hl_clock_ns() + ns);
}

static void clear_deadline(hl__connection *c) {
    atomic_store(&c->deadline_ns, HL__NO_DEADLINE);
}

static void connection_started(hl__listener *l, struct MHD_Connection *mhd, void **ret) {
    hl_http_server *s = l->server;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    hl__connection *c = info ? hl_calloc(1, sizeof *c) : NULL;
    *ret = c;
    if (!c) return; /* its requests are broken off */
    c->listener = l;
    c->fd = info->connect_fd;
    set_deadline(c, s->config.head_ms, 0);
    atomic_store(&c->waiting_since_ns, hl_clock_ns());
    pthread_mutex_lock(&s->lock);
    c->id = s->next_id++;
    c->next = s->connections;
    if (c->next) c->next->prev = c;
    s->connections = c;
    s->n_connections++;
    pthread_mutex_unlock(&s->lock);
    hl__watch_connection(c);
}

/* The socket is closed behind this. */
static void connection_closed(hl_http_server *s, hl__connection *c) {
    hl__watch_forget(c);
    pthread_mutex_lock(&s->lock);
    HL_ASSERT(s->n_connections > 0);
    s->n_connections--;
    if (c->next) c->next->prev = c->prev;
    if (c->prev)
        c->prev->next = c->next;
    else
        s->connections = c->next;
    pthread_mutex_unlock(&s->lock);
    hl_free(c);
}

static void on_connection(void *arg, struct MHD_Connection *mhd, void **state,
                          enum MHD_ConnectionNotificationCode what) {
    hl__listener *l = arg;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        connection_started(l, mhd, state);
    } else if (*state) {
        connection_closed(l->server, *state);
        *state = NULL;
    }
}

static hl__connection *connection_of(struct MHD_Connection *mhd) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

/* -- answers ----------------------------------------------------------------------------------- */

/* With the exchange's lock held: what is complete must be read in time, too. */
static void hurry(hl_http_exchange *x) {
    if (x->hurried) return;
    x->hurried = true;
    set_deadline(x->at, x->server->config.body_ms, x->out.len - x->out_at);
}

static ssize_t next_piece(void *arg, uint64_t pos, char *to, size_t max) {
    hl_http_exchange *x = arg;
    (void)pos;
    pthread_mutex_lock(&x->lock);
    size_t n = x->out.len - x->out_at;
    ssize_t ret = 0;
    if (x->ended) hurry(x);
    if (x->gone) {
        ret = MHD_CONTENT_READER_END_WITH_ERROR;
    } else if (n > 0) {
        n = n < max ? n : max;
        memcpy(to, x->out.ptr + x->out_at, n);
        x->out_at += n;
        ret = (ssize_t)n;
    } else if (x->ended) {
        ret = x->broken ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        hl__exchange_suspend(x);
    }
    pthread_mutex_unlock(&x->lock);
    return ret;
}

/* libmicrohttpd writes this header itself, by a flag. */
static bool is_keep_alive(const hl__header *h) {
    return strcasecmp(h->name, "Connection") == 0 && strcasecmp(h->value, "keep-alive") == 0;
}

static void add_headers(const hl_http_exchange *x, struct MHD_Response *r) {
    if (x->content_type) MHD_add_response_header(r, "Content-Type", x->content_type);
    for (size_t i = 0; i < x->n_headers; i++) {
        const hl__header *h = &x->headers[i];
        if (!h->name || !h->value) continue;
        if (is_keep_alive(h))
            MHD_set_response_options(r, MHD_RF_SEND_KEEP_ALIVE_HEADER, MHD_RO_END);
        else
            MHD_add_response_header(r, h->name, h->value);
    }
    if (atomic_load(&x->server->quiesced)) MHD_add_response_header(r, "Connection", "close");
}

static struct MHD_Response *make_response(hl_http_exchange *x) {
    struct MHD_Response *r =
        x->whole
            ? MHD_create_response_from_buffer(x->out.len, x->out.len ? x->out.ptr : "",
                                              MHD_RESPMEM_MUST_COPY)
            : MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE_BYTES, next_piece, x, NULL);
    if (r) add_headers(x, r);
    return r;
}

static enum MHD_Result queue(hl_http_exchange *x, unsigned status, struct MHD_Response *r) {
    if (!r) return MHD_NO;
    enum MHD_Result done = MHD_queue_response(x->connection, status, r);
    MHD_destroy_response(r);
    return done;
}

/* The answer as far as there is one. */
static enum MHD_Result deliver(hl_http_exchange *x) {
    pthread_mutex_lock(&x->lock);
    x->awaited = true;
    if (!x->ended && atomic_load(&x->at->left)) hl__exchange_leave(x);
    if (x->whole) hurry(x);
    bool begun = x->begun, lost = x->gone || (x->whole && x->broken);
    if (!begun && !lost) hl__exchange_suspend(x);
    struct MHD_Response *r = begun && !lost ? make_response(x) : NULL;
    unsigned status = (unsigned)x->status;
    pthread_mutex_unlock(&x->lock);
    if (lost) return MHD_NO;
    return begun ? queue(x, status, r) : MHD_YES;
}

static enum MHD_Result refuse(hl_http_exchange *x, unsigned status, const char *text) {
    char body[128];
    int n = snprintf(body, sizeof body, "{\"error\":\"%s\"}", text);
    HL_ASSERT(n > 0 && (size_t)n < sizeof body);
    struct MHD_Response *r = MHD_create_response_from_buffer((size_t)n, body,
                                                             MHD_RESPMEM_MUST_COPY);
    if (r) MHD_add_response_header(r, "Content-Type", "application/json; charset=utf-8");
    set_deadline(x->at, x->server->config.body_ms, 0);
    return queue(x, status, r);
}

static enum MHD_Result refuse_large(hl_http_exchange *x) {
    return refuse(x, BODY_TOO_LARGE, "http: request body too large");
}

/* -- requests ---------------------------------------------------------------------------------- */

/* Digits only; UINT64_MAX: no such number.  Without the header: 0. */
static uint64_t content_length(const hl_http_exchange *x) {
    const char *text = hl_http_header(x, "Content-Length");
    uint64_t n = 0;
    for (const char *c = text; *c; c++) {
        if (*c < '0' || *c > '9' || n > UINT64_MAX / 10 - 1) return UINT64_MAX;
        n = n * 10 + (uint64_t)(*c - '0');
    }
    return n;
}

/* Until its end the body is nobody's but libmicrohttpd's thread's.  A refusal is not sent before
 * the body has been read: a client that is still sending would not see it.  A client that waits to
 * be told "continue" is, and absurd lengths are. */
static enum MHD_Result answer_head(hl_http_exchange *x, uint64_t length) {
    bool waits = hl_http_header(x, "Expect")[0] != '\0';
    bool absurd = length > DRAINED_MAX;
    if (x->too_large && (waits || absurd)) return refuse_large(x);
    pthread_mutex_lock(&x->lock);
    bool answered = x->begun;
    pthread_mutex_unlock(&x->lock);
    if (answered && (waits || absurd)) return deliver(x);
    return MHD_YES;
}

static void ask_about_head(hl_http_server *s, hl_http_exchange *x) {
    pthread_mutex_lock(&s->handling);
    if (s->config.on_head) {
        x->refs++; /* nobody else knows it yet */
        x->entered = true;
        x->sink = s->config.on_head(s->config.arg, x);
        pthread_mutex_lock(&x->lock);
        x->handed = x->begun;
        if (!x->handed) x->refs--;
        pthread_mutex_unlock(&x->lock);
    }
    if (!x->sink && !x->handed)
        x->body.bytes_max = s->config.body_max(s->config.arg, x->method, x->path);
    pthread_mutex_unlock(&s->handling);
    if (x->body.bytes_max == 0) x->body.bytes_max = 1; /* 0 were no limit */
}

static enum MHD_Result take_head(hl_http_server *s, struct MHD_Connection *c, const char *method,
                                 const char *path, void **ret) {
    hl__connection *at = connection_of(c);
    hl_http_exchange *x = at ? hl__exchange_create(s, at, c, method, path) : NULL;
    if (!x) return MHD_NO;
    *ret = x;
    atomic_store(&at->waiting_since_ns, 0);
    set_deadline(at, s->config.body_ms, 0);
    int n_headers = MHD_get_connection_values(c, MHD_HEADER_KIND, NULL, NULL);
    if (n_headers < 0 || (unsigned)n_headers > s->config.headers_max)
        return refuse(x, HEAD_TOO_LARGE, "too many headers");
    ask_about_head(s, x);
    uint64_t length = content_length(x);
    x->too_large = !x->sink && !x->handed && length > x->body.bytes_max;
    return answer_head(x, length);
}

static void take_body(hl_http_exchange *x, const char *bytes, size_t len) {
    const hl_http_config *config = &x->server->config;
    x->received_bytes += len;
    atomic_store(&x->at->deadline_ns, x->head_ns + config->body_ms * NS_PER_MS +
                                          x->received_bytes / config->body_rate * NS_PER_S);
    if (x->handed || x->too_large || x->sink_full) return;
    if (x->sink) {
        x->sink_full = !x->sink->write(x->sink, (hl_str){bytes, len});
        return;
    }
    hl_buf_append(&x->body, bytes, len);
    x->too_large = x->body.failed == HL_ELIMIT;
}

static void hand_over(hl_http_server *s, hl_http_exchange *x) {
    x->handed = true;
    clear_deadline(x->at);
    pthread_mutex_lock(&s->handling);
    x->refs++; /* nobody else knows it yet */
    s->config.handle(s->config.arg, x);
    pthread_mutex_unlock(&s->handling);
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *path,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_len, void **state) {
    hl__listener *l = arg;
    hl_http_exchange *x = *state;
    (void)version;
    if (!x) return take_head(l->server, c, method, path, state);
    if (*upload_len > 0) { /* no answer may be given here */
        take_body(x, upload, *upload_len);
        *upload_len = 0;
        return MHD_YES;
    }
    if (x->too_large) return refuse_large(x);
    if (x->body.failed < 0) return MHD_NO;
    if (!x->handed) hand_over(l->server, x);
    return deliver(x);
}

static void tell_done(hl_http_server *s, hl_http_exchange *x) {
    if (!s->config.on_done) return;
    pthread_mutex_lock(&s->handling);
    s->config.on_done(s->config.arg, x);
    pthread_mutex_unlock(&s->handling);
}

static void on_completed(void *arg, struct MHD_Connection *c, void **state,
                         enum MHD_RequestTerminationCode how) {
    hl__listener *l = arg;
    hl_http_exchange *x = *state;
    const hl_http_config *config = &l->server->config;
    (void)c;
    (void)how;
    if (!x) return;
    *state = NULL;
    hl__connection *at = x->at;
    if (x->entered) tell_done(l->server, x);
    hl__exchange_finish(x);
    set_deadline(at, config->head_ms + config->idle_s * 1000ull, 0);
    atomic_store(&at->waiting_since_ns, hl_clock_ns());
    hl__watch_nudge(at);
}

/* -- open -------------------------------------------------------------------------------------- */

static void fill_defaults(hl_http_config *c) {
    struct rlimit descriptors;
    if (c->unread_max == 0) c->unread_max = UNREAD_MAX;
    if (c->idle_s == 0) c->idle_s = IDLE_S;
    if (c->head_ms == 0) c->head_ms = HEAD_MS;
    if (c->body_ms == 0) c->body_ms = BODY_MS;
    if (c->body_rate == 0) c->body_rate = BODY_RATE;
    if (c->connections_max == 0) c->connections_max = CONNECTIONS_MAX;
    if (c->headers_max == 0) c->headers_max = REQUEST_HEADERS_MAX;
    if (getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return;
    rlim_t spare = descriptors.rlim_cur;
    spare = spare > 2 * DESCRIPTORS_KEPT ? spare - DESCRIPTORS_KEPT : spare / 2;
    if (c->connections_max > spare) c->connections_max = (uint32_t)spare;
}

static struct MHD_Daemon *start_daemon(hl__listener *l, const hl__pem *pem) {
    const hl_http_config *c = &l->server->config;
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME |
                     MHD_USE_NO_LISTEN_SOCKET | (pem ? MHD_USE_TLS : 0);
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, pem ? pem->cert.ptr : NULL},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, pem ? pem->key.ptr : NULL},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(size_t)"NORMAL:-VERS-TLS1.0:-VERS-TLS1.1"},
        {MHD_OPTION_END, 0, NULL}};
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    return MHD_start_daemon(flags, 0, NULL, NULL, on_request, l, MHD_OPTION_NOTIFY_COMPLETED,
                            on_completed, l, MHD_OPTION_NOTIFY_CONNECTION, on_connection, l,
                            MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)c->idle_s,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
                            MHD_OPTION_CONNECTION_LIMIT, (unsigned)c->connections_max + CLOSING_MAX,
                            MHD_OPTION_ARRAY, pem ? tls : none, MHD_OPTION_END);
}

static hl_status start_with_tls(hl__listener *l, const hl_http_listener *config, hl_error *err) {
    hl__pem pem = {0};
    if (MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES)
        return hl_fail(err, HL_EUNSUPPORTED, "http",
                       "this libmicrohttpd was built without TLS: put a TLS proxy in front");
    hl_status st = hl__pem_read(config, &pem, err);
    if (st >= 0) l->daemon = start_daemon(l, &pem);
    hl__pem_deinit(&pem);
    if (st >= 0 && !l->daemon)
        st = hl_fail(
            err, HL_EINVAL, "http",
            "TLS does not start: %.150s and %.150s are malformed or do not belong together",
            config->tls_cert, config->tls_key);
    return st;
}

/* Certificates first: nothing listens with bad ones. */
static hl_status start_listener(hl__listener *l, const hl_http_listener *config, hl_error *err) {
    l->has_tls = config->tls_cert || config->tls_key;
    if (l->has_tls && !(config->tls_cert && config->tls_key))
        return hl_fail(err, HL_EINVAL, "http", "TLS needs both a certificate and a key");
    if (l->has_tls)
        HL_TRY(start_with_tls(l, config, err));
    else if (!(l->daemon = start_daemon(l, NULL)))
        return hl_fail(err, HL_EIO, "http", "libmicrohttpd does not start");
    return hl__listen(l, config, err);
}

static hl_status start(hl_http_server *s, const hl_http_config *config, hl_error *err) {
    for (size_t i = 0; i < config->n_listeners; i++) {
        s->listeners[i] = (hl__listener){.server = s, .index = i, .fd = -1};
        s->n_listeners++;
        HL_TRY(start_listener(&s->listeners[i], &config->listeners[i], err));
    }
    return hl__watch_start(s, err);
}

hl_status hl_http_open(const hl_http_config *config, hl_http_server **ret, hl_error *err) {
    HL_ASSERT(config->handle && config->body_max && config->listeners);
    HL_ASSERT(config->n_listeners > 0 && config->n_listeners <= HL_HTTP_LISTENERS_MAX);
    hl_http_server *s = hl_calloc(1, sizeof *s);
    if (!s) return hl_fail(err, HL_ENOMEM, "http", "no memory for the server");
    s->config = *config;
    s->config.listeners = NULL;
    fill_defaults(&s->config);
    s->epoll_fd = s->stop_fd = -1;
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->handling, NULL);
    hl_status st = start(s, config, err);
    if (st < 0)
        hl_http_close(s);
    else
        *ret = s;
    return st;
}

uint16_t hl_http_port(const hl_http_server *s) {
    for (size_t i = 0; i < s->n_listeners; i++)
        if (!s->listeners[i].is_unix) return s->listeners[i].port;
    return 0;
}

uint16_t hl_http_port_of(const hl_http_server *s, size_t listener) {
    HL_ASSERT(listener < s->n_listeners);
    return s->listeners[listener].port;
}

/* -- close ------------------------------------------------------------------------------------- */

/* The watcher may be about to accept: sockets are closed after its end. */
void hl_http_quiesce(hl_http_server *s) {
    if (atomic_exchange(&s->quiesced, true)) return;
    for (size_t i = 0; i < s->n_listeners; i++) {
        if (s->listeners[i].fd < 0) continue;
        epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, s->listeners[i].fd, NULL);
        (void)shutdown(s->listeners[i].fd, SHUT_RDWR);
    }
}

size_t hl_http_n_open(hl_http_server *s) {
    pthread_mutex_lock(&s->lock);
    size_t n = s->n_open;
    pthread_mutex_unlock(&s->lock);
    return n;
}

static void leave_all(hl_http_server *s) {
    pthread_mutex_lock(&s->lock);
    for (hl_http_exchange *x = s->open; x; x = x->next) {
        pthread_mutex_lock(&x->lock);
        hl__exchange_leave(x);
        pthread_mutex_unlock(&x->lock);
    }
    pthread_mutex_unlock(&s->lock);
}

/* libmicrohttpd must not be stopped while connections are suspended. */
static void end_exchanges(hl_http_server *s) {
    uint64_t until = hl_clock_ns() + CLOSE_WAIT_NS;
    do {
        leave_all(s);
        if (hl_http_n_open(s) == 0) return;
        hl_clock_sleep_ns(CLOSE_POLL_NS);
    } while (hl_clock_ns() < until);
}

void hl_http_close(hl_http_server *s) {
    if (!s) return;
    if (s->watching) {
        hl_http_quiesce(s);
        end_exchanges(s);
    }
    hl__watch_stop(s);
    for (size_t i = 0; i < s->n_listeners; i++) {
        if (s->listeners[i].daemon) MHD_stop_daemon(s->listeners[i].daemon);
        hl__listen_close(&s->listeners[i]);
    }
    if (s->epoll_fd >= 0) close(s->epoll_fd);
    if (s->stop_fd >= 0) close(s->stop_fd);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->handling);
    hl_free(s);
}
