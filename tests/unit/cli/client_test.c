/* The commands' client: against a scripted server, and against the program's own. */
#include "cli/client.h"

#include "base/json.h"
#include "http/server.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "testing.h"

static hl_error err;

/* -- a scripted server ------------------------------------------------------------------------- */

typedef enum behaviour { OURS, OLLAMA, WITH_KEY, BROKEN } behaviour;

typedef struct script {
    behaviour behaviour;
    hl_http_server *server;
    atomic_int n_asked;  /* besides /api/version */
    atomic_bool cut;     /* streams end in the middle */
    atomic_bool garbage; /* streams have no JSON in them */
} script;

static void say_version(script *s, hl_http_exchange *x) {
    bool known = strcmp(hl_http_header(x, "Authorization"), "Bearer hl-good") == 0;
    if (s->behaviour == WITH_KEY && !known)
        hl_http_answer(x, 401, "application/json", HL_STR("{\"error\":\"unauthorized\"}"));
    else if (s->behaviour == OLLAMA)
        hl_http_answer(x, 200, "application/json", HL_STR("{\"version\":\"0.33.0\"}"));
    else if (s->behaviour == BROKEN)
        hl_http_answer(x, 200, "text/html", HL_STR("<html>"));
    else
        hl_http_answer(x, 200, "application/json",
                       HL_STR("{\"version\":\"0.33.0\",\"hyperllama\":\"1\"}"));
}

static void say_stream(const script *s, hl_http_exchange *x) {
    hl_http_begin(x, 200, "application/x-ndjson");
    (void)hl_http_write_line(x, s->garbage ? HL_STR("not JSON")
                                           : HL_STR("{\"response\":\"Hi\",\"done\":false}"));
    if (!s->cut)
        (void)hl_http_write_line(
            x, HL_STR("{\"response\":\"\",\"done\":true,\"done_reason\":\"stop\"}"));
    hl_http_end(x, true);
}

static void handle(void *arg, hl_http_exchange *x) {
    script *s = arg;
    if (strcmp(hl_http_path(x), "/api/version") == 0) {
        say_version(s, x);
        return;
    }
    atomic_fetch_add(&s->n_asked, 1);
    if (strcmp(hl_http_path(x), "/api/generate") == 0) {
        say_stream(s, x);
    } else if (strcmp(hl_http_path(x), "/api/ps") == 0) {
        hl_http_answer(x, 200, "application/json", HL_STR("[]"));
    } else {
        hl_http_add_header(x, "HyperLlama-Status", "ELIMIT");
        hl_http_answer(x, 400, "application/json", HL_STR("{\"error\":\"too much\"}"));
    }
}

static size_t body_max(void *arg, const char *method, const char *path) {
    (void)arg;
    (void)method;
    (void)path;
    return 1 << 20;
}

/* It is where commands look for a server. */
static void start(script *s, behaviour b) {
    char host[32];
    hl_http_listener listener = {.address = "127.0.0.1"};
    *s = (script){.behaviour = b};
    hl_http_config config = {
        .listeners = &listener, .n_listeners = 1, .body_max = body_max, .handle = handle, .arg = s};
    assert_int_equal(hl_http_open(&config, &s->server, &err), HL_OK);
    snprintf(host, sizeof host, "127.0.0.1:%u", hl_http_port(s->server));
    assert_int_equal(setenv("HYPERLLAMA_HOST", host, 1), 0);
}

static hl_client *open_client(void) {
    hl_client *c = NULL;
    assert_int_equal(hl_client_open(&c, &err), HL_OK);
    return c;
}

/* -- a listener -------------------------------------------------------------------------------- */

typedef struct heard {
    char text[256];
    size_t n_events, n_ends, enough; /* 0: never */
    hl_client *cancel;
    hl_event end;
} heard;

static bool hear(void *arg, const hl_event *ev) {
    heard *h = arg;
    size_t len = strlen(h->text);
    assert_int_equal(h->n_ends, 0);
    if (h->cancel) hl_client_cancel(h->cancel);
    if (ev->kind == HL_EVENT_TEXT) {
        snprintf(h->text + len, sizeof h->text - len, "%.*s", HL_STR_ARG(ev->text));
    } else {
        h->n_ends++;
        h->end = *ev;
    }
    return ++h->n_events != h->enough;
}

static hl_status ask(hl_client *c, const char *model, const char *prompt, heard *h) {
    hl_request req = {.model = hl_str_from(model), .prompt = hl_str_from(prompt), .raw = true};
    hl_options_init(&req.options);
    assert_int_equal(hl_options_set_text(&req.options, HL_STR("temperature"), HL_STR("0"), NULL),
                     HL_OK);
    return hl_client_generate(c, &req, hear, h, &err);
}

/* -- a running server -------------------------------------------------------------------------- */

static void a_running_server_is_asked(void **state) {
    (void)state;
    script s;
    start(&s, OURS);
    hl_client *c = open_client();
    heard h = {0};
    assert_int_equal(hl_client_need_running(c, &err), HL_OK);
    assert_int_equal(ask(c, "any", "x", &h), HL_OK);
    assert_string_equal(h.text, "Hi");
    assert_int_equal(h.n_ends, 1);
    assert_int_equal(atomic_load(&s.n_asked), 1);
    struct json_object *o;
    assert_int_equal(hl_client_show(c, HL_STR("any"), false, &o, &err), HL_ELIMIT); /* its word */
    assert_string_equal(err.text, "too much");
    assert_int_equal(hl_client_ps(c, &o, &err), HL_EREMOTE);
    assert_string_equal(err.text, "the server's answer to /api/ps?wide: it is no JSON object");
    hl_client_close(c);
    hl_http_close(s.server);
}

