/* base/file_rw.h
 *
 * A file that is read and written at any place, for what arrives in no order.  Nothing is buffered:
 * what was written is there even if the process is killed the moment after, and after a power cut
 * once it was synced.
 *
 * Errors: as base/fs.h.
 * Threads: any; places that two threads write at a time are the caller's to keep apart.
 */
#pragma once

#include "base/status.h"
#include "base/str.h"

typedef struct hl_file_rw {
    int fd; /* -1: closed */
} hl_file_rw;

/* Made when it is not there. */
hl_status hl_file_rw_open(const char *path, hl_file_rw *ret, hl_error *err) HL_NODISCARD;
/* An existing one, to read. */
hl_status hl_file_rw_open_read(const char *path, hl_file_rw *ret, hl_error *err) HL_NODISCARD;
void hl_file_rw_close(hl_file_rw *f); /* accepts a closed one */

/* For this file alone, until it is closed, among processes and among open files of one process.
 * HL_AGAIN: somebody else has it. */
hl_status hl_file_rw_lock(const hl_file_rw *f, hl_error *err) HL_NODISCARD;
/* Whether the path still names this file, and not another that has taken its place. */
bool hl_file_rw_is_at(const hl_file_rw *f, const char *path);

hl_status hl_file_rw_write(const hl_file_rw *f, uint64_t at, hl_bytes data,
                           hl_error *err) HL_NODISCARD;
/* *ret_n is less than cap at the end of the file only. */
hl_status hl_file_rw_read(const hl_file_rw *f, uint64_t at, void *out, size_t cap, size_t *ret_n,
                          hl_error *err) HL_NODISCARD;
hl_status hl_file_rw_resize(const hl_file_rw *f, uint64_t bytes, hl_error *err) HL_NODISCARD;
hl_status hl_file_rw_sync(const hl_file_rw *f, hl_error *err) HL_NODISCARD;
/* Bytes that it takes on the disk: fewer than its size while it has holes. */
hl_status hl_file_rw_disk_bytes(const hl_file_rw *f, uint64_t *ret, hl_error *err) HL_NODISCARD;

/* A file of mode 0600 with these bytes, unless there is one: HL_DONE. */
hl_status hl_file_make_secret(const char *path, hl_bytes data, hl_error *err) HL_NODISCARD;
/* Bytes that this user may still write in the directory's file system. */
hl_status hl_disk_free(const char *dir, uint64_t *ret, hl_error *err) HL_NODISCARD;
