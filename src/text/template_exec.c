#include "text/template_eval.h"

static hl_status exec_text(tpl_run *r, const tpl_node *n) {
    HL_TRY(hl__tpl_charge_bytes(r, n->text.len));
    hl_buf_append_str(&r->out, n->text);
    return hl__tpl_out_check(r);
}

static hl_status exec_print(tpl_run *r, tpl_scope *s, const tpl_node *n) {
    tpl_value v;
    HL_TRY(hl__tpl_eval(r, s, n->a, &v));
    r->at = n->at;
    HL_TRY(hl__tpl_append_str(r, &v));
    return hl__tpl_out_check(r);
}

static hl_status exec_if(tpl_run *r, tpl_scope *s, const tpl_node *n) {
    for (uint32_t i = 0; i < n->list.n; i++) {
        const tpl_node *branch = n->list.items[i];
        tpl_value test = hl__tpl_bool(true);
        HL_ASSERT(branch->kind == TPL_N_BRANCH);
        if (branch->a) HL_TRY(hl__tpl_eval(r, s, branch->a, &test));
        if (hl__tpl_truth(&test)) return hl__tpl_exec(r, s, &branch->list);
    }
    return HL_OK;
}

static hl_status exec_for(tpl_run *r, tpl_scope *s, const tpl_node *n) {
    tpl_value over;
    HL_TRY(hl__tpl_eval(r, s, n->b, &over));
    r->at = n->at;
    return hl__tpl_loop_run(r, s, n, &over, 0);
}

static hl_status exec_set(tpl_run *r, tpl_scope *s, const tpl_node *n) {
    tpl_value v;
    HL_TRY(hl__tpl_eval(r, s, n->b, &v));
    r->at = n->at;
    return hl__tpl_assign(r, s, n->a, &v);
}

/* What a body in a scope of its own makes, through filters where there are any. */
static hl_status capture(tpl_run *r, tpl_scope *s, const tpl_nodes *body, const tpl_node *filters,
                         tpl_value *ret) {
    tpl_scope *inner;
    HL_ASSERT(r->flow == TPL_FLOW_ON);
    HL_TRY(hl__tpl_scope_new(r, s, &inner));
    size_t begin = hl__tpl_text_begin(r);
    HL_TRY(hl__tpl_exec(r, inner, body));
    HL_TRY(hl__tpl_text_end(r, begin, ret));
    if (!filters) return HL_OK;
    /* the innermost filter reads it before anything else can capture */
    r->captured = *ret;
    return hl__tpl_eval(r, inner, filters, ret);
}

static hl_status exec_set_block(tpl_run *r, tpl_scope *s, const tpl_node *n) {
    tpl_value v;
    HL_TRY(capture(r, s, &n->list, n->b, &v));
    r->at = n->at;
    return hl__tpl_assign(r, s, n->a, &v);
}

static hl_status exec_filter_block(tpl_run *r, tpl_scope *s, const tpl_node *n) {
    tpl_value v;
    HL_TRY(capture(r, s, &n->list, n->a, &v));
    HL_TRY(hl__tpl_append_str(r, &v));
    return hl__tpl_out_check(r);
}

/* ---- macros ---- */

static hl_status macro_value(tpl_run *r, tpl_scope *s, const tpl_node *n, tpl_value *ret) {
    void *p;
    HL_TRY(hl__tpl_alloc(r, 1, sizeof(tpl_macro), &p));
    *(tpl_macro *)p = (tpl_macro){n, s};
    *ret = (tpl_value){.kind = TPL_MACRO, .u.macro = p};
    return HL_OK;
}

static hl_status exec_macro(tpl_run *r, tpl_scope *s, const tpl_node *n) {
    tpl_value v;
    HL_TRY(macro_value(r, s, n, &v));
    return hl__tpl_scope_set(r, s, n->sym, v);
}

