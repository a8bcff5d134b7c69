/* store/store_parts.h — what the files of an open store share; private to store/. */
#pragma once

#include "store/store.h"

struct hl_store {
    char *dirs[HL_STORE_PLACES_MAX]; /* [n_dirs], owned; the first is written to */
    size_t n_dirs;
};

/* A conversion may take hours, and its directory does not change meanwhile. */
enum { HL__YOUNG_S = 3600, HL__YOUNG_DIR_S = 24 * 3600 };

/* DIR/MIDDLE/REST; ELIMIT: too long. */
hl_status hl__store_path(const char *dir, const char *middle, const char *rest,
                         char ret[HL_STORE_PATH_MAX], hl_error *err) HL_NODISCARD;
bool hl__path_is_under(const char *path, const char *dir);
/* The lock of the directory that is written to, which is made if need be. */
hl_status hl__store_lock(const hl_store *s, hl_file_lock *ret, hl_error *err) HL_NODISCARD;
/* Every manifest file of one directory; unlike hl_store_each, fails on what cannot be read. */
hl_status hl__store_walk(const char *dir, hl_store_item_fn *each, void *arg,
                         hl_error *err) HL_NODISCARD;
/* What one directory's manifests are now, and that others are gone, outlasts a power cut. */
hl_status hl__store_sync_names(const char *dir, hl_error *err) HL_NODISCARD;
/* The name that a write goes to: as an existing model has it, else with parts as they are written
 * in other names. */
hl_status hl__store_settle_name(const hl_store *s, hl_name *name, hl_error *err) HL_NODISCARD;
/* hl_store_keep and hl_store_prune with the lock held. */
hl_status hl__store_keep(const hl_store *s, const hl_digest *d, hl_error *err) HL_NODISCARD;
hl_status hl__store_prune(const hl_store *s, int64_t now_ns, hl_error *err) HL_NODISCARD;
/* Where the blob is written to; its directory is made. */
hl_status hl__blob_place(const hl_store *s, const hl_digest *d, char ret[HL_STORE_PATH_MAX],
                         hl_error *err) HL_NODISCARD;
/* Its hash and size, into *ret. */
hl_status hl__describe_file(const char *path, hl_layer *ret, hl_error *err) HL_NODISCARD;
/* A directory that files had their own names in for a while, with all that is in it. */
void hl__remove_named(char *dir);
