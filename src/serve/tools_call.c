#include "serve/tools_call.h"

static struct json_object *get(struct json_object *o, const char *key) {
    struct json_object *value = NULL;
    return json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, key, &value)
               ? value
               : NULL;
}

static hl_str text_of(struct json_object *value) {
    if (!json_object_is_type(value, json_type_string)) return (hl_str){"", 0};
    return (hl_str){json_object_get_string(value), (size_t)json_object_get_string_len(value)};
}

static bool is_space(char c) {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static hl_str trimmed(hl_str s) {
    while (s.len > 0 && is_space(s.ptr[0])) s = hl_str_slice(s, 1, s.len);
    while (s.len > 0 && is_space(s.ptr[s.len - 1])) s.len--;
    return s;
}

struct json_object *hl__tools_find(struct json_object *tools, hl_str name) {
    if (!json_object_is_type(tools, json_type_array) || name.len == 0) return NULL;
    for (size_t i = 0; i < json_object_array_length(tools); i++) {
        struct json_object *tool = json_object_array_get_idx(tools, i);
        struct json_object *function = get(tool, "function");
        if (!function) function = tool;
        if (hl_str_eq(text_of(get(function, "name")), name)) return function;
    }
    return NULL;
}

/* -- what was read ----------------------------------------------------------------------------- */

void hl__tools_calls_init(hl__tools_calls *c) {
    c->n = 0;
    hl_buf_init(&c->text, 0);
}

void hl__tools_calls_deinit(hl__tools_calls *c) {
    hl_buf_deinit(&c->text);
}

hl_tool_call hl__tools_calls_get(const hl__tools_calls *c, size_t i) {
    HL_ASSERT(i < c->n && c->at[i].arguments_end <= c->text.len);
    hl_str all = hl_buf_str(&c->text);
    return (hl_tool_call){
        .name = hl_str_slice(all, c->at[i].name, c->at[i].name_end),
        .arguments = hl_str_slice(all, c->at[i].arguments, c->at[i].arguments_end)};
}

/* arguments: an object. */
static bool add_call(hl__tools_calls *c, hl_str name, struct json_object *arguments) {
    enum { HOW = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE };
    size_t len = 0, n = c->n;
    if (n == HL__TOOLS_CALLS_MAX || !json_object_is_type(arguments, json_type_object)) return false;
    const char *text = json_object_to_json_string_length(arguments, HOW, &len);
    if (!text) return false;
    c->at[n].name = c->text.len;
    hl_buf_append_str(&c->text, name);
    c->at[n].name_end = c->at[n].arguments = c->text.len;
    hl_buf_append(&c->text, text, len);
    c->at[n].arguments_end = c->text.len;
    if (c->text.failed < 0) return false;
    c->n++;
    return true;
}

/* -- JSON -------------------------------------------------------------------------------------- */

/* The arguments may be missing, null, or an object that was written as a text. */
static bool add_with(hl__tools_calls *c, hl_str name, struct json_object *arguments) {
    struct json_object *made = NULL;
    if (!arguments) {
        made = json_object_new_object();
    } else if (json_object_is_type(arguments, json_type_string)) {
        if (hl_json_parse(text_of(arguments), &made, NULL) < 0) return false;
    } else {
        return add_call(c, name, arguments);
    }
    bool ok = add_call(c, name, made);
    json_object_put(made);
    return ok;
}

static struct json_object *first_of(struct json_object *o, const char *const *keys, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct json_object *value = get(o, keys[i]);
        if (value) return value;
    }
    return NULL;
}

/* {"f": {…}} */
static bool add_single(struct json_object *tools, struct json_object *o, hl__tools_calls *c) {
    if (json_object_object_length(o) != 1) return false;
    json_object_object_foreach(o, key, value) {
        if (hl__tools_find(tools, hl_str_from(key))) return add_call(c, hl_str_from(key), value);
    }
    return false;
}

static bool add_object(struct json_object *tools, struct json_object *o, hl__tools_calls *c) {
    static const char *const NAMES[] = {"name", "tool_name", "function"};
    static const char *const ARGUMENTS[] = {"arguments", "parameters", "args"};
    struct json_object *function = get(o, "function");
    if (json_object_is_type(function, json_type_object)) o = function;
    if (!json_object_is_type(o, json_type_object)) return false;
    hl_str name = text_of(first_of(o, NAMES, 3));
    if (!hl__tools_find(tools, name)) return add_single(tools, o, c);
    return add_with(c, name, first_of(o, ARGUMENTS, 3));
}

