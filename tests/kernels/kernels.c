#include "kernels.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static const kernel_family *const FAMILIES[] = {&KERNELS_MATMUL, &KERNELS_ROWS, &KERNELS_ATTENTION};
enum { FAMILY_COUNT = sizeof FAMILIES / sizeof FAMILIES[0] };

/* ---- failures */

static unsigned failures;
enum { FAILURES_PRINTED = 20 };

void check_failed(const char *file, int line, const char *expr, const char *fmt, ...) {
    if (failures++ >= FAILURES_PRINTED) return;
    printf("%s:%d: %s: ", file, line, expr);
    va_list args;
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    puts("");
}

/* ---- guarded memory */

typedef struct mapping {
    void *map;
    size_t bytes;
} mapping;

enum { MAPPINGS_MAX = 64, PATTERN = 0xa5 };
static mapping mappings[MAPPINGS_MAX];
static size_t mapping_count;

void *guarded(size_t bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), used = (bytes + page - 1) / page * page;
    HL_ASSERT(mapping_count < MAPPINGS_MAX);
    uint8_t *map = mmap(NULL, used + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                        0);
    HL_ASSERT(map != MAP_FAILED);
    HL_ASSERT(mprotect(map + used, page, PROT_NONE) == 0);
    memset(map, PATTERN, used);
    mappings[mapping_count++] = (mapping){map, used + page};
    return map + used - bytes;
}

void guarded_free_all(void) {
    while (mapping_count > 0) {
        mapping *m = &mappings[--mapping_count];
        munmap(m->map, m->bytes);
    }
}

/* ---- measuring */

unsigned bench_threads(void) {
    const char *text = getenv("BENCH_THREADS");
    unsigned long n = text ? strtoul(text, NULL, 10) : hl_cpu_threads_default();
    return n < 1 ? 1 : n > BENCH_THREADS_MAX ? BENCH_THREADS_MAX : (unsigned)n;
}

/* Processor time of this thread, so that other people's work on the machine counts little. */
static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

typedef struct bench_thread {
    pthread_t id;
    pthread_barrier_t *gate;
    bench_work *work;
    void *arg;
    unsigned index, runs;
    double took[BENCH_RUNS_MAX];
} bench_thread;

static void *bench_main(void *arg) {
    bench_thread *t = arg;
    for (unsigned i = 0; i < t->runs; i++) {
        pthread_barrier_wait(t->gate);
        double start = seconds();
        t->work(t->arg, t->index);
        t->took[i] = seconds() - start;
    }
    return NULL;
}

/* Of the slowest thread. */
static double run_seconds(const bench_thread *threads, unsigned n_threads, unsigned run) {
    double most = 0;
    for (unsigned i = 0; i < n_threads; i++)
        most = threads[i].took[run] > most ? threads[i].took[run] : most;
    return most;
}

double bench_best(unsigned n_threads, unsigned runs, bench_work *work, void *arg) {
    static bench_thread threads[BENCH_THREADS_MAX];
    pthread_barrier_t gate;
    HL_ASSERT(n_threads <= BENCH_THREADS_MAX && runs <= BENCH_RUNS_MAX);
    pthread_barrier_init(&gate, NULL, n_threads);
    for (unsigned i = 0; i < n_threads; i++) {
        threads[i] = (bench_thread){
            .gate = &gate, .work = work, .arg = arg, .index = i, .runs = runs};
        HL_ASSERT(pthread_create(&threads[i].id, NULL, bench_main, &threads[i]) == 0);
    }
    for (unsigned i = 0; i < n_threads; i++) pthread_join(threads[i].id, NULL);
    pthread_barrier_destroy(&gate);
    double best = 1e30;
    for (unsigned i = 0; i < runs; i++) {
        double took = run_seconds(threads, n_threads, i);
        best = took < best ? took : best;
    }
    return best;
}

/* ---- main */

static int usage(void) {
    fputs("test-kernels [--bench] [--level LEVEL] [--family NAME]\n", stderr);
    return 64;
}

static void run_level(hl_cpu_level level, bool bench, const char *family) {
    const hl_cpu_ops *ref = hl_cpu_ops_get(HL_CPU_REF), *ops = hl_cpu_ops_get(level);
    for (size_t i = 0; i < FAMILY_COUNT; i++) {
        if (family && strcmp(family, FAMILIES[i]->name) != 0) continue;
        unsigned before = failures;
        if (bench) {
            FAMILIES[i]->bench(ops);
        } else {
            FAMILIES[i]->check(ops, ref);
            printf("%-4s %s %s\n", failures == before ? "ok" : "FAIL", ops->isa, FAMILIES[i]->name);
        }
        (void)fflush(stdout);
    }
}

int main(int argc, char **argv) {
    bool bench = false;
    const char *level = NULL, *family = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--bench") == 0)
            bench = true;
        else if (strcmp(argv[i], "--level") == 0 && i + 1 < argc)
            level = argv[++i];
        else if (strcmp(argv[i], "--family") == 0 && i + 1 < argc)
            family = argv[++i];
        else
            return usage();
    }
    for (unsigned i = 0; i < HL_CPU_LEVEL_COUNT; i++) {
        const char *name = hl_cpu_level_name((hl_cpu_level)i);
        if (level && strcmp(level, name) != 0) continue;
        if (hl_cpu_level_available((hl_cpu_level)i))
            run_level((hl_cpu_level)i, bench, family);
        else
            printf("skip %s: this processor lacks it\n", name);
    }
    return failures > 0;
}
