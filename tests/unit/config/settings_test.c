#include "config/settings.h"

#include "base/fs.h"
#include "config/duration.h"
#include "testing.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static hl_settings settings;
static hl_error err;

static int set_up(void **state) {
    (void)state;
    for (int id = 0; id < HL_SETTINGS_N; id++) {
        char name[96];
        snprintf(name, sizeof name, "HYPERLLAMA_%s",
                 hl_setting_info_at((hl_setting_id)id)->variable);
        unsetenv(name);
        snprintf(name, sizeof name, "OLLAMA_%s", hl_setting_info_at((hl_setting_id)id)->variable);
        unsetenv(name);
    }
    return hl_settings_init(&settings, &err) < 0;
}

static int tear_down(void **state) {
    (void)state;
    hl_settings_deinit(&settings);
    return 0;
}

static hl_status yaml(const char *text) {
    return hl_settings_read_yaml(&settings, hl_str_from(text), "x.yaml", &err);
}

static void expect_refused(const char *text, const char *message) {
    hl_status st = yaml(text);
    if (st >= 0) fail_msg("taken: %s", text);
    if (!strstr(err.text, message)) fail_msg("\"%s\" is not in: %s", message, err.text);
    assert_null(strchr(err.text, '\n'));
}

static void every_default_reads(void **state) {
    (void)state;
    assert_string_equal(settings.host, "127.0.0.1:11434");
    assert_int_equal(settings.keep_alive, 300 * 1000000000ll);
    assert_int_equal(settings.max_queue, 512);
    assert_false(settings.no_auth);
    assert_string_equal(settings.log_format, "text");
    assert_int_equal(hl_settings_check(&settings, &err), HL_OK);
    for (int id = 0; id < HL_SETTINGS_N; id++)
        assert_int_equal(settings.source[id], HL_FROM_DEFAULT);
}

static void a_file_says_each_kind(void **state) {
    (void)state;
    assert_int_equal(yaml("# the settings\n"
                          "host: 0.0.0.0:80   # everywhere\n"
                          "keep_alive: 1h30m\n"
                          "no_auth: true\n"
                          "num_parallel: 8\n"
                          "memory_limit: 1.5GiB\n"
                          "models: \"/a b/c\"\n"
                          "origins:\n  - http://a\n  - \"https://*.b\"\n"
                          "allowed_hosts: [x, y]\n"
                          "socket:\n"),
                     HL_OK);
    assert_string_equal(settings.host, "0.0.0.0:80");
    assert_int_equal(settings.keep_alive, 5400 * 1000000000ll);
    assert_true(settings.no_auth);
    assert_int_equal(settings.num_parallel, 8);
    assert_int_equal(settings.memory_limit, 3ull << 29);
    assert_string_equal(settings.models, "/a b/c");
    assert_string_equal(settings.origins, "http://a,https://*.b");
    assert_string_equal(settings.allowed_hosts, "x,y");
    assert_string_equal(settings.socket, "");
    assert_int_equal(settings.source[HL_SET_host], HL_FROM_FILE);
    assert_int_equal(settings.source[HL_SET_socket], HL_FROM_DEFAULT); /* no value: not said */
    assert_int_equal(yaml("keep_alive: -1"), HL_OK);
    assert_int_equal(settings.keep_alive, HL_DURATION_FOREVER);
}

