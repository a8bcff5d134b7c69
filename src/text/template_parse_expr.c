/* Expressions, by precedence: if-else, or, and, not, comparisons, + -, ~, * / // %, **, unary, then
 * what follows an operand (.x [x] (x) |x `is x`).  The order is Jinja's, not Python's:
 * ~ binds tighter than +, ** from the left, and a sign binds tighter than **. */
#include "text/template_parse.h"

static hl_status parse_not(tpl_parser *p, tpl_node **ret);
static hl_status parse_unary(tpl_parser *p, bool filters, tpl_node **ret);

static hl_status node2(tpl_parser *p, tpl_node_kind kind, uint32_t at, tpl_node *a, tpl_node *b,
                       tpl_node **ret) {
    HL_TRY(hl__tpl_node_new(p, kind, at, ret));
    (*ret)->a = a;
    (*ret)->b = b;
    return HL_OK;
}

static bool at_op(const tpl_parser *p, const char *op) {
    return hl__tpl_at(p, TPL_T_OP, op);
}

/* ---- operators ---- */

/* One of a level's operators, as the character that nodes know it by, or '\0'. */
static char operator_of_level(const tpl_parser *p, unsigned level) {
    static const struct {
        const char *text;
        char op;
        unsigned level;
    } OPS[] = {{"+", '+', 0}, {"-", '-', 0},  {"*", '*', 2}, {"/", '/', 2},
               {"%", '%', 2}, {"//", 'f', 2}, {"**", 'p', 3}};
    for (size_t i = 0; i < sizeof OPS / sizeof OPS[0]; i++) {
        if (OPS[i].level == level && at_op(p, OPS[i].text)) return OPS[i].op;
    }
    return '\0';
}

enum { LEVEL_ADD, LEVEL_CONCAT, LEVEL_MULTIPLY, LEVEL_POWER, LEVEL_UNARY };

static hl_status parse_binary(tpl_parser *p, unsigned level, tpl_node **ret);

/* a ~ b ~ c is one node: its parts are joined at once. */
static hl_status parse_concat(tpl_parser *p, tpl_node **ret) {
    HL_TRY(parse_binary(p, LEVEL_MULTIPLY, ret));
    if (!at_op(p, "~")) return HL_OK;
    tpl_node *first = *ret, *next;
    HL_TRY(hl__tpl_node_new(p, TPL_N_CONCAT, first->at, ret));
    HL_TRY(hl__tpl_nodes_push(p, &(*ret)->list, first));
    while (hl__tpl_accept(p, TPL_T_OP, "~")) {
        HL_TRY(parse_binary(p, LEVEL_MULTIPLY, &next));
        HL_TRY(hl__tpl_nodes_push(p, &(*ret)->list, next));
    }
    return HL_OK;
}

static hl_status parse_binary(tpl_parser *p, unsigned level, tpl_node **ret) {
    if (level == LEVEL_UNARY) return parse_unary(p, true, ret);
    if (level == LEVEL_CONCAT) return parse_concat(p, ret);
    HL_TRY(parse_binary(p, level + 1, ret));
    for (char op; (op = operator_of_level(p, level)) != '\0';) {
        uint32_t at = hl__tpl_peek(p)->at;
        tpl_node *right;
        hl__tpl_skip(p);
        HL_TRY(parse_binary(p, level + 1, &right));
        HL_TRY(node2(p, TPL_N_BINARY, at, *ret, right, ret));
        (*ret)->op = op;
    }
    return HL_OK;
}

/* The comparison at this place, whose tokens are skipped, or '\0'. */
static char accept_comparison(tpl_parser *p) {
    static const struct {
        const char *text;
        char op;
    } OPS[] = {{"==", '='}, {"!=", '!'}, {"<", '<'}, {">", '>'}, {"<=", 'l'}, {">=", 'g'}};
    for (size_t i = 0; i < sizeof OPS / sizeof OPS[0]; i++) {
        if (hl__tpl_accept(p, TPL_T_OP, OPS[i].text)) return OPS[i].op;
    }
    if (hl__tpl_accept(p, TPL_T_NAME, "in")) return 'i';
    const tpl_token *next = hl__tpl_peek2(p);
    if (!hl__tpl_at(p, TPL_T_NAME, "not") || next->kind != TPL_T_NAME ||
        !hl_str_is(next->text, "in"))
        return '\0';
    hl__tpl_skip(p);
    hl__tpl_skip(p);
    return 'n';
}

