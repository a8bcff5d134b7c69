/* vocabulary.h: small vocabularies as GGUF bytes, well or badly formed. */
#pragma once

#include "base/utf8.h"
#include "gguf_bytes.h"
#include "text/tokenizer.h"

typedef struct vocabulary {
    const char *model, *pre; /* pre NULL: no key */
    const char *const *tokens;
    const uint8_t *types; /* NULL: no key */
    const float *scores;  /* NULL: no key */
    size_t n_tokens;
    const char *const *merges; /* NULL: no key */
    size_t n_merges;
    hl_buf more; /* further values, and how many */
    uint64_t n_more;
} vocabulary;

static inline void put_string(hl_buf *b, const char *key, const char *s) {
    put_key(b, key, HL_GGUF_STR);
    put_text(b, s);
}

static inline void put_flag(hl_buf *b, const char *key, bool on) {
    put_key(b, key, HL_GGUF_BOOL);
    put_int(b, on, 1);
}

static inline void put_vocabulary(hl_buf *b, const vocabulary *v) {
    uint64_t n = 2 + v->n_more;
    n += v->pre != NULL;
    n += v->types != NULL;
    n += v->scores != NULL;
    n += v->merges != NULL;
    put_head(b, 3, 0, n);
    put_string(b, "tokenizer.ggml.model", v->model);
    if (v->pre) put_string(b, "tokenizer.ggml.pre", v->pre);
    put_array(b, "tokenizer.ggml.tokens", HL_GGUF_STR, v->n_tokens);
    for (size_t i = 0; i < v->n_tokens; i++) put_text(b, v->tokens[i]);
    if (v->types) put_array(b, "tokenizer.ggml.token_type", HL_GGUF_I32, v->n_tokens);
    for (size_t i = 0; v->types && i < v->n_tokens; i++) put_int(b, v->types[i], 4);
    if (v->scores) put_array(b, "tokenizer.ggml.scores", HL_GGUF_F32, v->n_tokens);
    for (size_t i = 0; v->scores && i < v->n_tokens; i++) hl_buf_append(b, &v->scores[i], 4);
    if (v->merges) put_array(b, "tokenizer.ggml.merges", HL_GGUF_STR, v->n_merges);
    for (size_t i = 0; v->merges && i < v->n_merges; i++) put_text(b, v->merges[i]);
    hl_buf_append(b, v->more.ptr, v->more.len);
}

/* The tokenizer of a file's bytes; *ret is NULL on failure. */
static inline hl_status tokenizer_of_bytes(hl_bytes file, hl_tokenizer **ret, hl_error *err) {
    hl_gguf *g = NULL;
    *ret = NULL;
    hl_status st = hl_gguf_open_bytes(file, &g, err);
    if (st == HL_OK) st = hl_tokenizer_create(g, ret, err);
    hl_gguf_close(g);
    return st;
}

static inline hl_status tokenizer_of(const vocabulary *v, hl_tokenizer **ret, hl_error *err) {
    hl_buf b = {0};
    put_vocabulary(&b, v);
    hl_status st = tokenizer_of_bytes(bytes_of(&b), ret, err);
    hl_buf_deinit(&b);
    return st;
}

/* ---- two that can encode anything ---------------------------------------------------- */

enum { SAMPLE_TOKENS_MAX = 320 };

typedef struct sample {
    char text[256][8]; /* of the single bytes */
    const char *tokens[SAMPLE_TOKENS_MAX];
    uint8_t types[SAMPLE_TOKENS_MAX];
    float scores[SAMPLE_TOKENS_MAX];
    vocabulary v;
} sample;

static inline void sample_add(sample *s, const char *text, hl_token_kind kind, float score) {
    s->tokens[s->v.n_tokens] = text;
    s->scores[s->v.n_tokens] = score;
    s->types[s->v.n_tokens++] = (uint8_t)kind;
}

static const char *const SAMPLE_MERGES[] = {
    "a a",           "aa aa",    "h e",           "l l",        "he ll",       "hell o",
    "\u0120 hello",  "\u0120 w", "o r",           "\u0120w or", "\u0120wor l", "\u0120worl d",
    "\u0120 \u0120", "1 2",      "\u00c3 \u00a9", "aa a",
};
enum { SAMPLE_BPE_MERGED = 256, SAMPLE_N_MERGES = sizeof SAMPLE_MERGES / sizeof SAMPLE_MERGES[0] };

