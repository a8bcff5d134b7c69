#define _GNU_SOURCE
#include "base/fs.h"

#include "base/dir.h"
#include "base/fs_fault.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NS_PER_S = 1000000000 };

/* Calls until the one that fails, 0: none; UINT64_MAX: all from now on. */
static _Atomic uint64_t fail_at;
static atomic_bool fail_on;

void hl_fs_fail_nth(uint64_t n, bool from_then_on) {
    atomic_store(&fail_on, from_then_on);
    atomic_store(&fail_at, n);
}

static void (*_Atomic before_each)(void);

void hl_fs_before_each(void (*hook)(void)) {
    atomic_store(&before_each, hook);
}

bool hl__fs_fault(void) {
    void (*hook)(void) = atomic_load_explicit(&before_each, memory_order_relaxed);
    if (hook) hook();
    uint64_t at = atomic_load_explicit(&fail_at, memory_order_relaxed);
    if (at == 0) return false; /* as in every program but a test */
    if (at != UINT64_MAX && atomic_fetch_sub(&fail_at, 1) != 1) return false;
    if (atomic_load(&fail_on)) atomic_store(&fail_at, UINT64_MAX);
    errno = EIO;
    return true;
}

hl_status hl__fs_fail(hl_error *err, const char *what, const char *path) {
    int e = errno;
    char text[128];
    const char *why = strerror_r(e, text, sizeof text);
    hl_status st = e == ENOENT || e == ENOTDIR ? HL_ENOTFOUND : e == ENOMEM ? HL_ENOMEM : HL_EIO;
    return hl_fail(err, st, "fs", "cannot %s %s: %s", what, path, why);
}

