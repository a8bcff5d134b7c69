/* The n-th allocation fails while a GGUF file is read, written or quantised: a status, no leak
 * (AddressSanitizer), no half-made file. */
#include "temp_dir.h"

#include "base/mem.h"
#include "gguf/quantize.h"
#include "gguf/writer.h"
#include "gguf_bytes.h"

#include <stdio.h>
#include <unistd.h>

typedef struct setting {
    hl_buf bytes; /* the small file */
    hl_gguf *g;   /* the same, open */
    char path[64];
} setting;

typedef hl_status job_fn(const setting *s, hl_error *err);

/* Runs job with its 1st, 2nd, … allocation failing; returns how many attempts failed. */
static int fail_each(const setting *s, job_fn *job) {
    for (int n = 1; n < 10000; n++) {
        hl_error err = {0};
        hl_mem_fail_nth((uint64_t)n);
        hl_status st = job(s, &err);
        hl_mem_fail_nth(0);
        assert_int_equal(temp_dir_count("/tmp", strrchr(s->path, '/') + 1),
                         hl_path_is_file(s->path) ? 1 : 0);
        if (st == HL_OK) return n - 1;
        assert_int_equal(st, HL_ENOMEM);
        assert_int_equal(err.status, HL_ENOMEM);
        assert_true(err.text[0] != '\0');
        assert_false(hl_path_is_file(s->path));
    }
    fail_msg("it never went well");
    return -1;
}

static hl_status open_bytes(const setting *s, hl_error *err) {
    hl_gguf *g = NULL;
    hl_status st = hl_gguf_open_bytes(bytes_of(&s->bytes), &g, err);
    if (st == HL_OK) (void)read_everything(g);
    hl_gguf_close(g);
    return st;
}

static hl_status write_copy(const setting *s, hl_error *err) {
    hl_gguf_writer *w = NULL;
    hl_status st = hl_gguf_writer_create(&w, err);
    if (st == HL_OK) st = hl_gguf_writer_copy_values(w, s->g, err);
    for (size_t i = 0; st == HL_OK && i < hl_gguf_n_tensors(s->g); i++)
        st = hl_gguf_writer_add_tensor(w, hl_gguf_tensor_at(s->g, i), err);
    if (st == HL_OK) st = hl_gguf_writer_open(w, s->path, err);
    for (size_t i = 0; st == HL_OK && i < hl_gguf_n_tensors(s->g); i++)
        st = hl_gguf_writer_write(w, hl_gguf_tensor_at(s->g, i)->data, err);
    if (st == HL_OK) st = hl_gguf_writer_commit(w, err);
    hl_gguf_writer_destroy(w);
    return st;
}

/* b.weight of the small file is Q8_0 already and a.weight's rows of two become F16. */
static hl_status quantise(const setting *s, hl_error *err) {
    return hl_gguf_quantize(s->g, HL_QUANT_Q8_0, s->path, NULL, err);
}

static void setting_init(setting *s) {
    hl_buf_init(&s->bytes, 0);
    put_small_file(&s->bytes, 3);
    (void)snprintf(s->path, sizeof s->path, "/tmp/hl-fault-%ld.gguf", (long)getpid());
    assert_int_equal(hl_gguf_open_bytes(bytes_of(&s->bytes), &s->g, NULL), HL_OK);
}

static void setting_deinit(setting *s) {
    hl_gguf_close(s->g);
    hl_buf_deinit(&s->bytes);
    (void)unlink(s->path);
}

static void check(job_fn *job, int allocations_min) {
    setting s;
    setting_init(&s);
    assert_true(fail_each(&s, job) >= allocations_min);
    setting_deinit(&s);
}

static void reading(void **state) {
    (void)state;
    check(open_bytes, 5);
}

static void writing(void **state) {
    (void)state;
    check(write_copy, 8);
}

static void quantising(void **state) {
    (void)state;
    check(quantise, 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading),
        cmocka_unit_test(writing),
        cmocka_unit_test(quantising),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
