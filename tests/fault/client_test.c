/* The n-th allocation fails while a model is loaded, shown, asked: an error, no crash, and the
 * same client answers afterwards. */
#include "cli/client.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static bool count_tokens(void *arg, const hl_event *ev) {
    *(size_t *)arg += ev->usage.generated_tokens;
    return true;
}

static hl_status ask(hl_client *c, hl_error *err) {
    size_t n = 0;
    hl_request req = {.model = HL_STR("tiny"), .prompt = HL_STR("Hi")};
    hl_options_init(&req.options);
    req.options.num_predict = 3;
    req.options.num_ctx = 64;
    req.options.set = 1u << HL_OPT_num_ctx | 1u << HL_OPT_num_predict;
    hl_status st = hl_client_generate(c, &req, count_tokens, &n, err);
    if (st >= 0) assert_true(n > 0);
    return st;
}

static hl_status show(hl_client *c, hl_error *err) {
    struct json_object *shown = NULL;
    hl_status st = hl_client_show(c, HL_STR("tiny"), false, &shown, err);
    json_object_put(shown);
    return st;
}

static void fail_each(hl_status (*act)(hl_client *, hl_error *)) {
    hl_status st = HL_ENOMEM;
    for (uint64_t n = 1; st < 0; n += 1 + n / 4) {
        hl_client *c;
        hl_error err = {0};
        assert_int_equal(hl_client_open(&c, &err), HL_OK);
        hl_mem_fail_nth(n);
        st = act(c, &err);
        hl_mem_fail_nth(0);
        if (st < 0) {
            assert_int_equal(err.status, st);
            assert_true(err.text[0] != '\0');
            assert_int_equal(act(c, &err), HL_OK);
        }
        hl_client_close(c);
    }
}

static void asking_survives(void **state) {
    (void)state;
    fail_each(ask);
}

static void showing_survives(void **state) {
    (void)state;
    fail_each(show);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(showing_survives),
        cmocka_unit_test(asking_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
