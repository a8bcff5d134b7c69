#include "gguf/quantize.h"

#include "gguf/quantize_fit.h"
#include "gguf/quantize_k.h"

#include <math.h>

/* --- Small blocks --------------------------------------------------------- */

static void f16_from_f32(const float *x, hl_f16 *dst, size_t n) {
    for (size_t i = 0; i < n; i++) dst[i] = hl_f32_to_f16(x[i]);
}

static void bf16_from_f32(const float *x, hl_bf16 *dst, size_t n) {
    for (size_t i = 0; i < n; i++) dst[i] = hl_f32_to_bf16(x[i]);
}

/* As everyone does it, to the bit: the largest weight becomes 127, halves round away from 0. */
static void q8_0_from_f32(const float *x, hl_block_q8_0 *b) {
    float top = 0;
    for (size_t i = 0; i < HL_QK; i++) top = fabsf(x[i]) > top ? fabsf(x[i]) : top;
    float d = top / 127, inverse = d > 0 ? 1 / d : 0;
    b->d = hl_f32_to_f16(d);
    for (size_t i = 0; i < HL_QK; i++) {
        float v = x[i] * inverse;
        v = v > -127 ? v : -127;
        v = v < 127 ? v : 127;
        b->qs[i] = (int8_t)(v < 0 ? v - 0.5f : v + 0.5f);
    }
}

static void q4_0_from_f32(const float *x, hl_block_q4_0 *b) {
    float importance[HL_QK];
    hl__importance(x, HL_QK, importance);
    b->d = hl_f32_to_f16(hl__fit_symmetric(x, importance, HL_QK, 8));
    float d = hl_f16_to_f32(b->d), inverse = fabsf(d) > 0 ? 1 / d : 0;
    uint8_t q[HL_QK];
    for (size_t i = 0; i < HL_QK; i++)
        q[i] = (uint8_t)(hl__round_within(inverse * x[i], -8, 7) + 8);
    for (size_t i = 0; i < HL_QK / 2; i++) b->qs[i] = (uint8_t)(q[i] | q[i + HL_QK / 2] << 4);
}

/* --- All ------------------------------------------------------------------ */

void hl_dtype_from_f32(hl_dtype t, const float *src, void *dst, size_t n) {
    hl_dtype_info info = hl_dtype_lookup(t);
    HL_ASSERT(info.computes && n % info.block_weights == 0);
    uint8_t *to = dst;
    if (t == HL_DTYPE_F32) memcpy(dst, src, n * sizeof *src);
    if (t == HL_DTYPE_F16) f16_from_f32(src, dst, n);
    if (t == HL_DTYPE_BF16) bf16_from_f32(src, dst, n);
    if (info.block_weights == 1) return;
    for (size_t i = 0; i < n; i += info.block_weights, to += info.block_bytes) {
        switch ((uint32_t)t) {
        case HL_DTYPE_Q8_0: q8_0_from_f32(src + i, (hl_block_q8_0 *)(void *)to); break;
        case HL_DTYPE_Q4_0: q4_0_from_f32(src + i, (hl_block_q4_0 *)(void *)to); break;
        case HL_DTYPE_Q4_K: hl__q4_k_from_f32(src + i, (hl_block_q4_k *)(void *)to); break;
        case HL_DTYPE_Q5_K: hl__q5_k_from_f32(src + i, (hl_block_q5_k *)(void *)to); break;
        case HL_DTYPE_Q6_K: hl__q6_k_from_f32(src + i, (hl_block_q6_k *)(void *)to); break;
        default: hl_assert_failed(__FILE__, __LINE__, "every computing type can be made");
        }
    }
}
