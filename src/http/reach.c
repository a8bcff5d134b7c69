#include "http/reach.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct net4 {
    uint32_t base;
    unsigned bits;
} net4;

#define IP4(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (d))

static bool is_public4(uint32_t ip) {
    static const net4 closed[] = {
        {IP4(0, 0, 0, 0), 8},      {IP4(10, 0, 0, 0), 8},     {IP4(100, 64, 0, 0), 10},
        {IP4(127, 0, 0, 0), 8},    {IP4(169, 254, 0, 0), 16}, {IP4(172, 16, 0, 0), 12},
        {IP4(192, 0, 0, 0), 24},   {IP4(192, 0, 2, 0), 24},   {IP4(192, 88, 99, 0), 24},
        {IP4(192, 168, 0, 0), 16}, {IP4(198, 18, 0, 0), 15},  {IP4(198, 51, 100, 0), 24},
        {IP4(203, 0, 113, 0), 24}, {IP4(224, 0, 0, 0), 3}, /* multicast and reserved */
    };
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++)
        if ((ip ^ closed[i].base) >> (32 - closed[i].bits) == 0) return false;
    return true;
}

static uint32_t load4(const uint8_t *p) {
    return IP4(p[0], p[1], p[2], p[3]);
}

typedef struct net6 {
    uint8_t base[12];
    unsigned bytes; /* that are compared */
    unsigned at4;   /* where an IPv4 address is in it */
} net6;

static bool is_public6(const uint8_t ip[16]) {
    static const net6 with4[] = {
        {{0}, 12, 12},                                        /* ::a.b.c.d, :: and ::1 */
        {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 12, 12}, /* mapped */
        {{0, 0x64, 0xff, 0x9b}, 12, 12},                      /* NAT64 */
        {{0x20, 0x02}, 2, 2},                                 /* 6to4 */
    };
    for (size_t i = 0; i < sizeof with4 / sizeof *with4; i++)
        if (memcmp(ip, with4[i].base, with4[i].bytes) == 0)
            return is_public4(load4(ip + with4[i].at4));
    if (memcmp(ip, (const uint8_t[]){0x20, 0x01, 0, 0}, 4) == 0) return false;       /* Teredo */
    if (memcmp(ip, (const uint8_t[]){0x20, 0x01, 0x0d, 0xb8}, 4) == 0) return false; /* examples */
    return (ip[0] & 0xe0) == 0x20; /* 2000::/3 is all that is given out */
}

bool hl_address_is_public(const struct sockaddr *at) {
    if (at->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, at, sizeof in);
        return is_public4(ntohl(in.sin_addr.s_addr));
    }
    if (at->sa_family != AF_INET6) return false;
    struct sockaddr_in6 in6;
    memcpy(&in6, at, sizeof in6);
    return is_public6(in6.sin6_addr.s6_addr);
}
