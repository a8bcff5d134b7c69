#include "cli/recipe.h"

#include "store/layers.h"
#include "store/modelfile.h"
#include "store/template_kind.h"

#include <stdio.h>

enum { ARENA_BYTES_MAX = 256 << 20 };

typedef struct reading {
    hl__recipe *recipe;
    const char *base;
} reading;

static hl_status no_memory(hl_error *err) {
    return hl_fail(err, HL_ENOMEM, "create", "no memory for the Modelfile");
}

/* -- the body ---------------------------------------------------------------------------------- */

static struct json_object *text_value(hl_str text) {
    return text.len > INT32_MAX ? NULL : json_object_new_string_len(text.ptr, (int)text.len);
}

/* Takes the value, which may be NULL for no memory. */
static hl_status set(struct json_object *o, const char *key, struct json_object *v, hl_error *err) {
    if (o && v && json_object_object_add(o, key, v) == 0) return HL_OK;
    json_object_put(v);
    return no_memory(err);
}

static hl_status append(struct json_object *array, struct json_object *v, hl_error *err) {
    if (array && v && json_object_array_add(array, v) == 0) return HL_OK;
    json_object_put(v);
    return no_memory(err);
}

/* The member, made by `make` when it is not there. */
static struct json_object *need(struct json_object *o, const char *key,
                                struct json_object *(*make)(void)) {
    struct json_object *v = NULL;
    if (json_object_object_get_ex(o, key, &v)) return v;
    v = make();
    if (v && json_object_object_add(o, key, v) == 0) return v;
    json_object_put(v);
    return NULL;
}

/* -- files ------------------------------------------------------------------------------------- */

/* Whether the list has that file already. */
static bool has_path(const hl__recipe_files *list, const char *path) {
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->items[i].path, path) == 0) return true;
    return false;
}

static bool has_name(const hl__recipe_files *list, hl_str name) {
    for (size_t i = 0; i < list->n; i++)
        if (hl_str_eq(list->items[i].name, name)) return true;
    return false;
}

/* Files of one name from two directories: "2/NAME". */
static hl_status name_apart(const reading *r, const hl__recipe_files *list, hl_source_file *f,
                            hl_error *err) {
    hl_buf name;
    if (!has_name(list, f->name)) return HL_OK;
    hl_buf_init(&name, 0);
    hl_buf_printf(&name, "%zu/%.*s", list->n + 1, HL_STR_ARG(f->name));
    f->name = hl_arena_str(r->recipe->arena, hl_buf_str(&name));
    hl_buf_deinit(&name);
    return f->name.ptr ? HL_OK : no_memory(err);
}

static hl_status add_files(const reading *r, hl__recipe_files *list, const hl_source *s,
                           hl_error *err) {
    for (size_t i = 0; i < s->n_files; i++) {
        hl_source_file f = s->files[i];
        if (has_path(list, f.path)) continue;
        if (list->n == HL__RECIPE_FILES_MAX)
            return hl_fail(err, HL_ELIMIT, "create", "more than %d files", HL__RECIPE_FILES_MAX);
        HL_TRY(name_apart(r, list, &f, err));
        list->items[list->n++] = f;
    }
    return HL_OK;
}

static hl_status take_from(const reading *r, hl_str value, hl_error *err) {
    hl_source s;
    HL_TRY(hl_source_find(value, r->base, r->recipe->arena, &s, err));
    if (s.model.len == 0) return add_files(r, &r->recipe->models, &s, err);
    if (json_object_object_get_ex(r->recipe->body, "from", NULL))
        return hl_fail(err, HL_EINVAL, "create", "a second FROM that names a model");
    return set(r->recipe->body, "from", text_value(s.model), err);
}

static hl_status take_adapter(const reading *r, hl_str value, hl_error *err) {
    hl_source s;
    HL_TRY(hl_source_find(value, r->base, r->recipe->arena, &s, err));
    if (s.model.len > 0)
        return hl_fail(err, HL_ENOTFOUND, "create", "%.400s: no such file or directory", value.ptr);
    if (hl_str_ends(s.files[0].name, HL_STR(".gguf")))
        return add_files(r, &r->recipe->adapters, &s, err);
    return hl_fail(err, HL_EUNSUPPORTED, "create",
                   "adapters of safetensors are not read: convert it to GGUF");
}

/* -- texts ------------------------------------------------------------------------------------- */

static hl_status take_template(const reading *r, hl_str value, hl_error *err) {
    hl_any_template t;
    hl_status st = hl_any_template_parse("template", value, &t, err);
    if (st < 0) {
        hl_error_prefix(err, "template error");
        return st;
    }
    hl_any_template_deinit(&t);
    return set(r->recipe->body, "template", text_value(value), err);
}

