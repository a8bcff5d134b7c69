#include "http/server.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "http/address.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    UNREAD_MAX = 8 << 20,
    IDLE_S = 120,
    HEADERS_MAX = 16,
    PIECE_BYTES = 16 << 10,
    CONNECTION_BYTES = 64 << 10, /* of libmicrohttpd's pool: a head must fit */
    CONNECTIONS_MAX = 1000,
    BACKLOG = 512,
    DRAINED_MAX = 1 << 30, /* of a body that is refused */
    WATCH_EVENTS = 16
};

static const uint64_t CLOSE_WAIT_NS = 5000000000u, CLOSE_POLL_NS = 2000000u;

typedef struct header {
    char *name, *value; /* owned */
} header;

struct hl_http_exchange {
    hl_http_server *server;
    struct hl_http_exchange *next; /* of the server's list, under its lock */
    uint64_t id;
    char *method, *path;               /* owned */
    struct MHD_Connection *connection; /* valid in the server's thread's callbacks */
    hl_buf body;
    bool handed; /* of the server's thread */

    pthread_mutex_t lock; /* for what follows; taken before libmicrohttpd's own */
    unsigned refs;        /* the connection's and the handler's */
    bool begun;           /* status and headers are there */
    bool whole;           /* the answer is out, all of it */
    bool ended, broken;   /* no more pieces will come; the connection is to be broken off */
    bool gone;            /* the client has left, or is given up */
    bool suspended, finished;
    bool watched; /* fd is in the epoll, and open until finished */
    int fd;
    int status;
    const char *content_type;
    header headers[HEADERS_MAX];
    size_t n_headers;
    hl_buf out; /* [out_at …] waits for the client */
    size_t out_at;
    hl_http_leave_fn *on_leave;
    void *leave_arg;
};

struct hl_http_server {
    hl_http_config config;
    struct MHD_Daemon *daemon;
    uint16_t port;
    int listen_fd, epoll_fd, stop_fd;
    hl_thread watcher;
    bool watching, quiesced;
    pthread_mutex_t lock; /* for the list; taken before an exchange's */
    hl_http_exchange *open;
    size_t n_open;
    uint64_t next_id;
};

/* -- exchanges --------------------------------------------------------------------------------- */

static void destroy(hl_http_exchange *x) {
    for (size_t i = 0; i < x->n_headers; i++) {
        hl_free(x->headers[i].name);
        hl_free(x->headers[i].value);
    }
    hl_buf_deinit(&x->body);
    hl_buf_deinit(&x->out);
    hl_free(x->method);
    hl_free(x->path);
    pthread_mutex_destroy(&x->lock);
    hl_free(x);
}

/* Called with the lock held, which it releases. */
static void unlock_release(hl_http_exchange *x) {
    HL_ASSERT(x->refs > 0);
    bool last = --x->refs == 0;
    pthread_mutex_unlock(&x->lock);
    if (last) destroy(x);
}

static hl_http_exchange *create(hl_http_server *s, struct MHD_Connection *c, const char *method,
                                const char *path) {
    hl_http_exchange *x = hl_calloc(1, sizeof *x);
    if (!x) return NULL;
    x->server = s;
    x->connection = c;
    x->refs = 1;
    x->fd = -1;
    hl_buf_init(&x->body, 0);
    hl_buf_init(&x->out, 0);
    pthread_mutex_init(&x->lock, NULL);
    x->method = hl_strdup(method);
    x->path = hl_strdup(path);
    if (!x->method || !x->path) {
        destroy(x);
        return NULL;
    }
    pthread_mutex_lock(&s->lock);
    x->id = ++s->next_id;
    x->next = s->open;
    s->open = x;
    s->n_open++;
    pthread_mutex_unlock(&s->lock);
    return x;
}

static void unlink_exchange(hl_http_server *s, hl_http_exchange *x) {
    pthread_mutex_lock(&s->lock);
    hl_http_exchange **at = &s->open;
    while (*at && *at != x) at = &(*at)->next;
    HL_ASSERT(*at == x && s->n_open > 0);
    *at = x->next;
    s->n_open--;
    pthread_mutex_unlock(&s->lock);
}

/* With the lock held: the server's thread is to look at the connection again. */
static void wake(hl_http_exchange *x) {
    if (!x->suspended) return;
    x->suspended = false;
    MHD_resume_connection(x->connection);
}

/* With the lock held.  Shut down, the socket wakes libmicrohttpd also where it waits for a client
 * that does not read. */
static void give_up(hl_http_exchange *x) {
    x->gone = true;
    if (x->watched && !x->finished) (void)shutdown(x->fd, SHUT_RDWR);
    wake(x);
}

