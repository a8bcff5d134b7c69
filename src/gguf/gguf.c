#include "gguf/gguf.h"

#include "base/map.h"
#include "base/mem.h"
#include "gguf/reader.h"

#include <stdio.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensor data is used as it lies");

enum {
    MAGIC = 0x46554747, /* "GGUF" */
    VERSION_MIN = 2,
    VERSION_MAX = 3,
    VALUE_BYTES_MIN = 8 + 4 + 1,      /* an empty key, a type, one byte */
    TENSOR_BYTES_MIN = 8 + 4 + 4 + 8, /* an empty name, no dimensions, a type, an offset */
    PATH_BYTES_MAX = 4096
};

/* One file of a model. */
typedef struct part {
    hl_file_map map; /* empty when the bytes are the caller's */
    hl_bytes bytes;
    uint32_t version;
    size_t n_values, n_tensors;
    hl_gguf_value *values;
    hl_gguf_tensor *tensors;
} part;

struct hl_gguf {
    hl_arena *arena;
    part *parts; /* the first has the metadata */
    size_t n_parts;
    size_t n_tensors;
    hl_gguf_tensor *tensors; /* of all parts */
    hl_map value_of, tensor_of;
};

static hl_status no_memory(hl_error *err) {
    return hl_fail(err, HL_ENOMEM, "gguf", "no memory for the file's metadata");
}

/* --- Values --------------------------------------------------------------- */

size_t hl_gguf_type_bytes(hl_gguf_type type) {
    switch (type) {
    case HL_GGUF_U8:
    case HL_GGUF_I8:
    case HL_GGUF_BOOL: return 1;
    case HL_GGUF_U16:
    case HL_GGUF_I16: return 2;
    case HL_GGUF_U32:
    case HL_GGUF_I32:
    case HL_GGUF_F32: return 4;
    case HL_GGUF_U64:
    case HL_GGUF_I64:
    case HL_GGUF_F64: return 8;
    case HL_GGUF_STR:
    case HL_GGUF_ARRAY: break;
    }
    return 0;
}

static double f64_at(hl_gguf_type type, const uint8_t *p) {
    if (type == HL_GGUF_F32) {
        float f;
        memcpy(&f, p, sizeof f);
        return (double)f;
    }
    double d;
    memcpy(&d, p, sizeof d);
    return d;
}

static int64_t i64_at(hl_gguf_type type, const uint8_t *p) {
    switch (type) {
    case HL_GGUF_I8: return (int8_t)*p;
    case HL_GGUF_I16: return (int16_t)hl_le16(p);
    case HL_GGUF_I32: return (int32_t)hl_le32(p);
    case HL_GGUF_I64: return (int64_t)hl_le64(p);
    default: hl_assert_failed(__FILE__, __LINE__, "a signed type");
    }
}

static uint64_t u64_at(hl_gguf_type type, const uint8_t *p) {
    switch (type) {
    case HL_GGUF_U8:
    case HL_GGUF_BOOL: return *p;
    case HL_GGUF_U16: return hl_le16(p);
    case HL_GGUF_U32: return hl_le32(p);
    case HL_GGUF_U64: return hl_le64(p);
    default: hl_assert_failed(__FILE__, __LINE__, "an unsigned type");
    }
}

static bool is_float(hl_gguf_type t) {
    return t == HL_GGUF_F32 || t == HL_GGUF_F64;
}

static bool is_signed(hl_gguf_type t) {
    return t == HL_GGUF_I8 || t == HL_GGUF_I16 || t == HL_GGUF_I32 || t == HL_GGUF_I64;
}

static bool is_unsigned(hl_gguf_type t) {
    return t == HL_GGUF_U8 || t == HL_GGUF_U16 || t == HL_GGUF_U32 || t == HL_GGUF_U64;
}

static hl_status check_bools(const hl_reader *r, const uint8_t *p, size_t n, hl_str key,
                             hl_error *err) {
    for (size_t i = 0; i < n; i++) {
        if (p[i] > 1)
            return hl_fail(err, HL_EFORMAT, "gguf", "%.*s: byte %u at offset %zu is no boolean",
                           HL_STR_ARG(key), p[i], (size_t)(p + i - r->bytes.ptr));
    }
    return HL_OK;
}

