#include "store/store.h"

#include "stored_model.h"

#include <fcntl.h>
#include <sys/stat.h>

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

static hl_status count(void *arg, const hl_store_item *item, hl_error *err) {
    (void)item;
    (void)err;
    ++*(size_t *)arg;
    return HL_OK;
}

static size_t n_models(const stored *s) {
    size_t n = 0;
    assert_int_equal(hl_store_each(s->store, count, &n, NULL), HL_OK);
    return n;
}

static void path_in(const stored *s, const char *rest, char ret[256]) {
    (void)snprintf(ret, 256, "%s/%s", s->dir, rest);
}

static void an_empty_store_has_nothing(void **state) {
    stored *s = *state;
    hl_store_item item;
    hl_name n = stored_name("me/Nope");
    assert_int_equal(n_models(s), 0);
    assert_int_equal(hl_store_find(s->store, &n, &item, &s->err), HL_ENOTFOUND);
    assert_string_equal(s->err.text, "model 'me/Nope:latest' not found");
    assert_int_equal(hl_store_delete(s->store, &n, &s->err), HL_ENOTFOUND);
    assert_int_equal(hl_store_prune(s->store, 0, &s->err), HL_OK);
}

static void names_are_found_whatever_their_case(void **state) {
    stored *s = *state;
    (void)stored_make(s, "Tiny", NULL, 1);
    (void)stored_make(s, "me/TINY:V1", NULL, 2);
    assert_int_equal(n_models(s), 2);
    assert_true(stored_has(s, "tiny") && stored_has(s, "TINY:LATEST") && stored_has(s, "Tiny"));
    hl_store_item item;
    hl_name n = stored_name("ME/tiny:v1");
    assert_int_equal(hl_store_find(s->store, &n, &item, &s->err), HL_OK);
    assert_string_equal(item.name.model, "Tiny"); /* as it was first written, in another name */
    assert_string_equal(item.name.tag, "V1");
    (void)stored_make(s, "tiny", NULL, 3); /* the same model again */
    assert_int_equal(n_models(s), 2);
}

static void copies_share_blobs(void **state) {
    stored *s = *state;
    char blobs[256];
    path_in(s, "blobs", blobs);
    (void)stored_make(s, "a", NULL, 1);
    size_t n = temp_dir_count(blobs, "sha256-");
    hl_name a = stored_name("a"), b = stored_name("x.y/b/c:d"), none = stored_name("none");
    stored_ok(s, hl_store_copy(s->store, &a, &b, &s->err));
    hl_manifest one = stored_manifest(s, "a"), two = stored_manifest(s, "x.y/b/c:d");
    assert_string_equal(one.digest.text, two.digest.text);
    hl_manifest_deinit(&one);
    hl_manifest_deinit(&two);
    assert_int_equal(temp_dir_count(blobs, "sha256-"), n);
    assert_int_equal(hl_store_copy(s->store, &none, &b, &s->err), HL_ENOTFOUND);
}

static void make_old(const char *path) {
    struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void make_blobs_old(const stored *s) {
    char dir[256], path[512];
    path_in(s, "blobs", dir);
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        (void)snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        make_old(path);
    }
    closedir(d);
}

/* Young blobs stay (somebody may be about to name them), named ones, too. */
static void deleting_takes_what_nobody_needs(void **state) {
    stored *s = *state;
    char dir[256], path[HL_STORE_PATH_MAX];
    path_in(s, "manifests/h.x/me", dir);
    hl_digest shared = stored_make(s, "a", NULL, 1), own = stored_make(s, "h.x/me/b", NULL, 2);
    hl_name a = stored_name("a"), b = stored_name("H.x/ME/b"), c = stored_name("c");
    stored_ok(s, hl_store_copy(s->store, &a, &c, &s->err));
    stored_ok(s, hl_store_delete(s->store, &a, &s->err));
    assert_true(hl_store_blob_path(s->store, &shared, path) && !stored_has(s, "a"));
    stored_ok(s, hl_store_delete(s->store, &b, &s->err));
    assert_true(hl_store_blob_path(s->store, &own, path)); /* young */
    assert_int_equal(access(dir, F_OK), -1);               /* empty directories go */
    make_blobs_old(s);
    stored_ok(s, hl_store_delete(s->store, &c, &s->err));
    assert_false(hl_store_blob_path(s->store, &own, path));
    assert_false(hl_store_blob_path(s->store, &shared, path));
    assert_int_equal(n_models(s), 0);
}

