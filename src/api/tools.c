/* A request's tools, and which of them are to be called. */
#include "api/fields.h"

static bool is_type(struct json_object *v, json_type type) {
    return json_object_is_type(v, type);
}

static hl_status check_tool(struct json_object *tool, size_t i, hl_error *err) {
    hl_str type = hl__json_get_str(tool, "type");
    if (type.len > 0 && !hl_str_is(type, "function"))
        return hl_fail(err, HL_EINVAL, "api", "tools[%zu]: the type \"%.*s\" is not supported", i,
                       HL_STR_ARG(hl_str_slice(type, 0, 80)));
    if (hl__json_get_str(hl__json_get(tool, "function"), "name").len > 0) return HL_OK;
    return hl_fail(err, HL_EINVAL, "api", "tools[%zu] has no function with a name", i);
}

hl_status hl__read_tools(struct json_object *array, hl_request *ret, hl_error *err) {
    size_t n = array ? json_object_array_length(array) : 0;
    for (size_t i = 0; i < n; i++) HL_TRY(check_tool(json_object_array_get_idx(array, i), i, err));
    ret->tools = n > 0 ? array : NULL;
    return HL_OK;
}

static bool has_tool(struct json_object *tools, hl_str name) {
    for (size_t i = 0; tools && i < json_object_array_length(tools); i++) {
        struct json_object *tool = json_object_array_get_idx(tools, i);
        if (hl_str_eq(hl__json_get_str(hl__json_get(tool, "function"), "name"), name)) return true;
    }
    return false;
}

static hl_status choose_named(struct json_object *value, hl_request *ret, hl_error *err) {
    hl_str name = hl__json_get_str(hl__json_get(value, "function"), "name");
    if (name.len == 0) return hl_fail(err, HL_EINVAL, "api", "tool_choice names no function");
    if (!has_tool(ret->tools, name))
        return hl_fail(err, HL_EINVAL, "api", "tool_choice: there is no tool \"%.*s\"",
                       HL_STR_ARG(hl_str_slice(name, 0, 80)));
    ret->tool_choice = HL_TOOLS_NAMED;
    ret->tool_name = name;
    return HL_OK;
}

hl_status hl__read_tool_choice(struct json_object *value, hl_request *ret, hl_error *err) {
    hl_str word = {"", 0};
    if (!value) return HL_OK;
    if (is_type(value, json_type_object)) return choose_named(value, ret, err);
    if (is_type(value, json_type_string)) word = hl__json_str(value);
    if (hl_str_is(word, "none")) {
        ret->tool_choice = HL_TOOLS_NONE;
        ret->tools = NULL;
    } else if (hl_str_is(word, "required") && ret->tools) {
        ret->tool_choice = HL_TOOLS_REQUIRED;
    } else if (hl_str_is(word, "required")) {
        return hl_fail(err, HL_EINVAL, "api",
                       "tool_choice is \"required\", but there are no tools");
    } else if (!hl_str_is(word, "auto")) {
        return hl_fail(err, HL_EINVAL, "api",
                       "tool_choice must be \"none\", \"auto\", \"required\" or name a function");
    }
    return HL_OK;
}
