/* A pull and a push against a small registry in this process, where the n-th allocation or call to
 * the file system fails: an error, no crash, and the next pull goes well. */
#include "store/registry.h"

#include "base/mem.h"
#include "http/server.h"
#include "store/registry_fetch_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { WEIGHTS_BYTES = 200000 };

static hl_http_server *server;
static hl_store *store;
static char dir[] = "/tmp/registry-test-XXXXXX", name[64], manifest[2048];
static char weights[WEIGHTS_BYTES];
static hl_digest weights_digest, config_digest;
static const char CONFIG[] = "{\"model_format\":\"gguf\"}";
static bool has_blobs; /* of the registry */
static size_t n_reports;
static hl_error err;

/* -- the registry ------------------------------------------------------------------------------ */

static size_t body_max(void *arg, const char *method, const char *path) {
    (void)arg, (void)method, (void)path;
    return 1 << 20;
}

static void give_blob(hl_http_exchange *x, hl_str blob) {
    uint64_t from, to;
    char range[96];
    const char *asked = hl_http_header(x, "Range");
    if (sscanf(asked, "bytes=%llu-%llu", (unsigned long long *)&from, (unsigned long long *)&to) !=
        2) {
        hl_http_answer(x, 200, "text/plain", blob);
        return;
    }
    snprintf(range, sizeof range, "bytes %llu-%llu/%zu", (unsigned long long)from,
             (unsigned long long)to, blob.len);
    hl_http_add_header(x, "Content-Range", range);
    hl_http_answer(x, 206, "text/plain", hl_str_slice(blob, from, to + 1));
}

static void handle(void *arg, hl_http_exchange *x) {
    hl_str path = hl_str_from(hl_http_path(x)), method = hl_str_from(hl_http_method(x));
    (void)arg;
    if (hl_str_is(method, "POST") || hl_str_is(method, "PATCH")) {
        hl_http_add_header(x, "Location", "/v2/a/x/blobs/uploads/1");
        hl_http_answer(x, 202, "text/plain", HL_STR(""));
    } else if (hl_str_is(method, "PUT")) {
        hl_http_answer(x, 201, "text/plain", HL_STR(""));
    } else if (hl_str_ends(path, HL_STR("manifests/latest"))) {
        hl_http_answer(x, 200, "application/json", hl_str_from(manifest));
    } else if (has_blobs && hl_str_ends(path, hl_str_from(weights_digest.text))) {
        give_blob(x, (hl_str){weights, sizeof weights});
    } else if (has_blobs && hl_str_ends(path, hl_str_from(config_digest.text))) {
        give_blob(x, hl_str_from(CONFIG));
    } else {
        hl_http_answer(x, 404, "application/json", HL_STR("{\"errors\":[]}"));
    }
}

static void make_manifest(void) {
    for (size_t i = 0; i < sizeof weights; i++) weights[i] = (char)(i * i >> 3);
    hl_bytes w = {(const uint8_t *)weights, sizeof weights};
    hl_bytes c = {(const uint8_t *)CONFIG, sizeof CONFIG - 1};
    assert_int_equal(hl_digest_of(w, &weights_digest, &err), HL_OK);
    assert_int_equal(hl_digest_of(c, &config_digest, &err), HL_OK);
    snprintf(manifest, sizeof manifest,
             "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" HL_CONFIG_MEDIA
             "\",\"digest\":\"%s\",\"size\":%zu},\"layers\":[{\"mediaType\":\"" HL_LAYER_PREFIX
             "model\",\"digest\":\"%s\",\"size\":%d}]}",
             config_digest.text, sizeof CONFIG - 1, weights_digest.text, WEIGHTS_BYTES);
}

static int set_up(void **state) {
    (void)state;
    hl_http_listener at = {.address = "127.0.0.1"};
    hl_http_config config = {
        .listeners = &at, .n_listeners = 1, .handle = handle, .body_max = body_max};
    setenv("HYPERLLAMA_PULL_BACKOFF_MS", "1", 1);
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    if (!mkdtemp(dir) || hl_http_open(&config, &server, &err) < 0) return -1;
    const char *dirs[] = {dir};
    if (hl_store_open(dirs, 1, &store, &err) < 0) return -1;
    snprintf(name, sizeof name, "127.0.0.1:%u/a/x", hl_http_port(server));
    make_manifest();
    return 0;
}

