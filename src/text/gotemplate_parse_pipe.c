/* Pipelines, commands and operands. */
#include "text/gotemplate_parse.h"

#include "text/gotemplate_run.h"

static hl_status declare(go_parser *p, go_pipe *pipe, const go_token *var) {
    HL_ASSERT(pipe->n_decl < 2);
    pipe->decl[pipe->n_decl++] = var->text;
    return hl__go_var_push(p, var->text);
}

/* "$x :=", "$x =", or for range "$i, $x :="; nothing of it leaves the tokens as they were. */
static hl_status parse_declarations(go_parser *p, const char *context, go_pipe *pipe) {
    for (;;) {
        go_token var, after, next;
        HL_TRY(hl__go_peek_nonspace(p, &var));
        if (var.kind != GO_TK_VARIABLE) return HL_OK;
        HL_TRY(hl__go_next(p, &var));
        HL_TRY(hl__go_next(p, &after));
        next = after;
        if (after.kind == GO_TK_SPACE) HL_TRY(hl__go_next_nonspace(p, &next));
        bool comma = next.kind == GO_TK_CHAR && hl_str_is(next.text, ",");
        if (next.kind == GO_TK_ASSIGN || next.kind == GO_TK_DECLARE) {
            pipe->assign = next.kind == GO_TK_ASSIGN;
            return declare(p, pipe, &var);
        }
        if (!comma) {
            hl__go_back(p, &next);
            if (after.kind == GO_TK_SPACE) hl__go_back(p, &after);
            hl__go_back(p, &var);
            return HL_OK;
        }
        HL_TRY(declare(p, pipe, &var));
        if (strcmp(context, "range") != 0 || pipe->n_decl >= 2)
            return hl__go_syntax(p->t, next.at, p->err, "too many declarations in %s", context);
        HL_TRY(hl__go_peek_nonspace(p, &next));
        if (next.kind != GO_TK_VARIABLE && next.kind != GO_TK_RIGHT && next.kind != GO_TK_CLOSE)
            return hl__go_syntax(p->t, next.at, p->err, "range can only initialize variables");
    }
}

static hl_status parse_word(go_parser *p, const go_token *token, go_node **ret) {
    HL_TRY(hl__go_node(p, GO_N_FUNCTION, token, ret));
    (*ret)->function = hl__go_find_function(token->text);
    if ((*ret)->function) return HL_OK;
    return hl__go_syntax(p->t, token->at, p->err, "function \"%.*s\" not defined",
                         HL_STR_ARG(token->text));
}

static hl_status parse_constant(go_parser *p, const go_token *token, go_node **ret) {
    HL_TRY(hl__go_node(p, GO_N_CONST, token, ret));
    go_value *v = &(*ret)->value;
    int64_t rune;
    switch (token->kind) {
    case GO_TK_BOOL: *v = hl__go_bool(hl_str_is(token->text, "true")); return HL_OK;
    case GO_TK_STRING:
    case GO_TK_RAW: v->kind = GO_STRING; return hl__go_string(p, token, &v->u.s);
    case GO_TK_RUNE:
        if (!hl__go_rune(token->text, &rune))
            return hl__go_syntax(p->t, token->at, p->err, "malformed character constant: %.*s",
                                 HL_STR_ARG(token->text));
        *v = hl__go_int(rune);
        return HL_OK;
    default:
        if (!hl__go_number(token->text, v))
            return hl__go_syntax(p->t, token->at, p->err, "illegal number syntax: \"%.*s\"",
                                 HL_STR_ARG(token->text));
        return HL_OK;
    }
}

static hl_status parse_variable(go_parser *p, const go_token *token, go_node **ret) {
    HL_TRY(hl__go_node(p, GO_N_VARIABLE, token, ret));
    (*ret)->text = token->text;
    for (size_t i = p->n_vars; i-- > 0;)
        if (hl_str_eq(p->vars[i], token->text)) return HL_OK;
    return hl__go_syntax(p->t, token->at, p->err, "undefined variable \"%.*s\"",
                         HL_STR_ARG(token->text));
}

static hl_status parse_parens(go_parser *p, const go_token *token, go_node **ret) {
    HL_TRY(hl__go_enter(p, token));
    HL_TRY(hl__go_node(p, GO_N_PIPE, token, ret));
    HL_TRY(hl__go_pipeline(p, "parenthesized pipeline", GO_TK_CLOSE, &(*ret)->pipe));
    (*ret)->end = (uint32_t)p->lexer.pos;
    p->depth--;
    return HL_OK;
}

/* *ret is NULL when the next token begins no term; it stays the next one. */
static hl_status parse_term(go_parser *p, go_node **ret) {
    go_token token;
    HL_TRY(hl__go_next_nonspace(p, &token));
    switch (token.kind) {
    case GO_TK_WORD: return parse_word(p, &token, ret);
    case GO_TK_DOT: return hl__go_node(p, GO_N_DOT, &token, ret);
    case GO_TK_NIL: return hl__go_node(p, GO_N_NIL, &token, ret);
    case GO_TK_VARIABLE: return parse_variable(p, &token, ret);
    case GO_TK_BOOL:
    case GO_TK_NUMBER:
    case GO_TK_RUNE:
    case GO_TK_STRING:
    case GO_TK_RAW: return parse_constant(p, &token, ret);
    case GO_TK_OPEN: return parse_parens(p, &token, ret);
    case GO_TK_FIELD: /* read again as the first of its names */
        hl__go_back(p, &token);
        return hl__go_node(p, GO_N_FIELD, &token, ret);
    default:
        hl__go_back(p, &token);
        *ret = NULL;
        return HL_OK;
    }
}

