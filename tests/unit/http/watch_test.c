/* Deadlines that no trickle of bytes sets back, and what happens when all connections are taken. */
#include "http/server.h"

#include "base/clock.h"
#include "base/thread.h"
#include "http_raw.h"

#include <dirent.h>

static hl_http_server *server;
static hl_error err;
static _Atomic(hl_http_exchange *) held;

static void handle(void *arg, hl_http_exchange *x) {
    (void)arg;
    if (strcmp(hl_http_path(x), "/hold") == 0)
        atomic_store(&held, x);
    else
        hl_http_answer(x, 200, NULL, hl_http_body(x));
}

static size_t body_max(void *arg, const char *method, const char *path) {
    (void)arg;
    (void)method;
    (void)path;
    return 100000;
}

static int start(uint32_t head_ms, uint32_t body_ms, uint32_t connections_max) {
    static const hl_http_listener listener = {.address = "127.0.0.1"};
    hl_http_config config = {.listeners = &listener,
                             .n_listeners = 1,
                             .head_ms = head_ms,
                             .body_ms = body_ms,
                             .connections_max = connections_max,
                             .body_max = body_max,
                             .handle = handle};
    atomic_store(&held, NULL);
    return hl_http_open(&config, &server, &err) < 0;
}

static int hurried(void **state) {
    (void)state;
    return start(300, 300, 0);
}

static int narrow(void **state) {
    (void)state;
    return start(60000, 60000, 3);
}

static int tear_down(void **state) {
    (void)state;
    hl_http_close(server);
    return 0;
}

/* Sends `text` again and again until the server has had enough; false: it never had. */
static bool trickle(int fd, const char *text) {
    uint64_t until = hl_clock_ns() + 15000000000u;
    bool ended = false;
    while (!ended && hl_clock_ns() < until) {
        ended = send(fd, text, strlen(text), MSG_NOSIGNAL) < 0;
        hl_clock_sleep_ns(20000000);
    }
    close(fd);
    return ended;
}

static void a_head_must_come_in_time(void **state) {
    (void)state;
    char got[100];
    int fd = raw_open(hl_http_port(server), "GET / HTTP/1.1\r\n");
    assert_true(trickle(fd, "a: b\r\n"));
    assert_int_equal(raw_read(raw_connect(hl_http_port(server)), got, sizeof got), 0);
}

static void a_body_must_come_in_time(void **state) {
    (void)state;
    int fd = raw_open(hl_http_port(server),
                      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n");
    assert_true(trickle(fd, "a"));
    fd = raw_open(hl_http_port(server),
                  "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_true(trickle(fd, "1\r\na\r\n"));
    assert_int_equal(hl_http_n_open(server), 0);
}

/* The deadlines are the client's, not the answer's. */
static void an_answer_has_time(void **state) {
    (void)state;
    int fd = raw_open(hl_http_port(server),
                      "GET /hold HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    hl_clock_sleep_ns(2000000000);
    hl_http_exchange *x = atomic_load(&held);
    assert_non_null(x);
    hl_http_answer(x, 200, NULL, HL_STR("at last"));
    raw_expect(fd, " 200 ", "\r\n\r\nat last");
}

static size_t count_descriptors(void) {
    size_t n = 0;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    while (readdir(d)) n++;
    closedir(d);
    return n;
}

static const char ASK[] = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

static void those_that_wait_make_place(void **state) {
    enum { N = 40 };
    (void)state;
    int fds[N];
    size_t before = count_descriptors();
    for (int i = 0; i < N; i++) {
        fds[i] = raw_open(hl_http_port(server), "GET / HT");
        hl_clock_sleep_ns(2000000);
    }
    raw_expect(raw_open(hl_http_port(server), ASK), " 200 ", "\r\n\r\n");
    for (int i = 0; i < N; i++) close(fds[i]);
    for (int i = 0; i < 5000 && count_descriptors() > before; i++) hl_clock_sleep_ns(1000000);
    assert_int_equal(count_descriptors(), before);
}

/* All are being answered. */
static void without_place_a_client_is_told(void **state) {
    (void)state;
    hl_http_exchange *x[3];
    int fds[3];
    for (int i = 0; i < 3; i++) {
        fds[i] = raw_open(hl_http_port(server),
                          "GET /hold HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        for (int k = 0; k < 5000 && !atomic_load(&held); k++) hl_clock_sleep_ns(1000000);
        x[i] = atomic_exchange(&held, NULL);
        assert_non_null(x[i]);
    }
    raw_expect(raw_open(hl_http_port(server), ASK), " 503 ", "another connection\"}");
    for (int i = 0; i < 3; i++) {
        hl_http_answer(x[i], 200, NULL, HL_STR("served"));
        raw_expect(fds[i], " 200 ", "\r\n\r\nserved");
    }
}

#define TEST(name, start) cmocka_unit_test_setup_teardown(name, start, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_head_must_come_in_time, hurried),
        TEST(a_body_must_come_in_time, hurried),
        TEST(an_answer_has_time, hurried),
        TEST(those_that_wait_make_place, narrow),
        TEST(without_place_a_client_is_told, narrow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
