#define _GNU_SOURCE
#include "http/server.h"

#include "base/clock.h"
#include "base/thread.h"
#include "http_raw.h"

#include <stdlib.h>

/* Handlers by path: /echo, /head, /ask and /kept answer at once, the others hand the exchange to
 * the test. */
static hl_http_server *server;
static hl_error err;
static _Atomic(hl_http_exchange *) held;
static atomic_int n_left;

static void on_leave(void *arg) {
    (void)arg;
    atomic_fetch_add(&n_left, 1);
}

static void answer_query(hl_http_exchange *x) {
    char text[200];
    const char *name = hl_http_query(x, "name"), *none = hl_http_query(x, "none");
    int n = snprintf(text, sizeof text, "%s|%s|%s|%zu", name ? name : "NULL", none ? none : "NULL",
                     hl_http_is_local(x) ? "local" : "far", hl_http_listener_of(x));
    hl_http_answer(x, 200, NULL, (hl_str){text, (size_t)n});
}

static void handle(void *arg, hl_http_exchange *x) {
    (void)arg;
    if (strcmp(hl_http_path(x), "/echo") == 0) {
        hl_http_add_header(x, "X-Method", hl_http_method(x));
        hl_http_answer(x, 201, "text/plain", hl_http_body(x));
        return;
    }
    if (strcmp(hl_http_path(x), "/head") == 0) {
        const char *value = hl_http_header(x, "X-Ask");
        hl_http_answer(x, 200, NULL, hl_str_from(value));
        return;
    }
    if (strcmp(hl_http_path(x), "/ask") == 0) {
        answer_query(x);
        return;
    }
    if (strcmp(hl_http_path(x), "/kept") == 0) hl_http_add_header(x, "Connection", "keep-alive");
    hl_http_on_leave(x, on_leave, NULL);
    atomic_store(&held, x);
}

static size_t body_max(void *arg, const char *method, const char *path) {
    (void)arg;
    (void)method;
    return strcmp(path, "/echo") == 0 ? 100000 : 10;
}

static int set_up(void **state) {
    hl_http_listener listener = {.address = "127.0.0.1"};
    hl_http_config config = {.listeners = &listener,
                             .n_listeners = 1,
                             .body_max = body_max,
                             .handle = handle,
                             .unread_max = 4 << 20};
    (void)state;
    atomic_store(&held, NULL);
    atomic_store(&n_left, 0);
    return hl_http_open(&config, &server, &err) < 0;
}

static int tear_down(void **state) {
    (void)state;
    hl_http_close(server);
    return 0;
}

/* -- helpers ----------------------------------------------------------------------------------- */

static int client_open(const char *request) {
    return raw_open(hl_http_port(server), request);
}

static void expect_answer(const char *request, const char *part, const char *end) {
    raw_expect(client_open(request), part, end);
}

static hl_http_exchange *wait_held(void) {
    for (int i = 0; i < 5000 && !atomic_load(&held); i++) hl_clock_sleep_ns(1000000);
    hl_http_exchange *x = atomic_exchange(&held, NULL);
    assert_non_null(x);
    return x;
}

static void wait_left(int want) {
    for (int i = 0; i < 5000 && atomic_load(&n_left) < want; i++) hl_clock_sleep_ns(1000000);
    assert_int_equal(atomic_load(&n_left), want);
}

static void wait_none_open(void) {
    for (int i = 0; i < 5000 && hl_http_n_open(server) > 0; i++) hl_clock_sleep_ns(1000000);
    assert_int_equal(hl_http_n_open(server), 0);
}

/* -- tests ------------------------------------------------------------------------------------- */

static void handlers_answer_at_once(void **state) {
    (void)state;
    expect_answer("GET /head?q=1 HTTP/1.1\r\nHost: x\r\nx-ask: this\r\nConnection: close\r\n\r\n",
                  "HTTP/1.1 200", "\r\n\r\nthis");
    expect_answer("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: "
                  "close\r\n\r\nhello",
                  "X-Method: POST", "\r\n\r\nhello");
    expect_answer("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: "
                  "close\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
                  "HTTP/1.1 201", "\r\n\r\nhello");
}