static hl_status read_scalar(hl_reader *r, hl_gguf_value *v, hl_error *err) {
    const uint8_t *p;
    HL_TRY(hl_reader_take(r, hl_gguf_type_bytes(v->type), "value", &p, err));
    if (is_float(v->type))
        v->as.f = f64_at(v->type, p);
    else if (is_signed(v->type))
        v->as.i = i64_at(v->type, p);
    else
        v->as.u = u64_at(v->type, p);
    return v->type == HL_GGUF_BOOL ? check_bools(r, p, 1, v->key, err) : HL_OK;
}

static hl_status read_strings(hl_reader *r, hl_arena *arena, size_t n, const hl_str **ret,
                              hl_error *err) {
    hl_str *strs = HL_ARENA_ARRAY(arena, n, hl_str);
    if (!strs) return no_memory(err);
    for (size_t i = 0; i < n; i++)
        HL_TRY(hl_reader_str(r, SIZE_MAX, "string in an array", &strs[i], err));
    *ret = strs;
    return HL_OK;
}

static hl_status read_array(hl_reader *r, hl_arena *arena, hl_gguf_value *v, hl_error *err) {
    size_t start = r->at;
    uint32_t type;
    uint64_t n;
    HL_TRY(hl_reader_u32(r, "array's type", &type, err));
    HL_TRY(hl_reader_u64(r, "array's length", &n, err));
    size_t size = hl_gguf_type_bytes((hl_gguf_type)type);
    if (type == HL_GGUF_STR) size = sizeof(uint64_t); /* at least */
    if (type == HL_GGUF_ARRAY)
        return hl_fail(err, HL_EUNSUPPORTED, "gguf", "%.*s: array of arrays at offset %zu",
                       HL_STR_ARG(v->key), start);
    if (size == 0)
        return hl_fail(err, HL_EFORMAT, "gguf", "%.*s: array of unknown type %u at offset %zu",
                       HL_STR_ARG(v->key), type, start);
    if (n > hl_reader_left(r) / size)
        return hl_fail(err, HL_EFORMAT, "gguf",
                       "%.*s: array of %llu elements at offset %zu runs past the end of the file",
                       HL_STR_ARG(v->key), (unsigned long long)n, start);
    v->as.array.type = (hl_gguf_type)type;
    v->as.array.n = (size_t)n;
    if (type == HL_GGUF_STR) return read_strings(r, arena, (size_t)n, &v->as.array.strs, err);
    HL_TRY(hl_reader_take(r, (size_t)n * size, "array", &v->as.array.data, err));
    return type == HL_GGUF_BOOL ? check_bools(r, v->as.array.data, (size_t)n, v->key, err) : HL_OK;
}

static hl_status read_value(hl_reader *r, hl_arena *arena, hl_gguf_value *v, hl_error *err) {
    uint32_t type;
    HL_TRY(hl_reader_str(r, HL_GGUF_NAME_BYTES_MAX, "key", &v->key, err));
    HL_TRY(hl_reader_u32(r, "value's type", &type, err));
    v->type = (hl_gguf_type)type;
    if (type == HL_GGUF_ARRAY) return read_array(r, arena, v, err);
    if (type == HL_GGUF_STR) return hl_reader_str(r, SIZE_MAX, "string", &v->as.str, err);
    if (hl_gguf_type_bytes((hl_gguf_type)type) > 0) return read_scalar(r, v, err);
    return hl_fail(err, HL_EFORMAT, "gguf", "%.*s: unknown value type %u at offset %zu",
                   HL_STR_ARG(v->key), type, r->at - sizeof type);
}

/* --- One file ------------------------------------------------------------- */

static hl_status check_count(uint64_t n, size_t bytes_each, size_t left, const char *what,
                             hl_error *err) {
    if (n <= left / bytes_each && n < UINT32_MAX) return HL_OK;
    return hl_fail(err, HL_EFORMAT, "gguf", "%llu %s declared, but only %zu bytes follow",
                   (unsigned long long)n, what, left);
}

