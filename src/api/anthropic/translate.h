/* api/anthropic/translate.h
 *
 * Anthropic's system text, messages and tools in the shape of OpenAI's chat completions, which
 * api/messages.c and api/tools.c read.
 *
 * Ownership: *ret is owned, json_object_put; it may share parts of the request's body.
 * Errors: EINVAL names the block or the tool.
 * Threads: pure.
 */
#pragma once

#include "api/fields.h"

hl_status hl__anthropic_messages(const hl__fields *body, struct json_object **ret,
                                 hl_error *err) HL_NODISCARD;
/* NULL: there are none. */
hl_status hl__anthropic_tools(const hl__fields *body, struct json_object **ret,
                              hl_error *err) HL_NODISCARD;
/* As hl__read_tool_choice wants it; NULL: nothing is said.  *ret_one: at most one call. */
hl_status hl__anthropic_tool_choice(const hl__fields *body, struct json_object **ret, bool *ret_one,
                                    hl_error *err) HL_NODISCARD;
