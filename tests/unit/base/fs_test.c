#define _GNU_SOURCE
#include "base/fs.h"
#include "temp_dir.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64], path[128];

static const char *in_dir(const char *name) {
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static int make_dir(void **state) {
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/hl-fs-test-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state) {
    (void)state;
    static const char *const NAMES[] = {"file", "empty", "pipe"};
    for (size_t i = 0; i < 3; i++) (void)unlink(in_dir(NAMES[i]));
    return rmdir(dir); /* fails when a temporary file was left behind */
}

static void write_file(const char *name, const char *text) {
    hl_bytes data = {(const uint8_t *)text, strlen(text)};
    assert_int_equal(hl_file_write(in_dir(name), data, NULL), HL_OK);
}

static void test_written_file_reads_back(void **state) {
    (void)state;
    write_file("file", "old and longer");
    write_file("file", "new");
    hl_buf b;
    hl_buf_init(&b, 0);
    hl_buf_append_cstr(&b, "> ");
    assert_int_equal(hl_file_read(in_dir("file"), 3, &b, NULL), HL_OK);
    assert_str(hl_buf_str(&b), "> new");
    hl_buf_deinit(&b);
}

static void test_read_stops_at_the_limit(void **state) {
    (void)state;
    write_file("file", "12345");
    hl_buf b;
    hl_error err;
    hl_buf_init(&b, 0);
    assert_int_equal(hl_file_read(in_dir("file"), 4, &b, &err), HL_ELIMIT);
    assert_non_null(strstr(err.text, "is larger than 4 bytes"));
    hl_buf_deinit(&b);
    hl_buf_init(&b, 5); /* a buffer that just fits is enough */
    assert_int_equal(hl_file_read(in_dir("file"), 100, &b, &err), HL_OK);
    hl_buf_deinit(&b);
    hl_buf_init(&b, 4);
    assert_int_equal(hl_file_read(in_dir("file"), 100, &b, &err), HL_ELIMIT);
    hl_buf_deinit(&b);
}

static void test_empty_file(void **state) {
    (void)state;
    write_file("empty", "");
    hl_buf b;
    hl_buf_init(&b, 0);
    assert_int_equal(hl_file_read(in_dir("empty"), 10, &b, NULL), HL_OK);
    assert_int_equal(b.len, 0);
    hl_buf_deinit(&b);
    hl_file_map m;
    assert_int_equal(hl_file_map_open(in_dir("empty"), &m, NULL), HL_OK);
    assert_int_equal(m.bytes.len, 0);
    hl_file_map_close(&m);
}

static void test_map(void **state) {
    (void)state;
    write_file("file", "mapped");
    hl_file_map m;
    assert_int_equal(hl_file_map_open(in_dir("file"), &m, NULL), HL_OK);
    assert_int_equal(m.bytes.len, 6);
    assert_memory_equal(m.bytes.ptr, "mapped", 6);
    hl_file_map_forget(&m, 0, 6);
    hl_file_map_forget(&m, 6, 0);
    assert_memory_equal(m.bytes.ptr, "mapped", 6);
    hl_file_map_close(&m);
    hl_file_map_close(&m);
}

static void test_missing_file_is_not_found(void **state) {
    (void)state;
    hl_error err;
    hl_file_map m;
    hl_buf b;
    hl_buf_init(&b, 0);
    assert_int_equal(hl_file_map_open(in_dir("none"), &m, &err), HL_ENOTFOUND);
    assert_non_null(strstr(err.text, "/none: No such file or directory"));
    assert_int_equal(hl_file_read(in_dir("none"), 10, &b, &err), HL_ENOTFOUND);
    assert_int_equal(hl_file_write(in_dir("none/x"), (hl_bytes){NULL, 0}, &err), HL_ENOTFOUND);
    hl_buf_deinit(&b);
}

static void test_what_is_no_file_is_refused(void **state) {
    (void)state;
    hl_error err;
    hl_file_map m;
    assert_int_equal(hl_file_map_open(dir, &m, &err), HL_EIO);
    assert_non_null(strstr(err.text, "is not a regular file"));
    assert_int_equal(hl_file_map_open("/dev/zero", &m, &err), HL_EIO);
    assert_int_equal(mkfifo(in_dir("pipe"), 0600), 0); /* opening must not wait for a writer */
    assert_int_equal(hl_file_map_open(in_dir("pipe"), &m, &err), HL_EIO);
}

static void test_failed_write_leaves_nothing(void **state) {
    (void)state;
    hl_error err;
    hl_bytes data = {(const uint8_t *)"x", 1};
    assert_int_equal(hl_file_write(dir, data, &err), HL_EIO); /* a directory cannot be replaced */
    assert_non_null(strstr(err.text, "rename"));
    assert_int_equal(temp_dir_count("/tmp", strrchr(dir, '/') + 1), 1); /* itself */
    char longer[5000];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(hl_file_write(longer, data, &err), HL_EIO);
}

static void test_file_in_pieces_appears_at_commit(void **state) {
    (void)state;
    hl_bytes piece = {(const uint8_t *)"abc", 3};
    hl_file_out *f;
    write_file("file", "before");
    assert_int_equal(hl_file_out_open(in_dir("file"), &f, NULL), HL_OK);
    assert_int_equal(hl_file_out_write(f, piece, NULL), HL_OK);
    hl_file_out_close(f); /* given up: nothing changes, nothing is left */
    hl_buf b;
    hl_buf_init(&b, 0);
    assert_int_equal(hl_file_read(in_dir("file"), 100, &b, NULL), HL_OK);
    assert_str(hl_buf_str(&b), "before");
    assert_int_equal(hl_file_out_open(in_dir("file"), &f, NULL), HL_OK);
    for (int i = 0; i < 2; i++) assert_int_equal(hl_file_out_write(f, piece, NULL), HL_OK);
    assert_int_equal(hl_file_out_commit(f, NULL), HL_OK);
    hl_file_out_close(f);
    hl_buf_reset(&b);
    assert_int_equal(hl_file_read(in_dir("file"), 100, &b, NULL), HL_OK);
    assert_str(hl_buf_str(&b), "abcabc");
    hl_buf_deinit(&b);
}

static void test_descriptor_is_read_to_its_end(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    char block[1000];
    memset(block, 'p', sizeof block);
    for (int i = 0; i < 50; i++) assert_int_equal(write(ends[1], block, sizeof block), 1000);
    close(ends[1]);
    hl_buf b;
    hl_buf_init(&b, 0);
    assert_int_equal(hl_fd_read_all(ends[0], "standard input", 50000, &b, NULL), HL_OK);
    assert_int_equal(b.len, 50000);
    close(ends[0]);
    hl_error err;
    assert_int_equal(hl_fd_read_all(ends[0], "standard input", 1, &b, &err), HL_EIO);
    assert_non_null(strstr(err.text, "cannot read standard input"));
    hl_buf_deinit(&b);
}

static void test_kinds_of_paths(void **state) {
    (void)state;
    write_file("file", "");
    assert_true(hl_path_is_file(in_dir("file")));
    assert_false(hl_path_is_file(dir));
    assert_false(hl_path_is_file(in_dir("none")));
    assert_true(hl_path_is_dir(dir));
    assert_false(hl_path_is_dir(in_dir("file")));
}

static void test_single_steps(void **state) {
    (void)state;
    hl_file_facts before, after;
    hl_error err;
    char from[128], to[128];
    write_file("file", "abc");
    (void)snprintf(from, sizeof from, "%s", in_dir("file"));
    (void)snprintf(to, sizeof to, "%s", in_dir("other"));
    (void)unlink(to);
    assert_int_equal(hl_file_stat(from, &before, &err), HL_OK);
    assert_true(before.bytes == 3 && before.modified_ns > 0 && !before.is_dir);
    assert_int_equal(hl_file_link(from, to, &err), HL_OK);
    assert_int_equal(hl_file_link(from, to, &err), HL_DONE);
    assert_int_equal(hl_file_stat(to, &after, &err), HL_OK);
    assert_true(after.inode == before.inode);
    assert_int_equal(hl_file_remove(from, &err), HL_OK);
    assert_int_equal(hl_file_remove(from, &err), HL_ENOTFOUND);
    assert_int_equal(hl_file_rename(to, from, &err), HL_OK);
    assert_int_equal(hl_file_rename(to, from, &err), HL_ENOTFOUND);
    assert_int_equal(hl_file_touch(from, &err), HL_OK);
    assert_int_equal(hl_file_touch(to, &err), HL_ENOTFOUND);
    assert_int_equal(hl_file_stat(dir, &after, &err), HL_OK);
    assert_true(after.is_dir);
    assert_int_equal(hl_file_stat(to, &after, &err), HL_ENOTFOUND);
}

/* The holder's death gives the lock back. */
static void test_a_lock_has_one_holder(void **state) {
    (void)state;
    hl_file_lock lock;
    int ends[2];
    char byte;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bool taken = hl_file_lock_take(in_dir("file"), &lock, NULL) == HL_OK;
        if (taken && write(ends[1], "x", 1) == 1) (void)pause();
        _exit(1);
    }
    assert_int_equal(read(ends[0], &byte, 1), 1);
    int other = open(in_dir("file"), O_RDWR);
    assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(hl_file_lock_take(in_dir("file"), &lock, NULL), HL_OK);
    assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
    hl_file_lock_drop(&lock);
    assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
    close(other);
    close(ends[0]);
    close(ends[1]);
}

