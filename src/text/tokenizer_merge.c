#include "text/tokenizer_merge.h"

#include "base/mem.h"
#include "base/utf8.h"

enum { SHORT_BYTES = 96 }; /* up to here scanning for the best pair beats keeping order */
#define NONE UINT32_MAX

/* ---- what both ways share ---------------------------------------------------------- */

/* The rank of merging two neighbours and the token it makes; `both` are their bytes. */
static inline uint32_t rank_pair(const hl_tokenizer *t, hl_token left, hl_token right, hl_str both,
                                 hl_token *ret_to) {
    if (t->by_score) {
        hl_token id = hl__vocab_find(t, both);
        *ret_to = id;
        return id == HL_TOKEN_NONE ? HL__RANK_NONE : t->rank[id];
    }
    const hl__pair *p = hl__vocab_find_pair(t, left, right);
    if (!p) return HL__RANK_NONE;
    *ret_to = p->to;
    return p->rank;
}

/* The symbol at the front of s: a byte, or with scores a character.  Its id may be NONE. */
static size_t first_symbol(const hl_tokenizer *t, hl_str s, hl_token *ret_id) {
    if (!t->by_score) {
        *ret_id = t->byte_id[(uint8_t)s.ptr[0]];
        return 1;
    }
    uint32_t cp;
    bool ok;
    *ret_id = HL_TOKEN_NONE; /* looked up when it stays alone */
    return (uint8_t)s.ptr[0] < 0x80 ? 1 : hl_utf8_decode(s, 0, &cp, &ok);
}

static hl_token alone(const hl_tokenizer *t, hl_str bytes) {
    hl_token id = t->by_score ? hl__vocab_find(t, bytes) : (hl_token)HL_TOKEN_NONE;
    return id != HL_TOKEN_NONE && t->rank[id] != HL__RANK_NONE ? id : (hl_token)HL_TOKEN_NONE;
}

/* One symbol that merging has left: its token, else the tokens of its bytes. */
static hl_status emit(const hl_tokenizer *t, hl_token id, hl_str bytes, hl_tokens *ret,
                      hl_error *err) {
    if (id == HL_TOKEN_NONE) id = alone(t, bytes);
    if (id != HL_TOKEN_NONE) return hl_tokens_push(ret, id, err);
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t byte = (uint8_t)bytes.ptr[i];
        hl_token b = t->byte_id[byte];
        if (b == HL_TOKEN_NONE && t->unknown != HL_TOKEN_NONE)
            return hl_tokens_push(ret, t->unknown, err);
        if (b == HL_TOKEN_NONE)
            return hl_fail(err, HL_EFORMAT, "tokenizer",
                           "the vocabulary has no token for byte 0x%02X", byte);
        HL_TRY(hl_tokens_push(ret, b, err));
    }
    return HL_OK;
}

/* ---- short pieces ------------------------------------------------------------------ */

typedef struct short_piece {
    const char *text;
    uint32_t n;
    uint32_t start[SHORT_BYTES + 1]; /* symbol i is text[start[i] .. start[i + 1]) */
    hl_token id[SHORT_BYTES];
    uint32_t rank[SHORT_BYTES]; /* of the pair (i, i + 1) */
    hl_token to[SHORT_BYTES];
} short_piece;

static inline void rank_short(const hl_tokenizer *t, short_piece *s, uint32_t i) {
    s->rank[i] = HL__RANK_NONE;
    if (i + 1 >= s->n) return;
    hl_str both = {s->text + s->start[i], s->start[i + 2] - s->start[i]};
    s->rank[i] = rank_pair(t, s->id[i], s->id[i + 1], both, &s->to[i]);
}

static void fill_short(const hl_tokenizer *t, short_piece *s, hl_str piece) {
    HL_DASSERT(piece.len > 0 && piece.len <= SHORT_BYTES);
    s->text = piece.ptr;
    s->n = 0;
    for (size_t at = 0; at < piece.len; s->n++) {
        s->start[s->n] = (uint32_t)at;
        at += first_symbol(t, (hl_str){piece.ptr + at, piece.len - at}, &s->id[s->n]);
    }
    s->start[s->n] = (uint32_t)piece.len;
    for (uint32_t i = 0; i < s->n; i++) rank_short(t, s, i);
}

