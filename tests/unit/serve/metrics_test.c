#include "serve/metrics.h"

#include "testing.h"

static hl_metrics m;
static hl_buf out;

static int set_up(void **state) {
    (void)state;
    hl_metrics_init(&m);
    hl_buf_init(&out, 0);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    hl_buf_deinit(&out);
    hl_metrics_deinit(&m);
    return 0;
}

static void render(const hl_metrics_model *models, size_t n) {
    hl_metrics_moment now = {.models = models, .n_models = n, .loads = 3, .evictions = 2};
    hl_buf_reset(&out);
    hl_metrics_render(&m, &now, &out);
    hl_buf_append_char(&out, '\0');
    assert_true(out.failed >= 0);
}

static void says(const char *line) {
    if (!strstr(out.ptr, line)) fail_msg("no \"%s\" in:\n%s", line, out.ptr);
}

static void requests_by_route_and_status(void **state) {
    (void)state;
    hl_metrics_request(&m, "POST", "/api/chat", 200);
    hl_metrics_request(&m, "POST", "/api/chat", 200);
    hl_metrics_request(&m, "POST", "/api/chat", 404);
    hl_metrics_request(&m, "GET", "/api/tags", 200);
    render(NULL, 0);
    says("\nhyperllama_http_requests_total{method=\"POST\",route=\"/api/chat\",code=\"200\"} 2\n");
    says("{method=\"POST\",route=\"/api/chat\",code=\"404\"} 1\n");
    says("{method=\"GET\",route=\"/api/tags\",code=\"200\"} 1\n");
}

/* More kinds than there is room for are left out, not written over others. */
static void the_table_has_an_end(void **state) {
    (void)state;
    for (int i = 0; i < 2 * HL_METRICS_ROUTES_MAX; i++) hl_metrics_request(&m, "GET", "/", i);
    assert_int_equal(m.n_routes, HL_METRICS_ROUTES_MAX);
    render(NULL, 0);
    says("code=\"255\"} 1\n");
    assert_null(strstr(out.ptr, "code=\"256\""));
}

static void histograms_add_up(void **state) {
    (void)state;
    hl_histogram_add(&m.first_token, 0);
    hl_histogram_add(&m.first_token, 1000000);         /* on a bound */
    hl_histogram_add(&m.first_token, 1000001);         /* just above */
    hl_histogram_add(&m.first_token, 500000000000000); /* above all */
    render(NULL, 0);
    says("\nhyperllama_time_to_first_token_seconds_bucket{le=\"0.001\"} 2\n");
    says("\nhyperllama_time_to_first_token_seconds_bucket{le=\"0.0025\"} 3\n");
    says("\nhyperllama_time_to_first_token_seconds_bucket{le=\"160\"} 3\n");
    says("\nhyperllama_time_to_first_token_seconds_bucket{le=\"+Inf\"} 4\n");
    says("\nhyperllama_time_to_first_token_seconds_count 4\n");
    says("\nhyperllama_time_to_first_token_seconds_sum 500000.002\n");
}

static void models_are_labels(void **state) {
    (void)state;
    hl_metrics_model models[] = {
        {.name = "a:latest", .n_waiting = 3, .n_running = 2, .pages_used = 25, .pages_free = 75},
        {.name = "odd\"\\\nname", .n_running = 1},
    };
    render(models, 2);
    says("\nvllm:num_requests_waiting{model_name=\"a:latest\"} 3\n");
    says("\nvllm:num_requests_running{model_name=\"a:latest\"} 2\n");
    says("\nvllm:kv_cache_usage_perc{model_name=\"a:latest\"} 0.25\n");
    says("\nvllm:gpu_cache_usage_perc{model_name=\"a:latest\"} 0.25\n");
    says("\nhyperllama_kv_pages{model_name=\"a:latest\"} 100\n");
    says("\nvllm:num_requests_running{model_name=\"odd\\\"\\\\\\nname\"} 1\n");
    says("\nhyperllama_model_loads_total 3\n");
    says("\nhyperllama_model_evictions_total 2\n");
}

static void without_models_there_is_a_zero(void **state) {
    (void)state;
    render(NULL, 0);
    says("\nvllm:num_requests_waiting{model_name=\"\"} 0\n");
    says("\nvllm:kv_cache_usage_perc{model_name=\"\"} 0\n");
}

/* Each sample has its type announced before, each once. */
static void the_format_is_whole(void **state) {
    (void)state;
    render(NULL, 0);
    assert_true(strncmp(out.ptr, "# HELP ", 7) == 0);
    for (const char *at = out.ptr; (at = strstr(at, "# TYPE ")) != NULL; at++) {
        char name[80];
        size_t len = strcspn(at + 7, " ");
        assert_true(len < sizeof name - 9);
        memcpy(name, at, 7 + len + 1);
        name[7 + len + 1] = '\0';
        assert_null(strstr(at + 1, name));
    }
    assert_int_equal(out.ptr[out.len - 2], '\n');
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(requests_by_route_and_status),
        TEST(the_table_has_an_end),
        TEST(histograms_add_up),
        TEST(models_are_labels),
        TEST(without_models_there_is_a_zero),
        TEST(the_format_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
