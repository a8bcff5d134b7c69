#include "engine/native/batch.h"

#include "base/mem.h"

#include <string.h>

hl_status hl_batcher_init(hl_batcher *b, uint32_t spans_max, uint32_t rows_max, uint32_t kv_pages,
                          hl_error *err) {
    HL_ASSERT(spans_max >= 1 && rows_max >= spans_max);
    *b = (hl_batcher){.spans_max = spans_max, .rows_max = rows_max, .prompt_rows_max = rows_max};
    b->queue = hl_calloc(spans_max, sizeof *b->queue);
    b->shares = hl_calloc(spans_max, sizeof *b->shares);
    hl_status st = HL_OK;
    if (!b->queue || !b->shares)
        st = hl_fail(err, HL_ENOMEM, "engine", "no memory for a queue of %u", spans_max);
    if (st == HL_OK) st = hl_kv_create(kv_pages, &b->kv, err);
    if (st < 0) hl_batcher_deinit(b);
    return st;
}

void hl_batcher_deinit(hl_batcher *b) {
    hl_kv_destroy(b->kv);
    hl_free(b->queue);
    hl_free(b->shares);
    *b = (hl_batcher){0};
}

void hl_batcher_add(hl_batcher *b, hl_span *s) {
    HL_ASSERT(b->n_queue < b->spans_max);
    HL_ASSERT(s->n_pages == 0 && s->kv_len == 0 && s->n_tokens > 0 && s->chunk_max > 0);
    s->admitted = false;
    b->queue[b->n_queue++] = s;
}

/* The last pages first, so that they are also the first to be evicted. */
static void release_pages(hl_batcher *b, hl_span *s) {
    while (s->n_pages > 0) hl_kv_drop(b->kv, s->pages[--s->n_pages]);
    s->kv_len = 0;
}

void hl_batcher_remove(hl_batcher *b, hl_span *s) {
    uint32_t at = 0;
    while (at < b->n_queue && b->queue[at] != s) at++;
    HL_ASSERT(at < b->n_queue);
    release_pages(b, s);
    if (s->admitted) b->n_admitted--;
    s->admitted = false;
    b->n_queue--;
    memmove(&b->queue[at], &b->queue[at + 1], (b->n_queue - at) * sizeof *b->queue);
}

/* Only whole pages stay: what is in one is never changed. */
void hl_batcher_rewind(hl_batcher *b, hl_span *s, uint32_t n_kept, uint32_t n_tokens) {
    uint32_t n_pages = n_kept / HL_KV_PAGE_TOKENS;
    HL_ASSERT(n_kept < n_tokens);
    while (s->n_pages > n_pages) hl_kv_drop(b->kv, s->pages[--s->n_pages]);
    if (s->kv_len > s->n_pages * HL_KV_PAGE_TOKENS) s->kv_len = s->n_pages * HL_KV_PAGE_TOKENS;
    s->n_tokens = n_tokens;
}

/* Takes complete pages that somebody has computed already.  One token is left to compute. */
static void adopt_pages(hl_batcher *b, hl_span *s) {
    while (!s->every_row && s->kv_len == s->n_pages * HL_KV_PAGE_TOKENS &&
           s->kv_len + HL_KV_PAGE_TOKENS < s->n_tokens) {
        hl_kv_key key = {.salt = s->salt,
                         .before = s->n_pages ? s->pages[s->n_pages - 1] : HL_KV_NONE,
                         .tokens = s->tokens + s->kv_len};
        uint32_t found = hl_kv_find(b->kv, &key);
        if (found == HL_KV_NONE) return;
        s->pages[s->n_pages++] = found;
        s->kv_len += HL_KV_PAGE_TOKENS;
    }
}

/* What was adopted for the first time counts as cached, as far as it is prompt. */
static void count_cached(hl_span *s) {
    uint32_t to = s->kv_len < s->n_prompt ? s->kv_len : s->n_prompt;
    if (to > s->kv_len_max) s->n_cached += to - s->kv_len_max;
    if (s->kv_len > s->kv_len_max) s->kv_len_max = s->kv_len;
}

/* The first waiting sequence comes in when there are pages for all its tokens and the next, and
 * one for each that is in already: else it would soon be preempted.  The only one always comes in.
 */
static bool admit(hl_batcher *b, hl_span *s) {
    HL_ASSERT(s == b->queue[b->n_admitted]);
    adopt_pages(b, s);
    uint32_t missing = hl_pages_for(s->n_tokens + 1) - s->n_pages;
    if (b->n_admitted > 0 && hl_kv_available(b->kv) < (uint64_t)missing + b->n_admitted) {
        release_pages(b, s);
        return false;
    }
    s->admitted = true;
    b->n_admitted++;
    return true;
}

