/* api/ollama/voice.h — what generate's and chat's answers share. */
#pragma once

#include "api/call.h"

/* {"model":…,"created_at":… without its end. */
void hl__ollama_begin(const hl__call *c, hl_buf *out);
/* ,"done":true,"done_reason":… */
void hl__ollama_done(hl_buf *out, const char *reason);
/* total_duration and the others, in nanoseconds; what is 0 is left out. */
void hl__ollama_usage(const hl_usage *u, hl_buf *out);
/* ,"logprobs":[…] where there are any. */
void hl__ollama_logprobs(const hl__call *c, hl_buf *out);
