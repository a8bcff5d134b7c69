#include "api/fields.h"

#include "config/duration.h"

#include <math.h>
#include <strings.h>

/* -- values ------------------------------------------------------------------------------------ */

static bool is_type(struct json_object *v, json_type type) {
    return json_object_is_type(v, type);
}

static bool is_number(struct json_object *v) {
    return is_type(v, json_type_int) || is_type(v, json_type_double);
}

static const char *type_name(struct json_object *v) {
    switch (json_object_get_type(v)) {
    case json_type_boolean: return "bool";
    case json_type_double:
    case json_type_int: return "number";
    case json_type_object: return "object";
    case json_type_array: return "array";
    case json_type_string: return "string";
    case json_type_null: break;
    }
    return "null";
}

hl_str hl__json_str(struct json_object *string) {
    HL_ASSERT(is_type(string, json_type_string));
    return (hl_str){json_object_get_string(string), (size_t)json_object_get_string_len(string)};
}

/* What Go calls a text that ends too early. */
static hl_status parse(hl_str body, struct json_object **ret, hl_error *err) {
    hl_error why = {0};
    hl_status st = hl_json_parse(body, ret, &why);
    if (st >= 0) return st;
    bool cut = hl_str_find(hl_str_from(why.text), HL_STR("unexpected end"), 0) != SIZE_MAX;
    return hl_fail(err, st, "api", "%s", cut ? "unexpected EOF" : why.text);
}

hl_status hl__body_parse(hl_str body, bool openai, const char *type, hl__fields *ret,
                         hl_error *err) {
    *ret = (hl__fields){NULL, type};
    if (body.len == 0)
        return hl_fail(err, HL_EINVAL, "api", openai ? "EOF" : "missing request body");
    HL_TRY(parse(body, &ret->o, err));
    if (is_type(ret->o, json_type_object)) return HL_OK;
    hl_status st = hl_fail(err, HL_EINVAL, "api",
                           "json: cannot unmarshal %s into Go value of type %s.%s",
                           type_name(ret->o), openai ? "openai" : "api", type);
    json_object_put(ret->o);
    ret->o = NULL;
    return st;
}

/* -- fields ------------------------------------------------------------------------------------ */

struct json_object *hl__field(const hl__fields *f, const char *key) {
    struct json_object *found = NULL;
    if (json_object_object_get_ex(f->o, key, &found)) return found;
    json_object_object_foreach(f->o, name, value) if (strcasecmp(name, key) == 0) found = value;
    return found;
}

static hl_status wrong_type(const hl__fields *f, const char *key, struct json_object *v,
                            const char *want, hl_error *err) {
    return hl_fail(err, HL_EINVAL, "api",
                   "json: cannot unmarshal %s into Go struct field %s.%s of type %s", type_name(v),
                   f->type, key, want);
}

hl_status hl__field_str(const hl__fields *f, const char *key, hl_str *ret, hl_error *err) {
    struct json_object *v = hl__field(f, key);
    if (!v) return HL_OK;
    if (!is_type(v, json_type_string)) return wrong_type(f, key, v, "string", err);
    *ret = hl__json_str(v);
    return HL_OK;
}

hl_status hl__field_bool(const hl__fields *f, const char *key, bool *ret, hl_error *err) {
    struct json_object *v = hl__field(f, key);
    if (!v) return HL_OK;
    if (!is_type(v, json_type_boolean)) return wrong_type(f, key, v, "bool", err);
    *ret = json_object_get_boolean(v) != 0;
    return HL_OK;
}

hl_status hl__field_number(const hl__fields *f, const char *key, double *ret, bool *ret_has,
                           hl_error *err) {
    struct json_object *v = hl__field(f, key);
    *ret_has = v != NULL;
    if (!v) return HL_OK;
    if (!is_number(v)) return wrong_type(f, key, v, "float64", err);
    *ret = json_object_get_double(v);
    return HL_OK;
}

hl_status hl__field_object(const hl__fields *f, const char *key, struct json_object **ret,
                           hl_error *err) {
    struct json_object *v = hl__field(f, key);
    *ret = v;
    if (!v || is_type(v, json_type_object)) return HL_OK;
    return wrong_type(f, key, v, "object", err);
}

