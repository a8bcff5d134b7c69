#include "base/utf8.h"

#include "base/status.h"

/* Length that a lead byte announces and the range its second byte must lie in; 0: not a lead. */
static size_t lead(uint8_t b, uint8_t *lo, uint8_t *hi) {
    *lo = 0x80;
    *hi = 0xBF;
    if (b < 0x80) return 1;
    if (b < 0xC2) return 0;
    if (b < 0xE0) return 2;
    if (b < 0xF0) {
        if (b == 0xE0) *lo = 0xA0;
        if (b == 0xED) *hi = 0x9F;
        return 3;
    }
    if (b > 0xF4) return 0;
    if (b == 0xF0) *lo = 0x90;
    if (b == 0xF4) *hi = 0x8F;
    return 4;
}

/* How many bytes of the n announced are there and valid, at least 1. */
static size_t valid_bytes(const uint8_t *p, size_t avail, size_t n, uint8_t lo, uint8_t hi) {
    size_t i = 1;
    for (; i < n && i < avail; i++) {
        if (p[i] < lo || p[i] > hi) break;
        lo = 0x80;
        hi = 0xBF;
    }
    return i;
}

size_t hl_utf8_decode(hl_str s, size_t at, uint32_t *ret_cp, bool *ret_ok) {
    HL_DASSERT(at < s.len);
    const uint8_t *p = (const uint8_t *)s.ptr + at;
    uint8_t lo, hi;
    size_t n = lead(p[0], &lo, &hi);
    *ret_ok = n && valid_bytes(p, s.len - at, n, lo, hi) == n;
    if (!*ret_ok) {
        *ret_cp = HL_UTF8_BAD;
        return 1;
    }
    static const uint8_t LEAD_MASK[5] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t cp = p[0] & LEAD_MASK[n];
    for (size_t i = 1; i < n; i++) cp = cp << 6 | (p[i] & 0x3Fu);
    *ret_cp = cp;
    return n;
}

size_t hl_utf8_encode(uint32_t cp, char out[4]) {
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xC0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3F));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xE0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3F));
        out[2] = (char)(0x80 | (cp & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3F));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3F));
    out[3] = (char)(0x80 | (cp & 0x3F));
    return 4;
}

size_t hl_utf8_check(hl_str s) {
    size_t at = 0;
    while (at < s.len) {
        uint32_t cp;
        bool ok;
        size_t n = hl_utf8_decode(s, at, &cp, &ok);
        if (!ok) return at;
        at += n;
    }
    return s.len;
}

size_t hl_utf8_tail(hl_str s) {
    size_t back_max = s.len < 3 ? s.len : 3;
    for (size_t back = 1; back <= back_max; back++) {
        const uint8_t *p = (const uint8_t *)s.ptr + s.len - back;
        uint8_t lo, hi;
        if ((*p & 0xC0) == 0x80) continue; /* a continuation: look further back */
        size_t n = lead(*p, &lo, &hi);
        return n > back && valid_bytes(p, back, n, lo, hi) == back ? back : 0;
    }
    return 0;
}
