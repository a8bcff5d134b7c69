/* serve/show.h
 *
 * What a model's file says of itself, for `show` and for what may be asked of the model.
 *
 * Ownership: a description borrows nothing from the file.   Threads: any.
 */
#pragma once

#include "base/arena.h"
#include "config/options.h"
#include "serve/load.h"
#include "serve/package.h"

typedef struct hl_model_info {
    hl_str name, path;
    hl_str family, quantization, parameters_text; /* "llama", "Q4_K_M", "23.08M" */
    uint64_t n_parameters, file_bytes;
    uint32_t ctx_train, n_embd, n_layers, n_vocab; /* 0: the file does not say */
    bool can_complete, can_think, can_use_tools, can_embed;
    bool can_insert;
    hl_str template_text, license, system; /* empty: none */
    hl_options options;                    /* the model's own parameters */
    struct json_object *metadata;          /* owned: as model_info of Ollama's /api/show */
    struct json_object *tensors;           /* owned: array of {name, type, shape} */
    hl_arena *arena;                       /* owned: the texts */
} hl_model_info;

void hl_model_info_deinit(hl_model_info *info);

/* *ret borrows nothing from l and p.  verbose: with the arrays of the metadata, which may be
 * long. */
hl_status hl__show(const hl__loaded *l, const hl_package *p, bool verbose, hl_model_info *ret,
                   hl_error *err) HL_NODISCARD;
/* What the file says, as one text, and a description from such a text instead of the file: to be
 * remembered (store/catalog_db.h).  What can be read there is checked as anything from outside:
 * EFORMAT.  HL__SHOW_FORMAT changes with what is in it. */
enum { HL__SHOW_FORMAT = 1 };
void hl__show_print(const hl__loaded *l, const hl_model_info *info, hl_buf *out);
hl_status hl__show_recall(struct json_object *text, const hl_package *p, const char *name,
                          hl_model_info *ret, hl_error *err) HL_NODISCARD;
hl_status hl__show_own_template(struct json_object *text, hl_str *ret, hl_error *err) HL_NODISCARD;
/* The part of it that is the file's; its strings are the text's. */
hl_status hl__show_from_text(struct json_object *text, hl_model_info *info,
                             hl_error *err) HL_NODISCARD;

/* The metadata of any GGUF file, an object that is the caller's. */
hl_status hl__show_metadata(const char *path, struct json_object **ret, hl_error *err) HL_NODISCARD;