static hl_status parse_compare(tpl_parser *p, tpl_node **ret) {
    HL_TRY(parse_binary(p, LEVEL_ADD, ret));
    tpl_node *compare = NULL, *operand;
    for (;;) {
        uint32_t at = hl__tpl_peek(p)->at;
        char op = accept_comparison(p);
        if (!op) return HL_OK;
        if (!compare) {
            HL_TRY(node2(p, TPL_N_COMPARE, at, *ret, NULL, &compare));
            *ret = compare;
        }
        HL_TRY(hl__tpl_node_new(p, TPL_N_OPERAND, at, &operand));
        operand->op = op;
        HL_TRY(parse_binary(p, LEVEL_ADD, &operand->a));
        HL_TRY(hl__tpl_nodes_push(p, &compare->list, operand));
    }
}

static hl_status parse_not(tpl_parser *p, tpl_node **ret) {
    uint32_t at = hl__tpl_peek(p)->at;
    if (!hl__tpl_accept(p, TPL_T_NAME, "not")) return parse_compare(p, ret);
    tpl_node *a;
    HL_TRY(hl__tpl_parse_enter(p));
    HL_TRY(parse_not(p, &a));
    hl__tpl_parse_leave(p);
    return node2(p, TPL_N_NOT, at, a, NULL, ret);
}

static hl_status parse_and(tpl_parser *p, tpl_node **ret) {
    HL_TRY(parse_not(p, ret));
    for (;;) {
        uint32_t at = hl__tpl_peek(p)->at;
        tpl_node *right;
        if (!hl__tpl_accept(p, TPL_T_NAME, "and")) return HL_OK;
        HL_TRY(parse_not(p, &right));
        HL_TRY(node2(p, TPL_N_AND, at, *ret, right, ret));
    }
}

static hl_status parse_or(tpl_parser *p, tpl_node **ret) {
    HL_TRY(parse_and(p, ret));
    for (;;) {
        uint32_t at = hl__tpl_peek(p)->at;
        tpl_node *right;
        if (!hl__tpl_accept(p, TPL_T_NAME, "or")) return HL_OK;
        HL_TRY(parse_and(p, &right));
        HL_TRY(node2(p, TPL_N_OR, at, *ret, right, ret));
    }
}

static hl_status parse_conditional(tpl_parser *p, tpl_node **ret) {
    HL_TRY(parse_or(p, ret));
    for (;;) {
        uint32_t at = hl__tpl_peek(p)->at;
        tpl_node *test, *otherwise = NULL;
        if (!hl__tpl_accept(p, TPL_T_NAME, "if")) return HL_OK;
        HL_TRY(parse_or(p, &test));
        if (hl__tpl_accept(p, TPL_T_NAME, "else")) HL_TRY(hl__tpl_parse_expr(p, true, &otherwise));
        HL_TRY(node2(p, TPL_N_COND, at, test, *ret, ret));
        (*ret)->c = otherwise;
    }
}

hl_status hl__tpl_parse_expr(tpl_parser *p, bool conditional, tpl_node **ret) {
    HL_TRY(hl__tpl_parse_enter(p));
    if (conditional)
        HL_TRY(parse_conditional(p, ret));
    else
        HL_TRY(parse_or(p, ret));
    hl__tpl_parse_leave(p);
    return HL_OK;
}

/* ---- operands ---- */

static bool at_tuple_end(const tpl_parser *p) {
    const tpl_token *tok = hl__tpl_peek(p);
    if (tok->kind == TPL_T_PRINT_END || tok->kind == TPL_T_BLOCK_END || tok->kind == TPL_T_END)
        return true;
    return at_op(p, ")") || hl__tpl_at(p, TPL_T_NAME, "in") ||
           hl__tpl_at(p, TPL_T_NAME, "recursive") || at_op(p, "=");
}

hl_status hl__tpl_parse_tuple(tpl_parser *p, bool conditional, bool empty, tpl_node **ret) {
    tpl_node *tuple, *item;
    HL_TRY(hl__tpl_node_new(p, TPL_N_TUPLE, hl__tpl_peek(p)->at, &tuple));
    bool comma = false;
    while (!at_tuple_end(p)) {
        HL_TRY(hl__tpl_parse_expr(p, conditional, &item));
        HL_TRY(hl__tpl_nodes_push(p, &tuple->list, item));
        if (!hl__tpl_accept(p, TPL_T_OP, ",")) break;
        comma = true;
    }
    *ret = tuple;
    if (comma) return HL_OK;
    if (tuple->list.n == 1) *ret = tuple->list.items[0];
    if (tuple->list.n == 0 && !empty) return hl__tpl_unexpected(p, "an expression");
    return HL_OK;
}

