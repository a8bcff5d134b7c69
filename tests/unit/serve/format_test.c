/* What --format takes. */
#include "serve/format.h"
#include "testing.h"

static hl_error err;

static void json_and_schemas_are_formats(void **state) {
    (void)state;
    hl_format format;
    struct json_object *schema;
    assert_int_equal(hl_format_parse(HL_STR(""), &format, &schema, &err), HL_OK);
    assert_int_equal(format, HL_FORMAT_TEXT);
    assert_int_equal(hl_format_parse(HL_STR("json"), &format, &schema, &err), HL_OK);
    assert_int_equal(format, HL_FORMAT_JSON);
    assert_null(schema);
    hl_str text = HL_STR("{\"type\": \"integer\"}");
    assert_int_equal(hl_format_parse(text, &format, &schema, &err), HL_OK);
    assert_int_equal(format, HL_FORMAT_SCHEMA);
    assert_int_equal(json_object_object_length(schema), 1);
    json_object_put(schema);
}

static void others_are_refused_as_ollama_does(void **state) {
    (void)state;
    hl_format format;
    struct json_object *schema;
    assert_int_equal(hl_format_parse(HL_STR("xml"), &format, &schema, &err), HL_EINVAL);
    assert_string_equal(err.text,
                        "invalid format: \"xml\"; expected \"json\" or a valid JSON Schema object");
    assert_int_equal(hl_format_parse(HL_STR("[1]"), &format, &schema, &err), HL_EINVAL);
    assert_int_equal(hl_format_parse(HL_STR("{\"a\""), &format, &schema, &err), HL_EFORMAT);
    assert_non_null(strstr(err.text, "invalid format: "));
    assert_null(schema);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_and_schemas_are_formats),
        cmocka_unit_test(others_are_refused_as_ollama_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