static hl_status read_header(hl_reader *r, part *p, hl_error *err) {
    uint32_t magic;
    uint64_t n_tensors, n_values;
    HL_TRY(hl_reader_u32(r, "magic number", &magic, err));
    if (magic != MAGIC)
        return hl_fail(err, HL_EFORMAT, "gguf", "not a GGUF file: it begins with 0x%08x", magic);
    HL_TRY(hl_reader_u32(r, "version", &p->version, err));
    if (p->version != 0 && (p->version & 0xffff) == 0)
        return hl_fail(err, HL_EUNSUPPORTED, "gguf", "the file is big-endian");
    if (p->version < VERSION_MIN || p->version > VERSION_MAX)
        return hl_fail(err, HL_EUNSUPPORTED, "gguf", "GGUF version %u (known: %d and %d)",
                       p->version, VERSION_MIN, VERSION_MAX);
    HL_TRY(hl_reader_u64(r, "number of tensors", &n_tensors, err));
    HL_TRY(hl_reader_u64(r, "number of values", &n_values, err));
    HL_TRY(check_count(n_values, VALUE_BYTES_MIN, hl_reader_left(r), "values", err));
    HL_TRY(check_count(n_tensors, TENSOR_BYTES_MIN, hl_reader_left(r), "tensors", err));
    p->n_tensors = (size_t)n_tensors;
    p->n_values = (size_t)n_values;
    return HL_OK;
}

static hl_status read_values(hl_reader *r, hl_arena *arena, part *p, hl_error *err) {
    p->values = HL_ARENA_ARRAY(arena, p->n_values, hl_gguf_value);
    if (!p->values) return no_memory(err);
    for (size_t i = 0; i < p->n_values; i++) {
        hl_status st = read_value(r, arena, &p->values[i], err);
        if (st < 0) {
            hl_error_prefix(err, "value %zu", i);
            return st;
        }
    }
    return HL_OK;
}

/* *ret: weights of the tensor; none is negative as an int64. */
static hl_status read_dims(hl_reader *r, hl_gguf_tensor *t, uint64_t *ret, hl_error *err) {
    size_t start = r->at;
    HL_TRY(hl_reader_u32(r, "number of dimensions", &t->n_dims, err));
    if (t->n_dims > HL_GGUF_DIMS_MAX)
        return hl_fail(err, HL_EFORMAT, "gguf", "%u dimensions at offset %zu (at most %d)",
                       t->n_dims, start, HL_GGUF_DIMS_MAX);
    for (uint32_t i = 0; i < HL_GGUF_DIMS_MAX; i++) t->dims[i] = 1;
    *ret = 1;
    for (uint32_t i = 0; i < t->n_dims; i++) {
        HL_TRY(hl_reader_u64(r, "dimension", &t->dims[i], err));
        if (t->dims[i] == 0 || __builtin_mul_overflow(*ret, t->dims[i], ret) || *ret > INT64_MAX)
            return hl_fail(err, HL_EFORMAT, "gguf", "dimension %u of %llu at offset %zu %s", i,
                           (unsigned long long)t->dims[i], r->at - sizeof t->dims[i],
                           t->dims[i] == 0 ? "is empty" : "is too large");
    }
    return HL_OK;
}

static hl_status bytes_of_tensor(const hl_gguf_tensor *t, uint64_t n_weights, uint64_t *ret,
                                 hl_error *err) {
    hl_dtype_info info = hl_dtype_lookup(t->type);
    if (!info.name) return hl_fail(err, HL_EUNSUPPORTED, "gguf", "unknown tensor type %u", t->type);
    if (t->dims[0] % info.block_weights != 0)
        return hl_fail(err, HL_EFORMAT, "gguf", "rows of %llu are no multiple of %s's block of %u",
                       (unsigned long long)t->dims[0], info.name, info.block_weights);
    if (__builtin_mul_overflow(n_weights / info.block_weights, (uint64_t)info.block_bytes, ret))
        return hl_fail(err, HL_EFORMAT, "gguf", "its size overflows");
    return HL_OK;
}

