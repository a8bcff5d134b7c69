/* GGUF files that other programs wrote, where they are at hand, and how near our quantising comes
 * to theirs (docs/formats/gguf-quants.md states the figures). */
#include "testing.h"

#include "base/mem.h"
#include "gguf/quantize.h"
#include "gguf_bytes.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>

#define TINY     "../shared/tiny-model/"
#define FAMILIES "../shared/reference/families/gguf/"

static void skip_unless_there(const char *path) {
    if (hl_path_is_file(path) || hl_path_is_dir(path)) return;
    print_message("%s is not there\n", path);
    skip();
}

static hl_gguf *open_file(const char *path) {
    hl_gguf *g;
    hl_error err = {0};
    if (hl_gguf_open(path, &g, &err) < 0) fail_msg("%s", err.text);
    return g;
}

static void check_folder(const char *folder) {
    DIR *dir = opendir(folder);
    size_t n = 0;
    assert_non_null(dir);
    for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
        if (!hl_str_ends(hl_str_from(e->d_name), HL_STR(".gguf"))) continue;
        char path[512];
        (void)snprintf(path, sizeof path, "%s%s", folder, e->d_name);
        hl_gguf *g = open_file(path);
        assert_true(hl_gguf_n_tensors(g) > 10 && hl_gguf_n_values(g) > 10);
        assert_true(isfinite(read_everything(g)));
        hl_gguf_close(g);
        n++;
    }
    (void)closedir(dir);
    assert_true(n >= 4);
}

static void files_of_many_families_open(void **state) {
    (void)state;
    skip_unless_there(FAMILIES);
    check_folder(FAMILIES);
    check_folder(TINY);
}

/* Sums of squared differences to the same weights. */
typedef struct misses {
    double theirs, ours;
} misses;

/* Tensor t quantised by others, against the weights of the same tensor in F16. */
static misses compare(const hl_gguf_tensor *t, const hl_gguf_tensor *source) {
    enum { STEP = HL_QK_K };
    hl_dtype type = (hl_dtype)t->type;
    size_t step_bytes = hl_dtype_bytes(type, STEP), n_steps = t->data.len / step_bytes;
    misses sum = {0};
    for (size_t s = 0; s < n_steps; s++) {
        float x[STEP], theirs[STEP], ours[STEP];
        _Alignas(8) uint8_t blocks[STEP * sizeof(float)];
        hl_dtype_to_f32((hl_dtype)source->type, source->data.ptr + s * STEP * sizeof(hl_f16), x,
                        STEP);
        hl_dtype_to_f32(type, t->data.ptr + s * step_bytes, theirs, STEP);
        hl_dtype_from_f32(type, x, blocks, STEP);
        hl_dtype_to_f32(type, blocks, ours, STEP);
        for (size_t i = 0; i < STEP; i++) {
            sum.theirs += (double)(theirs[i] - x[i]) * (double)(theirs[i] - x[i]);
            sum.ours += (double)(ours[i] - x[i]) * (double)(ours[i] - x[i]);
        }
    }
    return sum;
}

static void no_tensor_is_further_off_than_others_make_it(void **state) {
    (void)state;
    skip_unless_there(TINY "tiny-q4_k_m.gguf");
    hl_gguf *source = open_file(TINY "tiny-f16.gguf"), *g = open_file(TINY "tiny-q4_k_m.gguf");
    misses all[HL_DTYPE_Q6_K + 1] = {0};
    for (size_t i = 0; i < hl_gguf_n_tensors(g); i++) {
        const hl_gguf_tensor *t = hl_gguf_tensor_at(g, i);
        if (t->type == HL_DTYPE_F32) continue;
        const hl_gguf_tensor *from = hl_gguf_find_tensor(source, t->name);
        assert_true(from && from->type == HL_DTYPE_F16 && t->type <= HL_DTYPE_Q6_K);
        misses m = compare(t, from);
        if (m.ours > m.theirs) fail_msg("%.*s", HL_STR_ARG(t->name));
        all[t->type].ours += m.ours;
        all[t->type].theirs += m.theirs;
    }
    for (size_t type = HL_DTYPE_Q4_K; type <= HL_DTYPE_Q6_K; type++)
        print_message("%s: error %.4f of theirs\n", hl_dtype_name((hl_dtype)type),
                      sqrt(all[type].ours / all[type].theirs));
    hl_gguf_close(g);
    hl_gguf_close(source);
}

static void q8_0_is_the_same_to_the_byte(void **state) {
    (void)state;
    skip_unless_there(TINY "tiny-q8_0.gguf");
    hl_gguf *source = open_file(TINY "tiny-f16.gguf"), *g = open_file(TINY "tiny-q8_0.gguf");
    for (size_t i = 0; i < hl_gguf_n_tensors(g); i++) {
        const hl_gguf_tensor *t = hl_gguf_tensor_at(g, i);
        const hl_gguf_tensor *from = hl_gguf_find_tensor(source, t->name);
        assert_non_null(from);
        if (t->type != HL_DTYPE_Q8_0) continue;
        size_t n_weights = from->data.len / sizeof(hl_f16);
        float *x = hl_alloc(n_weights * sizeof *x);
        uint8_t *blocks = hl_alloc(t->data.len);
        assert_true(x && blocks);
        hl_dtype_to_f32(HL_DTYPE_F16, from->data.ptr, x, n_weights);
        hl_dtype_from_f32(HL_DTYPE_Q8_0, x, blocks, n_weights);
        assert_memory_equal(blocks, t->data.ptr, t->data.len);
        hl_free(blocks);
        hl_free(x);
    }
    hl_gguf_close(g);
    hl_gguf_close(source);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_many_families_open),
        cmocka_unit_test(no_tensor_is_further_off_than_others_make_it),
        cmocka_unit_test(q8_0_is_the_same_to_the_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
