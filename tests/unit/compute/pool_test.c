#include "compute/cpu/pool.h"

#include "base/clock.h"
#include "base/mem.h"
#include "testing.h"

#include <stdatomic.h>

enum { ITEMS = 100, PHASES = 20 };
static const uint32_t THREADS[] = {1, 2, 3, 8}; /* the last: more than many a machine has */
enum { N_THREADS = sizeof THREADS / sizeof THREADS[0] };

typedef struct work {
    hl__pool *pool;
    uint32_t done[PHASES][ITEMS]; /* how often; plain memory: an item is one thread's */
    atomic_uint wrong, ran;
} work;

/* In each phase every item of the one before must be seen done. */
static void run_phases(void *arg, uint32_t thread) {
    work *w = arg;
    HL_ASSERT(thread < hl__pool_threads(w->pool));
    atomic_fetch_add(&w->ran, 1);
    for (uint32_t phase = 0; phase < PHASES; phase++) {
        for (uint32_t i; (i = hl__pool_take(w->pool)) < ITEMS;) {
            w->done[phase][i]++;
            if (phase > 0 && w->done[phase - 1][ITEMS - 1 - i] != 1) atomic_fetch_add(&w->wrong, 1);
        }
        hl__pool_barrier(w->pool);
    }
}

static hl__pool *create(uint32_t n_threads) {
    hl__pool *p;
    hl_error err;
    if (hl__pool_create(n_threads, &p, &err) < 0) fail_msg("%s", err.text);
    return p;
}

static void every_item_is_done_once_before_the_barrier(void **state) {
    (void)state;
    for (size_t i = 0; i < N_THREADS; i++) {
        work *w = hl_calloc(1, sizeof *w);
        assert_non_null(w);
        w->pool = create(THREADS[i]);
        assert_int_equal(hl__pool_threads(w->pool), THREADS[i]);
        hl__pool_run(w->pool, run_phases, w);
        for (size_t phase = 0; phase < PHASES; phase++) {
            for (size_t item = 0; item < ITEMS; item++) assert_int_equal(w->done[phase][item], 1);
        }
        assert_int_equal(atomic_load(&w->wrong), 0);
        assert_int_equal(atomic_load(&w->ran), THREADS[i]);
        hl__pool_destroy(w->pool);
        hl_free(w);
    }
}

static void count_run(void *arg, uint32_t thread) {
    (void)thread;
    atomic_fetch_add((atomic_uint *)arg, 1);
}

/* With pauses between, so that workers are found spinning and asleep. */
static void runs_follow_each_other(void **state) {
    enum { RUNS = 300 };
    (void)state;
    for (size_t i = 0; i < N_THREADS; i++) {
        hl__pool *p = create(THREADS[i]);
        atomic_uint count = 0;
        for (uint32_t run = 1; run <= RUNS; run++) {
            hl__pool_run(p, count_run, &count);
            assert_int_equal(atomic_load(&count), run * THREADS[i]);
            if (run % 100 == 0) hl_clock_sleep_ns(2000000);
        }
        hl__pool_destroy(p);
    }
}

static void a_pool_may_end_without_work(void **state) {
    (void)state;
    hl__pool_destroy(NULL);
    for (size_t i = 0; i < N_THREADS; i++) hl__pool_destroy(create(THREADS[i]));
}

static void without_memory_there_is_no_pool(void **state) {
    (void)state;
    for (uint64_t n = 1; n <= 2; n++) {
        hl__pool *p = NULL;
        hl_error err;
        hl_mem_fail_nth(n);
        assert_int_equal(hl__pool_create(2, &p, &err), HL_ENOMEM);
        assert_null(p);
    }
    hl_mem_fail_nth(0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_item_is_done_once_before_the_barrier),
        cmocka_unit_test(runs_follow_each_other),
        cmocka_unit_test(a_pool_may_end_without_work),
        cmocka_unit_test(without_memory_there_is_no_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
