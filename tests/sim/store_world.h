/* The world of one seed of the store's simulation: two programs of ours and one that knows nothing
 * of our lock, on one disk.  They are coroutines that hand over at system calls (store_calls.h).
 *
 *     store_checks.h   what has to hold
 *     store_turns.h    what happens at each call, and whose turn it is
 *     store_ops.h      what ours do; store_theirs.h: what the other one does */
#pragma once

#include "sim/store_calls_names.h"
#include "stored_model.h"

#include "sim/store_counts.h" /* which prints with cmocka */

#include <ctype.h>
#include <ucontext.h>

#if defined(__SANITIZE_ADDRESS__)
#define SIM_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIM_ASAN 1
#endif
#endif
#ifdef SIM_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

#define MODELS  SIM_ROOT "/models"
#define BEHIND  SIM_ROOT "/behind" /* a second directory, only read */
#define OUTSIDE SIM_ROOT "/outside.gguf"

enum { WRITERS_N = 3, THEIRS = 2 }; /* the last is no program of ours */
enum { STACK_BYTES = 1 << 20, FILES_N = 8, NAMES_N = 6, SEEN_MAX = 64, GONE_MAX = 32 };
enum { THEIR_FILES_N = 2, ALL_FILES_N = FILES_N + 1 + THEIR_FILES_N };
enum { CALLS_MAX = 200000 };
static const int64_t SECOND_NS = 1000000000, HOUR_NS = 3600 * (int64_t)1000000000;

/* What a name can be after a power cut: nothing (0), or manifests, by their hashes. */
typedef struct tracked {
    char path[HL_NAME_TEXT_MAX]; /* of the manifest, in small letters */
    uint64_t seen[SEEN_MAX];
    uint32_t n_seen;
    bool loose; /* one without the lock has deleted it: nobody knows when */
} tracked;

typedef enum writer_state {
    WRITER_NEW,     /* between two seeds */
    WRITER_READY,   /* in a call */
    WRITER_WAITING, /* for a lock */
    WRITER_DYING,   /* unwinds: its calls do nothing */
    WRITER_DOWN,
    WRITER_DONE,
} writer_state;

typedef struct writer {
    ucontext_t context;
    void *stack, *fake_stack;
    writer_state state;
    int waits_for; /* a node */
    hl_store *store;
    uint32_t n_ops; /* left */
    op_kind op;
    char target[HL_NAME_TEXT_MAX]; /* the name that is being changed, as tracked's; "": none */
    char wants[HL_NAME_TEXT_MAX];  /* the name that has to be there */
    bool may_lack;                 /* something was not there, or changed: ENOTFOUND is right */
    hl_status last;                /* of the last operation that ended */
    stored said;                   /* takes reports of progress */
} writer;

typedef struct sim_file {
    char bytes[4000];
    size_t len;
    hl_digest digest;
} sim_file;

typedef struct rates { /* one in so many calls; 0: never */
    uint32_t turns, faults, kills, cuts, leaps, full;
    call_kind fault_kind; /* CALLS_N: any */
} rates;

/* One thing that breaks, at one call of an operation (store_sweep_test.c). */
typedef struct aimed {
    bool on, lasting; /* from there on until the operation ends */
    breaking what;
    uint64_t at, n; /* calls */
    bool hit, is_short;
} aimed;

typedef struct world {
    uint64_t seed;
    hl_rng rng;
    disk disk;
    calls calls;
    rates rates;
    counts counts;
    ucontext_t context;
    void *fake_stack;
    const void *stack; /* of who looks on */
    size_t stack_bytes;
    writer writers[WRITERS_N];
    tracked names[2 * NAMES_N + 2];
    uint32_t n_names;
    size_t room;         /* bytes, while the disk is nearly full */
    uint64_t full_until; /* a call */
    bool calm;           /* nothing breaks and no time leaps: all has to go well */
    bool two_dirs;
    bool others;  /* the program without the lock runs */
    bool naming;  /* it has found or written a blob and will name it within the hour */
    op_kind only; /* OPS_N: any */
    aimed aimed;
    hl_digest gone[GONE_MAX]; /* blobs that it has taken away */
    uint32_t n_gone;
    const sim_file *files; /* [ALL_FILES_N]: FILES_N, a config, and those of the other program */
    char wrong[512];
} world;

static world *the_world;

static inline void wrong(world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline void wrong(world *w, const char *format, ...) {
    va_list args;
    if (w->wrong[0]) return;
    va_start(args, format);
    (void)vsnprintf(w->wrong, sizeof w->wrong, format, args);
    va_end(args);
    for (int i = 0; i < WRITERS_N; i++) /* what follows would say nothing */
        if (w->writers[i].state == WRITER_READY || w->writers[i].state == WRITER_WAITING)
            w->writers[i].state = WRITER_DYING;
}

static inline uint32_t below(world *w, uint32_t n) {
    return (uint32_t)hl_rng_below(&w->rng, n);
}

static inline bool one_in(world *w, uint32_t n) {
    return n > 0 && below(w, n) == 0;
}

/* -- coroutines -------------------------------------------------------------------------------- */

static inline void leave(void **fake_stack, const void *bottom, size_t bytes) {
#ifdef SIM_ASAN
    __sanitizer_start_switch_fiber(fake_stack, bottom, bytes);
#else
    (void)fake_stack, (void)bottom, (void)bytes;
#endif
}

static inline void arrive(void *fake_stack, const void **ret_bottom, size_t *ret_bytes) {
#ifdef SIM_ASAN
    __sanitizer_finish_switch_fiber(fake_stack, ret_bottom, ret_bytes);
#else
    (void)fake_stack, (void)ret_bottom, (void)ret_bytes;
#endif
}

static inline void yield(world *w, writer *me) {
    leave(&me->fake_stack, w->stack, w->stack_bytes);
    (void)swapcontext(&me->context, &w->context);
    arrive(me->fake_stack, &w->stack, &w->stack_bytes);
    w->calls.owner = (int)(me - w->writers);
}

static inline void resume(world *w, writer *who) {
    if (who->state == WRITER_NEW || who->state == WRITER_WAITING || who->state == WRITER_DOWN)
        who->state = WRITER_READY;
    w->calls.owner = (int)(who - w->writers);
    leave(&w->fake_stack, who->stack, STACK_BYTES);
    (void)swapcontext(&w->context, &who->context);
    arrive(w->fake_stack, NULL, NULL);
    w->calls.owner = -1;
}
