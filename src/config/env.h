/* config/env.h
 *
 * Environment variables.  Each is asked for by what stands behind the prefix: "NOHISTORY" is
 * HYPERLLAMA_NOHISTORY, or else OLLAMA_NOHISTORY.  Values are trimmed of white space and of
 * quotes around them, as Ollama does; an empty value counts as unset.
 *
 * Threads: any, as long as nobody changes the environment.
 */
#pragma once

#include "base/str.h"

/* Borrowed from the environment; .len 0: unset. */
hl_str hl_env_text(const char *name);
/* The prefix under which it is set, "OLLAMA_"; "": it is not. */
const char *hl_env_prefix(const char *name);
/* Text that is no boolean counts as true. */
bool hl_env_bool(const char *name, bool fallback);
/* Text that is no number, or one below 0, counts as unset. */
uint64_t hl_env_uint(const char *name, uint64_t fallback);

/* The trimming by itself: white space, then one pair or any run of quotes at the ends. */
hl_str hl_env_trim(hl_str s);
