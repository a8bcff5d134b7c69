#include "text/tokenizer.h"

#include "base/mem.h"
#include "text/tokenizer_load.h"
#include "text/tokenizer_merge.h"
#include "text/unicode.h"

enum { TEXT_BYTES_MAX = 1 << 30 };

/* ---- lists of tokens --------------------------------------------------------------- */

void hl_tokens_deinit(hl_tokens *t) {
    hl_free(t->ids);
    *t = (hl_tokens){0};
}

static hl_status grow(hl_tokens *t, hl_error *err) {
    size_t cap = t->cap ? 2 * t->cap : 64;
    hl_token *ids = cap <= SIZE_MAX / sizeof *ids ? hl_realloc(t->ids, cap * sizeof *ids) : NULL;
    if (!ids) return hl_fail(err, HL_ENOMEM, "tokenizer", "no memory for %zu tokens", cap);
    t->ids = ids;
    t->cap = cap;
    return HL_OK;
}

hl_status hl_tokens_push(hl_tokens *t, hl_token id, hl_error *err) {
    HL_DASSERT(t->n <= t->cap);
    if (t->n == t->cap) HL_TRY(grow(t, err));
    t->ids[t->n++] = id;
    return HL_OK;
}

/* ---- life -------------------------------------------------------------------------- */

hl_status hl_tokenizer_create(const hl_gguf *g, hl_tokenizer **ret, hl_error *err) {
    hl_tokenizer *t = hl_calloc(1, sizeof *t);
    if (!t) return hl_fail(err, HL_ENOMEM, "tokenizer", "no memory");
    hl_status st = hl__tokenizer_load(t, g, err);
    if (st < 0) {
        hl_tokenizer_destroy(t);
        return st;
    }
    *ret = t;
    return HL_OK;
}

void hl_tokenizer_destroy(hl_tokenizer *t) {
    if (!t) return;
    hl__specials_deinit(&t->specials);
    hl_free(t->bytes);
    hl_free(t->at);
    hl_free(t->kind);
    hl_free(t->flags);
    hl_free(t->rank);
    hl_free(t->slots);
    hl_free(t->pairs);
    hl_free(t);
}

/* ---- encoding ---------------------------------------------------------------------- */

typedef struct encoder {
    const hl_tokenizer *t;
    hl__merger merger;
    hl_buf text; /* of the segment at hand, when it is not the caller's own */
    hl_tokens *out;
    hl_error *err;
} encoder;

static hl_status encode_bpe(encoder *e, hl_str text) {
    if (e->t->nfc && !hl_unicode_is_nfc(text)) {
        hl_buf_reset(&e->text);
        hl_unicode_to_nfc(text, &e->text);
        HL_TRY(hl_buf_status(&e->text, "normalised text", e->err));
        text = hl_buf_str(&e->text);
    }
    hl_pretokens it;
    hl_str piece;
    hl_pretokens_init(&it, e->t->pre, text);
    while (hl_pretokens_next(&it, &piece))
        HL_TRY(hl__merger_run(&e->merger, piece, e->out, e->err));
    return HL_OK;
}

/* Spaces and the word behind them. */
static size_t word_length(hl_str s) {
    size_t n = 0;
    while (n < s.len && s.ptr[n] == ' ') n++;
    while (n < s.len && s.ptr[n] != ' ') n++;
    return n;
}

static hl_status encode_by_score(encoder *e, hl_str text) {
    if (e->t->space_prefix) {
        hl_buf_reset(&e->text);
        hl_buf_append_char(&e->text, ' ');
        hl_buf_append_str(&e->text, text);
        HL_TRY(hl_buf_status(&e->text, "text", e->err));
        text = hl_buf_str(&e->text);
    }
    while (text.len) {
        size_t n = e->t->split_at_space ? word_length(text) : text.len;
        HL_TRY(hl__merger_run(&e->merger, hl_str_slice(text, 0, n), e->out, e->err));
        text = hl_str_slice(text, n, text.len);
    }
    return HL_OK;
}

static hl_status encode_segment(encoder *e, hl_str text) {
    if (text.len == 0) return HL_OK;
    return e->t->by_score ? encode_by_score(e, text) : encode_bpe(e, text);
}

