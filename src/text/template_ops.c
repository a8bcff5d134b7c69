/* Operators, and access to the parts of values. */
#include "text/template_eval.h"

#include "text/template_chars.h"

#include <math.h>

static const char *type_of(const tpl_value *v) {
    return hl__tpl_type_name((tpl_kind)v->kind);
}

/* ---- arithmetic ---- */

static hl_status unsupported(tpl_run *r, const char *op, const tpl_value *a, const tpl_value *b) {
    if (a->kind == TPL_UNDEFINED) return hl__tpl_fail_undefined(r, a);
    if (b->kind == TPL_UNDEFINED) return hl__tpl_fail_undefined(r, b);
    bool sequence = a->kind == TPL_STR || a->kind == TPL_LIST || a->kind == TPL_TUPLE;
    if (op[0] == '+' && sequence)
        return hl__tpl_fail(r, HL_EFORMAT, "can only concatenate %s (not \"%s\") to %s", type_of(a),
                            type_of(b), type_of(a));
    return hl__tpl_fail(r, HL_EFORMAT, "unsupported operand type(s) for %s: '%s' and '%s'", op,
                        type_of(a), type_of(b));
}

static hl_status too_large(tpl_run *r) {
    return hl__tpl_fail(r, HL_ELIMIT, "integer does not fit 64 bits");
}

static hl_status by_zero(tpl_run *r) {
    return hl__tpl_fail(r, HL_EFORMAT, "division by zero");
}

/* Rounds down, as Python does. */
static int64_t floor_div(int64_t a, int64_t b) {
    int64_t q = a / b;
    return a % b != 0 && (a % b < 0) != (b < 0) ? q - 1 : q;
}

static int64_t floor_mod(int64_t a, int64_t b) {
    int64_t m = a % b;
    return m != 0 && (m < 0) != (b < 0) ? m + b : m;
}

static hl_status power_int(tpl_run *r, int64_t a, int64_t b, tpl_value *ret) {
    if (b < 0) {
        if (a == 0) return by_zero(r);
        *ret = hl__tpl_float(pow((double)a, (double)b));
        return HL_OK;
    }
    int64_t result = 1;
    for (; b > 0; b >>= 1) {
        if (b & 1 && __builtin_mul_overflow(result, a, &result)) return too_large(r);
        if (b > 1 && __builtin_mul_overflow(a, a, &a)) return too_large(r);
    }
    *ret = hl__tpl_int(result);
    return HL_OK;
}

static hl_status binary_int(tpl_run *r, char op, int64_t a, int64_t b, tpl_value *ret) {
    int64_t v = 0;
    bool overflow = false;
    switch (op) {
    case '+': overflow = __builtin_add_overflow(a, b, &v); break;
    case '-': overflow = __builtin_sub_overflow(a, b, &v); break;
    case '*': overflow = __builtin_mul_overflow(a, b, &v); break;
    case 'p': return power_int(r, a, b, ret);
    default:
        if (b == 0) return by_zero(r);
        if (op == '/') {
            *ret = hl__tpl_float((double)((long double)a / (long double)b));
            return HL_OK;
        }
        if (b == -1) { /* the quotient of the smallest integer overflows */
            overflow = op == 'f' && __builtin_sub_overflow(0, a, &v);
            break;
        }
        v = op == 'f' ? floor_div(a, b) : floor_mod(a, b);
    }
    if (overflow) return too_large(r);
    *ret = hl__tpl_int(v);
    return HL_OK;
}

/* a - b * floor(a / b), with the sign of b. */
static double float_mod(double a, double b) {
    double m = fmod(a, b);
    if (m == 0) return copysign(0, b);
    return (m < 0) != (b < 0) ? m + b : m;
}

static double float_floor_div(double a, double b) {
    double q = (a - float_mod(a, b)) / b, down = floor(q);
    if (q - down > 0.5) down += 1; /* the quotient is nearly whole: to the nearest */
    return down == 0 ? copysign(0, a / b) : down;
}

