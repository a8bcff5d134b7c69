/* Functions that every template can call. */
#include "text/template_eval.h"

enum { RANGE_MAX = 100000 }; /* what Jinja's sandbox allows */

static hl_status global_range(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_range g = {0, 0, 1};
    void *p;
    bool one = c->a[1].kind == TPL_MISSING;
    HL_TRY(hl__tpl_arg_int(r, &c->a[0], 0, one ? &g.stop : &g.start));
    if (!one) HL_TRY(hl__tpl_arg_int(r, &c->a[1], 0, &g.stop));
    HL_TRY(hl__tpl_arg_int(r, &c->a[2], 1, &g.step));
    if (g.step == 0) return hl__tpl_fail(r, HL_EFORMAT, "range() arg 3 must not be zero");
    if (hl__tpl_range_len(&g) > RANGE_MAX)
        return hl__tpl_fail(r, HL_ELIMIT, "range() of more than %d items", RANGE_MAX);
    HL_TRY(hl__tpl_alloc(r, 1, sizeof g, &p));
    *(tpl_range *)p = g;
    *ret = (tpl_value){.kind = TPL_RANGE, .u.range = p};
    return HL_OK;
}

static hl_status add_pairs(tpl_run *r, const tpl_value *of, tpl_dict *to) {
    tpl_value all, pair;
    if (of->kind == TPL_DICT) {
        size_t at = 0;
        for (const tpl_entry *e; (e = hl__tpl_dict_next(of->u.dict, &at));)
            HL_TRY(hl__tpl_dict_set(r, to, e->key, e->value));
        return HL_OK;
    }
    HL_TRY(hl__tpl_collect(r, of, &all));
    for (size_t i = 0; i < all.u.list->n; i++) {
        HL_TRY(hl__tpl_collect(r, &all.u.list->items[i], &pair));
        if (pair.u.list->n != 2)
            return hl__tpl_fail(r, HL_EFORMAT, "dictionary update element #%zu has length %zu", i,
                                pair.u.list->n);
        HL_TRY(hl__tpl_dict_set(r, to, pair.u.list->items[0], pair.u.list->items[1]));
    }
    return HL_OK;
}

static hl_status global_dict(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    HL_TRY(hl__tpl_dict_new(r, ret));
    if (c->n_rest > 1)
        return hl__tpl_fail(r, HL_EFORMAT, "%s expected at most 1 argument", c->fn->name);
    if (c->n_rest) HL_TRY(add_pairs(r, &c->rest[0], ret->u.dict));
    for (size_t i = 0; i < c->all->n_named; i++) {
        const tpl_named *n = &c->all->named[i];
        HL_TRY(hl__tpl_dict_set(r, ret->u.dict, hl__tpl_str(n->name), n->value));
    }
    return HL_OK;
}

static hl_status global_namespace(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    HL_TRY(global_dict(r, c, ret));
    ret->kind = TPL_NAMESPACE;
    return HL_OK;
}

static hl_status object(tpl_run *r, tpl_object o, tpl_value *ret) {
    void *p;
    HL_TRY(hl__tpl_alloc(r, 1, sizeof o, &p));
    *(tpl_object *)p = o;
    *ret = (tpl_value){.kind = TPL_OBJECT, .u.object = p};
    return HL_OK;
}

static hl_status global_joiner(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_value separator = c->a[0].kind == TPL_MISSING ? hl__tpl_lit(", ") : c->a[0];
    return object(r, (tpl_object){.values = separator}, ret);
}

static hl_status global_cycler(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_value values;
    if (!c->n_rest) return hl__tpl_fail(r, HL_EFORMAT, "at least one item has to be provided");
    HL_TRY(hl__tpl_list_new(r, TPL_LIST, c->n_rest, &values));
    for (size_t i = 0; i < c->n_rest; i++) HL_TRY(hl__tpl_list_push(r, values.u.list, c->rest[i]));
    return object(r, (tpl_object){.cycler = true, .values = values}, ret);
}

static hl_status cycler_next(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_object *o = c->a[0].u.object;
    (void)r;
    *ret = o->values.u.list->items[o->at];
    o->at = (o->at + 1) % o->values.u.list->n;
    return HL_OK;
}

static hl_status cycler_reset(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    (void)r;
    c->a[0].u.object->at = 0;
    *ret = hl__tpl_none();
    return HL_OK;
}

/* The template's own refusal: its text alone, without our place in it. */
static hl_status global_raise_exception(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_value text;
    (void)ret;
    HL_TRY(hl__tpl_to_str(r, &c->a[0], &text));
    return hl_fail(r->err, HL_EINVAL, "template", "%.*s", HL_STR_ARG(text.u.s));
}

static hl_status global_strftime_now(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    hl_str fmt;
    HL_TRY(hl__tpl_arg_str(r, &c->a[0], (hl_str){0}, &fmt));
    HL_TRY(hl__tpl_charge(r, fmt.len / 4));
    size_t begin = hl__tpl_text_begin(r);
    hl__tpl_append_strftime(r, fmt, r->now_s);
    return hl__tpl_text_end(r, begin, ret);
}

const tpl_builtin hl__tpl_globals[] = {
    {"namespace", "**", global_namespace},
    {"raise_exception", "message", global_raise_exception},
    {"strftime_now", "format", global_strftime_now},
    {"range", "start stop? step?", global_range},
    {"dict", "**", global_dict},
    {"joiner", "sep?", global_joiner},
    {"cycler", "*", global_cycler},
    {0},
};

const tpl_builtin hl__tpl_methods_cycler[] = {
    {"next", "self", cycler_next},
    {"reset", "self", cycler_reset},
    {0},
};
