/* The store in simulation: two programs of ours create, pull, copy, delete, prune, upload and list
 * on one disk in memory, in turns that change at every system call, while calls fail, writes are
 * short, the disk is full, processes are killed and the power goes, all from a seed
 * (store_world.h).
 *
 *     no model is listed without its blobs, each with its own bytes; no manifest is torn
 *     what told that it went well is there after a power cut, what failed came wholly or not
 *     no blob goes that a manifest names, or that is not an hour old
 *     an hour after the end pruning leaves no blob that nobody names
 *     the models that were there before have the same bytes
 *     whoever is killed leaves no lock; nobody leaves a file open
 *
 * HL_SIM_SEED=n replays one seed, HL_SIM_SEEDS=n runs so many from there. */
#include "sim/store_faults.h"
#include "sim/store_ops.h"

enum { SEEDS = 10000, SEEDS_OF_FAULT = 1000 };

typedef struct fixture {
    disk at_first;
    sim_file files[FILES_N + 1]; /* the last is a config */
    world *world;
    counts counts; /* of all seeds */
} fixture;

/* -- the disk at first ------------------------------------------------------------------------- */

static void set_digest(sim_file *f) {
    hl_bytes bytes = {(const uint8_t *)f->bytes, f->len};
    assert_int_equal(hl_digest_of(bytes, &f->digest, NULL), HL_OK);
}

static void make_config(sim_file *f) {
    f->len = (size_t)snprintf(f->bytes, sizeof f->bytes, "{\"model_format\":\"gguf\"}\n");
    set_digest(f);
}

static void make_file(sim_file *f, hl_dtype type, uint32_t seed) {
    char dir[64], path[96];
    hl_buf b;
    hl_error err;
    temp_dir_make(dir);
    (void)snprintf(path, sizeof path, "%s/x.gguf", dir);
    stored_write_gguf(path, type, NULL, seed);
    hl_buf_init(&b, sizeof f->bytes);
    if (hl_file_read(path, sizeof f->bytes, &b, &err) < 0) fail_msg("%s", err.text);
    memcpy(f->bytes, b.ptr, b.len);
    f->len = b.len;
    hl_buf_deinit(&b);
    temp_dir_remove(dir);
    set_digest(f);
}

static void make_first(fixture *f, writer *me, const char *name, uint32_t i) {
    hl_error err;
    hl_create_file file = {HL_STR("x.gguf"), f->files[i].digest};
    hl_create c = {.name = stored_name(name),
                   .files = &file,
                   .n_files = 1,
                   .system = i == 1 ? HL_STR("S") : HL_STR("")};
    hl_status st = op_upload(f->world, me, &f->files[i], &err);
    if (st >= 0) st = hl_store_create(me->store, &c, stored_report, &me->said, &err);
    if (st < 0) fail_msg("%s", err.text);
}

/* Two models that stay and two others, an old blob that nobody names and a young one. */
static void make_first_disk(fixture *f) {
    world *w = f->world;
    writer *me = &w->writers[0];
    hl_error err;
    for (uint32_t i = 0; i < FILES_N; i++)
        make_file(&f->files[i], i % 2 ? HL_DTYPE_Q8_0 : HL_DTYPE_F16, i);
    make_config(&f->files[FILES_N]);
    (void)disk_add(&w->disk, true, w->calls.now_ns);
    assert_int_equal(sim_make(MODELS, true), 1);
    open_store(me);
    for (uint32_t i = 0; i < 2; i++) make_first(f, me, BASES[i], i);
    make_first(f, me, "a", 2);
    make_first(f, me, "me/c:1", 3);
    if (op_upload(w, me, &f->files[4], &err) < 0) fail_msg("%s", err.text);
    for (int i = 0; i < w->disk.n; i++) w->disk.nodes[i].mtime_ns -= 2 * HOUR_NS;
    if (op_upload(w, me, &f->files[5], &err) < 0) fail_msg("%s", err.text);
    int outside = sim_make(OUTSIDE, false);
    bytes_set(&w->disk.nodes[outside].bytes, f->files[6].bytes, f->files[6].len);
    disk_copy(&f->at_first, &w->disk);
    hl_store_close(me->store);
    me->store = NULL;
}

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

