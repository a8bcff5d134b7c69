#include "testing.h"

#include "base/mem.h"
#include "text/gotemplate.h"

enum { NOW = 1709164799 }; /* 2024-02-28 23:59:59 */

typedef struct result {
    hl_status st;
    hl_error err;
    hl_buf out;
} result;

static result render_with(const char *source, const char *json, const hl_gotemplate_how *how,
                          const hl_gotemplate_limits *limits) {
    result r = {0};
    struct json_object *variables = NULL;
    hl_gotemplate *t = NULL;
    r.st = hl_json_parse(hl_str_from(json), &variables, &r.err);
    if (r.st == HL_OK)
        r.st = hl_gotemplate_parse_limited("", hl_str_from(source), limits, &t, &r.err);
    if (r.st == HL_OK) r.st = hl_gotemplate_render(t, variables, how, &r.out, &r.err);
    hl_gotemplate_destroy(t);
    json_object_put(variables);
    return r;
}

static void check_how(const char *source, const char *json, hl_gotemplate_how how,
                      const char *want) {
    how.now_s = how.now_s ? how.now_s : NOW;
    result r = render_with(source, json, &how, &hl_gotemplate_limits_default);
    if (r.st < 0) fail_msg("%s: %s", source, r.err.text);
    if (!hl_str_is(hl_buf_str(&r.out), want))
        fail_msg("%s\n  gives %s\n  not   %s", source, hl_buf_str(&r.out).ptr, want);
    hl_buf_deinit(&r.out);
}

static void check(const char *source, const char *json, const char *want) {
    check_how(source, json, (hl_gotemplate_how){0}, want);
}

static void check_ollama(const char *source, const char *json, const char *want) {
    check_how(source, json, (hl_gotemplate_how){.type = &hl_gotemplate_ollama}, want);
}

static void check_limited(const char *source, const char *json, const hl_gotemplate_how *how,
                          const hl_gotemplate_limits *limits, hl_status st, const char *want) {
    result r = render_with(source, json, how, limits);
    if (r.st != st || !strstr(r.err.text, want))
        fail_msg("%s: %d, %s\n  not %s", source, r.st, r.err.text, want);
    assert_int_equal(r.err.status, st);
    assert_int_equal(r.out.len, 0);
    hl_buf_deinit(&r.out);
}

static void check_fails(const char *source, const char *json, const char *want) {
    hl_gotemplate_how how = {.type = &hl_gotemplate_ollama};
    check_limited(source, json, &how, &hl_gotemplate_limits_default, HL_EFORMAT, want);
}

/* ---- the language; conformance/gotemplate_test.c has the rest ---- */

static void prints_what_go_prints(void **state) {
    (void)state;
    check("{{ .a }} {{ .b }} {{ .c }} {{ .d }}",
          "{\"a\":1,\"b\":[1.5,\"x\"],\"c\":{\"z\":1,\"a\":2}}",
          "1 [1.5 x] map[a:2 z:1] <no value>");
    check("a {{- 1 }} {{ 2 -}} b", "{}", "a1 2b");
}

static void dates_are_of_the_given_time(void **state) {
    (void)state;
    check("{{ currentDate }} {{ yesterdayDate }}", "{}", "2024-02-28 2024-02-27");
    check_how("{{ currentDate }}", "{}", (hl_gotemplate_how){.now_s = NOW + 1}, "2024-02-29");
    check_how("{{ currentDate }}", "{}", (hl_gotemplate_how){.now_s = -1}, "1969-12-31");
    check_how("{{ yesterdayDate }}", "{}", (hl_gotemplate_how){.now_s = NOW + 86402}, "2024-02-29");
}

