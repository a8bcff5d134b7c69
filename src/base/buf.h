/* base/buf.h
 *
 * A growable byte buffer with a limit.  Appending past the limit or without
 * memory marks the buffer as failed; further appends do nothing, and one check
 * at the end (hl_buf_status) is enough.
 *
 * Threads: one at a time.  The bytes move when the buffer grows.
 */
#pragma once

#include "base/status.h"
#include "base/str.h"

typedef struct hl_buf {
    char *ptr; /* owned; NUL after len, not counted */
    size_t len, cap;
    size_t bytes_max; /* 0: no limit */
    hl_status failed;
} hl_buf;

static inline void hl_buf_init(hl_buf *b, size_t bytes_max) {
    *b = (hl_buf){.bytes_max = bytes_max};
}
void hl_buf_deinit(hl_buf *b);
void hl_buf_reset(hl_buf *b); /* empties, keeps the memory, clears the failure */

void hl_buf_append(hl_buf *b, const void *data, size_t len);
void hl_buf_append_str(hl_buf *b, hl_str s);
void hl_buf_append_cstr(hl_buf *b, const char *s);
void hl_buf_append_char(hl_buf *b, char c);
void hl_buf_append_uint(hl_buf *b, uint64_t value); /* in decimal; far faster than printf */
void hl_buf_printf(hl_buf *b, const char *fmt, ...) HL_PRINTF(2, 3);
/* Makes room for n bytes behind len; false when it failed. */
bool hl_buf_reserve(hl_buf *b, size_t n);
/* Drops the first n bytes. */
void hl_buf_consume(hl_buf *b, size_t n);

static inline hl_str hl_buf_str(const hl_buf *b) {
    return (hl_str){b->ptr ? b->ptr : "", b->len};
}
/* HL_OK, HL_ELIMIT or HL_ENOMEM with *err filled. */
hl_status hl_buf_status(const hl_buf *b, const char *what, hl_error *err) HL_NODISCARD;
