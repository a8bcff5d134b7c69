/* cli/recipe.h
 *
 * A Modelfile, read and judged: the files that it names, and the rest of it as /api/create wants
 * it.  What can be judged here is, so that the message has the line.
 *
 * TEMPLATE {{ .Prompt }} over files is left out: it is what a file without a template has anyway,
 * and what `show` prints for one.
 *
 * Ownership: owns everything.   Threads: one at a time.
 * Errors: "FILE: (line N): …"; ENOTFOUND, EINVAL, EFORMAT, EUNSUPPORTED, ELIMIT, EIO, ENOMEM.
 */
#pragma once

#include "base/json.h"
#include "store/sources.h"

enum { HL__RECIPE_FILES_MAX = HL_SOURCE_FILES_MAX };

typedef struct hl__recipe_files {
    hl_source_file *items; /* [n], no two with one name */
    size_t n;
} hl__recipe_files;

typedef struct hl__recipe {
    hl_arena *arena;
    hl__recipe_files models, adapters;
    struct json_object *body; /* "from", "template", "parameters", … */
} hl__recipe;

/* text: of the Modelfile; shown: what it is called in messages; base: what its paths are relative
 * to. */
hl_status hl__recipe_read(hl_str text, const char *shown, const char *base, hl__recipe *ret,
                          hl_error *err) HL_NODISCARD;
void hl__recipe_deinit(hl__recipe *r); /* accepts a zeroed one */
