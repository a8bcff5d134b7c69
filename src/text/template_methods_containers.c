/* Methods of lists, tuples, dicts and numbers.  Those that change their object are here too:
 * transformers' sandbox forbids them, but templates that were written for other programs
 * use append and pop, and what they change is this rendering's own (docs/adr/0006). */
#include "text/template_eval.h"

#include <math.h>

static tpl_list *list_of(const tpl_call *c) {
    HL_ASSERT(c->a[0].kind == TPL_LIST || c->a[0].kind == TPL_TUPLE);
    return c->a[0].u.list;
}

/* ---- lists ---- */

static hl_status list_append(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    *ret = hl__tpl_none();
    return hl__tpl_list_push(r, list_of(c), c->a[1]);
}

static hl_status list_extend(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_value all;
    *ret = hl__tpl_none();
    HL_TRY(hl__tpl_collect(r, &c->a[1], &all));
    for (size_t i = 0; i < all.u.list->n; i++)
        HL_TRY(hl__tpl_list_push(r, list_of(c), all.u.list->items[i]));
    return HL_OK;
}

static hl_status list_insert(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_list *l = list_of(c);
    int64_t at, n = (int64_t)l->n;
    *ret = hl__tpl_none();
    HL_TRY(hl__tpl_arg_int(r, &c->a[1], 0, &at));
    HL_TRY(hl__tpl_charge(r, l->n / 4));
    if (at < 0) at = at < -n ? 0 : at + n;
    if (at > n) at = n;
    HL_TRY(hl__tpl_list_push(r, l, c->a[2]));
    memmove(&l->items[at + 1], &l->items[at], (size_t)(n - at) * sizeof *l->items);
    l->items[at] = c->a[2];
    return HL_OK;
}

static hl_status remove_at(tpl_run *r, tpl_list *l, size_t at) {
    HL_ASSERT(at < l->n);
    memmove(&l->items[at], &l->items[at + 1], (l->n - at - 1) * sizeof *l->items);
    l->n--;
    return hl__tpl_charge(r, (l->n - at) / 4);
}

static hl_status list_pop(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_list *l = list_of(c);
    int64_t at, n = (int64_t)l->n;
    HL_TRY(hl__tpl_arg_int(r, &c->a[1], -1, &at));
    if (at < 0) at += n;
    if (n == 0) return hl__tpl_fail(r, HL_EFORMAT, "pop from empty list");
    if (at < 0 || at >= n) return hl__tpl_fail(r, HL_EFORMAT, "pop index out of range");
    *ret = l->items[at];
    return remove_at(r, l, (size_t)at);
}

/* *ret is l->n when the value is not there. */
static hl_status position(tpl_run *r, const tpl_list *l, const tpl_value *v, size_t *ret) {
    for (*ret = 0; *ret < l->n; ++*ret) {
        bool same;
        HL_TRY(hl__tpl_charge(r, 1));
        HL_TRY(hl__tpl_equal(r, &l->items[*ret], v, &same));
        if (same) return HL_OK;
    }
    return HL_OK;
}

static hl_status list_remove(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    size_t at;
    *ret = hl__tpl_none();
    HL_TRY(position(r, list_of(c), &c->a[1], &at));
    if (at == list_of(c)->n) return hl__tpl_fail(r, HL_EFORMAT, "list.remove(x): x not in list");
    return remove_at(r, list_of(c), at);
}

static hl_status list_index(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    size_t at;
    HL_TRY(position(r, list_of(c), &c->a[1], &at));
    if (at == list_of(c)->n) return hl__tpl_fail(r, HL_EFORMAT, "the value is not in the list");
    *ret = hl__tpl_int((int64_t)at);
    return HL_OK;
}

static hl_status list_count(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    *ret = hl__tpl_int(0);
    for (size_t i = 0; i < list_of(c)->n; i++) {
        bool same;
        HL_TRY(hl__tpl_charge(r, 1));
        HL_TRY(hl__tpl_equal(r, &list_of(c)->items[i], &c->a[1], &same));
        ret->u.i += same;
    }
    return HL_OK;
}

static hl_status list_copy(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return hl__tpl_collect(r, &c->a[0], ret);
}

static hl_status list_clear(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    (void)r;
    list_of(c)->n = 0;
    *ret = hl__tpl_none();
    return HL_OK;
}

/* The items of a list that a filter made take the place of the list's own. */
static hl_status replace_items(tpl_run *r, const tpl_call *c, const char *filter,
                               const tpl_args *args, tpl_value *ret) {
    tpl_value made, all;
    const tpl_builtin *fn = hl__tpl_filter_find(hl_str_from(filter));
    HL_ASSERT(fn);
    HL_TRY(hl__tpl_builtin_call(r, fn, &c->a[0], args, &made));
    HL_TRY(hl__tpl_collect(r, &made, &all));
    HL_ASSERT(all.u.list->n == list_of(c)->n);
    if (all.u.list->n)
        memcpy(list_of(c)->items, all.u.list->items, all.u.list->n * sizeof *all.u.list->items);
    *ret = hl__tpl_none();
    return HL_OK;
}

static hl_status list_reverse(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return replace_items(r, c, "reverse", &(tpl_args){0}, ret);
}

static hl_status list_sort(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_args args = {0};
    HL_TRY(hl__tpl_args_name(r, &args, HL_STR("case_sensitive"), hl__tpl_bool(true)));
    HL_TRY(hl__tpl_args_name(r, &args, HL_STR("reverse"),
                             hl__tpl_bool(hl__tpl_arg_bool(&c->a[1], false))));
    return replace_items(r, c, "sort", &args, ret);
}

