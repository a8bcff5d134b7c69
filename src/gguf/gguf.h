/* gguf/gguf.h
 *
 * Reads GGUF files, versions 2 and 3 (docs/formats/gguf.md has the format).
 * The file is mapped; keys, strings and tensor data point into the map and live
 * until hl_gguf_close.  A model split over several files (NAME-00001-of-00003.gguf)
 * is opened by its first part and seen as one.
 *
 * Everything in the file is a stranger's: counts, lengths, offsets and products are
 * checked here, once; whoever uses an open hl_gguf may trust them.
 *
 * Errors: EFORMAT names what and the offset; ELIMIT; EUNSUPPORTED names a version, a byte
 * order or a tensor's type; EINVAL for a later part of several; ENOTFOUND and EIO from the
 * file system.
 * Threads: an open hl_gguf is immutable, any thread may read it.
 */
#pragma once

#include "base/arena.h"
#include "base/fs.h"
#include "gguf/dtype.h"

typedef enum hl_gguf_type {
    HL_GGUF_U8 = 0,
    HL_GGUF_I8 = 1,
    HL_GGUF_U16 = 2,
    HL_GGUF_I16 = 3,
    HL_GGUF_U32 = 4,
    HL_GGUF_I32 = 5,
    HL_GGUF_F32 = 6,
    HL_GGUF_BOOL = 7,
    HL_GGUF_STR = 8,
    HL_GGUF_ARRAY = 9,
    HL_GGUF_U64 = 10,
    HL_GGUF_I64 = 11,
    HL_GGUF_F64 = 12
} hl_gguf_type;

typedef struct hl_gguf_value {
    hl_str key;
    hl_gguf_type type;
    union {
        uint64_t u; /* U8 U16 U32 U64, BOOL as 0 or 1 */
        int64_t i;  /* I8 I16 I32 I64 */
        double f;   /* F32 F64 */
        hl_str str;
        struct {
            hl_gguf_type type; /* of the elements; an array of arrays is refused */
            size_t n;
            const uint8_t *data; /* little-endian, unaligned; unused for strings */
            const hl_str *strs;  /* for strings */
        } array;
    } as;
} hl_gguf_value;

enum {
    HL_GGUF_DIMS_MAX = 4,
    HL_GGUF_NAME_BYTES_MAX = 65535, /* of a key or a tensor's name */
    /* Tensors begin at multiples of general.alignment, a power of two. */
    HL_GGUF_ALIGN_DEFAULT = 32,
    HL_GGUF_ALIGN_MIN = 8,
    HL_GGUF_ALIGN_MAX = 1 << 20
};

typedef struct hl_gguf_tensor {
    hl_str name;
    uint32_t type; /* the number in the file; hl_dtype_lookup knows its name */
    uint32_t n_dims;
    uint64_t dims[HL_GGUF_DIMS_MAX]; /* dims[0] runs fastest: a row's length; unused are 1 */
    hl_bytes data; /* checked to lie in the file and to have the size of its type */
} hl_gguf_tensor;

typedef struct hl_gguf hl_gguf;

/* Returns owned. */
hl_status hl_gguf_open(const char *path, hl_gguf **ret, hl_error *err) HL_NODISCARD;
/* Of bytes that the caller keeps alive, at a multiple of 8 (else EINVAL); one part only. */
hl_status hl_gguf_open_bytes(hl_bytes file, hl_gguf **ret, hl_error *err) HL_NODISCARD;
void hl_gguf_close(hl_gguf *g); /* accepts NULL */

/* Tells the system that a tensor's bytes are not needed for now, so that their pages may go; they
 * are read from the file again when they are.  Bytes of a caller stay as they are. */
void hl_gguf_forget(const hl_gguf *g, hl_bytes data);

uint32_t hl_gguf_version(const hl_gguf *g);
size_t hl_gguf_n_values(const hl_gguf *g);
const hl_gguf_value *hl_gguf_value_at(const hl_gguf *g, size_t i);
const hl_gguf_value *hl_gguf_find(const hl_gguf *g, hl_str key); /* NULL: not there */
size_t hl_gguf_n_tensors(const hl_gguf *g);
const hl_gguf_tensor *hl_gguf_tensor_at(const hl_gguf *g, size_t i);
const hl_gguf_tensor *hl_gguf_find_tensor(const hl_gguf *g, hl_str name);

/* Typed reads.  A missing key gives `fallback` (for require: EFORMAT names the key); a key of
 * another type is EFORMAT.  Any integer type that holds the value will do for u32; F32, F64 and
 * integers for f32. */
hl_status hl_gguf_get_u32(const hl_gguf *g, const char *key, uint32_t fallback, uint32_t *ret,
                          hl_error *err) HL_NODISCARD;
hl_status hl_gguf_get_f32(const hl_gguf *g, const char *key, float fallback, float *ret,
                          hl_error *err) HL_NODISCARD;
hl_status hl_gguf_get_bool(const hl_gguf *g, const char *key, bool fallback, bool *ret,
                           hl_error *err) HL_NODISCARD;
hl_status hl_gguf_get_str(const hl_gguf *g, const char *key, hl_str fallback, hl_str *ret,
                          hl_error *err) HL_NODISCARD;
hl_status hl_gguf_require_u32(const hl_gguf *g, const char *key, uint32_t *ret,
                              hl_error *err) HL_NODISCARD;
hl_status hl_gguf_require_f32(const hl_gguf *g, const char *key, float *ret,
                              hl_error *err) HL_NODISCARD;
hl_status hl_gguf_require_str(const hl_gguf *g, const char *key, hl_str *ret,
                              hl_error *err) HL_NODISCARD;

/* Bytes of one value or element of a type; 0 for strings, arrays and unknown types. */
size_t hl_gguf_type_bytes(hl_gguf_type type);
/* Element i (< n) of a numeric array; as an integer, floats lose their fraction and what does not
 * fit becomes the nearest that does. */
double hl_gguf_array_f64(const hl_gguf_value *v, size_t i);
int64_t hl_gguf_array_i64(const hl_gguf_value *v, size_t i);
