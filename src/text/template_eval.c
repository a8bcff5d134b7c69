#include "text/template_eval.h"

/* ---- scopes ---- */

hl_status hl__tpl_scope_new(tpl_run *r, tpl_scope *parent, tpl_scope **ret) {
    void *p;
    HL_TRY(hl__tpl_alloc(r, 1, sizeof(tpl_scope), &p));
    *ret = p;
    (*ret)->parent = parent;
    return HL_OK;
}

hl_status hl__tpl_scope_set(tpl_run *r, tpl_scope *s, uint32_t sym, tpl_value v) {
    HL_ASSERT(v.kind != TPL_MISSING && sym < r->t->n_symbols);
    HL_TRY(hl__tpl_charge(r, s->n / 8));
    for (uint32_t i = 0; i < s->n; i++) {
        if (s->bindings[i].sym != sym) continue;
        s->bindings[i].value = v;
        return HL_OK;
    }
    if (s->n == s->cap) {
        uint32_t cap = s->cap ? s->cap * 2 : 4;
        void *p;
        HL_TRY(hl__tpl_alloc(r, cap, sizeof(tpl_binding), &p));
        if (s->n) memcpy(p, s->bindings, s->n * sizeof *s->bindings);
        s->bindings = p;
        s->cap = cap;
    }
    s->bindings[s->n++] = (tpl_binding){sym, v};
    return HL_OK;
}

/* Of the caller's JSON, made a value when a template first asks for it. */
static hl_status variable(tpl_run *r, uint32_t sym, bool *found, tpl_value *ret) {
    char name[256];
    hl_str s = r->t->symbols[sym].name;
    struct json_object *o = NULL;
    *found = false;
    if (s.len >= sizeof name) return HL_OK;
    memcpy(name, s.ptr, s.len);
    name[s.len] = '\0';
    if (!json_object_object_get_ex(r->variables, name, &o)) return HL_OK;
    *found = true;
    HL_TRY(hl__tpl_from_json(r, o, ret));
    tpl_scope *variables = r->root->parent;
    HL_ASSERT(variables && !variables->parent);
    return hl__tpl_scope_set(r, variables, sym, *ret);
}

hl_status hl__tpl_scope_get(tpl_run *r, tpl_scope *s, uint32_t sym, tpl_value *ret) {
    HL_ASSERT(sym < r->t->n_symbols);
    uint64_t seen = 0;
    for (; s; s = s->parent) {
        seen += 1 + s->n / 2;
        for (uint32_t i = 0; i < s->n; i++) {
            if (s->bindings[i].sym != sym) continue;
            *ret = s->bindings[i].value;
            return hl__tpl_charge(r, seen / 8);
        }
    }
    HL_TRY(hl__tpl_charge(r, seen / 8));
    bool found;
    HL_TRY(variable(r, sym, &found, ret));
    if (found) return HL_OK;
    hl_str name = r->t->symbols[sym].name;
    const tpl_builtin *global = hl__tpl_builtin_find(hl__tpl_globals, name);
    *ret = global ? (tpl_value){.kind = TPL_BUILTIN, .u.builtin = global}
                  : hl__tpl_undefined(name, (tpl_kind)TPL_UNDEFINED_NAME);
    return HL_OK;
}

/* ---- calls ---- */

static hl_status spread_plain(tpl_run *r, const tpl_value *v, tpl_args *args) {
    tpl_iter it;
    tpl_value item;
    bool more;
    HL_TRY(hl__tpl_iter_open(r, v, &it));
    for (;;) {
        HL_TRY(hl__tpl_iter_next(r, &it, &item, &more));
        if (!more) return HL_OK;
        HL_TRY(hl__tpl_args_push(r, args, item));
    }
}

static hl_status spread_named(tpl_run *r, const tpl_value *v, tpl_args *args) {
    if (v->kind != TPL_DICT)
        return hl__tpl_fail(r, HL_EFORMAT, "argument after ** must be a mapping, not %s",
                            hl__tpl_type_name((tpl_kind)v->kind));
    size_t at = 0;
    for (const tpl_entry *e; (e = hl__tpl_dict_next(v->u.dict, &at));) {
        if (e->key.kind != TPL_STR) return hl__tpl_fail(r, HL_EFORMAT, "keywords must be strings");
        HL_TRY(hl__tpl_args_name(r, args, e->key.u.s, e->value));
    }
    return HL_OK;
}

