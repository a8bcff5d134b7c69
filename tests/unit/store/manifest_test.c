#include "store/manifest.h"
#include "testing.h"

#define D "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static const char GOOD[] =
    "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.docker.distribution.manifest.v2+json\","
    "\"config\":{\"mediaType\":\"" HL_CONFIG_MEDIA "\",\"digest\":\"" D "\",\"size\":3},"
    "\"layers\":[{\"mediaType\":\"" HL_LAYER_PREFIX "model\",\"digest\":\"" D "\",\"size\":7,"
    "\"from\":\"tiny:latest\"},{\"mediaType\":\"" HL_LAYER_PREFIX "license\",\"digest\":\"" D
    "\",\"size\":1},{\"mediaType\":\"other\",\"digest\":\"" D "\",\"size\":0,\"name\":\"n\"}]}\n";

static void a_manifest_comes_back(void **state) {
    (void)state;
    hl_manifest m;
    hl_error err;
    hl_buf b;
    hl_digest file;
    assert_int_equal(hl_manifest_parse(hl_str_from(GOOD), &m, &err), HL_OK);
    assert_int_equal(m.n_layers, 3);
    assert_int_equal(hl_manifest_bytes(&m), 11);
    assert_str(m.layers[0].from, "tiny:latest");
    assert_str(m.layers[2].name, "n");
    assert_int_equal(hl_digest_of((hl_bytes){(const uint8_t *)GOOD, sizeof GOOD - 1}, &file, &err),
                     HL_OK);
    assert_string_equal(m.digest.text, file.text);
    hl_buf_init(&b, 0);
    hl_manifest_print(&m.config, m.layers, m.n_layers, &b);
    assert_str(hl_buf_str(&b), GOOD);
    hl_buf_deinit(&b);
    hl_manifest_deinit(&m);
    hl_manifest_deinit(&m); /* a zeroed one */
}

static void layers_are_found_by_kind(void **state) {
    (void)state;
    hl_manifest m;
    size_t at = 0;
    assert_int_equal(hl_manifest_parse(hl_str_from(GOOD), &m, NULL), HL_OK);
    assert_ptr_equal(hl_manifest_next(&m, "license", &at), &m.layers[1]);
    assert_null(hl_manifest_next(&m, "license", &at));
    at = 0;
    assert_null(hl_manifest_next(&m, "mode", &at));
    assert_null(hl_manifest_next(&m, "template", &at));
    hl_manifest_deinit(&m);
}

static void what_is_no_manifest_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "null",
        "{\"config\":{}}",
        "{\"config\":{\"digest\":\"" D "\",\"size\":1}}",
        "{\"config\":{\"digest\":\"../../etc\",\"size\":1},\"layers\":[]}",
        "{\"config\":{\"digest\":\"" D "\",\"size\":-1},\"layers\":[]}",
        "{\"config\":{\"digest\":\"" D "\",\"size\":\"1\"},\"layers\":[]}",
        "{\"config\":{\"digest\":\"" D "\",\"size\":1},\"layers\":[1]}",
        "{\"config\":{\"digest\":\"" D "\",\"size\":1},\"layers\":{}}",
        "{\"config\":{\"digest\":7,\"size\":1},\"layers\":[]}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        hl_manifest m = {0};
        hl_error err;
        if (hl_manifest_parse(hl_str_from(bad[i]), &m, &err) >= 0) fail_msg("%s is taken", bad[i]);
        assert_null(m.arena);
    }
}

static void sizes_do_not_overflow(void **state) {
    (void)state;
    hl_layer layers[2] = {{.bytes = UINT64_MAX - 1}, {.bytes = 5}};
    hl_manifest m = {.layers = layers, .n_layers = 2};
    assert_true(hl_manifest_bytes(&m) == UINT64_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_manifest_comes_back),
        cmocka_unit_test(layers_are_found_by_kind),
        cmocka_unit_test(what_is_no_manifest_is_refused),
        cmocka_unit_test(sizes_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
