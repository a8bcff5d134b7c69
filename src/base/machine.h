/* base/machine.h
 *
 * What this process may use of the machine: processor, cores, caches, memory, and
 * the limits that its cgroup (version 1 or 2) sets.  Read once at start; nothing
 * here follows later changes.  Sources: hwloc for topology, /proc/meminfo, the
 * cgroup file system (hwloc knows cpusets but no quotas).
 *
 * Threads: any; each call reads anew.
 */
#pragma once

#include "base/cpu.h"
#include "base/status.h"

enum { HL_MACHINE_CPU_NAME_MAX = 96 };

/* Limits that a control group sets; 0 = none. */
typedef struct hl_cgroup {
    int version;                /* 2, 1, or 0 when there is none                       */
    double cpus;                /* quota divided by period: 1.5 = one and a half cores */
    uint64_t memory_max_bytes;  /* the smallest limit from this group to the root      */
    uint64_t memory_used_bytes; /* what counts against that limit now, without cache that the
                                  system can drop                                     */
} hl_cgroup;

typedef struct hl_machine {
    char cpu_name[HL_MACHINE_CPU_NAME_MAX]; /* "" when unknown */
    uint32_t cpu_features;
    uint32_t cores;       /* physical, that this process may run on  */
    uint32_t threads;     /* logical, that this process may run on   */
    uint32_t cores_total; /* physical, of the machine                */
    uint32_t numa_nodes;
    uint64_t l1d_bytes, l2_bytes, l3_bytes; /* of one cache of each level, 0 when unknown */
    uint32_t l3_count;                      /* so many L3 caches has the machine          */
    uint64_t memory_bytes;           /* installed, or what the virtual machine has          */
    uint64_t memory_available_bytes; /* without swapping, the cgroup's limit taken into account */
    hl_cgroup cgroup;
} hl_machine;

/* Fills what can be found out; what cannot stays 0.  cores and threads are at least 1. */
void hl_machine_read(hl_machine *ret);

/* Threads that compute should use here; see hl_cpu_threads_default. */
uint32_t hl_machine_threads(const hl_machine *m);

/* For tests: `proc_cgroup` stands for /proc/self/cgroup, `root` for /sys/fs/cgroup. */
void hl_cgroup_read(const char *proc_cgroup, const char *root, hl_cgroup *ret);
