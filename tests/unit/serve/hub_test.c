#include "serve/hub.h"

#include "base/clock.h"
#include "base/fs.h"
#include "config/duration.h"
#include "testing.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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

static int open_with(const hl_hub_config *config) {
    if (hl_model_resolve(HL_STR("tiny"), path, &err) < 0) return 1;
    if (hl_package_open(path, "tiny:latest", &package, &err) < 0) return 1;
    return hl_hub_open(config, &hub, &err) < 0;
}

static int open_hub(uint32_t seqs_max, uint32_t queue_max) {
    hl_hub_config config = {
        .seqs_max = seqs_max, .queue_max = queue_max, .keep_ns = HL_DURATION_FOREVER};
    return open_with(&config);
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

static void ask_ctx(asked *a, int32_t num_ctx) {
    ask_init(a, "Hi!", 4);
    a->job.req.options.num_ctx = num_ctx;
    if (num_ctx) a->job.req.options.set |= 1ull << HL_OPT_num_ctx;
    assert_int_equal(hl_hub_submit(hub, &a->job, &err), HL_OK);
    wait_end(a);
    hl_buf_deinit(&a->answer);
}

static uint64_t metric(const char *name) {
    hl_buf text;
    hl_buf_init(&text, 0);
    hl_hub_render_metrics(hub, &text);
    assert_true(hl_buf_reserve(&text, 1));
    text.ptr[text.len] = 0;
    const char *at = strstr(text.ptr, name);
    assert_non_null(at);
    uint64_t value = strtoull(at + strlen(name), NULL, 10);
    hl_buf_deinit(&text);
    return value;
}

static void contexts_share_an_engine(void **state) {
    (void)state;
    static asked a;
    static const int32_t sizes[] = {256, 0, 4096, 512};
    hl_hub_model m;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        ask_ctx(&a, sizes[i]);
        assert_int_equal(a.end.kind, HL_EVENT_FINISHED);
        assert_int_equal(hl_hub_list(hub, &m, 1), 1);
        assert_int_equal(m.ctx, sizes[i] ? sizes[i] : 4096);
        assert_int_equal(m.ctx_max, 4096);
    }
    assert_int_equal(metric("\nhyperllama_model_loads_total "), 1);
}

/* What one sequence of the model takes beside its pages, and the bytes of a page's token. */
static void measure(uint64_t *ret_fixed, uint64_t *ret_token) {
    hl__load_wish wish = {.seqs_max = 1};
    hl__loaded *l;
    hl__plan plan;
    assert_int_equal(hl__loaded_open(path, "tiny:latest", &l, &err), HL_OK);
    assert_int_equal(hl__loaded_plan(l, &wish, 0, &plan, &err), HL_OK);
    *ret_fixed = plan.fixed_bytes;
    *ret_token = plan.token_bytes;
    hl__loaded_close(l);
}

static void open_with_room(uint64_t n_models, uint64_t tokens, uint32_t ctx) {
    uint64_t fixed, token;
    assert_int_equal(hl_model_resolve(HL_STR("tiny"), path, &err), HL_OK);
    measure(&fixed, &token);
    hl_hub_config config = {.seqs_max = 1,
                            .keep_ns = HL_DURATION_FOREVER,
                            .ctx_default = ctx,
                            .memory_bytes = n_models * fixed + tokens * (token + 1)};
    assert_int_equal(open_with(&config), 0);
}

static void a_larger_context_loads_again(void **state) {
    (void)state;
    static asked a;
    hl_hub_model m;
    open_with_room(1, 1024, 256);
    ask_ctx(&a, 0);
    assert_int_equal(hl_hub_list(hub, &m, 1), 1);
    assert_int_equal(m.ctx, 256);
    assert_int_equal(m.ctx_max, 256);
    ask_ctx(&a, 1000);
    assert_int_equal(a.end.kind, HL_EVENT_FINISHED);
    assert_int_equal(hl_hub_list(hub, &m, 1), 1);
    assert_in_range(m.ctx_max, 1000, 1024);
    ask_ctx(&a, 4096); /* never */
    assert_int_equal(a.end.kind, HL_EVENT_FAILED);
    assert_int_equal(a.end.error.status, HL_ENOMEM);
    assert_non_null(strstr(a.end.error.text, "a context of 4096 tokens needs "));
    ask_ctx(&a, 0); /* and the others go on */
    assert_int_equal(a.end.kind, HL_EVENT_FINISHED);
    assert_int_equal(metric("\nhyperllama_model_loads_total "), 2);
}

/* The same file under another name is another model. */
static hl_package *second_package(char other[HL_MODEL_PATH_MAX]) {
    hl_package *p;
    const char *dir = getenv("TMPDIR");
    char whole[HL_MODEL_PATH_MAX];
    snprintf(other, HL_MODEL_PATH_MAX, "%s/hl-hub-%d.gguf", dir ? dir : "/tmp", (int)getpid());
    assert_non_null(realpath(path, whole));
    assert_int_equal(symlink(whole, other), 0);
    hl_status st = hl_package_open(other, "other:latest", &p, &err);
    assert_int_equal(st, HL_OK);
    return p;
}

