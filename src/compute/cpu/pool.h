/* compute/cpu/pool.h
 *
 * Threads for steps of microseconds.  hl__pool_run runs one function on all threads, the caller's
 * among them; inside it they walk through the same phases, each phase a list of items that they
 * take from a shared counter, with a barrier behind.  Who takes which item is chance, so an item
 * must write only what is its own, and its result must not depend on who computes it.
 *
 * A waiting thread spins for some microseconds, then sleeps: an idle engine burns no time.  More
 * threads than processors make progress, slowly.
 *
 * Threads: run by one caller at a time; take and barrier only inside a run.
 */
#pragma once

#include "base/status.h"

enum { HL__POOL_THREADS_MAX = 512 };

typedef struct hl__pool hl__pool;
typedef void hl__pool_fn(void *arg, uint32_t thread); /* thread 0 is the caller's */

/* n_threads 1 … HL__POOL_THREADS_MAX.  Returns owned.  ENOMEM, EIO. */
hl_status hl__pool_create(uint32_t n_threads, hl__pool **ret, hl_error *err) HL_NODISCARD;
void hl__pool_destroy(hl__pool *p); /* accepts NULL; joins */
uint32_t hl__pool_threads(const hl__pool *p);

/* Returns when fn has returned on every thread. */
void hl__pool_run(hl__pool *p, hl__pool_fn *fn, void *arg);

/* The next item of this phase: 0, 1, 2, … over all threads.  Whoever gets a number past the
 * phase's last item goes to the barrier. */
uint32_t hl__pool_take(hl__pool *p);
/* Waits for all threads; what they wrote before is visible behind it.  Items begin at 0 again. */
void hl__pool_barrier(hl__pool *p);
