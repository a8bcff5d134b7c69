#include "text/grammar_nfa.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>

enum {
    STATES_MAX = 400 * 1000, /* before they are made deterministic */
    RULES_MAX = 20 * 1000,
    ARENA_MAX = 32 * 1024 * 1024
};

hl_status hl__nfa_init(hl__nfa *b, uint32_t depth_max, hl_error *err) {
    HL_ASSERT(depth_max > 0 && depth_max <= HL_GRAMMAR_DEPTH_MAX);
    *b = (hl__nfa){.depth_max = depth_max};
    for (uint32_t i = 0; i < HL__GJSON_N; i++) b->json[i] = HL__NONE;
    b->arena = hl_arena_create(ARENA_MAX);
    return b->arena ? HL_OK : hl_fail(err, HL_ENOMEM, "grammar", "no memory for a grammar");
}

void hl__nfa_deinit(hl__nfa *b) {
    hl_free(b->first);
    hl_free(b->edges);
    hl_free(b->rules);
    hl_arena_destroy(b->arena);
    *b = (hl__nfa){0};
}

void hl__nfa_fail(hl__nfa *b, hl_status st, const char *fmt, ...) {
    char text[HL_ERROR_TEXT_MAX];
    if (!hl__nfa_ok(b)) return;
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    (void)hl_fail(&b->failed, st, "grammar", "%s", text);
}

/* Room for one more of `size` bytes at *array; false: there is none, and b has failed. */
static bool grow(hl__nfa *b, void **array, uint32_t n, uint32_t *cap, uint32_t max, size_t size) {
    if (!hl__nfa_ok(b)) return false;
    if (n < *cap) return true;
    if (n >= max) {
        hl__nfa_fail(b, HL_ELIMIT, "the grammar is too large");
        return false;
    }
    uint32_t more = *cap ? 2 * *cap : 256;
    void *p = hl_realloc(*array, more * size);
    if (!p) {
        hl__nfa_fail(b, HL_ENOMEM, "no memory for a grammar");
        return false;
    }
    *array = p;
    *cap = more;
    return true;
}

uint32_t hl__nfa_state(hl__nfa *b) {
    if (!grow(b, (void **)&b->first, b->n_states, &b->states_cap, STATES_MAX, sizeof *b->first))
        return 0;
    b->first[b->n_states] = HL__NONE;
    return b->n_states++;
}

uint32_t hl__nfa_rule_new(hl__nfa *b) {
    if (!grow(b, (void **)&b->rules, b->n_rules, &b->rules_cap, RULES_MAX, sizeof *b->rules))
        return 0;
    uint32_t start = hl__nfa_state(b), end = hl__nfa_state(b);
    b->rules[b->n_rules] = (hl__nfa_rule){start, end};
    return b->n_rules++;
}

static void add_edge(hl__nfa *b, uint32_t from, hl__nfa_edge edge) {
    if (!grow(b, (void **)&b->edges, b->n_edges, &b->edges_cap, 4 * STATES_MAX, sizeof *b->edges))
        return;
    HL_ASSERT(from < b->n_states && edge.to < b->n_states);
    edge.next = b->first[from];
    b->edges[b->n_edges] = edge;
    b->first[from] = b->n_edges++;
}

void hl__nfa_empty(hl__nfa *b, uint32_t from, uint32_t to) {
    add_edge(b, from, (hl__nfa_edge){.kind = HL__EDGE_EMPTY, .to = to});
}

void hl__nfa_range(hl__nfa *b, uint32_t from, uint32_t to, uint8_t lo, uint8_t hi) {
    HL_ASSERT(lo <= hi);
    add_edge(b, from, (hl__nfa_edge){.kind = HL__EDGE_BYTES, .to = to, .lo = lo, .hi = hi});
}

void hl__nfa_call(hl__nfa *b, uint32_t from, uint32_t to, uint32_t rule) {
    HL_ASSERT(!hl__nfa_ok(b) || rule < b->n_rules);
    add_edge(b, from, (hl__nfa_edge){.kind = HL__EDGE_CALL, .to = to, .rule = rule});
}

void hl__nfa_text(hl__nfa *b, uint32_t from, uint32_t to, hl_str text) {
    if (text.len == 0) hl__nfa_empty(b, from, to);
    for (size_t i = 0; i < text.len && hl__nfa_ok(b); i++) {
        uint32_t next = i + 1 < text.len ? hl__nfa_state(b) : to;
        hl__nfa_range(b, from, next, (uint8_t)text.ptr[i], (uint8_t)text.ptr[i]);
        from = next;
    }
}

/* -- ranges of strings ------------------------------------------------------------------------- */

static bool all_are(const uint8_t *s, uint32_t n, uint8_t byte) {
    for (uint32_t i = 0; i < n; i++)
        if (s[i] != byte) return false;
    return true;
}

/* n bytes, each min … max. */
static void any_bytes(hl__nfa *b, uint32_t from, uint32_t to, uint32_t n, uint8_t min,
                      uint8_t max) {
    if (n == 0) hl__nfa_empty(b, from, to);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t next = i + 1 < n ? hl__nfa_state(b) : to;
        hl__nfa_range(b, from, next, min, max);
        from = next;
    }
}

