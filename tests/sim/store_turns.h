/* What happens at each system call in the simulation of the store, and whose turn it is. */
#pragma once

#include "sim/store_checks.h"

/* -- at every call ----------------------------------------------------------------------------- */

static inline void die(writer *me) {
    if (me->state == WRITER_READY || me->state == WRITER_WAITING) me->state = WRITER_DYING;
}

static inline void kill_writer(world *w, writer *me) {
    w->counts.kills++;
    die(me);
    calls_end_process((int)(me - w->writers));
    check_world(w);
}

/* What is there now is there for good. */
static inline void settle_all(world *w) {
    for (uint32_t i = 0; i < w->n_names; i++) {
        w->names[i].loose = false;
        settle(w, w->names[i].path);
    }
}

static inline void cut_power(world *w, disk_mercy mercy) {
    w->counts.cuts++;
    for (int i = 0; i < WRITERS_N; i++) {
        die(&w->writers[i]);
        calls_end_process(i);
    }
    disk_cut(&w->disk, mercy, &w->rng);
    check_world(w);
    settle_all(w);
}

static const int ERRORS[] = {
    [BREAK_IO] = EIO, [BREAK_FULL] = ENOSPC, [BREAK_QUOTA] = EDQUOT, [BREAK_SIGNAL] = EINTR};

static inline bool fail_call(world *w, call_kind kind, breaking how) {
    w->counts.broken[kind][how]++;
    errno = ERRORS[how];
    return true;
}

static inline bool break_call(world *w, call_kind kind) {
    static const breaking how[] = {BREAK_IO, BREAK_FULL, BREAK_IO, BREAK_QUOTA};
    const rates *r = &w->rates;
    if (call_can_break(kind, BREAK_SIGNAL) && !w->aimed.on && one_in(w, 20))
        return fail_call(w, kind, BREAK_SIGNAL);
    bool may = r->fault_kind == CALLS_N || r->fault_kind == kind;
    if (kind == CALL_CLOSE || !may || !one_in(w, r->faults)) return false;
    return fail_call(w, kind, how[below(w, 4)]);
}

static inline void end_life(world *w, writer *me, call_kind kind, breaking how) {
    w->counts.broken[kind][how]++;
    if (how == BREAK_KILL)
        kill_writer(w, me);
    else
        cut_power(w, (disk_mercy)below(w, MERCIES_N));
}

/* The one thing that was aimed at.  True: the call fails, with errno. */
static inline bool break_aimed(world *w, writer *me, call_kind kind) {
    aimed *a = &w->aimed;
    uint64_t n = a->n++;
    a->is_short = false;
    if (n < a->at || (n > a->at && !a->lasting) || !call_can_break(kind, a->what)) return false;
    a->hit = true;
    if (a->what == BREAK_KILL || a->what == BREAK_CUT) {
        end_life(w, me, kind, a->what);
        errno = EIO;
        return true;
    }
    if (a->what != BREAK_SHORT) return fail_call(w, kind, a->what);
    a->is_short = true;
    return false;
}

static inline void leap(world *w) {
    w->counts.leaps++;
    w->calls.now_ns += (int64_t)below(w, 5000) * SECOND_NS;
}

static bool before(call_kind kind) {
    world *w = the_world;
    if (w->calls.owner < 0) return false;
    writer *me = &w->writers[w->calls.owner];
    if (me->state != WRITER_DYING) {
        w->calls.now_ns += 1000;
        w->counts.reached[me->op][kind]++;
        if (++w->counts.calls > CALLS_MAX) wrong(w, "it does not end");
        if (one_in(w, w->rates.turns)) {
            w->counts.turns++;
            yield(w, me);
        }
    }
    if (me->state != WRITER_DYING) {
        if (!w->naming && one_in(w, w->rates.leaps)) leap(w);
        if (one_in(w, w->rates.kills)) end_life(w, me, kind, BREAK_KILL);
        if (one_in(w, w->rates.cuts)) end_life(w, me, kind, BREAK_CUT);
    }
    errno = EIO;
    if (me->state == WRITER_DYING) return true;
    return w->aimed.on ? break_aimed(w, me, kind) : break_call(w, kind);
}

static void wait_for_lock(int node) {
    world *w = the_world;
    HL_ASSERT(w->calls.owner >= 0); /* who looks on finds no lock taken */
    writer *me = &w->writers[w->calls.owner];
    if (me->state == WRITER_DYING) return;
    me->state = WRITER_WAITING;
    me->waits_for = node;
    yield(w, me);
}

