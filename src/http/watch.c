#define _GNU_SOURCE
#include "base/clock.h"
#include "http/inner.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    WATCH_EVENTS = 64,
    ACCEPTS_MAX = 64, /* at one go, so that clients that leave are not kept waiting */
    TICK_MS = 1000,   /* how late a deadline may be noticed */
    PAUSE_MS = 100,   /* without descriptors */
    EXPECT_MS = 5000  /* until an accepted client is surely in the list */
};

static const uint64_t NS_PER_MS = 1000000u;

/* What an event in the epoll means: the stop, a listener, or from FIRST_ID on a connection. */
enum { STOP_ID = 0, LISTENER_ID = 1, FIRST_ID = LISTENER_ID + HL_HTTP_LISTENERS_MAX };

/* -- clients that leave ------------------------------------------------------------------------ */

/* The connection's exchange, if it has one that waits for an answer. */
static void leave_exchange(hl_http_exchange *open, const hl__connection *c) {
    for (hl_http_exchange *x = open; x; x = x->next) {
        if (x->at != c) continue;
        pthread_mutex_lock(&x->lock);
        if (x->awaited && !x->ended) hl__exchange_leave(x); /* what is complete may yet be read */
        pthread_mutex_unlock(&x->lock);
    }
}

/* libmicrohttpd may miss the end of what the client sends, when it comes with the last bytes: its
 * epoll is edge-triggered, and after a short read it does not read again.  Shutting down what is
 * over already makes a new edge, and loses no byte that waits to be read. */
void hl__watch_nudge(const hl__connection *c) {
    if (atomic_load(&c->left)) (void)shutdown(c->fd, SHUT_RD);
}

static void client_left(hl_http_server *s, uint64_t id) {
    pthread_mutex_lock(&s->lock);
    hl__connection *c = s->connections;
    while (c && c->id != id) c = c->next;
    if (c) {
        atomic_store(&c->left, true);
        hl__watch_nudge(c);
        leave_exchange(s->open, c);
    }
    pthread_mutex_unlock(&s->lock);
}

void hl__watch_connection(hl__connection *c) {
    struct epoll_event ev = {.events = EPOLLRDHUP | EPOLLONESHOT, .data.u64 = c->id};
    (void)epoll_ctl(c->listener->server->epoll_fd, EPOLL_CTL_ADD, c->fd, &ev);
}

