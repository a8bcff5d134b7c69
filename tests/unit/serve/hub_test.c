#include "serve/hub.h"

#include "base/clock.h"
#include "config/duration.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>

#include <cmocka.h>

enum { JOBS = 6 };

/* Continued as it is, the model counts on until the context is full. */
static const char ENDLESS[] = "1, 2, 3, 4,";

static hl_hub *hub;
static hl_error err;
static char path[HL_MODEL_PATH_MAX];
static hl_package *package;

/* A job and what came of it; its texts are read once it has ended. */
typedef struct asked {
    hl_job job;
    hl_buf answer;
    hl_event end;
    size_t n_prompt; /* as the callback sees it */
    atomic_int n_ends, n_texts;
} asked;

static void hear(void *arg, const hl_event *ev) {
    asked *a = arg;
    if (ev->kind == HL_EVENT_TEXT) {
        if (ev->channel == HL_CHANNEL_ANSWER) hl_buf_append_str(&a->answer, ev->text);
        atomic_fetch_add(&a->n_texts, 1);
        return;
    }
    a->end = *ev;
    a->n_prompt = a->job.has_prepared ? a->job.prepared.tokens.n : 0;
    atomic_fetch_add(&a->n_ends, 1);
}

static void ask_init(asked *a, const char *prompt, int32_t n_predict) {
    *a = (asked){.job = {.package = package, .on_event = hear, .arg = a}};
    hl_buf_init(&a->answer, 0);
    assert_true(hl_buf_reserve(&a->answer, 16));
    a->job.req = (hl_request){.id = "t", .prompt = hl_str_from(prompt), .think = HL_THINK_OFF};
    a->job.req.raw = prompt == ENDLESS;
    hl_options_init(&a->job.req.options);
    a->job.req.options.temperature = 0;
    a->job.req.options.num_predict = n_predict;
}

static void wait_end(asked *a) {
    for (int i = 0; i < 60000 && atomic_load(&a->n_ends) == 0; i++) hl_clock_sleep_ns(1000000);
    assert_int_equal(atomic_load(&a->n_ends), 1);
}

static void wait_unloaded(void) {
    hl_hub_model m;
    for (int i = 0; i < 20000 && hl_hub_list(hub, &m, 1) > 0; i++) hl_clock_sleep_ns(1000000);
    assert_int_equal(hl_hub_list(hub, &m, 1), 0);
}

static int open_hub(uint32_t seqs_max, uint32_t queue_max) {
    hl_hub_config config = {
        .seqs_max = seqs_max, .queue_max = queue_max, .keep_ns = HL_DURATION_FOREVER};
    if (hl_model_resolve(HL_STR("tiny"), path, &err) < 0) return 1;
    if (hl_package_open(path, "tiny:latest", &package, &err) < 0) return 1;
    return hl_hub_open(&config, &hub, &err) < 0;
}

static int set_up(void **state) {
    (void)state;
    return open_hub(3, 0);
}

static int tear_down(void **state) {
    (void)state;
    hl_hub_close(hub);
    hl_package_drop(package);
    return 0;
}

/* More jobs than sequences: each text is what it is alone. */
static void together_as_alone(void **state) {
    (void)state;
    static const char *const prompts[JOBS] = {"What is 1+1?", "Hi!",          "Count from 1 to 9.",
                                              "What is 2+2?", "Who are you?", "Say hello."};
    static asked alone[JOBS], jobs[JOBS];
    for (size_t i = 0; i < JOBS; i++) {
        ask_init(&alone[i], prompts[i], 24);
        assert_int_equal(hl_hub_submit(hub, &alone[i].job, &err), HL_OK);
        wait_end(&alone[i]);
        assert_int_equal(alone[i].end.kind, HL_EVENT_FINISHED);
        assert_int_equal(alone[i].end.usage.prompt_tokens, alone[i].n_prompt);
    }
    for (size_t i = 0; i < JOBS; i++) {
        ask_init(&jobs[i], prompts[i], 24);
        assert_int_equal(hl_hub_submit(hub, &jobs[i].job, &err), HL_OK);
    }
    for (size_t i = 0; i < JOBS; i++) {
        wait_end(&jobs[i]);
        assert_string_equal(jobs[i].answer.ptr, alone[i].answer.ptr);
        assert_int_equal(jobs[i].end.usage.generated_tokens, alone[i].end.usage.generated_tokens);
        hl_buf_deinit(&jobs[i].answer);
        hl_buf_deinit(&alone[i].answer);
    }
}

