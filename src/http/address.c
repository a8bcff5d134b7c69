#include "http/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

/* -- parsing ----------------------------------------------------------------------------------- */

/* Takes "scheme://" off; the port that it stands for. */
static uint16_t take_scheme(hl_str *text) {
    static const struct {
        const char *scheme;
        uint16_t port;
    } schemes[] = {{"http://", 80}, {"https://", 443}};
    for (size_t i = 0; i < 2; i++) {
        hl_str scheme = hl_str_from(schemes[i].scheme);
        if (!hl_str_starts(*text, scheme)) continue;
        *text = hl_str_slice(*text, scheme.len, text->len);
        return schemes[i].port;
    }
    return HL_HTTP_PORT_DEFAULT;
}

static bool parse_port(hl_str text, uint16_t *ret) {
    uint32_t port = 0;
    if (text.len == 0 || text.len > 5) return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') return false;
        port = port * 10 + (uint32_t)(text.ptr[i] - '0');
    }
    *ret = (uint16_t)port;
    return port <= UINT16_MAX;
}

/* "[::1]:80", "::1", "host:80", ":80", "host" */
static void split_port(hl_str text, hl_str *ret_host, hl_str *ret_port) {
    size_t colon = SIZE_MAX, n_colons = 0;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == ':') colon = i, n_colons++;
    size_t bracket = hl_str_find(text, HL_STR("]"), 0);
    *ret_host = text;
    *ret_port = (hl_str){"", 0};
    bool has_port = bracket != SIZE_MAX ? colon == bracket + 1 : n_colons == 1;
    if (has_port) {
        *ret_host = hl_str_slice(text, 0, colon);
        *ret_port = hl_str_slice(text, colon + 1, text.len);
    }
    if (hl_str_starts(*ret_host, HL_STR("[")) && hl_str_ends(*ret_host, HL_STR("]")))
        *ret_host = hl_str_slice(*ret_host, 1, ret_host->len - 1);
}

hl_status hl_http_address_parse(hl_str text, hl_http_address *ret, hl_error *err) {
    hl_str host, port;
    hl_str given = text;
    *ret = (hl_http_address){.port = take_scheme(&text)};
    split_port(hl_str_slice(text, 0, hl_str_find(text, HL_STR("/"), 0)), &host, &port);
    if (port.len > 0 && !parse_port(port, &ret->port))
        return hl_fail(err, HL_EINVAL, "http", "invalid port in \"%.*s\"",
                       HL_STR_ARG(hl_str_slice(given, 0, 80)));
    if (host.len == 0 || hl_str_is(host, "localhost")) host = HL_STR("127.0.0.1");
    if (host.len >= sizeof ret->host)
        return hl_fail(err, HL_EINVAL, "http", "a host name of %zu bytes is too long", host.len);
    memcpy(ret->host, host.ptr, host.len);
    return HL_OK;
}

/* -- what addresses mean ----------------------------------------------------------------------- */

bool hl_http_is_loopback(const char *host) {
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, host, &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, host, &v6) == 1) return IN6_IS_ADDR_LOOPBACK(&v6);
    return false;
}

bool hl_http_sockaddr_is_loopback(const struct sockaddr *at) {
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    if (at->sa_family == AF_INET) {
        memcpy(&v4, at, sizeof v4);
        return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
    }
    if (at->sa_family != AF_INET6) return false;
    memcpy(&v6, at, sizeof v6);
    bool mapped = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) && v6.sin6_addr.s6_addr[12] == 127;
    return mapped || IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
}

static bool is_local_v4(uint32_t ip) {
    return ip == 0 || ip >> 24 == 127 || ip >> 24 == 10 || ip >> 20 == 0xAC1 || ip >> 16 == 0xC0A8;
}

static bool is_local_v6(const struct in6_addr *ip) {
    return IN6_IS_ADDR_LOOPBACK(ip) || IN6_IS_ADDR_UNSPECIFIED(ip) ||
           (ip->s6_addr[0] & 0xFE) == 0xFC;
}

static bool ends_with(const char *name, const char *end) {
    size_t n = strlen(name), k = strlen(end);
    return n >= k && strcasecmp(name + n - k, end) == 0;
}

bool hl_http_host_allowed(hl_str host_header, const char *machine_name) {
    char name[HL_HTTP_HOST_MAX] = "";
    hl_str host, port;
    struct in_addr v4;
    struct in6_addr v6;
    split_port(host_header, &host, &port);
    if (host.len >= sizeof name) return false;
    memcpy(name, host.len ? host.ptr : "", host.len);
    if (inet_pton(AF_INET, name, &v4) == 1) return is_local_v4(ntohl(v4.s_addr));
    if (inet_pton(AF_INET6, name, &v6) == 1) return is_local_v6(&v6);
    return name[0] == '\0' || strcasecmp(name, "localhost") == 0 ||
           strcasecmp(name, machine_name) == 0 || ends_with(name, ".localhost") ||
           ends_with(name, ".local") || ends_with(name, ".internal");
}

/* -- sockets ----------------------------------------------------------------------------------- */

hl_status hl_http_sockaddr(const char *host, uint16_t port, struct sockaddr_storage *ret,
                           socklen_t *ret_len, hl_error *err) {
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    *ret = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
        memcpy(ret, &v4, sizeof v4);
        *ret_len = sizeof v4;
    } else if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
        memcpy(ret, &v6, sizeof v6);
        *ret_len = sizeof v6;
    } else {
        return hl_fail(err, HL_EINVAL, "http", "\"%.80s\" is no numeric address", host);
    }
    return HL_OK;
}

uint16_t hl_http_sockaddr_port(const struct sockaddr_storage *at) {
    if (at->ss_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, at, sizeof v6);
        return ntohs(v6.sin6_port);
    }
    struct sockaddr_in v4;
    memcpy(&v4, at, sizeof v4);
    return ntohs(v4.sin_port);
}
