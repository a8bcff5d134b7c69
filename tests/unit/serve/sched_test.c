#include "serve/sched.h"

#include "base/mem.h"
#include "config/duration.h"
#include "testing.h"

enum { TASKS = 8, NS = 1000 };

static hl__sched s;
static hl__task tasks[TASKS];
static hl_error err;
static uint64_t now_ns;
static uint64_t limit; /* as the driver would measure it */

/* A model takes 100 bytes and 1 a token: 228 with one context. */
static const hl__plan plan = {.weight_bytes = 50,
                              .fixed_bytes = 100,
                              .token_bytes = 1,
                              .ctx_train = 512,
                              .ctx_default = 128,
                              .seqs_max = 2,
                              .pool_percent = 50};

static int set_up(void **state) {
    (void)state;
    hl__sched_config config = {
        .queue_max = 3, .models_max = 2, .seqs_max = 2, .prepares_max = 2, .keep_ns = 100 * NS};
    hl__sched_init(&s, &config);
    memset(tasks, 0, sizeof tasks);
    now_ns = NS;
    limit = 1000;
    return 0;
}

static hl__task *submit(int i, const char *path) {
    tasks[i].path = tasks[i].name = path;
    assert_int_equal(hl__sched_submit(&s, &tasks[i], now_ns, &err), HL_OK);
    return &tasks[i];
}

static hl__action next_is(hl__act kind) {
    hl__action a;
    assert_true(hl__sched_next(&s, now_ns, &a));
    assert_int_equal(a.kind, kind);
    return a;
}

static void next_is_of(hl__act kind, const hl__task *t) {
    assert_ptr_equal(next_is(kind).task, t);
}

static void nothing(void) {
    hl__action a;
    assert_false(hl__sched_next(&s, now_ns, &a));
}

static hl__resident *planned(void) {
    hl__resident *m = next_is(HL__ACT_PLAN).model;
    hl__sched_planned(&s, m, &plan, limit);
    return m;
}

static hl__resident *load(void) {
    hl__resident *m = planned();
    assert_ptr_equal(next_is(HL__ACT_LOAD).model, m);
    hl__sched_loaded(&s, m, m->bytes, m->pool_tokens < 512 ? m->pool_tokens : 512, now_ns);
    return m;
}

static void run(hl__task *t) {
    next_is_of(HL__ACT_PREPARE, t);
    hl__sched_prepared(&s, t, NULL, now_ns);
    next_is_of(HL__ACT_RUN, t);
}

static void close_is_next(const hl__resident *m, bool stays) {
    hl__action a = next_is(HL__ACT_CLOSE);
    assert_ptr_equal(a.model, m);
    assert_true(hl__sched_closed(&s, a.model) == stays);
}

static void over(hl__task *t) {
    hl__sched_over(&s, t, now_ns);
    assert_int_equal(t->state, HL__TASK_OVER);
}

/* What was begun ends; true: something was. */
static bool finish(hl__resident *m) {
    (void)hl_fail(&err, HL_EIO, "test", "ends");
    if (m->preparing.first) {
        hl__sched_prepared(&s, m->preparing.first, NULL, now_ns);
    } else if (m->running.first) {
        hl__sched_over(&s, m->running.first, now_ns);
    } else if (m->state == HL__MODEL_PLANNING || m->state == HL__MODEL_LOADING) {
        hl__sched_load_failed(&s, m, &err, now_ns);
    } else if (m->state == HL__MODEL_CLOSING) {
        (void)hl__sched_closed(&s, m);
    } else {
        return false;
    }
    return true;
}

/* Whatever a test left: all of it ends and goes. */
static int tear_down(void **state) {
    (void)state;
    hl__action a;
    hl__sched_stop(&s, now_ns);
    do {
        while (hl__sched_next(&s, now_ns, &a)) {
        }
    } while (s.models && finish(s.models));
    hl__sched_deinit(&s);
    return 0;
}

static void a_task_goes_its_way(void **state) {
    (void)state;
    hl__task *t = submit(0, "a");
    hl__resident *m = load();
    assert_int_equal(m->pool_tokens, 256); /* two sequences */
    run(t);
    nothing();
    assert_int_equal(hl__task_ctx(t), 128);
    over(t);
    nothing();
    assert_int_equal(hl__sched_wake_at(&s), now_ns + 100 * NS);
    now_ns += 100 * NS;
    close_is_next(m, false);
}

