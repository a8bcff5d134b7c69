/* convert_vocabulary.h: vocabularies read from the texts of their files. */
#pragma once

#include "store/convert_vocab.h"
#include "testing.h"

typedef struct vocabulary_texts {
    const char *tokenizer, *tokenizer_config, *config, *generation_config; /* NULL: "{}" */
    uint32_t n_tokens;
} vocabulary_texts;

/* *v is to be released in any case. */
static inline hl_status vocabulary_read(const vocabulary_texts *t, hl__convert_vocab *v,
                                        hl_error *err) {
    static const char *const FILES[] = {"tokenizer.json", "tokenizer_config.json", "config.json",
                                        "generation_config.json"};
    const char *texts[] = {t->tokenizer, t->tokenizer_config, t->config, t->generation_config};
    hl__doc docs[4] = {0};
    hl_status st = HL_OK;
    *v = (hl__convert_vocab){.arena = hl_arena_create(0)};
    HL_ASSERT(v->arena);
    for (size_t i = 0; st >= 0 && i < 4; i++)
        st = hl__doc_parse(hl_str_from(texts[i] ? texts[i] : "{}"), FILES[i], &docs[i], err);
    if (st >= 0) st = hl__vocab_read(v, &docs[0], t->n_tokens, err);
    if (st >= 0)
        st = hl__special_read(v, &(hl__special_docs){&docs[0], &docs[1], &docs[2], &docs[3]}, err);
    for (size_t i = 0; i < 4; i++) hl__doc_close(&docs[i]);
    return st;
}

static inline void vocabulary_release(hl__convert_vocab *v) {
    hl__vocab_deinit(v);
    hl_arena_destroy(v->arena);
}
