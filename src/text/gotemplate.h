/* text/gotemplate.h
 *
 * Go's text/template as Ollama uses it: the language of TEMPLATE layers, with its output to
 * the byte (docs/internals/templates.md).  missingkey=zero; besides Go's own functions there are
 * json, currentDate, yesterdayDate and toTypeScriptType.  No complex numbers, no functions in the
 * data, so that `call` always fails.
 *
 * Data.  Variables are one JSON object.  Without a type it is what Go's decoder makes of it: maps
 * whose keys are ranged over, printed and encoded in sorted order, integers as int, other
 * numbers as float64.  A type (hl_gotemplate_ollama) says what Go structs such values are in
 * Ollama: which fields a value has, their names in the JSON, what is printed as JSON, and whose
 * keys keep the order in which they came (Arguments, Properties).  A field that the JSON lacks is
 * its type's zero value; one that the type lacks is an error.
 *
 * A template comes from a stranger's file: source bytes, nodes, depth, steps, output and memory
 * are limited, nothing of the host can be reached.  Error texts are Go's:
 * "template: NAME:LINE: what" for the source, "template: NAME:LINE:COLUMN: executing "NAME" at
 * <SOURCE>: what" for a rendering.
 *
 * Errors: EFORMAT (syntax, or a failed evaluation), EINVAL (variables are no object), ELIMIT,
 * ENOMEM.
 * Threads: a parsed template is immutable; any number of renderings at once, each with
 * variables of its own.  A rendering needs half a megabyte of stack.
 */
#pragma once

#include "base/buf.h"
#include "base/json.h"

typedef struct hl_gotemplate hl_gotemplate;
typedef struct hl_gotemplate_type hl_gotemplate_type;

typedef struct hl_gotemplate_limits {
    size_t source_bytes_max, nodes_max, steps_max, output_bytes_max, memory_bytes_max;
    uint32_t depth_max; /* of nested actions, of templates that call templates, of data */
} hl_gotemplate_limits;
extern const hl_gotemplate_limits hl_gotemplate_limits_default;

/* name is for messages (Ollama's are empty); source is copied.  Returns owned. */
hl_status hl_gotemplate_parse(const char *name, hl_str source, hl_gotemplate **ret,
                              hl_error *err) HL_NODISCARD;
/* The same with limits of the caller's, which also hold for its renderings. */
hl_status hl_gotemplate_parse_limited(const char *name, hl_str source,
                                      const hl_gotemplate_limits *limits, hl_gotemplate **ret,
                                      hl_error *err) HL_NODISCARD;
void hl_gotemplate_destroy(hl_gotemplate *t); /* accepts NULL */

/* The data of a prompt: {"System": text, "Prompt": text, "Suffix": text, "Response": text,
 * "Think": bool, "ThinkLevel": text, "IsThinkSet": bool, "Messages": […], "Tools": […]}.
 * Messages and tools are in the wire form of /api/chat ({"role": …, "tool_calls": […]}); the
 * template sees them as .Role, .ToolCalls and so on. */
extern const hl_gotemplate_type hl_gotemplate_ollama;

typedef struct hl_gotemplate_how {
    const hl_gotemplate_type *type; /* of the variables; NULL: plain JSON */
    int64_t now_s;                  /* seconds since 1970 in local broken-down time, for dates */
    /* Print .Response at the end when the source mentions neither .Messages nor .Response. */
    bool add_response;
    /* For the turn that the model is to complete: nothing behind the first {{ .Response }} in the
     * source. */
    bool cut_at_response;
} hl_gotemplate_how;

/* Appends to *ret, on success only. */
hl_status hl_gotemplate_render(const hl_gotemplate *t, struct json_object *variables,
                               const hl_gotemplate_how *how, hl_buf *ret,
                               hl_error *err) HL_NODISCARD;

/* Whether the source mentions a field or variable of this name ("Tools", "Suffix", "Messages")
 * anywhere; letters' case does not matter, as in Ollama. */
bool hl_gotemplate_mentions(const hl_gotemplate *t, const char *name);
/* The texts around .Thinking in the loop over .Messages, without blanks at their ends: the first
 * and last text of the innermost list of nodes with .Thinking in it.  Either may be empty;
 * returns whether there is any.  Borrows from t. */
bool hl_gotemplate_thinking_tags(const hl_gotemplate *t, hl_str *ret_open, hl_str *ret_close);
/* What a model writes before its calls: the first text inside the first {{ if .ToolCalls }}, up to
 * a brace or bracket that begins JSON, without blanks at its ends; empty when there is none.
 * Borrows from t. */
hl_str hl_gotemplate_tool_prefix(const hl_gotemplate *t);
