#include "store/create.h"

#include "store/describe.h"
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

static struct json_object *json(const char *text) {
    struct json_object *o = NULL;
    assert_int_equal(hl_json_parse(hl_str_from(text), &o, NULL), HL_OK);
    return o;
}

static void expect_said(const stored *s, const char *want) {
    assert_string_equal(s->said, want);
}

/* The uploaded bytes are the model's blob. */
static void a_file_becomes_a_model(void **state) {
    stored *s = *state;
    char want[512], config[512];
    hl_digest d = stored_make(s, "a", NULL, 1);
    (void)snprintf(want, sizeof want,
                   "parsing GGUF\nverifying conversion\ncreating new layer %s\nwriting "
                   "manifest\nsuccess\n",
                   d.text);
    expect_said(s, want);
    hl_manifest m = stored_manifest(s, "a");
    assert_int_equal(m.n_layers, 1);
    assert_true(hl_layer_is(&m.layers[0], "model"));
    assert_string_equal(m.layers[0].digest.text, d.text);
    char path[HL_STORE_PATH_MAX];
    hl_buf b;
    hl_buf_init(&b, 0);
    assert_true(hl_store_blob_path(s->store, &m.config.digest, path));
    stored_ok(s, hl_file_read(path, 512, &b, &s->err));
    (void)snprintf(config, sizeof config, "%.*s", HL_STR_ARG(hl_buf_str(&b)));
    assert_string_equal(config,
                        "{\"model_format\":\"gguf\",\"model_family\":\"llama\",\"model_families\":"
                        "[\"llama\"],\"model_type\":\"128\",\"file_type\":\"Q8_0\","
                        "\"architecture\":\"amd64\",\"os\":\"linux\"}\n");
    hl_buf_deinit(&b);
    hl_manifest_deinit(&m);
    (void)stored_make(s, "b", NULL, 1);
    assert_non_null(strstr(s->said, "using existing layer"));
}

static void a_child_has_what_is_its_own(void **state) {
    stored *s = *state;
    char text[256];
    hl_str licenses[] = {HL_STR("MIT-1"), HL_STR("MIT-2")};
    (void)stored_make(s, "a", NULL, 1);
    hl_create c = {.name = stored_name("b"),
                   .has_from = true,
                   .from = stored_name("A"),
                   .template_text = HL_STR("{{ .Prompt }}"),
                   .system = HL_STR("You are nice."),
                   .licenses = licenses,
                   .n_licenses = 2,
                   .parameters = json("{\"top_k\":20,\"stop\":[\"x\"]}"),
                   .messages = json("[{\"role\":\"user\",\"content\":\"hi\"}]"),
                   .requires = HL_STR("0.1")};
    stored_ok(s, stored_create(s, &c));
    assert_string_equal(stored_text(s, "b", "template", text, sizeof text), "{{ .Prompt }}");
    assert_string_equal(stored_text(s, "b", "system", text, sizeof text), "You are nice.");
    assert_string_equal(stored_text(s, "b", "params", text, sizeof text),
                        "{\"stop\":[\"x\"],\"top_k\":20}\n");
    assert_string_equal(stored_text(s, "b", "messages", text, sizeof text),
                        "[{\"role\":\"user\",\"content\":\"hi\"}]\n");
    hl_manifest m = stored_manifest(s, "b");
    assert_str(m.layers[0].from, "a:latest");
    assert_int_equal(m.n_layers, 7);
    hl_manifest_deinit(&m);
    json_object_put(c.parameters);
    json_object_put(c.messages);
}

