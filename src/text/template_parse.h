/* text/template_parse.h — what the two halves of the parser share: statements
 * (template_parse.c) and expressions (template_parse_expr.c). */
#pragma once

#include "text/template_lex.h"

typedef struct tpl_parser {
    hl_template *t;
    hl_arena *scratch; /* lists while they grow, tokens */
    tpl_tokens tokens;
    size_t at;
    size_t n_nodes;
    uint32_t depth;
    uint32_t loops; /* loops around this place: break and continue need one */
    uint8_t uses;   /* of the macro being parsed */
    hl_error *err;
} tpl_parser;

static inline const tpl_token *hl__tpl_peek(const tpl_parser *p) {
    HL_DASSERT(p->at < p->tokens.n);
    return &p->tokens.items[p->at];
}
/* The token behind the next; the end stays the end. */
static inline const tpl_token *hl__tpl_peek2(const tpl_parser *p) {
    return &p->tokens.items[p->at + 1 < p->tokens.n ? p->at + 1 : p->at];
}
static inline void hl__tpl_skip(tpl_parser *p) {
    if (p->at + 1 < p->tokens.n) p->at++;
}
bool hl__tpl_at(const tpl_parser *p, tpl_token_kind kind, const char *text);
bool hl__tpl_accept(tpl_parser *p, tpl_token_kind kind, const char *text);
hl_status hl__tpl_expect(tpl_parser *p, tpl_token_kind kind, const char *text) HL_NODISCARD;
hl_status hl__tpl_unexpected(const tpl_parser *p, const char *wanted);

hl_status hl__tpl_node_new(tpl_parser *p, tpl_node_kind kind, uint32_t at,
                           tpl_node **ret) HL_NODISCARD;
hl_status hl__tpl_nodes_push(tpl_parser *p, tpl_nodes *l, tpl_node *n) HL_NODISCARD;
hl_status hl__tpl_params_push(tpl_parser *p, tpl_node *n, tpl_param param) HL_NODISCARD;
hl_status hl__tpl_symbol(tpl_parser *p, hl_str name, bool read, uint32_t *ret) HL_NODISCARD;
hl_status hl__tpl_parse_enter(tpl_parser *p) HL_NODISCARD;
static inline void hl__tpl_parse_leave(tpl_parser *p) {
    HL_DASSERT(p->depth > 0);
    p->depth--;
}

/* conditional: whether `a if b else c` belongs to it (not behind `for … in` and `if`). */
hl_status hl__tpl_parse_expr(tpl_parser *p, bool conditional, tpl_node **ret) HL_NODISCARD;
/* Expressions with commas between them make a tuple.  empty: "()" may stand here. */
hl_status hl__tpl_parse_tuple(tpl_parser *p, bool conditional, bool empty,
                              tpl_node **ret) HL_NODISCARD;
/* What `for` and `set` assign to; namespace: NAME.NAME may be one. */
hl_status hl__tpl_parse_target(tpl_parser *p, bool namespace, tpl_node **ret) HL_NODISCARD;
hl_status hl__tpl_parse_name(tpl_parser *p, bool read, tpl_node **ret) HL_NODISCARD;
/* NAME(…)|NAME…, applied to n; first: the first bar is not there. */
hl_status hl__tpl_parse_filters(tpl_parser *p, tpl_node *n, bool first,
                                tpl_node **ret) HL_NODISCARD;
