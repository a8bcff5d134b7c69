#include "cli/show_text.h"

#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static hl_str options_stop[] = {{"<|im_end|>", 10}};

static hl_model_info sample(void) {
    hl_model_info info = {.name = HL_STR("tiny:latest"),
                          .path = HL_STR("/models/tiny.gguf"),
                          .family = HL_STR("llama"),
                          .quantization = HL_STR("Q8_0"),
                          .parameters_text = HL_STR("23.08M"),
                          .ctx_train = 4096,
                          .n_embd = 512,
                          .can_complete = true,
                          .can_think = true,
                          .can_use_tools = true,
                          .license = HL_STR("\nfirst\n \nsecond\r\nthird\n")};
    hl_options_init(&info.options);
    info.metadata = json_object_new_object();
    info.tensors = json_object_new_array();
    return info;
}

static void release(hl_model_info *info) {
    json_object_put(info->metadata);
    json_object_put(info->tensors);
}

static void the_layout_is_ollamas(void **state) {
    (void)state;
    hl_model_info info = sample();
    hl_buf out;
    hl_buf_init(&out, 0);
    assert_int_equal(hl_options_set_text(&info.options, HL_STR("temperature"), HL_STR("0.5"), NULL),
                     HL_OK);
    info.options.stop = options_stop;
    info.options.n_stop = 1;
    hl__show_info(&info, false, &out);
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
    hl_buf_deinit(&out);
    release(&info);
}

static void strangers_metadata_cannot_break_a_line(void **state) {
    (void)state;
    hl_model_info info = sample();
    hl_buf out;
    hl_buf_init(&out, 0);
    json_object_object_add(info.metadata, "b", json_object_new_string("x\ny\x1b[2J"));
    json_object_object_add(info.metadata, "a", json_object_new_int(1));
    struct json_object *words = NULL;
    assert_int_equal(hl_json_parse(HL_STR("[\"!\",\"two\",3,\"four\",5]"), &words, NULL), HL_OK);
    json_object_object_add(info.metadata, "words", words);
    json_object_object_add(info.metadata, "none", json_object_new_array());
    char longer[200];
    memset(longer, 'z', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    memcpy(longer + 58, "\xE2\x82\xAC", 3); /* the cut must not fall into it */
    json_object_object_add(info.metadata, "c", json_object_new_string(longer));
    hl__show_info(&info, true, &out);
    assert_non_null(strstr(out.ptr, "  Metadata\n    a        1"));
    assert_non_null(strstr(out.ptr, "    b        x y [2J"));
    assert_non_null(strstr(out.ptr, "zz..."));
    assert_non_null(strstr(out.ptr, "    words    [! two 3 ...+2 more] "));
    assert_non_null(strstr(out.ptr, "    none     [] "));
    assert_int_equal(hl_utf8_check(hl_buf_str(&out)), out.len);
    hl_buf_deinit(&out);
    release(&info);
}

static void parameters_are_lines(void **state) {
    (void)state;
    hl_options o;
    hl_buf out;
    hl_options_init(&o);
    hl_buf_init(&out, 0);
    hl__show_parameters(&o, "", &out);
    assert_int_equal(out.len, 0);
    assert_int_equal(hl_options_set_text(&o, HL_STR("seed"), HL_STR("1"), NULL), HL_OK);
    o.stop = options_stop;
    o.n_stop = 1;
    hl__show_parameters(&o, "", &out);
    assert_string_equal(out.ptr, "seed                           1\n"
                                 "stop                           \"<|im_end|>\"\n");
    hl_buf_deinit(&out);
}

static void json_is_json(void **state) {
    (void)state;
    hl_model_info info = sample();
    hl_buf out;
    struct json_object *o = NULL;
    hl_buf_init(&out, 0);
    hl__show_json(&info, true, &out);
    assert_int_equal(hl_json_parse(hl_str_slice(hl_buf_str(&out), 0, out.len), &o, NULL), HL_OK);
    struct json_object *details = json_object_object_get(o, "details");
    assert_string_equal(json_object_get_string(json_object_object_get(details, "family")), "llama");
    assert_int_equal(json_object_array_length(json_object_object_get(o, "capabilities")), 3);
    assert_non_null(json_object_object_get(o, "tensors"));
    json_object_put(o);
    hl_buf_deinit(&out);
    release(&info);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_layout_is_ollamas),
        cmocka_unit_test(strangers_metadata_cannot_break_a_line),
        cmocka_unit_test(parameters_are_lines),
        cmocka_unit_test(json_is_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
