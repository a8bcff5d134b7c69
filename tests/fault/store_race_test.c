/* Several processes change one store at once, and are killed at any moment: what is listed has all
 * its blobs, models that nobody touches are as they were.  Blobs count as old here, so that
 * pruning takes whatever no manifest names. */
#include "stored_model.h"

#include "base/clock.h"
#include "base/rng.h"

#include <signal.h>
#include <sys/wait.h>

enum { WRITERS = 4, STEPS = 60, NAMES = 3, KILLS = 20 };

static hl_name random_name(hl_rng *rng) {
    char text[16];
    (void)snprintf(text, sizeof text, "m%u", (unsigned)hl_rng_below(rng, NAMES));
    return stored_name(text);
}

/* Any of these may fail: a name may be gone, a blob pruned before its manifest is there. */
static hl_status step(stored *s, hl_rng *rng) {
    hl_name a = random_name(rng), b = random_name(rng);
    char text[32];
    (void)snprintf(text, sizeof text, "text %u", (unsigned)hl_rng_below(rng, 1000));
    hl_create c = {
        .name = a, .has_from = true, .from = stored_name("kept"), .system = hl_str_from(text)};
    switch (hl_rng_below(rng, 6)) {
    case 0:
    case 1: return stored_create(s, &c);
    case 2: return hl_store_copy(s->store, &a, &b, &s->err);
    case 3: return hl_store_delete(s->store, &a, &s->err);
    case 4: return hl_store_prune(s->store, INT64_MAX, &s->err);
    default: c.from = b; return stored_create(s, &c);
    }
}

/* A layer whose blob is missing or has other bytes ends the walk. */
static hl_status check_item(void *arg, const hl_store_item *item, hl_error *err) {
    const stored *s = arg;
    hl_manifest m;
    char path[HL_STORE_PATH_MAX];
    HL_TRY(hl_store_read(s->store, item, &m, err));
    hl_status st = HL_OK;
    for (size_t i = 0; st >= 0 && i <= m.n_layers; i++) {
        const hl_layer *l = i < m.n_layers ? &m.layers[i] : &m.config;
        hl_digest d = {""};
        if (!hl_store_blob_path(s->store, &l->digest, path) ||
            hl_digest_of_file(path, &d, NULL) < 0 || strcmp(d.text, l->digest.text) != 0)
            st = hl_fail(err, HL_EFORMAT, "test", "%s lacks %s", item->path, l->digest.text);
    }
    hl_manifest_deinit(&m);
    return st;
}

/* While nobody changes anything. */
static bool is_whole(stored *s) {
    char path[96];
    hl_file_lock lock;
    (void)snprintf(path, sizeof path, "%s/.hyperllama-lock", s->dir);
    if (hl_file_lock_take(path, &lock, &s->err) < 0) return false;
    hl_status st = hl_store_each(s->store, check_item, s, &s->err);
    hl_file_lock_drop(&lock);
    return st >= 0;
}

static hl_rng pauses;

/* Mostly nothing, now and then long enough for a step of somebody else's. */
static void pause_sometimes(void) {
    if (hl_rng_below(&pauses, 6) == 0) hl_clock_sleep_ns(hl_rng_below(&pauses, 1000000));
}

static _Noreturn void write_for(stored *s, uint64_t seed, int steps) {
    hl_rng rng;
    hl_rng_init(&rng, seed);
    hl_rng_init(&pauses, seed);
    hl_fs_before_each(pause_sometimes);
    for (int i = 0; i < steps; i++) {
        hl_status st = step(s, &rng);
        if (st == HL_EFORMAT || st == HL_EINVAL) _exit(1); /* half a file was read */
        if (!is_whole(s)) _exit(2);
    }
    _exit(0);
}

static pid_t start(stored *s, uint64_t seed, int steps) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) write_for(s, seed, steps);
    return child;
}

static hl_status count_models(void *arg, const hl_store_item *item, hl_error *err) {
    (void)item;
    (void)err;
    ++*(size_t *)arg;
    return HL_OK;
}

static void check_store(stored *s) {
    hl_error err;
    size_t n = 0;
    if (!is_whole(s)) fail_msg("%s", s->err.text);
    assert_int_equal(hl_store_each(s->store, count_models, &n, &err), HL_OK);
    assert_true(n >= 1 && n <= NAMES + 1);
    char text[32];
    assert_string_equal(stored_text(s, "kept", "system", text, sizeof text), "kept");
}

static void begin(stored *s) {
    stored_init(s);
    (void)stored_make(s, "base", NULL, 1);
    hl_create c = {.name = stored_name("kept"),
                   .has_from = true,
                   .from = stored_name("base"),
                   .system = HL_STR("kept")};
    stored_ok(s, stored_create(s, &c));
    hl_name base = stored_name("base");
    stored_ok(s, hl_store_delete(s->store, &base, &s->err));
}

static void writers_do_not_race(void **state) {
    (void)state;
    stored s;
    pid_t children[WRITERS];
    begin(&s);
    for (int i = 0; i < WRITERS; i++) children[i] = start(&s, (uint64_t)i + 1, STEPS);
    for (int i = 0; i < WRITERS; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    check_store(&s);
    stored_deinit(&s);
}

static void killed_writers_leave_a_store(void **state) {
    (void)state;
    stored s;
    hl_rng rng;
    char blobs[96];
    begin(&s);
    hl_rng_init(&rng, 1);
    for (uint64_t k = 0; k < KILLS; k++) {
        pid_t one = start(&s, 100 + k, 100000), other = start(&s, 200 + k, 10);
        hl_clock_sleep_ns(hl_rng_below(&rng, 20000000));
        assert_int_equal(kill(one, SIGKILL), 0);
        int status;
        assert_int_equal(waitpid(one, NULL, 0), one);
        assert_int_equal(waitpid(other, &status, 0), other); /* the lock is free again */
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        check_store(&s);
    }
    stored_ok(&s, hl_store_prune(s.store, INT64_MAX, &s.err));
    check_store(&s);
    (void)snprintf(blobs, sizeof blobs, "%s/blobs", s.dir);
    assert_int_equal(temp_dir_count(blobs, HL_FILE_TEMP_MARK), 0);
    stored_deinit(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writers_do_not_race),
        cmocka_unit_test(killed_writers_leave_a_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