static hl_status parse_list(tpl_parser *p, uint32_t at, tpl_node **ret) {
    HL_TRY(hl__tpl_node_new(p, TPL_N_LIST, at, ret));
    while (!hl__tpl_accept(p, TPL_T_OP, "]")) {
        tpl_node *item;
        if ((*ret)->list.n) HL_TRY(hl__tpl_expect(p, TPL_T_OP, ","));
        if ((*ret)->list.n && hl__tpl_accept(p, TPL_T_OP, "]")) break;
        HL_TRY(hl__tpl_parse_expr(p, true, &item));
        HL_TRY(hl__tpl_nodes_push(p, &(*ret)->list, item));
    }
    return HL_OK;
}

static hl_status parse_dict(tpl_parser *p, uint32_t at, tpl_node **ret) {
    HL_TRY(hl__tpl_node_new(p, TPL_N_DICT, at, ret));
    while (!hl__tpl_accept(p, TPL_T_OP, "}")) {
        tpl_node *key, *value;
        if ((*ret)->list.n) HL_TRY(hl__tpl_expect(p, TPL_T_OP, ","));
        if ((*ret)->list.n && hl__tpl_accept(p, TPL_T_OP, "}")) break;
        HL_TRY(hl__tpl_parse_expr(p, true, &key));
        HL_TRY(hl__tpl_expect(p, TPL_T_OP, ":"));
        HL_TRY(hl__tpl_parse_expr(p, true, &value));
        HL_TRY(hl__tpl_nodes_push(p, &(*ret)->list, key));
        HL_TRY(hl__tpl_nodes_push(p, &(*ret)->list, value));
    }
    return HL_OK;
}

/* 'one' "two" is one string. */
static hl_status parse_strings(tpl_parser *p, tpl_node *n) {
    size_t from = p->at, len = 0;
    for (; hl__tpl_at(p, TPL_T_STRING, NULL); hl__tpl_skip(p)) len += hl__tpl_peek(p)->text.len;
    n->value = hl__tpl_str(p->tokens.items[from].text);
    if (p->at == from + 1) return HL_OK;
    char *text = hl_arena_alloc(p->t->arena, len + 1);
    if (!text) return hl__tpl_no_memory(p->t, p->t->arena, p->err);
    n->value = hl__tpl_str((hl_str){text, len});
    for (size_t i = from; i < p->at; i++) {
        hl_str part = p->tokens.items[i].text;
        if (part.len) memcpy(text, part.ptr, part.len);
        text += part.len;
    }
    return HL_OK;
}

hl_status hl__tpl_parse_name(tpl_parser *p, bool read, tpl_node **ret) {
    const tpl_token *tok = hl__tpl_peek(p);
    HL_TRY(hl__tpl_expect(p, TPL_T_NAME, NULL));
    HL_TRY(hl__tpl_node_new(p, TPL_N_NAME, tok->at, ret));
    HL_TRY(hl__tpl_symbol(p, tok->text, read, &(*ret)->sym));
    if ((*ret)->sym == p->t->sym_caller) p->uses |= TPL_USES_CALLER;
    if ((*ret)->sym == p->t->sym_varargs) p->uses |= TPL_USES_VARARGS;
    if ((*ret)->sym == p->t->sym_kwargs) p->uses |= TPL_USES_KWARGS;
    return HL_OK;
}

static bool constant_of_name(hl_str name, tpl_value *ret) {
    if (hl_str_is(name, "true") || hl_str_is(name, "True"))
        *ret = hl__tpl_bool(true);
    else if (hl_str_is(name, "false") || hl_str_is(name, "False"))
        *ret = hl__tpl_bool(false);
    else if (hl_str_is(name, "none") || hl_str_is(name, "None"))
        *ret = hl__tpl_none();
    else
        return false;
    return true;
}

