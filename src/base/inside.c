#define _GNU_SOURCE
#include "base/inside.h"

#include "base/fs_fault.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert((int)HL_INSIDE_PATH_MAX >= PATH_MAX, "realpath writes up to PATH_MAX bytes");

static bool is_plain(const char *name) {
    return name[0] != '\0' && !strchr(name, '/') && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

static hl_status real_path(const char *path, char ret[HL_INSIDE_PATH_MAX], hl_error *err) {
    if (hl__fs_fault() || !realpath(path, ret)) return hl__fs_fail(err, "find", path);
    return HL_OK;
}

hl_status hl_path_inside(const char *dir, const char *name, char ret[HL_INSIDE_PATH_MAX],
                         hl_error *err) {
    char base[HL_INSIDE_PATH_MAX], path[HL_INSIDE_PATH_MAX];
    if (!is_plain(name)) return hl_fail(err, HL_EINVAL, "fs", "\"%s\" is not a file's name", name);
    HL_TRY(real_path(dir, base, err));
    int len = snprintf(path, sizeof path, "%s/%s", base, name);
    if (len < 0 || (size_t)len >= sizeof path)
        return hl_fail(err, HL_ELIMIT, "fs", "the path of %s is too long", name);
    HL_TRY(real_path(path, ret, err));
    size_t n = strcmp(base, "/") == 0 ? 0 : strlen(base);
    if (strncmp(ret, base, n) != 0 || ret[n] != '/')
        return hl_fail(err, HL_EINVAL, "fs", "%s is a link that leads out of %s", name, base);
    return HL_OK;
}
