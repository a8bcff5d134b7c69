#include "text/template_value.h"

#include "text/template_chars.h"
#include "text/template_run.h"

#include <math.h>

const char *hl__tpl_type_name(tpl_kind kind) {
    static const char *const NAMES[] = {
        [TPL_MISSING] = "missing",  [TPL_UNDEFINED] = "Undefined",
        [TPL_NONE] = "NoneType",    [TPL_BOOL] = "bool",
        [TPL_INT] = "int",          [TPL_BIGINT] = "int",
        [TPL_FLOAT] = "float",      [TPL_STR] = "str",
        [TPL_LIST] = "list",        [TPL_TUPLE] = "tuple",
        [TPL_DICT] = "dict",        [TPL_VIEW] = "dict_view",
        [TPL_RANGE] = "range",      [TPL_SLICE] = "slice",
        [TPL_ITER] = "generator",   [TPL_NAMESPACE] = "Namespace",
        [TPL_LOOP] = "LoopContext", [TPL_MACRO] = "Macro",
        [TPL_BUILTIN] = "function", [TPL_METHOD] = "builtin_function_or_method",
        [TPL_OBJECT] = "object",
    };
    HL_ASSERT((size_t)kind < sizeof NAMES / sizeof NAMES[0]);
    return NAMES[kind];
}

/* ---- lists ---- */

hl_status hl__tpl_list_new(tpl_run *r, tpl_kind kind, size_t cap, tpl_value *ret) {
    HL_ASSERT(kind == TPL_LIST || kind == TPL_TUPLE);
    void *list, *items = NULL;
    HL_TRY(hl__tpl_alloc(r, 1, sizeof(tpl_list), &list));
    if (cap) HL_TRY(hl__tpl_alloc(r, cap, sizeof(tpl_value), &items));
    *(tpl_list *)list = (tpl_list){items, 0, cap};
    *ret = (tpl_value){.kind = (uint8_t)kind, .u.list = list};
    return HL_OK;
}

hl_status hl__tpl_list_push(tpl_run *r, tpl_list *l, tpl_value v) {
    HL_ASSERT(v.kind != TPL_MISSING && l->n <= l->cap);
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 4;
        void *items;
        HL_TRY(hl__tpl_charge(r, cap / 8));
        HL_TRY(hl__tpl_alloc(r, cap, sizeof *l->items, &items));
        if (l->n) memcpy(items, l->items, l->n * sizeof *l->items);
        l->items = items;
        l->cap = cap;
    }
    l->items[l->n++] = v;
    return HL_OK;
}

hl_status hl__tpl_pair(tpl_run *r, tpl_value a, tpl_value b, tpl_value *ret) {
    HL_TRY(hl__tpl_list_new(r, TPL_TUPLE, 2, ret));
    ret->u.list->items[0] = a;
    ret->u.list->items[1] = b;
    ret->u.list->n = 2;
    return HL_OK;
}

/* ---- dicts ---- */

enum { DICT_SCAN_MAX = 8 }; /* up to so many entries are simply looked through */

hl_status hl__tpl_dict_new(tpl_run *r, tpl_value *ret) {
    void *dict;
    HL_TRY(hl__tpl_alloc(r, 1, sizeof(tpl_dict), &dict));
    *ret = (tpl_value){.kind = TPL_DICT, .u.dict = dict};
    return HL_OK;
}

bool hl__tpl_hashable(const tpl_value *v) {
    if (v->kind == TPL_LIST || v->kind == TPL_DICT || v->kind == TPL_SLICE) return false;
    if (v->kind != TPL_TUPLE) return true;
    for (size_t i = 0; i < v->u.list->n; i++) {
        const tpl_value *item = &v->u.list->items[i];
        /* tuples in tuples in tuples as keys: nobody does, and the depth would need a guard */
        if (item->kind == TPL_TUPLE || !hl__tpl_hashable(item)) return false;
    }
    return true;
}

static uint64_t hash_bytes(const void *data, size_t len, uint64_t h) {
    const uint8_t *p = data;
    for (size_t i = 0; i < len; i++) h = (h ^ p[i]) * 1099511628211u;
    return h ^ h >> 29;
}

