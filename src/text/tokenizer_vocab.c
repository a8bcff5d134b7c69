#include "text/tokenizer_vocab.h"

#include "base/mem.h"

/* ---- tokens by their bytes --------------------------------------------------------- */

static uint64_t load(const char *p, size_t n) {
    uint64_t v = 0;
    memcpy(&v, p, n);
    return v;
}

static uint64_t mix(uint64_t h, uint64_t word) {
    h = (h ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ h >> 32;
}

static uint32_t hash_bytes(hl_str s) {
    uint64_t h = s.len;
    const char *p = s.ptr;
    size_t n = s.len;
    for (; n > 8; p += 8, n -= 8) h = mix(h, load(p, 8));
    if (n == 8)
        h = mix(h, load(p, 8));
    else if (n >= 4)
        h = mix(h, load(p, 4) | load(p + n - 4, 4) << 32);
    else if (n > 0)
        h = mix(h, load(p, 1) | load(p + n / 2, 1) << 8 | load(p + n - 1, 1) << 16);
    return (uint32_t)(mix(h, n) >> 16);
}

static size_t power_of_two(size_t at_least) {
    size_t n = 16;
    while (n < at_least) n *= 2;
    return n;
}

hl_status hl__vocab_reserve_slots(hl_tokenizer *t, hl_error *err) {
    size_t n = power_of_two(2 * (size_t)t->n);
    t->slots = hl_calloc(n, sizeof *t->slots);
    if (!t->slots) return hl_fail(err, HL_ENOMEM, "tokenizer", "no memory for %u tokens", t->n);
    t->slots_mask = n - 1;
    return HL_OK;
}

/* The slot that holds these bytes, or the empty one where they would go. */
static size_t slot_of(const hl_tokenizer *t, hl_str bytes, uint32_t hash) {
    size_t i = hash & t->slots_mask;
    for (;; i = (i + 1) & t->slots_mask) {
        uint64_t slot = t->slots[i];
        if (slot == 0) return i;
        if ((uint32_t)(slot >> 32) != hash) continue;
        hl_str other = hl__token_bytes(t, (uint32_t)slot - 1);
        if (other.len == bytes.len && memcmp(other.ptr, bytes.ptr, bytes.len) == 0) return i;
    }
}

void hl__vocab_add(hl_tokenizer *t, hl_token id) {
    HL_DASSERT(id < t->n);
    hl_str bytes = hl__token_bytes(t, id);
    if (bytes.len == 0) return;
    uint32_t hash = hash_bytes(bytes);
    size_t i = slot_of(t, bytes, hash);
    if (t->slots[i] == 0) t->slots[i] = (uint64_t)hash << 32 | (id + 1);
}

hl_token hl__vocab_find(const hl_tokenizer *t, hl_str bytes) {
    if (bytes.len == 0 || bytes.len > t->piece_bytes_max) return HL_TOKEN_NONE;
    uint64_t slot = t->slots[slot_of(t, bytes, hash_bytes(bytes))];
    return slot ? (hl_token)slot - 1 : (hl_token)HL_TOKEN_NONE;
}

/* ---- pairs ------------------------------------------------------------------------- */

static size_t hash_pair(hl_token left, hl_token right) {
    uint64_t h = ((uint64_t)left << 32 | right) * UINT64_C(0x9E3779B97F4A7C15);
    return (size_t)(h ^ h >> 29) >> 8;
}

hl_status hl__vocab_reserve_pairs(hl_tokenizer *t, size_t n, hl_error *err) {
    size_t slots = n < SIZE_MAX / 64 ? power_of_two(2 * n) : 0;
    t->pairs = slots ? hl_alloc(slots * sizeof *t->pairs) : NULL;
    if (!t->pairs) return hl_fail(err, HL_ENOMEM, "tokenizer", "no memory for %zu merges", n);
    for (size_t i = 0; i < slots; i++) t->pairs[i].rank = HL__RANK_NONE;
    t->pairs_mask = slots - 1;
    return HL_OK;
}

void hl__vocab_add_pair(hl_tokenizer *t, hl__pair pair) {
    HL_DASSERT(pair.rank != HL__RANK_NONE && pair.to < t->n);
    size_t i = hash_pair(pair.left, pair.right) & t->pairs_mask;
    for (; t->pairs[i].rank != HL__RANK_NONE; i = (i + 1) & t->pairs_mask) {
        if (t->pairs[i].left == pair.left && t->pairs[i].right == pair.right) return;
    }
    t->pairs[i] = pair;
}

const hl__pair *hl__vocab_find_pair(const hl_tokenizer *t, hl_token left, hl_token right) {
    size_t i = hash_pair(left, right) & t->pairs_mask;
    for (;; i = (i + 1) & t->pairs_mask) {
        const hl__pair *p = &t->pairs[i];
        if (p->left == left && p->right == right && p->rank != HL__RANK_NONE) return p;
        if (p->rank == HL__RANK_NONE) return NULL;
    }
}

/* ---- special texts ----------------------------------------------------------------- */

static hl_status new_node(hl__specials *s, uint8_t byte, uint32_t *ret, hl_error *err) {
    if (s->n == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 256;
        hl__special_node *nodes = cap <= UINT32_MAX ? hl_realloc(s->nodes, cap * sizeof *nodes)
                                                    : NULL;
        if (!nodes) return hl_fail(err, HL_ENOMEM, "tokenizer", "no memory for special tokens");
        s->nodes = nodes;
        s->cap = cap;
    }
    if (s->n == 0) s->nodes[s->n++] = (hl__special_node){.token = HL_TOKEN_NONE}; /* 0: none */
    HL_ASSERT(s->n < s->cap);
    s->nodes[s->n] = (hl__special_node){.token = HL_TOKEN_NONE, .byte = byte};
    *ret = (uint32_t)s->n++;
    return HL_OK;
}

static uint32_t find_child(const hl__specials *s, uint32_t first, uint8_t byte) {
    while (first && s->nodes[first].byte != byte) first = s->nodes[first].sibling;
    return first;
}

hl_status hl__specials_add(hl__specials *s, hl_str text, hl_token id, bool in_plain_text,
                           hl_error *err) {
    if (text.len == 0) return HL_OK;
    if (text.len > HL__SPECIAL_BYTES_MAX)
        return hl_fail(err, HL_ELIMIT, "tokenizer", "special token %u has %zu bytes, limit %d", id,
                       text.len, HL__SPECIAL_BYTES_MAX);
    uint32_t node = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = (uint8_t)text.ptr[i];
        uint32_t first = i == 0 ? s->root_child[byte] : s->nodes[node].child;
        uint32_t child = find_child(s, first, byte);
        if (!child) {
            HL_TRY(new_node(s, byte, &child, err));
            s->nodes[child].sibling = i == 0 ? 0 : first;
            if (i == 0)
                s->root_child[byte] = child;
            else
                s->nodes[node].child = child;
        }
        node = child;
    }
    if (s->nodes[node].token != HL_TOKEN_NONE) return HL_OK;
    s->nodes[node].token = id;
    s->nodes[node].in_plain_text = in_plain_text;
    return HL_OK;
}

void hl__specials_deinit(hl__specials *s) {
    hl_free(s->nodes);
    *s = (hl__specials){0};
}

/* The longest special text that begins at `at`; its length, or 0. */
static size_t longest(const hl__specials *s, hl_str text, size_t at, bool plain_text,
                      hl_token *ret_id) {
    size_t best = 0;
    uint32_t node = s->root_child[(uint8_t)text.ptr[at]];
    for (size_t i = at + 1; node; i++) {
        const hl__special_node *n = &s->nodes[node];
        if (n->token != HL_TOKEN_NONE && (n->in_plain_text || !plain_text)) {
            best = i - at;
            *ret_id = n->token;
        }
        if (i >= text.len) break;
        node = find_child(s, n->child, (uint8_t)text.ptr[i]);
    }
    return best;
}

size_t hl__specials_next(const hl__specials *s, hl_str text, size_t from, bool plain_text,
                         hl_token *ret_id, size_t *ret_len) {
    for (size_t at = from; at < text.len; at++) {
        if (!s->root_child[(uint8_t)text.ptr[at]]) continue;
        *ret_len = longest(s, text, at, plain_text, ret_id);
        if (*ret_len) return at;
    }
    return text.len;
}
