/* The part of store/store.h that is about blobs. */
#include "stored_model.h"

#include <fcntl.h>
#include <sys/stat.h>

static const char ABC[] = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

static int set_up(void **state) {
    static stored s;
    stored_init(&s);
    *state = &s;
    return 0;
}

static int tear_down(void **state) {
    stored_deinit(*state);
    return 0;
}

static size_t n_files(const stored *s) {
    char dir[96];
    (void)snprintf(dir, sizeof dir, "%s/blobs", s->dir);
    return temp_dir_count(dir, "");
}

static hl_bytes bytes(const char *text) {
    return (hl_bytes){(const uint8_t *)text, strlen(text)};
}

static void a_blob_arrives_in_pieces(void **state) {
    stored *s = *state;
    hl_digest d;
    hl_blob_out *b;
    char path[HL_STORE_PATH_MAX];
    assert_true(hl_digest_parse(hl_str_from(ABC), &d));
    assert_false(hl_store_blob_path(s->store, &d, path));
    stored_ok(s, hl_blob_out_open(s->store, &d, &b, &s->err));
    stored_ok(s, hl_blob_out_write(b, bytes("a"), &s->err));
    assert_false(hl_store_blob_path(s->store, &d, path)); /* not before it is whole */
    stored_ok(s, hl_blob_out_write(b, bytes("bc"), &s->err));
    stored_ok(s, hl_blob_out_commit(b, &s->err));
    hl_blob_out_close(b);
    assert_true(hl_store_blob_path(s->store, &d, path));
    assert_int_equal(n_files(s), 1);
}

static void wrong_bytes_leave_nothing(void **state) {
    stored *s = *state;
    hl_digest d;
    hl_blob_out *b, *same;
    assert_true(hl_digest_parse(hl_str_from(ABC), &d));
    stored_ok(s, hl_blob_out_open(s->store, &d, &b, &s->err));
    stored_ok(s, hl_blob_out_open(s->store, &d, &same, &s->err)); /* two do not meet */
    stored_ok(s, hl_blob_out_write(b, bytes("abd"), &s->err));
    stored_ok(s, hl_blob_out_write(same, bytes("abc"), &s->err));
    assert_int_equal(hl_blob_out_commit(b, &s->err), HL_EINVAL);
    assert_non_null(strstr(s->err.text, "digest mismatch, expected \"sha256:ba78"));
    assert_non_null(strstr(s->err.text, "got \"sha256:a52d"));
    hl_blob_out_close(b);
    stored_ok(s, hl_blob_out_commit(same, &s->err));
    hl_blob_out_close(same);
    assert_int_equal(n_files(s), 1);
    stored_ok(s, hl_blob_out_open(s->store, &d, &b, &s->err));
    hl_blob_out_close(b); /* given up */
    hl_blob_out_close(NULL);
    assert_int_equal(n_files(s), 1);
}

static void texts_become_blobs_once(void **state) {
    stored *s = *state;
    hl_layer a, b;
    stored_ok(s, hl_store_put(s->store, HL_STR("abc"), &a, &s->err));
    stored_ok(s, hl_store_put(s->store, HL_STR("abc"), &b, &s->err));
    assert_string_equal(a.digest.text, ABC);
    assert_int_equal(a.bytes, 3);
    assert_int_equal(n_files(s), 1);
    assert_false(hl_store_is_named(s->store, &a.digest));
}

/* Another name of the same bytes, where the file system can. */
static void files_are_imported(void **state) {
    stored *s = *state;
    char path[96], blob[HL_STORE_PATH_MAX];
    hl_layer l;
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/file", s->dir);
    stored_ok(s, hl_file_write(path, bytes("abc"), &s->err));
    stored_ok(s, hl_store_import(s->store, path, &l, &s->err));
    stored_ok(s, hl_store_import(s->store, path, &l, &s->err));
    assert_string_equal(l.digest.text, ABC);
    assert_true(hl_store_blob_path(s->store, &l.digest, blob));
    assert_true(stat(path, &st) == 0 && st.st_nlink == 2);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(hl_store_import(s->store, path, &l, &s->err), HL_ENOTFOUND);
    assert_int_equal(n_files(s), 1);
}

static void made_files_are_adopted(void **state) {
    stored *s = *state;
    char one[HL_STORE_PATH_MAX], two[HL_STORE_PATH_MAX], blob[HL_STORE_PATH_MAX];
    hl_layer l;
    stored_ok(s, hl_store_temp_path(s->store, one, &s->err));
    stored_ok(s, hl_store_temp_path(s->store, two, &s->err));
    assert_string_not_equal(one, two);
    stored_ok(s, hl_file_write(one, bytes("abc"), &s->err));
    stored_ok(s, hl_store_adopt(s->store, one, &l, &s->err));
    assert_true(hl_store_blob_path(s->store, &l.digest, blob) && l.bytes == 3);
    assert_int_equal(n_files(s), 1);
    assert_int_equal(hl_store_adopt(s->store, two, &l, &s->err), HL_ENOTFOUND);
}

static void keeping_makes_a_blob_young(void **state) {
    stored *s = *state;
    hl_layer l;
    char blob[HL_STORE_PATH_MAX];
    struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    struct stat st;
    stored_ok(s, hl_store_put(s->store, HL_STR("abc"), &l, &s->err));
    assert_true(hl_store_blob_path(s->store, &l.digest, blob));
    assert_int_equal(utimensat(AT_FDCWD, blob, old, 0), 0);
    stored_ok(s, hl_store_keep(s->store, &l.digest, &s->err));
    assert_true(stat(blob, &st) == 0 && st.st_mtim.tv_sec > 1000);
    l.digest.text[10] = l.digest.text[10] == '0' ? '1' : '0';
    assert_int_equal(hl_store_keep(s->store, &l.digest, &s->err), HL_ENOTFOUND);
}

int main(void) {
#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(a_blob_arrives_in_pieces), EACH(wrong_bytes_leave_nothing),
        EACH(texts_become_blobs_once),  EACH(files_are_imported),
        EACH(made_files_are_adopted),   EACH(keeping_makes_a_blob_young),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
