#include "store/convert_write.h"

#include "base/mem.h"
#include "gguf/quantize.h"

#include <math.h>

enum {
    PIECE_BYTES = 1 << 20, /* a multiple of what a weight takes */
    CHUNK_WEIGHTS = 16384  /* converted at a time */
};

static const float F16_LARGEST = 65504;

typedef struct writing {
    hl__weights *weights;
    hl_gguf_writer *to;
    uint8_t *piece, *permuted; /* [cap] */
    size_t cap;
    float *f32; /* [CHUNK_WEIGHTS] */
    uint8_t *out;
} writing;

hl_status hl__convert_report(hl__convert_say say, const hl_convert_progress *p, hl_error *err) {
    if (!say.fn || say.fn(say.arg, p)) return HL_OK;
    return hl_fail(err, HL_ECANCELLED, "convert", "the conversion was ended");
}

/* -- converting -------------------------------------------------------------------------------- */

static hl_dtype dtype_of(const hl__st_tensor *t) {
    HL_ASSERT(t->type != HL__ST_OTHER);
    return t->type == HL__ST_F32   ? HL_DTYPE_F32
           : t->type == HL__ST_F16 ? HL_DTYPE_F16
                                   : HL_DTYPE_BF16;
}

static hl_status check_weights(const float *x, size_t n, hl_dtype to, hl_error *err) {
    float most = to == HL_DTYPE_F16 ? F16_LARGEST : INFINITY;
    for (size_t i = 0; i < n; i++) {
        if (isfinite(x[i]) && fabsf(x[i]) <= most) continue;
        return hl_fail(err, HL_EFORMAT, "convert", "a weight is %g, which %s cannot hold",
                       (double)x[i], hl_dtype_name(to));
    }
    return HL_OK;
}

static hl_status write_converted(const writing *w, hl_dtype from, hl_dtype to, const uint8_t *data,
                                 size_t n_bytes, hl_error *err) {
    size_t size = hl_dtype_bytes(from, 1), n_weights = n_bytes / size;
    HL_ASSERT(n_bytes % size == 0);
    for (size_t at = 0; at < n_weights; at += CHUNK_WEIGHTS) {
        size_t n = n_weights - at < CHUNK_WEIGHTS ? n_weights - at : CHUNK_WEIGHTS;
        hl_dtype_to_f32(from, data + at * size, w->f32, n);
        HL_TRY(check_weights(w->f32, n, to, err));
        if (from == to) continue; /* only checked */
        hl_dtype_from_f32(to, w->f32, w->out, n);
        HL_TRY(hl_gguf_writer_write(w->to, (hl_bytes){w->out, hl_dtype_bytes(to, n)}, err));
    }
    if (from != to) return HL_OK;
    return hl_gguf_writer_write(w->to, (hl_bytes){data, n_bytes}, err);
}

/* -- rows -------------------------------------------------------------------------------------- */

/* A head's rows, whose halves become neighbours. */
static void permute_head(const uint8_t *from, uint8_t *to, uint32_t rows, size_t row_bytes) {
    for (uint32_t i = 0; i < rows / 2; i++) {
        memcpy(to + 2 * i * row_bytes, from + i * row_bytes, row_bytes);
        memcpy(to + (2 * i + 1) * row_bytes, from + (i + rows / 2) * row_bytes, row_bytes);
    }
}

/* Bytes that are read at a time: the same pieces of rows for all, but of whole heads to permute. */
static size_t piece_bytes(const hl__convert_tensor *t, size_t *ret_row_bytes) {
    if (t->head_rows == 0) return PIECE_BYTES;
    uint64_t n_rows = t->from->dims[0];
    HL_ASSERT(n_rows % t->head_rows == 0 && t->from->bytes % n_rows == 0);
    *ret_row_bytes = (size_t)(t->from->bytes / n_rows);
    return *ret_row_bytes * t->head_rows;
}

static hl_status take_room(writing *w, size_t n, hl_error *err) {
    if (n <= w->cap) return HL_OK;
    hl_free(w->piece);
    hl_free(w->permuted);
    w->piece = hl_alloc(n);
    w->permuted = hl_alloc(n);
    w->cap = w->piece && w->permuted ? n : 0;
    if (w->cap) return HL_OK;
    return hl_fail(err, HL_ENOMEM, "convert", "no memory for %zu bytes of a tensor", n);
}

static hl_status write_tensor(writing *w, const hl__convert_tensor *t, hl_error *err) {
    size_t row_bytes = 0, most = piece_bytes(t, &row_bytes);
    HL_TRY(take_room(w, most, err));
    for (uint64_t at = 0; at < t->from->bytes; at += most) {
        size_t n = t->from->bytes - at < most ? (size_t)(t->from->bytes - at) : most;
        HL_TRY(hl__weights_read(w->weights, t->from, at, w->piece, n, err));
        if (t->head_rows) permute_head(w->piece, w->permuted, t->head_rows, row_bytes);
        HL_TRY(write_converted(w, dtype_of(t->from), (hl_dtype)t->to.type,
                               t->head_rows ? w->permuted : w->piece, n, err));
    }
    return HL_OK;
}

static hl_status write_divisors(const writing *w, const hl__convert_config *c, hl_error *err) {
    for (uint32_t i = 0; i < c->head_dim / 2; i++) {
        float f = hl__rope_divisor(c, i);
        HL_TRY(hl_gguf_writer_write(w->to, (hl_bytes){(const uint8_t *)&f, sizeof f}, err));
    }
    return HL_OK;
}

/* -- all --------------------------------------------------------------------------------------- */

static hl_status write_all(writing *w, const hl__convert_config *c, const hl__convert_plan *p,
                           hl__convert_say say, hl_error *err) {
    hl_convert_progress progress = {.status = "converting model", .total = p->bytes};
    HL_TRY(hl__convert_report(say, &progress, err));
    for (size_t i = 0; i < p->n; i++) {
        const hl__convert_tensor *t = &p->tensors[i];
        hl_status st = t->from ? write_tensor(w, t, err) : write_divisors(w, c, err);
        if (st < 0) {
            hl_error_prefix(err, "tensor %.*s", HL_STR_ARG(t->to.name));
            return st;
        }
        progress.done += t->from ? t->from->bytes : 0;
        HL_TRY(hl__convert_report(say, &progress, err));
    }
    HL_ASSERT(progress.done == progress.total);
    return HL_OK;
}

hl_status hl__convert_write(const hl__convert_config *c, const hl__convert_plan *p, hl__weights *w,
                            hl_gguf_writer *to, hl__convert_say say, hl_error *err) {
    writing s = {.weights = w,
                 .to = to,
                 .f32 = hl_alloc(CHUNK_WEIGHTS * sizeof(float)),
                 .out = hl_alloc(CHUNK_WEIGHTS * sizeof(float))};
    hl_status st = s.f32 && s.out ? write_all(&s, c, p, say, err)
                                  : hl_fail(err, HL_ENOMEM, "convert", "no memory to convert");
    hl_free(s.piece);
    hl_free(s.permuted);
    hl_free(s.f32);
    hl_free(s.out);
    return st;
}
