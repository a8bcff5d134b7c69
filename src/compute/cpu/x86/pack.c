#include "compute/cpu/x86/pack.h"

#include <string.h>

enum { GROUPS_SMALL = HL_QK / 4, GROUPS_SUPER = HL_QK_K / 4 };

/* A block of one row on its way into a tile. */
typedef struct place {
    uint8_t *block; /* the tile's block */
    uint32_t lanes, half, lane;
    uint8_t flip;
} place;

static void put_u16(const place *p, size_t at, uint16_t v) {
    memcpy(p->block + at + (p->half * p->lanes + p->lane) * sizeof v, &v, sizeof v);
}

static void put_u32(const place *p, size_t at, uint32_t v) {
    memcpy(p->block + at + (p->half * p->lanes + p->lane) * sizeof v, &v, sizeof v);
}

static uint32_t get_u32(const void *src) {
    uint32_t v;
    memcpy(&v, src, sizeof v);
    return v;
}

/* Bytes of one 32-bit word a row of the tile. */
static size_t word_bytes(const place *p) {
    return 2 * (size_t)p->lanes * sizeof(uint32_t);
}

static void put_q8_0(const place *p, const hl_block_q8_0 *b) {
    put_u16(p, 0, b->d);
    uint32_t flip = p->flip * 0x01010101u;
    for (size_t g = 0; g < GROUPS_SMALL; g++)
        put_u32(p, word_bytes(p) / 2 + g * word_bytes(p), get_u32(b->qs + g * 4) ^ flip);
}

/* codes: 32 of at most 8 bits, the lower 4 are stored. */
static void put_nibbles(const place *p, size_t at, const uint8_t *codes) {
    for (size_t i = 0; i < GROUPS_SMALL / 2; i++) {
        uint32_t low = get_u32(codes + i * 8) & 0x0f0f0f0fu;
        uint32_t high = get_u32(codes + i * 8 + 4) & 0x0f0f0f0fu;
        put_u32(p, at + i * word_bytes(p), low | high << 4);
    }
}

static void put_q4_0(const place *p, const hl_block_q4_0 *b) {
    uint8_t codes[HL_QK];
    for (size_t i = 0; i < HL_QK / 2; i++) {
        codes[i] = b->qs[i] & 15;
        codes[i + HL_QK / 2] = b->qs[i] >> 4;
    }
    put_u16(p, 0, b->d);
    put_nibbles(p, word_bytes(p) / 2, codes);
}

static size_t put_k_scales(const place *p, size_t at, const uint8_t scales[12]) {
    static const uint8_t MIN_ORDER[4] = {0, 2, 1, 3};
    uint8_t v[4][4];
    for (uint32_t s = 0; s < 4; s++) {
        uint8_t unused;
        hl_k_scale_min(scales, s, &v[0][s], &unused);
        hl_k_scale_min(scales, s + 4, &v[1][s], &unused);
        hl_k_scale_min(scales, MIN_ORDER[s], &unused, &v[2][s]);
        hl_k_scale_min(scales, MIN_ORDER[s] + 4u, &unused, &v[3][s]);
    }
    uint8_t *words = p->block + at + (size_t)p->half * 3 * p->lanes * 4 + p->lane * 4;
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t upper = (get_u32(v[3]) >> i * 2 & 0x03030303u) << 6, word = get_u32(v[i]) | upper;
        memcpy(words + (size_t)i * p->lanes * 4, &word, sizeof word);
    }
    return at + 3 * word_bytes(p);
}

static void put_q4_k(const place *p, const hl_block_q4_k *b) {
    put_u16(p, 0, b->d);
    put_u16(p, word_bytes(p) / 2, b->dmin);
    size_t at = put_k_scales(p, word_bytes(p), b->scales);
    for (uint32_t s = 0; s < 8; s++, at += 4 * word_bytes(p)) {
        uint8_t codes[32];
        for (size_t i = 0; i < 32; i++) codes[i] = b->qs[s / 2 * 32 + i] >> (s & 1) * 4 & 15;
        put_nibbles(p, at, codes);
    }
}

static void put_q5_k(const place *p, const hl_block_q5_k *b) {
    put_u16(p, 0, b->d);
    put_u16(p, word_bytes(p) / 2, b->dmin);
    size_t at = put_k_scales(p, word_bytes(p), b->scales);
    for (uint32_t s = 0; s < 8; s++, at += 5 * word_bytes(p)) {
        uint8_t codes[32];
        uint32_t fifth = 0;
        for (size_t i = 0; i < 32; i++) codes[i] = b->qs[s / 2 * 32 + i] >> (s & 1) * 4 & 15;
        for (size_t g = 0; g < GROUPS_SMALL; g++)
            fifth |= (get_u32(b->qh + g * 4) >> s & 0x01010101u) << (g % 2 * 4 + g / 2);
        put_u32(p, at, fifth);
        put_nibbles(p, at + word_bytes(p), codes);
    }
}

