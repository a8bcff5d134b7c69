/* serve/tools_call.h
 *
 * From what a model wrote to a call: a name that the request has, and arguments as JSON.
 *
 * Models vary in how they name things ("arguments", "parameters", the arguments as a text); all
 * that can mean one thing only is understood.  What is not a call is not an error: it is text.
 *
 * Private to serve/tools*.c.   Threads: pure over the request's tools.
 */
#pragma once

#include "base/json.h"
#include "engine/request.h"
#include "serve/tools_format.h"

enum { HL__TOOLS_NAME_MAX = 256, HL__TOOLS_CALLS_MAX = 128 };

/* Calls as they are read: names and arguments lie in `text`. */
typedef struct hl__tools_calls {
    struct {
        size_t name, name_end, arguments, arguments_end;
    } at[HL__TOOLS_CALLS_MAX];
    size_t n;
    hl_buf text; /* owned */
} hl__tools_calls;

void hl__tools_calls_init(hl__tools_calls *c);
void hl__tools_calls_deinit(hl__tools_calls *c);
hl_tool_call hl__tools_calls_get(const hl__tools_calls *c, size_t i);

/* The tool's object with "name" and "parameters"; NULL: the request has none of this name. */
struct json_object *hl__tools_find(struct json_object *tools, hl_str name);

/* Each of these adds to *ret and is true, or adds nothing. */
/* One call, or an array of at least one. */
bool hl__tools_from_json(struct json_object *tools, hl_str json, hl__tools_calls *ret);
/* json: an object with the arguments. */
bool hl__tools_from_named(struct json_object *tools, hl_str name, hl_str json,
                          hl__tools_calls *ret);

/* inside: the parameters of an element, one by one. */
bool hl__tools_from_element(struct json_object *tools, hl_str name, const hl_tools_element *e,
                            hl_str inside, hl__tools_calls *ret);
