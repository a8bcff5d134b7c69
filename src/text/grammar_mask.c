/* Tokens as a trie, and which of them a state allows. */
#include "base/mem.h"
#include "text/grammar_run.h"

#include <stdlib.h>

/* A node stands before its children: a subtree is a range of nodes, and of tokens. */
typedef struct node {
    uint32_t next;  /* behind its subtree */
    uint32_t token; /* first of its own in the order of bytes; the next node's ends them */
    uint8_t byte, depth;
} node;

_Static_assert(HL_GRAMMAR_TOKEN_MAX < 256, "a depth is a byte");

struct hl_grammar_vocab {
    const hl_tokenizer *t; /* borrowed */
    uint32_t n_vocab, n_sorted, n_nodes, n_ends;
    hl_token *sorted; /* [n_sorted] in the order of their bytes */
    hl_token *ends;   /* [n_ends] */
    node *nodes;      /* [n_nodes + 1] the first is the root */
    uint64_t *pieces; /* [n_vocab + 1] offsets into bytes */
    char *bytes;
};

/* -- the trie ---------------------------------------------------------------------------------- */

/* Appends a token's piece to bytes (if there are any); returns its length. */
static size_t put_piece(const hl_tokenizer *t, hl_token id, char *bytes) {
    hl_token_kind kind = hl_tokenizer_kind(t, id);
    bool control = kind == HL_TOKEN_CONTROL;
    hl_str piece = hl_tokenizer_piece(t, id, control);
    if (hl_tokenizer_is_end(t, id) || kind == HL_TOKEN_UNUSED || kind == HL_TOKEN_UNKNOWN ||
        piece.len == 0 || piece.len + control > HL_GRAMMAR_TOKEN_MAX)
        return 0;
    if (!bytes) return piece.len + control;
    if (control) *bytes++ = (char)HL__CONTROL;
    memcpy(bytes, piece.ptr, piece.len);
    return piece.len + control;
}

static bool copy_pieces(hl_grammar_vocab *v) {
    uint64_t total = 0;
    for (hl_token i = 0; i < v->n_vocab; i++) total += put_piece(v->t, i, NULL);
    v->pieces = hl_calloc((size_t)v->n_vocab + 1, sizeof *v->pieces);
    v->bytes = hl_alloc(total);
    v->sorted = hl_calloc(v->n_vocab, sizeof *v->sorted);
    v->ends = hl_calloc(v->n_vocab, sizeof *v->ends);
    if (!v->pieces || !v->bytes || !v->sorted || !v->ends) return false;
    for (hl_token i = 0; i < v->n_vocab; i++) {
        v->pieces[i + 1] = v->pieces[i] + put_piece(v->t, i, v->bytes + v->pieces[i]);
        if (v->pieces[i + 1] > v->pieces[i]) v->sorted[v->n_sorted++] = i;
        if (hl_tokenizer_is_end(v->t, i)) v->ends[v->n_ends++] = i;
    }
    HL_ASSERT(v->pieces[v->n_vocab] == total);
    return true;
}

hl_str hl_grammar_vocab_piece(const hl_grammar_vocab *v, hl_token id) {
    HL_ASSERT(id < v->n_vocab);
    return (hl_str){v->bytes + v->pieces[id], (size_t)(v->pieces[id + 1] - v->pieces[id])};
}

typedef struct sortable {
    hl_str piece;
    hl_token id;
} sortable;

static int by_bytes(const void *a, const void *b) {
    const sortable *x = a, *y = b;
    size_t n = x->piece.len < y->piece.len ? x->piece.len : y->piece.len;
    int order = memcmp(x->piece.ptr, y->piece.ptr, n);
    if (order == 0 && x->piece.len != y->piece.len) order = x->piece.len < y->piece.len ? -1 : 1;
    return order ? order : x->id < y->id ? -1 : 1;
}

static bool sort_tokens(hl_grammar_vocab *v) {
    sortable *all = hl_calloc(v->n_sorted, sizeof *all);
    if (!all) return false;
    for (uint32_t i = 0; i < v->n_sorted; i++)
        all[i] = (sortable){hl_grammar_vocab_piece(v, v->sorted[i]), v->sorted[i]};
    qsort(all, v->n_sorted, sizeof *all, by_bytes);
    for (uint32_t i = 0; i < v->n_sorted; i++) v->sorted[i] = all[i].id;
    hl_free(all);
    return true;
}

static size_t common(hl_str a, hl_str b) {
    size_t n = 0;
    while (n < a.len && n < b.len && a.ptr[n] == b.ptr[n]) n++;
    return n;
}

static bool make_nodes(hl_grammar_vocab *v) {
    size_t n = 1;
    hl_str before = {"", 0};
    for (uint32_t i = 0; i < v->n_sorted; i++) {
        hl_str piece = hl_grammar_vocab_piece(v, v->sorted[i]);
        n += piece.len - common(before, piece);
        before = piece;
    }
    v->nodes = n < UINT32_MAX ? hl_calloc(n + 1, sizeof *v->nodes) : NULL;
    v->n_nodes = (uint32_t)n;
    return v->nodes != NULL;
}