static void mistakes_name_line_and_key(void **state) {
    (void)state;
    expect_refused("host: a\n\nhots: b\n", "x.yaml line 3: hots is no setting");
    expect_refused("a: 1", "x.yaml line 1: a is no setting");
    expect_refused("host: a\nno_auth: maybe", "x.yaml line 2: no_auth is \"maybe\", wants true");
    expect_refused("num_parallel: many", "line 1: num_parallel is \"many\", wants a whole number");
    expect_refused("num_parallel: 9999", "from 0 to 1024");
    expect_refused("num_parallel: [1]", "line 1: num_parallel wants a whole number");
    expect_refused("keep_alive: {a: b}", "line 1: keep_alive wants a time");
    expect_refused("memory_limit: 3 apples", "memory_limit is \"3 apples\", wants a size");
    expect_refused("origins: [a, [b]]", "line 1: origins wants entries");
    expect_refused("origins: ['a,b']", "line 1: origins wants entries");
    expect_refused("host: a\nhost: b", "line 2: host is there twice");
    expect_refused("- host", "is no list of KEY: VALUE lines");
    expect_refused("host", "is no list of KEY: VALUE lines");
    expect_refused("host: &x a\nsocket: *x", "line 1: host wants text");
    expect_refused("host: a\nsocket: !!str x", "line 2: socket wants text");
    expect_refused("origins: &x [a]", "line 1: origins wants");
    expect_refused("host: a\n---\nhost: b", "line 2: a second document begins");
    expect_refused("? host: \t\t\t:\n", "x.yaml line ");
    expect_refused("? [host]\n: a", "a key is no plain text");
    expect_refused("host: a\nsocket: \"b", "x.yaml line ");
    expect_refused("host: a\n\tsocket: b", "x.yaml line ");
    expect_refused("host: \"a\\0b\"", "line 1: host is");
    expect_refused("host: a\n%\xfbiorhot`", "line 2: begins with %");
    expect_refused("host: a\nsocket: \xfb", "line 2: is no UTF-8");
    expect_refused("host: a\001", "line 1: has a control character");
}

static void nothing_is_no_mistake(void **state) {
    (void)state;
    assert_int_equal(yaml(""), HL_OK);
    assert_int_equal(yaml("\n # only a comment\n"), HL_OK);
    assert_int_equal(yaml("---\n"), HL_OK);
    assert_int_equal(yaml("{}"), HL_OK);
}

static void stronger_sources_hold(void **state) {
    (void)state;
    setenv("OLLAMA_MAX_QUEUE", "7", 1);
    setenv("OLLAMA_HOST", "ollama:1", 1);
    setenv("HYPERLLAMA_HOST", "ours:2", 1);
    assert_int_equal(hl_settings_read_environment(&settings, &err), HL_OK);
    assert_int_equal(yaml("max_queue: 9\nhost: file:3\nsocket: /s"), HL_OK);
    assert_int_equal(settings.max_queue, 7);
    assert_string_equal(settings.host, "ours:2");
    assert_string_equal(settings.socket, "/s");
    assert_int_equal(
        hl_settings_set_text(&settings, HL_SET_host, HL_STR("flag:4"), HL_FROM_FLAG, &err), HL_OK);
    assert_int_equal(hl_settings_read_environment(&settings, &err), HL_OK);
    assert_string_equal(settings.host, "flag:4");
}

/* As Ollama reads its variables. */
static void the_environment_is_forgiving(void **state) {
    (void)state;
    setenv("OLLAMA_MAX_QUEUE", "plenty", 1);
    setenv("OLLAMA_NUM_PARALLEL", "-3", 1);
    setenv("HYPERLLAMA_NO_AUTH", "perhaps", 1);
    setenv("OLLAMA_ORIGINS", " 'http://a' ", 1);
    assert_int_equal(hl_settings_read_environment(&settings, &err), HL_OK);
    assert_int_equal(settings.max_queue, 512);
    assert_int_equal(settings.num_parallel, 0);
    assert_true(settings.no_auth);
    assert_string_equal(settings.origins, "http://a");
    setenv("OLLAMA_KEEP_ALIVE", "soon", 1);
    assert_int_equal(hl_settings_read_environment(&settings, &err), HL_EINVAL);
    assert_non_null(strstr(err.text, "OLLAMA_KEEP_ALIVE: keep_alive is \"soon\", wants a time"));
}

static void files_are_found(void **state) {
    (void)state;
    char dir[] = "/tmp/hl-settings-XXXXXX", path[100];
    assert_non_null(mkdtemp(dir));
    setenv("HOME", dir, 1);
    assert_int_equal(hl_settings_read(&settings, NULL, &err), HL_OK); /* none is fine */
    snprintf(path, sizeof path, "%s/own.yaml", dir);
    assert_int_equal(hl_settings_read(&settings, path, &err), HL_ENOTFOUND); /* not this one */
    assert_int_equal(hl_file_write(path, (hl_bytes){(const uint8_t *)"log: warn", 9}, &err), HL_OK);
    assert_int_equal(hl_settings_read(&settings, path, &err), HL_OK);
    assert_string_equal(settings.log, "warn");
    unlink(path);
    rmdir(dir);
}

