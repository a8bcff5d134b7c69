/* text/template_eval.h
 *
 * Walking the tree: scopes, expressions (template_eval.c), statements and macros
 * (template_exec.c), operators and access to parts of values (template_ops.c), text of
 * values (template_text.c), walking over values (template_iter.c).
 */
#pragma once

#include "text/template_ast.h"
#include "text/template_builtin.h"
#include "text/template_run.h"

/* ---- scopes ---- */

typedef struct tpl_binding {
    uint32_t sym;
    tpl_value value;
} tpl_binding;

/* Names of a body; a loop empties its scope before each round. */
struct tpl_scope {
    tpl_scope *parent;
    tpl_binding *bindings;
    uint32_t n, cap;
};

hl_status hl__tpl_scope_new(tpl_run *r, tpl_scope *parent, tpl_scope **ret) HL_NODISCARD;
hl_status hl__tpl_scope_set(tpl_run *r, tpl_scope *s, uint32_t sym, tpl_value v) HL_NODISCARD;
/* Scopes from the inside out, then the variables of the caller, then the globals, else undefined.
 */
hl_status hl__tpl_scope_get(tpl_run *r, tpl_scope *s, uint32_t sym, tpl_value *ret) HL_NODISCARD;

/* ---- template_eval.c, template_exec.c ---- */

hl_status hl__tpl_eval(tpl_run *r, tpl_scope *s, const tpl_node *n, tpl_value *ret) HL_NODISCARD;
hl_status hl__tpl_eval_args(tpl_run *r, tpl_scope *s, const tpl_nodes *list,
                            tpl_args *ret) HL_NODISCARD;
hl_status hl__tpl_exec(tpl_run *r, tpl_scope *s, const tpl_nodes *body) HL_NODISCARD;
/* Whatever can be called: macros, builtins, methods, recursive loops, joiners. */
hl_status hl__tpl_call_value(tpl_run *r, const tpl_value *callee, const tpl_args *args,
                             tpl_value *ret) HL_NODISCARD;

struct tpl_macro {
    const tpl_node *node;
    tpl_scope *closure;
};
hl_status hl__tpl_macro_call(tpl_run *r, const tpl_macro *m, const tpl_args *args,
                             tpl_value *ret) HL_NODISCARD;

/* ---- template_ops.c ---- */

hl_status hl__tpl_binary(tpl_run *r, char op, const tpl_value *a, const tpl_value *b,
                         tpl_value *ret) HL_NODISCARD;
hl_status hl__tpl_sign(tpl_run *r, bool negative, const tpl_value *a, tpl_value *ret) HL_NODISCARD;
hl_status hl__tpl_contains(tpl_run *r, const tpl_value *in, const tpl_value *what,
                           bool *ret) HL_NODISCARD;
/* obj.name: methods first, then keys. */
hl_status hl__tpl_get_attr(tpl_run *r, const tpl_value *of, hl_str name,
                           tpl_value *ret) HL_NODISCARD;
/* obj[key]: keys and positions first, then methods. */
hl_status hl__tpl_get_item(tpl_run *r, const tpl_value *of, const tpl_value *key,
                           tpl_value *ret) HL_NODISCARD;
/* text * n */
hl_status hl__tpl_repeat(tpl_run *r, hl_str s, int64_t n, tpl_value *ret) HL_NODISCARD;

/* ---- template_text.c ---- */

enum { TPL_FLOAT_MAX = 32 };
/* Python's repr of a float; returns the length. */
size_t hl__tpl_float_repr(double f, char out[TPL_FLOAT_MAX]);
/* str(v) and repr(v), appended to r->out. */
hl_status hl__tpl_append_str(tpl_run *r, const tpl_value *v) HL_NODISCARD;
hl_status hl__tpl_append_repr(tpl_run *r, const tpl_value *v) HL_NODISCARD;
/* str(v): strings are given back as they are. */
hl_status hl__tpl_to_str(tpl_run *r, const tpl_value *v, tpl_value *ret) HL_NODISCARD;
/* v with & < > " ' as references, unless it is safe already; the result is safe. */
hl_status hl__tpl_escape(tpl_run *r, const tpl_value *v, tpl_value *ret) HL_NODISCARD;
void hl__tpl_append_escaped(tpl_run *r, hl_str s);

