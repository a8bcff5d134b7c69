#include "temp_dir.h"

#include "base/inside.h"

static char dir[64], path[HL_INSIDE_PATH_MAX];

static void put(const char *name) {
    char full[128];
    (void)snprintf(full, sizeof full, "%s/%s", dir, name);
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    (void)fclose(f);
}

static void put_link(const char *to, const char *name) {
    char full[128];
    (void)snprintf(full, sizeof full, "%s/%s", dir, name);
    assert_int_equal(symlink(to, full), 0);
}

static void what_is_inside(void **state) {
    (void)state;
    hl_error err;
    put("a");
    put_link("a", "b");
    put_link("b", "c");
    assert_int_equal(hl_path_inside(dir, "a", path, &err), HL_OK);
    assert_memory_equal(path + strlen(path) - 2, "/a", 3);
    assert_int_equal(hl_path_inside(dir, "c", path, &err), HL_OK);
    assert_memory_equal(path + strlen(path) - 2, "/a", 3);
    assert_int_equal(hl_path_inside("/", "etc", path, &err), HL_OK);
    assert_string_equal(path, "/etc");
}

static void what_is_not(void **state) {
    (void)state;
    hl_error err;
    put_link("/etc/passwd", "away");
    put_link("../x", "up");
    put_link("nothing", "dangling");
    assert_int_equal(hl_path_inside(dir, "away", path, &err), HL_EINVAL);
    assert_non_null(strstr(err.text, "leads out of"));
    assert_int_equal(hl_path_inside(dir, "up", path, &err), HL_ENOTFOUND);
    assert_int_equal(hl_path_inside(dir, "dangling", path, &err), HL_ENOTFOUND);
    assert_int_equal(hl_path_inside(dir, "missing", path, &err), HL_ENOTFOUND);
    assert_int_equal(hl_path_inside("/no/such/place", "a", path, &err), HL_ENOTFOUND);
}

/* A directory whose name only begins as ours does is another one. */
static void neighbours_are_outside(void **state) {
    (void)state;
    char file[96];
    hl_error err;
    (void)snprintf(file, sizeof file, "%s-file", dir);
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    (void)fclose(f);
    put_link(file, "neighbour");
    assert_int_equal(hl_path_inside(dir, "neighbour", path, &err), HL_EINVAL);
    assert_int_equal(unlink(file), 0);
}

static void names_only(void **state) {
    (void)state;
    static const char *const NAMES[] = {"", ".", "..", "a/b", "/etc/passwd", "../x"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        hl_error err;
        assert_int_equal(hl_path_inside(dir, NAMES[i], path, &err), HL_EINVAL);
    }
}

static int begin(void **state) {
    (void)state;
    temp_dir_make(dir);
    return 0;
}

static int end(void **state) {
    (void)state;
    temp_dir_remove(dir);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_inside, begin, end),
        cmocka_unit_test_setup_teardown(what_is_not, begin, end),
        cmocka_unit_test_setup_teardown(neighbours_are_outside, begin, end),
        cmocka_unit_test_setup_teardown(names_only, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
