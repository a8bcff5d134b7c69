/* api/ollama/change.h
 *
 * A request that changes models: read on the server's thread, done and answered on the worker's
 * (serve/work.h), as lines of progress or as one object.
 *
 *     hl__change_make → the route reads its fields → hl__change_start → run → one of the ends
 *
 * A client that leaves stops nothing: what was asked for is done.
 *
 * Ownership: start takes the change; run gives it to an end.
 * Threads: make to start on the server's, run and the ends on the worker's.
 */
#pragma once

#include "api/fields.h"
#include "api/visit.h"
#include "store/create.h"

typedef struct hl__change hl__change;
typedef void hl__change_fn(hl__change *c);

struct hl__change {
    hl__visit visit;
    hl__fields body; /* owned */
    hl_arena *arena; /* owned; of what the route reads */
    hl__change_fn *run;
    bool stream, begun;    /* begun: a line is written */
    hl_name name, source;  /* what it is about */
    hl_create create;      /* of /api/create */
    const char *from_path; /* its parent, read as a file's path; NULL: it can be none */
};

/* Parses the body; on failure everything is answered and NULL is returned. */
hl__change *hl__change_make(const hl__visit *v, const char *type);
void hl__change_start(hl__change *c, hl__change_fn *run);
void hl__change_drop(hl__change *c);
/* On the server's thread, before start: answers and drops. */
void hl__change_fail(hl__change *c, const hl_error *err);

/* A line of progress, in a stream. */
void hl__change_say(hl__change *c, const hl_create_progress *p);

/* The ends: each answers and drops.  With progress, an error before the first line has its status,
 * later it is a line. */
void hl__change_end_empty(hl__change *c);
void hl__change_end_success(hl__change *c);
void hl__change_end_error(hl__change *c, int status, hl_str text);
/* The same by the error's own status; with progress the type is the plain one of /api/create. */
void hl__change_end_failure(hl__change *c, const hl_error *err);

/* "model", or its old key "name"; empty: neither. */
hl_status hl__change_read_model(const hl__change *c, hl_str *ret, hl_error *err) HL_NODISCARD;
