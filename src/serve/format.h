/* serve/format.h
 *
 * A request's format on its way to the engine: "json", a JSON Schema, GBNF or a tool that must be
 * called becomes the grammar that its answer is held to, behind the reasoning where the model
 * reasons.
 *
 * Errors: EINVAL in Ollama's words for what is no format; those of text/grammar.h.
 * Threads: any, once the loaded model has its tokenizer.
 */
#pragma once

#include "serve/load.h"
#include "serve/prepare.h"
#include "text/grammar.h"

/* What --format says: "json", an object with a schema, or nothing.  *ret_schema is owned,
 * json_object_put; NULL unless it is a schema. */
hl_status hl_format_parse(hl_str text, hl_format *ret, struct json_object **ret_schema,
                          hl_error *err) HL_NODISCARD;

/* What the request holds its answer to, behind the reasoning where there may be some: a call of a
 * tool (tool_choice), GBNF, or its format; NULL: nothing.  *ret is owned, hl_grammar_destroy.
 * Threads: pure. */
hl_status hl_format_grammar(const hl_tokenizer *t, const hl_request *req,
                            const hl_prepared *prepared, hl_grammar **ret,
                            hl_error *err) HL_NODISCARD;
/* The same, and makes l->vocab when it is first needed.  *ret is written on success only. */
hl_status hl__format_compile(hl__loaded *l, const hl_request *req, const hl_prepared *prepared,
                             hl_grammar **ret, hl_error *err) HL_NODISCARD;
