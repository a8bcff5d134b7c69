/* serve/work.h
 *
 * One thread for what takes long and belongs to no model's thread: making, copying and deleting
 * models.  Jobs run one after the other in the order in which they came.
 *
 * Errors of submit: EBUSY (too many wait), ECANCELLED (the worker ends).
 * Threads: any.
 */
#pragma once

#include "base/status.h"

enum { HL_WORK_QUEUE_MAX = 64 };

typedef struct hl_work hl_work;
typedef void hl_work_fn(void *arg);

hl_status hl_work_open(hl_work **ret, hl_error *err) HL_NODISCARD;
/* Ends the jobs that have begun or wait, and joins the thread; NULL is fine. */
void hl_work_close(hl_work *w);
/* fn(arg) is called exactly once, unless this fails. */
hl_status hl_work_submit(hl_work *w, hl_work_fn *fn, void *arg, hl_error *err) HL_NODISCARD;
