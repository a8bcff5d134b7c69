/* The client against a small server of ours, over TCP and a Unix socket. */
#include "http/client.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/thread.h"
#include "http/server.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_pem.h"
#include "testing.h"

static hl_http_server *server;
static hl_http_client *client;
static hl_error err;
static char socket_dir[] = "/tmp/http-client-test-XXXXXX", socket_path[64];
static char cert_path[64], key_path[64];
static unsigned tls_port;
static _Atomic(hl_http_exchange *) held; /* of /hang */
static atomic_int n_left;

static void on_leave(void *arg) {
    (void)arg;
    atomic_fetch_add(&n_left, 1);
}

/* -- the server -------------------------------------------------------------------------------- */

static void stream_lines(hl_http_exchange *x, int n, bool complete) {
    hl_http_begin(x, 200, "application/x-ndjson");
    for (int i = 0; i < n; i++) (void)hl_http_write_line(x, HL_STR("{\"a\":1}"));
    hl_http_end(x, complete);
}

static void stream_long(hl_http_exchange *x) {
    static char bytes[1 << 20];
    memset(bytes, 'x', sizeof bytes);
    hl_http_begin(x, 200, "application/x-ndjson");
    for (int i = 0; i < 70; i++)
        if (!hl_http_write(x, (hl_str){bytes, sizeof bytes})) break;
    hl_http_end(x, true);
}

static void refuse(hl_http_exchange *x, int status, const char *body) {
    hl_http_add_header(x, "X-Why", "because");
    hl_http_answer(x, status, "application/json", hl_str_from(body));
}

static void handle(void *arg, hl_http_exchange *x) {
    hl_str path = hl_str_from(hl_http_path(x));
    (void)arg;
    if (hl_str_is(path, "/base/echo")) {
        hl_http_add_header(x, "X-Method", hl_http_method(x));
        hl_http_answer(x, 200, "text/plain", hl_http_body(x));
    } else if (hl_str_is(path, "/base/key")) {
        hl_http_answer(x, 200, NULL, hl_str_from(hl_http_header(x, "Authorization")));
    } else if (hl_str_is(path, "/base/lines")) {
        stream_lines(x, 3, true);
    } else if (hl_str_is(path, "/base/cut")) {
        stream_lines(x, 2, false);
    } else if (hl_str_is(path, "/base/long")) {
        stream_long(x);
    } else if (hl_str_is(path, "/base/events")) {
        hl_http_begin(x, 200, "text/event-stream");
        (void)hl_http_write_sse(x, HL_STR("one"));
        (void)hl_http_write_sse(x, HL_STR("two"));
        hl_http_end(x, true);
    } else if (hl_str_is(path, "/base/ollama")) {
        refuse(x, 404, "{\"error\":\"model 'x' not found\"}");
    } else if (hl_str_is(path, "/base/openai")) {
        refuse(x, 400, "{\"error\":{\"message\":\"no such\\nthing\",\"code\":null}}");
    } else if (hl_str_is(path, "/base/anthropic")) {
        refuse(x, 529, "{\"type\":\"error\",\"error\":{\"type\":\"x\",\"message\":\"too much\"}}");
    } else if (hl_str_is(path, "/base/nested")) {
        refuse(x, 400, "{\"error\":\"{\\\"error\\\":{\\\"message\\\":\\\"inside\\\"}}\"}");
    } else if (hl_str_is(path, "/base/html")) {
        refuse(x, 503, "<h1>busy</h1>\nmore");
    } else if (hl_str_is(path, "/base/empty")) {
        refuse(x, 401, "");
    } else if (hl_str_is(path, "/base/away")) {
        hl_http_add_header(x, "Location", "http://127.0.0.1:1/");
        hl_http_answer(x, 302, NULL, HL_STR(""));
    } else {
        hl_http_on_leave(x, on_leave, NULL);
        atomic_store(&held, x);
    }
}

static size_t body_max(void *arg, const char *method, const char *path) {
    (void)arg;
    (void)method;
    (void)path;
    return 8 << 20;
}

