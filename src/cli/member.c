#include "cli/member.h"

struct json_object *hl__member(struct json_object *o, const char *key) {
    struct json_object *value;
    if (!json_object_is_type(o, json_type_object)) return NULL;
    return json_object_object_get_ex(o, key, &value) ? value : NULL;
}

hl_str hl__member_text(struct json_object *o, const char *key) {
    struct json_object *value = hl__member(o, key);
    if (!json_object_is_type(value, json_type_string)) return HL_STR("");
    return (hl_str){json_object_get_string(value), (size_t)json_object_get_string_len(value)};
}

uint64_t hl__member_uint(struct json_object *o, const char *key) {
    struct json_object *value = hl__member(o, key);
    if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0) return 0;
    return json_object_get_uint64(value);
}

bool hl__member_bool(struct json_object *o, const char *key) {
    struct json_object *value = hl__member(o, key);
    return json_object_is_type(value, json_type_boolean) && json_object_get_boolean(value);
}

struct json_object *hl__member_array(struct json_object *o, const char *key) {
    struct json_object *value = hl__member(o, key);
    return json_object_is_type(value, json_type_array) ? value : NULL;
}

size_t hl__array_len(struct json_object *array) {
    return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

hl_str hl__value_json(struct json_object *value) {
    return hl_str_from(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN |
                                                                 JSON_C_TO_STRING_NOSLASHESCAPE));
}

hl_str hl__value_text(struct json_object *value) {
    if (!json_object_is_type(value, json_type_string)) return hl__value_json(value);
    return (hl_str){json_object_get_string(value), (size_t)json_object_get_string_len(value)};
}
