#include "cli/table.h"

enum { GAP = 4 };

void hl__table_init(hl__table *t, size_t n_columns, const char *const *header) {
    HL_ASSERT(n_columns > 0 && n_columns <= HL__TABLE_COLUMNS_MAX);
    *t = (hl__table){.n_columns = n_columns, .has_header = header != NULL};
    hl_buf_init(&t->cells, 0);
    for (size_t i = 0; header && i < n_columns; i++) hl__table_cell(t, hl_str_from(header[i]));
}

void hl__table_deinit(hl__table *t) {
    hl_buf_deinit(&t->cells);
}

size_t hl__columns_of(hl_str s) {
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) n += ((unsigned char)s.ptr[i] & 0xC0) != 0x80;
    return n;
}

void hl__table_cell(hl__table *t, hl_str text) {
    size_t *width = &t->widths[t->n_cells % t->n_columns];
    size_t columns = hl__columns_of(text);
    if (columns > *width) *width = columns;
    for (size_t i = 0; i < text.len; i++)
        hl_buf_append_char(&t->cells, (unsigned char)text.ptr[i] < ' ' ? ' ' : text.ptr[i]);
    hl_buf_append_char(&t->cells, '\0');
    t->n_cells++;
}

/* Ollama's header has one blank behind its last column, its rows have four. */
static size_t gap_of(const hl__table *t, size_t cell) {
    return t->has_header && cell + 1 == t->n_columns ? 1 : GAP;
}

void hl__table_write(const hl__table *t, const char *indent, hl_buf *out) {
    size_t at = 0;
    HL_ASSERT(t->n_cells % t->n_columns == 0);
    for (size_t i = 0; i < t->n_cells && t->cells.failed >= 0; i++) {
        hl_str cell = hl_str_from(t->cells.ptr + at);
        size_t column = i % t->n_columns;
        if (column == 0) hl_buf_append_cstr(out, indent);
        hl_buf_append_str(out, cell);
        size_t pad = t->widths[column] - hl__columns_of(cell) + gap_of(t, i);
        for (size_t k = 0; k < pad; k++) hl_buf_append_char(out, ' ');
        if (column + 1 == t->n_columns) hl_buf_append_char(out, '\n');
        at += cell.len + 1;
    }
    if (t->cells.failed < 0) out->failed = t->cells.failed;
}
