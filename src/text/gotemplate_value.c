#include "text/gotemplate_value.h"

#include <stdlib.h>

/* An integer: float64 in what encoding/json decodes, and when it does not fit int. */
static go_value from_int(struct json_object *json, const hl_gotemplate_type *type) {
    int64_t i = json_object_get_int64(json);
    uint64_t u = i > 0 ? json_object_get_uint64(json) : 0;
    if (!type && u <= INT64_MAX) return hl__go_int(i);
    return (go_value){.kind = GO_FLOAT, .type = type, .u.f = u ? (double)u : (double)i};
}

static go_value from_any(struct json_object *json, const hl_gotemplate_type *type) {
    go_value v = {.kind = GO_NIL, .type = type};
    switch (json_object_get_type(json)) {
    case json_type_null: break;
    case json_type_boolean:
        v.kind = GO_BOOL;
        v.u.b = json_object_get_boolean(json);
        break;
    case json_type_int: return from_int(json, type);
    case json_type_double:
        v.kind = GO_FLOAT;
        v.u.f = json_object_get_double(json);
        break;
    case json_type_string:
        v.kind = GO_STRING;
        v.u.s = (hl_str){json_object_get_string(json), (size_t)json_object_get_string_len(json)};
        break;
    case json_type_array:
        v.kind = GO_LIST;
        v.u.json = json;
        v.n = json_object_array_length(json);
        break;
    case json_type_object:
        v.kind = GO_MAP;
        v.u.json = json;
        v.n = (size_t)json_object_object_length(json);
        break;
    }
    return v;
}

/* A string or int: its zero value when the JSON has none, the JSON's own otherwise. */
static go_value from_scalar(struct json_object *json, const hl_gotemplate_type *type) {
    if (json) return from_any(json, NULL);
    return type->kind == GO_T_INT ? hl__go_int(0) : hl__go_str((hl_str){"", 0});
}

go_value hl__go_from_json(struct json_object *json, const hl_gotemplate_type *type) {
    if (!type) return from_any(json, NULL);
    go_value v = {.type = type, .u.json = json};
    switch (type->kind) {
    case GO_T_ANY: return from_any(json, type);
    case GO_T_INT:
    case GO_T_STRING: return from_scalar(json, type);
    case GO_T_LIST:
        v.kind = GO_LIST;
        if (json)
            v.n = json_object_is_type(json, json_type_array) ? json_object_array_length(json) : 1;
        return v;
    case GO_T_MAP: v.kind = GO_MAP; break;
    case GO_T_STRUCT: v.kind = GO_STRUCT; break;
    }
    /* anything but an object has no fields */
    if (!json_object_is_type(json, json_type_object)) v.u.json = NULL;
    if (v.kind == GO_MAP && v.u.json) v.n = (size_t)json_object_object_length(v.u.json);
    return v;
}

const char *hl__go_type_name(const go_value *v) {
    switch (v->kind) {
    case GO_NONE:
    case GO_NIL: return "<nil>";
    case GO_BOOL: return "bool";
    case GO_INT: return "int";
    case GO_BYTE: return "uint8";
    case GO_FLOAT: return "float64";
    case GO_STRING: return "string";
    case GO_LIST:
        if (v->type && v->type->kind == GO_T_LIST) return v->type->name;
        return "[]interface {}";
    case GO_MAP:
        if (v->type && v->type->kind == GO_T_MAP) return v->type->name;
        return "map[string]interface {}";
    case GO_STRUCT: return v->type->name;
    }
    return "<nil>";
}

bool hl__go_truth(const go_value *v) {
    switch (v->kind) {
    case GO_NONE:
    case GO_NIL: return false;
    case GO_BOOL: return v->u.b;
    case GO_INT:
    case GO_BYTE: return v->u.i != 0;
    case GO_FLOAT: return v->u.f != 0;
    case GO_STRING: return v->u.s.len > 0;
    case GO_LIST:
    case GO_MAP: return v->n > 0;
    case GO_STRUCT: return true;
    }
    return false;
}

go_value hl__go_item(const go_value *v, size_t i) {
    HL_ASSERT(v->kind == GO_LIST && i < v->n);
    const hl_gotemplate_type *item = v->type;
    if (item && item->kind == GO_T_LIST) item = item->item;
    if (!json_object_is_type(v->u.json, json_type_array)) return hl__go_from_json(v->u.json, item);
    return hl__go_from_json(json_object_array_get_idx(v->u.json, v->from + i), item);
}

const go_field *hl__go_field(const hl_gotemplate_type *type, hl_str name) {
    for (size_t i = 0; i < type->n_fields; i++)
        if (hl_str_is(name, type->fields[i].name)) return &type->fields[i];
    return NULL;
}

go_value hl__go_field_value(const go_value *v, const go_field *field) {
    struct json_object *json = NULL;
    if (v->u.json) json_object_object_get_ex(v->u.json, field->key, &json);
    return hl__go_from_json(json, field->type);
}

static const hl_gotemplate_type *type_of_key(const go_value *v, hl_str key) {
    const hl_gotemplate_type *type = v->type;
    if (!type || type->kind != GO_T_MAP) return type;
    const go_field *field = hl__go_field(type, key);
    return field ? field->type : type->item;
}

go_value hl__go_lookup(const go_value *v, hl_str key) {
    HL_ASSERT(v->kind == GO_MAP);
    struct json_object *json = NULL;
    const hl_gotemplate_type *type = type_of_key(v, key);
    /* json-c's keys end in NUL: a key with one inside is none of them */
    bool plain = !key.len || !memchr(key.ptr, '\0', key.len);
    bool has = false;
    if (v->u.json && plain) {
        char small[GO_KEY_SHORT];
        if (key.len < sizeof small) {
            if (key.len) memcpy(small, key.ptr, key.len);
            small[key.len] = '\0';
            has = json_object_object_get_ex(v->u.json, small, &json);
        } else {
            json_object_object_foreach(v->u.json, name, value) {
                if (!hl_str_is(key, name)) continue;
                json = value;
                has = true;
                break;
            }
        }
    }
    /* a key that is not there has the zero value of what the map holds, which knows no fields */
    if (!has && v->type && v->type->kind == GO_T_MAP) type = v->type->item;
    return hl__go_from_json(json, type);
}

static int by_key(const void *a, const void *b) {
    const go_entry *x = a, *y = b;
    size_t n = x->key.len < y->key.len ? x->key.len : y->key.len;
    int order = n ? memcmp(x->key.ptr, y->key.ptr, n) : 0;
    return order ? order : (x->key.len > y->key.len) - (x->key.len < y->key.len);
}

go_entry *hl__go_entries(hl_arena *a, const go_value *v) {
    HL_ASSERT(v->kind == GO_MAP);
    go_entry *entries = HL_ARENA_ARRAY(a, v->n ? v->n : 1, go_entry);
    if (!entries || !v->u.json) return entries;
    size_t n = 0;
    json_object_object_foreach(v->u.json, name, json) {
        HL_ASSERT(n < v->n);
        hl_str key = hl_str_from(name);
        entries[n].key = key;
        entries[n++].value = hl__go_from_json(json, type_of_key(v, key));
    }
    HL_ASSERT(n == v->n);
    bool ordered = v->type && v->type->kind == GO_T_MAP && v->type->ordered;
    if (!ordered) qsort(entries, n, sizeof *entries, by_key);
    return entries;
}
