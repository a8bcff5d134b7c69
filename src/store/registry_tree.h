/* store/registry_tree.h
 *
 * The parts of a model in a listing of a Hugging Face repository's files
 * (GET /api/models/NAMESPACE/MODEL/tree/main?recursive=true; source: the Hub's API reference):
 *
 *     [{"type":"file","path":"Q8_0/x-Q8_0-00001-of-00002.gguf","size":N,"lfs":{"oid":SHA-256,…}},…]
 *
 * Everything in it is a stranger's.  Private to store/.
 *
 * Errors: EFORMAT (no such listing), ENOTFOUND (no such parts, or not all of them), ELIMIT, ENOMEM.
 * Threads: pure.
 */
#pragma once

#include "base/arena.h"
#include "store/digest.h"

enum { HL__TREE_BYTES_MAX = 8 << 20, HL__TREE_PARTS_MAX = 1024 };

typedef struct hl__tree_part {
    hl_str path; /* of the repository; in the arena, with a zero behind it */
    hl_digest digest;
    uint64_t bytes;
} hl__tree_part;

/* The parts, in order, of the model that a tag means: its quantisation, in any case, at the end of
 * the name before "-00001-of-00003.gguf" or the directory's name.  "latest" is Q4_K_M where there
 * is one, else the first that is whole. */
hl_status hl__tree_find(hl_str json, hl_str tag, hl_arena *arena, hl__tree_part **ret,
                        size_t *ret_n, hl_error *err) HL_NODISCARD;
