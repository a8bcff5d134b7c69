#include "serve/client.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static hl_client *client;
static hl_error err;

typedef struct heard {
    hl_buf answer, thinking;
    size_t n_tokens, n_events, n_ends, stop_after; /* 0: never */
    hl_event end;
} heard;

static bool hear(void *arg, const hl_event *ev) {
    heard *h = arg;
    assert_int_equal(h->n_ends, 0);
    h->n_events++;
    if (ev->kind != HL_EVENT_TEXT) {
        h->n_ends++;
        h->end = *ev;
        return true;
    }
    hl_buf_append_str(ev->channel == HL_CHANNEL_THINKING ? &h->thinking : &h->answer, ev->text);
    h->n_tokens += ev->n_tokens;
    return h->stop_after == 0 || h->n_events < h->stop_after;
}

static void heard_init(heard *h) {
    *h = (heard){0};
    assert_true(hl_buf_reserve(&h->answer, 16) && hl_buf_reserve(&h->thinking, 16));
}

static void heard_deinit(heard *h) {
    hl_buf_deinit(&h->answer);
    hl_buf_deinit(&h->thinking);
}

static hl_request question(const char *text) {
    hl_request req = {.id = "t", .model = HL_STR("tiny"), .prompt = hl_str_from(text)};
    hl_options_init(&req.options);
    assert_int_equal(hl_options_set_text(&req.options, HL_STR("temperature"), HL_STR("0"), NULL),
                     HL_OK);
    return req;
}

static void thinking_and_answer_come_apart(void **state) {
    (void)state;
    heard h;
    hl_request req = question("What is 2+2?");
    heard_init(&h);
    assert_int_equal(hl_client_generate(client, &req, hear, &h, &err), HL_OK);
    assert_int_equal(h.n_ends, 1);
    assert_int_equal(h.end.kind, HL_EVENT_FINISHED);
    assert_int_equal(h.end.finish, HL_FINISH_STOP);
    assert_true(h.thinking.len > 0 && h.answer.len > 0);
    assert_null(strstr(h.answer.ptr, "think>"));
    assert_null(strstr(h.thinking.ptr, "think>"));
    assert_non_null(strchr(h.answer.ptr, '4'));
    assert_int_equal(h.end.usage.generated_tokens > 0, 1);
    assert_true(h.end.usage.total_ns >= h.end.usage.prompt_ns + h.end.usage.generate_ns);
    heard_deinit(&h);
}

static void a_listener_can_end_it(void **state) {
    (void)state;
    heard h;
    hl_request req = question("Tell me a long story about a dog.");
    heard_init(&h);
    h.stop_after = 3;
    assert_int_equal(hl_client_generate(client, &req, hear, &h, &err), HL_OK);
    assert_int_equal(h.end.finish, HL_FINISH_CANCELLED);
    heard_deinit(&h);
    heard_init(&h); /* and the next request is as any */
    req = question("What is 2+2?");
    assert_int_equal(hl_client_generate(client, &req, hear, &h, &err), HL_OK);
    assert_int_equal(h.end.finish, HL_FINISH_STOP);
    heard_deinit(&h);
}

static bool cancel_it(void *arg, const hl_event *ev) {
    hl_client_cancel(client);
    return hear(arg, ev);
}

static void cancel_ends_it(void **state) {
    (void)state;
    heard h;
    hl_request req = question("Tell me a long story about a dog.");
    heard_init(&h);
    assert_int_equal(hl_client_generate(client, &req, cancel_it, &h, &err), HL_OK);
    assert_int_equal(h.end.finish, HL_FINISH_CANCELLED);
    assert_true(h.n_tokens < 20);
    heard_deinit(&h);
}

static void what_cannot_be_is_refused(void **state) {
    (void)state;
    heard h;
    heard_init(&h);
    hl_request req = question("hi");
    struct json_object *schema = json_object_new_object();
    json_object_object_add(schema, "not", json_object_new_object());
    req.format = HL_FORMAT_SCHEMA;
    req.schema = schema;
    assert_int_equal(hl_client_generate(client, &req, hear, &h, &err), HL_EUNSUPPORTED);
    assert_non_null(strstr(err.text, "\"not\""));
    json_object_put(schema);
    req = question("hi");
    req.kind = HL_REQUEST_EMBED;
    assert_int_equal(hl_client_generate(client, &req, hear, &h, &err), HL_EUNSUPPORTED);
    req = question("hi");
    req.model = HL_STR("nope");
    assert_int_equal(hl_client_generate(client, &req, hear, &h, &err), HL_ENOTFOUND);
    assert_int_equal(h.n_events, 0);
    heard_deinit(&h);
}

static void another_context_is_another_engine(void **state) {
    (void)state;
    heard h;
    hl_request req = question("one two three four five six seven eight nine ten eleven twelve");
    req.raw = true;
    heard_init(&h);
    assert_int_equal(hl_options_set_text(&req.options, HL_STR("num_ctx"), HL_STR("8"), NULL),
                     HL_OK);
    assert_int_equal(hl_client_generate(client, &req, hear, &h, &err), HL_ELIMIT);
    req.prompt = HL_STR("hi"); /* less than is possible becomes what is */
    req.options.num_ctx = 1;
    assert_int_equal(hl_client_generate(client, &req, hear, &h, &err), HL_OK);
    heard_deinit(&h);
    heard_init(&h);
    req.prompt = HL_STR("one two three four five six seven eight nine ten eleven twelve");
    assert_int_equal(hl_options_set_text(&req.options, HL_STR("num_ctx"), HL_STR("64"), NULL),
                     HL_OK);
    assert_int_equal(hl_options_set_text(&req.options, HL_STR("num_predict"), HL_STR("5"), NULL),
                     HL_OK);
    assert_int_equal(hl_client_generate(client, &req, hear, &h, &err), HL_OK);
    assert_int_equal(h.end.usage.generated_tokens, 5);
    heard_deinit(&h);
}

