/* text/grammar_nfa.h
 *
 * Where grammars are built: nondeterministic automata over bytes, one for each rule, which call
 * each other.  What is built stands between two states, `from` and `to`.
 *
 * A failure (ENOMEM, ELIMIT) is kept, and nothing is built from then on: one check at the end, by
 * hl__nfa_finish, is enough.
 *
 * Private to text/grammar*.c.   Threads: one at a time.
 */
#pragma once

#include "base/arena.h"
#include "text/grammar.h"

enum { HL__NONE = UINT32_MAX, HL__CONTROL = 0xFF /* the byte before a control token's name */ };

typedef enum hl__edge_kind { HL__EDGE_EMPTY, HL__EDGE_BYTES, HL__EDGE_CALL } hl__edge_kind;

typedef struct hl__nfa_edge {
    uint32_t to, next; /* next: of the same state */
    uint32_t rule;     /* of CALL */
    uint8_t kind, lo, hi;
} hl__nfa_edge;

typedef struct hl__nfa_rule {
    uint32_t start, end;
} hl__nfa_rule;

typedef enum hl__gjson_rule {
    HL__GJSON_SPACE,
    HL__GJSON_CHAR,
    HL__GJSON_STRING,
    HL__GJSON_NUMBER,
    HL__GJSON_INTEGER,
    HL__GJSON_VALUE,
    HL__GJSON_N
} hl__gjson_rule;

typedef struct hl__nfa {
    uint32_t *first; /* [n_states] first edge */
    hl__nfa_edge *edges;
    hl__nfa_rule *rules;
    uint32_t n_states, n_edges, n_rules;
    uint32_t states_cap, edges_cap, rules_cap;
    uint32_t depth_max;         /* rules inside rules */
    uint32_t json[HL__GJSON_N]; /* rules that are made when they are first needed */
    hl_arena *arena;            /* for trees and names */
    hl_error failed;            /* status < 0: nothing is built any more */
} hl__nfa;

hl_status hl__nfa_init(hl__nfa *b, uint32_t depth_max, hl_error *err) HL_NODISCARD;
void hl__nfa_deinit(hl__nfa *b);
static inline bool hl__nfa_ok(const hl__nfa *b) {
    return b->failed.status >= 0;
}
/* Keeps the first failure only. */
void hl__nfa_fail(hl__nfa *b, hl_status st, const char *fmt, ...) HL_PRINTF(3, 4);

uint32_t hl__nfa_state(hl__nfa *b);
uint32_t hl__nfa_rule_new(hl__nfa *b);
void hl__nfa_empty(hl__nfa *b, uint32_t from, uint32_t to);
void hl__nfa_range(hl__nfa *b, uint32_t from, uint32_t to, uint8_t lo, uint8_t hi);
void hl__nfa_call(hl__nfa *b, uint32_t from, uint32_t to, uint32_t rule);
void hl__nfa_text(hl__nfa *b, uint32_t from, uint32_t to, hl_str text);
/* All strings of n bytes from lo to hi in order whose bytes behind the first are min … max. */
void hl__nfa_between(hl__nfa *b, uint32_t from, uint32_t to, const uint8_t *lo, const uint8_t *hi,
                     uint32_t n, uint8_t min, uint8_t max);
/* The UTF-8 of all characters lo … hi; surrogates are none. */
void hl__nfa_chars(hl__nfa *b, uint32_t from, uint32_t to, uint32_t lo, uint32_t hi);

/* The automaton of a rule and all that it calls; refuses what has no text, no end or too many
 * choices at one place. */
hl_status hl__nfa_finish(hl__nfa *b, uint32_t root, hl_grammar **ret, hl_error *err) HL_NODISCARD;
/* A rule with the reasoning before root; root itself for NULL. */
uint32_t hl__nfa_thinking(hl__nfa *b, const hl_grammar_thinking *t, uint32_t root);

/* -- expressions ------------------------------------------------------------------------------- */

typedef struct hl__chars {
    uint32_t n;
    struct {
        uint32_t lo, hi;
    } r[256];
} hl__chars;