hl_status hl__field_array(const hl__fields *f, const char *key, struct json_object **ret,
                          hl_error *err) {
    struct json_object *v = hl__field(f, key);
    *ret = v;
    if (!v || is_type(v, json_type_array)) return HL_OK;
    return wrong_type(f, key, v, "array", err);
}

/* -- options ----------------------------------------------------------------------------------- */

static hl_status no_memory(hl_error *err) {
    return hl_fail(err, HL_ENOMEM, "api", "no memory for the request");
}

static const char *option_type(hl_option_kind kind) {
    return kind == HL_OPTION_INT ? "integer" : kind == HL_OPTION_BOOL ? "boolean" : "float32";
}

/* Fractions of whole-number options are cut off, as Ollama does. */
static hl_status read_option(hl_option_id id, struct json_object *v, hl_options *ret,
                             hl_error *err) {
    const hl_option_info *info = hl_option_info_at(id);
    bool is_bool = info->kind == HL_OPTION_BOOL;
    if (is_bool ? !is_type(v, json_type_boolean) : !is_number(v))
        return hl_fail(err, HL_EINVAL, "api", "option \"%s\" must be of type %s", info->name,
                       option_type(info->kind));
    double number = is_bool ? json_object_get_boolean(v) : json_object_get_double(v);
    return hl_options_set_number(ret, id, info->kind == HL_OPTION_INT ? trunc(number) : number,
                                 err);
}

static hl_status bad_stops(hl_error *err) {
    return hl_fail(err, HL_EINVAL, "api", "option \"stop\" must be of an array of strings");
}

hl_status hl__read_stops(struct json_object *value, hl_arena *arena, hl_options *ret,
                         hl_error *err) {
    bool single = is_type(value, json_type_string);
    if (!value) return HL_OK;
    if (!single && !is_type(value, json_type_array)) return bad_stops(err);
    size_t n = single ? 1 : json_object_array_length(value);
    if (n > HL_STOPS_MAX)
        return hl_fail(err, HL_ELIMIT, "api", "%zu stop strings, at most %d", n, HL_STOPS_MAX);
    hl_str *stops = HL_ARENA_ARRAY(arena, n + 1, hl_str);
    if (!stops) return no_memory(err);
    ret->n_stop = 0;
    for (size_t i = 0; i < n; i++) {
        struct json_object *v = single ? value : json_object_array_get_idx(value, i);
        if (!is_type(v, json_type_string)) return bad_stops(err);
        hl_str stop = hl__json_str(v);
        if (stop.len > 0) stops[ret->n_stop++] = stop;
    }
    ret->stop = stops;
    return HL_OK;
}

hl_status hl__read_options(struct json_object *options, hl_arena *arena, hl_options *ret,
                           hl_error *err) {
    if (!options) return HL_OK;
    json_object_object_foreach(options, key, value) {
        hl_option_id id;
        if (!value) continue;
        if (strcmp(key, "stop") == 0) {
            if (!is_type(value, json_type_array)) return bad_stops(err);
            HL_TRY(hl__read_stops(value, arena, ret, err));
        } else if (hl_option_find(hl_str_from(key), &id)) {
            HL_TRY(read_option(id, value, ret, err));
        }
    }
    return HL_OK;
}

/* -- keep_alive, think, format ----------------------------------------------------------------- */

static int64_t seconds_ns(double s) {
    if (!(s >= 0)) return HL_DURATION_FOREVER;
    return s < 9e9 ? (int64_t)(s * 1e9) : INT64_MAX;
}

static const char *go_type(struct json_object *v) {
    if (is_type(v, json_type_array)) return "[]interface {}";
    return is_type(v, json_type_object) ? "map[string]interface {}" : "bool";
}

hl_status hl__read_keep_alive(struct json_object *value, int64_t *ret_ns, bool *ret_has,
                              hl_error *err) {
    *ret_has = value != NULL;
    if (!value) return HL_OK;
    if (is_number(value)) {
        *ret_ns = seconds_ns(json_object_get_double(value));
        return HL_OK;
    }
    if (!is_type(value, json_type_string))
        return hl_fail(err, HL_EINVAL, "api", "Unsupported type: '%s'", go_type(value));
    hl_str text = hl__json_str(value);
    if (hl_duration_parse(text, ret_ns, NULL) >= 0) return HL_OK;
    return hl_fail(err, HL_EINVAL, "api", "time: invalid duration \"%.*s\"",
                   HL_STR_ARG(hl_str_slice(text, 0, 80)));
}

