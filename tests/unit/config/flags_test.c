#include "config/flags.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

typedef struct args {
    bool verbose, quiet;
    hl_str format, think;
    int64_t dimensions;
} args;

#define AT(member) offsetof(args, member)

static const hl_flag FLAGS[] = {
    {"verbose", 'v', HL_FLAG_SWITCH, AT(verbose), NULL, NULL, "show timings"},
    {"quiet", 'q', HL_FLAG_SWITCH, AT(quiet), NULL, NULL, "say less"},
    {"format", 'f', HL_FLAG_TEXT, AT(format), "FORMAT", NULL, "answer's format"},
    {"think", 0, HL_FLAG_OPTIONAL, AT(think), "LEVEL", "true", "think first"},
    {"dimensions", 0, HL_FLAG_INT, AT(dimensions), "N", NULL, "how many"},
    {"num-predict", 'n', HL_FLAG_GENERATION, 0, "N", NULL, "most tokens"},
};
static const hl_flag_table TABLE = {FLAGS, sizeof FLAGS / sizeof *FLAGS, true};

static args got;
static hl_options options;
static hl_flags_found found;
static hl_error error;

enum { ARGC_MAX = 16 };
static char *line[ARGC_MAX];

/* Parses the words up to NULL. */
static hl_status parse(const char *first, ...) {
    int argc = 0;
    va_list ap;
    va_start(ap, first);
    for (const char *w = first; w; w = va_arg(ap, const char *))
        line[argc++] = (char *)(uintptr_t)w;
    va_end(ap);
    got = (args){0};
    error = (hl_error){0};
    hl_options_init(&options);
    return hl_flags_parse(&TABLE, argc, line, &got, &options, &found, &error);
}

static void words_and_flags_mix(void **state) {
    (void)state;
    assert_int_equal(parse("tiny", "--verbose", "What", "-q", "is", NULL), HL_OK);
    assert_true(got.verbose && got.quiet);
    assert_int_equal(found.n_words, 3);
    assert_string_equal(line[0], "tiny");
    assert_string_equal(line[1], "What");
    assert_string_equal(line[2], "is");
}

static void two_dashes_end_the_flags(void **state) {
    (void)state;
    assert_int_equal(parse("-v", "--", "-q", "--nope", "-", NULL), HL_OK);
    assert_true(got.verbose && !got.quiet);
    assert_int_equal(found.n_words, 3);
    assert_string_equal(line[0], "-q");
    assert_int_equal(parse("-", NULL), HL_OK);
    assert_int_equal(found.n_words, 1);
}

static void numbers_and_dashes_are_words(void **state) {
    (void)state;
    assert_int_equal(parse("-5 + 3", "- a list", "---", "-.5", NULL), HL_OK);
    assert_int_equal(found.n_words, 4);
}

static void values_come_in_all_spellings(void **state) {
    (void)state;
    assert_int_equal(parse("--format", "json", "--dimensions=-12", NULL), HL_OK);
    assert_true(hl_str_is(got.format, "json"));
    assert_int_equal(got.dimensions, -12);
    assert_int_equal(parse("-fjson", NULL), HL_OK);
    assert_true(hl_str_is(got.format, "json"));
    assert_int_equal(parse("-f=a=b", NULL), HL_OK);
    assert_true(hl_str_is(got.format, "a=b"));
    assert_int_equal(parse("-qvf", "x", NULL), HL_OK);
    assert_true(got.verbose && got.quiet && hl_str_is(got.format, "x"));
    assert_int_equal(parse("--format=", NULL), HL_OK);
    assert_int_equal(got.format.len, 0);
}

static void an_optional_value_needs_an_equals_sign(void **state) {
    (void)state;
    assert_int_equal(parse("--think", "high", NULL), HL_OK);
    assert_true(hl_str_is(got.think, "true"));
    assert_int_equal(found.n_words, 1);
    assert_int_equal(parse("--think=high", NULL), HL_OK);
    assert_true(hl_str_is(got.think, "high"));
}

static void switches_take_go_booleans(void **state) {
    (void)state;
    assert_int_equal(parse("--verbose=0", "--quiet=T", NULL), HL_OK);
    assert_true(!got.verbose && got.quiet);
    assert_int_equal(parse("--verbose=yes", NULL), HL_EINVAL);
    assert_non_null(strstr(error.text, "--verbose"));
}

