/* What can stand behind `is`, and what select and its like take by name. */
#include "text/template_eval.h"

#include "text/template_strings.h"

static hl_status yes_if(bool b, tpl_value *ret) {
    *ret = hl__tpl_bool(b);
    return HL_OK;
}

/* ---- kinds ---- */

#define KIND_TEST(name, expr)                                                                      \
    static hl_status test_##name(tpl_run *r, const tpl_call *c, tpl_value *ret) {                  \
        const tpl_value *v = &c->a[0];                                                             \
        (void)r;                                                                                   \
        return yes_if((expr), ret);                                                                \
    }

KIND_TEST(defined, v->kind != TPL_UNDEFINED)
KIND_TEST(undefined, v->kind == TPL_UNDEFINED)
KIND_TEST(none, v->kind == TPL_NONE)
KIND_TEST(boolean, v->kind == TPL_BOOL)
KIND_TEST(true, v->kind == TPL_BOOL && v->u.b)
KIND_TEST(false, v->kind == TPL_BOOL && !v->u.b)
KIND_TEST(integer, v->kind == TPL_INT || v->kind == TPL_BIGINT)
KIND_TEST(float, v->kind == TPL_FLOAT)
KIND_TEST(number, hl__tpl_is_number(v) || v->kind == TPL_BIGINT)
KIND_TEST(string, v->kind == TPL_STR)
KIND_TEST(mapping, v->kind == TPL_DICT)
KIND_TEST(iterable, hl__tpl_iterable(v) || v->kind == TPL_LOOP)
KIND_TEST(sequence, hl__tpl_has_len(v) && v->kind != TPL_VIEW)
KIND_TEST(escaped, v->kind == TPL_STR && v->safe)

static hl_status test_callable(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_kind k = (tpl_kind)c->a[0].kind;
    (void)r;
    bool object = k == TPL_OBJECT && !c->a[0].u.object->cycler;
    return yes_if(k == TPL_MACRO || k == TPL_BUILTIN || k == TPL_METHOD || k == TPL_UNDEFINED ||
                      k == TPL_LOOP || object,
                  ret);
}

static hl_status test_case(tpl_run *r, const tpl_call *c, unsigned flag, tpl_value *ret) {
    tpl_value s;
    HL_TRY(hl__tpl_to_str(r, &c->a[0], &s));
    HL_TRY(hl__tpl_charge(r, s.u.s.len / 8));
    return yes_if(hl__tpl_is_case(s.u.s, flag), ret);
}
static hl_status test_lower(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return test_case(r, c, TPL_CHAR_LOWER, ret);
}
static hl_status test_upper(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return test_case(r, c, TPL_CHAR_UPPER, ret);
}

/* ---- numbers ---- */

/* Whether the value modulo `by` is `wanted`. */
static hl_status test_modulo(tpl_run *r, const tpl_call *c, const tpl_value *by, int64_t wanted,
                             tpl_value *ret) {
    tpl_value rest, number = hl__tpl_int(wanted);
    bool same;
    HL_TRY(hl__tpl_binary(r, '%', &c->a[0], by, &rest));
    HL_TRY(hl__tpl_equal(r, &rest, &number, &same));
    return yes_if(same, ret);
}
static hl_status test_odd(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_value two = hl__tpl_int(2);
    return test_modulo(r, c, &two, 1, ret);
}
static hl_status test_even(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_value two = hl__tpl_int(2);
    return test_modulo(r, c, &two, 0, ret);
}
static hl_status test_divisibleby(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return test_modulo(r, c, &c->a[1], 0, ret);
}

/* ---- comparisons ---- */

static hl_status test_eq(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    bool same;
    HL_TRY(hl__tpl_equal(r, &c->a[0], &c->a[1], &same));
    return yes_if(same, ret);
}
static hl_status test_ne(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    HL_TRY(test_eq(r, c, ret));
    return yes_if(!ret->u.b, ret);
}
static hl_status test_gt(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    int order;
    HL_TRY(hl__tpl_compare(r, &c->a[0], &c->a[1], ">", &order));
    return yes_if(order == 1, ret);
}
static hl_status test_ge(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    int order;
    HL_TRY(hl__tpl_compare(r, &c->a[0], &c->a[1], ">=", &order));
    return yes_if(order == 0 || order == 1, ret);
}
static hl_status test_lt(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    int order;
    HL_TRY(hl__tpl_compare(r, &c->a[0], &c->a[1], "<", &order));
    return yes_if(order == -1, ret);
}
static hl_status test_le(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    int order;
    HL_TRY(hl__tpl_compare(r, &c->a[0], &c->a[1], "<=", &order));
    return yes_if(order <= 0, ret);
}

static hl_status test_in(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    bool found;
    HL_TRY(hl__tpl_contains(r, &c->a[1], &c->a[0], &found));
    return yes_if(found, ret);
}

/* Values without an identity of their own are the same when they are equal. */
static hl_status test_sameas(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    const tpl_value *a = &c->a[0], *b = &c->a[1];
    bool object = a->kind == TPL_LIST || a->kind == TPL_TUPLE || a->kind == TPL_DICT;
    if (a->kind != b->kind) return yes_if(false, ret);
    if (object) return yes_if(a->u.list == b->u.list, ret);
    return test_eq(r, c, ret);
}

static hl_status test_filter(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    hl_str name;
    HL_TRY(hl__tpl_arg_str(r, &c->a[0], (hl_str){0}, &name));
    return yes_if(hl__tpl_filter_find(name) != NULL, ret);
}
static hl_status test_test(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    hl_str name;
    HL_TRY(hl__tpl_arg_str(r, &c->a[0], (hl_str){0}, &name));
    return yes_if(hl__tpl_test_find(name) != NULL, ret);
}

const tpl_builtin hl__tpl_tests[] = {
    {"defined", "value", test_defined},
    {"string", "value", test_string},
    {"none", "value", test_none},
    {"mapping", "value", test_mapping},
    {"iterable", "value", test_iterable},
    {"sequence", "value", test_sequence},
    {"true", "value", test_true},
    {"false", "value", test_false},
    {"undefined", "value", test_undefined},
    {"boolean", "value", test_boolean},
    {"integer", "value", test_integer},
    {"float", "value", test_float},
    {"number", "value", test_number},
    {"callable", "obj", test_callable},
    {"odd", "value", test_odd},
    {"even", "value", test_even},
    {"divisibleby", "value num", test_divisibleby},
    {"lower", "value", test_lower},
    {"upper", "value", test_upper},
    {"escaped", "value", test_escaped},
    {"in", "value seq", test_in},
    {"sameas", "value other", test_sameas},
    {"filter", "value", test_filter},
    {"test", "value", test_test},
    {"eq", "a b", test_eq},
    {"equalto", "a b", test_eq},
    {"==", "a b", test_eq},
    {"ne", "a b", test_ne},
    {"!=", "a b", test_ne},
    {"gt", "a b", test_gt},
    {"greaterthan", "a b", test_gt},
    {">", "a b", test_gt},
    {"ge", "a b", test_ge},
    {">=", "a b", test_ge},
    {"lt", "a b", test_lt},
    {"lessthan", "a b", test_lt},
    {"<", "a b", test_lt},
    {"le", "a b", test_le},
    {"<=", "a b", test_le},
    {0},
};
