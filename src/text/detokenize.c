#include "base/utf8.h"
#include "text/tokenizer_vocab.h"

void hl_detokenizer_init(hl_detokenizer *d, const hl_tokenizer *t, bool special, bool at_start) {
    *d = (hl_detokenizer){.t = t, .special = special, .at_start = at_start && t->space_prefix};
}

/* Length of the malformed part at the front of s: as much as could have begun one character. */
static size_t malformed(hl_str s) {
    size_t n = 1;
    while (n < 3 && n < s.len && hl_utf8_tail(hl_str_slice(s, 0, n + 1)) == n + 1) n++;
    return n;
}

/* Appends s with U+FFFD for what is malformed. */
static void append_replaced(hl_str s, hl_buf *out) {
    while (s.len) {
        size_t good = hl_utf8_check(s);
        hl_buf_append_str(out, hl_str_slice(s, 0, good));
        if (good == s.len) return;
        s = hl_str_slice(s, good, s.len);
        hl_buf_append_cstr(out, "\xEF\xBF\xBD");
        s = hl_str_slice(s, malformed(s), s.len);
    }
}

/* Appends what is complete in s and keeps the rest. */
static void feed(hl_detokenizer *d, hl_str s, hl_buf *out) {
    size_t tail = hl_utf8_tail(s);
    HL_ASSERT(tail < sizeof d->held);
    append_replaced(hl_str_slice(s, 0, s.len - tail), out);
    memcpy(d->held, s.ptr + s.len - tail, tail);
    d->n_held = (uint32_t)tail;
}

void hl_detokenizer_push(hl_detokenizer *d, hl_token id, hl_buf *out) {
    hl_str piece = hl_tokenizer_piece(d->t, id, d->special);
    if (piece.len == 0) return;
    if (d->at_start && hl_tokenizer_kind(d->t, id) != HL_TOKEN_CONTROL) {
        d->at_start = false;
        if (piece.ptr[0] == ' ') piece = hl_str_slice(piece, 1, piece.len);
    }
    HL_ASSERT(d->n_held < sizeof d->held);
    /* What is held needs at most three more bytes to become a character or turn out malformed. */
    while (d->n_held && piece.len) {
        char joined[sizeof d->held];
        size_t n = d->n_held;
        memcpy(joined, d->held, n);
        joined[n] = piece.ptr[0];
        piece = hl_str_slice(piece, 1, piece.len);
        d->n_held = 0;
        feed(d, (hl_str){joined, n + 1}, out);
    }
    if (piece.len) feed(d, piece, out);
}

void hl_detokenizer_finish(hl_detokenizer *d, hl_buf *out) {
    if (d->n_held) hl_buf_append_cstr(out, "\xEF\xBF\xBD");
    d->n_held = 0;
}
