#include "text/template_parse.h"

/* ---- what both halves use ---- */

bool hl__tpl_at(const tpl_parser *p, tpl_token_kind kind, const char *text) {
    const tpl_token *tok = hl__tpl_peek(p);
    return tok->kind == kind && (!text || hl_str_is(tok->text, text));
}

bool hl__tpl_accept(tpl_parser *p, tpl_token_kind kind, const char *text) {
    if (!hl__tpl_at(p, kind, text)) return false;
    hl__tpl_skip(p);
    return true;
}

hl_status hl__tpl_unexpected(const tpl_parser *p, const char *wanted) {
    const tpl_token *tok = hl__tpl_peek(p);
    if (tok->kind == TPL_T_END || tok->kind == TPL_T_TEXT)
        return hl__tpl_syntax(p->t, tok->at, p->err, "expected %s, the template ends", wanted);
    if (tok->kind == TPL_T_PRINT_END || tok->kind == TPL_T_BLOCK_END)
        return hl__tpl_syntax(p->t, tok->at, p->err, "expected %s, the tag ends", wanted);
    return hl__tpl_syntax(p->t, tok->at, p->err, "expected %s, got '%.*s'", wanted,
                          HL_STR_ARG(tok->text));
}

hl_status hl__tpl_expect(tpl_parser *p, tpl_token_kind kind, const char *text) {
    if (hl__tpl_accept(p, kind, text)) return HL_OK;
    return hl__tpl_unexpected(p, text                      ? text
                                 : kind == TPL_T_NAME      ? "a name"
                                 : kind == TPL_T_PRINT_END ? "}}"
                                                           : "%}");
}

static hl_status no_memory(tpl_parser *p) {
    bool scratch = hl_arena_status(p->scratch) != HL_OK;
    return hl__tpl_no_memory(p->t, scratch ? p->scratch : p->t->arena, p->err);
}

hl_status hl__tpl_node_new(tpl_parser *p, tpl_node_kind kind, uint32_t at, tpl_node **ret) {
    if (p->n_nodes++ >= p->t->limits.nodes_max)
        return hl_fail(p->err, HL_ELIMIT, "template", "%s: more than %zu nodes", p->t->name,
                       p->t->limits.nodes_max);
    tpl_node *n = HL_ARENA_NEW(p->t->arena, tpl_node);
    if (!n) return no_memory(p);
    n->kind = (uint8_t)kind;
    n->at = at;
    *ret = n;
    return HL_OK;
}

hl_status hl__tpl_nodes_push(tpl_parser *p, tpl_nodes *l, tpl_node *n) {
    HL_ASSERT(n);
    if (l->n == l->cap) {
        uint32_t cap = l->cap ? l->cap * 2 : 4;
        tpl_node **items = HL_ARENA_ARRAY(p->t->arena, cap, tpl_node *);
        if (!items) return no_memory(p);
        if (l->n) memcpy(items, l->items, l->n * sizeof *items);
        l->items = items;
        l->cap = cap;
    }
    l->items[l->n++] = n;
    return HL_OK;
}

hl_status hl__tpl_params_push(tpl_parser *p, tpl_node *n, tpl_param param) {
    uint32_t cap = n->n_params;
    if ((cap & (cap - 1)) == 0) { /* full at powers of two, and at none */
        tpl_param *params = HL_ARENA_ARRAY(p->t->arena, cap ? cap * 2 : 1, tpl_param);
        if (!params) return no_memory(p);
        if (cap) memcpy(params, n->params, cap * sizeof *params);
        n->params = params;
    }
    n->params[n->n_params++] = param;
    return HL_OK;
}

uint32_t hl__tpl_symbol_find(const hl_template *t, hl_str name) {
    for (uint32_t i = 0; i < t->n_symbols; i++) {
        if (hl_str_eq(t->symbols[i].name, name)) return i;
    }
    return UINT32_MAX;
}

enum { SYMBOLS_MAX = 4096 }; /* they are looked through one by one */

