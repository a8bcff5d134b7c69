#define _GNU_SOURCE
#include "base/machine.h"

#include "base/fs.h"

#include <hwloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SMALL_FILE_BYTES_MAX = 64 * 1024 };

/* A small file of the kernel's; false when it is not there or cannot be read. */
static bool read_small(const char *path, hl_buf *ret) {
    hl_buf_reset(ret);
    return hl_file_read(path, SMALL_FILE_BYTES_MAX, ret, NULL) == HL_OK;
}

/* The number behind `key` at the start of a line of text; false when there is none. */
static bool find_number(const char *text, const char *key, uint64_t *ret) {
    size_t len = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        if (strncmp(line, key, len) != 0) continue;
        char *end;
        unsigned long long v = strtoull(line + len, &end, 10);
        if (end == line + len) return false;
        *ret = v;
        return true;
    }
    return false;
}

/* --- cgroup ----------------------------------------------------------------------------------
 *
 * A group's files lie at root/CONTROLLER/path (version 1) or root/path (version 2), with
 * path from /proc/self/cgroup.  Inside a container path may name a directory that is only
 * visible outside; then the files of the root are the container's own.  Limits of parents
 * hold too, so we walk from the group to the root and keep the smallest.
 */

typedef struct group_walk {
    char dir[4096];
    size_t root_len; /* dir is never cut shorter than this */
    hl_buf text;
} group_walk;

static bool walk_start(group_walk *w, const char *root, const char *controller, hl_str path) {
    int n = snprintf(w->dir, sizeof w->dir, "%s%s%s", root, *controller ? "/" : "", controller);
    if (n < 0 || (size_t)n >= sizeof w->dir) return false;
    w->root_len = (size_t)n;
    int m = snprintf(w->dir + n, sizeof w->dir - (size_t)n, "%.*s", HL_STR_ARG(path));
    if (m < 0 || (size_t)m >= sizeof w->dir - (size_t)n) return false;
    hl_buf_init(&w->text, 0);
    return true;
}

static bool walk_up(group_walk *w) {
    char *slash = strrchr(w->dir + w->root_len, '/');
    if (!slash) return false;
    *slash = '\0';
    return true;
}

/* The text of a file of the group that the walk stands at; NULL when it is not there. */
static const char *walk_file(group_walk *w, const char *name) {
    char path[sizeof w->dir + 64];
    (void)snprintf(path, sizeof path, "%s/%s", w->dir, name);
    return read_small(path, &w->text) && w->text.ptr ? w->text.ptr : NULL;
}

static bool walk_number(group_walk *w, const char *name, uint64_t *ret) {
    const char *text = walk_file(w, name);
    return text && find_number(text, "", ret);
}

static void keep_quota(hl_cgroup *g, double quota, double period) {
    if (quota <= 0 || period <= 0) return;
    double cpus = quota / period;
    if (g->cpus == 0 || cpus < g->cpus) g->cpus = cpus;
}

/* Version 2: "max 100000" or "150000 100000". */
static void read_quota_v2(group_walk *w, hl_cgroup *g) {
    const char *text = walk_file(w, "cpu.max");
    if (!text) return;
    char *end;
    double quota = strtod(text, &end);
    if (end != text) keep_quota(g, quota, strtod(end, NULL));
}

/* Version 1: a quota of -1 means none. */
static void read_quota_v1(group_walk *w, hl_cgroup *g) {
    uint64_t quota, period;
    if (!walk_number(w, "cpu.cfs_quota_us", &quota) || quota > INT64_MAX) return;
    if (walk_number(w, "cpu.cfs_period_us", &period)) keep_quota(g, (double)quota, (double)period);
}

/* "max" gives no number; version 1 says "no limit" with a number near the type's end. */
static void read_memory(group_walk *w, bool v2, hl_cgroup *g) {
    uint64_t max, used, cache = 0;
    if (!walk_number(w, v2 ? "memory.max" : "memory.limit_in_bytes", &max)) return;
    if (max >= UINT64_MAX >> 2 || (g->memory_max_bytes && max >= g->memory_max_bytes)) return;
    if (!walk_number(w, v2 ? "memory.current" : "memory.usage_in_bytes", &used)) used = 0;
    const char *stat = walk_file(w, "memory.stat");
    if (stat) (void)find_number(stat, v2 ? "inactive_file " : "total_inactive_file ", &cache);
    g->memory_max_bytes = max;
    g->memory_used_bytes = used > cache ? used - cache : 0;
}

typedef void read_group_fn(group_walk *w, hl_cgroup *g);

static void read_both_v2(group_walk *w, hl_cgroup *g) {
    read_quota_v2(w, g);
    read_memory(w, true, g);
}

static void read_memory_v1(group_walk *w, hl_cgroup *g) {
    read_memory(w, false, g);
}

static void walk_groups(const char *root, const char *controller, hl_str path, read_group_fn *read,
                        hl_cgroup *g) {
    group_walk w;
    if (!walk_start(&w, root, controller, path)) return;
    do read(&w, g);
    while (walk_up(&w));
    hl_buf_deinit(&w.text);
}

