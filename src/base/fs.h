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
#define HL_FILE_TEMP_MARK ".tmp-" /* in the names of those that are not there yet; also hidden */
hl_status hl_file_out_open(const char *path, hl_file_out **ret, hl_error *err) HL_NODISCARD;
hl_status hl_file_out_write(hl_file_out *f, hl_bytes data, hl_error *err) HL_NODISCARD;
hl_status hl_file_out_commit(hl_file_out *f, hl_error *err) HL_NODISCARD; /* once, the last */
void hl_file_out_close(hl_file_out *f); /* without commit nothing is left; accepts NULL */

typedef struct hl_file_facts {
    uint64_t bytes;
    int64_t modified_ns; /* since 1970 */
    uint64_t inode;      /* tells a file from the one that was in its place */
    bool is_dir;
} hl_file_facts;

hl_status hl_file_stat(const char *path, hl_file_facts *ret, hl_error *err) HL_NODISCARD;
hl_status hl_file_remove(const char *path, hl_error *err) HL_NODISCARD;
/* The name alone; whoever must find it after a power cut syncs the directory (base/dir.h). */
hl_status hl_file_rename(const char *from, const char *to, hl_error *err) HL_NODISCARD;
/* A second name of the same bytes.  HL_DONE: `to` is there already and stays as it is. */
hl_status hl_file_link(const char *from, const char *to, hl_error *err) HL_NODISCARD;
/* A file of its own that shares the bytes on the disk until one of the two is written to (a
 * reflink).  EUNSUPPORTED: not from there to there. */
hl_status hl_file_clone(const char *from, const char *to, hl_error *err) HL_NODISCARD;
/* Modified now. */
hl_status hl_file_touch(const char *path, hl_error *err) HL_NODISCARD;

/* Waits until no other holder is left, among processes and among threads; the file is made when it
 * is not there.  The lock goes with the process, however it ends. */
typedef struct hl_file_lock {
    int fd;
} hl_file_lock;
hl_status hl_file_lock_take(const char *path, hl_file_lock *ret, hl_error *err) HL_NODISCARD;
void hl_file_lock_drop(hl_file_lock *l);

/* Tests: the n-th call that changes or reads files fails as a broken disk does (1 = the next; 0
 * turns it off), and with it, from_then_on, all that follow. */
void hl_fs_fail_nth(uint64_t n, bool from_then_on);
/* Tests: called before each such call, so that other processes have their turn there; NULL: none.
 */
void hl_fs_before_each(void (*hook)(void));

/* The path without links and dots, of at most cap - 1 bytes (ELIMIT). */
hl_status hl_path_real(const char *path, char *ret, size_t cap, hl_error *err) HL_NODISCARD;
bool hl_path_is_file(const char *path);
bool hl_path_is_dir(const char *path);
/* The directory of the running program, without a slash at the end; false when unknown. */
bool hl_path_of_program(char *out, size_t cap);
