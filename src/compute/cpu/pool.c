#include "compute/cpu/pool.h"

#include "base/mem.h"
#include "base/thread.h"

enum {
    LINE_BYTES = 64,
    SPINS = 2000, /* pauses of 20 to 50 ns before a waiting thread sleeps */
    YIELDS = 4
};

typedef struct worker {
    hl_thread thread;
    hl__pool *pool;
    uint32_t index;
} worker;

/* Each word that many threads write has a cache line of its own. */
struct hl__pool {
    uint32_t n_threads, spins;
    hl__pool_fn *fn;
    void *arg;
    bool stop;
    worker *workers; /* [n_started] threads 1 … n_threads-1 */
    uint32_t n_started;
    _Alignas(LINE_BYTES) atomic_uint job;     /* counts runs */
    _Alignas(LINE_BYTES) atomic_uint phase;   /* counts barriers */
    _Alignas(LINE_BYTES) atomic_uint arrived; /* threads at the barrier */
    _Alignas(LINE_BYTES) atomic_uint next;    /* item */
    _Alignas(LINE_BYTES) atomic_uint asleep;  /* threads that must be woken */
};

/* Waits until *word is not `old`. */
static void wait_change(hl__pool *p, atomic_uint *word, uint32_t old) {
    for (uint32_t i = 0; i < p->spins; i++) {
        if (atomic_load_explicit(word, memory_order_acquire) != old) return;
        hl_thread_pause();
    }
    for (uint32_t i = 0; i < YIELDS; i++) {
        if (atomic_load_explicit(word, memory_order_acquire) != old) return;
        hl_thread_yield();
    }
    /* Counted before the last look: change_word either sees the count or is seen. */
    atomic_fetch_add(&p->asleep, 1);
    while (atomic_load(word) == old) hl_word_wait(word, old);
    atomic_fetch_sub(&p->asleep, 1);
}

static void change_word(hl__pool *p, atomic_uint *word) {
    atomic_fetch_add(word, 1);
    if (atomic_load(&p->asleep) > 0) hl_word_wake_all(word);
}

void hl__pool_barrier(hl__pool *p) {
    uint32_t phase = atomic_load_explicit(&p->phase, memory_order_relaxed);
    uint32_t before = atomic_fetch_add_explicit(&p->arrived, 1, memory_order_acq_rel);
    HL_DASSERT(before < p->n_threads);
    if (before + 1 < p->n_threads) {
        wait_change(p, &p->phase, phase);
        return;
    }
    atomic_store_explicit(&p->arrived, 0, memory_order_relaxed);
    atomic_store_explicit(&p->next, 0, memory_order_relaxed);
    change_word(p, &p->phase);
}

uint32_t hl__pool_take(hl__pool *p) {
    return atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed);
}

static void work(void *arg) {
    worker *w = arg;
    hl__pool *p = w->pool;
    for (uint32_t job = 0;; job++) {
        wait_change(p, &p->job, job);
        if (p->stop) return;
        p->fn(p->arg, w->index);
        hl__pool_barrier(p);
    }
}

void hl__pool_run(hl__pool *p, hl__pool_fn *fn, void *arg) {
    HL_ASSERT(fn && !p->stop);
    p->fn = fn;
    p->arg = arg;
    if (p->n_threads > 1) change_word(p, &p->job);
    fn(arg, 0);
    hl__pool_barrier(p);
}

static hl_status start_workers(hl__pool *p, hl_error *err) {
    for (uint32_t i = 1; i < p->n_threads; i++) {
        worker *w = &p->workers[p->n_started];
        *w = (worker){.pool = p, .index = i};
        HL_TRY(hl_thread_start(&w->thread, work, w, err));
        p->n_started++;
    }
    return HL_OK;
}

hl_status hl__pool_create(uint32_t n_threads, hl__pool **ret, hl_error *err) {
    HL_ASSERT(n_threads >= 1 && n_threads <= HL__POOL_THREADS_MAX);
    hl__pool *p = hl_alloc_aligned(LINE_BYTES, sizeof *p);
    if (!p) return hl_fail(err, HL_ENOMEM, "cpu", "no memory for the thread pool");
    *p = (hl__pool){.n_threads = n_threads};
    p->spins = n_threads <= hl_thread_processors() ? SPINS : 0;
    p->workers = hl_calloc(n_threads, sizeof *p->workers);
    hl_status st = p->workers ? start_workers(p, err)
                              : hl_fail(err, HL_ENOMEM, "cpu", "no memory for the thread pool");
    if (st < 0) {
        hl__pool_destroy(p);
        return st;
    }
    *ret = p;
    return HL_OK;
}

void hl__pool_destroy(hl__pool *p) {
    if (!p) return;
    p->stop = true;
    change_word(p, &p->job);
    for (uint32_t i = 0; i < p->n_started; i++) hl_thread_join(&p->workers[i].thread);
    hl_free(p->workers);
    hl_free(p);
}

uint32_t hl__pool_threads(const hl__pool *p) {
    return p->n_threads;
}
