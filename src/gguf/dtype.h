/* gguf/dtype.h
 *
 * The number formats of a GGUF file: their names, how many weights a block holds
 * and how many bytes it takes.  Sizes come from `sizeof`; the literal in each
 * assertion is the specification (docs/formats/gguf-quants.md), so that the two
 * cannot disagree.
 *
 * Every format that a file may use is described, because every tensor's size is
 * checked; the engine computes with eight of them.
 *
 * What this does not do: compute with blocks (compute/), make them (gguf/quantize.h).
 *
 * Threads: pure.
 */
#pragma once

#include "base/status.h"
#include "base/str.h"

typedef uint16_t hl_f16;  /* IEEE 754 binary16 bits */
typedef uint16_t hl_bf16; /* the upper half of a binary32 */

enum { HL_QK = 32, HL_QK_K = 256 }; /* weights in a small block, in a super-block */

/* w[i] = d * q[i] */
typedef struct hl_block_q8_0 {
    hl_f16 d;
    int8_t qs[HL_QK];
} hl_block_q8_0;
_Static_assert(sizeof(hl_block_q8_0) == 34, "Q8_0 block is 34 bytes in GGUF");

/* w[i] = d * (q[i] - 8); the low nibbles are the first 16 weights, the high ones the last 16 */
typedef struct hl_block_q4_0 {
    hl_f16 d;
    uint8_t qs[HL_QK / 2];
} hl_block_q4_0;
_Static_assert(sizeof(hl_block_q4_0) == 18, "Q4_0 block is 18 bytes in GGUF");

/* w = d * scale[s] * q - dmin * min[s], eight sub-blocks s of 32 */
typedef struct hl_block_q4_k {
    hl_f16 d, dmin;
    uint8_t scales[12];      /* 8 scales and 8 minima of 6 bits, packed             */
    uint8_t qs[HL_QK_K / 2]; /* 32 bytes a pair of sub-blocks: low nibbles the first */
} hl_block_q4_k;
_Static_assert(sizeof(hl_block_q4_k) == 144, "Q4_K block is 144 bytes in GGUF");

/* As Q4_K with a fifth bit a weight: bit s of qh[i] belongs to weight i of sub-block s */
typedef struct hl_block_q5_k {
    hl_f16 d, dmin;
    uint8_t scales[12];
    uint8_t qh[HL_QK_K / 8];
    uint8_t qs[HL_QK_K / 2];
} hl_block_q5_k;
_Static_assert(sizeof(hl_block_q5_k) == 176, "Q5_K block is 176 bytes in GGUF");

/* w = d * scale[s] * (q - 32), sixteen sub-blocks s of 16 */
typedef struct hl_block_q6_k {
    uint8_t ql[HL_QK_K / 2]; /* lower 4 bits */
    uint8_t qh[HL_QK_K / 4]; /* upper 2 bits */
    int8_t scales[HL_QK_K / 16];
    hl_f16 d;
} hl_block_q6_k;
_Static_assert(sizeof(hl_block_q6_k) == 210, "Q6_K block is 210 bytes in GGUF");

/* X(NAME, number in the file, text, weights a block, bytes a block, can compute)
 * Blocks that are only measured have the sum of their parts: scales, then codes. */