static hl_status binary_float(tpl_run *r, char op, double a, double b, tpl_value *ret) {
    double v;
    if ((op == '/' || op == 'f' || op == '%') && b == 0) return by_zero(r);
    switch (op) {
    case '+': v = a + b; break;
    case '-': v = a - b; break;
    case '*': v = a * b; break;
    case '/': v = a / b; break;
    case '%': v = float_mod(a, b); break;
    case 'f': v = float_floor_div(a, b); break;
    default:
        HL_ASSERT(op == 'p');
        if (a == 0 && b < 0) return by_zero(r);
        if (a < 0 && b != floor(b))
            return hl__tpl_fail(r, HL_EFORMAT, "a complex number is not supported");
        v = pow(a, b);
        if (isinf(v) && isfinite(a) && isfinite(b))
            return hl__tpl_fail(r, HL_EFORMAT, "numerical result out of range");
    }
    *ret = hl__tpl_float(v);
    return HL_OK;
}

/* ---- strings and lists ---- */

static hl_status add_strings(tpl_run *r, const tpl_value *a, const tpl_value *b, tpl_value *ret) {
    tpl_value x = *a, y = *b;
    bool safe = a->safe || b->safe;
    if (safe && !a->safe) HL_TRY(hl__tpl_escape(r, a, &x));
    if (safe && !b->safe) HL_TRY(hl__tpl_escape(r, b, &y));
    HL_TRY(hl__tpl_concat(r, x.u.s, y.u.s, ret));
    ret->safe = safe;
    return HL_OK;
}

static hl_status append_items(tpl_run *r, tpl_list *to, const tpl_list *from) {
    HL_TRY(hl__tpl_charge(r, from->n / 4));
    for (size_t i = 0, n = from->n; i < n; i++) HL_TRY(hl__tpl_list_push(r, to, from->items[i]));
    return HL_OK;
}

static hl_status add_lists(tpl_run *r, const tpl_value *a, const tpl_value *b, tpl_value *ret) {
    HL_TRY(hl__tpl_list_new(r, (tpl_kind)a->kind, a->u.list->n + b->u.list->n, ret));
    HL_TRY(append_items(r, ret->u.list, a->u.list));
    return append_items(r, ret->u.list, b->u.list);
}

hl_status hl__tpl_repeat(tpl_run *r, hl_str s, int64_t n, tpl_value *ret) {
    *ret = hl__tpl_lit("");
    if (n <= 0 || s.len == 0) return HL_OK;
    if ((uint64_t)n > r->limits->output_bytes_max / s.len)
        return hl__tpl_fail(r, HL_ELIMIT, "makes a text of more than %zu bytes",
                            r->limits->output_bytes_max);
    size_t len = s.len * (size_t)n;
    void *p;
    HL_TRY(hl__tpl_charge_bytes(r, len));
    HL_TRY(hl__tpl_alloc(r, len, 1, &p));
    for (size_t at = 0; at < len; at += s.len) memcpy((char *)p + at, s.ptr, s.len);
    *ret = hl__tpl_str((hl_str){p, len});
    return HL_OK;
}

static hl_status repeat_value(tpl_run *r, const tpl_value *a, int64_t n, tpl_value *ret) {
    if (a->kind == TPL_STR) {
        HL_TRY(hl__tpl_repeat(r, a->u.s, n, ret));
        ret->safe = a->safe;
        return HL_OK;
    }
    HL_TRY(hl__tpl_list_new(r, (tpl_kind)a->kind, 0, ret));
    for (int64_t i = 0; i < n && a->u.list->n; i++) HL_TRY(append_items(r, ret->u.list, a->u.list));
    return HL_OK;
}

static bool repeatable(const tpl_value *v) {
    return v->kind == TPL_STR || v->kind == TPL_LIST || v->kind == TPL_TUPLE;
}

