/* compute/cpu/x86/attention_body.h
 *
 * Attention, written once over vec_LEVEL.h; each attention_LEVEL.c defines QUERIES_ABREAST and
 * VALUES_ABREAST and includes it once.
 *
 * A tile of queries (rows times heads of one KV head) walks over the pages together, so that a
 * page is read and widened to f32 once a tile.  Queries that see the same part of a page are
 * computed some abreast:
 *
 *   scores   for each dimension d, keys[d][32 tokens] times q[d]; a lane is a token
 *   softmax  running maximum, sum by lane
 *   mix      for each token t, values[t][dims] times p[t]; a lane is a dimension
 *
 * Each query's sums have one order, whoever stands beside it: d ascending, then pages, t ascending.
 *
 * Source: Milakov and Gimelshein (2018) for the running softmax; Dao et al., "FlashAttention"
 * (2022) for the tiles.
 */
#pragma once

#include "compute/cpu/ops_parts.h"
#include "compute/cpu/x86/vec_exp.h"

#include <math.h>

enum {
    TOKENS = HL_CPU_PAGE_TOKENS,
    TOKEN_VECS = TOKENS / VEC_LANES,
    PASS_VECS = 2, /* of tokens, whose scores are in registers at once */
    TILE_QUERIES = 64,
    MIX_ABREAST = 4 /* queries */
};
_Static_assert(TOKEN_VECS % PASS_VECS == 0, "passes cover a page");

/* A tile's memory: everything 64-byte aligned. */
typedef struct tile {
    const hl_cpu_attention *a;
    uint32_t dims; /* head_dim up to a multiple of VEC_LANES */
    const float *q[TILE_QUERIES];
    uint32_t pos[TILE_QUERIES]; /* of the query's row */
    float max[TILE_QUERIES];
    float sum[TILE_QUERIES][VEC_LANES];
    float p[QUERIES_ABREAST][TOKENS];
    float *keys;   /* [head_dim, TOKENS] */
    float *values; /* [TOKENS, dims] */
    float *mixed;  /* [TILE_QUERIES, dims] */
} tile;

static uint32_t padded(uint32_t head_dim) {
    return (head_dim + VEC_LANES - 1) / VEC_LANES * VEC_LANES;
}

enum { TILE_BYTES = (sizeof(tile) + 63) / 64 * 64 };

static size_t attention_scratch(uint32_t head_dim, uint32_t n_group) {
    (void)n_group;
    size_t floats = (size_t)head_dim * TOKENS + (size_t)padded(head_dim) * (TOKENS + TILE_QUERIES);
    return TILE_BYTES + floats * sizeof(float);
}

static tile *lay_tile(const hl_cpu_attention *a, void *scratch) {
    tile *t = scratch;
    t->a = a;
    t->dims = padded(a->head_dim);
    t->keys = (float *)(void *)((uint8_t *)scratch + TILE_BYTES);
    t->values = t->keys + (size_t)a->head_dim * TOKENS;
    t->mixed = t->values + (size_t)t->dims * TOKENS;
    return t;
}

/* ---- one page, n queries from the i-th that all see its first n_tokens */

VEC_INLINE void scores(tile *t, uint32_t i, const uint32_t n) {
    const uint32_t head_dim = t->a->head_dim;
    const vec scale = vec_set1(t->a->scale);
    for (uint32_t at = 0; at < TOKENS; at += PASS_VECS * VEC_LANES) {
        vec s[QUERIES_ABREAST][PASS_VECS];
        const float *k = t->keys + at;
#pragma GCC unroll 8
        for (uint32_t j = 0; j < n; j++) s[j][0] = s[j][1] = vec_zero();
        for (uint32_t d = 0; d < head_dim; d++, k += TOKENS) {
            vec k0 = vec_load(k), k1 = vec_load(k + VEC_LANES);
#pragma GCC unroll 8
            for (uint32_t j = 0; j < n; j++) {
                vec q = vec_set1(t->q[i + j][d]);
                s[j][0] = vec_fma(q, k0, s[j][0]);
                s[j][1] = vec_fma(q, k1, s[j][1]);
            }
        }
#pragma GCC unroll 8
        for (uint32_t j = 0; j < n; j++) {
            vec_store(t->p[j] + at, vec_mul(s[j][0], scale));
            vec_store(t->p[j] + at + VEC_LANES, vec_mul(s[j][1], scale));
        }
    }
}

VEC_INLINE uint32_t lanes_left(uint32_t n_tokens, uint32_t at) {
    uint32_t left = n_tokens > at ? n_tokens - at : 0;
    return left < VEC_LANES ? left : VEC_LANES;
}

