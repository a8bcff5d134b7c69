#include "text/template_builtin.h"

#include "text/template_eval.h"

const tpl_builtin *hl__tpl_builtin_find(const tpl_builtin *table, hl_str name) {
    for (; table->name; table++) {
        if (hl_str_is(name, table->name)) return table;
    }
    return NULL;
}

static const tpl_builtin *find_in(const tpl_builtin *const *tables, hl_str name) {
    const tpl_builtin *found = NULL;
    for (; *tables && !found; tables++) found = hl__tpl_builtin_find(*tables, name);
    return found;
}

const tpl_builtin *hl__tpl_filter_find(hl_str name) {
    static const tpl_builtin *const TABLES[] = {hl__tpl_filters_text, hl__tpl_filters_lists,
                                                hl__tpl_filters_values, NULL};
    return find_in(TABLES, name);
}

const tpl_builtin *hl__tpl_test_find(hl_str name) {
    return hl__tpl_builtin_find(hl__tpl_tests, name);
}

const tpl_builtin *hl__tpl_method_find(const tpl_value *of, hl_str name) {
    static const tpl_builtin *const STR[] = {hl__tpl_methods_str, hl__tpl_methods_str_is, NULL};
    switch ((tpl_kind)of->kind) {
    case TPL_STR: return find_in(STR, name);
    case TPL_LIST: return hl__tpl_builtin_find(hl__tpl_methods_list, name);
    case TPL_TUPLE: return hl__tpl_builtin_find(hl__tpl_methods_tuple, name);
    case TPL_DICT: return hl__tpl_builtin_find(hl__tpl_methods_dict, name);
    case TPL_FLOAT:
    case TPL_BOOL:
    case TPL_INT: return hl__tpl_builtin_find(hl__tpl_methods_number, name);
    case TPL_LOOP: return hl__tpl_builtin_find(hl__tpl_methods_loop, name);
    case TPL_OBJECT:
        return of->u.object->cycler ? hl__tpl_builtin_find(hl__tpl_methods_cycler, name) : NULL;
    default: return NULL;
    }
}

/* ---- arguments ---- */

hl_status hl__tpl_args_push(tpl_run *r, tpl_args *args, tpl_value v) {
    if (args->n == args->cap) {
        size_t cap = args->cap ? args->cap * 2 : 4;
        void *p;
        HL_TRY(hl__tpl_alloc(r, cap, sizeof *args->plain, &p));
        if (args->n) memcpy(p, args->plain, args->n * sizeof *args->plain);
        args->plain = p;
        args->cap = cap;
    }
    args->plain[args->n++] = v;
    return HL_OK;
}

hl_status hl__tpl_args_name(tpl_run *r, tpl_args *args, hl_str name, tpl_value v) {
    HL_TRY(hl__tpl_charge(r, args->n_named / 4));
    for (size_t i = 0; i < args->n_named; i++) {
        if (hl_str_eq(args->named[i].name, name))
            return hl__tpl_fail(r, HL_EFORMAT, "got multiple values for keyword argument '%.*s'",
                                HL_STR_ARG(name));
    }
    if (args->n_named == args->named_cap) {
        size_t cap = args->named_cap ? args->named_cap * 2 : 4;
        void *p;
        HL_TRY(hl__tpl_alloc(r, cap, sizeof *args->named, &p));
        if (args->n_named) memcpy(p, args->named, args->n_named * sizeof *args->named);
        args->named = p;
        args->named_cap = cap;
    }
    args->named[args->n_named++] = (tpl_named){name, v};
    return HL_OK;
}

/* A table row's parameter text, taken apart one word at a time. */
typedef struct param {
    hl_str name;
    bool optional;
} param;

static bool next_param(const char **at, param *ret) {
    const char *p = *at;
    while (*p == ' ') p++;
    if (!*p || *p == '*') return false;
    const char *from = p;
    while (*p && *p != ' ' && *p != '?') p++;
    *ret = (param){{from, (size_t)(p - from)}, *p == '?'};
    *at = *p == '?' ? p + 1 : p;
    return true;
}