static void test_faults_come_when_told(void **state) {
    (void)state;
    hl_file_facts f;
    hl_error err;
    write_file("file", "abc");
    hl_fs_fail_nth(2, false);
    assert_int_equal(hl_file_stat(in_dir("file"), &f, &err), HL_OK);
    assert_int_equal(hl_file_stat(in_dir("file"), &f, &err), HL_EIO);
    assert_int_equal(hl_file_stat(in_dir("file"), &f, &err), HL_OK);
    hl_fs_fail_nth(1, true);
    for (int i = 0; i < 3; i++) assert_int_equal(hl_file_touch(in_dir("file"), &err), HL_EIO);
    hl_fs_fail_nth(0, false);
    assert_int_equal(hl_file_touch(in_dir("file"), &err), HL_OK);
}

static void test_directory_of_the_program(void **state) {
    (void)state;
    char out[4096];
    assert_true(hl_path_of_program(out, sizeof out));
    assert_int_equal(out[0], '/');
    assert_true(hl_path_is_dir(out));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_file_reads_back),
        cmocka_unit_test(test_read_stops_at_the_limit),
        cmocka_unit_test(test_empty_file),
        cmocka_unit_test(test_map),
        cmocka_unit_test(test_missing_file_is_not_found),
        cmocka_unit_test(test_what_is_no_file_is_refused),
        cmocka_unit_test(test_failed_write_leaves_nothing),
        cmocka_unit_test(test_file_in_pieces_appears_at_commit),
        cmocka_unit_test(test_descriptor_is_read_to_its_end),
        cmocka_unit_test(test_kinds_of_paths),
        cmocka_unit_test(test_single_steps),
        cmocka_unit_test(test_a_lock_has_one_holder),
        cmocka_unit_test(test_faults_come_when_told),
        cmocka_unit_test(test_directory_of_the_program),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