/* Until place_tensors, data.ptr is NULL, data.len the size and *ret_offset where it should be. */
static hl_status read_tensor(hl_reader *r, hl_gguf_tensor *t, uint64_t *ret_offset, hl_error *err) {
    uint64_t n_weights = 0, n_bytes = 0;
    HL_TRY(hl_reader_str(r, HL_GGUF_NAME_BYTES_MAX, "name", &t->name, err));
    hl_status st = read_dims(r, t, &n_weights, err);
    if (st == HL_OK) st = hl_reader_u32(r, "type", &t->type, err);
    if (st == HL_OK) st = hl_reader_u64(r, "offset", ret_offset, err);
    if (st == HL_OK) st = bytes_of_tensor(t, n_weights, &n_bytes, err);
    if (st == HL_OK && n_bytes > r->bytes.len)
        st = hl_fail(err, HL_EFORMAT, "gguf", "%llu bytes are more than the file has",
                     (unsigned long long)n_bytes);
    if (st < 0) hl_error_prefix(err, "%.*s", HL_STR_ARG(t->name));
    t->data.len = (size_t)n_bytes;
    return st;
}

static hl_status read_tensors(hl_reader *r, hl_arena *arena, part *p, uint64_t *offsets,
                              hl_error *err) {
    p->tensors = HL_ARENA_ARRAY(arena, p->n_tensors, hl_gguf_tensor);
    if (!p->tensors) return no_memory(err);
    for (size_t i = 0; i < p->n_tensors; i++) {
        hl_status st = read_tensor(r, &p->tensors[i], &offsets[i], err);
        if (st < 0) {
            hl_error_prefix(err, "tensor %zu", i);
            return st;
        }
    }
    return HL_OK;
}

static const hl_gguf_value *value_of_part(const part *p, const char *key) {
    for (size_t i = 0; i < p->n_values; i++) {
        if (hl_str_is(p->values[i].key, key)) return &p->values[i];
    }
    return NULL;
}

static bool value_as_i64(const hl_gguf_value *v, int64_t *ret) {
    if (is_signed(v->type))
        *ret = v->as.i;
    else if (is_unsigned(v->type) && v->as.u <= INT64_MAX)
        *ret = (int64_t)v->as.u;
    else
        return false;
    return true;
}

static hl_status part_i64(const part *p, const char *key, int64_t fallback, int64_t *ret,
                          hl_error *err) {
    const hl_gguf_value *v = value_of_part(p, key);
    *ret = fallback;
    if (!v || value_as_i64(v, ret)) return HL_OK;
    return hl_fail(err, HL_EFORMAT, "gguf", "%s is not an integer", key);
}

static hl_status place_tensors(const hl_reader *r, part *p, const uint64_t *offsets,
                               hl_error *err) {
    int64_t align;
    HL_TRY(part_i64(p, "general.alignment", HL_GGUF_ALIGN_DEFAULT, &align, err));
    if (align < HL_GGUF_ALIGN_MIN || align > HL_GGUF_ALIGN_MAX || (align & (align - 1)) != 0)
        return hl_fail(err, HL_EFORMAT, "gguf",
                       "general.alignment is %lld, not a power of two from %d to %d",
                       (long long)align, HL_GGUF_ALIGN_MIN, HL_GGUF_ALIGN_MAX);
    size_t pad = (size_t)align - 1, start = (r->at + pad) & ~pad;
    size_t room = start <= r->bytes.len ? r->bytes.len - start : 0;
    for (size_t i = 0; i < p->n_tensors; i++) {
        hl_gguf_tensor *t = &p->tensors[i];
        if ((offsets[i] & pad) != 0 || offsets[i] > room || t->data.len > room - offsets[i])
            return hl_fail(err, HL_EFORMAT, "gguf",
                           "tensor %zu: %.*s: %zu bytes at offset %llu of the data %s", i,
                           HL_STR_ARG(t->name), t->data.len, (unsigned long long)offsets[i],
                           (offsets[i] & pad) != 0 ? "are not aligned" : "run past its end");
        t->data.ptr = r->bytes.ptr + start + offsets[i];
    }
    return HL_OK;
}

