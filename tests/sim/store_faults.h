/* Faults that the simulation of the store plants, to show that it would notice them: functions of
 * the store that the linker replaces (--wrap, tests.cmake), or system calls that do nothing.  No
 * production code knows of them. */
#pragma once

#include "sim/store_turns.h"
#include "store/store_parts.h"

typedef enum fault {
    FAULT_NONE,
    FAULT_NO_LOCK,
    FAULT_BYTES_NOT_SYNCED, /* files are renamed before their bytes are kept */
    FAULT_NAMES_NOT_SYNCED, /* directories are not synced */
    FAULT_NO_REFERENCES,    /* pruning does not look what manifests name */
    FAULT_YOUNG_PRUNED,
    FAULT_PRUNED_EARLY, /* before it is settled that manifests are gone */
    FAULT_NOT_CHECKED,  /* manifests are written whether or not their blobs are there */
    FAULT_NOT_TOUCHED,  /* a blob that is used again stays old */
    FAULTS_N
} fault;

static inline const char *fault_name(fault f) {
    static const char *const names[FAULTS_N] = {"none",
                                                "no lock",
                                                "rename before sync",
                                                "names not synced",
                                                "delete without looking for references",
                                                "young blobs pruned",
                                                "pruned before the manifests are gone for good",
                                                "a manifest written without looking for its blobs",
                                                "blobs that are used again are not touched"};
    return names[f];
}

static fault planted;

hl_status __real_hl__store_prune(const hl_store *s, int64_t now_ns, hl_error *err);
hl_status __wrap_hl__store_prune(const hl_store *s, int64_t now_ns, hl_error *err);
hl_status __wrap_hl__store_prune(const hl_store *s, int64_t now_ns, hl_error *err) {
    return __real_hl__store_prune(s, now_ns + (planted == FAULT_YOUNG_PRUNED ? HOUR_NS : 0), err);
}

hl_status __real_hl__store_walk(const char *dir, hl_store_item_fn *each, void *arg, hl_error *err);
hl_status __wrap_hl__store_walk(const char *dir, hl_store_item_fn *each, void *arg, hl_error *err);
hl_status __wrap_hl__store_walk(const char *dir, hl_store_item_fn *each, void *arg, hl_error *err) {
    if (planted == FAULT_NO_REFERENCES) return HL_OK;
    return __real_hl__store_walk(dir, each, arg, err);
}

hl_status __real_hl_dir_sync_parent(const char *path, hl_error *err);
hl_status __wrap_hl_dir_sync_parent(const char *path, hl_error *err);
hl_status __wrap_hl_dir_sync_parent(const char *path, hl_error *err) {
    return planted == FAULT_NAMES_NOT_SYNCED ? HL_OK : __real_hl_dir_sync_parent(path, err);
}

hl_status __real_hl__store_sync_names(const char *dir, hl_error *err);
hl_status __wrap_hl__store_sync_names(const char *dir, hl_error *err);
hl_status __wrap_hl__store_sync_names(const char *dir, hl_error *err) {
    return planted == FAULT_PRUNED_EARLY ? HL_OK : __real_hl__store_sync_names(dir, err);
}

/* Whoever goes on to read the blob still sees that it is not there. */
bool __real_hl_store_blob_path(const hl_store *s, const hl_digest *d, char ret[HL_STORE_PATH_MAX]);
bool __wrap_hl_store_blob_path(const hl_store *s, const hl_digest *d, char ret[HL_STORE_PATH_MAX]);
bool __wrap_hl_store_blob_path(const hl_store *s, const hl_digest *d, char ret[HL_STORE_PATH_MAX]) {
    return __real_hl_store_blob_path(s, d, ret) || planted == FAULT_NOT_CHECKED;
}

hl_status __real_hl_file_touch(const char *path, hl_error *err);
hl_status __wrap_hl_file_touch(const char *path, hl_error *err);
hl_status __wrap_hl_file_touch(const char *path, hl_error *err) {
    return planted == FAULT_NOT_TOUCHED ? HL_OK : __real_hl_file_touch(path, err);
}