/* Equal values have equal hashes: 1, 1.0 and True are one key. */
static uint64_t hash(const tpl_value *v) {
    int64_t i;
    if (hl__tpl_as_int(v, &i)) return hash_bytes(&i, sizeof i, 1);
    if (v->kind == TPL_FLOAT) {
        if (v->u.f >= -0x1p63 && v->u.f < 0x1p63 && v->u.f == floor(v->u.f)) {
            i = (int64_t)v->u.f;
            return hash_bytes(&i, sizeof i, 1);
        }
        return hash_bytes(&v->u.f, sizeof v->u.f, 2);
    }
    if (v->kind == TPL_STR || v->kind == TPL_BIGINT) return hash_bytes(v->u.s.ptr, v->u.s.len, 3);
    uint64_t h = v->kind;
    if (v->kind == TPL_TUPLE) {
        for (size_t n = 0; n < v->u.list->n; n++) h = h * 31 + hash(&v->u.list->items[n]);
    }
    return h;
}

/* Where the key's slot in the index is: its entry's, or the empty one where it belongs. */
static hl_status probe(tpl_run *r, const tpl_dict *d, const tpl_value *key, size_t *ret) {
    HL_ASSERT(d->n_entries < d->n_index); /* an empty slot ends the walk */
    size_t mask = d->n_index - 1, at = (size_t)hash(key) & mask, steps = 0;
    for (;; at = (at + 1) & mask) {
        if (!d->index[at]) break;
        const tpl_entry *e = &d->entries[d->index[at] - 1];
        if (++steps % 4 == 0) HL_TRY(hl__tpl_charge(r, 1));
        if (e->key.kind == TPL_MISSING) continue;
        bool same;
        HL_TRY(hl__tpl_equal(r, &e->key, key, &same));
        if (same) break;
    }
    *ret = at;
    return HL_OK;
}

static hl_status dict_rehash(tpl_run *r, tpl_dict *d) {
    void *index;
    size_t n = 32;
    while (n < d->cap * 2) n *= 2;
    if (n > UINT32_MAX) return hl__tpl_fail(r, HL_ELIMIT, "makes a dict that is too large");
    HL_TRY(hl__tpl_charge(r, n / 8));
    HL_TRY(hl__tpl_alloc(r, n, sizeof(uint32_t), &index));
    d->index = index;
    d->n_index = n;
    for (size_t i = 0; i < d->n_entries; i++) {
        if (d->entries[i].key.kind == TPL_MISSING) continue;
        size_t at;
        HL_TRY(probe(r, d, &d->entries[i].key, &at));
        d->index[at] = (uint32_t)i + 1;
    }
    return HL_OK;
}

/* Makes room for one more entry; holes that removals left are closed on the way. */
static hl_status dict_grow(tpl_run *r, tpl_dict *d) {
    size_t cap = d->n * 2 > 8 ? d->n * 2 : 8;
    void *p;
    HL_TRY(hl__tpl_charge(r, cap / 8));
    HL_TRY(hl__tpl_alloc(r, cap, sizeof(tpl_entry), &p));
    tpl_entry *entries = p;
    size_t n = 0, at = 0;
    for (const tpl_entry *e; (e = hl__tpl_dict_next(d, &at));) entries[n++] = *e;
    HL_ASSERT(n == d->n && n < cap);
    *d = (tpl_dict){.entries = entries, .n_entries = n, .n = n, .cap = cap};
    return cap > DICT_SCAN_MAX ? dict_rehash(r, d) : HL_OK;
}

hl_status hl__tpl_dict_find(tpl_run *r, const tpl_dict *d, const tpl_value *key, tpl_entry **ret) {
    *ret = NULL;
    if (!hl__tpl_hashable(key))
        return hl__tpl_fail(r, HL_EFORMAT, "unhashable type: '%s'",
                            hl__tpl_type_name((tpl_kind)key->kind));
    if (d->index) {
        size_t at;
        HL_TRY(probe(r, d, key, &at));
        if (d->index[at]) *ret = &d->entries[d->index[at] - 1];
        return HL_OK;
    }
    size_t at = 0;
    for (tpl_entry *e; (e = hl__tpl_dict_next(d, &at));) {
        bool same;
        HL_TRY(hl__tpl_equal(r, &e->key, key, &same));
        if (!same) continue;
        *ret = e;
        return HL_OK;
    }
    return HL_OK;
}

hl_status hl__tpl_dict_find_str(tpl_run *r, const tpl_dict *d, hl_str key, tpl_entry **ret) {
    tpl_value k = hl__tpl_str(key);
    return hl__tpl_dict_find(r, d, &k, ret);
}

