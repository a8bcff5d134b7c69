/* Texts, actions and control structures at work. */
#include "text/gotemplate_run.h"

static hl_status out_check(go_run *r) {
    return hl_buf_status(&r->out, "the prompt", r->err);
}

static void stand_at(go_run *r, const go_node *n) {
    r->at = n->at;
    r->end = n->end;
}

static hl_status exec_action(go_run *r, const go_value *dot, const go_node *n) {
    go_value v;
    HL_TRY(hl__go_eval_pipe(r, dot, n->pipe, &v));
    if (n->pipe->n_decl) return HL_OK;
    HL_TRY(hl__go_print_value(r, &v, &r->out));
    return out_check(r);
}

static hl_status exec_if_or_with(go_run *r, const go_value *dot, const go_node *n) {
    size_t n_vars = r->n_vars;
    go_value v;
    HL_TRY(hl__go_eval_pipe(r, dot, n->pipe, &v));
    if (hl__go_truth(&v))
        HL_TRY(hl__go_exec(r, n->kind == GO_N_WITH ? &v : dot, n->list));
    else
        HL_TRY(hl__go_exec(r, dot, n->list_else));
    r->n_vars = n_vars;
    return HL_OK;
}

/* Sets the loop's variables; those that := declared are on top. */
static hl_status set_loop_vars(go_run *r, const go_pipe *pipe, const go_value *index,
                               const go_value *item) {
    if (pipe->n_decl == 0) return HL_OK;
    if (!pipe->assign) {
        HL_ASSERT(r->n_vars - r->base > pipe->n_decl);
        r->vars[r->n_vars - 1].value = *item;
        if (pipe->n_decl > 1) r->vars[r->n_vars - 2].value = *index;
        return HL_OK;
    }
    HL_TRY(hl__go_var_set(r, pipe->decl[0], pipe->n_decl > 1 ? index : item));
    return pipe->n_decl > 1 ? hl__go_var_set(r, pipe->decl[1], item) : HL_OK;
}

/* One round; *ret_on is false behind {{break}}. */
static hl_status exec_round(go_run *r, const go_node *n, const go_value *index,
                            const go_value *item, bool *ret_on) {
    size_t n_vars = r->n_vars;
    HL_TRY(hl__go_charge(r, 1));
    HL_TRY(set_loop_vars(r, n->pipe, index, item));
    HL_TRY(hl__go_exec(r, item, n->list));
    r->n_vars = n_vars;
    *ret_on = r->flow != GO_FLOW_BREAK;
    r->flow = GO_FLOW_ON;
    return HL_OK;
}

static hl_status range_list(go_run *r, const go_node *n, const go_value *v) {
    bool on = true;
    for (size_t i = 0; i < v->n && on; i++) {
        go_value index = hl__go_int((int64_t)i), item = hl__go_item(v, i);
        HL_TRY(exec_round(r, n, &index, &item, &on));
    }
    return HL_OK;
}

static hl_status range_map(go_run *r, const go_node *n, const go_value *v) {
    go_entry *entries;
    bool on = true;
    HL_TRY(hl__go_entries_of(r, v, &entries));
    for (size_t i = 0; i < v->n && on; i++) {
        go_value key = hl__go_str(entries[i].key);
        HL_TRY(exec_round(r, n, &key, &entries[i].value, &on));
    }
    return HL_OK;
}

/* {{range 3}} gives 0, 1, 2. */
static hl_status range_int(go_run *r, const go_node *n, const go_value *v) {
    bool on = true;
    if (n->pipe->n_decl > 1)
        return hl__go_fail(r, HL_EFORMAT, "can't use %lld to iterate over more than one variable",
                           (long long)v->u.i);
    for (int64_t i = 0; i < v->u.i && on; i++) {
        go_value none = {0}, item = {.kind = v->kind, .u.i = i};
        HL_TRY(exec_round(r, n, &none, &item, &on));
    }
    return HL_OK;
}

static hl_status range_over(go_run *r, const go_node *n, const go_value *v) {
    switch (v->kind) {
    case GO_LIST: return range_list(r, n, v);
    case GO_MAP: return range_map(r, n, v);
    case GO_INT:
    case GO_BYTE: return range_int(r, n, v);
    case GO_NONE:
    case GO_NIL: return HL_OK;
    default:
        stand_at(r, n->pipe->commands->args);
        return hl__go_fail(r, HL_EFORMAT, "range can't iterate over a value of type %s",
                           hl__go_type_name(v));
    }
}

static hl_status exec_range(go_run *r, const go_value *dot, const go_node *n) {
    size_t n_vars = r->n_vars;
    go_value v;
    HL_TRY(hl__go_eval_pipe(r, dot, n->pipe, &v));
    HL_TRY(range_over(r, n, &v));
    bool integer = v.kind == GO_INT || v.kind == GO_BYTE;
    bool empty = integer ? v.u.i <= 0 : !v.n;
    if (empty) HL_TRY(hl__go_exec(r, dot, n->list_else));
    r->n_vars = n_vars;
    return HL_OK;
}

static hl_status exec_template(go_run *r, const go_value *dot, const go_node *n) {
    const go_define *define = n->define;
    go_value v;
    hl_str name = r->name;
    size_t n_vars = r->n_vars, base = r->base;
    uint32_t cut_at = r->cut_at;
    stand_at(r, n);
    if (!define)
        return hl__go_fail(r, HL_EFORMAT, "template \"%.*s\" not defined", HL_STR_ARG(n->text));
    HL_TRY(hl__go_eval_pipe(r, dot, n->pipe, &v));
    size_t top = r->n_vars; /* the pipeline may have declared some, which stay */
    r->base = top;
    r->name = define->name;
    r->cut_at = UINT32_MAX;
    HL_TRY(hl__go_var_add(r, HL_STR("$"), &v));
    HL_TRY(hl__go_exec(r, &v, define->list));
    HL_ASSERT(top >= n_vars && r->flow == GO_FLOW_ON);
    r->n_vars = top;
    r->base = base;
    r->name = name;
    r->cut_at = cut_at;
    return HL_OK;
}

static hl_status exec_node(go_run *r, const go_value *dot, const go_node *n) {
    switch (n->kind) {
    case GO_N_TEXT:
        HL_TRY(hl__go_charge_bytes(r, n->text.len));
        hl_buf_append_str(&r->out, n->text);
        return out_check(r);
    case GO_N_ACTION: return exec_action(r, dot, n);
    case GO_N_IF:
    case GO_N_WITH: return exec_if_or_with(r, dot, n);
    case GO_N_RANGE: return exec_range(r, dot, n);
    case GO_N_TEMPLATE: return exec_template(r, dot, n);
    case GO_N_BREAK: r->flow = GO_FLOW_BREAK; return HL_OK;
    case GO_N_CONTINUE: r->flow = GO_FLOW_CONTINUE; return HL_OK;
    default: HL_ASSERT(n->kind < GO_N_DOT); return HL_OK;
    }
}

hl_status hl__go_exec(go_run *r, const go_value *dot, const go_node *list) {
    HL_TRY(hl__go_deeper(r));
    for (const go_node *n = list; n && r->flow == GO_FLOW_ON && n->at <= r->cut_at; n = n->next) {
        HL_TRY(hl__go_charge(r, 1));
        HL_TRY(exec_node(r, dot, n));
    }
    r->depth--;
    return HL_OK;
}