/* With the lock held. */
static void leave(hl_http_exchange *x) {
    if (x->gone || x->finished) return;
    hl_http_leave_fn *fn = x->on_leave;
    x->on_leave = NULL;
    if (fn) fn(x->leave_arg);
    give_up(x);
}

/* -- the request ------------------------------------------------------------------------------- */

const char *hl_http_method(const hl_http_exchange *x) {
    return x->method;
}

const char *hl_http_path(const hl_http_exchange *x) {
    return x->path;
}

const char *hl_http_header(const hl_http_exchange *x, const char *name) {
    HL_ASSERT(x->connection);
    const char *value = MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, name);
    return value ? value : "";
}

hl_str hl_http_body(const hl_http_exchange *x) {
    return hl_buf_str(&x->body);
}

/* -- the answer -------------------------------------------------------------------------------- */

void hl_http_add_header(hl_http_exchange *x, const char *name, const char *value) {
    pthread_mutex_lock(&x->lock);
    HL_ASSERT(!x->begun);
    if (x->n_headers < HEADERS_MAX) {
        header *h = &x->headers[x->n_headers];
        *h = (header){hl_strdup(name), hl_strdup(value)};
        x->n_headers++;
    }
    pthread_mutex_unlock(&x->lock);
}

static void begin(hl_http_exchange *x, int status, const char *content_type) {
    HL_ASSERT(!x->begun && status >= 200 && status < 600);
    x->begun = true;
    x->status = status;
    x->content_type = content_type;
}

void hl_http_answer(hl_http_exchange *x, int status, const char *content_type, hl_str body) {
    pthread_mutex_lock(&x->lock);
    begin(x, status, content_type);
    hl_buf_append_str(&x->out, body);
    x->whole = x->ended = true;
    x->on_leave = NULL;
    if (x->out.failed < 0) x->broken = true;
    wake(x);
    unlock_release(x);
}

void hl_http_begin(hl_http_exchange *x, int status, const char *content_type) {
    pthread_mutex_lock(&x->lock);
    begin(x, status, content_type);
    wake(x);
    pthread_mutex_unlock(&x->lock);
}

bool hl_http_write(hl_http_exchange *x, hl_str bytes) {
    pthread_mutex_lock(&x->lock);
    HL_ASSERT(x->begun && !x->ended);
    size_t unread = x->out.len - x->out_at;
    if (!x->gone && unread + bytes.len > x->server->config.unread_max) give_up(x);
    if (!x->gone) {
        if (x->out_at > 0 && x->out_at >= unread) {
            hl_buf_consume(&x->out, x->out_at);
            x->out_at = 0;
        }
        hl_buf_append_str(&x->out, bytes);
        if (x->out.failed < 0) give_up(x);
        wake(x);
    }
    bool reads = !x->gone;
    pthread_mutex_unlock(&x->lock);
    return reads;
}

void hl_http_end(hl_http_exchange *x, bool complete) {
    pthread_mutex_lock(&x->lock);
    HL_ASSERT(!x->ended);
    x->ended = true;
    x->broken = !complete;
    x->on_leave = NULL;
    wake(x);
    unlock_release(x);
}

void hl_http_on_leave(hl_http_exchange *x, hl_http_leave_fn *fn, void *arg) {
    pthread_mutex_lock(&x->lock);
    HL_ASSERT(!x->ended && !x->on_leave);
    if (x->gone) {
        fn(arg);
    } else {
        x->on_leave = fn;
        x->leave_arg = arg;
    }
    pthread_mutex_unlock(&x->lock);
}

static bool write_framed(hl_http_exchange *x, const char *before, hl_str text, const char *behind) {
    hl_buf b;
    hl_buf_init(&b, 0);
    hl_buf_append_cstr(&b, before);
    hl_buf_append_str(&b, text);
    hl_buf_append_cstr(&b, behind);
    bool reads = b.failed >= 0 && hl_http_write(x, hl_buf_str(&b));
    hl_buf_deinit(&b);
    return reads;
}

bool hl_http_write_sse(hl_http_exchange *x, hl_str data) {
    return write_framed(x, "data: ", data, "\n\n");
}

bool hl_http_write_line(hl_http_exchange *x, hl_str json) {
    return write_framed(x, "", json, "\n");
}

/* -- libmicrohttpd's side ---------------------------------------------------------------------- */

/* With the lock held: the connection sleeps until somebody has something for it. */
static void suspend(hl_http_exchange *x) {
    HL_ASSERT(!x->suspended && !x->gone);
    x->suspended = true;
    MHD_suspend_connection(x->connection);
}

static ssize_t next_piece(void *arg, uint64_t pos, char *to, size_t max) {
    hl_http_exchange *x = arg;
    (void)pos;
    pthread_mutex_lock(&x->lock);
    size_t n = x->out.len - x->out_at;
    ssize_t ret = 0;
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
        suspend(x);
    }
    pthread_mutex_unlock(&x->lock);
    return ret;
}

