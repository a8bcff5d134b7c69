/* cli/show_text.h
 *
 * What /api/show says of a model (`shown`), as `show` and /show print it, in Ollama's layout.
 *
 * Threads: pure.
 */
#pragma once

#include "base/buf.h"
#include "config/options.h"

/* Whether the capabilities have this one. */
bool hl__shown_can(struct json_object *shown, const char *capability);
/* Blocks: Model, Capabilities, Parameters, System, License; with `verbose` Metadata and Tensors,
 * too. */
void hl__show_info(struct json_object *shown, bool verbose, hl_buf *out);
/* The options that are set, a line each: name, padded to 30 columns, value. */
void hl__show_parameters(const hl_options *o, const char *indent, hl_buf *out);
/* The server's object, with name before and the weights' path where there is one; without the
 * tensors unless `verbose`. */
void hl__show_json(struct json_object *shown, hl_str name, bool verbose, hl_buf *out);
