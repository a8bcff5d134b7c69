/* store/store.h
 *
 * The models on this machine, in Ollama's directory layout, so that one directory serves both:
 *
 *     DIR/manifests/HOST/NAMESPACE/MODEL/TAG   what a model consists of (store/manifest.h)
 *     DIR/blobs/sha256-HEX                     contents, under their own hashes
 *     DIR/.hyperllama-lock                     held by whoever of us writes manifests or prunes
 *
 * A store is one directory that is written to and any number that are only read; the first that
 * has a name or a blob wins.  Every file appears whole: temporary file, sync, rename, sync of the
 * directory; a manifest is written when its blobs are there.  So a process that dies at any point
 * leaves every earlier model as it was.
 *
 * A running Ollama knows nothing of the lock.  Therefore no blob is deleted that a manifest names
 * or that is younger than an hour (somebody may be about to name it), nothing is deleted while a
 * manifest cannot be read, and blobs that vanish are an error of the model that wanted them only.
 *
 * Errors: ENOTFOUND in Ollama's words; EFORMAT (a manifest that is none), EIO, ENOMEM.
 * Threads: any; an open store is immutable.  What writes may wait for the lock.
 */
#pragma once

#include "base/fs.h"
#include "store/manifest.h"
#include "store/names.h"

enum { HL_STORE_PATH_MAX = 4096, HL_STORE_PLACES_MAX = 16 };

typedef struct hl_store hl_store;

/* dirs[0] is written to, and made when that first happens; the others are only read. */
hl_status hl_store_open(const char *const *dirs, size_t n_dirs, hl_store **ret,
                        hl_error *err) HL_NODISCARD;
/* Where this machine's models are: models_dir; without one (NULL or empty) ~/.ollama/models when
 * it exists, else that of the Linux package, else ~/.hyperllama/models, each if it can be written
 * to.  Those of the three that exist besides, and the directories of HYPERLLAMA_MODELS_READ (a list
 * with colons), are read; with models_dir only the latter. */
hl_status hl_store_open_default(const char *models_dir, hl_store **ret, hl_error *err) HL_NODISCARD;
void hl_store_close(hl_store *s); /* accepts NULL */
const char *hl_store_root(const hl_store *s);

/* -- models ------------------------------------------------------------------------------------ */

typedef struct hl_store_item {
    hl_name name;                 /* as it is stored */
    char path[HL_STORE_PATH_MAX]; /* of the manifest */
    hl_file_facts facts;          /* of the manifest */
} hl_store_item;

/* Calls each for every model, in no order; a name that several directories have, once.  Places that
 * cannot be read are passed over.  A status below 0 from each ends this and is returned. */
typedef hl_status hl_store_item_fn(void *arg, const hl_store_item *item, hl_error *err);
hl_status hl_store_each(const hl_store *s, hl_store_item_fn *each, void *arg,
                        hl_error *err) HL_NODISCARD;

/* ENOTFOUND: "model 'NAME' not found". */
hl_status hl_store_find(const hl_store *s, const hl_name *name, hl_store_item *ret,
                        hl_error *err) HL_NODISCARD;
/* *ret is the caller's. */
hl_status hl_store_read(const hl_store *s, const hl_store_item *item, hl_manifest *ret,
                        hl_error *err) HL_NODISCARD;

/* Makes or replaces the model.  The layers' blobs must be there (ENOTFOUND names the one that is
 * not). */
hl_status hl_store_write(const hl_store *s, const hl_name *name, const hl_layer *config,
                         const hl_layer *layers, size_t n_layers, hl_error *err) HL_NODISCARD;
/* The same with a manifest as it came from a registry, byte for byte, so that its id stays. */
hl_status hl_store_write_text(const hl_store *s, const hl_name *name, hl_str json,
                              hl_error *err) HL_NODISCARD;
hl_status hl_store_copy(const hl_store *s, const hl_name *from, const hl_name *to,
                        hl_error *err) HL_NODISCARD;
