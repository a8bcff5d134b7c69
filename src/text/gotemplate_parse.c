/* Texts, actions and control structures. */
#include "text/gotemplate_parse.h"

#include "text/gotemplate_run.h"

hl_status hl__go_next(go_parser *p, go_token *ret) {
    if (p->n_back) {
        *ret = p->back[--p->n_back];
        return HL_OK;
    }
    return hl__go_lex(&p->lexer, ret, p->err);
}

hl_status hl__go_next_nonspace(go_parser *p, go_token *ret) {
    do HL_TRY(hl__go_next(p, ret));
    while (ret->kind == GO_TK_SPACE);
    return HL_OK;
}

void hl__go_back(go_parser *p, const go_token *token) {
    HL_ASSERT(p->n_back < GO_BACK_MAX);
    p->back[p->n_back++] = *token;
}

hl_status hl__go_peek(go_parser *p, go_token *ret) {
    HL_TRY(hl__go_next(p, ret));
    hl__go_back(p, ret);
    return HL_OK;
}

hl_status hl__go_peek_nonspace(go_parser *p, go_token *ret) {
    HL_TRY(hl__go_next_nonspace(p, ret));
    hl__go_back(p, ret);
    return HL_OK;
}

hl_status hl__go_unexpected(go_parser *p, const go_token *token, const char *context) {
    if (token->kind == GO_TK_EOF) return hl__go_syntax(p->t, token->at, p->err, "unexpected EOF");
    const char *open = token->kind >= GO_TK_BLOCK ? "<" : "\"";
    const char *close = token->kind >= GO_TK_BLOCK ? ">" : "\"";
    hl_str text = hl_str_slice(token->text, 0, 10);
    return hl__go_syntax(p->t, token->at, p->err, "unexpected %s%.*s%s%s in %s", open,
                         HL_STR_ARG(text), close, token->text.len > 10 ? "..." : "", context);
}

hl_status hl__go_alloc(go_parser *p, size_t size, void **ret) {
    *ret = hl_arena_alloc(p->t->arena, size);
    if (*ret) return HL_OK;
    bool limit = hl_arena_status(p->t->arena) == HL_ELIMIT;
    return hl_fail(p->err, limit ? HL_ELIMIT : HL_ENOMEM, "template", "template: %s: %s",
                   p->t->name, limit ? "takes too much memory" : "no memory");
}

static hl_status fail_many(go_parser *p, size_t max, const char *what) {
    return hl_fail(p->err, HL_ELIMIT, "template", "template: %s:%u: more than %zu %s", p->t->name,
                   hl__go_line(p->t, (uint32_t)p->lexer.pos), max, what);
}

hl_status hl__go_node(go_parser *p, go_node_kind kind, const go_token *at, go_node **ret) {
    if (p->n_nodes++ >= p->t->limits.nodes_max)
        return fail_many(p, p->t->limits.nodes_max, "nodes");
    void *node;
    HL_TRY(hl__go_alloc(p, sizeof **ret, &node));
    *ret = node;
    (*ret)->kind = kind;
    (*ret)->at = at->at;
    (*ret)->end = at->at + (uint32_t)at->text.len;
    return HL_OK;
}

hl_status hl__go_var_push(go_parser *p, hl_str name) {
    if (p->n_vars >= GO_VARS_MAX) return fail_many(p, GO_VARS_MAX, "variables");
    if (p->n_vars == p->vars_cap) {
        size_t cap = p->vars_cap ? p->vars_cap * 2 : 16;
        void *vars;
        HL_TRY(hl__go_alloc(p, cap * sizeof *p->vars, &vars));
        if (p->n_vars) memcpy(vars, p->vars, p->n_vars * sizeof *p->vars);
        p->vars = vars;
        p->vars_cap = cap;
    }
    p->vars[p->n_vars++] = name;
    return HL_OK;
}