hl_status hl__tpl_dict_set(tpl_run *r, tpl_dict *d, tpl_value key, tpl_value v) {
    tpl_entry *e;
    HL_ASSERT(key.kind != TPL_MISSING && v.kind != TPL_MISSING);
    HL_TRY(hl__tpl_dict_find(r, d, &key, &e));
    if (e) {
        e->value = v;
        return HL_OK;
    }
    if (d->n_entries == d->cap) HL_TRY(dict_grow(r, d));
    if (d->index) {
        size_t at;
        HL_TRY(probe(r, d, &key, &at));
        d->index[at] = (uint32_t)d->n_entries + 1;
    }
    d->entries[d->n_entries++] = (tpl_entry){key, v};
    d->n++;
    return HL_OK;
}

void hl__tpl_dict_remove(tpl_dict *d, tpl_entry *e) {
    HL_ASSERT(d->n > 0 && e->key.kind != TPL_MISSING);
    e->key = (tpl_value){.kind = TPL_MISSING};
    d->n--;
}

tpl_entry *hl__tpl_dict_next(const tpl_dict *d, size_t *at) {
    while (*at < d->n_entries) {
        tpl_entry *e = &d->entries[(*at)++];
        if (e->key.kind != TPL_MISSING) return e;
    }
    return NULL;
}

hl_status hl__tpl_entry_view(tpl_run *r, const tpl_entry *e, tpl_view view, tpl_value *ret) {
    if (view == TPL_VIEW_ITEMS) return hl__tpl_pair(r, e->key, e->value, ret);
    *ret = view == TPL_VIEW_KEYS ? e->key : e->value;
    return HL_OK;
}

/* ---- what all values can be asked ---- */

int64_t hl__tpl_range_len(const tpl_range *g) {
    HL_ASSERT(g->step != 0);
    /* in unsigned arithmetic, where the distance of any two int64 fits */
    if (g->step > 0 ? g->start >= g->stop : g->start <= g->stop) return 0;
    uint64_t distance = g->step > 0 ? (uint64_t)g->stop - (uint64_t)g->start
                                    : (uint64_t)g->start - (uint64_t)g->stop;
    uint64_t step = g->step > 0 ? (uint64_t)g->step : 0 - (uint64_t)g->step;
    uint64_t n = (distance - 1) / step + 1;
    return n > INT64_MAX ? INT64_MAX : (int64_t)n;
}

bool hl__tpl_truth(const tpl_value *v) {
    switch ((tpl_kind)v->kind) {
    case TPL_MISSING:
    case TPL_UNDEFINED:
    case TPL_NONE: return false;
    case TPL_BOOL: return v->u.b;
    case TPL_INT: return v->u.i != 0;
    case TPL_FLOAT: return v->u.f != 0;
    case TPL_STR: return v->u.s.len != 0;
    case TPL_LIST:
    case TPL_TUPLE: return v->u.list->n != 0;
    case TPL_DICT:
    case TPL_VIEW: return v->u.dict->n != 0;
    case TPL_RANGE: return hl__tpl_range_len(v->u.range) != 0;
    default: return true;
    }
}

bool hl__tpl_has_len(const tpl_value *v) {
    switch ((tpl_kind)v->kind) {
    case TPL_UNDEFINED:
    case TPL_STR:
    case TPL_LIST:
    case TPL_TUPLE:
    case TPL_DICT:
    case TPL_VIEW:
    case TPL_RANGE: return true;
    default: return false;
    }
}

hl_status hl__tpl_len(tpl_run *r, const tpl_value *v, int64_t *ret) {
    *ret = 0;
    switch ((tpl_kind)v->kind) {
    case TPL_UNDEFINED: return HL_OK;
    case TPL_STR:
        *ret = (int64_t)hl__tpl_chars_count(v->u.s);
        return hl__tpl_charge_bytes(r, v->u.s.len);
    case TPL_LIST:
    case TPL_TUPLE: *ret = (int64_t)v->u.list->n; return HL_OK;
    case TPL_DICT:
    case TPL_VIEW: *ret = (int64_t)v->u.dict->n; return HL_OK;
    case TPL_RANGE: *ret = hl__tpl_range_len(v->u.range); return HL_OK;
    default:
        return hl__tpl_fail(r, HL_EFORMAT, "object of type '%s' has no len()",
                            hl__tpl_type_name((tpl_kind)v->kind));
    }
}