static void pruning_stops_at_what_it_cannot_read(void **state) {
    stored *s = *state;
    char path[256], blob[HL_STORE_PATH_MAX];
    hl_digest lost = stored_blob(s, HL_DTYPE_Q8_0, NULL, 9);
    (void)stored_make(s, "a", NULL, 1);
    make_blobs_old(s);
    path_in(s, "manifests/registry.ollama.ai/library/a/broken", path);
    stored_ok(s, hl_file_write(path, (hl_bytes){(const uint8_t *)"{", 1}, &s->err));
    assert_true(hl_store_prune(s->store, INT64_MAX, &s->err) < 0);
    assert_true(hl_store_blob_path(s->store, &lost, blob));
    assert_int_equal(unlink(path), 0);
    setenv("OLLAMA_NOPRUNE", "1", 1);
    stored_ok(s, hl_store_prune(s->store, INT64_MAX, &s->err));
    assert_true(hl_store_blob_path(s->store, &lost, blob));
    unsetenv("OLLAMA_NOPRUNE");
    stored_ok(s, hl_store_prune(s->store, INT64_MAX, &s->err));
    assert_false(hl_store_blob_path(s->store, &lost, blob));
    hl_manifest m = stored_manifest(s, "a");
    assert_true(hl_store_blob_path(s->store, &m.layers[0].digest, blob));
    hl_manifest_deinit(&m);
}

/* What a killed process leaves, and what is not ours. */
static void pruning_knows_temporary_files(void **state) {
    stored *s = *state;
    char mine[256], other[256], manifest[256];
    (void)stored_make(s, "a", NULL, 1);
    path_in(s, "blobs/.sha256-00.tmp-1-2", mine);
    path_in(s, "blobs/sha256-00-partial", other);
    path_in(s, "manifests/registry.ollama.ai/library/a/.latest.tmp-1-2", manifest);
    const char *all[] = {mine, other, manifest};
    for (size_t i = 0; i < 3; i++)
        stored_ok(s, hl_file_write(all[i], (hl_bytes){NULL, 0}, &s->err));
    assert_int_equal(n_models(s), 1);
    stored_ok(s, hl_store_prune(s->store, 0, &s->err));
    assert_int_equal(access(mine, F_OK), 0); /* young: perhaps on its way */
    stored_ok(s, hl_store_prune(s->store, INT64_MAX, &s->err));
    assert_int_equal(access(mine, F_OK), -1);
    assert_int_equal(access(other, F_OK), 0);
    hl_name a = stored_name("a");
    stored_ok(s, hl_store_delete(s->store, &a, &s->err));
    assert_int_equal(access(manifest, F_OK), -1);
}

/* Somebody without the lock, who deletes a manifest at the n-th call of ours. */
static struct {
    char path[256];
    int n;
} someone;

static void delete_at_a_call(void) {
    if (someone.n > 0 && --someone.n == 0) (void)unlink(someone.path);
}

static size_t n_whole_models(stored *s) {
    size_t n = 0;
    for (char tag = '0'; tag <= '4'; tag++) {
        char name[] = {'a', ':', 't', tag, '\0'}, blob[HL_STORE_PATH_MAX];
        if (!stored_has(s, name)) continue;
        hl_manifest m = stored_manifest(s, name);
        n += hl_store_blob_path(s->store, &m.layers[0].digest, blob);
        hl_manifest_deinit(&m);
    }
    return n;
}

