/* text/gotemplate_value.h: values of Go templates.
 *
 * A value is small and copied.  Lists and maps are the caller's JSON, read only, seen through a
 * type; texts belong to that JSON, to the template or to the rendering's arena. */
#pragma once

#include "base/arena.h"
#include "text/gotemplate.h"

typedef enum go_kind {
    GO_NONE, /* no value at all: what a missing key becomes once it leaves its pipeline */
    GO_NIL,  /* null, or a missing key: a field of it is an error */
    GO_BOOL,
    GO_INT,
    GO_BYTE, /* of a text's index: uint8 */
    GO_FLOAT,
    GO_STRING,
    GO_LIST,
    GO_MAP,
    GO_STRUCT,
} go_kind;

typedef struct go_value {
    go_kind kind;
    const hl_gotemplate_type *type; /* NULL: plain JSON, or no JSON at all */
    union {
        bool b;
        int64_t i; /* INT, BYTE */
        double f;
        hl_str s;
        struct json_object *json; /* LIST, MAP, STRUCT; NULL: empty */
    } u;
    size_t from, n; /* LIST: the part that it is.  MAP: n keys */
} go_value;

typedef enum go_type_kind {
    GO_T_ANY, /* what encoding/json makes: numbers are float64 */
    GO_T_INT,
    GO_T_STRING,
    GO_T_LIST, /* a JSON value that is no array is a list of one */
    GO_T_MAP,  /* fields, if any, type some of its keys; item the others */
    GO_T_STRUCT,
} go_type_kind;

typedef struct go_field {
    const char *name; /* .ToolCalls */
    const char *key;  /* tool_calls */
    const hl_gotemplate_type *type;
    bool omit_empty;
} go_field;

struct hl_gotemplate_type {
    go_type_kind kind;
    const char *name; /* as Go prints it */
    const hl_gotemplate_type *item;
    const go_field *fields;
    size_t n_fields;
    bool prints_json; /* has a String method that gives its JSON */
    bool ordered;     /* keeps the order of keys */
    bool joins;       /* a list that is encoded as its one item, and printed as it */
};

/* What json is as a value of this type; NULL is null or a missing field. */
go_value hl__go_from_json(struct json_object *json, const hl_gotemplate_type *type);
static inline go_value hl__go_bool(bool b) {
    return (go_value){.kind = GO_BOOL, .u.b = b};
}
static inline go_value hl__go_int(int64_t i) {
    return (go_value){.kind = GO_INT, .u.i = i};
}
static inline go_value hl__go_str(hl_str s) {
    return (go_value){.kind = GO_STRING, .u.s = s};
}
static inline bool hl__go_is_nil(const go_value *v) {
    return v->kind == GO_NONE || v->kind == GO_NIL;
}

const char *hl__go_type_name(const go_value *v); /* "map[string]interface {}", "<nil>" */
bool hl__go_truth(const go_value *v);

/* i < v->n of a list. */
go_value hl__go_item(const go_value *v, size_t i);
enum { GO_KEY_SHORT = 256 }; /* longer keys are compared with all of a map */
/* What a map has under a key, GO_NIL or its item type's zero value when it has none. */
go_value hl__go_lookup(const go_value *v, hl_str key);
/* The field of a struct type with this name, or NULL; and its value. */
const go_field *hl__go_field(const hl_gotemplate_type *type, hl_str name);
go_value hl__go_field_value(const go_value *v, const go_field *field);

typedef struct go_entry {
    hl_str key;
    go_value value;
} go_entry;
/* The n entries of a map in the order in which Go ranges over them; in the arena, NULL when it
 * gives nothing. */
go_entry *hl__go_entries(hl_arena *a, const go_value *v) HL_NODISCARD;
