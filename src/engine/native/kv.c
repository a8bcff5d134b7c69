#include "engine/native/kv.h"

#include "base/mem.h"

#include <string.h>

typedef struct page {
    uint64_t serial,
        before; /* of a published page: its own serial, and that of the page before; 0: start */
    uint64_t salt, hash;
    uint32_t refs;
    uint32_t chain;        /* next page in the same bucket */
    uint32_t older, newer; /* neighbours in the list of cached pages */
    uint32_t tokens[HL_KV_PAGE_TOKENS];
    bool published;
} page;

struct hl_kv {
    page *pages;       /* [n_pages] */
    uint32_t *free;    /* [n_free] stack */
    uint32_t *buckets; /* [n_buckets] first page of a chain */
    uint32_t n_pages, n_free, n_cached, n_buckets;
    uint32_t oldest, newest; /* cached pages */
    uint32_t refs;
    uint64_t serial; /* the last one given */
};

/* A power of two, at least twice the pages. */
static uint32_t bucket_count(uint32_t n_pages) {
    uint32_t n = 2;
    while (n < UINT32_MAX / 4 && n / 2 < n_pages) n *= 2;
    return n;
}

uint64_t hl_kv_bytes(uint32_t n_pages) {
    return sizeof(hl_kv) + n_pages * (uint64_t)(sizeof(page) + sizeof(uint32_t)) +
           bucket_count(n_pages) * (uint64_t)sizeof(uint32_t);
}

hl_status hl_kv_create(uint32_t n_pages, hl_kv **ret, hl_error *err) {
    HL_ASSERT(n_pages > 0 && n_pages < HL_KV_NONE);
    hl_kv *kv = hl_calloc(1, sizeof *kv);
    if (!kv) goto fail;
    kv->n_pages = n_pages;
    kv->n_buckets = bucket_count(n_pages);
    kv->pages = hl_calloc(n_pages, sizeof *kv->pages);
    kv->free = hl_calloc(n_pages, sizeof *kv->free);
    kv->buckets = hl_calloc(kv->n_buckets, sizeof *kv->buckets);
    if (!kv->pages || !kv->free || !kv->buckets) goto fail;
    for (uint32_t i = 0; i < n_pages; i++) kv->free[i] = n_pages - 1 - i; /* page 0 goes first */
    kv->n_free = n_pages;
    for (uint32_t i = 0; i < kv->n_buckets; i++) kv->buckets[i] = HL_KV_NONE;
    kv->oldest = kv->newest = HL_KV_NONE;
    *ret = kv;
    return HL_OK;
fail:
    hl_kv_destroy(kv);
    return hl_fail(err, HL_ENOMEM, "engine", "no memory for a table of %u KV pages", n_pages);
}

void hl_kv_destroy(hl_kv *kv) {
    if (!kv) return;
    hl_free(kv->pages);
    hl_free(kv->free);
    hl_free(kv->buckets);
    hl_free(kv);
}

/* ---- the list of cached pages ---- */

static void cached_push_newest(hl_kv *kv, uint32_t index) {
    page *p = &kv->pages[index];
    p->newer = HL_KV_NONE;
    p->older = kv->newest;
    if (kv->newest == HL_KV_NONE)
        kv->oldest = index;
    else
        kv->pages[kv->newest].newer = index;
    kv->newest = index;
    kv->n_cached++;
}

static void cached_unlink(hl_kv *kv, uint32_t index) {
    page *p = &kv->pages[index];
    HL_DASSERT(kv->n_cached > 0 && p->refs == 0 && p->published);
    if (p->older == HL_KV_NONE)
        kv->oldest = p->newer;
    else
        kv->pages[p->older].newer = p->newer;
    if (p->newer == HL_KV_NONE)
        kv->newest = p->older;
    else
        kv->pages[p->newer].older = p->older;
    kv->n_cached--;
}

/* ---- the table of published pages ---- */

static uint64_t mix(uint64_t h, uint64_t x) {
    h = (h ^ x) * 0x9E3779B97F4A7C15ull;
    return h ^ h >> 29;
}

