/* What a stored model's layers put over its weights. */
#include "base/fs.h"
#include "serve/package_parts.h"
#include "store/layers.h"

static hl_str str_of(struct json_object *v) {
    if (!json_object_is_type(v, json_type_string)) return (hl_str){"", 0};
    return (hl_str){json_object_get_string(v), (size_t)json_object_get_string_len(v)};
}

static hl_status read_blob(const hl_store *s, const hl_layer *l, hl_buf *ret, hl_error *err) {
    char path[HL_STORE_PATH_MAX];
    if (!hl_store_blob_path(s, &l->digest, path))
        return hl_fail(err, HL_ENOTFOUND, "package", "open %s: no such file or directory", path);
    return hl_file_read(path, HL_SMALL_LAYER_BYTES_MAX, ret, err);
}

static hl_status read_text(hl_package *p, const hl_store *s, const hl_layer *l, hl_str *ret,
                           hl_error *err) {
    hl_buf text;
    hl_buf_init(&text, 0);
    hl_status st = read_blob(s, l, &text, err);
    if (st >= 0) st = hl__package_text(p, hl_buf_str(&text), ret, err);
    hl_buf_deinit(&text);
    return st;
}

/* NULL where it is no JSON of the type: a stranger's mistake that need not stop the model. */
static hl_status read_json(const hl_store *s, const hl_layer *l, json_type type,
                           struct json_object **ret, hl_error *err) {
    hl_buf text;
    hl_buf_init(&text, 0);
    hl_status st = read_blob(s, l, &text, err);
    if (st >= 0 && hl_json_parse(hl_buf_str(&text), ret, NULL) < 0) *ret = NULL;
    hl_buf_deinit(&text);
    if (st < 0 || json_object_is_type(*ret, type)) return st;
    json_object_put(*ret);
    *ret = NULL;
    return HL_OK;
}

static hl_status read_path(hl_package *p, const hl_store *s, const hl_layer *l, hl_str *ret,
                           hl_error *err) {
    char path[HL_STORE_PATH_MAX];
    if (!hl_store_blob_path(s, &l->digest, path))
        return hl_fail(err, HL_ENOTFOUND, "package", "open %s: no such file or directory", path);
    return hl__package_text(p, hl_str_from(path), ret, err);
}

/* -- layer by layer ---------------------------------------------------------------------------- */

static hl_status read_weights(hl_package *p, const hl_store *s, const hl_manifest *m,
                              hl_error *err) {
    size_t at = 0;
    hl_str path;
    const hl_layer *l = hl_manifest_next(m, "model", &at);
    if (!l) return hl_fail(err, HL_EUNSUPPORTED, "package", "%s has no GGUF weights", p->name);
    HL_TRY(read_path(p, s, l, &path, err));
    HL_ASSERT(path.len < sizeof p->path);
    memcpy(p->path, path.ptr, path.len + 1);
    HL_TRY(hl__package_text(p, l->from, &p->parent, err));
    at = 0;
    if ((l = hl_manifest_next(m, "projector", &at)) != NULL)
        HL_TRY(read_path(p, s, l, &p->projector_path, err));
    at = 0;
    if ((l = hl_manifest_next(m, "adapter", &at)) != NULL)
        HL_TRY(read_path(p, s, l, &p->adapter_path, err));
    return HL_OK;
}

static hl_status read_texts(hl_package *p, const hl_store *s, const hl_manifest *m, hl_error *err) {
    size_t at = 0;
    const hl_layer *l = hl_manifest_next(m, "template", &at);
    if (!l) l = hl_manifest_next(m, "prompt", &at); /* its old name */
    if (l) HL_TRY(read_text(p, s, l, &p->template_layer, err));
    at = 0;
    l = hl_manifest_next(m, "system", &at);
    return l ? read_text(p, s, l, &p->system, err) : HL_OK;
}

static hl_status read_licenses(hl_package *p, const hl_store *s, const hl_manifest *m,
                               hl_error *err) {
    size_t n = 0, at = 0;
    hl_buf all;
    while (hl_manifest_next(m, "license", &at)) n++;
    hl_str *texts = HL_ARENA_ARRAY(p->arena, n + 1, hl_str);
    if (!texts) return hl_fail(err, HL_ENOMEM, "package", "no memory for %s", p->name);
    hl_buf_init(&all, 0);
    hl_status st = HL_OK;
    at = 0;
    for (size_t i = 0; st >= 0 && i < n; i++) {
        st = read_text(p, s, hl_manifest_next(m, "license", &at), &texts[i], err);
        if (st < 0) break;
        if (i > 0) hl_buf_append_char(&all, '\n');
        hl_buf_append_str(&all, texts[i]);
    }
    if (st >= 0) st = hl__package_text(p, hl_buf_str(&all), &p->license, err);
    hl_buf_deinit(&all);
    p->licenses = texts;
    p->n_licenses = st < 0 ? 0 : n;
    return st;
}

