/* What the routes for embeddings read and write; tests/e2e/embed.py has the rest. */
#include "api/embed.h"

#include "base/mem.h"
#include "testing.h"

static hl__embed *read_body(const hl__embed_route *route, const char *body, hl_error *err) {
    hl__embed *e = NULL;
    hl__visit v = {.dialect = route == &hl__embed_openai ? HL__DIALECT_OPENAI : HL__DIALECT_OLLAMA};
    err->status = HL_OK;
    return hl__embed_read(&v, hl_str_from(body), route, &e, err) < 0 ? NULL : e;
}

static void refused(const hl__embed_route *route, const char *body, hl_status st,
                    const char *text) {
    hl_error err;
    assert_null(read_body(route, body, &err));
    assert_int_equal(err.status, st);
    assert_string_equal(err.text, text);
}

/* The inputs, "a|b", or of tokens, "1 2|3". */
static void reads(const hl__embed_route *route, const char *body, const char *inputs) {
    hl_error err;
    hl_buf b;
    hl__embed *e = read_body(route, body, &err);
    if (!e) fail_msg("%s: %s", body, err.text);
    hl_buf_init(&b, 0);
    for (size_t i = 0; i < e->n_inputs; i++) {
        const hl__embed_input *in = &e->inputs[i];
        if (i > 0) hl_buf_append_char(&b, '|');
        hl_buf_append_str(&b, in->text);
        for (size_t k = 0; k < in->n_tokens; k++)
            hl_buf_printf(&b, k ? " %u" : "%u", in->tokens[k]);
    }
    assert_string_equal(hl_buf_str(&b).ptr, inputs);
    hl_buf_deinit(&b);
    hl__embed_drop(e);
}

static void inputs_of_each_route(void **state) {
    (void)state;
    reads(&hl__embed_ollama, "{\"input\":\"a\"}", "a");
    reads(&hl__embed_ollama, "{\"Input\":[\"a\",\"\",\"c\"]}", "a||c");
    reads(&hl__embed_ollama, "{\"input\":\"\"}", "");
    reads(&hl__embed_ollama, "{\"input\":null}", "");
    reads(&hl__embed_ollama, "{}", "");
    reads(&hl__embed_ollama_one, "{\"model\":\"m\",\"prompt\":\"a\"}", "a");
    reads(&hl__embed_ollama_one, "{\"model\":\"m\"}", "");
    reads(&hl__embed_openai, "{\"input\":[\"a\",\"b\"]}", "a|b");
    reads(&hl__embed_openai, "{\"input\":[1,22,3]}", "1 22 3");
    reads(&hl__embed_openai, "{\"input\":[[1,2],[3]]}", "1 2|3");
}

static void what_is_no_input_is_refused(void **state) {
    (void)state;
    refused(&hl__embed_ollama, "{\"input\":1}", HL_EINVAL, "invalid input type");
    refused(&hl__embed_ollama, "{\"input\":[\"a\",1]}", HL_EINVAL, "invalid input type");
    refused(&hl__embed_ollama, "{\"input\":[1,2]}", HL_EINVAL, "invalid input type");
    refused(&hl__embed_ollama, "{\"input\":{\"a\":1}}", HL_EINVAL, "invalid input type");
    refused(&hl__embed_ollama, "{\"dimensions\":1.5}", HL_EINVAL,
            "dimensions is no whole number in range");
    refused(&hl__embed_ollama, "", HL_EINVAL, "missing request body");
    refused(&hl__embed_ollama_one, "{\"prompt\":\"a\"}", HL_EINVAL, "model is required");
    refused(&hl__embed_openai, "{}", HL_EINVAL, "invalid input");
    refused(&hl__embed_openai, "{\"input\":null}", HL_EINVAL, "invalid input");
    refused(&hl__embed_openai, "{\"input\":[]}", HL_EINVAL, "invalid input");
    refused(&hl__embed_openai, "{\"input\":[1,\"a\"]}", HL_EINVAL, "input: element 1 is no token");
    refused(&hl__embed_openai, "{\"input\":[-1]}", HL_EINVAL, "input: element 0 is no token");
    refused(&hl__embed_openai, "{\"input\":[[1],\"a\"]}", HL_EINVAL, "invalid input type");
    refused(&hl__embed_openai, "{\"input\":[[1],[]]}", HL_EINVAL,
            "invalid input: an empty list of tokens");
    refused(&hl__embed_openai, "{\"input\":\"a\",\"encoding_format\":\"int8\"}", HL_EINVAL,
            "Invalid value for 'encoding_format' = int8. Supported values: ['float', 'base64'].");
}

