#include "store/modelfile.h"
#include "testing.h"

static hl_error err;
static hl_arena *arena;
static const hl_instruction *list;
static size_t n;

static int set_up(void **state) {
    (void)state;
    arena = hl_arena_create(0);
    return arena == NULL;
}

static int tear_down(void **state) {
    (void)state;
    hl_arena_destroy(arena);
    return 0;
}

static void parse_ok(hl_str text) {
    if (hl_modelfile_parse(text, arena, &list, &n, &err) < 0) fail_msg("%s", err.text);
}

static void every_instruction_is_read(void **state) {
    (void)state;
    static const char text[] = "# a comment\n"
                               "FROM ./x.gguf\n"
                               "  from  llama3:8b  \n"
                               "PARAMETER stop \"<|im_end|>\"\n"
                               "parameter temperature 0.5\n"
                               "TEMPLATE \"\"\"{{ .Prompt }}\n# no comment \"quoted\"\n\"\"\"\n"
                               "SYSTEM You are \"nice\".\n"
                               "ADAPTER a\nDRAFT d\nRENDERER r\nPARSER p\nREQUIRES 0.1.2\n"
                               "LICENSE \"\nMIT\n\"\n"
                               "MESSAGE user hi\nMESSAGE assistant \"\"\"hello\"\"\"\n";
    static const struct {
        hl_instruction_kind kind;
        const char *name, *value;
        uint32_t line;
    } want[] = {
        {HL_MODELFILE_FROM, "", "./x.gguf", 2},
        {HL_MODELFILE_FROM, "", "llama3:8b", 3},
        {HL_MODELFILE_PARAMETER, "stop", "<|im_end|>", 4},
        {HL_MODELFILE_PARAMETER, "temperature", "0.5", 5},
        {HL_MODELFILE_TEMPLATE, "", "{{ .Prompt }}\n# no comment \"quoted\"\n", 6},
        {HL_MODELFILE_SYSTEM, "", "You are \"nice\".", 9},
        {HL_MODELFILE_ADAPTER, "", "a", 10},
        {HL_MODELFILE_DRAFT, "", "d", 11},
        {HL_MODELFILE_RENDERER, "", "r", 12},
        {HL_MODELFILE_PARSER, "", "p", 13},
        {HL_MODELFILE_REQUIRES, "", "0.1.2", 14},
        {HL_MODELFILE_LICENSE, "", "\nMIT\n", 15},
        {HL_MODELFILE_MESSAGE, "user", "hi", 18},
        {HL_MODELFILE_MESSAGE, "assistant", "hello", 19},
    };
    parse_ok(hl_str_from(text));
    assert_int_equal(n, sizeof want / sizeof *want);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(list[i].kind, want[i].kind);
        assert_int_equal(list[i].line, want[i].line);
        assert_str(list[i].name, want[i].name);
        assert_str(list[i].value, want[i].value);
    }
}

static void values_keep_what_is_inside(void **state) {
    (void)state;
    static const struct {
        const char *text, *value;
    } cases[] = {
        {"FROM a", "a"},
        {"FROM\ta b # c", "a b # c"},
        {"FROM \"a\"", "a"},
        {"FROM \"a\" \t", "a"},
        {"FROM \"a\"b\"", "a\"b"},
        {"FROM \"a\nb\"", "a\nb"},
        {"FROM \"\"\"a\"\"\"", "a"},
        {"FROM \"\"\"a\"\"b\"\"\"\n", "a\"\"b"},
        {"FROM \"\"\"\n\"\"\"", "\n"},
        {"FROM 'a'", "'a'"},
        {"FROM a\\nb", "a\\nb"},
        {"FROM a\r\n", "a"},
        {"FROM \"\"", ""},
        {"\xEF\xBB\xBF"
         "FROM a",
         "a"},
        {"FROM a\xC2\xA0z", "az"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        parse_ok(hl_str_from(cases[i].text));
        assert_int_equal(n, 1);
        assert_str(list[0].value, cases[i].value);
    }
}

static void wide_files_are_read(void **state) {
    (void)state;
    static const char little[] = "\xFF\xFE"
                                 "F\0R\0O\0M\0 \0\xE4\0\x3D\xD8\x00\xDE";
    static const char big[] = "\xFE\xFF"
                              "\0F\0R\0O\0M\0 \0a";
    parse_ok((hl_str){little, sizeof little - 1});
    assert_str(list[0].value, "\xC3\xA4\xF0\x9F\x98\x80");
    parse_ok((hl_str){big, sizeof big - 1});
    assert_str(list[0].value, "a");
}

static void mistakes_name_their_line(void **state) {
    (void)state;
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"", "no FROM line"},
        {"SYSTEM x", "no FROM line"},
        {"FROM a\nFOO b", "(line 2): command must be one of \"from\""},
        {"FROM\n", "(line 1): command must be one of \"from\""},
        {"FROM", "(line 1): command must be one of \"from\""},
        {"FROMx a", "(line 1): command must be one of \"from\""},
        {"FROM a\n\nMESSAGE boss x", "(line 3): message role must be one of \"system\""},
        {"FROM a\nMESSAGE User x", "(line 2): message role must be one of \"system\""},
        {"FROM \"a", "unexpected EOF"},
        {"FROM \"\"\"a\"\"", "unexpected EOF"},
        {"FROM \"a\" b", "unexpected EOF"},
        {"FROM \"", "unexpected EOF"},
        {"FROM a\nPARAMETER x", "(line 2): PARAMETER wants a name and a value"},
        {"FROM a\nPARAMETER x-y 1", "(line 2): PARAMETER wants a name and a value"},
        {"FROM a\nPARAMETER x \n", "(line 2): a value is missing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hl_str text = hl_str_from(cases[i].text);
        if (hl_modelfile_parse(text, arena, &list, &n, &err) != HL_EFORMAT)
            fail_msg("%s is taken", cases[i].text);
        if (strncmp(err.text, cases[i].error, strlen(cases[i].error)) != 0)
            fail_msg("%s: %s", cases[i].text, err.text);
    }
}

static void printed_values_come_back(void **state) {
    (void)state;
    static const char *const values[] = {
        "plain", "two\nlines", " blank", "a \"quote\"", "a \"quote\"\nand a line", "tail "};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        hl_buf b;
        hl_buf_init(&b, 0);
        hl_modelfile_print(&b, "FROM", (hl_str){"", 0}, HL_STR("x"));
        hl_modelfile_print(&b, "MESSAGE", HL_STR("user"), hl_str_from(values[i]));
        parse_ok(hl_buf_str(&b));
        assert_int_equal(n, 2);
        assert_str(list[1].value, values[i]);
        hl_buf_deinit(&b);
    }
}

int main(void) {
#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(every_instruction_is_read), EACH(values_keep_what_is_inside),
        EACH(wide_files_are_read),       EACH(mistakes_name_their_line),
        EACH(printed_values_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