static hl_status exec_call_block(tpl_run *r, tpl_scope *s, const tpl_node *n) {
    tpl_value callee, caller, v;
    tpl_args args;
    HL_ASSERT(n->a->kind == TPL_N_CALL && n->b->kind == TPL_N_MACRO);
    HL_TRY(macro_value(r, s, n->b, &caller));
    HL_TRY(hl__tpl_eval(r, s, n->a->a, &callee));
    HL_TRY(hl__tpl_eval_args(r, s, &n->a->list, &args));
    HL_TRY(hl__tpl_args_name(r, &args, HL_STR("caller"), caller));
    r->at = n->at;
    HL_TRY(hl__tpl_call_value(r, &callee, &args, &v));
    HL_TRY(hl__tpl_append_str(r, &v));
    return hl__tpl_out_check(r);
}

static const tpl_named *named_argument(const tpl_args *args, hl_str name) {
    for (size_t i = 0; i < args->n_named; i++) {
        if (hl_str_eq(args->named[i].name, name)) return &args->named[i];
    }
    return NULL;
}

static hl_str param_name(const tpl_run *r, const tpl_node *macro, uint32_t i) {
    return r->t->symbols[macro->params[i].target->sym].name;
}

/* Binds the parameters; those that were not given are undefined until their default is known,
 * which hides outer variables of the same name. */
static hl_status bind_params(tpl_run *r, tpl_scope *s, const tpl_node *n, const tpl_args *args) {
    for (uint32_t i = 0; i < n->n_params; i++) {
        hl_str name = param_name(r, n, i);
        const tpl_named *named = named_argument(args, name);
        tpl_value v;
        if (i < args->n && named)
            return hl__tpl_fail(r, HL_EFORMAT, "macro '%.*s' got multiple values for '%.*s'",
                                HL_STR_ARG(n->text), HL_STR_ARG(name));
        if (i < args->n)
            v = args->plain[i];
        else if (named)
            v = named->value;
        else
            v = hl__tpl_undefined(name, (tpl_kind)TPL_UNDEFINED_NAME);
        HL_TRY(hl__tpl_scope_set(r, s, n->params[i].target->sym, v));
    }
    for (uint32_t i = (uint32_t)(args->n < n->n_params ? args->n : n->n_params); i < n->n_params;
         i++) {
        tpl_value v;
        if (!n->params[i].value || named_argument(args, param_name(r, n, i))) continue;
        HL_TRY(hl__tpl_eval(r, s, n->params[i].value, &v));
        HL_TRY(hl__tpl_scope_set(r, s, n->params[i].target->sym, v));
    }
    return HL_OK;
}

static bool is_param(const tpl_run *r, const tpl_node *n, hl_str name) {
    for (uint32_t i = 0; i < n->n_params; i++) {
        if (hl_str_eq(param_name(r, n, i), name)) return true;
    }
    return false;
}

static hl_status bind_varargs(tpl_run *r, tpl_scope *s, const tpl_node *n, const tpl_args *args) {
    size_t from = n->n_params < args->n ? n->n_params : args->n;
    if (!(n->uses & TPL_USES_VARARGS)) {
        if (from == args->n) return HL_OK;
        return hl__tpl_fail(r, HL_EFORMAT, "macro '%.*s' takes not more than %u argument(s)",
                            HL_STR_ARG(n->text), n->n_params);
    }
    tpl_value rest;
    HL_TRY(hl__tpl_list_new(r, TPL_TUPLE, args->n - from, &rest));
    for (size_t i = from; i < args->n; i++)
        HL_TRY(hl__tpl_list_push(r, rest.u.list, args->plain[i]));
    return hl__tpl_scope_set(r, s, r->t->sym_varargs, rest);
}

static hl_status bind_kwargs(tpl_run *r, tpl_scope *s, const tpl_node *n, const tpl_args *args) {
    tpl_value rest;
    HL_TRY(hl__tpl_dict_new(r, &rest));
    if (n->uses & TPL_USES_CALLER && !is_param(r, n, HL_STR("caller"))) {
        HL_TRY(hl__tpl_scope_set(r, s, r->t->sym_caller,
                                 hl__tpl_undefined_text(HL_STR("no caller defined"))));
    }
    for (size_t i = 0; i < args->n_named; i++) {
        hl_str name = args->named[i].name;
        if (is_param(r, n, name)) continue;
        if (n->uses & TPL_USES_CALLER && hl_str_is(name, "caller"))
            HL_TRY(hl__tpl_scope_set(r, s, r->t->sym_caller, args->named[i].value));
        else if (n->uses & TPL_USES_KWARGS)
            HL_TRY(hl__tpl_dict_set(r, rest.u.dict, hl__tpl_str(name), args->named[i].value));
        else
            return hl__tpl_fail(r, HL_EFORMAT, "macro '%.*s' takes no keyword argument '%.*s'",
                                HL_STR_ARG(n->text), HL_STR_ARG(name));
    }
    if (!(n->uses & TPL_USES_KWARGS)) return HL_OK;
    return hl__tpl_scope_set(r, s, r->t->sym_kwargs, rest);
}

