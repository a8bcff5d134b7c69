#include "store/describe.h"
#include "stored_model.h"

static void counts_are_written_as_ollama_does(void **state) {
    (void)state;
    static const struct {
        uint64_t n;
        const char *text;
    } cases[] = {
        {0, "0"},           {999, "999"},         {12000, "12K"},          {23077376, "23.08M"},
        {8000000000, "8B"}, {1235814432, "1.2B"}, {405853388800, "405.9B"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[16];
        hl_parameters_text(cases[i].n, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void a_file_says_what_it_is(void **state) {
    (void)state;
    char dir[64], path[96];
    hl_gguf *g;
    hl_error err;
    temp_dir_make(dir);
    (void)snprintf(path, sizeof path, "%s/x.gguf", dir);
    stored_write_gguf(path, HL_DTYPE_F16, NULL, 1);
    if (hl_gguf_open(path, &g, &err) < 0) fail_msg("%s", err.text);
    assert_int_equal(hl_gguf_n_parameters(g), 128);
    assert_string_equal(hl_gguf_quantization(g), "F16");
    assert_string_equal(hl_gguf_layer_kind(g), "model");
    hl_gguf_close(g);
    temp_dir_remove(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_written_as_ollama_does),
        cmocka_unit_test(a_file_says_what_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