/* template_json.c: json.dumps. */
typedef struct tpl_json_style {
    bool ascii, sort_keys, indented;
    hl_str indent, comma, colon;
} tpl_json_style;
hl_status hl__tpl_append_json(tpl_run *r, const tpl_value *v, const tpl_json_style *style,
                              uint32_t level) HL_NODISCARD;

/* template_format.c: "…" % values, and "…".format(…) with the plain arguments and the named. */
hl_status hl__tpl_percent(tpl_run *r, const tpl_value *fmt, const tpl_value *values,
                          tpl_value *ret) HL_NODISCARD;
hl_status hl__tpl_format(tpl_run *r, const tpl_value *fmt, const tpl_args *args,
                         tpl_value *ret) HL_NODISCARD;
/* template_strftime.c: of seconds since 1970; appended to r->out. */
void hl__tpl_append_strftime(tpl_run *r, hl_str fmt, int64_t t);

/* ---- template_iter.c ---- */

typedef struct tpl_mapper tpl_mapper;

typedef enum tpl_iter_kind {
    TPL_I_EMPTY,
    TPL_I_LIST,
    TPL_I_REVERSED, /* a list from its end */
    TPL_I_STR,
    TPL_I_DICT,
    TPL_I_RANGE,
    TPL_I_SHARED, /* takes from `inner`, which others may take from too */
    TPL_I_MAP,
    TPL_I_SELECT
} tpl_iter_kind;

struct tpl_iter {
    tpl_iter_kind kind;
    tpl_value of;
    size_t at;
    tpl_iter *inner;
    const tpl_mapper *mapper;
};

/* What map, select and their like do to each item. */
struct tpl_mapper {
    const tpl_builtin *fn; /* filter or test; NULL: the item, or its truth */
    tpl_args args;
    hl_str attribute;    /* dotted; ptr NULL: the item itself */
    tpl_value position;  /* an integer instead of a dotted name */
    tpl_value otherwise; /* for undefined attributes */
    bool negated;
};

/* EFORMAT: "'int' object is not iterable". */
hl_status hl__tpl_iter_open(tpl_run *r, const tpl_value *v, tpl_iter *ret) HL_NODISCARD;
hl_status hl__tpl_iter_next(tpl_run *r, tpl_iter *it, tpl_value *ret, bool *more) HL_NODISCARD;
bool hl__tpl_iterable(const tpl_value *v);
/* A generator that walks as `it` does. */
hl_status hl__tpl_iter_value(tpl_run *r, tpl_iter it, tpl_value *ret) HL_NODISCARD;
/* list(v): always a new list. */
hl_status hl__tpl_collect(tpl_run *r, const tpl_value *v, tpl_value *ret) HL_NODISCARD;
/* v.a.b.0: what the attribute arguments of filters mean. */
hl_status hl__tpl_get_path(tpl_run *r, const tpl_value *of, hl_str path, const tpl_value *otherwise,
                           tpl_value *ret) HL_NODISCARD;

/* ---- loops (template_loop.c) ---- */

struct tpl_loop {
    tpl_iter it;
    const tpl_node *node;
    tpl_scope *outer;
    int64_t index0;
    int64_t length;                        /* -1: not known yet */
    tpl_value of, previous, current, next; /* TPL_MISSING: none, or not looked at yet */
    tpl_value changed;                     /* what loop.changed saw last */
    uint32_t depth0;
    bool completed; /* a round came to its end: else is for loops where none did, also if
                       break or continue were why (Jinja's own understanding of else) */
    bool tested;    /* what `it` gives has passed the loop's test */
};
hl_status hl__tpl_loop_attr(tpl_run *r, tpl_loop *l, hl_str name, tpl_value *ret) HL_NODISCARD;
hl_status hl__tpl_loop_run(tpl_run *r, tpl_scope *s, const tpl_node *n, const tpl_value *over,
                           uint32_t depth0) HL_NODISCARD;
/* Sets names of the target, unpacking where it is a tuple. */
hl_status hl__tpl_assign(tpl_run *r, tpl_scope *s, const tpl_node *target,
                         const tpl_value *v) HL_NODISCARD;

/* joiner and cycler */
struct tpl_object {
    bool cycler;
    bool used;        /* joiner: was called */
    tpl_value values; /* cycler: list; joiner: separator */
    size_t at;
};