static void a_stream_that_is_not_complete_is_an_error(void **state) {
    (void)state;
    script s;
    start(&s, OURS);
    hl_client *c = open_client();
    heard h = {0};
    atomic_store(&s.cut, true);
    assert_int_equal(ask(c, "any", "x", &h), HL_EREMOTE);
    assert_string_equal(err.text, "the server ended before its answer was complete");
    assert_int_equal(h.n_ends, 0);
    atomic_store(&s.garbage, true);
    assert_int_equal(ask(c, "any", "x", &h), HL_EREMOTE);
    assert_non_null(strstr(err.text, "no line of JSON: not JSON"));
    hl_http_close(s.server);
    assert_int_equal(ask(c, "any", "x", &h), HL_EREMOTE); /* it is gone */
    hl_client_close(c);
}

static void keys_are_shown_when_wanted(void **state) {
    (void)state;
    script s;
    start(&s, WITH_KEY);
    hl_client *c = open_client();
    assert_int_equal(unsetenv("HYPERLLAMA_API_KEY") | unsetenv("OLLAMA_API_KEY"), 0);
    assert_int_equal(hl_client_need_running(c, &err), HL_EINVAL);
    assert_non_null(strstr(err.text, "wants an API key"));
    assert_int_equal(setenv("HYPERLLAMA_API_KEY", "hl-bad", 1), 0);
    assert_int_equal(hl_client_need_running(c, &err), HL_EINVAL);
    assert_non_null(strstr(err.text, "does not take the API key"));
    assert_int_equal(setenv("HYPERLLAMA_API_KEY", "hl-good", 1), 0);
    assert_int_equal(hl_client_need_running(c, &err), HL_OK);
    assert_int_equal(unsetenv("HYPERLLAMA_API_KEY"), 0);
    hl_client_close(c);
    hl_http_close(s.server);
}

static void others_are_not_asked(void **state) {
    (void)state;
    static const behaviour others[] = {OLLAMA, BROKEN};
    for (size_t i = 0; i < 2; i++) {
        script s;
        struct json_object *o;
        start(&s, others[i]);
        hl_client *c = open_client();
        assert_int_equal(hl_client_need_running(c, &err), HL_EREMOTE);
        assert_non_null(strstr(err.text, "hyperllama serve"));
        assert_int_equal(hl_client_show(c, HL_STR("tiny"), false, &o, &err), HL_OK);
        json_object_put(o);
        assert_int_equal(atomic_load(&s.n_asked), 0);
        hl_client_close(c);
        hl_http_close(s.server);
    }
}

static void another_machine_must_answer(void **state) {
    (void)state;
    struct json_object *o;
    assert_int_equal(setenv("HYPERLLAMA_HOST", "hyperllama.invalid:1", 1), 0);
    hl_client *c = open_client();
    assert_int_equal(hl_client_list(c, &o, &err), HL_EREMOTE);
    assert_non_null(strstr(err.text, "could not connect to a HyperLlama server"));
    hl_client_close(c);
}

/* -- our own ----------------------------------------------------------------------------------- */

static void nowhere(void) {
    assert_int_equal(setenv("HYPERLLAMA_HOST", "127.0.0.1:0", 1), 0);
}

static void our_own_server_answers(void **state) {
    (void)state;
    nowhere();
    hl_client *c = open_client();
    heard h = {0};
    hl_options options;
    hl_options_init(&options);
    assert_int_equal(hl_client_load(c, HL_STR("tiny"), &options, &err), HL_OK);
    assert_int_equal(
        ask(c, "tiny", "<|im_start|>user\nWhat is 2+2?<|im_end|>\n<|im_start|>assistant\n", &h),
        HL_OK);
    assert_non_null(strchr(h.text, '4'));
    assert_int_equal(h.end.finish, HL_FINISH_STOP);
    assert_true(h.end.usage.generated_tokens > 0);
    assert_true(h.end.usage.total_ns >= h.end.usage.generate_ns);
    h = (heard){0};
    assert_int_equal(ask(c, "nope", "x", &h), HL_ENOTFOUND);
    assert_int_equal(h.n_events, 0);
    hl_client_close(c);
}

static void an_answer_can_be_ended(void **state) {
    (void)state;
    nowhere();
    hl_client *c = open_client();
    heard h = {.enough = 3};
    assert_int_equal(ask(c, "tiny", "Once upon a time", &h), HL_OK);
    assert_int_equal(h.n_ends, 1);
    assert_int_equal(h.end.finish, HL_FINISH_CANCELLED);
    h = (heard){.cancel = c};
    assert_int_equal(ask(c, "tiny", "Once upon a time", &h), HL_OK);
    assert_int_equal(h.end.finish, HL_FINISH_CANCELLED);
    assert_int_equal(h.end.usage.generated_tokens, 0);
    h = (heard){0}; /* and the next is as any */
    assert_int_equal(ask(c, "tiny", "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n", &h),
                     HL_OK);
    assert_int_equal(h.end.finish, HL_FINISH_STOP);
    hl_client_close(c);
}

int main(void) {
    static char home[] = "/tmp/client-test-XXXXXX";
    if (!mkdtemp(home) || setenv("HOME", home, 1) != 0) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_running_server_is_asked),
        cmocka_unit_test(a_stream_that_is_not_complete_is_an_error),
        cmocka_unit_test(keys_are_shown_when_wanted),
        cmocka_unit_test(others_are_not_asked),
        cmocka_unit_test(another_machine_must_answer),
        cmocka_unit_test(our_own_server_answers),
        cmocka_unit_test(an_answer_can_be_ended),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)rmdir(home);
    return failed;
}
