/* A stranger's config.json, tokenizer.json, tokenizer_config.json and generation_config.json, with
 * a byte 0x1E between them: they are refused with a word, or what they give can be declared and is
 * a vocabulary that opens or is refused.  Seeds are made by make_convert_corpus.py. */
#include "store/convert_config.h"
#include "store/convert_vocab.h"
#include "text/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N_DOCS = 4, TOKENS = 64, SEPARATOR = 0x1E };

static void declare(const hl__convert_config *c, const hl__convert_vocab *v) {
    hl_gguf_writer *w;
    hl_gguf *g = NULL;
    hl_tokenizer *t = NULL;
    hl_buf head = {0};
    hl_error err = {0};
    if (hl_gguf_writer_create(&w, &err) < 0) return;
    hl_status st = hl__config_declare(c, v->arena, w, &err);
    if (st >= 0) st = hl__vocab_declare(v, w, &err);
    HL_ASSERT(st == HL_OK);
    st = hl_gguf_writer_head(w, &head, &err);
    if (st >= 0) st = hl_gguf_open_bytes((hl_bytes){(const uint8_t *)head.ptr, head.len}, &g, &err);
    HL_ASSERT(st == HL_OK);
    if (hl_tokenizer_create(g, &t, &err) < 0) HL_ASSERT(err.text[0] != '\0');
    hl_tokenizer_destroy(t);
    hl_gguf_close(g);
    hl_buf_deinit(&head);
    hl_gguf_writer_destroy(w);
}

static void check_rope(const hl__convert_config *c) {
    for (uint32_t i = 0; c->rope.kind == HL__ROPE_LLAMA3 && i < c->head_dim / 2; i++) {
        float f = hl__rope_divisor(c, i);
        HL_ASSERT(f == f);
    }
}

static hl_status read(const hl__doc docs[N_DOCS], hl__convert_vocab *v, hl_error *err) {
    hl__convert_config c;
    HL_TRY(hl__config_read(&docs[0], &c, err));
    check_rope(&c);
    HL_TRY(hl__vocab_read(v, &docs[1], TOKENS, err));
    HL_TRY(hl__special_read(v, &(hl__special_docs){&docs[1], &docs[2], &docs[0], &docs[3]}, err));
    HL_TRY(hl__chat_template_read(v, "/no/such/directory", &docs[2], err));
    declare(&c, v);
    return HL_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const NAMES[N_DOCS] = {"config.json", "tokenizer.json",
                                              "tokenizer_config.json", "generation_config.json"};
    hl__doc docs[N_DOCS] = {0};
    hl_error err = {0};
    hl_status st = HL_OK;
    hl__convert_vocab v = {.arena = hl_arena_create(0)};
    for (size_t i = 0; v.arena && st >= 0 && i < N_DOCS; i++) {
        const uint8_t *end = size ? memchr(data, SEPARATOR, size) : NULL;
        size_t n = end ? (size_t)(end - data) : size;
        hl_str text = n ? (hl_str){(const char *)data, n} : HL_STR("{}");
        st = hl__doc_parse(text, NAMES[i], &docs[i], &err);
        data += n + (end != NULL);
        size -= n + (end != NULL);
    }
    if (v.arena && st >= 0) st = read(docs, &v, &err);
    if (st < 0) HL_ASSERT(err.text[0] != '\0' && !strchr(err.text, '\n'));
    for (size_t i = 0; i < N_DOCS; i++) hl__doc_close(&docs[i]);
    hl__vocab_deinit(&v);
    hl_arena_destroy(v.arena);
    return 0;
}
