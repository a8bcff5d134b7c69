/* serve/tools_grammar.h
 *
 * An answer that must be a call (tool_choice): one call of one of the tools, written as the model
 * writes calls, with arguments that the tool's schema allows.  A schema with keywords that grammars
 * do not know is its author's, not the request's contract: then any object will do.
 *
 * Errors: EINVAL when there is no such tool; those of text/grammar.h.   Threads: pure.
 */
#pragma once

#include "serve/prepare.h"
#include "text/grammar.h"

/* req->tool_choice is REQUIRED or NAMED, and p->tools is there.  *ret is owned. */
hl_status hl__tools_grammar(const hl_tokenizer *t, const hl_request *req, const hl_prepared *p,
                            const hl_grammar_thinking *thinking, hl_grammar **ret,
                            hl_error *err) HL_NODISCARD;