static struct MHD_Response *make_response(hl_http_exchange *x) {
    struct MHD_Response *r =
        x->whole
            ? MHD_create_response_from_buffer(x->out.len, x->out.len ? x->out.ptr : "",
                                              MHD_RESPMEM_MUST_COPY)
            : MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE_BYTES, next_piece, x, NULL);
    if (!r) return NULL;
    if (x->content_type) MHD_add_response_header(r, "Content-Type", x->content_type);
    for (size_t i = 0; i < x->n_headers; i++)
        if (x->headers[i].name && x->headers[i].value)
            MHD_add_response_header(r, x->headers[i].name, x->headers[i].value);
    return r;
}

static enum MHD_Result queue(hl_http_exchange *x, unsigned status, struct MHD_Response *r) {
    if (!r) return MHD_NO;
    enum MHD_Result done = MHD_queue_response(x->connection, status, r);
    MHD_destroy_response(r);
    return done;
}

/* With the lock held. */
static void watch(hl_http_exchange *x) {
    if (x->watched) return;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        x->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct epoll_event ev = {.events = EPOLLRDHUP | EPOLLONESHOT, .data.u64 = x->id};
    if (!info) return;
    x->fd = info->connect_fd;
    x->watched = epoll_ctl(x->server->epoll_fd, EPOLL_CTL_ADD, x->fd, &ev) == 0;
}

/* The answer as far as there is one. */
static enum MHD_Result deliver(hl_http_exchange *x) {
    pthread_mutex_lock(&x->lock);
    if (!x->ended) watch(x);
    bool begun = x->begun, lost = x->gone || (x->whole && x->broken);
    if (!begun && !lost) suspend(x);
    struct MHD_Response *r = begun && !lost ? make_response(x) : NULL;
    unsigned status = (unsigned)x->status;
    pthread_mutex_unlock(&x->lock);
    if (lost) return MHD_NO;
    return begun ? queue(x, status, r) : MHD_YES;
}

static enum MHD_Result refuse_large(hl_http_exchange *x) {
    static const char text[] = "{\"error\":\"http: request body too large\"}";
    struct MHD_Response *r = MHD_create_response_from_buffer(sizeof text - 1, (void *)(size_t)text,
                                                             MHD_RESPMEM_PERSISTENT);
    if (r) MHD_add_response_header(r, "Content-Type", "application/json; charset=utf-8");
    return queue(x, 413, r);
}

/* The head is there.  A body that is too large is read to its end all the same, and dropped: a
 * client that is still sending would not see the refusal.  Only absurd ones are cut off. */
static enum MHD_Result take_head(hl_http_server *s, struct MHD_Connection *c, const char *method,
                                 const char *path, void **ret) {
    hl_http_exchange *x = create(s, c, method, path);
    if (!x) return MHD_NO;
    *ret = x;
    x->body.bytes_max = s->config.body_max(s->config.arg, method, path);
    if (x->body.bytes_max == 0) x->body.bytes_max = 1;
    const char *length = hl_http_header(x, "Content-Length");
    char *end;
    errno = 0;
    unsigned long long n = strtoull(length, &end, 10);
    if (errno != 0 || n > DRAINED_MAX) return refuse_large(x);
    if (n > x->body.bytes_max) x->body.failed = HL_ELIMIT;
    return MHD_YES;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *path,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_len, void **state) {
    hl_http_server *s = arg;
    hl_http_exchange *x = *state;
    (void)version;
    if (!x) return take_head(s, c, method, path, state);
    if (*upload_len > 0) { /* no answer may be given here */
        hl_buf_append(&x->body, upload, *upload_len);
        *upload_len = 0;
        return MHD_YES;
    }
    if (x->body.failed == HL_ELIMIT) return refuse_large(x);
    if (x->body.failed < 0) return MHD_NO;
    if (!x->handed) {
        x->handed = true;
        x->refs++; /* nobody else knows it yet */
        s->config.handle(s->config.arg, x);
    }
    return deliver(x);
}

static void on_completed(void *arg, struct MHD_Connection *c, void **state,
                         enum MHD_RequestTerminationCode how) {
    hl_http_server *s = arg;
    hl_http_exchange *x = *state;
    (void)c;
    (void)how;
    if (!x) return;
    *state = NULL;
    if (x->watched) epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, x->fd, NULL);
    unlink_exchange(s, x);
    pthread_mutex_lock(&x->lock);
    x->suspended = false;
    if (!x->ended) leave(x);
    x->finished = true;
    x->connection = NULL;
    unlock_release(x);
}

/* -- watching ---------------------------------------------------------------------------------- */

