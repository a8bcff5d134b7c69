/* The system calls that deal with names, directories, locks and the time (store_calls.h). */
#pragma once

#include "sim/store_calls.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

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
    if (!sim->may_change(path)) return fail_with(EROFS);
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
    if (!sim->may_change(from) || !sim->may_change(to)) return fail_with(EROFS);
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
    if (!sim->may_change(to)) return fail_with(EROFS);
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
    if (!sim->may_change(path) || !sim->going(path, node)) return fail_with(EROFS);
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
    if (!sim->may_change(path)) return fail_with(EROFS);
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

char *__real___realpath_chk(const char *path, char *out, size_t room);
char *__wrap___realpath_chk(const char *path, char *out, size_t room);
char *__wrap___realpath_chk(const char *path, char *out, size_t room) {
    return is_sim_path(path) ? __wrap_realpath(path, out) : __real___realpath_chk(path, out, room);
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
