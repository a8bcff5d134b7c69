/* base/log_json.h
 *
 * A log line's text, `msg="…" key=value …`, as one JSON object.  Numbers and booleans that are not
 * quoted stay such; quotes inside a quoted value need no escape: a value ends where another key
 * follows.  Text without a key is "msg".
 *
 * Threads: pure; no memory is taken.
 */
#pragma once

#include "base/status.h"
#include "base/str.h"

/* Enough for any text of 1 KiB. */
enum { HL_LOG_JSON_MAX = 8192 };

/* Writes {"time":…,"level":…,"req":…,…} and a newline to out[cap], cap at least HL_LOG_JSON_MAX;
 * returns its length.  req may be NULL. */
size_t hl_log_json(const char *when, const char *level, const char *req, hl_str text, char *out,
                   size_t cap);
