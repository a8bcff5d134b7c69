/* for, and the variable `loop` in its body. */
#include "text/template_eval.h"

/* ---- targets ---- */

static hl_status assign_tuple(tpl_run *r, tpl_scope *s, const tpl_node *target,
                              const tpl_value *v) {
    tpl_iter it;
    tpl_value item;
    bool more;
    HL_ASSERT(target->list.n > 0);
    HL_TRY(hl__tpl_enter(r));
    HL_TRY(hl__tpl_iter_open(r, v, &it));
    for (uint32_t i = 0; i < target->list.n; i++) {
        HL_TRY(hl__tpl_iter_next(r, &it, &item, &more));
        if (!more)
            return hl__tpl_fail(r, HL_EFORMAT, "not enough values to unpack (expected %u, got %u)",
                                target->list.n, i);
        HL_TRY(hl__tpl_assign(r, s, target->list.items[i], &item));
    }
    HL_TRY(hl__tpl_iter_next(r, &it, &item, &more));
    if (more)
        return hl__tpl_fail(r, HL_EFORMAT, "too many values to unpack (expected %u)",
                            target->list.n);
    hl__tpl_leave(r);
    return HL_OK;
}

hl_status hl__tpl_assign(tpl_run *r, tpl_scope *s, const tpl_node *target, const tpl_value *v) {
    if (target->kind == TPL_N_TUPLE) return assign_tuple(r, s, target, v);
    if (target->kind == TPL_N_NAME) return hl__tpl_scope_set(r, s, target->sym, *v);
    HL_ASSERT(target->kind == TPL_N_NSREF);
    tpl_value ns;
    HL_TRY(hl__tpl_scope_get(r, s, target->sym, &ns));
    r->at = target->at;
    if (ns.kind != TPL_NAMESPACE)
        return hl__tpl_fail(r, HL_EFORMAT, "cannot assign attribute on non-namespace object");
    return hl__tpl_dict_set(r, ns.u.dict, hl__tpl_str(target->text), *v);
}

/* ---- walking ---- */

/* The test of a loop sees the target's names and what is around the loop, not the body's. */
static hl_status passes(tpl_run *r, tpl_loop *l, const tpl_value *item, bool *ret) {
    tpl_scope *s;
    tpl_value test;
    HL_TRY(hl__tpl_scope_new(r, l->outer, &s));
    HL_TRY(hl__tpl_assign(r, s, l->node->a, item));
    HL_TRY(hl__tpl_eval(r, s, l->node->c, &test));
    *ret = hl__tpl_truth(&test);
    return HL_OK;
}

static hl_status fetch(tpl_run *r, tpl_loop *l, tpl_value *ret, bool *more) {
    bool taken = true;
    do {
        HL_TRY(hl__tpl_iter_next(r, &l->it, ret, more));
        if (*more && l->node->c && !l->tested) HL_TRY(passes(r, l, ret, &taken));
    } while (*more && !taken);
    return HL_OK;
}

static hl_status loop_next(tpl_run *r, tpl_loop *l, tpl_value *ret, bool *more) {
    if (l->next.kind == TPL_MISSING) return fetch(r, l, ret, more);
    *ret = l->next;
    *more = true;
    l->next.kind = TPL_MISSING;
    return HL_OK;
}

/* Looks at the item after this one. */
static hl_status peek(tpl_run *r, tpl_loop *l, bool *more) {
    *more = true;
    if (l->next.kind != TPL_MISSING) return HL_OK;
    tpl_value v;
    HL_TRY(fetch(r, l, &v, more));
    if (*more) l->next = v;
    return HL_OK;
}

/* Where the length cannot be asked for, the rest is fetched and counted. */
static hl_status loop_length(tpl_run *r, tpl_loop *l, int64_t *ret) {
    if (l->length < 0 && !l->node->c && hl__tpl_has_len(&l->of))
        HL_TRY(hl__tpl_len(r, &l->of, &l->length));
    if (l->length < 0) {
        tpl_value rest, item;
        bool more;
        HL_TRY(hl__tpl_list_new(r, TPL_LIST, 0, &rest));
        for (;;) {
            HL_TRY(fetch(r, l, &item, &more));
            if (!more) break;
            HL_TRY(hl__tpl_list_push(r, rest.u.list, item));
        }
        l->length = (int64_t)rest.u.list->n + l->index0 + 1 + (l->next.kind != TPL_MISSING);
        l->it = (tpl_iter){.kind = TPL_I_LIST, .of = rest};
        l->tested = true;
    }
    *ret = l->length;
    return HL_OK;
}

/* ---- the variable `loop` ---- */

static hl_status loop_last(tpl_run *r, tpl_loop *l, tpl_value *ret) {
    bool more;
    HL_TRY(peek(r, l, &more));
    *ret = hl__tpl_bool(!more);
    return HL_OK;
}

static hl_status loop_nextitem(tpl_run *r, tpl_loop *l, tpl_value *ret) {
    bool more;
    HL_TRY(peek(r, l, &more));
    *ret = more ? l->next : hl__tpl_undefined_text(HL_STR("there is no next item"));
    return HL_OK;
}

static hl_status loop_previtem(tpl_run *r, tpl_loop *l, tpl_value *ret) {
    (void)r;
    *ret = l->index0 > 0 ? l->previous
                         : hl__tpl_undefined_text(HL_STR("there is no previous item"));
    return HL_OK;
}

static hl_status loop_length_attr(tpl_run *r, tpl_loop *l, tpl_value *ret) {
    *ret = hl__tpl_int(0);
    return loop_length(r, l, &ret->u.i);
}