hl_status hl__tpl_eval_args(tpl_run *r, tpl_scope *s, const tpl_nodes *list, tpl_args *ret) {
    *ret = (tpl_args){0};
    for (uint32_t i = 0; i < list->n; i++) {
        const tpl_node *n = list->items[i];
        bool marked = n->kind == TPL_N_KWARG || n->kind == TPL_N_STAR || n->kind == TPL_N_STARSTAR;
        tpl_value v;
        HL_TRY(hl__tpl_eval(r, s, marked ? n->a : n, &v));
        if (n->kind == TPL_N_KWARG)
            HL_TRY(hl__tpl_args_name(r, ret, n->text, v));
        else if (n->kind == TPL_N_STAR)
            HL_TRY(spread_plain(r, &v, ret));
        else if (n->kind == TPL_N_STARSTAR)
            HL_TRY(spread_named(r, &v, ret));
        else
            HL_TRY(hl__tpl_args_push(r, ret, v));
    }
    return HL_OK;
}

static hl_status call_loop(tpl_run *r, tpl_loop *l, const tpl_args *args, tpl_value *ret) {
    if (l->node->op != 'r')
        return hl__tpl_fail(r, HL_EFORMAT,
                            "the loop must have the 'recursive' marker to be called");
    if (args->n != 1 || args->n_named)
        return hl__tpl_fail(r, HL_EFORMAT, "loop() takes one argument");
    size_t begin = hl__tpl_text_begin(r);
    HL_TRY(hl__tpl_loop_run(r, l->outer, l->node, &args->plain[0], l->depth0 + 1));
    return hl__tpl_text_end(r, begin, ret);
}

static hl_status call_joiner(tpl_object *o, tpl_value *ret) {
    *ret = o->used ? o->values : hl__tpl_lit("");
    o->used = true;
    return HL_OK;
}

hl_status hl__tpl_call_value(tpl_run *r, const tpl_value *callee, const tpl_args *args,
                             tpl_value *ret) {
    switch ((tpl_kind)callee->kind) {
    case TPL_UNDEFINED: return hl__tpl_fail_undefined(r, callee);
    case TPL_MACRO: return hl__tpl_macro_call(r, callee->u.macro, args, ret);
    case TPL_BUILTIN: return hl__tpl_builtin_call(r, callee->u.builtin, NULL, args, ret);
    case TPL_METHOD:
        return hl__tpl_builtin_call(r, callee->u.method->fn, &callee->u.method->self, args, ret);
    case TPL_LOOP: return call_loop(r, callee->u.loop, args, ret);
    case TPL_OBJECT:
        if (!callee->u.object->cycler && args->n == 0) return call_joiner(callee->u.object, ret);
        break;
    default: break;
    }
    return hl__tpl_fail(r, HL_EFORMAT, "'%s' object is not callable",
                        hl__tpl_type_name((tpl_kind)callee->kind));
}

static hl_status eval_call(tpl_run *r, tpl_scope *s, const tpl_node *n, tpl_value *ret) {
    tpl_value callee;
    tpl_args args;
    HL_TRY(hl__tpl_eval(r, s, n->a, &callee));
    HL_TRY(hl__tpl_eval_args(r, s, &n->list, &args));
    r->at = n->at;
    return hl__tpl_call_value(r, &callee, &args, ret);
}

static hl_status eval_filter(tpl_run *r, tpl_scope *s, const tpl_node *n, tpl_value *ret) {
    tpl_value v;
    tpl_args args;
    HL_TRY(hl__tpl_eval(r, s, n->a, &v));
    HL_TRY(hl__tpl_eval_args(r, s, &n->list, &args));
    r->at = n->at;
    const tpl_builtin *fn = hl__tpl_filter_find(n->text);
    if (!fn) return hl__tpl_fail(r, HL_EFORMAT, "no filter named '%.*s'", HL_STR_ARG(n->text));
    return hl__tpl_builtin_call(r, fn, &v, &args, ret);
}

static hl_status eval_test(tpl_run *r, tpl_scope *s, const tpl_node *n, tpl_value *ret) {
    tpl_value v;
    tpl_args args;
    HL_TRY(hl__tpl_eval(r, s, n->a, &v));
    HL_TRY(hl__tpl_eval_args(r, s, &n->list, &args));
    r->at = n->at;
    const tpl_builtin *fn = hl__tpl_test_find(n->text);
    if (!fn) return hl__tpl_fail(r, HL_EFORMAT, "no test named '%.*s'", HL_STR_ARG(n->text));
    return hl__tpl_builtin_call(r, fn, &v, &args, ret);
}

/* ---- literals ---- */

