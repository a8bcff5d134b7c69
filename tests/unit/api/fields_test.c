#include "api/fields.h"

#include "config/duration.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static hl_error err;
static hl_arena *arena;

static struct json_object *json(const char *text) {
    struct json_object *o = NULL;
    assert_int_equal(hl_json_parse(hl_str_from(text), &o, &err), HL_OK);
    return o;
}

static int set_up(void **state) {
    (void)state;
    arena = hl_arena_create(1 << 20);
    return arena == NULL;
}

static int tear_down(void **state) {
    (void)state;
    hl_arena_destroy(arena);
    return 0;
}

static void bodies_must_be_objects(void **state) {
    (void)state;
    static const struct {
        const char *body;
        bool openai;
        const char *text; /* NULL: any */
    } bad[] = {
        {"", false, "missing request body"},
        {"", true, "EOF"},
        {"{", false, "unexpected EOF"},
        {"[]", false, "json: cannot unmarshal array into Go value of type api.R"},
        {"null", true, "json: cannot unmarshal null into Go value of type openai.R"},
        {"\xff", false, NULL},
        {"{\"a\":1} x", false, NULL},
    };
    hl__fields f;
    assert_int_equal(hl__body_parse(HL_STR("{\"a\":1}"), false, "R", &f, &err), HL_OK);
    json_object_put(f.o);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_true(hl__body_parse(hl_str_from(bad[i].body), bad[i].openai, "R", &f, &err) < 0);
        assert_null(f.o);
        if (bad[i].text) assert_string_equal(err.text, bad[i].text);
    }
}

static void keys_match_in_any_case(void **state) {
    (void)state;
    hl__fields f = {json("{\"MODEL\":\"a\",\"Stream\":false,\"n\":2.5,\"none\":null}"), "R"};
    hl_str model = {"", 0};
    bool stream = true, has;
    double n = 0;
    assert_int_equal(hl__field_str(&f, "model", &model, &err), HL_OK);
    assert_true(hl_str_is(model, "a"));
    assert_int_equal(hl__field_bool(&f, "stream", &stream, &err), HL_OK);
    assert_false(stream);
    assert_int_equal(hl__field_number(&f, "N", &n, &has, &err), HL_OK);
    assert_true(has && n == 2.5);
    assert_int_equal(hl__field_str(&f, "none", &model, &err), HL_OK);
    assert_true(hl_str_is(model, "a"));
    assert_int_equal(hl__field_bool(&f, "model", &stream, &err), HL_EINVAL);
    assert_string_equal(err.text,
                        "json: cannot unmarshal string into Go struct field R.model of type bool");
    json_object_put(f.o);
}

static void options_are_checked(void **state) {
    (void)state;
    struct json_object *o = json("{\"temperature\":0,\"top_k\":1.7,\"num_predict\":4.0,"
                                 "\"unknown\":{},\"seed\":null,\"stop\":[\"a\",\"\",\"b\"]}");
    hl_options options;
    hl_options_init(&options);
    assert_int_equal(hl__read_options(o, arena, &options, &err), HL_OK);
    assert_true(options.temperature == 0 && options.top_k == 1 && options.num_predict == 4);
    assert_int_equal(options.n_stop, 2);
    assert_true(hl_str_is(options.stop[1], "b"));
    json_object_put(o);
    static const char *const bad[] = {
        "{\"num_ctx\":\"5\"}", "{\"temperature\":true}", "{\"stop\":\"x\"}", "{\"stop\":[1]}",
        "{\"top_p\":7}",       "{\"seed\":1e300}",       "{\"num_ctx\":-1}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        o = json(bad[i]);
        assert_int_equal(hl__read_options(o, arena, &options, &err), HL_EINVAL);
        json_object_put(o);
    }
}

static void keep_alive_is_seconds_or_a_duration(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t ns;
    } good[] = {
        {"30", 30000000000},         {"0.5", 500000000},        {"0", 0},
        {"-1", HL_DURATION_FOREVER}, {"\"10m\"", 600000000000}, {"\"-1s\"", HL_DURATION_FOREVER},
        {"1e30", INT64_MAX}};
    static const char *const bad[] = {"\"abc\"", "[1]", "{}", "true", "\"\""};
    bool has;
    int64_t ns;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct json_object *v = json(good[i].text);
        assert_int_equal(hl__read_keep_alive(v, &ns, &has, &err), HL_OK);
        assert_true(has && ns == good[i].ns);
        json_object_put(v);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct json_object *v = json(bad[i]);
        assert_int_equal(hl__read_keep_alive(v, &ns, &has, &err), HL_EINVAL);
        json_object_put(v);
    }
    assert_int_equal(hl__read_keep_alive(NULL, &ns, &has, &err), HL_OK);
    assert_false(has);
}