/* Special texts are cut out first; what is between them is encoded by itself. */
static hl_status encode_text(encoder *e, hl_str text, bool plain_text) {
    for (size_t at = 0; at < text.len;) {
        hl_token id = HL_TOKEN_NONE;
        size_t len = 0;
        size_t next = hl__specials_next(&e->t->specials, text, at, plain_text, &id, &len);
        HL_ASSERT(next >= at && next + len <= text.len);
        HL_TRY(encode_segment(e, hl_str_slice(text, at, next)));
        if (len) HL_TRY(hl_tokens_push(e->out, id, e->err));
        at = next + len;
    }
    return HL_OK;
}

/* With scores U+2581 in the text is a space; *buf holds the changed text. */
static hl_status plain_spaces(const hl_tokenizer *t, hl_str *text, hl_buf *buf, hl_error *err) {
    const hl_str mark = HL_STR("\xE2\x96\x81");
    size_t from = 0, at;
    if (!t->by_score || hl_str_find(*text, mark, 0) == SIZE_MAX) return HL_OK;
    while ((at = hl_str_find(*text, mark, from)) != SIZE_MAX) {
        hl_buf_append_str(buf, hl_str_slice(*text, from, at));
        hl_buf_append_char(buf, ' ');
        from = at + mark.len;
    }
    hl_buf_append_str(buf, hl_str_slice(*text, from, text->len));
    *text = hl_buf_str(buf);
    return hl_buf_status(buf, "text", err);
}

hl_status hl_tokenizer_encode(const hl_tokenizer *t, hl_str text, unsigned flags, hl_tokens *ret,
                              hl_error *err) {
    if (text.len > TEXT_BYTES_MAX)
        return hl_fail(err, HL_ELIMIT, "tokenizer", "text of %zu bytes, limit %d", text.len,
                       TEXT_BYTES_MAX);
    bool plain_text = !(flags & HL_ENCODE_PARSE_SPECIAL), ends = flags & HL_ENCODE_ADD_BOS;
    encoder e = {.t = t, .out = ret, .err = err};
    hl_buf spaces = {0};
    hl__merger_init(&e.merger, t);
    hl_status st = HL_OK;
    if (ends && t->add_bos) st = hl_tokens_push(ret, t->bos, err);
    if (st == HL_OK) st = plain_spaces(t, &text, &spaces, err);
    if (st == HL_OK) st = encode_text(&e, text, plain_text);
    if (st == HL_OK && ends && t->add_eos) st = hl_tokens_push(ret, t->eos, err);
    hl__merger_deinit(&e.merger);
    hl_buf_deinit(&e.text);
    hl_buf_deinit(&spaces);
    return st;
}

/* ---- what a tokenizer knows -------------------------------------------------------- */

uint32_t hl_tokenizer_n_vocab(const hl_tokenizer *t) {
    return t->n;
}

hl_token_kind hl_tokenizer_kind(const hl_tokenizer *t, hl_token id) {
    return id < t->n ? (hl_token_kind)t->kind[id] : HL_TOKEN_UNUSED;
}

hl_str hl_tokenizer_piece(const hl_tokenizer *t, hl_token id, bool special) {
    hl_token_kind kind = hl_tokenizer_kind(t, id);
    bool hidden = kind == HL_TOKEN_CONTROL || kind == HL_TOKEN_UNKNOWN || kind == HL_TOKEN_UNUSED;
    if (id >= t->n || (hidden && !special)) return HL_STR("");
    return hl__token_bytes(t, id);
}

uint32_t hl_tokenizer_piece_bytes_max(const hl_tokenizer *t) {
    return t->piece_bytes_max;
}

hl_token hl_tokenizer_find(const hl_tokenizer *t, hl_str text) {
    return hl__vocab_find(t, text);
}

hl_token hl_tokenizer_bos(const hl_tokenizer *t) {
    return t->bos;
}

hl_token hl_tokenizer_eos(const hl_tokenizer *t) {
    return t->eos;
}

bool hl_tokenizer_adds_bos(const hl_tokenizer *t) {
    return t->add_bos;
}

bool hl_tokenizer_is_end(const hl_tokenizer *t, hl_token id) {
    return id < t->n && (t->flags[id] & HL__TOKEN_END);
}
