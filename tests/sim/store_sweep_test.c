/* Each operation of the store alone, in simulation, with one thing that breaks at its n-th system
 * call, for every n: the call fails, a write is short, the disk is full from there on, the process
 * is killed, the power goes.
 *
 *     afterwards all holds that has to (store_test.c), and so it does when the power goes then
 *     the model is as before or as it was to become; what told that it went well is there
 *     a short write or a signal is nobody's failure
 *     the same operation goes well at the next try
 *
 * HL_SIM_TABLE=1 prints what was reached and broken. */
#include "sim/store_fixture.h"

enum { VARIANTS = 2, CREATE_VARIANTS = 8, SEEDS_TRIED = 400 };

typedef struct trial {
    op_kind op;
    uint64_t seed;
    bool two_dirs;
    breaking what;
    bool lasting;
    uint64_t at;
} trial;

/* Runs the operation once; the draws are the same each time, so the calls are. */
static void run_once(world *w, const trial *t) {
    hl_rng_init(&w->rng, t->seed);
    w->only = t->op;
    w->writers[0].n_ops = 1;
    for (int i = 0; i < WRITERS_N; i++) w->writers[i].state = WRITER_NEW;
    run_writers(w);
}

/* The file outside is there for good: the next try reads it again. */
static void begin_trial(fixture *f, const trial *t) {
    world *w = f->world;
    begin_world(f, t->seed);
    w->two_dirs = t->two_dirs;
    node_keep(&w->disk.nodes[disk_find(&w->disk, OUTSIDE)]);
}

/* The calls of the operation when nothing breaks; 0: it has nothing to do. */
static uint64_t count_calls(fixture *f, const trial *t) {
    world *w = f->world;
    begin_trial(f, t);
    w->calm = true;
    w->aimed = (aimed){.on = true, .at = UINT64_MAX};
    run_once(w, t);
    if (w->wrong[0]) fail_msg("%s alone: %s", OP_NAMES[t->op], w->wrong);
    return w->writers[0].last >= 0 ? w->aimed.n : 0;
}

static uint32_t n_blobs(world *w) {
    return w->disk.nodes[disk_find(&w->disk, MODELS "/blobs")].names.n;
}

/* In three of four the power goes after the operation, too. */
static void cut_afterwards(world *w, const trial *t) {
    uint32_t mercy = (uint32_t)(t->at % (MERCIES_N + 1)), before_cut = n_blobs(w);
    if (mercy == MERCIES_N || w->wrong[0]) return;
    cut_power(w, (disk_mercy)mercy);
    bool told = t->op == OP_UPLOAD && w->writers[0].last >= 0;
    if (told && n_blobs(w) < before_cut) wrong(w, "the power has gone, and a blob with it");
}

static void try_again(world *w, const trial *t) {
    w->aimed = (aimed){0};
    w->calm = true;
    run_once(w, t);
}

/* False: nothing could break like this there. */
static bool run_trial(fixture *f, const trial *t) {
    world *w = f->world;
    begin_trial(f, t);
    w->calm = t->what == BREAK_SHORT || t->what == BREAK_SIGNAL;
    w->aimed = (aimed){.on = true, .what = t->what, .at = t->at, .lasting = t->lasting};
    run_once(w, t);
    if (!w->aimed.hit) return false;
    cut_afterwards(w, t);
    if (!w->wrong[0]) try_again(w, t);
    if (!w->wrong[0]) end_world(w);
    if (w->wrong[0])
        fail_msg("%s of seed %llu, %s at call %llu%s: %s", OP_NAMES[t->op],
                 (unsigned long long)t->seed, BREAK_NAMES[t->what], (unsigned long long)t->at,
                 t->lasting ? " and after" : "", w->wrong);
    counts_add(&f->counts, &w->counts);
    return true;
}

static uint64_t sweep_variant(fixture *f, trial *t, uint64_t n_calls) {
    uint64_t n = 0;
    for (t->at = 0; t->at < n_calls; t->at++) {
        for (t->what = 0; t->what < BREAKS_N; t->what++) n += run_trial(f, t);
        t->what = BREAK_FULL;
        t->lasting = true;
        n += run_trial(f, t);
        t->lasting = false;
    }
    return n;
}

/* Variants differ by their seeds: other names, other sources, one directory or two. */
static void sweep(fixture *f, op_kind op) {
    uint32_t want = op == OP_CREATE ? CREATE_VARIANTS : VARIANTS, got = 0;
    uint64_t n = 0, sum = 0;
    trial t = {.op = op};
    for (; t.seed < SEEDS_TRIED && got < want; t.seed++) {
        t.two_dirs = got % 2;
        uint64_t n_calls = count_calls(f, &t);
        if (n_calls == 0) continue;
        got++;
        sum += n_calls;
        n += sweep_variant(f, &t, n_calls);
    }
    print_message("%s: %u variants, %llu calls, %llu trials\n", OP_NAMES[op], (unsigned)got,
                  (unsigned long long)sum, (unsigned long long)n);
    assert_int_equal(got, want);
    assert_true(n > sum);
}

static void something_breaks_at_each_call(void **state) {
    fixture *f = *state;
    for (op_kind op = 0; op < OP_THEIRS; op++) sweep(f, op);
    counts_check(&f->counts, 1u << OP_THEIRS);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(something_breaks_at_each_call)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
