/* text/template_ast.h
 *
 * The tree of a parsed template, private to the interpreter: made once by the parser,
 * only read by renderings.  All of it lives in the template's arena.
 *
 * One node type with a few general fields; the table of kinds says which of them a kind uses.
 */
#pragma once

#include "base/arena.h"
#include "text/template.h"
#include "text/template_value.h"

typedef struct tpl_node tpl_node;

typedef struct tpl_nodes {
    tpl_node **items;
    uint32_t n, cap;
} tpl_nodes;

typedef enum tpl_node_kind {
    /* expressions                                                                       */
    TPL_N_CONST,    /* value                                                             */
    TPL_N_NAME,     /* sym                                                               */
    TPL_N_LIST,     /* list                                                              */
    TPL_N_TUPLE,    /* list                                                              */
    TPL_N_DICT,     /* list: key, value, key, value …                                    */
    TPL_N_ATTR,     /* a.text                                                            */
    TPL_N_ITEM,     /* a[b]                                                              */
    TPL_N_SLICE,    /* a:b:c, each may be NULL                                           */
    TPL_N_CALL,     /* a(list)                                                           */
    TPL_N_KWARG,    /* text=a, in a call's list                                          */
    TPL_N_STAR,     /* *a, in a call's list                                              */
    TPL_N_STARSTAR, /* **a, in a call's list                                             */
    TPL_N_FILTER,   /* a|text(list)                                                      */
    TPL_N_CAPTURED, /* what a filter block filters                                       */
    TPL_N_TEST,     /* a is text(list)                                                   */
    TPL_N_NOT,      /* not a                                                             */
    TPL_N_NEG,      /* -a                                                                */
    TPL_N_POS,      /* +a                                                                */
    TPL_N_AND,      /* a and b                                                           */
    TPL_N_OR,       /* a or b                                                            */
    TPL_N_BINARY,   /* a op b; op: one of + - * / % and 'f' for //, 'p' for **           */
    TPL_N_COMPARE,  /* a, then list of TPL_N_OPERAND                                     */
    TPL_N_OPERAND,  /* op a; op: < > and 'l' <=, 'g' >=, '=' ==, '!' !=, 'i' in, 'n' not in */
    TPL_N_CONCAT,   /* list, joined by ~                                                 */
    TPL_N_COND,     /* b if a else c; c may be NULL                                      */
    TPL_N_NSREF,    /* sym.text, as a target of set                                      */
    /* statements                                                                        */
    TPL_N_TEXT,         /* text                                                             */
    TPL_N_PRINT,        /* a                                                                */
    TPL_N_IF,           /* list of TPL_N_BRANCH                                             */
    TPL_N_BRANCH,       /* a: the test, NULL for else; list: the body                       */
    TPL_N_FOR,          /* a: target, b: what is walked over, c: test or NULL, list: body,
                           d: TPL_N_BRANCH with the else body or NULL; op 'r': recursive    */
    TPL_N_SET,          /* a: target, b: value                                              */
    TPL_N_SET_BLOCK,    /* a: target, b: filters over TPL_N_CAPTURED or NULL, list: body    */
    TPL_N_MACRO,        /* sym, text: its name, params, list: body, uses                    */
    TPL_N_CALL_BLOCK,   /* a: TPL_N_CALL, b: TPL_N_MACRO of the caller                   */
    TPL_N_FILTER_BLOCK, /* a: filters over TPL_N_CAPTURED, list: body                    */
    TPL_N_WITH,         /* params: target and value each, list: body                     */
    TPL_N_SCOPE,        /* list: a body with names of its own                            */
    TPL_N_BLOCK,        /* list: a body that sees only what the template set outside     */
    TPL_N_BREAK,
    TPL_N_CONTINUE
} tpl_node_kind;

/* Names that a macro's body mentions; without them a macro takes no further arguments. */
enum { TPL_USES_CALLER = 1, TPL_USES_VARARGS = 2, TPL_USES_KWARGS = 4 };

typedef struct tpl_param {
    const tpl_node *target; /* TPL_N_NAME for macros */
    const tpl_node *value;  /* default or value, may be NULL for macros */
} tpl_param;

struct tpl_node {
    uint8_t kind; /* tpl_node_kind */
    char op;
    uint8_t uses;
    uint32_t at;  /* byte offset in the source */
    uint32_t sym; /* index of names */
    uint32_t n_params;
    hl_str text;
    tpl_node *a, *b, *c, *d;
    tpl_nodes list;
    tpl_param *params;
    tpl_value value;
};

/* A name that is used as a variable somewhere. */
typedef struct tpl_symbol {
    hl_str name;
    bool read; /* not only assigned */
} tpl_symbol;

struct hl_template {
    char *name;
    hl_str source; /* newlines are \n, the last one is gone */
    hl_template_limits limits;
    hl_arena *arena;
    tpl_symbol *symbols;
    uint32_t n_symbols, symbols_cap;
    uint32_t sym_loop, sym_caller, sym_varargs, sym_kwargs;
    tpl_nodes body;
};

typedef struct tpl_place {
    const char *name;
    unsigned line, column; /* from 1; the column counts characters */
} tpl_place;
tpl_place hl__tpl_place(const hl_template *t, uint32_t at);

/* The symbol's index, or UINT32_MAX. */
uint32_t hl__tpl_symbol_find(const hl_template *t, hl_str name);

/* Fills t->body and t->symbols. */
hl_status hl__tpl_parse(hl_template *t, hl_error *err) HL_NODISCARD;
