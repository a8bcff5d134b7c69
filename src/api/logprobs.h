/* api/logprobs.h — log-probabilities as JSON.   Threads: pure. */
#pragma once

#include "base/buf.h"
#include "engine/request.h"
#include "text/tokenizer.h"

/* Appends {"token":…,"logprob":…,"bytes":[…],"top_logprobs":[…]} for each token of a TEXT event,
 * with commas between and, when there is something in *out, before them. */
void hl__logprobs_append(const hl_tokenizer *t, const hl_event *ev, hl_buf *out);
/* One of them as a number. */
void hl__logprob_number(double value, hl_buf *out);
