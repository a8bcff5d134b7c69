#include "text/template_strings.h"

#include "base/utf8.h"

static bool in_set(hl_str set, hl_str one) {
    return hl_str_find(set, one, 0) != SIZE_MAX;
}

hl_status hl__tpl_strip(tpl_run *r, hl_str s, const hl_str *chars, bool left, bool right,
                        hl_str *ret) {
    *ret = s;
    if (!chars) {
        *ret = hl__tpl_chars_strip(s, left, right);
    } else {
        size_t from = 0, to = s.len;
        while (left && from < to) {
            size_t end = hl__tpl_chars_skip(s, from, 1);
            if (!in_set(*chars, hl_str_slice(s, from, end))) break;
            from = end;
        }
        while (right && to > from) {
            size_t start = to;
            (void)hl__tpl_chars_prev(s, &start);
            if (!in_set(*chars, hl_str_slice(s, start, to))) break;
            to = start;
        }
        *ret = hl_str_slice(s, from, to);
        HL_TRY(hl__tpl_charge(r, (s.len - ret->len) / 4 * (1 + chars->len / 64)));
    }
    return hl__tpl_charge(r, (s.len - ret->len) / 4);
}

hl_status hl__tpl_replace(tpl_run *r, hl_str s, hl_str old, hl_str with, int64_t count,
                          tpl_value *ret) {
    size_t begin = hl__tpl_text_begin(r), at = 0;
    HL_TRY(hl__tpl_charge(r, (s.len + old.len) / 16));
    for (; count != 0; count -= count > 0) {
        size_t hit = hl_str_find(s, old, at);
        if (hit == SIZE_MAX) break;
        /* the empty string is found before every character, and at the end */
        size_t next = old.len ? hit + old.len : hl__tpl_chars_skip(s, hit, 1);
        HL_TRY(hl__tpl_charge(r, 1 + with.len / 64));
        hl_buf_append_str(&r->out, hl_str_slice(s, at, hit));
        hl_buf_append_str(&r->out, with);
        if (old.len == 0) hl_buf_append_str(&r->out, hl_str_slice(s, hit, next));
        HL_TRY(hl__tpl_out_check(r));
        at = next;
        if (old.len == 0 && hit == s.len) break;
    }
    hl_buf_append_str(&r->out, hl_str_slice(s, at, s.len));
    return hl__tpl_text_end(r, begin, ret);
}

void hl__tpl_append_case(tpl_run *r, uint32_t cp, tpl_case to) {
    uint32_t out[TPL_CASE_MAX];
    unsigned n = hl__tpl_char_case(cp, to, out);
    for (unsigned i = 0; i < n; i++) {
        char text[4];
        hl_buf_append(&r->out, text, hl_utf8_encode(out[i], text));
    }
}

static bool is_cased(unsigned flags) {
    return (flags & (TPL_CHAR_UPPER | TPL_CHAR_LOWER | TPL_CHAR_TITLE)) != 0;
}

/* A sigma that ends a word: a letter before it, none behind, whatever signs are between. */
static bool is_final_sigma(hl_str s, size_t from, size_t to) {
    unsigned flags = 0;
    size_t end = from;
    while (end > 0) {
        flags = hl__tpl_char_flags(hl__tpl_chars_prev(s, &end));
        if (!(flags & TPL_CHAR_CASE_IGNORABLE)) break;
        flags = 0;
    }
    if (!is_cased(flags)) return false;
    for (size_t at = to; at < s.len;) {
        flags = hl__tpl_char_flags(hl__tpl_chars_next(s, &at));
        if (!(flags & TPL_CHAR_CASE_IGNORABLE)) return !is_cased(flags);
    }
    return true;
}

enum { SIGMA = 0x3A3, SIGMA_FINAL = 0x3C2 };

void hl__tpl_append_lower(tpl_run *r, hl_str s, size_t *at) {
    HL_DASSERT(*at < s.len);
    size_t from = *at;
    uint32_t cp = hl__tpl_chars_next(s, at);
    if (cp == SIGMA && is_final_sigma(s, from, *at))
        hl__tpl_append_case(r, SIGMA_FINAL, TPL_CASE_LOWER);
    else
        hl__tpl_append_case(r, cp, TPL_CASE_LOWER);
}

