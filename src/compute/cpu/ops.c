#include "compute/cpu/ops.h"

#include "compute/cpu/ops_parts.h"

#include <pthread.h>

static hl_cpu_ops tables[HL_CPU_LEVEL_COUNT]; /* written once, under tables_once */
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void fill_ref(hl_cpu_ops *ops) {
    hl__matmul_ref_init(ops);
    hl__rows_ref_init(ops);
    hl__attention_ref_init(ops);
}

#if defined(__x86_64__)
static void fill_x86(hl_cpu_ops *ops, hl_cpu_level level) {
    if (level < HL_CPU_AVX2) return;
    hl__matmul_avx2_init(ops);
    hl__rows_avx2_init(ops);
    hl__attention_avx2_init(ops);
    if (level < HL_CPU_AVX512VNNI) return;
    hl__matmul_avx512vnni_init(ops);
    hl__rows_avx512vnni_init(ops);
    hl__attention_avx512vnni_init(ops);
}
#endif

static void fill_tables(void) {
    for (unsigned i = 0; i < HL_CPU_LEVEL_COUNT; i++) {
        hl_cpu_ops *ops = &tables[i];
        ops->level = (hl_cpu_level)i;
        ops->isa = hl_cpu_level_name(ops->level);
        fill_ref(ops);
#if defined(__x86_64__)
        fill_x86(ops, ops->level);
#endif
    }
}

const hl_cpu_ops *hl_cpu_ops_get(hl_cpu_level level) {
    HL_ASSERT(hl_cpu_level_available(level));
    pthread_once(&tables_once, fill_tables);
    return &tables[level];
}