void hl__watch_forget(hl__connection *c) {
    (void)epoll_ctl(c->listener->server->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
}

/* -- deadlines --------------------------------------------------------------------------------- */

/* Shuts down what is late; returns when to look again, in ms, -1: when something comes. */
static int end_the_late(hl_http_server *s, uint64_t now_ns) {
    uint64_t next = UINT64_MAX;
    pthread_mutex_lock(&s->lock);
    for (hl__connection *c = s->connections; c; c = c->next) {
        uint64_t deadline = atomic_load(&c->deadline_ns);
        hl__watch_nudge(c);
        if (deadline == HL__NO_DEADLINE) continue;
        if (deadline > now_ns) {
            next = deadline < next ? deadline : next;
            continue;
        }
        (void)shutdown(c->fd, SHUT_RDWR);
        atomic_store(&c->deadline_ns, HL__NO_DEADLINE);
    }
    bool any = s->connections != NULL || now_ns < s->expects_until_ns;
    pthread_mutex_unlock(&s->lock);
    if (s->paused_until_ns) return PAUSE_MS;
    if (!any) return -1;
    uint64_t ms = next == UINT64_MAX ? TICK_MS : (next - now_ns) / NS_PER_MS + 1;
    return ms < TICK_MS ? (int)ms : TICK_MS;
}

/* -- accepting --------------------------------------------------------------------------------- */

/* Makes place for a new client; false: nobody waits. */
static bool end_the_longest_waiting(hl_http_server *s) {
    hl__connection *longest = NULL;
    uint64_t since = UINT64_MAX;
    pthread_mutex_lock(&s->lock);
    for (hl__connection *c = s->connections; c; c = c->next) {
        uint64_t waits = atomic_load(&c->waiting_since_ns);
        if (waits == 0 || waits >= since) continue;
        longest = c;
        since = waits;
    }
    if (longest) {
        (void)shutdown(longest->fd, SHUT_RDWR);
        atomic_store(&longest->waiting_since_ns, 0);
    }
    pthread_mutex_unlock(&s->lock);
    return longest != NULL;
}

#define BUSY "{\"error\":\"the server has no place for another connection\"}"

/* As far as that goes without waiting: the request is read so that the close is no reset. */
static void refuse(const hl__listener *l, int fd) {
    char answer[256], request[4096];
    int n = snprintf(answer, sizeof answer,
                     "HTTP/1.1 503 Service Unavailable\r\n"
                     "Content-Type: application/json; charset=utf-8\r\n"
                     "Retry-After: 1\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
                     sizeof BUSY - 1, BUSY);
    HL_ASSERT(n > 0 && (size_t)n < sizeof answer);
    if (!l->has_tls && recv(fd, request, sizeof request, MSG_DONTWAIT) != 0)
        (void)!send(fd, answer, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
    close(fd);
}

static void listen_for(hl_http_server *s, uint32_t events) {
    for (size_t i = 0; i < s->n_listeners; i++) {
        struct epoll_event ev = {.events = events, .data.u64 = LISTENER_ID + i};
        (void)epoll_ctl(s->epoll_fd, EPOLL_CTL_MOD, s->listeners[i].fd, &ev);
    }
}

/* No descriptor is left: clients wait in the backlog for a moment. */
static void pause_accepting(hl_http_server *s) {
    (void)end_the_longest_waiting(s);
    s->paused_until_ns = hl_clock_ns() + PAUSE_MS * NS_PER_MS;
    listen_for(s, 0);
}

static void resume_accepting(hl_http_server *s, uint64_t now_ns) {
    if (s->paused_until_ns == 0 || now_ns < s->paused_until_ns) return;
    s->paused_until_ns = 0;
    if (!atomic_load(&s->quiesced)) listen_for(s, EPOLLIN);
}

static size_t count_connections(hl_http_server *s) {
    pthread_mutex_lock(&s->lock);
    size_t n = s->n_connections;
    pthread_mutex_unlock(&s->lock);
    return n;
}

static void admit(hl__listener *l, int fd, const struct sockaddr_storage *from, socklen_t len) {
    hl_http_server *s = l->server;
    if (count_connections(s) >= s->config.connections_max && !end_the_longest_waiting(s)) {
        refuse(l, fd);
        return;
    }
    s->expects_until_ns = hl_clock_ns() + EXPECT_MS * NS_PER_MS;
    /* It closes the socket when it cannot take it. */
    (void)MHD_add_connection(l->daemon, fd, (const struct sockaddr *)from, len);
}

static void accept_clients(hl__listener *l) {
    for (int i = 0; i < ACCEPTS_MAX; i++) {
        struct sockaddr_storage from = {0};
        socklen_t len = sizeof from;
        int fd = accept4(l->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            admit(l, fd, &from, len);
        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            return pause_accepting(l->server);
        else if (errno != ECONNABORTED && errno != EINTR)
            return;
    }
}

/* -- the thread -------------------------------------------------------------------------------- */

static void watch(void *arg) {
    hl_http_server *s = arg;
    struct epoll_event events[WATCH_EVENTS];
    for (;;) {
        int n = epoll_wait(s->epoll_fd, events, WATCH_EVENTS, end_the_late(s, hl_clock_ns()));
        for (int i = 0; i < n; i++) {
            uint64_t id = events[i].data.u64;
            if (id == STOP_ID) return;
            if (id < FIRST_ID)
                accept_clients(&s->listeners[id - LISTENER_ID]);
            else
                client_left(s, id);
        }
        resume_accepting(s, hl_clock_ns());
    }
}

static bool add(hl_http_server *s, int fd, uint64_t id) {
    struct epoll_event ev = {.events = EPOLLIN, .data.u64 = id};
    return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0;
}

hl_status hl__watch_start(hl_http_server *s, hl_error *err) {
    s->next_id = FIRST_ID;
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    s->stop_fd = eventfd(0, EFD_CLOEXEC);
    bool ready = s->epoll_fd >= 0 && s->stop_fd >= 0 && add(s, s->stop_fd, STOP_ID);
    for (size_t i = 0; i < s->n_listeners && ready; i++)
        ready = add(s, s->listeners[i].fd, LISTENER_ID + i);
    if (!ready)
        return hl_fail(err, HL_EIO, "http", "cannot watch connections: %s", strerror(errno));
    HL_TRY(hl_thread_start(&s->watcher, watch, s, err));
    s->watching = true;
    return HL_OK;
}

void hl__watch_stop(hl_http_server *s) {
    uint64_t one = 1;
    if (s->watching && write(s->stop_fd, &one, sizeof one) == sizeof one)
        hl_thread_join(&s->watcher);
    s->watching = false;
}
