#include "store/catalog_db.h"

#include "temp_dir.h"

#include "base/fs.h"
#include "base/thread.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char dir[64], path[96];
static hl_error err;

static int set_up(void **state) {
    (void)state;
    temp_dir_make(dir);
    (void)snprintf(path, sizeof path, "%s/own/catalog.db", dir);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    temp_dir_remove(dir);
    return 0;
}

static hl_catalog_db *open_db(void) {
    hl_catalog_db *db;
    if (hl_catalog_db_open(path, &db, &err) < 0) fail_msg("%s", err.text);
    return db;
}

static hl_digest digest_of(const char *text) {
    hl_digest d;
    assert_int_equal(hl_digest_of((hl_bytes){(const uint8_t *)text, strlen(text)}, &d, &err),
                     HL_OK);
    return d;
}

static void put(hl_catalog_db *db, const char *name, const char *text) {
    hl_digest d = digest_of(name);
    if (hl_catalog_db_set_file(db, &d, 1, hl_str_from(text), &err) < 0) fail_msg("%s", err.text);
}

/* Whether it has this text of the file; NULL: none. */
static void check(hl_catalog_db *db, const char *name, int64_t format, const char *want) {
    hl_digest d = digest_of(name);
    hl_buf b;
    hl_buf_init(&b, 0);
    hl_status st = hl_catalog_db_file(db, &d, format, &b, &err);
    assert_int_equal(st, want ? HL_OK : HL_ENOTFOUND);
    if (want) assert_true(hl_str_is(hl_buf_str(&b), want));
    hl_buf_deinit(&b);
}

static void texts_of_files_stay(void **state) {
    (void)state;
    hl_catalog_db *db = open_db();
    check(db, "a", 1, NULL);
    put(db, "a", "1");
    put(db, "a", "{\"x\":\"\xC3\xA4\"}");
    put(db, "b", "");
    hl_catalog_db_close(db);
    db = open_db();
    assert_string_equal(hl_catalog_db_word(db), "");
    check(db, "a", 1, "{\"x\":\"\xC3\xA4\"}");
    check(db, "a", 2, NULL); /* another layout */
    check(db, "b", 1, "");
    check(db, "c", 1, NULL);
    hl_catalog_db_close(db);
}

static hl_status collect(void *arg, int64_t at_s, hl_str result, hl_error *e) {
    char *all = arg;
    size_t len = strlen(all);
    (void)e;
    (void)snprintf(all + len, 64 - len, "%lld %.*s;", (long long)at_s, HL_STR_ARG(result));
    return strlen(all) > 40 ? HL_ECANCELLED : HL_OK;
}

static void uses_and_measurements_are_counted(void **state) {
    (void)state;
    hl_catalog_db *db = open_db();
    hl_model_use use;
    char all[64] = "";
    assert_int_equal(hl_catalog_db_use(db, HL_STR("m"), &use, &err), HL_ENOTFOUND);
    for (int64_t at = 7; at >= 5; at--)
        assert_int_equal(hl_catalog_db_note_use(db, HL_STR("m"), at, &err), HL_OK);
    assert_int_equal(hl_catalog_db_use(db, HL_STR("m"), &use, &err), HL_OK);
    assert_int_equal(use.n, 3);
    assert_int_equal(use.last_s, 7);
    for (int64_t at = 1; at <= 3; at++)
        assert_int_equal(hl_catalog_db_add_measurement(db, HL_STR("m"), at, HL_STR("{}"), &err),
                         HL_OK);
    assert_int_equal(hl_catalog_db_measurements(db, HL_STR("n"), collect, all, &err), HL_OK);
    assert_string_equal(all, "");
    assert_int_equal(hl_catalog_db_measurements(db, HL_STR("m"), collect, all, &err), HL_OK);
    assert_string_equal(all, "3 {};2 {};1 {};");
    (void)snprintf(all, sizeof all, "%s", "0123456789012345678901234567890123456789");
    assert_int_equal(hl_catalog_db_measurements(db, HL_STR("m"), collect, all, &err),
                     HL_ECANCELLED);
    hl_catalog_db_close(db);
}

/* -- versions ---------------------------------------------------------------------------------- */

enum { VERSIONS = 2 };