static hl_http_client *open_client(const char *path, const char *bearer) {
    char url[64];
    hl_http_client *c = NULL;
    snprintf(url, sizeof url, "http://127.0.0.1:%u/base", hl_http_port(server));
    hl_http_client_config config = {
        .url = url, .socket_path = path, .bearer = bearer, .no_proxy = true};
    assert_int_equal(hl_http_client_open(&config, &c, &err), HL_OK);
    return c;
}

static void write_file(char path[64], const char *name, const char *text) {
    snprintf(path, 64, "%s/%s", socket_dir, name);
    hl_bytes bytes = {(const uint8_t *)text, strlen(text)};
    assert_int_equal(hl_file_write(path, bytes, &err), HL_OK);
}

/* A port that was free a moment ago. */
static uint16_t free_port(void) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&at, len) == 0 &&
                getsockname(fd, (struct sockaddr *)&at, &len) == 0);
    close(fd);
    return ntohs(at.sin_port);
}

static int set_up(void **state) {
    (void)state;
    if (!mkdtemp(socket_dir)) return -1;
    snprintf(socket_path, sizeof socket_path, "%s/s", socket_dir);
    write_file(cert_path, "cert", PEM_CERT);
    write_file(key_path, "key", PEM_KEY);
    tls_port = free_port();
    hl_http_listener listeners[] = {{.address = "127.0.0.1"},
                                    {.socket_path = socket_path},
                                    {.address = "127.0.0.1",
                                     .port = (uint16_t)tls_port,
                                     .tls_cert = cert_path,
                                     .tls_key = key_path}};
    hl_http_config config = {.listeners = listeners,
                             .n_listeners = 3,
                             .unread_max = 128 << 20,
                             .body_max = body_max,
                             .handle = handle};
    atomic_store(&held, NULL);
    if (hl_http_open(&config, &server, &err) < 0) return -1;
    client = open_client(NULL, NULL);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    hl_http_client_close(client);
    hl_http_close(server);
    return unlink(cert_path) | unlink(key_path) | rmdir(socket_dir);
}

/* -- whole answers ----------------------------------------------------------------------------- */

static hl_status fetch(hl_http_client *c, const char *method, const char *path, const char *body,
                       hl_buf *ret) {
    hl_http_ask ask = {.method = method, .path = path, .body = hl_str_from(body)};
    hl_buf_init(ret, 0);
    return hl_http_client_fetch(c, &ask, ret, &err);
}

static void expect_echo(hl_http_client *c, const char *method, const char *body) {
    hl_buf got;
    assert_int_equal(fetch(c, method, "/echo", body, &got), HL_OK);
    assert_str(hl_buf_str(&got), body);
    assert_string_equal(hl_http_client_header(c, "X-Method"), method);
    assert_string_equal(hl_http_client_header(c, "X-None"), "");
    assert_int_equal(hl_http_client_status(c), 200);
    hl_buf_deinit(&got);
}

static void methods_and_bodies_arrive(void **state) {
    (void)state;
    hl_http_client *local = open_client(socket_path, NULL);
    hl_http_client *clients[2] = {client, local};
    for (int i = 0; i < 2; i++) {
        expect_echo(clients[i], "POST", "{\"a\":1}");
        expect_echo(clients[i], "GET", "");
        expect_echo(clients[i], "DELETE", "{\"model\":\"x\"}");
        expect_echo(clients[i], "POST", "");
        expect_echo(clients[i], "HEAD", "");
    }
    hl_http_client_close(local);
}

static void a_large_body_arrives(void **state) {
    (void)state;
    static char body[3 << 20];
    memset(body, 'y', sizeof body - 1);
    expect_echo(client, "POST", body);
}

static void the_limit_of_an_answer_holds(void **state) {
    (void)state;
    hl_buf got;
    hl_http_ask ask = {.method = "POST", .path = "/echo", .body = HL_STR("0123456789")};
    hl_buf_init(&got, 5);
    assert_int_equal(hl_http_client_fetch(client, &ask, &got, &err), HL_ELIMIT);
    hl_buf_deinit(&got);
    expect_echo(client, "POST", "still there");
}

