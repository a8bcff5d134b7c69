#include "cli/table.h"

#include "testing.h"

static void columns_are_padded(void **state) {
    (void)state;
    static const char *const header[] = {"A", "LONGER"};
    hl__table t;
    hl_buf out;
    hl_buf_init(&out, 0);
    hl__table_init(&t, 2, header);
    hl__table_cell(&t, HL_STR("\xC3\xA9\xC3\xA9")); /* two characters of two bytes */
    hl__table_cell(&t, HL_STR("x\ny\x1b"));
    hl__table_write(&t, "> ", &out);
    assert_string_equal(out.ptr, "> A     LONGER \n> \xC3\xA9\xC3\xA9    x y       \n");
    hl__table_deinit(&t);
    hl_buf_deinit(&out);
}

static void without_rows_there_is_nothing(void **state) {
    (void)state;
    hl__table t;
    hl_buf out;
    hl_buf_init(&out, 0);
    hl__table_init(&t, 3, NULL);
    hl__table_write(&t, "", &out);
    assert_int_equal(out.len, 0);
    hl__table_deinit(&t);
    hl_buf_deinit(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_padded),
        cmocka_unit_test(without_rows_there_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