static void order_of_arrival(void **state) {
    (void)state;
    hl__task *t[5];
    for (int i = 0; i < 5; i++) t[i] = submit(i, "a");
    load();
    next_is_of(HL__ACT_PREPARE, t[0]);
    next_is_of(HL__ACT_PREPARE, t[1]);
    nothing(); /* two at once */
    hl__sched_prepared(&s, t[1], NULL, now_ns);
    next_is_of(HL__ACT_RUN, t[1]); /* the first is slow: nobody waits for it */
    next_is_of(HL__ACT_PREPARE, t[2]);
    hl__sched_prepared(&s, t[2], NULL, now_ns);
    next_is_of(HL__ACT_RUN, t[2]);
    next_is_of(HL__ACT_PREPARE, t[3]);
    hl__sched_prepared(&s, t[3], NULL, now_ns);
    nothing(); /* both places are taken, and enough is prepared */
    hl__sched_prepared(&s, t[0], NULL, now_ns);
    over(t[1]);
    next_is_of(HL__ACT_RUN, t[0]); /* before the one that was ready earlier */
}

static void the_queue_has_an_end(void **state) {
    (void)state;
    for (int i = 0; i < 5; i++) submit(i, "a"); /* two places, three wait */
    tasks[5].path = tasks[5].name = "a";
    assert_int_equal(hl__sched_submit(&s, &tasks[5], now_ns, &err), HL_EBUSY);
    assert_int_equal(tasks[5].state, HL__TASK_OVER);
    submit(6, "b"); /* its model has a place for it */
    hl__sched_cancel(&s, &tasks[4], now_ns);
    submit(5, "a");
}

static void cancels(void **state) {
    (void)state;
    hl__task *waits = submit(0, "a"), *prepares = submit(1, "a"), *runs = submit(2, "a");
    hl__sched_cancel(&s, waits, now_ns);
    next_is_of(HL__ACT_END, waits);
    assert_int_equal(waits->end, HL__END_CANCELLED);
    load();
    next_is_of(HL__ACT_PREPARE, prepares);
    next_is_of(HL__ACT_PREPARE, runs);
    hl__sched_cancel(&s, prepares, now_ns);
    nothing(); /* its memory is in use */
    hl__sched_prepared(&s, prepares, NULL, now_ns);
    next_is_of(HL__ACT_END, prepares);
    hl__sched_prepared(&s, runs, NULL, now_ns);
    next_is_of(HL__ACT_RUN, runs);
    hl__sched_cancel(&s, runs, now_ns);
    hl__sched_cancel(&s, runs, now_ns);
    next_is_of(HL__ACT_CANCEL, runs);
    nothing(); /* once */
    over(runs);
    hl__sched_cancel(&s, runs, now_ns);
    nothing();
}

static void loads_that_fail(void **state) {
    (void)state;
    hl__task *t = submit(0, "a");
    hl__resident *m = next_is(HL__ACT_PLAN).model;
    (void)hl_fail(&err, HL_ENOTFOUND, "test", "no such file");
    hl__sched_load_failed(&s, m, &err, now_ns);
    next_is_of(HL__ACT_END, t);
    assert_int_equal(t->end, HL__END_FAILED);
    assert_string_equal(t->why.text, "no such file");
    hl__task *next = submit(1, "a"); /* tries again */
    close_is_next(m, true);
    load();
    run(next);
    over(next);
}

static void idle_ones_make_room(void **state) {
    (void)state;
    hl__task *a = submit(0, "a"), *b, *c;
    hl__resident *of_a = load();
    run(a);
    over(a);
    now_ns += NS;
    b = submit(1, "b");
    hl__resident *of_b = load();
    run(b);
    over(b);
    now_ns += NS;
    c = submit(2, "c"); /* memory there is, but no place for a third */
    hl__resident *of_c = planned();
    close_is_next(of_a, false); /* used longest ago */
    assert_ptr_equal(next_is(HL__ACT_LOAD).model, of_c);
    hl__sched_loaded(&s, of_c, of_c->bytes, 256, now_ns);
    run(c);
    over(c);
    assert_int_equal(s.counts.evictions, 1);
    assert_int_equal(of_b->state, HL__MODEL_READY);
}

