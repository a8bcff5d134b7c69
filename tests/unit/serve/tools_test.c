/* Calls of tools in an answer's text, however it is cut. */
#include "serve/tools.h"
#include "testing.h"

static struct json_object *tools;
static hl_tools_format format;
static hl_buf told;

static void tell(void *arg, hl_str text, const hl_tool_call *call) {
    (void)arg;
    if (call)
        hl_buf_printf(&told, "«%.*s %.*s»", HL_STR_ARG(call->name), HL_STR_ARG(call->arguments));
    else
        hl_buf_append_str(&told, text);
}

/* "\x01" in a text stands for the control token whose text follows, up to "\x02". */
static void push(hl_tools *t, hl_str piece) {
    while (piece.len > 0) {
        size_t from = hl_str_find(piece, HL_STR("\x01"), 0), to;
        hl_tools_push(t, hl_str_slice(piece, 0, from), tell, NULL);
        if (from == SIZE_MAX) return;
        to = hl_str_find(piece, HL_STR("\x02"), from);
        hl_tools_mark(t, hl_str_slice(piece, from + 1, to), tell, NULL);
        piece = hl_str_slice(piece, to + 1, piece.len);
    }
}

static bool is_inside_mark(hl_str s, size_t at) {
    bool inside = false;
    for (size_t i = 0; i < at; i++) inside = s.ptr[i] == 1 || (inside && s.ptr[i] != 2);
    return inside;
}

static const char *run(hl_str text, size_t first, size_t piece) {
    hl_tools t;
    hl_buf_reset(&told);
    hl_buf_append_cstr(&told, "");
    hl_tools_init(&t, &format, tools);
    for (size_t at = 0, next; at < text.len; at = next) {
        next = at == 0 ? first : at + piece;
        if (next > text.len) next = text.len;
        while (is_inside_mark(text, next)) next++;
        push(&t, hl_str_slice(text, at, next));
    }
    hl_tools_finish(&t, tell, NULL);
    hl_tools_deinit(&t);
    return hl_buf_str(&told).ptr;
}

static void expect_pieces(hl_str s, size_t first, size_t piece, const char *want) {
    const char *got = run(s, first, piece);
    if (strcmp(got, want) != 0) print_error("%.*s\n-> %s\n", HL_STR_ARG(s), got);
    assert_string_equal(got, want);
}

/* In two pieces cut anywhere, and in pieces of any size. */
static void expect(const char *text, const char *want) {
    hl_str s = hl_str_from(text);
    for (size_t n = 1; n <= s.len + 1; n++) {
        expect_pieces(s, n, s.len + 1, want);
        expect_pieces(s, n, n, want);
        expect_pieces(s, 1, n, want);
    }
}

static void use(const char *template_text) {
    format = hl_tools_format_find(hl_str_from(template_text), (hl_str){"", 0});
}

static void calls_in_tags(void **state) {
    (void)state;
    use("… <tool_call> …");
    expect("<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}}\n"
           "</tool_call>",
           "«get_weather {\"city\":\"Paris\"}»");
    expect("Let me see.\n\n<tool_call>{\"name\":\"add\",\"arguments\":{\"b\":1.50,\"a\":-2}}"
           "</tool_call>\n<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {}}\n"
           "</tool_call>\n Done. ",
           "Let me see.\n\n«add {\"b\":1.50,\"a\":-2}»«get_weather {}»Done. ");
    expect("<tool_call>{\"name\": \"add\", \"arguments\": {\"a\": 1}}\n"
           "{\"name\": \"add\", \"arguments\": {\"a\": 2}}\n</tool_call>x",
           "«add {\"a\":1}»«add {\"a\":2}»x");
    expect("no < call <tool> here <tool_cal", "no < call <tool> here <tool_cal");
    expect("", "");
}

static void what_is_no_call_is_text(void **state) {
    static const char *const SAME[] = {
        "<tool_call>",
        "<tool_call>\nplain words</tool_call>",
        "<tool_call>{\"name\": \"nobody\", \"arguments\": {}}</tool_call> so",
        "<tool_call>{\"name\": \"add\", \"arguments\": {\"a\": }}</tool_call>",
        "<tool_call>{\"name\": \"add\", \"arguments\": {\"a\": 1",
        "<tool_call>{\"name\": \"add\", \"arguments\": [1]}</tool_call>",
        "<tool_call>{'name': 'add'}</tool_call>",
        "<tool_call>[]</tool_call>",
        "<tool_call>[{\"name\": \"add\", \"arguments\": {}}, 1]</tool_call>",
        "a <tool_call>{\"name\": \"add\"]}",
        "</tool_call> alone",
    };
    (void)state;
    use("<tool_call>");
    for (size_t i = 0; i < sizeof SAME / sizeof SAME[0]; i++) expect(SAME[i], SAME[i]);
    expect("<tool_call>x <tool_call>{\"name\": \"add\"}</tool_call>", "<tool_call>x «add {}»");
    expect("<tool_call>{\"name\": \"add\"}</tool_ca", "«add {}»");
    expect("<tool_call>{\"name\": \"add\"} </tool_box", "«add {}»</tool_box");
}