hl_status hl__tpl_symbol(tpl_parser *p, hl_str name, bool read, uint32_t *ret) {
    hl_template *t = p->t;
    *ret = hl__tpl_symbol_find(t, name);
    if (*ret == UINT32_MAX) {
        if (t->n_symbols == SYMBOLS_MAX)
            return hl_fail(p->err, HL_ELIMIT, "template", "%s: more than %d variables", t->name,
                           SYMBOLS_MAX);
        if (t->n_symbols == t->symbols_cap) {
            uint32_t cap = t->symbols_cap ? t->symbols_cap * 2 : 32;
            tpl_symbol *symbols = HL_ARENA_ARRAY(t->arena, cap, tpl_symbol);
            if (!symbols) return no_memory(p);
            if (t->n_symbols) memcpy(symbols, t->symbols, t->n_symbols * sizeof *symbols);
            t->symbols = symbols;
            t->symbols_cap = cap;
        }
        t->symbols[t->n_symbols] = (tpl_symbol){.name = name};
        *ret = t->n_symbols++;
    }
    if (read) t->symbols[*ret].read = true;
    return HL_OK;
}

hl_status hl__tpl_parse_enter(tpl_parser *p) {
    if (p->depth >= p->t->limits.depth_max) {
        tpl_place at = hl__tpl_place(p->t, hl__tpl_peek(p)->at);
        return hl_fail(p->err, HL_ELIMIT, "template", "%s:%u:%u: nested deeper than %u", at.name,
                       at.line, at.column, p->t->limits.depth_max);
    }
    p->depth++;
    return HL_OK;
}

/* ---- statements ---- */

/* Parses until a tag whose first word is one of `ends` (up to a NULL), and stops at that word. */
static hl_status parse_body(tpl_parser *p, const char *const *ends, tpl_nodes *ret);

/* The body of a statement that only `end` ends; behind its tag's name afterwards. */
static hl_status parse_body_to(tpl_parser *p, const char *end, tpl_nodes *ret) {
    const char *const ends[] = {end, NULL};
    HL_TRY(hl__tpl_expect(p, TPL_T_BLOCK_END, NULL));
    HL_TRY(parse_body(p, ends, ret));
    hl__tpl_skip(p);
    return HL_OK;
}

static hl_status parse_else(tpl_parser *p, const char *end, tpl_node **ret) {
    HL_TRY(hl__tpl_node_new(p, TPL_N_BRANCH, hl__tpl_peek(p)->at, ret));
    return parse_body_to(p, end, &(*ret)->list);
}

static hl_status parse_if(tpl_parser *p, tpl_node *n) {
    static const char *const ENDS[] = {"elif", "else", "endif", NULL};
    n->kind = TPL_N_IF;
    for (;;) {
        tpl_node *branch;
        HL_TRY(hl__tpl_node_new(p, TPL_N_BRANCH, hl__tpl_peek(p)->at, &branch));
        HL_TRY(hl__tpl_nodes_push(p, &n->list, branch));
        HL_TRY(hl__tpl_parse_tuple(p, false, false, &branch->a));
        HL_TRY(hl__tpl_expect(p, TPL_T_BLOCK_END, NULL));
        HL_TRY(parse_body(p, ENDS, &branch->list));
        if (hl__tpl_accept(p, TPL_T_NAME, "elif")) continue;
        if (hl__tpl_accept(p, TPL_T_NAME, "endif")) return HL_OK;
        hl__tpl_skip(p);
        HL_TRY(parse_else(p, "endif", &branch));
        return hl__tpl_nodes_push(p, &n->list, branch);
    }
}

