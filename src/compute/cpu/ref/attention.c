/* The meaning of attention: softmax over a page at a time with a running maximum and sum, pages in
 * order from position 0.  A page is the tile at every level: where a prompt is cut, and how many
 * rows are computed together, changes nothing in a row's sums.
 *
 * Source: Milakov and Gimelshein, "Online normalizer calculation for softmax" (2018). */
#include "compute/cpu/ops_parts.h"

#include <math.h>

enum { TOKENS = HL_CPU_PAGE_TOKENS };

/* One query head's running softmax. */
typedef struct running {
    float max, sum;
} running;

/* k [head_dim, TOKENS] f16; only the page's first n tokens count. */
static void scores(const hl_cpu_attention *a, const float *q, const hl_f16 *k, uint32_t n,
                   float *s) {
    for (uint32_t t = 0; t < n; t++) {
        float dot = 0;
        for (uint32_t d = 0; d < a->head_dim; d++)
            dot = fmaf(q[d], hl_f16_to_f32(k[d * TOKENS + t]), dot);
        s[t] = dot * a->scale;
    }
}

static void add_page(const hl_cpu_attention *a, const float *q, const hl_f16 *k, const hl_f16 *v,
                     uint32_t n, running *run, float *out) {
    float p[TOKENS], max = run->max, sum = 0;
    scores(a, q, k, n, p);
    for (uint32_t t = 0; t < n; t++) max = p[t] > max ? p[t] : max;
    for (uint32_t t = 0; t < n; t++) {
        p[t] = expf(p[t] - max);
        sum += p[t];
    }
    float shrink = expf(run->max - max);
    *run = (running){max, fmaf(run->sum, shrink, sum)};
    for (uint32_t d = 0; d < a->head_dim; d++) {
        float o = out[d] * shrink;
        for (uint32_t t = 0; t < n; t++) o = fmaf(p[t], hl_f16_to_f32(v[t * a->head_dim + d]), o);
        out[d] = o;
    }
}

static void one_head(const hl_cpu_attention *a, const float *q, uint32_t pos, float *out) {
    running run = {-INFINITY, 0};
    for (uint32_t d = 0; d < a->head_dim; d++) out[d] = 0;
    for (uint32_t first = 0; first <= pos; first += TOKENS) {
        size_t at = a->pages[first / TOKENS] * a->page_stride;
        uint32_t n = pos - first < TOKENS ? pos - first + 1 : TOKENS;
        add_page(a, q, a->k_base + at, a->v_base + at, n, &run, out);
    }
    for (uint32_t d = 0; d < a->head_dim; d++) out[d] /= run.sum;
}

static void attention(const hl_cpu_attention *a, const float *q, size_t ldq, uint32_t n_rows,
                      uint32_t pos0, float *out, size_t ldo, void *scratch) {
    (void)scratch;
    for (uint32_t r = 0; r < n_rows; r++) {
        for (uint32_t g = 0; g < a->n_group; g++) {
            size_t head = (size_t)g * a->head_dim;
            one_head(a, q + r * ldq + head, pos0 + r, out + r * ldo + head);
        }
    }
}

static size_t attention_scratch(uint32_t head_dim, uint32_t n_group) {
    (void)head_dim;
    (void)n_group;
    return 0;
}

void hl__attention_ref_init(hl_cpu_ops *ops) {
    ops->attention_scratch = attention_scratch;
    ops->attention = attention;
}
