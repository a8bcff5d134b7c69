/* Several processes change one store at once, and are killed at any moment, while one reads without
 * the lock: what is listed has all its blobs, models that nobody touches are as they were, and a
 * last pruning leaves no blob that nobody names.  Blobs count as old here, so that pruning takes
 * whatever no manifest names.
 *
 * HL_TEST_SLOW=1: two writers for a minute. */
#include "stored_model.h"

#include "base/clock.h"
#include "base/dir.h"
#include "base/rng.h"

#include <signal.h>
#include <sys/wait.h>

enum { WRITERS = 4, STEPS = 60, NAMES = 3, KILLS = 20, LOOKS = 200 };
static const uint64_t SLOW_NS = 60000000000;

static hl_name random_name(hl_rng *rng) {
    char text[16];
    (void)snprintf(text, sizeof text, "m%u", (unsigned)hl_rng_below(rng, NAMES));
    return stored_name(text);
}

static hl_status upload(stored *s, hl_str text) {
    hl_bytes bytes = {(const uint8_t *)text.ptr, text.len};
    hl_digest d;
    hl_blob_out *b;
    HL_TRY(hl_digest_of(bytes, &d, &s->err));
    HL_TRY(hl_blob_out_open(s->store, &d, &b, &s->err));
    hl_status st = hl_blob_out_write(b, bytes, &s->err);
    if (st >= 0) st = hl_blob_out_commit(b, &s->err);
    hl_blob_out_close(b);
    return st;
}

/* Any of these may fail: a name may be gone, a blob pruned before its manifest is there. */
static hl_status step(stored *s, hl_rng *rng) {
    hl_name a = random_name(rng), b = random_name(rng);
    char text[32];
    (void)snprintf(text, sizeof text, "text %u", (unsigned)hl_rng_below(rng, 1000));
    hl_create c = {
        .name = a, .has_from = true, .from = stored_name("kept"), .system = hl_str_from(text)};
    switch (hl_rng_below(rng, 7)) {
    case 0:
    case 1: return stored_create(s, &c);
    case 2: return hl_store_copy(s->store, &a, &b, &s->err);
    case 3: return hl_store_delete(s->store, &a, &s->err);
    case 4: return hl_store_prune(s->store, INT64_MAX, &s->err);
    case 5: return upload(s, c.system);
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

/* How long a child goes on. */
typedef struct span {
    int steps;
    uint64_t until_ns; /* monotonic; 0: whenever its steps are done */
} span;

static bool goes_on(const span *s, int i) {
    return s->until_ns ? hl_clock_ns() < s->until_ns : i < s->steps;
}

static _Noreturn void write_for(stored *s, uint64_t seed, span how_long) {
    hl_rng rng;
    hl_rng_init(&rng, seed);
    hl_rng_init(&pauses, seed);
    hl_fs_before_each(pause_sometimes);
    for (int i = 0; goes_on(&how_long, i); i++) {
        hl_status st = step(s, &rng);
        if (st == HL_EFORMAT || st == HL_EINVAL) _exit(1); /* half a file was read */
        if (!is_whole(s)) _exit(2);
    }
    _exit(0);
}

static pid_t start(stored *s, uint64_t seed, span how_long) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) write_for(s, seed, how_long);
    return child;
}

/* -- a reader without the lock ----------------------------------------------------------------- */

static bool has_blobs(const stored *s, const hl_manifest *m) {
    char path[HL_STORE_PATH_MAX];
    bool all = hl_store_blob_path(s->store, &m->config.digest, path);
    for (size_t i = 0; all && i < m->n_layers; i++)
        all = hl_store_blob_path(s->store, &m->layers[i].digest, path);
    return all;
}

/* A model that lacks a blob has to be another one, or gone, by the time that one looks again. */
static hl_status look_at_item(void *arg, const hl_store_item *item, hl_error *err) {
    const stored *s = arg;
    hl_digest first = {""};
    for (int looks = 0; looks < LOOKS; looks++) {
        hl_manifest m;
        hl_status st = hl_store_read(s->store, item, &m, err);
        if (st < 0) return st == HL_ENOTFOUND ? HL_OK : st;
        if (looks == 0) first = m.digest;
        bool fine = has_blobs(s, &m) || strcmp(m.digest.text, first.text) != 0;
        hl_manifest_deinit(&m);
        if (fine) return HL_OK;
    }
    return hl_fail(err, HL_EFORMAT, "test", "%s is listed without its blobs", item->path);
}

static _Noreturn void read_for(stored *s) {
    while (hl_store_each(s->store, look_at_item, s, &s->err) >= 0) continue;
    _exit(3);
}

static pid_t start_reader(stored *s) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) read_for(s);
    return child;
}

/* It reads until it is told to stop, or finds something. */
static void stop_reader(pid_t reader) {
    int status;
    assert_int_equal(kill(reader, SIGKILL), 0);
    assert_int_equal(waitpid(reader, &status, 0), reader);
    assert_true(WIFSIGNALED(status));
}

/* -- the store --------------------------------------------------------------------------------- */

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

static hl_status check_blob(void *arg, const char *name, hl_error *err) {
    const stored *s = arg;
    hl_digest d;
    if (hl_digest_parse(hl_str_from(name), &d) && hl_store_is_named(s->store, &d)) return HL_OK;
    return hl_fail(err, HL_EFORMAT, "test", "blobs/%s is left", name);
}

static void check_end(stored *s) {
    char blobs[96];
    stored_ok(s, hl_store_prune(s->store, INT64_MAX, &s->err));
    check_store(s);
    (void)snprintf(blobs, sizeof blobs, "%s/blobs", s->dir);
    stored_ok(s, hl_dir_read(blobs, check_blob, s, &s->err));
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
    bool slow = getenv("HL_TEST_SLOW") != NULL;
    int n = slow ? 2 : WRITERS;
    span how_long = {STEPS, slow ? hl_clock_ns() + SLOW_NS : 0};
    begin(&s);
    pid_t reader = start_reader(&s);
    for (int i = 0; i < n; i++) children[i] = start(&s, (uint64_t)i + 1, how_long);
    for (int i = 0; i < n; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    stop_reader(reader);
    check_store(&s);
    check_end(&s);
    stored_deinit(&s);
}

static void killed_writers_leave_a_store(void **state) {
    (void)state;
    stored s;
    hl_rng rng;
    begin(&s);
    hl_rng_init(&rng, 1);
    for (uint64_t k = 0; k < KILLS; k++) {
        pid_t one = start(&s, 100 + k, (span){.steps = 100000}),
              other = start(&s, 200 + k, (span){.steps = 10});
        hl_clock_sleep_ns(hl_rng_below(&rng, 20000000));
        assert_int_equal(kill(one, SIGKILL), 0);
        int status;
        assert_int_equal(waitpid(one, NULL, 0), one);
        assert_int_equal(waitpid(other, &status, 0), other); /* the lock is free again */
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        check_store(&s);
    }
    check_end(&s);
    stored_deinit(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writers_do_not_race),
        cmocka_unit_test(killed_writers_leave_a_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