/* Reads p->bytes. */
static hl_status read_part(hl_arena *arena, part *p, hl_error *err) {
    hl_reader r = {.bytes = p->bytes};
    HL_TRY(read_header(&r, p, err));
    HL_TRY(read_values(&r, arena, p, err));
    uint64_t *offsets = hl_calloc(p->n_tensors, sizeof *offsets);
    if (!offsets) return no_memory(err);
    hl_status st = read_tensors(&r, arena, p, offsets, err);
    if (st == HL_OK) st = place_tensors(&r, p, offsets, err);
    hl_free(offsets);
    return st;
}

/* --- Several files -------------------------------------------------------- */

typedef struct split {
    int64_t n_parts, part, n_tensors;
} split;

static hl_status split_of(const part *p, split *ret, hl_error *err) {
    HL_TRY(part_i64(p, "split.count", 1, &ret->n_parts, err));
    HL_TRY(part_i64(p, "split.no", 0, &ret->part, err));
    HL_TRY(part_i64(p, "split.tensors.count", -1, &ret->n_tensors, err));
    if (ret->n_parts == 0) ret->n_parts = 1;
    if (ret->n_parts > 0 && ret->n_parts <= UINT16_MAX && ret->part >= 0 &&
        ret->part < ret->n_parts)
        return HL_OK;
    return hl_fail(err, HL_EFORMAT, "gguf", "split.no %lld of split.count %lld",
                   (long long)ret->part, (long long)ret->n_parts);
}

/* The path of part i (from 0) of n, from the path of the first. */
static hl_status path_of_part(const char *first, size_t i, size_t n, char out[PATH_BYTES_MAX],
                              hl_error *err) {
    char tail[64];
    int len = snprintf(tail, sizeof tail, "-00001-of-%05zu.gguf", n);
    HL_ASSERT(len > 0 && (size_t)len < sizeof tail);
    hl_str path = hl_str_from(first);
    if (!hl_str_ends(path, hl_str_from(tail)))
        return hl_fail(err, HL_EFORMAT, "gguf", "first of %zu files, but its name is not NAME%s", n,
                       tail);
    hl_str stem = hl_str_slice(path, 0, path.len - (size_t)len);
    len = snprintf(out, PATH_BYTES_MAX, "%.*s-%05zu-of-%05zu.gguf", HL_STR_ARG(stem), i + 1, n);
    if (len < 0 || len >= PATH_BYTES_MAX)
        return hl_fail(err, HL_EINVAL, "gguf", "the file's name is too long");
    return HL_OK;
}

static hl_status open_part(hl_arena *arena, const char *path, part *p, hl_error *err) {
    HL_TRY(hl_file_map_open(path, &p->map, err));
    p->bytes = p->map.bytes;
    hl_status st = read_part(arena, p, err);
    if (st < 0) hl_error_prefix(err, "%s", path);
    return st;
}

static hl_status open_other_part(hl_gguf *g, const char *first, size_t i, hl_error *err) {
    char path[PATH_BYTES_MAX];
    HL_TRY(path_of_part(first, i, g->n_parts, path, err));
    HL_TRY(open_part(g->arena, path, &g->parts[i], err));
    split s = {0};
    HL_TRY(split_of(&g->parts[i], &s, err));
    if ((uint64_t)s.part == i && (uint64_t)s.n_parts == g->n_parts) return HL_OK;
    return hl_fail(err, HL_EFORMAT, "gguf", "%s says that it is file %lld of %lld", path,
                   (long long)s.part + 1, (long long)s.n_parts);
}

