#include "serve/keys.h"

#include "base/fs.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64], path[96];
static hl_keys *keys;
static hl_error err;

static int set_up(void **state) {
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/hl-keys-XXXXXX");
    if (!mkdtemp(dir)) return -1;
    snprintf(path, sizeof path, "%s/in/auth.db", dir);
    return hl_keys_open(path, true, &keys, &err) < 0;
}

static int tear_down(void **state) {
    (void)state;
    char in[96];
    hl_keys_close(keys);
    unlink(path);
    snprintf(in, sizeof in, "%s/in", dir);
    rmdir(in);
    return rmdir(dir);
}

static void the_file_is_its_owners(void **state) {
    (void)state;
    struct stat s;
    assert_int_equal(stat(path, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0600);
}

static void a_key_is_told_once_and_kept_as_a_hash(void **state) {
    (void)state;
    char text[HL_KEY_TEXT_MAX], other[HL_KEY_TEXT_MAX];
    uint8_t hash[HL_SHA256_BYTES];
    hl_key *all;
    size_t n;
    hl_buf file;
    assert_int_equal(hl_keys_create(keys, HL_STR("laptop"), (hl_key_limits){60, 4}, text, &err), 0);
    assert_int_equal(hl_keys_create(keys, HL_STR("phone"), (hl_key_limits){0}, other, &err), 0);
    assert_int_equal(strlen(text), 46);
    assert_memory_equal(text, "hl-", 3);
    assert_string_not_equal(text, other);

    assert_int_equal(hl_keys_list(keys, &all, &n, &err), 0);
    assert_int_equal(n, 2);
    assert_string_equal(all[0].name, "laptop");
    assert_memory_equal(all[0].start, text, 7);
    assert_int_equal(all[0].limits.per_minute, 60);
    assert_int_equal(all[0].limits.at_once, 4);
    assert_int_equal(all[0].revoked_s, 0);
    assert_true(hl_key_hash(hl_str_from(text), hash));
    assert_memory_equal(all[0].hash, hash, sizeof hash);
    hl_free(all);

    hl_buf_init(&file, 0);
    assert_int_equal(hl_file_read(path, 1 << 20, &file, &err), 0);
    assert_true(hl_str_find(hl_buf_str(&file), hl_str_slice(hl_str_from(text), 8, 46), 0) ==
                SIZE_MAX);
    hl_buf_deinit(&file);
}

static void names_are_checked(void **state) {
    (void)state;
    char text[HL_KEY_TEXT_MAX];
    static const char *const bad[] = {
        "",
        "a b",
        "ü",
        "a/b",
        "x'; DROP TABLE keys; --",
        "0123456789012345678901234567890123456789012345678901234567890123456789"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(hl_keys_create(keys, hl_str_from(bad[i]), (hl_key_limits){0}, text, &err),
                         HL_EINVAL);
    assert_int_equal(hl_keys_create(keys, HL_STR("a.B-9_"), (hl_key_limits){0}, text, &err), 0);
    assert_int_equal(hl_keys_create(keys, HL_STR("a.B-9_"), (hl_key_limits){0}, text, &err),
                     HL_EINVAL);
    assert_string_equal(err.text, "there is a key of the name 'a.B-9_'");
}

static void a_key_is_revoked_once(void **state) {
    (void)state;
    char text[HL_KEY_TEXT_MAX];
    hl_key *all;
    size_t n;
    assert_int_equal(hl_keys_revoke(keys, HL_STR("old"), &err), HL_ENOTFOUND);
    assert_int_equal(hl_keys_create(keys, HL_STR("old"), (hl_key_limits){0}, text, &err), 0);
    assert_int_equal(hl_keys_revoke(keys, HL_STR("old"), &err), 0);
    assert_int_equal(hl_keys_revoke(keys, HL_STR("old"), &err), HL_ENOTFOUND);
    assert_int_equal(hl_keys_list(keys, &all, &n, &err), 0);
    assert_true(all[0].revoked_s > 0);
    hl_free(all);
}

/* What another process does is seen by its number. */
static void others_are_noticed(void **state) {
    (void)state;
    hl_keys *other;
    char text[HL_KEY_TEXT_MAX];
    int64_t before, after;
    assert_int_equal(hl_keys_version(keys, &before, &err), 0);
    assert_int_equal(hl_keys_open(path, false, &other, &err), 0);
    assert_int_equal(hl_keys_create(other, HL_STR("x"), (hl_key_limits){0}, text, &err), 0);
    hl_keys_close(other);
    assert_int_equal(hl_keys_version(keys, &after, &err), 0);
    assert_int_not_equal(before, after);
}

static void a_missing_file_is_no_keys(void **state) {
    (void)state;
    hl_keys *none = keys;
    assert_int_equal(hl_keys_open("/nonexistent/auth.db", false, &none, &err), 0);
    assert_null(none);
}

static void what_cannot_be_trusted_is_refused(void **state) {
    (void)state;
    hl_keys *k;
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(hl_keys_open(path, false, &k, &err), HL_EIO);
    assert_non_null(strstr(err.text, "is open to other users (mode 640)"));
    assert_int_equal(chmod(path, 0600), 0);

    hl_keys_close(keys);
    keys = NULL;
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs("this is no database, however long it is made to look like one .................", f);
    fclose(f);
    assert_int_equal(hl_keys_open(path, false, &k, &err), HL_EIO);
    assert_null(k);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {TEST(the_file_is_its_owners),
                                       TEST(a_key_is_told_once_and_kept_as_a_hash),
                                       TEST(names_are_checked),
                                       TEST(a_key_is_revoked_once),
                                       TEST(others_are_noticed),
                                       TEST(a_missing_file_is_no_keys),
                                       TEST(what_cannot_be_trusted_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
