/* The system calls of base/fs.h, base/file_rw.h and base/dir.h, on a disk in memory (store_disk.h):
 * the linker puts them in the place of the system's (--wrap, tests.cmake) for paths below "/sim"
 * and descriptors of theirs.  Here: open files and their bytes; store_calls_names.h: the rest.
 *
 * Each asks the simulation first (calls.before): there other writers have their turn, disks fail,
 * processes die.  A process that is dead unwinds: all its calls fail and change nothing. */
#pragma once

#include "sim/store_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FD_BASE = 1 << 20, FDS_MAX = 128, LISTINGS_MAX = 64 };

typedef enum call_kind {
    CALL_LOOK,
    CALL_READ,
    CALL_MAKE,
    CALL_WRITE,
    CALL_SYNC,
    CALL_MOVE,
    CALL_REMOVE,
    CALL_LOCK,
    CALL_CLOSE,
    CALLS_N
} call_kind;

typedef struct open_file {
    int node; /* DISK_NONE: free */
    int owner;
    size_t at;
} open_file;

typedef struct listing {
    bool used;
    disk_entries names; /* as they were when it began, in no order */
    uint32_t next;
    struct dirent entry;
} listing;

typedef struct calls {
    disk *disk;
    open_file files[FDS_MAX];
    listing listings[LISTINGS_MAX];
    int owner; /* who runs: a writer's number, or -1 for who looks on */
    int64_t now_ns;
    hl_rng *rng;

    /* The simulation's.  True: the call fails, with errno. */
    bool (*before)(call_kind kind);
    void (*changed)(const char *path, int node); /* a name has come, or (DISK_NONE) gone */
    bool (*going)(const char *path, int node);   /* false: it may not go */
    bool (*may_change)(const char *path);        /* false: it is only read */
    void (*wait)(int node);                      /* for its lock: others run */
    size_t (*room)(size_t bytes);                /* how many of so many bytes can be written */
    bool lock_does_nothing, sync_does_nothing;   /* planted */
} calls;

static calls *sim;

static inline bool is_sim_path(const char *path) {
    return sim && strncmp(path, SIM_ROOT "/", sizeof SIM_ROOT) == 0;
}

static inline bool is_sim_fd(int fd) {
    return fd >= FD_BASE && fd < FD_BASE + FDS_MAX;
}

/* -- descriptors ------------------------------------------------------------------------------- */

static inline open_file *file_of(int fd) {
    open_file *f = &sim->files[fd - FD_BASE];
    HL_ASSERT(f->node != DISK_NONE);
    return f;
}

static inline int fd_new(int node) {
    int i = 0;
    while (i < FDS_MAX && sim->files[i].node != DISK_NONE) i++;
    HL_ASSERT(i < FDS_MAX);
    sim->files[i] = (open_file){.node = node, .owner = sim->owner};
    return FD_BASE + i;
}

static inline void fd_free(int i) {
    disk_node *n = &sim->disk->nodes[sim->files[i].node];
    if (n->lock == i) n->lock = DISK_NONE;
    sim->files[i].node = DISK_NONE;
}

static inline uint32_t calls_n_open(int owner) {
    uint32_t n = 0;
    for (int i = 0; i < FDS_MAX; i++)
        n += sim->files[i].node != DISK_NONE && sim->files[i].owner == owner;
    return n;
}

/* What the system does when a process ends, however it ends. */
static inline void calls_end_process(int owner) {
    for (int i = 0; i < FDS_MAX; i++)
        if (sim->files[i].node != DISK_NONE && sim->files[i].owner == owner) fd_free(i);
}

/* -- opening ----------------------------------------------------------------------------------- */

static inline int sim_make(const char *path, bool is_dir) {
    char leaf[DISK_NAME_MAX];
    int dir = disk_parent(sim->disk, path, leaf);
    if (dir == DISK_NONE) return DISK_NONE;
    if (!sim->may_change(path)) return errno = EROFS, DISK_NONE;
    int node = disk_add(sim->disk, is_dir, sim->now_ns);
    entries_set(&sim->disk->nodes[dir].names, leaf, node);
    return node;
}

static inline int fail_with(int e) {
    errno = e;
    return -1;
}

static inline int sim_open(const char *path, int flags) {
    if (sim->before(flags & O_CREAT ? CALL_MAKE : CALL_LOOK)) return -1;
    int node = disk_find(sim->disk, path);
    if (node != DISK_NONE && (flags & O_CREAT) && (flags & O_EXCL)) return fail_with(EEXIST);
    if (node == DISK_NONE && (errno != ENOENT || !(flags & O_CREAT))) return -1;
    if (node == DISK_NONE) node = sim_make(path, false);
    if (node == DISK_NONE) return -1;
    disk_node *n = &sim->disk->nodes[node];
    if ((flags & O_DIRECTORY) && !n->is_dir) return fail_with(ENOTDIR);
    if ((flags & O_ACCMODE) != O_RDONLY && n->is_dir) return fail_with(EISDIR);
    if ((flags & O_ACCMODE) != O_RDONLY && !sim->may_change(path)) return fail_with(EROFS);
    if ((flags & O_TRUNC) && n->bytes.len > 0) {
        bytes_resize(&n->bytes, 0);
        n->dirty = true;
    }
    return fd_new(node);
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...) {
    va_list args;
    va_start(args, flags);
    int mode = flags & O_CREAT ? va_arg(args, int) : 0;
    va_end(args);
    return is_sim_path(path) ? sim_open(path, flags) : __real_open(path, flags, mode);
}