/* Parameters win one by one, licenses are added, the rest is the parent's. */
static void a_grandchild_has_the_rest(void **state) {
    stored *s = *state;
    char text[256];
    hl_str mit = HL_STR("MIT"), other = HL_STR("Other");
    (void)stored_make(s, "a", NULL, 1);
    hl_create b = {.name = stored_name("b"),
                   .has_from = true,
                   .from = stored_name("a"),
                   .system = HL_STR("S"),
                   .licenses = &mit,
                   .n_licenses = 1,
                   .parameters = json("{\"top_k\":20,\"stop\":[\"x\"]}"),
                   .messages = json("[{\"role\":\"user\",\"content\":\"hi\"}]")};
    stored_ok(s, stored_create(s, &b));
    hl_create c = {.name = stored_name("c"),
                   .has_from = true,
                   .from = stored_name("b"),
                   .licenses = &other,
                   .n_licenses = 1,
                   .parameters = json("{\"top_k\":5}"),
                   .messages = json("[{\"role\":\"system\",\"content\":\"x\"}]")};
    stored_ok(s, stored_create(s, &c));
    assert_string_equal(stored_text(s, "c", "system", text, sizeof text), "S");
    assert_string_equal(stored_text(s, "c", "params", text, sizeof text),
                        "{\"stop\":[\"x\"],\"top_k\":5}\n");
    assert_string_equal(stored_text(s, "c", "messages", text, sizeof text),
                        "[{\"role\":\"system\",\"content\":\"x\"}]\n");
    hl_manifest m = stored_manifest(s, "c");
    size_t at = 0, n = 0;
    while (hl_manifest_next(&m, "license", &at)) n++;
    assert_int_equal(n, 2);
    at = 0;
    assert_str(hl_manifest_next(&m, "model", &at)->from, "b:latest");
    hl_manifest_deinit(&m);
    json_object_put(b.parameters);
    json_object_put(b.messages);
    json_object_put(c.parameters);
    json_object_put(c.messages);
}

/* A registry may have sent anything. */
static void a_parent_with_odd_parameters_is_no_hindrance(void **state) {
    stored *s = *state;
    char text[64];
    (void)stored_make(s, "a", NULL, 1);
    hl_manifest m = stored_manifest(s, "a");
    hl_layer layers[2] = {m.layers[0], {.media = HL_STR(HL_LAYER_PREFIX "params")}};
    stored_ok(s, hl_store_put(s->store, HL_STR("[1]"), &layers[1], &s->err));
    hl_name odd = stored_name("odd");
    stored_ok(s, hl_store_write(s->store, &odd, &m.config, layers, 2, &s->err));
    hl_manifest_deinit(&m);
    hl_create c = {.name = stored_name("b"),
                   .has_from = true,
                   .from = odd,
                   .parameters = json("{\"top_k\":5}")};
    stored_ok(s, stored_create(s, &c));
    assert_string_equal(stored_text(s, "b", "params", text, sizeof text), "{\"top_k\":5}\n");
    json_object_put(c.parameters);
}

static void a_model_is_quantised(void **state) {
    stored *s = *state;
    hl_create_file file = {HL_STR("f.gguf"), stored_blob(s, HL_DTYPE_F16, NULL, 1)};
    hl_create c = {
        .name = stored_name("q"), .files = &file, .n_files = 1, .quantize = HL_STR("q8_0")};
    stored_ok(s, stored_create(s, &c));
    assert_non_null(strstr(s->said, "quantizing F16 model to Q8_0"));
    hl_manifest m = stored_manifest(s, "q");
    char path[HL_STORE_PATH_MAX];
    hl_gguf *g;
    assert_string_not_equal(m.layers[0].digest.text, file.digest.text);
    assert_true(hl_store_blob_path(s->store, &m.layers[0].digest, path));
    stored_ok(s, hl_gguf_open(path, &g, &s->err));
    assert_string_equal(hl_gguf_quantization(g), "Q8_0");
    hl_gguf_close(g);
    hl_manifest_deinit(&m);

    c.quantize = HL_STR("F16"); /* as it is */
    c.name = stored_name("f");
    stored_ok(s, stored_create(s, &c));
    m = stored_manifest(s, "f");
    assert_string_equal(m.layers[0].digest.text, file.digest.text);
    hl_manifest_deinit(&m);

    hl_create of_q8 = {.name = stored_name("r"),
                       .has_from = true,
                       .from = stored_name("q"),
                       .quantize = HL_STR("Q4_0")};
    stored_ok(s, stored_create(s, &of_q8));
    assert_non_null(strstr(s->said, "warning: Q8_0 has lost precision"));
    of_q8.from = stored_name("r");
    of_q8.quantize = HL_STR("Q8_0");
    assert_int_equal(stored_create(s, &of_q8), HL_EUNSUPPORTED);
    assert_string_equal(s->err.text,
                        "quantization is only supported for F16, BF16, F32 and Q8_0 models");
    of_q8.from = stored_name("f");
    of_q8.quantize = HL_STR("Q4_0");
    stored_ok(s, stored_create(s, &of_q8));
    assert_null(strstr(s->said, "warning"));
    of_q8.quantize = HL_STR("q9");
    assert_int_equal(stored_create(s, &of_q8), HL_EUNSUPPORTED);
    assert_string_equal(s->err.text,
                        "unsupported quantization type Q9 - supported types are F32, F16, BF16, "
                        "Q4_0, Q4_K_S, Q4_K_M, Q5_K_S, Q5_K_M, Q6_K, Q8_0");
}

