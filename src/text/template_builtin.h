/* text/template_builtin.h
 *
 * How filters, tests, methods and global functions are written: a row in a table with
 * the names of the parameters, and a function that finds its arguments in that order.
 *
 *     {"replace", "s old new count?", replace}
 *
 * A '?' marks a parameter that may be missing (TPL_MISSING), a last "*" takes all further
 * plain arguments, a last "**" also named ones.  The first parameter is the filtered value, the
 * tested value, or the object that the method belongs to.
 */
#pragma once

#include "text/template_run.h"

typedef struct tpl_named {
    hl_str name;
    tpl_value value;
} tpl_named;

typedef struct tpl_args {
    tpl_value *plain;
    size_t n, cap;
    tpl_named *named;
    size_t n_named, named_cap;
} tpl_args;

enum { TPL_PARAMS_MAX = 6 };

typedef struct tpl_call {
    const tpl_builtin *fn;
    tpl_value a[TPL_PARAMS_MAX]; /* by parameter */
    const tpl_value *rest;       /* plain arguments for which there is no parameter … */
    size_t n_rest;
    const tpl_args *all; /* … and everything, for those that take named ones */
} tpl_call;

struct tpl_builtin {
    const char *name, *params;
    hl_status (*fn)(tpl_run *r, const tpl_call *c, tpl_value *ret);
};

struct tpl_method {
    const tpl_builtin *fn;
    tpl_value self;
};

/* Tables end with a row without a name. */
const tpl_builtin *hl__tpl_builtin_find(const tpl_builtin *table, hl_str name);

extern const tpl_builtin hl__tpl_filters_text[], hl__tpl_filters_lists[], hl__tpl_filters_values[];
extern const tpl_builtin hl__tpl_tests[];
extern const tpl_builtin hl__tpl_globals[];
extern const tpl_builtin hl__tpl_methods_str[], hl__tpl_methods_str_is[], hl__tpl_methods_list[],
    hl__tpl_methods_tuple[], hl__tpl_methods_dict[], hl__tpl_methods_number[],
    hl__tpl_methods_loop[], hl__tpl_methods_cycler[];

const tpl_builtin *hl__tpl_filter_find(hl_str name);
const tpl_builtin *hl__tpl_test_find(hl_str name);
/* The method of a value with this name, or NULL. */
const tpl_builtin *hl__tpl_method_find(const tpl_value *of, hl_str name);

hl_status hl__tpl_args_push(tpl_run *r, tpl_args *args, tpl_value v) HL_NODISCARD;
hl_status hl__tpl_args_name(tpl_run *r, tpl_args *args, hl_str name, tpl_value v) HL_NODISCARD;

/* Calls fn with `first` before the arguments (NULL: nothing before them). */
hl_status hl__tpl_builtin_call(tpl_run *r, const tpl_builtin *fn, const tpl_value *first,
                               const tpl_args *args, tpl_value *ret) HL_NODISCARD;

/* Arguments of builtins, with Python's message when they are of the wrong type.  TPL_MISSING
 * gives the default. */
hl_status hl__tpl_arg_int(tpl_run *r, const tpl_value *v, int64_t otherwise,
                          int64_t *ret) HL_NODISCARD;
hl_status hl__tpl_arg_str(tpl_run *r, const tpl_value *v, hl_str otherwise,
                          hl_str *ret) HL_NODISCARD;
bool hl__tpl_arg_bool(const tpl_value *v, bool otherwise);
static inline bool hl__tpl_given(const tpl_value *v) {
    return v->kind != TPL_MISSING && v->kind != TPL_NONE;
}
