#include "serve/engines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static hl_machine machine;
static hl_gpus gpus;
static hl_engine_report reports[HL_ENGINES_N];

static void the_cpu_engine_is_usable(void **state) {
    (void)state;
    setenv("HYPERLLAMA_CPU", "ref", 1);
    hl_engines_report(&machine, &gpus, reports);
    assert_string_equal(reports[0].name, "native-cpu");
    assert_true(reports[0].usable);
    assert_non_null(strstr(reports[0].text, "ref kernels"));
    assert_non_null(strstr(reports[0].text, "llama"));
    setenv("HYPERLLAMA_CPU", "no such level", 1);
    hl_engines_report(&machine, &gpus, reports);
    assert_false(reports[0].usable);
    assert_non_null(strstr(reports[0].text, "no such level"));
    unsetenv("HYPERLLAMA_CPU");
}

static void what_cannot_be_used_says_why(void **state) {
    (void)state;
    gpus = (hl_gpus){.why_not = "no driver at all"};
    hl_engines_report(&machine, &gpus, reports);
    assert_string_equal(reports[1].text, "no driver at all");
    gpus = (hl_gpus){.driver = true, .n = 2};
    hl_engines_report(&machine, &gpus, reports);
    assert_non_null(strstr(reports[1].text, "2 NVIDIA GPUs"));
    for (size_t i = 1; i < HL_ENGINES_N; i++) {
        assert_false(reports[i].usable);
        assert_true(reports[i].name && reports[i].text[0]);
    }
}

int main(void) {
    hl_machine_read(&machine);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cpu_engine_is_usable),
        cmocka_unit_test(what_cannot_be_used_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
