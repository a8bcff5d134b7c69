/* base/inside.h — files of a directory that came from elsewhere.   Threads: any. */
#pragma once

#include "base/status.h"

enum { HL_INSIDE_PATH_MAX = 4096 };

/* The real path of dir/name.  ENOTFOUND: nothing is there; EINVAL: name is no plain name, or links
 * lead out of dir; ELIMIT: a path of more than HL_INSIDE_PATH_MAX bytes. */
hl_status hl_path_inside(const char *dir, const char *name, char ret[HL_INSIDE_PATH_MAX],
                         hl_error *err) HL_NODISCARD;