hl_status hl__tpl_macro_call(tpl_run *r, const tpl_macro *m, const tpl_args *args, tpl_value *ret) {
    tpl_scope *s;
    HL_ASSERT(m->node->kind == TPL_N_MACRO && m->closure);
    HL_TRY(hl__tpl_enter(r));
    HL_TRY(hl__tpl_scope_new(r, m->closure, &s));
    HL_TRY(bind_varargs(r, s, m->node, args));
    HL_TRY(bind_kwargs(r, s, m->node, args));
    HL_TRY(bind_params(r, s, m->node, args));
    size_t begin = hl__tpl_text_begin(r);
    HL_TRY(hl__tpl_exec(r, s, &m->node->list));
    HL_ASSERT(r->flow == TPL_FLOW_ON); /* the parser lets no break out of a macro */
    hl__tpl_leave(r);
    return hl__tpl_text_end(r, begin, ret);
}

/* ---- scopes ---- */

static hl_status exec_with(tpl_run *r, tpl_scope *s, const tpl_node *n) {
    tpl_scope *inner;
    HL_TRY(hl__tpl_scope_new(r, s, &inner));
    for (uint32_t i = 0; i < n->n_params; i++) {
        tpl_value v;
        HL_TRY(hl__tpl_eval(r, s, n->params[i].value, &v));
        HL_TRY(hl__tpl_scope_set(r, inner, n->params[i].target->sym, v));
    }
    return hl__tpl_exec(r, inner, &n->list);
}

static hl_status exec_scope(tpl_run *r, tpl_scope *outer, const tpl_node *n) {
    tpl_scope *inner;
    HL_TRY(hl__tpl_scope_new(r, outer, &inner));
    return hl__tpl_exec(r, inner, &n->list);
}

static hl_status exec_node(tpl_run *r, tpl_scope *s, const tpl_node *n) {
    switch ((tpl_node_kind)n->kind) {
    case TPL_N_TEXT: return exec_text(r, n);
    case TPL_N_PRINT: return exec_print(r, s, n);
    case TPL_N_IF: return exec_if(r, s, n);
    case TPL_N_FOR: return exec_for(r, s, n);
    case TPL_N_SET: return exec_set(r, s, n);
    case TPL_N_SET_BLOCK: return exec_set_block(r, s, n);
    case TPL_N_MACRO: return exec_macro(r, s, n);
    case TPL_N_CALL_BLOCK: return exec_call_block(r, s, n);
    case TPL_N_FILTER_BLOCK: return exec_filter_block(r, s, n);
    case TPL_N_WITH: return exec_with(r, s, n);
    case TPL_N_SCOPE: return exec_scope(r, s, n);
    case TPL_N_BLOCK: return exec_scope(r, r->root, n);
    case TPL_N_BREAK: r->flow = TPL_FLOW_BREAK; return HL_OK;
    case TPL_N_CONTINUE: r->flow = TPL_FLOW_CONTINUE; return HL_OK;
    default:
        hl_assert_failed(__FILE__, __LINE__, "the parser makes statements of these kinds only");
    }
}

hl_status hl__tpl_exec(tpl_run *r, tpl_scope *s, const tpl_nodes *body) {
    HL_TRY(hl__tpl_enter(r));
    for (uint32_t i = 0; i < body->n && r->flow == TPL_FLOW_ON; i++) {
        r->at = body->items[i]->at;
        HL_TRY(hl__tpl_charge(r, 1));
        HL_TRY(exec_node(r, s, body->items[i]));
    }
    hl__tpl_leave(r);
    return HL_OK;
}
