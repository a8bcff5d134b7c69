#include "gguf/dtype.h"

/* The specification of the sizes that no struct has. */
enum {
#define X(name, number, text, weights, bytes, computes) BYTES_##name = (bytes),
    HL_DTYPE_MAP(X)
#undef X
};
_Static_assert(BYTES_Q4_1 == 20 && BYTES_Q5_0 == 22 && BYTES_Q5_1 == 24 && BYTES_Q8_1 == 36,
               "small blocks of 32 in GGUF");
_Static_assert(BYTES_Q2_K == 84 && BYTES_Q3_K == 110 && BYTES_Q8_K == 292,
               "super-blocks of 256 in GGUF");
_Static_assert(BYTES_IQ1_S == 50 && BYTES_IQ1_M == 56 && BYTES_IQ2_XXS == 66 &&
                   BYTES_IQ2_XS == 74 && BYTES_IQ2_S == 82 && BYTES_IQ3_XXS == 98 &&
                   BYTES_IQ3_S == 110 && BYTES_IQ4_XS == 136 && BYTES_IQ4_NL == 18,
               "code book blocks in GGUF");
_Static_assert(BYTES_TQ1_0 == 54 && BYTES_TQ2_0 == 66 && BYTES_Q1_0 == 18 && BYTES_MXFP4 == 17 &&
                   BYTES_NVFP4 == 36,
               "ternary, binary and 4-bit float blocks in GGUF");

static const struct dtype_row {
    uint32_t number;
    hl_dtype_info info;
} ROWS[] = {
#define X(name, number, text, weights, bytes, computes) {number, {text, weights, bytes, computes}},
    HL_DTYPE_MAP(X)
#undef X
};

hl_dtype_info hl_dtype_lookup(uint32_t number) {
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        if (ROWS[i].number == number) return ROWS[i].info;
    }
    return (hl_dtype_info){0};
}

const char *hl_dtype_name(hl_dtype t) {
    hl_dtype_info info = hl_dtype_lookup(t);
    return info.name ? info.name : "?";
}

size_t hl_dtype_bytes(hl_dtype t, size_t n_weights) {
    hl_dtype_info info = hl_dtype_lookup(t);
    HL_ASSERT(info.name && n_weights % info.block_weights == 0);
    size_t n_blocks = n_weights / info.block_weights;
    HL_ASSERT(n_blocks <= SIZE_MAX / info.block_bytes);
    return n_blocks * info.block_bytes;
}