/* What was there at first is there for good; the file outside was written a moment ago. */
static void note_first(world *w, const char *path, const disk_node *n, void *arg) {
    (void)arg;
    tracked *t = tracked_of(w, path);
    t->seen[0] = hash_of(n);
}

static void begin_world(fixture *f, uint64_t seed) {
    world *w = f->world;
    w->seed = seed;
    hl_rng_init(&w->rng, seed);
    disk_copy(&w->disk, &f->at_first);
    disk_node *outside = &w->disk.nodes[disk_find(&w->disk, OUTSIDE)];
    bytes_set(&outside->kept_bytes, "", 0);
    outside->dirty = outside->foreign = true;
    w->calls.now_ns = 1000 * HOUR_NS;
    w->calls.lock_does_nothing = planted == FAULT_NO_LOCK;
    w->calls.sync_does_nothing = planted == FAULT_BYTES_NOT_SYNCED;
    w->counts = (counts){0};
    w->full_until = w->room = 0;
    w->n_names = 0;
    w->wrong[0] = '\0';
    draw_rates(w);
    each_manifest(w, note_first, NULL);
    for (int i = 0; i < WRITERS_N; i++) {
        calls_end_process(i); /* of a seed that went wrong */
        w->writers[i].state = WRITER_NEW;
        w->writers[i].n_ops = 3 + below(w, 5);
        w->writers[i].target[0] = '\0';
    }
}

/* -- the end of a seed ------------------------------------------------------------------------- */

static void check_leftovers(world *w) {
    const disk_entries *e = &w->disk.nodes[disk_find(&w->disk, MODELS "/blobs")].names;
    for (uint32_t i = 0; i < e->n; i++) {
        const char *name = e->at[i].name;
        if (strstr(name, "-partial")) continue; /* for the next pull */
        if (strncmp(name, "sha256-", 7) != 0)
            wrong(w, "%s is left after pruning", name);
        else if (!is_named(w, name + 7))
            wrong(w, "blob %.8s is left after pruning, and nobody names it", name + 7);
    }
}

static hl_status count_item(void *arg, const hl_store_item *item, hl_error *err) {
    (void)item, (void)err;
    ++*(uint32_t *)arg;
    return HL_OK;
}

static void count_manifest(world *w, const char *path, const disk_node *n, void *arg) {
    (void)w, (void)path, (void)n;
    ++*(uint32_t *)arg;
}

/* With a whole disk everything can be done again. */
static void check_all_goes_well(world *w, writer *me) {
    hl_error err;
    hl_name to = stored_name("last"), from = stored_name(BASES[1]);
    uint32_t listed = 0, there = 0;
    hl_status st = hl_store_prune(me->store, w->calls.now_ns, &err);
    if (st >= 0) check_leftovers(w);
    if (st >= 0) st = hl_store_each(me->store, count_item, &listed, &err);
    each_manifest(w, count_manifest, &there);
    if (listed != there) wrong(w, "%u models are listed of %u", listed, there);
    if (st >= 0) st = hl_store_copy(me->store, &from, &to, &err);
    if (st >= 0) st = hl_store_delete(me->store, &to, &err);
    if (st < 0) wrong(w, "at the end: %s", err.text);
}

static void end_world(world *w) {
    writer *me = &w->writers[0];
    check_world(w);
    if (w->wrong[0]) return;
    for (int i = 0; i < w->disk.n; i++)
        if (w->disk.nodes[i].lock != DISK_NONE) wrong(w, "a lock is left");
    w->calls.now_ns += 2 * HOUR_NS;
    open_store(me);
    check_all_goes_well(w, me);
    check_world(w);
    hl_store_close(me->store);
    me->store = NULL;
}

