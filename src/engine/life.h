/* engine/life.h
 *
 * How a cancel finds its sequence from any thread, or a signal handler, while the engine's own
 * thread begins and ends sequences: without locks, and without ever hitting the next one in the
 * same place.
 *
 * `count` goes up when a sequence begins (then it is odd) and when it ends.  A cancel names the
 * life it means and is void when that is over; `cancelled` is only ever raised, so that a late
 * cancel of an earlier life takes nothing from a later one.
 *
 * Threads: begin and end from the engine's, the rest from any.
 */
#pragma once

#include "engine/request.h"

#include <stdatomic.h>

typedef struct hl_life {
    atomic_uint_fast64_t id, count, cancelled;
} hl_life;

static inline void hl_life_begin(hl_life *l, hl_seq_id id) {
    atomic_store(&l->id, id);
    uint64_t before = atomic_fetch_add(&l->count, 1);
    HL_ASSERT(before % 2 == 0);
}

static inline void hl_life_end(hl_life *l) {
    uint64_t before = atomic_fetch_add(&l->count, 1);
    HL_ASSERT(before % 2 == 1);
}

static inline hl_seq_id hl_life_id(const hl_life *l) {
    return atomic_load(&l->id);
}

/* False: this one does not live, or has another id. */
static inline bool hl_life_cancel(hl_life *l, hl_seq_id id) {
    uint_fast64_t life = atomic_load(&l->count);
    if (life % 2 == 0 || atomic_load(&l->id) != id || atomic_load(&l->count) != life) return false;
    uint_fast64_t was = atomic_load(&l->cancelled);
    while (was < life && !atomic_compare_exchange_weak(&l->cancelled, &was, life)) {
    }
    return true;
}

static inline bool hl_life_cancelled(const hl_life *l) {
    return atomic_load(&l->cancelled) == atomic_load(&l->count);
}
