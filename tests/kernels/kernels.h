/* kernels/kernels.h
 *
 * What the kernel tests share.  One program checks every kernel of every level this machine has
 * against compute/cpu/ref, and measures them with --bench.  It needs no test library, so that it
 * runs as it is on other machines and under emulators.
 */
#pragma once

#include "base/rng.h"
#include "compute/cpu/ops.h"

/* A family of kernels.  A level is checked against ref. */
typedef struct kernel_family {
    const char *name;
    void (*check)(const hl_cpu_ops *ops, const hl_cpu_ops *ref);
    void (*bench)(const hl_cpu_ops *ops);
} kernel_family;

extern const kernel_family KERNELS_MATMUL, KERNELS_ROWS, KERNELS_ATTENTION;

/* Counts and prints a failure; goes on. */
#define CHECK(expr, ...) ((expr) ? (void)0 : check_failed(__FILE__, __LINE__, #expr, __VA_ARGS__))
void check_failed(const char *file, int line, const char *expr, const char *fmt, ...)
    HL_PRINTF(4, 5);

/* Memory of exactly so many bytes that ends where the next access faults; aligned to 64 when bytes
 * is a multiple of it.  Filled with a pattern.  All of it is freed at once. */
void *guarded(size_t bytes);
void guarded_free_all(void);

/* ---- measuring */

enum { BENCH_THREADS_MAX = 64, BENCH_RUNS_MAX = 64 };

/* Seconds of work(arg, thread) on n_threads threads at once, the slowest thread's processor time in
 * the best of several runs. */
typedef void bench_work(void *arg, unsigned thread);
double bench_best(unsigned n_threads, unsigned runs, bench_work *work, void *arg);
unsigned bench_threads(void);

/* What the machine can do with so many threads: bytes and operations a second. */
typedef struct limits {
    double read;
    double f32;  /* fma counts two */
    double int8; /* multiply-add of bytes counts two; of the level's instructions */
} limits;
const limits *limits_of(hl_cpu_level level);
