/* store/foreign.h
 *
 * Models that other programs have on this machine, to be taken into the store without another copy
 * of their bytes:
 *
 *     Ollama         DIR/manifests, DIR/blobs, or both in DIR/models     names as they are
 *     LM Studio      DIR/PUBLISHER/REPO/FILE.gguf, also in DIR/models    hf.co/PUBLISHER/REPO:QUANT
 *     Hugging Face   DIR/models--ORG--REPO/snapshots/…, also in DIR/hub  hf.co/ORG/REPO:QUANT
 *
 * Of the last two, GGUF files: weights, all parts of one, and beside them a projector.  QUANT is
 * what the file's name ends in, else what the file says of itself.
 *
 * Everything there is a stranger's: names are checked to be names, blobs to have their sizes.  The
 * bytes of a directory of Ollama's are not hashed again (store/verify.h does that).
 *
 * Errors: ENOTFOUND, EFORMAT, EUNSUPPORTED (says what), ELIMIT, EIO, ENOMEM.   Threads: any.
 */
#pragma once

#include "store/store.h"

typedef struct hl_foreign {
    hl_name name;
    const char *path;      /* of the weights (of several parts the first); of Ollama's manifest */
    const char *projector; /* NULL: none */
    unsigned n_parts;      /* files of weights; 0: it is a manifest */
} hl_foreign;

/* Calls each for every model, by path; what cannot be read is passed over.  A status below 0 from
 * each ends this and is returned.  ENOTFOUND: dir is none of the three. */
typedef hl_status hl_foreign_fn(void *arg, const hl_foreign *f, hl_error *err);
hl_status hl_foreign_each(const char *dir, hl_foreign_fn *each, void *arg,
                          hl_error *err) HL_NODISCARD;

typedef struct hl_foreign_taken {
    hl_taken how; /* BEFORE: the model was there; COPIED: a part of it was */
    uint64_t bytes;
} hl_foreign_taken;

/* Makes it a model of the store.  EUNSUPPORTED: another model has the name; a copy would be needed,
 * and may_copy is false. */
hl_status hl_foreign_take(const hl_store *s, const hl_foreign *f, bool may_copy,
                          hl_foreign_taken *ret, hl_error *err) HL_NODISCARD;

/* Where the three programs keep models of this user's, as far as they exist: n paths. */
enum { HL_FOREIGN_PLACES_MAX = 8 };
size_t hl_foreign_places(char ret[HL_FOREIGN_PLACES_MAX][HL_STORE_PATH_MAX]);