static void fill_nodes(hl_grammar_vocab *v) {
    uint32_t path[HL_GRAMMAR_TOKEN_MAX + 1] = {0}, n = 1;
    hl_str before = {"", 0};
    for (uint32_t i = 0; i < v->n_sorted; i++) {
        hl_str piece = hl_grammar_vocab_piece(v, v->sorted[i]);
        size_t shared = common(before, piece);
        for (size_t d = shared + 1; d <= before.len; d++) v->nodes[path[d]].next = n;
        for (size_t d = shared + 1; d <= piece.len; d++) {
            v->nodes[n] = (node){
                .token = i, .byte = (uint8_t)piece.ptr[d - 1], .depth = (uint8_t)d};
            path[d] = n++;
        }
        before = piece;
    }
    HL_ASSERT(n == v->n_nodes);
    for (size_t d = 0; d <= before.len; d++) v->nodes[path[d]].next = n;
    v->nodes[n].token = v->n_sorted;
}

hl_status hl_grammar_vocab_create(const hl_tokenizer *t, hl_grammar_vocab **ret, hl_error *err) {
    hl_grammar_vocab *v = hl_calloc(1, sizeof *v);
    if (v) {
        v->t = t;
        v->n_vocab = hl_tokenizer_n_vocab(t);
    }
    if (!v || !copy_pieces(v)) goto fail;
    if (!sort_tokens(v) || !make_nodes(v)) goto fail;
    fill_nodes(v);
    *ret = v;
    return HL_OK;
fail:
    hl_grammar_vocab_destroy(v);
    return hl_fail(err, HL_ENOMEM, "grammar", "no memory for the vocabulary's trie");
}

void hl_grammar_vocab_destroy(hl_grammar_vocab *v) {
    if (!v) return;
    hl_free(v->sorted);
    hl_free(v->ends);
    hl_free(v->nodes);
    hl_free(v->pieces);
    hl_free(v->bytes);
    hl_free(v);
}

const hl_tokenizer *hl_grammar_vocab_tokenizer(const hl_grammar_vocab *v) {
    return v->t;
}

/* -- masks ------------------------------------------------------------------------------------- */

enum {
    ENTRIES = 128,
    EXITS_MAX = 2048,
    MARGIN = 32 /* rules inside rules within one token, for what is remembered */
};

/* What a state allows whatever has called for it: the tokens that stay within its rule, and the
 * nodes at which the rule can end. */
typedef struct entry {
    uint64_t hash; /* of the grammar */
    uint64_t used; /* when last; 0: empty */
    uint32_t state, n_exits;
    bool whole; /* false: too much to remember */
    uint32_t *bits, *exits;
} entry;

struct hl_grammar_masks {
    uint32_t n_words;
    uint64_t clock;
    entry entries[ENTRIES];
    uint32_t *bits; /* [n_words] the result */
    uint32_t *memory;
    hl__frames frames;
    hl__set sets[HL_GRAMMAR_TOKEN_MAX + 1];   /* by depth below where a walk began */
    uint32_t marks[HL_GRAMMAR_TOKEN_MAX + 1]; /* frames there */
};

static uint64_t memory_words(uint32_t n_words) {
    return n_words + (uint64_t)ENTRIES * (n_words + EXITS_MAX);
}

uint64_t hl_grammar_masks_bytes(uint32_t n_vocab) {
    uint32_t n_words = n_vocab / 32 + 1;
    return sizeof(hl_grammar_masks) + memory_words(n_words) * sizeof(uint32_t);
}

hl_status hl_grammar_masks_create(uint32_t n_vocab, hl_grammar_masks **ret, hl_error *err) {
    uint32_t n_words = n_vocab / 32 + 1;
    hl_grammar_masks *m = hl_calloc(1, sizeof *m);
    if (m) m->memory = hl_calloc(memory_words(n_words), sizeof *m->memory);
    if (!m || !m->memory) {
        hl_grammar_masks_destroy(m);
        return hl_fail(err, HL_ENOMEM, "grammar", "no memory for token masks");
    }
    m->n_words = n_words;
    m->bits = m->memory;
    for (uint32_t i = 0; i < ENTRIES; i++) {
        m->entries[i].bits = m->memory + n_words + (size_t)i * (n_words + EXITS_MAX);
        m->entries[i].exits = m->entries[i].bits + n_words;
    }
    *ret = m;
    return HL_OK;
}

void hl_grammar_masks_destroy(hl_grammar_masks *m) {
    if (!m) return;
    hl_free(m->memory);
    hl_free(m);
}

static void set_bit(uint32_t *bits, hl_token id) {
    bits[id / 32] |= 1u << id % 32;
}

/* Sets the bits of the tokens below `root` that sets[0] allows.  For an entry, also notes where
 * the first rule ends. */
