/* cli/progress.h
 *
 * What a server says about a transfer, for people: on a terminal a block of bars on standard
 * error, with rate and time left, that is drawn over itself; anywhere else plain lines, one a step
 * and some for a long one.
 *
 *     pulling 6a0746a1ec1a:  45% ▕███████         ▏ 2.1 GB/4.7 GB   85 MB/s  30s
 *
 * Time is the caller's (now_ns, monotonic).
 * Threads: one at a time.
 */
#pragma once

#include "base/buf.h"

enum { HL__PROGRESS_ROWS_MAX = 64, HL__PROGRESS_LABEL_MAX = 160 };

typedef struct hl__progress_row {
    char label[HL__PROGRESS_LABEL_MAX];
    uint64_t total, completed; /* bytes; total 0: a step without an amount */
    uint64_t begin_ns, begin_bytes;
    unsigned told; /* tenths that a plain line has told of */
} hl__progress_row;

typedef struct hl__progress {
    bool bars;
    unsigned columns; /* of the terminal */
    hl__progress_row rows[HL__PROGRESS_ROWS_MAX];
    size_t n, drawn; /* rows; lines of the block on the screen */
    uint64_t drawn_ns;
} hl__progress;

/* columns 0: not a terminal. */
void hl__progress_init(hl__progress *p, unsigned columns);
/* A line of the server's; appends to *out what standard error is to get. */
void hl__progress_step(hl__progress *p, hl_str status, uint64_t total, uint64_t completed,
                       uint64_t now_ns, hl_buf *out);
/* The last state of everything. */
void hl__progress_end(hl__progress *p, uint64_t now_ns, hl_buf *out);
