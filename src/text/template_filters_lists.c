/* Filters over whatever can be walked over.  map, select and their like are lazy, as in
 * Jinja: they give generators, which are true even when empty and can be walked over once. */
#include "text/template_eval.h"

#include "text/template_strings.h"

/* ---- keys: the attribute and case_sensitive arguments ---- */

typedef struct key_rule {
    const tpl_value *attribute; /* missing or none: the item itself */
    const tpl_value *otherwise;
    bool fold; /* strings count in lower case */
} key_rule;

static hl_status attribute_of(tpl_run *r, const tpl_value *item, const tpl_value *attribute,
                              const tpl_value *otherwise, tpl_value *ret) {
    *ret = *item;
    if (!hl__tpl_given(attribute)) return HL_OK;
    if (attribute->kind == TPL_STR)
        return hl__tpl_get_path(r, item, attribute->u.s, otherwise, ret);
    HL_TRY(hl__tpl_get_item(r, item, attribute, ret));
    if (ret->kind == TPL_UNDEFINED && otherwise && hl__tpl_given(otherwise)) *ret = *otherwise;
    return HL_OK;
}

static hl_status key_of(tpl_run *r, const key_rule *rule, const tpl_value *item, tpl_value *ret) {
    HL_TRY(attribute_of(r, item, rule->attribute, rule->otherwise, ret));
    if (!rule->fold || ret->kind != TPL_STR) return HL_OK;
    return hl__tpl_change_case(r, ret->u.s, TPL_CASE_LOWER, ret);
}

/* Several attributes with commas between them make a list of keys. */
static hl_status sort_key(tpl_run *r, const key_rule *rule, const tpl_value *item, tpl_value *ret) {
    const tpl_value *attribute = rule->attribute;
    HL_TRY(hl__tpl_list_new(r, TPL_LIST, 1, ret));
    size_t from = 0, len = attribute->kind == TPL_STR ? attribute->u.s.len : 0;
    do {
        tpl_value part = *attribute, key;
        size_t comma = len;
        if (attribute->kind == TPL_STR) {
            comma = hl_str_find(attribute->u.s, HL_STR(","), from);
            if (comma == SIZE_MAX) comma = len;
            part.u.s = hl_str_slice(attribute->u.s, from, comma);
        }
        key_rule one = {&part, rule->otherwise, rule->fold};
        HL_TRY(key_of(r, &one, item, &key));
        HL_TRY(hl__tpl_list_push(r, ret->u.list, key));
        from = comma + 1;
    } while (from <= len && attribute->kind == TPL_STR);
    return HL_OK;
}

/* ---- sorting: a stable merge sort of items with their keys ---- */

typedef struct keyed {
    tpl_value key, item;
} keyed;

static hl_status merge(tpl_run *r, keyed *to, const keyed *a, size_t na, const keyed *b, size_t nb,
                       bool reverse) {
    size_t i = 0, k = 0;
    while (i < na && k < nb) {
        int c;
        HL_TRY(hl__tpl_charge(r, 1));
        HL_TRY(hl__tpl_compare(r, &b[k].key, &a[i].key, "<", &c));
        if (c == (reverse ? 1 : -1))
            *to++ = b[k++];
        else
            *to++ = a[i++];
    }
    for (; i < na; i++) *to++ = a[i];
    for (; k < nb; k++) *to++ = b[k];
    return HL_OK;
}

static hl_status sort_keyed(tpl_run *r, keyed *items, keyed *spare, size_t n, bool reverse) {
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t at = 0; at < n; at += 2 * width) {
            size_t na = n - at < width ? n - at : width;
            size_t nb = n - at - na < width ? n - at - na : width;
            HL_TRY(merge(r, spare + at, items + at, na, items + at + na, nb, reverse));
        }
        HL_TRY(hl__tpl_charge(r, n / 4));
        memcpy(items, spare, n * sizeof *items);
    }
    return HL_OK;
}

/* rule NULL: the items are their own keys. */
static hl_status sort_list(tpl_run *r, tpl_list *l, const key_rule *rule, bool reverse) {
    void *items, *spare;
    HL_TRY(hl__tpl_alloc(r, l->n, sizeof(keyed), &items));
    HL_TRY(hl__tpl_alloc(r, l->n, sizeof(keyed), &spare));
    keyed *k = items;
    for (size_t i = 0; i < l->n; i++) {
        k[i] = (keyed){l->items[i], l->items[i]};
        if (rule) HL_TRY(sort_key(r, rule, &l->items[i], &k[i].key));
    }
    HL_TRY(sort_keyed(r, k, spare, l->n, reverse));
    for (size_t i = 0; i < l->n; i++) l->items[i] = k[i].item;
    return HL_OK;
}

