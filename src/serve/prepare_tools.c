/* The request's tools as templates see them.  Ollama's server reads them into structs of known keys
 * and writes those out again: models are prompted with the same text here. */
#include "serve/prepare_talk.h"

enum { DEPTH_MAX = HL_JSON_DEPTH_MAX };

static const char *const TOOL[] = {"type", "items", "function"};
static const char *const FUNCTION[] = {"name", "description", "parameters"};
static const char *const PARAMETERS[] = {"type", "$defs", "items", "required", "properties"};
static const char *const PROPERTY[] = {"anyOf", "type",       "items",   "description",
                                       "enum",  "properties", "required"};

static hl_status copy_property(struct json_object *from, int depth, struct json_object **ret,
                               hl_error *err);

/* The properties of an object, each in its place. */
static hl_status copy_properties(struct json_object *from, int depth, struct json_object *to,
                                 hl_error *err) {
    json_object_object_foreach(from, key, value) {
        struct json_object *copy;
        if (!value) continue;
        HL_TRY(copy_property(value, depth, &copy, err));
        HL_TRY(hl__var_put(to, key, copy, err));
    }
    return HL_OK;
}

static hl_status copy_list(struct json_object *from, int depth, struct json_object *to,
                           hl_error *err) {
    for (size_t i = 0; i < json_object_array_length(from); i++) {
        struct json_object *copy;
        HL_TRY(copy_property(json_object_array_get_idx(from, i), depth, &copy, err));
        if (json_object_array_add(to, copy) == 0) continue;
        json_object_put(copy);
        return hl__var_no_memory(err);
    }
    return HL_OK;
}

/* A list of one type is that type. */
static struct json_object *plain_type(struct json_object *type) {
    bool one = json_object_is_type(type, json_type_array) && json_object_array_length(type) == 1;
    return one ? json_object_array_get_idx(type, 0) : type;
}

/* Go leaves out what is empty. */
static bool is_empty(struct json_object *value) {
    switch (json_object_get_type(value)) {
    case json_type_null: return true;
    case json_type_string: return json_object_get_string_len(value) == 0;
    case json_type_array: return json_object_array_length(value) == 0;
    case json_type_object: return json_object_object_length(value) == 0;
    case json_type_boolean:
    case json_type_double:
    case json_type_int: break;
    }
    return false;
}

static hl_status copy_member(struct json_object *to, const char *key, struct json_object *value,
                             int depth, hl_error *err) {
    bool list = strcmp(key, "anyOf") == 0 && json_object_is_type(value, json_type_array);
    bool members = strcmp(key, "properties") == 0 && json_object_is_type(value, json_type_object);
    if (strcmp(key, "type") == 0) return hl__var_put_copy(to, key, plain_type(value), err);
    if (!list && !members) return hl__var_put_copy(to, key, value, err);
    struct json_object *copy = list ? json_object_new_array() : json_object_new_object();
    HL_TRY(hl__var_put(to, key, copy, err));
    return list ? copy_list(value, depth + 1, copy, err)
                : copy_properties(value, depth + 1, copy, err);
}

/* Of a function's parameters, these are written even when there is nothing in them. */
static bool is_kept(const char *const *keys, const char *key) {
    if (keys == FUNCTION) return strcmp(key, "parameters") == 0;
    return keys == PARAMETERS && (strcmp(key, "properties") == 0 || strcmp(key, "type") == 0);
}

/* Those of keys that there are, in their order. */
static hl_status copy_known(struct json_object *from, const char *const *keys, size_t n, int depth,
                            struct json_object *to, hl_error *err) {
    for (size_t i = 0; i < n; i++) {
        struct json_object *value;
        if (!json_object_object_get_ex(from, keys[i], &value) || !value) continue;
        if (is_empty(value) && !is_kept(keys, keys[i])) continue;
        HL_TRY(copy_member(to, keys[i], value, depth, err));
    }
    return HL_OK;
}

static hl_status copy_object(struct json_object *from, const char *const *keys, size_t n, int depth,
                             struct json_object **ret, hl_error *err) {
    *ret = NULL;
    if (!json_object_is_type(from, json_type_object) || depth > DEPTH_MAX) {
        bool copied = !from || json_object_deep_copy(from, ret, NULL) == 0;
        return copied ? HL_OK : hl__var_no_memory(err);
    }
    struct json_object *to = json_object_new_object();
    if (!to) return hl__var_no_memory(err);
    hl_status st = copy_known(from, keys, n, depth, to, err);
    if (st < 0)
        json_object_put(to);
    else
        *ret = to;
    return st;
}

static hl_status copy_property(struct json_object *from, int depth, struct json_object **ret,
                               hl_error *err) {
    return copy_object(from, PROPERTY, sizeof PROPERTY / sizeof PROPERTY[0], depth, ret, err);
}

/* In place of the member: a copy with the known keys only. */
static hl_status replace(struct json_object *o, const char *key, const char *const *keys, size_t n,
                         hl_error *err) {
    struct json_object *value, *copy;
    if (!json_object_object_get_ex(o, key, &value)) return HL_OK;
    HL_TRY(copy_object(value, keys, n, 0, &copy, err));
    return hl__var_put(o, key, copy, err);
}

static hl_status copy_tool(struct json_object *from, struct json_object **ret, hl_error *err) {
    struct json_object *tool, *function;
    HL_TRY(copy_object(from, TOOL, 3, 0, &tool, err));
    *ret = tool;
    if (!json_object_is_type(from, json_type_object)) return HL_OK;
    hl_status st = replace(tool, "function", FUNCTION, 3, err);
    if (st >= 0 && json_object_object_get_ex(tool, "function", &function) &&
        json_object_is_type(function, json_type_object))
        st = replace(function, "parameters", PARAMETERS, 5, err);
    if (st < 0) json_object_put(tool);
    return st;
}

static hl_status copy_tools(struct json_object *tools, struct json_object *to, hl_error *err) {
    for (size_t i = 0; i < json_object_array_length(tools); i++) {
        struct json_object *tool;
        HL_TRY(copy_tool(json_object_array_get_idx(tools, i), &tool, err));
        if (json_object_array_add(to, tool) == 0) continue;
        json_object_put(tool);
        return hl__var_no_memory(err);
    }
    return HL_OK;
}

hl_status hl__talk_tools(struct json_object *tools, struct json_object **ret, hl_error *err) {
    *ret = NULL;
    if (!json_object_is_type(tools, json_type_array) || json_object_array_length(tools) == 0)
        return HL_OK;
    struct json_object *to = json_object_new_array();
    if (!to) return hl__var_no_memory(err);
    hl_status st = copy_tools(tools, to, err);
    if (st < 0)
        json_object_put(to);
    else
        *ret = to;
    return st;
}
