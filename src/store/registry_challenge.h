/* store/registry_challenge.h
 *
 * What a registry asks of those who are to show a token: its header
 *     WWW-Authenticate: Bearer realm="https://…",service="…",scope="repository:a/b:pull"
 * (RFC 6750, and Docker's token specification).
 *
 * Threads: pure.
 */
#pragma once

#include "base/str.h"

enum { HL__CHALLENGE_TEXT_MAX = 1024 };

typedef struct hl__challenge {
    char realm[HL__CHALLENGE_TEXT_MAX]; /* where tokens are; not yet known to be a URL */
    char service[HL__CHALLENGE_TEXT_MAX], scope[HL__CHALLENGE_TEXT_MAX];
} hl__challenge;

/* False: it is none of this kind, has no realm, or a text that is too long or has control
 * characters in it. */
bool hl__challenge_parse(hl_str header, hl__challenge *ret);