static void large_bodies_are_refused(void **state) {
    (void)state;
    expect_answer("POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\nConnection: "
                  "close\r\n\r\nhello, world",
                  "HTTP/1.1 413", "too large\"}");
    expect_answer("POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: "
                  "close\r\n\r\nc\r\nhello, world\r\n0\r\n\r\n",
                  "HTTP/1.1 413", "too large\"}");
    expect_answer("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n",
                  "HTTP/1.1 413", "too large\"}");
}

/* The client would send nothing before it has heard "100 Continue". */
static void a_large_body_that_waits_is_refused_before_it_comes(void **state) {
    (void)state;
    expect_answer("POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\nExpect: "
                  "100-continue\r\n\r\n",
                  "HTTP/1.1 413", "too large\"}");
    char got[1000];
    int fd = client_open("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: "
                         "close\r\nExpect: 100-continue\r\n\r\n");
    raw_read_until(fd, "100 Continue\r\n\r\n", got, sizeof got);
    raw_send(fd, "hello");
    raw_expect(fd, "HTTP/1.1 201", "\r\n\r\nhello");
}

static void heads_have_limits(void **state) {
    enum { N = 150 };
    (void)state;
    char request[N * 12 + 100];
    size_t n = (size_t)snprintf(request, sizeof request, "GET /head HTTP/1.1\r\nHost: x\r\n");
    for (int i = 0; i < N; i++)
        n += (size_t)snprintf(request + n, sizeof request - n, "h%d: 1\r\n", i);
    snprintf(request + n, sizeof request - n, "\r\n");
    expect_answer(request, "HTTP/1.1 431", "too many headers\"}");

    static char large[100000];
    n = (size_t)snprintf(large, sizeof large, "GET /head HTTP/1.1\r\nHost: x\r\nlong: ");
    memset(large + n, 'x', sizeof large - n - 1);
    char got[4000];
    int fd = raw_connect(hl_http_port(server));
    (void)!send(fd, large, sizeof large - 1, MSG_NOSIGNAL);
    raw_read(fd, got, sizeof got);
    assert_null(strstr(got, "HTTP/1.1 200"));
}

