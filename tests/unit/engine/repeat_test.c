#include "engine/native/repeat.h"

#include "testing.h"

/* How many texts go in until one is too many; 0: none of n. */
static int push_all(const char *const *texts, int n) {
    hl_repeat r = {0};
    for (int i = 0; i < n; i++)
        if (hl_repeat_push(&r, hl_str_from(texts[i % 3]))) return i + 1;
    return 0;
}

static void thirty_repetitions_are_one_too_few(void **state) {
    (void)state;
    const char *same[3] = {"ha", " ha", "ha\n"}, *others[3] = {"ha", "ha", "he"};
    assert_int_equal(push_all(same, 31), 0);
    assert_int_equal(push_all(same, 1000), 32);
    assert_int_equal(push_all(others, 1000), 0);
}

static void white_space_counts_from_the_start(void **state) {
    (void)state;
    const char *blank[3] = {"", " ", "\r\n\t"};
    assert_int_equal(push_all(blank, 1000), 31);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thirty_repetitions_are_one_too_few),
        cmocka_unit_test(white_space_counts_from_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
