/* text/template_lex.h
 *
 * Source to tokens, with Jinja's rules for white space: trim_blocks and lstrip_blocks are
 * on, `-` and `+` beside a tag override them, a `-` inside takes all white space.  Comments
 * are gone afterwards, raw blocks are text.
 */
#pragma once

#include "text/template_ast.h"

typedef enum tpl_token_kind {
    TPL_T_END,
    TPL_T_TEXT,        /* text */
    TPL_T_PRINT_BEGIN, /* {{ */
    TPL_T_PRINT_END,   /* }} */
    TPL_T_BLOCK_BEGIN, /* {% */
    TPL_T_BLOCK_END,   /* %} */
    TPL_T_NAME,        /* text */
    TPL_T_STRING,      /* text, escapes resolved */
    TPL_T_NUMBER,      /* value */
    TPL_T_OP           /* text: one of the operators */
} tpl_token_kind;

typedef struct tpl_token {
    uint8_t kind;
    uint32_t at;
    hl_str text; /* in the template's source or its arena */
    tpl_value value;
} tpl_token;

typedef struct tpl_tokens {
    tpl_token *items;
    size_t n, cap;
} tpl_tokens;

/* The last token is TPL_T_END.  Lists grow in `scratch`. */
hl_status hl__tpl_lex(hl_template *t, hl_arena *scratch, tpl_tokens *ret,
                      hl_error *err) HL_NODISCARD;

#define hl__tpl_syntax(...) hl__negative(hl__tpl_syntax_at(__VA_ARGS__))
hl_status hl__tpl_syntax_at(const hl_template *t, uint32_t at, hl_error *err, const char *fmt, ...)
    HL_PRINTF(4, 5);
/* The arena of a template, or the scratch arena, refused. */
hl_status hl__tpl_no_memory(const hl_template *t, const hl_arena *a, hl_error *err);
