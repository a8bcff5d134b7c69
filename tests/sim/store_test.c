/* The store in simulation: two programs of ours create, pull, copy, delete, prune, upload and list
 * on one disk in memory, in turns that change at every system call, while calls fail, writes are
 * short, the disk is full, processes are killed and the power goes, all from a seed
 * (store_world.h).  In some worlds a third program does as Ollama does, without our lock, and in
 * some there is a second directory that is only read.
 *
 *     no model is listed without its blobs, each with its own bytes; no manifest is torn
 *     what told that it went well is there after a power cut, what failed came wholly or not
 *     no blob goes that a manifest names, or that is not an hour old
 *     an hour after the end pruning leaves no blob that nobody names
 *     the models that were there before have the same bytes
 *     whoever is killed leaves no lock; nobody leaves a file open
 *
 * HL_SIM_SEED=n replays one seed, HL_SIM_SEEDS=n runs so many from there, HL_SIM_TABLE=1 prints
 * what was reached and broken. */
#include "sim/store_fixture.h"

enum { SEEDS = 10000, SEEDS_OF_FAULT = 1000 };

/* -- a seed ------------------------------------------------------------------------------------ */

static uint32_t rate(world *w, const uint32_t of[4]) {
    return of[below(w, 4)];
}

/* One in four is calm, so that what goes wrong there goes wrong for no reason. */
static void draw_rates(world *w) {
    rates *r = &w->rates;
    *r = (rates){.turns = rate(w, (uint32_t[]){1, 2, 6, 40}), .fault_kind = CALLS_N};
    w->calm = one_in(w, 4);
    if (w->calm) return;
    bool one_kind = one_in(w, 2);
    if (one_kind) r->fault_kind = (call_kind)below(w, CALLS_N);
    r->faults = one_kind ? rate(w, (uint32_t[]){0, 3, 10, 40})
                         : rate(w, (uint32_t[]){0, 40, 150, 600});
    r->kills = rate(w, (uint32_t[]){0, 0, 150, 600});
    r->cuts = rate(w, (uint32_t[]){0, 200, 400, 1000});
    r->leaps = rate(w, (uint32_t[]){0, 50, 200, 1000});
    r->full = rate(w, (uint32_t[]){0, 0, 20, 60});
}

static void run_seed(fixture *f, uint64_t seed) {
    world *w = f->world;
    begin_world(f, seed);
    draw_rates(w);
    w->two_dirs = one_in(w, 3);
    w->others = one_in(w, 3);
    for (int i = 0; i < WRITERS_N; i++)
        w->writers[i].n_ops = i != THEIRS ? 3 + below(w, 5) : w->others ? 3 + below(w, 20) : 0;
    run_writers(w);
    if (!w->wrong[0]) end_world(w);
}

/* -- the tests --------------------------------------------------------------------------------- */

static uint64_t setting(const char *name, uint64_t fallback) {
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : fallback;
}

static void whatever_comes(void **state) {
    fixture *f = *state;
    const counts *c = &f->counts;
    uint64_t first = setting("HL_SIM_SEED", 0);
    uint64_t n = setting("HL_SIM_SEEDS", getenv("HL_SIM_SEED") ? 1 : SEEDS);
    for (uint64_t seed = first; seed < first + n; seed++) {
        run_seed(f, seed);
        if (f->world->wrong[0])
            fail_msg("seed %llu (replay: HL_SIM_SEED=%llu)%s%s%s: %s", (unsigned long long)seed,
                     (unsigned long long)seed, f->world->calm ? ", calm" : "",
                     f->world->others ? ", with theirs" : "",
                     f->world->two_dirs ? ", with one behind" : "", f->world->wrong);
        counts_add(&f->counts, &f->world->counts);
    }
    print_message(
        "%llu seeds: %llu operations, %llu went well, %llu were cut off; %llu calls, "
        "%llu turns, %llu leaps, %llu kills, %llu power cuts, %llu blobs deleted, "
        "%llu vanished\n",
        (unsigned long long)n, (unsigned long long)c->ops, (unsigned long long)c->ops_done,
        (unsigned long long)c->ops_lost, (unsigned long long)c->calls, (unsigned long long)c->turns,
        (unsigned long long)c->leaps, (unsigned long long)c->kills, (unsigned long long)c->cuts,
        (unsigned long long)c->deleted_blobs, (unsigned long long)c->vanished);
    if (n < SEEDS) return;
    counts_check(c, 0);
    assert_true(c->ops_done > n && c->leaps > 0 && c->deleted_blobs > 0 && c->vanished > 0);
}

static void planted_faults_are_caught(void **state) {
    fixture *f = *state;
    for (fault kind = FAULT_NONE + 1; kind < FAULTS_N; kind++) {
        uint64_t seed = 0;
        planted = kind;
        f->world->wrong[0] = '\0';
        while (seed < SEEDS_OF_FAULT && !f->world->wrong[0]) run_seed(f, seed++);
        planted = FAULT_NONE;
        if (!f->world->wrong[0]) fail_msg("%s is not noticed", fault_name(kind));
        print_message("%s: seed %llu, %s\n", fault_name(kind), (unsigned long long)seed - 1,
                      f->world->wrong);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_comes),
        cmocka_unit_test(planted_faults_are_caught),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
