#include "store/template_kind.h"
#include "testing.h"

static void the_language_is_told_from_the_text(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool go;
    } cases[] = {
        {"{{ .Prompt }}", true},
        {"no template at all", true},
        {"{{- range .Messages }}<{{ .Role }}>{{ end }}", true},
        {"{{ if .System }}{{ .System }}{{ end }}", true},
        {"{% for m in messages %}{{ m.content }}{% endfor %}", false},
        {"{{ bos_token }}{{ messages[0].content }}", false},
        {"{{ messages[0]['content'] | trim }}", false},
        {"{{ '' }}{%- if tools %}x{% endif %}", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hl_any_template t;
        hl_error err;
        if (hl_any_template_parse("t", hl_str_from(cases[i].text), &t, &err) < 0)
            fail_msg("%s: %s", cases[i].text, err.text);
        assert_true((t.go != NULL) == cases[i].go && (t.jinja != NULL) == !cases[i].go);
        hl_any_template_deinit(&t);
    }
}

static void mistakes_are_said_in_the_right_language(void **state) {
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"{{ .Prompt", "template: :1"},
        {"{{ if .System }}", "template: :1"},
        {"{{ end }}", "template: :1"},
        {"{{ .Foo | nothing }}", "function \"nothing\" not defined"},
        {"{% if %}", "t:1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hl_any_template t;
        hl_error err;
        assert_int_equal(hl_any_template_parse("t", hl_str_from(cases[i].text), &t, &err),
                         HL_EFORMAT);
        if (!strstr(err.text, cases[i].part)) fail_msg("%s: %s", cases[i].text, err.text);
        assert_true(!t.go && !t.jinja);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_language_is_told_from_the_text),
        cmocka_unit_test(mistakes_are_said_in_the_right_language),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
