/* base/dir.h — what is in a directory.   Threads: any. */
#pragma once

#include "base/status.h"
#include "base/str.h"

/* Of the regular files in dir whose names end in suffix, the path of the one whose name sorts first
 * by bytes; false when there is none or out is too small.  Hidden files do not count. */
bool hl_dir_first(const char *dir, hl_str suffix, char *out, size_t cap);

/* Calls each with the name of every entry of dir that is not hidden, in no order. */
void hl_dir_each(const char *dir, void (*each)(void *arg, const char *name), void *arg);

/* Makes the directory, for its owner only, unless it is there; its parent must exist. */
bool hl_dir_make(const char *dir);
/* Makes the directory and those above it, where they are missing. */
hl_status hl_dir_make_all(const char *dir, hl_error *err) HL_NODISCARD;

/* The same with hidden entries, and it says when the directory cannot be read to its end;
 * ENOTFOUND: there is none.  A status below 0 from each ends this and is returned. */
typedef hl_status hl_dir_entry_fn(void *arg, const char *name, hl_error *err);
hl_status hl_dir_read(const char *dir, hl_dir_entry_fn *each, void *arg,
                      hl_error *err) HL_NODISCARD;

/* Removes an empty directory.  HL_DONE: it is not empty and stays. */
hl_status hl_dir_remove(const char *dir, hl_error *err) HL_NODISCARD;

/* What was made, renamed or removed in the directory will be there (or gone) after a power cut. */
hl_status hl_dir_sync(const char *dir, hl_error *err) HL_NODISCARD;
/* The same for the directory that the path is in. */
hl_status hl_dir_sync_parent(const char *path, hl_error *err) HL_NODISCARD;
