#include "gguf/writer.h"

#include "base/map.h"
#include "base/mem.h"

enum { VERSION = 3 };

struct hl_gguf_writer {
    hl_gguf_value *values;
    size_t n_values, values_cap;
    hl_map value_of;         /* key: index of values */
    hl_gguf_tensor *tensors; /* data.len is set, data.ptr is not used */
    size_t n_tensors, tensors_cap;
    hl_map tensor_of;
    uint64_t align;

    hl_file_out *file; /* NULL until open */
    size_t i_tensor;   /* the one that is being written */
    size_t at;         /* bytes of it that are there */
};

static hl_status no_memory(hl_error *err) {
    return hl_fail(err, HL_ENOMEM, "gguf", "no memory to write a file");
}

hl_status hl_gguf_writer_create(hl_gguf_writer **ret, hl_error *err) {
    hl_gguf_writer *w = hl_calloc(1, sizeof *w);
    if (!w) return no_memory(err);
    w->align = HL_GGUF_ALIGN_DEFAULT;
    hl_status st = hl_map_init(&w->value_of, 0, err);
    if (st == HL_OK) st = hl_map_init(&w->tensor_of, 0, err);
    if (st < 0) {
        hl_gguf_writer_destroy(w);
        return st;
    }
    *ret = w;
    return HL_OK;
}

void hl_gguf_writer_destroy(hl_gguf_writer *w) {
    if (!w) return;
    hl_file_out_close(w->file);
    hl_map_deinit(&w->value_of);
    hl_map_deinit(&w->tensor_of);
    hl_free(w->values);
    hl_free(w->tensors);
    hl_free(w);
}

/* The items with room for one more behind n, perhaps moved; NULL and no change without memory. */
static void *with_room(void *items, size_t size, size_t n, size_t *cap) {
    if (n < *cap) return items;
    size_t larger = *cap ? *cap * 2 : 16;
    void *p = larger <= SIZE_MAX / size ? hl_realloc(items, larger * size) : NULL;
    if (p) *cap = larger;
    return p;
}

/* --- Values --------------------------------------------------------------- */

static hl_status check_value(const hl_gguf_value *v, hl_error *err) {
    if (v->key.len > HL_GGUF_NAME_BYTES_MAX)
        return hl_fail(err, HL_EINVAL, "gguf", "a key of %zu bytes is too long", v->key.len);
    hl_gguf_type t = v->type == HL_GGUF_ARRAY ? v->as.array.type : v->type;
    if (t == HL_GGUF_STR || hl_gguf_type_bytes(t) > 0) return HL_OK;
    return hl_fail(err, HL_EINVAL, "gguf", "%.*s: type %d cannot be written", HL_STR_ARG(v->key),
                   (int)t);
}

static hl_status take_alignment(hl_gguf_writer *w, const hl_gguf_value *v, hl_error *err) {
    if (v->type != HL_GGUF_U32 || v->as.u < HL_GGUF_ALIGN_MIN || v->as.u > HL_GGUF_ALIGN_MAX ||
        (v->as.u & (v->as.u - 1)) != 0)
        return hl_fail(err, HL_EINVAL, "gguf",
                       "general.alignment must be a 32-bit power of two from %d to %d",
                       HL_GGUF_ALIGN_MIN, HL_GGUF_ALIGN_MAX);
    w->align = v->as.u;
    return HL_OK;
}

hl_status hl_gguf_writer_set(hl_gguf_writer *w, const hl_gguf_value *v, hl_error *err) {
    HL_ASSERT(!w->file);
    HL_TRY(check_value(v, err));
    if (hl_str_is(v->key, "general.alignment")) HL_TRY(take_alignment(w, v, err));
    uint32_t i;
    if (hl_map_find(&w->value_of, v->key, &i)) {
        w->values[i] = *v;
        return HL_OK;
    }
    hl_gguf_value *values = with_room(w->values, sizeof *v, w->n_values, &w->values_cap);
    if (!values) return no_memory(err);
    w->values = values;
    HL_TRY(hl_map_add(&w->value_of, v->key, (uint32_t)w->n_values, err));
    w->values[w->n_values++] = *v;
    return HL_OK;
}

hl_status hl_gguf_writer_set_u32(hl_gguf_writer *w, const char *key, uint32_t u, hl_error *err) {
    hl_gguf_value v = {.key = hl_str_from(key), .type = HL_GGUF_U32, .as.u = u};
    return hl_gguf_writer_set(w, &v, err);
}

hl_status hl_gguf_writer_set_f32(hl_gguf_writer *w, const char *key, float f, hl_error *err) {
    hl_gguf_value v = {.key = hl_str_from(key), .type = HL_GGUF_F32, .as.f = (double)f};
    return hl_gguf_writer_set(w, &v, err);
}

