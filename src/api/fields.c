#include "api/fields.h"

#include "api/gojson.h"

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

const char *hl__json_type_name(struct json_object *v) {
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

/* In the words that Ollama's clients know, where Go's decoder would complain, too. */
static hl_status complain(hl_str body, hl_status st, const hl_error *why, hl_error *err) {
    hl_buf words;
    hl_buf_init(&words, 0);
    bool has_words = st == HL_EFORMAT && hl__go_json_complain(body, &words) && words.failed >= 0;
    (void)hl_fail(err, st, "api", "%s", has_words ? words.ptr : why->text);
    hl_buf_deinit(&words);
    return st;
}

static hl_status parse(hl_str body, struct json_object **ret, hl_error *err) {
    hl_error why = {0};
    hl_status st = hl_json_parse(body, ret, &why);
    return st < 0 ? complain(body, st, &why, err) : st;
}

hl_status hl__body_parse(hl_str body, hl__dialect dialect, const char *type, hl__fields *ret,
                         hl_error *err) {
    static const char *const packages[] = {"api", "openai", "anthropic"};
    *ret = (hl__fields){NULL, type};
    if (body.len == 0)
        return hl_fail(err, HL_EINVAL, "api", dialect ? "EOF" : "missing request body");
    HL_TRY(parse(body, &ret->o, err));
    if (is_type(ret->o, json_type_object)) return HL_OK;
    hl_status st = hl_fail(err, HL_EINVAL, "api",
                           "json: cannot unmarshal %s into Go value of type %s.%s",
                           hl__json_type_name(ret->o), packages[dialect], type);
    json_object_put(ret->o);
    ret->o = NULL;
    return st;
}

struct json_object *hl__json_get(struct json_object *o, const char *key) {
    struct json_object *found = NULL;
    if (is_type(o, json_type_object)) json_object_object_get_ex(o, key, &found);
    return found;
}

hl_str hl__json_get_str(struct json_object *o, const char *key) {
    struct json_object *v = hl__json_get(o, key);
    return is_type(v, json_type_string) ? hl__json_str(v) : (hl_str){"", 0};
}

/* -- fields ------------------------------------------------------------------------------------ */

struct json_object *hl__field(const hl__fields *f, const char *key) {
    struct json_object *found = NULL;
    if (json_object_object_get_ex(f->o, key, &found)) return found;
    json_object_object_foreach(f->o, name, value) if (strcasecmp(name, key) == 0) found = value;
    return found;
}

/* What Ollama's own types call a field's; type NULL: of any request. */
static const char *go_field_type(const char *type, const char *key, const char *fallback) {
    static const struct {
        const char *type, *key, *text;
    } known[] = {{NULL, "options", "map[string]interface {}"},
                 {"ChatRequest", "messages", "[]api.Message"},
                 {"ChatCompletionRequest", "messages", "[]openai.Message"},
                 {"ChatCompletionRequest", "tools", "[]api.Tool"},
                 {"ChatRequest.messages", "tool_calls", "[]api.ToolCall"},
                 {"Message", "tool_calls", "[]openai.ToolCall"},
                 {NULL, "images", "[]api.ImageData"},
                 {NULL, "context", "[]int"},
                 {NULL, "top_logprobs", "int"},
                 {NULL, "max_tokens", "int"},
                 {NULL, "seed", "int"},
                 {NULL, "dimensions", "int"},
                 {NULL, "stream_options", "openai.StreamOptions"},
                 {NULL, "response_format", "openai.ResponseFormat"},
                 {NULL, "reasoning", "openai.Reasoning"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(key, known[i].key) == 0 && (!known[i].type || strcmp(type, known[i].type) == 0))
            return known[i].text;
    return fallback;
}

static hl_status wrong_type(const hl__fields *f, const char *key, struct json_object *v,
                            const char *want, hl_error *err) {
    return hl_fail(err, HL_EINVAL, "api",
                   "json: cannot unmarshal %s into Go struct field %s.%s of type %s",
                   hl__json_type_name(v), f->type, key, go_field_type(f->type, key, want));
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

const char *hl__json_go_type(struct json_object *v) {
    if (!v) return "<nil>";
    if (is_number(v)) return "float64";
    if (is_type(v, json_type_string)) return "string";
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
        return hl_fail(err, HL_EINVAL, "api", "Unsupported type: '%s'", hl__json_go_type(value));
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

/* -- tokens ------------------------------------------------------------------------------------ */

hl_status hl__read_tokens(struct json_object *array, const char *what, hl_arena *arena,
                          const uint32_t **ret, size_t *ret_n, hl_error *err) {
    size_t n = json_object_array_length(array);
    uint32_t *ids = HL_ARENA_ARRAY(arena, n + 1, uint32_t);
    if (!ids) return no_memory(err);
    for (size_t i = 0; i < n; i++) {
        struct json_object *v = json_object_array_get_idx(array, i);
        int64_t id = is_type(v, json_type_int) ? json_object_get_int64(v) : -1;
        if (id < 0 || id >= UINT32_MAX)
            return hl_fail(err, HL_EINVAL, "api", "%s: element %zu is no token", what, i);
        ids[i] = (uint32_t)id;
    }
    *ret = ids;
    *ret_n = n;
    return HL_OK;
}