/* Codes of sub-block pair s (32 weights) of a Q6_K block. */
static void q6_k_codes(const hl_block_q6_k *b, size_t s, uint8_t codes[32]) {
    size_t h = s / 4, q = s % 4;
    const uint8_t *ql = b->ql + h * 64 + q % 2 * 32, *qh = b->qh + h * 32;
    for (size_t i = 0; i < 32; i++)
        codes[i] = (uint8_t)((ql[i] >> q / 2 * 4 & 15) | (qh[i] >> q * 2 & 3) << 4);
}

static void put_q6_k(const place *p, const hl_block_q6_k *b) {
    put_u16(p, 0, b->d);
    size_t at = word_bytes(p) / 2;
    for (size_t i = 0; i < 4; i++, at += word_bytes(p)) put_u32(p, at, get_u32(b->scales + i * 4));
    for (size_t s = 0; s < 8; s++, at += 6 * word_bytes(p)) {
        uint8_t codes[32];
        q6_k_codes(b, s, codes);
        for (size_t u = 0; u < 2; u++) {
            uint32_t upper = 0;
            for (size_t j = 0; j < 4; j++)
                upper |= (get_u32(codes + u * 16 + j * 4) >> 4 & 0x03030303u)
                         << (j % 2 * 4 + j / 2 * 2);
            put_u32(p, at + u * word_bytes(p), upper);
        }
        put_nibbles(p, at + 2 * word_bytes(p), codes);
    }
}

static void put_block(const place *p, hl_dtype t, const void *b) {
    switch ((uint32_t)t) {
    case HL_DTYPE_F32: put_u32(p, 0, get_u32(b)); return;
    case HL_DTYPE_F16:
    case HL_DTYPE_BF16: put_u16(p, 0, *(const uint16_t *)b); return;
    case HL_DTYPE_Q8_0: put_q8_0(p, b); return;
    case HL_DTYPE_Q4_0: put_q4_0(p, b); return;
    case HL_DTYPE_Q4_K: put_q4_k(p, b); return;
    case HL_DTYPE_Q5_K: put_q5_k(p, b); return;
    case HL_DTYPE_Q6_K: put_q6_k(p, b); return;
    default: hl_assert_failed(__FILE__, __LINE__, "every computing type has its place");
    }
}

size_t hl__tiles_bytes(hl_dtype t, uint32_t tile_rows, uint32_t rows, uint32_t cols) {
    size_t n_tiles = ((size_t)rows + tile_rows - 1) / tile_rows;
    return n_tiles * tile_rows * hl_dtype_bytes(t, cols);
}

/* One row of a tile; src is NULL where the matrix has no such row. */
static void pack_row(place p, hl_dtype t, const uint8_t *src, size_t n_blocks) {
    static const union {
        uint8_t bytes[sizeof(hl_block_q6_k)];
        uint32_t align;
    } ZERO = {{0}};
    size_t block_bytes = hl_dtype_lookup(t).block_bytes, tile_block = 2 * p.lanes * block_bytes;
    for (size_t i = 0; i < n_blocks; i++, p.block += tile_block)
        put_block(&p, t, src ? src + i * block_bytes : ZERO.bytes);
}

void hl__tiles_pack(hl_cpu_matrix *w, const void *src, uint32_t row0, uint32_t row1,
                    uint32_t tile_rows, uint8_t flip) {
    HL_ASSERT(row0 % tile_rows == 0 && row1 <= w->rows);
    hl_dtype_info info = hl_dtype_lookup(w->dtype);
    size_t n_blocks = w->cols / info.block_weights, row_bytes = n_blocks * info.block_bytes;
    uint32_t end = (row1 + tile_rows - 1) / tile_rows * tile_rows;
    for (uint32_t row = row0; row < end; row++) {
        uint32_t in_tile = row % tile_rows;
        place p = {.block = (uint8_t *)w->data + (row - in_tile) * row_bytes,
                   .lanes = tile_rows / 2,
                   .half = in_tile / (tile_rows / 2),
                   .lane = in_tile % (tile_rows / 2),
                   .flip = flip};
        pack_row(p, w->dtype, row < row1 ? (const uint8_t *)src + row * row_bytes : NULL, n_blocks);
    }
}
