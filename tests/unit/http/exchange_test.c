/* What happens before a body is there: sinks, and refusals by the head alone. */
#include "http/server.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "http_raw.h"

typedef struct counter {
    hl_http_sink sink;
    size_t bytes, bytes_max;
    uint32_t sum;
} counter;

static hl_http_server *server;
static hl_error err;
static atomic_int n_destroyed, n_handled;

static bool count(hl_http_sink *sink, hl_str bytes) {
    counter *c = (counter *)sink;
    assert_true(c->bytes < c->bytes_max); /* not called after it has had enough */
    for (size_t i = 0; i < bytes.len; i++) c->sum += (unsigned char)bytes.ptr[i];
    c->bytes += bytes.len;
    return c->bytes < c->bytes_max;
}

static void destroy(hl_http_sink *sink) {
    atomic_fetch_add(&n_destroyed, 1);
    hl_free(sink);
}

static hl_http_sink *on_head(void *arg, hl_http_exchange *x) {
    (void)arg;
    if (strcmp(hl_http_path(x), "/refused") == 0) {
        hl_http_answer(x, 401, "text/plain", HL_STR("no key"));
        return NULL;
    }
    if (strncmp(hl_http_path(x), "/blob", 5) != 0) return NULL;
    counter *c = hl_calloc(1, sizeof *c);
    assert_non_null(c);
    c->sink = (hl_http_sink){count, destroy};
    c->bytes_max = strcmp(hl_http_path(x), "/blob/short") == 0 ? 10 : SIZE_MAX;
    return &c->sink;
}

static void handle(void *arg, hl_http_exchange *x) {
    (void)arg;
    atomic_fetch_add(&n_handled, 1);
    counter *c = strcmp(hl_http_path(x), "/blob/left") == 0 ? NULL
                                                            : (counter *)hl_http_take_sink(x);
    char text[100];
    int n = snprintf(text, sizeof text, "%zu bytes, sum %u, body %zu", c ? c->bytes : 0,
                     c ? c->sum : 0, hl_http_body(x).len);
    if (c) {
        assert_null(hl_http_take_sink(x));
        c->sink.destroy(&c->sink);
    }
    hl_http_answer(x, 200, NULL, (hl_str){text, (size_t)n});
}

static size_t body_max(void *arg, const char *method, const char *path) {
    (void)arg;
    (void)method;
    (void)path;
    return 100;
}

static int set_up(void **state) {
    hl_http_listener listener = {.address = "127.0.0.1"};
    hl_http_config config = {.listeners = &listener,
                             .n_listeners = 1,
                             .on_head = on_head,
                             .body_max = body_max,
                             .handle = handle};
    (void)state;
    atomic_store(&n_destroyed, 0);
    atomic_store(&n_handled, 0);
    return hl_http_open(&config, &server, &err) < 0;
}

static int tear_down(void **state) {
    (void)state;
    hl_http_close(server);
    return 0;
}

static void wait_for(atomic_int *counted, int want) {
    for (int i = 0; i < 5000 && atomic_load(counted) < want; i++) hl_clock_sleep_ns(1000000);
    assert_int_equal(atomic_load(counted), want);
}

/* n bytes of 'a' behind the head. */
static int post(const char *path, size_t n) {
    char head[200];
    static char piece[10000];
    memset(piece, 'a', sizeof piece);
    snprintf(head, sizeof head,
             "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
             path, n);
    int fd = raw_open(hl_http_port(server), head);
    for (size_t at = 0; at < n;) {
        ssize_t sent = send(fd, piece, n - at < sizeof piece ? n - at : sizeof piece, MSG_NOSIGNAL);
        assert_true(sent > 0);
        at += (size_t)sent;
    }
    return fd;
}

static void a_sink_takes_more_than_a_body_may_have(void **state) {
    (void)state;
    raw_expect(post("/blob", 5000000), " 200 ", "5000000 bytes, sum 485000000, body 0");
    raw_expect(post("/blob", 0), " 200 ", "0 bytes, sum 0, body 0");
    raw_expect(post("/other", 101), " 413 ", "too large\"}");
    raw_expect(post("/other", 100), " 200 ", "0 bytes, sum 0, body 100");
    assert_int_equal(atomic_load(&n_destroyed), 2);
}

static void chunks_go_to_a_sink(void **state) {
    (void)state;
    int fd = raw_open(hl_http_port(server),
                      "POST /blob HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                      "Connection: close\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    raw_expect(fd, " 200 ", "5 bytes, sum 495, body 0");
}

static void a_sink_may_have_enough(void **state) {
    (void)state;
    char got[1000];
    raw_read(post("/blob/short", 1000000), got, sizeof got);
    assert_non_null(strstr(got, " 200 "));
    assert_int_equal(atomic_load(&n_handled), 1);
}

static void nobody_forgets_a_sink(void **state) {
    (void)state;
    raw_expect(post("/blob/left", 1000), " 200 ", "0 bytes, sum 0, body 0");
    wait_for(&n_destroyed, 1);
    int fd = raw_open(hl_http_port(server),
                      "POST /blob HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\npart");
    hl_clock_sleep_ns(10000000);
    close(fd);
    wait_for(&n_destroyed, 2);
    assert_int_equal(atomic_load(&n_handled), 1); /* the whole one's */
}

static void a_head_is_enough_to_refuse(void **state) {
    (void)state;
    raw_expect(post("/refused", 1000000), " 401 ", "\r\n\r\nno key");
    raw_expect(post("/refused", 0), " 401 ", "\r\n\r\nno key");
    int fd = raw_open(hl_http_port(server),
                      "POST /refused HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
                      "Expect: 100-continue\r\n\r\n");
    raw_expect(fd, " 401 ", "\r\n\r\nno key"); /* at once */
    fd = raw_open(hl_http_port(server),
                  "POST /refused HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\npart");
    close(fd);
    for (int i = 0; i < 5000 && hl_http_n_open(server) > 0; i++) hl_clock_sleep_ns(1000000);
    assert_int_equal(hl_http_n_open(server), 0);
    assert_int_equal(atomic_load(&n_handled), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_sink_takes_more_than_a_body_may_have),
        TEST(chunks_go_to_a_sink),
        TEST(a_sink_may_have_enough),
        TEST(nobody_forgets_a_sink),
        TEST(a_head_is_enough_to_refuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
