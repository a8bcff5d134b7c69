#include "base/dir.h"

#include "base/fs.h"
#include "base/fs_fault.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

bool hl_dir_first(const char *dir, hl_str suffix, char *out, size_t cap) {
    DIR *d = opendir(dir);
    if (!d) return false;
    char best[sizeof((struct dirent *)0)->d_name] = "";
    for (struct dirent *entry = readdir(d); entry; entry = readdir(d)) {
        if (entry->d_name[0] == '.' || !hl_str_ends(hl_str_from(entry->d_name), suffix)) continue;
        if (best[0] && strcmp(entry->d_name, best) >= 0) continue;
        int n = snprintf(out, cap, "%s/%s", dir, entry->d_name);
        if (n < 0 || (size_t)n >= cap || !hl_path_is_file(out)) continue;
        memcpy(best, entry->d_name, strlen(entry->d_name) + 1);
    }
    closedir(d);
    if (!best[0]) return false;
    int n = snprintf(out, cap, "%s/%s", dir, best);
    return n > 0 && (size_t)n < cap;
}

void hl_dir_each(const char *dir, void (*each)(void *arg, const char *name), void *arg) {
    DIR *d = opendir(dir);
    if (!d) return;
    for (struct dirent *entry = readdir(d); entry; entry = readdir(d))
        if (entry->d_name[0] != '.') each(arg, entry->d_name);
    closedir(d);
}

bool hl_dir_make(const char *dir) {
    return mkdir(dir, 0700) == 0 || hl_path_is_dir(dir);
}

static hl_status make_one(const char *dir, hl_error *err) {
    if (!hl__fs_fault() && (mkdir(dir, 0755) == 0 || (errno == EEXIST && hl_path_is_dir(dir))))
        return HL_OK;
    return hl__fs_fail(err, "make", dir);
}

hl_status hl_dir_make_all(const char *dir, hl_error *err) {
    if (hl_path_is_dir(dir)) return HL_OK;
    char *path = hl_strdup(dir);
    hl_status st = HL_OK;
    if (!path) return hl_fail(err, HL_ENOMEM, "fs", "no memory to make %s", dir);
    for (char *p = path + 1; *p && st == HL_OK; p++) {
        if (*p != '/') continue;
        *p = '\0';
        if (!hl_path_is_dir(path)) st = make_one(path, err);
        *p = '/';
    }
    if (st == HL_OK) st = make_one(path, err);
    hl_free(path);
    return st;
}

hl_status hl_dir_read(const char *dir, hl_dir_entry_fn *each, void *arg, hl_error *err) {
    DIR *d = hl__fs_fault() ? NULL : opendir(dir);
    hl_status st = HL_OK;
    if (!d) return hl__fs_fail(err, "read", dir);
    while (st >= 0) {
        errno = 0;
        struct dirent *entry = readdir(d);
        if (!entry) {
            if (errno != 0) st = hl__fs_fail(err, "read", dir);
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            st = each(arg, entry->d_name, err);
    }
    closedir(d);
    return st < 0 ? st : HL_OK;
}

hl_status hl_dir_remove(const char *dir, hl_error *err) {
    if (!hl__fs_fault() && rmdir(dir) == 0) return HL_OK;
    return errno == ENOTEMPTY || errno == EEXIST ? HL_DONE : hl__fs_fail(err, "remove", dir);
}

hl_status hl_dir_sync(const char *dir, hl_error *err) {
    int fd = hl__fs_fault() ? -1 : open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return hl__fs_fail(err, "open", dir);
    /* EINVAL: a file system that knows no syncing of directories */
    bool synced = !hl__fs_fault() && (fsync(fd) == 0 || errno == EINVAL);
    hl_status st = synced ? HL_OK : hl__fs_fail(err, "sync", dir);
    (void)close(fd);
    return st;
}

hl_status hl_dir_sync_parent(const char *path, hl_error *err) {
    const char *slash = strrchr(path, '/');
    char dir[PATH_MAX]; /* on the stack: what is done already must not fail for want of memory */
    if (!slash) return hl_dir_sync(".", err);
    if (slash == path) return hl_dir_sync("/", err);
    size_t len = (size_t)(slash - path);
    if (len >= sizeof dir) return hl_fail(err, HL_EIO, "fs", "cannot sync %s: too long", path);
    memcpy(dir, path, len);
    dir[len] = '\0';
    return hl_dir_sync(dir, err);
}
