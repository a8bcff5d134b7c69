/* What a run of the simulation has come by: how often each operation made each kind of call, what
 * was broken there, what went well.  What never happens proves nothing. */
#pragma once

#include "sim/store_calls.h"

typedef enum op_kind {
    OP_CREATE,
    OP_COPY,
    OP_DELETE,
    OP_PRUNE,
    OP_PULL,
    OP_LIST,
    OP_UPLOAD,
    OP_THEIRS, /* by one who knows no lock */
    OPS_N
} op_kind;

typedef enum breaking {
    BREAK_IO,
    BREAK_FULL,
    BREAK_QUOTA,
    BREAK_SIGNAL, /* EINTR */
    BREAK_SHORT,  /* not all bytes are written */
    BREAK_KILL,
    BREAK_CUT,
    BREAKS_N
} breaking;

typedef struct counts {
    uint64_t ops, ops_done, ops_lost, calls, turns, leaps, kills, cuts, deleted_blobs, vanished;
    uint64_t reached[OPS_N][CALLS_N], done[OPS_N], broken[CALLS_N][BREAKS_N];
} counts;

static const char *const OP_NAMES[OPS_N] = {"create", "copy", "delete", "prune",
                                            "pull",   "list", "upload", "theirs"};
static const char *const CALL_NAMES[CALLS_N] = {"look", "read",   "make", "write", "sync",
                                                "move", "remove", "lock", "close"};
static const char *const BREAK_NAMES[BREAKS_N] = {"EIO",   "ENOSPC", "EDQUOT", "EINTR",
                                                  "short", "kill",   "power"};

static inline void counts_add(counts *to, const counts *from) {
    uint64_t *sum = (uint64_t *)to;
    const uint64_t *more = (const uint64_t *)from;
    for (size_t i = 0; i < sizeof *to / sizeof *sum; i++) sum[i] += more[i];
}

/* -- what can happen --------------------------------------------------------------------------- */

/* Listing changes nothing; deleting and pruning write no bytes; uploads read none. */
static inline bool op_can_reach(op_kind op, call_kind call) {
    switch (call) {
    case CALL_LOOK:
    case CALL_CLOSE: return true;
    case CALL_READ: return op != OP_UPLOAD && op != OP_THEIRS;
    case CALL_WRITE:
    case CALL_MOVE: return op != OP_LIST && op != OP_DELETE && op != OP_PRUNE;
    case CALL_LOCK: return op != OP_LIST && op != OP_THEIRS;
    default: return op != OP_LIST;
    }
}

static inline bool call_can_break(call_kind call, breaking how) {
    if (how == BREAK_KILL || how == BREAK_CUT) return true;
    if (how == BREAK_SIGNAL) return call == CALL_WRITE || call == CALL_LOCK;
    if (how == BREAK_SHORT) return call == CALL_WRITE;
    return call != CALL_CLOSE;
}

/* -- the table --------------------------------------------------------------------------------- */

static inline void counts_print(const counts *c) {
    print_message("%-8s", "");
    for (int k = 0; k < CALLS_N; k++) print_message("%10s", CALL_NAMES[k]);
    print_message("%10s\n", "went well");
    for (int op = 0; op < OPS_N; op++) {
        print_message("%-8s", OP_NAMES[op]);
        for (int k = 0; k < CALLS_N; k++)
            print_message("%10llu", (unsigned long long)c->reached[op][k]);
        print_message("%10llu\n", (unsigned long long)c->done[op]);
    }
    for (int b = 0; b < BREAKS_N; b++) {
        print_message("%-8s", BREAK_NAMES[b]);
        for (int k = 0; k < CALLS_N; k++)
            print_message("%10llu", (unsigned long long)c->broken[k][b]);
        print_message("\n");
    }
}

/* All has happened that can, and nothing else; without: bits of operations that were not tried.
 * NULL, or what is amiss. */
static inline const char *counts_amiss(const counts *c, uint32_t without_ops) {
    for (int op = 0; op < OPS_N; op++) {
        if (without_ops & 1u << op) continue;
        if (c->done[op] == 0) return OP_NAMES[op];
        for (int k = 0; k < CALLS_N; k++)
            if ((c->reached[op][k] > 0) != op_can_reach((op_kind)op, (call_kind)k))
                return CALL_NAMES[k];
    }
    for (int k = 0; k < CALLS_N; k++)
        for (int b = 0; b < BREAKS_N; b++)
            if (call_can_break((call_kind)k, (breaking)b) && c->broken[k][b] == 0)
                return BREAK_NAMES[b];
    return NULL;
}

static inline void counts_check(const counts *c, uint32_t without_ops) {
    const char *amiss = counts_amiss(c, without_ops);
    if (amiss || getenv("HL_SIM_TABLE")) counts_print(c);
    if (amiss) fail_msg("%s: never tried, or where it should not be", amiss);
}
