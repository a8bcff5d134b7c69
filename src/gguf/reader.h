/* gguf/reader.h
 *
 * A bounded cursor over little-endian bytes.  Nothing is read past the end: a
 * read that would is EFORMAT, with what was wanted and the offset, and the
 * cursor stays where it was.
 *
 * Threads: one at a time.
 */
#pragma once

#include "base/status.h"
#include "base/str.h"

typedef struct hl_reader {
    hl_bytes bytes; /* borrowed */
    size_t at;      /* always <= bytes.len */
} hl_reader;

static inline size_t hl_reader_left(const hl_reader *r) {
    return r->bytes.len - r->at;
}

/* `what` names the thing in the message: "key of value 3". */
hl_status hl_reader_take(hl_reader *r, size_t n, const char *what, const uint8_t **ret,
                         hl_error *err) HL_NODISCARD;
hl_status hl_reader_u32(hl_reader *r, const char *what, uint32_t *ret, hl_error *err) HL_NODISCARD;
hl_status hl_reader_u64(hl_reader *r, const char *what, uint64_t *ret, hl_error *err) HL_NODISCARD;
/* A length of 64 bits, then so many bytes, which *ret borrows.  ELIMIT past len_max. */
hl_status hl_reader_str(hl_reader *r, size_t len_max, const char *what, hl_str *ret,
                        hl_error *err) HL_NODISCARD;

/* Little-endian values at any address. */
static inline uint16_t hl_le16(const uint8_t *p) {
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t hl_le32(const uint8_t *p) {
    return (uint32_t)hl_le16(p) | (uint32_t)hl_le16(p + 2) << 16;
}

static inline uint64_t hl_le64(const uint8_t *p) {
    return (uint64_t)hl_le32(p) | (uint64_t)hl_le32(p + 4) << 32;
}
