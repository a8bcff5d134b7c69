/* compute/cpu/x86/pack.h
 *
 * How weights lie in memory for the x86 kernels.  A tile is 2 * LANES rows (LANES = 32-bit lanes of
 * a register: 8 or 16), in two halves; inside a tile a lane is a row.  A group is four consecutive
 * weights of a row: 4 bytes, one lane of a byte dot product.  A tile's blocks follow each other in
 * the order of k, so that a tile is one stream of bytes, as many as the file has for its rows.
 *
 * In this notation [2][LANES] means the lanes of the first half's rows, then the second's; one
 * block of a tile holds, in this order:
 *
 *   F32 F16 BF16   w [2][LANES], for one k
 *   Q8_0           d f16 [2][LANES]; codes [8 groups][2][LANES][4], each ^ flip
 *   Q4_0           d f16 [2][LANES]; codes [4][2][LANES][4]: group 2i low nibble, 2i + 1 high
 *   Q4_K           d f16 [2][LANES]; dmin f16 [2][LANES]; scales [2][3][LANES] u32;
 *                  8 sub-blocks of codes [4][2][LANES][4] as Q4_0
 *   Q5_K           as Q4_K, each sub-block after its fifth bits [2][LANES][4]: bit i for group
 *                  2i, bit 4 + i for 2i + 1
 *   Q6_K           d f16 [2][LANES]; scales [4][2][LANES][4] int8, by sub-block of 16;
 *                  8 times { upper bits [2 sub-blocks][2][LANES][4]: bits 0 1 for group 0,
 *                  4 5 for 1, 2 3 for 2, 6 7 for 3 of the sub-block; lower bits [4][2][LANES][4] as
 * Q4_0 }
 *
 * The three words of scales hold four words of 6-bit values (bytes): word 3 is spread over the
 * upper two bits of words 0 to 2, low bits first.  Words 0 and 1 are the scales of sub-blocks 0 to
 * 3 and 4 to 7; words 2 and 3 their minima in the order 0 2 1 3, so that masking every other byte
 * leaves pairs of neighbours.
 *
 * Threads: pure.
 */
#pragma once

#include "compute/cpu/ops.h"

/* Bytes of one block of a tile of rows rows. */
static inline size_t hl__tile_block_bytes(hl_dtype t, uint32_t tile_rows) {
    return tile_rows * (size_t)hl_dtype_lookup(t).block_bytes;
}

size_t hl__tiles_bytes(hl_dtype t, uint32_t tile_rows, uint32_t rows, uint32_t cols);

/* flip: 0x80 stores the codes of Q8_0 as unsigned w + 128, 0 leaves them. */
void hl__tiles_pack(hl_cpu_matrix *w, const void *src, uint32_t row0, uint32_t row1,
                    uint32_t tile_rows, uint8_t flip);
