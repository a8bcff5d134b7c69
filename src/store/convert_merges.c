#include "store/convert_merges.h"

#include "base/utf8.h"
#include "text/tokenizer.h"

enum { SYMBOLS_MAX = 256, NONE = INT32_MAX };

/* A token's text as it is merged. */
typedef struct merging {
    const hl_map *ranks; /* "left right" to its place among the merges */
    hl_str text;
    size_t n;
    size_t at[SYMBOLS_MAX + 1];        /* where symbol i begins; [n] is the end */
    int32_t rank[SYMBOLS_MAX];         /* of symbol i with the next one, or NONE */
    char key[4 * SYMBOLS_MAX + 1 + 1]; /* room for a pair */
} merging;

/* False: longer than anything that merging is tried on. */
static bool split(merging *m, hl_str text) {
    size_t at = 0;
    m->text = text;
    m->n = 0;
    while (at < text.len && m->n < SYMBOLS_MAX) {
        uint32_t cp;
        bool ok;
        m->at[m->n++] = at;
        at += hl_utf8_decode(text, at, &cp, &ok);
    }
    m->at[m->n] = at;
    return at == text.len;
}

static int32_t rank_of(merging *m, size_t i) {
    uint32_t rank;
    size_t from = m->at[i], middle = m->at[i + 1], to = m->at[i + 2];
    HL_ASSERT(i + 2 <= m->n && to - from + 1 < sizeof m->key);
    memcpy(m->key, m->text.ptr + from, middle - from);
    m->key[middle - from] = ' ';
    memcpy(m->key + (middle - from) + 1, m->text.ptr + middle, to - middle);
    return hl_map_find(m->ranks, (hl_str){m->key, to - from + 1}, &rank) ? (int32_t)rank : NONE;
}

static void join(merging *m, size_t i) {
    size_t after = m->n - i - 2;
    memmove(m->at + i + 1, m->at + i + 2, (after + 1) * sizeof m->at[0]);
    if (after > 0) memmove(m->rank + i + 1, m->rank + i + 2, (after - 1) * sizeof m->rank[0]);
    m->n--;
    if (i + 1 < m->n) m->rank[i] = rank_of(m, i);
    if (i > 0) m->rank[i - 1] = rank_of(m, i - 1);
}

/* The earliest merge comes first, at its first place. */
static bool becomes_one(merging *m, hl_str text) {
    if (!split(m, text)) return false;
    for (size_t i = 0; i + 1 < m->n; i++) m->rank[i] = rank_of(m, i);
    while (m->n > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < m->n; i++)
            if (m->rank[i] < m->rank[best]) best = i;
        if (m->rank[best] == NONE) return false;
        join(m, best);
    }
    return true;
}

static hl_status check_tokens(const hl__convert_vocab *v, const hl_map *ranks, hl_error *err) {
    merging m = {.ranks = ranks};
    for (uint32_t i = 0; i < v->n; i++) {
        if (v->kinds[i] != HL_TOKEN_NORMAL || becomes_one(&m, v->tokens[i])) continue;
        return hl_fail(err, HL_EUNSUPPORTED, "convert",
                       "tokenizer.json: ignore_merges %s is not supported with the pre_tokenizer "
                       "of \"%s\": merging does not make token %u \"%.*s\"",
                       v->pre.takes_whole ? "false" : "true", v->pre.name, i,
                       HL_STR_ARG(hl_str_slice(v->tokens[i], 0, 80)));
    }
    return HL_OK;
}

hl_status hl__merges_check(const hl__convert_vocab *v, hl_error *err) {
    hl_map ranks = {0};
    HL_ASSERT(!v->pre.by_score && v->merges);
    hl_status st = hl_map_init(&ranks, v->n_merges, err);
    for (size_t i = 0; st >= 0 && i < v->n_merges; i++)
        st = hl_map_add(&ranks, v->merges[i], (uint32_t)i, err);
    if (st >= 0) st = check_tokens(v, &ranks, err);
    hl_map_deinit(&ranks);
    return st < 0 ? st : HL_OK;
}