void hl__chars_add(hl__nfa *b, hl__chars *c, uint32_t lo, uint32_t hi);
void hl__chars_invert(hl__nfa *b, hl__chars *c);
/* One character of the set; json: as it is written in a JSON string. */
void hl__chars_emit(hl__nfa *b, uint32_t from, uint32_t to, const hl__chars *c, bool json);

typedef enum hl__tree_kind {
    HL__TREE_CHARS,
    HL__TREE_SEQ, /* of children; without one, empty */
    HL__TREE_ALT,
    HL__TREE_REPEAT, /* of its one child */
    HL__TREE_CALL
} hl__tree_kind;

typedef struct hl__tree hl__tree;
struct hl__tree {
    hl__tree_kind kind;
    hl__tree *first, *last, *next; /* children in order; next sibling */
    uint32_t min, max;             /* of REPEAT; max HL__NONE: without end */
    uint32_t rule;                 /* of CALL */
    hl__chars *chars;
};

/* NULL, and b has failed, when there is no memory. */
hl__tree *hl__tree_new(hl__nfa *b, hl__tree_kind kind);
hl__tree *hl__tree_chars(hl__nfa *b, uint32_t lo, uint32_t hi);
void hl__tree_add(hl__tree *parent, hl__tree *child);
hl__tree *hl__tree_repeat(hl__nfa *b, hl__tree *child, uint32_t min, uint32_t max);
void hl__tree_emit(hl__nfa *b, uint32_t from, uint32_t to, const hl__tree *t, bool json);

/* A regular expression of our own, anchored, over bare text. */
void hl__regex_emit(hl__nfa *b, uint32_t from, uint32_t to, const char *pattern);
/* A schema's `pattern`: the inside of a JSON string in which it is found.  EUNSUPPORTED says what
 * it has that we have not. */
hl_status hl__regex_pattern(hl__nfa *b, uint32_t from, uint32_t to, hl_str pattern,
                            hl_error *err) HL_NODISCARD;

/* -- JSON -------------------------------------------------------------------------------------- */

uint32_t hl__gjson_rule_get(hl__nfa *b, hl__gjson_rule rule);
/* White space, bounded. */
void hl__gjson_space(hl__nfa *b, uint32_t from, uint32_t to);
/* min to max (HL__NONE: any number) characters of a string. */
void hl__gjson_chars(hl__nfa *b, uint32_t from, uint32_t to, uint32_t min, uint32_t max);
/* A value that is known. */
void hl__gjson_literal(hl__nfa *b, uint32_t from, uint32_t to, struct json_object *value);
/* "key": and white space.  Returns the state behind it. */
uint32_t hl__gjson_key(hl__nfa *b, uint32_t from, hl_str key);
/* Any object whose values are of the rule, with at least min and at most max members. */
void hl__gjson_object(hl__nfa *b, uint32_t from, uint32_t to, uint32_t value, uint32_t min,
                      uint32_t max);

/* A decimal number: digits before the point, digits behind it without trailing zeros. */
typedef struct hl__decimal {
    bool present, negative, exclusive;
    uint64_t whole;
    uint8_t n_fraction;
    char fraction[40];
} hl__decimal;

/* value is a JSON number.  False: too large or too fine to be a bound. */
bool hl__decimal_read(struct json_object *value, hl__decimal *ret);
/* Numbers without exponent from lo to hi, either may be absent. */
void hl__gjson_between(hl__nfa *b, uint32_t from, uint32_t to, const hl__decimal *lo,
                       const hl__decimal *hi, bool integer);

/* -- the result -------------------------------------------------------------------------------- */

typedef struct hl__bytes_edge {
    uint8_t lo, hi;
    uint32_t to;
} hl__bytes_edge;

typedef struct hl__call_edge {
    uint32_t start, ret; /* ret HL__NONE: nothing is left to do behind the call */
} hl__call_edge;

typedef struct hl__state {
    uint32_t edge, call; /* first of each; those of the next state end them */
    bool final;          /* its rule may end here */
} hl__state;

struct hl_grammar {
    hl__state *states; /* [n_states + 1] */
    hl__bytes_edge *edges;
    hl__call_edge *calls;
    uint32_t n_states, start, depth_max;
    uint64_t hash; /* of all of it: equal grammars have equal masks */
};
