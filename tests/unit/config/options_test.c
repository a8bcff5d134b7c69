/* Every option of options.def by the same rules; values at and past the limits. */
#include "config/options.h"
#include "testing.h"

#include <math.h>

static hl_status set_text(hl_options *o, const char *name, const char *value, hl_error *err) {
    return hl_options_set_text(o, hl_str_from(name), hl_str_from(value), err);
}

static void defaults_are_ollamas(void **state) {
    (void)state;
    hl_options o;
    hl_options_init(&o);
    assert_int_equal(o.num_ctx, 0);
    assert_int_equal(o.num_predict, -1);
    assert_int_equal(o.seed, -1);
    assert_true(o.temperature == 0.8f);
    assert_int_equal(o.top_k, 40);
    assert_true(o.top_p == 0.9f);
    assert_true(o.min_p == 0.0f);
    assert_true(o.typical_p == 1.0f);
    assert_int_equal(o.repeat_last_n, 64);
    assert_true(o.repeat_penalty == 1.0f);
    assert_true(o.presence_penalty == 0.0f);
    assert_true(o.frequency_penalty == 0.0f);
    assert_int_equal(o.num_batch, 512);
    assert_int_equal(o.set, 0);
    assert_null(o.stop);
}

static void every_option_by_name(void **state) {
    (void)state;
    for (int i = 0; i < HL_OPTIONS_N; i++) {
        const hl_option_info *info = hl_option_info_at((hl_option_id)i);
        hl_option_id id;
        hl_options o;
        hl_options_init(&o);
        assert_true(hl_option_find(hl_str_from(info->name), &id));
        assert_int_equal(id, i);
        assert_true(info->min <= info->fallback && info->fallback <= info->max);
        assert_true(hl_options_get(&o, id) == (double)(float)info->fallback ||
                    hl_options_get(&o, id) == info->fallback);
        assert_int_equal(hl_options_set_number(&o, id, info->min, NULL), HL_OK);
        assert_int_equal(hl_options_set_number(&o, id, info->max, NULL), HL_OK);
        assert_true(fabs(hl_options_get(&o, id) - info->max) <= fabs(info->max) * 1e-6);
        assert_int_equal(o.set, 1ull << i);
        assert_int_equal(hl_options_set_number(&o, id, info->min - 1, NULL), HL_EINVAL);
        assert_int_equal(hl_options_set_number(&o, id, info->max + 1, NULL), HL_EINVAL);
        assert_int_equal(hl_options_set_number(&o, id, (double)NAN, NULL), HL_EINVAL);
        assert_int_equal(hl_options_set_number(&o, id, (double)INFINITY, NULL), HL_EINVAL);
    }
    hl_option_id id;
    assert_false(hl_option_find(HL_STR("mirostat"), &id));
    assert_false(hl_option_find(HL_STR(""), &id));
}

static void text_is_read_whole(void **state) {
    (void)state;
    static const struct {
        const char *name, *value;
        hl_status st;
        double want;
    } cases[] = {
        {"temperature", "0.5", HL_OK, 0.5},
        {"temperature", "1e-1", HL_OK, 0.1},
        {"temperature", ".25", HL_OK, 0.25},
        {"num_ctx", "8192", HL_OK, 8192},
        {"num_predict", "-2", HL_OK, -2},
        {"seed", "+7", HL_OK, 7},
        {"seed", "2147483647", HL_OK, 2147483647},
        {"seed", "2147483648", HL_EINVAL, 0},
        {"num_ctx", "-1", HL_EINVAL, 0},
        {"num_ctx", "4.0", HL_EINVAL, 0},
        {"num_ctx", "1e3", HL_EINVAL, 0},
        {"num_ctx", "0x10", HL_EINVAL, 0},
        {"num_ctx", " 1", HL_EINVAL, 0},
        {"num_ctx", "1 ", HL_EINVAL, 0},
        {"num_ctx", "", HL_EINVAL, 0},
        {"num_ctx", "-", HL_EINVAL, 0},
        {"num_ctx", "99999999999999999999999999999999999999999999999999999999999999999999999999",
         HL_EINVAL, 0},
        {"temperature", "nan", HL_EINVAL, 0},
        {"temperature", "inf", HL_EINVAL, 0},
        {"temperature", "1e999", HL_EINVAL, 0},
        {"temperature", "0.5x", HL_EINVAL, 0},
        {"temperature", "-0.1", HL_EINVAL, 0},
        {"top_p", "1.01", HL_EINVAL, 0},
        {"tfs_z", "1", HL_EINVAL, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hl_options o;
        hl_error err = {0};
        hl_option_id id;
        hl_options_init(&o);
        hl_status st = set_text(&o, cases[i].name, cases[i].value, &err);
        if (st != cases[i].st) fail_msg("%s=%s gives %d", cases[i].name, cases[i].value, st);
        assert_int_equal(o.set != 0, st == HL_OK);
        if (st < 0) assert_non_null(strstr(err.text, cases[i].name));
        if (st < 0) continue;
        assert_true(hl_option_find(hl_str_from(cases[i].name), &id));
        assert_true(fabs(hl_options_get(&o, id) - cases[i].want) < 1e-6);
    }
}

static void refusals_say_what_is_wanted(void **state) {
    (void)state;
    hl_options o;
    hl_error err;
    hl_options_init(&o);
    assert_int_equal(set_text(&o, "num_ctx", "many", &err), HL_EINVAL);
    assert_string_equal(err.text,
                        "option \"num_ctx\" is \"many\", wants an integer from 0 to 4194304");
    assert_int_equal(hl_options_set_number(&o, HL_OPT_top_p, 1.5, &err), HL_EINVAL);
    assert_string_equal(err.text, "option \"top_p\" is \"1.5\", wants a number from 0 to 1");
    assert_int_equal(set_text(&o, "heat", "1", &err), HL_EINVAL);
    assert_string_equal(err.text, "unknown parameter 'heat'");
}

static void a_request_stands_over_its_model(void **state) {
    (void)state;
    hl_options request, model;
    hl_options_init(&request);
    hl_options_init(&model);
    hl_str stops[] = {HL_STR("</s>")};
    model.stop = stops;
    model.n_stop = 1;
    assert_int_equal(hl_options_set_number(&request, HL_OPT_temperature, 0, NULL), HL_OK);
    assert_int_equal(hl_options_set_number(&model, HL_OPT_temperature, 1, NULL), HL_OK);
    assert_int_equal(hl_options_set_number(&model, HL_OPT_top_k, 7, NULL), HL_OK);
    model.num_ctx = 99; /* never given: not taken over */
    hl_options_merge(&request, &model);
    assert_true(request.temperature == 0.0f);
    assert_int_equal(request.top_k, 7);
    assert_int_equal(request.num_ctx, 0);
    assert_int_equal(request.n_stop, 1);
    assert_true(request.set == (1ull << HL_OPT_temperature | 1ull << HL_OPT_top_k));

    hl_options_init(&request);
    request.stop = stops; /* given, and empty */
    hl_options_merge(&request, &model);
    assert_int_equal(request.n_stop, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_ollamas),
        cmocka_unit_test(every_option_by_name),
        cmocka_unit_test(text_is_read_whole),
        cmocka_unit_test(refusals_say_what_is_wanted),
        cmocka_unit_test(a_request_stands_over_its_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
