/* Several requests at a time against a small server of ours. */
#include "http/transfer.h"

#include "http/server.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "testing.h"

static hl_http_server *server;
static char base[64];
static atomic_int n_asked;
static hl_error err;

static size_t body_max(void *arg, const char *method, const char *path) {
    (void)arg, (void)method, (void)path;
    return 1 << 20;
}

static void handle(void *arg, hl_http_exchange *x) {
    hl_str path = hl_str_from(hl_http_path(x));
    (void)arg;
    atomic_fetch_add(&n_asked, 1);
    if (hl_str_is(path, "/echo")) {
        hl_http_add_header(x, "X-Method", hl_http_method(x));
        hl_http_add_header(x, "X-Range", hl_http_header(x, "Range"));
        hl_http_answer(x, 200, "text/plain", hl_http_body(x));
    } else if (hl_str_is(path, "/away")) {
        hl_http_add_header(x, "Location", "/echo?x=1");
        hl_http_answer(x, 307, "text/plain", HL_STR("elsewhere"));
    } else if (hl_str_is(path, "/cut")) {
        hl_http_begin(x, 200, "text/plain");
        (void)hl_http_write(x, HL_STR("abc"));
        hl_http_end(x, false);
    } else {
        hl_http_answer(x, 404, "text/plain", HL_STR("none here"));
    }
}

static int set_up(void **state) {
    (void)state;
    hl_http_listener at = {.address = "127.0.0.1"};
    hl_http_config config = {
        .listeners = &at, .n_listeners = 1, .handle = handle, .body_max = body_max};
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    if (hl_http_open(&config, &server, &err) < 0) return -1;
    snprintf(base, sizeof base, "http://127.0.0.1:%u", hl_http_port(server));
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    hl_http_close(server);
    return 0;
}

typedef struct one {
    hl_http_task task;
    char url[128];
    hl_buf got;
    const char *left; /* to send */
    hl_status fail;
} one;

static hl_status take(hl_http_task *t, hl_bytes piece) {
    one *o = t->arg;
    hl_buf_append(&o->got, piece.ptr, piece.len);
    if (o->fail < 0) return hl_fail(&t->error, o->fail, "test", "enough");
    return HL_OK;
}

static hl_status give(hl_http_task *t, void *out, size_t cap, size_t *ret_n) {
    one *o = t->arg;
    *ret_n = strlen(o->left) < cap ? strlen(o->left) : cap;
    memcpy(out, o->left, *ret_n);
    o->left += *ret_n;
    return HL_OK;
}

static void prepare(one *o, const char *method, const char *path) {
    *o = (one){0};
    snprintf(o->url, sizeof o->url, "%s%s", base, path);
    o->task = (hl_http_task){.method = method, .url = o->url, .take = take, .arg = o};
}

static void run(hl_http_pool *p, one *o) {
    hl_http_task *over = NULL;
    assert_int_equal(hl_http_pool_begin(p, &o->task, &err), HL_OK);
    while (!over) assert_int_equal(hl_http_pool_step(p, 1000, &over, &err), HL_OK);
    assert_ptr_equal(over, &o->task);
}

static void end(hl_http_pool *p, one *o) {
    hl_http_task_end(p, &o->task);
    hl_buf_deinit(&o->got);
}

static hl_http_pool *open_pool(bool public_only, bool https_only) {
    hl_http_pool *p;
    hl_http_pool_config config = {.public_only = public_only, .https_only = https_only};
    assert_int_equal(hl_http_pool_open(&config, &p, &err), HL_OK);
    return p;
}

static void answers_come_back(void **state) {
    (void)state;
    one o;
    hl_http_pool *p = open_pool(false, false);
    prepare(&o, "PATCH", "/echo");
    o.task.headers[0] = "Range: bytes=1-2";
    o.task.give = give;
    o.task.give_bytes = 5;
    o.left = "hello";
    run(p, &o);
    assert_int_equal(o.task.status, HL_OK);
    assert_int_equal(o.task.http, 200);
    assert_str(hl_buf_str(&o.got), "hello");
    assert_string_equal(hl_http_task_header(&o.task, "x-method"), "PATCH");
    assert_string_equal(hl_http_task_header(&o.task, "X-Range"), "bytes=1-2");
    assert_string_equal(hl_http_task_header(&o.task, "X-None"), "");
    end(p, &o);
    prepare(&o, "GET", "/nope");
    run(p, &o);
    assert_int_equal(o.task.http, 404);
    assert_int_equal(o.got.len, 0);
    assert_str(hl_buf_str(&o.task.text), "none here");
    end(p, &o);
    hl_http_pool_close(p);
}

