#define _GNU_SOURCE
#include "base/file_rw.h"

#include "base/fs_fault.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { BLOCK_BYTES = 512 }; /* the unit of st_blocks */

static hl_status open_with(const char *path, int flags, hl_file_rw *ret, hl_error *err) {
    struct stat st;
    int fd = hl__fs_fault() ? -1 : open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW, 0644);
    if (fd < 0) return hl__fs_fail(err, "open", path);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        (void)close(fd);
        return hl_fail(err, HL_EIO, "fs", "%s is not a regular file", path);
    }
    ret->fd = fd;
    return HL_OK;
}

hl_status hl_file_rw_open(const char *path, hl_file_rw *ret, hl_error *err) {
    return open_with(path, O_RDWR | O_CREAT, ret, err);
}

hl_status hl_file_rw_open_read(const char *path, hl_file_rw *ret, hl_error *err) {
    return open_with(path, O_RDONLY, ret, err);
}

void hl_file_rw_close(hl_file_rw *f) {
    if (f->fd >= 0) (void)close(f->fd);
    f->fd = -1;
}

hl_status hl_file_rw_lock(const hl_file_rw *f, hl_error *err) {
    HL_ASSERT(f->fd >= 0);
    for (;;) {
        if (!hl__fs_fault() && flock(f->fd, LOCK_EX | LOCK_NB) == 0) return HL_OK;
        if (errno == EWOULDBLOCK) return HL_AGAIN;
        if (errno != EINTR) return hl__fs_fail(err, "lock", "a file");
    }
}

bool hl_file_rw_is_at(const hl_file_rw *f, const char *path) {
    struct stat ours, there;
    return fstat(f->fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_ino == there.st_ino &&
           ours.st_dev == there.st_dev;
}

hl_status hl_file_rw_write(const hl_file_rw *f, uint64_t at, hl_bytes data, hl_error *err) {
    HL_ASSERT(f->fd >= 0 && at <= INT64_MAX && data.len <= INT64_MAX - at);
    while (data.len > 0) {
        ssize_t n = hl__fs_fault() ? -1 : pwrite(f->fd, data.ptr, data.len, (off_t)at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return hl__fs_fail(err, "write", "a file");
        data = (hl_bytes){data.ptr + n, data.len - (size_t)n};
        at += (uint64_t)n;
    }
    return HL_OK;
}

hl_status hl_file_rw_read(const hl_file_rw *f, uint64_t at, void *out, size_t cap, size_t *ret_n,
                          hl_error *err) {
    HL_ASSERT(f->fd >= 0 && at <= INT64_MAX && cap <= INT64_MAX - at);
    *ret_n = 0;
    while (*ret_n < cap) {
        ssize_t n = hl__fs_fault()
                        ? -1
                        : pread(f->fd, (char *)out + *ret_n, cap - *ret_n, (off_t)(at + *ret_n));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return hl__fs_fail(err, "read", "a file");
        if (n == 0) return HL_OK;
        *ret_n += (size_t)n;
    }
    return HL_OK;
}

hl_status hl_file_rw_resize(const hl_file_rw *f, uint64_t bytes, hl_error *err) {
    HL_ASSERT(f->fd >= 0 && bytes <= INT64_MAX);
    if (hl__fs_fault() || ftruncate(f->fd, (off_t)bytes) != 0)
        return hl__fs_fail(err, "resize", "a file");
    return HL_OK;
}

hl_status hl_file_rw_sync(const hl_file_rw *f, hl_error *err) {
    if (hl__fs_fault() || fsync(f->fd) != 0) return hl__fs_fail(err, "sync", "a file");
    return HL_OK;
}

hl_status hl_file_rw_disk_bytes(const hl_file_rw *f, uint64_t *ret, hl_error *err) {
    struct stat st;
    if (hl__fs_fault() || fstat(f->fd, &st) != 0) return hl__fs_fail(err, "stat", "a file");
    *ret = (uint64_t)st.st_blocks * BLOCK_BYTES;
    return HL_OK;
}

hl_status hl_file_make_secret(const char *path, hl_bytes data, hl_error *err) {
    hl_file_rw f = {hl__fs_fault() ? -1
                                   : open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
    if (f.fd < 0) return errno == EEXIST ? HL_DONE : hl__fs_fail(err, "create", path);
    hl_status st = hl_file_rw_write(&f, 0, data, err);
    if (st >= 0) st = hl_file_rw_sync(&f, err);
    hl_file_rw_close(&f);
    if (st < 0) (void)unlink(path);
    return st;
}

hl_status hl_disk_free(const char *dir, uint64_t *ret, hl_error *err) {
    struct statvfs v;
    if (hl__fs_fault() || statvfs(dir, &v) != 0) return hl__fs_fail(err, "stat", dir);
    *ret = (uint64_t)v.f_bavail * v.f_frsize;
    return HL_OK;
}
