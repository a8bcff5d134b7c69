/* http/reach.h
 *
 * Which addresses are somewhere in the internet, and not this machine or a network behind a
 * router: what a stranger's URL may make us connect to.  Judged on the address that is
 * connected to, never on a name, which can mean another one the next moment.
 *
 * Source: the IANA registries of special-purpose addresses (RFC 6890 and its successors).
 * Threads: pure.
 */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

/* False for loopback, private, link-local, shared, reserved and multicast addresses, and for
 * IPv6 addresses that have such an IPv4 address in them. */
bool hl_address_is_public(const struct sockaddr *at);
