/* text/gotemplate_lex.h: the tokens of a Go template. */
#pragma once

#include "text/gotemplate_ast.h"

typedef enum go_token_kind {
    GO_TK_EOF,
    GO_TK_TEXT,
    GO_TK_LEFT,  /* {{ */
    GO_TK_RIGHT, /* }} */
    GO_TK_SPACE,
    GO_TK_ASSIGN,  /* = */
    GO_TK_DECLARE, /* := */
    GO_TK_PIPE,
    GO_TK_OPEN,
    GO_TK_CLOSE,
    GO_TK_CHAR, /* any other printable ASCII character */
    GO_TK_DOT,
    GO_TK_FIELD, /* one name, with its dot */
    GO_TK_VARIABLE,
    GO_TK_WORD,
    GO_TK_BOOL,
    GO_TK_NUMBER,
    GO_TK_RUNE,
    GO_TK_STRING,
    GO_TK_RAW,
    /* keywords */
    GO_TK_BLOCK,
    GO_TK_BREAK,
    GO_TK_CONTINUE,
    GO_TK_DEFINE,
    GO_TK_ELSE,
    GO_TK_END,
    GO_TK_IF,
    GO_TK_NIL,
    GO_TK_RANGE,
    GO_TK_TEMPLATE,
    GO_TK_WITH,
} go_token_kind;

typedef struct go_token {
    go_token_kind kind;
    uint32_t at;
    hl_str text;
} go_token;

typedef struct go_lexer {
    const hl_gotemplate *t;
    size_t pos;
    bool inside; /* of an action */
    int parens;
} go_lexer;

/* The next token; at the end GO_TK_EOF again and again. */
hl_status hl__go_lex(go_lexer *lx, go_token *ret, hl_error *err) HL_NODISCARD;
/* Fails with "template: NAME:LINE: …". */
#define hl__go_syntax(t, at, err, ...) hl__negative(hl__go_syntax_(t, at, err, __VA_ARGS__))
hl_status hl__go_syntax_(const hl_gotemplate *t, uint32_t at, hl_error *err, const char *fmt, ...)
    HL_PRINTF(4, 5);

/* The value of a literal, quotes included.  false: Go would not take it. */
bool hl__go_unquote(hl_arena *a, hl_str quoted, hl_str *ret);
bool hl__go_rune(hl_str quoted, int64_t *ret);
bool hl__go_number(hl_str text, go_value *ret);
