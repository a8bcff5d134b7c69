/* Headers of safetensors files: what is in good ones, and every way of a bad one. */
#include "model_dir.h"

#include "base/fs.h"
#include "store/convert_safetensors.h"

/* Parses a header before data_bytes of data. */
static hl_status parse(const char *header, uint64_t data_bytes, hl__weights **ret, hl_error *err) {
    *ret = NULL;
    assert_int_equal(hl__weights_create("/", ret, err), HL_OK);
    return hl__weights_parse(*ret, HL_STR("x.safetensors"), hl_str_from(header),
                             8 + strlen(header) + data_bytes, err);
}

static void a_header(void **state) {
    (void)state;
    static const char HEADER[] =
        "{\"__metadata__\":{\"format\":\"pt\"},"
        "\"b\":{\"dtype\":\"BF16\",\"shape\":[2,3],\"data_offsets\":[8,20]},"
        "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
        "\"none\":{\"dtype\":\"F16\",\"shape\":[0,4],\"data_offsets\":[8,8]},"
        "\"one\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[20,28]}}   ";
    hl__weights *w;
    hl_error err = {0};
    if (parse(HEADER, 28, &w, &err) < 0) fail_msg("%s", err.text);
    assert_int_equal(hl__weights_n(w), 4);
    const hl__st_tensor *b = hl__weights_find(w, HL_STR("b"));
    assert_non_null(b);
    assert_int_equal(b->type, HL__ST_BF16);
    assert_int_equal(b->n_dims, 2);
    assert_int_equal(b->dims[1], 3);
    assert_int_equal(b->at, 8 + strlen(HEADER) + 8);
    assert_int_equal(b->bytes, 12);
    assert_int_equal(hl__weights_find(w, HL_STR("one"))->type, HL__ST_OTHER);
    assert_null(hl__weights_find(w, HL_STR("__metadata__")));
    hl__weights_close(w);
}

#define TENSOR(dtype, shape, offsets)                                                              \
    "{\"t\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

static void bad_headers(void **state) {
    (void)state;
    static const struct {
        const char *header;
        hl_status st;
        const char *part;
    } BAD[] = {
        {"", HL_EFORMAT, "the header"},
        {"[]", HL_EFORMAT, "not a JSON object"},
        {"{", HL_EFORMAT, "the header"},
        {"{}", HL_EFORMAT, "no tensors"},
        {"{\"t\":1}", HL_EFORMAT, "tensor t: it is no object"},
        {TENSOR("\"F8\"", "[8]", "[0,8]"), HL_EUNSUPPORTED, "\"F8\" is not known"},
        {TENSOR("7", "[8]", "[0,8]"), HL_EFORMAT, "dtype is no string"},
        {TENSOR("\"U8\"", "8", "[0,8]"), HL_EFORMAT, "shape is no array"},
        {TENSOR("\"U8\"", "null", "[0,8]"), HL_EFORMAT, "it has no shape"},
        {TENSOR("\"U8\"", "[-8]", "[0,8]"), HL_EFORMAT, "not possible"},
        {TENSOR("\"U8\"", "[8.0]", "[0,8]"), HL_EFORMAT, "not possible"},
        {TENSOR("\"U8\"", "[4294967296,4294967296]", "[0,8]"), HL_EFORMAT, "not possible"},
        {TENSOR("\"F32\"", "[4611686018427387904]", "[0,0]"), HL_EFORMAT, "do not fit"},
        {TENSOR("\"U8\"", "[1,1,1,1,8]", "[0,8]"), HL_EUNSUPPORTED, "5 dimensions"},
        {TENSOR("\"U8\"", "[8]", "[0]"), HL_EFORMAT, "data_offsets"},
        {TENSOR("\"U8\"", "[8]", "[8,0]"), HL_EFORMAT, "data_offsets"},
        {TENSOR("\"U8\"", "[8]", "[-1,7]"), HL_EFORMAT, "data_offsets"},
        {TENSOR("\"U8\"", "[8]", "null"), HL_EFORMAT, "data_offsets"},
        {TENSOR("\"U8\"", "[9]", "[0,9]"), HL_EFORMAT, "past the end"},
        {TENSOR("\"U8\"", "[8]", "[0,18446744073709551615]"), HL_EFORMAT, "data_offsets"},
        {TENSOR("\"F32\"", "[3]", "[0,8]"), HL_EFORMAT, "do not fit 8 bytes"},
        {TENSOR("\"U8\"", "[6]", "[0,6]"), HL_EFORMAT, "2 bytes at its end"},
        {TENSOR("\"U8\"", "[6]", "[2,8]"), HL_EFORMAT, "gap before it"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[5],\"data_offsets\":[0,5]},"
         "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,8]}}",
         HL_EFORMAT, "tensor b overlaps another"},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        hl__weights *w;
        hl_error err = {0};
        hl_status st = parse(BAD[i].header, 8, &w, &err);
        if (st != BAD[i].st || !strstr(err.text, BAD[i].part))
            fail_msg("%s: %s \"%s\"", BAD[i].header, hl_status_name(st), err.text);
        hl__weights_close(w);
    }
}