static void think_and_format(void **state) {
    (void)state;
    static const struct {
        const char *text;
        hl_think think;
    } good[] = {{"true", HL_THINK_ON}, {"false", HL_THINK_OFF}, {"\"max\"", HL_THINK_MAX}};
    hl_think think = HL_THINK_UNSET;
    hl_request req = {0};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct json_object *v = json(good[i].text);
        assert_int_equal(hl__read_think(v, &think, &err), HL_OK);
        assert_int_equal(think, good[i].think);
        json_object_put(v);
    }
    static const char *const bad[] = {"\"bogus\"", "5", "{}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct json_object *v = json(bad[i]);
        assert_int_equal(hl__read_think(v, &think, &err), HL_EINVAL);
        json_object_put(v);
    }
    struct json_object *v = json("[\"json\",\"\",{\"type\":\"object\"},\"xml\",5]");
    assert_int_equal(hl__read_format(json_object_array_get_idx(v, 1), &req, &err), HL_OK);
    assert_int_equal(req.format, HL_FORMAT_TEXT);
    assert_int_equal(hl__read_format(json_object_array_get_idx(v, 0), &req, &err), HL_OK);
    assert_int_equal(req.format, HL_FORMAT_JSON);
    assert_int_equal(hl__read_format(json_object_array_get_idx(v, 2), &req, &err), HL_OK);
    assert_true(req.format == HL_FORMAT_SCHEMA && req.schema);
    assert_int_equal(hl__read_format(json_object_array_get_idx(v, 3), &req, &err), HL_EINVAL);
    assert_int_equal(hl__read_format(json_object_array_get_idx(v, 4), &req, &err), HL_EINVAL);
    json_object_put(v);
}

static hl_status read_messages(const char *text, bool openai, hl_request *req,
                               struct json_object **ret) {
    *ret = json(text);
    return hl__read_messages(*ret, openai, arena, req, &err);
}

static void messages_of_both_kinds(void **state) {
    (void)state;
    hl_request req = {0};
    struct json_object *v;
    assert_int_equal(read_messages("[{\"role\":\"USER\",\"content\":\"a\"},{\"role\":\"tool\","
                                   "\"tool_name\":\"f\",\"content\":null,\"thinking\":\"t\"}]",
                                   false, &req, &v),
                     HL_OK);
    assert_int_equal(req.n_messages, 2);
    assert_true(hl_str_is(req.messages[0].role, "user"));
    assert_true(hl_str_is(req.messages[0].parts[0].text, "a"));
    assert_true(hl_str_is(req.messages[1].tool_name, "f"));
    assert_true(hl_str_is(req.messages[1].thinking, "t"));
    json_object_put(v);
    assert_int_equal(
        read_messages("[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
                      "{\"type\":\"image_url\",\"image_url\":\"data:\"}]},{\"role\":\"assistant\","
                      "\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"x\\\":1}"
                      "\"}}]}]",
                      true, &req, &v),
        HL_OK);
    assert_int_equal(req.messages[0].n_parts, 2);
    assert_int_equal(req.messages[0].parts[1].kind, HL_PART_IMAGE);
    struct json_object *function = json_object_object_get(
        json_object_array_get_idx(req.messages[1].tool_calls, 0), "function");
    assert_true(
        json_object_is_type(json_object_object_get(function, "arguments"), json_type_object));
    json_object_put(v);
}

static void bad_messages_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool openai;
    } bad[] = {
        {"[5]", false},
        {"[null]", false},
        {"[{\"role\":5}]", false},
        {"[{\"content\":[]}]", false},
        {"[{\"images\":\"x\"}]", false},
        {"[{\"tool_calls\":{}}]", false},
        {"[{\"tool_calls\":[5]}]", false},
        {"[{\"tool_calls\":[{\"function\":{\"arguments\":\"x\"}}]}]", false},
        {"[{\"content\":5}]", true},
        {"[{\"content\":[5]}]", true},
        {"[{\"content\":[{\"type\":\"video\"}]}]", true},
        {"[{\"tool_calls\":[{\"function\":{\"arguments\":\"[]\"}}]}]", true},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        hl_request req = {0};
        struct json_object *v;
        assert_int_equal(read_messages(bad[i].text, bad[i].openai, &req, &v), HL_EINVAL);
        json_object_put(v);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_must_be_objects),
        cmocka_unit_test(keys_match_in_any_case),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(keep_alive_is_seconds_or_a_duration),
        cmocka_unit_test(think_and_format),
        cmocka_unit_test(messages_of_both_kinds),
        cmocka_unit_test(bad_messages_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
