#include "testing.h"

#include "gguf_bytes.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static hl_gguf *open_ok(const hl_buf *b) {
    hl_gguf *g;
    hl_error err = {0};
    hl_status st = hl_gguf_open_bytes(bytes_of(b), &g, &err);
    if (st < 0) print_error("%s\n", err.text);
    assert_int_equal(st, HL_OK);
    return g;
}

/* Opens, expects `want` and `text` in the message, and empties the buffer. */
static void expect_refused(hl_buf *b, hl_status want, const char *text) {
    hl_gguf *g = NULL;
    hl_error err = {0};
    hl_status st = hl_gguf_open_bytes(bytes_of(b), &g, &err);
    if (st != want || !strstr(err.text, text)) print_error("%d %s\n", st, err.text);
    assert_int_equal(st, want);
    assert_int_equal(err.status, want);
    assert_non_null(strstr(err.text, text));
    hl_buf_reset(b);
}

static const hl_gguf_value *value(const hl_gguf *g, const char *key) {
    const hl_gguf_value *v = hl_gguf_find(g, hl_str_from(key));
    assert_non_null(v);
    return v;
}

static void check_small_file(const hl_gguf *g) {
    assert_int_equal(hl_gguf_n_values(g), 17);
    assert_true(value(g, "u8")->as.u == 200 && value(g, "i8")->as.i == -3);
    assert_true(value(g, "u16")->as.u == 60000 && value(g, "i16")->as.i == -300);
    assert_true(value(g, "u32")->as.u == 4000000000u && value(g, "i32")->as.i == -70000);
    assert_true(value(g, "u64")->as.u == UINT64_MAX && value(g, "i64")->as.i == INT64_MIN);
    assert_true(value(g, "f32")->as.f == 1.5 && value(g, "f64")->as.f == -2.25);
    assert_true(value(g, "bool")->as.u == 1);
    assert_str(value(g, "str")->as.str, "hello");
    const hl_gguf_value *strs = value(g, "strs");
    assert_int_equal(strs->as.array.n, 3);
    assert_str(strs->as.array.strs[0], "a");
    assert_str(strs->as.array.strs[1], "");
    assert_str(strs->as.array.strs[2], "bcd");
    assert_int_equal(hl_gguf_array_i64(value(g, "i16s"), 0), 7);
    assert_true(hl_gguf_array_f64(value(g, "i16s"), 1) == -1);
    assert_true(hl_gguf_array_f64(value(g, "f32s"), 0) == 1.5);
    assert_int_equal(hl_gguf_array_i64(value(g, "f32s"), 0), 1);
    assert_int_equal(hl_gguf_array_i64(value(g, "bools"), 1), 1);
    assert_int_equal(value(g, "none")->as.array.n, 0);
    assert_null(hl_gguf_find(g, HL_STR("nothing")));

    assert_int_equal(hl_gguf_n_tensors(g), 3);
    const hl_gguf_tensor *a = hl_gguf_find_tensor(g, HL_STR("a.weight"));
    assert_true(a && a->type == HL_DTYPE_F32 && a->n_dims == 2);
    assert_true(a->dims[0] == 2 && a->dims[1] == 3 && a->dims[2] == 1 && a->dims[3] == 1);
    assert_int_equal(a->data.len, 24);
    float f;
    memcpy(&f, a->data.ptr + 20, 4);
    assert_true(f == 5);
    const hl_gguf_tensor *c = hl_gguf_find_tensor(g, HL_STR("c.weight"));
    assert_true(c && c == hl_gguf_tensor_at(g, 2) && c->n_dims == 1 && c->data.len == 8);
    assert_null(hl_gguf_find_tensor(g, HL_STR("d.weight")));
}

static void reads_versions_2_and_3(void **state) {
    (void)state;
    hl_buf b;
    hl_buf_init(&b, 0);
    for (uint32_t version = 2; version <= 3; version++) {
        hl_buf_reset(&b);
        put_small_file(&b, version);
        hl_gguf *g = open_ok(&b);
        assert_int_equal(hl_gguf_version(g), version);
        check_small_file(g);
        hl_gguf_close(g);
    }
    hl_buf_deinit(&b);
}

