#include "serve/catalog.h"

#include "store/catalog_db.h"
#include "stored_model.h"

#include <fcntl.h>
#include <strings.h>
#include <sys/stat.h>

static stored own; /* the catalog's store */
static hl_catalog *catalog;
static hl_error err;

static int set_up(void **state) {
    (void)state;
    stored_init(&own);
    hl_catalog_config config = {.models_dir = own.dir};
    return hl_catalog_open(&config, &catalog, &err) < 0;
}

static int tear_down(void **state) {
    (void)state;
    hl_catalog_close(catalog);
    stored_deinit(&own);
    return 0;
}

static void names_find_one_entry(void **state) {
    (void)state;
    static const char *const names[] = {"tiny", "Tiny:LATEST", "library/tiny",
                                        "registry.ollama.ai/library/tiny:latest"};
    const hl_catalog_entry *first, *e;
    assert_int_equal(hl_catalog_find(catalog, HL_STR("tiny"), &first, &err), HL_OK);
    assert_string_equal(first->name, "tiny:latest");
    assert_true(first->bytes > 0 && first->info.can_complete);
    assert_int_equal(strlen(first->digest), 64);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(hl_catalog_find(catalog, hl_str_from(names[i]), &e, &err), HL_OK);
        assert_ptr_equal(e, first);
    }
}

static void paths_are_no_names(void **state) {
    (void)state;
    static const struct {
        const char *name;
        hl_status st;
    } cases[] = {
        {"", HL_EINVAL},           {"a b", HL_EINVAL},     {"/etc/passwd", HL_EINVAL},
        {"../tiny", HL_EINVAL},    {"./x", HL_EINVAL},     {"library/../x", HL_EINVAL},
        {"x.gguf", HL_ENOTFOUND},  {"me/x", HL_ENOTFOUND}, {"models/tiny/x.gguf", HL_ENOTFOUND},
        {"t\xC3\xA4g", HL_EINVAL}, {"nope", HL_ENOTFOUND}, {"tiny:1b", HL_ENOTFOUND},
        {":", HL_EINVAL},
    };
    const hl_catalog_entry *e;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(hl_catalog_find(catalog, hl_str_from(cases[i].name), &e, &err),
                         cases[i].st);
}

static void the_list_has_each_model_once(void **state) {
    (void)state;
    const hl_catalog_entry *list[16];
    size_t n_tiny = 0;
    for (int again = 0; again < 2; again++) {
        size_t n = hl_catalog_list(catalog, list, 16);
        n_tiny = 0;
        for (size_t i = 0; i < n; i++) n_tiny += strcmp(list[i]->name, "tiny:latest") == 0;
        assert_int_equal(n_tiny, 1);
    }
}

static void details_have_arrays(void **state) {
    (void)state;
    const hl_catalog_entry *e;
    hl_model_info info;
    assert_int_equal(hl_catalog_find(catalog, HL_STR("tiny"), &e, &err), HL_OK);
    assert_int_equal(hl_catalog_details(e, true, &info, &err), HL_OK);
    assert_null(json_object_object_get(e->info.metadata, "tokenizer.ggml.tokens"));
    assert_non_null(json_object_object_get(info.metadata, "tokenizer.ggml.tokens"));
    hl_model_info_deinit(&info);
}

/* A file that is written anew is another entry; one that is broken is none. */
static void changes_are_seen(void **state) {
    (void)state;
    char dir[] = "/tmp/hyperllama-catalog-XXXXXX", model[64], path[96];
    const hl_catalog_entry *e, *list[16];
    assert_non_null(mkdtemp(dir));
    snprintf(model, sizeof model, "%s/broken", dir);
    snprintf(path, sizeof path, "%s/x.gguf", model);
    assert_int_equal(mkdir(model, 0700), 0);
    FILE *f = fopen(path, "w");
    assert_true(f && fputs("no model", f) >= 0 && fclose(f) == 0);
    assert_int_equal(setenv("HYPERLLAMA_MODELS_DIR", dir, 1), 0);
    assert_true(hl_catalog_find(catalog, HL_STR("broken"), &e, &err) < 0);
    size_t n = hl_catalog_list(catalog, list, 16);
    for (size_t i = 0; i < n; i++) assert_string_not_equal(list[i]->name, "broken:latest");
    unsetenv("HYPERLLAMA_MODELS_DIR");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(model), 0);
    assert_int_equal(rmdir(dir), 0);
    assert_int_equal(hl_catalog_find(catalog, HL_STR("broken"), &e, &err), HL_ENOTFOUND);
}

