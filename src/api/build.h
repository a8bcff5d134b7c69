/* api/build.h
 *
 * Making JSON of json-c's objects, for routes that put a request into another route's shape.
 *
 * Ownership: put and push take over `value`, also on failure; NULL for it means that there was no
 * memory.
 * Errors: ENOMEM.   Threads: pure.
 */
#pragma once

#include "base/json.h"

hl_status hl__put(struct json_object *o, const char *key, struct json_object *value,
                  hl_error *err) HL_NODISCARD;
hl_status hl__put_str(struct json_object *o, const char *key, hl_str value,
                      hl_error *err) HL_NODISCARD;
/* A value that belongs to somebody else; NULL: nothing is put. */
hl_status hl__put_shared(struct json_object *o, const char *key, struct json_object *value,
                         hl_error *err) HL_NODISCARD;
hl_status hl__push(struct json_object *array, struct json_object *value,
                   hl_error *err) HL_NODISCARD;

/* *ret is the parent's: a new object, or array, at its end or key. */
hl_status hl__push_object(struct json_object *array, struct json_object **ret,
                          hl_error *err) HL_NODISCARD;
hl_status hl__put_object(struct json_object *o, const char *key, struct json_object **ret,
                         hl_error *err) HL_NODISCARD;
hl_status hl__put_array(struct json_object *o, const char *key, struct json_object **ret,
                        hl_error *err) HL_NODISCARD;
