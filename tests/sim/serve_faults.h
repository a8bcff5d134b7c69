/* Faults that the simulation of serve/ plants, to show that it would notice them.  Some are
 * functions of the real objects that the linker replaces (--wrap, tests.cmake); the others are done
 * by the simulated threads.  No production code knows of them. */
#pragma once

#include "engine/native/kv.h"
#include "serve/sched.h"

#include <setjmp.h>
#include <stdlib.h>

typedef enum fault {
    FAULT_NONE,
    FAULT_LEAKED_PAGE,  /* a page's last reference is not given back */
    FAULT_SECOND_END,   /* the scheduler, too, ends a task whose end the engine told */
    FAULT_STARVATION,   /* a busy model never yields */
    FAULT_EVICTED_BUSY, /* a model goes though it runs jobs */
    FAULT_LOST_WAKE_UP, /* a model's thread sleeps on a job that it was given */
    FAULT_TOKEN_TWICE,  /* an event is told twice */
    FAULTS_N
} fault;

static inline const char *fault_name(fault f) {
    static const char *const names[FAULTS_N] = {
        "none",         "leaked page",  "second terminal event", "starvation",
        "busy evicted", "lost wake-up", "a token twice"};
    return names[f];
}

/* What is planted in the running seed.  `at`: the so manieth time that it could show. */
typedef struct planted {
    fault kind;
    uint32_t at;
    bool armed; /* caught assertions go to `out` */
    jmp_buf out;
    const char *assertion;
} planted;

static planted plant;

static inline bool fault_now(fault f) {
    return plant.kind == f && plant.at > 0 && --plant.at == 0;
}

/* A failed assertion of the program catches a planted fault as well as a check of ours. */
_Noreturn void __real_hl_assert_failed(const char *file, int line, const char *expr);
_Noreturn void __wrap_hl_assert_failed(const char *file, int line, const char *expr);
_Noreturn void __wrap_hl_assert_failed(const char *file, int line, const char *expr) {
    if (!plant.armed || plant.kind == FAULT_NONE) __real_hl_assert_failed(file, line, expr);
    plant.armed = false;
    plant.assertion = expr;
    longjmp(plant.out, 1);
}

void __real_hl_kv_drop(hl_kv *kv, uint32_t page);
void __wrap_hl_kv_drop(hl_kv *kv, uint32_t page);
void __wrap_hl_kv_drop(hl_kv *kv, uint32_t page) {
    if (!fault_now(FAULT_LEAKED_PAGE)) __real_hl_kv_drop(kv, page);
}

bool __real_hl__resident_is_quiet(const hl__resident *m, uint64_t than);
bool __wrap_hl__resident_is_quiet(const hl__resident *m, uint64_t than);
bool __wrap_hl__resident_is_quiet(const hl__resident *m, uint64_t than) {
    bool quiet = __real_hl__resident_is_quiet(m, than);
    if (plant.kind == FAULT_STARVATION) return quiet && hl__resident_tasks(m) == 0;
    return quiet || (m->running.n > 0 && fault_now(FAULT_EVICTED_BUSY));
}
