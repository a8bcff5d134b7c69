/* store/convert_merges.h
 *
 * Whether "ignore_merges" of a tokenizer.json makes a difference.  With it a piece of text that is
 * a token is that token, without it whatever merging makes of its characters; in GGUF the
 * pre-tokenizer's name alone decides.  Where merging makes every token of its own characters, both
 * are the same.  Private to store/convert*.
 */
#pragma once

#include "store/convert_vocab.h"

/* v has byte-level tokens and merges.  EUNSUPPORTED names the token that would differ. */
hl_status hl__merges_check(const hl__convert_vocab *v, hl_error *err) HL_NODISCARD;
