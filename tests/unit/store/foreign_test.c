#include "store/foreign.h"

#include "base/dir.h"
#include "stored_model.h"

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

/* s->dir/foreign/REST, with the directories above it. */
static void place(const stored *s, const char *rest, char ret[256]) {
    char dir[256];
    hl_error err;
    (void)snprintf(ret, 256, "%s/foreign/%s", s->dir, rest);
    memcpy(dir, ret, strlen(ret) + 1);
    *strrchr(dir, '/') = '\0';
    assert_int_equal(hl_dir_make_all(dir, &err), HL_OK);
}

static void put_gguf(const stored *s, const char *rest, hl_dtype type, uint32_t seed) {
    char path[256];
    place(s, rest, path);
    stored_write_gguf(path, type, NULL, seed);
}

static void put_text(const stored *s, const char *rest, const char *text) {
    char path[256];
    hl_error err;
    place(s, rest, path);
    assert_int_equal(hl_file_write(path, (hl_bytes){(const uint8_t *)text, strlen(text)}, &err),
                     HL_OK);
}

typedef struct seen {
    stored *s;
    bool may_copy;
    char text[2048];
} seen;

/* "NAME HOW", or "NAME STATUS" */
static hl_status take(void *arg, const hl_foreign *f, hl_error *err) {
    seen *v = arg;
    hl_foreign_taken t;
    char name[HL_NAME_TEXT_MAX];
    size_t at = strlen(v->text);
    (void)err;
    hl_name_text(&f->name, name);
    hl_status st = hl_foreign_take(v->s->store, f, v->may_copy, &t, &v->s->err);
    (void)snprintf(v->text + at, sizeof v->text - at, "%s %s\n", name,
                   st < 0 ? hl_status_name(st) : hl_taken_word(t.how));
    return HL_OK;
}

static seen take_all(stored *s, const char *rest, bool may_copy) {
    seen v = {.s = s, .may_copy = may_copy};
    char dir[256];
    (void)snprintf(dir, sizeof dir, "%s/foreign%s", s->dir, rest);
    stored_ok(s, hl_foreign_each(dir, take, &v, &s->err));
    return v;
}

static void lm_studio(void **state) {
    stored *s = *state;
    put_gguf(s, "models/pub/Model-GGUF/Model-Q4_K_M.gguf", HL_DTYPE_Q8_0, 1);
    put_gguf(s, "models/pub/Model-GGUF/model.f16.gguf", HL_DTYPE_F16, 2);
    put_gguf(s, "models/pub/Other/plain.gguf", HL_DTYPE_Q8_0, 3);
    put_text(s, "models/pub/Other/README.md", "x");
    put_text(s, "models/pub/Broken/broken.gguf", "GGUF");
    put_text(s, "models/stray.gguf", "x");
    assert_string_equal(take_all(s, "", false).text, "hf.co/pub/Model-GGUF:Q4_K_M linked\n"
                                                     "hf.co/pub/Model-GGUF:F16 linked\n"
                                                     "hf.co/pub/Other:Q8_0 linked\n");
    assert_string_equal(take_all(s, "/models", false).text, "hf.co/pub/Model-GGUF:Q4_K_M existing\n"
                                                            "hf.co/pub/Model-GGUF:F16 existing\n"
                                                            "hf.co/pub/Other:Q8_0 existing\n");
    assert_true(stored_has(s, "hf.co/pub/Other:Q8_0"));
}

static void files_of_one_type_have_their_names(void **state) {
    stored *s = *state;
    put_gguf(s, "pub/Repo/big-q8_0.gguf", HL_DTYPE_Q8_0, 1);
    put_gguf(s, "pub/Repo/small-q8_0.gguf", HL_DTYPE_Q8_0, 2);
    assert_string_equal(take_all(s, "", false).text, "hf.co/pub/Repo:big-q8_0 linked\n"
                                                     "hf.co/pub/Repo:small-q8_0 linked\n");
}