static void remove_symbol(const hl_tokenizer *t, short_piece *s, uint32_t i) {
    size_t n = s->n - i - 1;
    memmove(s->id + i, s->id + i + 1, n * sizeof *s->id);
    memmove(s->rank + i, s->rank + i + 1, n * sizeof *s->rank);
    memmove(s->to + i, s->to + i + 1, n * sizeof *s->to);
    if (t->by_score) memmove(s->start + i, s->start + i + 1, (n + 1) * sizeof *s->start);
    s->n--;
}

static void merge_short(const hl_tokenizer *t, short_piece *s) {
    for (;;) {
        uint32_t best = 0;
        for (uint32_t i = 1; i + 1 < s->n; i++) {
            if (s->rank[i] < s->rank[best]) best = i;
        }
        if (s->n < 2 || s->rank[best] == HL__RANK_NONE) return;
        s->id[best] = s->to[best];
        remove_symbol(t, s, best + 1);
        rank_short(t, s, best);
        if (best > 0) rank_short(t, s, best - 1);
    }
}

static hl_status run_short(const hl_tokenizer *t, hl_str piece, hl_tokens *ret, hl_error *err) {
    short_piece s;
    fill_short(t, &s, piece);
    merge_short(t, &s);
    for (uint32_t i = 0; i < s.n; i++) {
        hl_str bytes = {piece.ptr + i, 1}; /* without scores only lone bytes have no id */
        if (t->by_score) bytes = hl_str_slice(piece, s.start[i], s.start[i + 1]);
        HL_TRY(emit(t, s.id[i], bytes, ret, err));
    }
    return HL_OK;
}

hl_token hl__merger_single(const hl_tokenizer *t, hl_str piece) {
    if (piece.len == 0 || piece.len > SHORT_BYTES) return HL_TOKEN_NONE;
    short_piece s;
    fill_short(t, &s, piece);
    merge_short(t, &s);
    if (s.n != 1) return HL_TOKEN_NONE;
    return s.id[0] == HL_TOKEN_NONE ? alone(t, piece) : s.id[0];
}

/* ---- long pieces: pairs in buckets by rank ------------------------------------------ */

/* The left symbols of the pairs of one rank, pos[base .. end).  They mostly come in ascending
 * order, and then this is a queue; from the first one that does not, it is a binary heap. */
typedef struct bucket {
    uint32_t *pos;
    uint32_t rank, base, end, cap;
    bool heap, queued; /* queued: its rank is in `ranks` */
} bucket;

typedef struct long_piece {
    const hl_tokenizer *t;
    hl_arena *arena;
    uint32_t *bucket_of;
    hl_str text;
    uint32_t n;
    uint32_t *start, *next, *prev, *rank; /* [n]; rank: of the pair with the next symbol */
    hl_token *id, *to;                    /* [n] */
    bucket *buckets;
    uint32_t n_buckets, cap_buckets;
    uint32_t *ranks; /* binary heap of the ranks that have pairs, [cap_buckets] */
    uint32_t n_ranks;
    bool failed; /* out of memory */
} long_piece;

static void sift_up(uint32_t *heap, uint32_t i) {
    uint32_t v = heap[i];
    for (; i > 0 && heap[(i - 1) / 2] > v; i = (i - 1) / 2) heap[i] = heap[(i - 1) / 2];
    heap[i] = v;
}

static void sift_down(uint32_t *heap, uint32_t n) {
    if (n < 2) return;
    uint32_t v = heap[0], i = 0;
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child >= n) break;
        if (child + 1 < n && heap[child + 1] < heap[child]) child++;
        if (heap[child] >= v) break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = v;
}

/* A larger copy of an array in the arena, or NULL. */
static void *grow(long_piece *l, const void *old, uint32_t n, uint32_t cap, size_t size) {
    void *p = hl_arena_array(l->arena, cap, size);
    if (!p)
        l->failed = true;
    else if (n)
        memcpy(p, old, n * size);
    return p;
}

