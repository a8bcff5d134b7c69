/* serve/resolve.h
 *
 * From what a user calls a model to a file outside the store: the one place that knows where models
 * that ship with the program are.
 * A path (it holds a '/' or ends in .gguf) is taken as it is.  A name, with or without
 * a tag ("tiny", "tiny:latest"), is the directory NAME with a .gguf in it (of several, the
 * first by name), looked for in:
 *
 *   $HYPERLLAMA_MODELS_DIR, and then nowhere else; without it:
 *   models/ beside the program's directory, as in a source tree and its build
 *   share/hyperllama/models/ beside the program's directory, as installed
 *   models/ of the source tree that the program was built from
 *   /usr/share/hyperllama/models
 *
 * Errors: ENOTFOUND in Ollama's words; EINVAL for what can be no name.
 * Threads: any; reads the environment.
 */
#pragma once

#include "base/status.h"
#include "base/str.h"

enum { HL_MODEL_PATH_MAX = 4096, HL_MODEL_NAME_MAX = 600 };

/* Writes the path, NUL-terminated. */
hl_status hl_model_resolve(hl_str model, char ret_path[HL_MODEL_PATH_MAX],
                           hl_error *err) HL_NODISCARD;

/* Calls each for every place that names are looked for in, in that order; true from it ends this
 * and is returned. */
typedef bool hl_model_place_fn(void *arg, const char *place);
bool hl_model_places(hl_model_place_fn *each, void *arg);

/* What an error calls the model: a name gets its tag ("nope" is "nope:latest"), a path stays. */
void hl_model_display(hl_str model, char *out, size_t cap);