static hl_status open_other_parts(hl_gguf *g, const char *first, hl_error *err) {
    split s = {0};
    HL_TRY(split_of(&g->parts[0], &s, err));
    if (s.part != 0)
        return hl_fail(err, HL_EINVAL, "gguf", "this is file %lld of %lld, open the first one",
                       (long long)s.part + 1, (long long)s.n_parts);
    part *parts = HL_ARENA_ARRAY(g->arena, (size_t)s.n_parts, part);
    if (!parts) return no_memory(err);
    parts[0] = g->parts[0];
    g->parts = parts;
    g->n_parts = (size_t)s.n_parts;
    uint64_t n_tensors = parts[0].n_tensors;
    for (size_t i = 1; i < g->n_parts; i++) {
        HL_TRY(open_other_part(g, first, i, err));
        n_tensors += parts[i].n_tensors;
    }
    if (s.n_tensors < 0 || (uint64_t)s.n_tensors == n_tensors) return HL_OK;
    return hl_fail(err, HL_EFORMAT, "gguf",
                   "split.tensors.count is %lld, but the files have %llu tensors",
                   (long long)s.n_tensors, (unsigned long long)n_tensors);
}

/* --- Open ----------------------------------------------------------------- */

static hl_status index_values(hl_gguf *g, hl_error *err) {
    const part *p = &g->parts[0];
    HL_TRY(hl_map_init(&g->value_of, p->n_values, err));
    for (size_t i = 0; i < p->n_values; i++) {
        hl_status st = hl_map_add(&g->value_of, p->values[i].key, (uint32_t)i, err);
        if (st == HL_DONE)
            st = hl_fail(err, HL_EFORMAT, "gguf", "key %.*s appears twice",
                         HL_STR_ARG(p->values[i].key));
        HL_TRY(st);
    }
    return HL_OK;
}

static hl_status gather_tensors(hl_gguf *g, hl_error *err) {
    g->tensors = g->parts[0].tensors;
    g->n_tensors = g->parts[0].n_tensors;
    if (g->n_parts == 1) return HL_OK;
    for (size_t i = 1; i < g->n_parts; i++) g->n_tensors += g->parts[i].n_tensors;
    g->tensors = HL_ARENA_ARRAY(g->arena, g->n_tensors, hl_gguf_tensor);
    if (!g->tensors) return no_memory(err);
    hl_gguf_tensor *to = g->tensors;
    for (size_t i = 0; i < g->n_parts; to += g->parts[i].n_tensors, i++)
        memcpy(to, g->parts[i].tensors, g->parts[i].n_tensors * sizeof *to);
    return HL_OK;
}

static hl_status index_tensors(hl_gguf *g, hl_error *err) {
    HL_TRY(gather_tensors(g, err));
    if (g->n_tensors >= UINT32_MAX)
        return hl_fail(err, HL_ELIMIT, "gguf", "%zu tensors are too many", g->n_tensors);
    HL_TRY(hl_map_init(&g->tensor_of, g->n_tensors, err));
    for (size_t i = 0; i < g->n_tensors; i++) {
        hl_status st = hl_map_add(&g->tensor_of, g->tensors[i].name, (uint32_t)i, err);
        if (st == HL_DONE)
            st = hl_fail(err, HL_EFORMAT, "gguf", "tensor %.*s appears twice",
                         HL_STR_ARG(g->tensors[i].name));
        HL_TRY(st);
    }
    return HL_OK;
}

static hl_status create(hl_gguf **ret, hl_error *err) {
    hl_gguf *g = hl_calloc(1, sizeof *g);
    if (!g) return no_memory(err);
    g->arena = hl_arena_create(0); /* what a file declares is bounded by its bytes */
    g->parts = g->arena ? HL_ARENA_NEW(g->arena, part) : NULL;
    if (!g->parts) {
        hl_gguf_close(g);
        return no_memory(err);
    }
    g->n_parts = 1;
    *ret = g;
    return HL_OK;
}

hl_status hl_gguf_open(const char *path, hl_gguf **ret, hl_error *err) {
    hl_gguf *g;
    HL_TRY(create(&g, err));
    hl_status st = open_part(g->arena, path, &g->parts[0], err);
    if (st < 0) goto fail;
    st = open_other_parts(g, path, err);
    if (st == HL_OK) st = index_values(g, err);
    if (st == HL_OK) st = index_tensors(g, err);
    if (st < 0) {
        hl_error_prefix(err, "%s", path);
        goto fail;
    }
    *ret = g;
    return HL_OK;
fail:
    hl_gguf_close(g);
    return st;
}