static void refuses_other_files(void **state) {
    (void)state;
    hl_buf b;
    hl_buf_init(&b, 0);
    expect_refused(&b, HL_EFORMAT, "offset 0");
    hl_buf_append_cstr(&b, "#!/bin/sh and more");
    expect_refused(&b, HL_EFORMAT, "not a GGUF file");
    put_head(&b, 1, 0, 0);
    expect_refused(&b, HL_EUNSUPPORTED, "version 1");
    put_head(&b, 4, 0, 0);
    expect_refused(&b, HL_EUNSUPPORTED, "version 4");
    put_head(&b, 3u << 24, 0, 0);
    expect_refused(&b, HL_EUNSUPPORTED, "big-endian");
    put_head(&b, 3, 0, 0); /* nothing in it, but well formed */
    hl_gguf *g = open_ok(&b);
    assert_int_equal(hl_gguf_n_values(g) + hl_gguf_n_tensors(g), 0);
    hl_gguf_close(g);
    hl_gguf_close(NULL);
    hl_bytes odd = {(const uint8_t *)b.ptr + 1, b.len - 1};
    assert_int_equal(hl_gguf_open_bytes(odd, &g, NULL), HL_EINVAL);
    hl_buf_deinit(&b);
}

static void refuses_bad_values(void **state) {
    (void)state;
    hl_buf b;
    hl_buf_init(&b, 0);
    put_head(&b, 3, 0, UINT64_MAX);
    expect_refused(&b, HL_EFORMAT, "values declared");
    put_head(&b, 3, 0, 2), put_u32(&b, "a.longer.key", 1);
    expect_refused(&b, HL_EFORMAT, "value 1");
    put_head(&b, 3, 0, 1), put_int(&b, UINT64_MAX, 8), put_int(&b, 0, 8);
    expect_refused(&b, HL_EFORMAT, "key at offset 24");
    put_head(&b, 3, 0, 1), put_int(&b, 70000, 8);
    for (int i = 0; i < 70100; i++) hl_buf_append_char(&b, 'x');
    expect_refused(&b, HL_ELIMIT, "key at offset 24");
    put_head(&b, 3, 0, 1), put_key(&b, "s", HL_GGUF_STR), put_int(&b, 1u << 31, 8);
    expect_refused(&b, HL_EFORMAT, "string at offset 37");
    put_head(&b, 3, 0, 1), put_key(&b, "t", (hl_gguf_type)13), put_int(&b, 0, 8);
    expect_refused(&b, HL_EFORMAT, "t: unknown value type 13");
    put_head(&b, 3, 0, 1), put_key(&b, "flag", HL_GGUF_BOOL), put_int(&b, 2, 1);
    expect_refused(&b, HL_EFORMAT, "flag: byte 2");
    put_head(&b, 3, 0, 2), put_u32(&b, "twice", 1), put_u32(&b, "twice", 1);
    expect_refused(&b, HL_EFORMAT, "twice appears twice");
    hl_buf_deinit(&b);
}

static void refuses_bad_arrays(void **state) {
    (void)state;
    hl_buf b;
    hl_buf_init(&b, 0);
    put_head(&b, 3, 0, 1), put_array(&b, "a", HL_GGUF_ARRAY, 1), put_int(&b, 0, 12);
    expect_refused(&b, HL_EUNSUPPORTED, "a: array of arrays");
    put_head(&b, 3, 0, 1), put_array(&b, "a", (hl_gguf_type)99, 1), put_int(&b, 0, 8);
    expect_refused(&b, HL_EFORMAT, "a: array of unknown type 99");
    put_head(&b, 3, 0, 1), put_array(&b, "a", HL_GGUF_U64, (1ull << 61) + 1), put_int(&b, 0, 8);
    expect_refused(&b, HL_EFORMAT, "runs past the end");
    put_head(&b, 3, 0, 1), put_array(&b, "a", HL_GGUF_STR, 1ull << 60), put_int(&b, 0, 64);
    expect_refused(&b, HL_EFORMAT, "runs past the end");
    put_head(&b, 3, 0, 1), put_array(&b, "a", HL_GGUF_STR, 2), put_text(&b, "x"),
        put_int(&b, UINT64_MAX, 8);
    expect_refused(&b, HL_EFORMAT, "string in an array");
    put_head(&b, 3, 0, 1), put_array(&b, "a", HL_GGUF_BOOL, 2), put_int(&b, 0xff01, 2);
    expect_refused(&b, HL_EFORMAT, "a: byte 255");
    hl_buf_deinit(&b);
}