static void the_key_is_shown(void **state) {
    (void)state;
    hl_buf got;
    hl_http_client *c = open_client(NULL, "hl-1234");
    assert_int_equal(fetch(c, "GET", "/key", "", &got), HL_OK);
    assert_str(hl_buf_str(&got), "Bearer hl-1234");
    hl_buf_deinit(&got);
    hl_http_client_close(c);
    assert_int_equal(fetch(client, "GET", "/key", "", &got), HL_OK);
    assert_int_equal(got.len, 0);
    hl_buf_deinit(&got);
    hl_http_client_config config = {.url = "http://127.0.0.1", .bearer = "a\r\nX: y"};
    assert_int_equal(hl_http_client_open(&config, &c, &err), HL_EINVAL);
}

static void errors_have_the_servers_words(void **state) {
    (void)state;
    static const struct {
        const char *path;
        hl_status status;
        const char *text;
    } cases[] = {
        {"/ollama", HL_ENOTFOUND, "model 'x' not found"},
        {"/openai", HL_EINVAL, "no such?thing"},
        {"/anthropic", HL_EREMOTE, "too much"},
        {"/nested", HL_EINVAL, "inside"},
        {"/html", HL_EBUSY, "<h1>busy</h1>"},
        {"/empty", HL_EINVAL, "the server answered with status 401"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hl_buf got;
        assert_int_equal(fetch(client, "GET", cases[i].path, "", &got), cases[i].status);
        assert_int_equal(err.status, cases[i].status);
        assert_string_equal(err.text, cases[i].text);
        assert_string_equal(hl_http_client_header(client, "x-why"), "because");
        assert_int_equal(got.len, 0);
        hl_buf_deinit(&got);
    }
    hl_buf got;
    assert_int_equal(fetch(client, "GET", "/away", "", &got), HL_EREMOTE);
    assert_non_null(strstr(err.text, "status 302"));
    hl_buf_deinit(&got);
}

static void nobody_there_is_an_error(void **state) {
    (void)state;
    static const hl_http_client_config configs[] = {
        {.url = "http://127.0.0.1:1", .no_proxy = true},
        {.url = "http://localhost", .socket_path = "/nowhere/socket", .no_proxy = true},
        {.url = "gopher://127.0.0.1", .no_proxy = true},
        {.url = "no url at all", .no_proxy = true},
    };
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        hl_http_client *c;
        hl_buf got;
        assert_int_equal(hl_http_client_open(&configs[i], &c, &err), HL_OK);
        hl_status st = fetch(c, "GET", "/", "", &got);
        assert_true(st == HL_EREMOTE || st == HL_EINVAL);
        assert_non_null(strstr(err.text, configs[i].url));
        assert_int_equal(hl_http_client_status(c), 0);
        hl_buf_deinit(&got);
        hl_http_client_close(c);
    }
}