static hl_status filter_sort(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    key_rule rule = {.attribute = &c->a[3], .fold = !hl__tpl_arg_bool(&c->a[2], false)};
    HL_TRY(hl__tpl_collect(r, &c->a[0], ret));
    return sort_list(r, ret->u.list, &rule, hl__tpl_arg_bool(&c->a[1], false));
}

static hl_status filter_dictsort(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    hl_str by;
    HL_TRY(hl__tpl_arg_str(r, &c->a[2], HL_STR("key"), &by));
    if (!hl_str_is(by, "key") && !hl_str_is(by, "value"))
        return hl__tpl_fail(r, HL_EFORMAT, "you can only sort by either \"key\" or \"value\"");
    if (c->a[0].kind == TPL_UNDEFINED) return hl__tpl_fail_undefined(r, &c->a[0]);
    if (c->a[0].kind != TPL_DICT)
        return hl__tpl_fail(r, HL_EFORMAT, "'%s' object has no attribute 'items'",
                            hl__tpl_type_name((tpl_kind)c->a[0].kind));
    tpl_value position = hl__tpl_int(hl_str_is(by, "value"));
    tpl_value view = {.kind = TPL_VIEW, .aux = TPL_VIEW_ITEMS, .u = c->a[0].u};
    key_rule rule = {.attribute = &position, .fold = !hl__tpl_arg_bool(&c->a[1], false)};
    HL_TRY(hl__tpl_collect(r, &view, ret));
    return sort_list(r, ret->u.list, &rule, hl__tpl_arg_bool(&c->a[3], false));
}

static hl_status filter_unique(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    key_rule rule = {.attribute = &c->a[2], .fold = !hl__tpl_arg_bool(&c->a[1], false)};
    tpl_value all, seen, out, key;
    HL_TRY(hl__tpl_collect(r, &c->a[0], &all));
    HL_TRY(hl__tpl_dict_new(r, &seen));
    HL_TRY(hl__tpl_list_new(r, TPL_LIST, 0, &out));
    for (size_t i = 0; i < all.u.list->n; i++) {
        size_t before = seen.u.dict->n;
        HL_TRY(key_of(r, &rule, &all.u.list->items[i], &key));
        HL_TRY(hl__tpl_dict_set(r, seen.u.dict, key, hl__tpl_none()));
        if (seen.u.dict->n == before) continue;
        HL_TRY(hl__tpl_list_push(r, out.u.list, all.u.list->items[i]));
    }
    return hl__tpl_iter_value(r, (tpl_iter){.kind = TPL_I_LIST, .of = out}, ret);
}

static hl_status extreme(tpl_run *r, const tpl_call *c, int wanted, tpl_value *ret) {
    key_rule rule = {.attribute = &c->a[2], .fold = !hl__tpl_arg_bool(&c->a[1], false)};
    tpl_value all, best = hl__tpl_none(), key;
    HL_TRY(hl__tpl_collect(r, &c->a[0], &all));
    *ret = hl__tpl_undefined_text(HL_STR("no aggregated item, sequence was empty"));
    for (size_t i = 0; i < all.u.list->n; i++) {
        int order = wanted;
        HL_TRY(key_of(r, &rule, &all.u.list->items[i], &key));
        if (i) HL_TRY(hl__tpl_compare(r, &key, &best, wanted < 0 ? "<" : ">", &order));
        if (order != wanted) continue;
        best = key;
        *ret = all.u.list->items[i];
    }
    return HL_OK;
}

static hl_status filter_min(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return extreme(r, c, -1, ret);
}

static hl_status filter_max(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return extreme(r, c, 1, ret);
}

