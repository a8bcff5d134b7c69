/* cli/repl.h — the interactive mode of `run`.   Threads: the main thread. */
#pragma once

#include "cli/editor.h"
#include "cli/session.h"

/* Reads and answers until /bye or Ctrl-D. */
hl_status hl__repl_run(hl__session *s, hl_error *err) HL_NODISCARD;

/* Of repl_command.c: does what a line that begins with '/' says.  A failure is the session's end;
 * what the user got wrong is answered and is none. */
typedef struct hl__repl {
    hl__session *session;
    hl__editor *editor;
    bool done;
    enum { HL__MULTI_NONE, HL__MULTI_PROMPT, HL__MULTI_SYSTEM } multi; /* inside """ */
    hl_buf text;                                                       /* what it collects */
} hl__repl;

hl_status hl__repl_command(hl__repl *r, hl_str line, hl_error *err) HL_NODISCARD;
/* Takes a line of a """ text, or the part of its first line behind the quotes; true: that was the
 * end, r->text is complete. */
bool hl__repl_collect(hl__repl *r, hl_str line);
/* What a complete text is for: a prompt, or the system message. */
hl_status hl__repl_collected(hl__repl *r, hl_error *err) HL_NODISCARD;
