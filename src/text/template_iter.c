#include "text/template_eval.h"

#include "text/template_chars.h"

bool hl__tpl_iterable(const tpl_value *v) {
    return v->kind == TPL_ITER || hl__tpl_has_len(v);
}

hl_status hl__tpl_iter_open(tpl_run *r, const tpl_value *v, tpl_iter *ret) {
    *ret = (tpl_iter){.of = *v};
    switch ((tpl_kind)v->kind) {
    case TPL_UNDEFINED: ret->kind = TPL_I_EMPTY; return HL_OK;
    case TPL_STR: ret->kind = TPL_I_STR; return HL_OK;
    case TPL_LIST:
    case TPL_TUPLE: ret->kind = TPL_I_LIST; return HL_OK;
    case TPL_DICT: ret->of.aux = TPL_VIEW_KEYS; /* fallthrough */
    case TPL_VIEW: ret->kind = TPL_I_DICT; return HL_OK;
    case TPL_RANGE: ret->kind = TPL_I_RANGE; return HL_OK;
    case TPL_ITER:
        ret->kind = TPL_I_SHARED;
        ret->inner = v->u.iter;
        return HL_OK;
    default:
        return hl__tpl_fail(r, HL_EFORMAT, "'%s' object is not iterable",
                            hl__tpl_type_name((tpl_kind)v->kind));
    }
}

hl_status hl__tpl_iter_value(tpl_run *r, tpl_iter it, tpl_value *ret) {
    void *p;
    HL_ASSERT((it.kind != TPL_I_MAP && it.kind != TPL_I_SELECT) || (it.inner && it.mapper));
    HL_TRY(hl__tpl_alloc(r, 1, sizeof it, &p));
    *(tpl_iter *)p = it;
    *ret = (tpl_value){.kind = TPL_ITER, .u.iter = p};
    return HL_OK;
}

/* ---- paths ---- */

/* A part of digits is a position, as Python's isdigit and int would have it. */
static tpl_value path_part(hl_str part) {
    int64_t i = 0;
    for (size_t at = 0; at < part.len; at++) {
        char c = part.ptr[at];
        if (c < '0' || c > '9' || part.len > 18) return hl__tpl_str(part);
        i = i * 10 + (c - '0');
    }
    return part.len ? hl__tpl_int(i) : hl__tpl_str(part);
}

hl_status hl__tpl_get_path(tpl_run *r, const tpl_value *of, hl_str path, const tpl_value *otherwise,
                           tpl_value *ret) {
    *ret = *of;
    for (size_t from = 0, dot; from <= path.len; from = dot + 1) {
        dot = hl_str_find(path, HL_STR("."), from);
        if (dot == SIZE_MAX) dot = path.len;
        tpl_value key = path_part(hl_str_slice(path, from, dot)), item = *ret;
        HL_TRY(hl__tpl_get_item(r, &item, &key, ret));
        if (ret->kind == TPL_UNDEFINED && otherwise && hl__tpl_given(otherwise)) *ret = *otherwise;
    }
    return HL_OK;
}

static hl_status attribute(tpl_run *r, const tpl_mapper *m, const tpl_value *item, tpl_value *ret) {
    *ret = *item;
    if (m->attribute.ptr) return hl__tpl_get_path(r, item, m->attribute, &m->otherwise, ret);
    if (m->position.kind != TPL_INT) return HL_OK;
    HL_TRY(hl__tpl_get_item(r, item, &m->position, ret));
    if (ret->kind == TPL_UNDEFINED && hl__tpl_given(&m->otherwise)) *ret = m->otherwise;
    return HL_OK;
}

/* ---- steps ---- */

static hl_status next_map(tpl_run *r, tpl_iter *it, tpl_value *ret, bool *more) {
    tpl_value item;
    HL_TRY(hl__tpl_iter_next(r, it->inner, &item, more));
    if (!*more) return HL_OK;
    if (!it->mapper->fn) return attribute(r, it->mapper, &item, ret);
    return hl__tpl_builtin_call(r, it->mapper->fn, &item, &it->mapper->args, ret);
}

