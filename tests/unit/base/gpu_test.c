#include "base/gpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Whatever this machine has, the answer is whole: GPUs, or a reason why there are none. */
static void the_answer_is_whole(void **state) {
    (void)state;
    hl_gpus gpus;
    hl_gpus_read(&gpus);
    assert_int_equal(gpus.driver, gpus.why_not[0] == '\0');
    assert_true(gpus.n <= HL_GPUS_MAX);
    assert_true(gpus.driver || gpus.n == 0);
    for (uint32_t i = 0; i < gpus.n; i++) {
        assert_true(strlen(gpus.gpus[i].name) > 0);
        assert_true(gpus.gpus[i].memory_free_bytes <= gpus.gpus[i].memory_bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_answer_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
