/* gguf/quantize.h
 *
 * Makes smaller models: rows of f32 to blocks of a computing type, and a whole
 * model to one of the usual mixes, in which the tensors that hurt most keep more
 * bits (docs/formats/gguf-quants.md has the rules and the measured errors).
 *
 * The same input gives the same bytes on every machine.
 *
 * What this does not do: use calibration data (importance matrices).
 *
 * Threads: pure; rows may be converted by many threads at once.
 */
#pragma once

#include "gguf/gguf.h"

/* n weights (a multiple of the block) as blocks of a computing type.  dst is aligned as its block.
 * Weights that are not finite give a block without meaning, nothing worse. */
void hl_dtype_from_f32(hl_dtype t, const float *src, void *dst, size_t n);

/* X(name, general.file_type, type of most tensors).  The first three are plain: every tensor that
 * would be quantised gets that type. */
#define HL_QUANT_MAP(X)                                                                            \
    X(F32, 0, F32)                                                                                 \
    X(F16, 1, F16)                                                                                 \
    X(BF16, 32, BF16)                                                                              \
    X(Q4_0, 2, Q4_0)                                                                               \
    X(Q4_K_S, 14, Q4_K)                                                                            \
    X(Q4_K_M, 15, Q4_K)                                                                            \
    X(Q5_K_S, 16, Q5_K)                                                                            \
    X(Q5_K_M, 17, Q5_K)                                                                            \
    X(Q6_K, 18, Q6_K)                                                                              \
    X(Q8_0, 7, Q8_0)

typedef enum hl_quant {
#define X(name, file_type, dtype) HL_QUANT_##name = (file_type),
    HL_QUANT_MAP(X)
#undef X
} hl_quant;

/* "Q4_K_M" in any case.  EINVAL lists the names. */
hl_status hl_quant_parse(hl_str name, hl_quant *ret, hl_error *err) HL_NODISCARD;
/* What general.file_type says, for files of any mix: 15 is "Q4_K_M"; NULL if unknown. */
const char *hl_quant_file_type_name(uint32_t file_type);

/* ret [hl_gguf_n_tensors(g)]: the types that g's tensors get in the mix, in g's order. */
void hl_quant_plan(const hl_gguf *g, hl_quant mix, uint32_t *ret);

typedef struct hl_quant_progress {
    /* After each tensor; `done` of `total` bytes of g are converted. */
    void (*report)(void *user, const hl_gguf_tensor *t, uint64_t done, uint64_t total);
    void *user;
} hl_quant_progress;

/* Writes g in the mix to path; progress may be NULL.  EUNSUPPORTED: a tensor that is to be
 * converted is not F32, F16, BF16 or Q8_0; EFORMAT: it has a weight that is not finite or beyond
 * what the mix can hold (of a mix that is not plain: the range of F16); EIO, ENOMEM. */
hl_status hl_gguf_quantize(const hl_gguf *g, hl_quant mix, const char *path,
                           const hl_quant_progress *progress, hl_error *err) HL_NODISCARD;
