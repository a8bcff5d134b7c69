/* api/ollama/voice.h — what generate and chat say: the same lines but for their body, which is
 * "response" here and "message" there. */
#pragma once

#include "api/call.h"

void hl__ollama_piece(const hl__choice *ch, hl_channel channel, hl_str text, hl_buf *out);
void hl__ollama_tool_call(const hl__choice *ch, const hl__tool_call *call, hl_buf *out);
void hl__ollama_last(const hl__call *c, hl_buf *out);
void hl__ollama_failed(const hl__call *c, int status, hl_str text, hl_buf *out);
void hl__ollama_whole(const hl__call *c, hl_buf *out);
void hl__ollama_short(const hl__call *c, const char *reason, hl_buf *out);
void hl__ollama_rendered(const hl__call *c, hl_str prompt, hl_buf *out);

/* Both voices' answering half. */
#define HL__OLLAMA_VOICE                                                                           \
    .stream_type = "application/x-ndjson", .piece = hl__ollama_piece,                              \
    .tool_call = hl__ollama_tool_call, .last = hl__ollama_last, .failed = hl__ollama_failed,       \
    .whole = hl__ollama_whole, .short_answer = hl__ollama_short, .rendered = hl__ollama_rendered
