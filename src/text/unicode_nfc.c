/* Normalisation form C: decompose, order the marks, compose (UAX 15).  One "sequence" at a
 * time: a starter with the marks behind it, as far as composing can reach. */
#include "base/mem.h"
#include "text/unicode.h"

enum {
    HANGUL_S = 0xAC00,
    HANGUL_L = 0x1100,
    HANGUL_V = 0x1161,
    HANGUL_T = 0x11A7, /* one before the first trailing consonant */
    N_L = 19,
    N_V = 21,
    N_T = 28,
    SORT_SMALL = 16 /* marks: below this insertion sort, above counting */
};

/* Malformed bytes travel through as values above Unicode, so that they come out again. */
enum { RAW_BYTE = 0x110000 };

static hl__unicode_order order_of(uint32_t cp) {
    if (cp >= RAW_BYTE) return (hl__unicode_order){0, false};
    uint32_t block = hl__unicode_order_index[cp >> HL__UNICODE_BLOCK_SHIFT];
    return hl__unicode_orders[hl__unicode_order_blocks[block << HL__UNICODE_BLOCK_SHIFT |
                                                       (cp & 0x7F)]];
}

bool hl_unicode_is_nfc(hl_str text) {
    const uint8_t *p = (const uint8_t *)text.ptr;
    uint8_t last = 0;
    for (size_t at = 0; at < text.len;) {
        if (p[at] < 0xCC) { /* below U+0300 nothing combines and nothing decomposes */
            last = 0;
            at++;
            continue;
        }
        uint32_t cp;
        bool ok;
        at += hl_utf8_decode(text, at, &cp, &ok);
        hl__unicode_order o = order_of(cp);
        if (o.look || (o.combining && o.combining < last)) return false;
        last = o.combining;
    }
    return true;
}

/* ---- decomposing ------------------------------------------------------------------- */

typedef struct sequence {
    uint32_t *cps; /* owned */
    size_t n, cap;
    hl_status failed;
} sequence;

static void put(sequence *s, uint32_t cp) {
    if (s->n == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 64;
        uint32_t *cps = hl_realloc(s->cps, cap * sizeof *cps);
        if (!cps) {
            s->failed = HL_ENOMEM;
            return;
        }
        s->cps = cps;
        s->cap = cap;
    }
    s->cps[s->n++] = cp;
}

static const hl__unicode_triple *find_decomposition(uint32_t cp) {
    size_t lo = 0, hi = hl__unicode_n_decompositions;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (hl__unicode_decompositions[mid].from < cp)
            lo = mid + 1;
        else
            hi = mid;
    }
    const hl__unicode_triple *d = &hl__unicode_decompositions[lo];
    return lo < hl__unicode_n_decompositions && d->from == cp ? d : NULL;
}

/* The tables nest a few levels at most: only the first part decomposes further. */
static void decompose(sequence *s, uint32_t cp) {
    if (cp >= HANGUL_S && cp < HANGUL_S + N_L * N_V * N_T) {
        uint32_t i = cp - HANGUL_S;
        put(s, HANGUL_L + i / (N_V * N_T));
        put(s, HANGUL_V + i % (N_V * N_T) / N_T);
        if (i % N_T) put(s, HANGUL_T + i % N_T);
        return;
    }
    const hl__unicode_triple *d = cp >= 0xC0 ? find_decomposition(cp) : NULL;
    if (!d) {
        put(s, cp);
        return;
    }
    decompose(s, d->a);
    if (d->b) decompose(s, d->b);
}

/* ---- ordering ---------------------------------------------------------------------- */

static void sort_small(uint32_t *cps, size_t n) {
    for (size_t i = 1; i < n; i++) {
        uint32_t cp = cps[i];
        uint8_t c = order_of(cp).combining;
        size_t j = i;
        for (; j > 0 && order_of(cps[j - 1]).combining > c; j--) cps[j] = cps[j - 1];
        cps[j] = cp;
    }
}