static hl_status open_only_part(hl_gguf *g, hl_bytes file, hl_error *err) {
    part *p = &g->parts[0];
    p->bytes = file;
    HL_TRY(read_part(g->arena, p, err));
    split s = {0};
    HL_TRY(split_of(p, &s, err));
    if (s.n_parts == 1) return HL_OK;
    return hl_fail(err, HL_EUNSUPPORTED, "gguf", "one of %lld files", (long long)s.n_parts);
}

hl_status hl_gguf_open_bytes(hl_bytes file, hl_gguf **ret, hl_error *err) {
    if ((uintptr_t)file.ptr % HL_GGUF_ALIGN_MIN != 0)
        return hl_fail(err, HL_EINVAL, "gguf", "the bytes do not begin at a multiple of %d",
                       HL_GGUF_ALIGN_MIN);
    hl_gguf *g;
    HL_TRY(create(&g, err));
    hl_status st = open_only_part(g, file, err);
    if (st == HL_OK) st = index_values(g, err);
    if (st == HL_OK) st = index_tensors(g, err);
    if (st < 0) {
        hl_gguf_close(g);
        return st;
    }
    *ret = g;
    return HL_OK;
}

void hl_gguf_close(hl_gguf *g) {
    if (!g) return;
    for (size_t i = 0; i < g->n_parts; i++) hl_file_map_close(&g->parts[i].map);
    hl_map_deinit(&g->value_of);
    hl_map_deinit(&g->tensor_of);
    hl_arena_destroy(g->arena);
    hl_free(g);
}

void hl_gguf_forget(const hl_gguf *g, hl_bytes data) {
    for (size_t i = 0; i < g->n_parts; i++) {
        hl_bytes whole = g->parts[i].map.bytes;
        if (!whole.ptr || data.ptr < whole.ptr || data.ptr >= whole.ptr + whole.len) continue;
        hl_file_map_forget(&g->parts[i].map, (size_t)(data.ptr - whole.ptr), data.len);
    }
}

/* --- Reads ---------------------------------------------------------------- */

uint32_t hl_gguf_version(const hl_gguf *g) {
    return g->parts[0].version;
}

size_t hl_gguf_n_values(const hl_gguf *g) {
    return g->parts[0].n_values;
}

const hl_gguf_value *hl_gguf_value_at(const hl_gguf *g, size_t i) {
    HL_ASSERT(i < g->parts[0].n_values);
    return &g->parts[0].values[i];
}

const hl_gguf_value *hl_gguf_find(const hl_gguf *g, hl_str key) {
    uint32_t i;
    return hl_map_find(&g->value_of, key, &i) ? hl_gguf_value_at(g, i) : NULL;
}

size_t hl_gguf_n_tensors(const hl_gguf *g) {
    return g->n_tensors;
}

const hl_gguf_tensor *hl_gguf_tensor_at(const hl_gguf *g, size_t i) {
    HL_ASSERT(i < g->n_tensors);
    return &g->tensors[i];
}

const hl_gguf_tensor *hl_gguf_find_tensor(const hl_gguf *g, hl_str name) {
    uint32_t i;
    return hl_map_find(&g->tensor_of, name, &i) ? hl_gguf_tensor_at(g, i) : NULL;
}

static hl_status wrong_type(const char *key, const char *wanted, hl_error *err) {
    return hl_fail(err, HL_EFORMAT, "gguf", "%s is not %s", key, wanted);
}

static hl_status u32_of(const hl_gguf_value *v, const char *key, uint32_t *ret, hl_error *err) {
    int64_t i;
    if (!value_as_i64(v, &i) || i < 0 || i > UINT32_MAX)
        return wrong_type(key, "an integer of 32 bits without sign", err);
    *ret = (uint32_t)i;
    return HL_OK;
}

static hl_status f32_of(const hl_gguf_value *v, const char *key, float *ret, hl_error *err) {
    if (is_float(v->type))
        *ret = (float)v->as.f;
    else if (is_signed(v->type))
        *ret = (float)v->as.i;
    else if (is_unsigned(v->type))
        *ret = (float)v->as.u;
    else
        return wrong_type(key, "a number", err);
    return HL_OK;
}

