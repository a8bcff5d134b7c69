#include "store/layers.h"

#include "config/flags.h"

#include <math.h>
#include <stdlib.h>

/* What Ollama has besides our options, and what it had: taken and kept, without effect. */
static const struct {
    const char *name;
    json_type type;
} OTHERS[] = {
    {"main_gpu", json_type_int},
    {"use_mmap", json_type_boolean},
    {"draft_num_predict", json_type_int},
    {"penalize_newline", json_type_boolean},
    {"low_vram", json_type_boolean},
    {"f16_kv", json_type_boolean},
    {"logits_all", json_type_boolean},
    {"vocab_only", json_type_boolean},
    {"use_mlock", json_type_boolean},
    {"numa", json_type_boolean},
    {"mirostat", json_type_int},
    {"mirostat_tau", json_type_double},
    {"mirostat_eta", json_type_double},
    {"tfs_z", json_type_double},
    {"num_gqa", json_type_int},
    {"rope_frequency_base", json_type_double},
    {"rope_frequency_scale", json_type_double},
};

static hl_str str_of(struct json_object *v) {
    return (hl_str){json_object_get_string(v), (size_t)json_object_get_string_len(v)};
}

static bool is_number(struct json_object *v) {
    return json_object_is_type(v, json_type_int) || json_object_is_type(v, json_type_double);
}

/* -- what a request may say -------------------------------------------------------------------- */

static hl_status wrong_type(const char *name, const char *type, hl_error *err) {
    return hl_fail(err, HL_EINVAL, "params", "option \"%s\" must be of type %s", name, type);
}

static hl_status check_stop(struct json_object *v, hl_error *err) {
    if (json_object_is_type(v, json_type_string)) return HL_OK;
    if (!json_object_is_type(v, json_type_array))
        return hl_fail(err, HL_EINVAL, "params", "option \"stop\" must be of an array of strings");
    size_t n = json_object_array_length(v);
    if (n > HL_STOPS_MAX)
        return hl_fail(err, HL_EINVAL, "params", "option \"stop\" has %zu texts, at most %d", n,
                       HL_STOPS_MAX);
    for (size_t i = 0; i < n; i++)
        if (!json_object_is_type(json_object_array_get_idx(v, i), json_type_string))
            return hl_fail(err, HL_EINVAL, "params",
                           "option \"stop\" must be of an array of strings");
    return HL_OK;
}

static hl_status check_option(hl_option_id id, struct json_object *v, hl_error *err) {
    const hl_option_info *info = hl_option_info_at(id);
    HL_ASSERT(v != NULL);
    hl_options scratch;
    hl_options_init(&scratch);
    if (info->kind == HL_OPTION_BOOL)
        return json_object_is_type(v, json_type_boolean) ? HL_OK
                                                         : wrong_type(info->name, "boolean", err);
    double number = is_number(v) ? json_object_get_double(v) : NAN;
    if (info->kind == HL_OPTION_INT && number != trunc(number))
        return wrong_type(info->name, "integer", err);
    if (isnan(number)) return wrong_type(info->name, "float32", err);
    return hl_options_set_number(&scratch, id, number, err);
}

static hl_status check_param(const char *name, struct json_object *v, hl_error *err) {
    hl_option_id id;
    if (!v) return HL_OK;
    if (strcmp(name, "stop") == 0) return check_stop(v, err);
    if (hl_option_find(hl_str_from(name), &id)) return check_option(id, v, err);
    for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++) {
        if (strcmp(OTHERS[i].name, name) != 0) continue;
        bool boolean = OTHERS[i].type == json_type_boolean;
        bool ok = boolean ? json_object_is_type(v, json_type_boolean) : is_number(v);
        return ok ? HL_OK : wrong_type(name, boolean ? "boolean" : "a number", err);
    }
    hl_str shown = hl_str_slice(hl_str_from(name), 0, 80);
    return hl_fail(err, HL_EINVAL, "params", "unknown parameter '%.*s'", HL_STR_ARG(shown));
}

hl_status hl_params_check(struct json_object *params, hl_error *err) {
    if (!params) return HL_OK;
    if (!json_object_is_type(params, json_type_object))
        return hl_fail(err, HL_EINVAL, "params", "parameters must be an object");
    json_object_object_foreach(params, name, value) {
        HL_TRY(check_param(name, value, err));
    }
    return HL_OK;
}