static void showing_reads_the_file(void **state) {
    (void)state;
    hl_model_info info;
    assert_int_equal(hl_client_show(client, HL_STR("tiny"), false, &info, &err), HL_OK);
    assert_true(hl_str_is(info.name, "tiny:latest"));
    assert_true(hl_str_is(info.family, "llama"));
    assert_true(hl_str_is(info.parameters_text, "23.08M"));
    assert_int_equal(info.n_parameters, 23077376);
    assert_int_equal(info.ctx_train, 4096);
    assert_int_equal(info.n_vocab, 4096);
    assert_true(info.can_complete && info.can_think && info.can_use_tools);
    assert_false(info.can_embed);
    struct json_object *tokens;
    assert_true(json_object_object_get_ex(info.metadata, "tokenizer.ggml.tokens", &tokens));
    assert_null(tokens); /* an array, and nobody asked for those */
    assert_false(json_object_object_get_ex(info.metadata, "tokenizer.chat_template", NULL));
    struct json_object *n = json_object_object_get(info.metadata, "general.parameter_count");
    assert_int_equal(json_object_get_int64(n), 23077376);
    hl_model_info_deinit(&info);
}

static void showing_all_has_the_arrays(void **state) {
    (void)state;
    hl_model_info info;
    assert_int_equal(hl_client_show(client, HL_STR("tiny"), true, &info, &err), HL_OK);
    struct json_object *tokens = json_object_object_get(info.metadata, "tokenizer.ggml.tokens");
    assert_int_equal(json_object_array_length(tokens), 4096);
    assert_string_equal(json_object_get_string(json_object_array_get_idx(tokens, 0)), "!");
    hl_model_info_deinit(&info);
}

/* A loaded model stays when its name is said again, whatever became of the file. */
static void a_name_is_looked_up_once(void **state) {
    (void)state;
    char dir[] = "/tmp/client-test-XXXXXX", link[64];
    uint32_t *ids;
    size_t n;
    hl_model_info info;
    assert_int_equal(hl_client_show(client, HL_STR("tiny"), false, &info, &err), HL_OK);
    char real[4096];
    snprintf(real, sizeof real, "%.*s", HL_STR_ARG(info.path));
    hl_model_info_deinit(&info);
    assert_non_null(mkdtemp(dir));
    snprintf(link, sizeof link, "%s/a.gguf", dir);
    assert_int_equal(symlink(real, link), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            hl_client_tokenize(client, hl_str_from(link), HL_STR("hi"), true, &ids, &n, &err),
            HL_OK);
        hl_free(ids);
        if (i == 0) assert_int_equal(unlink(link), 0);
    }
    assert_int_equal(rmdir(dir), 0);
}

static void tokens_have_no_bos(void **state) {
    (void)state;
    uint32_t *ids;
    size_t n;
    assert_int_equal(
        hl_client_tokenize(client, HL_STR("tiny"), HL_STR("<|im_end|>"), true, &ids, &n, &err),
        HL_OK);
    assert_int_equal(n, 1);
    hl_free(ids);
    assert_int_equal(
        hl_client_tokenize(client, HL_STR("tiny"), HL_STR("<|im_end|>"), false, &ids, &n, &err),
        HL_OK);
    assert_true(n > 1);
    hl_free(ids);
}

static void rendering_takes_a_template_or_the_models(void **state) {
    (void)state;
    struct json_object *vars = NULL;
    hl_buf out;
    hl_buf_init(&out, 0);
    assert_int_equal(
        hl_json_parse(HL_STR("{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}"), &vars,
                      &err),
        HL_OK);
    assert_int_equal(hl_client_render(client, HL_STR(""), HL_STR("{{ documents is none }}"), vars,
                                      0, &out, &err),
                     HL_OK);
    assert_string_equal(out.ptr, "True");
    hl_buf_reset(&out);
    assert_int_equal(
        hl_client_render(client, HL_STR("dir/t.jinja"), HL_STR("\n{{ 1/0 }}"), vars, 0, &out, &err),
        HL_EFORMAT);
    assert_string_equal(err.text, "dir/t.jinja:2:5: division by zero");
    assert_int_equal(hl_client_render(client, HL_STR("tiny"), (hl_str){"", 0}, vars, 0, &out, &err),
                     HL_OK);
    assert_string_equal(out.ptr, "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
    hl_buf_deinit(&out);
    json_object_put(vars);
}

static int set_up(void **state) {
    (void)state;
    return hl_client_open(&client, &err) == HL_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    hl_client_close(client);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thinking_and_answer_come_apart),
        cmocka_unit_test(a_listener_can_end_it),
        cmocka_unit_test(cancel_ends_it),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(another_context_is_another_engine),
        cmocka_unit_test(showing_reads_the_file),
        cmocka_unit_test(showing_all_has_the_arrays),
        cmocka_unit_test(a_name_is_looked_up_once),
        cmocka_unit_test(tokens_have_no_bos),
        cmocka_unit_test(rendering_takes_a_template_or_the_models),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
