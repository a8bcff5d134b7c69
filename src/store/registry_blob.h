/* store/registry_blob.h
 *
 * One blob on its way from a registry: its file, the state beside it, and its hash.
 *
 *     WAITING ─ open ─→ ARRIVING ─ all bytes ─→ ARRIVED ─ hash, sync, rename ─→ STORED
 *        │  └→ TAKEN (another pull has it: asked again now and then)      └→ BROKEN
 *        └→ STORED (it was there)
 *
 * The hash follows the bytes on another thread (store/registry_hash.h): it takes what is there
 * before the first hole, so that it is nearly done when the last byte comes, and a resumed
 * download's first bytes are read while the others arrive.
 *
 * Threads: the fetching one, but for what the lock of the hash guards (front, hashed, stage);
 * private to store/.
 */
#pragma once

#include "base/file_rw.h"
#include "store/registry_parts.h"
#include "store/store.h"

typedef enum hl__stage {
    HL__WAITING,
    HL__TAKEN,
    HL__ARRIVING,
    HL__ARRIVED,
    HL__STORED,
    HL__BROKEN,
} hl__stage;

/* What is going on with a part, besides its bytes. */
typedef struct hl__part_run {
    bool running;
    uint32_t tries;      /* without a byte */
    uint64_t not_before; /* monotonic ns */
    uint64_t unsaved;    /* bytes that the state on disk does not know of */
} hl__part_run;

typedef struct hl__blob {
    const hl_layer *layer; /* borrowed */
    const char *url;       /* where it is, borrowed; NULL: the registry's */
    hl__stage stage;
    hl_file_rw data, state;
    hl__parts parts;
    hl__part_run *runs; /* [parts.n], owned */
    char *direct;       /* where redirects have led; owned; NULL: not known */
    uint32_t hops, restarts;
    bool unnamed;        /* the layer's digest is only a name for it on its way */
    uint64_t there;      /* bytes */
    uint64_t told;       /* of what was reported; UINT64_MAX: nothing was */
    uint64_t look_again; /* of TAKEN; monotonic ns */

    /* Of the hashing thread's. */
    uint64_t front, hashed;
    hl_sha256 *hash; /* owned */
    bool hashing;    /* right now */
    hl_digest got;   /* of STORED and unnamed */
    hl_error error;  /* of BROKEN */
} hl__blob;

/* Bytes that are still to come, by what the disk says; for a blob that is not open. */
uint64_t hl__blob_missing(const hl_store *s, const hl_layer *l);
/* Bytes that have come, by another pull's state. */
uint64_t hl__blob_peek(const hl_store *s, const hl_layer *l);

/* From WAITING or TAKEN to ARRIVING, TAKEN or STORED. */
hl_status hl__blob_open(const hl_store *s, hl__blob *b, uint64_t now_ns,
                        hl_error *err) HL_NODISCARD;
void hl__blob_close(hl__blob *b);

/* Bytes of a part, behind those that it has. */
hl_status hl__blob_write(hl__blob *b, uint32_t part, hl_bytes piece, hl_error *err) HL_NODISCARD;
/* Tells the state on disk what has come of a part. */
hl_status hl__blob_save(hl__blob *b, uint32_t part, hl_error *err) HL_NODISCARD;
/* Everything anew, in parts of this size. */
hl_status hl__blob_restart(hl__blob *b, uint64_t part_bytes, hl_error *err) HL_NODISCARD;
/* The representation's mark; HL_AGAIN: what is there is of another one. */
hl_status hl__blob_check_tag(hl__blob *b, hl_str etag, hl_error *err) HL_NODISCARD;

/* On the hashing thread: from ARRIVED to a blob of the store; EINVAL: another digest; nothing is
 * left then. */
hl_status hl__blob_finish(const hl_store *s, hl__blob *b, hl_error *err) HL_NODISCARD;
