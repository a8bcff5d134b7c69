#include "store/layers.h"
#include "testing.h"

static hl_error err;

static struct json_object *parse(const char *text) {
    struct json_object *o = NULL;
    if (hl_json_parse(hl_str_from(text), &o, &err) < 0) fail_msg("%s: %s", text, err.text);
    return o;
}

static void good_parameters_pass(void **state) {
    (void)state;
    static const char *const good[] = {
        "{}",
        "{\"temperature\":0}",
        "{\"temperature\":0.7,\"num_ctx\":2048,\"top_k\":null}",
        "{\"stop\":[\"a\",\"b\"]}",
        "{\"stop\":\"a\"}",
        "{\"num_ctx\":4096.0}",
        "{\"mirostat\":2,\"use_mmap\":true,\"main_gpu\":0}",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct json_object *o = parse(good[i]);
        if (hl_params_check(o, &err) < 0) fail_msg("%s: %s", good[i], err.text);
        json_object_put(o);
    }
    assert_int_equal(hl_params_check(NULL, &err), HL_OK);
}

static void bad_parameters_are_named(void **state) {
    (void)state;
    static const struct {
        const char *text, *error;
    } bad[] = {
        {"{\"nonsense\":3}", "unknown parameter 'nonsense'"},
        {"{\"num_ctx\":\"abc\"}", "option \"num_ctx\" must be of type integer"},
        {"{\"num_ctx\":1.5}", "option \"num_ctx\" must be of type integer"},
        {"{\"temperature\":\"hot\"}", "option \"temperature\" must be of type float32"},
        {"{\"stop\":3}", "option \"stop\" must be of an array of strings"},
        {"{\"stop\":[3]}", "option \"stop\" must be of an array of strings"},
        {"{\"use_mmap\":1}", "option \"use_mmap\" must be of type boolean"},
        {"[]", "parameters must be an object"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct json_object *o = parse(bad[i].text);
        assert_int_equal(hl_params_check(o, &err), HL_EINVAL);
        assert_string_equal(err.text, bad[i].error);
        json_object_put(o);
    }
    struct json_object *o = parse("{\"top_p\":7}");
    assert_int_equal(hl_params_check(o, &err), HL_EINVAL);
    assert_non_null(strstr(err.text, "top_p"));
    json_object_put(o);
}

static void roles_are_checked(void **state) {
    (void)state;
    struct json_object *o = parse("[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\","
                                  "\"content\":\"\"},{\"role\":\"system\"}]");
    assert_int_equal(hl_messages_check(o, &err), HL_OK);
    json_object_put(o);
    static const char *const bad[] = {"[{\"role\":\"boss\",\"content\":\"x\"}]",
                                      "[{}]",
                                      "[1]",
                                      "{}",
                                      "[{\"role\":\"user\",\"content\":[]}]",
                                      "[{\"role\":\"User\",\"content\":\"x\"}]"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        o = parse(bad[i]);
        if (hl_messages_check(o, &err) != HL_EINVAL) fail_msg("%s is taken", bad[i]);
        json_object_put(o);
    }
}

static void a_child_wins_key_by_key(void **state) {
    (void)state;
    struct json_object *under = parse("{\"top_k\":20,\"stop\":[\"x\",\"y\"],\"seed\":7}");
    struct json_object *over = parse("{\"temperature\":0.10,\"stop\":\"z\",\"seed\":null}");
    hl_buf b;
    hl_buf_init(&b, 0);
    assert_int_equal(hl_params_print(under, over, &b, &err), HL_OK);
    assert_str(hl_buf_str(&b), "{\"seed\":7,\"stop\":[\"z\"],\"temperature\":0.10,\"top_k\":20}\n");
    hl_buf_reset(&b);
    assert_int_equal(hl_params_print(NULL, NULL, &b, &err), HL_OK);
    assert_str(hl_buf_str(&b), "{}\n");
    hl_buf_deinit(&b);
    json_object_put(under);
    json_object_put(over);
}

/* A stored layer may be anybody's: what is of no use is passed over. */
static void options_are_read(void **state) {
    (void)state;
    struct json_object *o = parse(
        "{\"top_k\":20,\"temperature\":0.5,\"stop\":[\"a\",3,\"\",\"b\"],\"num_ctx\":\"x\","
        "\"mirostat\":1,\"top_p\":99,\"seed\":3.7}");
    hl_arena *arena = hl_arena_create(0);
    hl_options read;
    hl_options_init(&read);
    assert_int_equal(hl_params_read(o, arena, &read, &err), HL_OK);
    json_object_put(o);
    assert_int_equal(read.top_k, 20);
    assert_int_equal(read.seed, 3);
    assert_true(read.temperature == 0.5f && read.top_p == 0.9f);
    assert_int_equal(read.n_stop, 2);
    assert_str(read.stop[0], "a");
    assert_str(read.stop[1], "b");
    assert_int_equal(read.set,
                     1ull << HL_OPT_top_k | 1ull << HL_OPT_temperature | 1ull << HL_OPT_seed);
    assert_int_equal(hl_params_read(NULL, arena, &read, &err), HL_OK);
    hl_arena_destroy(arena);
}

static void note(void *arg, hl_str name, struct json_object *value) {
    hl_buf_printf(arg, "%.*s=%s;", HL_STR_ARG(name), json_object_to_json_string(value));
}

static void each_parameter_has_its_turn(void **state) {
    (void)state;
    struct json_object *o = parse("{\"stop\":[\"b\",\"a\"],\"seed\":1,\"none\":null}");
    hl_buf b;
    hl_buf_init(&b, 0);
    hl_params_each(o, note, &b);
    hl_params_each(NULL, note, &b);
    assert_str(hl_buf_str(&b), "seed=1;stop=\"b\";stop=\"a\";");
    hl_buf_deinit(&b);
    json_object_put(o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_parameters_pass), cmocka_unit_test(bad_parameters_are_named),
        cmocka_unit_test(roles_are_checked),    cmocka_unit_test(a_child_wins_key_by_key),
        cmocka_unit_test(options_are_read),     cmocka_unit_test(each_parameter_has_its_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