/* One line of /proc/self/cgroup: "4:memory:/path", "0::/path" for version 2. */
static void read_group_line(hl_str line, const char *root, hl_cgroup *g) {
    size_t a = hl_str_find(line, HL_STR(":"), 0);
    size_t b = a == SIZE_MAX ? SIZE_MAX : hl_str_find(line, HL_STR(":"), a + 1);
    if (b == SIZE_MAX) return;
    hl_str controllers = hl_str_slice(line, a + 1, b), path = hl_str_slice(line, b + 1, line.len);
    if (controllers.len == 0) {
        walk_groups(root, "", path, read_both_v2, g);
    } else if (hl_str_is(controllers, "memory")) {
        g->version = 1;
        walk_groups(root, "memory", path, read_memory_v1, g);
    } else if (hl_str_is(controllers, "cpu") || hl_str_starts(controllers, HL_STR("cpu,")) ||
               hl_str_ends(controllers, HL_STR(",cpu"))) {
        g->version = 1;
        walk_groups(root, "cpu", path, read_quota_v1, g);
    }
}

void hl_cgroup_read(const char *proc_cgroup, const char *root, hl_cgroup *ret) {
    *ret = (hl_cgroup){0};
    hl_buf text;
    hl_buf_init(&text, 0);
    if (read_small(proc_cgroup, &text)) {
        ret->version = text.len ? 2 : 0;
        hl_str all = hl_buf_str(&text);
        for (size_t at = 0; at < all.len;) {
            size_t end = hl_str_find(all, HL_STR("\n"), at);
            if (end == SIZE_MAX) end = all.len;
            read_group_line(hl_str_slice(all, at, end), root, ret);
            at = end + 1;
        }
    }
    hl_buf_deinit(&text);
}

/* --- memory ---------------------------------------------------------------------------------- */

static void read_meminfo(hl_machine *m) {
    hl_buf text;
    hl_buf_init(&text, 0);
    uint64_t kib;
    if (read_small("/proc/meminfo", &text) && text.ptr) {
        if (find_number(text.ptr, "MemTotal:", &kib)) m->memory_bytes = kib * 1024;
        if (find_number(text.ptr, "MemAvailable:", &kib)) m->memory_available_bytes = kib * 1024;
    }
    hl_buf_deinit(&text);
    if (m->cgroup.memory_max_bytes == 0) return;
    uint64_t max = m->cgroup.memory_max_bytes, used = m->cgroup.memory_used_bytes;
    uint64_t left = max > used ? max - used : 0;
    if (left < m->memory_available_bytes) m->memory_available_bytes = left;
}

/* --- processor ------------------------------------------------------------------------------- */

static int count(int n) {
    return n > 0 ? n : 0;
}

static uint64_t cache_bytes(hwloc_topology_t topology, hwloc_obj_type_t type) {
    hwloc_obj_t cache = hwloc_get_obj_by_type(topology, type, 0);
    return cache ? cache->attr->cache.size : 0;
}

/* Cores that hold at least one logical processor of `set`. */
static uint32_t cores_in(hwloc_topology_t topology, hwloc_const_cpuset_t set) {
    uint32_t n = 0;
    hwloc_obj_t core = NULL;
    while ((core = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_CORE, core)) != NULL) {
        if (hwloc_bitmap_intersects(core->cpuset, set)) n++;
    }
    return n;
}

static void read_topology(hwloc_topology_t topology, hl_machine *m) {
    m->cores_total = (uint32_t)count(hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE));
    m->numa_nodes = (uint32_t)count(hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_NUMANODE));
    m->l1d_bytes = cache_bytes(topology, HWLOC_OBJ_L1CACHE);
    m->l2_bytes = cache_bytes(topology, HWLOC_OBJ_L2CACHE);
    m->l3_bytes = cache_bytes(topology, HWLOC_OBJ_L3CACHE);
    m->l3_count = (uint32_t)count(hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_L3CACHE));
    hwloc_obj_t package = hwloc_get_obj_by_type(topology, HWLOC_OBJ_PACKAGE, 0);
    const char *name = package ? hwloc_obj_get_info_by_name(package, "CPUModel") : NULL;
    if (name) (void)snprintf(m->cpu_name, sizeof m->cpu_name, "%s", name);
    hwloc_bitmap_t mine = hwloc_bitmap_alloc();
    if (mine && hwloc_get_cpubind(topology, mine, HWLOC_CPUBIND_PROCESS) == 0) {
        m->threads = (uint32_t)count(hwloc_bitmap_weight(mine));
        m->cores = cores_in(topology, mine);
    }
    hwloc_bitmap_free(mine);
}

static void read_processor(hl_machine *m) {
    m->cpu_features = hl_cpu_features();
    hwloc_topology_t topology;
    if (hwloc_topology_init(&topology) == 0) {
        if (hwloc_topology_load(topology) == 0) read_topology(topology, m);
        hwloc_topology_destroy(topology);
    }
    if (m->threads == 0) {
        long online = sysconf(_SC_NPROCESSORS_ONLN);
        m->threads = online > 0 ? (uint32_t)online : 1;
    }
    if (m->cores == 0) m->cores = m->threads;
    if (m->cores_total < m->cores) m->cores_total = m->cores;
}

void hl_machine_read(hl_machine *ret) {
    *ret = (hl_machine){0};
    read_processor(ret);
    hl_cgroup_read("/proc/self/cgroup", "/sys/fs/cgroup", &ret->cgroup);
    read_meminfo(ret);
    HL_ASSERT(ret->cores >= 1 && ret->threads >= ret->cores);
}

uint32_t hl_machine_threads(const hl_machine *m) {
    uint32_t paid = m->cores;
    if (m->cgroup.cpus > 0 && m->cgroup.cpus < (double)paid) paid = (uint32_t)m->cgroup.cpus;
    return paid ? paid : 1;
}

uint32_t hl_cpu_threads_default(void) {
    hl_machine m;
    hl_machine_read(&m);
    return hl_machine_threads(&m);
}
