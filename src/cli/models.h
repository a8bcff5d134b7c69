/* cli/models.h — the tables of `list` and `ps`, from what /api/tags and /api/ps answer.
 *
 * Threads: pure. */
#pragma once

#include "base/json.h"

/* The models whose names begin with prefix, in any case: a new object {"models":[…]} that shares
 * them with `answer`; NULL: no memory. */
struct json_object *hl__models_filter(struct json_object *answer, hl_str prefix);
/* now_ms: milliseconds since 1970, what "ago" is counted from.  wide: also what Ollama does not
 * show (engine, reason, cache). */
void hl__models_list(struct json_object *answer, int64_t now_ms, bool wide, hl_buf *out);
void hl__models_ps(struct json_object *answer, int64_t now_ms, bool wide, hl_buf *out);