static void nobody_goes_for_nothing(void **state) {
    (void)state;
    hl__plan huge = plan;
    huge.fixed_bytes = 5000;
    hl__task *a = submit(0, "a"), *b;
    hl__resident *of_a = load();
    run(a);
    over(a);
    b = submit(1, "b");
    hl__sched_planned(&s, next_is(HL__ACT_PLAN).model, &huge, limit);
    next_is_of(HL__ACT_END, b);
    assert_int_equal(b->why.status, HL_ENOMEM);
    assert_int_equal(of_a->state, HL__MODEL_READY);
    assert_int_equal(s.counts.evictions, 0);
}

static void a_busy_one_yields(void **state) {
    (void)state;
    limit = 400; /* one of them */
    hl__task *first = submit(0, "a");
    hl__resident *of_a = load();
    run(first);
    hl__task *other = submit(1, "b");
    hl__resident *of_b = planned();
    nothing();
    hl__task *late = submit(2, "a"); /* came later than b's */
    nothing();
    over(first);
    close_is_next(of_a, true);
    assert_ptr_equal(next_is(HL__ACT_PLAN).model, of_a);
    hl__sched_planned(&s, of_a, &plan, limit);
    assert_ptr_equal(next_is(HL__ACT_LOAD).model, of_b);
    hl__sched_loaded(&s, of_b, of_b->bytes, 128, now_ns);
    run(other);
    nothing();
    over(other);
    close_is_next(of_b, false);
    assert_ptr_equal(next_is(HL__ACT_LOAD).model, of_a);
    hl__sched_loaded(&s, of_a, of_a->bytes, 128, now_ns);
    run(late);
    over(late);
}

/* One that fits beside what is there does not wait behind one that does not. */
static void a_small_one_passes(void **state) {
    (void)state;
    hl__plan large = plan;
    large.fixed_bytes = 800;
    limit = 1000;
    hl__task *a = submit(0, "a");
    load();
    run(a);
    submit(1, "b");
    hl__resident *of_b = next_is(HL__ACT_PLAN).model;
    hl__sched_planned(&s, of_b, &large, limit);
    nothing();
    hl__task *c = submit(2, "c");
    hl__resident *of_c = planned();
    assert_ptr_equal(next_is(HL__ACT_LOAD).model, of_c);
    assert_int_equal(of_b->n_passed, 1);
    hl__sched_loaded(&s, of_c, of_c->bytes, 128, now_ns);
    hl__task *late = submit(3, "c");
    run(c); /* came later than b's, but its model is there for it */
    nothing();
    over(c);
    close_is_next(of_c, true);
    over(a);
    (void)late;
}

static void a_larger_context(void **state) {
    (void)state;
    limit = 600; /* a pool of 250: half of what is left */
    hl__task *small = submit(0, "a");
    hl__resident *m = load();
    assert_int_equal(m->pool_tokens, 250);
    run(small);
    tasks[1].ctx = 400;
    tasks[2].ctx = 512; /* more than there can be */
    hl__task *large = submit(1, "a"), *never = submit(2, "a"), *behind = submit(3, "a");
    nothing();
    over(small);
    close_is_next(m, true);
    hl__sched_planned(&s, next_is(HL__ACT_PLAN).model, &plan, limit);
    next_is_of(HL__ACT_END, never);
    assert_int_equal(never->why.status, HL_ENOMEM);
    next_is(HL__ACT_LOAD);
    assert_int_equal(m->pool_tokens, 400);
    hl__sched_loaded(&s, m, m->bytes, 400, now_ns);
    next_is_of(HL__ACT_PREPARE, large);
    next_is_of(HL__ACT_PREPARE, behind);
    assert_int_equal(hl__task_ctx(large), 400);
    assert_int_equal(hl__task_ctx(behind), 128);
    hl__sched_prepared(&s, large, NULL, now_ns);
    hl__sched_prepared(&s, behind, NULL, now_ns);
}