static const char *operator_text(char op) {
    static const char TEXTS[][2] = {"+", "-", "*", "/", "%"};
    if (op == 'f') return "//";
    if (op == 'p') return "** or pow()";
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        if (TEXTS[i][0] == op) return TEXTS[i];
    }
    hl_assert_failed(__FILE__, __LINE__, "an operator of the parser");
}

hl_status hl__tpl_binary(tpl_run *r, char op, const tpl_value *a, const tpl_value *b,
                         tpl_value *ret) {
    int64_t i, k;
    if (hl__tpl_as_int(a, &i) && hl__tpl_as_int(b, &k)) return binary_int(r, op, i, k, ret);
    if (hl__tpl_is_number(a) && hl__tpl_is_number(b))
        return binary_float(r, op, hl__tpl_as_float(a), hl__tpl_as_float(b), ret);
    if (op == '+' && a->kind == TPL_STR && b->kind == TPL_STR) return add_strings(r, a, b, ret);
    if (op == '+' && a->kind == b->kind && (a->kind == TPL_LIST || a->kind == TPL_TUPLE))
        return add_lists(r, a, b, ret);
    if (op == '%' && a->kind == TPL_STR) return hl__tpl_percent(r, a, b, ret);
    if (op == '*' && repeatable(a) && hl__tpl_as_int(b, &k)) return repeat_value(r, a, k, ret);
    if (op == '*' && repeatable(b) && hl__tpl_as_int(a, &k)) return repeat_value(r, b, k, ret);
    return unsupported(r, operator_text(op), a, b);
}

hl_status hl__tpl_sign(tpl_run *r, bool negative, const tpl_value *a, tpl_value *ret) {
    int64_t i;
    if (a->kind == TPL_UNDEFINED) return hl__tpl_fail_undefined(r, a);
    if (hl__tpl_as_int(a, &i)) {
        if (negative && __builtin_sub_overflow(0, i, &i)) return too_large(r);
        *ret = hl__tpl_int(i);
        return HL_OK;
    }
    if (a->kind != TPL_FLOAT)
        return hl__tpl_fail(r, HL_EFORMAT, "bad operand type for unary %c: '%s'",
                            negative ? '-' : '+', type_of(a));
    *ret = hl__tpl_float(negative ? -a->u.f : a->u.f);
    return HL_OK;
}

/* ---- in ---- */

static hl_status contains_walking(tpl_run *r, const tpl_value *in, const tpl_value *what,
                                  bool *ret) {
    tpl_iter it;
    tpl_value item;
    bool more = true;
    *ret = false;
    HL_TRY(hl__tpl_iter_open(r, in, &it));
    while (!*ret) {
        HL_TRY(hl__tpl_iter_next(r, &it, &item, &more));
        if (!more) return HL_OK;
        HL_TRY(hl__tpl_equal(r, &item, what, ret));
    }
    return HL_OK;
}

hl_status hl__tpl_contains(tpl_run *r, const tpl_value *in, const tpl_value *what, bool *ret) {
    if (in->kind == TPL_STR) {
        if (what->kind == TPL_UNDEFINED) return hl__tpl_fail_undefined(r, what);
        if (what->kind != TPL_STR)
            return hl__tpl_fail(r, HL_EFORMAT,
                                "'in <string>' requires string as left operand, not %s",
                                type_of(what));
        *ret = hl_str_find(in->u.s, what->u.s, 0) != SIZE_MAX;
        return hl__tpl_charge(r, (in->u.s.len + what->u.s.len) / 16);
    }
    if (in->kind == TPL_DICT || (in->kind == TPL_VIEW && in->aux == TPL_VIEW_KEYS)) {
        tpl_entry *e;
        HL_TRY(hl__tpl_dict_find(r, in->u.dict, what, &e));
        *ret = e != NULL;
        return HL_OK;
    }
    if (!hl__tpl_iterable(in))
        return hl__tpl_fail(r, HL_EFORMAT, "argument of type '%s' is not iterable", type_of(in));
    return contains_walking(r, in, what, ret);
}

