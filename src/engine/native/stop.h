/* engine/native/stop.h
 *
 * Stop strings in a stream of text.  Text is held back while it may still become a stop string;
 * what is let go is never taken back.  A stream ends with the first byte that completes a stop
 * string and shows nothing of it (where several end there, of the longest), however the text was
 * cut into pieces.
 *
 * Knuth, Morris and Pratt's matching: each byte is looked at once a stop string.
 *
 * Threads: one at a time.
 */
#pragma once

#include "base/buf.h"
#include "config/options.h"

typedef struct hl_stop {
    uint32_t n;
    uint32_t at[HL_STOPS_MAX], len[HL_STOPS_MAX]; /* stop i is bytes[at[i]] … */
    uint32_t matched[HL_STOPS_MAX];               /* how much of it the stream ends with */
    char *bytes;                                  /* [bytes_max] */
    uint32_t
        *back;  /* [bytes_max] of each beginning: the longest end of it that is a beginning, too */
    char *held; /* [bytes_max] the stream's end that may become a stop string */
    uint32_t n_held, bytes_max;
} hl_stop;

hl_status hl_stop_init(hl_stop *s, uint32_t bytes_max, hl_error *err) HL_NODISCARD;
void hl_stop_deinit(hl_stop *s);            /* accepts zeroes */
uint64_t hl_stop_bytes(uint32_t bytes_max); /* memory that init takes */

/* A new stream.  ELIMIT: too many or too long; EINVAL: an empty or malformed one. */
hl_status hl_stop_set(hl_stop *s, const hl_str *stops, size_t n, hl_error *err) HL_NODISCARD;
/* Appends to out what is safe to show (at most held + text).  True: a stop string is complete; the
 * rest of the text is dropped. */
bool hl_stop_push(hl_stop *s, hl_str text, hl_buf *out);
/* The stream ends by itself: what is held back is shown. */
void hl_stop_finish(hl_stop *s, hl_buf *out);