static hl_status parse_for(tpl_parser *p, tpl_node *n) {
    static const char *const ENDS[] = {"endfor", "else", NULL};
    n->kind = TPL_N_FOR;
    HL_TRY(hl__tpl_parse_target(p, false, &n->a));
    HL_TRY(hl__tpl_expect(p, TPL_T_NAME, "in"));
    HL_TRY(hl__tpl_parse_tuple(p, false, false, &n->b));
    if (hl__tpl_accept(p, TPL_T_NAME, "if")) HL_TRY(hl__tpl_parse_expr(p, true, &n->c));
    if (hl__tpl_accept(p, TPL_T_NAME, "recursive")) n->op = 'r';
    HL_TRY(hl__tpl_expect(p, TPL_T_BLOCK_END, NULL));
    p->loops++;
    HL_TRY(parse_body(p, ENDS, &n->list));
    p->loops--;
    if (hl__tpl_accept(p, TPL_T_NAME, "endfor")) return HL_OK;
    hl__tpl_skip(p);
    return parse_else(p, "endfor", &n->d);
}

static hl_status parse_set(tpl_parser *p, tpl_node *n) {
    HL_TRY(hl__tpl_parse_target(p, true, &n->a));
    if (hl__tpl_accept(p, TPL_T_OP, "=")) {
        n->kind = TPL_N_SET;
        return hl__tpl_parse_tuple(p, true, false, &n->b);
    }
    n->kind = TPL_N_SET_BLOCK;
    if (hl__tpl_at(p, TPL_T_OP, "|")) {
        HL_TRY(hl__tpl_node_new(p, TPL_N_CAPTURED, n->at, &n->b));
        HL_TRY(hl__tpl_parse_filters(p, n->b, false, &n->b));
    }
    return parse_body_to(p, "endset", &n->list);
}

static hl_status parse_signature(tpl_parser *p, tpl_node *n) {
    bool defaults = false;
    HL_TRY(hl__tpl_expect(p, TPL_T_OP, "("));
    while (!hl__tpl_accept(p, TPL_T_OP, ")")) {
        tpl_node *name, *value = NULL;
        if (n->n_params) HL_TRY(hl__tpl_expect(p, TPL_T_OP, ","));
        if (n->n_params && hl__tpl_accept(p, TPL_T_OP, ")")) break;
        HL_TRY(hl__tpl_parse_name(p, false, &name));
        if (hl__tpl_accept(p, TPL_T_OP, "=")) {
            HL_TRY(hl__tpl_parse_expr(p, true, &value));
            defaults = true;
        } else if (defaults) {
            return hl__tpl_syntax(p->t, name->at, p->err,
                                  "a parameter without a default behind one with a default");
        }
        HL_TRY(hl__tpl_params_push(p, n, (tpl_param){name, value}));
    }
    return HL_OK;
}

/* The body of a macro or of a call block; notes which of the special names it mentions. */
static hl_status parse_macro_body(tpl_parser *p, tpl_node *n, const char *end) {
    uint8_t uses = p->uses;
    uint32_t loops = p->loops;
    p->uses = 0;
    p->loops = 0;
    HL_TRY(parse_body_to(p, end, &n->list));
    n->uses = p->uses;
    p->uses = uses;
    p->loops = loops;
    return HL_OK;
}

static hl_status parse_macro(tpl_parser *p, tpl_node *n) {
    tpl_node *name;
    HL_TRY(hl__tpl_parse_name(p, false, &name));
    n->kind = TPL_N_MACRO;
    n->sym = name->sym;
    n->text = p->t->symbols[name->sym].name;
    HL_TRY(parse_signature(p, n));
    return parse_macro_body(p, n, "endmacro");
}

static hl_status parse_call_block(tpl_parser *p, tpl_node *n) {
    n->kind = TPL_N_CALL_BLOCK;
    HL_TRY(hl__tpl_node_new(p, TPL_N_MACRO, n->at, &n->b));
    n->b->text = HL_STR("caller");
    n->b->sym = p->t->sym_caller;
    if (hl__tpl_at(p, TPL_T_OP, "(")) HL_TRY(parse_signature(p, n->b));
    HL_TRY(hl__tpl_parse_expr(p, true, &n->a));
    if (n->a->kind != TPL_N_CALL)
        return hl__tpl_syntax(p->t, n->a->at, p->err, "expected a call behind 'call'");
    return parse_macro_body(p, n->b, "endcall");
}