static void a_model_changes_its_float_type(void **state) {
    stored *s = *state;
    static const struct {
        hl_dtype from;
        const char *want, *said;
        hl_dtype to;
    } CASES[] = {
        {HL_DTYPE_F16, "f32", "quantizing F16 model to F32", HL_DTYPE_F32},
        {HL_DTYPE_F16, "BF16", "quantizing F16 model to BF16", HL_DTYPE_BF16},
        {HL_DTYPE_F32, "F16", "quantizing F32 model to F16", HL_DTYPE_F16},
        {HL_DTYPE_Q8_0, "F16", "warning: Q8_0 has lost precision", HL_DTYPE_F16},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        hl_create_file file = {HL_STR("f.gguf"), stored_blob(s, CASES[i].from, NULL, 1)};
        hl_create c = {.name = stored_name("x"),
                       .files = &file,
                       .n_files = 1,
                       .quantize = hl_str_from(CASES[i].want)};
        stored_ok(s, stored_create(s, &c));
        assert_non_null(strstr(s->said, CASES[i].said));
        hl_manifest m = stored_manifest(s, "x");
        char path[HL_STORE_PATH_MAX];
        hl_gguf *g;
        assert_true(hl_store_blob_path(s->store, &m.layers[0].digest, path));
        stored_ok(s, hl_gguf_open(path, &g, &s->err));
        assert_string_equal(hl_gguf_quantization(g), hl_dtype_name(CASES[i].to));
        assert_int_equal(hl_gguf_tensor_at(g, 0)->type, CASES[i].to);
        hl_gguf_close(g);
        hl_manifest_deinit(&m);
    }
}

/* "x-00001-of-00002.gguf" and its other half become one file. */
static void parts_are_joined(void **state) {
    stored *s = *state;
    char paths[2][128], blobs[96];
    hl_create_file files[2];
    for (uint32_t i = 0; i < 2; i++) {
        hl_gguf_writer *w;
        static const uint8_t data[16] = {1, 2, 3};
        hl_gguf_tensor t = {
            .name = i ? HL_STR("b") : HL_STR("a"), .type = HL_DTYPE_F32, .n_dims = 1, .dims = {4}};
        (void)snprintf(paths[i], sizeof paths[i], "%s/x-%05u-of-00002.gguf", s->dir, i + 1);
        stored_ok(s, hl_gguf_writer_create(&w, &s->err));
        hl_gguf_value no = {.key = HL_STR("split.no"), .type = HL_GGUF_U16, .as.u = i};
        hl_gguf_value count = {.key = HL_STR("split.count"), .type = HL_GGUF_U16, .as.u = 2};
        hl_gguf_value all = {.key = HL_STR("split.tensors.count"), .type = HL_GGUF_I32, .as.i = 2};
        if (i == 0)
            stored_ok(s,
                      hl_gguf_writer_set_str(w, "general.architecture", HL_STR("llama"), &s->err));
        stored_ok(s, hl_gguf_writer_set(w, &no, &s->err));
        stored_ok(s, hl_gguf_writer_set(w, &count, &s->err));
        stored_ok(s, hl_gguf_writer_set(w, &all, &s->err));
        stored_ok(s, hl_gguf_writer_add_tensor(w, &t, &s->err));
        stored_ok(s, hl_gguf_writer_open(w, paths[i], &s->err));
        stored_ok(s, hl_gguf_writer_write(w, (hl_bytes){data, 16}, &s->err));
        stored_ok(s, hl_gguf_writer_commit(w, &s->err));
        hl_gguf_writer_destroy(w);
        hl_layer l;
        stored_ok(s, hl_store_import(s->store, paths[i], &l, &s->err));
        files[i] = (hl_create_file){hl_str_from(paths[i] + strlen(s->dir) + 1), l.digest};
    }
    hl_create c = {.name = stored_name("x"), .files = files, .n_files = 2};
    stored_ok(s, stored_create(s, &c));
    hl_manifest m = stored_manifest(s, "x");
    char path[HL_STORE_PATH_MAX];
    hl_gguf *g;
    assert_int_equal(m.n_layers, 1);
    assert_true(hl_store_blob_path(s->store, &m.layers[0].digest, path));
    stored_ok(s, hl_gguf_open(path, &g, &s->err));
    assert_int_equal(hl_gguf_n_tensors(g), 2);
    assert_null(hl_gguf_find(g, HL_STR("split.count")));
    hl_gguf_close(g);
    hl_manifest_deinit(&m);
    (void)snprintf(blobs, sizeof blobs, "%s/blobs", s->dir);
    assert_int_equal(temp_dir_count(blobs, ".tmp-"), 0);
    files[1].name = files[0].name;
    assert_int_equal(stored_create(s, &c), HL_EINVAL);
    assert_non_null(strstr(s->err.text, "is part 1 once more"));
    assert_int_equal(temp_dir_count(blobs, ".tmp-"), 0);
    files[1].name = HL_STR("x-00002-of-00003.gguf");
    assert_int_equal(stored_create(s, &c), HL_EINVAL);
    assert_int_equal(temp_dir_count(blobs, ".tmp-"), 0);
}

