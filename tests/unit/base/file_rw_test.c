#include "base/file_rw.h"

#include "base/fs.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "testing.h"

static char dir[] = "/tmp/file-rw-test-XXXXXX", path[64];
static hl_error err;

static int set_up(void **state) {
    (void)state;
    if (!mkdtemp(dir)) return -1;
    snprintf(path, sizeof path, "%s/a", dir);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    (void)unlink(path);
    return rmdir(dir);
}

static hl_bytes bytes(const char *text) {
    return (hl_bytes){(const uint8_t *)text, strlen(text)};
}

static void any_place_is_written_and_read(void **state) {
    (void)state;
    hl_file_rw f;
    char got[16];
    size_t n;
    assert_int_equal(hl_file_rw_open(path, &f, &err), HL_OK);
    assert_int_equal(hl_file_rw_write(&f, 5, bytes("world"), &err), HL_OK);
    assert_int_equal(hl_file_rw_write(&f, 0, bytes("hello"), &err), HL_OK);
    assert_int_equal(hl_file_rw_read(&f, 3, got, sizeof got, &n, &err), HL_OK);
    assert_str(((hl_str){got, n}), "loworld");
    assert_int_equal(hl_file_rw_resize(&f, 2, &err), HL_OK);
    assert_int_equal(hl_file_rw_read(&f, 0, got, sizeof got, &n, &err), HL_OK);
    assert_str(((hl_str){got, n}), "he");
    assert_int_equal(hl_file_rw_sync(&f, &err), HL_OK);
    hl_file_rw_close(&f);
    hl_file_rw_close(&f);
    assert_int_equal(hl_file_rw_open_read(path, &f, &err), HL_OK);
    assert_int_equal(hl_file_rw_write(&f, 0, bytes("x"), &err), HL_EIO);
    hl_file_rw_close(&f);
}

static void a_lock_is_one_openings(void **state) {
    (void)state;
    hl_file_rw a, b;
    assert_int_equal(hl_file_rw_open(path, &a, &err), HL_OK);
    assert_int_equal(hl_file_rw_open(path, &b, &err), HL_OK);
    assert_int_equal(hl_file_rw_lock(&a, &err), HL_OK);
    assert_int_equal(hl_file_rw_lock(&a, &err), HL_OK);
    assert_int_equal(hl_file_rw_lock(&b, &err), HL_AGAIN);
    hl_file_rw_close(&a);
    assert_int_equal(hl_file_rw_lock(&b, &err), HL_OK);
    hl_file_rw_close(&b);
}

static void a_renamed_file_is_elsewhere(void **state) {
    (void)state;
    hl_file_rw f;
    char other[80];
    snprintf(other, sizeof other, "%s/b", dir);
    assert_int_equal(hl_file_rw_open(path, &f, &err), HL_OK);
    assert_true(hl_file_rw_is_at(&f, path));
    assert_int_equal(hl_file_rename(path, other, &err), HL_OK);
    assert_false(hl_file_rw_is_at(&f, path));
    assert_true(hl_file_rw_is_at(&f, other));
    assert_int_equal(hl_file_rename(other, path, &err), HL_OK);
    hl_file_rw_close(&f);
}

static void secrets_are_their_owners(void **state) {
    (void)state;
    struct stat st;
    (void)unlink(path);
    assert_int_equal(hl_file_make_secret(path, bytes("key"), &err), HL_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(hl_file_make_secret(path, bytes("another"), &err), HL_DONE);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 3);
}

static void failures_have_words(void **state) {
    (void)state;
    hl_file_rw f;
    uint64_t n;
    assert_int_equal(hl_file_rw_open_read("/nonexistent/x", &f, &err), HL_ENOTFOUND);
    assert_int_equal(hl_file_rw_open_read(dir, &f, &err), HL_EIO);
    assert_non_null(strstr(err.text, "not a regular file"));
    assert_int_equal(hl_disk_free(dir, &n, &err), HL_OK);
    assert_true(n > 0);
    assert_int_equal(hl_disk_free("/nonexistent", &n, &err), HL_ENOTFOUND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_place_is_written_and_read), cmocka_unit_test(a_lock_is_one_openings),
        cmocka_unit_test(a_renamed_file_is_elsewhere),   cmocka_unit_test(secrets_are_their_owners),
        cmocka_unit_test(failures_have_words),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