/* The store's model goes before the one that ships; each keeps its own id. */
static void the_store_comes_first(void **state) {
    (void)state;
    const hl_catalog_entry *e, *list[16];
    (void)stored_make(&own, "Tiny", NULL, 1);
    hl_manifest m = stored_manifest(&own, "tiny");
    assert_int_equal(hl_catalog_find(catalog, HL_STR("tiny"), &e, &err), HL_OK);
    assert_true(e->stored);
    assert_string_equal(e->name, "Tiny:latest");
    assert_string_equal(e->digest, hl_digest_hex(&m.digest));
    assert_int_equal(e->bytes, hl_manifest_bytes(&m));
    hl_manifest_deinit(&m);
    hl_name from = stored_name("tiny"), to = stored_name("me/copy");
    stored_ok(&own, hl_store_copy(own.store, &from, &to, &own.err));
    const hl_catalog_entry *copy;
    assert_int_equal(hl_catalog_find(catalog, HL_STR("me/copy"), &copy, &err), HL_OK);
    assert_string_equal(copy->path, e->path); /* one runner for both */
    assert_string_equal(copy->space, "me");
    size_t n = hl_catalog_list(catalog, list, 16), n_tiny = 0;
    for (size_t i = 0; i < n; i++) n_tiny += strcasecmp(list[i]->name, "tiny:latest") == 0;
    assert_int_equal(n_tiny, 1);
    stored_ok(&own, hl_store_delete(own.store, &from, &own.err));
    stored_ok(&own, hl_store_delete(own.store, &to, &own.err));
    assert_int_equal(hl_catalog_find(catalog, HL_STR("me/copy"), &e, &err), HL_ENOTFOUND);
    assert_int_equal(hl_catalog_find(catalog, HL_STR("tiny"), &e, &err), HL_OK);
    assert_false(e->stored);
}

/* A model that was made again under its name is another one. */
static void a_model_may_be_replaced(void **state) {
    (void)state;
    const hl_catalog_entry *e;
    char digest[65];
    (void)stored_make(&own, "again", NULL, 1);
    assert_int_equal(hl_catalog_find(catalog, HL_STR("again"), &e, &err), HL_OK);
    memcpy(digest, e->digest, sizeof digest);
    (void)stored_make(&own, "again", NULL, 2);
    assert_int_equal(hl_catalog_find(catalog, HL_STR("again"), &e, &err), HL_OK);
    assert_string_not_equal(e->digest, digest);
    hl_name n = stored_name("again");
    stored_ok(&own, hl_store_delete(own.store, &n, &own.err));
}

static void a_model_without_its_weights_is_none(void **state) {
    (void)state;
    const hl_catalog_entry *e, *list[16];
    hl_digest d = stored_make(&own, "lost", NULL, 99);
    char blob[HL_STORE_PATH_MAX];
    assert_int_equal(hl_catalog_find(catalog, HL_STR("lost"), &e, &err), HL_OK);
    assert_true(hl_store_blob_path(own.store, &d, blob) && unlink(blob) == 0);
    assert_int_equal(hl_catalog_find(catalog, HL_STR("lost"), &e, &err), HL_EIO);
    assert_non_null(strstr(err.text, "model 'lost:latest'"));
    size_t n = hl_catalog_list(catalog, list, 16);
    for (size_t i = 0; i < n; i++) assert_string_not_equal(list[i]->name, "lost:latest");
    hl_name name = stored_name("lost");
    stored_ok(&own, hl_store_delete(own.store, &name, &own.err));
}

static void a_start_may_prune(void **state) {
    (void)state;
    char blob[HL_STORE_PATH_MAX];
    struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    hl_catalog *c;
    hl_digest d = stored_blob(&own, HL_DTYPE_Q8_0, NULL, 77);
    assert_true(hl_store_blob_path(own.store, &d, blob));
    assert_int_equal(utimensat(AT_FDCWD, blob, old, 0), 0);
    for (int prune = 0; prune < 2; prune++) {
        hl_catalog_config config = {.models_dir = own.dir, .prune = prune};
        assert_int_equal(hl_catalog_open(&config, &c, &err), HL_OK);
        hl_catalog_close(c);
        assert_int_equal(hl_store_blob_path(own.store, &d, blob), !prune);
    }
}

static void paths_are_names_for_the_owner(void **state) {
    (void)state;
    char path[96];
    hl_catalog *c;
    const hl_catalog_entry *e;
    hl_catalog_config config = {.models_dir = own.dir, .allow_paths = true};
    (void)snprintf(path, sizeof path, "%s/x.gguf", own.dir);
    stored_write_gguf(path, HL_DTYPE_Q8_0, NULL, 1);
    assert_int_equal(hl_catalog_find(catalog, hl_str_from(path), &e, &err), HL_EINVAL);
    assert_int_equal(hl_catalog_open(&config, &c, &err), HL_OK);
    assert_int_equal(hl_catalog_find(c, hl_str_from(path), &e, &err), HL_OK);
    assert_string_equal(e->path, path);
    assert_int_equal(hl_catalog_find(c, HL_STR("tiny"), &e, &err), HL_OK);
    assert_true(hl_catalog_find(c, HL_STR("/nonexistent/x.gguf"), &e, &err) < 0);
    hl_catalog_close(c);
    assert_int_equal(unlink(path), 0);
}

/* -- from one start to the next ---------------------------------------------------------------- */