static hl_status parse_primary(tpl_parser *p, tpl_node **ret) {
    const tpl_token *tok = hl__tpl_peek(p);
    tpl_value constant;
    if (tok->kind == TPL_T_NAME && !constant_of_name(tok->text, &constant))
        return hl__tpl_parse_name(p, true, ret);
    if (tok->kind == TPL_T_NAME || tok->kind == TPL_T_NUMBER) {
        HL_TRY(hl__tpl_node_new(p, TPL_N_CONST, tok->at, ret));
        (*ret)->value = tok->kind == TPL_T_NAME ? constant : tok->value;
        hl__tpl_skip(p);
        return HL_OK;
    }
    if (tok->kind == TPL_T_STRING) {
        HL_TRY(hl__tpl_node_new(p, TPL_N_CONST, tok->at, ret));
        return parse_strings(p, *ret);
    }
    if (hl__tpl_accept(p, TPL_T_OP, "(")) {
        HL_TRY(hl__tpl_parse_tuple(p, true, true, ret));
        return hl__tpl_expect(p, TPL_T_OP, ")");
    }
    if (hl__tpl_accept(p, TPL_T_OP, "[")) return parse_list(p, tok->at, ret);
    if (hl__tpl_accept(p, TPL_T_OP, "{")) return parse_dict(p, tok->at, ret);
    return hl__tpl_unexpected(p, "an expression");
}

/* ---- what follows an operand ---- */

static hl_status parse_argument(tpl_parser *p, tpl_node **ret) {
    const tpl_token *tok = hl__tpl_peek(p), *next = hl__tpl_peek2(p);
    bool stars = at_op(p, "**"), star = at_op(p, "*");
    bool named = tok->kind == TPL_T_NAME && next->kind == TPL_T_OP && hl_str_is(next->text, "=");
    if (!stars && !star && !named) return hl__tpl_parse_expr(p, true, ret);
    tpl_node_kind kind = stars ? TPL_N_STARSTAR : star ? TPL_N_STAR : TPL_N_KWARG;
    HL_TRY(hl__tpl_node_new(p, kind, tok->at, ret));
    hl__tpl_skip(p);
    if (named) {
        (*ret)->text = tok->text;
        hl__tpl_skip(p);
    }
    return hl__tpl_parse_expr(p, true, &(*ret)->a);
}

/* Behind the opening bracket. */
static hl_status parse_arguments(tpl_parser *p, tpl_nodes *ret) {
    bool named = false;
    while (!hl__tpl_accept(p, TPL_T_OP, ")")) {
        tpl_node *arg;
        if (ret->n) HL_TRY(hl__tpl_expect(p, TPL_T_OP, ","));
        if (ret->n && hl__tpl_accept(p, TPL_T_OP, ")")) break;
        HL_TRY(parse_argument(p, &arg));
        bool plain = arg->kind != TPL_N_KWARG && arg->kind != TPL_N_STARSTAR;
        if (plain && named)
            return hl__tpl_syntax(p->t, arg->at, p->err, "a plain argument behind a named one");
        named |= !plain;
        HL_TRY(hl__tpl_nodes_push(p, ret, arg));
    }
    return HL_OK;
}

static hl_status parse_call(tpl_parser *p, tpl_node *callee, tpl_node **ret) {
    HL_TRY(node2(p, TPL_N_CALL, hl__tpl_peek(p)->at, callee, NULL, ret));
    HL_TRY(hl__tpl_expect(p, TPL_T_OP, "("));
    return parse_arguments(p, &(*ret)->list);
}

static hl_status parse_slice_part(tpl_parser *p, tpl_node **ret) {
    if (at_op(p, ":") || at_op(p, "]") || at_op(p, ",")) return HL_OK;
    return hl__tpl_parse_expr(p, true, ret);
}

/* x, or x:y:z where each may be left out. */
static hl_status parse_subscript(tpl_parser *p, tpl_node **ret) {
    uint32_t at = hl__tpl_peek(p)->at;
    tpl_node *start = NULL;
    HL_TRY(parse_slice_part(p, &start));
    if (!hl__tpl_accept(p, TPL_T_OP, ":")) {
        *ret = start;
        return start ? HL_OK : hl__tpl_unexpected(p, "an expression");
    }
    HL_TRY(node2(p, TPL_N_SLICE, at, start, NULL, ret));
    HL_TRY(parse_slice_part(p, &(*ret)->b));
    if (hl__tpl_accept(p, TPL_T_OP, ":")) HL_TRY(parse_slice_part(p, &(*ret)->c));
    return HL_OK;
}