/* Shrinks what was there by exp(old maximum - new one); where the maximum stays that is 1. */
static void shrink(tile *t, uint32_t i, float old_max, float new_max) {
    vec factor = vec_exp(vec_set1(old_max - new_max));
    float *mixed = t->mixed + (size_t)i * t->dims;
    vec_store(t->sum[i], vec_mul(vec_load(t->sum[i]), factor));
    for (uint32_t d = 0; d < t->dims; d += VEC_LANES)
        vec_store(mixed + d, vec_mul(vec_load(mixed + d), factor));
}

/* Scores p become exp(p - maximum); tokens from n_tokens on are not looked at. */
static void softmax(tile *t, uint32_t i, float *p, uint32_t n_tokens) {
    const vec none = vec_set1(-INFINITY);
    vec x[TOKEN_VECS], max = none;
    for (uint32_t k = 0; k < TOKEN_VECS; k++) {
        x[k] = vec_select_n(vec_load(p + k * VEC_LANES), none, lanes_left(n_tokens, k * VEC_LANES));
        max = vec_max(max, x[k]);
    }
    float old_max = t->max[i], page_max = vec_reduce_max(max);
    float new_max = page_max > old_max ? page_max : old_max;
    if (new_max > old_max) shrink(t, i, old_max, new_max);
    t->max[i] = new_max;
    vec sum = vec_zero();
    for (uint32_t k = 0; k < TOKEN_VECS; k++) {
        vec e = vec_exp(vec_sub(x[k], vec_set1(new_max)));
        e = vec_select_n(e, vec_zero(), lanes_left(n_tokens, k * VEC_LANES));
        vec_store(p + k * VEC_LANES, e);
        sum = vec_add(sum, e);
    }
    vec_store(t->sum[i], vec_add(vec_load(t->sum[i]), sum));
}

VEC_INLINE void mix_dims(tile *t, uint32_t i, const float (*p)[TOKENS], const uint32_t n,
                         const uint32_t n_vecs, uint32_t d, uint32_t n_tokens) {
    vec m[MIX_ABREAST][VALUES_ABREAST];
    float *mixed = t->mixed + (size_t)i * t->dims + d;
    const float *v = t->values + d;
#pragma GCC unroll 4
    for (uint32_t j = 0; j < n; j++) {
#pragma GCC unroll 4
        for (uint32_t k = 0; k < n_vecs; k++)
            m[j][k] = vec_load(mixed + (size_t)j * t->dims + k * VEC_LANES);
    }
    for (uint32_t token = 0; token < n_tokens; token++, v += t->dims) {
#pragma GCC unroll 4
        for (uint32_t j = 0; j < n; j++) {
            vec weight = vec_set1(p[j][token]);
#pragma GCC unroll 4
            for (uint32_t k = 0; k < n_vecs; k++)
                m[j][k] = vec_fma(weight, vec_load(v + k * VEC_LANES), m[j][k]);
        }
    }
#pragma GCC unroll 4
    for (uint32_t j = 0; j < n; j++) {
#pragma GCC unroll 4
        for (uint32_t k = 0; k < n_vecs; k++)
            vec_store(mixed + (size_t)j * t->dims + k * VEC_LANES, m[j][k]);
    }
}

VEC_INLINE void mix(tile *t, uint32_t i, const float (*p)[TOKENS], const uint32_t n,
                    uint32_t n_tokens) {
    enum { STEP = VALUES_ABREAST * VEC_LANES };
    uint32_t d = 0;
    for (; d + STEP <= t->dims; d += STEP) mix_dims(t, i, p, n, VALUES_ABREAST, d, n_tokens);
    for (; d < t->dims; d += VEC_LANES) mix_dims(t, i, p, n, 1, d, n_tokens);
}

/* The number of queries abreast is a constant to the compiler, so that sums stay in registers. */
static void scores_of(tile *t, uint32_t i, uint32_t n) {
    switch (n) {
    case 1: scores(t, i, 1); return;
    case 2: scores(t, i, 2); return;
    case 3: scores(t, i, 3); return;
    case 4: scores(t, i, 4); return;
#if QUERIES_ABREAST > 4
    case 5: scores(t, i, 5); return;
    case 6: scores(t, i, 6); return;
    case 7: scores(t, i, 7); return;
    case 8: scores(t, i, 8); return;
#endif
    default: hl_assert_failed(__FILE__, __LINE__, "as many abreast as there are cases");
    }
}

