/* api/guard.h
 *
 * Who may ask: the origins of web pages (CORS), by Ollama's rules.  Host headers are judged by
 * http/address.h.   Threads: pure.
 */
#pragma once

#include "base/str.h"

/* Whether a page of this origin may ask a server that it calls `host`.  extra: OLLAMA_ORIGINS, a
 * list with commas, one '*' an entry. */
bool hl__origin_allowed(hl_str origin, hl_str host, hl_str extra);
/* Whether extra allows everybody, which is answered with "*". */
bool hl__origin_anybody(hl_str extra);
