/* serve/inspect.h
 *
 * Looking into a model's file without computing with it: what its vocabulary makes of a text, what
 * its template makes of a conversation.
 *
 * Errors: those of finding and reading the file, each one line that names it; the template's own.
 * Threads: one caller at a time.
 */
#pragma once

#include "base/json.h"
#include "serve/load.h"
#include "serve/package.h"

typedef struct hl_inspect {
    hl__loaded *loaded; /* the metadata, and the vocabulary once it was needed */
    hl_package *package;
} hl_inspect;

/* By name or path. */
hl_status hl_inspect_open(hl_str model, hl_inspect *ret, hl_error *err) HL_NODISCARD;
void hl_inspect_close(hl_inspect *m); /* accepts a zeroed one */

/* Appends the ids of a text; no BOS. */
hl_status hl_inspect_tokenize(hl_inspect *m, hl_str text, bool parse_special, hl_tokens *ret,
                              hl_error *err) HL_NODISCARD;

/* The prompt text that the model's own template makes of variables (messages, tools, …), appended
 * to *ret.  Unless they are given it also sees bos_token, eos_token and add_generation_prompt, and
 * documents as null.  now_s: what strftime_now sees. */
hl_status hl_inspect_render(hl_inspect *m, struct json_object *variables, int64_t now_s,
                            hl_buf *ret, hl_error *err) HL_NODISCARD;
/* The same with a template of any file, whose name is for messages; the variables are taken as they
 * are but for documents. */
hl_status hl_render_text(const char *name, hl_str template_text, struct json_object *variables,
                         int64_t now_s, hl_buf *ret, hl_error *err) HL_NODISCARD;
