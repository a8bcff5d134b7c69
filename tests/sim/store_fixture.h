/* The disk that every world of the store's simulation begins with, how a world begins, and what has
 * to hold at its end. */
#pragma once

#include "sim/store_faults.h"
#include "sim/store_ops.h"

typedef struct fixture {
    disk at_first;
    sim_file files[ALL_FILES_N];
    world *world;
    counts counts; /* of all seeds */
} fixture;

/* -- the disk at first ------------------------------------------------------------------------- */

static inline void set_digest(sim_file *f) {
    hl_bytes bytes = {(const uint8_t *)f->bytes, f->len};
    assert_int_equal(hl_digest_of(bytes, &f->digest, NULL), HL_OK);
}

static inline void make_config(sim_file *f) {
    f->len = (size_t)snprintf(f->bytes, sizeof f->bytes, "{\"model_format\":\"gguf\"}\n");
    set_digest(f);
}

static inline void make_file(sim_file *f, hl_dtype type, uint32_t seed) {
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

static inline void make_first(fixture *f, writer *me, const char *name, uint32_t i) {
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

/* In the directory that is only read: a model of its own, and one whose name ours has, too. */
static inline void make_behind(fixture *f, writer *me) {
    const char *dirs[] = {BEHIND};
    assert_true(sim_make(BEHIND, true) > 0);
    if (hl_store_open(dirs, 1, &me->store, NULL) < 0) fail_msg("the store is not opened");
    make_first(f, me, BEHIND_NAME, 1);
    make_first(f, me, "me/c:1", 5);
    hl_store_close(me->store);
    me->store = NULL;
}

/* Two models that stay and three others, an old blob that nobody names and a young one. */
static inline void make_first_disk(fixture *f) {
    world *w = f->world;
    writer *me = &w->writers[0];
    hl_error err;
    for (uint32_t i = 0; i < ALL_FILES_N; i++)
        make_file(&f->files[i], i % 2 ? HL_DTYPE_Q8_0 : HL_DTYPE_F16, i);
    make_config(&f->files[FILES_N]);
    (void)disk_add(&w->disk, true, w->calls.now_ns);
    assert_int_equal(sim_make(MODELS, true), 1);
    make_behind(f, me);
    open_store(w, me);
    for (uint32_t i = 0; i < 2; i++) make_first(f, me, BASES[i], i);
    make_first(f, me, "a", 2);
    make_first(f, me, "me/c:1", 3);
    make_first(f, me, "me/c:2", 7);
    if (op_upload(w, me, &f->files[4], &err) < 0) fail_msg("%s", err.text);
    for (int i = 0; i < w->disk.n; i++) w->disk.nodes[i].mtime_ns -= 2 * HOUR_NS;
    if (op_upload(w, me, &f->files[5], &err) < 0) fail_msg("%s", err.text);
    int outside = sim_make(OUTSIDE, false);
    bytes_set(&w->disk.nodes[outside].bytes, f->files[6].bytes, f->files[6].len);
    disk_copy(&f->at_first, &w->disk);
    hl_store_close(me->store);
    me->store = NULL;
}

/* -- the beginning ----------------------------------------------------------------------------- */

/* What was there at first is there for good; the file outside was written a moment ago. */
static inline void note_first(world *w, const char *path, const disk_node *n, void *arg) {
    (void)arg;
    tracked *t = tracked_of(w, path);
    t->seen[0] = hash_of(n);
}

/* Of this seed, with the disk as it was at first; nothing breaks and nobody has anything to do. */
static inline void begin_world(fixture *f, uint64_t seed) {
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
    w->rates = (rates){.fault_kind = CALLS_N};
    w->aimed = (aimed){0};
    w->full_until = w->room = 0;
    w->n_names = w->n_gone = 0;
    w->calm = w->two_dirs = w->others = w->naming = false;
    w->only = OPS_N;
    w->wrong[0] = '\0';
    each_manifest(w, note_first, NULL);
    for (int i = 0; i < WRITERS_N; i++) {
        calls_end_process(i); /* of a seed that went wrong */
        w->writers[i].state = WRITER_NEW;
        w->writers[i].n_ops = 0;
        w->writers[i].target[0] = w->writers[i].wants[0] = '\0';
    }
}

/* -- the end of a seed ------------------------------------------------------------------------- */

static inline void check_leftovers(world *w) {
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

static inline hl_status count_item(void *arg, const hl_store_item *item, hl_error *err) {
    (void)item, (void)err;
    ++*(uint32_t *)arg;
    return HL_OK;
}

static inline void count_manifest(world *w, const char *path, const disk_node *n, void *arg) {
    (void)w, (void)path, (void)n;
    ++*(uint32_t *)arg;
}

static inline void count_behind(world *w, const char *path, const disk_node *n, void *arg) {
    char ours[HL_NAME_TEXT_MAX + 64];
    (void)n;
    (void)snprintf(ours, sizeof ours, MODELS "/manifests/%s", path);
    *(uint32_t *)arg += disk_find(&w->disk, ours) == DISK_NONE;
}

/* With a whole disk everything can be done again. */
static inline void check_all_goes_well(world *w, writer *me) {
    hl_error err;
    hl_name to = stored_name("last"), from = stored_name(BASES[1]);
    uint32_t listed = 0, there = 0;
    hl_status st = hl_store_prune(me->store, w->calls.now_ns, &err);
    if (st >= 0) check_leftovers(w);
    if (st >= 0) st = hl_store_each(me->store, count_item, &listed, &err);
    each_manifest(w, count_manifest, &there);
    if (w->two_dirs) each_manifest_of(w, BEHIND "/manifests", count_behind, &there);
    if (listed != there) wrong(w, "%u models are listed of %u", listed, there);
    if (st >= 0) st = hl_store_copy(me->store, &from, &to, &err);
    if (st >= 0) st = hl_store_delete(me->store, &to, &err);
    if (st < 0) wrong(w, "at the end: %s", err.text);
}

static inline void end_world(world *w) {
    writer *me = &w->writers[0];
    check_world(w);
    if (w->wrong[0]) return;
    for (int i = 0; i < w->disk.n; i++)
        if (w->disk.nodes[i].lock != DISK_NONE) wrong(w, "a lock is left");
    w->calls.now_ns += 2 * HOUR_NS;
    remove_their_halves(w);
    open_store(w, me);
    check_all_goes_well(w, me);
    check_world(w);
    hl_store_close(me->store);
    me->store = NULL;
}

static inline void make_world(fixture *f) {
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
                       .may_change = may_change,
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

static inline int set_up(void **state) {
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

static inline int tear_down(void **state) {
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