static float f32_of_bits(uint32_t bits) {
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static uint32_t bits_of_f32(float f) {
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

enum { F16_TO_F32_EXPONENT = 127 - 15, F32_MANTISSA_BITS = 23, MANTISSA_BITS_LOST = 23 - 10 };

float hl_f16_to_f32(hl_f16 h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, rest = h & 0x7fff;
    if (rest >= 0x7c00) /* infinity, NaN */
        return f32_of_bits(sign | 0x7f800000 | (rest & 0x3ff) << MANTISSA_BITS_LOST);
    if (rest < 0x0400) { /* zero, subnormal: steps of 2^-24 */
        float f = (float)rest * 0x1p-24f;
        return sign ? -f : f;
    }
    uint32_t exponent = (uint32_t)F16_TO_F32_EXPONENT << F32_MANTISSA_BITS;
    return f32_of_bits(sign | ((rest << MANTISSA_BITS_LOST) + exponent));
}

hl_f16 hl_f32_to_f16(float f) {
    uint32_t bits = bits_of_f32(f), rest = bits & 0x7fffffff, out;
    if (rest > 0x7f800000) { /* NaN stays NaN, quiet */
        out = 0x7e00 | ((rest >> MANTISSA_BITS_LOST) & 0x1ff);
    } else if (rest >= 0x477ff000) { /* 65520 and above round to infinity */
        out = 0x7c00;
    } else if (rest < 0x38800000) { /* below 2^-14: 0.5f has steps of 2^-24, so the sum rounds */
        out = bits_of_f32(f32_of_bits(rest) + 0.5f) - bits_of_f32(0.5f);
    } else {
        uint32_t odd = rest >> MANTISSA_BITS_LOST & 1;
        rest -= (uint32_t)F16_TO_F32_EXPONENT << F32_MANTISSA_BITS;
        out = (rest + 0xfff + odd) >> MANTISSA_BITS_LOST;
    }
    return (hl_f16)(bits >> 16 & 0x8000) | (hl_f16)out;
}

float hl_bf16_to_f32(hl_bf16 h) {
    return f32_of_bits((uint32_t)h << 16);
}

hl_bf16 hl_f32_to_bf16(float f) {
    uint32_t bits = bits_of_f32(f);
    if ((bits & 0x7fffffff) > 0x7f800000) return (hl_bf16)(bits >> 16 | 0x40);
    return (hl_bf16)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static void f16_to_f32(const hl_f16 *src, float *dst, size_t n) {
    for (size_t i = 0; i < n; i++) dst[i] = hl_f16_to_f32(src[i]);
}

static void bf16_to_f32(const hl_bf16 *src, float *dst, size_t n) {
    for (size_t i = 0; i < n; i++) dst[i] = hl_bf16_to_f32(src[i]);
}

static void q8_0_to_f32(const hl_block_q8_0 *b, float *dst, size_t n_blocks) {
    for (; n_blocks > 0; n_blocks--, b++, dst += HL_QK) {
        float d = hl_f16_to_f32(b->d);
        for (size_t i = 0; i < HL_QK; i++) dst[i] = d * (float)b->qs[i];
    }
}

static void q4_0_to_f32(const hl_block_q4_0 *b, float *dst, size_t n_blocks) {
    for (; n_blocks > 0; n_blocks--, b++, dst += HL_QK) {
        float d = hl_f16_to_f32(b->d);
        for (size_t i = 0; i < HL_QK / 2; i++) {
            dst[i] = d * (float)((b->qs[i] & 15) - 8);
            dst[i + HL_QK / 2] = d * (float)((b->qs[i] >> 4) - 8);
        }
    }
}

void hl_k_scale_min(const uint8_t scales[12], uint32_t s, uint8_t *ret_scale, uint8_t *ret_min) {
    HL_DASSERT(s < 8);
    if (s < 4) {
        *ret_scale = scales[s] & 63;
        *ret_min = scales[s + 4] & 63;
    } else { /* four lower bits in scales[8…11], two upper ones above those of sub-block s - 4 */
        *ret_scale = (uint8_t)((scales[s + 4] & 15) | (scales[s - 4] >> 6) << 4);
        *ret_min = (uint8_t)(scales[s + 4] >> 4 | (scales[s] >> 6) << 4);
    }
}

static void q4_k_to_f32(const hl_block_q4_k *b, float *dst, size_t n_blocks) {
    for (; n_blocks > 0; n_blocks--, b++) {
        float d = hl_f16_to_f32(b->d), dmin = hl_f16_to_f32(b->dmin);
        for (uint32_t s = 0; s < 8; s++, dst += 32) {
            uint8_t scale, min;
            hl_k_scale_min(b->scales, s, &scale, &min);
            float ds = d * (float)scale, dm = dmin * (float)min;
            const uint8_t *qs = b->qs + s / 2 * 32;
            for (size_t i = 0; i < 32; i++) dst[i] = ds * (float)(qs[i] >> (s & 1) * 4 & 15) - dm;
        }
    }
}

static void q5_k_to_f32(const hl_block_q5_k *b, float *dst, size_t n_blocks) {
    for (; n_blocks > 0; n_blocks--, b++) {
        float d = hl_f16_to_f32(b->d), dmin = hl_f16_to_f32(b->dmin);
        for (uint32_t s = 0; s < 8; s++, dst += 32) {
            uint8_t scale, min;
            hl_k_scale_min(b->scales, s, &scale, &min);
            float ds = d * (float)scale, dm = dmin * (float)min;
            const uint8_t *qs = b->qs + s / 2 * 32;
            for (size_t i = 0; i < 32; i++) {
                int q = (qs[i] >> (s & 1) * 4 & 15) | (b->qh[i] >> s & 1) << 4;
                dst[i] = ds * (float)q - dm;
            }
        }
    }
}

static void q6_k_to_f32(const hl_block_q6_k *b, float *dst, size_t n_blocks) {
    for (; n_blocks > 0; n_blocks--, b++, dst += HL_QK_K) {
        float d = hl_f16_to_f32(b->d);
        /* Half h of the block, quarter k of the half: 32 weights that share the shifts. */
        for (size_t h = 0; h < 2; h++) {
            const uint8_t *ql = b->ql + h * 64, *qh = b->qh + h * 32;
            for (size_t k = 0; k < 4; k++) {
                const int8_t *scales = b->scales + h * 8 + k * 2;
                for (size_t i = 0; i < 32; i++) {
                    int q = (ql[k % 2 * 32 + i] >> k / 2 * 4 & 15) | (qh[i] >> k * 2 & 3) << 4;
                    dst[h * 128 + k * 32 + i] = d * (float)scales[i / 16] * (float)(q - 32);
                }
            }
        }
    }
}

void hl_dtype_to_f32(hl_dtype t, const void *src, float *dst, size_t n) {
    hl_dtype_info info = hl_dtype_lookup(t);
    HL_ASSERT(info.computes && n % info.block_weights == 0);
    size_t n_blocks = n / info.block_weights;
    switch ((uint32_t)t) {
    case HL_DTYPE_F32: memcpy(dst, src, n * sizeof *dst); return;
    case HL_DTYPE_F16: f16_to_f32(src, dst, n); return;
    case HL_DTYPE_BF16: bf16_to_f32(src, dst, n); return;
    case HL_DTYPE_Q8_0: q8_0_to_f32(src, dst, n_blocks); return;
    case HL_DTYPE_Q4_0: q4_0_to_f32(src, dst, n_blocks); return;
    case HL_DTYPE_Q4_K: q4_k_to_f32(src, dst, n_blocks); return;
    case HL_DTYPE_Q5_K: q5_k_to_f32(src, dst, n_blocks); return;
    case HL_DTYPE_Q6_K: q6_k_to_f32(src, dst, n_blocks); return;
    default: hl_assert_failed(__FILE__, __LINE__, "every computing type has its conversion");
    }
}