static hl_status str_of(const hl_gguf_value *v, const char *key, hl_str *ret, hl_error *err) {
    if (v->type != HL_GGUF_STR) return wrong_type(key, "a string", err);
    *ret = v->as.str;
    return HL_OK;
}

hl_status hl_gguf_get_u32(const hl_gguf *g, const char *key, uint32_t fallback, uint32_t *ret,
                          hl_error *err) {
    const hl_gguf_value *v = hl_gguf_find(g, hl_str_from(key));
    *ret = fallback;
    return v ? u32_of(v, key, ret, err) : HL_OK;
}

hl_status hl_gguf_get_f32(const hl_gguf *g, const char *key, float fallback, float *ret,
                          hl_error *err) {
    const hl_gguf_value *v = hl_gguf_find(g, hl_str_from(key));
    *ret = fallback;
    return v ? f32_of(v, key, ret, err) : HL_OK;
}

hl_status hl_gguf_get_bool(const hl_gguf *g, const char *key, bool fallback, bool *ret,
                           hl_error *err) {
    const hl_gguf_value *v = hl_gguf_find(g, hl_str_from(key));
    if (v && v->type != HL_GGUF_BOOL) return wrong_type(key, "a boolean", err);
    *ret = v ? v->as.u != 0 : fallback;
    return HL_OK;
}

hl_status hl_gguf_get_str(const hl_gguf *g, const char *key, hl_str fallback, hl_str *ret,
                          hl_error *err) {
    const hl_gguf_value *v = hl_gguf_find(g, hl_str_from(key));
    *ret = fallback;
    return v ? str_of(v, key, ret, err) : HL_OK;
}

static hl_status require(const hl_gguf *g, const char *key, const hl_gguf_value **ret,
                         hl_error *err) {
    *ret = hl_gguf_find(g, hl_str_from(key));
    return *ret ? HL_OK : hl_fail(err, HL_EFORMAT, "gguf", "the file lacks %s", key);
}

hl_status hl_gguf_require_u32(const hl_gguf *g, const char *key, uint32_t *ret, hl_error *err) {
    const hl_gguf_value *v;
    HL_TRY(require(g, key, &v, err));
    return u32_of(v, key, ret, err);
}

hl_status hl_gguf_require_f32(const hl_gguf *g, const char *key, float *ret, hl_error *err) {
    const hl_gguf_value *v;
    HL_TRY(require(g, key, &v, err));
    return f32_of(v, key, ret, err);
}

hl_status hl_gguf_require_str(const hl_gguf *g, const char *key, hl_str *ret, hl_error *err) {
    const hl_gguf_value *v;
    HL_TRY(require(g, key, &v, err));
    return str_of(v, key, ret, err);
}

static const uint8_t *element(const hl_gguf_value *v, size_t i) {
    HL_ASSERT(v->type == HL_GGUF_ARRAY && i < v->as.array.n && v->as.array.type != HL_GGUF_STR);
    return v->as.array.data + i * hl_gguf_type_bytes(v->as.array.type);
}

double hl_gguf_array_f64(const hl_gguf_value *v, size_t i) {
    const uint8_t *p = element(v, i);
    hl_gguf_type t = v->as.array.type;
    if (is_float(t)) return f64_at(t, p);
    return is_signed(t) ? (double)i64_at(t, p) : (double)u64_at(t, p);
}

/* Rounds towards zero; what an int64 cannot hold becomes the nearest that it can, NaN 0. */
static int64_t i64_of_f64(double d) {
    if (!(d == d)) return 0;
    if (d >= 0x1p63) return INT64_MAX;
    return d < -0x1p63 ? INT64_MIN : (int64_t)d;
}

int64_t hl_gguf_array_i64(const hl_gguf_value *v, size_t i) {
    const uint8_t *p = element(v, i);
    hl_gguf_type t = v->as.array.type;
    if (is_float(t)) return i64_of_f64(f64_at(t, p));
    if (is_signed(t)) return i64_at(t, p);
    uint64_t u = u64_at(t, p);
    return u > INT64_MAX ? INT64_MAX : (int64_t)u;
}
