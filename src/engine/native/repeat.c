#include "engine/native/repeat.h"

static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static hl_str trim(hl_str s) {
    size_t from = 0, to = s.len;
    while (from < to && is_space(s.ptr[from])) from++;
    while (from < to && is_space(s.ptr[to - 1])) to--;
    return hl_str_slice(s, from, to);
}

bool hl_repeat_push(hl_repeat *r, hl_str text) {
    text = trim(text);
    if (hl_str_eq(text, r->last)) return ++r->n > HL_REPEATS_MAX;
    *r = (hl_repeat){.last = text};
    return false;
}
