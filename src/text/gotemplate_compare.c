/* eq, ne, lt, le, gt, ge; len, index, slice. */
#include "text/gotemplate_run.h"

static bool is_int(const go_value *v) {
    return v->kind == GO_INT || v->kind == GO_BYTE;
}

static hl_status fail_call(go_run *r, const char *name, const char *what) {
    return hl__go_fail(r, HL_EFORMAT, "error calling %s: %s", name, what);
}

static hl_status fail_kinds(go_run *r, const char *name, const go_value *a, const go_value *b) {
    return hl__go_fail(r, HL_EFORMAT,
                       "error calling %s: incompatible types for comparison: %s and %s", name,
                       hl__go_type_name(a), hl__go_type_name(b));
}

static int compare_texts(hl_str a, hl_str b) {
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n ? memcmp(a.ptr, b.ptr, n) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* A list or map of typed data may be nil, which equals nothing but nil. */
static bool is_nil(const go_value *v) {
    return hl__go_is_nil(v) || ((v->kind == GO_LIST || v->kind == GO_MAP) && !v->u.json);
}

static hl_status equal(go_run *r, const char *name, const go_value *a, const go_value *b,
                       bool *ret) {
    bool basic_a = a->kind >= GO_BOOL && a->kind <= GO_STRING;
    bool basic_b = b->kind >= GO_BOOL && b->kind <= GO_STRING;
    *ret = false;
    if (is_int(a) && is_int(b)) {
        *ret = a->u.i == b->u.i;
        return HL_OK;
    }
    if (!basic_a && !basic_b) {
        bool none = hl__go_is_nil(a) || hl__go_is_nil(b);
        if (!none && a->kind != b->kind) return fail_call(r, name, "non-comparable types");
        *ret = is_nil(a) && is_nil(b);
        if (!is_nil(a) && !is_nil(b))
            return hl__go_fail(r, HL_EFORMAT, "error calling %s: non-comparable type %s", name,
                               hl__go_type_name(b));
        return HL_OK;
    }
    if (a->kind != b->kind)
        return hl__go_is_nil(a) || hl__go_is_nil(b) ? HL_OK : fail_kinds(r, name, a, b);
    if (a->kind == GO_BOOL) *ret = a->u.b == b->u.b;
    if (a->kind == GO_FLOAT) *ret = a->u.f == b->u.f;
    if (a->kind == GO_STRING) *ret = hl_str_eq(a->u.s, b->u.s);
    return hl__go_charge_bytes(r, a->kind == GO_STRING ? a->u.s.len : 0);
}

static hl_status less(go_run *r, const char *name, const go_value *a, const go_value *b,
                      bool *ret) {
    bool basic_a = a->kind >= GO_BOOL && a->kind <= GO_STRING;
    bool basic_b = b->kind >= GO_BOOL && b->kind <= GO_STRING;
    if (!basic_a || !basic_b || (a->kind == GO_BOOL && b->kind == GO_BOOL))
        return fail_call(r, name, "invalid type for comparison");
    if (is_int(a) && is_int(b)) {
        *ret = a->u.i < b->u.i;
        return HL_OK;
    }
    if (a->kind != b->kind) return fail_kinds(r, name, a, b);
    *ret = a->kind == GO_FLOAT ? a->u.f < b->u.f : compare_texts(a->u.s, b->u.s) < 0;
    return hl__go_charge_bytes(r, a->kind == GO_STRING ? a->u.s.len : 0);
}

static hl_status less_or_equal(go_run *r, const char *name, const go_value *args, bool *ret) {
    HL_TRY(less(r, name, &args[0], &args[1], ret));
    return *ret ? HL_OK : equal(r, name, &args[0], &args[1], ret);
}

hl_status hl__go_eq(go_run *r, const go_value *args, size_t n, go_value *ret) {
    bool is = false;
    if (n < 2) return fail_call(r, "eq", "missing argument for comparison");
    for (size_t i = 1; i < n && !is; i++) HL_TRY(equal(r, "eq", &args[0], &args[i], &is));
    *ret = hl__go_bool(is);
    return HL_OK;
}

hl_status hl__go_ne(go_run *r, const go_value *args, size_t n, go_value *ret) {
    bool is;
    HL_ASSERT(n == 2);
    HL_TRY(equal(r, "ne", &args[0], &args[1], &is));
    *ret = hl__go_bool(!is);
    return HL_OK;
}

hl_status hl__go_lt(go_run *r, const go_value *args, size_t n, go_value *ret) {
    bool is;
    HL_ASSERT(n == 2);
    HL_TRY(less(r, "lt", &args[0], &args[1], &is));
    *ret = hl__go_bool(is);
    return HL_OK;
}

hl_status hl__go_le(go_run *r, const go_value *args, size_t n, go_value *ret) {
    bool is;
    HL_ASSERT(n == 2);
    HL_TRY(less_or_equal(r, "le", args, &is));
    *ret = hl__go_bool(is);
    return HL_OK;
}

hl_status hl__go_gt(go_run *r, const go_value *args, size_t n, go_value *ret) {
    bool is;
    HL_ASSERT(n == 2);
    HL_TRY(less_or_equal(r, "gt", args, &is));
    *ret = hl__go_bool(!is);
    return HL_OK;
}

hl_status hl__go_ge(go_run *r, const go_value *args, size_t n, go_value *ret) {
    bool is;
    HL_ASSERT(n == 2);
    HL_TRY(less(r, "ge", &args[0], &args[1], &is));
    *ret = hl__go_bool(!is);
    return HL_OK;
}

hl_status hl__go_len(go_run *r, const go_value *args, size_t n, go_value *ret) {
    HL_ASSERT(n == 1);
    const go_value *v = &args[0];
    if (v->kind != GO_STRING && v->kind != GO_LIST && v->kind != GO_MAP)
        return hl__go_fail(r, HL_EFORMAT, "error calling len: len of %s%s",
                           hl__go_is_nil(v) ? "nil pointer" : "type ",
                           hl__go_is_nil(v) ? "" : hl__go_type_name(v));
    *ret = hl__go_int((int64_t)(v->kind == GO_STRING ? v->u.s.len : v->n));
    return HL_OK;
}

/* An index of something with n items; for slices also n itself. */
static hl_status index_of(go_run *r, const char *name, const go_value *v, size_t max, size_t *ret) {
    if (hl__go_is_nil(v)) return fail_call(r, name, "cannot index slice/array with nil");
    if (!is_int(v))
        return hl__go_fail(r, HL_EFORMAT, "error calling %s: cannot index slice/array with type %s",
                           name, hl__go_type_name(v));
    if (v->u.i < 0 || (uint64_t)v->u.i > max)
        return hl__go_fail(r, HL_EFORMAT, "error calling %s: index out of range: %lld", name,
                           (long long)v->u.i);
    *ret = (size_t)v->u.i;
    return HL_OK;
}

static hl_status index_sequence(go_run *r, const go_value *v, const go_value *index,
                                go_value *ret) {
    size_t i, n = v->kind == GO_STRING ? v->u.s.len : v->n;
    HL_TRY(index_of(r, "index", index, n, &i));
    if (i == n) return fail_call(r, "index", "reflect: slice index out of range");
    if (v->kind == GO_STRING)
        *ret = (go_value){.kind = GO_BYTE, .u.i = (unsigned char)v->u.s.ptr[i]};
    else
        *ret = hl__go_item(v, i);
    return HL_OK;
}

hl_status hl__go_index(go_run *r, const go_value *args, size_t n, go_value *ret) {
    go_value v = args[0];
    if (hl__go_is_nil(&v)) return fail_call(r, "index", "index of untyped nil");
    for (size_t i = 1; i < n; i++) {
        if (hl__go_is_nil(&v)) return fail_call(r, "index", "index of nil pointer");
        if (v.kind == GO_STRING || v.kind == GO_LIST) {
            go_value item;
            HL_TRY(index_sequence(r, &v, &args[i], &item));
            v = item;
        } else if (v.kind != GO_MAP) {
            return hl__go_fail(r, HL_EFORMAT, "error calling index: can't index item of type %s",
                               hl__go_type_name(&v));
        } else if (args[i].kind != GO_STRING) {
            return hl__go_fail(r, HL_EFORMAT,
                               "error calling index: value has type %s; should be string",
                               hl__go_type_name(&args[i]));
        } else {
            size_t n_keys = v.n;
            v = hl__go_lookup(&v, args[i].u.s);
            HL_TRY(hl__go_charge(r, args[i].u.s.len < GO_KEY_SHORT ? 1 : n_keys));
        }
    }
    *ret = v;
    return HL_OK;
}

hl_status hl__go_slice(go_run *r, const go_value *args, size_t n, go_value *ret) {
    go_value v = args[0];
    size_t at[3] = {0}, n_at = n - 1;
    if (hl__go_is_nil(&v)) return fail_call(r, "slice", "slice of untyped nil");
    if (n_at > 3) return fail_call(r, "slice", "too many slice indexes");
    if (v.kind != GO_STRING && v.kind != GO_LIST)
        return hl__go_fail(r, HL_EFORMAT, "error calling slice: can't slice item of type %s",
                           hl__go_type_name(&v));
    if (n_at == 3 && v.kind == GO_STRING)
        return fail_call(r, "slice", "cannot 3-index slice a string");
    size_t len = v.kind == GO_STRING ? v.u.s.len : v.n;
    at[1] = len;
    for (size_t i = 0; i < n_at; i++) HL_TRY(index_of(r, "slice", &args[i + 1], len, &at[i]));
    if (at[0] > at[1] || (n_at == 3 && at[1] > at[2]))
        return hl__go_fail(r, HL_EFORMAT, "error calling slice: invalid slice index: %zu > %zu",
                           at[at[0] > at[1] ? 0 : 1], at[at[0] > at[1] ? 1 : 2]);
    *ret = v;
    if (v.kind == GO_STRING) {
        ret->u.s = hl_str_slice(v.u.s, at[0], at[1]);
    } else {
        ret->from = v.from + at[0];
        ret->n = at[1] - at[0];
    }
    return HL_OK;
}
