/* store/convert_safetensors.h
 *
 * Reads the weights of a model directory: one or several safetensors files, each a header of JSON
 * and then the tensors' bytes (docs/formats/safetensors.md).  Headers are checked when the set is
 * opened: whoever reads tensors may trust their places and sizes.  Private to store/convert*.
 *
 * Threads: one at a time.
 */
#pragma once

#include "base/arena.h"
#include "base/map.h"

enum {
    HL__ST_DIMS_MAX = 4,
    HL__ST_HEADER_MAX = 32 << 20, /* bytes; real ones have some hundred KiB */
    HL__ST_FILES_MAX = 4096
};

typedef enum hl__st_type { /* what can be converted; the rest is only measured */
                           HL__ST_OTHER,
                           HL__ST_F32,
                           HL__ST_F16,
                           HL__ST_BF16
} hl__st_type;

typedef struct hl__st_tensor {
    hl_str name;
    hl__st_type type;
    const char *type_name; /* "BF16"; static */
    uint32_t n_dims;
    uint64_t dims[HL__ST_DIMS_MAX]; /* as written: the last one runs fastest */
    uint64_t at, bytes;             /* place in the file */
    uint32_t file;
} hl__st_tensor;

typedef struct hl__weights hl__weights;

/* ENOTFOUND: the directory has no *.safetensors; EUNSUPPORTED: but it has PyTorch's files. */
hl_status hl__weights_open(const char *dir, hl__weights **ret, hl_error *err) HL_NODISCARD;
void hl__weights_close(hl__weights *w); /* accepts NULL */

/* A set without files, for hl__weights_parse. */
hl_status hl__weights_create(const char *dir, hl__weights **ret, hl_error *err) HL_NODISCARD;
/* Adds the tensors of a file's header.  `file_bytes` is the size of the whole file. */
hl_status hl__weights_parse(hl__weights *w, hl_str name, hl_str header, uint64_t file_bytes,
                            hl_error *err) HL_NODISCARD;

size_t hl__weights_n(const hl__weights *w);
const hl__st_tensor *hl__weights_at(const hl__weights *w, size_t i);
const hl__st_tensor *hl__weights_find(const hl__weights *w, hl_str name); /* NULL: not there */

/* n bytes of t from its byte `from` on; the caller stays inside. */
hl_status hl__weights_read(hl__weights *w, const hl__st_tensor *t, uint64_t from, void *out,
                           size_t n, hl_error *err) HL_NODISCARD;
