/* serve/package.h
 *
 * What a model's name stands for: a file of weights, and what was put over it (template, system
 * text, parameters, messages).  Several packages may share one file, which is loaded once.
 *
 * Which template makes a model's prompts: a TEMPLATE of Jinja's goes before the file's own; between
 * a Go TEMPLATE and the file's Jinja, Jinja wins if it shows an ability (tools, thinking) that the
 * other lacks, or if the other is no more than "{{ .Prompt }}" or OLLAMA_GO_TEMPLATE is off.
 *
 * Ownership: counted; immutable once made.  Whoever keeps one for later takes a reference.  Its
 * JSON objects may be read by one thread at a time (the API's). Errors: those of reading the file
 * and the blobs.  A template that does not parse is no failure here: it is reported when it is
 * needed. Threads: any.
 */
#pragma once

#include "engine/request.h"
#include "gguf/gguf.h"
#include "serve/resolve.h"
#include "serve/thinking.h"
#include "store/store.h"
#include "text/gotemplate.h"
#include "text/template.h"

#include <stdatomic.h>

typedef struct hl_package {
    atomic_uint refs;
    char name[HL_MODEL_NAME_MAX + 8]; /* with its tag, for messages */
    char path[HL_MODEL_PATH_MAX];     /* of the weights */
    hl_str template_text;             /* of prompts; empty: none */
    hl_template *chat;                /* the same, parsed, when it is Jinja */
    hl_gotemplate *go;                /* when it is Go's; both NULL: none, or see template_error */
    hl_error template_error;          /* status 0: none */
    const hl_thinking_tags *tags;     /* NULL: cannot think */
    bool can_use_tools, can_insert;
    hl_str system;              /* unless the request has its own; empty: none */
    hl_options options;         /* under the request's */
    const hl_message *messages; /* [n_messages] before the request's */
    size_t n_messages;

    /* As the store has it, for /api/show; empty or NULL: there is none. */
    hl_str template_layer; /* TEMPLATE, in either language */
    const hl_str *licenses;
    size_t n_licenses;
    hl_str license;                                  /* all of them */
    struct json_object *params_json, *messages_json; /* owned: an object, an array */
    hl_str parent;                                   /* as it is shown */
    const hl_str *families;
    size_t n_families;
    hl_str renderer, parser,
        requires;
    hl_str projector_path, adapter_path; /* of the first */

    hl_arena *arena; /* of the texts */
} hl_package;

/* The file alone.  *ret has one reference, the caller's. */
hl_status hl_package_open(const char *path, const char *name, hl_package **ret,
                          hl_error *err) HL_NODISCARD;
/* A model of the store.  own_template: that of the weights' file; NULL: it is read there. */
hl_status hl_package_open_stored(const hl_store *s, const hl_manifest *m, const char *name,
                                 const hl_str *own_template, hl_package **ret,
                                 hl_error *err) HL_NODISCARD;
hl_package *hl_package_keep(hl_package *p);
void hl_package_drop(hl_package *p); /* accepts NULL */

/* HL_OK, or why the template cannot be used. */
hl_status hl_package_check_template(const hl_package *p, hl_error *err) HL_NODISCARD;