hl_status hl__go_enter(go_parser *p, const go_token *at) {
    if (p->depth >= p->t->limits.depth_max)
        return hl_fail(p->err, HL_ELIMIT, "template", "template: %s:%u: nested deeper than %u",
                       p->t->name, hl__go_line(p->t, at->at), p->t->limits.depth_max);
    p->depth++;
    return HL_OK;
}

hl_status hl__go_string(go_parser *p, const go_token *token, hl_str *ret) {
    if (hl__go_unquote(p->t->arena, token->text, ret)) return HL_OK;
    return hl__go_syntax(p->t, token->at, p->err, "invalid syntax");
}

static hl_status expect(go_parser *p, go_token_kind kind, const char *context, go_token *ret) {
    HL_TRY(hl__go_next_nonspace(p, ret));
    return ret->kind == kind ? HL_OK : hl__go_unexpected(p, ret, context);
}

/* What ends a list: its kind is END, ELSE or EOF. */
static hl_status parse_list(go_parser *p, go_node **ret, go_token *ret_end);

static hl_status parse_branch(go_parser *p, go_node_kind kind, const go_token *at, go_node **ret);

/* {{else}}, or {{else if …}} that is a list of one node. */
static hl_status parse_else(go_parser *p, go_node *node) {
    go_token token, end;
    bool chain = node->kind == GO_N_IF || node->kind == GO_N_WITH;
    HL_TRY(hl__go_peek_nonspace(p, &token));
    if (chain && token.kind == (node->kind == GO_N_IF ? GO_TK_IF : GO_TK_WITH)) {
        HL_TRY(hl__go_next(p, &token));
        return parse_branch(p, node->kind, &token, &node->list_else);
    }
    /* for any other {{else if …}} the keyword is what the list begins with */
    if (token.kind != GO_TK_IF && token.kind != GO_TK_WITH)
        HL_TRY(expect(p, GO_TK_RIGHT, "else", &token));
    HL_TRY(parse_list(p, &node->list_else, &end));
    if (end.kind == GO_TK_EOF) return hl__go_unexpected(p, &end, "else");
    if (end.kind != GO_TK_END)
        return hl__go_syntax(p->t, end.at, p->err, "expected end; found {{else}}");
    return expect(p, GO_TK_RIGHT, "end", &end);
}

static hl_status parse_branch_body(go_parser *p, go_node *node) {
    static const char *const CONTEXTS[] = {
        [GO_N_IF] = "if", [GO_N_RANGE] = "range", [GO_N_WITH] = "with"};
    bool range = node->kind == GO_N_RANGE;
    go_token end;
    HL_TRY(hl__go_pipeline(p, CONTEXTS[node->kind], GO_TK_RIGHT, &node->pipe));
    if (range) p->ranges++;
    HL_TRY(parse_list(p, &node->list, &end));
    if (range) p->ranges--;
    if (end.kind == GO_TK_ELSE) return parse_else(p, node);
    if (end.kind == GO_TK_EOF) return hl__go_unexpected(p, &end, "list");
    return expect(p, GO_TK_RIGHT, "end", &end);
}

static hl_status parse_branch(go_parser *p, go_node_kind kind, const go_token *at, go_node **ret) {
    size_t n_vars = p->n_vars;
    HL_TRY(hl__go_enter(p, at));
    HL_TRY(hl__go_node(p, kind, at, ret));
    HL_TRY(parse_branch_body(p, *ret));
    p->n_vars = n_vars;
    p->depth--;
    return HL_OK;
}

/* Adds a template.  An empty one gives way to any other of its name. */
static hl_status add_define(go_parser *p, hl_str name, const go_token *at, go_node *list) {
    go_define *old = p->t->defines;
    while (old && !hl_str_eq(old->name, name)) old = old->next;
    if (old && !hl__go_is_empty(old->list)) {
        if (hl__go_is_empty(list)) return HL_OK;
        return hl__go_syntax(p->t, at->at, p->err,
                             "template: multiple definition of template \"%.*s\"",
                             HL_STR_ARG(name));
    }
    if (!old) {
        void *define;
        if (p->n_defines++ >= GO_DEFINES_MAX) return fail_many(p, GO_DEFINES_MAX, "templates");
        HL_TRY(hl__go_alloc(p, sizeof *old, &define));
        old = define;
        *old = (go_define){p->t->defines, name, NULL};
        p->t->defines = old;
    }
    old->list = list;
    return HL_OK;
}