/* -- files ------------------------------------------------------------------------------------- */

static void expect(const model_dir *d, hl_status st, const char *part) {
    hl__weights *w = NULL;
    hl_error err = {0};
    hl_status got = hl__weights_open(d->dir, &w, &err);
    if (got != st || (st < 0 && !strstr(err.text, part)))
        fail_msg("%s \"%s\", expected \"%s\"", hl_status_name(got), err.text, part);
    hl__weights_close(w);
}

static void bad_files(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        const char *part;
    } BAD[] = {
        {"", 0, "ends early"},
        {"\x02\0\0\0\0\0\0", 7, "ends early"},
        {"\x02\0\0\0\0\0\0\0", 8, "does not fit"},
        {"\xff\xff\xff\xff\xff\xff\xff\xff{}", 10, "does not fit"},
        {"\x02\0\0\0\0\0\0\0{}", 10, "no tensors"},
        {"GGUF\x03\0\0\0....", 12, "does not fit"},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        model_dir d = {0};
        temp_dir_make(d.dir);
        model_dir_put(&d, "model.safetensors", BAD[i].bytes, BAD[i].n);
        expect(&d, HL_EFORMAT, BAD[i].part);
        model_dir_deinit(&d);
    }
}

static void the_index(void **state) {
    (void)state;
    static const struct {
        const char *text, *part;
        hl_status st;
    } BAD[] = {
        {"{}", "weight_map is missing", HL_EFORMAT},
        {"{\"weight_map\":[]}", "is no object", HL_EFORMAT},
        {"{\"weight_map\":{\"t\":1}}", "has no file", HL_EFORMAT},
        {"{\"weight_map\":{\"t\":\"x.bin\"}}", "has no file", HL_EFORMAT},
        {"{\"weight_map\":{\"t\":\"../x.safetensors\"}}", "not a file's name", HL_EINVAL},
        {"{\"weight_map\":{\"t\":\"/x.safetensors\"}}", "not a file's name", HL_EINVAL},
        {"{\"weight_map\":{\"t\":\"x.safetensors\"}}", "x.safetensors", HL_ENOTFOUND},
        {"{\"weight_map\":{\"t\":\"model.safetensors\"}}", "tensor t is not in", HL_EFORMAT},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        model_dir d = {0};
        model_dir_write(&d);
        model_dir_text(&d, "model.safetensors.index.json", BAD[i].text);
        expect(&d, BAD[i].st, BAD[i].part);
        model_dir_deinit(&d);
    }
}

/* Without an index all files count; a tensor of two of them is one too many. */
static void several_files(void **state) {
    (void)state;
    model_dir d = {.n_files = 2};
    char from[128], to[128];
    model_dir_write(&d);
    model_dir_remove(&d, "model.safetensors.index.json");
    expect(&d, HL_OK, "");
    (void)snprintf(from, sizeof from, "%s/model-0.safetensors", d.dir);
    (void)snprintf(to, sizeof to, "%s/model-9.safetensors", d.dir);
    assert_int_equal(link(from, to), 0);
    expect(&d, HL_EFORMAT, "model-9.safetensors: tensor model.embed_tokens.weight: another file");
    model_dir_deinit(&d);
}

static void reading(void **state) {
    (void)state;
    model_dir d = {.n_files = 3, .type = "F32"};
    hl__weights *w;
    hl_error err;
    model_dir_write(&d);
    assert_int_equal(hl__weights_open(d.dir, &w, &err), HL_OK);
    for (size_t i = 0; i < hl__weights_n(w); i++) {
        const hl__st_tensor *t = hl__weights_at(w, i);
        float f;
        assert_int_equal(hl__weights_read(w, t, t->bytes - 4, &f, 4, &err), HL_OK);
        assert_true(f == model_dir_value(t->name.ptr, t->bytes / 4 - 1));
    }
    const hl__st_tensor *t = hl__weights_at(w, 0);
    model_dir_text(&d, "model-0.safetensors", "short"); /* meanwhile */
    model_dir_text(&d, "model-1.safetensors", "short");
    char byte;
    assert_int_equal(hl__weights_read(w, t, 0, &byte, 1, &err), HL_EFORMAT);
    assert_non_null(strstr(err.text, "safetensors: it ends early"));
    hl__weights_close(w);
    model_dir_deinit(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header),  cmocka_unit_test(bad_headers),   cmocka_unit_test(bad_files),
        cmocka_unit_test(the_index), cmocka_unit_test(several_files), cmocka_unit_test(reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