/* Byte-level BPE: ids 0 to 255 are the bytes, 256 and on the merges' results in their order,
 * then <|end|> (control), <tool> and <tool_call> (user-defined). */
static inline void sample_bpe(sample *s, const char *pre) {
    *s = (sample){0};
    uint32_t next = 0x100;
    for (uint32_t b = 0; b < 256; b++) {
        bool printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
        (void)hl_utf8_encode(printable ? b : next++, s->text[b]);
        sample_add(s, s->text[b], HL_TOKEN_NORMAL, 0);
    }
    static const char *const MADE[] = {"aa",           "aaaa",      "he",           "ll",
                                       "hell",         "hello",     "\u0120hello",  "\u0120w",
                                       "or",           "\u0120wor", "\u0120worl",   "\u0120world",
                                       "\u0120\u0120", "12",        "\u00c3\u00a9", "aaa"};
    for (size_t i = 0; i < SAMPLE_N_MERGES; i++) sample_add(s, MADE[i], HL_TOKEN_NORMAL, 0);
    sample_add(s, "<|end|>", HL_TOKEN_CONTROL, 0);
    sample_add(s, "<tool>", HL_TOKEN_USER, 0);
    sample_add(s, "<tool_call>", HL_TOKEN_USER, 0);
    s->v.model = "gpt2";
    s->v.pre = pre;
    s->v.tokens = s->tokens;
    s->v.types = s->types;
    s->v.merges = SAMPLE_MERGES;
    s->v.n_merges = SAMPLE_N_MERGES;
}

enum { SAMPLE_END = 256 + SAMPLE_N_MERGES, SAMPLE_TOOL, SAMPLE_TOOL_CALL };

/* SentencePiece: 0 <unk>, 1 <s>, 2 </s>, 3 to 258 the bytes, then these. */
enum {
    SAMPLE_SPM_FIRST = 259,
    SAMPLE_SPACE = SAMPLE_SPM_FIRST,
    SAMPLE_H,
    SAMPLE_E,
    SAMPLE_L,
    SAMPLE_O,
    SAMPLE_HE,
    SAMPLE_LL,
    SAMPLE_HELL,
    SAMPLE_HELLO,
    SAMPLE_SPACE_HELLO,
    SAMPLE_SPACES_2,
    SAMPLE_SPACES_4,
    SAMPLE_TAG
};

static inline void sample_spm(sample *s) {
    *s = (sample){0};
    sample_add(s, "<unk>", HL_TOKEN_UNKNOWN, 0);
    sample_add(s, "<s>", HL_TOKEN_CONTROL, 0);
    sample_add(s, "</s>", HL_TOKEN_CONTROL, 0);
    for (uint32_t b = 0; b < 256; b++) {
        static const char HEX[] = "0123456789ABCDEF";
        memcpy(s->text[b], "<0x..>", 7);
        s->text[b][3] = HEX[b >> 4];
        s->text[b][4] = HEX[b & 15];
        sample_add(s, s->text[b], HL_TOKEN_BYTE, 0);
    }
    static const struct {
        const char *text;
        float score;
    } MORE[] = {{"\u2581", -20},
                {"h", -21},
                {"e", -22},
                {"l", -23},
                {"o", -24},
                {"he", -1},
                {"ll", -2},
                {"hell", -3},
                {"hello", -4},
                {"\u2581hello", -5},
                {"\u2581\u2581", -1e9f},
                {"\u2581\u2581\u2581\u2581", -1e9f}};
    for (size_t i = 0; i < sizeof MORE / sizeof MORE[0]; i++)
        sample_add(s, MORE[i].text, HL_TOKEN_NORMAL, MORE[i].score);
    sample_add(s, "<b>", HL_TOKEN_USER, 0);
    s->v.model = "llama";
    s->v.pre = "default";
    s->v.tokens = s->tokens;
    s->v.types = s->types;
    s->v.scores = s->scores;
}