static hl_status eval_sequence(tpl_run *r, tpl_scope *s, const tpl_node *n, tpl_value *ret) {
    tpl_kind kind = n->kind == TPL_N_LIST ? TPL_LIST : TPL_TUPLE;
    HL_TRY(hl__tpl_list_new(r, kind, n->list.n, ret));
    for (uint32_t i = 0; i < n->list.n; i++) {
        tpl_value item;
        HL_TRY(hl__tpl_eval(r, s, n->list.items[i], &item));
        HL_TRY(hl__tpl_list_push(r, ret->u.list, item));
    }
    return HL_OK;
}

static hl_status eval_dict(tpl_run *r, tpl_scope *s, const tpl_node *n, tpl_value *ret) {
    HL_TRY(hl__tpl_dict_new(r, ret));
    for (uint32_t i = 0; i + 1 < n->list.n; i += 2) {
        tpl_value key, v;
        HL_TRY(hl__tpl_eval(r, s, n->list.items[i], &key));
        HL_TRY(hl__tpl_eval(r, s, n->list.items[i + 1], &v));
        HL_TRY(hl__tpl_dict_set(r, ret->u.dict, key, v));
    }
    return HL_OK;
}

static hl_status eval_slice(tpl_run *r, tpl_scope *s, const tpl_node *n, tpl_value *ret) {
    const tpl_node *const parts[3] = {n->a, n->b, n->c};
    void *p;
    HL_TRY(hl__tpl_alloc(r, 3, sizeof(tpl_value), &p));
    *ret = (tpl_value){.kind = TPL_SLICE, .u.slice = p};
    for (int i = 0; i < 3; i++) {
        ret->u.slice[i] = hl__tpl_none();
        if (parts[i]) HL_TRY(hl__tpl_eval(r, s, parts[i], &ret->u.slice[i]));
    }
    return HL_OK;
}

/* ---- operators ---- */

static hl_status eval_concat(tpl_run *r, tpl_scope *s, const tpl_node *n, tpl_value *ret) {
    tpl_value part;
    HL_ASSERT(n->list.n >= 2);
    HL_TRY(hl__tpl_eval(r, s, n->list.items[0], &part));
    HL_TRY(hl__tpl_to_str(r, &part, ret));
    for (uint32_t i = 1; i < n->list.n; i++) {
        HL_TRY(hl__tpl_eval(r, s, n->list.items[i], &part));
        HL_TRY(hl__tpl_to_str(r, &part, &part));
        HL_TRY(hl__tpl_concat(r, ret->u.s, part.u.s, ret));
    }
    ret->safe = false;
    return HL_OK;
}

static hl_status compare_one(tpl_run *r, char op, const tpl_value *a, const tpl_value *b,
                             bool *ret) {
    int c;
    switch (op) {
    case '=': return hl__tpl_equal(r, a, b, ret);
    case '!': HL_TRY(hl__tpl_equal(r, a, b, ret)); break;
    case 'i': return hl__tpl_contains(r, b, a, ret);
    case 'n': HL_TRY(hl__tpl_contains(r, b, a, ret)); break;
    case '<':
        HL_TRY(hl__tpl_compare(r, a, b, "<", &c));
        *ret = c == -1;
        return HL_OK;
    case '>':
        HL_TRY(hl__tpl_compare(r, a, b, ">", &c));
        *ret = c == 1;
        return HL_OK;
    case 'l':
        HL_TRY(hl__tpl_compare(r, a, b, "<=", &c));
        *ret = c <= 0;
        return HL_OK;
    default:
        HL_ASSERT(op == 'g');
        HL_TRY(hl__tpl_compare(r, a, b, ">=", &c));
        *ret = c == 0 || c == 1;
        return HL_OK;
    }
    *ret = !*ret;
    return HL_OK;
}

/* a < b < c is a < b and b < c. */
static hl_status eval_compare(tpl_run *r, tpl_scope *s, const tpl_node *n, tpl_value *ret) {
    tpl_value left, right;
    bool holds = true;
    HL_TRY(hl__tpl_eval(r, s, n->a, &left));
    for (uint32_t i = 0; holds && i < n->list.n; i++) {
        const tpl_node *operand = n->list.items[i];
        HL_TRY(hl__tpl_eval(r, s, operand->a, &right));
        r->at = operand->at;
        HL_TRY(compare_one(r, operand->op, &left, &right, &holds));
        left = right;
    }
    *ret = hl__tpl_bool(holds);
    return HL_OK;
}