/* What the API tells of it, in one text. */
static void tell(const char *remember, const char *name, hl_buf *out) {
    hl_catalog *c;
    const hl_catalog_entry *e;
    hl_catalog_config config = {.models_dir = own.dir, .remember = remember};
    assert_int_equal(hl_catalog_open(&config, &c, &err), HL_OK);
    if (hl_catalog_find(c, hl_str_from(name), &e, &err) < 0) fail_msg("%s", err.text);
    const hl_model_info *i = &e->info;
    const hl_str texts[] = {
        i->name,          i->path,    i->family, i->quantization, i->parameters_text,
        i->template_text, i->license, i->system};
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
        hl_buf_printf(out, "%.*s|", HL_STR_ARG(texts[k]));
    hl_buf_printf(out, "%llu %llu %u %u %u %u %d%d%d%d%d %s %s",
                  (unsigned long long)i->n_parameters, (unsigned long long)i->file_bytes,
                  i->ctx_train, i->n_embd, i->n_layers, i->n_vocab, i->can_complete, i->can_think,
                  i->can_use_tools, i->can_embed, i->can_insert,
                  json_object_to_json_string(i->metadata), json_object_to_json_string(i->tensors));
    hl_catalog_close(c);
}

static void check_told(const char *remember, const char *name, const char *want) {
    hl_buf b;
    hl_buf_init(&b, 0);
    tell(remember, name, &b);
    assert_string_equal(b.ptr, want);
    hl_buf_deinit(&b);
}

/* Other bytes of the same length, or fewer. */
static void spoil(const hl_digest *d, size_t bytes_less) {
    char blob[HL_STORE_PATH_MAX];
    hl_file_facts facts;
    assert_true(hl_store_blob_path(own.store, d, blob));
    assert_int_equal(hl_file_stat(blob, &facts, &err), HL_OK);
    char *zeros = calloc(1, (size_t)facts.bytes);
    hl_bytes data = {(const uint8_t *)zeros, (size_t)facts.bytes - bytes_less};
    assert_int_equal(hl_file_write(blob, data, &err), HL_OK);
    free(zeros);
}

static void weights_are_read_once(void **state) {
    (void)state;
    char path[96];
    hl_buf told;
    hl_catalog *c;
    const hl_catalog_entry *e;
    hl_digest d = stored_make(&own, "kept", "{% if tools %}{{ tools }}{% endif %}{{ messages }}",
                              5);
    (void)snprintf(path, sizeof path, "%s/catalog.db", own.dir);
    hl_buf_init(&told, 0);
    tell(NULL, "kept", &told);
    check_told(path, "kept", told.ptr);
    spoil(&d, 0);
    check_told(path, "kept", told.ptr); /* without a look at the file */
    hl_catalog_config config = {.models_dir = own.dir};
    assert_int_equal(hl_catalog_open(&config, &c, &err), HL_OK);
    assert_true(hl_catalog_find(c, HL_STR("kept"), &e, &err) < 0);
    hl_catalog_close(c);
    spoil(&d, 1); /* another length is noticed */
    config.remember = path;
    assert_int_equal(hl_catalog_open(&config, &c, &err), HL_OK);
    assert_true(hl_catalog_find(c, HL_STR("kept"), &e, &err) < 0);
    hl_catalog_close(c);
    hl_buf_deinit(&told);
}

/* What is remembered may be anything: then the file is read. */
static void what_is_remembered_is_checked(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "{}",
        "{\"family\":1}",
        "{\"chat_template\":\"\"}",
        ("{\"family\":\"x\",\"quantization\":\"x\",\"parameters\":\"x\",\"chat_template\":\"{%\","
         "\"n_parameters\":-1}")};
    char path[96];
    hl_buf told;
    hl_catalog_db *db;
    hl_digest d = stored_make(&own, "checked", "{{ messages }}", 6);
    (void)snprintf(path, sizeof path, "%s/catalog.db", own.dir);
    hl_buf_init(&told, 0);
    tell(NULL, "checked", &told);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(hl_catalog_db_open(path, &db, &err), HL_OK);
        assert_int_equal(
            hl_catalog_db_set_file(db, &d, HL__SHOW_FORMAT, hl_str_from(texts[i]), &err), HL_OK);
        hl_catalog_db_close(db);
        check_told(path, "checked", told.ptr);
    }
    assert_int_equal(hl_file_write(path, (hl_bytes){(const uint8_t *)"x", 1}, &err), HL_OK);
    check_told(path, "checked", told.ptr);
    check_told("/proc/none/catalog.db", "checked", told.ptr);
    hl_buf_deinit(&told);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_find_one_entry),
        cmocka_unit_test(paths_are_no_names),
        cmocka_unit_test(the_list_has_each_model_once),
        cmocka_unit_test(details_have_arrays),
        cmocka_unit_test(changes_are_seen),
        cmocka_unit_test(the_store_comes_first),
        cmocka_unit_test(a_model_may_be_replaced),
        cmocka_unit_test(a_model_without_its_weights_is_none),
        cmocka_unit_test(a_start_may_prune),
        cmocka_unit_test(paths_are_names_for_the_owner),
        cmocka_unit_test(weights_are_read_once),
        cmocka_unit_test(what_is_remembered_is_checked),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