/* Numbers keep their text where JSON can. */
static struct json_object *number_from(hl_str text) {
    char copy[64];
    char *end;
    struct json_object *v = NULL;
    if (hl_json_parse(text, &v, NULL) >= 0 && is_number(v)) return v;
    json_object_put(v);
    if (text.len == 0 || text.len >= sizeof copy) return NULL;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    double number = strtod(copy, &end);
    return *end == '\0' && isfinite(number) ? json_object_new_double(number) : NULL;
}

static json_type type_of_param(const char *name) {
    hl_option_id id;
    if (strcmp(name, "stop") == 0) return json_type_string;
    if (hl_option_find(hl_str_from(name), &id))
        return hl_option_info_at(id)->kind == HL_OPTION_BOOL ? json_type_boolean : json_type_double;
    for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++)
        if (strcmp(OTHERS[i].name, name) == 0) return OTHERS[i].type;
    return json_type_string; /* unknown: it is refused whatever its value */
}

hl_status hl_param_from_text(const char *name, hl_str text, struct json_object **ret,
                             hl_error *err) {
    json_type type = type_of_param(name);
    bool yes;
    struct json_object *v = NULL;
    if (type == json_type_boolean)
        v = hl_bool_parse(text, &yes) ? json_object_new_boolean(yes) : NULL;
    else if (type != json_type_string)
        v = number_from(text);
    if (!v && text.len <= INT32_MAX) v = json_object_new_string_len(text.ptr, (int)text.len);
    hl_status st = v ? check_param(name, v, err)
                     : hl_fail(err, HL_ENOMEM, "params", "no memory for the parameter");
    if (st < 0)
        json_object_put(v);
    else
        *ret = v;
    return st;
}

static hl_status check_message(struct json_object *m, size_t i, hl_error *err) {
    static const char *const roles[] = {"system", "user", "assistant"};
    struct json_object *role = NULL, *content = NULL;
    if (!json_object_is_type(m, json_type_object))
        return hl_fail(err, HL_EINVAL, "messages", "message %zu is no object", i + 1);
    (void)json_object_object_get_ex(m, "role", &role);
    (void)json_object_object_get_ex(m, "content", &content);
    hl_str name = json_object_is_type(role, json_type_string) ? str_of(role) : (hl_str){"", 0};
    bool known = false;
    for (size_t r = 0; r < 3; r++) known = known || hl_str_is(name, roles[r]);
    if (!known)
        return hl_fail(err, HL_EINVAL, "messages",
                       "message role must be one of \"system\", \"user\", or \"assistant\", not "
                       "\"%.*s\" (message %zu)",
                       HL_STR_ARG(hl_str_slice(name, 0, 80)), i + 1);
    if (content && !json_object_is_type(content, json_type_string))
        return hl_fail(err, HL_EINVAL, "messages", "the content of message %zu is no text", i + 1);
    return HL_OK;
}

hl_status hl_messages_check(struct json_object *messages, hl_error *err) {
    if (!messages) return HL_OK;
    if (!json_object_is_type(messages, json_type_array))
        return hl_fail(err, HL_EINVAL, "messages", "messages must be an array");
    for (size_t i = 0; i < json_object_array_length(messages); i++)
        HL_TRY(check_message(json_object_array_get_idx(messages, i), i, err));
    return HL_OK;
}

/* -- printing ---------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of an object's members that are not null, sorted; *ret is the caller's to free. */
static size_t sorted_names(struct json_object *o, const char ***ret, hl_arena *arena) {
    size_t n = 0;
    const char **names = HL_ARENA_ARRAY(arena, (size_t)json_object_object_length(o) + 1,
                                        const char *);
    if (!names) return 0;
    json_object_object_foreach(o, name, value) {
        if (value) names[n++] = name;
    }
    qsort(names, n, sizeof *names, by_name);
    *ret = names;
    return n;
}

void hl_params_each(struct json_object *params, hl_param_fn *each, void *arg) {
    const char **names;
    hl_arena *arena = params ? hl_arena_create(0) : NULL;
    if (!arena) return;
    size_t n = sorted_names(params, &names, arena);
    for (size_t i = 0; i < n; i++) {
        struct json_object *v = json_object_object_get(params, names[i]);
        if (!json_object_is_type(v, json_type_array)) {
            each(arg, hl_str_from(names[i]), v);
            continue;
        }
        for (size_t k = 0; k < json_object_array_length(v); k++)
            each(arg, hl_str_from(names[i]), json_object_array_get_idx(v, k));
    }
    hl_arena_destroy(arena);
}

