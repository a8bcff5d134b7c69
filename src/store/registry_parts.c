#include "store/registry_parts.h"

#include "base/mem.h"

static const char MAGIC[] = "HLPARTS1";
enum { MAGIC_BYTES = sizeof MAGIC - 1, AT_TOTAL = 8, AT_PART = 16, AT_TAG = 24, WORD = 8 };

static uint64_t load_u64(const uint8_t *p) {
    uint64_t v = 0;
    for (int i = 0; i < WORD; i++) v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static void store_u64(uint64_t v, uint8_t *p) {
    for (int i = 0; i < WORD; i++) p[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t count_parts(uint64_t total, uint64_t part_bytes) {
    return total / part_bytes + (total % part_bytes != 0);
}

hl_status hl__parts_plan(uint64_t total, uint64_t part_bytes, hl__parts *ret, hl_error *err) {
    if (part_bytes == 0) part_bytes = HL__PART_BYTES;
    while (count_parts(total, part_bytes) > HL__PARTS_MAX && part_bytes < UINT64_MAX / 2)
        part_bytes *= 2;
    *ret = (hl__parts){
        .total = total, .part_bytes = part_bytes, .n = (uint32_t)count_parts(total, part_bytes)};
    ret->there = hl_calloc(ret->n, sizeof *ret->there);
    if (!ret->there) return hl_fail(err, HL_ENOMEM, "parts", "no memory for a download");
    return HL_OK;
}

hl_status hl__parts_parse(hl_bytes state, uint64_t total, hl__parts *ret, hl_error *err) {
    if (state.len < HL__PARTS_HEAD_BYTES || memcmp(state.ptr, MAGIC, MAGIC_BYTES) != 0)
        return hl_fail(err, HL_EFORMAT, "parts", "no state of a download");
    uint64_t part_bytes = load_u64(state.ptr + AT_PART);
    if (load_u64(state.ptr + AT_TOTAL) != total)
        return hl_fail(err, HL_EFORMAT, "parts", "the state of another blob's download");
    if (part_bytes == 0 || count_parts(total, part_bytes) > HL__PARTS_MAX)
        return hl_fail(err, HL_EFORMAT, "parts", "a download in too many parts");
    uint64_t n = count_parts(total, part_bytes);
    if (state.len != HL__PARTS_HEAD_BYTES + n * WORD)
        return hl_fail(err, HL_EFORMAT, "parts", "the state of a download is cut off");
    HL_TRY(hl__parts_plan(total, part_bytes, ret, err));
    HL_ASSERT(ret->n == n);
    memcpy(ret->tag, state.ptr + AT_TAG, sizeof ret->tag);
    for (uint32_t i = 0; i < ret->n; i++) {
        uint64_t there = load_u64(state.ptr + HL__PARTS_HEAD_BYTES + (size_t)i * WORD);
        if (there > hl__part_bytes(ret, i)) {
            hl__parts_deinit(ret);
            return hl_fail(err, HL_EFORMAT, "parts", "part %u of a download is too long", i);
        }
        ret->there[i] = there;
    }
    return HL_OK;
}

void hl__parts_deinit(hl__parts *p) {
    hl_free(p->there);
    *p = (hl__parts){0};
}

void hl__parts_print(const hl__parts *p, hl_buf *out) {
    uint8_t word[WORD];
    hl_buf_append(out, MAGIC, MAGIC_BYTES);
    store_u64(p->total, word);
    hl_buf_append(out, word, WORD);
    store_u64(p->part_bytes, word);
    hl_buf_append(out, word, WORD);
    hl_buf_append(out, p->tag, sizeof p->tag);
    for (uint32_t i = 0; i < p->n; i++) {
        (void)hl__parts_record(p, i, word);
        hl_buf_append(out, word, WORD);
    }
}

uint64_t hl__parts_record(const hl__parts *p, uint32_t part, uint8_t ret[8]) {
    HL_ASSERT(part < p->n && p->there[part] <= hl__part_bytes(p, part));
    store_u64(p->there[part], ret);
    return HL__PARTS_HEAD_BYTES + (uint64_t)part * WORD;
}

uint64_t hl__part_offset(const hl__parts *p, uint32_t part) {
    HL_ASSERT(part < p->n);
    return part * p->part_bytes;
}

uint64_t hl__part_bytes(const hl__parts *p, uint32_t part) {
    uint64_t left = p->total - hl__part_offset(p, part);
    return left < p->part_bytes ? left : p->part_bytes;
}

bool hl__part_is_whole(const hl__parts *p, uint32_t part) {
    return p->there[part] == hl__part_bytes(p, part);
}

uint64_t hl__parts_there(const hl__parts *p) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < p->n; i++) sum += p->there[i];
    return sum;
}

uint64_t hl__parts_front(const hl__parts *p) {
    uint32_t i = 0;
    while (i < p->n && hl__part_is_whole(p, i)) i++;
    return i == p->n ? p->total : hl__part_offset(p, i) + p->there[i];
}
