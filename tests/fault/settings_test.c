/* Settings without memory: each allocation fails once. */
#include "base/mem.h"
#include "config/settings.h"
#include "testing.h"

static hl_status read_all(void) {
    hl_settings s;
    hl_status st = hl_settings_init(&s, NULL);
    if (st >= 0)
        st = hl_settings_read_yaml(&s, HL_STR("host: a\norigins: [b, c]\nkeep_alive: 5"), "x",
                                   NULL);
    if (st >= 0) st = hl_settings_check(&s, NULL);
    hl_settings_deinit(&s);
    return st;
}

static void each_allocation_may_fail(void **state) {
    (void)state;
    uint64_t n = 1;
    for (; n < 1000; n++) {
        hl_mem_fail_nth(n);
        hl_status st = read_all();
        hl_mem_fail_nth(0);
        if (st >= 0) break;
        assert_int_equal(st, HL_ENOMEM);
    }
    assert_in_range(n, 3, 999);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
