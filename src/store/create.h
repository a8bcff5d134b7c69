/* store/create.h
 *
 * Makes a model: of uploaded files of GGUF or safetensors, or of another model with something put
 * over it.
 *
 *     blobs → layers (weights; template, system, license, params, messages) → config → manifest
 *
 * An uploaded file is the model's blob, byte for byte; parts of one model
 * (NAME-00001-of-00003.gguf) are joined into one file first, and with `quantize` a smaller one is
 * made.  Files of a directory with safetensors (store/convert.h) are converted; GGUF files beside
 * them (a projector) are layers of their own.  A child has its parent's layers; its template,
 * system text and messages replace the parent's, its parameters win one by one, its licenses are
 * added.
 *
 * What this does not do: fetch models.
 *
 * Ownership: a request borrows all it names for the call.
 * Errors: EINVAL (the request; names what), ENOTFOUND (a blob, the parent), EUNSUPPORTED (weights
 * that cannot be quantised), EFORMAT (a file that is no GGUF), those of store/convert.h, EIO,
 * ENOMEM.  After an error the store has the models that it had; blobs that were made stay until the
 * next pruning. Threads: any; takes as long as reading (and quantising) the weights.
 */
#pragma once

#include "base/json.h"
#include "store/store.h"

#define HL_CREATE_PARTS "hyperllama_parts"

typedef struct hl_create_file {
    hl_str name; /* as the client calls it: its ending and parts' numbers count, and for a
                  * conversion what stands behind the last slash */
    hl_digest digest;
} hl_create_file;

typedef struct hl_create {
    hl_name name;
    bool has_from;
    hl_name from;          /* the parent */
    const char *from_path; /* of its weights if it is no model of the store; else NULL */
    const hl_create_file *files, *adapters;
    size_t n_files, n_adapters;
    hl_str template_text, system; /* empty: the parent's */
    const hl_str *licenses;       /* [n_licenses] */
    size_t n_licenses;
    struct json_object *parameters, *messages; /* an object, an array; NULL: the parent's */
    hl_str renderer, parser,
        requires;    /* empty: the parent's */
    hl_str quantize; /* empty: as it is */
    hl_str parts;    /* a mark of the files, kept in the config as HL_CREATE_PARTS; empty: none */
} hl_create;

typedef struct hl_create_progress {
    const char *status;        /* in Ollama's words */
    const hl_digest *digest;   /* of a step with an amount; NULL: none */
    uint64_t total, completed; /* bytes; total 0: none */
} hl_create_progress;

typedef void hl_create_report(void *arg, const hl_create_progress *p);

hl_status hl_store_create(const hl_store *s, const hl_create *c, hl_create_report *report,
                          void *arg, hl_error *err) HL_NODISCARD;
/* What of a request can be judged without the store: the same errors, at once. */
hl_status hl_create_check(const hl_create *c, hl_error *err) HL_NODISCARD;
