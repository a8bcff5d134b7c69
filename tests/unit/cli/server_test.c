#include "cli/server.h"

#include "http_raw.h"

#include <stdlib.h>
#include <sys/stat.h>

static hl_settings settings;
static hl_error err;
static char home[] = "/tmp/hl-server-XXXXXX";

static int set_up(void **state) {
    (void)state;
    unsetenv("XDG_RUNTIME_DIR");
    return hl_settings_init(&settings, &err) < 0;
}

static int tear_down(void **state) {
    (void)state;
    hl_settings_deinit(&settings);
    return 0;
}

static void set(hl_setting_id id, const char *value) {
    assert_int_equal(hl_settings_set_text(&settings, id, hl_str_from(value), HL_FROM_FLAG, &err),
                     HL_OK);
}

static hl_status start(bool own, hl__server **ret) {
    hl__server_config config = {.settings = &settings, .own = own};
    *ret = NULL;
    return hl__server_start(&config, ret, &err);
}

static void expect_version(int fd) {
    raw_send(fd, "GET /api/version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    raw_expect(fd, " 200 ", "}");
}

static void an_own_server_is_nobody_elses(void **state) {
    (void)state;
    hl__server *s;
    struct stat st;
    char path[200], dir[200];
    set(HL_SET_host, "0.0.0.0"); /* is for `serve` */
    assert_int_equal(start(true, &s), HL_OK);
    assert_non_null(hl__server_socket_path(s));
    snprintf(path, sizeof path, "%s", hl__server_socket_path(s));
    snprintf(dir, sizeof dir, "%s", path);
    *strrchr(dir, '/') = '\0';
    assert_int_equal(hl__server_port(s), 0);
    assert_true(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
    assert_true(stat(dir, &st) == 0 && (st.st_mode & 0777) == 0700);
    expect_version(raw_connect_unix(path));
    hl__server_stop(s);
    assert_int_equal(stat(dir, &st), -1); /* nothing stays */
}

static void an_own_server_uses_the_users_directory(void **state) {
    (void)state;
    hl__server *s, *second;
    setenv("XDG_RUNTIME_DIR", home, 1);
    assert_int_equal(start(true, &s), HL_OK);
    assert_memory_equal(hl__server_socket_path(s), home, strlen(home));
    assert_int_equal(start(true, &second), HL_EIO); /* one a process */
    hl__server_stop(s);
    assert_int_equal(chmod(home, 0755), 0); /* others may look in */
    assert_int_equal(start(true, &s), HL_OK);
    assert_memory_not_equal(hl__server_socket_path(s), home, strlen(home));
    hl__server_stop(s);
    assert_int_equal(chmod(home, 0700), 0);
}

static void a_server_listens_where_it_is_told(void **state) {
    (void)state;
    hl__server *s;
    char path[100];
    snprintf(path, sizeof path, "%s/s", home);
    set(HL_SET_host, "127.0.0.1:0, http://127.0.0.2:0");
    set(HL_SET_socket, path);
    assert_int_equal(start(false, &s), HL_OK);
    assert_null(hl__server_socket_path(s));
    expect_version(raw_connect((uint16_t)hl__server_port(s)));
    expect_version(raw_connect_unix(path));
    assert_int_equal(hl__server_n_open(s), 0);
    hl__server_quiesce(s);
    hl__server_cancel(s);
    hl__server_stop(s);
}

static void beyond_this_machine_only_with_a_key_or_in_so_many_words(void **state) {
    (void)state;
    hl__server *s;
    set(HL_SET_host, "127.0.0.1:0,0.0.0.0:0");
    assert_int_equal(start(false, &s), HL_EUNSUPPORTED);
    assert_non_null(strstr(err.text, "hyperllama key create"));
    assert_non_null(strstr(err.text, "--no-auth"));
    set(HL_SET_no_auth, "true");
    assert_int_equal(start(false, &s), HL_OK);
    hl__server_stop(s);
}

static void bad_addresses_are_told(void **state) {
    (void)state;
    hl__server *s;
    set(HL_SET_host, "127.0.0.1:99999");
    assert_int_equal(start(false, &s), HL_EINVAL);
    set(HL_SET_host, "1,2,3,4,5,6,7,8,9");
    assert_int_equal(start(false, &s), HL_EINVAL);
    set(HL_SET_host, "some.name");
    set(HL_SET_no_auth, "true");
    assert_int_equal(start(false, &s), HL_EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_own_server_is_nobody_elses),
        TEST(an_own_server_uses_the_users_directory),
        TEST(a_server_listens_where_it_is_told),
        TEST(beyond_this_machine_only_with_a_key_or_in_so_many_words),
        TEST(bad_addresses_are_told),
    };
    if (!mkdtemp(home)) return 1;
    setenv("HOME", home, 1);
    setenv("TMPDIR", home, 1);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", home);
    return system(command) != 0 || failed;
}