static hl_status parse_filter_block(tpl_parser *p, tpl_node *n) {
    n->kind = TPL_N_FILTER_BLOCK;
    HL_TRY(hl__tpl_node_new(p, TPL_N_CAPTURED, n->at, &n->a));
    HL_TRY(hl__tpl_parse_filters(p, n->a, true, &n->a));
    return parse_body_to(p, "endfilter", &n->list);
}

static hl_status parse_with(tpl_parser *p, tpl_node *n) {
    n->kind = TPL_N_WITH;
    while (!hl__tpl_at(p, TPL_T_BLOCK_END, NULL)) {
        tpl_node *target, *value;
        if (n->n_params) HL_TRY(hl__tpl_expect(p, TPL_T_OP, ","));
        HL_TRY(hl__tpl_parse_name(p, false, &target));
        HL_TRY(hl__tpl_expect(p, TPL_T_OP, "="));
        HL_TRY(hl__tpl_parse_expr(p, true, &value));
        HL_TRY(hl__tpl_params_push(p, n, (tpl_param){target, value}));
    }
    return parse_body_to(p, "endwith", &n->list);
}

/* {% print a, b %} prints one behind the other, where {{ a, b }} prints a tuple. */
static hl_status parse_print(tpl_parser *p, tpl_node *n) {
    n->kind = TPL_N_PRINT;
    HL_TRY(hl__tpl_parse_tuple(p, true, false, &n->a));
    if (n->a->kind == TPL_N_TUPLE && n->a->list.n > 1) n->a->kind = TPL_N_CONCAT;
    return HL_OK;
}

static hl_status parse_block(tpl_parser *p, tpl_node *n) {
    n->kind = TPL_N_BLOCK;
    HL_TRY(hl__tpl_expect(p, TPL_T_NAME, NULL));
    if (hl__tpl_accept(p, TPL_T_NAME, "scoped")) n->kind = TPL_N_SCOPE;
    HL_TRY(parse_body_to(p, "endblock", &n->list));
    if (hl__tpl_at(p, TPL_T_NAME, NULL)) hl__tpl_skip(p);
    return HL_OK;
}

/* {% generation %} only marks what a model is trained on. */
static hl_status parse_generation(tpl_parser *p, tpl_node *n) {
    n->kind = TPL_N_SCOPE;
    return parse_body_to(p, "endgeneration", &n->list);
}

static hl_status parse_autoescape(tpl_parser *p, tpl_node *n) {
    tpl_node *on;
    HL_TRY(hl__tpl_parse_expr(p, true, &on));
    if (on->kind != TPL_N_CONST || hl__tpl_truth(&on->value))
        return hl__tpl_syntax(p->t, n->at, p->err, "autoescape is not supported");
    n->kind = TPL_N_SCOPE;
    return parse_body_to(p, "endautoescape", &n->list);
}

static hl_status parse_jump(tpl_parser *p, tpl_node *n, tpl_node_kind kind) {
    n->kind = (uint8_t)kind;
    if (p->loops) return HL_OK;
    return hl__tpl_syntax(p->t, n->at, p->err, "'%s' outside of a loop",
                          kind == TPL_N_BREAK ? "break" : "continue");
}
static hl_status parse_break(tpl_parser *p, tpl_node *n) {
    return parse_jump(p, n, TPL_N_BREAK);
}
static hl_status parse_continue(tpl_parser *p, tpl_node *n) {
    return parse_jump(p, n, TPL_N_CONTINUE);
}

static hl_status parse_other_files(tpl_parser *p, tpl_node *n) {
    return hl__tpl_syntax(p->t, n->at, p->err, "a chat template cannot use other templates");
}

static const struct statement {
    const char *name;
    hl_status (*parse)(tpl_parser *p, tpl_node *n);
} STATEMENTS[] = {
    {"if", parse_if},
    {"for", parse_for},
    {"set", parse_set},
    {"macro", parse_macro},
    {"break", parse_break},
    {"continue", parse_continue},
    {"filter", parse_filter_block},
    {"call", parse_call_block},
    {"generation", parse_generation},
    {"with", parse_with},
    {"print", parse_print},
    {"block", parse_block},
    {"autoescape", parse_autoescape},
    {"include", parse_other_files},
    {"import", parse_other_files},
    {"from", parse_other_files},
    {"extends", parse_other_files},
};

