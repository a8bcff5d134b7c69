/* api/floats.h
 *
 * Numbers in JSON as Go writes them: the shortest decimal that reads back as the same float,
 * without an exponent from 1e-6 up to 1e21.  Embeddings are thousands of them.
 */
#pragma once

#include "base/buf.h"

/* x is finite. */
void hl__json_f32(hl_buf *b, float x);
void hl__json_f64(hl_buf *b, double x);
