/* A model without weights, for tests of the engine around one.
 *
 * The scripted backend keeps token ids and positions in its "KV pages" and makes logits that are a
 * hash of all tokens of the sequence, read back through its page table.  A wrong page, a wrong
 * position, a page shared too early, kept too long or given to two sequences changes the text, or
 * is found right away (scripted_faults).  It checks each batch against the limits it was opened
 * with.
 *
 * Hidden states are a hash of the same.
 *
 * The vocabulary is byte-level: 256 tokens of one byte, so that texts have torn and malformed
 * characters; words; control tokens.
 */
#pragma once

#include "base/mem.h"
#include "compute/backend.h"
#include "gguf/writer.h"
#include "text/tokenizer.h"

#include <math.h>
#include <string.h>

/* ---- vocabulary ---- */

enum {
    SCRIPTED_WORDS = 12,
    SCRIPTED_END = 256 + SCRIPTED_WORDS, /* ends a generation */
    SCRIPTED_CONTROL,                    /* a control token without text */
    SCRIPTED_VOCAB
};

static inline size_t scripted_byte_text(unsigned byte, char out[4]) {
    /* GPT-2's way to write bytes: printable ones stand for themselves, the others for 256, 257, …
     */
    uint32_t next = 256;
    for (unsigned b = 0; b < 256; b++) {
        bool plain = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
        uint32_t cp = plain ? b : next++;
        if (b != byte) continue;
        if (cp < 0x80) {
            out[0] = (char)cp;
            return 1;
        }
        out[0] = (char)(0xC0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3F));
        return 2;
    }
    return 0;
}

static inline hl_gguf_value scripted_strings(const char *key, const hl_str *strs, size_t n) {
    hl_gguf_value v = {.key = hl_str_from(key), .type = HL_GGUF_ARRAY};
    v.as.array.type = HL_GGUF_STR;
    v.as.array.n = n;
    v.as.array.strs = strs;
    return v;
}

static inline hl_status scripted_write_vocabulary(hl_gguf_writer *w, hl_buf *ret, hl_error *err) {
    static const char *const words[SCRIPTED_WORDS] = {"th",  "he", "the", "in", "er", "an",
                                                      "and", "on", "at",  "en", "st", "ing"};
    static const char *const merges[] = {"t h",  "h e", "th e", "i n", "e r", "a n",
                                         "an d", "o n", "a t",  "e n", "s t", "in g"};
    char bytes[256][4];
    hl_str tokens[SCRIPTED_VOCAB], rules[SCRIPTED_WORDS];
    int32_t kinds[SCRIPTED_VOCAB];
    for (unsigned i = 0; i < 256; i++)
        tokens[i] = (hl_str){bytes[i], scripted_byte_text(i, bytes[i])};
    for (int i = 0; i < SCRIPTED_WORDS; i++) {
        tokens[256 + i] = hl_str_from(words[i]);
        rules[i] = hl_str_from(merges[i]);
    }
    tokens[SCRIPTED_END] = HL_STR("<|end|>");
    tokens[SCRIPTED_CONTROL] = HL_STR("<|control|>");
    for (int i = 0; i < SCRIPTED_VOCAB; i++)
        kinds[i] = i < SCRIPTED_END ? HL_TOKEN_NORMAL : HL_TOKEN_CONTROL;
    hl_gguf_value values[] = {
        scripted_strings("tokenizer.ggml.tokens", tokens, SCRIPTED_VOCAB),
        scripted_strings("tokenizer.ggml.merges", rules, SCRIPTED_WORDS),
        {.key = HL_STR("tokenizer.ggml.token_type"), .type = HL_GGUF_ARRAY},
    };
    values[2].as.array.type = HL_GGUF_I32;
    values[2].as.array.n = SCRIPTED_VOCAB;
    values[2].as.array.data = (const uint8_t *)kinds;
    HL_TRY(hl_gguf_writer_set_str(w, "general.architecture", HL_STR("scripted"), err));
    HL_TRY(hl_gguf_writer_set_str(w, "tokenizer.ggml.model", HL_STR("gpt2"), err));
    HL_TRY(hl_gguf_writer_set_str(w, "tokenizer.ggml.pre", HL_STR("gpt-2"), err));
    HL_TRY(hl_gguf_writer_set_u32(w, "tokenizer.ggml.eos_token_id", SCRIPTED_END, err));
    for (int i = 0; i < 3; i++) HL_TRY(hl_gguf_writer_set(w, &values[i], err));
    return hl_gguf_writer_head(w, ret, err);
}