static hl_status open_regular(const char *path, int *ret_fd, size_t *ret_size, hl_error *err) {
    /* O_NONBLOCK: opening a pipe must not wait for its writer */
    int fd = hl__fs_fault() ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return hl__fs_fail(err, "open", path);
    struct stat st;
    if (fstat(fd, &st) != 0) {
        hl_status s = hl__fs_fail(err, "stat", path);
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
    void *p = hl__fs_fault() ? MAP_FAILED : mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) {
        hl_status s = hl__fs_fail(err, "map", path);
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
        ssize_t n = hl__fs_fault() ? -1 : read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return hl__fs_fail(err, "read", what);
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

/* DIR/.NAME.tmp-PROCESS-NUMBER: hidden, and no two files on their way to one path meet. */
static char *make_temp_path(const char *path) {
    static atomic_uint n_made;
    const char *slash = strrchr(path, '/');
    int dir_len = slash ? (int)(slash - path) + 1 : 0;
    size_t cap = strlen(path) + 48;
    char *temp = hl_alloc(cap);
    if (!temp) return NULL;
    int len = snprintf(temp, cap, "%.*s.%s" HL_FILE_TEMP_MARK "%ld-%u", dir_len, path,
                       path + dir_len, (long)getpid(), atomic_fetch_add(&n_made, 1));
    HL_ASSERT(len > 0 && (size_t)len < cap);
    return temp;
}

hl_status hl_file_out_open(const char *path, hl_file_out **ret, hl_error *err) {
    hl_file_out *f = hl_calloc(1, sizeof *f);
    if (!f) return hl_fail(err, HL_ENOMEM, "fs", "no memory to write %s", path);
    f->fd = -1;
    f->path = hl_strdup(path);
    f->temp = make_temp_path(path);
    hl_status st = HL_OK;
    if (!f->path || !f->temp) {
        st = hl_fail(err, HL_ENOMEM, "fs", "no memory to write %s", path);
        goto fail;
    }
    f->fd = hl__fs_fault() ? -1 : open(f->temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (f->fd < 0) {
        st = hl__fs_fail(err, "create", f->temp);
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
        ssize_t n = hl__fs_fault() ? -1 : write(f->fd, data.ptr + at, data.len - at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return hl__fs_fail(err, "write", f->temp);
        at += (size_t)n;
    }
    return HL_OK;
}

hl_status hl_file_out_commit(hl_file_out *f, hl_error *err) {
    HL_ASSERT(f->fd >= 0);
    hl_status st = !hl__fs_fault() && fsync(f->fd) == 0 ? HL_OK : hl__fs_fail(err, "sync", f->temp);
    if (close(f->fd) != 0 && st == HL_OK) st = hl__fs_fail(err, "close", f->temp);
    f->fd = -1;
    if (st == HL_OK) st = hl_file_rename(f->temp, f->path, err);
    if (st < 0) {
        (void)unlink(f->temp);
        return st;
    }
    return hl_dir_sync_parent(f->path, err);
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

/* -- single steps ------------------------------------------------------------------------------ */

hl_status hl_file_stat(const char *path, hl_file_facts *ret, hl_error *err) {
    struct stat st;
    if (hl__fs_fault() || stat(path, &st) != 0) return hl__fs_fail(err, "stat", path);
    *ret = (hl_file_facts){
        .bytes = (uint64_t)st.st_size,
        .modified_ns = (int64_t)st.st_mtim.tv_sec * NS_PER_S + st.st_mtim.tv_nsec,
        .inode = (uint64_t)st.st_ino,
        .is_dir = S_ISDIR(st.st_mode),
    };
    return HL_OK;
}

hl_status hl_file_remove(const char *path, hl_error *err) {
    if (hl__fs_fault() || unlink(path) != 0) return hl__fs_fail(err, "remove", path);
    return HL_OK;
}

hl_status hl_file_rename(const char *from, const char *to, hl_error *err) {
    if (hl__fs_fault() || rename(from, to) != 0) return hl__fs_fail(err, "rename", from);
    return HL_OK;
}

hl_status hl_file_link(const char *from, const char *to, hl_error *err) {
    if (!hl__fs_fault() && link(from, to) == 0) return HL_OK;
    return errno == EEXIST ? HL_DONE : hl__fs_fail(err, "link", from);
}

static hl_status clone_into(int from_fd, hl_file_out *to, hl_error *err) {
    if (!hl__fs_fault() && ioctl(to->fd, FICLONE, from_fd) == 0) return hl_file_out_commit(to, err);
    return hl_fail(err, HL_EUNSUPPORTED, "fs", "%s cannot share another file's bytes", to->path);
}

hl_status hl_file_clone(const char *from, const char *to, hl_error *err) {
    int fd;
    size_t size;
    hl_file_out *f;
    HL_TRY(open_regular(from, &fd, &size, err));
    hl_status st = hl_file_out_open(to, &f, err);
    if (st >= 0) {
        st = clone_into(fd, f, err);
        hl_file_out_close(f);
    }
    close(fd);
    return st;
}

hl_status hl_file_touch(const char *path, hl_error *err) {
    if (hl__fs_fault() || utimensat(AT_FDCWD, path, NULL, 0) != 0)
        return hl__fs_fail(err, "touch", path);
    return HL_OK;
}

hl_status hl_file_lock_take(const char *path, hl_file_lock *ret, hl_error *err) {
    int fd = hl__fs_fault() ? -1 : open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return hl__fs_fail(err, "open", path);
    while (flock(fd, LOCK_EX) != 0) {
        if (errno == EINTR) continue;
        hl_status st = hl__fs_fail(err, "lock", path);
        (void)close(fd);
        return st;
    }
    ret->fd = fd;
    return HL_OK;
}

void hl_file_lock_drop(hl_file_lock *l) {
    HL_ASSERT(l->fd >= 0);
    (void)close(l->fd);
    l->fd = -1;
}

hl_status hl_path_real(const char *path, char *ret, size_t cap, hl_error *err) {
    char real[PATH_MAX];
    if (hl__fs_fault() || !realpath(path, real)) return hl__fs_fail(err, "find", path);
    int len = snprintf(ret, cap, "%s", real);
    if (len > 0 && (size_t)len < cap) return HL_OK;
    return hl_fail(err, HL_ELIMIT, "fs", "the path of %s is too long", path);
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
