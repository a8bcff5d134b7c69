#include "base/buf.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

void hl_buf_deinit(hl_buf *b) {
    hl_free(b->ptr);
    *b = (hl_buf){0};
}

void hl_buf_reset(hl_buf *b) {
    b->len = 0;
    b->failed = HL_OK;
    if (b->ptr) b->ptr[0] = '\0';
}

bool hl_buf_reserve(hl_buf *b, size_t n) {
    if (b->failed) return false;
    size_t max = b->bytes_max && b->bytes_max < SIZE_MAX / 2 ? b->bytes_max : SIZE_MAX / 2;
    if (n > max - b->len) {
        b->failed = b->bytes_max ? HL_ELIMIT : HL_ENOMEM;
        return false;
    }
    if (b->len + n + 1 <= b->cap) return true;
    size_t cap = b->cap ? b->cap : 64;
    while (cap < b->len + n + 1) cap *= 2;
    char *p = hl_realloc(b->ptr, cap);
    if (!p) {
        b->failed = HL_ENOMEM;
        return false;
    }
    b->ptr = p;
    b->cap = cap;
    return true;
}

void hl_buf_append(hl_buf *b, const void *data, size_t len) {
    if (!hl_buf_reserve(b, len)) return;
    if (len) memcpy(b->ptr + b->len, data, len);
    b->len += len;
    b->ptr[b->len] = '\0';
}

void hl_buf_append_str(hl_buf *b, hl_str s) {
    hl_buf_append(b, s.ptr, s.len);
}

void hl_buf_append_cstr(hl_buf *b, const char *s) {
    hl_buf_append(b, s, strlen(s));
}

void hl_buf_append_char(hl_buf *b, char c) {
    hl_buf_append(b, &c, 1);
}

void hl_buf_append_uint(hl_buf *b, uint64_t value) {
    char digits[20]; /* of UINT64_MAX */
    size_t at = sizeof digits;
    do {
        HL_DASSERT(at > 0);
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    hl_buf_append(b, digits + at, sizeof digits - at);
}

void hl_buf_printf(hl_buf *b, const char *fmt, ...) {
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    HL_ASSERT(n >= 0);
    if (hl_buf_reserve(b, (size_t)n)) {
        (void)vsnprintf(b->ptr + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

void hl_buf_consume(hl_buf *b, size_t n) {
    HL_ASSERT(n <= b->len);
    if (n == 0) return;
    memmove(b->ptr, b->ptr + n, b->len - n + 1);
    b->len -= n;
}

hl_status hl_buf_status(const hl_buf *b, const char *what, hl_error *err) {
    if (b->failed == HL_OK) return HL_OK;
    if (b->failed == HL_ELIMIT)
        return hl_fail(err, HL_ELIMIT, "buf", "%s is larger than %zu bytes", what, b->bytes_max);
    return hl_fail(err, HL_ENOMEM, "buf", "no memory for %s", what);
}
