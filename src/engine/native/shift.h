/* engine/native/shift.h
 *
 * What becomes of a full context: its first tokens stay, the older half of the others goes, and
 * what is left is computed again as if it had been the text from the start (so it is a text that
 * the model could have read: nothing remembers what is gone).
 */
#pragma once

#include "base/status.h"

typedef struct hl_shift {
    uint32_t keep, drop; /* so many first tokens; so many behind them, at least 1 */
} hl_shift;

/* num_keep: tokens of the prompt that stay beside a first BOS (has_bos), -1: the whole prompt;
 * room for a few others is always left.  n_ctx >= 2. */
static inline hl_shift hl_shift_of(int32_t num_keep, bool has_bos, uint32_t n_prompt,
                                   uint32_t n_ctx) {
    enum { OTHERS_MIN = 4 };
    HL_ASSERT(n_ctx >= 2);
    uint64_t keep = num_keep < 0 ? n_prompt : (uint64_t)num_keep + has_bos;
    uint32_t most = n_ctx > OTHERS_MIN ? n_ctx - OTHERS_MIN : 0;
    hl_shift s = {.keep = keep < most ? (uint32_t)keep : most};
    s.drop = (n_ctx - s.keep) / 2 > 1 ? (n_ctx - s.keep) / 2 : 1;
    return s;
}
