/* The native engine under a format, with a model that says anything: the answer is always the
 * format's, and nothing is allocated on the way (the engine's own guard watches). */
#include "testing.h"

#include "engine/native/native.h"
#include "sim/drive.h"
#include "sim/scripted.h"
#include "text/grammar.h"

static hl_error error;

static hl_grammar *grammar_of(const char *schema_text) {
    struct json_object *schema;
    hl_grammar *g;
    if (!schema_text) {
        assert_int_equal(hl_grammar_json(NULL, &g, &error), HL_OK);
        return g;
    }
    assert_int_equal(hl_json_parse(hl_str_from(schema_text), &schema, &error), HL_OK);
    assert_int_equal(hl_grammar_schema(schema, NULL, &g, &error), HL_OK);
    json_object_put(schema);
    return g;
}

static void run(hl_engine *e, const hl_request *req, hl_seq_id seq, answer *ret) {
    static const uint32_t STEPS_MAX = 5000;
    *ret = (answer){.seq = seq};
    assert_int_equal(hl_engine_submit(e, seq, req, 0, &error), HL_OK);
    for (uint32_t i = 0; i < STEPS_MAX && ret->n_terminal == 0; i++) {
        hl_status st;
        assert_null(drive_step(e, i, DRIVE_CAP_MAX, ret, 1, &st));
        assert_true(st >= 0);
    }
    assert_int_equal(ret->n_terminal, 1);
}

static void random_models_keep_the_format(void **state) {
    (void)state;
    static const char *const SCHEMAS[] = {
        NULL,
        "{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\",\"minimum\":1,"
        "\"maximum\":99},"
        "\"s\":{\"type\":\"string\",\"maxLength\":8},\"l\":{\"type\":\"array\",\"items\":{\"enum\":"
        "[\"the\","
        "\"and\",null]},\"maxItems\":3}},\"required\":[\"n\",\"s\",\"l\"]}",
        "{\"type\":\"string\",\"maxLength\":20}",
        "{\"enum\":[true,\"thing\",12]}",
    };
    hl_tokenizer *t = scripted_tokenizer(&error);
    assert_non_null(t);
    hl_model m = scripted_model();
    hl_native_config config = {
        .backend = &hl_backend_scripted, .seqs_max = 2, .ctx_max = 2048, .seed = 3};
    hl_grammar_vocab *vocab;
    hl_engine *e;
    assert_int_equal(hl_native_create(&m, t, &config, &e, &error), HL_OK);
    assert_int_equal(hl_grammar_vocab_create(t, &vocab, &error), HL_OK);
    uint32_t n_stopped = 0, n = 0;
    for (uint32_t seed = 0; seed < 60; seed++) {
        uint32_t prompt[3] = {seed, 7, 9};
        const char *schema = SCHEMAS[seed % 4];
        hl_grammar *g = grammar_of(schema);
        hl_request req = {.id = "t",
                          .tokens = prompt,
                          .n_tokens = 3,
                          .grammar = g,
                          .grammar_vocab = vocab,
                          .format = schema ? HL_FORMAT_SCHEMA : HL_FORMAT_JSON};
        hl_options_init(&req.options);
        req.options.seed = (int32_t)seed;
        req.options.temperature = seed % 3 ? 1.0f : 0.0f;
        req.options.top_k = seed % 2 ? 40 : 0;
        req.options.num_predict = 600;
        answer a;
        run(e, &req, seed + 1, &a);
        assert_int_equal(a.last.kind, HL_EVENT_FINISHED);
        struct json_object *value = NULL;
        if (a.last.finish == HL_FINISH_STOP) {
            hl_status st = hl_json_parse(hl_buf_str(&a.text), &value, &error);
            if (st < 0) print_error("seed %u: %s: %s\n", seed, a.text.ptr, error.text);
            assert_int_equal(st, HL_OK);
            if (!schema) assert_int_equal(json_object_get_type(value), json_type_object);
            n_stopped++;
        }
        n++;
        json_object_put(value);
        answer_deinit(&a);
        hl_grammar_destroy(g);
    }
    print_message("%u of %u answers came to an end\n", n_stopped, n);
    assert_true(n_stopped >= n / 2);
    hl_engine_destroy(e);
    hl_grammar_vocab_destroy(vocab);
    hl_tokenizer_destroy(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_models_keep_the_format)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
