/* cli/table.h
 *
 * Cells in columns, as Ollama prints them: left aligned, four blanks between, also behind the last
 * one.
 *
 * Ownership: owns its cells.   Threads: one at a time.
 */
#pragma once

#include "base/buf.h"

enum { HL__TABLE_COLUMNS_MAX = 9 };

typedef struct hl__table {
    hl_buf cells; /* row by row, NUL behind each */
    size_t n_columns, n_cells;
    bool has_header;                      /* the first row is one */
    size_t widths[HL__TABLE_COLUMNS_MAX]; /* in characters */
} hl__table;

/* header [n_columns], or NULL: none. */
void hl__table_init(hl__table *t, size_t n_columns, const char *const *header);
void hl__table_deinit(hl__table *t);
/* One line without control characters, whatever the text has: it may be a stranger's. */
void hl__table_cell(hl__table *t, hl_str text);
/* Appends the rows, each behind the indent. */
void hl__table_write(const hl__table *t, const char *indent, hl_buf *out);

/* Characters, not bytes. */
size_t hl__columns_of(hl_str s);
