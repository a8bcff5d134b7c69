/* Who comes in, by Host, Origin and key.  Defines hl_http_* of an exchange and hl_gate_*. */
#include "api/entry.h"

#include "serve/gate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* -- an exchange and a gate -------------------------------------------------------------------- */

static struct {
    const char *method, *path, *host, *origin, *authorization, *x_api_key, *asked_headers;
    bool over_unix;
    hl_gate_answer gate;
    hl_gate_pass pass;
} in;

static struct {
    char headers[1024], key[64];
    int status, n_entered, n_left;
    int64_t tag;
} out;

const char *hl_http_method(const hl_http_exchange *x) {
    (void)x;
    return in.method;
}

const char *hl_http_path(const hl_http_exchange *x) {
    (void)x;
    return in.path;
}

const char *hl_http_header(const hl_http_exchange *x, const char *name) {
    const struct {
        const char *name, *value;
    } all[] = {{"Host", in.host},
               {"Origin", in.origin},
               {"Authorization", in.authorization},
               {"x-api-key", in.x_api_key},
               {"Access-Control-Request-Headers", in.asked_headers}};
    (void)x;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i].name, name) == 0) return all[i].value ? all[i].value : "";
    fail_msg("%s is looked at", name);
    return "";
}

bool hl_http_over_unix(const hl_http_exchange *x) {
    (void)x;
    return in.over_unix;
}

void hl_http_set_tag(hl_http_exchange *x, int64_t tag) {
    (void)x;
    out.tag = tag;
}

int64_t hl_http_tag(const hl_http_exchange *x) {
    (void)x;
    return out.tag;
}

void hl_http_add_header(hl_http_exchange *x, const char *name, const char *value) {
    size_t len = strlen(out.headers);
    (void)x;
    snprintf(out.headers + len, sizeof out.headers - len, "%s: %s\n", name, value);
}

void hl_http_answer(hl_http_exchange *x, int status, const char *content_type, hl_str body) {
    (void)x;
    (void)content_type;
    (void)body;
    assert_int_equal(out.status, 0);
    out.status = status;
}

void hl_http_begin(hl_http_exchange *x, int status, const char *content_type) {
    hl_http_answer(x, status, content_type, (hl_str){"", 0});
}

bool hl_http_write(hl_http_exchange *x, hl_str bytes) {
    (void)x;
    (void)bytes;
    return true;
}

void hl_http_end(hl_http_exchange *x, bool complete) {
    (void)x;
    (void)complete;
}

hl_gate_answer hl_gate_enter(hl_gate *g, hl_str key, uint64_t now_ns, hl_gate_pass *ret) {
    (void)g;
    (void)now_ns;
    out.n_entered++;
    snprintf(out.key, sizeof out.key, "%.*s", HL_STR_ARG(key));
    *ret = in.pass;
    return in.gate;
}

void hl_gate_leave(hl_gate *g, int64_t key_id) {
    (void)g;
    assert_int_equal(key_id, in.pass.key_id);
    out.n_left++;
}

/* -- the server -------------------------------------------------------------------------------- */

static hl_settings settings;
static hl_api api;

static int fresh(void **state) {
    (void)state;
    memset(&in, 0, sizeof in);
    memset(&out, 0, sizeof out);
    in.method = "POST";
    in.path = "/api/chat";
    in.host = "localhost:11434";
    settings = (hl_settings){.allowed_hosts = "one.example, two.example"};
    api = (hl_api){.config = {.settings = &settings, .loopback_only = true},
                   .machine_name = "box",
                   .origins = HL_STR("https://good.example")};
    return 0;
}

/* 0: comes in. */
static int ask(void) {
    memset(&out, 0, sizeof out);
    bool in_now = hl__entry_check(&api, NULL, HL_STR("POST"));
    assert_int_equal(in_now, out.status == 0);
    return out.status;
}

static bool answered(const char *header) {
    return strstr(out.headers, header) != NULL;
}

static void with_gate(hl_gate_answer answer, int64_t id, uint32_t retry_s) {
    api.config.gate = (hl_gate *)&api; /* nothing looks inside */
    in.gate = answer;
    in.pass = (hl_gate_pass){id, retry_s};
}

/* -- hosts ------------------------------------------------------------------------------------- */

