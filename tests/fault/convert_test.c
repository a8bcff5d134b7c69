/* The n-th allocation, or the n-th call to the file system, fails while a directory is converted,
 * for every n until all goes well: a status, no leak (AddressSanitizer), no file where it was to
 * be. */
#include "model_dir.h"

#include "base/fs.h"
#include "base/mem.h"
#include "gguf/gguf.h"
#include "store/convert.h"

enum { ATTEMPTS_MAX = 20000 };

typedef struct setting {
    model_dir from;
    char out[96];
    const char *type;
} setting;

static void setting_init(setting *s, const model_dir *from, const char *type) {
    *s = (setting){.from = *from, .type = type};
    s->from.n_layers = 1;
    model_dir_write(&s->from);
    model_dir_text(&s->from, "chat_template.jinja", "{{ messages }}");
    (void)snprintf(s->out, sizeof s->out, "%s/made.gguf", s->from.dir);
}

static hl_status convert(const setting *s, hl_error *err) {
    hl_convert_options o = {.type = hl_str_from(s->type)};
    return hl_convert_directory(s->from.dir, &o, s->out, NULL, NULL, err);
}

static void check_attempt(const setting *s, hl_status st, const hl_error *err) {
    assert_true(st < 0 && err->status == st);
    assert_true(err->text[0] != '\0');
    assert_false(hl_path_is_file(s->out));
    assert_int_equal(temp_dir_count(s->from.dir, "made.gguf"), 0);
}

static void every_allocation(void **state) {
    (void)state;
    static const model_dir FROM[] = {{.family = "llama", .n_files = 2}, {.underlines = true}};
    for (size_t i = 0; i < 2; i++) {
        setting s;
        uint64_t n = 1;
        setting_init(&s, &FROM[i], "F16");
        for (;; n++) {
            hl_error err = {0};
            assert_true(n < ATTEMPTS_MAX);
            hl_mem_fail_nth(n);
            hl_status st = convert(&s, &err);
            hl_mem_fail_nth(0);
            if (st == HL_OK) break;
            assert_int_equal(st, HL_ENOMEM);
            check_attempt(&s, st, &err);
        }
        assert_true(n > 30);
        model_dir_deinit(&s.from);
    }
}

/* The last calls open and sync the directory: the file has its name already, and is whole. */
static bool check_named(const setting *s, const hl_error *err) {
    hl_gguf *g;
    if (!hl_path_is_file(s->out)) return false;
    const char *dir = strstr(err->text, s->from.dir);
    if (!dir || dir[strlen(s->from.dir)] != ':') fail_msg("%s", err->text);
    assert_int_equal(hl_gguf_open(s->out, &g, NULL), HL_OK);
    hl_gguf_close(g);
    assert_int_equal(unlink(s->out), 0);
    return true;
}

/* Removing what was begun is a call that can fail as well: then something hidden may be left. */
static void every_call(const char *type, bool from_then_on) {
    const model_dir from = {.family = "qwen3", .n_files = 2};
    setting s;
    uint64_t n = 1;
    int n_named = 0;
    setting_init(&s, &from, type);
    for (;; n++) {
        hl_error err = {0};
        assert_true(n < ATTEMPTS_MAX);
        hl_fs_fail_nth(n, from_then_on);
        hl_status st = convert(&s, &err);
        hl_fs_fail_nth(0, false);
        if (st == HL_OK) break;
        assert_true(err.text[0] != '\0');
        n_named += check_named(&s, &err);
    }
    assert_true(n > 40);
    assert_true(n_named <= 2);
    assert_true(hl_path_is_file(s.out));
    model_dir_deinit(&s.from);
}

static void every_call_once(void **state) {
    (void)state;
    every_call("", false);
    every_call("Q8_0", false);
}

static void every_call_and_all_after_it(void **state) {
    (void)state;
    every_call("", true);
    every_call("Q8_0", true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation),
        cmocka_unit_test(every_call_once),
        cmocka_unit_test(every_call_and_all_after_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
