/* api/ollama/transfers.h
 *
 * Pulls and pushes, each on a thread of its own: they take hours where other changes of models take
 * moments, and wait for the network most of the time.  One whose client leaves ends, and what has
 * arrived stays.
 *
 * Errors: EBUSY (too many run).
 * Threads: open and close any; start the server's.
 */
#pragma once

#include "api/ollama/change.h"

#include <stdatomic.h>

enum { HL__TRANSFERS_MAX = 16 };

typedef struct hl__transfers hl__transfers;
/* Gives the change to an end. */
typedef void hl__transfer_fn(hl__change *c, const atomic_bool *cancelled);

hl_status hl__transfers_open(hl__transfers **ret, hl_error *err) HL_NODISCARD;
/* What runs ends soon. */
void hl__transfers_cancel(hl__transfers *t);
/* Cancels what runs and waits for it; accepts NULL. */
void hl__transfers_close(hl__transfers *t);
/* Takes the change; a failure is answered. */
void hl__transfers_start(hl__transfers *t, hl__change *c, hl__transfer_fn *fn);

/* What POST /api/pull and /api/push have in common: reads name and settings, checks them, starts
 * fn. */
void hl__transfers_handle(hl__visit *v, const char *type, bool name_required, hl__transfer_fn *fn);
/* The registry's side of such a change. */
struct hl_registry_ask;
hl_status hl__transfer_ask(hl__change *c, const atomic_bool *cancelled, struct hl_registry_ask *ret,
                           hl_error *err) HL_NODISCARD;
