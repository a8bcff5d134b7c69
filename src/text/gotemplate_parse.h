/* text/gotemplate_parse.h: what the parts of the parser share. */
#pragma once

#include "text/gotemplate_lex.h"

enum {
    GO_BACK_MAX = 3,
    GO_VARS_MAX = 4096,    /* that one place sees: a name is looked up one by one */
    GO_DEFINES_MAX = 1024, /* templates of one source, likewise */
};

/* The variables that a place can see; those of outer nodes are below. */
typedef struct go_parser {
    hl_gotemplate *t;
    go_lexer lexer;
    hl_error *err;
    go_token back[GO_BACK_MAX]; /* tokens to read again, the next one last */
    size_t n_back;
    hl_str *vars;
    size_t n_vars, vars_cap;
    uint32_t ranges; /* open ones, for break */
    uint32_t depth;
    size_t n_nodes, n_defines;
} go_parser;

hl_status hl__go_next(go_parser *p, go_token *ret) HL_NODISCARD;
hl_status hl__go_next_nonspace(go_parser *p, go_token *ret) HL_NODISCARD;
hl_status hl__go_peek(go_parser *p, go_token *ret) HL_NODISCARD;
/* Drops blanks, then peeks. */
hl_status hl__go_peek_nonspace(go_parser *p, go_token *ret) HL_NODISCARD;
void hl__go_back(go_parser *p, const go_token *token);

hl_status hl__go_unexpected(go_parser *p, const go_token *token, const char *context);
hl_status hl__go_alloc(go_parser *p, size_t size, void **ret) HL_NODISCARD;
hl_status hl__go_node(go_parser *p, go_node_kind kind, const go_token *at,
                      go_node **ret) HL_NODISCARD;
hl_status hl__go_var_push(go_parser *p, hl_str name) HL_NODISCARD;
hl_status hl__go_enter(go_parser *p, const go_token *at) HL_NODISCARD;
/* The text of a string token. */
hl_status hl__go_string(go_parser *p, const go_token *token, hl_str *ret) HL_NODISCARD;

/* A pipeline up to and with the token `end`.  context: "if", "range", … */
hl_status hl__go_pipeline(go_parser *p, const char *context, go_token_kind end,
                          go_pipe **ret) HL_NODISCARD;
