/* 32 registers: 8 queries by 2 of scores, or 4 by 4 of values, with what feeds them.  The register
 * comes first. */
/* clang-format off */
#include "compute/cpu/x86/vec_avx512vnni.h"
#define QUERIES_ABREAST 8
#define VALUES_ABREAST  4
#include "compute/cpu/x86/attention_body.h"
/* clang-format on */

void hl__attention_avx512vnni_init(hl_cpu_ops *ops) {
    fill_attention(ops);
}
