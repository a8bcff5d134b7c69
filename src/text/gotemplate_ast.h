/* text/gotemplate_ast.h: the tree of a parsed Go template.
 *
 * Nodes live in the template's arena and keep their place in the source.  Texts are slices of the
 * source or of the arena. */
#pragma once

#include "base/arena.h"
#include "text/gotemplate.h"
#include "text/gotemplate_value.h"

typedef enum go_node_kind {
    /* what a list holds */
    GO_N_TEXT,
    GO_N_ACTION,
    GO_N_IF,
    GO_N_RANGE,
    GO_N_WITH,
    GO_N_TEMPLATE,
    GO_N_BREAK,
    GO_N_CONTINUE,
    /* operands */
    GO_N_DOT,
    GO_N_NIL,
    GO_N_CONST,    /* true, 1, 'x', "text" */
    GO_N_FIELD,    /* .A.B */
    GO_N_VARIABLE, /* $x.A.B */
    GO_N_FUNCTION,
    GO_N_CHAIN, /* (…).A.B */
    GO_N_PIPE,  /* (…) */
} go_node_kind;

typedef struct go_node go_node;
typedef struct go_function go_function;
typedef struct go_define go_define;

typedef struct go_command {
    struct go_command *next;
    go_node *args; /* at least one */
    size_t n_args;
} go_command;

typedef struct go_pipe {
    uint32_t at;
    bool assign;     /* $x = …, not $x := … */
    uint32_t n_decl; /* only range has two */
    hl_str decl[2];  /* with their $ */
    go_command *commands;
} go_pipe;

struct go_node {
    go_node_kind kind;
    uint32_t at, end; /* offsets of the source */
    go_node *next;
    hl_str text;    /* TEXT; TEMPLATE: its name; VARIABLE: its name with the $ */
    go_value value; /* CONST; too large an integer is GO_NONE */
    const go_function *function;
    const go_define *define; /* TEMPLATE: or NULL */
    hl_str *names;           /* [n_names] FIELD, VARIABLE, CHAIN */
    size_t n_names;
    go_node *base; /* CHAIN */
    go_pipe *pipe; /* ACTION, IF, RANGE, WITH, PIPE; TEMPLATE: or NULL */
    go_node *list, *list_else;
};

struct go_define {
    struct go_define *next;
    hl_str name;
    go_node *list;
};

struct hl_gotemplate {
    hl_gotemplate_limits limits;
    char *name; /* owned */
    hl_arena *arena;
    hl_str source;
    go_node *list; /* of the template itself */
    go_define *defines;
    uint32_t response_at; /* the first .Response of an action in `list`, or UINT32_MAX */
};

/* The line of the byte at `at`, from 1. */
uint32_t hl__go_line(const hl_gotemplate *t, uint32_t at);

hl_status hl__go_parse(hl_gotemplate *t, hl_error *err) HL_NODISCARD;
/* Whether nothing but blanks is in a list. */
bool hl__go_is_empty(const go_node *list);
/* NULL when there is none. */
const go_define *hl__go_find_define(const hl_gotemplate *t, hl_str name);
/* Where everything of an open turn ends (hl_gotemplate_how.cut_at_response). */
uint32_t hl__go_find_response(const hl_gotemplate *t);