static void run_seed(fixture *f, uint64_t seed) {
    begin_world(f, seed);
    run_writers(f->world);
    if (!f->world->wrong[0]) end_world(f->world);
}

/* -- the tests --------------------------------------------------------------------------------- */

static uint64_t setting(const char *name, uint64_t fallback) {
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : fallback;
}

static void add_counts(counts *to, const counts *from) {
    uint64_t *sum = (uint64_t *)to;
    const uint64_t *more = (const uint64_t *)from;
    for (size_t i = 0; i < sizeof *to / sizeof *sum; i++) sum[i] += more[i];
}

static void whatever_comes(void **state) {
    fixture *f = *state;
    const counts *c = &f->counts;
    uint64_t first = setting("HL_SIM_SEED", 0);
    uint64_t n = setting("HL_SIM_SEEDS", getenv("HL_SIM_SEED") ? 1 : SEEDS);
    for (uint64_t seed = first; seed < first + n; seed++) {
        run_seed(f, seed);
        if (f->world->wrong[0])
            fail_msg("seed %llu (replay: HL_SIM_SEED=%llu): %s", (unsigned long long)seed,
                     (unsigned long long)seed, f->world->wrong);
        add_counts(&f->counts, &f->world->counts);
    }
    print_message("%llu seeds: %llu operations, %llu went well, %llu were cut off; %llu calls, "
                  "%llu turns, %llu faults, %llu kills, %llu power cuts, %llu blobs deleted\n",
                  (unsigned long long)n, (unsigned long long)c->ops,
                  (unsigned long long)c->ops_done, (unsigned long long)c->ops_lost,
                  (unsigned long long)c->calls, (unsigned long long)c->turns,
                  (unsigned long long)c->faults, (unsigned long long)c->kills,
                  (unsigned long long)c->cuts, (unsigned long long)c->deleted_blobs);
    assert_true(n < 100 || (c->ops_done > n && c->faults > 0 && c->kills > 0 && c->cuts > 0 &&
                            c->deleted_blobs > 0));
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

static void make_world(fixture *f) {
    world *w = f->world;
    the_world = w;
    w->files = f->files;
    w->calls = (calls){.disk = &w->disk,
                       .owner = -1,
                       .now_ns = 1000 * HOUR_NS,
                       .rng = &w->rng,
                       .before = before,
                       .changed = changed,
                       .going = going,
                       .wait = wait_for_lock,
                       .room = room};
    for (int i = 0; i < FDS_MAX; i++) w->calls.files[i].node = DISK_NONE;
    sim = &w->calls;
    for (int i = 0; i < WRITERS_N; i++) {
        writer *me = &w->writers[i];
        me->stack = hl_alloc(STACK_BYTES);
        assert_non_null(me->stack);
        (void)getcontext(&me->context);
        me->context.uc_stack = (stack_t){.ss_sp = me->stack, .ss_size = STACK_BYTES};
        makecontext(&me->context, (void (*)(void))writer_main, 1, i);
    }
}

static int set_up(void **state) {
    fixture *f = hl_calloc(1, sizeof *f);
    HL_ASSERT(f);
    f->world = hl_calloc(1, sizeof *f->world);
    HL_ASSERT(f->world);
    unsetenv("OLLAMA_NOPRUNE");
    make_world(f);
    make_first_disk(f);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    sim = NULL;
    for (int i = 0; i < WRITERS_N; i++) hl_free(f->world->writers[i].stack);
    for (int i = 0; i < LISTINGS_MAX; i++) hl_free(f->world->calls.listings[i].names.at);
    disk_clear(&f->world->disk);
    disk_clear(&f->at_first);
    hl_free(f->world);
    hl_free(f);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_comes),
        cmocka_unit_test(planted_faults_are_caught),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
