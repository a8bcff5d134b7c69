/* serve/catalog.h
 *
 * The models that have names: those of the store (store/store.h), and those that ship with the
 * program (serve/resolve.h) as long as the store has no model of their name.  Described from their
 * files' metadata, remembered until a file changes, and what stored weights say of themselves from
 * one start to the next.
 *
 * Paths are no names here unless the catalog's owner says so: what comes over the network must not
 * open any file it likes.
 *
 * Ownership: entries belong to the catalog and live until its next call.
 * Errors: EINVAL ("invalid model name"), ENOTFOUND, and those of reading the files.
 * Threads: one at a time; the store and the worker are for any.
 */
#pragma once

#include "serve/package.h"
#include "serve/resolve.h"
#include "serve/show.h"
#include "serve/work.h"

typedef struct hl_catalog hl_catalog;

typedef struct hl_catalog_config {
    const char *models_dir; /* of the store; NULL or empty: the usual places */
    bool allow_paths;       /* a .gguf file's path is a name, too */
    bool prune;             /* the worker begins with what nobody needs (hl_store_prune) */
    const char *remember; /* catalog.db's path (store/catalog_db.h); NULL: nothing is remembered */
} hl_catalog_config;

typedef struct hl_catalog_entry {
    char name[HL_MODEL_NAME_MAX + 8]; /* with its tag: "tiny:latest" */
    char path[HL_MODEL_PATH_MAX];     /* of the weights */
    int64_t modified_ns;              /* since 1970 */
    uint64_t bytes;
    char digest[65]; /* of the manifest; of a file: stands for path, size and time */
    char space[HL_NAME_PART_MAX + 1]; /* "library", … */
    bool described;                   /* info is there */
    bool stored;        /* in the store: not a file that ships or was named by its path */
    hl_model_info info; /* without arrays */
    hl_package *package;

    /* The file that this was read from: a manifest, or the weights. */
    char source[HL_MODEL_PATH_MAX];
    hl_file_facts facts;
} hl_catalog_entry;

hl_status hl_catalog_open(const hl_catalog_config *config, hl_catalog **ret,
                          hl_error *err) HL_NODISCARD;
/* Joins the worker; NULL is fine. */
void hl_catalog_close(hl_catalog *c);
hl_status hl_catalog_find(hl_catalog *c, hl_str name, const hl_catalog_entry **ret,
                          hl_error *err) HL_NODISCARD;
/* At most cap, newest first, then by name; what cannot be read is left out. */
size_t hl_catalog_list(hl_catalog *c, const hl_catalog_entry **ret, size_t cap);
/* The description anew, verbose: with the arrays of its metadata; *ret is the caller's. */
hl_status hl_catalog_details(const hl_catalog_entry *e, bool verbose, hl_model_info *ret,
                             hl_error *err) HL_NODISCARD;

/* For what changes models, on the worker's thread or another. */
const hl_store *hl_catalog_store(const hl_catalog *c);
hl_work *hl_catalog_work(hl_catalog *c);
/* The file that ships under this name; false: none does. */
bool hl_catalog_shipped(const hl_name *name, char ret_path[HL_MODEL_PATH_MAX]);