static hl_status read_params(hl_package *p, const hl_store *s, const hl_manifest *m,
                             hl_error *err) {
    size_t at = 0;
    const hl_layer *l = hl_manifest_next(m, "params", &at);
    if (!l) return HL_OK;
    HL_TRY(read_json(s, l, json_type_object, &p->params_json, err));
    return hl_params_read(p->params_json, p->arena, &p->options, err);
}

static hl_status copy_message(hl_package *p, struct json_object *o, hl_message *ret,
                              hl_error *err) {
    struct json_object *role = NULL, *content = NULL;
    hl_part *part = HL_ARENA_NEW(p->arena, hl_part);
    if (!part) return hl_fail(err, HL_ENOMEM, "package", "no memory for %s", p->name);
    if (json_object_is_type(o, json_type_object)) {
        (void)json_object_object_get_ex(o, "role", &role);
        (void)json_object_object_get_ex(o, "content", &content);
    }
    part->kind = HL_PART_TEXT;
    HL_TRY(hl__package_text(p, str_of(role), &ret->role, err));
    HL_TRY(hl__package_text(p, str_of(content), &part->text, err));
    ret->parts = part;
    ret->n_parts = 1;
    return HL_OK;
}

static hl_status read_messages(hl_package *p, const hl_store *s, const hl_manifest *m,
                               hl_error *err) {
    size_t at = 0;
    const hl_layer *l = hl_manifest_next(m, "messages", &at);
    if (!l) return HL_OK;
    HL_TRY(read_json(s, l, json_type_array, &p->messages_json, err));
    size_t n = p->messages_json ? json_object_array_length(p->messages_json) : 0;
    hl_message *messages = HL_ARENA_ARRAY(p->arena, n + 1, hl_message);
    if (!messages) return hl_fail(err, HL_ENOMEM, "package", "no memory for %s", p->name);
    for (size_t i = 0; i < n; i++)
        HL_TRY(copy_message(p, json_object_array_get_idx(p->messages_json, i), &messages[i], err));
    p->messages = messages;
    p->n_messages = n;
    return HL_OK;
}

static hl_status copy_member(hl_package *p, struct json_object *config, const char *key,
                             hl_str *ret, hl_error *err) {
    struct json_object *v = NULL;
    if (!json_object_object_get_ex(config, key, &v)) return HL_OK;
    return hl__package_text(p, str_of(v), ret, err);
}

static hl_status copy_families(hl_package *p, struct json_object *config, hl_error *err) {
    struct json_object *v = NULL;
    if (!json_object_object_get_ex(config, "model_families", &v) ||
        !json_object_is_type(v, json_type_array))
        return HL_OK;
    size_t n = json_object_array_length(v);
    hl_str *families = HL_ARENA_ARRAY(p->arena, n + 1, hl_str);
    if (!families) return hl_fail(err, HL_ENOMEM, "package", "no memory for %s", p->name);
    for (size_t i = 0; i < n; i++)
        HL_TRY(hl__package_text(p, str_of(json_object_array_get_idx(v, i)), &families[i], err));
    p->families = families;
    p->n_families = n;
    return HL_OK;
}

static hl_status read_config(hl_package *p, const hl_store *s, const hl_manifest *m,
                             hl_error *err) {
    struct json_object *config = NULL;
    HL_TRY(read_json(s, &m->config, json_type_object, &config, err));
    if (!config) return HL_OK;
    hl_status st = copy_families(p, config, err);
    if (st >= 0) st = copy_member(p, config, "renderer", &p->renderer, err);
    if (st >= 0) st = copy_member(p, config, "parser", &p->parser, err);
    if (st >= 0) st = copy_member(p, config, "requires", &p->requires, err);
    json_object_put(config);
    return st;
}

hl_status hl__package_read_layers(hl_package *p, const hl_store *s, const hl_manifest *m,
                                  hl_error *err) {
    HL_ASSERT(p->path[0] == '\0' && p->arena);
    HL_TRY(read_weights(p, s, m, err));
    HL_ASSERT(p->path[0] != '\0');
    HL_TRY(read_texts(p, s, m, err));
    HL_TRY(read_licenses(p, s, m, err));
    HL_TRY(read_params(p, s, m, err));
    HL_TRY(read_messages(p, s, m, err));
    return read_config(p, s, m, err);
}