static void redirects_are_told_not_followed(void **state) {
    (void)state;
    one o;
    char want[128];
    hl_http_pool *p = open_pool(false, false);
    prepare(&o, "GET", "/away");
    int before = atomic_load(&n_asked);
    run(p, &o);
    snprintf(want, sizeof want, "%s/echo?x=1", base);
    assert_int_equal(o.task.http, 307);
    assert_string_equal(hl_http_task_redirect(&o.task), want);
    assert_int_equal(atomic_load(&n_asked), before + 1);
    end(p, &o);
    hl_http_pool_close(p);
}

static void many_run_at_a_time(void **state) {
    (void)state;
    enum { N = 12 };
    static one all[N];
    hl_http_pool *p = open_pool(false, false);
    for (int i = 0; i < N; i++) {
        prepare(&all[i], "GET", i % 2 ? "/echo" : "/nope");
        assert_int_equal(hl_http_pool_begin(p, &all[i].task, &err), HL_OK);
    }
    for (int n = 0; n < N;) {
        hl_http_task *over;
        assert_int_equal(hl_http_pool_step(p, 1000, &over, &err), HL_OK);
        if (!over) continue;
        n++;
        assert_int_equal(over->status, HL_OK);
        assert_int_equal(over->http, (one *)over->arg == &all[0] ? 404 : over->http);
        end(p, over->arg);
    }
    hl_http_pool_close(p);
}

static void closed_addresses_are_not_reached(void **state) {
    (void)state;
    one o;
    hl_http_pool *p = open_pool(true, false);
    int before = atomic_load(&n_asked);
    const char *const hosts[] = {"127.0.0.1", "localhost",  "[::ffff:127.0.0.1]",
                                 "0.0.0.0",   "2130706433", "0x7f.1"};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        prepare(&o, "GET", "/echo");
        snprintf(o.url, sizeof o.url, "http://%s:%u/echo", hosts[i], hl_http_port(server));
        run(p, &o);
        assert_int_equal(o.task.status, HL_EINVAL);
        assert_non_null(strstr(o.task.error.text, "not a public one"));
        end(p, &o);
    }
    assert_int_equal(atomic_load(&n_asked), before);
    hl_http_pool_close(p);
    p = open_pool(false, true);
    prepare(&o, "GET", "/echo");
    run(p, &o);
    assert_int_equal(o.task.status, HL_EINVAL);
    assert_int_equal(atomic_load(&n_asked), before);
    end(p, &o);
    hl_http_pool_close(p);
}

static void failures_say_what_they_are(void **state) {
    (void)state;
    one o;
    hl_http_pool *p = open_pool(false, false);
    prepare(&o, "GET", "/cut");
    run(p, &o);
    assert_int_equal(o.task.status, HL_EREMOTE);
    assert_false(o.task.unreachable);
    end(p, &o);
    prepare(&o, "GET", "/x");
    snprintf(o.url, sizeof o.url, "http://127.0.0.1:1/");
    run(p, &o);
    assert_int_equal(o.task.status, HL_EREMOTE);
    assert_true(o.task.unreachable);
    end(p, &o);
    prepare(&o, "POST", "/echo");
    o.fail = HL_EIO;
    o.task.give = give;
    o.task.give_bytes = 3;
    o.left = "abc";
    run(p, &o);
    assert_int_equal(o.task.status, HL_EIO);
    assert_string_equal(o.task.error.text, "enough");
    end(p, &o);
    hl_http_pool_close(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_come_back),
        cmocka_unit_test(redirects_are_told_not_followed),
        cmocka_unit_test(many_run_at_a_time),
        cmocka_unit_test(closed_addresses_are_not_reached),
        cmocka_unit_test(failures_say_what_they_are),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