static void strange_hosts_are_refused(void **state) {
    static const struct {
        const char *host;
        int loopback, beyond; /* statuses where the server listens there */
    } cases[] = {{"localhost", 0, 0},
                 {"box:1", 0, 0},
                 {"127.0.0.1", 0, 0},
                 {"evil.example", 403, 403},
                 {"two.example:80", 0, 0},
                 {"TWO.example", 0, 0},
                 {"8.8.8.8:11434", 403, 0},
                 {"[2001:db8::1]:11434", 403, 0},
                 {"8.8.8.8.evil", 403, 403},
                 {"one.example,x", 403, 403},
                 {"", 0, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        in.host = cases[i].host;
        api.config.loopback_only = true;
        if (ask() != cases[i].loopback) fail_msg("%s on loopback: %d", in.host, out.status);
        api.config.loopback_only = false;
        if (ask() != cases[i].beyond) fail_msg("%s beyond: %d", in.host, out.status);
    }
    in.host = "evil.example";
    in.over_unix = true;
    assert_int_equal(ask(), 0);
}

/* A page that a stranger's name server has led here has no key. */
static void a_key_opens_any_name(void **state) {
    (void)state;
    in.host = "home.example";
    api.config.loopback_only = false;
    with_gate(HL_GATE_OPEN, 7, 0);
    assert_int_equal(ask(), 0);
    with_gate(HL_GATE_OPEN, 0, 0);
    assert_int_equal(ask(), 403);
    api.config.loopback_only = true;
    with_gate(HL_GATE_OPEN, 7, 0);
    assert_int_equal(ask(), 403);
}

/* -- pages ------------------------------------------------------------------------------------- */

static void pages_are_told_that_they_may(void **state) {
    (void)state;
    in.origin = "https://good.example";
    assert_int_equal(ask(), 0);
    assert_true(answered("Access-Control-Allow-Origin: https://good.example\nVary: Origin\n"));
    in.origin = "https://evil.example";
    assert_int_equal(ask(), 403);
    assert_string_equal(out.headers, "");
    api.origins = HL_STR("*");
    assert_int_equal(ask(), 0);
    assert_string_equal(out.headers, "Access-Control-Allow-Origin: *\n");
}

static void preflights_are_answered_without_a_key(void **state) {
    (void)state;
    with_gate(HL_GATE_NO_KEY, 0, 0);
    in.method = "OPTIONS";
    in.origin = "http://localhost:3000";
    in.asked_headers = "x-api-key, content-type";
    assert_int_equal(ask(), 204);
    assert_int_equal(out.n_entered, 0);
    assert_true(answered("Allow: POST\n"));
    assert_true(answered("Access-Control-Max-Age: 43200\n"));
    assert_true(answered(",X-Stainless-Timeout,X-Api-Key\n"));
    assert_false(answered("Anthropic-Version"));
    in.origin = "https://evil.example";
    assert_int_equal(ask(), 403);
    in.origin = NULL; /* no preflight */
    assert_int_equal(ask(), 401);
}

/* -- keys -------------------------------------------------------------------------------------- */

static void keys_are_found_where_clients_put_them(void **state) {
    static const struct {
        const char *authorization, *x_api_key, *key;
    } cases[] = {{"Bearer abc", NULL, "abc"},
                 {"bearer abc", "x", "abc"},
                 {NULL, "x", "x"},
                 {"Basic abc", "x", "x"},
                 {"Bearer ", "x", "x"},
                 {"Bearer", NULL, ""},
                 {"Bearerabc", NULL, ""},
                 {NULL, NULL, ""}};
    (void)state;
    with_gate(HL_GATE_OPEN, 7, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        in.authorization = cases[i].authorization;
        in.x_api_key = cases[i].x_api_key;
        assert_int_equal(ask(), 0);
        assert_string_equal(out.key, cases[i].key);
        assert_int_equal(out.tag, 7);
        hl__entry_leave(&api, NULL);
        assert_int_equal(out.n_left, 1);
    }
}

static void who_has_no_key_is_told_why(void **state) {
    static const struct {
        hl_gate_answer gate;
        uint32_t retry_s;
        int status;
        const char *header;
    } cases[] = {{HL_GATE_NO_KEY, 0, 401, "WWW-Authenticate: Bearer\n"},
                 {HL_GATE_BAD_KEY, 0, 401, "WWW-Authenticate: Bearer\n"},
                 {HL_GATE_TOO_FAST, 9, 429, "Retry-After: 9\n"},
                 {HL_GATE_TOO_MANY, 1, 429, "Retry-After: 1\n"},
                 {HL_GATE_BROKEN, 0, 500, ""}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        with_gate(cases[i].gate, 0, cases[i].retry_s);
        assert_int_equal(ask(), cases[i].status);
        assert_string_equal(out.headers, cases[i].header);
    }
    in.over_unix = true;
    assert_int_equal(ask(), 0);
    assert_int_equal(out.n_entered, 0);
}

static void some_paths_are_open_to_all(void **state) {
    static const struct {
        const char *path;
        int status;
    } cases[] = {{"/", 0},           {"/health", 0},      {"/ui", 0},        {"/ui/app.js", 0},
                 {"/uix", 401},      {"/healthz", 401},   {"/metrics", 401}, {"//", 401},
                 {"/api/tags", 401}, {"/v1/models", 401}, {"", 401}};
    (void)state;
    with_gate(HL_GATE_BAD_KEY, 0, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        in.path = cases[i].path;
        if (ask() != cases[i].status) fail_msg("%s: %d", in.path, out.status);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(strange_hosts_are_refused, fresh),
        cmocka_unit_test_setup(a_key_opens_any_name, fresh),
        cmocka_unit_test_setup(pages_are_told_that_they_may, fresh),
        cmocka_unit_test_setup(preflights_are_answered_without_a_key, fresh),
        cmocka_unit_test_setup(keys_are_found_where_clients_put_them, fresh),
        cmocka_unit_test_setup(who_has_no_key_is_told_why, fresh),
        cmocka_unit_test_setup(some_paths_are_open_to_all, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
