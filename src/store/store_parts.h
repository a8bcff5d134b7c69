/* store/store_parts.h — what the files of an open store share; private to store/. */
#pragma once

#include "store/store.h"

struct hl_store {
    char *dirs[HL_STORE_PLACES_MAX]; /* [n_dirs], owned; the first is written to */
    size_t n_dirs;
};

enum { HL__YOUNG_S = 3600 };

/* DIR/MIDDLE/REST; ELIMIT: too long. */
hl_status hl__store_path(const char *dir, const char *middle, const char *rest,
                         char ret[HL_STORE_PATH_MAX], hl_error *err) HL_NODISCARD;
bool hl__path_is_under(const char *path, const char *dir);
/* The lock of the directory that is written to, which is made if need be. */
hl_status hl__store_lock(const hl_store *s, hl_file_lock *ret, hl_error *err) HL_NODISCARD;
/* Every manifest file of one directory; unlike hl_store_each, fails on what cannot be read. */
hl_status hl__store_walk(const char *dir, hl_store_item_fn *each, void *arg,
                         hl_error *err) HL_NODISCARD;
/* The name that a write goes to: as an existing model has it, else with parts as they are written
 * in other names. */
hl_status hl__store_settle_name(const hl_store *s, hl_name *name, hl_error *err) HL_NODISCARD;
/* hl_store_prune with the lock held. */
hl_status hl__store_prune(const hl_store *s, int64_t now_ns, hl_error *err) HL_NODISCARD;
