/* The system calls of base/fs.h, base/file_rw.h and base/dir.h, on a disk in memory (store_disk.h):
 * the linker puts them in the place of the system's (--wrap, tests.cmake) for paths below "/sim"
 * and descriptors of theirs.
 *
 * Each asks the simulation first (calls_before): there other writers have their turn, disks fail,
 * processes die.  A process that is dead unwinds: all its calls fail and change nothing. */
#pragma once

#include "sim/store_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
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

ssize_t __real_pread(int fd, void *out, size_t cap, off_t at);
ssize_t __wrap_pread(int fd, void *out, size_t cap, off_t at);
ssize_t __wrap_pread(int fd, void *out, size_t cap, off_t at) {
    if (!is_sim_fd(fd)) return __real_pread(fd, out, cap, at);
    return sim->before(CALL_READ) ? -1 : read_at(fd, out, cap, (size_t)at);
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

/* -- names ------------------------------------------------------------------------------------- */

static inline int stat_node(int node, struct stat *ret) {
    const disk_node *n = &sim->disk->nodes[node];
    *ret = (struct stat){.st_ino = (ino_t)node + 1,
                         .st_mode = n->is_dir ? S_IFDIR | 0755 : S_IFREG | 0644,
                         .st_size = (off_t)n->bytes.len,
                         .st_blocks = (blkcnt_t)(n->bytes.len + 511) / 512};
    ret->st_mtim = (struct timespec){n->mtime_ns / 1000000000, n->mtime_ns % 1000000000};
    return 0;
}

int __real_stat(const char *path, struct stat *ret);
int __wrap_stat(const char *path, struct stat *ret);
int __wrap_stat(const char *path, struct stat *ret) {
    if (!is_sim_path(path)) return __real_stat(path, ret);
    if (sim->before(CALL_LOOK)) return -1;
    int node = disk_find(sim->disk, path);
    return node == DISK_NONE ? -1 : stat_node(node, ret);
}

int __real_fstat(int fd, struct stat *ret);
int __wrap_fstat(int fd, struct stat *ret);
int __wrap_fstat(int fd, struct stat *ret) {
    if (!is_sim_fd(fd)) return __real_fstat(fd, ret);
    return sim->before(CALL_LOOK) ? -1 : stat_node(file_of(fd)->node, ret);
}

int __real_statvfs(const char *path, struct statvfs *ret);
int __wrap_statvfs(const char *path, struct statvfs *ret);
int __wrap_statvfs(const char *path, struct statvfs *ret) {
    if (!is_sim_path(path)) return __real_statvfs(path, ret);
    if (sim->before(CALL_LOOK)) return -1;
    *ret = (struct statvfs){.f_bavail = 1 << 20, .f_frsize = 4096};
    return 0;
}

int __real_utimensat(int dir, const char *path, const struct timespec times[2], int flags);
int __wrap_utimensat(int dir, const char *path, const struct timespec times[2], int flags);
int __wrap_utimensat(int dir, const char *path, const struct timespec times[2], int flags) {
    if (!is_sim_path(path)) return __real_utimensat(dir, path, times, flags);
    if (sim->before(CALL_LOOK)) return -1;
    int node = disk_find(sim->disk, path);
    if (node == DISK_NONE) return -1;
    sim->disk->nodes[node].mtime_ns = sim->now_ns;
    return 0;
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to) {
    char leaf_from[DISK_NAME_MAX], leaf_to[DISK_NAME_MAX];
    if (!is_sim_path(from)) return __real_rename(from, to);
    if (sim->before(CALL_MOVE)) return -1;
    int node = disk_find(sim->disk, from);
    if (node == DISK_NONE) return -1;
    int dir_from = disk_parent(sim->disk, from, leaf_from);
    int dir_to = disk_parent(sim->disk, to, leaf_to);
    if (dir_to == DISK_NONE) return -1;
    entries_set(&sim->disk->nodes[dir_from].names, leaf_from, DISK_NONE);
    entries_set(&sim->disk->nodes[dir_to].names, leaf_to, node);
    sim->changed(to, node);
    return 0;
}

int __real_link(const char *from, const char *to);
int __wrap_link(const char *from, const char *to);
int __wrap_link(const char *from, const char *to) {
    char leaf[DISK_NAME_MAX];
    if (!is_sim_path(from)) return __real_link(from, to);
    if (sim->before(CALL_MAKE)) return -1;
    int node = disk_find(sim->disk, from), dir = disk_parent(sim->disk, to, leaf);
    if (node == DISK_NONE || dir == DISK_NONE) return -1;
    if (disk_find(sim->disk, to) != DISK_NONE) return fail_with(EEXIST);
    entries_set(&sim->disk->nodes[dir].names, leaf, node);
    sim->changed(to, node);
    return 0;
}

int __real_unlink(const char *path);
int __wrap_unlink(const char *path);
int __wrap_unlink(const char *path) {
    char leaf[DISK_NAME_MAX];
    if (!is_sim_path(path)) return __real_unlink(path);
    if (sim->before(CALL_REMOVE)) return -1;
    int node = disk_find(sim->disk, path);
    if (node == DISK_NONE) return -1;
    if (sim->disk->nodes[node].is_dir) return fail_with(EISDIR);
    if (!sim->going(path, node)) return fail_with(EIO);
    entries_set(&sim->disk->nodes[disk_parent(sim->disk, path, leaf)].names, leaf, DISK_NONE);
    sim->changed(path, DISK_NONE);
    return 0;
}

int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode) {
    if (!is_sim_path(path)) return __real_mkdir(path, mode);
    if (sim->before(CALL_MAKE)) return -1;
    if (disk_find(sim->disk, path) != DISK_NONE) return fail_with(EEXIST);
    return sim_make(path, true) == DISK_NONE ? -1 : 0;
}

