#define _GNU_SOURCE
#include "base/fs.h"
#include "base/machine.h"
#include "testing.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A tree that looks like /sys/fs/cgroup, made anew for each test. */
static char root[64];
static char made[64][256];
static size_t n_made;

static int make_root(void **state) {
    (void)state;
    n_made = 0;
    (void)snprintf(root, sizeof root, "/tmp/hl-cgroup-test-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state) {
    (void)state;
    while (n_made) (void)remove(made[--n_made]);
    return rmdir(root);
}

static const char *remember(const char *path) {
    assert_true(n_made < sizeof made / sizeof made[0]);
    (void)snprintf(made[n_made], sizeof made[0], "%s/%s", root, path);
    return made[n_made++];
}

static void dir(const char *path) {
    assert_int_equal(mkdir(remember(path), 0700), 0);
}

static void file(const char *path, const char *text) {
    hl_bytes data = {(const uint8_t *)text, strlen(text)};
    assert_int_equal(hl_file_write(remember(path), data, NULL), HL_OK);
}

static hl_cgroup read_it(const char *proc) {
    file("proc", proc);
    char path[128];
    (void)snprintf(path, sizeof path, "%s/proc", root);
    hl_cgroup g;
    hl_cgroup_read(path, root, &g);
    return g;
}

static void test_v2_limits(void **state) {
    (void)state;
    dir("box");
    file("box/cpu.max", "150000 100000\n");
    file("box/memory.max", "1000000\n");
    file("box/memory.current", "400000\n");
    file("box/memory.stat", "anon 1\ninactive_file 100000\n");
    hl_cgroup g = read_it("0::/box\n");
    assert_int_equal(g.version, 2);
    assert_true(g.cpus > 1.49 && g.cpus < 1.51);
    assert_int_equal(g.memory_max_bytes, 1000000);
    assert_int_equal(g.memory_used_bytes, 300000);
}

static void test_v2_without_limits(void **state) {
    (void)state;
    dir("box");
    file("box/cpu.max", "max 100000\n");
    file("box/memory.max", "max\n");
    hl_cgroup g = read_it("0::/box\n");
    assert_int_equal(g.version, 2);
    assert_true(g.cpus <= 0);
    assert_int_equal(g.memory_max_bytes, 0);
}

static void test_the_smallest_limit_up_to_the_root_holds(void **state) {
    (void)state;
    dir("a");
    dir("a/b");
    file("a/cpu.max", "100000 100000\n");
    file("a/b/cpu.max", "400000 100000\n");
    file("a/memory.max", "2000\n");
    file("a/memory.current", "7\n");
    file("a/b/memory.max", "3000\n");
    file("a/b/memory.current", "5\n");
    hl_cgroup g = read_it("0::/a/b\n");
    assert_true(g.cpus > 0.99 && g.cpus < 1.01);
    assert_int_equal(g.memory_max_bytes, 2000);
    assert_int_equal(g.memory_used_bytes, 7);
}

/* In a container the path may be one that only the host can see. */
static void test_path_that_is_not_there_leads_to_the_root(void **state) {
    (void)state;
    file("cpu.max", "50000 100000\n");
    file("memory.max", "5000\n");
    hl_cgroup g = read_it("0::/docker/0123abcd\n");
    assert_true(g.cpus > 0.49 && g.cpus < 0.51);
    assert_int_equal(g.memory_max_bytes, 5000);
    assert_int_equal(g.memory_used_bytes, 0);
}

static void test_v1_limits(void **state) {
    (void)state;
    dir("cpu");
    dir("cpu/box");
    dir("memory");
    dir("memory/box");
    file("cpu/box/cpu.cfs_quota_us", "250000\n");
    file("cpu/box/cpu.cfs_period_us", "100000\n");
    file("memory/box/memory.limit_in_bytes", "7000\n");
    file("memory/box/memory.usage_in_bytes", "6000\n");
    file("memory/box/memory.stat", "cache 1\ntotal_inactive_file 5000\n");
    file("memory/memory.limit_in_bytes", "9223372036854771712\n");
    hl_cgroup g = read_it(
        "9:name=systemd:/\n4:memory:/box\n3:cpuset:/\n2:cpu,cpuacct:/box\n0::/\n");
    assert_int_equal(g.version, 1);
    assert_true(g.cpus > 2.49 && g.cpus < 2.51);
    assert_int_equal(g.memory_max_bytes, 7000);
    assert_int_equal(g.memory_used_bytes, 1000);
}

static void test_v1_without_limits(void **state) {
    (void)state;
    dir("cpu");
    dir("memory");
    file("cpu/cpu.cfs_quota_us", "-1\n");
    file("cpu/cpu.cfs_period_us", "100000\n");
    file("memory/memory.limit_in_bytes", "9223372036854771712\n");
    hl_cgroup g = read_it("4:memory:/\n1:cpu:/\n");
    assert_true(g.cpus <= 0);
    assert_int_equal(g.memory_max_bytes, 0);
}

static void test_garbage_is_no_limit(void **state) {
    (void)state;
    file("cpu.max", "what\n");
    file("memory.max", "");
    hl_cgroup g = read_it("\n:\n::\nx\n0::\n0::/../../x\n:::::\n0:cpu\n4:memory");
    assert_true(g.cpus <= 0);
    assert_int_equal(g.memory_max_bytes, 0);
    hl_cgroup_read("/nowhere/at/all", root, &g);
    assert_int_equal(g.version, 0);
}

static void test_this_machine(void **state) {
    (void)state;
    hl_machine m;
    hl_machine_read(&m);
    cpu_set_t mine;
    assert_int_equal(sched_getaffinity(0, sizeof mine, &mine), 0);
    assert_int_equal(m.threads, CPU_COUNT(&mine));
    assert_in_range(m.cores, 1, m.threads);
    assert_true(m.cores_total >= m.cores);
    assert_true(m.memory_bytes >= 64u << 20);
    assert_in_range(m.memory_available_bytes, 0, m.memory_bytes);
    assert_int_equal(m.cpu_features, hl_cpu_features());
    assert_in_range(hl_machine_threads(&m), 1, m.cores);
}

static void test_threads_keep_within_the_quota(void **state) {
    (void)state;
    hl_machine m = {.cores = 8, .threads = 16};
    assert_int_equal(hl_machine_threads(&m), 8);
    m.cgroup.cpus = 2.5;
    assert_int_equal(hl_machine_threads(&m), 2);
    m.cgroup.cpus = 0.5;
    assert_int_equal(hl_machine_threads(&m), 1);
    m.cgroup.cpus = 64;
    assert_int_equal(hl_machine_threads(&m), 8);
}

int main(void) {
#define IN_ROOT(test) cmocka_unit_test_setup_teardown(test, make_root, remove_root)
    const struct CMUnitTest tests[] = {
        IN_ROOT(test_v2_limits),
        IN_ROOT(test_v2_without_limits),
        IN_ROOT(test_the_smallest_limit_up_to_the_root_holds),
        IN_ROOT(test_path_that_is_not_there_leads_to_the_root),
        IN_ROOT(test_v1_limits),
        IN_ROOT(test_v1_without_limits),
        IN_ROOT(test_garbage_is_no_limit),
        cmocka_unit_test(test_this_machine),
        cmocka_unit_test(test_threads_keep_within_the_quota),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
