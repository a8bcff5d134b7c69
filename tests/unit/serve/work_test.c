#include "serve/work.h"
#include "testing.h"

#include <stdatomic.h>

static atomic_uint n_done, order_broken;
static atomic_bool wait_here;

static void job(void *arg) {
    while (atomic_load(&wait_here)) {
    }
    if (atomic_load(&n_done) != (unsigned)(uintptr_t)arg) atomic_store(&order_broken, 1);
    atomic_fetch_add(&n_done, 1);
}

/* All that is taken runs, in order, whatever the end; beyond the queue it is refused. */
static void jobs_run_in_order(void **state) {
    (void)state;
    hl_work *w;
    hl_error err;
    assert_int_equal(hl_work_open(&w, &err), HL_OK);
    atomic_store(&wait_here, true);
    unsigned n = 0;
    hl_status st = HL_OK;
    while (n < 2 * HL_WORK_QUEUE_MAX && st >= 0) {
        st = hl_work_submit(w, job, (void *)(uintptr_t)n, &err);
        if (st >= 0) n++;
    }
    assert_int_equal(st, HL_EBUSY);
    assert_true(n == HL_WORK_QUEUE_MAX || n == HL_WORK_QUEUE_MAX + 1);
    atomic_store(&wait_here, false);
    hl_work_close(w);
    assert_int_equal(atomic_load(&n_done), n);
    assert_int_equal(atomic_load(&order_broken), 0);
    hl_work_close(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(jobs_run_in_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
