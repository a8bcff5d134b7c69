/* base/dir.h — what is in a directory.   Threads: any. */
#pragma once

#include "base/str.h"

/* Of the regular files in dir whose names end in suffix, the path of the one whose name sorts first
 * by bytes; false when there is none or out is too small.  Hidden files do not count. */
bool hl_dir_first(const char *dir, hl_str suffix, char *out, size_t cap);

/* Calls each with the name of every entry of dir that is not hidden, in no order. */
void hl_dir_each(const char *dir, void (*each)(void *arg, const char *name), void *arg);

/* Makes the directory, for its owner only, unless it is there; its parent must exist. */
bool hl_dir_make(const char *dir);
