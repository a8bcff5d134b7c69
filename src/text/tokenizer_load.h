/* text/tokenizer_load.h
 *
 * Fills a tokenizer from a GGUF's metadata and checks all of it: whatever the file says, what
 * comes out can be encoded with.  Private to text/.
 */
#pragma once

#include "text/tokenizer_vocab.h"

/* *t is zeroed; on failure it may be partly filled and is destroyed by the caller. */
hl_status hl__tokenizer_load(hl_tokenizer *t, const hl_gguf *g, hl_error *err) HL_NODISCARD;
