/* base/log.h
 *
 * One line a message on standard error, `key=value`, with the request's id:
 *     time=2026-08-21T10:11:12.123456789Z level=info req=r7 msg="model loaded" ms=41
 * or, when the format is set to JSON, one object a line with the same keys.
 * Library layers (0 to 4) return errors and log nothing above debug; serve, api
 * and cli log each failure once.  User text is never logged.
 *
 * Levels are named by frequency: error, warn, info = per process or request;
 * debug = per step; trace = per token or tensor.  The level is warn until it is set.
 *
 * Threads: any; a line is written whole, cut at 1023 bytes.
 */
#pragma once

#include "base/status.h"

typedef enum hl_log_level {
    HL_LOG_ERROR,
    HL_LOG_WARN,
    HL_LOG_INFO,
    HL_LOG_DEBUG,
    HL_LOG_TRACE
} hl_log_level;

typedef enum hl_log_format { HL_LOG_TEXT, HL_LOG_JSON } hl_log_format;

void hl_log_set_format(hl_log_format format);
void hl_log_set_level(hl_log_level level);
/* "error" … "trace"; false and no change for anything else. */
bool hl_log_set_level_name(const char *name);
bool hl_log_enabled(hl_log_level level);

/* req may be NULL (no request).  fmt gives the rest: "msg=\"…\" key=value". */
void hl_log(hl_log_level level, const char *req, const char *fmt, ...) HL_PRINTF(3, 4);

/* The next request id of this process, "r1", "r2", … */
enum { HL_REQ_ID_MAX = 24 };
void hl_log_next_req(char out[HL_REQ_ID_MAX]);