/* A file with one matrix, a value for the alignment if not 0, and 256 bytes of data. */
static void put_one(hl_buf *b, uint32_t type, uint64_t cols, uint64_t rows, uint64_t offset,
                    uint32_t align) {
    put_head(b, 3, 1, align != 0);
    if (align != 0) put_u32(b, "general.alignment", align);
    put_matrix(b, "w", type, cols, rows, offset);
    put_padding(b, align && align <= 64 ? align : 32);
    for (int i = 0; i < 256; i++) hl_buf_append_char(b, 0);
}

static void refuses_bad_tensors(void **state) {
    (void)state;
    hl_buf b;
    hl_buf_init(&b, 0);
    put_head(&b, 3, UINT64_MAX, 0);
    expect_refused(&b, HL_EFORMAT, "tensors declared");
    put_one(&b, 77, 32, 1, 0, 0);
    expect_refused(&b, HL_EUNSUPPORTED, "tensor 0: w: unknown tensor type 77");
    put_one(&b, HL_DTYPE_F32, 0, 8, 0, 0);
    expect_refused(&b, HL_EFORMAT, "is empty");
    put_one(&b, HL_DTYPE_F32, 1ull << 32, 1ull << 32, 0, 0);
    expect_refused(&b, HL_EFORMAT, "too large");
    put_one(&b, HL_DTYPE_F32, 1ull << 62, 2, 0, 0);
    expect_refused(&b, HL_EFORMAT, "too large");
    put_one(&b, HL_DTYPE_F64, 1ull << 61, 1, 0, 0); /* its bytes overflow, its weights do not */
    expect_refused(&b, HL_EFORMAT, "overflows");
    put_one(&b, HL_DTYPE_Q8_0, 33, 1, 0, 0);
    expect_refused(&b, HL_EFORMAT, "no multiple of Q8_0");
    put_one(&b, HL_DTYPE_F32, 64, 1, 8, 0);
    expect_refused(&b, HL_EFORMAT, "not aligned");
    put_one(&b, HL_DTYPE_F32, 64, 1, 32, 0);
    expect_refused(&b, HL_EFORMAT, "past its end");
    put_one(&b, HL_DTYPE_F32, 65, 1, 0, 0);
    expect_refused(&b, HL_EFORMAT, "past its end");
    put_one(&b, HL_DTYPE_F32, 64, 1, UINT64_MAX - 31, 0);
    expect_refused(&b, HL_EFORMAT, "past its end");
    put_head(&b, 3, 1, 0), put_text(&b, "w"), put_int(&b, 5, 4), put_int(&b, 1, 64);
    expect_refused(&b, HL_EFORMAT, "5 dimensions");
    put_head(&b, 3, 2, 0);
    put_matrix(&b, "w", HL_DTYPE_F32, 1, 1, 0), put_matrix(&b, "w", HL_DTYPE_F32, 1, 1, 0);
    put_padding(&b, 32), put_int(&b, 0, 4);
    expect_refused(&b, HL_EFORMAT, "w appears twice");
    hl_buf_deinit(&b);
}