static void forget_share(hl_batcher *b, const hl_span *s) {
    for (uint32_t i = 0; i < b->n_shares; i++) {
        if (b->shares[i].span != s) continue;
        b->n_rows -= b->shares[i].n_rows;
        if (i < b->n_running) b->n_running--; /* they stand first, with one row each */
        b->n_shares--;
        memmove(&b->shares[i], &b->shares[i + 1], (b->n_shares - i) * sizeof *b->shares);
        return;
    }
}

static void preempt_youngest(hl_batcher *b) {
    HL_ASSERT(b->n_admitted > 0);
    hl_span *s = b->queue[--b->n_admitted];
    HL_ASSERT(s->admitted);
    forget_share(b, s);
    release_pages(b, s);
    s->admitted = false;
    b->n_preemptions++;
}

/* Pages for n more rows of s, at the cost of younger ones.  Returns for how many rows there are
 * pages; s itself is never preempted here. */
static uint32_t reserve(hl_batcher *b, hl_span *s, uint32_t n) {
    while (s->n_pages * HL_KV_PAGE_TOKENS < s->kv_len + n) {
        uint32_t got = hl_kv_take(b->kv);
        if (got != HL_KV_NONE)
            s->pages[s->n_pages++] = got;
        else if (b->queue[b->n_admitted - 1] != s)
            preempt_youngest(b);
        else
            return s->n_pages * HL_KV_PAGE_TOKENS - s->kv_len;
    }
    return n;
}

static void share_rows(hl_batcher *b, hl_span *s, uint32_t n) {
    HL_ASSERT(n > 0 && n <= b->rows_max - b->n_rows && b->n_shares < b->spans_max);
    b->shares[b->n_shares++] = (hl_share){
        .span = s, .n_rows = n, .output = s->kv_len + n == s->n_tokens};
    b->n_rows += n;
}

static bool is_running(const hl_span *s) {
    return s->admitted && s->n_tokens - s->kv_len == 1;
}

/* n_admitted may shrink while this runs: only ones behind i, or i itself, go. */
static void plan_running(hl_batcher *b) {
    for (uint32_t i = 0; i < b->n_admitted; i++) {
        hl_span *s = b->queue[i];
        if (!is_running(s)) continue;
        if (reserve(b, s, 1) == 1)
            share_rows(b, s, 1);
        else
            preempt_youngest(b); /* s, which is it */
    }
}

uint32_t hl_batcher_count_running(const hl_batcher *b) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < b->n_admitted; i++) n += is_running(b->queue[i]);
    return n;
}

static uint32_t min3(uint32_t a, uint32_t b, uint32_t c) {
    uint32_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Rows that prompts may still take in this step: all when nobody's stream waits for it. */
static uint32_t prompt_rows_left(const hl_batcher *b) {
    uint32_t taken = b->n_rows - b->n_running, left = b->rows_max - b->n_rows;
    uint32_t most = b->n_running > 0 ? b->prompt_rows_max : b->rows_max;
    uint32_t allowed = taken < most ? most - taken : 0;
    return allowed < left ? allowed : left;
}

static void plan_prompts(hl_batcher *b) {
    for (uint32_t i = 0; i < b->n_queue && prompt_rows_left(b) > 0; i++) {
        hl_span *s = b->queue[i];
        if (is_running(s)) continue; /* has its row */
        if (!s->admitted && !admit(b, s)) return;
        adopt_pages(b, s);
        count_cached(s);
        uint32_t want = min3(s->n_tokens - s->kv_len, s->chunk_max, prompt_rows_left(b));
        uint32_t got = reserve(b, s, want);
        if (got > 0) share_rows(b, s, got);
    }
}

void hl_batcher_plan(hl_batcher *b) {
    b->n_shares = b->n_rows = 0;
    plan_running(b);
    b->n_running = b->n_rows;
    plan_prompts(b);
    HL_ASSERT((b->n_shares > 0) == (b->n_queue > 0));
}

/* Publishes the pages of s that became complete between kv_len `from` and now. */
static void publish_pages(hl_batcher *b, hl_span *s, uint32_t from) {
    if (s->every_row) return;
    for (uint32_t i = from / HL_KV_PAGE_TOKENS; i < s->kv_len / HL_KV_PAGE_TOKENS; i++) {
        hl_kv_key key = {.salt = s->salt,
                         .before = i ? s->pages[i - 1] : HL_KV_NONE,
                         .tokens = s->tokens + i * HL_KV_PAGE_TOKENS};
        s->pages[i] = hl_kv_publish(b->kv, s->pages[i], &key);
    }
}

void hl_batcher_commit(hl_batcher *b) {
    for (uint32_t i = 0; i < b->n_shares; i++) {
        hl_span *s = b->shares[i].span;
        uint32_t from = s->kv_len;
        s->kv_len += b->shares[i].n_rows;
        HL_ASSERT(s->admitted && s->kv_len <= s->n_tokens);
        HL_ASSERT(s->n_pages == hl_pages_for(s->kv_len));
        if (s->kv_len > s->kv_len_max) s->kv_len_max = s->kv_len;
        publish_pages(b, s, from);
    }
}
