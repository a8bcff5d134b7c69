/* store/create_parts.h — a model in the making; private to store/. */
#pragma once

#include "store/create.h"

typedef struct hl__making {
    const hl_store *store;
    const hl_create *request;
    hl_create_report *report;
    void *arg;
    hl_arena *arena;
    hl_layer layers[HL_LAYERS_MAX]; /* [n_layers] */
    bool made[HL_LAYERS_MAX];       /* no model had it before */
    size_t n_layers;
    struct json_object *config; /* owned */
    hl_manifest parent;         /* zeroed: none */
} hl__making;

void hl__making_say(const hl__making *m, const char *status);
/* Appends a layer of a kind; its `made` is found out here. */
hl_status hl__making_add(hl__making *m, const char *kind, const hl_layer *l,
                         hl_error *err) HL_NODISCARD;
/* Layers for the weights of the request's files, or of one file outside the store. */
hl_status hl__make_weights(hl__making *m, hl_error *err) HL_NODISCARD;
hl_status hl__make_outside_weights(hl__making *m, const char *path, hl_error *err) HL_NODISCARD;
/* The parent's weights in another type. */
hl_status hl__requantize(hl__making *m, hl_error *err) HL_NODISCARD;
/* Whether the request's `quantize` is a type that can be made. */
hl_status hl__check_quantize(hl_str name, hl_error *err) HL_NODISCARD;
/* "Q4_K" is Ollama's short name of Q4_K_M. */
hl_str hl__full_type(hl_str name);
/* A layer for a finished file of weights at a temporary path, which goes. */
hl_status hl__adopt_weights(hl__making *m, const char *path, hl_error *err) HL_NODISCARD;
/* A name for a blob: a link, or a copy where another file system or owner forbids that.  HL_DONE:
 * the name is taken.  `to` is a path in blobs/ that goes when the model is made. */
hl_status hl__name_blob(const hl__making *m, const hl_digest *d, const char *to,
                        hl_error *err) HL_NODISCARD;
/* A layer for the request's files but GGUF, converted to the type that it wants. */
hl_status hl__make_converted(hl__making *m, hl_error *err) HL_NODISCARD;