static void checks_the_alignment(void **state) {
    (void)state;
    hl_buf b;
    hl_buf_init(&b, 0);
    put_one(&b, HL_DTYPE_F32, 48, 1, 64, 64);
    hl_gguf *g = open_ok(&b);
    assert_int_equal((hl_gguf_tensor_at(g, 0)->data.ptr - (const uint8_t *)b.ptr) % 64, 0);
    hl_gguf_close(g);
    hl_buf_reset(&b);
    static const uint32_t BAD[] = {0, 1, 4, 12, 48, 1u << 21, UINT32_MAX};
    for (size_t i = 1; i < sizeof BAD / sizeof BAD[0]; i++) {
        put_one(&b, HL_DTYPE_F32, 4, 1, 0, BAD[i]);
        expect_refused(&b, HL_EFORMAT, "general.alignment");
    }
    put_head(&b, 3, 0, 1), put_u32(&b, "general.alignment", 0);
    expect_refused(&b, HL_EFORMAT, "general.alignment");
    put_head(&b, 3, 0, 1), put_key(&b, "general.alignment", HL_GGUF_STR), put_text(&b, "32");
    expect_refused(&b, HL_EFORMAT, "general.alignment");
    hl_buf_deinit(&b);
}

static void every_truncation_is_refused(void **state) {
    (void)state;
    hl_buf b;
    hl_buf_init(&b, 0);
    put_small_file(&b, 3);
    for (size_t len = 0; len < b.len; len++) {
        /* A copy of its own, so that a sanitizer sees a read past the end. */
        uint8_t *copy = malloc(len ? len : 1);
        assert_non_null(copy);
        memcpy(copy, b.ptr, len);
        hl_gguf *g;
        hl_error err = {0};
        assert_int_equal(hl_gguf_open_bytes((hl_bytes){copy, len}, &g, &err), HL_EFORMAT);
        assert_true(err.text[0] != '\0' && !strchr(err.text, '\n'));
        free(copy);
    }
    hl_buf_deinit(&b);
}

static void every_flipped_bit_is_survived(void **state) {
    (void)state;
    hl_buf b;
    hl_buf_init(&b, 0);
    put_small_file(&b, 3);
    size_t n_opened = 0;
    for (size_t bit = 0; bit < b.len * 8; bit++) {
        b.ptr[bit / 8] ^= (char)(1 << bit % 8);
        hl_gguf *g;
        hl_error err = {0};
        if (hl_gguf_open_bytes(bytes_of(&b), &g, &err) == HL_OK) {
            (void)read_everything(g);
            hl_gguf_close(g);
            n_opened++;
        } else {
            assert_true(err.text[0] != '\0');
        }
        b.ptr[bit / 8] ^= (char)(1 << bit % 8);
    }
    assert_true(n_opened > 100 && n_opened < b.len * 8);
    hl_buf_deinit(&b);
}

static void typed_reads_convert_and_refuse(void **state) {
    (void)state;
    hl_buf b;
    hl_buf_init(&b, 0);
    put_small_file(&b, 3);
    hl_gguf *g = open_ok(&b);
    hl_error err;
    uint32_t u;
    float f;
    bool flag;
    hl_str s;
    assert_int_equal(hl_gguf_get_u32(g, "u8", 1, &u, &err), HL_OK);
    assert_int_equal(u, 200);
    assert_int_equal(hl_gguf_get_u32(g, "missing", 42, &u, &err), HL_OK);
    assert_int_equal(u, 42);
    assert_int_equal(hl_gguf_get_u32(g, "i8", 1, &u, &err), HL_EFORMAT);
    assert_int_equal(hl_gguf_get_u32(g, "u64", 1, &u, &err), HL_EFORMAT);
    assert_int_equal(hl_gguf_require_u32(g, "u32", &u, &err), HL_OK);
    assert_true(u == 4000000000u);
    assert_int_equal(hl_gguf_require_u32(g, "missing", &u, &err), HL_EFORMAT);
    assert_non_null(strstr(err.text, "missing"));
    assert_int_equal(hl_gguf_require_u32(g, "str", &u, &err), HL_EFORMAT);
    assert_int_equal(hl_gguf_get_f32(g, "f64", 0, &f, &err), HL_OK);
    assert_true(f == -2.25f);
    assert_int_equal(hl_gguf_get_f32(g, "i16", 0, &f, &err), HL_OK);
    assert_true(f == -300);
    assert_int_equal(hl_gguf_get_f32(g, "missing", 0.5f, &f, &err), HL_OK);
    assert_true(f == 0.5f);
    assert_int_equal(hl_gguf_get_f32(g, "bool", 0, &f, &err), HL_EFORMAT);
    assert_int_equal(hl_gguf_require_f32(g, "f32", &f, &err), HL_OK);
    assert_int_equal(hl_gguf_require_f32(g, "missing", &f, &err), HL_EFORMAT);
    assert_int_equal(hl_gguf_get_bool(g, "bool", false, &flag, &err), HL_OK);
    assert_true(flag);
    assert_int_equal(hl_gguf_get_bool(g, "missing", false, &flag, &err), HL_OK);
    assert_false(flag);
    assert_int_equal(hl_gguf_get_bool(g, "u8", false, &flag, &err), HL_EFORMAT);
    assert_int_equal(hl_gguf_get_str(g, "str", HL_STR("x"), &s, &err), HL_OK);
    assert_str(s, "hello");
    assert_int_equal(hl_gguf_get_str(g, "missing", HL_STR("x"), &s, &err), HL_OK);
    assert_str(s, "x");
    assert_int_equal(hl_gguf_require_str(g, "u8", &s, &err), HL_EFORMAT);
    hl_gguf_close(g);
    hl_buf_deinit(&b);
}

