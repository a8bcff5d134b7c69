#include "api/logprobs.h"

#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The fewest digits that give the number again.  What is impossible has no number in JSON. */
void hl__logprob_number(double value, hl_buf *out) {
    char text[40];
    if (!isfinite(value)) value = -1e9;
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    hl_buf_append_cstr(out, text);
}

static void append_bytes(hl_str piece, hl_buf *out) {
    hl_buf_append_cstr(out, ",\"bytes\":[");
    for (size_t i = 0; i < piece.len; i++) {
        if (i > 0) hl_buf_append_char(out, ',');
        hl_buf_append_uint(out, (unsigned char)piece.ptr[i]);
    }
    hl_buf_append_char(out, ']');
}

/* Without its end.  Control tokens have no text, and then no bytes. */
static void append_token(const hl_tokenizer *t, const hl_logprob *p, hl_buf *out) {
    hl_str piece = hl_tokenizer_piece(t, p->token, false);
    hl_buf_append_cstr(out, "{\"token\":");
    hl_json_append_string(out, piece);
    hl_buf_append_cstr(out, ",\"logprob\":");
    hl__logprob_number((double)p->logprob, out);
    if (piece.len > 0) append_bytes(piece, out);
}

static void append_top(const hl_tokenizer *t, const hl_token_logprobs *p, hl_buf *out) {
    hl_buf_append_cstr(out, ",\"top_logprobs\":[");
    for (uint32_t i = 0; i < p->n_top; i++) {
        if (i > 0) hl_buf_append_char(out, ',');
        append_token(t, &p->top[i], out);
        hl_buf_append_char(out, '}');
    }
    hl_buf_append_char(out, ']');
}

void hl__logprobs_append(const hl_tokenizer *t, const hl_event *ev, hl_buf *out) {
    HL_ASSERT(ev->kind == HL_EVENT_TEXT);
    for (size_t i = 0; ev->logprobs && i < ev->n_tokens; i++) {
        const hl_token_logprobs *p = &ev->logprobs[i];
        if (out->len > 0) hl_buf_append_char(out, ',');
        append_token(t, &p->chosen, out);
        if (p->n_top > 0) append_top(t, p, out);
        hl_buf_append_char(out, '}');
    }
}
