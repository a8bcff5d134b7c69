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

/* Whose words a route speaks, in errors above all. */
typedef enum hl__dialect {
    HL__DIALECT_OLLAMA,
    HL__DIALECT_OPENAI,
    HL__DIALECT_ANTHROPIC
} hl__dialect;

typedef struct hl__fields {
    struct json_object *o; /* an object */
    const char *type;      /* "ChatRequest", for errors */
} hl__fields;

/* A request's body, an object.  EINVAL: nothing there, another kind of value; else as
 * hl_json_parse. ret->o is owned. */
hl_status hl__body_parse(hl_str body, hl__dialect dialect, const char *type, hl__fields *ret,
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
/* Of an object, by exactly this key.  NULL, empty: there is none, or o is no object, or the value
 * no text. */
struct json_object *hl__json_get(struct json_object *o, const char *key);
hl_str hl__json_get_str(struct json_object *o, const char *key);
/* "string", "number", …, and what Go's %T says of the same value: "float64", "<nil>". */
const char *hl__json_type_name(struct json_object *v);
const char *hl__json_go_type(struct json_object *v);

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
/* Token ids; `what` names them in errors.  Whether the model has them, its thread knows. */
hl_status hl__read_tokens(struct json_object *array, const char *what, hl_arena *arena,
                          const uint32_t **ret, size_t *ret_n, hl_error *err) HL_NODISCARD;

/* -- messages and tools (messages.c, tools.c) -------------------------------------------------- */

/* Messages of Ollama's kind (content is a text), or, openai, of OpenAI's (content may be parts).  A
 * tool's answer gets its tool's name by the id of the call.  array may be NULL. */
hl_status hl__read_messages(struct json_object *array, bool openai, hl_arena *arena,
                            hl_request *ret, hl_error *err) HL_NODISCARD;
/* The key "images": texts in base64. */
hl_status hl__read_images(const hl__fields *f, size_t *ret_n, hl_error *err) HL_NODISCARD;
/* Each a function with a name.  array may be NULL; an empty one counts as none. */
hl_status hl__read_tools(struct json_object *array, hl_request *ret, hl_error *err) HL_NODISCARD;
/* OpenAI's: "none" (then there are no tools), "auto", "required", or an object that names a
 * function.  After the tools have been read. */
hl_status hl__read_tool_choice(struct json_object *value, hl_request *ret,
                               hl_error *err) HL_NODISCARD;