static void queries_and_peers_are_told(void **state) {
    (void)state;
    expect_answer("GET /ask?name=a%20b&c=d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                  " 200 ", "\r\n\r\na b|NULL|local|0");
    expect_answer("GET /ask?none&Name=x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", " 200 ",
                  "\r\n\r\nNULL||local|0");
}

static void head_requests_get_no_body(void **state) {
    (void)state;
    expect_answer("HEAD /head HTTP/1.1\r\nHost: x\r\nX-Ask: this\r\nConnection: close\r\n\r\n",
                  "Content-Length: 4\r\n", "\r\n\r\n");
    int fd = client_open("HEAD /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    hl_http_exchange *x = wait_held();
    hl_http_begin(x, 200, "text/plain");
    raw_expect(fd, "HTTP/1.1 200", "\r\n\r\n");
    hl_http_end(x, true);
    wait_none_open();
}

static void keep_alive_is_said_when_asked_for(void **state) {
    char got[1000];
    (void)state;
    int fd = client_open("GET /kept HTTP/1.1\r\nHost: x\r\n\r\n");
    hl_http_exchange *x = wait_held();
    hl_http_begin(x, 200, "text/event-stream");
    raw_read_until(fd, "\r\n\r\n", got, sizeof got);
    assert_non_null(strcasestr(got, "\r\nConnection: keep-alive\r\n"));
    hl_http_end(x, true);
    raw_read_until(fd, "0\r\n\r\n", got, sizeof got);
    close(fd);
}

static void pipelined_requests_are_answered_in_order(void **state) {
    (void)state;
    int fd = client_open("GET /head HTTP/1.1\r\nHost: x\r\nX-Ask: one\r\n\r\n"
                         "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\ntwo"
                         "GET /head HTTP/1.1\r\nHost: x\r\nX-Ask: three\r\nConnection: "
                         "close\r\n\r\n");
    static char got[10000];
    raw_read(fd, got, sizeof got);
    const char *one = strstr(got, "\r\n\r\none"), *two = strstr(got, "\r\n\r\ntwo"),
               *three = strstr(got, "\r\n\r\nthree");
    assert_true(one && two && three && one < two && two < three);
}

static void an_answer_may_come_later(void **state) {
    (void)state;
    char got[1000];
    int fd = client_open("GET /later HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    hl_http_exchange *x = wait_held();
    hl_clock_sleep_ns(20000000); /* the connection sleeps by now */
    hl_http_answer(x, 200, "text/plain", HL_STR("at last"));
    raw_read(fd, got, sizeof got);
    assert_non_null(strstr(got, "\r\n\r\nat last"));
    assert_int_equal(atomic_load(&n_left), 0);
}

static void a_stream_comes_in_order(void **state) {
    (void)state;
    enum { PIECES = 2000 };
    static char got[200000];
    int fd = client_open("GET /stream HTTP/1.0\r\nHost: x\r\n\r\n");
    hl_http_exchange *x = wait_held();
    hl_http_begin(x, 200, "application/x-ndjson");
    for (int i = 0; i < PIECES; i++) {
        char line[16];
        int n = snprintf(line, sizeof line, "%d", i);
        assert_true(hl_http_write_line(x, (hl_str){line, (size_t)n}));
        if (i % 500 == 0) hl_clock_sleep_ns(5000000);
    }
    assert_true(hl_http_write_sse(x, HL_STR("end")));
    hl_http_end(x, true);
    raw_read(fd, got, sizeof got);
    char *at = strstr(got, "\r\n\r\n");
    assert_non_null(at);
    at += 4;
    for (int i = 0; i < PIECES; i++) {
        assert_int_equal(strtoll(at, &at, 10), i);
        assert_int_equal(*at++, '\n');
    }
    assert_string_equal(at, "data: end\n\n");
}

static void a_client_that_leaves_is_noticed(void **state) {
    (void)state;
    int fd = client_open("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    hl_http_exchange *x = wait_held();
    close(fd);
    wait_left(1);
    hl_http_answer(x, 200, NULL, HL_STR("to nobody"));
    wait_none_open();

    struct linger reset = {.l_onoff = 1};
    fd = client_open("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    x = wait_held();
    hl_http_begin(x, 200, "text/plain");
    assert_true(hl_http_write(x, HL_STR("begun")));
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
    close(fd);
    wait_left(2);
    assert_false(hl_http_write(x, HL_STR("to nobody")));
    hl_http_end(x, true);
    wait_none_open();
}

static void a_client_that_does_not_read_is_given_up(void **state) {
    (void)state;
    static const char block[65536];
    int fd = client_open("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    hl_http_exchange *x = wait_held();
    hl_http_begin(x, 200, "text/plain");
    bool reads = true; /* the buffer and what the system takes are less than this together */
    for (int i = 0; i < 4096 && reads; i++) reads = hl_http_write(x, (hl_str){block, sizeof block});
    assert_false(reads);
    hl_http_end(x, true);
    wait_none_open();
    close(fd);
}

static void closing_ends_what_is_open(void **state) {
    (void)state;
    char got[1000];
    int fd = client_open("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    hl_http_exchange *x = wait_held();
    hl_http_begin(x, 200, "text/plain");
    hl_http_close(server);
    server = NULL;
    assert_int_equal(atomic_load(&n_left), 1);
    assert_false(hl_http_write(x, HL_STR("to nobody")));
    hl_http_end(x, true);
    raw_read(fd, got, sizeof got);
}

static void a_taken_address_is_an_error(void **state) {
    (void)state;
    hl_http_server *second = NULL;
    hl_http_listener listener = {.address = "127.0.0.1", .port = hl_http_port(server)};
    hl_http_config config = {
        .listeners = &listener, .n_listeners = 1, .body_max = body_max, .handle = handle};
    assert_int_equal(hl_http_open(&config, &second, &err), HL_EIO);
    assert_non_null(strstr(err.text, "in use"));
    listener.address = "nowhere";
    assert_int_equal(hl_http_open(&config, &second, &err), HL_EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(heads_have_limits),
        TEST(queries_and_peers_are_told),
        TEST(head_requests_get_no_body),
        TEST(keep_alive_is_said_when_asked_for),
        TEST(pipelined_requests_are_answered_in_order),
        TEST(a_large_body_that_waits_is_refused_before_it_comes),
        TEST(handlers_answer_at_once),
        TEST(large_bodies_are_refused),
        TEST(an_answer_may_come_later),
        TEST(a_stream_comes_in_order),
        TEST(a_client_that_leaves_is_noticed),
        TEST(a_client_that_does_not_read_is_given_up),
        TEST(closing_ends_what_is_open),
        TEST(a_taken_address_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
