/* Templates against Jinja2 (data/template_vectors.json, made by make_template_vectors.py) and the
 * shipped model's chat template against transformers (data/tiny/README.md). */
#include "testing.h"

#include "base/fs.h"
#include "text/template.h"

#include <stdio.h>

static struct json_object *read_json(const char *path) {
    hl_buf b = {0};
    hl_error err = {0};
    struct json_object *o = NULL;
    hl_status st = hl_file_read(path, 64 << 20, &b, &err);
    if (st == HL_OK) st = hl_json_parse(hl_buf_str(&b), &o, &err);
    hl_buf_deinit(&b);
    if (st < 0) fail_msg("%s: %s", path, err.text);
    return o;
}

static hl_str text_of(struct json_object *item, const char *key) {
    struct json_object *s = json_object_object_get(item, key);
    return (hl_str){json_object_get_string(s), (size_t)json_object_get_string_len(s)};
}

static hl_status render(hl_str source, struct json_object *variables, int64_t now_s, hl_buf *ret,
                        hl_error *err) {
    hl_template *t = NULL;
    hl_status st = hl_template_parse("vector", source, &t, err);
    if (st == HL_OK) st = hl_template_render(t, variables, now_s, ret, err);
    hl_template_destroy(t);
    return st;
}

/* Whether the case is right; tells what is wrong. */
static bool check_case(struct json_object *item, struct json_object *variables) {
    enum { NOW = 1707116889 }; /* 2024-02-05 07:08:09, which the recipe used */
    hl_buf out = {0};
    hl_error err = {0};
    hl_str source = text_of(item, "template"), want = text_of(item, "text");
    hl_status st = render(source, variables, NOW, &out, &err);
    struct json_object *raises = json_object_object_get(item, "raises");
    bool right;
    if (raises)
        right = st == HL_EINVAL && strcmp(err.text, json_object_get_string(raises)) == 0;
    else if (json_object_object_get(item, "text"))
        right = st == HL_OK && hl_str_eq(hl_buf_str(&out), want);
    else
        right = st == HL_EFORMAT || st == HL_ELIMIT;
    if (!right)
        fprintf(stderr, "%.*s\n  wanted %.*s\n  got    %s\n", HL_STR_ARG(source), HL_STR_ARG(want),
                st < 0 ? err.text : out.ptr);
    hl_buf_deinit(&out);
    return right;
}

static void vectors_of_jinja(void **state) {
    (void)state;
    struct json_object *data = read_json("tests/conformance/data/template_vectors.json");
    struct json_object *cases = json_object_object_get(data, "cases");
    struct json_object *variables = json_object_object_get(data, "variables");
    size_t n = json_object_array_length(cases), wrong = 0;
    assert_true(n > 250);
    for (size_t i = 0; i < n; i++)
        wrong += !check_case(json_object_array_get_idx(cases, i), variables);
    json_object_put(data);
    if (wrong) fail_msg("%zu of %zu are wrong", wrong, n);
}

/* The case's kwargs beside its messages and tools. */
static struct json_object *variables_of(struct json_object *item) {
    static const char *const KEYS[] = {"messages", "tools", "add_generation_prompt"};
    struct json_object *v = json_object_new_object();
    for (size_t i = 0; i < sizeof KEYS / sizeof KEYS[0]; i++)
        json_object_object_add(v, KEYS[i], json_object_get(json_object_object_get(item, KEYS[i])));
    json_object_object_foreach(json_object_object_get(item, "kwargs"), key, value) {
        json_object_object_add(v, key, json_object_get(value));
    }
    return v;
}

static void chat_template_of_the_shipped_model(void **state) {
    (void)state;
    hl_buf source = {0};
    hl_error err = {0};
    assert_int_equal(hl_file_read("models/tiny/recipe/chat_template.jinja", 1 << 20, &source, &err),
                     HL_OK);
    struct json_object *data = read_json("tests/conformance/data/tiny/chat_template.json");
    struct json_object *cases = json_object_object_get(data, "cases");
    size_t n = json_object_array_length(cases);
    assert_int_equal(n, 53);
    for (size_t i = 0; i < n; i++) {
        struct json_object *item = json_object_array_get_idx(cases, i);
        struct json_object *variables = variables_of(item);
        hl_buf out = {0};
        if (render(hl_buf_str(&source), variables, 0, &out, &err) < 0)
            fail_msg("%s: %s", text_of(item, "name").ptr, err.text);
        if (!hl_str_eq(hl_buf_str(&out), text_of(item, "expected")))
            fail_msg("%s gives %s", text_of(item, "name").ptr, out.ptr);
        hl_buf_deinit(&out);
        json_object_put(variables);
    }
    json_object_put(data);
    hl_buf_deinit(&source);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_jinja),
        cmocka_unit_test(chat_template_of_the_shipped_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