/* The body of {{define}} or {{block}}: a template of its own, which sees no variables but $. */
static hl_status parse_define_body(go_parser *p, hl_str name, const go_token *at) {
    hl_str *vars = p->vars;
    size_t n_vars = p->n_vars, cap = p->vars_cap;
    uint32_t ranges = p->ranges;
    go_token end;
    go_node *list;
    HL_TRY(hl__go_enter(p, at));
    p->vars = NULL;
    p->n_vars = p->vars_cap = p->ranges = 0;
    HL_TRY(hl__go_var_push(p, HL_STR("$")));
    HL_TRY(parse_list(p, &list, &end));
    if (end.kind == GO_TK_EOF) return hl__go_unexpected(p, &end, "define clause");
    if (end.kind == GO_TK_ELSE)
        return hl__go_syntax(p->t, end.at, p->err, "unexpected {{else}} in define clause");
    HL_TRY(expect(p, GO_TK_RIGHT, "end", &end));
    p->vars = vars;
    p->n_vars = n_vars;
    p->vars_cap = cap;
    p->ranges = ranges;
    p->depth--;
    return add_define(p, name, &end, list);
}

static hl_status parse_name(go_parser *p, const char *context, go_token *ret_token, hl_str *ret) {
    HL_TRY(hl__go_next_nonspace(p, ret_token));
    if (ret_token->kind != GO_TK_STRING && ret_token->kind != GO_TK_RAW)
        return hl__go_unexpected(p, ret_token, context);
    return hl__go_string(p, ret_token, ret);
}

static hl_status parse_define(go_parser *p) {
    go_token token, right;
    hl_str name;
    HL_TRY(parse_name(p, "define clause", &token, &name));
    HL_TRY(expect(p, GO_TK_RIGHT, "define clause", &right));
    return parse_define_body(p, name, &token);
}

static hl_status parse_template(go_parser *p, bool block, go_node **ret) {
    go_token token, next;
    hl_str name;
    const char *context = block ? "block clause" : "template clause";
    HL_TRY(parse_name(p, context, &token, &name));
    HL_TRY(hl__go_node(p, GO_N_TEMPLATE, &token, ret));
    (*ret)->text = name;
    HL_TRY(hl__go_next_nonspace(p, &next));
    if (next.kind == GO_TK_RIGHT && !block) return HL_OK;
    hl__go_back(p, &next);
    HL_TRY(hl__go_pipeline(p, context, GO_TK_RIGHT, &(*ret)->pipe));
    return block ? parse_define_body(p, name, &token) : HL_OK;
}

static hl_status parse_jump(go_parser *p, const go_token *at, go_node **ret) {
    bool is_break = at->kind == GO_TK_BREAK;
    go_token right;
    HL_TRY(expect(p, GO_TK_RIGHT, is_break ? "{{break}}" : "{{continue}}", &right));
    if (!p->ranges)
        return hl__go_syntax(p->t, at->at, p->err, "{{%s}} outside {{range}}",
                             is_break ? "break" : "continue");
    return hl__go_node(p, is_break ? GO_N_BREAK : GO_N_CONTINUE, at, ret);
}

