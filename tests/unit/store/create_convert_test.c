/* Models made of uploaded directories with safetensors, and of files beside them. */
#include "store/create.h"

#include "gguf/gguf.h"
#include "model_dir.h"
#include "store/sources.h"
#include "stored_model.h"

#include <sys/stat.h>

enum { FILES_MAX = 16 };

typedef struct upload {
    hl_create_file files[FILES_MAX];
    size_t n;
    hl_arena *arena;
} upload;

typedef struct world {
    stored s;
    upload up;
    model_dir from;
} world;

static int set_up(void **state) {
    static world w;
    memset(&w, 0, sizeof w);
    stored_init(&w.s);
    w.up.arena = hl_arena_create(0);
    assert_non_null(w.up.arena);
    *state = &w;
    return 0;
}

static int tear_down(void **state) {
    world *w = *state;
    model_dir_deinit(&w->from);
    hl_arena_destroy(w->up.arena);
    stored_deinit(&w->s);
    return 0;
}

static void add_file(world *w, const char *name, const char *path) {
    hl_layer l = {0};
    assert_true(w->up.n < FILES_MAX);
    stored_ok(&w->s, hl_store_import(w->s.store, path, &l, &w->s.err));
    w->up.files[w->up.n++] = (hl_create_file){hl_arena_str(w->up.arena, hl_str_from(name)),
                                              l.digest};
}

static void add_text(world *w, const char *name, const char *text) {
    hl_layer l = {0};
    assert_true(w->up.n < FILES_MAX);
    stored_ok(&w->s, hl_store_put(w->s.store, hl_str_from(text), &l, &w->s.err));
    w->up.files[w->up.n++] = (hl_create_file){hl_str_from(name), l.digest};
}

/* As the command does. */
static void add_directory(world *w) {
    hl_source source;
    if (!w->from.n_embd) model_dir_write(&w->from);
    stored_ok(&w->s, hl_source_find(hl_str_from(w->from.dir), "", w->up.arena, &source, &w->s.err));
    for (size_t i = 0; i < source.n_files; i++)
        add_file(w, source.files[i].name.ptr, source.files[i].path);
}

static hl_status create(world *w, const char *name, const char *quantize) {
    hl_create c = {.name = stored_name(name),
                   .files = w->up.files,
                   .n_files = w->up.n,
                   .quantize = hl_str_from(quantize)};
    return stored_create(&w->s, &c);
}

/* Nothing is left of a conversion's names and files. */
static void check_clean(const world *w) {
    char blobs[96];
    (void)snprintf(blobs, sizeof blobs, "%s/blobs", w->s.dir);
    assert_int_equal(temp_dir_count(blobs, ".tmp-"), 0);
}

static void create_well(world *w, const char *name, const char *quantize) {
    stored_ok(&w->s, create(w, name, quantize));
    check_clean(w);
}

static hl_digest weights_of(world *w, const char *name) {
    hl_manifest m = stored_manifest(&w->s, name);
    size_t at = 0;
    const hl_layer *l = hl_manifest_next(&m, "model", &at);
    assert_non_null(l);
    hl_digest d = l->digest;
    assert_null(hl_manifest_next(&m, "model", &at));
    hl_manifest_deinit(&m);
    return d;
}

static hl_gguf *open_weights(world *w, const char *name) {
    char path[HL_STORE_PATH_MAX];
    hl_gguf *g;
    hl_digest d = weights_of(w, name);
    assert_true(hl_store_blob_path(w->s.store, &d, path));
    stored_ok(&w->s, hl_gguf_open(path, &g, &w->s.err));
    return g;
}

static uint32_t type_of(world *w, const char *name) {
    hl_gguf *g = open_weights(w, name);
    const hl_gguf_tensor *t = hl_gguf_find_tensor(g, HL_STR("blk.0.ffn_up.weight"));
    assert_non_null(t);
    uint32_t type = t->type;
    hl_gguf_close(g);
    return type;
}

static void expect(world *w, hl_status want, const char *part) {
    hl_status st = create(w, "bad", "");
    if (st != want || !strstr(w->s.err.text, part))
        fail_msg("%s: %s, expected %s with %s", hl_status_name(st), w->s.err.text,
                 hl_status_name(want), part);
    assert_null(strstr(w->s.err.text, ".made"));
    assert_null(strstr(w->s.err.text, w->s.dir));
    assert_false(stored_has(&w->s, "bad"));
    check_clean(w);
}

/* -- good ones --------------------------------------------------------------------------------- */