static hl_status filter_groupby(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    key_rule rule = {&c->a[1], &c->a[2], !hl__tpl_arg_bool(&c->a[3], false)};
    key_rule shown = {&c->a[1], &c->a[2], false};
    tpl_value all, key, last = hl__tpl_none(), group, members = {.kind = TPL_MISSING};
    HL_TRY(hl__tpl_collect(r, &c->a[0], &all));
    HL_TRY(sort_list(r, all.u.list, &rule, false));
    HL_TRY(hl__tpl_list_new(r, TPL_LIST, 0, ret));
    for (size_t i = 0; i < all.u.list->n; i++) {
        const tpl_value *item = &all.u.list->items[i];
        bool same = false;
        HL_TRY(key_of(r, &rule, item, &key));
        if (i) HL_TRY(hl__tpl_equal(r, &key, &last, &same));
        if (!same) {
            HL_TRY(key_of(r, &shown, item, &last));
            HL_TRY(hl__tpl_list_new(r, TPL_LIST, 0, &members));
            HL_TRY(hl__tpl_pair(r, last, members, &group));
            group.aux = TPL_TUPLE_GROUP;
            HL_TRY(hl__tpl_list_push(r, ret->u.list, group));
            last = key;
        }
        HL_TRY(hl__tpl_list_push(r, members.u.list, *item));
    }
    return HL_OK;
}

/* ---- one item, or all ---- */

static hl_status filter_first(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_iter it;
    bool more;
    HL_TRY(hl__tpl_iter_open(r, &c->a[0], &it));
    HL_TRY(hl__tpl_iter_next(r, &it, ret, &more));
    if (!more) *ret = hl__tpl_undefined_text(HL_STR("no first item, sequence was empty"));
    return HL_OK;
}

static hl_status filter_last(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_value all;
    if (c->a[0].kind == TPL_ITER)
        return hl__tpl_fail(r, HL_EFORMAT, "'generator' object is not reversible");
    HL_TRY(hl__tpl_collect(r, &c->a[0], &all));
    size_t n = all.u.list->n;
    *ret = n ? all.u.list->items[n - 1]
             : hl__tpl_undefined_text(HL_STR("no last item, sequence was empty"));
    return HL_OK;
}

static hl_status filter_length(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    *ret = hl__tpl_int(0);
    return hl__tpl_len(r, &c->a[0], &ret->u.i);
}

static hl_status filter_list(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return hl__tpl_collect(r, &c->a[0], ret);
}

static hl_status reverse_text(tpl_run *r, const tpl_value *v, tpl_value *ret) {
    hl_str s = v->u.s;
    size_t begin = hl__tpl_text_begin(r);
    HL_TRY(hl__tpl_charge(r, s.len / 8));
    for (size_t end = s.len; end > 0;) {
        size_t from = end;
        (void)hl__tpl_chars_prev(s, &from);
        hl_buf_append_str(&r->out, hl_str_slice(s, from, end));
        end = from;
    }
    HL_TRY(hl__tpl_text_end(r, begin, ret));
    ret->safe = v->safe;
    return HL_OK;
}

static hl_status filter_reverse(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_value all;
    if (c->a[0].kind == TPL_STR) return reverse_text(r, &c->a[0], ret);
    HL_TRY(hl__tpl_collect(r, &c->a[0], &all));
    if (c->a[0].kind != TPL_ITER)
        return hl__tpl_iter_value(r, (tpl_iter){.kind = TPL_I_REVERSED, .of = all}, ret);
    HL_TRY(hl__tpl_list_new(r, TPL_LIST, all.u.list->n, ret));
    for (size_t i = all.u.list->n; i > 0; i--)
        HL_TRY(hl__tpl_list_push(r, ret->u.list, all.u.list->items[i - 1]));
    return HL_OK;
}

static hl_status filter_join(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_value separator = hl__tpl_lit(""), item;
    tpl_iter it;
    if (c->a[1].kind != TPL_MISSING) HL_TRY(hl__tpl_to_str(r, &c->a[1], &separator));
    HL_TRY(hl__tpl_iter_open(r, &c->a[0], &it));
    size_t begin = hl__tpl_text_begin(r);
    for (bool more, first = true;; first = false) {
        HL_TRY(hl__tpl_iter_next(r, &it, &item, &more));
        if (!more) break;
        HL_TRY(attribute_of(r, &item, &c->a[2], NULL, &item));
        if (!first) HL_TRY(hl__tpl_append_str(r, &separator));
        HL_TRY(hl__tpl_append_str(r, &item));
    }
    return hl__tpl_text_end(r, begin, ret);
}

static hl_status filter_sum(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_value all, item;
    HL_TRY(hl__tpl_collect(r, &c->a[0], &all));
    *ret = c->a[2].kind == TPL_MISSING ? hl__tpl_int(0) : c->a[2];
    for (size_t i = 0; i < all.u.list->n; i++) {
        tpl_value sum = *ret;
        HL_TRY(attribute_of(r, &all.u.list->items[i], &c->a[1], NULL, &item));
        HL_TRY(hl__tpl_binary(r, '+', &sum, &item, ret));
    }
    return HL_OK;
}

