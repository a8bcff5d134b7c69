/* Sets of characters and expressions over them, and how they become automata. */
#include "text/grammar_nfa.h"

enum { CHAR_MAX_CP = 0x10FFFF };

/* -- sets -------------------------------------------------------------------------------------- */

/* Keeps the ranges sorted and apart. */
void hl__chars_add(hl__nfa *b, hl__chars *c, uint32_t lo, uint32_t hi) {
    HL_ASSERT(lo <= hi);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < c->n; i++) { /* what touches the new one joins it */
        if (c->r[i].hi + 1 < lo || (hi < CHAR_MAX_CP && c->r[i].lo > hi + 1)) {
            c->r[kept++] = c->r[i];
            continue;
        }
        if (c->r[i].lo < lo) lo = c->r[i].lo;
        if (c->r[i].hi > hi) hi = c->r[i].hi;
    }
    c->n = kept;
    if (c->n == sizeof c->r / sizeof c->r[0]) {
        hl__nfa_fail(b, HL_ELIMIT, "a character class has too many parts");
        return;
    }
    uint32_t at = c->n++;
    for (; at > 0 && c->r[at - 1].lo > lo; at--) c->r[at] = c->r[at - 1];
    c->r[at].lo = lo;
    c->r[at].hi = hi;
}

void hl__chars_invert(hl__nfa *b, hl__chars *c) {
    HL_DASSERT(c->n <= sizeof c->r / sizeof c->r[0]);
    hl__chars in = *c;
    uint32_t from = 0;
    c->n = 0;
    for (uint32_t i = 0; i < in.n; i++) {
        if (in.r[i].lo > from) hl__chars_add(b, c, from, in.r[i].lo - 1);
        from = in.r[i].hi + 1;
    }
    if (from <= CHAR_MAX_CP) hl__chars_add(b, c, from, CHAR_MAX_CP);
}

static void emit_escaped(hl__nfa *b, uint32_t from, uint32_t to, uint32_t c) {
    static const char HEX[] = "0123456789abcdef", PLAIN[] = "\b\f\n\r\t\"\\", NAMES[] = "bfnrt\"\\";
    char out[8] = {'\\', 'u', '0', '0', HEX[c >> 4 & 15], HEX[c & 15]};
    size_t n = 6;
    const char *p = c ? strchr(PLAIN, (int)c) : NULL;
    if (p) {
        out[1] = NAMES[p - PLAIN];
        n = 2;
    }
    hl__nfa_text(b, from, to, (hl_str){out, n});
}

static void emit_json_range(hl__nfa *b, uint32_t from, uint32_t to, uint32_t lo, uint32_t hi) {
    uint32_t at = lo;
    for (uint32_t c = lo; c <= hi && c <= '\\'; c++) {
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        if (c > at) hl__nfa_chars(b, from, to, at, c - 1);
        emit_escaped(b, from, to, c);
        at = c + 1;
    }
    if (at <= hi) hl__nfa_chars(b, from, to, at, hi);
}

void hl__chars_emit(hl__nfa *b, uint32_t from, uint32_t to, const hl__chars *c, bool json) {
    for (uint32_t i = 0; i < c->n; i++) {
        if (json)
            emit_json_range(b, from, to, c->r[i].lo, c->r[i].hi);
        else
            hl__nfa_chars(b, from, to, c->r[i].lo, c->r[i].hi);
    }
}

/* -- trees ------------------------------------------------------------------------------------- */

hl__tree *hl__tree_new(hl__nfa *b, hl__tree_kind kind) {
    hl__tree *t = HL_ARENA_NEW(b->arena, hl__tree);
    if (t && kind == HL__TREE_CHARS) {
        t->chars = HL_ARENA_NEW(b->arena, hl__chars);
        if (!t->chars) t = NULL;
    }
    if (t)
        t->kind = kind;
    else
        hl__nfa_fail(b, hl_arena_status(b->arena) == HL_ENOMEM ? HL_ENOMEM : HL_ELIMIT,
                     "no room for the expression");
    return t;
}

hl__tree *hl__tree_chars(hl__nfa *b, uint32_t lo, uint32_t hi) {
    hl__tree *t = hl__tree_new(b, HL__TREE_CHARS);
    if (t) hl__chars_add(b, t->chars, lo, hi);
    return t;
}

void hl__tree_add(hl__tree *parent, hl__tree *child) {
    HL_ASSERT(!child->next && parent->kind != HL__TREE_CHARS);
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
}

hl__tree *hl__tree_repeat(hl__nfa *b, hl__tree *child, uint32_t min, uint32_t max) {
    hl__tree *t = hl__tree_new(b, HL__TREE_REPEAT);
    if (!t) return NULL;
    HL_ASSERT(min <= max);
    t->min = min;
    t->max = max;
    hl__tree_add(t, child);
    return t;
}

static void emit_sequence(hl__nfa *b, uint32_t from, uint32_t to, const hl__tree *t, bool json) {
    if (!t->first) hl__nfa_empty(b, from, to);
    for (const hl__tree *c = t->first; c && hl__nfa_ok(b); c = c->next) {
        uint32_t next = c->next ? hl__nfa_state(b) : to;
        hl__tree_emit(b, from, next, c, json);
        from = next;
    }
}

static void emit_repeat(hl__nfa *b, uint32_t from, uint32_t to, const hl__tree *t, bool json) {
    for (uint32_t i = 0; i < t->min && hl__nfa_ok(b); i++) {
        uint32_t next = hl__nfa_state(b);
        hl__tree_emit(b, from, next, t->first, json);
        from = next;
    }
    if (t->max == HL__NONE) { /* a state of its own: what leads to `from` is not part of the loop */
        uint32_t loop = hl__nfa_state(b);
        hl__nfa_empty(b, from, loop);
        hl__tree_emit(b, loop, loop, t->first, json);
        from = loop;
    }
    for (uint32_t i = t->min; t->max != HL__NONE && i < t->max && hl__nfa_ok(b); i++) {
        uint32_t next = hl__nfa_state(b);
        hl__nfa_empty(b, from, to);
        hl__tree_emit(b, from, next, t->first, json);
        from = next;
    }
    hl__nfa_empty(b, from, to);
}

void hl__tree_emit(hl__nfa *b, uint32_t from, uint32_t to, const hl__tree *t, bool json) {
    if (!hl__nfa_ok(b)) return;
    switch (t->kind) {
    case HL__TREE_CHARS: hl__chars_emit(b, from, to, t->chars, json); break;
    case HL__TREE_SEQ: emit_sequence(b, from, to, t, json); break;
    case HL__TREE_ALT:
        for (const hl__tree *c = t->first; c; c = c->next) hl__tree_emit(b, from, to, c, json);
        break;
    case HL__TREE_REPEAT: emit_repeat(b, from, to, t, json); break;
    case HL__TREE_CALL: hl__nfa_call(b, from, to, t->rule); break;
    }
}
