/* api/entry.h
 *
 * Who comes in: by the Host that the client asked for, the web page it is on (CORS), and its key.
 * Everybody may see `/`, `/health` and the page at `/ui` (which asks for a key itself).
 *
 * A Unix socket is its owner's alone: who comes over it needs no key.
 *
 * Threads: those of the HTTP server's hooks.
 */
#pragma once

#include "api/visit.h"

/* False: refused, and answered.  `allow`: the path's methods, for a preflight; may be empty. */
bool hl__entry_check(hl_api *a, hl_http_exchange *x, hl_str allow);
/* For each exchange that was checked, when it is over. */
void hl__entry_leave(hl_api *a, hl_http_exchange *x);
