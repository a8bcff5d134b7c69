/* 16 registers: 4 queries by 2 of scores, or 4 by 2 of values, with what feeds them.  The register
 * comes first. */
/* clang-format off */
#include "compute/cpu/x86/vec_avx2.h"
#define QUERIES_ABREAST 4
#define VALUES_ABREAST  2
#include "compute/cpu/x86/attention_body.h"
/* clang-format on */

void hl__attention_avx2_init(hl_cpu_ops *ops) {
    fill_attention(ops);
}
