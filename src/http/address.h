/* http/address.h
 *
 * Where a server listens, as OLLAMA_HOST says it: [scheme://][host][:port][/path], and
 * what of that is this machine only.
 *
 * Threads: pure.
 */
#pragma once

#include "base/status.h"
#include "base/str.h"

#include <sys/socket.h>

enum { HL_HTTP_HOST_MAX = 256, HL_HTTP_PORT_DEFAULT = 11434 };

typedef struct hl_http_address {
    char host[HL_HTTP_HOST_MAX]; /* without brackets; "localhost" becomes 127.0.0.1 */
    uint16_t port;
} hl_http_address;

/* Empty parts become 127.0.0.1 and 11434; http:// alone means port 80, https:// 443.  EINVAL
 * for a port that is none and a host that is too long. */
hl_status hl_http_address_parse(hl_str text, hl_http_address *ret, hl_error *err) HL_NODISCARD;
bool hl_http_is_loopback(const char *host);
bool hl_http_sockaddr_is_loopback(const struct sockaddr *at);

/* Whether a Host header may name this machine, so that no page of a stranger's reaches it
 * through a name of its own: empty, localhost, *.localhost, *.local, *.internal, the machine's
 * own name, or an address that is loopback, private or unspecified. */
bool hl_http_host_allowed(hl_str host_header, const char *machine_name);

/* Of a numeric host.  EINVAL: it is none. */
hl_status hl_http_sockaddr(const char *host, uint16_t port, struct sockaddr_storage *ret,
                           socklen_t *ret_len, hl_error *err) HL_NODISCARD;
uint16_t hl_http_sockaddr_port(const struct sockaddr_storage *at);
