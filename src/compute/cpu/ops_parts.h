/* compute/cpu/ops_parts.h
 *
 * Who fills which part of the kernel table.  ops.c calls the portable ones first, then each level
 * up to the one asked for, so that a level sets only what it does better.
 *
 * Threads: called once each, before the table is seen by anyone.
 */
#pragma once

#include "compute/cpu/ops.h"

/* row_tile matrix_bytes matrix_pack act_kind act_row_bytes act_prepare matmul.  A level sets
 * row_tile, the first two and matmul together: they share the packed form. */
void hl__matmul_ref_init(hl_cpu_ops *ops);
void hl__matmul_avx2_init(hl_cpu_ops *ops);
void hl__matmul_avx512vnni_init(hl_cpu_ops *ops);

/* rmsnorm add silu_mul rope f32_to_f16 f16_to_f32 */
void hl__rows_ref_init(hl_cpu_ops *ops);
void hl__rows_avx2_init(hl_cpu_ops *ops);
void hl__rows_avx512vnni_init(hl_cpu_ops *ops);

/* attention_scratch attention */
void hl__attention_ref_init(hl_cpu_ops *ops);
void hl__attention_avx2_init(hl_cpu_ops *ops);
void hl__attention_avx512vnni_init(hl_cpu_ops *ops);
