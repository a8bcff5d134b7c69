/* base/thread.h
 *
 * Threads, and waiting for a word of memory to change: all that the pools need of the system.
 *
 * What this does not do: locks for data with several owners; pass messages instead.
 */
#pragma once

#include "base/status.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct hl_thread {
    pthread_t handle;
    void (*fn)(void *arg);
    void *arg;
} hl_thread;

/* Runs fn(arg) in a thread of its own; *t must stay where it is until the join.  All signals
 * are blocked in it: they are the main thread's business.  EIO: the system refuses. */
hl_status hl_thread_start(hl_thread *t, void (*fn)(void *arg), void *arg,
                          hl_error *err) HL_NODISCARD;
void hl_thread_join(hl_thread *t);

/* Logical processors that this process may run on; at least 1. */
uint32_t hl_thread_processors(void);
void hl_thread_yield(void);

/* A hint for the inside of a spin loop. */
static inline void hl_thread_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Sleeps until *word is woken, unless it is not `value` any more.  May return for no reason. */
void hl_word_wait(atomic_uint *word, uint32_t value);
void hl_word_wake_all(atomic_uint *word);
