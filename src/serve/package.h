/* serve/package.h
 *
 * What a model's name stands for: a file of weights, and what was put over it (template, system
 * text, parameters, messages).  Several packages may share one file, which is loaded once.
 *
 * Ownership: counted; immutable once made.  Whoever keeps one for later takes a reference.
 * Errors: those of reading the file.  A template that does not parse is no failure here: it is
 * reported when it is needed.
 * Threads: any.
 */
#pragma once

#include "engine/request.h"
#include "gguf/gguf.h"
#include "serve/resolve.h"
#include "serve/thinking.h"
#include "text/template.h"

#include <stdatomic.h>

typedef struct hl_package {
    atomic_uint refs;
    char name[HL_MODEL_NAME_MAX + 8]; /* with its tag, for messages */
    char path[HL_MODEL_PATH_MAX];     /* of the weights */
    hl_str template_text;             /* of chats; empty: none */
    hl_template *chat;                /* the same, parsed; NULL: none, or see template_error */
    hl_error template_error;          /* status 0: none */
    const hl_thinking_tags *tags;     /* NULL: cannot think */
    hl_str system;                    /* unless the request has its own; empty: none */
    hl_options options;               /* under the request's */
    const hl_message *messages;       /* [n_messages] before the request's */
    size_t n_messages;
    hl_arena *arena; /* of the texts */
} hl_package;

/* The file alone.  *ret has one reference, the caller's. */
hl_status hl_package_open(const char *path, const char *name, hl_package **ret,
                          hl_error *err) HL_NODISCARD;
hl_package *hl_package_keep(hl_package *p);
void hl_package_drop(hl_package *p); /* accepts NULL */

/* HL_OK, or why the template cannot be used. */
hl_status hl_package_check_template(const hl_package *p, hl_error *err) HL_NODISCARD;