/* Adds a name without its dot to a node's. */
static hl_status add_name(go_parser *p, go_node *node, const go_token *field) {
    enum { FIRST = 4 };
    size_t n = node->n_names;
    if (n == 0 || (n >= FIRST && (n & (n - 1)) == 0)) {
        void *names;
        HL_TRY(hl__go_alloc(p, (n < FIRST ? FIRST : n * 2) * sizeof *node->names, &names));
        if (n) memcpy(names, node->names, n * sizeof *node->names);
        node->names = names;
    }
    node->names[node->n_names++] = hl_str_slice(field->text, 1, field->text.len);
    node->end = field->at + (uint32_t)field->text.len;
    return HL_OK;
}

/* A term with the field names that follow it at once. */
static hl_status parse_operand(go_parser *p, go_node **ret) {
    go_token next;
    HL_TRY(parse_term(p, ret));
    if (!*ret) return HL_OK;
    HL_TRY(hl__go_peek(p, &next));
    if (next.kind != GO_TK_FIELD) return HL_OK;
    go_node *node = *ret;
    if (node->kind == GO_N_CONST || node->kind == GO_N_NIL || node->kind == GO_N_DOT) {
        hl_str text = hl_str_slice(p->t->source, node->at, node->end);
        return hl__go_syntax(p->t, next.at, p->err, "unexpected . after term \"%.*s\"",
                             HL_STR_ARG(text));
    }
    if (node->kind != GO_N_FIELD && node->kind != GO_N_VARIABLE) {
        go_token at = {.at = node->at};
        HL_TRY(hl__go_node(p, GO_N_CHAIN, &at, &node));
        node->base = *ret;
        *ret = node;
    }
    while (next.kind == GO_TK_FIELD) {
        HL_TRY(hl__go_next(p, &next));
        HL_TRY(add_name(p, node, &next));
        HL_TRY(hl__go_peek(p, &next));
    }
    return HL_OK;
}

/* Operands between blanks; takes a "|" behind them, leaves what else ends them. */
static hl_status parse_command(go_parser *p, go_command **ret) {
    void *command;
    HL_TRY(hl__go_alloc(p, sizeof **ret, &command));
    *ret = command;
    go_node **last = &(*ret)->args;
    go_token token;
    do {
        HL_TRY(parse_operand(p, last));
        if (*last) {
            (*ret)->n_args++;
            last = &(*last)->next;
        }
        HL_TRY(hl__go_next(p, &token));
    } while (token.kind == GO_TK_SPACE);
    if (token.kind == GO_TK_RIGHT || token.kind == GO_TK_CLOSE)
        hl__go_back(p, &token);
    else if (token.kind != GO_TK_PIPE)
        return hl__go_unexpected(p, &token, "operand");
    if (!(*ret)->n_args) return hl__go_syntax(p->t, token.at, p->err, "empty command");
    return HL_OK;
}

/* Only the first command may be a value that cannot take what is piped into it. */
static hl_status check_pipeline(go_parser *p, const go_pipe *pipe, const char *context) {
    if (!pipe->commands)
        return hl__go_syntax(p->t, pipe->at, p->err, "missing value for %s", context);
    unsigned stage = 2;
    for (const go_command *c = pipe->commands->next; c; c = c->next, stage++) {
        go_node_kind kind = c->args->kind;
        if (kind == GO_N_CONST || kind == GO_N_DOT || kind == GO_N_NIL)
            return hl__go_syntax(p->t, c->args->at, p->err,
                                 "non executable command in pipeline stage %u", stage);
    }
    return HL_OK;
}

static bool begins_operand(go_token_kind kind) {
    return (kind >= GO_TK_DOT && kind <= GO_TK_RAW) || kind == GO_TK_NIL || kind == GO_TK_OPEN;
}

hl_status hl__go_pipeline(go_parser *p, const char *context, go_token_kind end, go_pipe **ret) {
    go_token token;
    void *pipe;
    HL_TRY(hl__go_peek_nonspace(p, &token));
    HL_TRY(hl__go_alloc(p, sizeof **ret, &pipe));
    *ret = pipe;
    (*ret)->at = token.at;
    HL_TRY(parse_declarations(p, context, *ret));
    for (go_command **last = &(*ret)->commands;; last = &(*last)->next) {
        HL_TRY(hl__go_next_nonspace(p, &token));
        if (token.kind == end) return check_pipeline(p, *ret, context);
        if (!begins_operand(token.kind)) return hl__go_unexpected(p, &token, context);
        hl__go_back(p, &token);
        HL_TRY(parse_command(p, last));
    }
}