static hl_status parse_item(tpl_parser *p, tpl_node *of, tpl_node **ret) {
    HL_TRY(node2(p, TPL_N_ITEM, hl__tpl_peek(p)->at, of, NULL, ret));
    HL_TRY(hl__tpl_expect(p, TPL_T_OP, "["));
    tpl_node *first, *tuple = NULL;
    HL_TRY(parse_subscript(p, &first));
    HL_ASSERT(first);
    while (hl__tpl_accept(p, TPL_T_OP, ",")) {
        if (!tuple) {
            HL_TRY(hl__tpl_node_new(p, TPL_N_TUPLE, first->at, &tuple));
            HL_TRY(hl__tpl_nodes_push(p, &tuple->list, first));
        }
        if (at_op(p, "]")) break;
        tpl_node *next;
        HL_TRY(parse_subscript(p, &next));
        HL_TRY(hl__tpl_nodes_push(p, &tuple->list, next));
    }
    (*ret)->b = tuple ? tuple : first;
    return hl__tpl_expect(p, TPL_T_OP, "]");
}

static hl_status parse_attribute(tpl_parser *p, tpl_node *of, tpl_node **ret) {
    uint32_t at = hl__tpl_peek(p)->at;
    HL_TRY(hl__tpl_expect(p, TPL_T_OP, "."));
    const tpl_token *tok = hl__tpl_peek(p);
    if (tok->kind == TPL_T_NUMBER && tok->value.kind == TPL_INT) {
        HL_TRY(node2(p, TPL_N_ITEM, at, of, NULL, ret));
        HL_TRY(hl__tpl_node_new(p, TPL_N_CONST, tok->at, &(*ret)->b));
        (*ret)->b->value = tok->value;
        hl__tpl_skip(p);
        return HL_OK;
    }
    HL_TRY(node2(p, TPL_N_ATTR, at, of, NULL, ret));
    (*ret)->text = tok->text;
    return hl__tpl_expect(p, TPL_T_NAME, NULL);
}

static hl_status parse_postfix(tpl_parser *p, tpl_node **ret) {
    for (;;) {
        if (at_op(p, "."))
            HL_TRY(parse_attribute(p, *ret, ret));
        else if (at_op(p, "["))
            HL_TRY(parse_item(p, *ret, ret));
        else if (at_op(p, "("))
            HL_TRY(parse_call(p, *ret, ret));
        else
            return HL_OK;
    }
}

/* NAME, or NAME.NAME for filters and tests that nobody has. */
static hl_status parse_dotted(tpl_parser *p, hl_str *ret) {
    *ret = hl__tpl_peek(p)->text;
    HL_TRY(hl__tpl_expect(p, TPL_T_NAME, NULL));
    while (hl__tpl_accept(p, TPL_T_OP, ".")) {
        hl_str part = hl__tpl_peek(p)->text;
        HL_TRY(hl__tpl_expect(p, TPL_T_NAME, NULL));
        ret->len = (size_t)(part.ptr + part.len - ret->ptr);
    }
    return HL_OK;
}

hl_status hl__tpl_parse_filters(tpl_parser *p, tpl_node *n, bool first, tpl_node **ret) {
    *ret = n;
    while (first || hl__tpl_accept(p, TPL_T_OP, "|")) {
        first = false;
        HL_TRY(node2(p, TPL_N_FILTER, hl__tpl_peek(p)->at, *ret, NULL, ret));
        HL_TRY(parse_dotted(p, &(*ret)->text));
        if (hl__tpl_accept(p, TPL_T_OP, "(")) HL_TRY(parse_arguments(p, &(*ret)->list));
    }
    return HL_OK;
}

static bool at_test_argument(const tpl_parser *p) {
    const tpl_token *tok = hl__tpl_peek(p);
    if (tok->kind == TPL_T_STRING || tok->kind == TPL_T_NUMBER) return true;
    if (tok->kind == TPL_T_OP) return at_op(p, "[") || at_op(p, "{");
    static const char *const NOT_THESE[] = {"else", "or", "and", "if", "in", "not", "recursive"};
    if (tok->kind != TPL_T_NAME) return false;
    for (size_t i = 0; i < sizeof NOT_THESE / sizeof NOT_THESE[0]; i++) {
        if (hl_str_is(tok->text, NOT_THESE[i])) return false;
    }
    return true;
}

