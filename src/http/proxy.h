/* http/proxy.h
 *
 * The proxies of the environment (https_proxy, HTTPS_PROXY, http_proxy, all_proxy, ALL_PROXY) by
 * their addresses: libcurl uses them by itself; this tells a connection to one of them
 * from any other.
 *
 * Threads: any, as long as nobody changes the environment.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

enum { HL_HTTP_PROXY_ADDRESSES_MAX = 16 };

typedef struct hl_http_proxies {
    struct sockaddr_storage at[HL_HTTP_PROXY_ADDRESSES_MAX];
    size_t n;
} hl_http_proxies;

/* Looks their names up; those that have no address are left out. */
void hl_http_proxies_find(hl_http_proxies *ret);
/* The same address and port. */
bool hl_http_proxies_have(const hl_http_proxies *p, const struct sockaddr *at);