int __real_rmdir(const char *path);
int __wrap_rmdir(const char *path);
int __wrap_rmdir(const char *path) {
    char leaf[DISK_NAME_MAX];
    if (!is_sim_path(path)) return __real_rmdir(path);
    if (sim->before(CALL_REMOVE)) return -1;
    int node = disk_find(sim->disk, path);
    if (node == DISK_NONE) return -1;
    if (!sim->disk->nodes[node].is_dir) return fail_with(ENOTDIR);
    if (sim->disk->nodes[node].names.n > 0) return fail_with(ENOTEMPTY);
    entries_set(&sim->disk->nodes[disk_parent(sim->disk, path, leaf)].names, leaf, DISK_NONE);
    return 0;
}

/* No links on this disk. */
char *__real_realpath(const char *path, char *out);
char *__wrap_realpath(const char *path, char *out);
char *__wrap_realpath(const char *path, char *out) {
    if (!is_sim_path(path)) return __real_realpath(path, out);
    HL_ASSERT(out);
    if (sim->before(CALL_LOOK) || disk_find(sim->disk, path) == DISK_NONE) return NULL;
    memcpy(out, path, strlen(path) + 1);
    return out;
}

/* Of what base/ asks only a reflink: it works now and then. */
int __real_ioctl(int fd, unsigned long what, ...);
int __wrap_ioctl(int fd, unsigned long what, ...);
int __wrap_ioctl(int fd, unsigned long what, ...) {
    va_list args;
    va_start(args, what);
    uintptr_t from = va_arg(args, uintptr_t);
    va_end(args);
    if (!is_sim_fd(fd)) return __real_ioctl(fd, what, from);
    if (sim->before(CALL_MAKE)) return -1;
    if (hl_rng_below(sim->rng, 2)) return fail_with(EOPNOTSUPP);
    disk_node *n = &sim->disk->nodes[file_of(fd)->node];
    const disk_bytes *b = &sim->disk->nodes[file_of((int)from)->node].bytes;
    bytes_set(&n->bytes, b->ptr, b->len);
    n->dirty = true;
    return 0;
}

/* -- directories ------------------------------------------------------------------------------- */

static inline bool is_listing(const DIR *d) {
    const listing *l = (const listing *)(const void *)d;
    return sim && l >= sim->listings && l < sim->listings + LISTINGS_MAX;
}

DIR *__real_opendir(const char *path);
DIR *__wrap_opendir(const char *path);
DIR *__wrap_opendir(const char *path) {
    if (!is_sim_path(path)) return __real_opendir(path);
    if (sim->before(CALL_LOOK)) return NULL;
    int node = disk_find(sim->disk, path);
    if (node == DISK_NONE) return NULL;
    if (!sim->disk->nodes[node].is_dir) {
        errno = ENOTDIR;
        return NULL;
    }
    size_t i = 0;
    while (i < LISTINGS_MAX && sim->listings[i].used) i++;
    HL_ASSERT(i < LISTINGS_MAX);
    listing *l = &sim->listings[i];
    entries_copy(&l->names, &sim->disk->nodes[node].names);
    l->used = true;
    l->next = 0;
    return (DIR *)(void *)l;
}

struct dirent *__real_readdir(DIR *d);
struct dirent *__wrap_readdir(DIR *d);
struct dirent *__wrap_readdir(DIR *d) {
    if (!is_listing(d)) return __real_readdir(d);
    listing *l = (listing *)(void *)d;
    if (l->next == l->names.n || sim->before(CALL_READ)) return NULL;
    uint32_t other = l->next + (uint32_t)hl_rng_below(sim->rng, l->names.n - l->next);
    disk_entry e = l->names.at[other];
    l->names.at[other] = l->names.at[l->next];
    l->next++;
    memcpy(l->entry.d_name, e.name, strlen(e.name) + 1);
    return &l->entry;
}

int __real_closedir(DIR *d);
int __wrap_closedir(DIR *d);
int __wrap_closedir(DIR *d) {
    if (!is_listing(d)) return __real_closedir(d);
    ((listing *)(void *)d)->used = false;
    return 0;
}

/* -- locks and time ---------------------------------------------------------------------------- */

int __real_flock(int fd, int how);
int __wrap_flock(int fd, int how);
int __wrap_flock(int fd, int how) {
    if (!is_sim_fd(fd)) return __real_flock(fd, how);
    for (;;) {
        if (sim->before(CALL_LOCK)) return -1;
        disk_node *n = &sim->disk->nodes[file_of(fd)->node];
        if (sim->lock_does_nothing || n->lock == DISK_NONE || n->lock == fd - FD_BASE) {
            n->lock = fd - FD_BASE;
            return 0;
        }
        if (how & LOCK_NB) return fail_with(EWOULDBLOCK);
        sim->wait(file_of(fd)->node);
    }
}

int64_t __real_hl_clock_wall_ns(void);
int64_t __wrap_hl_clock_wall_ns(void);
int64_t __wrap_hl_clock_wall_ns(void) {
    return sim ? sim->now_ns : __real_hl_clock_wall_ns();
}