static void mix_of(tile *t, uint32_t i, const float (*p)[TOKENS], uint32_t n, uint32_t n_tokens) {
    switch (n) {
    case 1: mix(t, i, p, 1, n_tokens); return;
    case 2: mix(t, i, p, 2, n_tokens); return;
    case 3: mix(t, i, p, 3, n_tokens); return;
    case 4: mix(t, i, p, 4, n_tokens); return;
    default: hl_assert_failed(__FILE__, __LINE__, "as many abreast as there are cases");
    }
}

static void page_of_queries(tile *t, uint32_t i, uint32_t n, uint32_t n_tokens) {
    scores_of(t, i, n);
    for (uint32_t j = 0; j < n; j++) softmax(t, i + j, t->p[j], n_tokens);
    for (uint32_t j = 0; j < n; j += MIX_ABREAST) {
        uint32_t n_mix = n - j < MIX_ABREAST ? n - j : MIX_ABREAST;
        mix_of(t, i + j, (const float(*)[TOKENS])t->p + j, n_mix, n_tokens);
    }
}

/* ---- tiles */

/* Values behind the last position of the tile are not read. */
static void widen_page(tile *t, uint32_t page, uint32_t n_tokens) {
    const hl_cpu_attention *a = t->a;
    const hl_f16 *k = a->k_base + page * a->page_stride, *v = a->v_base + page * a->page_stride;
    for (uint32_t i = 0; i < a->head_dim * TOKENS; i += VEC_LANES)
        vec_store(t->keys + i, vec_load_f16(k + i));
    for (uint32_t token = 0; token < n_tokens; token++, v += a->head_dim) {
        float *to = t->values + (size_t)token * t->dims;
        uint32_t d = 0;
        for (; d + VEC_LANES <= a->head_dim; d += VEC_LANES) vec_store(to + d, vec_load_f16(v + d));
        for (; d < t->dims; d++) to[d] = d < a->head_dim ? hl_f16_to_f32(v[d]) : 0;
    }
}

/* Tokens of the page from `first` on that a row sees. */
static uint32_t seen(uint32_t pos, uint32_t first) {
    if (pos < first) return 0;
    return pos - first < TOKENS ? pos - first + 1 : TOKENS;
}

static void walk_page(tile *t, uint32_t n, uint32_t first) {
    for (uint32_t i = 0, end; i < n; i = end) {
        uint32_t n_tokens = seen(t->pos[i], first);
        for (end = i + 1; end < n && end - i < QUERIES_ABREAST; end++) {
            if (seen(t->pos[end], first) != n_tokens) break;
        }
        if (n_tokens > 0) page_of_queries(t, i, end - i, n_tokens);
    }
}

static void store_query(const tile *t, uint32_t i, float *out) {
    const float *mixed = t->mixed + (size_t)i * t->dims;
    vec sum = vec_set1(vec_reduce_add(vec_load(t->sum[i])));
    for (uint32_t d = 0; d < t->a->head_dim; d += VEC_LANES)
        vec_store_n(out + d, vec_div(vec_load(mixed + d), sum), t->a->head_dim - d);
}

static void run_tile(tile *t, uint32_t n) {
    uint32_t last = t->pos[n - 1];
    for (uint32_t i = 0; i < n; i++) {
        t->max[i] = -INFINITY;
        vec_store(t->sum[i], vec_zero());
    }
    for (size_t d = 0; d < (size_t)n * t->dims; d += VEC_LANES) vec_store(t->mixed + d, vec_zero());
    for (uint32_t first = 0; first <= last; first += TOKENS) {
        widen_page(t, t->a->pages[first / TOKENS], seen(last, first));
        walk_page(t, n, first);
    }
}

static void attention(const hl_cpu_attention *a, const float *q, size_t ldq, uint32_t n_rows,
                      uint32_t pos0, float *out, size_t ldo, void *scratch) {
    tile *t = lay_tile(a, scratch);
    uint32_t n_queries = n_rows * a->n_group;
    for (uint32_t first = 0; first < n_queries; first += TILE_QUERIES) {
        uint32_t n = n_queries - first < TILE_QUERIES ? n_queries - first : TILE_QUERIES;
        for (uint32_t i = 0; i < n; i++) {
            uint32_t row = (first + i) / a->n_group, g = (first + i) % a->n_group;
            t->q[i] = q + row * ldq + (size_t)g * a->head_dim;
            t->pos[i] = pos0 + row;
        }
        run_tile(t, n);
        for (uint32_t i = 0; i < n; i++) {
            uint32_t row = (first + i) / a->n_group, g = (first + i) % a->n_group;
            store_query(t, i, out + row * ldo + (size_t)g * a->head_dim);
        }
    }
}

VEC_INLINE void fill_attention(hl_cpu_ops *ops) {
    ops->attention_scratch = attention_scratch;
    ops->attention = attention;
}