static void names_and_arguments_by_other_names(void **state) {
    (void)state;
    use("<tool_call>");
    expect("<tool_call>{\"function\": {\"name\": \"add\", \"arguments\": \"{\\\"a\\\": 1}\"}}",
           "«add {\"a\":1}»");
    expect("<tool_call>{\"function\": \"add\", \"args\": {\"a\": \"/\\u00e9\"}}",
           "«add {\"a\":\"/é\"}»");
    expect("<tool_call>{\"type\":\"function\",\"name\":\"add\",\"parameters\":null}", "«add {}»");
    expect("<tool_call>{\"add\": {\"a\": 1}}", "«add {\"a\":1}»");
    expect("<tool_call>{\"name\":\"add\",\"arguments\":\"no object\"}",
           "<tool_call>{\"name\":\"add\",\"arguments\":\"no object\"}");
}

static void llama_begins_with_the_call(void **state) {
    (void)state;
    use("{\"name\": function name, \"parameters\": dictionary}");
    assert_true(format.bare && format.before.len > 0);
    expect(" {\"name\": \"add\", \"parameters\": {\"a\": 1}}", "«add {\"a\":1}»");
    expect("<|python_tag|>{\"name\": \"add\", \"parameters\": {}}", "«add {}»");
    expect("\x01<|python_tag|>\x02{\"name\": \"add\", \"parameters\": {}}", "«add {}»");
    expect("\x01<|python_tag|>\x02print(1)", "print(1)");
    expect("{\"name\": \"add\", \"parameters\": {}}; {\"name\": \"add\", \"parameters\": {}}",
           "«add {}»«add {}»");
    expect("{\"a\": 1, \"b\": [2]} is JSON", "{\"a\": 1, \"b\": [2]} is JSON");
    expect("See {\"name\": \"add\", \"parameters\": {}}",
           "See {\"name\": \"add\", \"parameters\": {}}");
    expect("{braces} and [1, 2]", "{braces} and [1, 2]");
    expect("  \n", "  \n");
}

static void mistral_has_two_ways(void **state) {
    (void)state;
    use("[TOOL_CALLS]");
    expect("[TOOL_CALLS] [{\"name\": \"add\", \"arguments\": {\"a\": 1}}, {\"name\": \"add\", "
           "\"arguments\": {}}]",
           "«add {\"a\":1}»«add {}»");
    expect("\x01[TOOL_CALLS]\x02[{\"name\": \"add\", \"arguments\": {}}]", "«add {}»");
    use("[TOOL_CALLS][ARGS]");
    expect("Hm. [TOOL_CALLS]add[ARGS]{\"a\": 1}[TOOL_CALLS]get_weather[CALL_ID]a1B2[ARGS]{}",
           "Hm. «add {\"a\":1}»«get_weather {}»");
    expect("\x01[TOOL_CALLS]\x02"
           "add\x01[ARGS]\x02{\"a\": 1}",
           "«add {\"a\":1}»");
    expect("\x01[TOOL_CALLS]\x02nobody\x01[ARGS]\x02{}", "nobody{}");
    expect("[TOOL_CALLS]add or not", "[TOOL_CALLS]add or not");
    expect("[TOOL", "[TOOL");
}