static void array_reads_saturate(void **state) {
    (void)state;
    static const double D[] = {1e300, -1e300, NAN, -2.75};
    hl_buf b;
    hl_buf_init(&b, 0);
    put_head(&b, 3, 0, 2);
    put_array(&b, "d", HL_GGUF_F64, 4), hl_buf_append(&b, D, sizeof D);
    put_array(&b, "u", HL_GGUF_U64, 1), put_int(&b, UINT64_MAX, 8);
    hl_gguf *g = open_ok(&b);
    assert_true(hl_gguf_array_i64(value(g, "d"), 0) == INT64_MAX);
    assert_true(hl_gguf_array_i64(value(g, "d"), 1) == INT64_MIN);
    assert_true(hl_gguf_array_i64(value(g, "d"), 2) == 0);
    assert_true(hl_gguf_array_i64(value(g, "d"), 3) == -2);
    assert_true(hl_gguf_array_i64(value(g, "u"), 0) == INT64_MAX);
    hl_gguf_close(g);
    hl_buf_deinit(&b);
}

/* --- Several files -------------------------------------------------------- */

typedef struct dir {
    char path[64];
} dir;

static void dir_init(dir *d) {
    (void)snprintf(d->path, sizeof d->path, "/tmp/hl-gguf-XXXXXX");
    assert_non_null(mkdtemp(d->path));
}

static void dir_deinit(const dir *d) {
    DIR *list = opendir(d->path);
    assert_non_null(list);
    for (struct dirent *e = readdir(list); e; e = readdir(list)) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s/%s", d->path, e->d_name);
        if (e->d_name[0] != '.') assert_int_equal(unlink(path), 0);
    }
    (void)closedir(list);
    assert_int_equal(rmdir(d->path), 0);
}

/* Part i of three with one tensor; says it is part no of n with n_tensors in all. */
static void write_part(const dir *d, uint32_t i, uint16_t no, uint16_t n, uint32_t n_tensors) {
    hl_buf b;
    hl_buf_init(&b, 0);
    put_head(&b, 3, 1, i == 0 ? 4 : 3);
    if (i == 0) put_u32(&b, "only.first", 11);
    put_key(&b, "split.no", HL_GGUF_U16), put_int(&b, no, 2);
    put_key(&b, "split.count", HL_GGUF_U16), put_int(&b, n, 2);
    put_key(&b, "split.tensors.count", HL_GGUF_I32), put_int(&b, n_tensors, 4);
    char text[128];
    (void)snprintf(text, sizeof text, "blk.%u.weight", i);
    put_matrix(&b, text, HL_DTYPE_F16, 4, 1, 0);
    put_padding(&b, 32);
    for (uint32_t k = 0; k < 4; k++) put_int(&b, hl_f32_to_f16((float)(10 * i + k)), 2);
    (void)snprintf(text, sizeof text, "%s/m-%05u-of-00003.gguf", d->path, i + 1);
    assert_int_equal(hl_file_write(text, bytes_of(&b), NULL), HL_OK);
    hl_buf_deinit(&b);
}

