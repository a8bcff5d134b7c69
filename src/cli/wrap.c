#define _XOPEN_SOURCE 700
#include "cli/wrap.h"

#include "base/utf8.h"

#include <wchar.h>

void hl__wrap_init(hl__wrap *w, unsigned width) {
    *w = (hl__wrap){.width = width};
}

static void end_word(hl__wrap *w) {
    w->word_len = 0;
    w->word_columns = 0;
}

/* Takes back what is shown of the word and begins the next line with it. */
static void break_before_word(hl__wrap *w, hl_buf *out) {
    if (w->word_columns > 0) hl_buf_printf(out, "\x1b[%uD", w->word_columns);
    hl_buf_append_cstr(out, "\x1b[K\n");
    hl_buf_append(out, w->word, w->word_len);
    w->column = w->word_columns;
}

/* The word has its whole line, or is too long to remember: it is broken where it is. */
static void break_here(hl__wrap *w, hl_buf *out) {
    hl_buf_append_char(out, '\n');
    end_word(w);
    w->column = 0;
}

static void push_char(hl__wrap *w, hl_str c, unsigned columns, hl_buf *out) {
    if (w->width > 0 && w->column + columns > w->width) {
        if (w->word_columns >= w->column || w->word_len + c.len > sizeof w->word)
            break_here(w, out);
        else
            break_before_word(w, out);
    }
    hl_buf_append_str(out, c);
    w->column += columns;
    if (columns > 1 || w->word_len + c.len > sizeof w->word) { /* wide scripts break anywhere */
        end_word(w);
        return;
    }
    memcpy(w->word + w->word_len, c.ptr, c.len);
    w->word_len += c.len;
    w->word_columns += columns;
}

static void push_space(hl__wrap *w, char c, hl_buf *out) {
    end_word(w);
    if (c == '\n') {
        hl_buf_append_char(out, c);
        w->column = 0;
    } else if (w->width > 0 && w->column >= w->width) {
        hl_buf_append_char(out, '\n'); /* the space is the line's end */
        w->column = 0;
    } else {
        unsigned columns = c == '\t' ? 8 - w->column % 8 : 1;
        hl_buf_append_char(out, c);
        w->column += columns;
    }
}

void hl__wrap_push(hl__wrap *w, hl_str text, hl_buf *out) {
    HL_ASSERT(w->word_len <= sizeof w->word);
    for (size_t at = 0; at < text.len;) {
        uint32_t cp;
        bool ok;
        size_t len = hl_utf8_decode(text, at, &cp, &ok);
        hl_str c = hl_str_slice(text, at, at + len);
        at += len;
        if (cp == ' ' || cp == '\n' || cp == '\t') {
            push_space(w, (char)cp, out);
            continue;
        }
        int columns = wcwidth((wchar_t)cp);
        if (cp < 0x20 || (cp >= 0x7F && cp < 0xA0) || !ok) continue;
        push_char(w, c, columns < 0 ? 1 : (unsigned)columns, out);
    }
}
