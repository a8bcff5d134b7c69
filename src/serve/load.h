/* serve/load.h
 *
 * A model on its way from a file to an engine.  Each stage is made when it is first needed:
 * `show` needs the metadata, `tokenize` the vocabulary, `generate` everything.
 *
 * Ownership: a loaded model owns all its stages.
 * Threads: one at a time; but hl__loaded_need_vocab, from any, once the tokenizer is there.
 */
#pragma once

#include "engine/engine.h"
#include "engine/native/native.h"
#include "model/model.h"
#include "serve/plan.h"
#include "serve/resolve.h"
#include "text/grammar.h"
#include "text/tokenizer.h"

#include <pthread.h>

/* What an engine was made for. */
typedef struct hl__engine_shape {
    uint32_t ctx; /* of one sequence */
    uint32_t kv_pages, seqs_max;
} hl__engine_shape;

typedef struct hl__loaded {
    char name[HL_MODEL_NAME_MAX + 8]; /* for messages */
    char path[HL_MODEL_PATH_MAX];
    hl_gguf *gguf; /* borrowed from model once that is there */
    hl_tokenizer *tokenizer;
    pthread_mutex_t vocab_lock;
    hl_grammar_vocab *vocab; /* of the tokenizer; NULL until a format is asked for */
    hl_model *model;
    hl_engine *engine;
    hl__engine_shape shape; /* of the engine */
    uint64_t bytes;         /* the weights and what the engine takes */
} hl__loaded;

/* What the user says about engines; zeroes: nothing. */
typedef struct hl__load_wish {
    uint32_t seqs_max;     /* 0: as many as are of use */
    uint32_t ctx_default;  /* of requests that do not say; 0: HL_CTX_DEFAULT */
    uint32_t pool_percent; /* 0: 50 */
    uint32_t threads;      /* 0: what the machine offers */
    uint64_t memory_bytes; /* for all models together; 0: what the machine has */
} hl__load_wish;

/* Who makes engines: hl_native_create, or a test's. */
typedef hl_status hl__engine_make(void *arg, const hl_model *m, const hl_tokenizer *t,
                                  const hl_native_config *config, hl_engine **ret, hl_error *err);

hl_status hl__loaded_open(const char *path, const char *name, hl__loaded **ret,
                          hl_error *err) HL_NODISCARD;
void hl__loaded_close(hl__loaded *l); /* accepts NULL */

hl_status hl__loaded_need_tokenizer(hl__loaded *l, hl_error *err) HL_NODISCARD;
hl_status hl__loaded_need_vocab(hl__loaded *l, hl_error *err) HL_NODISCARD;

/* Memory that models may take now, when taken_bytes of it are theirs already; 0: unknown. */
uint64_t hl__memory_limit(const hl__load_wish *wish, uint64_t taken_bytes);
/* What an engine will take.  Of this and the next: after a failure *l is only good for closing. */
hl_status hl__loaded_plan(hl__loaded *l, const hl__load_wish *wish, uint64_t limit_bytes,
                          hl__plan *ret, hl_error *err) HL_NODISCARD;
hl_status hl__loaded_start(hl__loaded *l, const hl__load_wish *wish, const hl__plan *plan,
                           uint32_t pool_tokens, hl__engine_make *make, void *arg,
                           hl_error *err) HL_NODISCARD;
