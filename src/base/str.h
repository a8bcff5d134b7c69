/* base/str.h
 *
 * Borrowed slices.  A slice never outlives the memory it points into (an arena,
 * a mapped file, a literal); a struct that keeps one says whose memory it is.
 * Slices are not NUL-terminated.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct hl_str {
    const char *ptr;
    size_t len;
} hl_str;

typedef struct hl_bytes {
    const uint8_t *ptr;
    size_t len;
} hl_bytes;

#define HL_STR(literal) ((hl_str){"" literal, sizeof(literal) - 1})
/* For printf: printf("%.*s", HL_STR_ARG(s)).  Cut at INT_MAX. */
#define HL_STR_ARG(s)   (int)((s).len > INT32_MAX ? INT32_MAX : (s).len), ((s).ptr ? (s).ptr : "")

static inline hl_str hl_str_from(const char *cstr) {
    return (hl_str){cstr, cstr ? strlen(cstr) : 0};
}

static inline bool hl_str_eq(hl_str a, hl_str b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Letters of ASCII in any case. */
bool hl_str_eq_nocase(hl_str a, hl_str b);
static inline bool hl_str_is(hl_str a, const char *cstr) {
    return hl_str_eq(a, hl_str_from(cstr));
}

static inline bool hl_str_starts(hl_str s, hl_str prefix) {
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

static inline bool hl_str_ends(hl_str s, hl_str suffix) {
    return s.len >= suffix.len &&
           (suffix.len == 0 || memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len) == 0);
}

/* The part from `from` up to but without `to`; both are cut to the length. */
static inline hl_str hl_str_slice(hl_str s, size_t from, size_t to) {
    if (to > s.len) to = s.len;
    if (from > to) from = to;
    return (hl_str){s.ptr ? s.ptr + from : NULL, to - from};
}

/* Offset of the first `needle` at or after `from`, or SIZE_MAX. */
size_t hl_str_find(hl_str s, hl_str needle, size_t from);
