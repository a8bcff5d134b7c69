/* text/grammar.h
 *
 * What a text may be, byte by byte: a grammar holds a model to JSON, to a JSON Schema or to
 * rules in GBNF.  docs/internals/grammar.md tells how.
 *
 *     compile   "json", a schema or GBNF becomes one pushdown automaton over bytes   hl_grammar
 *     state     where in it a text stands; steps by bytes hl_grammar_state vocab     the tokens of
 * a tokenizer as a trie of bytes                         hl_grammar_vocab masks     which tokens
 * may come next, remembered for places seen before        hl_grammar_masks
 *
 * A grammar may accept less than its schema (white space is bounded, properties keep the schema's
 * order), never more, with the exceptions listed in docs/internals/grammar.md.
 *
 * Errors of compiling: EUNSUPPORTED names the keyword and its place, EINVAL what makes no sense
 * (also what no text could satisfy), ELIMIT what is too large, ENOMEM.
 * Threads: a grammar and a vocab are immutable and shared; a state and masks belong to one thread
 * at a time.  Nothing below "state" allocates but the two create functions.
 */
#pragma once

#include "base/json.h"
#include "text/tokenizer.h"

enum {
    HL_GRAMMAR_STATES_MAX = 100 * 1000,  /* of one automaton */
    HL_GRAMMAR_REPEAT_MAX = 10 * 1000,   /* the largest count: maxLength, maxItems, {m,n} */
    HL_GRAMMAR_SOURCE_MAX = 1024 * 1024, /* bytes of GBNF */
    HL_GRAMMAR_DEPTH_MAX = 256,          /* rules inside rules; 64 for JSON, as JSON's readers */
    HL_GRAMMAR_TOKEN_MAX = 128           /* longer tokens are never allowed */
};

typedef struct hl_grammar hl_grammar;

/* Reasoning that comes before what the grammar rules.  The tag's text is looked for in the output;
 * a tag that is a control token is that token. */
typedef struct hl_grammar_thinking {
    hl_str open, close;
    bool open_control, close_control;
    bool inside; /* the prompt ends behind the opening tag; else reasoning may come, or not */
} hl_grammar_thinking;

/* thinking NULL: none.  All return owned. */
/* Any JSON object, as Ollama's format "json". */
hl_status hl_grammar_json(const hl_grammar_thinking *thinking, hl_grammar **ret,
                          hl_error *err) HL_NODISCARD;
/* schema is only read; `true` or an object. */
hl_status hl_grammar_schema(struct json_object *schema, const hl_grammar_thinking *thinking,
                            hl_grammar **ret, hl_error *err) HL_NODISCARD;
/* One of n texts: `before`, a value of the schema, `after`.  A control token in these is the byte
 * FF and its name. */
typedef struct hl_grammar_frame {
    hl_str before, after;
    struct json_object *schema; /* its references point into itself */
} hl_grammar_frame;
hl_status hl_grammar_framed(const hl_grammar_frame *frames, size_t n,
                            const hl_grammar_thinking *thinking, hl_grammar **ret,
                            hl_error *err) HL_NODISCARD;
/* The rule `root` of a grammar in GBNF. */
hl_status hl_grammar_gbnf(hl_str text, const hl_grammar_thinking *thinking, hl_grammar **ret,
                          hl_error *err) HL_NODISCARD;
void hl_grammar_destroy(hl_grammar *g); /* accepts NULL */
uint32_t hl_grammar_n_states(const hl_grammar *g);

/* -- state ------------------------------------------------------------------------------------- */

typedef struct hl_grammar_state hl_grammar_state;

/* One size for every grammar.  Returns owned. */
hl_status hl_grammar_state_create(hl_grammar_state **ret, hl_error *err) HL_NODISCARD;
void hl_grammar_state_destroy(hl_grammar_state *s); /* accepts NULL */
uint64_t hl_grammar_state_bytes(void);
/* The beginning of a text; g is borrowed until the next begin. */
void hl_grammar_begin(hl_grammar_state *s, const hl_grammar *g);
/* Whether the text so far and these bytes can become a text of the grammar. */
bool hl_grammar_accepts(hl_grammar_state *s, hl_str bytes);
/* The same, and moves on; refused bytes change nothing. */
bool hl_grammar_advance(hl_grammar_state *s, hl_str bytes);
/* Whether the text so far is one of the grammar. */
bool hl_grammar_can_end(const hl_grammar_state *s);
/* Whether no byte can follow. */
bool hl_grammar_is_complete(const hl_grammar_state *s);

/* -- tokens ------------------------------------------------------------------------------------ */

typedef struct hl_grammar_vocab hl_grammar_vocab;

/* Takes about 0.1 s and 10 MB for 128k tokens.  Returns owned; t must outlive it. */
hl_status hl_grammar_vocab_create(const hl_tokenizer *t, hl_grammar_vocab **ret,
                                  hl_error *err) HL_NODISCARD;
void hl_grammar_vocab_destroy(hl_grammar_vocab *v); /* accepts NULL */
const hl_tokenizer *hl_grammar_vocab_tokenizer(const hl_grammar_vocab *v);
/* A token as grammars see it: its bytes; a control token is the byte FF, which is in no text, and
 * its name; empty for what is never allowed (unused, too long, or an end of the text). */
hl_str hl_grammar_vocab_piece(const hl_grammar_vocab *v, hl_token id);

typedef struct hl_grammar_masks hl_grammar_masks;

/* Returns owned.  n_vocab: at least that of every vocab used with it. */
hl_status hl_grammar_masks_create(uint32_t n_vocab, hl_grammar_masks **ret,
                                  hl_error *err) HL_NODISCARD;
void hl_grammar_masks_destroy(hl_grammar_masks *m); /* accepts NULL */
uint64_t hl_grammar_masks_bytes(uint32_t n_vocab);
/* The tokens that may come next: bit id % 32 of word id / 32, [n_vocab / 32 rounded up]; end tokens
 * where the text can end.  Borrowed until the next call.  All vocabs of one hl_grammar_masks are of
 * one tokenizer. */
const uint32_t *hl_grammar_mask(hl_grammar_masks *m, const hl_grammar_vocab *v,
                                const hl_grammar_state *s);

static inline bool hl_grammar_mask_has(const uint32_t *mask, hl_token id) {
    return mask[id / 32] >> id % 32 & 1;
}
