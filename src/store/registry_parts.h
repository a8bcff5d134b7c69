/* store/registry_parts.h
 *
 * A blob that is fetched in parts, several at a time, and what of each is there.  The state is
 * beside the data on disk, so that whoever comes after a kill goes on where it was; a part's
 * count is a word of its own in that file, written after the bytes it counts.
 *
 *     offset 0   "HLPARTS1"
 *            8   u64   bytes of the blob
 *           16   u64   bytes of a part; the last one is shorter
 *           24   u8[32]  SHA-256 of the representation's ETag, zeros: not known
 *           56   u64 a part: its bytes that are there, from its beginning
 *
 * Numbers are little-endian.
 * Parts are small against Ollama's (100 MB and more) so that what has arrived has few holes and
 * can be hashed while the rest arrives.
 *
 * Errors: EFORMAT (a state that is none, or of another blob), ELIMIT, ENOMEM.
 * Threads: pure; a struct one at a time.
 */
#pragma once

#include "base/buf.h"

enum {
    HL__PARTS_MAX = 65536,
    HL__PART_BYTES = 32 << 20, /* unless that would be too many parts */
    HL__PARTS_TAG_BYTES = 32,
    HL__PARTS_HEAD_BYTES = 56,
};

typedef struct hl__parts {
    uint64_t total, part_bytes;
    uint32_t n;
    uint64_t *there; /* [n], owned */
    uint8_t tag[HL__PARTS_TAG_BYTES];
} hl__parts;

/* Nothing is there.  part_bytes 0: the usual size. */
hl_status hl__parts_plan(uint64_t total, uint64_t part_bytes, hl__parts *ret,
                         hl_error *err) HL_NODISCARD;
hl_status hl__parts_parse(hl_bytes state, uint64_t total, hl__parts *ret,
                          hl_error *err) HL_NODISCARD;
void hl__parts_deinit(hl__parts *p); /* accepts a zeroed one */
void hl__parts_print(const hl__parts *p, hl_buf *out);
/* A part's count as it is in the file, and where. */
uint64_t hl__parts_record(const hl__parts *p, uint32_t part, uint8_t ret[8]);

uint64_t hl__part_offset(const hl__parts *p, uint32_t part);
uint64_t hl__part_bytes(const hl__parts *p, uint32_t part);
bool hl__part_is_whole(const hl__parts *p, uint32_t part);
/* Bytes that are there; and those before the first hole. */
uint64_t hl__parts_there(const hl__parts *p);
uint64_t hl__parts_front(const hl__parts *p);