/* Behind "{{"; *ret is NULL for what ends a list, which is in *ret_token. */
static hl_status parse_action(go_parser *p, go_node **ret, go_token *ret_token) {
    *ret = NULL;
    HL_TRY(hl__go_next_nonspace(p, ret_token));
    switch (ret_token->kind) {
    case GO_TK_END:
    case GO_TK_ELSE: return HL_OK;
    case GO_TK_BLOCK: return parse_template(p, true, ret);
    case GO_TK_TEMPLATE: return parse_template(p, false, ret);
    case GO_TK_BREAK:
    case GO_TK_CONTINUE: return parse_jump(p, ret_token, ret);
    case GO_TK_IF: return parse_branch(p, GO_N_IF, ret_token, ret);
    case GO_TK_RANGE: return parse_branch(p, GO_N_RANGE, ret_token, ret);
    case GO_TK_WITH: return parse_branch(p, GO_N_WITH, ret_token, ret);
    default:
        hl__go_back(p, ret_token);
        HL_TRY(hl__go_node(p, GO_N_ACTION, ret_token, ret));
        return hl__go_pipeline(p, "command", GO_TK_RIGHT, &(*ret)->pipe);
    }
}

static hl_status parse_text(go_parser *p, const go_token *token, go_node **ret) {
    HL_TRY(hl__go_node(p, GO_N_TEXT, token, ret));
    (*ret)->text = token->text;
    return HL_OK;
}

static hl_status parse_list(go_parser *p, go_node **ret, go_token *ret_end) {
    go_node **last = ret;
    *ret = NULL;
    for (;;) {
        HL_TRY(hl__go_next_nonspace(p, ret_end));
        if (ret_end->kind == GO_TK_EOF) return HL_OK;
        if (ret_end->kind == GO_TK_TEXT)
            HL_TRY(parse_text(p, ret_end, last));
        else if (ret_end->kind == GO_TK_LEFT)
            HL_TRY(parse_action(p, last, ret_end));
        else /* behind the keyword of an {{else if}} that Go does not know */
            return hl__go_unexpected(p, ret_end, "input");
        if (!*last) return HL_OK;
        last = &(*last)->next;
    }
}

/* The top of the source, the only place of {{define}}. */
static hl_status parse_top(go_parser *p) {
    go_node **last = &p->t->list;
    go_token token, end;
    for (;;) {
        HL_TRY(hl__go_next_nonspace(p, &token));
        if (token.kind == GO_TK_EOF) return HL_OK;
        if (token.kind == GO_TK_TEXT) {
            HL_TRY(parse_text(p, &token, last));
        } else {
            HL_TRY(hl__go_next_nonspace(p, &end));
            if (end.kind == GO_TK_DEFINE) {
                HL_TRY(parse_define(p));
                continue;
            }
            hl__go_back(p, &end);
            HL_TRY(parse_action(p, last, &end));
        }
        if (!*last)
            return hl__go_syntax(p->t, end.at, p->err, "unexpected {{%.*s}}", HL_STR_ARG(end.text));
        last = &(*last)->next;
    }
}

bool hl__go_is_empty(const go_node *list) {
    for (const go_node *n = list; n; n = n->next) {
        if (n->kind != GO_N_TEXT) return false;
        for (size_t i = 0; i < n->text.len; i++)
            if (!memchr(" \t\r\n\v\f", n->text.ptr[i], 6)) return false;
    }
    return true;
}

/* A template may be called before it is defined: names are looked up when all are known. */
static void resolve(const hl_gotemplate *t, go_node *list) {
    for (go_node *n = list; n; n = n->next) {
        if (n->kind == GO_N_TEMPLATE) n->define = hl__go_find_define(t, n->text);
        resolve(t, n->list);
        resolve(t, n->list_else);
    }
}

hl_status hl__go_parse(hl_gotemplate *t, hl_error *err) {
    go_parser p = {.t = t, .lexer = {.t = t}, .err = err};
    go_token top = {0};
    HL_TRY(hl__go_var_push(&p, HL_STR("$")));
    HL_TRY(parse_top(&p));
    HL_ASSERT(p.n_back == 0 && p.depth == 0 && p.ranges == 0);
    HL_TRY(add_define(&p, hl_str_from(t->name), &top, t->list));
    t->list = hl__go_find_define(t, hl_str_from(t->name))->list;
    for (go_define *d = t->defines; d; d = d->next) resolve(t, d->list);
    t->response_at = hl__go_find_response(t);
    return HL_OK;
}
