/* Where a store is when nobody says so. */
#include "base/dir.h"
#include "stored_model.h"

#include <sys/stat.h>

static char home[64];

static int set_up(void **state) {
    (void)state;
    temp_dir_make(home);
    return setenv("HOME", home, 1);
}

static int tear_down(void **state) {
    (void)state;
    temp_dir_remove(home);
    return unsetenv("HYPERLLAMA_MODELS_READ");
}

static void expect_root(const char *models_dir, const char *want) {
    hl_store *s;
    hl_error err;
    if (hl_store_open_default(models_dir, &s, &err) < 0) fail_msg("%s", err.text);
    assert_string_equal(hl_store_root(s), want);
    hl_store_close(s);
}

static void a_given_directory_is_taken(void **state) {
    (void)state;
    expect_root("/somewhere", "/somewhere");
}

static void ollamas_is_used_when_it_exists(void **state) {
    (void)state;
    char ours[128], theirs[128];
    (void)snprintf(ours, sizeof ours, "%s/.hyperllama/models", home);
    (void)snprintf(theirs, sizeof theirs, "%s/.ollama/models", home);
    if (access("/usr/share/ollama/.ollama/models", F_OK) != 0) expect_root("", ours);
    hl_error err;
    assert_int_equal(hl_dir_make_all(theirs, &err), HL_OK);
    expect_root(NULL, theirs);
    expect_root("", theirs);
}

static void read_only_ones_come_besides(void **state) {
    (void)state;
    stored a, b;
    char list[160];
    hl_store *s;
    stored_init(&a);
    stored_init(&b);
    (void)stored_make(&a, "one", NULL, 1);
    (void)stored_make(&b, "two", NULL, 2);
    (void)snprintf(list, sizeof list, "%s:%s", a.dir, b.dir);
    assert_int_equal(setenv("HYPERLLAMA_MODELS_READ", list, 1), 0);
    assert_int_equal(hl_store_open_default(home, &s, &a.err), HL_OK);
    hl_store_item item;
    hl_name one = stored_name("one"), two = stored_name("two");
    assert_int_equal(hl_store_find(s, &one, &item, &a.err), HL_OK);
    assert_int_equal(hl_store_find(s, &two, &item, &a.err), HL_OK);
    hl_store_close(s);
    hl_store_close(NULL);
    stored_deinit(&a);
    stored_deinit(&b);
}

int main(void) {
#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(a_given_directory_is_taken),
        EACH(ollamas_is_used_when_it_exists),
        EACH(read_only_ones_come_besides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