static int tear_down(void **state) {
    char command[80];
    (void)state;
    hl_http_close(server);
    hl_store_close(store);
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

/* -- the transfers ----------------------------------------------------------------------------- */

static void report(void *arg, const hl_create_progress *p) {
    (void)arg;
    assert_true(p->completed <= p->total);
    n_reports++;
}

static hl_status pull(hl_error *e) {
    hl_registry_ask ask = {.model = hl_str_from(name), .insecure = true, .report = report};
    return hl_registry_pull(store, &ask, e);
}

static hl_status push(hl_error *e) {
    hl_registry_ask ask = {.model = hl_str_from(name), .insecure = true, .report = report};
    return hl_registry_push(store, &ask, e);
}

static void forget_model(void) {
    char path[HL_STORE_PATH_MAX];
    hl_name n;
    assert_int_equal(hl_name_parse(hl_str_from(name), &n, &err), HL_OK);
    (void)!hl_store_delete(store, &n, &err);
    if (hl_store_blob_path(store, &weights_digest, path)) (void)unlink(path);
    if (hl_store_blob_path(store, &config_digest, path)) (void)unlink(path);
}

static void check_model(void) {
    char path[HL_STORE_PATH_MAX];
    hl_digest d;
    assert_true(hl_store_blob_path(store, &weights_digest, path));
    assert_int_equal(hl_digest_of_file(path, &d, &err), HL_OK);
    assert_string_equal(d.text, weights_digest.text);
}

typedef void fail_fn(uint64_t n);

static void fail_memory(uint64_t n) {
    hl_mem_fail_nth(n);
}

static void fail_disk(uint64_t n) {
    hl_fs_fail_nth(n, false);
}

static void fail_disk_from_then_on(uint64_t n) {
    hl_fs_fail_nth(n, true);
}

/* Until more calls are counted than a pull makes. */
static void fail_each(fail_fn *arm, hl_status (*act)(hl_error *), uint64_t n_max) {
    for (uint64_t n = 1; n < n_max; n += 1 + n / 8) {
        hl_error e = {0};
        if (act == pull) forget_model();
        arm(n);
        hl_status st = act(&e);
        arm(0);
        if (st < 0) {
            assert_int_equal(e.status, st);
            assert_true(e.text[0] != '\0');
        }
        assert_int_equal(pull(&e), HL_OK);
        check_model();
    }
}

static void pulling_survives(void **state) {
    (void)state;
    has_blobs = true;
    assert_int_equal(pull(&err), HL_OK);
    check_model();
    assert_true(n_reports > 4);
    fail_each(fail_memory, pull, 400);
    fail_each(fail_disk, pull, 200);
    fail_each(fail_disk_from_then_on, pull, 200);
}

static void pushing_survives(void **state) {
    (void)state;
    has_blobs = true;
    assert_int_equal(pull(&err), HL_OK);
    has_blobs = false;
    assert_int_equal(push(&err), HL_OK);
    hl_error e;
    for (uint64_t n = 1; n < 300; n += 1 + n / 8) {
        hl_mem_fail_nth(n);
        hl_status st = push(&e);
        hl_mem_fail_nth(0);
        if (st < 0) assert_true(e.text[0] != '\0');
        hl_fs_fail_nth(n, false);
        st = push(&e);
        hl_fs_fail_nth(0, false);
        if (st < 0) assert_true(e.text[0] != '\0');
        assert_int_equal(push(&e), HL_OK);
    }
}

static void a_cancelled_pull_ends(void **state) {
    (void)state;
    atomic_bool cancelled = true;
    hl_registry_ask ask = {
        .model = hl_str_from(name), .insecure = true, .report = report, .cancelled = &cancelled};
    has_blobs = true;
    forget_model();
    assert_int_equal(hl_registry_pull(store, &ask, &err), HL_ECANCELLED);
    assert_int_equal(pull(&err), HL_OK);
    check_model();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pulling_survives),
        cmocka_unit_test(pushing_survives),
        cmocka_unit_test(a_cancelled_pull_ends),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
