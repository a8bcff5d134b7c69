/* base/fs.h
 *
 * The only seam to the file system.  Paths are NUL-terminated bytes.
 * Errors: ENOTFOUND (no such file), EIO (with errno's text), ELIMIT, ENOMEM.
 * Threads: any.
 */
#pragma once

#include "base/buf.h"
#include "base/status.h"
#include "base/str.h"

/* A file mapped read-only.  The bytes live until hl_file_unmap.  If another
 * program truncates the file meanwhile, reading the lost part is a bus error:
 * models are replaced by rename, never written in place. */
typedef struct hl_file_map {
    hl_bytes bytes;
} hl_file_map;

hl_status hl_file_map_open(const char *path, hl_file_map *ret, hl_error *err) HL_NODISCARD;
void hl_file_map_close(hl_file_map *m); /* accepts an empty map */
/* Tells the system that a part of the map is not needed for now (its pages may go). */
void hl_file_map_forget(const hl_file_map *m, size_t offset, size_t len);

/* The whole of a file (or of a descriptor until its end) appended to *ret, at most bytes_max. */
hl_status hl_file_read(const char *path, size_t bytes_max, hl_buf *ret, hl_error *err) HL_NODISCARD;
hl_status hl_fd_read_all(int fd, const char *what, size_t bytes_max, hl_buf *ret,
                         hl_error *err) HL_NODISCARD;

/* Writes beside the target, syncs, renames: the target is either old or new. */
hl_status hl_file_write(const char *path, hl_bytes data, hl_error *err) HL_NODISCARD;

/* The same in pieces: a file that appears under its path, whole and synced, at commit. */
typedef struct hl_file_out hl_file_out;
hl_status hl_file_out_open(const char *path, hl_file_out **ret, hl_error *err) HL_NODISCARD;
hl_status hl_file_out_write(hl_file_out *f, hl_bytes data, hl_error *err) HL_NODISCARD;
hl_status hl_file_out_commit(hl_file_out *f, hl_error *err) HL_NODISCARD; /* once, the last */
void hl_file_out_close(hl_file_out *f); /* without commit nothing is left; accepts NULL */

bool hl_path_is_file(const char *path);
bool hl_path_is_dir(const char *path);
/* The directory of the running program, without a slash at the end; false when unknown. */
bool hl_path_of_program(char *out, size_t cap);