static hl_status eval_binary(tpl_run *r, tpl_scope *s, const tpl_node *n, tpl_value *ret) {
    tpl_value a, b;
    HL_TRY(hl__tpl_eval(r, s, n->a, &a));
    HL_TRY(hl__tpl_eval(r, s, n->b, &b));
    r->at = n->at;
    return hl__tpl_binary(r, n->op, &a, &b, ret);
}

static hl_status eval_unary(tpl_run *r, tpl_scope *s, const tpl_node *n, tpl_value *ret) {
    tpl_value a;
    HL_TRY(hl__tpl_eval(r, s, n->a, &a));
    r->at = n->at;
    if (n->kind != TPL_N_NOT) return hl__tpl_sign(r, n->kind == TPL_N_NEG, &a, ret);
    *ret = hl__tpl_bool(!hl__tpl_truth(&a));
    return HL_OK;
}

/* `and` and `or` give one of their operands. */
static hl_status eval_logic(tpl_run *r, tpl_scope *s, const tpl_node *n, tpl_value *ret) {
    HL_TRY(hl__tpl_eval(r, s, n->a, ret));
    if (hl__tpl_truth(ret) == (n->kind == TPL_N_OR)) return HL_OK;
    return hl__tpl_eval(r, s, n->b, ret);
}

static hl_status eval_conditional(tpl_run *r, tpl_scope *s, const tpl_node *n, tpl_value *ret) {
    tpl_value test;
    HL_TRY(hl__tpl_eval(r, s, n->a, &test));
    if (hl__tpl_truth(&test)) return hl__tpl_eval(r, s, n->b, ret);
    if (n->c) return hl__tpl_eval(r, s, n->c, ret);
    *ret = hl__tpl_undefined_text(
        HL_STR("the inline if-expression evaluated to false and no else section was defined"));
    return HL_OK;
}

static hl_status eval_attr(tpl_run *r, tpl_scope *s, const tpl_node *n, tpl_value *ret) {
    tpl_value of;
    HL_TRY(hl__tpl_eval(r, s, n->a, &of));
    r->at = n->at;
    return hl__tpl_get_attr(r, &of, n->text, ret);
}

static hl_status eval_item(tpl_run *r, tpl_scope *s, const tpl_node *n, tpl_value *ret) {
    tpl_value of, key;
    HL_TRY(hl__tpl_eval(r, s, n->a, &of));
    HL_TRY(hl__tpl_eval(r, s, n->b, &key));
    r->at = n->at;
    return hl__tpl_get_item(r, &of, &key, ret);
}

static hl_status eval_kind(tpl_run *r, tpl_scope *s, const tpl_node *n, tpl_value *ret) {
    switch ((tpl_node_kind)n->kind) {
    case TPL_N_CONST: *ret = n->value; return HL_OK;
    case TPL_N_NAME: return hl__tpl_scope_get(r, s, n->sym, ret);
    case TPL_N_LIST:
    case TPL_N_TUPLE: return eval_sequence(r, s, n, ret);
    case TPL_N_DICT: return eval_dict(r, s, n, ret);
    case TPL_N_ATTR: return eval_attr(r, s, n, ret);
    case TPL_N_ITEM: return eval_item(r, s, n, ret);
    case TPL_N_SLICE: return eval_slice(r, s, n, ret);
    case TPL_N_CALL: return eval_call(r, s, n, ret);
    case TPL_N_FILTER: return eval_filter(r, s, n, ret);
    case TPL_N_CAPTURED: *ret = r->captured; return HL_OK;
    case TPL_N_TEST: return eval_test(r, s, n, ret);
    case TPL_N_NOT:
    case TPL_N_NEG:
    case TPL_N_POS: return eval_unary(r, s, n, ret);
    case TPL_N_AND:
    case TPL_N_OR: return eval_logic(r, s, n, ret);
    case TPL_N_BINARY: return eval_binary(r, s, n, ret);
    case TPL_N_COMPARE: return eval_compare(r, s, n, ret);
    case TPL_N_CONCAT: return eval_concat(r, s, n, ret);
    case TPL_N_COND: return eval_conditional(r, s, n, ret);
    default:
        hl_assert_failed(__FILE__, __LINE__, "the parser makes expressions of these kinds only");
    }
}

hl_status hl__tpl_eval(tpl_run *r, tpl_scope *s, const tpl_node *n, tpl_value *ret) {
    r->at = n->at;
    HL_TRY(hl__tpl_enter(r));
    HL_TRY(eval_kind(r, s, n, ret));
    hl__tpl_leave(r);
    return HL_OK;
}
