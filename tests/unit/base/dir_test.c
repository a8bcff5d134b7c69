#include "base/dir.h"

#include "base/fs.h"

#include "temp_dir.h"

#include <sys/stat.h>

static char dir[] = "/tmp/dir-test-XXXXXX";
static const char *const names[] = {"b.gguf", "a.gguf", ".0.gguf", "c.txt"};
enum { NAMES_N = sizeof names / sizeof *names };

static void path_of(const char *name, char out[256]) {
    snprintf(out, 256, "%s/%s", dir, name);
}

static int set_up(void **state) {
    (void)state;
    char path[256];
    if (!mkdtemp(dir)) return -1;
    for (size_t i = 0; i < NAMES_N; i++) {
        path_of(names[i], path);
        if (hl_file_write(path, (hl_bytes){(const uint8_t *)"x", 1}, NULL) < 0) return -1;
    }
    path_of("0.gguf", path);
    return mkdir(path, 0700);
}

static int tear_down(void **state) {
    (void)state;
    char path[256];
    for (size_t i = 0; i < NAMES_N; i++) {
        path_of(names[i], path);
        unlink(path);
    }
    path_of("0.gguf", path);
    rmdir(path);
    return rmdir(dir);
}

static void the_first_file_is_found(void **state) {
    (void)state;
    char got[256], want[256];
    assert_true(hl_dir_first(dir, HL_STR(".gguf"), got, sizeof got));
    path_of("a.gguf", want); /* neither the directory nor the hidden one */
    assert_string_equal(got, want);
    assert_true(hl_dir_first(dir, HL_STR(".txt"), got, sizeof got));
}

static void what_is_not_there_is_not_found(void **state) {
    (void)state;
    char got[256];
    assert_false(hl_dir_first(dir, HL_STR(".bin"), got, sizeof got));
    assert_false(hl_dir_first("/nonexistent/dir", HL_STR(".gguf"), got, sizeof got));
    assert_false(hl_dir_first(dir, HL_STR(".gguf"), got, strlen(dir) + 3));
}

static void count(void *arg, const char *name) {
    size_t *n = arg;
    assert_true(name[0] && name[0] != '.');
    (*n)++;
}

static void all_but_hidden_ones_are_listed(void **state) {
    (void)state;
    size_t n = 0, none = 0;
    hl_dir_each(dir, count, &n);
    assert_true(n >= 2);
    hl_dir_each("/nonexistent/dir", count, &none);
    assert_int_equal(none, 0);
}

static void making_one_that_is_there_is_well(void **state) {
    (void)state;
    char path[256];
    path_of("a.gguf", path);
    assert_true(hl_dir_make(dir));
    assert_false(hl_dir_make(path));
    assert_false(hl_dir_make("/nonexistent/dir"));
}

static hl_status note(void *arg, const char *name, hl_error *err) {
    hl_buf *b = arg;
    if (strcmp(name, "stop") == 0) return hl_fail(err, HL_EINVAL, "test", "stopped");
    hl_buf_append_cstr(b, name);
    return HL_OK;
}

static void directories_are_made_read_and_removed(void **state) {
    (void)state;
    char base[64], deep[128], file[160];
    hl_error err;
    hl_buf found;
    temp_dir_make(base);
    (void)snprintf(deep, sizeof deep, "%s/a/b", base);
    (void)snprintf(file, sizeof file, "%s/.x", deep);
    assert_int_equal(hl_dir_make_all(deep, &err), HL_OK);
    assert_int_equal(hl_dir_make_all(deep, &err), HL_OK);
    assert_int_equal(hl_file_write(file, (hl_bytes){NULL, 0}, &err), HL_OK);
    assert_true(hl_dir_make_all(file, &err) < 0);
    hl_buf_init(&found, 0);
    assert_int_equal(hl_dir_read(deep, note, &found, &err), HL_OK);
    assert_str(hl_buf_str(&found), ".x"); /* hidden ones, too */
    assert_int_equal(hl_dir_read("/nonexistent/dir", note, &found, &err), HL_ENOTFOUND);
    assert_int_equal(hl_dir_remove(deep, &err), HL_DONE);
    assert_int_equal(hl_file_remove(file, &err), HL_OK);
    (void)snprintf(file, sizeof file, "%s/stop", deep);
    assert_int_equal(hl_file_write(file, (hl_bytes){NULL, 0}, &err), HL_OK);
    assert_int_equal(hl_dir_read(deep, note, &found, &err), HL_EINVAL);
    assert_int_equal(hl_file_remove(file, &err), HL_OK);
    assert_int_equal(hl_dir_sync_parent(file, &err), HL_OK);
    assert_int_equal(hl_dir_sync_parent("name-alone", &err), HL_OK);
    assert_int_equal(hl_dir_remove(deep, &err), HL_OK);
    assert_int_equal(hl_dir_sync(deep, &err), HL_ENOTFOUND);
    assert_int_equal(hl_dir_remove(deep, &err), HL_ENOTFOUND);
    hl_buf_deinit(&found);
    temp_dir_remove(base);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_file_is_found),
        cmocka_unit_test(what_is_not_there_is_not_found),
        cmocka_unit_test(all_but_hidden_ones_are_listed),
        cmocka_unit_test(making_one_that_is_there_is_well),
        cmocka_unit_test(directories_are_made_read_and_removed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
