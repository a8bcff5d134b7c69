#include "engine/native/stop.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <string.h>

uint64_t hl_stop_bytes(uint32_t bytes_max) {
    return bytes_max * (uint64_t)(2 + sizeof(uint32_t));
}

hl_status hl_stop_init(hl_stop *s, uint32_t bytes_max, hl_error *err) {
    *s = (hl_stop){.bytes_max = bytes_max};
    s->bytes = hl_calloc(bytes_max, 1);
    s->held = hl_calloc(bytes_max, 1);
    s->back = hl_calloc(bytes_max, sizeof *s->back);
    if (s->bytes && s->held && s->back) return HL_OK;
    hl_stop_deinit(s);
    return hl_fail(err, HL_ENOMEM, "engine", "no memory for %u bytes of stop strings", bytes_max);
}

void hl_stop_deinit(hl_stop *s) {
    hl_free(s->bytes);
    hl_free(s->held);
    hl_free(s->back);
    *s = (hl_stop){0};
}

static hl_status check(const hl_stop *s, const hl_str *stops, size_t n, hl_error *err) {
    if (n > HL_STOPS_MAX)
        return hl_fail(err, HL_ELIMIT, "engine", "%zu stop strings, at most %d", n, HL_STOPS_MAX);
    size_t total = 0;
    for (size_t i = 0; i < n; i++) {
        if (stops[i].len == 0)
            return hl_fail(err, HL_EINVAL, "engine", "stop string %zu is empty", i + 1);
        if (stops[i].len > s->bytes_max - total)
            return hl_fail(err, HL_ELIMIT, "engine", "stop strings of more than %u bytes together",
                           s->bytes_max);
        total += stops[i].len;
        size_t bad = hl_utf8_check(stops[i]);
        if (bad < stops[i].len)
            return hl_fail(err, HL_EINVAL, "engine", "stop string %zu is not UTF-8 at byte %zu",
                           i + 1, bad);
    }
    return HL_OK;
}

/* How much of the stop string the stream ends with when c follows `matched` bytes of it. */
static uint32_t advance(const char *stop, const uint32_t *back, uint32_t matched, char c) {
    while (matched > 0 && stop[matched] != c) matched = back[matched - 1];
    return stop[matched] == c ? matched + 1 : 0;
}

static void fill_back(const char *stop, uint32_t *back, uint32_t len) {
    back[0] = 0;
    for (uint32_t i = 1; i < len; i++) back[i] = advance(stop, back, back[i - 1], stop[i]);
}

hl_status hl_stop_set(hl_stop *s, const hl_str *stops, size_t n, hl_error *err) {
    HL_TRY(check(s, stops, n, err));
    uint32_t at = 0;
    s->n = (uint32_t)n;
    s->n_held = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        s->at[i] = at;
        s->len[i] = (uint32_t)stops[i].len;
        s->matched[i] = 0;
        memcpy(s->bytes + at, stops[i].ptr, stops[i].len);
        fill_back(s->bytes + at, s->back + at, s->len[i]);
        at += s->len[i];
    }
    return HL_OK;
}

/* Moves all matches on by one byte.  Returns the longest; *ret_hit: it is a whole stop string. */
static uint32_t advance_all(hl_stop *s, char c, bool *ret_hit) {
    uint32_t longest = 0, longest_hit = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t m = advance(s->bytes + s->at[i], s->back + s->at[i], s->matched[i], c);
        s->matched[i] = m;
        if (m > longest) longest = m;
        if (m == s->len[i] && m > longest_hit) longest_hit = m;
    }
    *ret_hit = longest_hit > 0;
    return *ret_hit ? longest_hit : longest;
}

static void let_go(hl_stop *s, uint32_t n, hl_buf *out) {
    HL_ASSERT(n <= s->n_held);
    hl_buf_append(out, s->held, n);
    s->n_held -= n;
    memmove(s->held, s->held + n, s->n_held);
}

bool hl_stop_push(hl_stop *s, hl_str text, hl_buf *out) {
    if (s->n == 0) {
        hl_buf_append_str(out, text);
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        bool hit;
        uint32_t matched = advance_all(s, text.ptr[i], &hit);
        /* The match is an end of held and this byte: the rest before it can go. */
        if (matched == 0) {
            let_go(s, s->n_held, out);
            hl_buf_append_char(out, text.ptr[i]);
            continue;
        }
        let_go(s, s->n_held + 1 - matched, out);
        if (hit) {
            s->n_held = 0;
            return true;
        }
        HL_ASSERT(s->n_held < s->bytes_max);
        s->held[s->n_held++] = text.ptr[i];
    }
    return false;
}

void hl_stop_finish(hl_stop *s, hl_buf *out) {
    let_go(s, s->n_held, out);
}
