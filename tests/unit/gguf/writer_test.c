#include "temp_dir.h"

#include "gguf/writer.h"
#include "gguf_bytes.h"

#include <stdio.h>
#include <unistd.h>

static void path_init(char path[64]) {
    (void)snprintf(path, 64, "/tmp/hl-writer-%ld.gguf", (long)getpid());
    (void)unlink(path);
}

static hl_gguf_writer *create(void) {
    hl_gguf_writer *w;
    assert_int_equal(hl_gguf_writer_create(&w, NULL), HL_OK);
    return w;
}

static void assert_same_value(const hl_gguf_value *a, const hl_gguf_value *b) {
    assert_true(hl_str_eq(a->key, b->key) && a->type == b->type);
    if (a->type == HL_GGUF_STR) {
        assert_true(hl_str_eq(a->as.str, b->as.str));
    } else if (a->type != HL_GGUF_ARRAY) {
        assert_true(a->as.u == b->as.u);
    } else {
        assert_true(a->as.array.type == b->as.array.type && a->as.array.n == b->as.array.n);
        for (size_t i = 0; i < a->as.array.n; i++) {
            if (a->as.array.type == HL_GGUF_STR)
                assert_true(hl_str_eq(a->as.array.strs[i], b->as.array.strs[i]));
            else
                assert_true(hl_gguf_array_f64(a, i) == hl_gguf_array_f64(b, i));
        }
    }
}

/* A file that was read and written again has the same bytes. */
static void a_copy_has_the_same_bytes(void **state) {
    (void)state;
    char path[64];
    path_init(path);
    hl_buf b;
    hl_buf_init(&b, 0);
    put_small_file(&b, 3);
    hl_gguf *g;
    assert_int_equal(hl_gguf_open_bytes(bytes_of(&b), &g, NULL), HL_OK);
    hl_gguf_writer *w = create();
    assert_int_equal(hl_gguf_writer_copy_values(w, g, NULL), HL_OK);
    for (size_t i = 0; i < hl_gguf_n_tensors(g); i++)
        assert_int_equal(hl_gguf_writer_add_tensor(w, hl_gguf_tensor_at(g, i), NULL), HL_OK);
    assert_int_equal(hl_gguf_writer_open(w, path, NULL), HL_OK);
    for (size_t i = 0; i < hl_gguf_n_tensors(g); i++)
        assert_int_equal(hl_gguf_writer_write(w, hl_gguf_tensor_at(g, i)->data, NULL), HL_OK);
    assert_false(hl_path_is_file(path));
    assert_int_equal(hl_gguf_writer_commit(w, NULL), HL_OK);
    assert_true(hl_path_is_file(path));
    hl_gguf_writer_destroy(w);

    hl_gguf *copy;
    assert_int_equal(hl_gguf_open(path, &copy, NULL), HL_OK);
    assert_int_equal(hl_gguf_n_values(copy), hl_gguf_n_values(g));
    for (size_t i = 0; i < hl_gguf_n_values(g); i++)
        assert_same_value(hl_gguf_value_at(g, i), hl_gguf_value_at(copy, i));
    hl_gguf_close(copy);
    hl_gguf_close(g);
    hl_buf file;
    hl_buf_init(&file, 0);
    assert_int_equal(hl_file_read(path, 1 << 20, &file, NULL), HL_OK);
    put_padding(&b, 32); /* the writer also pads the last tensor */
    assert_int_equal(file.len, b.len);
    assert_memory_equal(file.ptr, b.ptr, b.len);
    hl_buf_deinit(&file);
    hl_buf_deinit(&b);
    (void)unlink(path);
}

static void values_are_replaced_in_place(void **state) {
    (void)state;
    hl_gguf_writer *w = create();
    assert_int_equal(hl_gguf_writer_set_u32(w, "a", 1, NULL), HL_OK);
    assert_int_equal(hl_gguf_writer_set_str(w, "b", HL_STR("x"), NULL), HL_OK);
    assert_int_equal(hl_gguf_writer_set_f32(w, "a", 2.5f, NULL), HL_OK);
    hl_buf b;
    hl_buf_init(&b, 0);
    assert_int_equal(hl_gguf_writer_head(w, &b, NULL), HL_OK);
    assert_int_equal(b.len % 32, 0);
    hl_gguf *g;
    assert_int_equal(hl_gguf_open_bytes(bytes_of(&b), &g, NULL), HL_OK);
    assert_int_equal(hl_gguf_n_values(g), 2);
    assert_str(hl_gguf_value_at(g, 0)->key, "a");
    assert_true(hl_gguf_value_at(g, 0)->as.f == 2.5);
    hl_gguf_close(g);
    hl_buf_deinit(&b);
    hl_gguf_writer_destroy(w);
    hl_gguf_writer_destroy(NULL);
}