const tpl_builtin hl__tpl_methods_list[] = {
    {"append", "self object", list_append},
    {"pop", "self index?", list_pop},
    {"extend", "self iterable", list_extend},
    {"insert", "self index object", list_insert},
    {"remove", "self value", list_remove},
    {"index", "self value", list_index},
    {"count", "self value", list_count},
    {"copy", "self", list_copy},
    {"clear", "self", list_clear},
    {"reverse", "self", list_reverse},
    {"sort", "self reverse?", list_sort},
    {0},
};

const tpl_builtin hl__tpl_methods_tuple[] = {
    {"index", "self value", list_index},
    {"count", "self value", list_count},
    {0},
};

/* ---- dicts ---- */

static tpl_dict *dict_of(const tpl_call *c) {
    HL_ASSERT(c->a[0].kind == TPL_DICT);
    return c->a[0].u.dict;
}

/* The value of the key in a[1], else the default in a[2], else none. */
static hl_status dict_get(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_entry *e;
    HL_TRY(hl__tpl_dict_find(r, dict_of(c), &c->a[1], &e));
    *ret = c->a[2].kind == TPL_MISSING ? hl__tpl_none() : c->a[2];
    if (e) *ret = e->value;
    return HL_OK;
}

static hl_status view(const tpl_call *c, tpl_view which, tpl_value *ret) {
    *ret = (tpl_value){.kind = TPL_VIEW, .aux = (uint8_t)which, .u.dict = dict_of(c)};
    return HL_OK;
}
static hl_status dict_keys(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    (void)r;
    return view(c, TPL_VIEW_KEYS, ret);
}
static hl_status dict_values(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    (void)r;
    return view(c, TPL_VIEW_VALUES, ret);
}
static hl_status dict_items(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    (void)r;
    return view(c, TPL_VIEW_ITEMS, ret);
}

static hl_status copy_entries(tpl_run *r, const tpl_dict *from, tpl_dict *to) {
    size_t at = 0;
    HL_TRY(hl__tpl_charge(r, from->n));
    if (from == to) return HL_OK;
    for (const tpl_entry *e; (e = hl__tpl_dict_next(from, &at));)
        HL_TRY(hl__tpl_dict_set(r, to, e->key, e->value));
    return HL_OK;
}

static hl_status dict_copy(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    HL_TRY(hl__tpl_dict_new(r, ret));
    return copy_entries(r, dict_of(c), ret->u.dict);
}

static hl_status dict_update(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    *ret = hl__tpl_none();
    if (c->n_rest && c->rest[0].kind != TPL_DICT)
        return hl__tpl_fail(r, HL_EFORMAT, "update needs a mapping");
    if (c->n_rest) HL_TRY(copy_entries(r, c->rest[0].u.dict, dict_of(c)));
    for (size_t i = 0; i < c->all->n_named; i++)
        HL_TRY(hl__tpl_dict_set(r, dict_of(c), hl__tpl_str(c->all->named[i].name),
                                c->all->named[i].value));
    return HL_OK;
}

static hl_status dict_pop(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_entry *e;
    HL_TRY(hl__tpl_dict_find(r, dict_of(c), &c->a[1], &e));
    if (!e && c->a[2].kind == TPL_MISSING)
        return hl__tpl_fail(r, HL_EFORMAT, "pop: the dict has no such key");
    *ret = e ? e->value : c->a[2];
    if (e) hl__tpl_dict_remove(dict_of(c), e);
    return HL_OK;
}

static hl_status dict_popitem(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_dict *d = dict_of(c);
    if (d->n == 0) return hl__tpl_fail(r, HL_EFORMAT, "popitem(): dictionary is empty");
    size_t at = d->n_entries;
    while (d->entries[at - 1].key.kind == TPL_MISSING) at--;
    HL_TRY(hl__tpl_charge(r, d->n_entries - at));
    tpl_entry *e = &d->entries[at - 1];
    HL_TRY(hl__tpl_pair(r, e->key, e->value, ret));
    hl__tpl_dict_remove(d, e);
    return HL_OK;
}

static hl_status dict_setdefault(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_entry *e;
    HL_TRY(hl__tpl_dict_find(r, dict_of(c), &c->a[1], &e));
    *ret = c->a[2].kind == TPL_MISSING ? hl__tpl_none() : c->a[2];
    if (!e) return hl__tpl_dict_set(r, dict_of(c), c->a[1], *ret);
    *ret = e->value;
    return HL_OK;
}

static hl_status dict_clear(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    (void)r;
    *dict_of(c) = (tpl_dict){0};
    *ret = hl__tpl_none();
    return HL_OK;
}

const tpl_builtin hl__tpl_methods_dict[] = {
    {"get", "self key default?", dict_get},
    {"items", "self", dict_items},
    {"keys", "self", dict_keys},
    {"values", "self", dict_values},
    {"copy", "self", dict_copy},
    {"update", "self **", dict_update},
    {"pop", "self key default?", dict_pop},
    {"popitem", "self", dict_popitem},
    {"setdefault", "self key default?", dict_setdefault},
    {"clear", "self", dict_clear},
    {0},
};

/* ---- numbers ---- */

static hl_status number_is_integer(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    (void)r;
    double f = hl__tpl_as_float(&c->a[0]);
    *ret = hl__tpl_bool(isfinite(f) && f == floor(f));
    return HL_OK;
}

const tpl_builtin hl__tpl_methods_number[] = {
    {"is_integer", "self", number_is_integer},
    {0},
};
