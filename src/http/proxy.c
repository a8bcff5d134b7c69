#include "http/proxy.h"

#include <curl/curl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static void add_host(hl_http_proxies *p, const char *host, const char *port) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    if (getaddrinfo(host, port, &hints, &found) != 0) return;
    for (const struct addrinfo *a = found; a && p->n < HL_HTTP_PROXY_ADDRESSES_MAX; a = a->ai_next)
        if (a->ai_addrlen <= sizeof p->at[0]) memcpy(&p->at[p->n++], a->ai_addr, a->ai_addrlen);
    freeaddrinfo(found);
}

/* As curl reads it: the scheme may be missing; without a port it is 1080. */
static void add_url(hl_http_proxies *p, const char *text) {
    char *host = NULL, *port = NULL;
    CURLU *u = curl_url();
    if (u &&
        curl_url_set(u, CURLUPART_URL, text, CURLU_DEFAULT_SCHEME | CURLU_NON_SUPPORT_SCHEME) ==
            CURLUE_OK &&
        curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
        bool has_port = curl_url_get(u, CURLUPART_PORT, &port, 0) == CURLUE_OK;
        size_t len = strlen(host);
        if (host[0] == '[' && host[len - 1] == ']') {
            host[len - 1] = '\0';
            add_host(p, host + 1, has_port ? port : "1080");
        } else {
            add_host(p, host, has_port ? port : "1080");
        }
    }
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(u);
}

void hl_http_proxies_find(hl_http_proxies *ret) {
    static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy",
                                        "ALL_PROXY"};
    ret->n = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *text = getenv(names[i]);
        if (text && text[0]) add_url(ret, text);
    }
}

static bool is_same(const struct sockaddr_storage *a, const struct sockaddr *b) {
    if (a->ss_family != b->sa_family) return false;
    if (b->sa_family == AF_INET) {
        struct sockaddr_in x, y;
        memcpy(&x, a, sizeof x);
        memcpy(&y, b, sizeof y);
        return x.sin_port == y.sin_port && x.sin_addr.s_addr == y.sin_addr.s_addr;
    }
    struct sockaddr_in6 x, y;
    if (b->sa_family != AF_INET6) return false;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x.sin6_port == y.sin6_port && memcmp(&x.sin6_addr, &y.sin6_addr, 16) == 0;
}

bool hl_http_proxies_have(const hl_http_proxies *p, const struct sockaddr *at) {
    for (size_t i = 0; i < p->n; i++)
        if (is_same(&p->at[i], at)) return true;
    return false;
}
