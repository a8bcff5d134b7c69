#include "serve/catalog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static hl_catalog *catalog;
static hl_error err;

static int set_up(void **state) {
    (void)state;
    return hl_catalog_open(&catalog, &err) < 0;
}

static int tear_down(void **state) {
    (void)state;
    hl_catalog_close(catalog);
    return 0;
}

static void names_find_one_entry(void **state) {
    (void)state;
    static const char *const names[] = {"tiny", "Tiny:LATEST", "library/tiny",
                                        "registry.ollama.ai/library/tiny:latest"};
    const hl_catalog_entry *first, *e;
    assert_int_equal(hl_catalog_find(catalog, HL_STR("tiny"), &first, &err), HL_OK);
    assert_string_equal(first->name, "tiny:latest");
    assert_true(first->bytes > 0 && first->info.can_complete);
    assert_int_equal(strlen(first->digest), 64);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(hl_catalog_find(catalog, hl_str_from(names[i]), &e, &err), HL_OK);
        assert_ptr_equal(e, first);
    }
}

static void paths_are_no_names(void **state) {
    (void)state;
    static const struct {
        const char *name;
        hl_status st;
    } cases[] = {
        {"", HL_EINVAL},           {"a b", HL_EINVAL},     {"/etc/passwd", HL_EINVAL},
        {"../tiny", HL_EINVAL},    {"./x", HL_EINVAL},     {"library/../x", HL_EINVAL},
        {"x.gguf", HL_ENOTFOUND},  {"me/x", HL_ENOTFOUND}, {"models/tiny/x.gguf", HL_ENOTFOUND},
        {"t\xC3\xA4g", HL_EINVAL}, {"nope", HL_ENOTFOUND}, {"tiny:1b", HL_ENOTFOUND},
        {":", HL_EINVAL},
    };
    const hl_catalog_entry *e;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(hl_catalog_find(catalog, hl_str_from(cases[i].name), &e, &err),
                         cases[i].st);
}

static void the_list_has_each_model_once(void **state) {
    (void)state;
    const hl_catalog_entry *list[16];
    size_t n_tiny = 0;
    for (int again = 0; again < 2; again++) {
        size_t n = hl_catalog_list(catalog, list, 16);
        n_tiny = 0;
        for (size_t i = 0; i < n; i++) n_tiny += strcmp(list[i]->name, "tiny:latest") == 0;
        assert_int_equal(n_tiny, 1);
    }
}

static void details_have_arrays(void **state) {
    (void)state;
    const hl_catalog_entry *e;
    hl_model_info info;
    assert_int_equal(hl_catalog_find(catalog, HL_STR("tiny"), &e, &err), HL_OK);
    assert_int_equal(hl_catalog_details(e, &info, &err), HL_OK);
    assert_null(json_object_object_get(e->info.metadata, "tokenizer.ggml.tokens"));
    assert_non_null(json_object_object_get(info.metadata, "tokenizer.ggml.tokens"));
    hl_model_info_deinit(&info);
}

/* A file that is written anew is another entry; one that is broken is none. */
static void changes_are_seen(void **state) {
    (void)state;
    char dir[] = "/tmp/hyperllama-catalog-XXXXXX", model[64], path[96];
    const hl_catalog_entry *e, *list[16];
    assert_non_null(mkdtemp(dir));
    snprintf(model, sizeof model, "%s/broken", dir);
    snprintf(path, sizeof path, "%s/x.gguf", model);
    assert_int_equal(mkdir(model, 0700), 0);
    FILE *f = fopen(path, "w");
    assert_true(f && fputs("no model", f) >= 0 && fclose(f) == 0);
    assert_int_equal(setenv("HYPERLLAMA_MODELS_DIR", dir, 1), 0);
    assert_true(hl_catalog_find(catalog, HL_STR("broken"), &e, &err) < 0);
    size_t n = hl_catalog_list(catalog, list, 16);
    for (size_t i = 0; i < n; i++) assert_string_not_equal(list[i]->name, "broken:latest");
    unsetenv("HYPERLLAMA_MODELS_DIR");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(model), 0);
    assert_int_equal(rmdir(dir), 0);
    assert_int_equal(hl_catalog_find(catalog, HL_STR("broken"), &e, &err), HL_ENOTFOUND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_find_one_entry),
        cmocka_unit_test(paths_are_no_names),
        cmocka_unit_test(the_list_has_each_model_once),
        cmocka_unit_test(details_have_arrays),
        cmocka_unit_test(changes_are_seen),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
