#include "http/address.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static hl_error err;

static void addresses_as_ollama_reads_them(void **state) {
    (void)state;
    static const struct {
        const char *text, *host;
        uint16_t port;
    } cases[] = {
        {"", "127.0.0.1", 11434},
        {"localhost", "127.0.0.1", 11434},
        {"1.2.3.4", "1.2.3.4", 11434},
        {":1337", "127.0.0.1", 1337},
        {"1.2.3.4:0", "1.2.3.4", 0},
        {"http://1.2.3.4", "1.2.3.4", 80},
        {"https://1.2.3.4", "1.2.3.4", 443},
        {"http://example.com:5000/path", "example.com", 5000},
        {"[::1]:80", "::1", 80},
        {"[::1]", "::1", 11434},
        {"::1", "::1", 11434},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hl_http_address a;
        assert_int_equal(hl_http_address_parse(hl_str_from(cases[i].text), &a, &err), HL_OK);
        assert_string_equal(a.host, cases[i].host);
        assert_int_equal(a.port, cases[i].port);
    }
}

static void bad_addresses_are_refused(void **state) {
    (void)state;
    static const char *const cases[] = {"x:99999", "x:-1", "x:1x", ":123456"};
    char text[400];
    hl_http_address a;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(hl_http_address_parse(hl_str_from(cases[i]), &a, &err), HL_EINVAL);
    memset(text, 'x', sizeof text);
    assert_int_equal(hl_http_address_parse((hl_str){text, sizeof text}, &a, &err), HL_EINVAL);
}

static void loopback_is_known(void **state) {
    (void)state;
    assert_true(hl_http_is_loopback("127.0.0.1") && hl_http_is_loopback("127.9.9.9"));
    assert_true(hl_http_is_loopback("::1"));
    assert_false(hl_http_is_loopback("0.0.0.0") || hl_http_is_loopback("192.168.1.1") ||
                 hl_http_is_loopback("::") || hl_http_is_loopback("name"));
}

static void hosts_that_may_be_asked_for(void **state) {
    (void)state;
    static const char *const good[] = {
        "",           "localhost",     "LOCALHOST:11434", "127.0.0.1",
        "box.local",  "a.internal:80", "x.localhost",     "10.1.2.3",
        "172.16.9.9", "192.168.1.5:1", "[::1]:80",        "0.0.0.0",
        "machine",    "machine:1"};
    static const char *const bad[] = {"evil.example.com", "8.8.8.8", "172.32.0.1",
                                      "[2001::1]:80",     "local",   "evillocal",
                                      "machine2"};
    char text[400];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(hl_http_host_allowed(hl_str_from(good[i]), "machine"));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(hl_http_host_allowed(hl_str_from(bad[i]), "machine"));
    memset(text, 'x', sizeof text);
    assert_false(hl_http_host_allowed((hl_str){text, sizeof text}, "machine"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_as_ollama_reads_them),
        cmocka_unit_test(bad_addresses_are_refused),
        cmocka_unit_test(loopback_is_known),
        cmocka_unit_test(hosts_that_may_be_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
