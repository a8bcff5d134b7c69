/* serve/tools_loose.h
 *
 * Calls that are no JSON: f(a="x", b=[1, None]) as Python writes them, call:f{a:<|"|>x<|"|>} as
 * Gemma does.  Strings may be between any of the quotes; keys may be bare words.
 *
 * Private to serve/tools*.c.   Threads: pure over the request's tools.
 */
#pragma once

#include "serve/tools_call.h"

/* All of the text is calls: one, or several in brackets.  Adds them and is true, or adds
 * nothing.  quote: a mark that stands around strings; empty: none. */
bool hl__tools_from_loose(struct json_object *tools, hl_str text, hl_str quote,
                          hl__tools_calls *ret);