/* Two numbers: exactly, also where a float cannot hold the integer.  2: NaN. */
static int compare_numbers(const tpl_value *a, const tpl_value *b) {
    int64_t i, k;
    if (hl__tpl_as_int(a, &i) && hl__tpl_as_int(b, &k)) return (i > k) - (i < k);
    long double x = hl__tpl_as_int(a, &i) ? (long double)i : (long double)a->u.f;
    long double y = hl__tpl_as_int(b, &k) ? (long double)k : (long double)b->u.f;
    if (isnan(x) || isnan(y)) return 2;
    return (x > y) - (x < y);
}

static int compare_strings(hl_str a, hl_str b) {
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.ptr, b.ptr, n) : 0; /* UTF-8 keeps the order of the characters */
    return c ? (c > 0) - (c < 0) : (a.len > b.len) - (a.len < b.len);
}

static hl_status equal_lists(tpl_run *r, const tpl_list *a, const tpl_list *b, bool *ret) {
    *ret = a->n == b->n;
    for (size_t i = 0; *ret && i < a->n && i < b->n; i++)
        HL_TRY(hl__tpl_equal(r, &a->items[i], &b->items[i], ret));
    return HL_OK;
}

static hl_status equal_dicts(tpl_run *r, const tpl_dict *a, const tpl_dict *b, bool *ret) {
    *ret = a->n == b->n;
    size_t at = 0;
    for (tpl_entry *e; *ret && (e = hl__tpl_dict_next(a, &at));) {
        tpl_entry *other;
        HL_TRY(hl__tpl_dict_find(r, b, &e->key, &other));
        *ret = other != NULL;
        if (other) HL_TRY(hl__tpl_equal(r, &e->value, &other->value, ret));
    }
    return HL_OK;
}

static bool equal_ranges(const tpl_range *a, const tpl_range *b) {
    int64_t n = hl__tpl_range_len(a);
    if (n != hl__tpl_range_len(b)) return false;
    return n == 0 || (a->start == b->start && (n == 1 || a->step == b->step));
}

static hl_status equal_nested(tpl_run *r, const tpl_value *a, const tpl_value *b, bool *ret) {
    HL_TRY(hl__tpl_enter(r));
    if (a->kind == TPL_DICT)
        HL_TRY(equal_dicts(r, a->u.dict, b->u.dict, ret));
    else
        HL_TRY(equal_lists(r, a->u.list, b->u.list, ret));
    hl__tpl_leave(r);
    return HL_OK;
}

hl_status hl__tpl_equal(tpl_run *r, const tpl_value *a, const tpl_value *b, bool *ret) {
    *ret = false;
    if (hl__tpl_is_number(a) && hl__tpl_is_number(b)) {
        *ret = compare_numbers(a, b) == 0;
        return HL_OK;
    }
    if (a->kind != b->kind) return HL_OK;
    switch ((tpl_kind)a->kind) {
    case TPL_UNDEFINED:
    case TPL_NONE: *ret = true; return HL_OK;
    case TPL_STR:
    case TPL_BIGINT:
        *ret = hl_str_eq(a->u.s, b->u.s);
        return a->u.s.len == b->u.s.len ? hl__tpl_charge_bytes(r, a->u.s.len) : HL_OK;
    case TPL_LIST:
    case TPL_TUPLE:
    case TPL_DICT: return equal_nested(r, a, b, ret);
    case TPL_RANGE: *ret = equal_ranges(a->u.range, b->u.range); return HL_OK;
    case TPL_VIEW: *ret = a->u.dict == b->u.dict && a->aux == b->aux; return HL_OK;
    default: *ret = a->u.list == b->u.list; return HL_OK; /* the same object */
    }
}

/* The first unequal pair decides, else the length. */
static hl_status compare_lists(tpl_run *r, const tpl_list *a, const tpl_list *b, const char *op,
                               int *ret) {
    for (size_t i = 0; i < a->n && i < b->n; i++) {
        bool same;
        HL_TRY(hl__tpl_equal(r, &a->items[i], &b->items[i], &same));
        if (!same) return hl__tpl_compare(r, &a->items[i], &b->items[i], op, ret);
    }
    *ret = (a->n > b->n) - (a->n < b->n);
    return HL_OK;
}