/* Returns owned; NULL with *err. */
static inline hl_tokenizer *scripted_tokenizer(hl_error *err) {
    hl_gguf_writer *w = NULL;
    hl_gguf *g = NULL;
    hl_tokenizer *t = NULL;
    hl_buf file;
    hl_buf_init(&file, 0);
    hl_status st = hl_gguf_writer_create(&w, err);
    if (st == HL_OK) st = scripted_write_vocabulary(w, &file, err);
    if (st == HL_OK)
        st = hl_gguf_open_bytes((hl_bytes){(const uint8_t *)file.ptr, file.len}, &g, err);
    if (st == HL_OK && hl_tokenizer_create(g, &t, err) < 0) t = NULL;
    hl_gguf_close(g);
    hl_gguf_writer_destroy(w);
    hl_buf_deinit(&file);
    return t;
}

enum { SCRIPTED_EMBD = 4 };

static inline hl_model scripted_model(void) {
    return (hl_model){.family = HL_STR("scripted"),
                      .n_layers = 1,
                      .n_embd = SCRIPTED_EMBD,
                      .n_vocab = SCRIPTED_VOCAB,
                      .ctx_train = 1 << 20};
}

/* ---- backend ---- */

typedef struct scripted_cell {
    uint32_t token, position;
} scripted_cell;

typedef struct scripted {
    hl_backend backend; /* first */
    hl_backend_limits limits;
    scripted_cell *cells; /* [kv_pages, HL_KV_PAGE_TOKENS] */
    bool *written;        /* [kv_pages] in this step */
    /* Written by tests: */
    float end_bias;    /* added to the logit of SCRIPTED_END */
    uint64_t nan_at;   /* the n-th output from now is no number; 0: never */
    uint64_t fails_at; /* the n-th forward from now fails; 0: never */
    bool forgets_page; /* a planted fault: a page's first token is lost now and then */
    /* Read by tests: */
    uint64_t n_forwards, n_faults;
} scripted;

static inline uint64_t scripted_mix(uint64_t h) {
    h = (h ^ h >> 30) * 0xBF58476D1CE4E5B9ull;
    h = (h ^ h >> 27) * 0x94D049BB133111EBull;
    return h ^ h >> 31;
}

static inline void scripted_fault(scripted *b, bool fault) {
    b->n_faults += fault;
}

static inline hl_status scripted_plan(const hl_model *m, const hl_backend_limits *limits,
                                      hl_backend_plan *ret, hl_error *err) {
    (void)m, (void)err;
    *ret = (hl_backend_plan){.kv_page_bytes = HL_KV_PAGE_TOKENS * sizeof(scripted_cell)};
    ret->kv_bytes = limits->kv_pages * ret->kv_page_bytes;
    return HL_OK;
}

static inline void scripted_close(hl_backend *base) {
    scripted *b = (scripted *)base;
    if (!b) return;
    hl_free(b->cells);
    hl_free(b->written);
    hl_free(b);
}

/* How a test reaches the backend that hl_native_create opened. */
static inline scripted **scripted_last(void) {
    static scripted *last;
    return &last;
}

extern const hl_backend_ops hl_backend_scripted;

static inline hl_status scripted_open(const hl_model *m, const hl_backend_limits *limits,
                                      hl_backend **ret, hl_error *err) {
    (void)m;
    scripted *b = hl_calloc(1, sizeof *b);
    if (b) {
        b->backend.ops = &hl_backend_scripted;
        b->limits = *limits;
        b->cells = hl_calloc((size_t)limits->kv_pages * HL_KV_PAGE_TOKENS, sizeof *b->cells);
        b->written = hl_calloc(limits->kv_pages, sizeof *b->written);
    }
    if (!b || !b->cells || !b->written) {
        scripted_close((hl_backend *)b);
        return hl_fail(err, HL_ENOMEM, "scripted", "no memory");
    }
    *scripted_last() = b;
    *ret = &b->backend;
    return HL_OK;
}

static inline scripted_cell *scripted_cell_at(scripted *b, const hl_slice *s, uint32_t position) {
    uint32_t page = s->pages[0][position / HL_KV_PAGE_TOKENS];
    HL_ASSERT(page < b->limits.kv_pages);
    return &b->cells[(size_t)page * HL_KV_PAGE_TOKENS + position % HL_KV_PAGE_TOKENS];
}