static void pieces_and_alignment(void **state) {
    (void)state;
    char path[64];
    path_init(path);
    hl_gguf_writer *w = create();
    assert_int_equal(hl_gguf_writer_set_u32(w, "general.alignment", 512, NULL), HL_OK);
    static const float A[3] = {1, 2, 3}, B[1] = {4};
    hl_gguf_tensor t = {.name = HL_STR("a"), .type = HL_DTYPE_F32, .n_dims = 1, .dims = {3}};
    assert_int_equal(hl_gguf_writer_add_tensor(w, &t, NULL), HL_OK);
    t = (hl_gguf_tensor){.name = HL_STR("b"), .type = HL_DTYPE_F32, .n_dims = 1, .dims = {1}};
    assert_int_equal(hl_gguf_writer_add_tensor(w, &t, NULL), HL_OK);
    assert_int_equal(hl_gguf_writer_open(w, path, NULL), HL_OK);
    uint8_t all[16];
    memcpy(all, A, 12);
    memcpy(all + 12, B, 4);
    assert_int_equal(hl_gguf_writer_write(w, (hl_bytes){all, 5}, NULL), HL_OK);
    assert_int_equal(hl_gguf_writer_write(w, (hl_bytes){all + 5, 11}, NULL), HL_OK);
    assert_int_equal(hl_gguf_writer_commit(w, NULL), HL_OK);
    hl_gguf_writer_destroy(w);
    hl_gguf *g;
    assert_int_equal(hl_gguf_open(path, &g, NULL), HL_OK);
    assert_memory_equal(hl_gguf_tensor_at(g, 0)->data.ptr, A, 12);
    assert_memory_equal(hl_gguf_tensor_at(g, 1)->data.ptr, B, 4);
    assert_int_equal((uintptr_t)hl_gguf_tensor_at(g, 1)->data.ptr % 512, 0);
    hl_gguf_close(g);
    (void)unlink(path);
}

static void an_unfinished_file_leaves_nothing(void **state) {
    (void)state;
    char path[64];
    path_init(path);
    const char *name = strrchr(path, '/') + 1;
    hl_gguf_writer *w = create();
    hl_gguf_tensor t = {.name = HL_STR("a"), .type = HL_DTYPE_F16, .n_dims = 1, .dims = {2}};
    assert_int_equal(hl_gguf_writer_add_tensor(w, &t, NULL), HL_OK);
    assert_int_equal(hl_gguf_writer_open(w, path, NULL), HL_OK);
    hl_error err;
    assert_int_equal(hl_gguf_writer_commit(w, &err), HL_EINVAL);
    assert_non_null(strstr(err.text, "0 bytes of 4"));
    static const uint8_t FIVE[5] = {0};
    assert_int_equal(hl_gguf_writer_write(w, (hl_bytes){FIVE, 5}, &err), HL_EINVAL);
    assert_int_equal(temp_dir_count("/tmp", name), 1);
    hl_gguf_writer_destroy(w);
    assert_int_equal(temp_dir_count("/tmp", name), 0);
    w = create();
    assert_int_equal(hl_gguf_writer_open(w, "/nowhere/m.gguf", &err), HL_ENOTFOUND);
    hl_gguf_writer_destroy(w);
}

static void refuses_what_no_file_may_have(void **state) {
    (void)state;
    hl_gguf_writer *w = create();
    hl_error err;
    hl_gguf_value v = {.key = HL_STR("k"), .type = (hl_gguf_type)13};
    assert_int_equal(hl_gguf_writer_set(w, &v, &err), HL_EINVAL);
    v = (hl_gguf_value){.key = HL_STR("k"), .type = HL_GGUF_ARRAY, .as.array.type = HL_GGUF_ARRAY};
    assert_int_equal(hl_gguf_writer_set(w, &v, &err), HL_EINVAL);
    assert_int_equal(hl_gguf_writer_set_u32(w, "general.alignment", 48, &err), HL_EINVAL);
    assert_int_equal(hl_gguf_writer_set_f32(w, "general.alignment", 32, &err), HL_EINVAL);
    hl_gguf_tensor t = {.name = HL_STR("t"), .type = HL_DTYPE_Q4_K, .n_dims = 1, .dims = {128}};
    assert_int_equal(hl_gguf_writer_add_tensor(w, &t, &err), HL_EINVAL);
    t.dims[0] = 0;
    assert_int_equal(hl_gguf_writer_add_tensor(w, &t, &err), HL_EINVAL);
    t.dims[0] = 256;
    t.type = 5;
    assert_int_equal(hl_gguf_writer_add_tensor(w, &t, &err), HL_EINVAL);
    t.type = HL_DTYPE_Q4_K;
    assert_int_equal(hl_gguf_writer_add_tensor(w, &t, &err), HL_OK);
    assert_int_equal(hl_gguf_writer_add_tensor(w, &t, &err), HL_EINVAL);
    assert_non_null(strstr(err.text, "t is there already"));
    hl_gguf_writer_destroy(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_has_the_same_bytes),
        cmocka_unit_test(values_are_replaced_in_place),
        cmocka_unit_test(pieces_and_alignment),
        cmocka_unit_test(an_unfinished_file_leaves_nothing),
        cmocka_unit_test(refuses_what_no_file_may_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