static void a_directory_becomes_a_model(void **state) {
    world *w = *state;
    hl_str name;
    add_directory(w);
    create_well(w, "a", "");
    assert_non_null(strstr(w->s.said, "converting model\nverifying conversion\ncreating new"));
    assert_int_equal(type_of(w, "a"), HL_DTYPE_BF16);
    hl_gguf *g = open_weights(w, "a");
    stored_ok(&w->s, hl_gguf_require_str(g, "general.name", &name, &w->s.err));
    assert_true(hl_str_starts(name, HL_STR("llama ")));
    hl_gguf_close(g);
}

/* The same files make the same bytes, which are stored once. */
static void the_same_again_is_the_same_layer(void **state) {
    world *w = *state;
    add_directory(w);
    create_well(w, "a", "");
    create_well(w, "b", "");
    assert_non_null(strstr(w->s.said, "using existing layer"));
    assert_null(strstr(w->s.said, "creating new layer"));
    assert_string_equal(weights_of(w, "a").text, weights_of(w, "b").text);
}

static void several_files_of_weights(void **state) {
    world *w = *state;
    w->from.n_files = 3;
    add_directory(w);
    create_well(w, "a", "");
    hl_gguf *g = open_weights(w, "a");
    assert_non_null(hl_gguf_find_tensor(g, HL_STR("blk.1.ffn_down.weight")));
    hl_gguf_close(g);
}

static void a_type_is_asked_for(void **state) {
    world *w = *state;
    static const struct {
        const char *name;
        uint32_t type;
    } ALL[] = {{"Q8_0", HL_DTYPE_Q8_0}, {"q4_K_M", HL_DTYPE_Q4_K}, {"F32", HL_DTYPE_F32}};
    w->from.n_embd = 256; /* a block of Q4_K */
    w->from.n_ff = 256;
    model_dir_write(&w->from);
    add_directory(w);
    for (size_t i = 0; i < 3; i++) {
        create_well(w, ALL[i].name, ALL[i].name);
        assert_int_equal(type_of(w, ALL[i].name), ALL[i].type);
    }
    assert_null(strstr(w->s.said, "quantizing"));
}

/* Names in a way that clients have for files of two directories. */
static void what_stands_before_a_slash_is_nothing(void **state) {
    world *w = *state;
    add_directory(w);
    for (size_t i = 0; i < w->up.n; i++) {
        char name[128];
        (void)snprintf(name, sizeof name, "sub/%s", w->up.files[i].name.ptr);
        w->up.files[i].name = hl_arena_str(w->up.arena, hl_str_from(name));
    }
    create_well(w, "a", "");
}

/* FROM ./dir, FROM ./mmproj.gguf */
static void a_projector_beside_it_is_a_layer(void **state) {
    world *w = *state;
    hl_gguf_writer *g;
    char path[96];
    hl_error *err = &w->s.err;
    (void)snprintf(path, sizeof path, "%s/mmproj.gguf", w->s.dir);
    stored_ok(&w->s, hl_gguf_writer_create(&g, err));
    stored_ok(&w->s, hl_gguf_writer_set_str(g, "general.architecture", HL_STR("clip"), err));
    stored_ok(&w->s, hl_gguf_writer_set_str(g, "general.type", HL_STR("mmproj"), err));
    stored_ok(&w->s, hl_gguf_writer_open(g, path, err));
    stored_ok(&w->s, hl_gguf_writer_commit(g, err));
    hl_gguf_writer_destroy(g);
    add_directory(w);
    add_file(w, "mmproj.gguf", path);
    create_well(w, "a", "Q8_0");
    hl_manifest m = stored_manifest(&w->s, "a");
    assert_int_equal(m.n_layers, 2);
    assert_true(hl_layer_is(&m.layers[0], "model"));
    assert_true(hl_layer_is(&m.layers[1], "projector"));
    assert_string_equal(m.layers[1].digest.text, w->up.files[w->up.n - 1].digest.text);
    hl_manifest_deinit(&m);
}

/* A model in a store of its own, of blobs that this one has. */
static hl_status create_elsewhere(const world *w, stored *other, uint64_t fails) {
    const char *dirs[] = {other->dir, w->s.dir};
    stored_ok(other, hl_store_open(dirs, 2, &other->store, &other->err));
    hl_create c = {.name = stored_name("c"), .files = w->up.files, .n_files = w->up.n};
    hl_fs_fail_nth(fails, false);
    hl_status st = stored_create(other, &c);
    hl_fs_fail_nth(0, false);
    return st;
}

/* Another file system, perhaps: /dev/shm is where the other directories are. */
static void blobs_of_another_file_system(void **state) {
    world *w = *state;
    stored other = {.dir = "/tmp/hyperllama-test-XXXXXX"};
    add_directory(w);
    create_well(w, "a", "");
    assert_non_null(mkdtemp(other.dir));
    stored_ok(&other, create_elsewhere(w, &other, 0));
    hl_manifest m = stored_manifest(&other, "c");
    assert_string_equal(m.layers[0].digest.text, weights_of(w, "a").text);
    hl_manifest_deinit(&m);
    stored_deinit(&other);
}

