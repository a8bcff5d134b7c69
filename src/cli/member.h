/* cli/member.h
 *
 * Members of the JSON objects that a server answers with.  Whatever is missing or of another kind
 * counts as empty: a server may be older, newer or broken.
 *
 * Ownership: borrowed from the object.   Threads: pure.
 */
#pragma once

#include "base/json.h"

struct json_object *hl__member(struct json_object *o, const char *key); /* NULL: none, or null */
hl_str hl__member_text(struct json_object *o, const char *key);
uint64_t hl__member_uint(struct json_object *o, const char *key);
bool hl__member_bool(struct json_object *o, const char *key);
/* An array; NULL when it is none. */
struct json_object *hl__member_array(struct json_object *o, const char *key);
/* 0 when it is none. */
size_t hl__array_len(struct json_object *array);
/* A string's text; of another value its JSON. */
hl_str hl__value_text(struct json_object *value);
/* On one line, without escaped slashes. */
hl_str hl__value_json(struct json_object *value);
