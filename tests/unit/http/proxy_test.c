#include "http/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "testing.h"

static bool has(const hl_http_proxies *p, const char *ip, uint16_t port) {
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    assert_int_equal(inet_pton(AF_INET, ip, &in.sin_addr), 1);
    return hl_http_proxies_have(p, (const struct sockaddr *)&in);
}

static void only_the_proxies_own_places_count(void **state) {
    (void)state;
    hl_http_proxies p;
    unsetenv("HTTPS_PROXY");
    unsetenv("all_proxy");
    unsetenv("ALL_PROXY");
    setenv("https_proxy", "http://user:secret@10.1.2.3:3128", 1);
    setenv("http_proxy", "10.1.2.4", 1);
    hl_http_proxies_find(&p);
    assert_true(has(&p, "10.1.2.3", 3128));
    assert_false(has(&p, "10.1.2.3", 80));
    assert_false(has(&p, "10.1.2.5", 3128));
    assert_true(has(&p, "10.1.2.4", 1080));
    setenv("https_proxy", "[::1]:99", 1);
    setenv("http_proxy", "http://", 1);
    hl_http_proxies_find(&p);
    struct sockaddr_in6 in6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(99), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    assert_true(hl_http_proxies_have(&p, (const struct sockaddr *)&in6));
    assert_false(has(&p, "10.1.2.3", 3128));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(only_the_proxies_own_places_count)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
