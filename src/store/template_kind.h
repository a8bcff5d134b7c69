/* store/template_kind.h
 *
 * Which language a template is written in.  TEMPLATE layers are Go's in Ollama; here they may be
 * Jinja as well, and GGUF files carry Jinja.   Threads: pure.
 */
#pragma once

#include "text/gotemplate.h"
#include "text/template.h"

/* A parsed template: one of the two is there. */
typedef struct hl_any_template {
    hl_gotemplate *go;
    hl_template *jinja;
} hl_any_template;

/* A text with "{%" is Jinja; what Go can read is Go; what only Jinja can read and has none of Go's
 * signs ({{ .Field }}, {{ if }}, {{ range }}, {{ end }}) is Jinja.  Otherwise the error is Go's.
 * name is for messages of Jinja's.  *ret is the caller's. */
hl_status hl_any_template_parse(const char *name, hl_str text, hl_any_template *ret,
                                hl_error *err) HL_NODISCARD;
void hl_any_template_deinit(hl_any_template *t); /* accepts a zeroed one */
