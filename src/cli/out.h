/* cli/out.h
 *
 * Standard output, checked: every write tells whether it arrived.  Nothing is buffered here.
 * Errors: EIO with the system's text ("standard output: No space left on device"); a reader
 * that went away is EIO, too, but is not worth a message (hl__out_reader_left).
 * Threads: one at a time.
 */
#pragma once

#include "base/buf.h"

/* Makes a closed standard input empty and a closed output fail when it is written to, instead of
 * their becoming some other file; turns SIGPIPE into an error; lets the C library count columns in
 * UTF-8. */
void hl__out_start(void);

hl_status hl__out(hl_str text, hl_error *err) HL_NODISCARD;
/* Checks the buffer, then writes it. */
hl_status hl__out_buf(const hl_buf *b, hl_error *err) HL_NODISCARD;
/* The same for a stranger's text (a template, a licence): on a terminal without the control
 * characters that could steer it, anywhere else byte for byte. */
hl_status hl__out_strange(const hl_buf *b, hl_error *err) HL_NODISCARD;
/* Whether this failure was a pipe whose reader ended. */
bool hl__out_reader_left(const hl_error *err);
/* For what nobody misses: escapes that ask the terminal for something. */
void hl__out_anyway(hl_str text);
/* Standard error; failures have nowhere to go. */
void hl__complain(hl_str text);

bool hl__out_is_terminal(void);
/* Whether it is a terminal that knows colours and cursor movement ($TERM says). */
bool hl__out_takes_escapes(void);
/* Columns of the terminal, 0 when unknown. */
unsigned hl__out_columns(void);
