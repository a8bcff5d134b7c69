/* Streaming in pieces: tensors larger than a piece, of one type and of two; reports on the way. */
#include "model_dir.h"

#include "store/convert_write.h"

enum { COLS = 700, ROWS = 2000, HEAD = 100 }; /* 2.8 MB in BF16 */

static hl_gguf_tensor tensor(hl_dtype type) {
    return (hl_gguf_tensor){
        .name = HL_STR("t"), .type = type, .n_dims = 2, .dims = {COLS, ROWS, 1, 1}};
}

static bool stop_at_end(void *arg, const hl_convert_progress *p) {
    uint64_t *seen = arg;
    assert_true(p->done == 0 || p->done == p->total);
    *seen += 1;
    return p->done < p->total || *seen > 100;
}

static uint64_t source(uint64_t i, bool permuted) {
    uint64_t row = i / COLS, in_head = row % HEAD;
    if (!permuted) return i;
    return (row - in_head + in_head % 2 * (HEAD / 2) + in_head / 2) * COLS + i % COLS;
}

static void check(hl_dtype type, bool permuted) {
    model_dir d = {.type = "BF16"};
    hl__weights *w;
    hl_gguf_writer *to;
    hl_gguf *g;
    hl_error err = {0};
    char path[96];
    hl__convert_config c = {.head_dim = HEAD};
    temp_dir_make(d.dir);
    model_dir_tensor(&d, "x", ROWS, COLS);
    hl_buf_append_cstr(&d.header[0], "}");
    model_dir_file(&d, "model.safetensors", &d.header[0], &d.data[0]);
    (void)snprintf(path, sizeof path, "%s/out.gguf", d.dir);
    assert_int_equal(hl__weights_open(d.dir, &w, &err), HL_OK);
    hl__convert_tensor t = {tensor(type), hl__weights_at(w, 0), permuted ? HEAD : 0};
    hl__convert_plan p = {&t, 1, 1, t.from->bytes, type};
    assert_int_equal(hl_gguf_writer_create(&to, &err), HL_OK);
    assert_int_equal(hl_gguf_writer_add_tensor(to, &t.to, &err), HL_OK);
    assert_int_equal(hl_gguf_writer_open(to, path, &err), HL_OK);
    if (hl__convert_write(&c, &p, w, to, (hl__convert_say){0}, &err) < 0) fail_msg("%s", err.text);
    assert_int_equal(hl_gguf_writer_commit(to, &err), HL_OK);
    assert_int_equal(hl_gguf_open(path, &g, &err), HL_OK);
    const hl_gguf_tensor *got = hl_gguf_tensor_at(g, 0);
    for (uint64_t row = 0; row < ROWS; row++) {
        float x[COLS];
        size_t size = hl_dtype_bytes(type, COLS);
        hl_dtype_to_f32(type, got->data.ptr + row * size, x, COLS);
        for (uint64_t i = 0; i < COLS; i++)
            assert_true(x[i] == model_dir_value("x", source(row * COLS + i, permuted)));
    }
    hl_gguf_close(g);
    hl_gguf_writer_destroy(to);
    hl__weights_close(w);
    model_dir_deinit(&d);
}

static void pieces(void **state) {
    (void)state;
    check(HL_DTYPE_BF16, false);
    check(HL_DTYPE_F16, false);
    check(HL_DTYPE_F32, true);
    check(HL_DTYPE_BF16, true);
}

static void reports(void **state) {
    (void)state;
    hl_error err;
    uint64_t seen = 0;
    hl_convert_progress p = {"converting model", 1, 1};
    assert_int_equal(hl__convert_report((hl__convert_say){0}, &p, &err), HL_OK);
    hl__convert_say say = {stop_at_end, &seen};
    assert_int_equal(hl__convert_report(say, &p, &err), HL_ECANCELLED);
    p.done = 0;
    assert_int_equal(hl__convert_report(say, &p, &err), HL_OK);
    assert_int_equal(seen, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces),
        cmocka_unit_test(reports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
