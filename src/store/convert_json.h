/* store/convert_json.h
 *
 * The JSON files of a model directory: read with a limit, then asked for values of a type.  A value
 * null counts as not there; one of another type is EFORMAT with the file's name and the key.
 * Private to store/convert*.
 */
#pragma once

#include "base/json.h"

typedef struct hl__doc {
    const char *file;         /* its name, for messages; static */
    struct json_object *root; /* owned, an object; NULL: the file is not there */
} hl__doc;

hl_status hl__doc_parse(hl_str text, const char *file, hl__doc *ret, hl_error *err) HL_NODISCARD;
/* HL_DONE: there is no such file, and *ret has no values. */
hl_status hl__doc_read(const char *dir, const char *file, size_t bytes_max, hl__doc *ret,
                       hl_error *err) HL_NODISCARD;
void hl__doc_close(hl__doc *d); /* accepts a zeroed one */

/* A part of a document that is asked for values.  `at` names it: "rope_scaling", or NULL for the
 * document itself. */
typedef struct hl__node {
    const char *file, *at;
    struct json_object *object; /* borrowed; NULL has no values */
} hl__node;

static inline hl__node hl__doc_node(const hl__doc *d) {
    return (hl__node){d->file, NULL, d->root};
}

/* NULL when it is not there or null. */
struct json_object *hl__node_get(hl__node n, const char *key);
/* An object, or a node without values. */
hl_status hl__node_object(hl__node n, const char *key, hl__node *ret, hl_error *err) HL_NODISCARD;
/* *ret is NULL when there is none. */
hl_status hl__node_array(hl__node n, const char *key, struct json_object **ret,
                         hl_error *err) HL_NODISCARD;
hl_status hl__node_bool(hl__node n, const char *key, bool fallback, bool *ret,
                        hl_error *err) HL_NODISCARD;
/* 0 … UINT32_MAX. */
hl_status hl__node_u32(hl__node n, const char *key, uint32_t fallback, uint32_t *ret,
                       hl_error *err) HL_NODISCARD;
/* Must be there and lie in 1 … max. */
hl_status hl__node_count(hl__node n, const char *key, uint32_t max, uint32_t *ret,
                         hl_error *err) HL_NODISCARD;
/* Finite. */
hl_status hl__node_f64(hl__node n, const char *key, double fallback, double *ret,
                       hl_error *err) HL_NODISCARD;
/* *ret borrows from the document; .ptr NULL when there is none. */
hl_status hl__node_str(hl__node n, const char *key, hl_str *ret, hl_error *err) HL_NODISCARD;

/* Fails with the place: "config.json: rope_scaling.factor WHAT". */
hl_status hl__node_failed(hl__node n, hl_status st, const char *key, const char *what,
                          hl_error *err);
#define hl__node_fail(...) hl__negative(hl__node_failed(__VA_ARGS__))

hl_str hl__convert_json_str(struct json_object *string); /* of a value that is a string */
