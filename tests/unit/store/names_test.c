#include "store/names.h"
#include "testing.h"

static hl_error err;

static void names_have_defaults(void **state) {
    (void)state;
    static const struct {
        const char *text, *path, *shown;
    } cases[] = {
        {"tiny", "registry.ollama.ai/library/tiny/latest", "tiny:latest"},
        {"Tiny:7B-q4_K_M", "registry.ollama.ai/library/Tiny/7B-q4_K_M", "Tiny:7B-q4_K_M"},
        {"me/tiny", "registry.ollama.ai/me/tiny/latest", "me/tiny:latest"},
        {"hf.co/a/b.c:Q4", "hf.co/a/b.c/Q4", "hf.co/a/b.c:Q4"},
        {"localhost:5000/a/b", "localhost:5000/a/b/latest", "localhost:5000/a/b:latest"},
        {"https://hf.co/a/b", "hf.co/a/b/latest", "hf.co/a/b:latest"},
        {"registry.ollama.ai/library/x:1", "registry.ollama.ai/library/x/1", "x:1"},
        {"REGISTRY.ollama.ai/Library/x:1", "REGISTRY.ollama.ai/Library/x/1", "x:1"},
        {"hf.co/library/x", "hf.co/library/x/latest", "hf.co/library/x:latest"},
        {"x@sha256:00", "registry.ollama.ai/library/x/latest", "x:latest"},
        {"_x", "registry.ollama.ai/library/_x/latest", "_x:latest"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[HL_NAME_TEXT_MAX];
        hl_name n;
        assert_int_equal(hl_name_parse(hl_str_from(cases[i].text), &n, &err), HL_OK);
        hl_name_path(&n, text);
        assert_string_equal(text, cases[i].path);
        hl_name_text(&n, text);
        assert_string_equal(text, cases[i].shown);
    }
}

static void what_is_no_name_is_refused(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",      ":",         "x:",    ":x",         "/",         "/x",       "x/",
        "a//b",  "../x",      "a/..",  "./x.gguf",   ".x",        "-x",       "x y",
        "x:y:z", "a/b/c/d/e", "a.b/c", "t\xC3\xA4g", "x\ny",      "x:.y",     "x\\y",
        "a:1/b", "~/x",       "x:a/b", "a/b:",       "@sha256:0", "https://", "x%2e",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hl_name n;
        hl_str s = hl_str_from(cases[i]);
        if (hl_name_parse(s, &n, &err) != HL_EINVAL) fail_msg("%s is taken", cases[i]);
        assert_string_equal(err.text, "invalid model name");
    }
    char zero[] = {'x', '\0', 'y'};
    hl_name n;
    assert_int_equal(hl_name_parse((hl_str){zero, 3}, &n, &err), HL_EINVAL);
}

static void parts_have_limits(void **state) {
    (void)state;
    char text[HL_NAME_HOST_MAX + 2 * HL_NAME_PART_MAX];
    hl_name n;
    memset(text, 'a', sizeof text);
    assert_int_equal(hl_name_parse((hl_str){text, HL_NAME_PART_MAX}, &n, &err), HL_OK);
    assert_int_equal(hl_name_parse((hl_str){text, HL_NAME_PART_MAX + 1}, &n, &err), HL_EINVAL);
    memcpy(text + HL_NAME_HOST_MAX, "/b/c", 4);
    assert_int_equal(hl_name_parse((hl_str){text, HL_NAME_HOST_MAX + 4}, &n, &err), HL_OK);
    char shown[HL_NAME_TEXT_MAX];
    hl_name_full_text(&n, shown);
    assert_int_equal(strlen(shown), HL_NAME_HOST_MAX + strlen("/b/c:latest"));
}

static void case_does_not_tell_names_apart(void **state) {
    (void)state;
    hl_name a, b, c;
    assert_int_equal(hl_name_parse(HL_STR("me/Tiny:V1"), &a, &err), HL_OK);
    assert_int_equal(hl_name_parse(HL_STR("ME/tiny:v1"), &b, &err), HL_OK);
    assert_int_equal(hl_name_parse(HL_STR("me/tiny:v2"), &c, &err), HL_OK);
    assert_true(hl_name_same(&a, &b));
    assert_false(hl_name_same(&a, &c));
}

static void parts_of_a_tree_are_checked(void **state) {
    (void)state;
    hl_name n;
    const char *good[] = {"h", "s", "m", "t"}, *bad[] = {"h", "s", ".m", "t"};
    assert_true(hl_name_from_parts(good, &n));
    assert_string_equal(n.model, "m");
    assert_false(hl_name_from_parts(bad, &n));
}

static void cloud_names_are_known(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool cloud;
    } cases[] = {{"x:cloud", true},
                 {"x:7b-cloud", true},
                 {"x:7b-Cloud", true},
                 {"x:cloudy", false},
                 {"cloud", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hl_name n;
        assert_int_equal(hl_name_parse(hl_str_from(cases[i].text), &n, &err), HL_OK);
        assert_int_equal(hl_name_is_cloud(&n), cases[i].cloud);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_have_defaults),
        cmocka_unit_test(what_is_no_name_is_refused),
        cmocka_unit_test(parts_have_limits),
        cmocka_unit_test(case_does_not_tell_names_apart),
        cmocka_unit_test(parts_of_a_tree_are_checked),
        cmocka_unit_test(cloud_names_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