static hl_status next_select(tpl_run *r, tpl_iter *it, tpl_value *ret, bool *more) {
    const tpl_mapper *m = it->mapper;
    for (;;) {
        tpl_value v;
        HL_TRY(hl__tpl_iter_next(r, it->inner, ret, more));
        if (!*more) return HL_OK;
        HL_TRY(attribute(r, m, ret, &v));
        if (m->fn) HL_TRY(hl__tpl_builtin_call(r, m->fn, &v, &m->args, &v));
        if (hl__tpl_truth(&v) != m->negated) return HL_OK;
    }
}

static void next_of_list(tpl_iter *it, tpl_value *ret, bool *more) {
    const tpl_list *l = it->of.u.list;
    *more = it->at < l->n; /* the list may have grown or shrunk */
    if (*more) *ret = l->items[it->kind == TPL_I_LIST ? it->at : l->n - 1 - it->at];
    it->at += *more;
}

static void next_of_str(tpl_iter *it, tpl_value *ret, bool *more) {
    hl_str s = it->of.u.s;
    size_t end = hl__tpl_chars_skip(s, it->at, 1);
    *more = it->at < s.len;
    if (*more) *ret = hl__tpl_str(hl_str_slice(s, it->at, end));
    it->at = end;
}

static void next_of_range(tpl_iter *it, tpl_value *ret, bool *more) {
    const tpl_range *g = it->of.u.range;
    *more = (int64_t)it->at < hl__tpl_range_len(g);
    if (*more) *ret = hl__tpl_int(g->start + (int64_t)it->at * g->step);
    it->at += *more;
}

static hl_status next_of_kind(tpl_run *r, tpl_iter *it, tpl_value *ret, bool *more) {
    *more = false;
    switch (it->kind) {
    case TPL_I_EMPTY: return HL_OK;
    case TPL_I_LIST:
    case TPL_I_REVERSED: next_of_list(it, ret, more); return HL_OK;
    case TPL_I_STR: next_of_str(it, ret, more); return HL_OK;
    case TPL_I_RANGE: next_of_range(it, ret, more); return HL_OK;
    case TPL_I_DICT: {
        const tpl_entry *e = hl__tpl_dict_next(it->of.u.dict, &it->at);
        *more = e != NULL;
        return e ? hl__tpl_entry_view(r, e, (tpl_view)it->of.aux, ret) : HL_OK;
    }
    case TPL_I_SHARED: return hl__tpl_iter_next(r, it->inner, ret, more);
    case TPL_I_MAP: return next_map(r, it, ret, more);
    case TPL_I_SELECT: return next_select(r, it, ret, more);
    }
    hl_assert_failed(__FILE__, __LINE__, "a kind of iterator");
}

hl_status hl__tpl_iter_next(tpl_run *r, tpl_iter *it, tpl_value *ret, bool *more) {
    HL_TRY(hl__tpl_enter(r));
    HL_TRY(next_of_kind(r, it, ret, more));
    hl__tpl_leave(r);
    return HL_OK;
}

hl_status hl__tpl_collect(tpl_run *r, const tpl_value *v, tpl_value *ret) {
    tpl_iter it;
    tpl_value item;
    bool more;
    HL_TRY(hl__tpl_iter_open(r, v, &it));
    size_t cap = v->kind == TPL_LIST || v->kind == TPL_TUPLE ? v->u.list->n : 0;
    HL_TRY(hl__tpl_list_new(r, TPL_LIST, cap, ret));
    for (;;) {
        HL_TRY(hl__tpl_iter_next(r, &it, &item, &more));
        if (!more) return HL_OK;
        HL_TRY(hl__tpl_list_push(r, ret->u.list, item));
    }
}
