/* http/url.h
 *
 * What of a URL decides who gets to see a secret, and how one URL leads to another.  Parsed by
 * libcurl's own parser, so that what is judged is what is connected to.
 *
 * Errors: EINVAL (no http or https URL), ENOMEM.   Threads: pure.
 */
#pragma once

#include "base/buf.h"

enum { HL_URL_ORIGIN_MAX = 512 };

/* "https://host:443": in small letters, always with the port. */
hl_status hl_url_origin(const char *url, char ret[HL_URL_ORIGIN_MAX], hl_error *err) HL_NODISCARD;
/* False when either is no URL. */
bool hl_url_same_origin(const char *a, const char *b);
/* Appends where `to`, a whole URL or a part of one, leads from `from`. */
hl_status hl_url_join(const char *from, const char *to, hl_buf *ret, hl_error *err) HL_NODISCARD;
/* Appends "/" and a path's text, escaped but for its slashes. */
void hl_url_add_path(hl_buf *url, hl_str path);
/* Appends ?NAME=VALUE or &NAME=VALUE, the value escaped. */
void hl_url_add(hl_buf *url, const char *name, hl_str value);