int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd) {
    if (!is_sim_fd(fd)) return __real_close(fd);
    if (sim->before(CALL_CLOSE)) return -1;
    (void)file_of(fd);
    fd_free(fd - FD_BASE);
    return 0;
}

/* -- bytes ------------------------------------------------------------------------------------- */

static inline ssize_t read_at(int fd, void *out, size_t cap, size_t at) {
    const disk_node *n = &sim->disk->nodes[file_of(fd)->node];
    if (n->is_dir) return fail_with(EISDIR);
    size_t left = at < n->bytes.len ? n->bytes.len - at : 0;
    size_t len = left < cap ? left : cap;
    if (len > 1 && hl_rng_below(sim->rng, 8) == 0) len = 1 + (size_t)hl_rng_below(sim->rng, len);
    if (len > 0) memcpy(out, n->bytes.ptr + at, len);
    return (ssize_t)len;
}

ssize_t __real_read(int fd, void *out, size_t cap);
ssize_t __wrap_read(int fd, void *out, size_t cap);
ssize_t __wrap_read(int fd, void *out, size_t cap) {
    if (!is_sim_fd(fd)) return __real_read(fd, out, cap);
    if (sim->before(CALL_READ)) return -1;
    ssize_t n = read_at(fd, out, cap, file_of(fd)->at);
    if (n > 0) file_of(fd)->at += (size_t)n;
    return n;
}

/* What a compiler that checks sizes (_FORTIFY_SOURCE) makes of it. */
ssize_t __real___read_chk(int fd, void *out, size_t cap, size_t room);
ssize_t __wrap___read_chk(int fd, void *out, size_t cap, size_t room);
ssize_t __wrap___read_chk(int fd, void *out, size_t cap, size_t room) {
    return is_sim_fd(fd) ? __wrap_read(fd, out, cap) : __real___read_chk(fd, out, cap, room);
}

ssize_t __real_pread(int fd, void *out, size_t cap, off_t at);
ssize_t __wrap_pread(int fd, void *out, size_t cap, off_t at);
ssize_t __wrap_pread(int fd, void *out, size_t cap, off_t at) {
    if (!is_sim_fd(fd)) return __real_pread(fd, out, cap, at);
    return sim->before(CALL_READ) ? -1 : read_at(fd, out, cap, (size_t)at);
}

ssize_t __real___pread_chk(int fd, void *out, size_t cap, off_t at, size_t room);
ssize_t __wrap___pread_chk(int fd, void *out, size_t cap, off_t at, size_t room);
ssize_t __wrap___pread_chk(int fd, void *out, size_t cap, off_t at, size_t room) {
    return is_sim_fd(fd) ? __wrap_pread(fd, out, cap, at)
                         : __real___pread_chk(fd, out, cap, at, room);
}

static inline ssize_t write_at(int fd, const void *data, size_t len, size_t at) {
    disk_node *n = &sim->disk->nodes[file_of(fd)->node];
    size_t fits = sim->room(len);
    if (len > 0 && fits == 0) return fail_with(ENOSPC);
    if (at + fits > n->bytes.len) bytes_resize(&n->bytes, at + fits);
    if (fits > 0) memcpy(n->bytes.ptr + at, data, fits);
    n->mtime_ns = sim->now_ns;
    n->dirty = true;
    n->lost = false;
    return (ssize_t)fits;
}

ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len) {
    if (!is_sim_fd(fd)) return __real_write(fd, data, len);
    if (sim->before(CALL_WRITE)) return -1;
    ssize_t n = write_at(fd, data, len, file_of(fd)->at);
    if (n > 0) file_of(fd)->at += (size_t)n;
    return n;
}

ssize_t __real_pwrite(int fd, const void *data, size_t len, off_t at);
ssize_t __wrap_pwrite(int fd, const void *data, size_t len, off_t at);
ssize_t __wrap_pwrite(int fd, const void *data, size_t len, off_t at) {
    if (!is_sim_fd(fd)) return __real_pwrite(fd, data, len, at);
    return sim->before(CALL_WRITE) ? -1 : write_at(fd, data, len, (size_t)at);
}

int __real_ftruncate(int fd, off_t bytes);
int __wrap_ftruncate(int fd, off_t bytes);
int __wrap_ftruncate(int fd, off_t bytes) {
    if (!is_sim_fd(fd)) return __real_ftruncate(fd, bytes);
    if (sim->before(CALL_MAKE)) return -1;
    disk_node *n = &sim->disk->nodes[file_of(fd)->node];
    bytes_resize(&n->bytes, (size_t)bytes);
    n->mtime_ns = sim->now_ns;
    n->dirty = true;
    return 0;
}

/* After a sync of a file that failed, the next says that all is well, as Linux's does. */
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd) {
    if (!is_sim_fd(fd)) return __real_fsync(fd);
    bool fails = sim->before(CALL_SYNC);
    if (fails && sim->files[fd - FD_BASE].node == DISK_NONE) return -1;
    disk_node *n = &sim->disk->nodes[file_of(fd)->node];
    if (fails) {
        n->lost = !n->is_dir && !n->foreign;
        return -1;
    }
    if (!n->lost && (n->is_dir || !sim->sync_does_nothing)) node_keep(n);
    return 0;
}

void *__real_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset) {
    if (!is_sim_fd(fd)) return __real_mmap(at, len, prot, flags, fd, offset);
    if (sim->before(CALL_READ)) return MAP_FAILED;
    void *copy = __real_mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copy == MAP_FAILED) return copy;
    const disk_bytes *b = &sim->disk->nodes[file_of(fd)->node].bytes;
    if (b->len > 0) memcpy(copy, b->ptr, b->len < len ? b->len : len);
    return copy;
}
