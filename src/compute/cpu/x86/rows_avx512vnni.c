/* The register comes first. */
/* clang-format off */
#include "compute/cpu/x86/vec_avx512vnni.h"
#include "compute/cpu/x86/rows_body.h"
/* clang-format on */

void hl__rows_avx512vnni_init(hl_cpu_ops *ops) {
    fill_rows(ops);
}