static void client_left(hl_http_server *s, uint64_t id) {
    pthread_mutex_lock(&s->lock);
    hl_http_exchange *x = s->open;
    while (x && x->id != id) x = x->next;
    if (x) pthread_mutex_lock(&x->lock);
    if (x) x->refs++;
    pthread_mutex_unlock(&s->lock);
    if (!x) return;
    if (!x->ended) leave(x); /* what is complete may still be read */
    unlock_release(x);
}

static void watch_clients(void *arg) {
    hl_http_server *s = arg;
    struct epoll_event events[WATCH_EVENTS];
    for (;;) {
        int n = epoll_wait(s->epoll_fd, events, WATCH_EVENTS, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.u64 == 0) return;
            client_left(s, events[i].data.u64);
        }
    }
}

static hl_status start_watching(hl_http_server *s, hl_error *err) {
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    s->stop_fd = eventfd(0, EFD_CLOEXEC);
    struct epoll_event ev = {.events = EPOLLIN};
    if (s->epoll_fd < 0 || s->stop_fd < 0 ||
        epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->stop_fd, &ev) != 0)
        return hl_fail(err, HL_EIO, "http", "cannot watch connections: %s", strerror(errno));
    HL_TRY(hl_thread_start(&s->watcher, watch_clients, s, err));
    s->watching = true;
    return HL_OK;
}

static void stop_watching(hl_http_server *s) {
    uint64_t one = 1;
    if (s->watching && write(s->stop_fd, &one, sizeof one) == sizeof one)
        hl_thread_join(&s->watcher);
    if (s->epoll_fd >= 0) close(s->epoll_fd);
    if (s->stop_fd >= 0) close(s->stop_fd);
}

/* -- open, close ------------------------------------------------------------------------------- */

static hl_status start_listening(hl_http_server *s, hl_error *err) {
    const hl_http_config *c = &s->config;
    struct sockaddr_storage at;
    socklen_t len;
    int on = 1;
    HL_TRY(hl_http_sockaddr(c->address, c->port, &at, &len, err));
    s->listen_fd = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->listen_fd < 0 ||
        setsockopt(s->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(s->listen_fd, (struct sockaddr *)&at, len) != 0 || listen(s->listen_fd, BACKLOG) != 0)
        return hl_fail(err, HL_EIO, "http", "cannot listen on %s port %u: %s", c->address, c->port,
                       strerror(errno));
    if (getsockname(s->listen_fd, (struct sockaddr *)&at, &len) != 0)
        return hl_fail(err, HL_EIO, "http", "getsockname: %s", strerror(errno));
    s->port = hl_http_sockaddr_port(&at);
    return HL_OK;
}

static hl_status start_daemon(hl_http_server *s, hl_error *err) {
    s->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, s->port, NULL,
        NULL, on_request, s, MHD_OPTION_LISTEN_SOCKET, s->listen_fd, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, s, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)s->config.idle_s,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS_MAX, MHD_OPTION_END);
    if (!s->daemon) return hl_fail(err, HL_EIO, "http", "libmicrohttpd does not start");
    s->listen_fd = -1; /* the daemon's now */
    return HL_OK;
}

hl_status hl_http_open(const hl_http_config *config, hl_http_server **ret, hl_error *err) {
    HL_ASSERT(config->address && config->handle && config->body_max);
    hl_http_server *s = hl_calloc(1, sizeof *s);
    if (!s) return hl_fail(err, HL_ENOMEM, "http", "no memory for the server");
    s->config = *config;
    if (s->config.unread_max == 0) s->config.unread_max = UNREAD_MAX;
    if (s->config.idle_s == 0) s->config.idle_s = IDLE_S;
    s->listen_fd = s->epoll_fd = s->stop_fd = -1;
    pthread_mutex_init(&s->lock, NULL);
    hl_status st = start_listening(s, err);
    if (st >= 0) st = start_watching(s, err);
    if (st >= 0) st = start_daemon(s, err);
    if (st < 0) {
        hl_http_close(s);
        return st;
    }
    *ret = s;
    return HL_OK;
}

uint16_t hl_http_port(const hl_http_server *s) {
    return s->port;
}

void hl_http_quiesce(hl_http_server *s) {
    if (s->quiesced) return;
    s->quiesced = true;
    int fd = MHD_quiesce_daemon(s->daemon);
    if (fd >= 0) close(fd);
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
        leave(x);
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
    if (s->daemon) {
        hl_http_quiesce(s);
        end_exchanges(s);
        MHD_stop_daemon(s->daemon);
    }
    stop_watching(s);
    if (s->listen_fd >= 0) close(s->listen_fd);
    pthread_mutex_destroy(&s->lock);
    hl_free(s);
}
