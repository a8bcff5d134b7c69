/* cli/editor.h
 *
 * Reads lines from a terminal, with editing, history and bracketed paste (a pasted text of many
 * lines is one line here, with newlines in it).
 *
 * History is kept in ~/.hyperllama/history, at most 100 entries.
 * Threads: the main thread; one editor at a time.
 */
#pragma once

#include "base/buf.h"

typedef struct hl__editor hl__editor;

typedef enum hl__line_kind {
    HL__LINE,             /* a line, perhaps empty          */
    HL__LINE_INTERRUPTED, /* Ctrl-C; what was typed is gone */
    HL__LINE_END          /* Ctrl-D, or no terminal any more */
} hl__line_kind;

hl_status hl__editor_open(bool keep_history, hl__editor **ret, hl_error *err) HL_NODISCARD;
void hl__editor_close(hl__editor *e); /* accepts NULL */
/* Replaces *line, without the newline at its end.  For an interrupted line it tells what was there.
 */
hl__line_kind hl__editor_read(hl__editor *e, bool continuation, hl_buf *line);
void hl__editor_keep_history(hl__editor *e, bool on);
