#include "store/sources.h"

#include "stored_model.h"

#include <sys/stat.h>

typedef struct place {
    char dir[64];
    hl_arena *arena;
    hl_error err;
} place;

static int set_up(void **state) {
    static place p;
    memset(&p, 0, sizeof p);
    temp_dir_make(p.dir);
    p.arena = hl_arena_create(0);
    *state = &p;
    return 0;
}

static int tear_down(void **state) {
    place *p = *state;
    hl_arena_destroy(p->arena);
    temp_dir_remove(p->dir);
    return 0;
}

static void path_in(const place *p, const char *name, char ret[256]) {
    (void)snprintf(ret, 256, "%s/%s", p->dir, name);
}

static void make_dir(const place *p, const char *name) {
    char path[256];
    path_in(p, name, path);
    assert_int_equal(mkdir(path, 0755), 0);
}

static void write_text(const place *p, const char *name, const char *text) {
    char path[256];
    hl_error err;
    path_in(p, name, path);
    assert_int_equal(hl_file_write(path, (hl_bytes){(const uint8_t *)text, strlen(text)}, &err),
                     HL_OK);
}

static void write_gguf(const place *p, const char *name, uint32_t seed) {
    char path[256];
    path_in(p, name, path);
    stored_write_gguf(path, HL_DTYPE_Q8_0, NULL, seed);
}

static hl_status find(place *p, const char *value, hl_source *ret) {
    return hl_source_find(hl_str_from(value), p->dir, p->arena, ret, &p->err);
}

static void paths_are_expanded(void **state) {
    (void)state;
    static const struct {
        const char *path, *base, *want;
    } cases[] = {{"/a/b", "x", "/a/b"},
                 {"a", "x", "x/a"},
                 {"a", "x/", "x/a"},
                 {"./a", "x", "x/./a"},
                 {"a", "", "a"},
                 {"~", "x", "/home/of-test"},
                 {"~/a b", "x", "/home/of-test/a b"},
                 {"a/~", "x", "x/a/~"},
                 {"", "x", "x"}};
    char path[HL_SOURCE_PATH_MAX];
    hl_error err;
    setenv("HOME", "/home/of-test", 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(hl_path_expand(hl_str_from(cases[i].path), cases[i].base, path, &err),
                         HL_OK);
        assert_string_equal(path, cases[i].want);
    }
    assert_int_equal(hl_path_expand(HL_STR("~root/x"), "", path, &err), HL_OK);
    assert_true(path[0] == '/' && hl_str_ends(hl_str_from(path), HL_STR("/x")));
    assert_int_equal(hl_path_expand(HL_STR("~no-such-user-here/x"), "", path, &err), HL_ENOTFOUND);
    assert_int_equal(hl_path_expand(HL_STR("a\0b"), "", path, &err), HL_EINVAL);
}

static void a_long_path_is_refused(void **state) {
    (void)state;
    static char text[HL_SOURCE_PATH_MAX + 8];
    char path[HL_SOURCE_PATH_MAX];
    memset(text, 'a', sizeof text - 1);
    assert_int_equal(hl_path_expand(hl_str_from(text), "b", path, NULL), HL_ELIMIT);
}

static void a_name_is_a_model(void **state) {
    place *p = *state;
    hl_source s;
    static const char *const names[] = {"llama3.2", "org/name:7b", "hf.co/a/b:Q4_K_M"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(find(p, names[i], &s), HL_OK);
        assert_true(hl_str_is(s.model, names[i]));
    }
    make_dir(p, "llama3.2"); /* with nothing in it */
    assert_int_equal(find(p, "llama3.2", &s), HL_OK);
    assert_true(s.model.len > 0);
    assert_int_equal(find(p, "./llama3.2", &s), HL_ENOTFOUND);
}

static void a_file_is_its_weights(void **state) {
    place *p = *state;
    hl_source s;
    char path[256];
    write_gguf(p, "odd name", 1);
    assert_int_equal(find(p, "odd name", &s), HL_OK);
    assert_int_equal(s.n_files, 1);
    assert_true(hl_str_is(s.files[0].name, "odd name"));
    path_in(p, "odd name", path);
    assert_int_equal(find(p, path, &s), HL_OK);
    assert_string_equal(s.files[0].path, path);
}