/* ---- attributes ---- */

static hl_status method(tpl_run *r, const tpl_value *of, const tpl_builtin *fn, tpl_value *ret) {
    void *p;
    HL_TRY(hl__tpl_alloc(r, 1, sizeof(tpl_method), &p));
    *(tpl_method *)p = (tpl_method){fn, *of};
    *ret = (tpl_value){.kind = TPL_METHOD, .u.method = p};
    return HL_OK;
}

static hl_status cycler_current(const tpl_object *o, tpl_value *ret) {
    const tpl_list *l = o->values.u.list;
    HL_ASSERT(o->cycler && l->n > 0);
    *ret = l->items[o->at % l->n];
    return HL_OK;
}

/* What is neither a key nor a position: methods, and what loops, namespaces and groups have.
 * *ret stays TPL_MISSING when there is no such thing. */
static hl_status own_attribute(tpl_run *r, const tpl_value *of, hl_str name, tpl_value *ret) {
    *ret = (tpl_value){.kind = TPL_MISSING};
    if (of->kind == TPL_UNDEFINED) return hl__tpl_fail_undefined(r, of);
    const tpl_builtin *fn = hl__tpl_method_find(of, name);
    if (fn) return method(r, of, fn, ret);
    if (of->kind == TPL_NAMESPACE) {
        tpl_entry *e;
        HL_TRY(hl__tpl_dict_find_str(r, of->u.dict, name, &e));
        if (e) *ret = e->value;
    } else if (of->kind == TPL_LOOP) {
        return hl__tpl_loop_attr(r, of->u.loop, name, ret);
    } else if (of->kind == TPL_MACRO && hl_str_is(name, "name")) {
        *ret = hl__tpl_str(of->u.macro->node->text);
    } else if (of->kind == TPL_OBJECT && of->u.object->cycler && hl_str_is(name, "current")) {
        return cycler_current(of->u.object, ret);
    } else if (of->kind == TPL_TUPLE && of->aux == TPL_TUPLE_GROUP) {
        HL_ASSERT(of->u.list->n == 2);
        if (hl_str_is(name, "grouper")) *ret = of->u.list->items[0];
        if (hl_str_is(name, "list")) *ret = of->u.list->items[1];
    }
    return HL_OK;
}

hl_status hl__tpl_get_attr(tpl_run *r, const tpl_value *of, hl_str name, tpl_value *ret) {
    tpl_value v;
    HL_TRY(own_attribute(r, of, name, &v));
    tpl_kind kind = (tpl_kind)of->kind;
    if (v.kind == TPL_MISSING && kind == TPL_DICT) {
        tpl_entry *e;
        HL_TRY(hl__tpl_dict_find_str(r, of->u.dict, name, &e));
        if (e) v = e->value;
    }
    *ret = v.kind == TPL_MISSING ? hl__tpl_undefined(name, kind) : v;
    return HL_OK;
}

/* ---- items ---- */

/* One bound of a slice over n items, as Python's slice.indices clips it. */
static hl_status slice_bound(tpl_run *r, const tpl_value *v, int64_t otherwise, int64_t n,
                             bool down, int64_t *ret) {
    *ret = otherwise;
    if (v->kind == TPL_NONE) return HL_OK;
    int64_t i;
    if (!hl__tpl_as_int(v, &i))
        return hl__tpl_fail(r, HL_EFORMAT, "slice indices must be integers or None");
    if (i < 0) i = i < -n ? (down ? -1 : 0) : i + n;
    *ret = i >= n ? (down ? n - 1 : n) : i;
    return HL_OK;
}

typedef struct tpl_cut {
    int64_t start, step, n; /* n items from start */
} tpl_cut;

