/* base/fs_fault.h — what fs.c and dir.c share: injected faults and the words for failures.  Private
 * to base/. */
#pragma once

#include "base/status.h"

/* True: this call is to fail, with errno set. */
bool hl__fs_fault(void);
/* "cannot WHAT PATH: …" with errno's text; ENOTFOUND when nothing is there. */
hl_status hl__fs_fail(hl_error *err, const char *what, const char *path);
