/* text/template_run.h
 *
 * One rendering: its memory, its limits, its output, its error.  Everything that runs
 * takes the run first and reports through it, so the error's place (the node at work) is
 * written in one function.
 *
 * Text is built at the end of the run's only buffer, as on a stack: begin, append, end.  What a
 * macro, a set block or a filter makes is cut off the output again the same way.
 *
 * Limits: steps (about one per node, plus one per 64 bytes moved or 8 entries looked at),
 * depth (nested evaluations, values and generators alike), bytes of output, bytes of the arena.
 */
#pragma once

#include "base/arena.h"
#include "text/template.h"
#include "text/template_value.h"

typedef struct tpl_scope tpl_scope;
typedef struct tpl_node tpl_node;

typedef enum tpl_flow { TPL_FLOW_ON, TPL_FLOW_BREAK, TPL_FLOW_CONTINUE } tpl_flow;

struct tpl_run {
    const hl_template *t;
    const hl_template_limits *limits;
    hl_arena *arena;
    hl_buf out;
    hl_error *err; /* may be NULL */
    uint64_t steps;
    uint32_t depth;
    uint32_t at;   /* byte offset of the node at work */
    tpl_flow flow; /* set by break and continue, cleared by their loop */
    int64_t now_s;
    struct json_object *variables; /* borrowed */
    tpl_scope *root;               /* what the template sets outside of everything */
    tpl_value captured;            /* body of the filter block at work */
    const char *tail;              /* end of the newest concatenation … */
    size_t tail_room;              /* … and the bytes that are free behind it */
};

/* Fills the error with "NAME:LINE:COLUMN: …". */
#define hl__tpl_fail(...) hl__negative(hl__tpl_fail_at_node(__VA_ARGS__))
hl_status hl__tpl_fail_at_node(tpl_run *r, hl_status st, const char *fmt, ...) HL_PRINTF(3, 4);
/* What an undefined value says when somebody uses it. */
hl_status hl__tpl_fail_undefined(tpl_run *r, const tpl_value *v);

/* Counts work; ELIMIT past the limit. */
hl_status hl__tpl_charge(tpl_run *r, uint64_t steps) HL_NODISCARD;
static inline hl_status hl__tpl_charge_bytes(tpl_run *r, size_t bytes) {
    return hl__tpl_charge(r, bytes / 64);
}
/* Around whatever may nest; leave only after a successful enter. */
hl_status hl__tpl_enter(tpl_run *r) HL_NODISCARD;
static inline void hl__tpl_leave(tpl_run *r) {
    HL_DASSERT(r->depth > 0);
    r->depth--;
}

/* n * size zeroed bytes that live as long as the run. */
hl_status hl__tpl_alloc(tpl_run *r, size_t n, size_t size, void **ret) HL_NODISCARD;

static inline size_t hl__tpl_text_begin(const tpl_run *r) {
    return r->out.len;
}
/* What was appended to r->out since begin becomes a string and leaves the buffer. */
hl_status hl__tpl_text_end(tpl_run *r, size_t begin, tpl_value *ret) HL_NODISCARD;
/* A string of the run with this content. */
hl_status hl__tpl_text_copy(tpl_run *r, hl_str s, tpl_value *ret) HL_NODISCARD;
hl_status hl__tpl_printf(tpl_run *r, tpl_value *ret, const char *fmt, ...)
    HL_PRINTF(3, 4) HL_NODISCARD;
/* a followed by b; extends a in place where a is the newest concatenation, so that building a
 * text piece by piece costs its length and not its square. */
hl_status hl__tpl_concat(tpl_run *r, hl_str a, hl_str b, tpl_value *ret) HL_NODISCARD;
/* HL_OK while the output buffer is well, else its error. */
hl_status hl__tpl_out_check(tpl_run *r) HL_NODISCARD;