static void generation_options_are_flags(void **state) {
    (void)state;
    assert_int_equal(parse("--top-k", "7", "--top_p=0.5", "-n", "16", "--seed", "-1", NULL), HL_OK);
    assert_int_equal(options.top_k, 7);
    assert_int_equal(options.num_predict, 16);
    assert_int_equal(options.seed, -1);
    assert_true(options.top_p > 0.49f && options.top_p < 0.51f);
    assert_int_equal(parse("--top-p", "2", NULL), HL_EINVAL);
    assert_non_null(strstr(error.text, "top_p"));
    assert_int_equal(parse("-nmany", NULL), HL_EINVAL);
}

static void errors_name_the_flag(void **state) {
    (void)state;
    assert_int_equal(parse("--verbos", NULL), HL_EINVAL);
    assert_string_equal(error.text, "unknown flag: --verbos (did you mean --verbose?)");
    assert_int_equal(parse("--zzzzzzz=1", NULL), HL_EINVAL);
    assert_string_equal(error.text, "unknown flag: --zzzzzzz");
    assert_int_equal(parse("--temprature", "1", NULL), HL_EINVAL);
    assert_non_null(strstr(error.text, "--temperature"));
    assert_int_equal(parse("-vx", NULL), HL_EINVAL);
    assert_non_null(strstr(error.text, "'x' in -vx"));
    assert_int_equal(parse("--format", NULL), HL_EINVAL);
    assert_string_equal(error.text, "flag needs an argument: --format");
    assert_int_equal(parse("-f", NULL), HL_EINVAL);
    assert_string_equal(error.text, "flag needs an argument: -f");
    assert_int_equal(parse("--dimensions", "1e3", NULL), HL_EINVAL);
    assert_int_equal(parse("--", NULL), HL_OK);
    assert_int_equal(parse("--=x", NULL), HL_EINVAL);
}

static void hostile_words_are_refused(void **state) {
    (void)state;
    static char endless[5000];
    memset(endless, 'a', sizeof endless - 1);
    endless[0] = endless[1] = '-';
    assert_int_equal(parse(endless, NULL), HL_EINVAL);
    endless[1] = 'a';
    assert_int_equal(parse(endless, NULL), HL_EINVAL);
    assert_int_equal(parse("--dimensions", "99999999999999999999999", NULL), HL_EINVAL);
    assert_int_equal(parse("--\x01\xff", NULL), HL_EINVAL);
}

static void help_is_the_table(void **state) {
    (void)state;
    assert_int_equal(parse("--help", "--nope", NULL), HL_OK);
    assert_true(found.help);
    assert_int_equal(parse("-vh", NULL), HL_OK);
    assert_true(found.help);

    hl_buf out;
    hl_buf_init(&out, 0);
    hl_flags_help(&TABLE, "run", &out);
    for (size_t i = 0; i < TABLE.n; i++) assert_non_null(strstr(out.ptr, FLAGS[i].text));
    assert_non_null(strstr(out.ptr, "  -v, --verbose "));
    assert_non_null(strstr(out.ptr, "      --think[=LEVEL] "));
    assert_non_null(strstr(out.ptr, "  -h, --help "));
    assert_non_null(strstr(out.ptr, "      --repeat-penalty X "));
    hl_buf_deinit(&out);
}

static void the_closest_name_is_close(void **state) {
    (void)state;
    static const char *const names[] = {"run", "show", "generate"};
    assert_string_equal(hl_flags_closest(HL_STR("rnu"), names, 3), "run");
    assert_null(hl_flags_closest(HL_STR("rob"), names, 3));
    assert_string_equal(hl_flags_closest(HL_STR("runn"), names, 3), "run");
    assert_string_equal(hl_flags_closest(HL_STR("genrate"), names, 3), "generate");
    assert_null(hl_flags_closest(HL_STR("quantise"), names, 3));
    assert_null(hl_flags_closest(HL_STR(""), names, 3));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_and_flags_mix),
        cmocka_unit_test(two_dashes_end_the_flags),
        cmocka_unit_test(numbers_and_dashes_are_words),
        cmocka_unit_test(values_come_in_all_spellings),
        cmocka_unit_test(an_optional_value_needs_an_equals_sign),
        cmocka_unit_test(switches_take_go_booleans),
        cmocka_unit_test(generation_options_are_flags),
        cmocka_unit_test(errors_name_the_flag),
        cmocka_unit_test(hostile_words_are_refused),
        cmocka_unit_test(help_is_the_table),
        cmocka_unit_test(the_closest_name_is_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