/* clang-format off */
#define HL_DTYPE_MAP(X)                                                                           \
    X(F32,      0, "F32",     1,       sizeof(float),                                          1) \
    X(F16,      1, "F16",     1,       sizeof(hl_f16),                                         1) \
    X(Q4_0,     2, "Q4_0",    HL_QK,   sizeof(hl_block_q4_0),                                  1) \
    X(Q4_1,     3, "Q4_1",    HL_QK,   2 * sizeof(hl_f16) + HL_QK / 2,                         0) \
    X(Q5_0,     6, "Q5_0",    HL_QK,   sizeof(hl_f16) + HL_QK / 8 + HL_QK / 2,                 0) \
    X(Q5_1,     7, "Q5_1",    HL_QK,   2 * sizeof(hl_f16) + HL_QK / 8 + HL_QK / 2,             0) \
    X(Q8_0,     8, "Q8_0",    HL_QK,   sizeof(hl_block_q8_0),                                  1) \
    X(Q8_1,     9, "Q8_1",    HL_QK,   2 * sizeof(hl_f16) + HL_QK,                             0) \
    X(Q2_K,    10, "Q2_K",    HL_QK_K, 2 * sizeof(hl_f16) + HL_QK_K / 16 + HL_QK_K / 4,        0) \
    X(Q3_K,    11, "Q3_K",    HL_QK_K, sizeof(hl_f16) + 12 + HL_QK_K / 8 + HL_QK_K / 4,        0) \
    X(Q4_K,    12, "Q4_K",    HL_QK_K, sizeof(hl_block_q4_k),                                  1) \
    X(Q5_K,    13, "Q5_K",    HL_QK_K, sizeof(hl_block_q5_k),                                  1) \
    X(Q6_K,    14, "Q6_K",    HL_QK_K, sizeof(hl_block_q6_k),                                  1) \
    X(Q8_K,    15, "Q8_K",    HL_QK_K, sizeof(float) + HL_QK_K + HL_QK_K / 8,                  0) \
    X(IQ2_XXS, 16, "IQ2_XXS", HL_QK_K, sizeof(hl_f16) + HL_QK_K / 4,                           0) \
    X(IQ2_XS,  17, "IQ2_XS",  HL_QK_K, sizeof(hl_f16) + HL_QK_K / 32 + HL_QK_K / 4,            0) \
    X(IQ3_XXS, 18, "IQ3_XXS", HL_QK_K, sizeof(hl_f16) + HL_QK_K / 8 * 3,                       0) \
    X(IQ1_S,   19, "IQ1_S",   HL_QK_K, sizeof(hl_f16) + HL_QK_K / 8 + HL_QK_K / 16,            0) \
    X(IQ4_NL,  20, "IQ4_NL",  HL_QK,   sizeof(hl_f16) + HL_QK / 2,                             0) \
    X(IQ3_S,   21, "IQ3_S",   HL_QK_K, sizeof(hl_f16) + HL_QK_K / 64 + HL_QK_K / 32 * 13,      0) \
    X(IQ2_S,   22, "IQ2_S",   HL_QK_K, sizeof(hl_f16) + HL_QK_K / 32 + HL_QK_K / 32 * 9,       0) \
    X(IQ4_XS,  23, "IQ4_XS",  HL_QK_K, 2 * sizeof(hl_f16) + HL_QK_K / 64 + HL_QK_K / 2,        0) \
    X(I8,      24, "I8",      1,       sizeof(int8_t),                                         0) \
    X(I16,     25, "I16",     1,       sizeof(int16_t),                                        0) \
    X(I32,     26, "I32",     1,       sizeof(int32_t),                                        0) \
    X(I64,     27, "I64",     1,       sizeof(int64_t),                                        0) \
    X(F64,     28, "F64",     1,       sizeof(double),                                         0) \
    X(IQ1_M,   29, "IQ1_M",   HL_QK_K, HL_QK_K / 32 + HL_QK_K / 8 + HL_QK_K / 16,              0) \
    X(BF16,    30, "BF16",    1,       sizeof(hl_bf16),                                        1) \
    X(TQ1_0,   34, "TQ1_0",   HL_QK_K, sizeof(hl_f16) + HL_QK_K / 64 + HL_QK_K / 64 * 12,      0) \
    X(TQ2_0,   35, "TQ2_0",   HL_QK_K, sizeof(hl_f16) + HL_QK_K / 4,                           0) \
    X(MXFP4,   39, "MXFP4",   HL_QK,   1 + HL_QK / 2,                                          0) \
    X(NVFP4,   40, "NVFP4",   64,      64 / 16 + 64 / 2,                                       0) \
    X(Q1_0,    41, "Q1_0",    128,     sizeof(hl_f16) + 128 / 8,                               0)
/* clang-format on */

typedef enum hl_dtype {
#define X(name, number, text, weights, bytes, computes) HL_DTYPE_##name = (number),
    HL_DTYPE_MAP(X)
#undef X
} hl_dtype;

typedef struct hl_dtype_info {
    const char *name;       /* "Q4_K"; NULL: no such type */
    uint32_t block_weights; /* weights a block */
    uint32_t block_bytes;
    bool computes; /* the engine can multiply with it */
} hl_dtype_info;

/* .name is NULL for a number that no known type has. */
hl_dtype_info hl_dtype_lookup(uint32_t number);
const char *hl_dtype_name(hl_dtype t); /* "?" if unknown */
/* Bytes of n weights, a multiple of the block; the caller checked both. */
size_t hl_dtype_bytes(hl_dtype t, size_t n_weights);

/* Exact widening; rounding to nearest even. */
float hl_f16_to_f32(hl_f16 h);
hl_f16 hl_f32_to_f16(float f);
float hl_bf16_to_f32(hl_bf16 h);
hl_bf16 hl_f32_to_bf16(float f);

/* The 6-bit scale and minimum of sub-block s (0 to 7) of a Q4_K or Q5_K block. */
void hl_k_scale_min(const uint8_t scales[12], uint32_t s, uint8_t *ret_scale, uint8_t *ret_min);

/* n weights (a multiple of the block) of a computing type as f32: the meaning of each format.
 * src is aligned as its block (at most 4 bytes).  Source: docs/formats/gguf-quants.md */
void hl_dtype_to_f32(hl_dtype t, const void *src, float *dst, size_t n);