static void a_lost_engine(void **state) {
    (void)state;
    hl__task *a = submit(0, "a"), *b = submit(1, "a"), *c = submit(2, "a");
    hl__resident *m = load();
    next_is_of(HL__ACT_PREPARE, a);
    next_is_of(HL__ACT_PREPARE, b);
    hl__sched_prepared(&s, a, NULL, now_ns);
    next_is_of(HL__ACT_RUN, a);
    next_is_of(HL__ACT_PREPARE, c);
    hl__sched_prepared(&s, c, NULL, now_ns);
    next_is_of(HL__ACT_RUN, c);
    (void)hl_fail(&err, HL_EDEVICE, "test", "lost");
    hl__sched_lost(&s, m, &err, now_ns);
    next_is_of(HL__ACT_END, a);
    next_is_of(HL__ACT_END, c);
    nothing(); /* b is being prepared with it */
    hl__sched_prepared(&s, b, NULL, now_ns);
    close_is_next(m, true);
    load();
    next_is_of(HL__ACT_RUN, b); /* with what was prepared */
    over(b);
}

static void keep_alive(void **state) {
    (void)state;
    tasks[0].load_only = tasks[0].set_keep = true;
    tasks[0].keep_ns = HL_DURATION_FOREVER;
    hl__task *t = submit(0, "a");
    hl__resident *m = load();
    next_is_of(HL__ACT_END, t);
    assert_int_equal(t->end, HL__END_DONE);
    nothing();
    assert_true(hl__sched_wake_at(&s) == UINT64_MAX);
    hl__task *plain = submit(1, "a"); /* says nothing: what was said stays */
    run(plain);
    over(plain);
    nothing();
    assert_true(hl__sched_wake_at(&s) == UINT64_MAX);
    hl__sched_unload(&s, "a");
    close_is_next(m, false);
    hl__sched_unload(&s, "a"); /* not there: nothing */
}

static void a_new_task_keeps_a_leaving_model(void **state) {
    (void)state;
    hl__task *a = submit(0, "a");
    load();
    run(a);
    hl__sched_unload(&s, "a");
    hl__task *b = submit(1, "a");
    run(b);
    over(a);
    over(b);
    nothing(); /* for its keep-alive */
}

static void stopping(void **state) {
    (void)state;
    hl__task *a = submit(0, "a"), *b = submit(1, "a"), *c = submit(2, "b");
    hl__resident *m = planned(), *of_b = next_is(HL__ACT_PLAN).model;
    assert_ptr_equal(next_is(HL__ACT_LOAD).model, m);
    hl__sched_loaded(&s, m, m->bytes, 256, now_ns);
    next_is_of(HL__ACT_PREPARE, a);
    next_is_of(HL__ACT_PREPARE, b);
    hl__sched_prepared(&s, b, NULL, now_ns);
    hl__sched_over(&s, next_is(HL__ACT_RUN).task, now_ns);
    hl__sched_prepared(&s, a, NULL, now_ns);
    next_is_of(HL__ACT_RUN, a);
    hl__task *d = submit(3, "b");
    hl__sched_stop(&s, now_ns);
    next_is_of(HL__ACT_END, c);
    next_is_of(HL__ACT_END, d);
    next_is_of(HL__ACT_CANCEL, a);
    nothing();
    over(a);
    close_is_next(m, false);
    hl__sched_planned(&s, of_b, &plan, limit);
    close_is_next(of_b, false);
    assert_int_equal(hl__sched_submit(&s, a, now_ns, &err), HL_EBUSY);
    assert_string_equal(err.text, "the server is shutting down");
}

static void no_memory(void **state) {
    (void)state;
    tasks[0].path = tasks[0].name = "a";
    for (uint64_t n = 1; n <= 3; n++) {
        hl_mem_fail_nth(n);
        assert_int_equal(hl__sched_submit(&s, &tasks[0], now_ns, &err), HL_ENOMEM);
    }
    hl_mem_fail_nth(0);
    assert_null(s.models);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_task_goes_its_way),
        TEST(order_of_arrival),
        TEST(the_queue_has_an_end),
        TEST(cancels),
        TEST(loads_that_fail),
        TEST(idle_ones_make_room),
        TEST(nobody_goes_for_nothing),
        TEST(a_busy_one_yields),
        TEST(a_small_one_passes),
        TEST(a_larger_context),
        TEST(a_lost_engine),
        TEST(keep_alive),
        TEST(a_new_task_keeps_a_leaving_model),
        TEST(stopping),
        TEST(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