static void deepseek_and_kimi_name_first(void **state) {
    (void)state;
    use("<｜tool▁calls▁begin｜> ```json");
    expect(
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>add\n```json\n{\"a\": "
        "1}\n"
        "```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>add\n```json\n{}\n```"
        "<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        "«add {\"a\":1}»«add {}»");
    use("<｜tool▁calls▁begin｜>");
    expect(
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>add<｜tool▁sep｜>{\"a\": 1}<｜tool▁call▁end｜>"
        "<｜tool▁calls▁end｜> ok",
        "«add {\"a\":1}»ok");
    use("<|tool_calls_section_begin|>");
    expect("<|tool_calls_section_begin|><|tool_call_begin|>functions.add:0"
           "<|tool_call_argument_begin|>{\"a\": 1}<|tool_call_end|><|tool_call_begin|>"
           "functions.add:1<|tool_call_argument_begin|>{}<|tool_call_end|>"
           "<|tool_calls_section_end|>",
           "«add {\"a\":1}»«add {}»");
}

static void parameters_in_tags(void **state) {
    (void)state;
    use("<tool_call> <function=");
    expect("<tool_call>\n<function=set>\n<parameter=text>\n12\n</parameter>\n<parameter=n>\n12\n"
           "</parameter>\n<parameter=on>\nTrue\n</parameter>\n</function>\n</tool_call>",
           "«set {\"text\":\"12\",\"n\":12,\"on\":true}»");
    expect("<function=set>\n<parameter=text>a\n\n<b>\n</parameter></function></tool_call>",
           "«set {\"text\":\"a\\n\\n<b>\"}»");
    expect("<tool_call><function=set></function></tool_call>", "«set {}»");
    expect("<tool_call><function=set>words</function></tool_call>",
           "<tool_call><function=set>words</function></tool_call>");
    expect("<function=nobody>", "<function=nobody>");
    use("<tool_call> <arg_key>");
    expect("<tool_call>set\n<arg_key>text</arg_key>\n<arg_value>a b</arg_value>\n<arg_key>n"
           "</arg_key>\n<arg_value>7</arg_value>\n</tool_call>\n<tool_call>set</tool_call>",
           "«set {\"text\":\"a b\",\"n\":7}»«set {}»");
    expect("\x01<tool_call>\x02set\n\x01</tool_call>\x02", "«set {}»");
    use("<minimax:tool_call>");
    expect("<minimax:tool_call>\n<invoke name=\"set\">\n<parameter name=\"text\">x</parameter>\n"
           "</invoke>\n<invoke name=\"set\">\n</invoke>\n</minimax:tool_call>",
           "«set {\"text\":\"x\"}»«set {}»");
    use("<function=");
    expect("<function=add>{\"a\": 1}</function>", "«add {\"a\":1}»");
}

static void calls_like_python(void **state) {
    (void)state;
    use("List of tools: [");
    expect("<|tool_call_start|>[set(text=\"a \\\"b\\\" \\x\", n=-2), add(a=[1, None, 'x', {'k': "
           "True}],)]<|tool_call_end|>\nDone.",
           "«set {\"text\":\"a \\\"b\\\" \\\\x\",\"n\":-2}»"
           "«add {\"a\":[1,null,\"x\",{\"k\":true}]}»Done.");
    expect("<|tool_call_start|>[ {\"name\": \"add\", \"arguments\": {}}]<|tool_call_end|>",
           "«add {}»");
    expect("\x01<|tool_call_start|>\x02[add()]\x01<|tool_call_end|>\x02", "«add {}»");
    static const char *const SAME[] = {"<|tool_call_start|>[nobody()]<|tool_call_end|>",
                                       "<|tool_call_start|>[add(a=x)]<|tool_call_end|>",
                                       "<|tool_call_start|>[add(a=1]<|tool_call_end|>",
                                       "<|tool_call_start|>[add(1)]<|tool_call_end|>",
                                       "<|tool_call_start|>[add(a=\"1)]<|tool_call_end|>",
                                       "<|tool_call_start|>[add()] and"};
    for (size_t i = 0; i < sizeof SAME / sizeof SAME[0]; i++) {
        expect(SAME[i], SAME[i]);
    }
    use("<|tool_call>call:");
    expect("<|tool_call>call:set{text:<|\"|>a \"b\"<|\"|>,n:2}<tool_call|>"
           "<|tool_call>call:add{}<tool_call|>",
           "«set {\"text\":\"a \\\"b\\\"\",\"n\":2}»«add {}»");
    expect("\x01<|tool_call>\x02"
           "call:set{text:\x01<|\"|>\x02x\x01<|\"|>\x02}\x01<tool_call|>\x02",
           "«set {\"text\":\"x\"}»");
}

static void other_families(void **state) {
    (void)state;
    use("<|START_ACTION|>");
    expect("<|START_ACTION|>[\n  {\"tool_call_id\": \"0\", \"tool_name\": \"add\", \"parameters\": "
           "{\"a\": 1}}\n]<|END_ACTION|>",
           "«add {\"a\":1}»");
    use("<｜DSML｜tool_calls>");
    expect("<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"set\">\n<｜DSML｜parameter name=\"text\" "
           "string=\"true\">1</｜DSML｜parameter>\n<｜DSML｜parameter name=\"n\" string=\"false\">1"
           "</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>",
           "«set {\"text\":\"1\",\"n\":1}»");
    use("<function name=\" <param name=\"");
    expect("<function name=\"set\"><param name=\"n\">2</param></function>", "«set {\"n\":2}»");
    use("<|tool_call|>");
    expect("<|tool_call|>[{\"name\": \"add\", \"arguments\": {}}]", "«add {}»");
    use("<|tools_prefix|>");
    expect("<|tools_prefix|>[{\"add\": {\"a\": 1}}]<|tools_suffix|>", "«add {\"a\":1}»");
    format = hl_tools_format_find(HL_STR("none"), HL_STR("\nCALL: "));
    expect("CALL: {\"name\": \"add\", \"arguments\": {}}", "«add {}»");
    use("none");
    expect("{\"name\": \"add\", \"arguments\": {}}", "«add {}»");
}

/* What a format says of itself is read back, also with control tokens. */
static void formats_read_what_they_write(void **state) {
    static const char *const TEMPLATES[] = {"<｜tool▁calls▁begin｜> ```json",
                                            "<｜tool▁calls▁begin｜>",
                                            "<|tool_calls_section_begin|>",
                                            "[TOOL_CALLS][ARGS]",
                                            "[TOOL_CALLS]",
                                            "<|START_ACTION|>",
                                            "<minimax:tool_call>",
                                            "<|tools_prefix|>",
                                            "<tool_call><arg_key>",
                                            "<tool_call><function=",
                                            "<tool_call>",
                                            "<|tool_call|>",
                                            "<function=",
                                            "\"name\": \"parameters\": ",
                                            "none"};
    (void)state;
    for (size_t i = 0; i < sizeof TEMPLATES / sizeof TEMPLATES[0]; i++) {
        hl_buf text;
        hl_buf_init(&text, 0);
        use(TEMPLATES[i]);
        hl_buf_append_str(&text, format.before);
        hl_buf_append_cstr(&text, format.before_named ? "add" : "\"add\"");
        hl_buf_append_str(&text, format.middle);
        hl_buf_append_cstr(&text, "{\"a\":[1,{}]}");
        hl_buf_append_str(&text, format.after);
        expect(text.ptr, "«add {\"a\":[1,{}]}»");
        hl_buf_deinit(&text);
    }
}

/* A call without end is text in the end, all of it, and is not looked at again and again. */
static void a_call_that_never_ends_is_text(void **state) {
    enum { N = 2 * HL_TOOLS_HELD_MAX };
    hl_buf text;
    hl_tools t;
    (void)state;
    use("<tool_call>");
    hl_buf_init(&text, 0);
    hl_buf_append_cstr(&text, "<tool_call>{\"name\": \"");
    while (text.len < N) hl_buf_append_cstr(&text, "<tool_call>{\\\"");
    hl_tools_init(&t, &format, tools);
    hl_buf_reset(&told);
    for (size_t at = 0; at < text.len; at += 7) {
        hl_tools_push(&t, hl_str_slice(hl_buf_str(&text), at, at + 7), tell, NULL);
        assert_true(t.held.len <= HL_TOOLS_HELD_MAX);
    }
    hl_tools_finish(&t, tell, NULL);
    hl_tools_deinit(&t);
    assert_int_equal(told.len, text.len);
    assert_memory_equal(told.ptr, text.ptr, text.len);
    hl_buf_deinit(&text);
}

static int set_up(void **state) {
    hl_error err;
    (void)state;
    hl_buf_init(&told, 0);
    return hl_json_parse(
               HL_STR("[{\"type\":\"function\",\"function\":{\"name\":\"get_weather\"}},"
                      "{\"type\":\"function\",\"function\":{\"name\":\"add\"}},{\"name\":\"set\","
                      "\"parameters\":{\"type\":\"object\",\"properties\":{\"text\":{\"type\":"
                      "\"string\"},\"n\":{\"type\":[\"integer\",\"null\"]}}}}]"),
               &tools, &err) < 0;
}

static int tear_down(void **state) {
    (void)state;
    json_object_put(tools);
    hl_buf_deinit(&told);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_in_tags),
        cmocka_unit_test(what_is_no_call_is_text),
        cmocka_unit_test(names_and_arguments_by_other_names),
        cmocka_unit_test(llama_begins_with_the_call),
        cmocka_unit_test(mistral_has_two_ways),
        cmocka_unit_test(deepseek_and_kimi_name_first),
        cmocka_unit_test(parameters_in_tags),
        cmocka_unit_test(calls_like_python),
        cmocka_unit_test(other_families),
        cmocka_unit_test(formats_read_what_they_write),
        cmocka_unit_test(a_call_that_never_ends_is_text),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
