/* text/template.h
 *
 * Chat templates: a Jinja interpreter for what real templates use, with the output of
 * transformers' apply_chat_template to the byte (docs/adr/0006).
 *
 * A template comes from a stranger's file: source bytes, nodes, depth, steps and output
 * are limited, nothing of the host can be reached.  Errors carry the template's name, the
 * line and the column in one line of text: "NAME:LINE:COLUMN: what".
 *
 * Errors: EFORMAT (syntax, or a run-time error such as an undefined attribute), EINVAL
 * (the template called raise_exception: the text is the template's own), ELIMIT, ENOMEM.
 * Threads: a parsed template is immutable; any number of renderings at once, each with
 * variables of its own.  A rendering needs half a megabyte of stack.
 */
#pragma once

#include "base/buf.h"
#include "base/json.h"

typedef struct hl_template hl_template;

typedef struct hl_template_limits {
    size_t source_bytes_max, nodes_max, steps_max, output_bytes_max, memory_bytes_max;
    uint32_t depth_max;
} hl_template_limits;
extern const hl_template_limits hl_template_limits_default;

/* name is for messages; source is copied.  Returns owned. */
hl_status hl_template_parse(const char *name, hl_str source, hl_template **ret,
                            hl_error *err) HL_NODISCARD;
/* The same with limits of the caller's, which also hold for its renderings. */
hl_status hl_template_parse_limited(const char *name, hl_str source,
                                    const hl_template_limits *limits, hl_template **ret,
                                    hl_error *err) HL_NODISCARD;
void hl_template_destroy(hl_template *t); /* accepts NULL */

/* Renders with the members of `variables` (a JSON object: messages, tools, …) as globals.
 * now_s: seconds since 1970 in local broken-down time, what strftime_now sees.  Appends to *ret,
 * on success only.  EINVAL also when the variables are no object. */
hl_status hl_template_render(const hl_template *t, struct json_object *variables, int64_t now_s,
                             hl_buf *ret, hl_error *err) HL_NODISCARD;

/* Whether the source mentions a name as a variable (tools, enable_thinking): for capabilities. */
bool hl_template_mentions(const hl_template *t, const char *name);