hl_status hl__tpl_change_case(tpl_run *r, hl_str s, tpl_case to, tpl_value *ret) {
    size_t begin = hl__tpl_text_begin(r), at = 0;
    HL_TRY(hl__tpl_charge(r, s.len / 8));
    while (at < s.len) {
        if (to == TPL_CASE_LOWER)
            hl__tpl_append_lower(r, s, &at);
        else
            hl__tpl_append_case(r, hl__tpl_chars_next(s, &at), to);
    }
    return hl__tpl_text_end(r, begin, ret);
}

hl_status hl__tpl_capitalize(tpl_run *r, hl_str s, tpl_value *ret) {
    size_t begin = hl__tpl_text_begin(r), at = 0;
    HL_TRY(hl__tpl_charge(r, s.len / 8));
    if (s.len) hl__tpl_append_case(r, hl__tpl_chars_next(s, &at), TPL_CASE_TITLE);
    while (at < s.len) hl__tpl_append_lower(r, s, &at);
    return hl__tpl_text_end(r, begin, ret);
}

static hl_status append_fill(tpl_run *r, hl_str fill, int64_t n) {
    for (int64_t i = 0; i < n; i++) hl_buf_append_str(&r->out, fill);
    return hl__tpl_out_check(r);
}

hl_status hl__tpl_justify(tpl_run *r, hl_str s, int64_t width, hl_str fill, char align,
                          tpl_value *ret) {
    HL_ASSERT(align == '<' || align == '>' || align == '^');
    int64_t n = (int64_t)hl__tpl_chars_count(s), space = width > n ? width - n : 0;
    size_t begin = hl__tpl_text_begin(r);
    if ((uint64_t)space > r->limits->output_bytes_max)
        return hl__tpl_fail(r, HL_ELIMIT, "a text of %lld characters", (long long)width);
    HL_TRY(hl__tpl_charge(r, (s.len + (uint64_t)space) / 8));
    /* Python's center puts the odd space left only where the width is odd too */
    int64_t left = align == '>' ? space : align == '^' ? space / 2 + (space & width & 1) : 0;
    HL_TRY(append_fill(r, fill, left));
    hl_buf_append_str(&r->out, s);
    HL_TRY(append_fill(r, fill, space - left));
    return hl__tpl_text_end(r, begin, ret);
}

static bool ends_line(uint32_t cp) {
    return (cp >= 0x0A && cp <= 0x0D) || (cp >= 0x1C && cp <= 0x1E) || cp == 0x85 || cp == 0x2028 ||
           cp == 0x2029;
}

bool hl__tpl_next_line(hl_str s, size_t *at, hl_str *ret_line, hl_str *ret_end) {
    if (*at >= s.len) return false;
    size_t from = *at, end = from;
    while (end < s.len) {
        size_t behind = end;
        uint32_t cp = hl__tpl_chars_next(s, &behind);
        if (!ends_line(cp)) {
            end = behind;
            continue;
        }
        if (cp == '\r' && behind < s.len && s.ptr[behind] == '\n') behind++;
        *at = behind;
        *ret_line = hl_str_slice(s, from, end);
        *ret_end = hl_str_slice(s, end, behind);
        return true;
    }
    *at = s.len;
    *ret_line = hl_str_slice(s, from, s.len);
    *ret_end = (hl_str){0};
    return true;
}

bool hl__tpl_next_word(hl_str s, size_t *at, hl_str *ret) {
    size_t from = *at;
    while (from < s.len) {
        size_t behind = from;
        if (!(hl__tpl_char_flags(hl__tpl_chars_next(s, &behind)) & TPL_CHAR_SPACE)) break;
        from = behind;
    }
    size_t end = from;
    while (end < s.len) {
        size_t behind = end;
        if (hl__tpl_char_flags(hl__tpl_chars_next(s, &behind)) & TPL_CHAR_SPACE) break;
        end = behind;
    }
    *at = end;
    *ret = hl_str_slice(s, from, end);
    return end > from;
}

bool hl__tpl_is_case(hl_str s, unsigned flag) {
    bool cased = false;
    for (size_t at = 0; at < s.len;) {
        unsigned flags = hl__tpl_char_flags(hl__tpl_chars_next(s, &at));
        if (is_cased(flags) && !(flags & flag)) return false;
        cased |= (flags & flag) != 0;
    }
    return cased;
}
