/* store/layers.h
 *
 * The small layers of a model: its parameters and its messages, as JSON, and how a child's are
 * made from its parent's and its own.
 *
 * Errors: EINVAL, naming what is wrong with a request's; EFORMAT for a stored one's.
 * Threads: pure.
 */
#pragma once

#include "base/arena.h"
#include "base/json.h"
#include "config/options.h"

enum { HL_SMALL_LAYER_BYTES_MAX = 16 << 20 };

/* Parameters that Ollama knows, with values of their types; NULL: none. */
hl_status hl_params_check(struct json_object *params, hl_error *err) HL_NODISCARD;
/* The value of a Modelfile's PARAMETER, of the parameter's type; *ret is the caller's. */
hl_status hl_param_from_text(const char *name, hl_str text, struct json_object **ret,
                             hl_error *err) HL_NODISCARD;
/* An array of {"role": system|user|assistant, "content": text}; NULL: none. */
hl_status hl_messages_check(struct json_object *messages, hl_error *err) HL_NODISCARD;

/* Appends one JSON object with sorted keys: `over` wins key by key over `under`; either may be
 * NULL. */
hl_status hl_params_print(struct json_object *under, struct json_object *over, hl_buf *ret,
                          hl_error *err) HL_NODISCARD;
/* The options that a params layer sets; what is no option of ours, or no value of its type, is
 * passed over.  The stop texts are copied to the arena. */
hl_status hl_params_read(struct json_object *params, hl_arena *arena, hl_options *ret,
                         hl_error *err) HL_NODISCARD;

typedef void hl_param_fn(void *arg, hl_str name, struct json_object *value);
/* Calls each in the order of the names; an array's elements one by one. */
void hl_params_each(struct json_object *params, hl_param_fn *each, void *arg);
