#include "text/template_chars.h"

#include "base/status.h"
#include "base/utf8.h"

unsigned hl__tpl_char_flags(uint32_t cp) {
    size_t lo = 0, hi = hl__tpl_char_runs_n;
    HL_DASSERT(hl__tpl_char_runs[0].from == 0);
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (hl__tpl_char_runs[mid].from <= cp)
            lo = mid;
        else
            hi = mid;
    }
    return hl__tpl_char_runs[lo].flags;
}

unsigned hl__tpl_char_case(uint32_t cp, tpl_case to, uint32_t out[TPL_CASE_MAX]) {
    const tpl_case_table *t = &hl__tpl_case_tables[to];
    out[0] = cp;
    for (size_t i = 0; i < t->n_specials && t->specials[i].cp <= cp; i++) {
        if (t->specials[i].cp != cp) continue;
        unsigned n = 0;
        while (n < TPL_CASE_MAX && t->specials[i].to[n]) {
            out[n] = t->specials[i].to[n];
            n++;
        }
        HL_ASSERT(n > 0);
        return n;
    }
    size_t lo = 0, hi = t->n_runs;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        const tpl_case_run *run = &t->runs[mid];
        if (cp > run->to) {
            lo = mid + 1;
        } else if (cp < run->from) {
            hi = mid;
        } else {
            if ((cp - run->from) % run->step == 0) out[0] = (uint32_t)((int32_t)cp + run->delta);
            return 1;
        }
    }
    return 1;
}

static bool continues(char c) {
    return ((uint8_t)c & 0xC0) == 0x80;
}

/* How many of the 8 bytes at p begin a character. */
static size_t begins_in_word(const char *p) {
    uint64_t w;
    memcpy(&w, p, sizeof w);
    uint64_t continuing = w >> 7 & ~w >> 6 & UINT64_C(0x0101010101010101);
    return 8 - (size_t)__builtin_popcountll(continuing);
}

size_t hl__tpl_chars_count(hl_str s) {
    size_t n = 0, i = 0;
    for (; s.len - i >= 8; i += 8) n += begins_in_word(s.ptr + i);
    for (; i < s.len; i++) n += !continues(s.ptr[i]);
    return n;
}

size_t hl__tpl_chars_skip(hl_str s, size_t from, size_t n) {
    size_t at = from;
    while (n >= 8 && s.len - at >= 8) {
        n -= begins_in_word(s.ptr + at);
        at += 8;
    }
    /* words may end inside a character, whose beginning was counted */
    while (at < s.len && (n > 0 || continues(s.ptr[at]))) {
        n -= !continues(s.ptr[at]);
        at++;
    }
    return at;
}

uint32_t hl__tpl_chars_next(hl_str s, size_t *at) {
    uint32_t cp;
    bool ok;
    *at += hl_utf8_decode(s, *at, &cp, &ok);
    return cp;
}

uint32_t hl__tpl_chars_prev(hl_str s, size_t *end) {
    HL_ASSERT(*end > 0 && *end <= s.len);
    size_t at = *end - 1;
    while (at > 0 && continues(s.ptr[at])) at--;
    *end = at;
    return hl__tpl_chars_next(s, &at);
}

hl_str hl__tpl_chars_strip(hl_str s, bool left, bool right) {
    size_t from = 0, to = s.len;
    while (right && to > from) {
        size_t end = to;
        if (!(hl__tpl_char_flags(hl__tpl_chars_prev(s, &end)) & TPL_CHAR_SPACE)) break;
        to = end;
    }
    while (left && from < to) {
        size_t at = from;
        if (!(hl__tpl_char_flags(hl__tpl_chars_next(s, &at)) & TPL_CHAR_SPACE)) break;
        from = at;
    }
    return hl_str_slice(s, from, to);
}
