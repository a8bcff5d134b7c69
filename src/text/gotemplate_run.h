/* text/gotemplate_run.h: one rendering, and what its parts share. */
#pragma once

#include "text/gotemplate_ast.h"

typedef enum go_flow { GO_FLOW_ON, GO_FLOW_BREAK, GO_FLOW_CONTINUE } go_flow;

typedef struct go_var {
    hl_str name;
    go_value value;
} go_var;

typedef struct go_run {
    const hl_gotemplate *t;
    const hl_gotemplate_how *how;
    hl_error *err;
    hl_arena *arena;
    hl_buf out;
    hl_str name;      /* of the template that runs */
    uint32_t at, end; /* of the operand that is evaluated */
    uint32_t cut_at;  /* nodes behind this offset are not there */
    uint64_t steps;
    uint32_t depth;
    go_flow flow;
    go_var *vars; /* those of outer templates are below `base` */
    size_t n_vars, vars_cap, base;
} go_run;

/* Fails with the place of what is evaluated. */
#define hl__go_fail(r, st, ...) hl__negative(hl__go_fail_(r, st, __VA_ARGS__))
hl_status hl__go_fail_(go_run *r, hl_status st, const char *fmt, ...) HL_PRINTF(3, 4);
hl_status hl__go_charge(go_run *r, uint64_t steps) HL_NODISCARD;
/* One step for every 32 bytes. */
hl_status hl__go_charge_bytes(go_run *r, size_t bytes) HL_NODISCARD;
/* Variable i has been found, from the last one on: one step for every 16 that were looked at. */
hl_status hl__go_charge_search(go_run *r, size_t i) HL_NODISCARD;
hl_status hl__go_deeper(go_run *r) HL_NODISCARD; /* undone by r->depth-- */
hl_status hl__go_take(go_run *r, size_t n, size_t size, void **ret) HL_NODISCARD;
/* An output buffer with the run's limit; hl__go_text_end makes a text in the arena of it and
 * gives its memory back, also on failure. */
hl_buf hl__go_text_begin(const go_run *r);
hl_status hl__go_text_end(go_run *r, hl_buf *b, go_value *ret) HL_NODISCARD;
hl_status hl__go_entries_of(go_run *r, const go_value *v, go_entry **ret) HL_NODISCARD;

hl_status hl__go_var_set(go_run *r, hl_str name, const go_value *v) HL_NODISCARD;
hl_status hl__go_var_add(go_run *r, hl_str name, const go_value *v) HL_NODISCARD;

/* pipe may be NULL: no value. */
hl_status hl__go_eval_pipe(go_run *r, const go_value *dot, const go_pipe *pipe,
                           go_value *ret) HL_NODISCARD;
hl_status hl__go_exec(go_run *r, const go_value *dot, const go_node *list) HL_NODISCARD;

/* Functions.  Arguments are given without GO_NIL: that is GO_NONE there. */
typedef hl_status go_call(go_run *r, const go_value *args, size_t n, go_value *ret);
struct go_function {
    const char *name;
    size_t n_fixed;
    bool variadic, first_is_text, all_are_text;
    go_call *call; /* NULL: and, or, which evaluate their arguments one by one */
};
const go_function *hl__go_find_function(hl_str name);

go_call hl__go_eq, hl__go_ne, hl__go_lt, hl__go_le, hl__go_gt, hl__go_ge;
go_call hl__go_index, hl__go_slice, hl__go_len;

/* Printing as fmt does.  What the buffer cannot take shows in it. */
hl_status hl__go_print_value(go_run *r, const go_value *v, hl_buf *b) HL_NODISCARD;
/* Sprint: blanks between two values when neither is a text; with lines: Sprintln. */
hl_status hl__go_sprint(go_run *r, const go_value *args, size_t n, bool lines,
                        hl_buf *b) HL_NODISCARD;
/* args[0] is the format, a text. */
hl_status hl__go_sprintf(go_run *r, const go_value *args, size_t n, hl_buf *b) HL_NODISCARD;

/* What encoding/json makes of a value. */
hl_status hl__go_json(go_run *r, const go_value *v, hl_buf *b) HL_NODISCARD;