static void too_many_inputs_are_refused(void **state) {
    (void)state;
    hl_buf b;
    hl_buf_init(&b, 0);
    hl_buf_append_cstr(&b, "{\"input\":[\"\"");
    for (int i = 0; i < HL__EMBED_INPUTS_MAX; i++) hl_buf_append_cstr(&b, ",\"\"");
    hl_buf_append_cstr(&b, "]}");
    refused(&hl__embed_ollama, b.ptr, HL_ELIMIT, "16385 inputs, at most 16384 in one request");
    hl_buf_deinit(&b);
}

static void switches_are_read(void **state) {
    (void)state;
    hl_error err;
    hl__embed *e = read_body(&hl__embed_ollama,
                             "{\"model\":\"m\",\"truncate\":false,\"dimensions\":7,"
                             "\"keep_alive\":0,\"options\":{\"num_ctx\":99}}",
                             &err);
    assert_non_null(e);
    assert_true(e->req.no_truncate && e->req.raw && e->set_keep);
    assert_int_equal(e->req.kind, HL_REQUEST_EMBED);
    assert_int_equal(e->dimensions, 7);
    assert_int_equal(e->req.options.num_ctx, 99);
    hl__embed_drop(e);
    e = read_body(&hl__embed_ollama_one, "{\"model\":\"m\"}", &err);
    assert_true(e && e->req.no_truncate);
    hl__embed_drop(e);
    e = read_body(&hl__embed_openai, "{\"input\":\"a\",\"encoding_format\":\"BASE64\"}", &err);
    assert_true(e && e->base64);
    hl__embed_drop(e);
}

/* ---- answers ---- */

static void answers(const hl__embed_route *route, const char *body, const char *text) {
    static const float values[] = {0.25f, -0.0210466f, 1};
    hl_error err;
    hl_buf b;
    hl__embed *e = read_body(route, body, &err);
    assert_non_null(e);
    for (size_t i = 0; i < e->n_inputs; i++) {
        e->inputs[i].vector = hl_calloc(3, sizeof(float));
        e->inputs[i].n_vector = 3;
        e->inputs[i].usage.prompt_tokens = 2;
        memcpy(e->inputs[i].vector, values, sizeof values);
    }
    hl_buf_init(&b, 0);
    route->answer(e, &b);
    char *total = strstr(b.ptr, "\"total_duration\":");
    if (total) { /* the one thing that nobody can know */
        char *rest = strchr(total, ',');
        memmove(total, rest + 1, strlen(rest));
    }
    assert_string_equal(b.ptr, text);
    hl_buf_deinit(&b);
    hl__embed_drop(e);
}

static void answers_in_each_routes_words(void **state) {
    (void)state;
    answers(&hl__embed_ollama, "{\"model\":\"M\",\"input\":[\"a\",\"b\"]}",
            "{\"model\":\"M\",\"embeddings\":[[0.25,-0.0210466,1],[0.25,-0.0210466,1]],"
            "\"prompt_eval_count\":4}");
    answers(&hl__embed_ollama, "{\"model\":\"M\"}", "{\"model\":\"M\",\"embeddings\":[]}");
    answers(&hl__embed_ollama_one, "{\"model\":\"M\",\"prompt\":\"a\"}",
            "{\"embedding\":[0.25,-0.021046599373221397,1]}");
    answers(&hl__embed_ollama_one, "{\"model\":\"M\"}", "{\"embedding\":[]}");
    answers(&hl__embed_openai, "{\"model\":\"M\",\"input\":\"a\"}",
            "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"embedding\":[0.25,"
            "-0.0210466,1],\"index\":0}],\"model\":\"M\",\"usage\":{\"prompt_tokens\":2,"
            "\"total_tokens\":2}}");
    answers(&hl__embed_openai, "{\"model\":\"M\",\"input\":\"a\",\"encoding_format\":\"base64\"}",
            "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"embedding\":"
            "\"AACAPutprLwAAIA/\",\"index\":0}],\"model\":\"M\",\"usage\":{\"prompt_tokens\":2,"
            "\"total_tokens\":2}}");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inputs_of_each_route),
        cmocka_unit_test(what_is_no_input_is_refused),
        cmocka_unit_test(too_many_inputs_are_refused),
        cmocka_unit_test(switches_are_read),
        cmocka_unit_test(answers_in_each_routes_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
