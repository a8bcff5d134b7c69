/* api/fields.h
 *
 * Reading a request's JSON: keys in any case, null as absent, and errors in the words
 * that Ollama's clients know.  Every reader leaves *ret as it is when the key is absent.
 *
 * Ownership: texts are borrowed from the JSON.   Threads: pure.
 */
#pragma once

#include "base/arena.h"
#include "base/json.h"
#include "engine/request.h"

typedef struct hl__fields {
    struct json_object *o; /* an object */
    const char *type;      /* "ChatRequest", for errors */
} hl__fields;

/* A request's body, an object.  EINVAL: nothing there, another kind of value; else as
 * hl_json_parse. ret->o is owned. */
hl_status hl__body_parse(hl_str body, bool openai, const char *type, hl__fields *ret,
                         hl_error *err) HL_NODISCARD;

/* NULL: absent or null. */
struct json_object *hl__field(const hl__fields *f, const char *key);
hl_status hl__field_str(const hl__fields *f, const char *key, hl_str *ret,
                        hl_error *err) HL_NODISCARD;
hl_status hl__field_bool(const hl__fields *f, const char *key, bool *ret,
                         hl_error *err) HL_NODISCARD;
/* Any number. */
hl_status hl__field_number(const hl__fields *f, const char *key, double *ret, bool *ret_has,
                           hl_error *err) HL_NODISCARD;
/* The value's object, array; NULL when absent. */
hl_status hl__field_object(const hl__fields *f, const char *key, struct json_object **ret,
                           hl_error *err) HL_NODISCARD;
hl_status hl__field_array(const hl__fields *f, const char *key, struct json_object **ret,
                          hl_error *err) HL_NODISCARD;
hl_str hl__json_str(struct json_object *string);

/* -- what several routes share ----------------------------------------------------------------- */

/* Ollama's options object.  Unknown keys are left alone. */
hl_status hl__read_options(struct json_object *options, hl_arena *arena, hl_options *ret,
                           hl_error *err) HL_NODISCARD;
/* A string or an array of them. */
hl_status hl__read_stops(struct json_object *value, hl_arena *arena, hl_options *ret,
                         hl_error *err) HL_NODISCARD;
/* A number of seconds or a duration; *ret_has false: absent. */
hl_status hl__read_keep_alive(struct json_object *value, int64_t *ret_ns, bool *ret_has,
                              hl_error *err) HL_NODISCARD;
hl_status hl__read_think(struct json_object *value, hl_think *ret, hl_error *err) HL_NODISCARD;
/* "json", a schema, "" */
hl_status hl__read_format(struct json_object *value, hl_request *ret, hl_error *err) HL_NODISCARD;
/* Messages of Ollama's kind (content is a text), or, openai, of OpenAI's (content may be parts). */
hl_status hl__read_messages(struct json_object *array, bool openai, hl_arena *arena,
                            hl_request *ret, hl_error *err) HL_NODISCARD;
