#include "template_render.h"

enum { NOW = 1707116889 }; /* 2024-02-05 07:08:09 */

static void check_with(const char *source, const char *json, const char *want) {
    hl_buf out;
    hl_error err = {0};
    if (render(source, json, NOW, &hl_template_limits_default, &out, &err) < 0)
        fail_msg("%s: %s", source, err.text);
    if (!hl_str_is(hl_buf_str(&out), want))
        fail_msg("%s\n  gives %s\n  not   %s", source, out.ptr ? out.ptr : "", want);
    hl_buf_deinit(&out);
}

static void check(const char *source, const char *want) {
    check_with(source, "{}", want);
}

/* The status, and that the message is this one. */
static void check_fails(const char *source, const char *json, hl_status status, const char *want) {
    hl_buf out;
    hl_error err = {0};
    hl_status st = render(source, json, NOW, &hl_template_limits_default, &out, &err);
    assert_int_equal(st, status);
    assert_int_equal(err.status, status);
    assert_string_equal(err.text, want);
    assert_int_equal(out.len, 0);
    hl_buf_deinit(&out);
}

/* ---- what templates say ---- */

static void prints_values_as_python_does(void **state) {
    (void)state;
    check("{{ 1 }} {{ 1.0 }} {{ true }} {{ none }} {{ 'x' }} {{ ['a', 1.5, {}] }}",
          "1 1.0 True None x ['a', 1.5, {}]");
    check("{{ nothing }}|{{ 1e16 }}|{{ 0.1 + 0.2 }}|{{ (1,) }}", "|1e+16|0.30000000000000004|(1,)");
    check_with("{{ s }} {{ [s] }} {{ n }} {{ big }}",
               "{\"s\":\"it's\\n\",\"n\":-5,\"big\":18446744073709551615}",
               "it's\n [\"it's\\n\"] -5 18446744073709551615");
}

static void white_space_follows_the_chat_settings(void **state) {
    (void)state;
    check("a\n  {% if true %}\n  b\n  {% endif %}\nc\n", "a\n  b\nc");
    check("a \n {%- if true -%} \n b {%- endif %}\n c", "ab c");
    check("  {%+ if true +%}\n{% endif %}x", "  \nx");
    check("{# a #}\n  {# b -#}\n\n x", "x");
    check("{% raw %}{{ x }}{% endraw %}", "{{ x }}");
}

static void scopes_are_jinjas(void **state) {
    (void)state;
    check("{% set x = 1 %}{% for i in [1, 2] %}{% set x = i * 10 %}{{ x }},{% endfor %}{{ x }}",
          "10,20,1");
    check("{% set ns = namespace(x=0) %}{% for i in [1, 2] %}{% set ns.x = ns.x + i %}{% endfor %}"
          "{{ ns.x }}",
          "3");
    check("{% macro m() %}{{ late }}{% endmacro %}{% set late = 'seen' %}{{ m() }}", "seen");
    check_with("{% macro m(x=x) %}{{ x is defined }}{% endmacro %}{{ m() }}", "{\"x\":1}", "False");
}

static void loops_know_their_place(void **state) {
    (void)state;
    check("{% for x in [7, 8, 9] if x != 8 %}{{ loop.index }}{{ x }}{{ loop.last }} {% endfor %}",
          "17False 29True ");
    check("{% for x in 'ab' recursive %}{{ x }}{% if loop.depth < 3 %}{{ loop('c') }}{% endif %}"
          "{% endfor %}",
          "accbcc");
    check("{% for x in [1, 2, 3] %}{% if x == 2 %}{% break %}{% endif %}{{ x }}{% endfor %}", "1");
    check("{% for x in [] %}x{% else %}none{% endfor %}", "none");
}

static void methods_shadow_keys(void **state) {
    (void)state;
    check_with("{{ d.items is callable }} {{ d['items'] }} {{ d.get('x', 'no') }}",
               "{\"d\":{\"items\":[1]}}", "True [1] no");
}