hl_status hl__tpl_compare(tpl_run *r, const tpl_value *a, const tpl_value *b, const char *op,
                          int *ret) {
    if (a->kind == TPL_UNDEFINED) return hl__tpl_fail_undefined(r, a);
    if (b->kind == TPL_UNDEFINED) return hl__tpl_fail_undefined(r, b);
    if (hl__tpl_is_number(a) && hl__tpl_is_number(b)) {
        *ret = compare_numbers(a, b);
        return HL_OK;
    }
    if (a->kind == TPL_STR && b->kind == TPL_STR) {
        *ret = compare_strings(a->u.s, b->u.s);
        return hl__tpl_charge_bytes(r, a->u.s.len < b->u.s.len ? a->u.s.len : b->u.s.len);
    }
    if (a->kind == b->kind && (a->kind == TPL_LIST || a->kind == TPL_TUPLE)) {
        HL_TRY(hl__tpl_enter(r));
        HL_TRY(compare_lists(r, a->u.list, b->u.list, op, ret));
        hl__tpl_leave(r);
        return HL_OK;
    }
    return hl__tpl_fail(r, HL_EFORMAT, "'%s' not supported between instances of '%s' and '%s'", op,
                        hl__tpl_type_name((tpl_kind)a->kind), hl__tpl_type_name((tpl_kind)b->kind));
}

/* ---- from JSON ---- */

static hl_status from_json_double(tpl_run *r, struct json_object *o, tpl_value *ret) {
    /* A number that fits no 64 bits keeps its text: without point and exponent it is an integer */
    const char *text = json_object_get_string(o);
    hl_str s = hl_str_from(text);
    bool integer = s.len > 0;
    for (size_t i = 0; i < s.len; i++) {
        bool digit = s.ptr[i] >= '0' && s.ptr[i] <= '9';
        if (!digit && !(i == 0 && s.ptr[i] == '-' && s.len > 1)) integer = false;
    }
    if (integer) {
        HL_TRY(hl__tpl_text_copy(r, s, ret));
        ret->kind = TPL_BIGINT;
        return HL_OK;
    }
    *ret = hl__tpl_float(json_object_get_double(o));
    return HL_OK;
}

static hl_status from_json_int(tpl_run *r, struct json_object *o, tpl_value *ret) {
    uint64_t u = json_object_get_uint64(o);
    if (u > INT64_MAX) {
        HL_TRY(hl__tpl_printf(r, ret, "%llu", (unsigned long long)u));
        ret->kind = TPL_BIGINT;
        return HL_OK;
    }
    *ret = hl__tpl_int(json_object_get_int64(o));
    return HL_OK;
}

static hl_status from_json_array(tpl_run *r, struct json_object *o, tpl_value *ret) {
    size_t n = json_object_array_length(o);
    HL_TRY(hl__tpl_list_new(r, TPL_LIST, n, ret));
    for (size_t i = 0; i < n; i++) {
        tpl_value item;
        HL_TRY(hl__tpl_from_json(r, json_object_array_get_idx(o, i), &item));
        HL_TRY(hl__tpl_list_push(r, ret->u.list, item));
    }
    return HL_OK;
}

static hl_status from_json_object(tpl_run *r, struct json_object *o, tpl_value *ret) {
    HL_TRY(hl__tpl_dict_new(r, ret));
    struct json_object_iterator it = json_object_iter_begin(o), end = json_object_iter_end(o);
    for (; !json_object_iter_equal(&it, &end); json_object_iter_next(&it)) {
        tpl_value key, v;
        HL_TRY(hl__tpl_text_copy(r, hl_str_from(json_object_iter_peek_name(&it)), &key));
        HL_TRY(hl__tpl_from_json(r, json_object_iter_peek_value(&it), &v));
        HL_TRY(hl__tpl_dict_set(r, ret->u.dict, key, v));
    }
    return HL_OK;
}

static hl_status from_json_kind(tpl_run *r, struct json_object *o, tpl_value *ret) {
    switch (json_object_get_type(o)) {
    case json_type_null: *ret = hl__tpl_none(); return HL_OK;
    case json_type_boolean: *ret = hl__tpl_bool(json_object_get_boolean(o)); return HL_OK;
    case json_type_int: return from_json_int(r, o, ret);
    case json_type_double: return from_json_double(r, o, ret);
    case json_type_string: {
        hl_str s = {json_object_get_string(o), (size_t)json_object_get_string_len(o)};
        return hl__tpl_text_copy(r, s, ret);
    }
    case json_type_array: return from_json_array(r, o, ret);
    case json_type_object: return from_json_object(r, o, ret);
    }
    return hl__tpl_fail(r, HL_EINVAL, "a variable of an unknown JSON type");
}

hl_status hl__tpl_from_json(tpl_run *r, struct json_object *o, tpl_value *ret) {
    HL_TRY(hl__tpl_enter(r));
    HL_TRY(from_json_kind(r, o, ret));
    hl__tpl_leave(r);
    return HL_OK;
}
