/* store/convert_vocab.h
 *
 * The vocabulary of a tokenizer.json in GGUF's terms, and what the other files say of its special
 * tokens.  Private to store/convert*.
 *
 * Shapes: tokens, kinds, scores [n], n the rows of the embedding; ids without a token are filled
 * with unused ones.  Everything lives in the arena that it was made with.
 */
#pragma once

#include "base/arena.h"
#include "base/map.h"
#include "gguf/writer.h"
#include "store/convert_pre.h"

enum { HL__TOKENIZER_BYTES_MAX = 128 << 20, HL__TEMPLATE_BYTES_MAX = 4 << 20, HL__ENDS_MAX = 64 };

#define HL__NO_ID UINT32_MAX

typedef struct hl__convert_vocab {
    hl_arena *arena; /* borrowed */
    hl__convert_pre pre;
    hl_str *tokens;
    int32_t *kinds; /* hl_token_kind */
    float *scores;  /* by_score only */
    uint32_t n;
    hl_map ids;     /* owned: text to id */
    hl_str *merges; /* [n_merges] "left right"; not by_score */
    size_t n_merges;
    uint32_t bos, eos, unknown, padding; /* or HL__NO_ID */
    uint32_t ends[HL__ENDS_MAX];         /* all that end an answer, eos first */
    uint32_t n_ends;
    bool add_bos, add_eos;
    hl_str chat_template; /* .ptr NULL: none */
} hl__convert_vocab;

/* Reads tokens and merges.  v is zeroed but for the arena. */
hl_status hl__vocab_read(hl__convert_vocab *v, const hl__doc *tokenizer, uint32_t n_tokens,
                         hl_error *err) HL_NODISCARD;
void hl__vocab_deinit(hl__convert_vocab *v);

/* The files beside it; those that are not there have no values. */
typedef struct hl__special_docs {
    const hl__doc *tokenizer, *tokenizer_config, *config, *generation_config;
} hl__special_docs;

/* Special ids and flags, after hl__vocab_read. */
hl_status hl__special_read(hl__convert_vocab *v, const hl__special_docs *d,
                           hl_error *err) HL_NODISCARD;
/* chat_template.jinja, else the one in tokenizer_config.json. */
hl_status hl__chat_template_read(hl__convert_vocab *v, const char *dir,
                                 const hl__doc *tokenizer_config, hl_error *err) HL_NODISCARD;

/* Declares tokenizer.*; the writer borrows from v. */
hl_status hl__vocab_declare(const hl__convert_vocab *v, hl_gguf_writer *w,
                            hl_error *err) HL_NODISCARD;
