#include "serve/resolve.h"

#include "base/fs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/resolve-test-XXXXXX";
static char path[HL_MODEL_PATH_MAX];
static hl_error err;

static hl_status resolve(const char *model) {
    err = (hl_error){0};
    return hl_model_resolve(hl_str_from(model), path, &err);
}

static int set_up(void **state) {
    (void)state;
    char name[128];
    if (!mkdtemp(dir)) return -1;
    snprintf(name, sizeof name, "%s/own", dir);
    if (mkdir(name, 0700) != 0) return -1;
    snprintf(name, sizeof name, "%s/own/own.gguf", dir);
    return hl_file_write(name, (hl_bytes){(const uint8_t *)"x", 1}, NULL) == HL_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    char name[128];
    snprintf(name, sizeof name, "%s/own/own.gguf", dir);
    unlink(name);
    snprintf(name, sizeof name, "%s/own", dir);
    rmdir(name);
    return rmdir(dir);
}

static void a_path_is_taken_as_it_is(void **state) {
    (void)state;
    assert_int_equal(resolve("./some/where.gguf"), HL_OK);
    assert_string_equal(path, "./some/where.gguf");
    assert_int_equal(resolve("x.gguf"), HL_OK);
    assert_string_equal(path, "x.gguf");
    assert_int_equal(resolve("/"), HL_EINVAL);
    assert_non_null(strstr(err.text, "is a directory"));
}

static void a_name_is_looked_for(void **state) {
    (void)state;
    assert_int_equal(resolve("own"), HL_ENOTFOUND);
    setenv("HYPERLLAMA_MODELS_DIR", dir, 1);
    assert_int_equal(resolve("own"), HL_OK);
    assert_non_null(strstr(path, "/own/own.gguf"));
    assert_int_equal(resolve("own:latest"), HL_OK);
    assert_int_equal(resolve("own:8b"), HL_ENOTFOUND);
    unsetenv("HYPERLLAMA_MODELS_DIR");
}

static void a_missing_name_is_told_as_ollama_does(void **state) {
    (void)state;
    assert_int_equal(resolve("nope"), HL_ENOTFOUND);
    assert_string_equal(err.text, "model 'nope:latest' not found");
    assert_int_equal(resolve("nope:1b"), HL_ENOTFOUND);
    assert_string_equal(err.text, "model 'nope:1b' not found");
}

static void what_is_no_name_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"", ":", "a:", ":b", "..", "a b", "a:b:c", "-x", "\xff"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(resolve(bad[i]), HL_EINVAL);
        assert_non_null(strstr(err.text, "invalid model name"));
    }
    static char endless[HL_MODEL_PATH_MAX + 10];
    memset(endless, 'a', sizeof endless - 1);
    assert_int_equal(resolve(endless), HL_EINVAL);
    endless[0] = '/';
    assert_int_equal(resolve(endless), HL_EINVAL);
}

static void display_adds_the_tag(void **state) {
    (void)state;
    char out[64];
    hl_model_display(HL_STR("tiny"), out, sizeof out);
    assert_string_equal(out, "tiny:latest");
    hl_model_display(HL_STR("./x.gguf"), out, sizeof out);
    assert_string_equal(out, "./x.gguf");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_is_taken_as_it_is),
        cmocka_unit_test(a_name_is_looked_for),
        cmocka_unit_test(a_missing_name_is_told_as_ollama_does),
        cmocka_unit_test(what_is_no_name_is_refused),
        cmocka_unit_test(display_adds_the_tag),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
