#include "engine/native/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { MOST = 512 };

/* A machine: a step reads the weights for 25 ms, or computes 3.4 ms a row. */
static uint64_t takes(uint32_t n_rows) {
    const uint64_t read_ns = 25000000, row_ns = 3400000;
    uint64_t compute_ns = n_rows * row_ns;
    return compute_ns > read_ns ? compute_ns : read_ns;
}

static void without_streams_or_clock_nothing_is_held_back(void **state) {
    (void)state;
    hl_pace p = {0};
    assert_int_equal(hl_pace_rows(&p, 0, MOST), MOST);
    assert_int_equal(hl_pace_rows(&p, 8, MOST), MOST);
    hl_pace_note(&p, 8, 100, 0);
    hl_pace_note(&p, 8, 0, 0);
    assert_int_equal(hl_pace_rows(&p, 8, MOST), MOST);
    hl_pace_note(&p, 0, MOST, takes(MOST));
    assert_int_equal(hl_pace_rows(&p, 0, MOST), MOST);
}

/* A prompt among four streams: steps stay near the stretch, and the prompt gets most of the
 * machine. */
static void a_long_prompt_stretches_steps_only_so_far(void **state) {
    (void)state;
    hl_pace p = {0};
    hl_pace_note(&p, 0, MOST, takes(MOST));
    for (int i = 0; i < 4; i++) hl_pace_note(&p, 4, 0, takes(4));
    uint64_t whole_ns = 0;
    uint32_t n_steps = 0;
    for (uint32_t left = 4000; left > 0; n_steps++) {
        uint32_t rows = hl_pace_rows(&p, 4, MOST);
        if (rows > left) rows = left;
        uint64_t ns = takes(4 + rows);
        if (n_steps > 10) assert_true((double)ns < 3 * (double)takes(4));
        hl_pace_note(&p, 4, rows, ns);
        whole_ns += ns;
        left -= rows;
    }
    assert_true((double)whole_ns < 1.5 * 4000 * 3400000);
}

/* What streams cost without prompts is looked at while a prompt is read, too. */
static void the_step_follows_growing_contexts(void **state) {
    (void)state;
    hl_pace p = {0};
    uint32_t n_alone = 0;
    hl_pace_note(&p, 0, MOST, takes(MOST));
    for (int i = 0; i < 4; i++) hl_pace_note(&p, 4, 0, takes(4));
    for (int i = 0; i < 400; i++) {
        uint32_t rows = hl_pace_rows(&p, 4, MOST);
        n_alone += rows == 0;
        hl_pace_note(&p, 4, rows, 2 * takes(4 + rows));
    }
    assert_in_range(n_alone, 20, 30);
    assert_true(p.step_ns > 1.9 * (double)takes(4));
}

/* One step that something else held up does not starve the prompt for long. */
static void a_disturbed_step_is_forgiven(void **state) {
    (void)state;
    hl_pace p = {0};
    hl_pace_note(&p, 0, MOST, takes(MOST));
    for (int i = 0; i < 8; i++) hl_pace_note(&p, 4, 0, takes(4));
    uint32_t before = hl_pace_rows(&p, 4, MOST);
    hl_pace_note(&p, 4, before, 100 * takes(4 + before));
    assert_true(hl_pace_rows(&p, 4, MOST) >= before / 2);
    for (int i = 0; i < 30; i++) hl_pace_note(&p, 4, before, takes(4 + before));
    p.n_mixed = 0;
    assert_true(hl_pace_rows(&p, 4, MOST) >= before - 2);
}

static void there_is_always_a_row(void **state) {
    (void)state;
    hl_pace p = {.step_ns = 1, .row_ns = 1e9};
    assert_int_equal(hl_pace_rows(&p, 1, 1), 1);
    assert_int_equal(hl_pace_rows(&p, 1, 4), 4);
    assert_int_equal(hl_pace_rows(&p, 1, MOST), 8);
    p = (hl_pace){.step_ns = 1e18, .row_ns = 1e-9};
    assert_int_equal(hl_pace_rows(&p, 1, MOST), MOST);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_streams_or_clock_nothing_is_held_back),
        cmocka_unit_test(a_long_prompt_stretches_steps_only_so_far),
        cmocka_unit_test(the_step_follows_growing_contexts),
        cmocka_unit_test(a_disturbed_step_is_forgiven),
        cmocka_unit_test(there_is_always_a_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
