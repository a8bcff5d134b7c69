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
        hl__dialect dialect;
        const char *text; /* NULL: any */
    } bad[] = {
        {"", HL__DIALECT_OLLAMA, "missing request body"},
        {"", HL__DIALECT_OPENAI, "EOF"},
        {"", HL__DIALECT_ANTHROPIC, "EOF"},
        {"{", HL__DIALECT_OLLAMA, "unexpected EOF"},
        {"[]", HL__DIALECT_OLLAMA, "json: cannot unmarshal array into Go value of type api.R"},
        {"null", HL__DIALECT_OPENAI, "json: cannot unmarshal null into Go value of type openai.R"},
        {"\xff", HL__DIALECT_OLLAMA, NULL},
        {"{\"a\":1} x", HL__DIALECT_OLLAMA, NULL},
    };
    hl__fields f;
    assert_int_equal(hl__body_parse(HL_STR("{\"a\":1}"), HL__DIALECT_OLLAMA, "R", &f, &err), HL_OK);
    json_object_put(f.o);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_true(hl__body_parse(hl_str_from(bad[i].body), bad[i].dialect, "R", &f, &err) < 0);
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

static void tokens_are_read(void **state) {
    (void)state;
    static const char *const bad[] = {"[-1]", "[1.5]", "[\"1\"]", "[4294967295]", "[null]"};
    struct json_object *v = json("[0,7,4294967294]");
    const uint32_t *ids;
    size_t n;
    assert_int_equal(hl__read_tokens(v, "context", arena, &ids, &n, &err), HL_OK);
    assert_true(n == 3 && ids[0] == 0 && ids[1] == 7 && ids[2] == 4294967294u);
    json_object_put(v);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        v = json(bad[i]);
        assert_int_equal(hl__read_tokens(v, "context", arena, &ids, &n, &err), HL_EINVAL);
        assert_string_equal(err.text, "context: element 0 is no token");
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
        cmocka_unit_test(tokens_are_read),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
