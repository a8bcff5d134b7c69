#include "api/build.h"

static hl_status no_memory(struct json_object *value, hl_error *err) {
    json_object_put(value);
    return hl_fail(err, HL_ENOMEM, "api", "no memory for the request");
}

hl_status hl__put(struct json_object *o, const char *key, struct json_object *value,
                  hl_error *err) {
    if (value && json_object_object_add(o, key, value) == 0) return HL_OK;
    return no_memory(value, err);
}

hl_status hl__put_str(struct json_object *o, const char *key, hl_str value, hl_error *err) {
    if (value.len > INT32_MAX) return hl_fail(err, HL_ELIMIT, "api", "%s is too long", key);
    return hl__put(o, key, json_object_new_string_len(value.ptr ? value.ptr : "", (int)value.len),
                   err);
}

hl_status hl__put_shared(struct json_object *o, const char *key, struct json_object *value,
                         hl_error *err) {
    return value ? hl__put(o, key, json_object_get(value), err) : HL_OK;
}

hl_status hl__push(struct json_object *array, struct json_object *value, hl_error *err) {
    if (value && json_object_array_add(array, value) == 0) return HL_OK;
    return no_memory(value, err);
}

hl_status hl__push_object(struct json_object *array, struct json_object **ret, hl_error *err) {
    *ret = json_object_new_object();
    return hl__push(array, *ret, err);
}

hl_status hl__put_object(struct json_object *o, const char *key, struct json_object **ret,
                         hl_error *err) {
    *ret = json_object_new_object();
    return hl__put(o, key, *ret, err);
}

hl_status hl__put_array(struct json_object *o, const char *key, struct json_object **ret,
                        hl_error *err) {
    *ret = json_object_new_array();
    return hl__put(o, key, *ret, err);
}
