/* The hub when memory is short: the n-th allocation fails, wherever it is, from opening the hub
 * over loading a model and preparing a job to its end.  Each job that was taken still ends, once.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "config/duration.h"
#include "engine/fake/fake.h"
#include "serve/hub.h"
#include "testing.h"

#include <stdatomic.h>

typedef struct asked {
    hl_job job;
    atomic_uint n_ends;
    hl_event_kind end;
    hl_status status;
} asked;

static hl_error err;
static hl_package *package;

static hl_status make_fake(void *arg, const hl_model *m, const hl_tokenizer *t,
                           const hl_native_config *config, hl_engine **ret, hl_error *e) {
    (void)arg, (void)m, (void)t;
    hl_fake_script script = {
        .seqs_max = config->seqs_max, .ctx_max = config->ctx_max, .answer = "one two "};
    return hl_fake_create(&script, ret, e);
}

static void hear(void *arg, const hl_event *ev) {
    asked *a = arg;
    if (ev->kind != HL_EVENT_FINISHED && ev->kind != HL_EVENT_FAILED) return;
    a->end = ev->kind;
    a->status = ev->error.status;
    atomic_fetch_add(&a->n_ends, 1);
}

static void ask_init(asked *a) {
    *a = (asked){.job = {.package = package, .on_event = hear, .arg = a}};
    a->job.req = (hl_request){.id = "t", .prompt = HL_STR("Hi!"), .format = HL_FORMAT_JSON};
    hl_options_init(&a->job.req.options);
}

static void wait_end(asked *a) {
    for (int i = 0; i < 60000 && atomic_load(&a->n_ends) == 0; i++) hl_clock_sleep_ns(1000000);
    assert_int_equal(atomic_load(&a->n_ends), 1);
}

/* HL_OK, or ENOMEM of whatever it was that failed. */
static hl_status serve_one(void) {
    static asked a;
    hl_hub_config config = {
        .seqs_max = 2, .keep_ns = HL_DURATION_FOREVER, .make_engine = make_fake};
    hl_hub *hub;
    hl_status st = hl_hub_open(&config, &hub, &err);
    if (st < 0) return st;
    ask_init(&a);
    st = hl_hub_submit(hub, &a.job, &err);
    if (st >= 0) {
        wait_end(&a);
        st = a.end == HL_EVENT_FAILED ? a.status : HL_OK;
    }
    hl_hub_close(hub);
    return st;
}

static void each_allocation_fails(void **state) {
    (void)state;
    uint64_t n_failed = 0;
    char path[HL_MODEL_PATH_MAX];
    assert_int_equal(hl_model_resolve(HL_STR("tiny"), path, &err), HL_OK);
    assert_int_equal(hl_package_open(path, "tiny:latest", &package, &err), HL_OK);
    uint64_t before = hl_mem_count();
    assert_int_equal(serve_one(), HL_OK);
    uint64_t n_all = hl_mem_count() - before;
    for (uint64_t n = 1; n <= n_all; n++) {
        hl_mem_fail_nth(n);
        hl_status st = serve_one();
        hl_mem_fail_nth(0);
        if (st != HL_OK && st != HL_ENOMEM) fail_msg("allocation %d: %s", (int)n, err.text);
        n_failed += st == HL_ENOMEM;
    }
    print_message("%llu allocations, %llu failures told\n", (unsigned long long)n_all,
                  (unsigned long long)n_failed);
    assert_true(n_failed > 20);
    hl_package_drop(package);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_fails)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
