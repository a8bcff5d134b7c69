#include "compute/cpu/ops_parts.h"
#include "compute/cpu/x86/pack.h"
#include "compute/cpu/x86/tile.h"

static size_t matrix_bytes(hl_dtype t, uint32_t rows, uint32_t cols) {
    return hl__tiles_bytes(t, HL__TILE_ROWS_AVX512, rows, cols);
}

static void matrix_pack(hl_cpu_matrix *w, const void *src, uint32_t row0, uint32_t row1) {
    hl__tiles_pack(w, src, row0, row1, HL__TILE_ROWS_AVX512, 0x80);
}

static void matmul(const hl_cpu_matrix *w, uint32_t row0, uint32_t row1, const void *act,
                   uint32_t n, float *y, size_t ldy) {
    static const hl__tile_fns FNS = {hl__tile_float_avx512vnni, hl__tile_small_avx512vnni,
                                     hl__tile_super_avx512vnni, HL__TILE_ROWS_AVX512};
    hl__tiles_matmul(&FNS, w, row0, row1, act, n, y, ldy);
}

void hl__matmul_avx512vnni_init(hl_cpu_ops *ops) {
    ops->row_tile = HL__TILE_ROWS_AVX512;
    ops->matrix_bytes = matrix_bytes;
    ops->matrix_pack = matrix_pack;
    ops->act_prepare = hl__act_prepare_avx2;
    ops->matmul = matmul;
}
