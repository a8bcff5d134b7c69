/* Every allocation of create and submit fails once: a clean ENOMEM, nothing lost (under a leak
 * checker), and what lives goes on. */
#include "base/mem.h"
#include "engine/fake/fake.h"
#include "engine/native/native.h"
#include "sim/drive.h"
#include "sim/scripted.h"
#include "testing.h"

enum { FAULTS_MAX = 1000 };

typedef struct fixture {
    hl_model model;
    hl_tokenizer *tokenizer;
} fixture;

static hl_status create_native(const fixture *f, hl_engine **ret, hl_error *err) {
    const hl_native_config config = {.backend = &hl_backend_scripted, .seqs_max = 3, .ctx_max = 64};
    return hl_native_create(&f->model, f->tokenizer, &config, ret, err);
}

static hl_status create_fake(const fixture *f, hl_engine **ret, hl_error *err) {
    (void)f;
    return hl_fake_create(&(hl_fake_script){.seqs_max = 3, .ctx_max = 64}, ret, err);
}

typedef hl_status create_fn(const fixture *f, hl_engine **ret, hl_error *err);

/* Returns how many allocations were made to fail. */
static int fail_each_of_create(const fixture *f, create_fn *create) {
    for (int n = 1; n < FAULTS_MAX; n++) {
        hl_engine *e = NULL;
        hl_error err = {0};
        hl_mem_fail_nth((uint64_t)n);
        hl_status st = create(f, &e, &err);
        hl_mem_fail_nth(0);
        if (st == HL_OK) {
            hl_engine_destroy(e);
            return n - 1;
        }
        assert_int_equal(st, HL_ENOMEM);
        assert_int_equal(err.status, HL_ENOMEM);
        assert_true(err.text[0] != '\0');
        assert_null(e);
    }
    fail_msg("create never succeeds");
    return 0;
}

static void create_fails_cleanly(void **state) {
    assert_true(fail_each_of_create(*state, create_native) > 20);
    assert_true(fail_each_of_create(*state, create_fake) > 5);
}

static const uint32_t prompt[] = {1, 2, 3};

static hl_request request(void) {
    hl_request req = {.tokens = prompt, .n_tokens = 3};
    hl_options_init(&req.options);
    req.options.num_predict = 4;
    return req;
}

/* One sequence lives while another's submit fails; then both run to their end. */
static int fail_each_of_submit(const fixture *f, create_fn *create) {
    for (int n = 1; n < FAULTS_MAX; n++) {
        hl_engine *e;
        hl_error err = {0};
        hl_request req = request();
        answer answers[2] = {{.seq = 1}, {.seq = 2}};
        assert_int_equal(create(f, &e, &err), HL_OK);
        assert_int_equal(hl_engine_submit(e, 1, &req, 0, &err), HL_OK);
        hl_mem_fail_nth((uint64_t)n);
        hl_status first = hl_engine_submit(e, 2, &req, 0, &err);
        hl_mem_fail_nth(0);
        if (first < 0) {
            assert_int_equal(first, HL_ENOMEM);
            assert_int_equal(hl_engine_submit(e, 2, &req, 0, &err), HL_OK);
        }
        for (uint64_t now = 1; answers[0].n_terminal + answers[1].n_terminal < 2; now++) {
            hl_status st;
            const char *wrong = drive_step(e, now, 8, answers, 2, &st);
            if (wrong || st < 0 || now > 1000) fail_msg("%s", wrong ? wrong : "no end");
        }
        answer_deinit(&answers[0]);
        answer_deinit(&answers[1]);
        hl_engine_destroy(e);
        if (first == HL_OK) return n - 1;
    }
    fail_msg("submit never succeeds");
    return 0;
}

static void submit_fails_cleanly(void **state) {
    assert_int_equal(fail_each_of_submit(*state, create_native), 0); /* it allocates nothing */
    assert_true(fail_each_of_submit(*state, create_fake) > 0);
}

static int setup(void **state) {
    static fixture f;
    hl_error err;
    f.model = scripted_model();
    f.tokenizer = scripted_tokenizer(&err);
    if (!f.tokenizer) print_error("%s\n", err.text);
    *state = &f;
    return f.tokenizer ? 0 : -1;
}

static int teardown(void **state) {
    fixture *f = *state;
    hl_tokenizer_destroy(f->tokenizer);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create_fails_cleanly),
        cmocka_unit_test(submit_fails_cleanly),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
