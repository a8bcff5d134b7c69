/* Any bytes as the state of a download: a status, or parts that lie within the blob and are printed
 * as they were. */
#include "store/registry_parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hl__parts p;
    hl_buf b;
    uint64_t total = 0;
    for (size_t i = 0; size >= 16 && i < 8; i++) total |= (uint64_t)data[8 + i] << (8 * i);
    if (hl__parts_parse((hl_bytes){data, size}, total, &p, NULL) < 0) return 0;
    uint64_t at = 0;
    for (uint32_t i = 0; i < p.n; i++) {
        HL_ASSERT(hl__part_offset(&p, i) == at && p.there[i] <= hl__part_bytes(&p, i));
        at += hl__part_bytes(&p, i);
    }
    HL_ASSERT(at == total && hl__parts_there(&p) <= total);
    HL_ASSERT(hl__parts_front(&p) <= total);
    hl_buf_init(&b, 0);
    hl__parts_print(&p, &b);
    HL_ASSERT(b.len == size && memcmp(b.ptr, data, size) == 0);
    hl_buf_deinit(&b);
    hl__parts_deinit(&p);
    return 0;
}
