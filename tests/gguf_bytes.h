/* gguf_bytes.h: puts GGUF files together byte by byte, well or badly formed, without the
 * program's own writer. */
#pragma once

#include "base/buf.h"
#include "gguf/gguf.h"

static inline void put_int(hl_buf *b, uint64_t u, size_t n_bytes) {
    for (size_t i = 0; i < n_bytes; i++)
        hl_buf_append_char(b, i < 8 ? (char)(u >> 8 * i & 255) : 0);
}

static inline void put_text(hl_buf *b, const char *s) {
    put_int(b, strlen(s), 8);
    hl_buf_append_cstr(b, s);
}

static inline void put_head(hl_buf *b, uint32_t version, uint64_t n_tensors, uint64_t n_values) {
    hl_buf_append_cstr(b, "GGUF");
    put_int(b, version, 4);
    put_int(b, n_tensors, 8);
    put_int(b, n_values, 8);
}

static inline void put_key(hl_buf *b, const char *key, hl_gguf_type type) {
    put_text(b, key);
    put_int(b, type, 4);
}

static inline void put_u32(hl_buf *b, const char *key, uint32_t u) {
    put_key(b, key, HL_GGUF_U32);
    put_int(b, u, 4);
}

static inline void put_array(hl_buf *b, const char *key, hl_gguf_type type, uint64_t n) {
    put_key(b, key, HL_GGUF_ARRAY);
    put_int(b, type, 4);
    put_int(b, n, 8);
}

/* A tensor of two dimensions. */
static inline void put_matrix(hl_buf *b, const char *name, uint32_t type, uint64_t cols,
                              uint64_t rows, uint64_t offset) {
    put_text(b, name);
    put_int(b, 2, 4);
    put_int(b, cols, 8);
    put_int(b, rows, 8);
    put_int(b, type, 4);
    put_int(b, offset, 8);
}

static inline void put_padding(hl_buf *b, size_t align) {
    while (b->len % align != 0) hl_buf_append_char(b, 0);
}

static inline hl_bytes bytes_of(const hl_buf *b) {
    return (hl_bytes){(const uint8_t *)b->ptr, b->len};
}

/* A small file with a value of every type and three tensors. */
static inline void put_small_file(hl_buf *b, uint32_t version) {
    float f = 1.5f;
    double d = -2.25;
    put_head(b, version, 3, 17);
    put_key(b, "u8", HL_GGUF_U8), put_int(b, 200, 1);
    put_key(b, "i8", HL_GGUF_I8), put_int(b, (uint8_t)-3, 1);
    put_key(b, "u16", HL_GGUF_U16), put_int(b, 60000, 2);
    put_key(b, "i16", HL_GGUF_I16), put_int(b, (uint16_t)-300, 2);
    put_u32(b, "u32", 4000000000u);
    put_key(b, "i32", HL_GGUF_I32), put_int(b, (uint32_t)-70000, 4);
    put_key(b, "f32", HL_GGUF_F32), hl_buf_append(b, &f, 4);
    put_key(b, "bool", HL_GGUF_BOOL), put_int(b, 1, 1);
    put_key(b, "str", HL_GGUF_STR), put_text(b, "hello");
    put_key(b, "u64", HL_GGUF_U64), put_int(b, UINT64_MAX, 8);
    put_key(b, "i64", HL_GGUF_I64), put_int(b, (uint64_t)INT64_MIN, 8);
    put_key(b, "f64", HL_GGUF_F64), hl_buf_append(b, &d, 8);
    put_array(b, "strs", HL_GGUF_STR, 3), put_text(b, "a"), put_text(b, ""), put_text(b, "bcd");
    put_array(b, "i16s", HL_GGUF_I16, 2), put_int(b, 7, 2), put_int(b, 0xffff, 2);
    put_array(b, "f32s", HL_GGUF_F32, 1), hl_buf_append(b, &f, 4);
    put_array(b, "bools", HL_GGUF_BOOL, 2), put_int(b, 0, 1), put_int(b, 1, 1);
    put_array(b, "none", HL_GGUF_U64, 0);
    put_matrix(b, "a.weight", HL_DTYPE_F32, 2, 3, 0);
    put_matrix(b, "b.weight", HL_DTYPE_Q8_0, 32, 2, 32);
    put_text(b, "c.weight");
    put_int(b, 1, 4), put_int(b, 4, 8), put_int(b, HL_DTYPE_F16, 4), put_int(b, 128, 8);
    put_padding(b, 32);
    for (int i = 0; i < 6; i++) {
        f = (float)i;
        hl_buf_append(b, &f, 4);
    }
    put_padding(b, 32);
    for (int i = 0; i < 68; i++)
        put_int(b, (uint64_t)(i % 34 == 1 ? 0x3c : i % 34 == 0 ? 0 : i), 1);
    put_padding(b, 32);
    for (int i = 0; i < 4; i++) put_int(b, hl_f32_to_f16((float)i), 2);
}

/* Looks at everything that an open file has; the sum keeps the reads. */
static inline double read_everything(const hl_gguf *g) {
    double sum = hl_gguf_version(g);
    for (size_t i = 0; i < hl_gguf_n_values(g); i++) {
        const hl_gguf_value *v = hl_gguf_value_at(g, i);
        for (size_t k = 0; k < v->key.len; k++) sum += v->key.ptr[k];
        sum += hl_gguf_find(g, v->key) == v;
        if (v->type == HL_GGUF_STR) {
            for (size_t k = 0; k < v->as.str.len; k++) sum += v->as.str.ptr[k];
        } else if (v->type == HL_GGUF_ARRAY && v->as.array.type == HL_GGUF_STR) {
            for (size_t k = 0; k < v->as.array.n; k++) {
                hl_str s = v->as.array.strs[k];
                for (size_t c = 0; c < s.len; c++) sum += s.ptr[c];
            }
        } else if (v->type == HL_GGUF_ARRAY) {
            for (size_t k = 0; k < v->as.array.n; k++)
                sum += hl_gguf_array_f64(v, k) + (double)hl_gguf_array_i64(v, k);
        } else {
            sum += v->as.f;
        }
    }
    for (size_t i = 0; i < hl_gguf_n_tensors(g); i++) {
        const hl_gguf_tensor *t = hl_gguf_tensor_at(g, i);
        sum += hl_gguf_find_tensor(g, t->name) == t;
        hl_dtype_info info = hl_dtype_lookup(t->type);
        HL_ASSERT(info.name && t->data.len % info.block_bytes == 0);
        float row[HL_QK_K];
        for (size_t at = 0; at < t->data.len; at += info.block_bytes) {
            if (info.computes)
                hl_dtype_to_f32((hl_dtype)t->type, t->data.ptr + at, row, info.block_weights);
            else
                row[0] = t->data.ptr[at + info.block_bytes - 1];
            sum += (double)row[0];
        }
    }
    return sum;
}