/* What the model "thinks" after the tokens 0 … last. */
static inline uint64_t scripted_thought(scripted *b, const hl_slice *s, uint32_t last) {
    uint64_t h = 1;
    for (uint32_t i = 0; i <= last; i++) {
        const scripted_cell *c = scripted_cell_at(b, s, i);
        scripted_fault(b, c->position != i);
        h = (h ^ c->token) * 0x9E3779B97F4A7C15ull;
        h ^= h >> 32;
    }
    return h;
}

static inline void scripted_logits(scripted *b, uint64_t thought, float *out) {
    for (uint32_t i = 0; i < SCRIPTED_VOCAB; i++)
        out[i] = (float)(scripted_mix(thought + i) >> 40) * 0x1p-24f * 12 - 6;
    out[SCRIPTED_END] += b->end_bias;
    if (b->nan_at && --b->nan_at == 0) out[17] = NAN;
}

static inline void scripted_add_hidden(scripted *b, uint64_t thought, float *sum) {
    for (uint32_t i = 0; i < SCRIPTED_EMBD; i++)
        sum[i] += (float)(scripted_mix(thought + i) >> 40) * 0x1p-24f - 0.5f;
    if (b->nan_at && --b->nan_at == 0) sum[1] = NAN;
}

static inline void scripted_store(scripted *b, const hl_batch *batch, const hl_slice *s) {
    for (uint32_t r = 0; r < s->n_rows; r++) {
        uint32_t position = s->kv_len + r;
        scripted_cell *c = scripted_cell_at(b, s, position);
        c->token = batch->tokens[s->row0 + r];
        c->position = position;
        if (b->forgets_page && position % 97 == 96) c->token = 0;
    }
    /* Two sequences never write to one page in a step. */
    uint32_t from = s->kv_len / HL_KV_PAGE_TOKENS, to = s->kv_len + s->n_rows - 1;
    for (uint32_t i = from; i <= to / HL_KV_PAGE_TOKENS; i++) {
        scripted_fault(b, b->written[s->pages[0][i]]);
        b->written[s->pages[0][i]] = true;
    }
}

static inline hl_status scripted_forward(hl_backend *base, const hl_batch *batch, hl_error *err) {
    scripted *b = (scripted *)base;
    b->n_forwards++;
    if (b->fails_at && --b->fails_at == 0)
        return hl_fail(err, HL_EDEVICE, "scripted", "the script says so");
    scripted_fault(b, batch->n_rows == 0 || batch->n_rows > b->limits.rows_max);
    scripted_fault(b, batch->n_slices > b->limits.slices_max);
    memset(b->written, 0, b->limits.kv_pages * sizeof *b->written);
    uint32_t row = 0, n_outputs = 0;
    for (uint32_t i = 0; i < batch->n_slices; i++) {
        const hl_slice *s = &batch->slices[i];
        scripted_fault(b, s->row0 != row || s->n_rows == 0 || s->n_outputs > s->n_rows);
        row += s->n_rows;
        scripted_store(b, batch, s);
    }
    scripted_fault(b, row != batch->n_rows);
    for (uint32_t i = 0; i < batch->n_slices; i++) {
        const hl_slice *s = &batch->slices[i];
        for (uint32_t k = s->n_outputs; k > 0; k--) {
            uint64_t thought = scripted_thought(b, s, s->kv_len + s->n_rows - k);
            if (s->output == HL_OUTPUT_SUM)
                scripted_add_hidden(b, thought, s->sum);
            else
                scripted_logits(b, thought, batch->outputs + n_outputs++ * batch->output_stride);
        }
    }
    scripted_fault(b, n_outputs > b->limits.outputs_max);
    return HL_OK;
}

static inline void scripted_copy_page(hl_backend *base, uint32_t dst, uint32_t src, uint32_t n) {
    scripted *b = (scripted *)base;
    memcpy(&b->cells[(size_t)dst * HL_KV_PAGE_TOKENS], &b->cells[(size_t)src * HL_KV_PAGE_TOKENS],
           n * sizeof *b->cells);
}

static inline const char *scripted_describe(const hl_backend *b) {
    (void)b;
    return "scripted";
}

const hl_backend_ops hl_backend_scripted = {.name = "scripted",
                                            .plan = scripted_plan,
                                            .open = scripted_open,
                                            .forward = scripted_forward,
                                            .copy_page = scripted_copy_page,
                                            .close = scripted_close,
                                            .describe = scripted_describe};