static void what_does_not_go_together_is_refused(void **state) {
    (void)state;
    assert_int_equal(yaml("tls_cert: a"), HL_OK);
    assert_int_equal(hl_settings_check(&settings, &err), HL_EINVAL);
    assert_non_null(strstr(err.text, "tls_key is missing"));
    assert_int_equal(yaml("tls_key: b\nlog: loud"), HL_OK);
    assert_int_equal(hl_settings_check(&settings, &err), HL_EINVAL);
    assert_non_null(strstr(err.text, "log is \"loud\", wants one of error, warn"));
    assert_int_equal(yaml("log: info\nlog_format: xml"), HL_OK);
    assert_int_equal(hl_settings_check(&settings, &err), HL_EINVAL);
}

static void lists_and_sizes(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes; /* UINT64_MAX: none */
    } sizes[] = {{"0", 0},
                 {"4096", 4096},
                 {"4096B", 4096},
                 {"1k", 1024},
                 {"2 KiB", 2048},
                 {"512MB", 512ull << 20},
                 {"12GiB", 12ull << 30},
                 {"0.5T", 1ull << 39},
                 {"", UINT64_MAX},
                 {".", UINT64_MAX},
                 {"GiB", UINT64_MAX},
                 {"1 2", UINT64_MAX},
                 {"-1", UINT64_MAX},
                 {"1e9", UINT64_MAX},
                 {"99999999999999999999999", UINT64_MAX},
                 {"1GiBx", UINT64_MAX}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint64_t bytes = UINT64_MAX;
        bool good = hl_bytes_parse(hl_str_from(sizes[i].text), &bytes);
        if (good != (sizes[i].bytes != UINT64_MAX) || bytes != sizes[i].bytes)
            fail_msg("%s", sizes[i].text);
    }
    size_t at = 0;
    hl_str entry, list = HL_STR(" a ,, b,\"c\",");
    assert_true(hl_list_next(list, &at, &entry));
    assert_str(entry, "a");
    assert_true(hl_list_next(list, &at, &entry));
    assert_str(entry, "b");
    assert_true(hl_list_next(list, &at, &entry));
    assert_str(entry, "c");
    assert_false(hl_list_next(list, &at, &entry));
}

/* Each setting has its line in the user's page, with default and text as in the table. */
static void the_page_has_every_setting(void **state) {
    (void)state;
    hl_buf page, line;
    hl_buf_init(&page, 0);
    hl_buf_init(&line, 0);
    assert_int_equal(hl_file_read("docs/user/configuration.md", 1 << 20, &page, &err), HL_OK);
    for (int id = 0; id < HL_SETTINGS_N; id++) {
        const hl_setting_info *info = hl_setting_info_at((hl_setting_id)id);
        hl_buf_reset(&line);
        hl_buf_printf(&line, "| `%s` | `%s` | %s%s%s | %s |\n", info->name, info->variable,
                      info->fallback[0] ? "`" : "", info->fallback, info->fallback[0] ? "`" : "",
                      info->text);
        if (hl_str_find(hl_buf_str(&page), hl_buf_str(&line), 0) == SIZE_MAX)
            fail_msg("docs/user/configuration.md lacks the line:\n%s", line.ptr);
        for (const char *c = info->name; *c; c++) assert_true(islower(*c) || *c == '_');
    }
    hl_buf_deinit(&page);
    hl_buf_deinit(&line);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_default_reads),
        TEST(a_file_says_each_kind),
        TEST(mistakes_name_line_and_key),
        TEST(nothing_is_no_mistake),
        TEST(stronger_sources_hold),
        TEST(the_environment_is_forgiving),
        TEST(files_are_found),
        TEST(what_does_not_go_together_is_refused),
        TEST(lists_and_sizes),
        TEST(the_page_has_every_setting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