static bucket *bucket_for(long_piece *l, uint32_t rank) {
    HL_DASSERT(rank < l->t->n_ranks);
    if (l->bucket_of[rank]) return &l->buckets[l->bucket_of[rank] - 1];
    if (l->n_buckets == l->cap_buckets) {
        uint32_t cap = l->cap_buckets ? 2 * l->cap_buckets : 64;
        bucket *buckets = grow(l, l->buckets, l->n_buckets, cap, sizeof *buckets);
        uint32_t *ranks = grow(l, l->ranks, l->n_ranks, cap, sizeof *ranks);
        if (!buckets || !ranks) return NULL;
        l->buckets = buckets;
        l->ranks = ranks;
        l->cap_buckets = cap;
    }
    bucket *b = &l->buckets[l->n_buckets++];
    *b = (bucket){.rank = rank};
    l->bucket_of[rank] = l->n_buckets;
    return b;
}

static bool bucket_room(long_piece *l, bucket *b) {
    if (b->end < b->cap) return true;
    uint32_t cap = b->cap ? 2 * b->cap : 4;
    uint32_t *pos = grow(l, b->pos, b->end, cap, sizeof *pos);
    if (!pos) return false;
    b->pos = pos;
    b->cap = cap;
    return true;
}

static void bucket_push(long_piece *l, bucket *b, uint32_t pos) {
    if (b->base == b->end) {
        b->base = b->end = 0;
        b->heap = false;
    } else if (!b->heap && b->base > 0 && pos < b->pos[b->base]) {
        b->pos[--b->base] = pos;
        return;
    }
    if (!bucket_room(l, b)) return;
    if (b->end > b->base && pos < b->pos[b->end - 1]) b->heap = true; /* sorted is a heap too */
    b->pos[b->end++] = pos;
    if (b->heap) sift_up(b->pos + b->base, b->end - b->base - 1);
}

static uint32_t bucket_pop(bucket *b) {
    HL_DASSERT(b->base < b->end);
    uint32_t first = b->pos[b->base];
    if (!b->heap) {
        b->base++;
        return first;
    }
    b->pos[b->base] = b->pos[--b->end];
    sift_down(b->pos + b->base, b->end - b->base);
    return first;
}

static void push(long_piece *l, uint32_t pos) {
    bucket *b = bucket_for(l, l->rank[pos]);
    if (!b) return;
    bucket_push(l, b, pos);
    if (b->queued) return;
    b->queued = true;
    l->ranks[l->n_ranks++] = b->rank;
    sift_up(l->ranks, l->n_ranks - 1);
}

/* The left symbol of the best pair, or NONE when there is none.  It may be out of date. */
static uint32_t pop(long_piece *l, uint32_t *ret_rank) {
    if (l->n_ranks == 0) return NONE;
    *ret_rank = l->ranks[0];
    bucket *b = &l->buckets[l->bucket_of[l->ranks[0]] - 1];
    uint32_t pos = bucket_pop(b);
    if (b->base == b->end) {
        b->queued = false;
        l->ranks[0] = l->ranks[--l->n_ranks];
        sift_down(l->ranks, l->n_ranks);
    }
    return pos;
}

static size_t end_of(const long_piece *l, uint32_t i) {
    return l->next[i] == NONE ? l->text.len : l->start[l->next[i]];
}

static void rank_long(long_piece *l, uint32_t i) {
    l->rank[i] = HL__RANK_NONE;
    uint32_t j = l->next[i];
    if (j == NONE) return;
    hl_str both = hl_str_slice(l->text, l->start[i], end_of(l, j));
    l->rank[i] = rank_pair(l->t, l->id[i], l->id[j], both, &l->to[i]);
}

static void rank_and_push(long_piece *l, uint32_t i) {
    rank_long(l, i);
    if (l->rank[i] != HL__RANK_NONE) push(l, i);
}

static bool alloc_long(long_piece *l) {
    size_t n = l->text.len;
    l->start = HL_ARENA_ARRAY(l->arena, n, uint32_t);
    l->next = HL_ARENA_ARRAY(l->arena, n, uint32_t);
    l->prev = HL_ARENA_ARRAY(l->arena, n, uint32_t);
    l->rank = HL_ARENA_ARRAY(l->arena, n, uint32_t);
    l->id = HL_ARENA_ARRAY(l->arena, n, hl_token);
    l->to = HL_ARENA_ARRAY(l->arena, n, hl_token);
    l->failed = !l->start || !l->next || !l->prev || !l->rank || !l->id || !l->to;
    return !l->failed;
}

