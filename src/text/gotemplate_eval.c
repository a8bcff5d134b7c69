/* Pipelines, commands and operands at work. */
#include "text/gotemplate_run.h"

/* What a command gets from the one before it in its pipeline. */
typedef struct go_piped {
    bool is;
    go_value value;
} go_piped;

static const go_piped NOTHING;

static void stand_at(go_run *r, const go_node *n) {
    r->at = n->at;
    r->end = n->end;
}

static hl_str source_of(const go_run *r, const go_node *n) {
    return hl_str_slice(r->t->source, n->at, n->end);
}

/* A value cannot take arguments. */
static hl_status check_no_args(go_run *r, const go_node *n, bool has_args) {
    if (!has_args) return HL_OK;
    return hl__go_fail(r, HL_EFORMAT, "can't give argument to non-function %.*s",
                       HL_STR_ARG(source_of(r, n)));
}

static hl_status struct_field(go_run *r, const go_value *from, hl_str name, bool has_args,
                              go_value *ret) {
    const go_field *field = hl__go_field(from->type, name);
    if (!field)
        return hl__go_fail(r, HL_EFORMAT, "can't evaluate field %.*s in type %s", HL_STR_ARG(name),
                           from->type->name);
    if (has_args)
        return hl__go_fail(r, HL_EFORMAT, "%.*s has arguments but cannot be invoked as function",
                           HL_STR_ARG(name));
    *ret = hl__go_field_value(from, field);
    return HL_OK;
}

static hl_status field(go_run *r, const go_value *from, hl_str name, bool has_args, go_value *ret) {
    switch (from->kind) {
    case GO_NONE: *ret = *from; return HL_OK;
    case GO_NIL:
        return hl__go_fail(r, HL_EFORMAT, "nil pointer evaluating interface {}.%.*s",
                           HL_STR_ARG(name));
    case GO_STRUCT: return struct_field(r, from, name, has_args, ret);
    case GO_MAP:
        if (has_args)
            return hl__go_fail(r, HL_EFORMAT, "%.*s is not a method but has arguments",
                               HL_STR_ARG(name));
        *ret = hl__go_lookup(from, name);
        return hl__go_charge(r, name.len < GO_KEY_SHORT ? 1 : from->n);
    default:
        return hl__go_fail(r, HL_EFORMAT, "can't evaluate field %.*s in type %s", HL_STR_ARG(name),
                           hl__go_type_name(from));
    }
}

static hl_status fields(go_run *r, go_value v, const go_node *n, bool has_args, go_value *ret) {
    HL_TRY(hl__go_charge(r, n->n_names));
    for (size_t i = 0; i < n->n_names; i++)
        HL_TRY(field(r, &v, n->names[i], has_args && i + 1 == n->n_names, &v));
    *ret = v;
    return HL_OK;
}

static hl_status variable(go_run *r, const go_node *n, bool has_args, go_value *ret) {
    for (size_t i = r->n_vars; i-- > r->base;) {
        if (!hl_str_eq(r->vars[i].name, n->text)) continue;
        HL_TRY(hl__go_charge_search(r, i));
        if (!n->n_names) HL_TRY(check_no_args(r, n, has_args));
        return fields(r, r->vars[i].value, n, has_args, ret);
    }
    return hl__go_fail(r, HL_EFORMAT, "undefined variable: %.*s", HL_STR_ARG(n->text));
}

static hl_status function(go_run *r, const go_value *dot, const go_node *n, const go_node *args,
                          const go_piped *piped, go_value *ret);

/* An operand as it is, as the first of a command or as an argument. */
static hl_status operand(go_run *r, const go_value *dot, const go_node *n, const go_node *args,
                         const go_piped *piped, go_value *ret) {
    bool has_args = args || piped->is;
    stand_at(r, n);
    HL_TRY(hl__go_charge(r, 1));
    switch (n->kind) {
    case GO_N_FIELD: return fields(r, *dot, n, has_args, ret);
    case GO_N_VARIABLE: return variable(r, n, has_args, ret);
    case GO_N_FUNCTION: return function(r, dot, n, args, piped, ret);
    case GO_N_CHAIN: {
        go_value base;
        HL_TRY(operand(r, dot, n->base, NULL, &NOTHING, &base));
        stand_at(r, n);
        return fields(r, base, n, has_args, ret);
    }
    case GO_N_PIPE:
        HL_TRY(check_no_args(r, n, has_args));
        return hl__go_eval_pipe(r, dot, n->pipe, ret);
    default: break;
    }
    HL_TRY(check_no_args(r, n, has_args));
    *ret = n->kind == GO_N_DOT ? *dot : n->value;
    if (n->kind == GO_N_CONST && n->value.kind == GO_NONE)
        return hl__go_fail(r, HL_EFORMAT, "%.*s overflows int", HL_STR_ARG(source_of(r, n)));
    return HL_OK;
}