void hl__nfa_between(hl__nfa *b, uint32_t from, uint32_t to, const uint8_t *lo, const uint8_t *hi,
                     uint32_t n, uint8_t min, uint8_t max) {
    enum { LENGTH_MAX = 32 };
    uint8_t edge[LENGTH_MAX];
    HL_ASSERT(n >= 1 && n < LENGTH_MAX);
    uint8_t first = lo[0], last = hi[0];
    if (n == 1) {
        hl__nfa_range(b, from, to, first, last);
        return;
    }
    if (first == last) {
        uint32_t next = hl__nfa_state(b);
        hl__nfa_range(b, from, next, first, first);
        hl__nfa_between(b, next, to, lo + 1, hi + 1, n - 1, min, max);
        return;
    }
    if (!all_are(lo + 1, n - 1, min)) { /* the first byte's strings from lo on */
        uint32_t next = hl__nfa_state(b);
        hl__nfa_range(b, from, next, first, first);
        memset(edge, max, sizeof edge);
        hl__nfa_between(b, next, to, lo + 1, edge, n - 1, min, max);
        first++;
    }
    if (!all_are(hi + 1, n - 1, max)) { /* the last byte's up to hi */
        uint32_t next = hl__nfa_state(b);
        hl__nfa_range(b, from, next, last, last);
        memset(edge, min, sizeof edge);
        hl__nfa_between(b, next, to, edge, hi + 1, n - 1, min, max);
        last--;
    }
    if (first > last) return;
    uint32_t next = hl__nfa_state(b);
    hl__nfa_range(b, from, next, first, last);
    any_bytes(b, next, to, n - 1, min, max);
}

void hl__nfa_chars(hl__nfa *b, uint32_t from, uint32_t to, uint32_t lo, uint32_t hi) {
    /* Parts in which all characters have one length; between the third and the fourth lie the
     * surrogates. */
    static const uint32_t PARTS[][2] = {
        {0, 0x7F}, {0x80, 0x7FF}, {0x800, 0xD7FF}, {0xE000, 0xFFFF}, {0x10000, 0x10FFFF}};
    for (size_t i = 0; i < sizeof PARTS / sizeof PARTS[0]; i++) {
        uint32_t part_lo = lo > PARTS[i][0] ? lo : PARTS[i][0];
        uint32_t part_hi = hi < PARTS[i][1] ? hi : PARTS[i][1];
        if (part_lo > part_hi) continue;
        char first[4], last[4];
        size_t n = hl_utf8_encode(part_lo, first);
        HL_ASSERT(hl_utf8_encode(part_hi, last) == n);
        hl__nfa_between(b, from, to, (const uint8_t *)first, (const uint8_t *)last, (uint32_t)n,
                        0x80, 0xBF);
    }
}

/* -- reasoning before the rest ----------------------------------------------------------------- */

static hl_str tag_text(hl__nfa *b, hl_str tag, bool control) {
    char *p = hl_arena_alloc(b->arena, tag.len + 1);
    if (!p) {
        hl__nfa_fail(b, HL_ENOMEM, "no memory for a grammar");
        return (hl_str){"", 0};
    }
    p[0] = (char)HL__CONTROL;
    memcpy(p + 1, tag.ptr, tag.len);
    return control ? (hl_str){p, tag.len + 1} : (hl_str){p + 1, tag.len};
}

/* How much of the tag is at the end of its first n bytes and `byte`. */
static uint32_t overlap(hl_str tag, uint32_t n, uint8_t byte) {
    for (uint32_t k = n + 1; k > 0; k--) {
        if ((uint8_t)tag.ptr[k - 1] != byte) continue;
        if (memcmp(tag.ptr, tag.ptr + (n + 1 - k), k - 1) == 0) return k;
    }
    return 0;
}

/* Any bytes up to and with the first closing tag. */
static void until_tag(hl__nfa *b, uint32_t from, uint32_t to, hl_str tag) {
    HL_ASSERT(tag.len > 0 && tag.len < UINT32_MAX);
    uint32_t n = (uint32_t)tag.len, first = hl__nfa_state(b);
    for (uint32_t i = 1; i < n; i++) (void)hl__nfa_state(b);
    hl__nfa_empty(b, from, first);
    for (uint32_t i = 0; i < n && hl__nfa_ok(b); i++) {
        for (uint32_t byte = 0; byte <= HL__CONTROL; byte++) {
            uint32_t k = overlap(tag, i, (uint8_t)byte);
            bool control = byte == HL__CONTROL || (uint8_t)tag.ptr[0] == HL__CONTROL;
            if (control && k != i + 1 && (i > 0 || byte == HL__CONTROL))
                continue; /* control tokens come whole, and no other one */
            hl__nfa_range(b, first + i, k == n ? to : first + k, (uint8_t)byte, (uint8_t)byte);
        }
    }
}

uint32_t hl__nfa_thinking(hl__nfa *b, const hl_grammar_thinking *t, uint32_t root) {
    static const char SPACE[] = "[ \\n\\r\\t]{0,8}";
    if (!t || t->close.len == 0 || (!t->inside && t->open.len == 0)) return root;
    uint32_t rule = hl__nfa_rule_new(b);
    uint32_t inside = hl__nfa_state(b), closed = hl__nfa_state(b), answer = hl__nfa_state(b);
    if (!hl__nfa_ok(b)) return root;
    uint32_t start = b->rules[rule].start;
    if (t->inside) {
        hl__nfa_empty(b, start, inside);
    } else {
        uint32_t before = hl__nfa_state(b);
        hl__nfa_empty(b, start, answer);
        hl__regex_emit(b, start, before, SPACE);
        hl__nfa_text(b, before, inside, tag_text(b, t->open, t->open_control));
    }
    until_tag(b, inside, closed, tag_text(b, t->close, t->close_control));
    hl__regex_emit(b, closed, answer, SPACE);
    hl__nfa_call(b, answer, b->rules[rule].end, root);
    return rule;
}
