#include "base/clock.h"
#include "base/mem.h"
#include "http/address.h"
#include "http/inner.h"

#include <sys/socket.h>

/* -- life -------------------------------------------------------------------------------------- */

static void destroy(hl_http_exchange *x) {
    for (size_t i = 0; i < x->n_headers; i++) {
        hl_free(x->headers[i].name);
        hl_free(x->headers[i].value);
    }
    if (x->sink) x->sink->destroy(x->sink);
    hl_buf_deinit(&x->body);
    hl_buf_deinit(&x->out);
    hl_free(x->method);
    hl_free(x->path);
    pthread_mutex_destroy(&x->lock);
    hl_free(x);
}

void hl__exchange_unlock_release(hl_http_exchange *x) {
    HL_ASSERT(x->refs > 0);
    bool last = --x->refs == 0;
    pthread_mutex_unlock(&x->lock);
    if (last) destroy(x);
}

hl_http_exchange *hl__exchange_create(hl_http_server *s, hl__connection *at,
                                      struct MHD_Connection *c, const char *method,
                                      const char *path) {
    hl_http_exchange *x = hl_calloc(1, sizeof *x);
    if (!x) return NULL;
    x->server = s;
    x->at = at;
    x->connection = c;
    x->refs = 1;
    x->head_ns = hl_clock_ns();
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

void hl__exchange_finish(hl_http_exchange *x) {
    unlink_exchange(x->server, x);
    pthread_mutex_lock(&x->lock);
    x->suspended = false;
    if (!x->ended) hl__exchange_leave(x);
    x->finished = true;
    x->connection = NULL;
    x->at = NULL;
    hl__exchange_unlock_release(x);
}

/* -- with the lock held ------------------------------------------------------------------------ */

/* libmicrohttpd's thread is to look at the connection again. */
static void wake(hl_http_exchange *x) {
    if (!x->suspended) return;
    x->suspended = false;
    MHD_resume_connection(x->connection);
}

/* The connection sleeps until somebody has something for it. */
void hl__exchange_suspend(hl_http_exchange *x) {
    HL_ASSERT(!x->suspended && !x->gone);
    x->suspended = true;
    MHD_suspend_connection(x->connection);
}

/* Shut down, the socket wakes libmicrohttpd also where it waits for a client that does not read. */
static void give_up(hl_http_exchange *x) {
    x->gone = true;
    if (x->awaited && !x->finished) (void)shutdown(x->at->fd, SHUT_RDWR);
    wake(x);
}

void hl__exchange_leave(hl_http_exchange *x) {
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

typedef struct wanted {
    const char *name, *value;
} wanted;

static enum MHD_Result find_argument(void *arg, enum MHD_ValueKind kind, const char *name,
                                     const char *value) {
    wanted *w = arg;
    (void)kind;
    if (!name || strcmp(name, w->name) != 0) return MHD_YES;
    w->value = value ? value : "";
    return MHD_NO;
}

const char *hl_http_query(const hl_http_exchange *x, const char *name) {
    HL_ASSERT(x->connection);
    wanted w = {name, NULL};
    MHD_get_connection_values(x->connection, MHD_GET_ARGUMENT_KIND, find_argument, &w);
    return w.value;
}

size_t hl_http_listener_of(const hl_http_exchange *x) {
    HL_ASSERT(x->at);
    return x->at->listener->index;
}

bool hl_http_is_local(const hl_http_exchange *x) {
    HL_ASSERT(x->at && x->connection);
    if (x->at->listener->is_unix) return true;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        x->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return info && info->client_addr && hl_http_sockaddr_is_loopback(info->client_addr);
}

bool hl_http_over_unix(const hl_http_exchange *x) {
    HL_ASSERT(x->at);
    return x->at->listener->is_unix;
}

void hl_http_set_tag(hl_http_exchange *x, int64_t tag) {
    x->tag = tag;
}

int64_t hl_http_tag(const hl_http_exchange *x) {
    return x->tag;
}

int hl_http_status(hl_http_exchange *x) {
    pthread_mutex_lock(&x->lock);
    int status = x->begun ? x->status : 0;
    pthread_mutex_unlock(&x->lock);
    return status;
}

hl_str hl_http_body(const hl_http_exchange *x) {
    return hl_buf_str(&x->body);
}

hl_http_sink *hl_http_take_sink(hl_http_exchange *x) {
    hl_http_sink *sink = x->sink;
    x->sink = NULL;
    return sink;
}

/* -- the answer -------------------------------------------------------------------------------- */

void hl_http_add_header(hl_http_exchange *x, const char *name, const char *value) {
    pthread_mutex_lock(&x->lock);
    HL_ASSERT(!x->begun);
    if (x->n_headers < HL__HEADERS_MAX) {
        hl__header *h = &x->headers[x->n_headers];
        *h = (hl__header){hl_strdup(name), hl_strdup(value)};
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
    hl__exchange_unlock_release(x);
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
    hl__exchange_unlock_release(x);
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