/* The name, and the blobs that nothing else needs.  A model in a directory that is only read stays:
 * EUNSUPPORTED. */
hl_status hl_store_delete(const hl_store *s, const hl_name *name, hl_error *err) HL_NODISCARD;

/* Deletes blobs that no manifest names and what broken-off writes left, from an hour of age on.
 * Nothing when OLLAMA_NOPRUNE is set. */
hl_status hl_store_prune(const hl_store *s, int64_t now_ns, hl_error *err) HL_NODISCARD;

typedef void hl_prune_fn(void *arg, const char *name, uint64_t bytes);
typedef struct hl_prune {
    int64_t now_ns;
    bool dry_run;      /* tells, deletes nothing */
    hl_prune_fn *each; /* of a file in blobs/ that goes; NULL: nobody wants to know */
    void *arg;
} hl_prune;

/* The same, telling.  HL_DONE: OLLAMA_NOPRUNE is set. */
hl_status hl_store_prune_by(const hl_store *s, const hl_prune *how, hl_error *err) HL_NODISCARD;

/* -- blobs ------------------------------------------------------------------------------------- */

/* Where it is; false: nowhere, and ret is where it would be. */
bool hl_store_blob_path(const hl_store *s, const hl_digest *d, char ret[HL_STORE_PATH_MAX]);

/* A blob of these bytes; *ret has its digest and size, ready to become a layer. */
hl_status hl_store_put(const hl_store *s, hl_str bytes, hl_layer *ret, hl_error *err) HL_NODISCARD;
/* A blob of a file that exists: one that shares its bytes on the disk (a reflink, else another name
 * of it) where the file system allows, else a copy. */
hl_status hl_store_import(const hl_store *s, const char *path, hl_layer *ret,
                          hl_error *err) HL_NODISCARD;

typedef enum hl_taken { HL_TAKEN_BEFORE, HL_TAKEN_LINKED, HL_TAKEN_COPIED } hl_taken;
/* "existing", "linked", "copied" */
const char *hl_taken_word(hl_taken how);
/* The same, saying how.  digest: its hash, if it is known; else NULL.  EUNSUPPORTED: only a copy
 * would do, and may_copy is false. */
hl_status hl_store_take(const hl_store *s, const char *path, const hl_digest *digest, bool may_copy,
                        hl_layer *ret, hl_taken *ret_how, hl_error *err) HL_NODISCARD;
/* For a blob that a new model will name: it is not pruned for the next hour, and one that lies in
 * a directory that is only read gets a name in ours, if it can.  ENOTFOUND. */
hl_status hl_store_keep(const hl_store *s, const hl_digest *d, hl_error *err) HL_NODISCARD;
/* Whether a manifest names it. */
bool hl_store_is_named(const hl_store *s, const hl_digest *d);

/* A blob that arrives in pieces and is hashed meanwhile. */
typedef struct hl_blob_out hl_blob_out;
hl_status hl_blob_out_open(const hl_store *s, const hl_digest *want, hl_blob_out **ret,
                           hl_error *err) HL_NODISCARD;
hl_status hl_blob_out_write(hl_blob_out *b, hl_bytes data, hl_error *err) HL_NODISCARD;
/* EINVAL: the bytes have another digest; then nothing is left.  May take as long as a sync of the
 * whole blob. */
hl_status hl_blob_out_commit(hl_blob_out *b, hl_error *err) HL_NODISCARD;
void hl_blob_out_close(hl_blob_out *b); /* without commit nothing is left; accepts NULL */

/* A path in blobs/ for a file that another library writes; the same name is not given twice. */
hl_status hl_store_temp_path(const hl_store *s, char ret[HL_STORE_PATH_MAX],
                             hl_error *err) HL_NODISCARD;
/* Gives such a file its place as a blob. */
hl_status hl_store_adopt(const hl_store *s, const char *temp_path, hl_layer *ret,
                         hl_error *err) HL_NODISCARD;