static hl_status take_parameter(const reading *r, const hl_instruction *in, hl_error *err) {
    char name[128];
    struct json_object *v = NULL, *all;
    if (snprintf(name, sizeof name, "%.*s", HL_STR_ARG(in->name)) >= (int)sizeof name)
        return hl_fail(err, HL_EINVAL, "create", "unknown parameter '%.80s'", name);
    HL_TRY(hl_param_from_text(name, in->value, &v, err));
    all = need(r->recipe->body, "parameters", json_object_new_object);
    if (strcmp(name, "stop") != 0) return set(all, name, v, err);
    struct json_object *stops = all ? need(all, "stop", json_object_new_array) : NULL;
    if (stops && json_object_array_length(stops) == HL_STOPS_MAX) {
        json_object_put(v);
        return hl_fail(err, HL_EINVAL, "create", "more than %d stop texts", HL_STOPS_MAX);
    }
    return append(stops, v, err);
}

static hl_status take_message(const reading *r, const hl_instruction *in, hl_error *err) {
    struct json_object *all = need(r->recipe->body, "messages", json_object_new_array);
    struct json_object *m = json_object_new_object();
    hl_status st = set(m, "role", text_value(in->name), err);
    if (st >= 0) st = set(m, "content", text_value(in->value), err);
    if (st >= 0) return append(all, m, err);
    json_object_put(m);
    return st;
}

/* "1.2.3", perhaps with a "v" before and "-rc1" behind. */
static bool is_version(hl_str s) {
    size_t at = hl_str_starts(s, HL_STR("v")), dots = 0;
    bool digit = false;
    for (; at < s.len && s.ptr[at] != '-' && s.ptr[at] != '+'; at++) {
        if (s.ptr[at] == '.' ? !digit : s.ptr[at] < '0' || s.ptr[at] > '9') return false;
        dots += s.ptr[at] == '.';
        digit = s.ptr[at] != '.';
    }
    return digit && dots <= 2;
}

static hl_status take_requires(const reading *r, hl_str value, hl_error *err) {
    if (!is_version(value))
        return hl_fail(err, HL_EINVAL, "create", "REQUIRES wants a version such as 0.14.0");
    return set(r->recipe->body, "requires", text_value(value), err);
}

static hl_status take(const reading *r, const hl_instruction *in, hl_error *err) {
    struct json_object *body = r->recipe->body;
    switch (in->kind) {
    case HL_MODELFILE_FROM: return take_from(r, in->value, err);
    case HL_MODELFILE_ADAPTER: return take_adapter(r, in->value, err);
    case HL_MODELFILE_TEMPLATE: return take_template(r, in->value, err);
    case HL_MODELFILE_SYSTEM: return set(body, "system", text_value(in->value), err);
    case HL_MODELFILE_RENDERER: return set(body, "renderer", text_value(in->value), err);
    case HL_MODELFILE_PARSER: return set(body, "parser", text_value(in->value), err);
    case HL_MODELFILE_REQUIRES: return take_requires(r, in->value, err);
    case HL_MODELFILE_PARAMETER: return take_parameter(r, in, err);
    case HL_MODELFILE_MESSAGE: return take_message(r, in, err);
    case HL_MODELFILE_LICENSE:
        return append(need(body, "license", json_object_new_array), text_value(in->value), err);
    case HL_MODELFILE_DRAFT: break;
    }
    return hl_fail(err, HL_EUNSUPPORTED, "create", "DRAFT is not supported");
}

/* -- the whole --------------------------------------------------------------------------------- */

static void drop_plain_template(hl__recipe *r) {
    struct json_object *v;
    if (!json_object_object_get_ex(r->body, "template", &v)) return;
    bool plain = strcmp(json_object_get_string(v), "{{ .Prompt }}") == 0;
    if (plain && !json_object_object_get_ex(r->body, "from", NULL))
        json_object_object_del(r->body, "template");
}

static hl_status read_all(const reading *r, hl_str text, hl_error *err) {
    const hl_instruction *list;
    size_t n;
    HL_TRY(hl_modelfile_parse(text, r->recipe->arena, &list, &n, err));
    for (size_t i = 0; i < n; i++) {
        hl_status st = take(r, &list[i], err);
        if (st >= 0) continue;
        hl_error_prefix(err, "(line %u)", list[i].line);
        return st;
    }
    drop_plain_template(r->recipe);
    return HL_OK;
}

static hl_status recipe_init(hl__recipe *r, hl_error *err) {
    *r = (hl__recipe){.arena = hl_arena_create(ARENA_BYTES_MAX), .body = json_object_new_object()};
    if (!r->arena || !r->body) return no_memory(err);
    r->models.items = HL_ARENA_ARRAY(r->arena, HL__RECIPE_FILES_MAX, hl_source_file);
    r->adapters.items = HL_ARENA_ARRAY(r->arena, HL__RECIPE_FILES_MAX, hl_source_file);
    return r->models.items && r->adapters.items ? HL_OK : no_memory(err);
}

hl_status hl__recipe_read(hl_str text, const char *shown, const char *base, hl__recipe *ret,
                          hl_error *err) {
    reading r = {ret, base};
    hl_status st = recipe_init(ret, err);
    if (st >= 0) st = read_all(&r, text, err);
    if (st >= 0) return HL_OK;
    hl_error_prefix(err, "%s", shown);
    hl__recipe_deinit(ret);
    return st;
}

void hl__recipe_deinit(hl__recipe *r) {
    json_object_put(r->body);
    hl_arena_destroy(r->arena);
    *r = (hl__recipe){0};
}
