/* text/template_value.h
 *
 * The values of a template: what Python's values are to Jinja, as far as chat templates
 * look at them.  A value is small and copied freely; what it points to lives in the arena of
 * the run that made it.  Strings are immutable UTF-8 slices, so that every way of cutting
 * one shares its bytes; lists, dicts and namespaces are shared by reference, as in Python.
 *
 * Kinds that differ from Python's: integers are 64 bits wide (larger ones of the input keep
 * their text, print as given and take no part in arithmetic).
 *
 * Does not: look at the template's tree, or know filters and methods.
 * Errors: all functions report through the run (template_run.h).
 */
#pragma once

#include "base/buf.h"
#include "base/json.h"

typedef struct tpl_run tpl_run;
typedef struct tpl_value tpl_value;
typedef struct tpl_iter tpl_iter;
typedef struct tpl_loop tpl_loop;
typedef struct tpl_macro tpl_macro;
typedef struct tpl_builtin tpl_builtin;
typedef struct tpl_method tpl_method;
typedef struct tpl_object tpl_object;

typedef enum tpl_kind {
    TPL_MISSING, /* an argument that was not given; templates never see it */
    TPL_UNDEFINED,
    TPL_NONE,
    TPL_BOOL,
    TPL_INT,
    TPL_BIGINT, /* s: its decimal digits */
    TPL_FLOAT,
    TPL_STR,
    TPL_LIST,
    TPL_TUPLE,
    TPL_DICT,
    TPL_VIEW, /* dict.keys(), .values(), .items(): dict, with `aux` a tpl_view */
    TPL_RANGE,
    TPL_SLICE,     /* a:b:c inside brackets */
    TPL_ITER,      /* a generator: consumed by whoever walks over it */
    TPL_NAMESPACE, /* dict */
    TPL_LOOP,
    TPL_MACRO,
    TPL_BUILTIN,
    TPL_METHOD,
    TPL_OBJECT /* joiner and cycler */
} tpl_kind;

typedef enum tpl_view { TPL_VIEW_KEYS, TPL_VIEW_VALUES, TPL_VIEW_ITEMS } tpl_view;

/* What `aux` says of an undefined value whose `s` is a name: the kind of the object that lacks it
 * (so that a message can be written when it is needed), or one of these. */
enum { TPL_UNDEFINED_NAME = 0, TPL_UNDEFINED_TEXT = 255 /* s is the whole message */ };
/* What `aux` says of a tuple: made by groupby, has .grouper and .list. */
enum { TPL_TUPLE_GROUP = 1 };

typedef struct tpl_list {
    tpl_value *items;
    size_t n, cap;
} tpl_list;

typedef struct tpl_entry tpl_entry;
/* Keeps insertion order; removed entries stay as holes (key TPL_MISSING). */
typedef struct tpl_dict {
    tpl_entry *entries;
    size_t n_entries, n, cap; /* slots used, of them alive, slots there */
    uint32_t *index;          /* open addressing, entry + 1; NULL while small */
    size_t n_index;           /* a power of two */
} tpl_dict;

typedef struct tpl_range {
    int64_t start, stop, step;
} tpl_range;

struct tpl_value {
    uint8_t kind; /* tpl_kind */
    uint8_t aux;
    bool safe; /* a string that |safe or |escape made: adding to it escapes the other side */
    union {
        bool b;
        int64_t i;
        double f;
        hl_str s;
        tpl_list *list;
        tpl_dict *dict;
        tpl_range *range;
        tpl_value *slice; /* [3] */
        tpl_iter *iter;
        tpl_loop *loop;
        tpl_macro *macro;
        const tpl_builtin *builtin;
        tpl_method *method;
        tpl_object *object;
    } u;
};

struct tpl_entry {
    tpl_value key, value;
};