/* A lone stop text becomes the array that readers want. */
static void print_value(const char *name, struct json_object *v, hl_buf *ret) {
    bool lone = strcmp(name, "stop") == 0 && json_object_is_type(v, json_type_string);
    const char *text = json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN |
                                                             JSON_C_TO_STRING_NOSLASHESCAPE);
    if (lone) hl_buf_append_char(ret, '[');
    hl_buf_append_cstr(ret, text);
    if (lone) hl_buf_append_char(ret, ']');
}

static hl_status print_sorted(struct json_object *o, hl_buf *ret, hl_error *err) {
    const char **names;
    hl_arena *arena = hl_arena_create(0);
    if (!arena) return hl_fail(err, HL_ENOMEM, "params", "no memory for the parameters");
    size_t n = sorted_names(o, &names, arena);
    hl_buf_append_char(ret, '{');
    for (size_t i = 0; i < n; i++) {
        if (i > 0) hl_buf_append_char(ret, ',');
        hl_json_append_string(ret, hl_str_from(names[i]));
        hl_buf_append_char(ret, ':');
        print_value(names[i], json_object_object_get(o, names[i]), ret);
    }
    hl_buf_append_cstr(ret, "}\n");
    hl_status st = hl_arena_status(arena);
    hl_arena_destroy(arena);
    if (st < 0) return hl_fail(err, st, "params", "no memory for the parameters");
    return hl_buf_status(ret, "the parameters", err);
}

static bool add_all(struct json_object *to, struct json_object *from) {
    if (!from) return true;
    json_object_object_foreach(from, name, value) {
        if (!value) continue;
        if (json_object_object_add(to, name, json_object_get(value)) == 0) continue;
        json_object_put(value);
        return false;
    }
    return true;
}

hl_status hl_params_print(struct json_object *under, struct json_object *over, hl_buf *ret,
                          hl_error *err) {
    struct json_object *all = json_object_new_object();
    hl_status st = HL_OK;
    if (!all || !add_all(all, under) || !add_all(all, over))
        st = hl_fail(err, HL_ENOMEM, "params", "no memory for the parameters");
    if (st >= 0) st = print_sorted(all, ret, err);
    json_object_put(all);
    return st;
}

/* -- reading ----------------------------------------------------------------------------------- */

static hl_status read_stops(struct json_object *v, hl_arena *arena, hl_options *ret,
                            hl_error *err) {
    bool lone = json_object_is_type(v, json_type_string);
    size_t n = lone ? 1 : json_object_is_type(v, json_type_array) ? json_object_array_length(v) : 0;
    if (n == 0) return HL_OK;
    if (n > HL_STOPS_MAX) n = HL_STOPS_MAX;
    hl_str *stops = HL_ARENA_ARRAY(arena, n, hl_str);
    if (!stops) return hl_fail(err, hl_arena_status(arena), "params", "no memory for stop texts");
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        struct json_object *one = lone ? v : json_object_array_get_idx(v, i);
        if (!json_object_is_type(one, json_type_string) || str_of(one).len == 0) continue;
        stops[kept] = hl_arena_str(arena, str_of(one));
        if (!stops[kept++].ptr)
            return hl_fail(err, hl_arena_status(arena), "params", "no memory for stop texts");
    }
    if (kept == 0) return HL_OK;
    ret->stop = stops;
    ret->n_stop = kept;
    return HL_OK;
}

hl_status hl_params_read(struct json_object *params, hl_arena *arena, hl_options *ret,
                         hl_error *err) {
    if (!params || !json_object_is_type(params, json_type_object)) return HL_OK;
    json_object_object_foreach(params, name, value) {
        hl_option_id id;
        if (strcmp(name, "stop") == 0) {
            HL_TRY(read_stops(value, arena, ret, err));
            continue;
        }
        bool number = is_number(value) || json_object_is_type(value, json_type_boolean);
        if (!number || !hl_option_find(hl_str_from(name), &id)) continue;
        double v = json_object_get_double(value);
        if (hl_option_info_at(id)->kind == HL_OPTION_INT) v = trunc(v);
        if (hl_options_set_number(ret, id, v, NULL) < 0) continue; /* out of range */
    }
    return HL_OK;
}