static void generators_are_used_up(void **state) {
    (void)state;
    check("{% set g = [1, 2]|select %}{{ g|list }}{{ g|list }}{{ 'true' if []|select else '' }}",
          "[1, 2][]true");
}

static void safe_texts_escape_what_is_added(void **state) {
    (void)state;
    check("{{ ('<a>'|safe) + '<b>' }} {{ ('<a>'|safe) ~ '<b>' }}", "<a>&lt;b&gt; <a><b>");
}

static void tojson_is_that_of_transformers(void **state) {
    (void)state;
    check_with("{{ d|tojson }}", "{\"d\":{\"z\":\"é<'\",\"a\":[1.0,null,true,1e20]}}",
               "{\"z\": \"é<'\", \"a\": [1.0, null, true, 1e+20]}");
    check_with("{{ d|tojson(indent=2, sort_keys=true) }}", "{\"d\":{\"b\":[],\"a\":1}}",
               "{\n  \"a\": 1,\n  \"b\": []\n}");
    check_with("{{ d|tojson(ensure_ascii=true, separators=(',', ':')) }}", "{\"d\":{\"b\":\"é\"}}",
               "{\"b\":\"\\u00e9\"}");
}

static void time_is_the_callers(void **state) {
    (void)state;
    check("{{ strftime_now('%Y-%m-%d %H:%M:%S %A %j %p') }}", "2024-02-05 07:08:09 Monday 036 AM");
    check("{{ strftime_now('%-d %B %y, week %V of %G') }}", "5 February 24, week 06 of 2024");
}

static void lists_may_be_changed_but_not_the_callers(void **state) {
    (void)state;
    hl_template *t = NULL;
    hl_error err;
    hl_buf out = {0};
    struct json_object *v = NULL;
    hl_str source = HL_STR("{% set _ = l.append(l.pop(0)) %}{{ l }}");
    assert_int_equal(hl_template_parse("t", source, &t, &err), HL_OK);
    assert_int_equal(hl_json_parse(HL_STR("{\"l\":[1,2,3]}"), &v, &err), HL_OK);
    for (int i = 0; i < 2; i++) assert_int_equal(hl_template_render(t, v, NOW, &out, &err), HL_OK);
    assert_str(hl_buf_str(&out), "[2, 3, 1][2, 3, 1]"); /* also: appends */
    hl_buf_deinit(&out);
    json_object_put(v);
    hl_template_destroy(t);
}

static void from_json_reads(void **state) {
    (void)state;
    check("{{ ('{\"a\": [1, 2.0]}'|from_json).a }}", "[1, 2.0]");
    check_fails("{{ '{'|from_json }}", "{}", HL_EFORMAT,
                "t:1:8: from_json: unexpected end of data at offset 1");
}

/* ---- errors ---- */

static void errors_say_where(void **state) {
    (void)state;
    check_fails("a\n  {{ x.y.z }}", "{\"x\":{}}", HL_EFORMAT,
                "t:2:9: 'dict object' has no attribute 'y'");
    check_fails("é{{ 1 + 'a' }}", "{}", HL_EFORMAT,
                "t:1:7: unsupported operand type(s) for +: 'int' and 'str'");
    check_fails("{{ x.y }}", "{}", HL_EFORMAT, "t:1:5: 'x' is undefined");
    check_fails("{% if a %}", "{}", HL_EFORMAT, "t:1:11: missing tag 'elif'");
    check_fails("{{ 1 +", "{}", HL_EFORMAT, "t:1:3: missing '}}'");
    check_fails("{{ 'a' | nope }}", "{}", HL_EFORMAT, "t:1:10: no filter named 'nope'");
    check_fails("{% nope %}", "{}", HL_EFORMAT, "t:1:4: unknown tag 'nope'");
    check_fails("\xff", "{}", HL_EFORMAT, "t: invalid UTF-8 at offset 0");
}

