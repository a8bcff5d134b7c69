/* text/tokenizer.h
 *
 * Text to token ids and back, as the model's own training side does it.  Two kinds, told by
 * tokenizer.ggml.model: "gpt2", byte-level BPE behind a pre-tokenizer named by
 * tokenizer.ggml.pre; "llama", SentencePiece-style merging by score with byte fallback.
 * Time is linear (times a logarithm) in the text, whatever the text is.
 *
 * Errors: EFORMAT for damaged vocabularies, EUNSUPPORTED names an unknown model or
 * pre-tokenizer, ELIMIT and ENOMEM.
 * Threads: a tokenizer is immutable, any thread may use it.
 */
#pragma once

#include "base/buf.h"
#include "gguf/gguf.h"

typedef uint32_t hl_token;
enum { HL_TOKEN_NONE = UINT32_MAX };

typedef struct hl_tokens {
    hl_token *ids; /* owned; hl_free through hl_tokens_deinit */
    size_t n, cap;
} hl_tokens;
void hl_tokens_deinit(hl_tokens *t);
hl_status hl_tokens_push(hl_tokens *t, hl_token id, hl_error *err) HL_NODISCARD;

typedef enum hl_token_kind {
    HL_TOKEN_NORMAL = 1,
    HL_TOKEN_UNKNOWN = 2,
    HL_TOKEN_CONTROL = 3, /* not shown in output */
    HL_TOKEN_USER = 4,    /* matched in the raw text first, shown in output */
    HL_TOKEN_UNUSED = 5,
    HL_TOKEN_BYTE = 6
} hl_token_kind;

typedef struct hl_tokenizer hl_tokenizer;

/* Copies what it needs: g may be closed afterwards.  Returns owned. */
hl_status hl_tokenizer_create(const hl_gguf *g, hl_tokenizer **ret, hl_error *err) HL_NODISCARD;
void hl_tokenizer_destroy(hl_tokenizer *t); /* accepts NULL */

enum {
    HL_ENCODE_PARSE_SPECIAL = 1, /* texts of control tokens become those tokens */
    HL_ENCODE_ADD_BOS = 2        /* BOS first / EOS last, where the model's metadata asks for it */
};
/* Appends to *ret.  On failure *ret may have grown; its memory stays valid. */
hl_status hl_tokenizer_encode(const hl_tokenizer *t, hl_str text, unsigned flags, hl_tokens *ret,
                              hl_error *err) HL_NODISCARD;

/* The bytes of one token; for a byte token that byte; empty for control tokens unless `special`.
 * The slice lives as long as the tokenizer. */
hl_str hl_tokenizer_piece(const hl_tokenizer *t, hl_token id, bool special);
/* The longest piece of the vocabulary. */
uint32_t hl_tokenizer_piece_bytes_max(const hl_tokenizer *t);
uint32_t hl_tokenizer_n_vocab(const hl_tokenizer *t);
hl_token_kind hl_tokenizer_kind(const hl_tokenizer *t, hl_token id);
/* The token whose text is exactly this, or HL_TOKEN_NONE.  Text as it is shown: " a", not
 * GPT-2's symbols or U+2581; not the byte tokens of SentencePiece. */
hl_token hl_tokenizer_find(const hl_tokenizer *t, hl_str text);
hl_token hl_tokenizer_bos(const hl_tokenizer *t); /* HL_TOKEN_NONE: none */
hl_token hl_tokenizer_eos(const hl_tokenizer *t);
bool hl_tokenizer_adds_bos(const hl_tokenizer *t);
/* Ends a generation: EOS, EOT, EOM and their like. */
bool hl_tokenizer_is_end(const hl_tokenizer *t, hl_token id);

/* Streaming detokenising: holds back an unfinished UTF-8 character; what can never become one
 * turns into U+FFFD; SentencePiece's leading space is dropped at the start of a text when
 * the tokenizer added it. */
typedef struct hl_detokenizer {
    const hl_tokenizer *t; /* borrowed */
    bool special;          /* show control tokens */
    bool at_start;
    uint32_t n_held;
    char held[4];
} hl_detokenizer;
void hl_detokenizer_init(hl_detokenizer *d, const hl_tokenizer *t, bool special, bool at_start);
/* Appends to out what is complete: at most HL_DETOKENIZE_MAX bytes more than three times the
 * piece (each of its bytes may turn into U+FFFD). */
enum { HL_DETOKENIZE_MAX = 16 };
void hl_detokenizer_push(hl_detokenizer *d, hl_token id, hl_buf *out);
/* The end: what is still held back becomes U+FFFD. */
void hl_detokenizer_finish(hl_detokenizer *d, hl_buf *out);