static hl_status loop_revindex(tpl_run *r, tpl_loop *l, tpl_value *ret) {
    HL_TRY(loop_length_attr(r, l, ret));
    ret->u.i -= l->index0;
    return HL_OK;
}

static hl_status loop_revindex0(tpl_run *r, tpl_loop *l, tpl_value *ret) {
    HL_TRY(loop_length_attr(r, l, ret));
    ret->u.i -= l->index0 + 1;
    return HL_OK;
}

static hl_status loop_index(tpl_run *r, tpl_loop *l, tpl_value *ret) {
    (void)r;
    *ret = hl__tpl_int(l->index0 + 1);
    return HL_OK;
}

static hl_status loop_index0(tpl_run *r, tpl_loop *l, tpl_value *ret) {
    (void)r;
    *ret = hl__tpl_int(l->index0);
    return HL_OK;
}

static hl_status loop_first(tpl_run *r, tpl_loop *l, tpl_value *ret) {
    (void)r;
    *ret = hl__tpl_bool(l->index0 == 0);
    return HL_OK;
}

static hl_status loop_depth(tpl_run *r, tpl_loop *l, tpl_value *ret) {
    (void)r;
    *ret = hl__tpl_int((int64_t)l->depth0 + 1);
    return HL_OK;
}

static hl_status loop_depth0(tpl_run *r, tpl_loop *l, tpl_value *ret) {
    (void)r;
    *ret = hl__tpl_int(l->depth0);
    return HL_OK;
}

hl_status hl__tpl_loop_attr(tpl_run *r, tpl_loop *l, hl_str name, tpl_value *ret) {
    static const struct {
        const char *name;
        hl_status (*get)(tpl_run *r, tpl_loop *l, tpl_value *ret);
    } ATTRIBUTES[] = {
        {"index", loop_index},         {"index0", loop_index0},      {"first", loop_first},
        {"last", loop_last},           {"length", loop_length_attr}, {"revindex", loop_revindex},
        {"revindex0", loop_revindex0}, {"previtem", loop_previtem},  {"nextitem", loop_nextitem},
        {"depth", loop_depth},         {"depth0", loop_depth0},
    };
    for (size_t i = 0; i < sizeof ATTRIBUTES / sizeof ATTRIBUTES[0]; i++) {
        if (hl_str_is(name, ATTRIBUTES[i].name)) return ATTRIBUTES[i].get(r, l, ret);
    }
    *ret = hl__tpl_undefined(name, TPL_LOOP);
    return HL_OK;
}

static hl_status loop_cycle(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    if (!c->n_rest) return hl__tpl_fail(r, HL_EFORMAT, "no items for cycling given");
    *ret = c->rest[(size_t)c->a[0].u.loop->index0 % c->n_rest];
    return HL_OK;
}

static hl_status loop_changed(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_loop *l = c->a[0].u.loop;
    tpl_value now;
    bool same = false;
    HL_TRY(hl__tpl_list_new(r, TPL_TUPLE, c->n_rest, &now));
    for (size_t i = 0; i < c->n_rest; i++) HL_TRY(hl__tpl_list_push(r, now.u.list, c->rest[i]));
    if (l->changed.kind != TPL_MISSING) HL_TRY(hl__tpl_equal(r, &l->changed, &now, &same));
    l->changed = now;
    *ret = hl__tpl_bool(!same);
    return HL_OK;
}

const tpl_builtin hl__tpl_methods_loop[] = {
    {"cycle", "self *", loop_cycle},
    {"changed", "self *", loop_changed},
    {0},
};

/* ---- the statement ---- */

static hl_status round_of(tpl_run *r, tpl_scope *s, tpl_loop *l, const tpl_value *item) {
    l->previous = l->current;
    l->current = *item;
    l->index0++;
    s->n = 0;
    HL_TRY(hl__tpl_scope_set(r, s, r->t->sym_loop, (tpl_value){.kind = TPL_LOOP, .u.loop = l}));
    HL_TRY(hl__tpl_assign(r, s, l->node->a, item));
    HL_TRY(hl__tpl_exec(r, s, &l->node->list));
    l->completed |= r->flow == TPL_FLOW_ON;
    if (r->flow == TPL_FLOW_CONTINUE) r->flow = TPL_FLOW_ON;
    return HL_OK;
}

hl_status hl__tpl_loop_run(tpl_run *r, tpl_scope *outer, const tpl_node *n, const tpl_value *over,
                           uint32_t depth0) {
    void *p;
    tpl_scope *s;
    tpl_value item;
    HL_ASSERT(n->kind == TPL_N_FOR && r->flow == TPL_FLOW_ON);
    HL_TRY(hl__tpl_enter(r));
    HL_TRY(hl__tpl_alloc(r, 1, sizeof(tpl_loop), &p));
    HL_TRY(hl__tpl_scope_new(r, outer, &s));
    tpl_loop *l = p;
    *l = (tpl_loop){.node = n, .outer = outer, .of = *over, .depth0 = depth0};
    l->index0 = l->length = -1;
    HL_TRY(hl__tpl_iter_open(r, over, &l->it));
    while (r->flow == TPL_FLOW_ON) {
        bool more;
        r->at = n->at;
        HL_TRY(loop_next(r, l, &item, &more));
        if (!more) break;
        HL_TRY(round_of(r, s, l, &item));
    }
    if (r->flow == TPL_FLOW_BREAK) r->flow = TPL_FLOW_ON;
    s->n = 0;
    if (!l->completed && n->d) HL_TRY(hl__tpl_exec(r, s, &n->d->list));
    hl__tpl_leave(r);
    return HL_OK;
}