static void errors_say_what_go_says(void **state) {
    (void)state;
    check_fails("\n{{ foo }}", "{}", "template: :2: function \"foo\" not defined");
    check_fails("{{ if .x }}", "{}", "template: :1: unexpected EOF");
    check_fails("{{ end }}", "{}", "template: :1: unexpected {{end}}");
    check_fails("{{ $x }}", "{}", "template: :1: undefined variable \"$x\"");
    check_fails("{{ .x", "{}", "template: :1: unclosed action");
    check_fails("ab {{ len 1 }}", "{}",
                "template: :1:6: executing \"\" at <len 1>: error calling len: len of type int");
    check_fails("{{ range .Messages }}\n{{ .Nope }}{{ end }}", "{\"Messages\":[{}]}",
                "template: :2:3: executing \"\" at <.Nope>: can't evaluate field Nope in type "
                "*api.Message");
    check_fails("{{ \"\xff\" }}", "{}", "invalid UTF-8 at offset 4");
}

/* ---- a prompt's data ---- */

#define CALL                                                                                       \
    "{\"Messages\":[{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"function\":{"      \
    "\"name\":\"f\",\"arguments\":{\"z\":1,\"a\":{\"y\":1,\"b\":\"<\"}}}}]}]}"
#define TOOL                                                                                       \
    "{\"Tools\":[{\"function\":{\"parameters\":{\"properties\":{\"u\":{\"type\":[\"string\","      \
    "\"null\"]},\"c\":{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"array\"}]},\"n\":{}},"        \
    "\"type\":\"object\"},\"strange\":1,\"name\":\"f\"},\"type\":\"function\"}]}"

static void arguments_keep_their_order(void **state) {
    (void)state;
    check_ollama(
        "{{ range .Messages }}{{ range .ToolCalls }}{{ .Function.Arguments }}|{{ range $k, "
        "$v := .Function.Arguments }}{{ $k }}={{ $v }};{{ end }}{{ end }}{{ end }}",
        CALL, "{\"z\":1,\"a\":{\"b\":\"\\u003c\",\"y\":1}}|z=1;a=map[b:< y:1];");
}

static void tools_print_as_json(void **state) {
    (void)state;
    check_ollama("{{ .Tools }}", TOOL,
                 "[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":"
                 "\"object\",\"properties\":{\"u\":{\"type\":[\"string\",\"null\"]},\"c\":{"
                 "\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"array\"}]},\"n\":{}}}}}]");
    check_ollama(
        "{{ range .Tools }}{{ range $k, $p := .Function.Parameters.Properties }}{{ $k }}:{{ "
        "$p.Type }}:{{ toTypeScriptType $p }} {{ end }}{{ end }}",
        TOOL, "u:[string null]:string | null c::number | any[] n::any ");
}

static void absent_fields_are_zero(void **state) {
    (void)state;
    check_ollama("{{ range .Messages }}[{{ .Role }}{{ .Thinking }}]{{ len .ToolCalls }}{{ end }}",
                 "{\"Messages\":[{},null,3]}", "[]0[]0[]0");
    check_ollama("{{ .Other }}{{ range .Messages }}{{ .ToolCalls }}{{ json .Images }}{{ end }}",
                 "{\"Messages\":[{}]}", "<no value>[]null");
    check_ollama(
        "{{ range .Messages }}{{ range .ToolCalls }}{{ .Function.Arguments }}{{ end }}{{ end }}",
        "{\"Messages\":[{\"tool_calls\":[{}]}]}", "{}");
}

static void integers_of_arguments_are_floats(void **state) {
    (void)state;
    const char *json = "{\"Messages\":[{\"tool_calls\":[{\"function\":{\"index\":1234567,"
                       "\"arguments\":{\"n\":1234567}}}]}]}";
    check_ollama("{{ range .Messages }}{{ range .ToolCalls }}{{ .Function.Index }} {{ "
                 ".Function.Arguments.n }} {{ json .Function.Arguments.n }}{{ end }}{{ end }}",
                 json, "1234567 1.234567e+06 1234567");
}

/* ---- turns ---- */

static void response_is_added_when_missing(void **state) {
    (void)state;
    hl_gotemplate_how how = {.type = &hl_gotemplate_ollama, .add_response = true};
    check_how("<{{ .Prompt }}>", "{\"Prompt\":\"p\",\"Response\":\"r\"}", how, "<p>r");
    check_how("<{{ .Response }}>", "{\"Response\":\"r\"}", how, "<r>");
    check_how("{{ if .Messages }}{{ end }}.", "{\"Response\":\"r\"}", how, ".");
    how.add_response = false;
    check_how("<{{ .Prompt }}>", "{\"Prompt\":\"p\",\"Response\":\"r\"}", how, "<p>");
}