static bool add_all(struct json_object *tools, struct json_object *value, hl__tools_calls *c) {
    if (!json_object_is_type(value, json_type_array)) return add_object(tools, value, c);
    size_t n = json_object_array_length(value);
    for (size_t i = 0; i < n; i++)
        if (!add_object(tools, json_object_array_get_idx(value, i), c)) return false;
    return n > 0;
}

bool hl__tools_from_json(struct json_object *tools, hl_str json, hl__tools_calls *ret) {
    struct json_object *value;
    size_t n = ret->n;
    if (hl_json_parse(json, &value, NULL) < 0) return false;
    bool ok = add_all(tools, value, ret);
    json_object_put(value);
    if (!ok) ret->n = n;
    return ok;
}

bool hl__tools_from_named(struct json_object *tools, hl_str name, hl_str json,
                          hl__tools_calls *ret) {
    struct json_object *arguments;
    if (!hl__tools_find(tools, name) || hl_json_parse(json, &arguments, NULL) < 0) return false;
    bool ok = add_call(ret, name, arguments);
    json_object_put(arguments);
    return ok;
}

/* -- elements -------------------------------------------------------------------------------- */

static bool type_has_string(struct json_object *type) {
    if (!json_object_is_type(type, json_type_array)) return hl_str_is(text_of(type), "string");
    for (size_t i = 0; i < json_object_array_length(type); i++)
        if (hl_str_is(text_of(json_object_array_get_idx(type, i)), "string")) return true;
    return false;
}

/* Some models write Python's words. */
static hl_str as_json(hl_str word) {
    if (hl_str_is(word, "True")) return HL_STR("true");
    if (hl_str_is(word, "False")) return HL_STR("false");
    return hl_str_is(word, "None") ? HL_STR("null") : word;
}

/* Without quotes only the tool's schema says whether 12 is a number or a text. */
static struct json_object *value_of(struct json_object *schema, hl_str text) {
    struct json_object *value = NULL;
    bool is_text = type_has_string(get(schema, "type"));
    if (!is_text && hl_json_parse(as_json(trimmed(text)), &value, NULL) >= 0) return value;
    return json_object_new_string_len(text.ptr ? text.ptr : "", (int)text.len);
}

/* One line end behind the opening tag and one before the closing tag are no part of a value. */
static hl_str without_line_ends(hl_str s) {
    if (hl_str_starts(s, HL_STR("\n"))) s = hl_str_slice(s, 1, s.len);
    if (hl_str_ends(s, HL_STR("\n"))) s.len--;
    return s;
}

/* Takes what comes before the mark, and the mark. */
static bool take_until(hl_str *rest, hl_str mark, hl_str *ret) {
    size_t at = hl_str_find(*rest, mark, 0);
    if (at == SIZE_MAX) return false;
    *ret = hl_str_slice(*rest, 0, at);
    *rest = hl_str_slice(*rest, at + mark.len, rest->len);
    return true;
}

static bool add_parameter(struct json_object *o, struct json_object *schemas, hl_str name,
                          hl_str text) {
    char key[HL__TOOLS_NAME_MAX + 1];
    if (name.len == 0 || name.len >= sizeof key) return false;
    memcpy(key, name.ptr, name.len);
    key[name.len] = '\0';
    struct json_object *value = value_of(get(schemas, key), text);
    if (json_object_object_add(o, key, value) == 0) return true;
    json_object_put(value);
    return false;
}

static bool read_parameters(struct json_object *o, struct json_object *schemas,
                            const hl_tools_element *e, hl_str rest) {
    for (rest = trimmed(rest); rest.len > 0; rest = trimmed(rest)) {
        hl_str name, between, value;
        if (!hl_str_starts(rest, e->open)) return false;
        rest = hl_str_slice(rest, e->open.len, rest.len);
        if (!take_until(&rest, e->end, &name)) return false;
        if (e->value.len > 0 && (!take_until(&rest, e->value, &between) ||
                                 hl_str_find(between, HL_STR("<"), 0) != SIZE_MAX))
            return false;
        if (!take_until(&rest, e->done, &value)) return false;
        if (!add_parameter(o, schemas, trimmed(name), without_line_ends(value))) return false;
    }
    return true;
}

bool hl__tools_from_element(struct json_object *tools, hl_str name, const hl_tools_element *e,
                            hl_str inside, hl__tools_calls *ret) {
    struct json_object *tool = hl__tools_find(tools, name);
    if (!tool || inside.len > INT32_MAX) return false;
    struct json_object *o = json_object_new_object();
    bool ok = o && read_parameters(o, get(get(tool, "parameters"), "properties"), e, inside) &&
              add_call(ret, name, o);
    json_object_put(o);
    return ok;
}