static void tls_wants_a_certificate_that_is_trusted(void **state) {
    (void)state;
    static const struct {
        const char *host;
        bool trusted, good;
    } cases[] = {{"localhost", true, true},
                 {"127.0.0.1", true, true},
                 {"127.0.0.2", true, false}, /* not the certificate's name */
                 {"localhost", false, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char url[64];
        hl_http_client *c;
        hl_buf got;
        snprintf(url, sizeof url, "https://%s:%u/base", cases[i].host, tls_port);
        hl_http_client_config config = {
            .url = url, .ca_file = cases[i].trusted ? cert_path : NULL, .no_proxy = true};
        assert_int_equal(hl_http_client_open(&config, &c, &err), HL_OK);
        hl_status st = fetch(c, "POST", "/echo", "over TLS", &got);
        assert_int_equal(st, cases[i].good ? HL_OK : HL_EREMOTE);
        if (cases[i].good) assert_str(hl_buf_str(&got), "over TLS");
        hl_buf_deinit(&got);
        hl_http_client_close(c);
    }
}

/* -- streams ----------------------------------------------------------------------------------- */

typedef struct heard {
    size_t n, enough; /* 0: never */
    char last[32];
} heard;

static bool hear(void *arg, hl_str unit) {
    heard *h = arg;
    snprintf(h->last, sizeof h->last, "%.*s", HL_STR_ARG(unit));
    return ++h->n != h->enough;
}

static hl_status stream(const char *path, hl_http_framing framing, heard *h) {
    hl_http_ask ask = {.method = "POST", .path = path, .body = HL_STR("{}")};
    return hl_http_client_stream(client, &ask, framing, hear, h, &err);
}

static void streams_come_in_units(void **state) {
    (void)state;
    heard h = {0};
    assert_int_equal(stream("/lines", HL_HTTP_NDJSON, &h), HL_OK);
    assert_int_equal(h.n, 3);
    assert_string_equal(h.last, "{\"a\":1}");
    h = (heard){0};
    assert_int_equal(stream("/events", HL_HTTP_SSE, &h), HL_OK);
    assert_int_equal(h.n, 2);
    assert_string_equal(h.last, "two");
    h = (heard){0};
    assert_int_equal(stream("/ollama", HL_HTTP_NDJSON, &h), HL_ENOTFOUND);
    assert_int_equal(h.n, 0);
}

static void a_stream_that_is_cut_is_an_error(void **state) {
    (void)state;
    heard h = {0};
    assert_int_equal(stream("/cut", HL_HTTP_NDJSON, &h), HL_EREMOTE);
    assert_int_equal(h.n, 2);
    assert_non_null(strstr(err.text, "before its answer was complete"));
}

static void a_line_without_end_is_an_error(void **state) {
    (void)state;
    heard h = {0};
    assert_int_equal(stream("/long", HL_HTTP_NDJSON, &h), HL_ELIMIT);
    assert_int_equal(h.n, 0);
}

static void a_listener_can_have_enough(void **state) {
    (void)state;
    heard h = {.enough = 2};
    assert_int_equal(stream("/lines", HL_HTTP_NDJSON, &h), HL_DONE);
    assert_int_equal(h.n, 2);
    expect_echo(client, "POST", "still there");
}

static void patience_can_end(void **state) {
    (void)state;
    hl_buf got;
    hl_http_ask ask = {.method = "GET", .path = "/hang", .total_ms = 50};
    hl_buf_init(&got, 0);
    assert_int_equal(hl_http_client_fetch(client, &ask, &got, &err), HL_EBUSY);
    assert_non_null(strstr(err.text, "does not answer in time"));
    while (!atomic_load(&held)) hl_clock_sleep_ns(1000000);
    hl_http_answer(atomic_exchange(&held, NULL), 200, NULL, HL_STR(""));
    hl_buf_deinit(&got);
}

static void cancel_soon(void *arg) {
    (void)arg;
    while (!atomic_load(&held)) hl_clock_sleep_ns(1000000);
    hl_http_client_cancel(client);
}

static void another_thread_can_cancel(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        hl_thread thread;
        heard h = {0};
        int left = atomic_load(&n_left);
        hl_http_client_cancel(client); /* with none running: nothing */
        assert_int_equal(hl_thread_start(&thread, cancel_soon, NULL, &err), HL_OK);
        assert_int_equal(stream("/hang", HL_HTTP_NDJSON, &h), HL_ECANCELLED);
        hl_thread_join(&thread);
        while (atomic_load(&n_left) == left) hl_clock_sleep_ns(1000000); /* the server sees it */
        hl_http_answer(atomic_exchange(&held, NULL), 200, NULL, HL_STR(""));
        expect_echo(client, "POST", "still there");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods_and_bodies_arrive),
        cmocka_unit_test(a_large_body_arrives),
        cmocka_unit_test(the_limit_of_an_answer_holds),
        cmocka_unit_test(the_key_is_shown),
        cmocka_unit_test(errors_have_the_servers_words),
        cmocka_unit_test(nobody_there_is_an_error),
        cmocka_unit_test(tls_wants_a_certificate_that_is_trusted),
        cmocka_unit_test(streams_come_in_units),
        cmocka_unit_test(a_stream_that_is_cut_is_an_error),
        cmocka_unit_test(a_line_without_end_is_an_error),
        cmocka_unit_test(a_listener_can_have_enough),
        cmocka_unit_test(patience_can_end),
        cmocka_unit_test(another_thread_can_cancel),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