static hl_status parse_statement(tpl_parser *p, tpl_node **ret) {
    const tpl_token *word = hl__tpl_peek(p);
    HL_TRY(hl__tpl_parse_enter(p));
    for (size_t i = 0; i < sizeof STATEMENTS / sizeof STATEMENTS[0]; i++) {
        if (!hl__tpl_accept(p, TPL_T_NAME, STATEMENTS[i].name)) continue;
        HL_TRY(hl__tpl_node_new(p, TPL_N_SCOPE, word->at, ret));
        HL_TRY(STATEMENTS[i].parse(p, *ret));
        HL_TRY(hl__tpl_expect(p, TPL_T_BLOCK_END, NULL));
        hl__tpl_parse_leave(p);
        return HL_OK;
    }
    return hl__tpl_syntax(p->t, word->at, p->err, "unknown tag '%.*s'", HL_STR_ARG(word->text));
}

static hl_status parse_print_tag(tpl_parser *p, tpl_node **ret) {
    HL_TRY(hl__tpl_node_new(p, TPL_N_PRINT, hl__tpl_peek(p)->at, ret));
    HL_TRY(hl__tpl_parse_tuple(p, true, false, &(*ret)->a));
    return hl__tpl_expect(p, TPL_T_PRINT_END, NULL);
}

static bool at_one_of(const tpl_parser *p, const char *const *ends) {
    for (; *ends; ends++) {
        if (hl__tpl_at(p, TPL_T_NAME, *ends)) return true;
    }
    return false;
}

static hl_status parse_body(tpl_parser *p, const char *const *ends, tpl_nodes *ret) {
    for (;;) {
        const tpl_token *tok = hl__tpl_peek(p);
        tpl_node *n;
        if (tok->kind == TPL_T_END) {
            return *ends ? hl__tpl_syntax(p->t, tok->at, p->err, "missing tag '%s'", *ends) : HL_OK;
        }
        hl__tpl_skip(p);
        if (tok->kind == TPL_T_TEXT) {
            HL_TRY(hl__tpl_node_new(p, TPL_N_TEXT, tok->at, &n));
            n->text = tok->text;
        } else if (tok->kind == TPL_T_PRINT_BEGIN) {
            HL_TRY(parse_print_tag(p, &n));
        } else {
            HL_ASSERT(tok->kind == TPL_T_BLOCK_BEGIN);
            if (at_one_of(p, ends)) return HL_OK;
            HL_TRY(parse_statement(p, &n));
        }
        HL_TRY(hl__tpl_nodes_push(p, ret, n));
    }
}

static hl_status parse_all(tpl_parser *p) {
    static const char *const NO_ENDS[] = {NULL};
    hl_template *t = p->t;
    HL_TRY(hl__tpl_symbol(p, HL_STR("loop"), false, &t->sym_loop));
    HL_TRY(hl__tpl_symbol(p, HL_STR("caller"), false, &t->sym_caller));
    HL_TRY(hl__tpl_symbol(p, HL_STR("varargs"), false, &t->sym_varargs));
    HL_TRY(hl__tpl_symbol(p, HL_STR("kwargs"), false, &t->sym_kwargs));
    HL_TRY(hl__tpl_lex(t, p->scratch, &p->tokens, p->err));
    return parse_body(p, NO_ENDS, &t->body);
}

hl_status hl__tpl_parse(hl_template *t, hl_error *err) {
    tpl_parser p = {.t = t, .err = err};
    p.scratch = hl_arena_create(t->limits.memory_bytes_max);
    if (!p.scratch)
        return hl_fail(err, HL_ENOMEM, "template", "%s: no memory to parse it", t->name);
    hl_status st = parse_all(&p);
    hl_arena_destroy(p.scratch);
    return st;
}
