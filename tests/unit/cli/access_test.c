#include "cli/access.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "testing.h"

static hl_error err;

static void hosts_become_urls(void **state) {
    (void)state;
    static const struct {
        const char *hosts, *url;
        bool loopback;
    } cases[] = {
        {"", "http://127.0.0.1:11434", true},
        {"127.0.0.1:11434", "http://127.0.0.1:11434", true},
        {"localhost", "http://127.0.0.1:11434", true},
        {"0.0.0.0:80", "http://127.0.0.1:80", true},
        {"[::]:80", "http://[::1]:80", true},
        {"::1", "http://[::1]:11434", true},
        {"gpu-box", "http://gpu-box:11434", false},
        {"https://example.com/ollama/", "https://example.com:443/ollama", false},
        {"http://10.0.0.7:8080/a/b", "http://10.0.0.7:8080/a/b", false},
        {"127.0.0.1:1, 10.0.0.7:2", "http://127.0.0.1:1", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hl__access at;
        assert_int_equal(hl__access_read(hl_str_from(cases[i].hosts), &at, &err), HL_OK);
        assert_string_equal(at.url, cases[i].url);
        assert_int_equal(at.loopback, cases[i].loopback);
        assert_false(at.nowhere);
    }
    hl__access at;
    assert_int_equal(hl__access_read(HL_STR("127.0.0.1:0"), &at, &err), HL_OK);
    assert_true(at.nowhere);
    assert_int_equal(hl__access_read(HL_STR("127.0.0.1:99999"), &at, &err), HL_EINVAL);
    assert_non_null(strstr(err.text, "host"));
}

static void expect_key(hl_status st, const char *want) {
    hl_buf key;
    hl_buf_init(&key, 0);
    assert_int_equal(hl__access_key(&key, &err), st);
    assert_str(hl_buf_str(&key), want);
    hl_buf_deinit(&key);
}

static void write_key(const char *path, const char *text, mode_t mode) {
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void keys_come_from_environment_or_file(void **state) {
    (void)state;
    char home[] = "/tmp/access-test-XXXXXX", dir[64], path[80];
    assert_non_null(mkdtemp(home));
    snprintf(dir, sizeof dir, "%s/.hyperllama", home);
    snprintf(path, sizeof path, "%s/key", dir);
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_int_equal(setenv("HOME", home, 1), 0);
    assert_int_equal(unsetenv("HYPERLLAMA_API_KEY") | unsetenv("OLLAMA_API_KEY"), 0);
    expect_key(HL_OK, "");
    write_key(path, " hl-file\n", 0600);
    expect_key(HL_OK, "hl-file");
    write_key(path, "hl-file\n", 0640);
    expect_key(HL_EINVAL, "");
    assert_non_null(strstr(err.text, "can be read by others"));
    write_key(path, "\n", 0600);
    expect_key(HL_EINVAL, "");
    assert_int_equal(setenv("OLLAMA_API_KEY", "hl-theirs", 1), 0);
    expect_key(HL_OK, "hl-theirs");
    assert_int_equal(setenv("HYPERLLAMA_API_KEY", "hl-ours", 1), 0);
    expect_key(HL_OK, "hl-ours");
    assert_int_equal(unlink(path) | rmdir(dir) | rmdir(home), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_become_urls),
        cmocka_unit_test(keys_come_from_environment_or_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