/* Short writes, and the end of the disk's room. */
static size_t room(size_t bytes) {
    world *w = the_world;
    if (w->calls.owner < 0) return bytes;
    if (w->counts.calls >= w->full_until && one_in(w, w->rates.full)) {
        w->full_until = w->counts.calls + below(w, 200);
        w->room = below(w, 1000);
    }
    bool is_short = w->aimed.on ? w->aimed.is_short : one_in(w, 4);
    if (bytes > 1 && is_short) {
        bytes = 1 + below(w, (uint32_t)bytes - 1);
        w->counts.broken[CALL_WRITE][BREAK_SHORT]++;
    }
    if (w->counts.calls >= w->full_until) return bytes;
    if (bytes > w->room) bytes = w->room;
    w->room -= bytes;
    return bytes;
}

/* -- a writer's life --------------------------------------------------------------------------- */

/* One of store_ops.h, or of store_theirs.h. */
static hl_status run_op(world *w, writer *me, hl_error *err);

/* Whether an operation may fail like this although nothing breaks. */
static inline bool is_excused(world *w, const writer *me, hl_status st) {
    if (me->op == OP_THEIRS) return true;
    if (st == HL_ENOTFOUND) return me->may_lack;
    if (st == HL_EFORMAT) return w->others; /* a manifest of theirs, half written */
    return st == HL_EUNSUPPORTED && me->op == OP_DELETE && w->two_dirs;
}

static inline bool is_target_of_another(const world *w, const writer *me) {
    for (int i = 0; i < WRITERS_N; i++)
        if (&w->writers[i] != me && strcmp(w->writers[i].target, me->target) == 0) return true;
    return false;
}

static inline void finish_op(world *w, writer *me, hl_status st, const hl_error *err) {
    if (calls_n_open((int)(me - w->writers)) > 0) wrong(w, "files stay open");
    me->last = st;
    if (st >= 0) w->counts.ops_done++;
    if (st >= 0) w->counts.done[me->op]++;
    if (st < 0 && w->calm && !is_excused(w, me, st))
        wrong(w, "%s fails for no reason: %s", OP_NAMES[me->op], err->text);
    if (st >= 0 && me->target[0] && !is_theirs(me->target) && !is_target_of_another(w, me))
        settle(w, me->target);
}

static inline void open_store(const world *w, writer *me) {
    const char *dirs[] = {MODELS, BEHIND};
    hl_error err;
    hl_store_close(me->store);
    if (hl_store_open(dirs, w->two_dirs ? 2 : 1, &me->store, &err) < 0) fail_msg("%s", err.text);
}

static inline void begin_op(world *w, writer *me) {
    w->counts.ops++;
    me->said.said[0] = me->wants[0] = '\0';
    me->may_lack = w->n_gone > 0;
    me->last = HL_EIO;
}

static inline void live(world *w, writer *me) {
    for (; me->n_ops > 0 && !w->wrong[0]; me->n_ops--) {
        hl_error err = {0};
        begin_op(w, me);
        hl_status st = run_op(w, me, &err);
        if (me->state == WRITER_DYING) {
            w->counts.ops_lost++;
            me->target[0] = '\0';
            me->state = WRITER_DOWN;
            if (me->op == OP_THEIRS) w->naming = false;
            yield(w, me);
            open_store(w, me);
        } else {
            finish_op(w, me, st, &err);
        }
        me->target[0] = '\0';
        w->calls.now_ns += SECOND_NS;
    }
}

static void writer_main(int i) {
    world *w = the_world;
    writer *me = &w->writers[i];
    arrive(NULL, &w->stack, &w->stack_bytes);
    for (;;) {
        open_store(w, me);
        live(w, me);
        hl_store_close(me->store);
        me->store = NULL;
        me->state = WRITER_DONE;
        yield(w, me);
    }
}

static inline bool can_run(const world *w, const writer *me, bool dying) {
    if (dying) return me->state == WRITER_DYING;
    return me->state == WRITER_NEW || me->state == WRITER_READY || me->state == WRITER_DOWN ||
           (me->state == WRITER_WAITING && w->disk.nodes[me->waits_for].lock == DISK_NONE);
}

/* One of those that can run; who is dying goes first.  NULL: nobody. */
static inline writer *next_writer(world *w) {
    bool dying = false;
    writer *can[WRITERS_N];
    uint32_t n = 0;
    for (int i = 0; i < WRITERS_N; i++) dying = dying || w->writers[i].state == WRITER_DYING;
    for (int i = 0; i < WRITERS_N; i++)
        if (can_run(w, &w->writers[i], dying)) can[n++] = &w->writers[i];
    return n > 0 ? can[below(w, n)] : NULL;
}

static inline void run_writers(world *w) {
    for (writer *next = next_writer(w); next; next = next_writer(w)) resume(w, next);
    for (int i = 0; i < WRITERS_N; i++) {
        if (w->writers[i].state == WRITER_DONE) continue;
        wrong(w, "a lock is never given back");
        while (w->writers[i].state != WRITER_DONE) resume(w, &w->writers[i]);
    }
}
