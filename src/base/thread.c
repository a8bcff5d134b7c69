#define _GNU_SOURCE
#include "base/thread.h"

#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *run(void *arg) {
    hl_thread *t = arg;
    t->fn(t->arg);
    return NULL;
}

hl_status hl_thread_start(hl_thread *t, void (*fn)(void *arg), void *arg, hl_error *err) {
    sigset_t all, before;
    t->fn = fn;
    t->arg = arg;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&t->handle, NULL, run, t);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code == 0) return HL_OK;
    return hl_fail(err, HL_EIO, "thread", "cannot start a thread: %s", strerror(code));
}

void hl_thread_join(hl_thread *t) {
    int code = pthread_join(t->handle, NULL);
    HL_ASSERT(code == 0);
}

uint32_t hl_thread_processors(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return (uint32_t)CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN); /* more processors than a cpu_set_t holds */
    return n > 0 ? (uint32_t)n : 1;
}

void hl_thread_yield(void) {
    (void)sched_yield();
}

_Static_assert(sizeof(atomic_uint) == sizeof(uint32_t), "a futex is 32 bits");

void hl_word_wait(atomic_uint *word, uint32_t value) {
    (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

void hl_word_wake_all(atomic_uint *word) {
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}
