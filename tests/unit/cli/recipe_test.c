#include "cli/recipe.h"

#include "stored_model.h"

static char dir[64];

static int set_up(void **state) {
    char path[96];
    (void)state;
    temp_dir_make(dir);
    (void)snprintf(path, sizeof path, "%s/w.gguf", dir);
    stored_write_gguf(path, HL_DTYPE_Q8_0, NULL, 1);
    (void)snprintf(path, sizeof path, "%s/x.bin", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs("PK", f) >= 0);
    fclose(f);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    temp_dir_remove(dir);
    return 0;
}

static const struct {
    const char *text, *body;
} ACCEPTED[] = {
    {"FROM a", "{\"from\":\"a\"}"},
    {"from\t a:b \n", "{\"from\":\"a:b\"}"},
    {"# SYSTEM x\n  FROM a\r\nSYSTEM  two words ", "{\"from\":\"a\",\"system\":\"two words\"}"},
    {"FROM a\nSYSTEM \"\"\"x\ny\"\"\"\n", "{\"from\":\"a\",\"system\":\"x\\ny\"}"},
    {"FROM a\nSYSTEM \"x\ny\"\n", "{\"from\":\"a\",\"system\":\"x\\ny\"}"},
    {"FROM a\nSYSTEM \"\"\"say \"hi\"\"\"\"", "{\"from\":\"a\",\"system\":\"say \\\"hi\\\"\"}"},
    {"FROM a\nSYSTEM x\nSYSTEM y", "{\"from\":\"a\",\"system\":\"y\"}"},
    {"FROM a\nTEMPLATE {{ .Prompt }}", "{\"from\":\"a\",\"template\":\"{{ .Prompt }}\"}"},
    {"FROM w.gguf\nTEMPLATE {{ .Prompt }}", "{}"},
    {"FROM a\nTEMPLATE {% if x %}y{% endif %}",
     "{\"from\":\"a\",\"template\":\"{% if x %}y{% endif %}\"}"},
    {"FROM a\nLICENSE x\nLICENSE \"y\nz\"", "{\"from\":\"a\",\"license\":[\"x\",\"y\\nz\"]}"},
    {"FROM a\nPARAMETER temperature 0.7\nPARAMETER num_ctx 4096",
     "{\"from\":\"a\",\"parameters\":{\"temperature\":0.7,\"num_ctx\":4096}}"},
    {"FROM a\nPARAMETER temperature 1\nPARAMETER temperature .5",
     "{\"from\":\"a\",\"parameters\":{\"temperature\":0.5}}"},
    {"FROM a\nPARAMETER stop \"<|x|>\"\nPARAMETER stop y",
     "{\"from\":\"a\",\"parameters\":{\"stop\":[\"<|x|>\",\"y\"]}}"},
    {"FROM a\nPARAMETER use_mmap false\nPARAMETER num_keep -1",
     "{\"from\":\"a\",\"parameters\":{\"use_mmap\":false,\"num_keep\":-1}}"},
    {"FROM a\nMESSAGE user hi\nMESSAGE assistant \"\"\"a\nb\"\"\"",
     "{\"from\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},"
     "{\"role\":\"assistant\",\"content\":\"a\\nb\"}]}"},
    {"FROM a\nRENDERER qwen3-coder\nPARSER qwen3\nREQUIRES 0.14.0-rc1",
     "{\"from\":\"a\",\"renderer\":\"qwen3-coder\",\"parser\":\"qwen3\","
     "\"requires\":\"0.14.0-rc1\"}"},
};

static void what_is_right_is_taken(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof ACCEPTED / sizeof *ACCEPTED; i++) {
        hl__recipe r;
        hl_error err;
        if (hl__recipe_read(hl_str_from(ACCEPTED[i].text), "M", dir, &r, &err) < 0)
            fail_msg("%s: %s", ACCEPTED[i].text, err.text);
        assert_string_equal(json_object_to_json_string_ext(
                                r.body, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
                            ACCEPTED[i].body);
        hl__recipe_deinit(&r);
    }
}

static const struct {
    const char *text, *error;
} REFUSED[] = {
    {"", "M: no FROM line"},
    {"SYSTEM x", "M: no FROM line"},
    {"FROM", "M: (line 1): command must be one of"},
    {"FRO a", "M: (line 1): command must be one of"},
    {"\n# x\n\nFROM a\n'SYSTEM x", "M: (line 5): command must be one of"},
    {"FROM a\nSYSTEM \"\"\"x", "M: unexpected EOF"},
    {"FROM a\nSYSTEM \"x", "M: unexpected EOF"},
    {"FROM a b", "M: (line 1): invalid model name"},
    {"FROM a\nFROM b", "M: (line 2): a second FROM"},
    {"FROM ./nope.gguf", "nope.gguf: no such file or directory"},
    {"FROM ~/nope", "nope: no such file or directory"},
    {"SYSTEM x\nFROM x.bin", "M: (line 2): x.bin is a PyTorch file"},
    {"FROM a\nADAPTER nope", "M: (line 2): nope: no such file or directory"},
    {"FROM a\nADAPTER ./nope.gguf", "M: (line 2): "},
    {"FROM a\nPARAMETER x", "M: (line 2): PARAMETER wants a name and a value"},
    {"FROM a\nPARAMETER temperatur 1", "M: (line 2): unknown parameter 'temperatur'"},
    {"FROM a\nPARAMETER temperature hot", "M: (line 2): option \"temperature\" must be of type"},
    {"FROM a\nPARAMETER num_ctx 1.5", "M: (line 2): option \"num_ctx\" must be of type integer"},
    {"FROM a\nPARAMETER num_ctx 1e400", "M: (line 2): option \"num_ctx\""},
    {"FROM a\nPARAMETER use_mmap 7", "M: (line 2): option \"use_mmap\" must be of type boolean"},
    {"FROM a\nMESSAGE usr hi", "M: (line 2): message role must be one of"},
    {"FROM a\nMESSAGE User hi", "M: (line 2): message role must be one of"},
    {"FROM a\n\nTEMPLATE {{ .Prompt", "M: (line 3): template error: "},
    {"FROM a\nREQUIRES soon", "M: (line 2): REQUIRES wants a version"},
    {"FROM a\nREQUIRES 1..2", "M: (line 2): REQUIRES wants a version"},
    {"FROM a\nDRAFT b", "M: (line 2): DRAFT is not supported"},
};

static void what_is_wrong_has_its_line(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++) {
        hl__recipe r;
        hl_error err;
        if (hl__recipe_read(hl_str_from(REFUSED[i].text), "M", dir, &r, &err) >= 0)
            fail_msg("taken: %s", REFUSED[i].text);
        if (!strstr(err.text, REFUSED[i].error))
            fail_msg("%s: %s, want %s", REFUSED[i].text, err.text, REFUSED[i].error);
    }
}

static void files_are_relative_to_the_modelfile(void **state) {
    hl__recipe r;
    hl_error err;
    (void)state;
    assert_int_equal(
        hl__recipe_read(HL_STR("FROM w.gguf\nFROM ./w.gguf\nADAPTER w.gguf"), "M", dir, &r, &err),
        HL_OK);
    assert_int_equal(r.models.n, 1);
    assert_int_equal(r.adapters.n, 1);
    assert_true(hl_str_starts(hl_str_from(r.models.items[0].path), hl_str_from(dir)));
    assert_true(hl_str_is(r.models.items[0].name, "w.gguf"));
    hl__recipe_deinit(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_right_is_taken),
        cmocka_unit_test(what_is_wrong_has_its_line),
        cmocka_unit_test(files_are_relative_to_the_modelfile),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