static const tpl_named *take_named(const tpl_args *args, hl_str name, size_t *used) {
    for (size_t i = 0; i < args->n_named; i++) {
        if (!hl_str_eq(args->named[i].name, name)) continue;
        ++*used;
        return &args->named[i];
    }
    return NULL;
}

static hl_status bind(tpl_run *r, tpl_call *c, const tpl_value *first, const tpl_args *args) {
    const char *at = c->fn->params;
    size_t n_plain = 0, n_used = 0, i = 0;
    for (param prm; next_param(&at, &prm); i++) {
        HL_ASSERT(i < TPL_PARAMS_MAX);
        const tpl_named *named = i == 0 && first ? NULL : take_named(args, prm.name, &n_used);
        bool plain = !(i == 0 && first) && n_plain < args->n;
        if (named && plain)
            return hl__tpl_fail(r, HL_EFORMAT, "%s() got multiple values for argument '%.*s'",
                                c->fn->name, HL_STR_ARG(prm.name));
        if (i == 0 && first)
            c->a[i] = *first;
        else if (plain)
            c->a[i] = args->plain[n_plain++];
        else if (named)
            c->a[i] = named->value;
        else if (!prm.optional)
            return hl__tpl_fail(r, HL_EFORMAT, "%s() missing required argument '%.*s'", c->fn->name,
                                HL_STR_ARG(prm.name));
    }
    while (*at == ' ') at++;
    c->rest = args->n > n_plain ? args->plain + n_plain : NULL;
    c->n_rest = args->n - n_plain;
    if (c->n_rest && *at != '*')
        return hl__tpl_fail(r, HL_EFORMAT, "%s() takes not more than %zu argument(s)", c->fn->name,
                            i - (first != NULL));
    if (n_used < args->n_named && strcmp(at, "**") != 0)
        return hl__tpl_fail(r, HL_EFORMAT, "%s() got an unexpected keyword argument '%.*s'",
                            c->fn->name, HL_STR_ARG(args->named[args->n_named - 1].name));
    return HL_OK;
}

hl_status hl__tpl_builtin_call(tpl_run *r, const tpl_builtin *fn, const tpl_value *first,
                               const tpl_args *args, tpl_value *ret) {
    HL_ASSERT(fn && fn->fn && args);
    tpl_call c = {.fn = fn, .all = args};
    HL_TRY(hl__tpl_charge(r, 1));
    HL_TRY(bind(r, &c, first, args));
    tpl_value result = hl__tpl_none(); /* ret may be where an argument is */
    HL_TRY(fn->fn(r, &c, &result));
    HL_ASSERT(result.kind != TPL_MISSING);
    *ret = result;
    return HL_OK;
}

hl_status hl__tpl_arg_int(tpl_run *r, const tpl_value *v, int64_t otherwise, int64_t *ret) {
    *ret = otherwise;
    if (v->kind == TPL_MISSING || hl__tpl_as_int(v, ret)) return HL_OK;
    if (v->kind == TPL_UNDEFINED) return hl__tpl_fail_undefined(r, v);
    return hl__tpl_fail(r, HL_EFORMAT, "'%s' object cannot be interpreted as an integer",
                        hl__tpl_type_name((tpl_kind)v->kind));
}

hl_status hl__tpl_arg_str(tpl_run *r, const tpl_value *v, hl_str otherwise, hl_str *ret) {
    *ret = otherwise;
    if (v->kind == TPL_MISSING) return HL_OK;
    if (v->kind == TPL_UNDEFINED) return hl__tpl_fail_undefined(r, v);
    if (v->kind != TPL_STR)
        return hl__tpl_fail(r, HL_EFORMAT, "must be str, not %s",
                            hl__tpl_type_name((tpl_kind)v->kind));
    *ret = v->u.s;
    return HL_OK;
}

bool hl__tpl_arg_bool(const tpl_value *v, bool otherwise) {
    return v->kind == TPL_MISSING ? otherwise : hl__tpl_truth(v);
}
