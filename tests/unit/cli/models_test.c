#include "cli/models.h"

#include "testing.h"

static const char ANSWER[] =
    "{\"models\":[{\"name\":\"tiny:latest\",\"digest\":\"9d8a5b12f47f70cf0ff899bc981dd7e3\","
    "\"size\":58667826,\"size_vram\":0,\"context_length\":4096,"
    "\"expires_at\":\"2026-03-09T14:10:06.0Z\",\"modified_at\":\"2026-03-09T14:05:06.023679144Z\"},"
    "{\"name\":\"llama1b:latest\",\"digest\":\"19136dccb96b\",\"size\":803000000,"
    "\"size_vram\":803000000,\"context_length\":128,\"expires_at\":\"2319-03-04T07:33:25Z\","
    "\"modified_at\":\"2026-03-09T15:03:06+01:00\"}]}";

static const int64_t NOW_MS = 1773065106100; /* 2026-03-09T14:05:06.1Z */

static struct json_object *parse(const char *text) {
    struct json_object *o = NULL;
    assert_int_equal(hl_json_parse(hl_str_from(text), &o, NULL), HL_OK);
    return o;
}

static void the_list_is_ollamas(void **state) {
    (void)state;
    struct json_object *o = parse(ANSWER);
    hl_buf out;
    hl_buf_init(&out, 0);
    hl__models_list(o, NOW_MS, false, &out);
    assert_string_equal(out.ptr,
                        "NAME              ID              SIZE      MODIFIED               \n"
                        "tiny:latest       9d8a5b12f47f    58 MB     Less than a second ago    \n"
                        "llama1b:latest    19136dccb96b    803 MB    2 minutes ago             \n");
    hl_buf_deinit(&out);
    json_object_put(o);
}

static void ps_is_ollamas(void **state) {
    (void)state;
    struct json_object *o = parse(ANSWER), *tiny = hl__models_filter(o, HL_STR("TINY"));
    hl_buf out;
    hl_buf_init(&out, 0);
    hl__models_ps(tiny, NOW_MS, false, &out);
    assert_string_equal(
        out.ptr,
        "NAME           ID              SIZE     PROCESSOR    CONTEXT    UNTIL              \n"
        "tiny:latest    9d8a5b12f47f    58 MB    100% CPU     4096       4 minutes from now    \n");
    hl_buf_reset(&out);
    hl__models_ps(o, NOW_MS, false, &out);
    assert_non_null(strstr(out.ptr, "803 MB    100% GPU     128        Forever"));
    json_object_put(tiny);
    tiny = hl__models_filter(o, HL_STR("nope"));
    hl_buf_reset(&out);
    hl__models_ps(tiny, NOW_MS, false, &out);
    assert_string_equal(out.ptr, "NAME    ID    SIZE    PROCESSOR    CONTEXT    UNTIL \n");
    json_object_put(tiny);
    json_object_put(o);
    hl_buf_deinit(&out);
}

static void a_strange_answer_is_no_crash(void **state) {
    (void)state;
    static const char *const answers[] = {
        "{}",
        "{\"models\":null}",
        "{\"models\":7}",
        "{\"models\":[null,7,[],{},{\"name\":{}}]}",
        "{\"models\":[{\"name\":\"a\\nb\\u001b[2J\",\"size\":-1,\"digest\":\"\"}]}",
        "{\"models\":[{\"modified_at\":\"soon\",\"expires_at\":4,\"size_vram\":\"x\"}]}",
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct json_object *o = parse(answers[i]), *all = hl__models_filter(o, HL_STR(""));
        hl_buf out;
        hl_buf_init(&out, 0);
        assert_non_null(all);
        hl__models_list(all, NOW_MS, false, &out);
        hl__models_ps(all, NOW_MS, false, &out);
        assert_null(strchr(out.ptr, '\x1b'));
        assert_true(out.failed >= 0);
        hl_buf_deinit(&out);
        json_object_put(all);
        json_object_put(o);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list_is_ollamas),
        cmocka_unit_test(ps_is_ollamas),
        cmocka_unit_test(a_strange_answer_is_no_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
