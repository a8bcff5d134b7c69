#define _GNU_SOURCE
#include "base/fs.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static hl_status fail_errno(hl_error *err, const char *what, const char *path) {
    int e = errno;
    char text[128];
    const char *why = strerror_r(e, text, sizeof text);
    hl_status st = e == ENOENT || e == ENOTDIR ? HL_ENOTFOUND : e == ENOMEM ? HL_ENOMEM : HL_EIO;
    return hl_fail(err, st, "fs", "cannot %s %s: %s", what, path, why);
}

static hl_status open_regular(const char *path, int *ret_fd, size_t *ret_size, hl_error *err) {
    /* O_NONBLOCK: opening a pipe must not wait for its writer */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return fail_errno(err, "open", path);
    struct stat st;
    if (fstat(fd, &st) != 0) {
        hl_status s = fail_errno(err, "stat", path);
        close(fd);
        return s;
    }
    if (!S_ISREG(st.st_mode)) {
        close(fd);
        return hl_fail(err, HL_EIO, "fs", "%s is not a regular file", path);
    }
    *ret_fd = fd;
    *ret_size = (size_t)st.st_size;
    return HL_OK;
}

hl_status hl_file_map_open(const char *path, hl_file_map *ret, hl_error *err) {
    int fd;
    size_t size;
    HL_TRY(open_regular(path, &fd, &size, err));
    *ret = (hl_file_map){{NULL, 0}};
    if (size == 0) {
        close(fd);
        return HL_OK;
    }
    void *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) {
        hl_status s = fail_errno(err, "map", path);
        close(fd);
        return s;
    }
    close(fd);
    ret->bytes = (hl_bytes){p, size};
    return HL_OK;
}

void hl_file_map_close(hl_file_map *m) {
    if (m->bytes.ptr) (void)munmap((void *)(uintptr_t)m->bytes.ptr, m->bytes.len);
    m->bytes = (hl_bytes){NULL, 0};
}

void hl_file_map_forget(const hl_file_map *m, size_t offset, size_t len) {
    HL_ASSERT(offset <= m->bytes.len && len <= m->bytes.len - offset);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t from = (offset + page - 1) / page * page, to = (offset + len) / page * page;
    if (from < to)
        (void)madvise((void *)(uintptr_t)(m->bytes.ptr + from), to - from, MADV_DONTNEED);
}

hl_status hl_fd_read_all(int fd, const char *what, size_t bytes_max, hl_buf *ret, hl_error *err) {
    char chunk[32 * 1024];
    size_t total = 0;
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_errno(err, "read", what);
        if (n == 0) break;
        total += (size_t)n;
        if (total > bytes_max)
            return hl_fail(err, HL_ELIMIT, "fs", "%s is larger than %zu bytes", what, bytes_max);
        hl_buf_append(ret, chunk, (size_t)n);
    }
    return hl_buf_status(ret, what, err);
}

hl_status hl_file_read(const char *path, size_t bytes_max, hl_buf *ret, hl_error *err) {
    int fd;
    size_t size;
    HL_TRY(open_regular(path, &fd, &size, err));
    hl_status st = hl_fd_read_all(fd, path, bytes_max, ret, err);
    close(fd);
    return st;
}

struct hl_file_out {
    int fd; /* -1 after commit */
    char *path, *temp;
};

hl_status hl_file_out_open(const char *path, hl_file_out **ret, hl_error *err) {
    size_t cap = strlen(path) + 32;
    hl_file_out *f = hl_calloc(1, sizeof *f);
    if (!f) return hl_fail(err, HL_ENOMEM, "fs", "no memory to write %s", path);
    f->fd = -1;
    f->path = hl_strdup(path);
    f->temp = hl_alloc(cap);
    hl_status st = HL_OK;
    if (!f->path || !f->temp) {
        st = hl_fail(err, HL_ENOMEM, "fs", "no memory to write %s", path);
        goto fail;
    }
    int len = snprintf(f->temp, cap, "%s.tmp-%ld", path, (long)gettid());
    HL_ASSERT(len > 0 && (size_t)len < cap);
    f->fd = open(f->temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (f->fd < 0) {
        st = fail_errno(err, "create", f->temp);
        goto fail;
    }
    *ret = f;
    return HL_OK;
fail:
    hl_file_out_close(f);
    return st;
}

hl_status hl_file_out_write(hl_file_out *f, hl_bytes data, hl_error *err) {
    HL_ASSERT(f->fd >= 0);
    size_t at = 0;
    while (at < data.len) {
        ssize_t n = write(f->fd, data.ptr + at, data.len - at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_errno(err, "write", f->temp);
        at += (size_t)n;
    }
    return HL_OK;
}

hl_status hl_file_out_commit(hl_file_out *f, hl_error *err) {
    HL_ASSERT(f->fd >= 0);
    hl_status st = fsync(f->fd) == 0 ? HL_OK : fail_errno(err, "sync", f->temp);
    if (close(f->fd) != 0 && st == HL_OK) st = fail_errno(err, "close", f->temp);
    f->fd = -1;
    if (st == HL_OK && rename(f->temp, f->path) != 0) st = fail_errno(err, "rename", f->temp);
    if (st < 0) (void)unlink(f->temp);
    return st;
}

void hl_file_out_close(hl_file_out *f) {
    if (!f) return;
    if (f->fd >= 0) {
        (void)close(f->fd);
        (void)unlink(f->temp);
    }
    hl_free(f->path);
    hl_free(f->temp);
    hl_free(f);
}

hl_status hl_file_write(const char *path, hl_bytes data, hl_error *err) {
    hl_file_out *f;
    HL_TRY(hl_file_out_open(path, &f, err));
    hl_status st = hl_file_out_write(f, data, err);
    if (st == HL_OK) st = hl_file_out_commit(f, err);
    hl_file_out_close(f);
    return st;
}

bool hl_path_is_file(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

bool hl_path_is_dir(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool hl_path_of_program(char *out, size_t cap) {
    HL_ASSERT(cap > 0);
    ssize_t n = readlink("/proc/self/exe", out, cap - 1);
    if (n <= 0) return false;
    out[n] = '\0';
    char *slash = strrchr(out, '/');
    if (!slash) return false;
    *slash = '\0';
    return true;
}
