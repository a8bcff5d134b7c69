/* store/registry_link.h
 *
 * Requests to one registry, one at a time, with what all of them need: redirects (without
 * the credentials once they lead elsewhere), a token when it asks for one, a few tries with growing
 * pauses when it is busy or the connection breaks; private to store/.
 *
 * Threads: one at a time.
 */
#pragma once

#include "base/rng.h"
#include "http/transfer.h"
#include "http/url.h"
#include "store/registry.h"
#include "store/registry_challenge.h"

enum { HL__LINK_TRIES = 6, HL__LINK_HOPS_MAX = 5, HL__LINK_TOKENS_MAX = 16 };

typedef struct hl__tuning {
    uint32_t connections;
    uint64_t stall_ns, backoff_ns;
} hl__tuning;

typedef struct hl__link {
    const hl_registry_ask *ask; /* borrowed */
    hl_name name;
    char origin[HL_URL_ORIGIN_MAX]; /* of the registry */
    hl_buf base;                    /* "https://HOST/v2/NS/MODEL/" */
    hl_buf file_url;                /* of a file's URL; empty: a registry */
    hl_buf bearer;                  /* "Authorization: Bearer …"; empty: none yet */
    uint32_t n_tokens;
    hl__tuning tuning;
    hl_rng rng;
    hl_http_pool *pool;
} hl__link;

hl_status hl__link_open(const hl_registry_ask *ask, hl__link *ret, hl_error *err) HL_NODISCARD;
void hl__link_close(hl__link *l); /* accepts a zeroed one */
/* With the rules of addresses that hold for this registry. */
hl_status hl__link_pool(const hl__link *l, hl_http_pool **ret, hl_error *err) HL_NODISCARD;

bool hl__link_is_cancelled(const hl__link *l);
hl_status hl__link_fail_cancelled(hl_error *err);
/* The pause before the next try, with some chance in it; tries 1: the first pause. */
uint64_t hl__link_pause(hl__link *l, uint32_t tries, const hl_http_task *t);

/* BASE + what + rest, appended. */
void hl__link_url(const hl__link *l, const char *what, const char *rest, hl_buf *ret);
/* The header that may be shown to whoever answers at the URL; NULL: none. */
const char *hl__link_bearer(const hl__link *l, const char *url);
/* Gets a token for what a 401 asked for.  EINVAL: it asks for none, of another host, or too often.
 */
hl_status hl__link_renew(hl__link *l, const hl_http_task *refused, hl_error *err) HL_NODISCARD;
/* Where a redirect from `url` leads, appended; EREMOTE: nowhere, EINVAL: where nobody may go. */
hl_status hl__link_follow(const hl__link *l, const char *url, const hl_http_task *t, hl_buf *ret,
                          hl_error *err) HL_NODISCARD;
/* Of an answer that is no success, in the server's own words. */
hl_status hl__link_fail_http(const hl_http_task *t, hl_error *err);

typedef struct hl__request {
    const char *method, *url;
    const char *headers[3]; /* besides Authorization; NULL at the end */
    bool stay;              /* a redirect is the answer */
    bool no_token;          /* a 401 is the answer */
    hl_http_take_fn *take;  /* called anew from the beginning when a try fails: reset is first */
    hl_http_give_fn *give;
    uint64_t give_bytes;
    void (*reset)(void *arg);
    void *arg;
} hl__request;

typedef struct hl__reply {
    int http;
    hl_buf location;           /* a whole URL, or empty */
    hl_buf upload;             /* of Docker-Upload-Location: the same */
    char range[96], etag[160]; /* Content-Range and ETag, cut */
    bool unreachable;
    hl_error error; /* what another status than 2xx says, for callers that pass it on */
} hl__reply;

/* HL_OK: an answer came, with its status in ret->http. */
hl_status hl__link_ask(hl__link *l, const hl__request *r, hl__reply *ret,
                       hl_error *err) HL_NODISCARD;
void hl__reply_deinit(hl__reply *r);