/* The others of its directory keep their blobs, at whatever moment it vanishes. */
static void pruning_survives_a_manifest_that_vanishes(void **state) {
    (void)state;
    for (int at = 1; at <= 40; at++) {
        stored s;
        stored_init(&s);
        for (char tag = '0'; tag <= '4'; tag++)
            (void)stored_make(&s, (char[]){'a', ':', 't', tag, '\0'}, NULL, (uint32_t)tag);
        make_blobs_old(&s);
        path_in(&s, "manifests/registry.ollama.ai/library/a/t2", someone.path);
        someone.n = at;
        hl_fs_before_each(delete_at_a_call);
        hl_status st = hl_store_prune(s.store, INT64_MAX, &s.err);
        hl_fs_before_each(NULL);
        stored_ok(&s, st);
        assert_int_equal(n_whole_models(&s), someone.n > 0 ? 5 : 4);
        stored_deinit(&s);
    }
}

static hl_status refuse(void *arg, const hl_store_item *item, hl_error *err) {
    (void)item;
    ++*(size_t *)arg;
    return hl_fail(err, HL_ENOTFOUND, "test", "no such thing");
}

static void a_listing_ends_when_told(void **state) {
    stored *s = *state;
    size_t n = 0;
    (void)stored_make(s, "a", NULL, 1);
    (void)stored_make(s, "b", NULL, 2);
    (void)stored_make(s, "x.y/c/d", NULL, 3);
    assert_int_equal(hl_store_each(s->store, refuse, &n, &s->err), HL_ENOTFOUND);
    assert_int_equal(n, 1);
}

static void a_manifest_needs_its_blobs(void **state) {
    stored *s = *state;
    hl_layer l = {.media = HL_STR(HL_LAYER_PREFIX "model")};
    hl_name n = stored_name("a");
    assert_true(hl_digest_parse(
        HL_STR("sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        &l.digest));
    assert_int_equal(hl_store_write(s->store, &n, &l, &l, 1, &s->err), HL_ENOTFOUND);
    assert_non_null(strstr(s->err.text, "no such file"));
    assert_false(stored_has(s, "a"));
}

/* Two directories: names and blobs of the second are there, and stay. */
static void other_directories_are_read(void **state) {
    stored *s = *state, own;
    char blob[HL_STORE_PATH_MAX];
    hl_digest d = stored_make(s, "theirs", NULL, 1);
    (void)stored_make(s, "both", NULL, 2);
    stored_init(&own);
    (void)stored_make(&own, "both", NULL, 3);
    hl_store_close(own.store);
    const char *dirs[] = {own.dir, s->dir};
    stored_ok(&own, hl_store_open(dirs, 2, &own.store, &own.err));
    assert_int_equal(n_models(&own), 2);
    assert_true(hl_store_blob_path(own.store, &d, blob));
    hl_name theirs = stored_name("theirs"), copy = stored_name("copy");
    assert_int_equal(hl_store_delete(own.store, &theirs, &own.err), HL_EUNSUPPORTED);
    stored_ok(&own, hl_store_copy(own.store, &theirs, &copy, &own.err));
    assert_true(stored_has(&own, "copy") && !stored_has(s, "copy"));
    stored_ok(&own, hl_store_prune(own.store, INT64_MAX, &own.err));
    assert_true(stored_has(s, "theirs"));
    hl_manifest m = stored_manifest(&own, "both"), m2 = stored_manifest(s, "both");
    assert_string_not_equal(m.digest.text, m2.digest.text);
    hl_manifest_deinit(&m);
    hl_manifest_deinit(&m2);
    stored_deinit(&own);
}

int main(void) {
#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(an_empty_store_has_nothing),
        EACH(names_are_found_whatever_their_case),
        EACH(copies_share_blobs),
        EACH(deleting_takes_what_nobody_needs),
        EACH(pruning_stops_at_what_it_cannot_read),
        EACH(pruning_knows_temporary_files),
        EACH(pruning_survives_a_manifest_that_vanishes),
        EACH(a_listing_ends_when_told),
        EACH(a_manifest_needs_its_blobs),
        EACH(other_directories_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
