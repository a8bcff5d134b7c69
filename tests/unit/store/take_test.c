/* hl_store_take and hl_store_prune_by of store/store.h. */
#include "stored_model.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

static int set_up(void **state) {
    static stored s;
    stored_init(&s);
    *state = &s;
    return 0;
}

static int tear_down(void **state) {
    stored_deinit(*state);
    return 0;
}

static void write_file(const stored *s, const char *name, const char *text, char ret[128]) {
    hl_error err;
    (void)snprintf(ret, 128, "%s/%s", s->dir, name);
    assert_int_equal(hl_file_write(ret, (hl_bytes){(const uint8_t *)text, strlen(text)}, &err),
                     HL_OK);
}

static void a_file_is_linked(void **state) {
    stored *s = *state;
    char path[128], blob[HL_STORE_PATH_MAX];
    struct stat a, b;
    hl_layer l = {0};
    hl_taken how;
    write_file(s, "file", "abc", path);
    stored_ok(s, hl_store_take(s->store, path, NULL, false, &l, &how, &s->err));
    assert_string_equal(hl_taken_word(how), "linked");
    assert_int_equal(l.bytes, 3);
    assert_true(hl_store_blob_path(s->store, &l.digest, blob));
    assert_int_equal(stat(path, &a), 0);
    assert_int_equal(stat(blob, &b), 0);
    assert_true(a.st_ino == b.st_ino || a.st_blocks == b.st_blocks); /* a name, or a reflink */
    stored_ok(s, hl_store_take(s->store, path, NULL, false, &l, &how, &s->err));
    assert_int_equal(how, HL_TAKEN_BEFORE);
}

/* What a link names is taken, not the link. */
static void a_link_is_followed(void **state) {
    stored *s = *state;
    char path[128], link[128], blob[HL_STORE_PATH_MAX];
    struct stat st;
    hl_layer l = {0};
    hl_taken how;
    write_file(s, "file", "abc", path);
    (void)snprintf(link, sizeof link, "%s/link", s->dir);
    assert_int_equal(symlink("file", link), 0);
    stored_ok(s, hl_store_take(s->store, link, NULL, false, &l, &how, &s->err));
    assert_true(hl_store_blob_path(s->store, &l.digest, blob));
    assert_int_equal(lstat(blob, &st), 0);
    assert_true(S_ISREG(st.st_mode));
    assert_int_equal(hl_store_take(s->store, "/no/such/file", NULL, true, &l, &how, &s->err),
                     HL_ENOTFOUND);
}

/* A fault at the link stands for another file system. */
static void a_copy_wants_leave(void **state) {
    stored *s = *state;
    char path[128];
    hl_layer l = {0};
    hl_taken how = HL_TAKEN_BEFORE;
    size_t refused = 0, copied = 0;
    write_file(s, "file", "abc", path);
    for (uint64_t n = 1; n < 60; n++) {
        hl_store *fresh;
        char dir[96];
        const char *dirs[] = {dir};
        (void)snprintf(dir, sizeof dir, "%s/store-%llu", s->dir, (unsigned long long)n);
        stored_ok(s, hl_store_open(dirs, 1, &fresh, &s->err));
        hl_fs_fail_nth(n, false);
        hl_status st = hl_store_take(fresh, path, NULL, n % 2 == 0, &l, &how, &s->err);
        hl_fs_fail_nth(0, false);
        refused += st == HL_EUNSUPPORTED;
        copied += st >= 0 && how == HL_TAKEN_COPIED;
        assert_true(n % 2 == 0 || how != HL_TAKEN_COPIED || st < 0);
        hl_store_close(fresh);
    }
    assert_true(refused > 0);
    assert_true(copied > 0);
}

/* A linked file is as old as it was: it must not be pruned before a model names it. */
static void an_old_file_stays(void **state) {
    stored *s = *state;
    char path[128], blob[HL_STORE_PATH_MAX];
    struct timespec old[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    hl_layer l = {0};
    hl_taken how;
    struct timespec now;
    write_file(s, "file", "abc", path);
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    stored_ok(s, hl_store_take(s->store, path, NULL, false, &l, &how, &s->err));
    clock_gettime(CLOCK_REALTIME, &now);
    stored_ok(s, hl_store_prune(s->store, (int64_t)now.tv_sec * 1000000000, &s->err));
    assert_true(hl_store_blob_path(s->store, &l.digest, blob));
}

typedef struct told {
    size_t n;
    uint64_t bytes;
} told;

static void tell(void *arg, const char *name, uint64_t bytes) {
    told *t = arg;
    assert_non_null(name);
    t->n++;
    t->bytes += bytes;
}

static void pruning_tells(void **state) {
    stored *s = *state;
    hl_layer l = {0};
    char blob[HL_STORE_PATH_MAX];
    told t = {0};
    struct timespec now;
    (void)stored_make(s, "kept", NULL, 1);
    stored_ok(s, hl_store_put(s->store, HL_STR("abc"), &l, &s->err));
    clock_gettime(CLOCK_REALTIME, &now);
    hl_prune how = {.now_ns = (int64_t)(now.tv_sec + 7200) * 1000000000,
                    .dry_run = true,
                    .each = tell,
                    .arg = &t};
    stored_ok(s, hl_store_prune_by(s->store, &how, &s->err));
    assert_int_equal(t.n, 1);
    assert_int_equal(t.bytes, 3);
    assert_true(hl_store_blob_path(s->store, &l.digest, blob));
    how.dry_run = false;
    stored_ok(s, hl_store_prune_by(s->store, &how, &s->err));
    assert_int_equal(t.n, 2);
    assert_false(hl_store_blob_path(s->store, &l.digest, blob));
    assert_true(stored_has(s, "kept"));
    setenv("OLLAMA_NOPRUNE", "1", 1);
    assert_int_equal(hl_store_prune_by(s->store, &how, &s->err), HL_DONE);
    unsetenv("OLLAMA_NOPRUNE");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_is_linked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_link_is_followed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_copy_wants_leave, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_old_file_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pruning_tells, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
