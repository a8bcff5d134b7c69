/* config/duration.h
 *
 * Durations as Ollama's flags and variables take them: Go's ("5m", "1h30m", "-1s", "0"), or a
 * bare number of seconds ("300", "0.5").  Negative means forever.
 * Errors: EINVAL quotes the text.   Threads: pure.
 */
#pragma once

#include "base/status.h"
#include "base/str.h"

enum { HL_DURATION_FOREVER = -1 };

/* *ret in nanoseconds, or HL_DURATION_FOREVER; too long becomes INT64_MAX. */
hl_status hl_duration_parse(hl_str text, int64_t *ret, hl_error *err) HL_NODISCARD;