static hl_status cut(tpl_run *r, const tpl_value *slice, int64_t len, tpl_cut *ret) {
    const tpl_value *parts = slice->u.slice;
    int64_t step = 1, start, stop;
    if (parts[2].kind != TPL_NONE && !hl__tpl_as_int(&parts[2], &step))
        return hl__tpl_fail(r, HL_EFORMAT, "slice indices must be integers or None");
    if (step == 0) return hl__tpl_fail(r, HL_EFORMAT, "slice step cannot be zero");
    if (step < -INT64_MAX) step = -INT64_MAX;
    bool down = step < 0;
    HL_TRY(slice_bound(r, &parts[0], down ? len - 1 : 0, len, down, &start));
    HL_TRY(slice_bound(r, &parts[1], down ? -1 : len, len, down, &stop));
    tpl_range range = {start, stop, step};
    *ret = (tpl_cut){start, step, hl__tpl_range_len(&range)};
    HL_ASSERT(ret->n == 0 || (start >= 0 && start < len));
    return HL_OK;
}

static hl_status slice_list(tpl_run *r, const tpl_value *of, const tpl_value *slice,
                            tpl_value *ret) {
    tpl_cut c;
    const tpl_list *l = of->u.list;
    HL_TRY(cut(r, slice, (int64_t)l->n, &c));
    HL_TRY(hl__tpl_charge(r, (uint64_t)c.n / 4));
    HL_TRY(hl__tpl_list_new(r, (tpl_kind)of->kind, (size_t)c.n, ret));
    for (int64_t i = 0; i < c.n; i++)
        HL_TRY(hl__tpl_list_push(r, ret->u.list, l->items[c.start + i * c.step]));
    return HL_OK;
}

/* Every step-th character from the start, in a text of its own. */
static hl_status slice_chars(tpl_run *r, hl_str s, const tpl_cut *c, tpl_value *ret) {
    size_t begin = hl__tpl_text_begin(r), at = hl__tpl_chars_skip(s, 0, (size_t)c->start);
    HL_TRY(hl__tpl_charge(r, s.len / 4));
    for (int64_t i = 0; i < c->n; i++) {
        size_t end = hl__tpl_chars_skip(s, at, 1);
        hl_buf_append_str(&r->out, hl_str_slice(s, at, end));
        if (i + 1 == c->n) break;
        if (c->step > 0)
            at = hl__tpl_chars_skip(s, at, (size_t)c->step);
        else
            for (int64_t back = c->step; back < 0; back++) (void)hl__tpl_chars_prev(s, &at);
    }
    return hl__tpl_text_end(r, begin, ret);
}

static hl_status slice_str(tpl_run *r, const tpl_value *of, const tpl_value *slice,
                           tpl_value *ret) {
    hl_str s = of->u.s;
    tpl_cut c;
    int64_t len;
    HL_TRY(hl__tpl_charge_bytes(r, s.len));
    HL_TRY(hl__tpl_len(r, of, &len));
    HL_TRY(cut(r, slice, len, &c));
    if (c.n == 0) {
        *ret = hl__tpl_lit("");
    } else if (c.step == 1) {
        size_t from = hl__tpl_chars_skip(s, 0, (size_t)c.start);
        *ret = hl__tpl_str(hl_str_slice(s, from, hl__tpl_chars_skip(s, from, (size_t)c.n)));
    } else {
        HL_TRY(slice_chars(r, s, &c, ret));
    }
    ret->safe = of->safe;
    return HL_OK;
}

