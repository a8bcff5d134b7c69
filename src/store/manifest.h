/* store/manifest.h
 *
 * What a stored model consists of: a file of JSON below manifests/ that names blobs.  Ollama reads
 * what is written here, and the other way round.
 *
 * Everything in it is a stranger's: digests are checked to be digests, sizes to be none below 0.
 * Unknown keys and kinds of layers are kept out of the way (a layer's kind is its media type).
 *
 * Ownership: texts belong to the manifest's arena.
 * Errors: EFORMAT, ELIMIT, ENOMEM.   Threads: pure.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "store/digest.h"

enum { HL_LAYERS_MAX = 4096, HL_MANIFEST_BYTES_MAX = 4 << 20 };

#define HL_LAYER_PREFIX "application/vnd.ollama.image."
#define HL_CONFIG_MEDIA "application/vnd.docker.container.image.v1+json"

typedef struct hl_layer {
    hl_str media; /* HL_LAYER_PREFIX "model", … */
    hl_digest digest;
    uint64_t bytes;
    hl_str from; /* the model that a layer was taken from, as it is shown; empty: none */
    hl_str name; /* of files of several; empty: none */
} hl_layer;

typedef struct hl_manifest {
    hl_arena *arena;
    hl_layer config;
    hl_layer *layers; /* [n_layers] */
    size_t n_layers;
    hl_digest digest;    /* of the file's bytes: the model's id */
    int64_t modified_ns; /* of the file; 0: there is none yet */
} hl_manifest;

/* *ret is the caller's on success. */
hl_status hl_manifest_parse(hl_str json, hl_manifest *ret, hl_error *err) HL_NODISCARD;
void hl_manifest_deinit(hl_manifest *m); /* accepts a zeroed one */
void hl_manifest_print(const hl_layer *config, const hl_layer *layers, size_t n_layers,
                       hl_buf *out);

bool hl_layer_is(const hl_layer *l, const char *kind); /* "model", "template", … */
/* The first of a kind at or after *at, which then stands behind it; NULL: none. */
const hl_layer *hl_manifest_next(const hl_manifest *m, const char *kind, size_t *at);
/* Config and layers. */
uint64_t hl_manifest_bytes(const hl_manifest *m);