static hl_status filter_items(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_iter it = {.kind = TPL_I_EMPTY};
    if (c->a[0].kind == TPL_DICT) {
        it = (tpl_iter){.kind = TPL_I_DICT, .of = c->a[0]};
        it.of.aux = TPL_VIEW_ITEMS;
    } else if (c->a[0].kind != TPL_UNDEFINED) {
        return hl__tpl_fail(r, HL_EFORMAT, "can only get item pairs from a mapping");
    }
    return hl__tpl_iter_value(r, it, ret);
}

/* ---- map, select, reject ---- */

/* A generator over `of` with the mapper; of nothing when `of` is false. */
static hl_status lazy(tpl_run *r, const tpl_value *of, tpl_iter_kind kind, const tpl_mapper *m,
                      tpl_value *ret) {
    void *mapper, *inner;
    HL_ASSERT(kind == TPL_I_MAP || kind == TPL_I_SELECT);
    if (!hl__tpl_truth(of)) return hl__tpl_iter_value(r, (tpl_iter){.kind = TPL_I_EMPTY}, ret);
    HL_TRY(hl__tpl_alloc(r, 1, sizeof(tpl_mapper), &mapper));
    HL_TRY(hl__tpl_alloc(r, 1, sizeof(tpl_iter), &inner));
    *(tpl_mapper *)mapper = *m;
    HL_TRY(hl__tpl_iter_open(r, of, inner));
    return hl__tpl_iter_value(r, (tpl_iter){.kind = kind, .inner = inner, .mapper = mapper}, ret);
}

static hl_status mapper_attribute(tpl_run *r, const tpl_value *v, tpl_mapper *m) {
    if (v->kind == TPL_STR)
        m->attribute = v->u.s.ptr ? v->u.s : HL_STR("");
    else if (v->kind == TPL_INT)
        m->position = *v;
    else if (v->kind != TPL_NONE)
        return hl__tpl_fail(r, HL_EFORMAT, "an attribute must be a name or a position");
    return HL_OK;
}

static hl_status filter_map(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_mapper m = {0};
    if (c->n_rest) {
        hl_str name;
        HL_TRY(hl__tpl_arg_str(r, &c->rest[0], (hl_str){0}, &name));
        m.fn = hl__tpl_filter_find(name);
        if (!m.fn) return hl__tpl_fail(r, HL_EFORMAT, "no filter named '%.*s'", HL_STR_ARG(name));
        m.args = *c->all;
        m.args.plain++;
        m.args.n--;
        m.args.cap = 0;
        return lazy(r, &c->a[0], TPL_I_MAP, &m, ret);
    }
    bool found = false;
    for (size_t i = 0; i < c->all->n_named; i++) {
        const tpl_named *named = &c->all->named[i];
        if (hl_str_is(named->name, "attribute")) {
            HL_TRY(mapper_attribute(r, &named->value, &m));
            found = true;
        } else if (hl_str_is(named->name, "default")) {
            m.otherwise = named->value;
        } else {
            return hl__tpl_fail(r, HL_EFORMAT, "unexpected keyword argument '%.*s'",
                                HL_STR_ARG(named->name));
        }
    }
    if (!found) return hl__tpl_fail(r, HL_EFORMAT, "map requires a filter argument");
    return lazy(r, &c->a[0], TPL_I_MAP, &m, ret);
}

/* skip: plain arguments before the test's name. */
static hl_status select_or_reject(tpl_run *r, const tpl_call *c, size_t skip, bool negated,
                                  tpl_value *ret) {
    tpl_mapper m = {.negated = negated};
    if (c->n_rest < skip)
        return hl__tpl_fail(r, HL_EFORMAT, "missing parameter for attribute name");
    if (skip) HL_TRY(mapper_attribute(r, &c->rest[0], &m));
    if (c->n_rest > skip) {
        hl_str name;
        HL_TRY(hl__tpl_arg_str(r, &c->rest[skip], (hl_str){0}, &name));
        m.fn = hl__tpl_test_find(name);
        if (!m.fn) return hl__tpl_fail(r, HL_EFORMAT, "no test named '%.*s'", HL_STR_ARG(name));
        m.args = *c->all;
        m.args.plain += skip + 1;
        m.args.n -= skip + 1;
        m.args.cap = 0;
    }
    return lazy(r, &c->a[0], TPL_I_SELECT, &m, ret);
}