static void raise_exception_speaks_for_itself(void **state) {
    (void)state;
    check_fails("\n{{ raise_exception('Roles must alternate: ' ~ 1) }}", "{}", HL_EINVAL,
                "Roles must alternate: 1");
}

/* ---- limits ---- */

typedef struct hostile {
    const char *source, *says; /* says: a part of the message */
} hostile;

static const hl_template_limits TIGHT = {
    .source_bytes_max = 4096,
    .nodes_max = 1500,
    .steps_max = 200 * 1000,
    .output_bytes_max = 100 * 1000,
    .memory_bytes_max = 2 * 1024 * 1024,
    .depth_max = 200,
};

static void check_limit(const char *source, const char *says) {
    hl_buf out;
    hl_error err = {0};
    hl_status st = render(source, "{}", NOW, &TIGHT, &out, &err);
    if (st != HL_ELIMIT || !strstr(err.text, says))
        fail_msg("%.60s: %s, %s", source, hl_status_name(st), err.text);
    assert_int_equal(out.len, 0);
    hl_buf_deinit(&out);
}

static void hostile_templates_meet_a_limit(void **state) {
    (void)state;
    static const hostile CASES[] = {
        {"{{ range(10**9) }}", "range()"},
        {"{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}", "steps"},
        {"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "nested"},
        {"{% macro a() %}{{ caller() }}{% endmacro %}{% macro b() %}{% call a() %}{{ b() }}"
         "{% endcall %}{% endmacro %}{{ b() }}",
         "nested"},
        {"{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "nested"},
        {"{% set ns = namespace(x=[]) %}{% for i in range(99999) %}{% set ns.x = [ns.x] %}"
         "{% endfor %}",
         "memory"},
        {"{% set ns = namespace(x=1) %}{% for i in range(900) %}{% set ns.x = [ns.x] %}{% endfor %}"
         "{{ ns.x }}",
         "nested"},
        {"{% set l = [] %}{% set _ = l.append(l) %}{{ l|tojson }}", "nested"},
        {"{% set l = [] %}{% set k = [l] %}{% set _ = l.append(k) %}{{ k == l }}", "nested"},
        {"{% set l = [1] %}{% for x in l %}{% set _ = l.append(x) %}{% endfor %}", "memory"},
        {"{% set ns = namespace(x='x') %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}"
         "{% endfor %}",
         "text"},
        {"{% for i in range(9999) %}{{ 'x' * 999 }}{% endfor %}", "text"},
        {"{{ 'x' * 999999999999 }}", "text"},
        {"{{ [1] * 999999999999 }}", "memory"},
        {"{{ '%999999d' % 1 }}", "characters"},
        {"{{ '{:999999}'.format(1) }}", "characters"},
        {"{{ 'x'.center(999999) }}", "characters"},
        {"{{ '\t'.expandtabs(99999999) }}", "steps"},
        {"{{ range(9999)|join('x' * 9999) }}", "text"},
        {"{{ range(5)|slice(99999999)|list }}", "memory"},
        {"{% set s = 'a' * 50000 %}{% for i in range(9999) %}{% set x = s.find('b') %}{% endfor %}",
         "steps"},
        {"{{ 9223372036854775807 + 1 }}", "64 bits"},
        {"{{ 3 ** 99 }}", "64 bits"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        check_limit(CASES[i].source, CASES[i].says);
}

static void lazy_chains_are_nested_too(void **state) {
    (void)state;
    check_limit("{% set ns = namespace(x=[1]) %}{% for i in range(900) %}"
                "{% set ns.x = ns.x|map('string') %}{% endfor %}{{ ns.x|list }}",
                "nested");
}

/* before, n times the part, n times its counterpart, after. */
static void check_repeated(const char *before, const char *part, const char *counterpart,
                           const char *after, size_t n, const char *says) {
    hl_buf b = {0};
    hl_buf_append_cstr(&b, before);
    for (size_t i = 0; i < n; i++) hl_buf_append_cstr(&b, part);
    for (size_t i = 0; i < n; i++) hl_buf_append_cstr(&b, counterpart);
    hl_buf_append_cstr(&b, after);
    assert_int_equal(b.failed, HL_OK);
    check_limit(b.ptr, says);
    hl_buf_deinit(&b);
}

static void deep_and_large_sources_are_refused(void **state) {
    (void)state;
    check_repeated("{{ ", "(", ")", "}}", 1000, "nested");
    check_repeated("{{ ", "[", "]", "}}", 1000, "nested");
    check_repeated("{{ ", "-", "", "1 }}", 1000, "nested");
    check_repeated("{{ ", "not ", "", "1 }}", 900, "nested");
    check_repeated("", "{% if 1 %}", "", "", 400, "nested");
    check_repeated("{{ 1", "+1", "", " }}", 240, "nested");
    check_repeated("{{ [", "1,", "", "] }}", 1600, "nodes");
    check_repeated("", "x", "", "", 5000, "5000 bytes");
}

/* A text that is built piece by piece costs its length, not its square. */
static void building_a_text_is_linear(void **state) {
    (void)state;
    static const char *const SOURCE =
        "{% set ns = namespace(x='') %}{% for i in range(20000) %}{% set ns.x = ns.x + 'abcde' %}"
        "{% endfor %}{{ ns.x|length }}";
    hl_template_limits limits = hl_template_limits_default;
    hl_buf out;
    hl_error err;
    limits.memory_bytes_max = 4 * 1024 * 1024;
    limits.steps_max = 300 * 1000;
    assert_int_equal(render(SOURCE, "{}", NOW, &limits, &out, &err), HL_OK);
    assert_str(hl_buf_str(&out), "100000");
    hl_buf_deinit(&out);
}

/* Extending a text in place must not show in the values that share its beginning. */
static void extended_texts_stay_apart(void **state) {
    (void)state;
    check("{% set a = 'x' * 300 + 'y' %}{% set b = a + '1' %}{% set c = a + '2' %}"
          "{{ a[-2:] }} {{ b[-2:] }} {{ c[-2:] }} {{ (b + b)|length }}",
          "xy y1 y2 604");
}

static void mentions_are_variables_that_are_read(void **state) {
    (void)state;
    hl_template *t = NULL;
    hl_error err;
    hl_str source = HL_STR("{% set x = 1 %}{% if tools is defined %}{{ m.enable }}{% endif %}"
                           "{# messages #}{{ 'documents' }}");
    assert_int_equal(hl_template_parse("t", source, &t, &err), HL_OK);
    assert_true(hl_template_mentions(t, "tools"));
    assert_true(hl_template_mentions(t, "m"));
    assert_false(hl_template_mentions(t, "x"));
    assert_false(hl_template_mentions(t, "enable"));
    assert_false(hl_template_mentions(t, "messages"));
    assert_false(hl_template_mentions(t, "documents"));
    hl_template_destroy(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_values_as_python_does),
        cmocka_unit_test(white_space_follows_the_chat_settings),
        cmocka_unit_test(scopes_are_jinjas),
        cmocka_unit_test(loops_know_their_place),
        cmocka_unit_test(methods_shadow_keys),
        cmocka_unit_test(generators_are_used_up),
        cmocka_unit_test(safe_texts_escape_what_is_added),
        cmocka_unit_test(tojson_is_that_of_transformers),
        cmocka_unit_test(time_is_the_callers),
        cmocka_unit_test(lists_may_be_changed_but_not_the_callers),
        cmocka_unit_test(from_json_reads),
        cmocka_unit_test(errors_say_where),
        cmocka_unit_test(raise_exception_speaks_for_itself),
        cmocka_unit_test(hostile_templates_meet_a_limit),
        cmocka_unit_test(lazy_chains_are_nested_too),
        cmocka_unit_test(deep_and_large_sources_are_refused),
        cmocka_unit_test(building_a_text_is_linear),
        cmocka_unit_test(extended_texts_stay_apart),
        cmocka_unit_test(mentions_are_variables_that_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