static void one_part_means_all(void **state) {
    place *p = *state;
    hl_source s;
    write_gguf(p, "m-00001-of-00002.gguf", 1);
    assert_int_equal(find(p, "m-00001-of-00002.gguf", &s), HL_ENOTFOUND);
    assert_non_null(strstr(p->err.text, "m-00002-of-00002.gguf"));
    write_gguf(p, "m-00002-of-00002.gguf", 2);
    for (unsigned part = 1; part <= 2; part++) {
        assert_int_equal(find(p, part == 1 ? "m-00001-of-00002.gguf" : "m-00002-of-00002.gguf", &s),
                         HL_OK);
        assert_int_equal(s.n_files, 2);
        assert_true(hl_str_is(s.files[0].name, "m-00001-of-00002.gguf"));
        assert_true(hl_str_is(s.files[1].name, "m-00002-of-00002.gguf"));
    }
}

static void a_directory_is_one_model(void **state) {
    place *p = *state;
    hl_source s;
    make_dir(p, "d");
    write_text(p, "d/README.md", "x");
    assert_int_equal(find(p, "./d", &s), HL_ENOTFOUND);
    write_gguf(p, "d/a.gguf", 1);
    assert_int_equal(find(p, "d", &s), HL_OK);
    assert_int_equal(s.n_files, 1);
    write_gguf(p, "d/b.gguf", 2);
    assert_int_equal(find(p, "d", &s), HL_EINVAL);
    assert_non_null(strstr(p->err.text, "several models (a.gguf, b.gguf)"));
    write_text(p, "d/model.safetensors", "x");
    write_text(p, "d/config.json", "{}");
    write_text(p, "d/pytorch_model.bin", "x");
    assert_int_equal(find(p, "d", &s), HL_OK);
    assert_int_equal(s.n_files, 2);
    assert_true(hl_str_is(s.files[0].name, "config.json"));
    assert_true(hl_str_is(s.files[1].name, "model.safetensors"));
}

static void only_one_form_of_the_weights_is_taken(void **state) {
    place *p = *state;
    hl_source s;
    make_dir(p, "d");
    write_text(p, "d/config.json", "{}");
    write_text(p, "d/consolidated.safetensors", "x");
    assert_int_equal(find(p, "d", &s), HL_OK);
    assert_int_equal(s.n_files, 2);
    assert_true(hl_str_is(s.files[1].name, "consolidated.safetensors"));
    write_text(p, "d/model-00001-of-00002.safetensors", "x");
    write_text(p, "d/model-00002-of-00002.safetensors", "x");
    write_text(p, "d/model.safetensors.index.json", "{}");
    assert_int_equal(find(p, "d", &s), HL_OK);
    assert_int_equal(s.n_files, 4);
    for (size_t i = 0; i < s.n_files; i++)
        assert_false(hl_str_starts(s.files[i].name, HL_STR("consolidated")));
}

static void links_do_not_lead_out(void **state) {
    place *p = *state;
    hl_source s;
    char path[256];
    make_dir(p, "d");
    write_gguf(p, "outside.gguf", 1);
    path_in(p, "d/a.gguf", path);
    assert_int_equal(symlink("../outside.gguf", path), 0);
    assert_int_equal(find(p, "d", &s), HL_EINVAL);
    assert_non_null(strstr(p->err.text, "leads out"));
    assert_int_equal(find(p, "d/a.gguf", &s), HL_OK); /* the user has named it */
    make_dir(p, "e");
    make_dir(p, "e/dir.safetensors"); /* a directory is no file */
    assert_int_equal(find(p, "./e", &s), HL_ENOTFOUND);
}

static void others_are_refused_by_name(void **state) {
    place *p = *state;
    hl_source s;
    static const struct {
        const char *name, *want;
        hl_status status;
    } cases[] = {
        {"pytorch_model.bin", "pytorch_model.bin is a PyTorch file", HL_EUNSUPPORTED},
        {"x.pth", "x.pth is a PyTorch file", HL_EUNSUPPORTED},
        {"x.safetensors", "name the directory", HL_EINVAL},
        {"x.gguf", "x.gguf is not a GGUF file", HL_EFORMAT},
    };
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(find(p, cases[i].name, &s), HL_ENOTFOUND);
        write_text(p, cases[i].name, "PK");
        assert_int_equal(find(p, cases[i].name, &s), cases[i].status);
        assert_non_null(strstr(p->err.text, cases[i].want));
    }
    make_dir(p, "d");
    write_text(p, "d/pytorch_model.bin", "PK");
    assert_int_equal(find(p, "d", &s), HL_EUNSUPPORTED);
    write_gguf(p, "really.bin", 1); /* what it is counts */
    assert_int_equal(find(p, "really.bin", &s), HL_OK);
    assert_int_equal(find(p, "no name!", &s), HL_EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_expanded),
        cmocka_unit_test(a_long_path_is_refused),
        cmocka_unit_test_setup_teardown(a_name_is_a_model, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_is_its_weights, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_part_means_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_directory_is_one_model, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_one_form_of_the_weights_is_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(links_do_not_lead_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(others_are_refused_by_name, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
