/* serve/load.h
 *
 * A model on its way from a file to an engine.  Each stage is made when it is first needed:
 * `show` needs the metadata, `tokenize` the vocabulary, `generate` everything.
 *
 * Ownership: a loaded model owns all its stages.
 * Threads: one at a time.
 */
#pragma once

#include "engine/engine.h"
#include "model/model.h"
#include "serve/resolve.h"
#include "text/grammar.h"
#include "text/tokenizer.h"

/* What an engine was made for; another request may want another. */
typedef struct hl__engine_shape {
    uint32_t ctx, threads, batch;
    uint32_t kv_pages; /* of the pool; 0: what all sequences need */
    bool ctx_asked;    /* by somebody, not found by us */
} hl__engine_shape;

typedef struct hl__loaded {
    char name[HL_MODEL_NAME_MAX + 8]; /* for messages */
    char path[HL_MODEL_PATH_MAX];
    hl_gguf *gguf; /* borrowed from model once that is there */
    hl_tokenizer *tokenizer;
    hl_grammar_vocab *vocab; /* of the tokenizer; NULL until a format is asked for */
    hl_model *model;
    hl_engine *engine;
    hl__engine_shape shape; /* of the engine */
    uint32_t seqs_max;      /* sequences at once, set before the engine is made; 0: 1 */
    uint64_t bytes;         /* the weights and what the engine takes */
} hl__loaded;

enum { HL_CTX_DEFAULT = 4096, HL_CTX_MIN = 4 };

hl_status hl__loaded_open(const char *path, const char *name, hl__loaded **ret,
                          hl_error *err) HL_NODISCARD;
void hl__loaded_close(hl__loaded *l); /* accepts NULL */

hl_status hl__loaded_need_tokenizer(hl__loaded *l, hl_error *err) HL_NODISCARD;
/* An engine of the shape that the options ask for, in the memory there is.  After a failure *l is
 * only good for closing. */
hl_status hl__loaded_need_engine(hl__loaded *l, const hl_options *o, hl_error *err) HL_NODISCARD;