static void hugging_face(void **state) {
    stored *s = *state;
    char path[256];
    put_gguf(s, "hub/models--org--Some-GGUF/blobs/1234", HL_DTYPE_F16, 1);
    place(s, "hub/models--org--Some-GGUF/snapshots/bbb/some-f16.gguf", path);
    assert_int_equal(symlink("../../blobs/1234", path), 0);
    put_text(s, "hub/models--org--Some-GGUF/refs/main", "bbb\n");
    put_gguf(s, "hub/models--org--Some-GGUF/snapshots/ccc/old-Q8_0.gguf", HL_DTYPE_Q8_0, 2);
    put_gguf(s, "hub/models--org--NoRef/snapshots/aaa/sub/x-Q5_K_M.gguf", HL_DTYPE_Q8_0, 3);
    put_text(s, "hub/models--org--Torch/snapshots/aaa/model.safetensors", "x");
    put_text(s, "hub/models--no-org/snapshots/aaa/x.txt", "x");
    put_text(s, "hub/version.txt", "1");
    static const char want[] = "hf.co/org/NoRef:Q5_K_M linked\nhf.co/org/Some-GGUF:F16 linked\n";
    assert_string_equal(take_all(s, "", false).text, want);
    put_text(s, "hub/models--org--Some-GGUF/refs/main", "../../../../etc");
    assert_non_null(strstr(take_all(s, "/hub", false).text, "Some-GGUF:Q8_0 linked"));
}

static void parts_want_a_copy(void **state) {
    stored *s = *state;
    put_gguf(s, "pub/Repo/m-Q8_0-00001-of-00002.gguf", HL_DTYPE_Q8_0, 1);
    put_gguf(s, "pub/Whole/m-Q8_0-00001-of-00001.gguf", HL_DTYPE_Q8_0, 1);
    assert_string_equal(take_all(s, "", false).text, "hf.co/pub/Repo:Q8_0 EUNSUPPORTED\n"
                                                     "hf.co/pub/Whole:Q8_0 linked\n");
    /* a part is missing */
    assert_non_null(strstr(take_all(s, "", true).text, "hf.co/pub/Repo:Q8_0 ENOTFOUND\n"));
    assert_false(stored_has(s, "hf.co/pub/Repo:Q8_0"));
}

static void another_model_is_not_replaced(void **state) {
    stored *s = *state;
    (void)stored_make(s, "hf.co/pub/Repo:Q8_0", NULL, 1);
    put_gguf(s, "pub/Repo/m.gguf", HL_DTYPE_Q8_0, 2);
    assert_string_equal(take_all(s, "", false).text, "hf.co/pub/Repo:Q8_0 EUNSUPPORTED\n");
    assert_non_null(strstr(s->err.text, "another model named"));
}

/* A store beside ours stands for Ollama's. */
static void ollama(void **state) {
    stored *s = *state;
    stored theirs = *s;
    hl_manifest a, b;
    char dir[96];
    const char *dirs[] = {dir};
    (void)snprintf(dir, sizeof dir, "%s/foreign/models", s->dir);
    stored_ok(s, hl_store_open(dirs, 1, &theirs.store, &s->err));
    (void)stored_make(&theirs, "one:7b", NULL, 1);
    (void)stored_make(&theirs, "org/two", NULL, 2);
    seen v = take_all(s, "", false);
    assert_non_null(strstr(v.text, "one:7b linked\n"));
    assert_non_null(strstr(v.text, "org/two:latest linked\n"));
    a = stored_manifest(s, "one:7b");
    b = stored_manifest(&theirs, "one:7b");
    assert_string_equal(a.digest.text, b.digest.text);
    hl_manifest_deinit(&a);
    hl_manifest_deinit(&b);
    assert_non_null(strstr(take_all(s, "/models", false).text, "one:7b existing\n"));
    (void)stored_make(&theirs, "one:7b", NULL, 3);
    assert_non_null(strstr(take_all(s, "/models", false).text, "one:7b EUNSUPPORTED\n"));
    hl_store_close(theirs.store);
}

static void a_cut_blob_is_refused(void **state) {
    stored *s = *state;
    stored theirs = *s;
    char dir[96], path[HL_STORE_PATH_MAX];
    const char *dirs[] = {dir};
    (void)snprintf(dir, sizeof dir, "%s/foreign", s->dir);
    stored_ok(s, hl_store_open(dirs, 1, &theirs.store, &s->err));
    hl_digest d = stored_make(&theirs, "one", NULL, 1);
    assert_true(hl_store_blob_path(theirs.store, &d, path));
    assert_int_equal(truncate(path, 100), 0);
    assert_string_equal(take_all(s, "", false).text, "one:latest EFORMAT\n");
    assert_int_equal(unlink(path), 0);
    assert_string_equal(take_all(s, "", false).text, "one:latest ENOTFOUND\n");
    assert_false(stored_has(s, "one"));
    hl_store_close(theirs.store);
}

static void no_directory(void **state) {
    stored *s = *state;
    seen v = {.s = s};
    assert_int_equal(hl_foreign_each("/no/such/place", take, &v, &s->err), HL_ENOTFOUND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lm_studio, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_of_one_type_have_their_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hugging_face, set_up, tear_down),
        cmocka_unit_test_setup_teardown(parts_want_a_copy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_model_is_not_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ollama, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cut_blob_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_directory, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
