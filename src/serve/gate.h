/* serve/gate.h
 *
 * Who may ask, by key: whether a key is wanted, which one this is, and how much it may ask.  Keys
 * that are made and revoked while the server runs count at once.
 *
 * A server that only this machine reaches wants none as long as there is no good one; one that is
 * reached from elsewhere wants one always, or never, as it was told.
 *
 * Errors of open: those of serve/keys.h.
 * Threads: any.
 */
#pragma once

#include "serve/keys.h"

typedef struct hl_gate hl_gate;

typedef enum hl_gate_wants { HL_GATE_IF_ANY, HL_GATE_ALWAYS, HL_GATE_NEVER } hl_gate_wants;

typedef enum hl_gate_answer {
    HL_GATE_OPEN,     /* comes in; with an id, leave it again with hl_gate_leave */
    HL_GATE_NO_KEY,   /* one is wanted, none was given */
    HL_GATE_BAD_KEY,  /* unknown or revoked */
    HL_GATE_TOO_FAST, /* more a minute than it may */
    HL_GATE_TOO_MANY, /* more at once than it may */
    HL_GATE_BROKEN    /* auth.db cannot be read any more: nobody comes in */
} hl_gate_answer;

typedef struct hl_gate_pass {
    int64_t key_id;   /* 0: none was wanted */
    uint32_t retry_s; /* of TOO_FAST and TOO_MANY: when to try again */
} hl_gate_pass;

/* limits: of keys that have none of their own. */
hl_status hl_gate_open(const char *path, hl_gate_wants wants, hl_key_limits limits, hl_gate **ret,
                       hl_error *err) HL_NODISCARD;
void hl_gate_close(hl_gate *g); /* accepts NULL */

/* Whether there is a good key now. */
bool hl_gate_has_keys(hl_gate *g);
/* key: as the client gave it; empty: none. */
hl_gate_answer hl_gate_enter(hl_gate *g, hl_str key, uint64_t now_ns, hl_gate_pass *ret);
void hl_gate_leave(hl_gate *g, int64_t key_id);