static void open_turns_end_at_the_response(void **state) {
    (void)state;
    hl_gotemplate_how how = {.cut_at_response = true};
    const char *json = "{\"Prompt\":\"p\",\"Response\":\"r\"}";
    check_how("<u>{{ .Prompt }}<a>{{ .Response }}<e>\n{{ .Prompt }}", json, how, "<u>p<a>r");
    check_how("{{ if .Prompt }}a{{ .Response }}b{{ else }}c{{ end }}d", json, how, "ar");
    check_how("{{ if .No }}a{{ .Response }}b{{ end }}d", json, how, "");
    check_how("{{ if .Response }}a{{ end }}d", json, how, "ad");
    check_how("a", json, how, "a");
}

/* ---- questions ---- */

static hl_gotemplate *parse(const char *source) {
    hl_gotemplate *t;
    hl_error err;
    if (hl_gotemplate_parse("", hl_str_from(source), &t, &err) < 0) fail_msg("%s", err.text);
    return t;
}

static void check_mentions(const char *source, const char *name, bool want) {
    hl_gotemplate *t = parse(source);
    if (hl_gotemplate_mentions(t, name) != want) fail_msg("%s: %s", source, name);
    hl_gotemplate_destroy(t);
}

static void mentions_are_found_anywhere(void **state) {
    (void)state;
    check_mentions("{{ .Tools }}", "Tools", true);
    check_mentions("{{ .Tools }}", "tools", true);
    check_mentions("Tools {{ \"Tools\" }}", "Tools", false);
    check_mentions("{{ if .x }}{{ else }}{{ range $.Tools }}{{ end }}{{ end }}", "Tools", true);
    check_mentions("{{ if and (eq 1 (len .a.Tools)) .b }}{{ end }}", "Tools", true);
    check_mentions("{{ (index .Messages 0).Content }}", "Messages", true);
    check_mentions("{{ define \"x\" }}{{ .Suffix }}{{ end }}", "Suffix", true);
    check_mentions("{{ .ToolCalls }}", "Tools", false);
}

static void check_tags(const char *source, const char *open, const char *close) {
    hl_gotemplate *t = parse(source);
    hl_str got_open, got_close;
    bool any = hl_gotemplate_thinking_tags(t, &got_open, &got_close);
    assert_int_equal(any, *open || *close);
    assert_str(got_open, open);
    assert_str(got_close, close);
    hl_gotemplate_destroy(t);
}

static void thinking_tags_stand_around_thinking(void **state) {
    (void)state;
    check_tags("{{ range .Messages }}{{ if .Thinking }}<think>\n{{ .Thinking }}\n</think>{{ end }}"
               "{{ .Content }}{{ end }}",
               "<think>", "</think>");
    check_tags(
        "{{ range $i, $m := .Messages }}<a>{{ if and .x .Thinking }}[T]{{ .Thinking }}[/T] {{ "
        "end }}{{ end }}",
        "[T]", "[/T]");
    check_tags("{{ range .Other }}<think>{{ .Thinking }}</think>{{ end }}", "", "");
    check_tags("<think>{{ .Thinking }}</think>", "", "");
    check_tags("{{ range .Messages }}{{ .Content }}{{ end }}", "", "");
}

static void check_prefix(const char *source, const char *want) {
    hl_gotemplate *t = parse(source);
    assert_str(hl_gotemplate_tool_prefix(t), want);
    hl_gotemplate_destroy(t);
}