static void run_sql(const char *sql) {
    sqlite3 *db;
    char *why = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) fail_msg("%s: %s", sql, why);
    sqlite3_close(db);
}

/* A file as that version has made it. */
static void make_version(int version) {
    static const char *const steps[VERSIONS] = {"0001_files.sql", "0002_uses_and_measurements.sql"};
    char name[96], pragma[64];
    hl_buf sql;
    (void)snprintf(name, sizeof name, "%s/own", dir);
    (void)mkdir(name, 0700);
    for (int i = 0; i < version; i++) {
        (void)snprintf(name, sizeof name, "src/store/migrations/%s", steps[i]);
        hl_buf_init(&sql, 0);
        if (hl_file_read(name, 1 << 20, &sql, &err) < 0) fail_msg("%s", err.text);
        run_sql(sql.ptr);
        hl_buf_deinit(&sql);
    }
    (void)snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d", version);
    run_sql(pragma);
}

static void every_older_version_becomes_this_one(void **state) {
    (void)state;
    assert_int_equal(temp_dir_count("src/store/migrations", ".sql"), VERSIONS);
    for (int version = 0; version <= VERSIONS; version++) {
        char own[96], insert[256];
        make_version(version);
        hl_digest d = digest_of("a");
        (void)snprintf(insert, sizeof insert, "INSERT INTO files VALUES ('%s', 1, 'old')", d.text);
        if (version >= 1) run_sql(insert);
        if (version >= 2) run_sql("INSERT INTO uses VALUES ('m', 4, 9)");
        hl_catalog_db *db = open_db();
        hl_model_use use = {0};
        assert_string_equal(hl_catalog_db_word(db), "");
        check(db, "a", 1, version >= 1 ? "old" : NULL);
        assert_int_equal(hl_catalog_db_note_use(db, HL_STR("m"), 1, &err), HL_OK);
        assert_int_equal(hl_catalog_db_use(db, HL_STR("m"), &use, &err), HL_OK);
        assert_int_equal(use.n, version >= 2 ? 5 : 1);
        hl_catalog_db_close(db);
        (void)snprintf(own, sizeof own, "%s/own", dir);
        temp_dir_remove(own);
    }
}

static void a_newer_version_is_left_alone(void **state) {
    (void)state;
    struct stat before, after;
    make_version(VERSIONS);
    run_sql("PRAGMA user_version = 99");
    assert_int_equal(stat(path, &before), 0);
    hl_catalog_db *db = open_db();
    assert_non_null(strstr(hl_catalog_db_word(db), "newer"));
    check(db, "a", 1, NULL);
    assert_int_equal(hl_catalog_db_note_use(db, HL_STR("m"), 1, &err), HL_ENOTFOUND);
    hl_catalog_db_close(db);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(before.st_size, after.st_size);
}

/* -- damage ------------------------------------------------------------------------------------ */

static void fill(void) {
    hl_catalog_db *db = open_db();
    char name[16];
    static char text[3000];
    memset(text, 'x', sizeof text - 1);
    for (int i = 0; i < 40; i++) {
        (void)snprintf(name, sizeof name, "%d", i);
        put(db, name, text);
    }
    hl_catalog_db_close(db);
}

/* Whatever the file is: it can be opened, used and opened again. */
static void check_usable(void) {
    hl_catalog_db *db = open_db();
    put(db, "new", "text");
    check(db, "new", 1, "text");
    hl_catalog_db_close(db);
    db = open_db();
    assert_string_equal(hl_catalog_db_word(db), "");
    check(db, "new", 1, "text");
    hl_catalog_db_close(db);
}

