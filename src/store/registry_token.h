/* store/registry_token.h
 *
 * A token for a registry that asks for one, signed with the user's key; where there is none
 * or it is not known there, the registry decides what strangers get.  Only the registry's own host
 * is asked: a realm elsewhere would collect what is meant for it (CVE-2025-51471).
 *
 * Errors: EINVAL (the realm is elsewhere, the registry refuses), EFORMAT (its answer has no token),
 * and those of the request.
 * Threads: as the link.
 */
#pragma once

#include "store/registry_link.h"

/* Replaces l->bearer. */
hl_status hl__token_get(hl__link *l, const hl__challenge *c, hl_error *err) HL_NODISCARD;

/* Appends the URL that is asked: the realm with service, each word of scope, ts and nonce. */
void hl__token_url(const hl__challenge *c, int64_t now_s, hl_str nonce, hl_buf *ret);