static void tool_prefix_is_the_first_text(void **state) {
    (void)state;
    check_prefix(
        "{{ range .Messages }}{{ if .Content }}x{{ else if .ToolCalls }}<tool_call>\n{{ range "
        ".ToolCalls }}{\"name\": 1}{{ end }}</tool_call>{{ end }}{{ end }}",
        "<tool_call>");
    check_prefix("{{ if .ToolCalls }}[TOOL_CALLS] [{{ range .ToolCalls }}x{{ end }}]{{ end }}",
                 "[TOOL_CALLS]");
    check_prefix("{{ if .ToolCalls }}{{ range .ToolCalls }}{\"name\"{{ end }}{{ end }}", "");
    check_prefix("{{ if $.ToolCalls }}x{{ end }}", "");
    check_prefix("{{ if .ToolCalls }}{{ .x }}late{{ end }}", "");
    check_prefix("{{ .Prompt }}", "");
}

/* ---- strangers ---- */

static void limits_hold(void **state) {
    (void)state;
    hl_gotemplate_how how = {0};
    hl_gotemplate_limits l = hl_gotemplate_limits_default;
    l.source_bytes_max = 8;
    check_limited("123456789", "{}", &how, &l, HL_ELIMIT, "9 bytes, limit 8");
    l = hl_gotemplate_limits_default;
    l.nodes_max = 4;
    check_limited("{{1}}{{2}}{{3}}", "{}", &how, &l, HL_ELIMIT, "more than 4 nodes");
    l = hl_gotemplate_limits_default;
    l.depth_max = 20;
    check_limited("{{ ((((((((((((((((((((((1)))))))))))))))))))))) }}", "{}", &how, &l, HL_ELIMIT,
                  "nested deeper than 20");
    check_limited("{{ define \"x\" }}{{ template \"x\" }}{{ end }}{{ template \"x\" }}", "{}", &how,
                  &l, HL_ELIMIT, "exceeded maximum template depth (20)");
    l = hl_gotemplate_limits_default;
    l.steps_max = 10000;
    check_limited("{{ range 1000000000 }}{{ end }}", "{}", &how, &l, HL_ELIMIT, "10000 steps");
    l = hl_gotemplate_limits_default;
    l.output_bytes_max = 1000;
    check_limited("{{ range 1000 }}ab{{ end }}", "{}", &how, &l, HL_ELIMIT,
                  "larger than 1000 bytes");
    check_limited("{{ printf \"%1000000d\" 1 }}", "{}", &how, &l, HL_ELIMIT,
                  "larger than 1000 bytes");
    check_limited("{{ printf \"%01000000.2f\" 1.5 }}", "{}", &how, &l, HL_ELIMIT,
                  "larger than 1000 bytes");
    l = hl_gotemplate_limits_default;
    l.memory_bytes_max = 100 * 1000;
    check_limited("{{ $s := \"x\" }}{{ range 100 }}{{ $s = print $s $s }}{{ end }}", "{}", &how, &l,
                  HL_ELIMIT, "bytes of memory");
}

static void deep_sources_need_little_stack(void **state) {
    (void)state;
    hl_buf b = {0};
    hl_error err;
    hl_gotemplate *t;
    static const char *const DEEP[] = {"{{if 1}}", "{{range 1}}", "{{block `x` 1}}",
                                       "{{if 0}}{{else if 1}}"};
    for (size_t k = 0; k < sizeof DEEP / sizeof DEEP[0]; k++) {
        for (int i = 0; i < 10000; i++) hl_buf_append_cstr(&b, DEEP[k]);
        assert_int_equal(hl_gotemplate_parse("", hl_buf_str(&b), &t, &err), HL_ELIMIT);
        hl_buf_reset(&b);
    }
    hl_buf_append_cstr(&b, "{{");
    for (int i = 0; i < 100000; i++) hl_buf_append_cstr(&b, "(");
    assert_int_equal(hl_gotemplate_parse("", hl_buf_str(&b), &t, &err), HL_ELIMIT);
    hl_buf_reset(&b);
    for (int i = 0; i < 100; i++) hl_buf_append_cstr(&b, "{{with (or (and 1))}}");
    for (int i = 0; i < 100; i++) hl_buf_append_cstr(&b, "{{end}}");
    assert_int_equal(hl_gotemplate_parse("", hl_buf_str(&b), &t, &err), HL_OK);
    hl_gotemplate_destroy(t);
    hl_buf_deinit(&b);
}

