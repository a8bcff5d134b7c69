#include "store/verify.h"

#include "stored_model.h"

static int set_up(void **state) {
    static stored s;
    stored_init(&s);
    (void)stored_make(&s, "a", NULL, 1);
    (void)stored_make(&s, "b", NULL, 1); /* the same weights */
    *state = &s;
    return 0;
}

static int tear_down(void **state) {
    stored_deinit(*state);
    return 0;
}

typedef struct counts {
    size_t n[HL_VERIFIED_MANIFEST + 1];
} counts;

static void count(void *arg, const hl_verified_file *f) {
    counts *c = arg;
    assert_true(f->model[0] && f->path[0]);
    c->n[f->result]++;
}

static counts verify(stored *s) {
    counts c = {{0}};
    stored_ok(s, hl_store_verify(s->store, count, &c, &s->err));
    return c;
}

/* The path of the weights, which both models name. */
static void weights(stored *s, char ret[HL_STORE_PATH_MAX]) {
    hl_manifest m = stored_manifest(s, "a");
    size_t at = 0;
    assert_true(hl_store_blob_path(s->store, &hl_manifest_next(&m, "model", &at)->digest, ret));
    hl_manifest_deinit(&m);
}

static void change(const char *path, long at, const char *bytes, bool cut) {
    FILE *f = fopen(path, "r+");
    assert_non_null(f);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    assert_true(fputs(bytes, f) >= 0);
    fclose(f);
    if (cut) assert_int_equal(truncate(path, at), 0);
}

static void good_files_are_good(void **state) {
    counts c = verify(*state);
    assert_int_equal(c.n[HL_VERIFIED_GOOD], 4); /* weights and config of each */
    for (size_t i = 1; i <= HL_VERIFIED_MANIFEST; i++) assert_int_equal(c.n[i], 0);
}

static void one_byte_is_noticed(void **state) {
    char path[HL_STORE_PATH_MAX];
    weights(*state, path);
    change(path, 100, "!", false);
    counts c = verify(*state);
    assert_int_equal(c.n[HL_VERIFIED_DAMAGED], 2);
    assert_int_equal(c.n[HL_VERIFIED_GOOD], 2);
}

static void a_cut_file_is_noticed(void **state) {
    char path[HL_STORE_PATH_MAX];
    weights(*state, path);
    change(path, 100, "", true);
    assert_int_equal(verify(*state).n[HL_VERIFIED_SIZE], 2);
}

static void a_missing_file_is_noticed(void **state) {
    char path[HL_STORE_PATH_MAX];
    weights(*state, path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(verify(*state).n[HL_VERIFIED_MISSING], 2);
}

static void a_bad_manifest_is_noticed(void **state) {
    stored *s = *state;
    hl_store_item item;
    hl_name n = stored_name("b");
    stored_ok(s, hl_store_find(s->store, &n, &item, &s->err));
    change(item.path, 0, "x", false);
    counts c = verify(s);
    assert_int_equal(c.n[HL_VERIFIED_MANIFEST], 1);
    assert_int_equal(c.n[HL_VERIFIED_GOOD], 2);
    assert_string_equal(hl_verified_word(HL_VERIFIED_MANIFEST), "bad manifest");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(good_files_are_good, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_byte_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cut_file_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_missing_file_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bad_manifest_is_noticed, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
