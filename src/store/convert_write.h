/* store/convert_write.h
 *
 * Streams the tensors of a plan: read a piece, permute its rows, convert, write.  In memory at a
 * time are a few pieces of PIECE_BYTES, or a head's rows where those are more.  Private to
 * store/convert*.
 */
#pragma once

#include "store/convert.h"
#include "store/convert_plan.h"

typedef struct hl__convert_say { /* who hears of the progress */
    hl_convert_progress_fn *fn;  /* may be NULL */
    void *arg;
} hl__convert_say;

/* Writes all tensors of an open writer.  EFORMAT: a weight that is not finite, or that is to become
 * F16 and beyond its range. */
hl_status hl__convert_write(const hl__convert_config *c, const hl__convert_plan *p, hl__weights *w,
                            hl_gguf_writer *to, hl__convert_say say, hl_error *err) HL_NODISCARD;

/* ECANCELLED when the listener has had enough. */
hl_status hl__convert_report(hl__convert_say say, const hl_convert_progress *p,
                             hl_error *err) HL_NODISCARD;