/* Every call fails once, the link to a blob among them, which costs a copy and nothing else. */
static void a_link_that_cannot_be_is_a_copy(void **state) {
    world *w = *state;
    size_t copied = 0;
    hl_digest want;
    add_directory(w);
    create_well(w, "a", "");
    want = weights_of(w, "a");
    for (uint64_t n = 1; n < 60; n++) {
        stored other = {0};
        temp_dir_make(other.dir);
        hl_status st = create_elsewhere(w, &other, n);
        if (st < 0) assert_null(strstr(other.err.text, "link"));
        if (st >= 0) {
            hl_manifest m = stored_manifest(&other, "c");
            assert_string_equal(m.layers[0].digest.text, want.text);
            hl_manifest_deinit(&m);
            copied++;
        }
        stored_deinit(&other);
    }
    assert_true(copied > 0);
}

/* Whoever keeps models elsewhere links to them. */
static void a_blob_may_be_a_link(void **state) {
    world *w = *state;
    char away[96];
    add_directory(w);
    (void)snprintf(away, sizeof away, "%s/away", w->s.dir);
    assert_int_equal(mkdir(away, 0755), 0);
    for (size_t i = 0; i < w->up.n; i++) {
        char path[HL_STORE_PATH_MAX], to[256];
        assert_true(hl_store_blob_path(w->s.store, &w->up.files[i].digest, path));
        (void)snprintf(to, sizeof to, "%s/%zu", away, i);
        assert_int_equal(rename(path, to), 0);
        assert_int_equal(symlink(to, path), 0);
    }
    create_well(w, "a", "");
}

/* -- bad ones ---------------------------------------------------------------------------------- */

static void files_are_missing(void **state) {
    world *w = *state;
    static const char *const NAMES[] = {"config.json", "tokenizer.json"};
    add_directory(w);
    for (size_t n = 0; n < 2; n++) {
        size_t i = 0;
        while (!hl_str_is(w->up.files[i].name, NAMES[n])) i++;
        w->up.files[i].name = HL_STR("other.json");
        expect(w, HL_ENOTFOUND, NAMES[n]);
        w->up.files[i].name = hl_str_from(NAMES[n]);
    }
}

static void two_files_of_one_name(void **state) {
    world *w = *state;
    add_directory(w);
    add_text(w, "2/config.json", "{}");
    expect(w, HL_EINVAL, "two files named config.json");
}

static void names_that_are_none(void **state) {
    world *w = *state;
    static const char *const NAMES[] = {"..", "a/..", ".hidden.json", "a/", ""};
    add_directory(w);
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        w->up.files[0].name = hl_str_from(NAMES[i]);
        expect(w, HL_EINVAL, "is no name of a file");
    }
    w->up.files[0].name = HL_STR("a\0b");
    expect(w, HL_EINVAL, "is no name of a file");
}

static void pytorch_is_refused_by_name(void **state) {
    world *w = *state;
    add_text(w, "config.json", "{}");
    add_text(w, "pytorch_model.bin", "PK");
    expect(w, HL_EUNSUPPORTED, "pytorch_model.bin is a PyTorch file");
}

static void another_model_beside_it(void **state) {
    world *w = *state;
    add_directory(w);
    hl_digest d = stored_blob(&w->s, HL_DTYPE_F16, NULL, 1);
    w->up.files[w->up.n++] = (hl_create_file){HL_STR("x.gguf"), d};
    expect(w, HL_EINVAL, "x.gguf is another model");
}

static void weights_are_damaged(void **state) {
    world *w = *state;
    add_directory(w);
    model_dir_remove(&w->from, "model.safetensors");
    for (size_t i = 0; i < w->up.n; i++)
        if (hl_str_is(w->up.files[i].name, "model.safetensors")) {
            hl_layer l = {0};
            stored_ok(&w->s, hl_store_put(w->s.store, HL_STR("short"), &l, &w->s.err));
            w->up.files[i].digest = l.digest;
        }
    expect(w, HL_EFORMAT, "model.safetensors: it ends early");
}

int main(void) {
#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(a_directory_becomes_a_model),
        EACH(the_same_again_is_the_same_layer),
        EACH(several_files_of_weights),
        EACH(a_type_is_asked_for),
        EACH(what_stands_before_a_slash_is_nothing),
        EACH(a_projector_beside_it_is_a_layer),
        EACH(blobs_of_another_file_system),
        EACH(a_link_that_cannot_be_is_a_copy),
        EACH(a_blob_may_be_a_link),
        EACH(files_are_missing),
        EACH(two_files_of_one_name),
        EACH(names_that_are_none),
        EACH(pytorch_is_refused_by_name),
        EACH(another_model_beside_it),
        EACH(weights_are_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