static inline tpl_value hl__tpl_none(void) {
    return (tpl_value){.kind = TPL_NONE};
}
static inline tpl_value hl__tpl_bool(bool b) {
    return (tpl_value){.kind = TPL_BOOL, .u.b = b};
}
static inline tpl_value hl__tpl_int(int64_t i) {
    return (tpl_value){.kind = TPL_INT, .u.i = i};
}
static inline tpl_value hl__tpl_float(double f) {
    return (tpl_value){.kind = TPL_FLOAT, .u.f = f};
}
/* s must live as long as the run (or be a literal). */
static inline tpl_value hl__tpl_str(hl_str s) {
    if (!s.ptr) s.ptr = ""; /* what searches strings wants a pointer */
    return (tpl_value){.kind = TPL_STR, .u.s = s};
}
static inline tpl_value hl__tpl_lit(const char *literal) {
    return hl__tpl_str(hl_str_from(literal));
}
/* "'NAME' is undefined", or with the kind of an object "'dict object' has no attribute 'NAME'". */
static inline tpl_value hl__tpl_undefined(hl_str name, tpl_kind of) {
    return (tpl_value){.kind = TPL_UNDEFINED, .aux = (uint8_t)of, .u.s = name};
}
static inline tpl_value hl__tpl_undefined_text(hl_str message) {
    return (tpl_value){.kind = TPL_UNDEFINED, .aux = TPL_UNDEFINED_TEXT, .u.s = message};
}
static inline bool hl__tpl_is_number(const tpl_value *v) {
    return v->kind == TPL_BOOL || v->kind == TPL_INT || v->kind == TPL_FLOAT;
}
/* Bools are integers in Python. */
static inline bool hl__tpl_as_int(const tpl_value *v, int64_t *ret) {
    *ret = v->kind == TPL_INT ? v->u.i : v->kind == TPL_BOOL ? v->u.b : 0;
    return v->kind == TPL_INT || v->kind == TPL_BOOL;
}
static inline double hl__tpl_as_float(const tpl_value *v) {
    if (v->kind == TPL_FLOAT) return v->u.f;
    return v->kind == TPL_INT ? (double)v->u.i : (double)v->u.b;
}

/* "str", "dict", "NoneType": what type(v).__name__ is. */
const char *hl__tpl_type_name(tpl_kind kind);

hl_status hl__tpl_list_new(tpl_run *r, tpl_kind list_or_tuple, size_t cap,
                           tpl_value *ret) HL_NODISCARD;
hl_status hl__tpl_list_push(tpl_run *r, tpl_list *l, tpl_value v) HL_NODISCARD;
hl_status hl__tpl_pair(tpl_run *r, tpl_value a, tpl_value b, tpl_value *ret) HL_NODISCARD;

hl_status hl__tpl_dict_new(tpl_run *r, tpl_value *ret) HL_NODISCARD;
/* EFORMAT for keys that Python cannot hash. */
hl_status hl__tpl_dict_set(tpl_run *r, tpl_dict *d, tpl_value key, tpl_value v) HL_NODISCARD;
/* *ret is NULL when there is no such key; it points into the dict until the next change. */
hl_status hl__tpl_dict_find(tpl_run *r, const tpl_dict *d, const tpl_value *key,
                            tpl_entry **ret) HL_NODISCARD;
hl_status hl__tpl_dict_find_str(tpl_run *r, const tpl_dict *d, hl_str key,
                                tpl_entry **ret) HL_NODISCARD;
void hl__tpl_dict_remove(tpl_dict *d, tpl_entry *e);
bool hl__tpl_hashable(const tpl_value *v);
/* The next living entry at or after *at, or NULL; *at is moved behind it. */
tpl_entry *hl__tpl_dict_next(const tpl_dict *d, size_t *at);
hl_status hl__tpl_entry_view(tpl_run *r, const tpl_entry *e, tpl_view view,
                             tpl_value *ret) HL_NODISCARD;

int64_t hl__tpl_range_len(const tpl_range *g);
bool hl__tpl_truth(const tpl_value *v);
hl_status hl__tpl_equal(tpl_run *r, const tpl_value *a, const tpl_value *b, bool *ret) HL_NODISCARD;
/* *ret negative, 0 or positive; 2 for what has no order (NaN).  EFORMAT where Python raises
 * TypeError. */
hl_status hl__tpl_compare(tpl_run *r, const tpl_value *a, const tpl_value *b, const char *op,
                          int *ret) HL_NODISCARD;

/* len(): EFORMAT for what has none. */
hl_status hl__tpl_len(tpl_run *r, const tpl_value *v, int64_t *ret) HL_NODISCARD;
bool hl__tpl_has_len(const tpl_value *v);

/* The value of a json-c object, deep. */
hl_status hl__tpl_from_json(tpl_run *r, struct json_object *o, tpl_value *ret) HL_NODISCARD;
