#include "http/reach.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "testing.h"

static bool is_public(const char *text) {
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
        return hl_address_is_public((const struct sockaddr *)&in);
    assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
    return hl_address_is_public((const struct sockaddr *)&in6);
}

static void the_internet_is_public(void **state) {
    (void)state;
    static const char *const texts[] = {
        "1.1.1.1",      "9.255.255.255", "11.0.0.0",        "100.63.255.255",   "100.128.0.0",
        "126.0.0.1",    "128.0.0.1",     "169.253.255.255", "172.15.255.255",   "172.32.0.0",
        "192.167.0.1",  "192.169.0.0",   "198.17.255.255",  "198.20.0.0",       "223.255.255.255",
        "2606:4700::1", "2a00:1450::1",  "::ffff:8.8.8.8",  "64:ff9b::808:808", "2002:808:808::1",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!is_public(texts[i])) fail_msg("%s is public", texts[i]);
}

static void everything_else_is_not(void **state) {
    (void)state;
    static const char *const texts[] = {
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "192.0.0.8",
        "192.0.2.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.9",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::10.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.1.2.3",
        "64:ff9b::a00:1",
        "2002:a00:1::1",
        "2002:7f00:1::",
        "fe80::1",
        "fc00::1",
        "fd12:3456::1",
        "ff02::1",
        "fec0::1",
        "2001:db8::1",
        "2001::1",
        "100::1",
        "4000::1",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (is_public(texts[i])) fail_msg("%s is not public", texts[i]);
    struct sockaddr_storage local = {.ss_family = AF_UNIX};
    assert_false(hl_address_is_public((const struct sockaddr *)&local));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_internet_is_public),
        cmocka_unit_test(everything_else_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