/* One source that repeats a piece, limited in what it may need. */
static void check_many(const char *piece, int n, const char *end, const char *want) {
    hl_buf b = {0};
    hl_gotemplate_how how = {0};
    hl_gotemplate_limits l = hl_gotemplate_limits_default;
    l.steps_max = 1000 * 1000;
    for (int i = 0; i < n; i++) hl_buf_append_cstr(&b, piece);
    hl_buf_append_cstr(&b, end);
    check_limited(b.ptr, "{}", &how, &l, HL_ELIMIT, want);
    hl_buf_deinit(&b);
}

static void nothing_costs_the_square(void **state) {
    (void)state;
    check_many("{{ $x := 1 }}", 5000, "", "more than 4096 variables");
    hl_buf b = {0};
    hl_gotemplate *t;
    hl_error err;
    for (int i = 0; i < 2000; i++) hl_buf_printf(&b, "{{ define \"%d\" }}x{{ end }}", i);
    assert_int_equal(hl_gotemplate_parse("", hl_buf_str(&b), &t, &err), HL_ELIMIT);
    assert_non_null(strstr(err.text, "more than 1024 templates"));
    hl_buf_deinit(&b);
    check_many("{{ range 1000 }}", 3, "{{ and 1 1 1 1 1 1 1 1 }}{{ end }}{{ end }}{{ end }}",
               "steps");
    check_many("{{ $x := 1 }}", 3000, "{{ range 10000 }}{{ $ }}{{ end }}", "steps");
}

static void variables_must_be_an_object(void **state) {
    (void)state;
    hl_gotemplate_how how = {0};
    check_limited("x", "[1]", &how, &hl_gotemplate_limits_default, HL_EINVAL, "no JSON object");
}

/* Whatever allocation fails, there is a status and nothing is lost. */
static void memory_may_run_out(void **state) {
    (void)state;
    static const char SOURCE[] =
        "{{ define \"x\" }}{{ json . }}{{ end }}{{ range $k, $v := .m }}{{ "
        "printf \"%5s|%q\" $k $k }}{{ template \"x\" $v }}{{ end }}";
    struct json_object *variables = NULL;
    hl_gotemplate_how how = {0};
    assert_int_equal(hl_json_parse(HL_STR("{\"m\":{\"a\":[1],\"b\":\"x\"}}"), &variables, NULL),
                     HL_OK);
    hl_status st = HL_ENOMEM;
    int failures = 0;
    for (uint64_t n = 1; st < 0; n++, failures++) {
        hl_buf out = {0};
        hl_error err = {0};
        hl_gotemplate *t = NULL;
        hl_mem_fail_nth(n);
        st = hl_gotemplate_parse("", hl_str_from(SOURCE), &t, &err);
        if (st == HL_OK) st = hl_gotemplate_render(t, variables, &how, &out, &err);
        hl_mem_fail_nth(0);
        assert_true(st == HL_OK || (st == HL_ENOMEM && err.status == HL_ENOMEM));
        if (st == HL_OK) assert_str(hl_buf_str(&out), "    a|\"a\"[1]    b|\"b\"\"x\"");
        hl_gotemplate_destroy(t);
        hl_buf_deinit(&out);
    }
    assert_true(failures > 5);
    json_object_put(variables);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_what_go_prints),
        cmocka_unit_test(dates_are_of_the_given_time),
        cmocka_unit_test(errors_say_what_go_says),
        cmocka_unit_test(arguments_keep_their_order),
        cmocka_unit_test(tools_print_as_json),
        cmocka_unit_test(absent_fields_are_zero),
        cmocka_unit_test(integers_of_arguments_are_floats),
        cmocka_unit_test(response_is_added_when_missing),
        cmocka_unit_test(open_turns_end_at_the_response),
        cmocka_unit_test(mentions_are_found_anywhere),
        cmocka_unit_test(thinking_tags_stand_around_thinking),
        cmocka_unit_test(tool_prefix_is_the_first_text),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(deep_sources_need_little_stack),
        cmocka_unit_test(nothing_costs_the_square),
        cmocka_unit_test(variables_must_be_an_object),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
