/* gguf/quantize_k.h
 *
 * 256 weights to one super-block.  Private to gguf/.  Threads: pure.
 */
#pragma once

#include "gguf/dtype.h"

void hl__q4_k_from_f32(const float *x, hl_block_q4_k *ret);
void hl__q5_k_from_f32(const float *x, hl_block_q5_k *ret);
void hl__q6_k_from_f32(const float *x, hl_block_q6_k *ret);
