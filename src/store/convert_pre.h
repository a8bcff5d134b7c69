/* store/convert_pre.h
 *
 * Finds out which of the pre-tokenizers of text/pretokenize.h a tokenizer.json means, by its
 * expressions.  Private to store/convert*.
 */
#pragma once

#include "base/arena.h"
#include "store/convert_json.h"

typedef struct hl__convert_pre {
    bool by_score;    /* SentencePiece's way: U+2581 for spaces, bytes as <0x0A> */
    const char *name; /* tokenizer.ggml.pre; static */
    bool space_prefix;
    /* A piece that is a token is not merged: as the file says, as readers do who go by the name.
     * Where the two differ, store/convert_merges.h finds out whether it matters. */
    bool ignore_merges, takes_whole;
} hl__convert_pre;

/* `tokenizer` is the document's root, n_tokens the size of the vocabulary with its unused ids,
 * which is what the reader of the file sees.  EUNSUPPORTED names what is not known: a normalizer, a
 * kind of pre-tokenizer, an expression. */
hl_status hl__pre_read(hl__node tokenizer, size_t n_tokens, hl__convert_pre *ret,
                       hl_error *err) HL_NODISCARD;