/* Buckets get their first size exactly: most pairs are there from the beginning. */
static void fill_long(long_piece *l) {
    for (size_t at = 0; at < l->text.len; l->n++) {
        uint32_t i = l->n;
        l->start[i] = (uint32_t)at;
        l->prev[i] = i == 0 ? NONE : i - 1;
        l->next[i] = i + 1;
        at += first_symbol(l->t, hl_str_slice(l->text, at, l->text.len), &l->id[i]);
    }
    l->next[l->n - 1] = NONE;
    for (uint32_t i = 0; i < l->n && !l->failed; i++) {
        rank_long(l, i);
        bucket *b = l->rank[i] == HL__RANK_NONE ? NULL : bucket_for(l, l->rank[i]);
        if (b) b->cap++;
    }
    for (uint32_t i = 0; i < l->n_buckets && !l->failed; i++)
        l->buckets[i].pos = grow(l, NULL, 0, l->buckets[i].cap, sizeof(uint32_t));
    for (uint32_t i = 0; i < l->n && !l->failed; i++) {
        if (l->rank[i] != HL__RANK_NONE) push(l, i);
    }
}

static void merge_long(long_piece *l) {
    uint32_t rank = 0;
    for (uint32_t i = pop(l, &rank); i != NONE && !l->failed; i = pop(l, &rank)) {
        if (l->rank[i] != rank) continue; /* one of the two has merged otherwise */
        uint32_t gone = l->next[i];
        HL_DASSERT(gone != NONE);
        l->id[i] = l->to[i];
        l->next[i] = l->next[gone];
        if (l->next[i] != NONE) l->prev[l->next[i]] = i;
        l->rank[gone] = HL__RANK_NONE;
        if (l->prev[i] != NONE) rank_and_push(l, l->prev[i]);
        rank_and_push(l, i);
    }
}

static hl_status no_memory(hl_str piece, hl_error *err) {
    return hl_fail(err, HL_ENOMEM, "tokenizer", "no memory for a piece of %zu bytes", piece.len);
}

static bool prepare(hl__merger *m) {
    if (!m->arena) m->arena = hl_arena_create(0);
    if (!m->bucket_of) m->bucket_of = hl_calloc(m->t->n_ranks, sizeof *m->bucket_of);
    return m->arena && m->bucket_of;
}

static hl_status run_long(hl__merger *m, hl_str piece, hl_tokens *ret, hl_error *err) {
    if (!prepare(m)) return no_memory(piece, err);
    long_piece l = {.t = m->t, .arena = m->arena, .bucket_of = m->bucket_of, .text = piece};
    hl_status st = HL_OK;
    if (alloc_long(&l)) fill_long(&l);
    if (!l.failed) merge_long(&l);
    for (uint32_t i = 0; i < l.n_buckets; i++) m->bucket_of[l.buckets[i].rank] = 0;
    if (l.failed) st = no_memory(piece, err);
    for (uint32_t i = 0; st == HL_OK && i != NONE; i = l.next[i])
        st = emit(m->t, l.id[i], hl_str_slice(piece, l.start[i], end_of(&l, i)), ret, err);
    hl_arena_reset(m->arena);
    return st;
}

/* ---- the whole --------------------------------------------------------------------- */

hl_status hl__merger_run(hl__merger *m, hl_str piece, hl_tokens *ret, hl_error *err) {
    HL_DASSERT(piece.len > 0);
    hl_token whole = hl__vocab_find(m->t, piece);
    if (whole != HL_TOKEN_NONE && (m->t->flags[whole] & HL__TOKEN_WHOLE))
        return hl_tokens_push(ret, whole, err);
    if (piece.len <= SHORT_BYTES) return run_short(m->t, piece, ret, err);
    return run_long(m, piece, ret, err);
}

void hl__merger_deinit(hl__merger *m) {
    hl_arena_destroy(m->arena);
    hl_free(m->bucket_of);
    *m = (hl__merger){0};
}