/* There is memory for one: the other model's job waits for what runs, and nobody is thrown out. */
static void a_busy_model_stays(void **state) {
    (void)state;
    static asked busy, other;
    static char other_path[HL_MODEL_PATH_MAX];
    hl_hub_model m[2];
    open_with_room(1, 1024, 512);
    hl_package *second = second_package(other_path);
    ask_init(&busy, ENDLESS, 4000);
    assert_int_equal(hl_hub_submit(hub, &busy.job, &err), HL_OK);
    while (atomic_load(&busy.n_texts) < 2) hl_clock_sleep_ns(1000000);
    ask_init(&other, "Hi!", 4);
    other.job.package = second;
    assert_int_equal(hl_hub_submit(hub, &other.job, &err), HL_OK);
    wait_end(&other);
    assert_int_equal(atomic_load(&busy.n_ends), 1);
    assert_int_equal(busy.end.kind, HL_EVENT_FINISHED);
    assert_true(busy.end.finish != HL_FINISH_CANCELLED);
    assert_int_equal(other.end.kind, HL_EVENT_FINISHED);
    assert_int_equal(hl_hub_list(hub, m, 2), 1);
    assert_string_equal(m[0].name, "other:latest");
    assert_int_equal(metric("\nhyperllama_model_evictions_total "), 1);
    hl_buf_deinit(&busy.answer);
    hl_buf_deinit(&other.answer);
    hl_package_drop(second);
    assert_int_equal(unlink(other_path), 0);
}

static void a_prompt_by_itself(void **state) {
    (void)state;
    static asked a;
    ask_init(&a, "Hi!", 4);
    a.job.prepare_only = true;
    assert_int_equal(hl_hub_submit(hub, &a.job, &err), HL_OK);
    wait_end(&a);
    assert_int_equal(a.end.kind, HL_EVENT_FINISHED);
    assert_int_equal(atomic_load(&a.n_texts), 0);
    assert_true(a.n_prompt > 2);
    hl_buf_deinit(&a.answer);
}

/* By now the model is on its way out: what the callback may look at is still there. */
static void hear_late(void *arg, const hl_event *ev) {
    asked *a = arg;
    hl_hub_model m;
    for (int i = 0; i < 1000 && hl_hub_list(hub, &m, 1) > 0; i++) hl_clock_sleep_ns(1000000);
    hl_clock_sleep_ns(20000000);
    hl_str piece = hl_tokenizer_piece(a->job.tokenizer, a->job.prepared.tokens.ids[0], true);
    hl_buf_append_str(&a->answer, piece);
    hear(arg, ev);
}

static void the_tokenizer_outlives_the_end(void **state) {
    (void)state;
    static asked a;
    for (int i = 0; i < 3; i++) {
        ask_init(&a, "Hi!", 4);
        a.job.prepare_only = a.job.set_keep = true; /* the model goes with the job */
        a.job.on_event = hear_late;
        assert_int_equal(hl_hub_submit(hub, &a.job, &err), HL_OK);
        wait_end(&a);
        assert_int_equal(a.end.kind, HL_EVENT_FINISHED);
        assert_true(a.answer.len > 0);
        hl_buf_deinit(&a.answer);
        wait_unloaded();
    }
}

static void what_was_done_is_counted(void **state) {
    (void)state;
    static asked a;
    ask_init(&a, "Hi!", 4);
    assert_int_equal(hl_hub_submit(hub, &a.job, &err), HL_OK);
    wait_end(&a);
    assert_int_equal(metric("\nhyperllama_jobs_total{end=\"finished\"} "), 1);
    assert_int_equal(metric("\nhyperllama_generated_tokens_total "), 4);
    assert_int_equal(metric("\nhyperllama_prompt_tokens_total "), a.n_prompt);
    assert_int_equal(metric("\nhyperllama_time_to_first_token_seconds_count "), 1);
    assert_int_equal(metric("\nhyperllama_time_between_tokens_seconds_count "), 3);
    assert_int_equal(metric("\nvllm:num_requests_running{model_name=\"tiny:latest\"} "), 0);
    assert_true(metric("\nhyperllama_kv_pages{model_name=\"tiny:latest\"} ") >= 3 * 4096 / 32);
    hl_buf_deinit(&a.answer);
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
    static asked jobs[4];
    assert_int_equal(open_hub(1, 2), 0); /* one runs, two may wait */
    for (size_t i = 0; i < 4; i++) ask_init(&jobs[i], ENDLESS, 4000);
    assert_int_equal(hl_hub_submit(hub, &jobs[0].job, &err), HL_OK);
    assert_int_equal(hl_hub_submit(hub, &jobs[1].job, &err), HL_OK);
    assert_int_equal(hl_hub_submit(hub, &jobs[2].job, &err), HL_OK);
    assert_int_equal(hl_hub_submit(hub, &jobs[3].job, &err), HL_EBUSY);
    assert_string_equal(err.text,
                        "server busy, please try again.  maximum pending requests exceeded");
    hl_hub_stop(hub); /* each still gets its end */
    wait_end(&jobs[0]);
    wait_end(&jobs[1]);
    wait_end(&jobs[2]);
    assert_int_equal(jobs[0].end.finish, HL_FINISH_CANCELLED);
    assert_int_equal(hl_hub_submit(hub, &jobs[3].job, &err), HL_EBUSY);
    assert_string_equal(err.text, "the server is shutting down");
    assert_true(hl_hub_is_stopping(hub));
    for (size_t i = 0; i < 4; i++) hl_buf_deinit(&jobs[i].answer);
}

#define TEST(name)     cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define OWN_TEST(name) cmocka_unit_test_teardown(name, tear_down) /* opens its own hub */

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(together_as_alone),
        TEST(a_cancelled_job_ends),
        TEST(models_come_and_go),
        TEST(contexts_share_an_engine),
        TEST(a_prompt_by_itself),
        TEST(the_tokenizer_outlives_the_end),
        TEST(failures_are_events),
        TEST(what_was_done_is_counted),
        OWN_TEST(a_larger_context_loads_again),
        OWN_TEST(a_busy_model_stays),
        OWN_TEST(the_queue_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
