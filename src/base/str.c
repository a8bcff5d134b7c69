#define _GNU_SOURCE
#include "base/str.h"

size_t hl_str_find(hl_str s, hl_str needle, size_t from) {
    if (from > s.len || needle.len > s.len - from) return SIZE_MAX;
    if (needle.len == 0) return from;
    const char *hit = memmem(s.ptr + from, s.len - from, needle.ptr, needle.len);
    return hit ? (size_t)(hit - s.ptr) : SIZE_MAX;
}

static char lower(char c) {
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

bool hl_str_eq_nocase(hl_str a, hl_str b) {
    if (a.len != b.len) return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.ptr[i]) != lower(b.ptr[i])) return false;
    return true;
}