hl_status hl_gguf_writer_set_str(hl_gguf_writer *w, const char *key, hl_str s, hl_error *err) {
    hl_gguf_value v = {.key = hl_str_from(key), .type = HL_GGUF_STR, .as.str = s};
    return hl_gguf_writer_set(w, &v, err);
}

hl_status hl_gguf_writer_copy_values(hl_gguf_writer *w, const hl_gguf *g, hl_error *err) {
    for (size_t i = 0; i < hl_gguf_n_values(g); i++) {
        const hl_gguf_value *v = hl_gguf_value_at(g, i);
        if (hl_str_starts(v->key, HL_STR("split."))) continue;
        if (hl_str_is(v->key, "general.alignment")) {
            uint32_t align; /* of any integer type in the file that was read */
            HL_TRY(hl_gguf_require_u32(g, "general.alignment", &align, err));
            HL_TRY(hl_gguf_writer_set_u32(w, "general.alignment", align, err));
            continue;
        }
        HL_TRY(hl_gguf_writer_set(w, v, err));
    }
    return HL_OK;
}

/* --- Tensors -------------------------------------------------------------- */

static uint64_t padded(uint64_t n, uint64_t align) {
    return (n + align - 1) / align * align;
}

static hl_status size_of_tensor(const hl_gguf_tensor *t, size_t *ret, hl_error *err) {
    hl_dtype_info info = hl_dtype_lookup(t->type);
    if (!info.name || t->n_dims > HL_GGUF_DIMS_MAX || t->name.len > HL_GGUF_NAME_BYTES_MAX)
        return hl_fail(err, HL_EINVAL, "gguf", "tensor %.*s: type %u with %u dimensions",
                       HL_STR_ARG(t->name), t->type, t->n_dims);
    uint64_t n = 1, n_bytes;
    bool ok = true;
    for (uint32_t i = 0; i < t->n_dims; i++)
        ok = ok && t->dims[i] > 0 && !__builtin_mul_overflow(n, t->dims[i], &n);
    ok = ok && (t->n_dims == 0 ? 1 : t->dims[0]) % info.block_weights == 0;
    uint64_t n_blocks = n / info.block_weights;
    ok = ok && !__builtin_mul_overflow(n_blocks, (uint64_t)info.block_bytes, &n_bytes);
    if (!ok || n_bytes > INT64_MAX)
        return hl_fail(err, HL_EINVAL, "gguf", "tensor %.*s: dimensions do not fit %s",
                       HL_STR_ARG(t->name), info.name);
    *ret = (size_t)n_bytes;
    return HL_OK;
}

hl_status hl_gguf_writer_add_tensor(hl_gguf_writer *w, const hl_gguf_tensor *t, hl_error *err) {
    HL_ASSERT(!w->file);
    size_t n_bytes = 0;
    HL_TRY(size_of_tensor(t, &n_bytes, err));
    hl_gguf_tensor *tensors = with_room(w->tensors, sizeof *t, w->n_tensors, &w->tensors_cap);
    if (!tensors) return no_memory(err);
    w->tensors = tensors;
    hl_status st = hl_map_add(&w->tensor_of, t->name, (uint32_t)w->n_tensors, err);
    if (st == HL_DONE)
        return hl_fail(err, HL_EINVAL, "gguf", "tensor %.*s is there already", HL_STR_ARG(t->name));
    HL_TRY(st);
    w->tensors[w->n_tensors] = *t;
    w->tensors[w->n_tensors++].data = (hl_bytes){NULL, n_bytes};
    return HL_OK;
}

/* --- Head ----------------------------------------------------------------- */

static void put(hl_buf *b, uint64_t u, size_t n_bytes) {
    uint8_t bytes[8];
    for (size_t i = 0; i < n_bytes; i++) bytes[i] = (uint8_t)(u >> 8 * i);
    hl_buf_append(b, bytes, n_bytes);
}

static void put_str(hl_buf *b, hl_str s) {
    put(b, s.len, 8);
    hl_buf_append_str(b, s);
}

static void put_float(hl_buf *b, hl_gguf_type type, double d) {
    float f = (float)d;
    if (type == HL_GGUF_F32)
        hl_buf_append(b, &f, sizeof f);
    else
        hl_buf_append(b, &d, sizeof d);
}

static void put_array(hl_buf *b, const hl_gguf_value *v) {
    put(b, v->as.array.type, 4);
    put(b, v->as.array.n, 8);
    if (v->as.array.type == HL_GGUF_STR) {
        for (size_t i = 0; i < v->as.array.n; i++) put_str(b, v->as.array.strs[i]);
        return;
    }
    hl_buf_append(b, v->as.array.data, v->as.array.n * hl_gguf_type_bytes(v->as.array.type));
}