hl_status hl__read_think(struct json_object *value, hl_think *ret, hl_error *err) {
    static const struct {
        const char *name;
        hl_think think;
    } names[] = {{"low", HL_THINK_LOW},
                 {"medium", HL_THINK_MEDIUM},
                 {"high", HL_THINK_HIGH},
                 {"max", HL_THINK_MAX}};
    if (!value) return HL_OK;
    if (is_type(value, json_type_boolean)) {
        *ret = json_object_get_boolean(value) ? HL_THINK_ON : HL_THINK_OFF;
        return HL_OK;
    }
    hl_str text = {"", 0};
    if (is_type(value, json_type_string)) text = hl__json_str(value);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!hl_str_is(text, names[i].name)) continue;
        *ret = names[i].think;
        return HL_OK;
    }
    return hl_fail(err, HL_EINVAL, "api",
                   "invalid think value: \"%.*s\" (must be \"high\", \"medium\", \"low\", \"max\", "
                   "true, or false)",
                   HL_STR_ARG(hl_str_slice(text, 0, 80)));
}

hl_status hl__read_format(struct json_object *value, hl_request *ret, hl_error *err) {
    if (!value) return HL_OK;
    if (is_type(value, json_type_object)) {
        ret->format = HL_FORMAT_SCHEMA;
        ret->schema = value;
        return HL_OK;
    }
    if (is_type(value, json_type_string)) {
        hl_str text = hl__json_str(value);
        if (text.len == 0) return HL_OK;
        ret->format = HL_FORMAT_JSON;
        if (hl_str_is(text, "json")) return HL_OK;
    }
    const char *given = json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN);
    hl_buf quoted;
    hl_buf_init(&quoted, 0);
    hl_json_append_string(&quoted, hl_str_slice(hl_str_from(given), 0, 80));
    hl_status st = hl_fail(err, HL_EINVAL, "api",
                           "invalid format: %.*s; expected \"json\" or a valid JSON Schema object",
                           HL_STR_ARG(hl_buf_str(&quoted)));
    hl_buf_deinit(&quoted);
    return st;
}

/* -- messages ---------------------------------------------------------------------------------- */

