#include "compute/cpu/x86/tile.h"

#include "compute/cpu/act.h"

static hl__tile_fn *fn_of(const hl__tile_fns *fns, uint32_t block_weights) {
    if (block_weights == 1) return fns->floats;
    return block_weights == HL_QK ? fns->small : fns->super;
}

void hl__tiles_matmul(const hl__tile_fns *fns, const hl_cpu_matrix *w, uint32_t row0, uint32_t row1,
                      const void *act, uint32_t n, float *y, size_t ldy) {
    HL_DASSERT(row0 % fns->tile_rows == 0 && row1 <= w->rows);
    if (n == 0) return;
    hl_dtype_info info = hl_dtype_lookup(w->dtype);
    hl__tile_fn *run = fn_of(fns, info.block_weights);
    size_t n_blocks = w->cols / info.block_weights;
    size_t tile_bytes = n_blocks * info.block_bytes * fns->tile_rows;
    hl_act_kind kind = info.block_weights == 1 ? HL_ACT_KIND_F32 : HL_ACT_KIND_Q8;
    size_t act_at = info.block_weights == HL_QK_K ? hl__act_super_at(w->cols) : 0;
    hl__tile tile = {
        .w = (const uint8_t *)w->data + row0 / fns->tile_rows * tile_bytes,
        .n_blocks = n_blocks,
        .act = (const uint8_t *)act + act_at,
        .act_bytes = hl__act_row_bytes(kind, w->cols),
        .n = n,
        .ldy = ldy,
    };
    for (uint32_t row = row0; row < row1; row += fns->tile_rows, tile.w += tile_bytes) {
        uint32_t rows = row1 - row < fns->tile_rows ? row1 - row : fns->tile_rows;
        tile.y = y + row;
        tile.rows_mask = (uint32_t)((1ull << rows) - 1);
        run(w->dtype, &tile);
    }
}
