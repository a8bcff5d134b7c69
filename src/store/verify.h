/* store/verify.h
 *
 * Whether every file that a model names is there, whole and with the bytes that its name says.
 *
 * Errors: EIO, ENOMEM.   Threads: any; takes as long as reading all models.
 */
#pragma once

#include "store/store.h"

typedef enum hl_verified {
    HL_VERIFIED_GOOD,
    HL_VERIFIED_MISSING,
    HL_VERIFIED_SIZE,    /* of another length */
    HL_VERIFIED_DAMAGED, /* of another hash */
    HL_VERIFIED_UNREADABLE,
    HL_VERIFIED_MANIFEST /* the manifest itself cannot be read */
} hl_verified;

typedef struct hl_verified_file {
    hl_verified result;
    const char *model, *digest; /* digest "": the manifest */
    const char *path;
    uint64_t bytes;  /* as the manifest says */
    const char *why; /* more about what is wrong; "" */
} hl_verified_file;

/* "good", "missing", "wrong size", "damaged", "unreadable", "bad manifest" */
const char *hl_verified_word(hl_verified v);

/* Calls each for every pair of model and file; a file is read once. */
typedef void hl_verified_fn(void *arg, const hl_verified_file *f);
hl_status hl_store_verify(const hl_store *s, hl_verified_fn *each, void *arg,
                          hl_error *err) HL_NODISCARD;
