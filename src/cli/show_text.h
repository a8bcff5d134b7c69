/* cli/show_text.h — a model's description as `show` and /show print it, in Ollama's layout. */
#pragma once

#include "serve/client.h"

/* Blocks: Model, Capabilities, Parameters, License; with `verbose` Metadata and Tensors, too. */
void hl__show_info(const hl_model_info *info, bool verbose, hl_buf *out);
/* The options that are set, a line each: name, padded to 30 columns, value. */
void hl__show_parameters(const hl_options *o, const char *indent, hl_buf *out);
void hl__show_modelfile(const hl_model_info *info, hl_buf *out);
/* As /api/show, with path and file_size beside; with `verbose` the tensors, too. */
void hl__show_json(const hl_model_info *info, bool verbose, hl_buf *out);