/* A stable counting sort by combining class, for texts that are nothing but marks. */
static hl_status sort_large(uint32_t *cps, size_t n) {
    uint32_t *copy = n <= SIZE_MAX / sizeof *copy ? hl_alloc(n * sizeof *copy) : NULL;
    if (!copy) return HL_ENOMEM;
    size_t start[257] = {0};
    for (size_t i = 0; i < n; i++) start[order_of(cps[i]).combining + 1]++;
    for (size_t c = 1; c <= 256; c++) start[c] += start[c - 1];
    memcpy(copy, cps, n * sizeof *copy);
    for (size_t i = 0; i < n; i++) cps[start[order_of(copy[i]).combining]++] = copy[i];
    hl_free(copy);
    return HL_OK;
}

/* Sorts each run of marks (combining class above 0) by class, stably. */
static void order_marks(sequence *s) {
    for (size_t i = 0; i < s->n; i++) {
        if (!order_of(s->cps[i]).combining) continue;
        size_t end = i;
        while (end < s->n && order_of(s->cps[end]).combining) end++;
        if (end - i <= SORT_SMALL)
            sort_small(s->cps + i, end - i);
        else if (sort_large(s->cps + i, end - i) < 0)
            s->failed = HL_ENOMEM;
        i = end;
    }
}

/* ---- composing --------------------------------------------------------------------- */

/* The composite of a and b, or 0. */
static uint32_t compose_pair(uint32_t a, uint32_t b) {
    if (a >= HANGUL_L && a < HANGUL_L + N_L && b >= HANGUL_V && b < HANGUL_V + N_V)
        return HANGUL_S + ((a - HANGUL_L) * N_V + (b - HANGUL_V)) * N_T;
    if (a >= HANGUL_S && a < HANGUL_S + N_L * N_V * N_T && (a - HANGUL_S) % N_T == 0 &&
        b > HANGUL_T && b < HANGUL_T + N_T)
        return a + (b - HANGUL_T);
    size_t lo = 0, hi = hl__unicode_n_compositions;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        const hl__unicode_triple *c = &hl__unicode_compositions[mid];
        if (c->from < a || (c->from == a && c->a < b))
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == hl__unicode_n_compositions) return 0;
    const hl__unicode_triple *c = &hl__unicode_compositions[lo];
    return c->from == a && c->a == b ? c->b : 0;
}

/* In place.  A mark joins the last starter unless a mark of the same or a higher class, or
 * another starter, stands between them. */
static void compose(sequence *s) {
    size_t n = 0, starter = SIZE_MAX;
    uint8_t last = 0;
    for (size_t i = 0; i < s->n; i++) {
        uint32_t cp = s->cps[i];
        uint8_t c = order_of(cp).combining;
        bool reaches = starter != SIZE_MAX && (starter + 1 == n || (last < c && last));
        uint32_t whole = reaches ? compose_pair(s->cps[starter], cp) : 0;
        if (whole) {
            s->cps[starter] = whole;
            continue;
        }
        if (c == 0) starter = n;
        last = c;
        s->cps[n++] = cp;
    }
    HL_ASSERT(n <= s->n);
    s->n = n;
}

/* ---- the whole --------------------------------------------------------------------- */

static void flush(sequence *s, hl_buf *out) {
    if (s->n > 1) {
        order_marks(s);
        compose(s);
    }
    for (size_t i = 0; i < s->n; i++) {
        if (s->cps[i] >= RAW_BYTE) {
            hl_buf_append_char(out, (char)(s->cps[i] - RAW_BYTE));
            continue;
        }
        char utf8[4];
        hl_buf_append(out, utf8, hl_utf8_encode(s->cps[i], utf8));
    }
    s->n = 0;
}

/* Where a sequence may end before a character: nothing behind can join what is before. */
static bool is_boundary(uint32_t cp) {
    hl__unicode_order o = order_of(cp);
    return o.combining == 0 && !o.look;
}

void hl_unicode_to_nfc(hl_str text, hl_buf *out) {
    sequence s = {0};
    if (!hl_buf_reserve(out, text.len)) return;
    for (size_t at = 0; at < text.len && s.failed == HL_OK;) {
        uint8_t byte = (uint8_t)text.ptr[at];
        uint32_t cp;
        bool ok;
        at += hl_utf8_decode(text, at, &cp, &ok);
        if (!ok) cp = RAW_BYTE + byte;
        if (is_boundary(cp)) flush(&s, out);
        decompose(&s, cp);
    }
    if (s.failed == HL_OK) flush(&s, out);
    if (s.failed < 0) out->failed = s.failed;
    hl_free(s.cps);
}