static uint64_t key_hash(uint64_t before, const hl_kv_key *key) {
    uint64_t h = mix(before, key->salt);
    for (int i = 0; i < HL_KV_PAGE_TOKENS; i++) h = mix(h, key->tokens[i]);
    return h ^ h >> 32;
}

/* The serial that pages behind `before` carry. */
static uint64_t serial_before(const hl_kv *kv, const hl_kv_key *key) {
    if (key->before == HL_KV_NONE) return 0;
    HL_ASSERT(key->before < kv->n_pages && kv->pages[key->before].published);
    return kv->pages[key->before].serial;
}

static uint32_t lookup(const hl_kv *kv, uint64_t before, uint64_t hash, const hl_kv_key *key) {
    uint32_t at = kv->buckets[hash & (kv->n_buckets - 1)];
    for (; at != HL_KV_NONE; at = kv->pages[at].chain) {
        const page *p = &kv->pages[at];
        if (p->hash == hash && p->before == before && p->salt == key->salt &&
            memcmp(p->tokens, key->tokens, sizeof p->tokens) == 0)
            break;
    }
    return at;
}

static void unpublish(hl_kv *kv, uint32_t index) {
    page *p = &kv->pages[index];
    uint32_t *at = &kv->buckets[p->hash & (kv->n_buckets - 1)];
    while (*at != index) {
        HL_ASSERT(*at != HL_KV_NONE);
        at = &kv->pages[*at].chain;
    }
    *at = p->chain;
    p->published = false;
}

/* ---- the public calls ---- */

uint32_t hl_kv_take(hl_kv *kv) {
    uint32_t index;
    if (kv->n_free > 0) {
        index = kv->free[--kv->n_free];
    } else if (kv->n_cached > 0) {
        index = kv->oldest;
        cached_unlink(kv, index);
        unpublish(kv, index);
    } else {
        return HL_KV_NONE;
    }
    HL_ASSERT(kv->pages[index].refs == 0 && !kv->pages[index].published);
    kv->pages[index].refs = 1;
    kv->refs++;
    return index;
}

void hl_kv_drop(hl_kv *kv, uint32_t index) {
    HL_ASSERT(index < kv->n_pages && kv->pages[index].refs > 0);
    kv->refs--;
    if (--kv->pages[index].refs > 0) return;
    if (kv->pages[index].published)
        cached_push_newest(kv, index);
    else
        kv->free[kv->n_free++] = index;
}

static void add_ref(hl_kv *kv, uint32_t index) {
    if (kv->pages[index].refs == 0) cached_unlink(kv, index);
    kv->pages[index].refs++;
    kv->refs++;
}

uint32_t hl_kv_find(hl_kv *kv, const hl_kv_key *key) {
    uint64_t before = serial_before(kv, key);
    uint32_t index = lookup(kv, before, key_hash(before, key), key);
    if (index != HL_KV_NONE) add_ref(kv, index);
    return index;
}

uint32_t hl_kv_publish(hl_kv *kv, uint32_t index, const hl_kv_key *key) {
    HL_ASSERT(index < kv->n_pages);
    page *p = &kv->pages[index];
    HL_ASSERT(p->refs == 1 && !p->published);
    uint64_t before = serial_before(kv, key), hash = key_hash(before, key);
    uint32_t equal = lookup(kv, before, hash, key);
    if (equal != HL_KV_NONE) {
        add_ref(kv, equal);
        hl_kv_drop(kv, index);
        return equal;
    }
    uint32_t *bucket = &kv->buckets[hash & (kv->n_buckets - 1)];
    p->serial = ++kv->serial;
    p->before = before;
    p->salt = key->salt;
    p->hash = hash;
    memcpy(p->tokens, key->tokens, sizeof p->tokens);
    p->chain = *bucket;
    p->published = true;
    *bucket = index;
    return index;
}

hl_kv_counts hl_kv_count(const hl_kv *kv) {
    return (hl_kv_counts){.free = kv->n_free,
                          .cached = kv->n_cached,
                          .used = kv->n_pages - kv->n_free - kv->n_cached,
                          .refs = kv->refs};
}

uint32_t hl_kv_available(const hl_kv *kv) {
    return kv->n_free + kv->n_cached;
}
