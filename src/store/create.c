#include "store/create.h"

#include "base/clock.h"
#include "base/mem.h"
#include "store/create_parts.h"
#include "store/layers.h"
#include "store/template_kind.h"

void hl__making_say(const hl__making *m, const char *status) {
    hl_create_progress p = {.status = status};
    m->report(m->arg, &p);
}

static hl_status no_memory(hl_error *err) {
    return hl_fail(err, HL_ENOMEM, "create", "no memory to make the model");
}

/* -- the request ------------------------------------------------------------------------------- */

hl_status hl_create_check(const hl_create *c, hl_error *err) {
    hl_any_template t;
    if (!c->has_from && c->n_files == 0)
        return hl_fail(err, HL_EINVAL, "create", "neither 'from' or 'files' was specified");
    if (c->n_adapters > 1)
        return hl_fail(err, HL_EINVAL, "create", "only one adapter is currently supported");
    HL_TRY(hl__check_quantize(c->quantize, err));
    HL_TRY(hl_params_check(c->parameters, err));
    HL_TRY(hl_messages_check(c->messages, err));
    if (c->template_text.len == 0) return HL_OK;
    hl_status st = hl_any_template_parse("template", c->template_text, &t, err);
    if (st >= 0)
        hl_any_template_deinit(&t);
    else
        hl_error_prefix(err, "template error");
    return st == HL_EFORMAT ? HL_EINVAL : st;
}

/* -- layers ------------------------------------------------------------------------------------ */

/* "application/vnd.ollama.image.template" */
static hl_str media_of(const char *kind) {
    static const char *const all[] = {HL_LAYER_PREFIX "model",   HL_LAYER_PREFIX "projector",
                                      HL_LAYER_PREFIX "adapter", HL_LAYER_PREFIX "template",
                                      HL_LAYER_PREFIX "system",  HL_LAYER_PREFIX "license",
                                      HL_LAYER_PREFIX "params",  HL_LAYER_PREFIX "messages"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i] + sizeof HL_LAYER_PREFIX - 1, kind) == 0) return hl_str_from(all[i]);
    HL_ASSERT(false); /* a kind of layer that nobody makes */
    return (hl_str){"", 0};
}

hl_status hl__making_add(hl__making *m, const char *kind, const hl_layer *l, hl_error *err) {
    if (m->n_layers == HL_LAYERS_MAX)
        return hl_fail(err, HL_ELIMIT, "create", "more than %d layers", HL_LAYERS_MAX);
    m->made[m->n_layers] = !hl_store_is_named(m->store, &l->digest);
    m->layers[m->n_layers] = *l;
    if (kind) m->layers[m->n_layers].media = media_of(kind);
    m->n_layers++;
    return HL_OK;
}

static hl_status add_text(hl__making *m, const char *kind, hl_str text, hl_error *err) {
    hl_layer l = {0};
    HL_TRY(hl_store_put(m->store, text, &l, err));
    return hl__making_add(m, kind, &l, err);
}

/* A layer of the parent's, as JSON; *ret NULL: it has none. */
static hl_status read_parent_json(const hl__making *m, const char *kind, struct json_object **ret,
                                  hl_error *err) {
    char path[HL_STORE_PATH_MAX];
    size_t at = 0;
    const hl_layer *l = hl_manifest_next(&m->parent, kind, &at);
    hl_buf text;
    *ret = NULL;
    if (!l) return HL_OK;
    if (!hl_store_blob_path(m->store, &l->digest, path))
        return hl_fail(err, HL_ENOTFOUND, "create", "open %s: no such file or directory", path);
    hl_buf_init(&text, 0);
    hl_status st = hl_file_read(path, HL_SMALL_LAYER_BYTES_MAX, &text, err);
    if (st >= 0) st = hl_json_parse(hl_buf_str(&text), ret, err);
    hl_buf_deinit(&text);
    return st;
}

