/* api/gojson.h
 *
 * What is wrong with a text that is no JSON, in the words that Go's decoder has for it, which
 * Ollama's clients may know ("invalid character 'x' looking for beginning of value", "unexpected
 * EOF").  For messages only: base/json.h reads.
 *
 * Source: the grammar of RFC 8259, and the words of Go's encoding/json.
 * Threads: pure.
 */
#pragma once

#include "base/buf.h"

/* Appends the words for the first error; false: there is none that Go's decoder would see. */
bool hl__go_json_complain(hl_str text, hl_buf *out);