/* A file that is in no store: another name of it, or a copy. */
static void a_file_outside_is_taken_in(void **state) {
    stored *s = *state;
    char path[96];
    (void)snprintf(path, sizeof path, "%s/outside.gguf", s->dir);
    stored_write_gguf(path, HL_DTYPE_Q8_0, NULL, 5);
    hl_create c = {.name = stored_name("o"),
                   .has_from = true,
                   .from = stored_name("outside"),
                   .from_path = path,
                   .system = HL_STR("S")};
    stored_ok(s, stored_create(s, &c));
    assert_int_equal(unlink(path), 0);
    hl_manifest m = stored_manifest(s, "o");
    assert_int_equal(m.n_layers, 2);
    hl_manifest_deinit(&m);
}

static void bad_requests_change_nothing(void **state) {
    stored *s = *state;
    hl_layer text;
    stored_ok(s, hl_store_put(s->store, HL_STR("no model"), &text, &s->err));
    (void)stored_make(s, "a", NULL, 1);
    hl_create_file none = {.name = HL_STR("x.gguf")}, wrong = {HL_STR("x.txt"), text.digest};
    assert_true(hl_digest_parse(
        HL_STR("sha256:0000000000000000000000000000000000000000000000000000000000000000"),
        &none.digest));
    hl_name b = stored_name("b"), a = stored_name("a"), nope = stored_name("nope");
    struct json_object *unknown = json("{\"nonsense\":1}"), *role = json("[{\"role\":\"boss\"}]");
    const struct {
        hl_create c;
        hl_status st;
        const char *part;
    } cases[] = {
        {{.name = b}, HL_EINVAL, "neither 'from' or 'files' was specified"},
        {{.name = b, .files = &none, .n_files = 1}, HL_ENOTFOUND, "no such file or directory"},
        {{.name = b, .files = &wrong, .n_files = 1},
         HL_EFORMAT,
         "supplied file was not in GGUF format"},
        {{.name = b, .has_from = true, .from = nope},
         HL_ENOTFOUND,
         "model 'nope:latest' not found"},
        {{.name = b, .has_from = true, .from = a, .parameters = unknown}, HL_EINVAL, "nonsense"},
        {{.name = b, .has_from = true, .from = a, .messages = role}, HL_EINVAL, "boss"},
        {{.name = b, .has_from = true, .from = a, .template_text = HL_STR("{{ if }}")},
         HL_EINVAL,
         "template error: template: :1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(stored_create(s, &cases[i].c), cases[i].st);
        if (!strstr(s->err.text, cases[i].part)) fail_msg("%zu: %s", i, s->err.text);
        assert_false(stored_has(s, "b"));
    }
    json_object_put(unknown);
    json_object_put(role);
}

int main(void) {
#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(a_file_becomes_a_model),
        EACH(a_child_has_what_is_its_own),
        EACH(a_grandchild_has_the_rest),
        EACH(a_parent_with_odd_parameters_is_no_hindrance),
        EACH(a_model_is_quantised),
        EACH(a_model_changes_its_float_type),
        EACH(parts_are_joined),
        EACH(a_file_outside_is_taken_in),
        EACH(bad_requests_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
