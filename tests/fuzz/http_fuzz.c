/* What of HTTP is parsed here and not by libmicrohttpd: addresses and Host headers, and the lists
 * of settings that a request's headers are compared with. */
#include "base/status.h"
#include "config/settings.h"
#include "http/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hl_str text = {(const char *)data, size}, entry;
    hl_http_address a;
    hl_error err;
    if (hl_http_address_parse(text, &a, &err) >= 0) {
        struct sockaddr_storage at;
        socklen_t len;
        HL_ASSERT(memchr(a.host, '\0', sizeof a.host));
        bool loopback = hl_http_is_loopback(a.host);
        if (hl_http_sockaddr(a.host, a.port, &at, &len, NULL) >= 0) {
            HL_ASSERT(hl_http_sockaddr_port(&at) == a.port);
            HL_ASSERT(hl_http_sockaddr_is_loopback((struct sockaddr *)&at) == loopback ||
                      at.ss_family == AF_INET6); /* ::ffff:127.0.0.1 */
        } else {
            HL_ASSERT(!loopback);
        }
    }
    (void)hl_http_host_allowed(text, "machine");
    for (size_t at = 0; hl_list_next(text, &at, &entry);)
        HL_ASSERT(entry.len > 0 && entry.len <= size);
    uint64_t bytes;
    (void)hl_bytes_parse(text, &bytes);
    return 0;
}