static void set_byte(off_t at, uint8_t byte) {
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static void truncated_files_are_begun_anew(void **state) {
    (void)state;
    fill();
    struct stat s;
    assert_int_equal(stat(path, &s), 0);
    for (off_t len = s.st_size - 1; len >= 0; len = len > 600 ? len - len / 7 : len - 1 - len / 3) {
        fill();
        assert_int_equal(truncate(path, len), 0);
        check_usable();
    }
}

static void garbage_is_put_aside(void **state) {
    (void)state;
    char aside[128];
    fill();
    for (off_t at = 0; at < 8192; at += 37) set_byte(at, (uint8_t)(at * 7));
    hl_catalog_db *db = open_db();
    assert_non_null(strstr(hl_catalog_db_word(db), "damaged"));
    hl_catalog_db_close(db);
    (void)snprintf(aside, sizeof aside, "%s.damaged", path);
    assert_true(hl_path_is_file(aside));
    check_usable();
}

static void single_bytes_do_no_harm(void **state) {
    (void)state;
    for (off_t at = 0; at < 12000; at += at < 128 ? 3 : 511) {
        if (at >= 60 && at < 64) continue; /* the version: a newer one is not used */
        fill();
        set_byte(at, 0xA5);
        check_usable();
    }
}

static void another_programs_file_is_put_aside(void **state) {
    (void)state;
    make_version(0);
    run_sql("CREATE TABLE files (x)");
    check_usable();
}

/* -- faults ------------------------------------------------------------------------------------ */

static void places_that_cannot_be_written_are_told(void **state) {
    (void)state;
    hl_catalog_db *db;
    char file[96];
    (void)snprintf(file, sizeof file, "%s/own", dir);
    assert_int_equal(hl_file_write(file, (hl_bytes){(const uint8_t *)"x", 1}, &err), HL_OK);
    assert_true(hl_catalog_db_open(path, &db, &err) < 0);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(mkdir(file, 0700), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_true(hl_catalog_db_open(path, &db, &err) < 0);
    assert_true(strlen(err.text) > 0);
}

static void calls_that_fail_are_told(void **state) {
    (void)state;
    hl_catalog_db *db;
    for (uint64_t n = 1; n < 20; n++) {
        hl_fs_fail_nth(n, false);
        hl_status st = hl_catalog_db_open(path, &db, &err);
        hl_fs_fail_nth(0, false);
        if (st >= 0) hl_catalog_db_close(db);
    }
    check_usable();
}

/* Files may grow to this size and no further, in a process of its own. */
static void try_on_full_disk(rlim_t bytes) {
    struct rlimit limit = {bytes, bytes};
    static char text[3000];
    hl_catalog_db *db;
    hl_status st = HL_OK;
    (void)signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(2);
    memset(text, 'x', sizeof text - 1);
    if (hl_catalog_db_open(path, &db, &err) < 0) _exit(err.text[0] ? 0 : 1);
    for (int i = 0; st >= 0 && i < 40; i++) {
        hl_digest d = digest_of(text + i);
        st = hl_catalog_db_set_file(db, &d, 1, hl_str_from(text), &err);
    }
    hl_catalog_db_close(db);
    _exit(st < 0 && err.text[0] ? 0 : 1);
}

static void a_full_disk_is_told(void **state) {
    (void)state;
    for (rlim_t bytes = 0; bytes < 60000; bytes += 3500) {
        int status;
        pid_t child = fork();
        if (child == 0) try_on_full_disk(bytes);
        assert_int_equal(waitpid(child, &status, 0), child);
        if (status != 0)
            fail_msg("with room for %llu bytes: %d", (unsigned long long)bytes, status);
        check_usable();
    }
}

static void processes_share_it(void **state) {
    (void)state;
    enum { CHILDREN = 4, EACH = 25 };
    pid_t children[CHILDREN];
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = fork();
        if (children[i] != 0) continue;
        hl_catalog_db *db = open_db();
        int done = 0;
        for (int tries = 0; done < EACH && tries < 1000; tries++)
            done += hl_catalog_db_note_use(db, HL_STR("m"), tries, &err) >= 0;
        hl_catalog_db_close(db);
        _exit(done == EACH ? 0 : 1);
    }
    for (int i = 0; i < CHILDREN; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    hl_catalog_db *db = open_db();
    hl_model_use use = {0};
    assert_int_equal(hl_catalog_db_use(db, HL_STR("m"), &use, &err), HL_OK);
    assert_int_equal(use.n, CHILDREN * EACH);
    hl_catalog_db_close(db);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(texts_of_files_stay, set_up, tear_down),
        cmocka_unit_test_setup_teardown(uses_and_measurements_are_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_older_version_becomes_this_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_newer_version_is_left_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(truncated_files_are_begun_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(garbage_is_put_aside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(single_bytes_do_no_harm, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_programs_file_is_put_aside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(places_that_cannot_be_written_are_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(calls_that_fail_are_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(processes_share_it, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
