#include "testing.h"

#include "base/map.h"

#include <stdio.h>

static void finds_what_was_added(void **state) {
    (void)state;
    enum { N = 5000 };
    static char names[N][16];
    hl_map m;
    assert_int_equal(hl_map_init(&m, 10, NULL), HL_OK);
    for (uint32_t i = 0; i < N; i++) {
        (void)snprintf(names[i], sizeof names[i], "name-%u", i);
        assert_int_equal(hl_map_add(&m, hl_str_from(names[i]), i, NULL), HL_OK);
    }
    assert_int_equal(m.n, N);
    for (uint32_t i = 0; i < N; i++) {
        uint32_t value = N;
        assert_true(hl_map_find(&m, hl_str_from(names[i]), &value));
        assert_int_equal(value, i);
    }
    uint32_t value;
    assert_false(hl_map_find(&m, HL_STR("name-5000"), &value));
    assert_false(hl_map_find(&m, HL_STR(""), &value));
    hl_map_deinit(&m);
}

static void keeps_the_first_value(void **state) {
    (void)state;
    hl_map m;
    assert_int_equal(hl_map_init(&m, 0, NULL), HL_OK);
    assert_int_equal(hl_map_add(&m, HL_STR("a"), 1, NULL), HL_OK);
    assert_int_equal(hl_map_add(&m, HL_STR("a"), 2, NULL), HL_DONE);
    assert_int_equal(hl_map_add(&m, HL_STR(""), 3, NULL), HL_OK);
    uint32_t value;
    assert_true(hl_map_find(&m, HL_STR("a"), &value));
    assert_int_equal(value, 1);
    assert_true(hl_map_find(&m, HL_STR(""), &value));
    assert_int_equal(value, 3);
    hl_map_deinit(&m);
}

static void an_unused_map_is_empty(void **state) {
    (void)state;
    hl_map m = {0};
    uint32_t value;
    assert_false(hl_map_find(&m, HL_STR("a"), &value));
    hl_map_deinit(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_added),
        cmocka_unit_test(keeps_the_first_value),
        cmocka_unit_test(an_unused_map_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
