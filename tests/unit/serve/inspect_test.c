#include "serve/inspect.h"

#include "base/json.h"

#include "testing.h"

static hl_error err;

static size_t n_tokens(hl_inspect *m, const char *text, bool parse_special) {
    hl_tokens tokens = {0};
    assert_int_equal(hl_inspect_tokenize(m, hl_str_from(text), parse_special, &tokens, &err),
                     HL_OK);
    size_t n = tokens.n;
    hl_tokens_deinit(&tokens);
    return n;
}

static void tokens_have_no_bos(void **state) {
    (void)state;
    hl_inspect m;
    assert_int_equal(hl_inspect_open(HL_STR("tiny"), &m, &err), HL_OK);
    assert_int_equal(n_tokens(&m, "<|im_end|>", true), 1);
    assert_true(n_tokens(&m, "<|im_end|>", false) > 1);
    assert_int_equal(n_tokens(&m, "", true), 0);
    hl_inspect_close(&m);
}

static void what_is_not_there_is_an_error(void **state) {
    (void)state;
    hl_inspect m;
    assert_int_equal(hl_inspect_open(HL_STR("nope"), &m, &err), HL_ENOTFOUND);
    assert_string_equal(err.text, "model 'nope:latest' not found");
    assert_int_equal(hl_inspect_open(HL_STR("no pe"), &m, &err), HL_EINVAL);
    assert_int_equal(hl_inspect_open(HL_STR("/nowhere/x.gguf"), &m, &err), HL_ENOTFOUND);
    assert_int_equal(hl_inspect_open(HL_STR("Makefile.gguf"), &m, &err), HL_ENOTFOUND);
    hl_inspect_close(&m); /* nothing is held */
}

static struct json_object *variables(void) {
    struct json_object *v = NULL;
    assert_int_equal(
        hl_json_parse(HL_STR("{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}"), &v, &err),
        HL_OK);
    return v;
}

static void a_models_own_template_renders(void **state) {
    (void)state;
    hl_inspect m;
    hl_buf out;
    struct json_object *v = variables();
    hl_buf_init(&out, 0);
    assert_int_equal(hl_inspect_open(HL_STR("tiny"), &m, &err), HL_OK);
    assert_int_equal(hl_inspect_render(&m, v, 0, &out, &err), HL_OK);
    assert_string_equal(out.ptr, "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
    hl_inspect_close(&m);
    hl_buf_deinit(&out);
    json_object_put(v);
}

static void any_template_renders(void **state) {
    (void)state;
    hl_buf out;
    struct json_object *v = variables();
    hl_buf_init(&out, 0);
    assert_int_equal(hl_render_text("t", HL_STR("{{ documents is none }}"), v, 0, &out, &err),
                     HL_OK);
    assert_string_equal(out.ptr, "True");
    hl_buf_reset(&out);
    assert_int_equal(hl_render_text("dir/t.jinja", HL_STR("\n{{ 1/0 }}"), v, 0, &out, &err),
                     HL_EFORMAT);
    assert_string_equal(err.text, "dir/t.jinja:2:5: division by zero");
    hl_buf_deinit(&out);
    json_object_put(v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_have_no_bos),
        cmocka_unit_test(what_is_not_there_is_an_error),
        cmocka_unit_test(a_models_own_template_renders),
        cmocka_unit_test(any_template_renders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
