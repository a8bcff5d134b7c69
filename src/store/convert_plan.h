/* store/convert_plan.h
 *
 * Which tensors the GGUF file gets, in order: their names, shapes and types, and the tensor of the
 * directory that each comes from.  All shapes are checked here, and that nothing is missing or left
 * over.  Private to store/convert*.
 *
 * Permutation: published weights turn halves of a head (0 and n/2, 1 and n/2 + 1, …) together; in
 * GGUF's llama layout the pairs are neighbours.  Row h * n + 2 i + j of q and k (and of their
 * biases) is the published row h * n + j * n / 2 + i.
 */
#pragma once

#include "store/convert_config.h"
#include "store/convert_safetensors.h"

typedef struct hl__convert_tensor {
    hl_gguf_tensor to;         /* name in the plan's arena; data is not set */
    const hl__st_tensor *from; /* NULL: rope_freqs.weight, which is computed */
    uint32_t head_rows;        /* rows of a head that are permuted; 0: none are */
} hl__convert_tensor;

typedef struct hl__convert_plan {
    hl__convert_tensor *tensors; /* [n], in the arena */
    size_t n, cap;
    uint64_t bytes; /* of all inputs */
    hl_dtype type;  /* of the embedding, which stands for the matrices */
} hl__convert_plan;

/* `type`: of matrices, HL_DTYPE_F32, F16 or BF16; -1: F16 and BF16 stay, F32 becomes F16.
 * EFORMAT: a tensor is missing or misshapen; EUNSUPPORTED: one is of another type or not part of
 * the family. */
hl_status hl__plan_make(const hl__convert_config *c, const hl__weights *w, int type, hl_arena *a,
                        hl__convert_plan *ret, hl_error *err) HL_NODISCARD;