static hl_status open_part(const dir *d, uint32_t i, hl_gguf **ret, const char *text) {
    char path[128];
    hl_error err = {0};
    (void)snprintf(path, sizeof path, "%s/m-%05u-of-00003.gguf", d->path, i + 1);
    hl_status st = hl_gguf_open(path, ret, &err);
    if (text && !strstr(err.text, text)) print_error("%s\n", err.text);
    if (text) assert_non_null(strstr(err.text, text));
    return st;
}

static void opens_several_files_as_one(void **state) {
    (void)state;
    dir d;
    dir_init(&d);
    for (uint16_t i = 0; i < 3; i++) write_part(&d, i, i, 3, 3);
    hl_gguf *g;
    assert_int_equal(open_part(&d, 0, &g, NULL), HL_OK);
    assert_int_equal(hl_gguf_n_tensors(g), 3);
    assert_non_null(hl_gguf_find(g, HL_STR("only.first")));
    const hl_gguf_tensor *t = hl_gguf_find_tensor(g, HL_STR("blk.2.weight"));
    assert_non_null(t);
    float f[4];
    hl_dtype_to_f32(HL_DTYPE_F16, t->data.ptr, f, 4);
    assert_true(f[0] == 20 && f[3] == 23);
    hl_gguf_close(g);

    assert_int_equal(open_part(&d, 1, &g, "file 2 of 3, open the first"), HL_EINVAL);
    write_part(&d, 0, 0, 3, 4);
    assert_int_equal(open_part(&d, 0, &g, "split.tensors.count is 4"), HL_EFORMAT);
    write_part(&d, 0, 0, 4, 3);
    assert_int_equal(open_part(&d, 0, &g, "first of 4 files"), HL_EFORMAT);
    write_part(&d, 0, 3, 3, 3);
    assert_int_equal(open_part(&d, 0, &g, "split.no 3"), HL_EFORMAT);
    write_part(&d, 0, 0, 3, 3);
    write_part(&d, 2, 1, 3, 3);
    assert_int_equal(open_part(&d, 0, &g, "file 2 of 3"), HL_EFORMAT);
    write_part(&d, 1, 1, 3, 3);
    char path[128];
    (void)snprintf(path, sizeof path, "%s/m-00003-of-00003.gguf", d.path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(open_part(&d, 0, &g, "m-00003-of-00003.gguf"), HL_ENOTFOUND);
    dir_deinit(&d);
}

static void one_of_several_is_not_opened_from_bytes(void **state) {
    (void)state;
    hl_buf b;
    hl_buf_init(&b, 0);
    put_head(&b, 3, 0, 1), put_u32(&b, "split.count", 2);
    expect_refused(&b, HL_EUNSUPPORTED, "one of 2 files");
    hl_buf_deinit(&b);
}

static void missing_files_are_named(void **state) {
    (void)state;
    hl_gguf *g;
    hl_error err;
    assert_int_equal(hl_gguf_open("/nowhere/m.gguf", &g, &err), HL_ENOTFOUND);
    assert_non_null(strstr(err.text, "/nowhere/m.gguf"));
    assert_int_equal(hl_gguf_open("/tmp", &g, &err), HL_EIO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_versions_2_and_3),
        cmocka_unit_test(refuses_other_files),
        cmocka_unit_test(refuses_bad_values),
        cmocka_unit_test(refuses_bad_arrays),
        cmocka_unit_test(refuses_bad_tensors),
        cmocka_unit_test(checks_the_alignment),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(every_flipped_bit_is_survived),
        cmocka_unit_test(typed_reads_convert_and_refuse),
        cmocka_unit_test(array_reads_saturate),
        cmocka_unit_test(opens_several_files_as_one),
        cmocka_unit_test(one_of_several_is_not_opened_from_bytes),
        cmocka_unit_test(missing_files_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