static hl_status slice_range(tpl_run *r, const tpl_value *of, const tpl_value *slice,
                             tpl_value *ret) {
    const tpl_range *g = of->u.range;
    tpl_cut c;
    void *p;
    HL_TRY(cut(r, slice, hl__tpl_range_len(g), &c));
    HL_TRY(hl__tpl_alloc(r, 1, sizeof(tpl_range), &p));
    tpl_range out = {.start = g->start, .stop = g->start, .step = 1};
    int64_t width = 0;
    if (c.n && (__builtin_mul_overflow(g->step, c.step, &out.step) ||
                __builtin_mul_overflow(out.step, c.n, &width)))
        return too_large(r);
    if (c.n) out.start = g->start + c.start * g->step;
    if (__builtin_add_overflow(out.start, width, &out.stop)) return too_large(r);
    *(tpl_range *)p = out;
    *ret = (tpl_value){.kind = TPL_RANGE, .u.range = p};
    return HL_OK;
}

static hl_status slice_value(tpl_run *r, const tpl_value *of, const tpl_value *slice,
                             tpl_value *ret) {
    switch ((tpl_kind)of->kind) {
    case TPL_STR: return slice_str(r, of, slice, ret);
    case TPL_LIST:
    case TPL_TUPLE: return slice_list(r, of, slice, ret);
    case TPL_RANGE: return slice_range(r, of, slice, ret);
    default: return HL_OK;
    }
}

/* *ret stays TPL_MISSING when the position is outside. */
static hl_status item_at(tpl_run *r, const tpl_value *of, int64_t i, tpl_value *ret) {
    int64_t n;
    if (of->kind != TPL_STR && of->kind != TPL_LIST && of->kind != TPL_TUPLE &&
        of->kind != TPL_RANGE)
        return HL_OK;
    HL_TRY(hl__tpl_len(r, of, &n));
    if (i < 0) i += n;
    if (i < 0 || i >= n) return HL_OK;
    if (of->kind == TPL_RANGE) {
        *ret = hl__tpl_int(of->u.range->start + i * of->u.range->step);
    } else if (of->kind == TPL_STR) {
        size_t from = hl__tpl_chars_skip(of->u.s, 0, (size_t)i);
        *ret = hl__tpl_str(hl_str_slice(of->u.s, from, hl__tpl_chars_skip(of->u.s, from, 1)));
        ret->safe = of->safe;
    } else {
        *ret = of->u.list->items[i];
    }
    return HL_OK;
}

static hl_status no_item(tpl_run *r, const tpl_value *of, const tpl_value *key, tpl_value *ret) {
    if (key->kind == TPL_STR) {
        *ret = hl__tpl_undefined(key->u.s, (tpl_kind)of->kind);
        return HL_OK;
    }
    tpl_value message;
    int64_t i;
    if (hl__tpl_as_int(key, &i))
        HL_TRY(hl__tpl_printf(r, &message, "%s object has no element %lld", type_of(of),
                              (long long)i));
    else
        HL_TRY(hl__tpl_printf(r, &message, "%s object has no element of type %s", type_of(of),
                              type_of(key)));
    *ret = hl__tpl_undefined_text(message.u.s);
    return HL_OK;
}

hl_status hl__tpl_get_item(tpl_run *r, const tpl_value *of, const tpl_value *key, tpl_value *ret) {
    tpl_value v = {.kind = TPL_MISSING};
    int64_t i;
    if (of->kind == TPL_UNDEFINED) return hl__tpl_fail_undefined(r, of);
    if (key->kind == TPL_SLICE) {
        HL_TRY(slice_value(r, of, key, &v));
    } else if (of->kind == TPL_DICT && hl__tpl_hashable(key)) {
        tpl_entry *e;
        HL_TRY(hl__tpl_dict_find(r, of->u.dict, key, &e));
        if (e) v = e->value;
    } else if (hl__tpl_as_int(key, &i)) {
        HL_TRY(item_at(r, of, i, &v));
    }
    if (v.kind == TPL_MISSING && key->kind == TPL_STR) HL_TRY(own_attribute(r, of, key->u.s, &v));
    if (v.kind == TPL_MISSING) return no_item(r, of, key, ret);
    *ret = v;
    return HL_OK;
}
