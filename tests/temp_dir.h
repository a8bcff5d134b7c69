/* temp_dir.h: directories for tests, and what is left in them. */
#pragma once

#include "testing.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A new directory's path into ret, in memory where the system has such a place: tests sync a lot.
 */
static inline void temp_dir_make(char ret[64]) {
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(ret, 64, "%s/hyperllama-test-XXXXXX", base);
    assert_non_null(mkdtemp(ret));
}

/* With all that is in it. */
static inline void temp_dir_remove(const char *dir) {
    char path[1024];
    DIR *d = opendir(dir);
    if (!d) return;
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        int len = snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        assert_true(len > 0 && (size_t)len < sizeof path);
        if (unlink(path) != 0) temp_dir_remove(path);
    }
    closedir(d);
    (void)rmdir(dir);
}

/* How many entries of the directory have `part` in their names; hidden ones count. */
static inline size_t temp_dir_count(const char *dir, const char *part) {
    DIR *d = opendir(dir);
    size_t n = 0;
    if (!d) return 0;
    for (struct dirent *e = readdir(d); e; e = readdir(d))
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
             strstr(e->d_name, part) != NULL;
    closedir(d);
    return n;
}
