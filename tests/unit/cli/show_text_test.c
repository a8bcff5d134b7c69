#include "cli/show_text.h"

#include "base/json.h"
#include "base/utf8.h"

#include "testing.h"

static struct json_object *parse(const char *text) {
    struct json_object *o = NULL;
    assert_int_equal(hl_json_parse(hl_str_from(text), &o, NULL), HL_OK);
    return o;
}

/* What a server says of a model with this metadata. */
static struct json_object *sample(void) {
    return parse(
        "{\"license\":\"\\nfirst\\n \\nsecond\\r\\nthird\\n\","
        "\"modelfile\":\"# FROM tiny:latest\\n\\nFROM /models/tiny.gguf\\n\","
        "\"parameters\":\"temperature                    0.5\\n"
        "stop                           \\\"<|im_end|>\\\"\","
        "\"template\":\"{{ x }}\",\"details\":{\"family\":\"llama\",\"parameter_size\":\"23.08M\","
        "\"quantization_level\":\"Q8_0\"},"
        "\"model_info\":{\"general.architecture\":\"llama\",\"llama.context_length\":4096,"
        "\"llama.embedding_length\":512},"
        "\"tensors\":[{\"name\":\"a\",\"type\":\"F32\",\"shape\":[512,4096]}],"
        "\"capabilities\":[\"tools\",\"thinking\",\"completion\"]}");
}

static void the_layout_is_ollamas(void **state) {
    (void)state;
    struct json_object *shown = sample();
    hl_buf out;
    hl_buf_init(&out, 0);
    hl__show_info(shown, false, &out);
    assert_string_equal(out.ptr, "  Model\n"
                                 "    architecture        llama     \n"
                                 "    parameters          23.08M    \n"
                                 "    context length      4096      \n"
                                 "    embedding length    512       \n"
                                 "    quantization        Q8_0      \n"
                                 "\n"
                                 "  Capabilities\n"
                                 "    tools         \n"
                                 "    thinking      \n"
                                 "    completion    \n"
                                 "\n"
                                 "  Parameters\n"
                                 "    temperature    0.5             \n"
                                 "    stop           \"<|im_end|>\"    \n"
                                 "\n"
                                 "  License\n"
                                 "    first     \n"
                                 "    second    \n"
                                 "    ...       \n"
                                 "\n");
    assert_true(hl__shown_can(shown, "tools"));
    assert_false(hl__shown_can(shown, "embedding"));
    hl_buf_deinit(&out);
    json_object_put(shown);
}

static void strangers_metadata_cannot_break_a_line(void **state) {
    (void)state;
    struct json_object *shown = sample();
    struct json_object *metadata = json_object_object_get(shown, "model_info");
    hl_buf out;
    hl_buf_init(&out, 0);
    json_object_object_add(metadata, "b", json_object_new_string("x\ny\x1b[2J"));
    json_object_object_add(metadata, "a", json_object_new_int(1));
    json_object_object_add(metadata, "words", parse("[\"!\",\"two\",3,\"four\",5]"));
    json_object_object_add(metadata, "none", json_object_new_array());
    json_object_object_add(metadata, "null", NULL);
    char longer[200];
    memset(longer, 'z', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    memcpy(longer + 58, "\xE2\x82\xAC", 3); /* the cut must not fall into it */
    json_object_object_add(metadata, "c", json_object_new_string(longer));
    hl__show_info(shown, true, &out);
    assert_non_null(strstr(out.ptr, "  Metadata\n    a                         1 "));
    assert_non_null(strstr(out.ptr, "    b                         x y [2J "));
    assert_non_null(strstr(out.ptr, "zz..."));
    assert_non_null(strstr(out.ptr, "    words                     [! two 3 ...+2 more] "));
    assert_non_null(strstr(out.ptr, "    none                      [] "));
    assert_non_null(strstr(out.ptr, "    null                      null "));
    assert_non_null(strstr(out.ptr, "  Tensors\n    a    F32    [512 4096]    \n"));
    assert_int_equal(hl_utf8_check(hl_buf_str(&out)), out.len);
    hl_buf_deinit(&out);
    json_object_put(shown);
}

static void a_strange_answer_is_no_crash(void **state) {
    (void)state;
    static const char *const answers[] = {
        "{}",
        "{\"details\":7,\"model_info\":[],\"capabilities\":{},\"tensors\":\"x\",\"parameters\":1}",
        "{\"capabilities\":[null,1,[]],\"tensors\":[null,{\"shape\":[null]}]}",
        "{\"parameters\":\"\\n\\nx\\n  y\\n\",\"modelfile\":\"FROM /\",\"license\":\"\\n\\n\"}",
        "{\"model_info\":{\"general.architecture\":\"\\u0000\",\".context_length\":1e99}}",
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct json_object *shown = parse(answers[i]), *again;
        hl_buf out;
        hl_buf_init(&out, 0);
        hl__show_info(shown, true, &out);
        hl_buf_reset(&out);
        hl__show_json(shown, HL_STR("x"), true, &out);
        again = parse(out.ptr);
        json_object_put(again);
        hl_buf_deinit(&out);
        json_object_put(shown);
    }
}

static void parameters_are_lines(void **state) {
    (void)state;
    static hl_str stop[] = {{"<|im_end|>", 10}};
    hl_options o;
    hl_buf out;
    hl_options_init(&o);
    hl_buf_init(&out, 0);
    hl__show_parameters(&o, "", &out);
    assert_int_equal(out.len, 0);
    assert_int_equal(hl_options_set_text(&o, HL_STR("seed"), HL_STR("1"), NULL), HL_OK);
    o.stop = stop;
    o.n_stop = 1;
    hl__show_parameters(&o, "", &out);
    assert_string_equal(out.ptr, "seed                           1\n"
                                 "stop                           \"<|im_end|>\"\n");
    hl_buf_deinit(&out);
}

static void json_has_name_and_path(void **state) {
    (void)state;
    struct json_object *shown = sample(), *o;
    hl_buf out;
    hl_buf_init(&out, 0);
    hl__show_json(shown, HL_STR("tiny:latest"), true, &out);
    o = parse(out.ptr);
    struct json_object *details = json_object_object_get(o, "details");
    assert_string_equal(json_object_get_string(json_object_object_get(details, "family")), "llama");
    assert_string_equal(json_object_get_string(json_object_object_get(o, "name")), "tiny:latest");
    assert_string_equal(json_object_get_string(json_object_object_get(o, "path")),
                        "/models/tiny.gguf");
    assert_int_equal(json_object_array_length(json_object_object_get(o, "capabilities")), 3);
    assert_non_null(json_object_object_get(o, "tensors"));
    json_object_put(o);
    hl_buf_reset(&out);
    hl__show_json(shown, HL_STR("tiny:latest"), false, &out);
    o = parse(out.ptr);
    assert_null(json_object_object_get(o, "tensors"));
    json_object_put(o);
    hl_buf_deinit(&out);
    json_object_put(shown);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_layout_is_ollamas),
        cmocka_unit_test(strangers_metadata_cannot_break_a_line),
        cmocka_unit_test(a_strange_answer_is_no_crash),
        cmocka_unit_test(parameters_are_lines),
        cmocka_unit_test(json_has_name_and_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
