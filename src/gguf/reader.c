#include "gguf/reader.h"

hl_status hl_reader_take(hl_reader *r, size_t n, const char *what, const uint8_t **ret,
                         hl_error *err) {
    HL_ASSERT(r->at <= r->bytes.len);
    if (n > hl_reader_left(r))
        return hl_fail(err, HL_EFORMAT, "gguf",
                       "%s at offset %zu runs past the end of the file (%zu bytes, %zu are left)",
                       what, r->at, n, hl_reader_left(r));
    *ret = r->bytes.ptr + r->at;
    r->at += n;
    return HL_OK;
}

hl_status hl_reader_u32(hl_reader *r, const char *what, uint32_t *ret, hl_error *err) {
    const uint8_t *p;
    HL_TRY(hl_reader_take(r, sizeof *ret, what, &p, err));
    *ret = hl_le32(p);
    return HL_OK;
}

hl_status hl_reader_u64(hl_reader *r, const char *what, uint64_t *ret, hl_error *err) {
    const uint8_t *p;
    HL_TRY(hl_reader_take(r, sizeof *ret, what, &p, err));
    *ret = hl_le64(p);
    return HL_OK;
}

hl_status hl_reader_str(hl_reader *r, size_t len_max, const char *what, hl_str *ret,
                        hl_error *err) {
    size_t start = r->at;
    uint64_t len;
    HL_TRY(hl_reader_u64(r, what, &len, err));
    hl_status st = HL_OK;
    if (len > hl_reader_left(r))
        st = hl_fail(err, HL_EFORMAT, "gguf",
                     "%s at offset %zu runs past the end of the file (%llu bytes, %zu are left)",
                     what, start, (unsigned long long)len, hl_reader_left(r));
    else if (len > len_max)
        st = hl_fail(err, HL_ELIMIT, "gguf", "%s at offset %zu has %llu bytes, the limit is %zu",
                     what, start, (unsigned long long)len, len_max);
    if (st < 0) {
        r->at = start;
        return st;
    }
    *ret = (hl_str){(const char *)r->bytes.ptr + r->at, (size_t)len};
    r->at += (size_t)len;
    return HL_OK;
}
