/* engine/native/repeat.h
 *
 * Ends an answer that has got stuck: too many tokens in a row whose texts are the same but for
 * white space around them.
 *
 * Threads: one at a time.
 */
#pragma once

#include "base/str.h"

enum { HL_REPEATS_MAX = 30 }; /* of a token, after it came first; as Ollama has it */

typedef struct hl_repeat {
    hl_str last; /* trimmed; borrowed, as long as the vocabulary lives */
    uint32_t n;
} hl_repeat;

/* Zeroes begin an answer.  True: this one is one too many. */
bool hl_repeat_push(hl_repeat *r, hl_str text);