static void put_value(hl_buf *b, const hl_gguf_value *v) {
    put_str(b, v->key);
    put(b, v->type, 4);
    switch (v->type) {
    case HL_GGUF_STR: put_str(b, v->as.str); break;
    case HL_GGUF_ARRAY: put_array(b, v); break;
    case HL_GGUF_F32:
    case HL_GGUF_F64: put_float(b, v->type, v->as.f); break;
    case HL_GGUF_U8:
    case HL_GGUF_U16:
    case HL_GGUF_U32:
    case HL_GGUF_U64: put(b, v->as.u, hl_gguf_type_bytes(v->type)); break;
    case HL_GGUF_I8:
    case HL_GGUF_I16:
    case HL_GGUF_I32:
    case HL_GGUF_I64: put(b, (uint64_t)v->as.i, hl_gguf_type_bytes(v->type)); break;
    case HL_GGUF_BOOL: put(b, v->as.u != 0, 1); break;
    }
}

static void put_tensor(hl_buf *b, const hl_gguf_tensor *t, uint64_t offset) {
    put_str(b, t->name);
    put(b, t->n_dims, 4);
    for (uint32_t i = 0; i < t->n_dims; i++) put(b, t->dims[i], 8);
    put(b, t->type, 4);
    put(b, offset, 8);
}

hl_status hl_gguf_writer_head(const hl_gguf_writer *w, hl_buf *ret, hl_error *err) {
    size_t start = ret->len;
    hl_buf_append(ret, "GGUF", 4);
    put(ret, VERSION, 4);
    put(ret, w->n_tensors, 8);
    put(ret, w->n_values, 8);
    for (size_t i = 0; i < w->n_values; i++) put_value(ret, &w->values[i]);
    uint64_t offset = 0;
    for (size_t i = 0; i < w->n_tensors; i++) {
        put_tensor(ret, &w->tensors[i], offset);
        offset += padded(w->tensors[i].data.len, w->align);
    }
    size_t len = ret->len - start;
    for (uint64_t n = padded(len, w->align) - len; n > 0; n--) hl_buf_append_char(ret, 0);
    return hl_buf_status(ret, "the head of a GGUF file", err);
}

/* --- File ----------------------------------------------------------------- */

hl_status hl_gguf_writer_open(hl_gguf_writer *w, const char *path, hl_error *err) {
    HL_ASSERT(!w->file);
    hl_buf head;
    hl_buf_init(&head, 0);
    hl_status st = hl_gguf_writer_head(w, &head, err);
    if (st == HL_OK) st = hl_file_out_open(path, &w->file, err);
    hl_bytes bytes = {(const uint8_t *)head.ptr, head.len};
    if (st == HL_OK) st = hl_file_out_write(w->file, bytes, err);
    hl_buf_deinit(&head);
    return st;
}

static hl_status write_padding(hl_gguf_writer *w, size_t len, hl_error *err) {
    static const uint8_t ZEROS[256];
    for (uint64_t n = padded(len, w->align) - len; n > 0;) {
        hl_bytes part = {ZEROS, n < sizeof ZEROS ? (size_t)n : sizeof ZEROS};
        HL_TRY(hl_file_out_write(w->file, part, err));
        n -= part.len;
    }
    return HL_OK;
}

hl_status hl_gguf_writer_write(hl_gguf_writer *w, hl_bytes data, hl_error *err) {
    HL_ASSERT(w->file);
    while (data.len > 0) {
        if (w->i_tensor == w->n_tensors)
            return hl_fail(err, HL_EINVAL, "gguf", "%zu bytes more than the tensors have",
                           data.len);
        size_t size = w->tensors[w->i_tensor].data.len, left = size - w->at;
        hl_bytes part = {data.ptr, data.len < left ? data.len : left};
        HL_TRY(hl_file_out_write(w->file, part, err));
        data = (hl_bytes){data.ptr + part.len, data.len - part.len};
        w->at += part.len;
        if (w->at < size) continue;
        HL_TRY(write_padding(w, size, err));
        w->i_tensor++;
        w->at = 0;
    }
    return HL_OK;
}

hl_status hl_gguf_writer_commit(hl_gguf_writer *w, hl_error *err) {
    HL_ASSERT(w->file);
    if (w->i_tensor < w->n_tensors)
        return hl_fail(err, HL_EINVAL, "gguf", "tensor %.*s has %zu bytes of %zu",
                       HL_STR_ARG(w->tensors[w->i_tensor].name), w->at,
                       w->tensors[w->i_tensor].data.len);
    return hl_file_out_commit(w->file, err);
}