static void walk(hl_grammar_masks *m, const hl_grammar_vocab *v, const hl_grammar *g, uint32_t root,
                 uint32_t *bits, entry *e) {
    HL_ASSERT(root < v->n_nodes);
    uint32_t base = v->nodes[root].depth, end = v->nodes[root].next;
    m->marks[0] = m->frames.n;
    for (uint32_t i = root + 1; i < end;) {
        const node *at = &v->nodes[i];
        uint32_t d = at->depth - base;
        hl__set *set = &m->sets[d];
        m->frames.n = m->marks[d - 1];
        hl__set_step(g, &m->frames, &m->sets[d - 1], at->byte, set);
        m->marks[d] = m->frames.n;
        if (set->n > 0 || set->ended)
            for (uint32_t k = at->token; k < at[1].token; k++) set_bit(bits, v->sorted[k]);
        if (e && set->ended) {
            if (e->n_exits == EXITS_MAX)
                e->whole = false;
            else
                e->exits[e->n_exits++] = i;
        }
        i = set->n > 0 ? i + 1 : at->next;
    }
    m->frames.n = m->marks[0];
}

static entry *find_entry(hl_grammar_masks *m, const hl_grammar *g, uint32_t state) {
    entry *oldest = &m->entries[0];
    for (uint32_t i = 0; i < ENTRIES; i++) {
        entry *e = &m->entries[i];
        if (e->used && e->hash == g->hash && e->state == state) return e;
        if (e->used < oldest->used) oldest = e;
    }
    oldest->used = 0;
    return oldest;
}

static void fill_entry(hl_grammar_masks *m, const hl_grammar_vocab *v, const hl_grammar *g,
                       uint32_t state, entry *e) {
    e->hash = g->hash;
    e->state = state;
    e->n_exits = 0;
    e->whole = true;
    memset(e->bits, 0, m->n_words * sizeof *e->bits);
    m->frames.n = 0;
    m->frames.n_max = HL__FRAMES_MAX / 2;
    m->frames.depth_max = MARGIN;
    m->frames.dropped = false;
    m->sets[0].n = 1;
    m->sets[0].ended = false;
    m->sets[0].c[0] = (hl__config){state, HL__NONE};
    walk(m, v, g, 0, e->bits, e);
    e->whole = e->whole && !m->frames.dropped;
}

static void copy_frames(hl_grammar_masks *m, const hl__frames *frames) {
    m->frames.n = frames->n;
    m->frames.n_max = frames->n_max;
    m->frames.depth_max = frames->depth_max;
    memcpy(m->frames.f, frames->f, frames->n * sizeof *frames->f);
}

static bool may_remember(const hl__frames *frames, uint32_t frame) {
    uint32_t depth = frame == HL__NONE ? 0 : frames->f[frame].depth;
    return depth + MARGIN <= frames->depth_max && frames->n <= HL__FRAMES_MAX / 2;
}

/* Where the configuration's rule ends, the one that called for it goes on. */
static void walk_exits(hl_grammar_masks *m, const hl_grammar_vocab *v, const hl_grammar *g,
                       const entry *e, uint32_t frame) {
    if (frame == HL__NONE || e->n_exits == 0) return;
    HL_ASSERT(frame < m->frames.n);
    uint32_t n = m->frames.n;
    hl__config back = {m->frames.f[frame].ret, m->frames.f[frame].below};
    hl__set_start(g, &m->frames, back, &m->sets[0]);
    for (uint32_t i = 0; i < e->n_exits; i++) walk(m, v, g, e->exits[i], m->bits, NULL);
    m->frames.n = n;
}

static void add_config(hl_grammar_masks *m, const hl_grammar_vocab *v, const hl_grammar_state *s,
                       hl__config at) {
    if (may_remember(&s->frames, at.frame)) {
        entry *e = find_entry(m, s->g, at.state);
        if (!e->used) fill_entry(m, v, s->g, at.state, e);
        e->used = ++m->clock;
        if (e->whole) {
            for (uint32_t i = 0; i < m->n_words; i++) m->bits[i] |= e->bits[i];
            copy_frames(m, &s->frames);
            walk_exits(m, v, s->g, e, at.frame);
            return;
        }
    }
    copy_frames(m, &s->frames);
    m->sets[0].n = 1;
    m->sets[0].ended = false;
    m->sets[0].c[0] = at;
    walk(m, v, s->g, 0, m->bits, NULL);
}

const uint32_t *hl_grammar_mask(hl_grammar_masks *m, const hl_grammar_vocab *v,
                                const hl_grammar_state *s) {
    HL_ASSERT(s->g && v->n_vocab / 32 < m->n_words);
    memset(m->bits, 0, m->n_words * sizeof *m->bits);
    for (uint32_t i = 0; i < s->now.n; i++) add_config(m, v, s, s->now.c[i]);
    if (s->now.ended)
        for (uint32_t i = 0; i < v->n_ends; i++) set_bit(m->bits, v->ends[i]);
    return m->bits;
}
