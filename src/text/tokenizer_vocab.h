/* text/tokenizer_vocab.h
 *
 * The vocabulary behind a tokenizer: the bytes of every token, their kinds, and the
 * look-ups that encoding lives on.  Filled by tokenizer_load.c, then immutable.
 * Private to text/.
 *
 * Shapes, n tokens:
 *   bytes, at     [n + 1]   token i is bytes[at[i] .. at[i + 1])
 *   kind, flags   [n]
 *   rank          [n]       SentencePiece: the place of its score among all scores, best 0;
 *                           HL__RANK_NONE where merging must not make the token
 *   slots         [power of two]  open addressing by the hash of the bytes
 *   pairs         [power of two]  byte-level BPE: (left, right) -> rank, result
 *   byte_id       [256]     the token of one byte, or HL_TOKEN_NONE
 */
#pragma once

#include "text/pretokenize.h"
#include "text/tokenizer.h"

#define HL__RANK_NONE UINT32_MAX

enum {
    HL__TOKEN_WHOLE = 1, /* a piece of these bytes is this token: merging need not run */
    HL__TOKEN_END = 2    /* ends a generation */
};

typedef struct hl__pair {
    uint32_t left, right, rank, to; /* rank HL__RANK_NONE: an empty slot */
} hl__pair;

/* A trie of the texts that are cut out of raw text before anything else. */
typedef struct hl__special_node {
    uint32_t child, sibling; /* 0: none; node 0 is the root */
    hl_token token;          /* or HL_TOKEN_NONE */
    uint8_t byte;
    bool in_plain_text; /* also where special tokens are not parsed */
} hl__special_node;

typedef struct hl__specials {
    hl__special_node *nodes; /* owned */
    size_t n, cap;
    uint32_t root_child[256]; /* 0: no text begins with this byte */
} hl__specials;

enum { HL__SPECIAL_BYTES_MAX = 1024 };

struct hl_tokenizer {
    bool by_score; /* SentencePiece: merges by score, else byte-level BPE */
    const hl_pretokenizer *pre;

    uint32_t n;
    char *bytes;
    uint32_t *at;
    uint8_t *kind, *flags;
    uint32_t *rank;
    uint32_t n_ranks;
    uint64_t *slots; /* hash in the upper half, token + 1 in the lower, 0 empty */
    size_t slots_mask;
    hl__pair *pairs;
    size_t pairs_mask;
    hl_token byte_id[256];
    uint32_t piece_bytes_max;
    hl__specials specials;

    hl_token bos, eos, unknown;
    bool add_bos, add_eos;
    bool nfc;            /* text is normalised before it is cut into pieces */
    bool space_prefix;   /* SentencePiece: a space before the text */
    bool split_at_space; /* no token has a space behind another character */
};

static inline hl_str hl__token_bytes(const hl_tokenizer *t, hl_token id) {
    return (hl_str){t->bytes + t->at[id], t->at[id + 1] - t->at[id]};
}

/* Sizes the table for n entries; ENOMEM. */
hl_status hl__vocab_reserve_slots(hl_tokenizer *t, hl_error *err) HL_NODISCARD;
/* Adds a token unless its bytes are there already (the first one stays); none if empty. */
void hl__vocab_add(hl_tokenizer *t, hl_token id);
hl_token hl__vocab_find(const hl_tokenizer *t, hl_str bytes);

hl_status hl__vocab_reserve_pairs(hl_tokenizer *t, size_t n, hl_error *err) HL_NODISCARD;
/* The first rank of a pair stays. */
void hl__vocab_add_pair(hl_tokenizer *t, hl__pair pair);
/* NULL: the two do not merge. */
const hl__pair *hl__vocab_find_pair(const hl_tokenizer *t, hl_token left, hl_token right);

/* Special texts.  The first token of a text stays. */
hl_status hl__specials_add(hl__specials *s, hl_str text, hl_token id, bool in_plain_text,
                           hl_error *err) HL_NODISCARD;
void hl__specials_deinit(hl__specials *s);
/* The next one at or after `from`, leftmost, then longest: its offset, or text.len when there is
 * none. */
size_t hl__specials_next(const hl__specials *s, hl_str text, size_t from, bool plain_text,
                         hl_token *ret_id, size_t *ret_len);
