/* engine/engine.h
 *
 * One interface for every engine: native, fake, and servers elsewhere.  Five verbs; the
 * contract (exactly one terminal event a sequence, events in order) is tested once against every
 * engine by tests/conformance/engine_test.c, and the inline wrappers here assert it on both sides.
 *
 * Threads: one caller at a time, except cancel, which may come from any thread.
 */
#pragma once

#include "engine/request.h"

typedef struct hl_engine hl_engine;

/* What an engine can do; constant for an engine's lifetime. */
typedef struct hl_engine_caps {
    bool takes_tokens;   /* wants hl_request.tokens */
    bool takes_messages; /* renders its own template */
    bool embeds, structured_output, tools;
    uint32_t seqs_max; /* live at once */
    uint32_t ctx_max;  /* tokens of one sequence */
} hl_engine_caps;

typedef struct hl_engine_ops {
    const char *name;

    /* Queue one generation.  req is borrowed for the call only.  seq is the caller's, not live now.
     * EBUSY when seqs_max are live; ELIMIT when the prompt exceeds the context. */
    hl_status (*submit)(hl_engine *e, hl_seq_id seq, const hl_request *req, uint64_t now_ns,
                        hl_error *err);

    /* Ask to stop.  Never fails, may be repeated, may name a sequence that is gone.  Exactly one
     * FINISHED or FAILED event still follows for a live seq; after it the engine has forgotten it.
     */
    void (*cancel)(hl_engine *e, hl_seq_id seq);

    /* Do a bounded amount of work and report at most cap events (cap >= 1), in order for each
     * sequence.  Texts are borrowed until the next step.  AGAIN: nothing to do before wake_at().
     * A negative status means the engine itself is lost; a failed sequence is an event. */
    hl_status (*step)(hl_engine *e, uint64_t now_ns, hl_event *ret, size_t cap, size_t *ret_n,
                      hl_error *err);

    /* When step is worth calling again (UINT64_MAX: after a submit or cancel); *ret_fd is -1 or a
     * descriptor to poll. */
    uint64_t (*wake_at)(const hl_engine *e, int *ret_fd);

    void (*destroy)(hl_engine *e); /* accepts NULL; joins its threads */
} hl_engine_ops;

struct hl_engine {
    const hl_engine_ops *ops; /* first member of every engine */
    hl_engine_caps caps;
};

/* The way in for callers: the table's entries with the contract asserted on both sides. */
static inline hl_status hl_engine_submit(hl_engine *e, hl_seq_id seq, const hl_request *req,
                                         uint64_t now_ns, hl_error *err) {
    HL_ASSERT(req->n_tokens == 0 || req->tokens);
    hl_status st = e->ops->submit(e, seq, req, now_ns, err);
    HL_ASSERT(st <= 0);
    return st;
}

static inline void hl_engine_cancel(hl_engine *e, hl_seq_id seq) {
    e->ops->cancel(e, seq);
}

static inline hl_status hl_engine_step(hl_engine *e, uint64_t now_ns, hl_event *ret, size_t cap,
                                       size_t *ret_n, hl_error *err) {
    HL_ASSERT(cap >= 1);
    *ret_n = 0;
    hl_status st = e->ops->step(e, now_ns, ret, cap, ret_n, err);
    HL_ASSERT(*ret_n <= cap);
    HL_ASSERT(st != HL_AGAIN || *ret_n == 0);
    return st;
}

static inline uint64_t hl_engine_wake_at(const hl_engine *e, int *ret_fd) {
    return e->ops->wake_at(e, ret_fd);
}

static inline void hl_engine_destroy(hl_engine *e) {
    if (e) e->ops->destroy(e);
}
