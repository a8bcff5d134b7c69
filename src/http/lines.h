/* http/lines.h
 *
 * From the bytes of a streamed answer, in whatever pieces they come, to its units: lines of JSON,
 * or the data of server-sent events.
 *
 *     NDJSON   a line; blank lines and a carriage return at the end are dropped
 *     SSE      the data lines of an event, joined by newlines; other fields and comments are
 * dropped
 *
 * A unit is whatever the other side sent: who takes it checks it.
 *
 * Errors: ELIMIT (a unit longer than the limit), ENOMEM.
 * Threads: one at a time.
 */
#pragma once

#include "base/buf.h"

typedef enum hl_http_framing { HL_HTTP_NDJSON, HL_HTTP_SSE } hl_http_framing;

/* unit is borrowed for the call; false: no more is wanted. */
typedef bool hl_http_unit_fn(void *arg, hl_str unit);

typedef struct hl_http_lines {
    hl_http_framing framing;
    size_t unit_max; /* bytes */
    hl_http_unit_fn *take;
    void *arg;
    hl_buf line; /* the one that is not complete */
    hl_buf data; /* of an event */
    bool has_data, enough;
    bool after_cr; /* a newline now belongs to the last line's end */
} hl_http_lines;

void hl_http_lines_init(hl_http_lines *l, hl_http_framing framing, size_t unit_max,
                        hl_http_unit_fn *take, void *arg);
void hl_http_lines_deinit(hl_http_lines *l);
/* HL_DONE: take has said that it is enough; nothing more is passed to it. */
hl_status hl_http_lines_push(hl_http_lines *l, hl_str bytes, hl_error *err) HL_NODISCARD;
/* The stream is over: a last line without its newline counts, an event without its blank line does
 * not. */
hl_status hl_http_lines_end(hl_http_lines *l, hl_error *err) HL_NODISCARD;