static hl_status add_params(hl__making *m, hl_error *err) {
    struct json_object *under = NULL;
    hl_buf text;
    if (!m->request->parameters) return HL_OK;
    HL_TRY(read_parent_json(m, "params", &under, err));
    if (!json_object_is_type(under, json_type_object)) { /* a stranger's mistake says nothing */
        json_object_put(under);
        under = NULL;
    }
    hl_buf_init(&text, HL_SMALL_LAYER_BYTES_MAX);
    hl_status st = hl_params_print(under, m->request->parameters, &text, err);
    if (st >= 0) st = add_text(m, "params", hl_buf_str(&text), err);
    hl_buf_deinit(&text);
    json_object_put(under);
    return st;
}

static hl_status add_messages(hl__making *m, hl_error *err) {
    struct json_object *messages = m->request->messages;
    hl_buf text;
    if (!messages || json_object_array_length(messages) == 0) return HL_OK;
    hl_buf_init(&text, HL_SMALL_LAYER_BYTES_MAX);
    hl_buf_append_cstr(&text,
                       json_object_to_json_string_ext(
                           messages, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    hl_buf_append_char(&text, '\n');
    hl_status st = hl_buf_status(&text, "the messages", err);
    if (st >= 0) st = add_text(m, "messages", hl_buf_str(&text), err);
    hl_buf_deinit(&text);
    return st;
}

static hl_status add_own_layers(hl__making *m, hl_error *err) {
    const hl_create *c = m->request;
    if (c->template_text.len > 0) HL_TRY(add_text(m, "template", c->template_text, err));
    if (c->system.len > 0) HL_TRY(add_text(m, "system", c->system, err));
    for (size_t i = 0; i < c->n_licenses; i++)
        if (c->licenses[i].len > 0) HL_TRY(add_text(m, "license", c->licenses[i], err));
    HL_TRY(add_params(m, err));
    return add_messages(m, err);
}

/* Whether the request brings its own in place of such a layer. */
static bool replaces(const hl_create *c, const hl_layer *l) {
    if (hl_layer_is(l, "template") || hl_layer_is(l, "prompt")) return c->template_text.len > 0;
    if (hl_layer_is(l, "system")) return c->system.len > 0;
    if (hl_layer_is(l, "params")) return c->parameters != NULL;
    if (hl_layer_is(l, "messages")) return c->messages && json_object_array_length(c->messages) > 0;
    if (hl_layer_is(l, "adapter")) return c->n_adapters > 0;
    return hl_layer_is(l, "model") && c->quantize.len > 0;
}

/* -- the parent -------------------------------------------------------------------------------- */

static hl_status read_config(hl__making *m, hl_error *err) {
    char path[HL_STORE_PATH_MAX];
    hl_buf text;
    if (!hl_store_blob_path(m->store, &m->parent.config.digest, path))
        return hl_fail(err, HL_ENOTFOUND, "create", "open %s: no such file or directory", path);
    hl_buf_init(&text, 0);
    hl_status st = hl_file_read(path, HL_SMALL_LAYER_BYTES_MAX, &text, err);
    if (st >= 0) {
        json_object_put(m->config);
        m->config = NULL;
        st = hl_json_parse(hl_buf_str(&text), &m->config, err);
    }
    if (st >= 0 && !json_object_is_type(m->config, json_type_object))
        st = hl_fail(err, HL_EFORMAT, "create", "%s is no object", path);
    hl_buf_deinit(&text);
    return st;
}

static hl_status take_parent_layer(hl__making *m, const hl_layer *parent, hl_str from,
                                   hl_error *err) {
    hl_layer l = *parent;
    bool weights = hl_layer_is(&l, "model") || hl_layer_is(&l, "projector") ||
                   hl_layer_is(&l, "adapter") || hl_layer_is(&l, "draft");
    if (weights) l.from = from;
    HL_TRY(hl_store_keep(m->store, &l.digest, err));
    return hl__making_add(m, NULL, &l, err);
}

static hl_status take_parent(hl__making *m, hl_error *err) {
    const hl_create *c = m->request;
    hl_store_item item;
    char shown[HL_NAME_TEXT_MAX];
    if (c->from_path) return hl__make_outside_weights(m, c->from_path, err);
    HL_TRY(hl_store_find(m->store, &c->from, &item, err));
    HL_TRY(hl_store_read(m->store, &item, &m->parent, err));
    HL_TRY(read_config(m, err));
    hl_name_text(&item.name, shown);
    hl_str from = hl_arena_str(m->arena, hl_str_from(shown));
    if (!from.ptr) return no_memory(err);
    if (c->quantize.len > 0) HL_TRY(hl__requantize(m, err));
    for (size_t i = 0; i < m->parent.n_layers; i++)
        if (!replaces(c, &m->parent.layers[i]))
            HL_TRY(take_parent_layer(m, &m->parent.layers[i], from, err));
    return HL_OK;
}

/* -- the end ----------------------------------------------------------------------------------- */

static void set_text(struct json_object *o, const char *key, hl_str text) {
    if (text.len == 0 || text.len > INT32_MAX) return;
    json_object_object_add(o, key, json_object_new_string_len(text.ptr, (int)text.len));
}

static hl_status put_config(const hl__making *m, hl_layer *ret, hl_error *err) {
    struct json_object *o = m->config, *v;
    hl_buf text;
    set_text(o, "renderer", m->request->renderer);
    set_text(o, "parser", m->request->parser);
    set_text(o, "requires", m->request->requires);
    json_object_object_del(o, HL_CREATE_PARTS); /* a parent's */
    set_text(o, HL_CREATE_PARTS, m->request->parts);
    if (!json_object_object_get_ex(o, "architecture", &v))
        set_text(o, "architecture", HL_STR("amd64"));
    if (!json_object_object_get_ex(o, "os", &v)) set_text(o, "os", HL_STR("linux"));
    hl_buf_init(&text, HL_SMALL_LAYER_BYTES_MAX);
    hl_buf_append_cstr(&text, json_object_to_json_string_ext(
                                  o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    hl_buf_append_char(&text, '\n');
    hl_status st = hl_buf_status(&text, "the config", err);
    if (st >= 0) st = hl_store_put(m->store, hl_buf_str(&text), ret, err);
    ret->media = HL_STR(HL_CONFIG_MEDIA);
    hl_buf_deinit(&text);
    return st;
}

static void say_layers(const hl__making *m) {
    char status[128];
    hl_buf b;
    for (size_t i = 0; i < m->n_layers; i++) {
        hl_buf_init(&b, sizeof status);
        hl_buf_printf(&b, "%s layer %s", m->made[i] ? "creating new" : "using existing",
                      m->layers[i].digest.text);
        if (b.failed >= 0) hl__making_say(m, b.ptr);
        hl_buf_deinit(&b);
    }
}

static hl_status make(hl__making *m, hl_error *err) {
    const hl_create *c = m->request;
    hl_layer config = {0};
    if (c->has_from) HL_TRY(take_parent(m, err));
    HL_TRY(hl__make_weights(m, err));
    HL_TRY(add_own_layers(m, err));
    say_layers(m);
    HL_TRY(put_config(m, &config, err));
    hl__making_say(m, "writing manifest");
    HL_ASSERT(m->n_layers > 0 && config.bytes > 0);
    HL_TRY(hl_store_write(m->store, &c->name, &config, m->layers, m->n_layers, err));
    hl__making_say(m, "success");
    return HL_OK;
}

hl_status hl_store_create(const hl_store *s, const hl_create *c, hl_create_report *report,
                          void *arg, hl_error *err) {
    HL_ASSERT(report && c->name.model[0]);
    HL_TRY(hl_create_check(c, err));
    hl__making *m = hl_calloc(1, sizeof *m);
    if (!m) return no_memory(err);
    m->store = s;
    m->request = c;
    m->report = report;
    m->arg = arg;
    m->arena = hl_arena_create(0);
    m->config = json_object_new_object();
    hl_status st = m->arena && m->config ? make(m, err) : no_memory(err);
    hl_manifest_deinit(&m->parent);
    json_object_put(m->config);
    hl_arena_destroy(m->arena);
    hl_free(m);
    return st;
}