static hl_status check_text(go_run *r, const go_node *n, const go_value *v) {
    if (v->kind == GO_STRING) return HL_OK;
    if (n && n->kind == GO_N_CONST)
        return hl__go_fail(r, HL_EFORMAT, "expected string; found %.*s",
                           HL_STR_ARG(source_of(r, n)));
    if (hl__go_is_nil(v)) return hl__go_fail(r, HL_EFORMAT, "invalid value; expected string");
    return hl__go_fail(r, HL_EFORMAT, "wrong type for value; expected string; got %s",
                       hl__go_type_name(v));
}

static hl_status argument(go_run *r, const go_value *dot, const go_node *n, bool text,
                          go_value *ret) {
    HL_TRY(operand(r, dot, n, NULL, &NOTHING, ret));
    if (ret->kind == GO_NIL) ret->kind = GO_NONE;
    return text ? check_text(r, n, ret) : HL_OK;
}

/* and, or: the first argument that decides, or the last. */
static hl_status decide(go_run *r, const go_value *dot, bool is_or, const go_node *args,
                        const go_piped *piped, go_value *ret) {
    for (const go_node *n = args; n; n = n->next) {
        HL_TRY(argument(r, dot, n, false, ret));
        if (hl__go_truth(ret) == is_or) return HL_OK;
    }
    if (piped->is) *ret = piped->value;
    return HL_OK;
}

static hl_status check_count(go_run *r, const go_function *f, size_t n) {
    if (f->variadic && n < f->n_fixed)
        return hl__go_fail(r, HL_EFORMAT, "wrong number of args for %s: want at least %zu got %zu",
                           f->name, f->n_fixed, n);
    if (!f->variadic && n != f->n_fixed)
        return hl__go_fail(r, HL_EFORMAT, "wrong number of args for %s: want %zu got %zu", f->name,
                           f->n_fixed, n);
    return HL_OK;
}

static hl_status function(go_run *r, const go_value *dot, const go_node *n, const go_node *args,
                          const go_piped *piped, go_value *ret) {
    const go_function *f = n->function;
    size_t n_args = piped->is, i = 0;
    for (const go_node *a = args; a; a = a->next) n_args++;
    HL_TRY(check_count(r, f, n_args));
    HL_TRY(hl__go_deeper(r));
    if (!f->call) {
        HL_TRY(decide(r, dot, strcmp(f->name, "or") == 0, args, piped, ret));
        r->depth--;
        return HL_OK;
    }
    void *memory;
    HL_TRY(hl__go_take(r, n_args, sizeof(go_value), &memory));
    go_value *values = memory;
    uint32_t end = n->end;
    for (const go_node *a = args; a; a = a->next, i++) {
        bool text = f->all_are_text || (f->first_is_text && i == 0);
        HL_TRY(argument(r, dot, a, text, &values[i]));
        end = a->end;
    }
    r->at = n->at;
    r->end = end;
    if (piped->is) {
        values[i] = piped->value;
        if (f->all_are_text || (f->first_is_text && i == 0))
            HL_TRY(check_text(r, NULL, &values[i]));
    }
    HL_TRY(f->call(r, values, n_args, ret));
    r->depth--;
    return HL_OK;
}

static hl_status command(go_run *r, const go_value *dot, const go_command *c, const go_piped *piped,
                         go_value *ret) {
    const go_node *first = c->args;
    if (first->kind == GO_N_NIL) {
        stand_at(r, first);
        HL_TRY(check_no_args(r, first, first->next || piped->is));
        return hl__go_fail(r, HL_EFORMAT, "nil is not a command");
    }
    return operand(r, dot, first, first->next, piped, ret);
}

hl_status hl__go_eval_pipe(go_run *r, const go_value *dot, const go_pipe *pipe, go_value *ret) {
    go_piped piped = {0};
    if (pipe) {
        HL_TRY(hl__go_deeper(r));
        for (const go_command *c = pipe->commands; c; c = c->next) {
            go_value v;
            HL_TRY(command(r, dot, c, &piped, &v));
            /* a nil interface is no value outside of its pipeline */
            if (v.kind == GO_NIL) v.kind = GO_NONE;
            piped = (go_piped){true, v};
        }
        for (uint32_t i = 0; i < pipe->n_decl; i++) {
            if (pipe->assign)
                HL_TRY(hl__go_var_set(r, pipe->decl[i], &piped.value));
            else
                HL_TRY(hl__go_var_add(r, pipe->decl[i], &piped.value));
        }
        r->depth--;
    }
    *ret = piped.value;
    return HL_OK;
}