static void a_cancelled_job_ends(void **state) {
    (void)state;
    static asked running, waiting[3], last;
    ask_init(&running, ENDLESS, 4000);
    assert_int_equal(hl_hub_submit(hub, &running.job, &err), HL_OK);
    for (size_t i = 0; i < 3; i++) {
        ask_init(&waiting[i], ENDLESS, 4000);
        assert_int_equal(hl_hub_submit(hub, &waiting[i].job, &err), HL_OK);
    }
    while (atomic_load(&running.n_texts) < 2) hl_clock_sleep_ns(1000000);
    hl_hub_cancel(hub, &waiting[2].job); /* has no sequence */
    hl_hub_cancel(hub, &running.job);
    wait_end(&waiting[2]);
    wait_end(&running);
    for (size_t i = 0; i < 2; i++) hl_hub_cancel(hub, &waiting[i].job);
    for (size_t i = 0; i < 2; i++) wait_end(&waiting[i]);
    assert_int_equal(running.end.finish, HL_FINISH_CANCELLED);
    hl_hub_cancel(hub, &running.job); /* over: nothing happens */
    ask_init(&last, "Hi!", 4);
    assert_int_equal(hl_hub_submit(hub, &last.job, &err), HL_OK);
    wait_end(&last);
    assert_int_equal(last.end.finish, HL_FINISH_LENGTH);
    for (size_t i = 0; i < 3; i++) hl_buf_deinit(&waiting[i].answer);
    hl_buf_deinit(&running.answer);
    hl_buf_deinit(&last.answer);
}

static void models_come_and_go(void **state) {
    (void)state;
    static asked a;
    hl_hub_model m;
    ask_init(&a, "", 1);
    a.job.load_only = true;
    assert_int_equal(hl_hub_list(hub, &m, 1), 0);
    assert_int_equal(hl_hub_submit(hub, &a.job, &err), HL_OK);
    wait_end(&a);
    assert_int_equal(atomic_load(&a.n_texts), 0);
    assert_int_equal(hl_hub_list(hub, &m, 1), 1);
    assert_string_equal(m.name, "tiny:latest");
    assert_true(m.bytes > 0 && m.ctx > 0 && m.left_ns == UINT64_MAX);
    hl_hub_unload(hub, path);
    wait_unloaded();
    hl_buf_deinit(&a.answer);

    ask_init(&a, "Hi!", 4);
    a.job.set_keep = true; /* and keep_ns 0 */
    assert_int_equal(hl_hub_submit(hub, &a.job, &err), HL_OK);
    wait_end(&a);
    wait_unloaded();
    hl_buf_deinit(&a.answer);
}

static void a_larger_context_makes_another_engine(void **state) {
    (void)state;
    static asked a;
    static const int32_t sizes[] = {256, 0, 4096, 512};
    hl_hub_model m;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        ask_init(&a, "Hi!", 4);
        a.job.req.options.num_ctx = sizes[i];
        if (sizes[i]) a.job.req.options.set |= 1ull << HL_OPT_num_ctx;
        assert_int_equal(hl_hub_submit(hub, &a.job, &err), HL_OK);
        wait_end(&a);
        assert_int_equal(a.end.kind, HL_EVENT_FINISHED);
        assert_int_equal(hl_hub_list(hub, &m, 1), 1);
        assert_int_equal(m.ctx, 4096); /* the smaller ones need no engine of their own */
        hl_buf_deinit(&a.answer);
    }
}

static void failures_are_events(void **state) {
    (void)state;
    static asked a;
    static hl_package gone = {.path = "/nonexistent/x.gguf", .name = "gone:latest"};
    ask_init(&a, "Hi!", 4);
    a.job.package = &gone;
    assert_int_equal(hl_hub_submit(hub, &a.job, &err), HL_OK);
    wait_end(&a);
    assert_int_equal(a.end.kind, HL_EVENT_FAILED);
    assert_int_equal(a.end.error.status, HL_ENOTFOUND);
    hl_buf_deinit(&a.answer);

    static const uint32_t unknown[] = {4000000000u};
    ask_init(&a, "Hi!", 4);
    a.job.context = unknown;
    a.job.n_context = 1;
    assert_int_equal(hl_hub_submit(hub, &a.job, &err), HL_OK);
    wait_end(&a);
    assert_int_equal(a.end.error.status, HL_EINVAL);
    hl_buf_deinit(&a.answer);
}

static void the_queue_has_an_end(void **state) {
    (void)state;
    static asked jobs[3];
    assert_int_equal(open_hub(1, 2), 0);
    for (size_t i = 0; i < 3; i++) ask_init(&jobs[i], ENDLESS, 4000);
    assert_int_equal(hl_hub_submit(hub, &jobs[0].job, &err), HL_OK);
    assert_int_equal(hl_hub_submit(hub, &jobs[1].job, &err), HL_OK);
    assert_int_equal(hl_hub_submit(hub, &jobs[2].job, &err), HL_EBUSY);
    assert_string_equal(err.text,
                        "server busy, please try again.  maximum pending requests exceeded");
    hl_hub_stop(hub); /* each still gets its end */
    wait_end(&jobs[0]);
    wait_end(&jobs[1]);
    assert_int_equal(jobs[0].end.finish, HL_FINISH_CANCELLED);
    assert_int_equal(hl_hub_submit(hub, &jobs[2].job, &err), HL_EBUSY);
    hl_hub_close(hub);
    for (size_t i = 0; i < 3; i++) hl_buf_deinit(&jobs[i].answer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(together_as_alone),   TEST(a_cancelled_job_ends),
        TEST(models_come_and_go),  TEST(a_larger_context_makes_another_engine),
        TEST(failures_are_events), cmocka_unit_test(the_queue_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
