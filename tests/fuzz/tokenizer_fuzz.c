/* Two entrances in one target, told by the first byte.
 *   0 to 63    text, for the byte-level BPE sample behind one of the pre-tokenizers: the tokens'
 *              bytes together are the text again
 *   64 to 127  text, for the SentencePiece sample: the same, with U+2581 as a space
 *   above      a GGUF whose vocabulary is a stranger's: it is refused in one line, or encodes
 * The seeds in corpus/tokenizer are made by make_tokenizer_corpus.py. */
#include "base/mem.h"
#include "vocabulary.h"

#include "text/pretokenize.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N_TEXT = 64, N_SPM = 128, PRES_MAX = 32 };

static hl_tokenizer *of_sample(sample *s) {
    hl_tokenizer *t = NULL;
    hl_error err;
    hl_status st = tokenizer_of(&s->v, &t, &err);
    HL_ASSERT(st == HL_OK);
    return t;
}

static const hl_tokenizer *bpe_of(size_t which) {
    static hl_tokenizer *made[PRES_MAX];
    size_t n;
    const hl_pretokenizer *list = hl_pretokenizer_list(&n);
    which %= n;
    HL_ASSERT(n <= PRES_MAX);
    if (made[which]) return made[which];
    static sample s;
    char name[64] = {0};
    memcpy(name, list[which].names, strcspn(list[which].names, " "));
    sample_bpe(&s, name);
    made[which] = of_sample(&s);
    return made[which];
}

static const hl_tokenizer *spm(void) {
    static hl_tokenizer *made;
    if (made) return made;
    static sample s;
    sample_spm(&s);
    put_flag(&s.v.more, "tokenizer.ggml.add_space_prefix", false);
    s.v.n_more = 1;
    made = of_sample(&s);
    hl_buf_deinit(&s.v.more);
    return made;
}

static void round_trip(const hl_tokenizer *t, hl_str text, hl_str want, unsigned flags) {
    hl_tokens ids = {0};
    hl_error err;
    hl_status st = hl_tokenizer_encode(t, text, flags, &ids, &err);
    HL_ASSERT(st == HL_OK);
    hl_buf back = {0}, shown = {0};
    hl_detokenizer d;
    hl_detokenizer_init(&d, t, true, false);
    for (size_t i = 0; i < ids.n; i++) {
        hl_buf_append_str(&back, hl_tokenizer_piece(t, ids.ids[i], true));
        hl_detokenizer_push(&d, ids.ids[i], &shown);
    }
    hl_detokenizer_finish(&d, &shown);
    HL_ASSERT(hl_str_eq(hl_buf_str(&back), want));
    HL_ASSERT(hl_utf8_check(hl_buf_str(&shown)) == shown.len);
    hl_buf_deinit(&back);
    hl_buf_deinit(&shown);
    hl_tokens_deinit(&ids);
}

static void as_spaces(hl_str text, hl_buf *out) {
    for (size_t at = 0; at < text.len;) {
        bool mark = hl_str_starts(hl_str_slice(text, at, text.len), HL_STR("\u2581"));
        hl_buf_append_char(out, mark ? ' ' : text.ptr[at]);
        at += mark ? 3 : 1;
    }
}

/* Whatever came out of a stranger's vocabulary encodes or says why not. */
static void use(const hl_tokenizer *t) {
    static const char *const TEXTS[] = {"hello world 123", "aaaaaaaaaaaaaaaa  \n\t<s>",
                                        "\xff\u4e2d", ""};
    hl_buf out = {0};
    hl_detokenizer d;
    hl_detokenizer_init(&d, t, true, true);
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        hl_tokens ids = {0};
        hl_error err = {0};
        hl_status st = hl_tokenizer_encode(t, hl_str_from(TEXTS[i]),
                                           HL_ENCODE_PARSE_SPECIAL | HL_ENCODE_ADD_BOS, &ids, &err);
        HL_ASSERT(st == HL_OK || (st == HL_EFORMAT && err.text[0]));
        for (size_t k = 0; k < ids.n; k++) {
            HL_ASSERT(ids.ids[k] < hl_tokenizer_n_vocab(t));
            hl_detokenizer_push(&d, ids.ids[k], &out);
        }
        hl_tokens_deinit(&ids);
    }
    for (hl_token id = 0; id < hl_tokenizer_n_vocab(t); id++) {
        hl_str piece = hl_tokenizer_piece(t, id, true);
        HL_ASSERT(piece.len <= hl_tokenizer_piece_bytes_max(t));
        (void)hl_tokenizer_is_end(t, id);
        (void)hl_tokenizer_find(t, piece);
    }
    hl_buf_deinit(&out);
}

static void vocabulary_of(const uint8_t *data, size_t size) {
    uint8_t *copy = hl_alloc_aligned(HL_GGUF_ALIGN_MIN, size); /* libFuzzer's may lie anywhere */
    if (!copy) return;
    if (size > 0) memcpy(copy, data, size);
    hl_tokenizer *t = NULL;
    hl_error err = {0};
    if (tokenizer_of_bytes((hl_bytes){copy, size}, &t, &err) == HL_OK)
        use(t);
    else
        HL_ASSERT(err.status < 0 && err.text[0] != '\0' && !strchr(err.text, '\n'));
    hl_tokenizer_destroy(t);
    hl_free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    hl_str text = {(const char *)data + 1, size - 1};
    unsigned flags = size % 2 ? HL_ENCODE_PARSE_SPECIAL : 0;
    if (data[0] < N_TEXT) {
        round_trip(bpe_of(data[0]), text, text, flags);
    } else if (data[0] < N_SPM) {
        hl_buf want = {0};
        as_spaces(text, &want);
        round_trip(spm(), text, hl_buf_str(&want), flags);
        hl_buf_deinit(&want);
    } else {
        vocabulary_of(data + 1, size - 1);
    }
    return 0;
}
