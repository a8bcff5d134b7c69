/* serve/format.h
 *
 * A request's format on its way to the engine: "json" or a JSON Schema becomes the grammar that
 * its answer is held to, behind the reasoning where the model reasons.
 *
 * Errors: EINVAL in Ollama's words for what is no format; those of text/grammar.h.
 * Threads: one at a time for a loaded model.
 */
#pragma once

#include "serve/load.h"
#include "serve/prepare.h"
#include "text/grammar.h"

/* What --format says: "json", an object with a schema, or nothing.  *ret_schema is owned,
 * json_object_put; NULL unless it is a schema. */
hl_status hl_format_parse(hl_str text, hl_format *ret, struct json_object **ret_schema,
                          hl_error *err) HL_NODISCARD;

/* The grammar of req->format; NULL for plain text.  *ret is owned, hl_grammar_destroy.  Makes
 * l->vocab when it is first needed. */
hl_status hl__format_compile(hl__loaded *l, const hl_request *req, const hl_prepared *prepared,
                             hl_grammar **ret, hl_error *err) HL_NODISCARD;