static hl_status parse_test(tpl_parser *p, tpl_node **ret) {
    uint32_t at = hl__tpl_peek(p)->at;
    hl__tpl_skip(p);
    bool negated = hl__tpl_accept(p, TPL_T_NAME, "not");
    tpl_node *test, *arg;
    HL_TRY(node2(p, TPL_N_TEST, at, *ret, NULL, &test));
    HL_TRY(parse_dotted(p, &test->text));
    if (hl__tpl_at(p, TPL_T_NAME, "is"))
        return hl__tpl_syntax(p->t, at, p->err, "tests cannot be chained with 'is'");
    if (hl__tpl_accept(p, TPL_T_OP, "(")) {
        HL_TRY(parse_arguments(p, &test->list));
    } else if (at_test_argument(p)) {
        HL_TRY(parse_primary(p, &arg));
        HL_TRY(parse_postfix(p, &arg));
        HL_TRY(hl__tpl_nodes_push(p, &test->list, arg));
    }
    *ret = test;
    return negated ? node2(p, TPL_N_NOT, at, test, NULL, ret) : HL_OK;
}

static hl_status parse_filters_and_tests(tpl_parser *p, tpl_node **ret) {
    for (;;) {
        if (at_op(p, "|"))
            HL_TRY(hl__tpl_parse_filters(p, *ret, false, ret));
        else if (hl__tpl_at(p, TPL_T_NAME, "is"))
            HL_TRY(parse_test(p, ret));
        else if (at_op(p, "("))
            HL_TRY(parse_call(p, *ret, ret));
        else
            return HL_OK;
    }
}

static hl_status parse_unary(tpl_parser *p, bool filters, tpl_node **ret) {
    uint32_t at = hl__tpl_peek(p)->at;
    HL_TRY(hl__tpl_parse_enter(p));
    if (at_op(p, "-") || at_op(p, "+")) {
        tpl_node_kind kind = at_op(p, "-") ? TPL_N_NEG : TPL_N_POS;
        hl__tpl_skip(p);
        tpl_node *a;
        HL_TRY(parse_unary(p, false, &a));
        HL_TRY(node2(p, kind, at, a, NULL, ret));
    } else {
        HL_TRY(parse_primary(p, ret));
    }
    HL_TRY(parse_postfix(p, ret));
    if (filters) HL_TRY(parse_filters_and_tests(p, ret));
    hl__tpl_parse_leave(p);
    return HL_OK;
}

/* ---- targets ---- */

static hl_status parse_target_item(tpl_parser *p, bool namespace, tpl_node **ret) {
    if (hl__tpl_accept(p, TPL_T_OP, "(")) {
        HL_TRY(hl__tpl_parse_enter(p));
        HL_TRY(hl__tpl_parse_target(p, namespace, ret));
        hl__tpl_parse_leave(p);
        return hl__tpl_expect(p, TPL_T_OP, ")");
    }
    const tpl_token *tok = hl__tpl_peek(p);
    tpl_value constant;
    if (tok->kind == TPL_T_NAME && constant_of_name(tok->text, &constant))
        return hl__tpl_syntax(p->t, tok->at, p->err, "cannot assign to '%.*s'",
                              HL_STR_ARG(tok->text));
    HL_TRY(hl__tpl_parse_name(p, false, ret));
    if (!namespace || !hl__tpl_accept(p, TPL_T_OP, ".")) return HL_OK;
    (*ret)->kind = TPL_N_NSREF;
    (*ret)->text = hl__tpl_peek(p)->text;
    return hl__tpl_expect(p, TPL_T_NAME, NULL);
}

hl_status hl__tpl_parse_target(tpl_parser *p, bool namespace, tpl_node **ret) {
    tpl_node *first, *item;
    HL_TRY(parse_target_item(p, namespace, &first));
    *ret = first;
    if (!at_op(p, ",")) return HL_OK;
    HL_TRY(hl__tpl_node_new(p, TPL_N_TUPLE, first->at, ret));
    HL_TRY(hl__tpl_nodes_push(p, &(*ret)->list, first));
    while (hl__tpl_accept(p, TPL_T_OP, ",") && !at_tuple_end(p)) {
        HL_TRY(parse_target_item(p, namespace, &item));
        HL_TRY(hl__tpl_nodes_push(p, &(*ret)->list, item));
    }
    return HL_OK;
}
