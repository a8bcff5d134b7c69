/* engine/native/kv.h
 *
 * Who holds which page of the backend's KV cache.  A page holds HL_KV_PAGE_TOKENS tokens of all
 * layers (ADR 0004); this file counts pages, it never sees their contents.
 *
 * A page is
 *     free       nobody's
 *     used       referenced by one or more sequences
 *     cached     referenced by nobody, but complete: found again by its prefix until it is evicted,
 *                least recently used first
 *
 * A complete page is published under its whole prefix: the page before it (by a serial that is
 * never used twice) and its own tokens.  Tokens are compared, not only their hash: no crafted
 * prompt can find another prompt's pages.  Prefixes of different salts never meet.
 *
 * Threads: one at a time.
 */
#pragma once

#include "compute/backend.h"

typedef struct hl_kv hl_kv;

enum { HL_KV_NONE = UINT32_MAX }; /* no page */

hl_status hl_kv_create(uint32_t n_pages, hl_kv **ret, hl_error *err) HL_NODISCARD;
void hl_kv_destroy(hl_kv *kv); /* accepts NULL */
/* Memory that create takes. */
uint64_t hl_kv_bytes(uint32_t n_pages);

/* Any page that can be had, evicting a cached one if need be; HL_KV_NONE when all are used.
 * The caller holds the reference. */
uint32_t hl_kv_take(hl_kv *kv);
/* Gives a reference back.  With the last one a published page becomes cached, another free.
 * Drop a sequence's last page first: what others may still find goes last. */
void hl_kv_drop(hl_kv *kv, uint32_t page);

/* Where a page stands: behind `before` (HL_KV_NONE: at the start), a published page. */
typedef struct hl_kv_key {
    uint64_t salt;
    uint32_t before;
    const uint32_t *tokens; /* [HL_KV_PAGE_TOKENS] */
} hl_kv_key;

/* The page published under the key with a reference for the caller, or HL_KV_NONE. */
uint32_t hl_kv_find(hl_kv *kv, const hl_kv_key *key);
/* Makes a used page findable that is complete now.  Returns the page to use from now on: where an
 * equal one was published before, that one (and the reference to `page` is given back). */
uint32_t hl_kv_publish(hl_kv *kv, uint32_t page, const hl_kv_key *key);

typedef struct hl_kv_counts {
    uint32_t free, cached, used; /* pages; together the pool */
    uint32_t refs;               /* references to used pages */
} hl_kv_counts;
hl_kv_counts hl_kv_count(const hl_kv *kv);
/* What take could give. */
uint32_t hl_kv_available(const hl_kv *kv);
