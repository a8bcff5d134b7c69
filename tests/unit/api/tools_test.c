#include "api/fields.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static hl_error err;

static struct json_object *json(const char *text) {
    struct json_object *o = NULL;
    assert_int_equal(hl_json_parse(hl_str_from(text), &o, &err), HL_OK);
    return o;
}

static void tools_have_names(void **state) {
    (void)state;
    hl_request req = {0};
    struct json_object *v = json("[{\"type\":\"function\",\"function\":{\"name\":\"f\"}},"
                                 "{\"function\":{\"name\":\"g\",\"parameters\":5}}]");
    assert_int_equal(hl__read_tools(v, &req, &err), HL_OK);
    assert_ptr_equal(req.tools, v);
    json_object_put(v);
    v = json("[]");
    assert_int_equal(hl__read_tools(v, &req, &err), HL_OK);
    assert_null(req.tools);
    json_object_put(v);
}

static void bad_tools_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *json, *text;
    } bad[] = {
        {"[5]", "tools[0] has no function with a name"},
        {"[null]", "tools[0] has no function with a name"},
        {"[{\"type\":\"function\"}]", "tools[0] has no function with a name"},
        {"[{\"type\":\"function\",\"function\":{\"name\":\"\"}}]",
         "tools[0] has no function with a name"},
        {"[{\"function\":{\"name\":\"f\"}},{\"type\":\"web_search\"}]",
         "tools[1]: the type \"web_search\" is not supported"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        hl_request req = {0};
        struct json_object *v = json(bad[i].json);
        assert_int_equal(hl__read_tools(v, &req, &err), HL_EINVAL);
        assert_string_equal(err.text, bad[i].text);
        json_object_put(v);
    }
}

static hl_status choose(const char *choice, struct json_object *tools, hl_request *req,
                        struct json_object **ret) {
    *req = (hl_request){.tools = tools};
    *ret = json(choice);
    return hl__read_tool_choice(*ret, req, &err);
}

static void choices_are_read(void **state) {
    (void)state;
    hl_request req;
    struct json_object *tools = json("[{\"function\":{\"name\":\"f\"}}]"), *v;
    assert_int_equal(choose("\"none\"", tools, &req, &v), HL_OK);
    assert_true(req.tool_choice == HL_TOOLS_NONE && !req.tools);
    json_object_put(v);
    assert_int_equal(choose("\"auto\"", tools, &req, &v), HL_OK);
    assert_true(req.tool_choice == HL_TOOLS_AUTO && req.tools);
    json_object_put(v);
    assert_int_equal(choose("\"required\"", tools, &req, &v), HL_OK);
    assert_int_equal(req.tool_choice, HL_TOOLS_REQUIRED);
    json_object_put(v);
    assert_int_equal(
        choose("{\"type\":\"function\",\"function\":{\"name\":\"f\"}}", tools, &req, &v), HL_OK);
    assert_true(req.tool_choice == HL_TOOLS_NAMED && hl_str_is(req.tool_name, "f"));
    json_object_put(v);
    static const char *const bad[] = {"\"maybe\"", "5", "{}", "{\"function\":{\"name\":\"g\"}}",
                                      "[]"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(choose(bad[i], tools, &req, &v), HL_EINVAL);
        json_object_put(v);
    }
    assert_int_equal(choose("\"required\"", NULL, &req, &v), HL_EINVAL);
    json_object_put(v);
    json_object_put(tools);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tools_have_names),
        cmocka_unit_test(bad_tools_are_refused),
        cmocka_unit_test(choices_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