static hl_status lower_role(hl_arena *arena, hl_str role, hl_str *ret, hl_error *err) {
    char *copy = hl_arena_alloc(arena, role.len + 1);
    if (!copy) return no_memory(err);
    for (size_t i = 0; i < role.len; i++) {
        char c = role.ptr[i];
        copy[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    *ret = (hl_str){copy, role.len};
    return HL_OK;
}

static hl_status read_part(struct json_object *v, hl_part *ret, hl_error *err) {
    hl__fields f = {v, "message.content"};
    hl_str type = {"", 0};
    if (!is_type(v, json_type_object))
        return hl_fail(err, HL_EINVAL, "api", "invalid message format");
    HL_TRY(hl__field_str(&f, "type", &type, err));
    if (hl_str_is(type, "text")) return hl__field_str(&f, "text", &ret->text, err);
    if (hl_str_is(type, "image_url"))
        ret->kind = HL_PART_IMAGE;
    else if (hl_str_is(type, "input_audio"))
        ret->kind = HL_PART_AUDIO;
    else
        return hl_fail(err, HL_EINVAL, "api", "invalid message format");
    return HL_OK;
}

static hl_status read_parts(struct json_object *array, hl_arena *arena, hl_message *ret,
                            hl_error *err) {
    size_t n = json_object_array_length(array);
    hl_part *parts = HL_ARENA_ARRAY(arena, n + 1, hl_part);
    if (!parts) return no_memory(err);
    for (size_t i = 0; i < n; i++)
        HL_TRY(read_part(json_object_array_get_idx(array, i), &parts[i], err));
    ret->parts = parts;
    ret->n_parts = n;
    return HL_OK;
}

/* A text, and a part for pictures so that they are refused where the model is known. */
static hl_status read_content(const hl__fields *f, bool openai, hl_arena *arena, hl_message *ret,
                              hl_error *err) {
    struct json_object *content = hl__field(f, "content"), *images;
    if (openai && is_type(content, json_type_array)) return read_parts(content, arena, ret, err);
    if (openai && content && !is_type(content, json_type_string))
        return hl_fail(err, HL_EINVAL, "api", "invalid message content type: %s",
                       is_number(content) ? "float64" : go_type(content));
    hl_part *parts = HL_ARENA_ARRAY(arena, 2, hl_part);
    if (!parts) return no_memory(err);
    HL_TRY(hl__field_str(f, "content", &parts[0].text, err));
    HL_TRY(hl__field_array(f, "images", &images, err));
    parts[1].kind = HL_PART_IMAGE;
    ret->parts = parts;
    ret->n_parts = images && json_object_array_length(images) > 0 ? 2 : 1;
    return HL_OK;
}

/* OpenAI's arguments are a text with JSON in it; templates want the object. */
static hl_status parse_arguments(struct json_object *calls, hl_error *err) {
    for (size_t i = 0; i < json_object_array_length(calls); i++) {
        struct json_object *function = NULL, *arguments = NULL, *parsed = NULL;
        json_object_object_get_ex(json_object_array_get_idx(calls, i), "function", &function);
        if (function) json_object_object_get_ex(function, "arguments", &arguments);
        if (!is_type(arguments, json_type_string)) continue;
        if (hl_json_parse(hl__json_str(arguments), &parsed, NULL) < 0 ||
            !is_type(parsed, json_type_object)) {
            json_object_put(parsed);
            return hl_fail(err, HL_EINVAL, "api", "invalid tool call arguments");
        }
        if (json_object_object_add(function, "arguments", parsed) != 0) {
            json_object_put(parsed);
            return no_memory(err);
        }
    }
    return HL_OK;
}

/* Each an object with a function that has a name and, perhaps, arguments. */
static hl_status read_tool_calls(const hl__fields *f, bool openai, hl_message *ret, hl_error *err) {
    HL_TRY(hl__field_array(f, "tool_calls", &ret->tool_calls, err));
    size_t n = ret->tool_calls ? json_object_array_length(ret->tool_calls) : 0;
    for (size_t i = 0; i < n; i++) {
        struct json_object *call = json_object_array_get_idx(ret->tool_calls, i), *function = NULL;
        if (is_type(call, json_type_object)) json_object_object_get_ex(call, "function", &function);
        if (!is_type(function, json_type_object))
            return hl_fail(err, HL_EINVAL, "api", "tool call %zu of a message has no function", i);
    }
    if (n == 0) ret->tool_calls = NULL;
    if (n == 0) return HL_OK;
    if (openai) return parse_arguments(ret->tool_calls, err);
    for (size_t i = 0; i < n; i++) {
        struct json_object *call = json_object_array_get_idx(ret->tool_calls, i);
        struct json_object *arguments = NULL;
        json_object_object_get_ex(json_object_object_get(call, "function"), "arguments",
                                  &arguments);
        if (arguments && !is_type(arguments, json_type_object))
            return hl_fail(err, HL_EINVAL, "api", "the arguments of a tool call are no object");
    }
    return HL_OK;
}

static hl_status read_message(struct json_object *v, bool openai, hl_arena *arena, hl_message *ret,
                              hl_error *err) {
    hl__fields f = {v, openai ? "Message" : "ChatRequest.messages"};
    hl_str role = {"", 0};
    if (!is_type(v, json_type_object))
        return hl_fail(err, HL_EINVAL, "api",
                       "json: cannot unmarshal %s into Go struct field ChatRequest.messages of "
                       "type api.Message",
                       type_name(v));
    HL_TRY(hl__field_str(&f, "role", &role, err));
    HL_TRY(lower_role(arena, role, &ret->role, err));
    HL_TRY(read_content(&f, openai, arena, ret, err));
    HL_TRY(hl__field_str(&f, openai ? "reasoning" : "thinking", &ret->thinking, err));
    HL_TRY(hl__field_str(&f, openai ? "name" : "tool_name", &ret->tool_name, err));
    return read_tool_calls(&f, openai, ret, err);
}

hl_status hl__read_messages(struct json_object *array, bool openai, hl_arena *arena,
                            hl_request *ret, hl_error *err) {
    size_t n = array ? json_object_array_length(array) : 0;
    hl_message *messages = HL_ARENA_ARRAY(arena, n + 1, hl_message);
    if (!messages) return no_memory(err);
    for (size_t i = 0; i < n; i++)
        HL_TRY(read_message(json_object_array_get_idx(array, i), openai, arena, &messages[i], err));
    ret->messages = messages;
    ret->n_messages = n;
    return HL_OK;
}
