/* api/openai/common.h — what chat completions and completions share. */
#pragma once

#include "api/call.h"

/* {"id":"PREFIX-N","object":…,"created":… without its end. */
void hl__openai_begin(const hl__call *c, const char *prefix, const char *object, hl_buf *out);
/* ,"model":…,"system_fingerprint":… */
void hl__openai_model(const hl__call *c, hl_buf *out);
/* ,"usage":{…} of all choices. */
void hl__openai_usage(const hl__call *c, hl_buf *out);
/* "stop", "length", "tool_calls" */
const char *hl__openai_finish(const hl__choice *ch);
void hl__openai_failed(const hl__call *c, int status, hl_str text, hl_buf *out);

/* model, stream, the sampling numbers, stop, n, logit_bias, and our own: options, keep_alive,
 * think, chat_template_kwargs. */
hl_status hl__openai_read_common(hl__call *c, hl_error *err) HL_NODISCARD;
/* reasoning_effort, or reasoning: {effort}. */
hl_status hl__openai_read_effort(hl__call *c, hl_error *err) HL_NODISCARD;
/* From make on: finds and checks the model.  NULL: answered. */
const hl_catalog_entry *hl__openai_find(hl__call *c, const char *verb);
