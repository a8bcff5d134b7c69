/* The n-th call to the file system fails, once or from then on (a disk that is gone), for every n
 * until all goes well: models that were there are as they were, what is listed has all its
 * blobs, and with a whole disk again everything can be done. */
#include "stored_model.h"

#include "base/fs.h"
#include "base/mem.h"

/* SURVIVED_MAX: so many faults in a row that do no harm, and there was no fault any more. */
enum { CALLS_MAX = 2000, SURVIVED_MAX = 12 };

typedef hl_status job_fn(stored *s);

/* -- what has to hold -------------------------------------------------------------------------- */

/* Reads everything that a listed model consists of. */
static hl_status check_item(void *arg, const hl_store_item *item, hl_error *err) {
    stored *s = arg;
    hl_manifest m;
    if (hl_store_read(s->store, item, &m, err) < 0) fail_msg("%s", err->text);
    for (size_t i = 0; i <= m.n_layers; i++) {
        const hl_layer *l = i < m.n_layers ? &m.layers[i] : &m.config;
        char path[HL_STORE_PATH_MAX];
        hl_digest d;
        assert_true(hl_store_blob_path(s->store, &l->digest, path));
        assert_int_equal(hl_digest_of_file(path, &d, err), HL_OK);
        assert_string_equal(d.text, l->digest.text);
    }
    hl_manifest_deinit(&m);
    return HL_OK;
}

static void check_store(stored *s, const char *digest_of_first) {
    hl_error err;
    if (hl_store_each(s->store, check_item, s, &err) < 0) fail_msg("%s", err.text);
    hl_manifest m = stored_manifest(s, "first");
    assert_string_equal(m.digest.text, digest_of_first);
    hl_manifest_deinit(&m);
}

/* -- jobs -------------------------------------------------------------------------------------- */

static hl_status create_child(stored *s) {
    hl_create c = {.name = stored_name("me/child:1"),
                   .has_from = true,
                   .from = stored_name("first"),
                   .system = HL_STR("S"),
                   .template_text = HL_STR("{{ .Prompt }}")};
    return stored_create(s, &c);
}

static hl_status create_quantised(stored *s) {
    hl_create c = {.name = stored_name("second"),
                   .has_from = true,
                   .from = stored_name("first"),
                   .quantize = HL_STR("Q8_0")};
    return stored_create(s, &c);
}

static hl_status replace(stored *s) {
    hl_create c = {.name = stored_name("other"),
                   .has_from = true,
                   .from = stored_name("first"),
                   .system = HL_STR("T")};
    return stored_create(s, &c);
}

static hl_status copy(stored *s) {
    hl_name from = stored_name("first"), to = stored_name("me/copy");
    return hl_store_copy(s->store, &from, &to, &s->err);
}

static hl_status delete_other(stored *s) {
    hl_name n = stored_name("other");
    return hl_store_delete(s->store, &n, &s->err);
}

static hl_status prune(stored *s) {
    return hl_store_prune(s->store, INT64_MAX, &s->err);
}

static hl_status upload(stored *s) {
    hl_digest d;
    hl_blob_out *b;
    assert_true(hl_digest_parse(
        HL_STR("sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"), &d));
    HL_TRY(hl_blob_out_open(s->store, &d, &b, &s->err));
    hl_status st = hl_blob_out_write(b, (hl_bytes){(const uint8_t *)"abc", 3}, &s->err);
    if (st >= 0) st = hl_blob_out_commit(b, &s->err);
    hl_blob_out_close(b);
    return st;
}

/* -- trying ------------------------------------------------------------------------------------ */

static void begin(stored *s, char digest_of_first[sizeof((hl_digest *)0)->text]) {
    stored_init(s);
    hl_create_file file = {HL_STR("x.gguf"), stored_blob(s, HL_DTYPE_F16, NULL, 1)};
    hl_create c = {.name = stored_name("first"), .files = &file, .n_files = 1};
    stored_ok(s, stored_create(s, &c));
    (void)stored_make(s, "other", NULL, 2);
    (void)stored_blob(s, HL_DTYPE_F16, NULL, 3); /* that nobody names */
    hl_manifest m = stored_manifest(s, "first");
    memcpy(digest_of_first, m.digest.text, sizeof m.digest.text);
    hl_manifest_deinit(&m);
}

/* One attempt; afterwards, with a whole disk, what failed can be done. */
static hl_status try_with_fault(job_fn *job, uint64_t n, bool from_then_on) {
    char digest[sizeof((hl_digest *)0)->text];
    stored s;
    begin(&s, digest);
    hl_fs_fail_nth(n, from_then_on);
    hl_status st = job(&s);
    hl_fs_fail_nth(0, false);
    check_store(&s, digest);
    if (st < 0) {
        assert_true(strlen(s.err.text) > 0);
        hl_status again = job(&s);
        if (again < 0 && again != HL_ENOTFOUND) fail_msg("then: %s", s.err.text);
        check_store(&s, digest);
    }
    stored_deinit(&s);
    return st;
}

/* Until no call is left that fails; then the same numbers with a single failure each, which may be
 * survived. */
static void sweep(job_fn *job, uint64_t calls_min) {
    uint64_t n = 1, clean = 0;
    for (; clean < SURVIVED_MAX && n < CALLS_MAX; n++)
        clean = try_with_fault(job, n, true) < 0 ? 0 : clean + 1;
    assert_true(n >= calls_min && n < CALLS_MAX);
    for (uint64_t i = 1; i < n; i++) assert_true(try_with_fault(job, i, false) <= 0);
}

static void creating(void **state) {
    (void)state;
    sweep(create_child, 20);
}

static void quantising(void **state) {
    (void)state;
    sweep(create_quantised, 20);
}

static void replacing(void **state) {
    (void)state;
    sweep(replace, 10);
}

static void copying(void **state) {
    (void)state;
    sweep(copy, 10);
}

static void deleting(void **state) {
    (void)state;
    sweep(delete_other, 4);
}

static void pruning(void **state) {
    (void)state;
    sweep(prune, 4);
}

static void uploading(void **state) {
    (void)state;
    sweep(upload, 4);
}

/* The same for memory. */
static void without_memory(void **state) {
    (void)state;
    static job_fn *const jobs[] = {create_child, copy, delete_other, prune, upload};
    for (size_t j = 0; j < sizeof jobs / sizeof *jobs; j++) {
        hl_status st = HL_ENOMEM;
        for (uint64_t n = 1; st < 0 && n < CALLS_MAX; n++) {
            char digest[sizeof((hl_digest *)0)->text];
            stored s;
            begin(&s, digest);
            hl_mem_fail_nth(n);
            st = jobs[j](&s);
            hl_mem_fail_nth(0);
            check_store(&s, digest);
            stored_deinit(&s);
        }
        assert_true(st >= 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(creating),  cmocka_unit_test(quantising),     cmocka_unit_test(replacing),
        cmocka_unit_test(copying),   cmocka_unit_test(deleting),       cmocka_unit_test(pruning),
        cmocka_unit_test(uploading), cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