static hl_status filter_select(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return select_or_reject(r, c, 0, false, ret);
}
static hl_status filter_reject(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return select_or_reject(r, c, 0, true, ret);
}
static hl_status filter_selectattr(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return select_or_reject(r, c, 1, false, ret);
}
static hl_status filter_rejectattr(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return select_or_reject(r, c, 1, true, ret);
}

/* ---- cutting into lists ---- */

static hl_status push_fill(tpl_run *r, tpl_list *l, const tpl_value *fill, int64_t n) {
    HL_TRY(hl__tpl_charge(r, n > 0 ? (uint64_t)n / 4 : 0));
    for (int64_t i = 0; i < n; i++) HL_TRY(hl__tpl_list_push(r, l, *fill));
    return HL_OK;
}

static hl_status filter_batch(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_value all, out, part;
    int64_t size;
    HL_TRY(hl__tpl_arg_int(r, &c->a[1], 1, &size));
    HL_TRY(hl__tpl_collect(r, &c->a[0], &all));
    HL_TRY(hl__tpl_list_new(r, TPL_LIST, 0, &out));
    HL_TRY(hl__tpl_list_new(r, TPL_LIST, 0, &part));
    for (size_t i = 0; i < all.u.list->n; i++) {
        if ((int64_t)part.u.list->n == size) {
            HL_TRY(hl__tpl_list_push(r, out.u.list, part));
            HL_TRY(hl__tpl_list_new(r, TPL_LIST, 0, &part));
        }
        HL_TRY(hl__tpl_list_push(r, part.u.list, all.u.list->items[i]));
    }
    if (part.u.list->n) {
        if (hl__tpl_given(&c->a[2]))
            HL_TRY(push_fill(r, part.u.list, &c->a[2], size - (int64_t)part.u.list->n));
        HL_TRY(hl__tpl_list_push(r, out.u.list, part));
    }
    return hl__tpl_iter_value(r, (tpl_iter){.kind = TPL_I_LIST, .of = out}, ret);
}

static hl_status filter_slice(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_value all, out, part;
    int64_t slices, at = 0;
    HL_TRY(hl__tpl_arg_int(r, &c->a[1], 1, &slices));
    HL_TRY(hl__tpl_collect(r, &c->a[0], &all));
    HL_TRY(hl__tpl_list_new(r, TPL_LIST, 0, &out));
    if (slices == 0) return hl__tpl_fail(r, HL_EFORMAT, "division by zero");
    int64_t n = (int64_t)all.u.list->n;
    for (int64_t i = 0; i < slices; i++) {
        bool extra = i < n % slices;
        int64_t end = at + n / slices + extra;
        HL_TRY(hl__tpl_charge(r, 1));
        HL_TRY(hl__tpl_list_new(r, TPL_LIST, 0, &part));
        for (; at < end; at++) HL_TRY(hl__tpl_list_push(r, part.u.list, all.u.list->items[at]));
        if (!extra && hl__tpl_given(&c->a[2])) HL_TRY(push_fill(r, part.u.list, &c->a[2], 1));
        HL_TRY(hl__tpl_list_push(r, out.u.list, part));
    }
    return hl__tpl_iter_value(r, (tpl_iter){.kind = TPL_I_LIST, .of = out}, ret);
}

const tpl_builtin hl__tpl_filters_lists[] = {
    {"length", "obj", filter_length},
    {"join", "value d? attribute?", filter_join},
    {"list", "value", filter_list},
    {"items", "value", filter_items},
    {"selectattr", "value **", filter_selectattr},
    {"map", "value **", filter_map},
    {"dictsort", "value case_sensitive? by? reverse?", filter_dictsort},
    {"select", "value **", filter_select},
    {"reject", "value **", filter_reject},
    {"rejectattr", "value **", filter_rejectattr},
    {"first", "seq", filter_first},
    {"last", "seq", filter_last},
    {"unique", "value case_sensitive? attribute?", filter_unique},
    {"sort", "value reverse? case_sensitive? attribute?", filter_sort},
    {"reverse", "value", filter_reverse},
    {"count", "obj", filter_length},
    {"min", "value case_sensitive? attribute?", filter_min},
    {"max", "value case_sensitive? attribute?", filter_max},
    {"sum", "iterable attribute? start?", filter_sum},
    {"groupby", "value attribute default? case_sensitive?", filter_groupby},
    {"batch", "value linecount fill_with?", filter_batch},
    {"slice", "value slices fill_with?", filter_slice},
    {0},
};
