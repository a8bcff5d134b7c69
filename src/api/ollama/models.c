/* What is asked about models and the server, and what is not answered yet. */
#include "api/fields.h"
#include "api/visit.h"
#include "base/clock.h"

enum { LISTED_MAX = 128, LOADED_MAX = 32 };

void hl__handle_root(hl__visit *v) {
    hl_http_answer(v->x, 200, "text/plain; charset=utf-8", HL_STR("Ollama is running"));
}

static void answer_text(const hl__visit *v, const char *json) {
    hl_buf b;
    hl_buf_init(&b, 0);
    hl_buf_append_cstr(&b, json);
    hl__answer_json(v, 200, &b);
    hl_buf_deinit(&b);
}

void hl__handle_version(hl__visit *v) {
    answer_text(v, "{\"version\":\"" HL_API_OLLAMA_VERSION "\",\"hyperllama\":\"" HL_VERSION "\"}");
}

void hl__handle_cloud_status(hl__visit *v) {
    answer_text(v, "{\"cloud\":{\"disabled\":true,\"source\":\"none\"}}");
}

void hl__handle_embed(hl__visit *v) {
    hl__answer_error(v, 501, HL_STR("embeddings are not supported yet"));
}

void hl__handle_later(hl__visit *v) {
    hl_buf b;
    hl_buf_init(&b, 0);
    hl_buf_printf(&b, "%s is not supported yet", hl_http_path(v->x));
    hl__answer_error(v, 501, hl_buf_str(&b));
    hl_buf_deinit(&b);
}

/* -- a model's description --------------------------------------------------------------------- */

static void append_details(const hl_model_info *info, bool sizes, hl_buf *out) {
    hl__json_key(out, "details");
    hl_buf_append_cstr(out, "{\"parent_model\":\"\",\"format\":\"gguf\"");
    hl__json_text(out, "family", info->family);
    hl__json_key(out, "families");
    hl_buf_append_char(out, '[');
    hl_json_append_string(out, info->family);
    hl_buf_append_char(out, ']');
    hl__json_text(out, "parameter_size", info->parameters_text);
    hl__json_text(out, "quantization_level", info->quantization);
    if (sizes && info->ctx_train) hl__json_uint(out, "context_length", info->ctx_train);
    if (sizes && info->n_embd) hl__json_uint(out, "embedding_length", info->n_embd);
    hl_buf_append_char(out, '}');
}

static void append_capabilities(const hl_model_info *info, hl_buf *out) {
    const struct {
        const char *name;
        bool has;
    } all[] = {{"tools", info->can_use_tools},
               {"thinking", info->can_think},
               {"completion", info->can_complete},
               {"embedding", info->can_embed}};
    bool first = true;
    hl__json_key(out, "capabilities");
    hl_buf_append_char(out, '[');
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (!all[i].has) continue;
        hl_buf_printf(out, first ? "\"%s\"" : ",\"%s\"", all[i].name);
        first = false;
    }
    hl_buf_append_char(out, ']');
}

static void append_time(const char *key, int64_t wall_ns, hl_buf *out) {
    char text[32];
    hl_clock_rfc3339(wall_ns, text);
    hl__json_text(out, key, hl_str_from(text));
}

static void append_names(const hl_catalog_entry *e, hl_buf *out) {
    hl_buf_append_char(out, '{');
    hl__json_text(out, "name", hl_str_from(e->name));
    hl__json_text(out, "model", hl_str_from(e->name));
}

/* -- /api/tags, /api/ps ------------------------------------------------------------------------ */

static void append_listed(const hl_catalog_entry *e, hl_buf *out) {
    append_names(e, out);
    append_time("modified_at", e->modified_ns, out);
    hl__json_uint(out, "size", e->bytes);
    hl__json_text(out, "digest", hl_str_from(e->digest));
    append_details(&e->info, true, out);
    append_capabilities(&e->info, out);
    hl_buf_append_char(out, '}');
}

void hl__handle_tags(hl__visit *v) {
    const hl_catalog_entry *entries[LISTED_MAX];
    hl_buf b;
    size_t n = hl_catalog_list(v->api->catalog, entries, LISTED_MAX);
    hl_buf_init(&b, 0);
    hl_buf_append_cstr(&b, "{\"models\":[");
    for (size_t i = 0; i < n; i++) {
        if (i > 0) hl_buf_append_char(&b, ',');
        append_listed(entries[i], &b);
    }
    hl_buf_append_cstr(&b, "]}");
    hl__answer_json(v, 200, &b);
    hl_buf_deinit(&b);
}

/* Forever is some hundred years. */
static int64_t leaves_at(const hl_hub_model *m) {
    int64_t now_ns = hl_clock_wall_ns();
    if (m->left_ns > (uint64_t)(INT64_MAX - now_ns)) return INT64_MAX;
    return now_ns + (int64_t)m->left_ns;
}

static void append_loaded(const hl_catalog_entry *e, const hl_hub_model *m, hl_buf *out) {
    append_names(e, out);
    hl__json_uint(out, "size", m->bytes);
    hl__json_text(out, "digest", hl_str_from(e->digest));
    append_details(&e->info, false, out);
    append_time("expires_at", leaves_at(m), out);
    hl__json_uint(out, "size_vram", 0);
    hl__json_uint(out, "context_length", m->ctx);
    hl_buf_append_char(out, '}');
}

void hl__handle_ps(hl__visit *v) {
    hl_hub_model loaded[LOADED_MAX];
    hl_buf b;
    bool first = true;
    size_t n = hl_hub_list(v->api->hub, loaded, LOADED_MAX);
    hl_buf_init(&b, 0);
    hl_buf_append_cstr(&b, "{\"models\":[");
    for (size_t i = 0; i < n; i++) {
        const hl_catalog_entry *e;
        if (hl_catalog_find(v->api->catalog, hl_str_from(loaded[i].name), &e, NULL) < 0) continue;
        if (!first) hl_buf_append_char(&b, ',');
        append_loaded(e, &loaded[i], &b);
        first = false;
    }
    hl_buf_append_cstr(&b, "]}");
    hl__answer_json(v, 200, &b);
    hl_buf_deinit(&b);
}

/* -- /api/show --------------------------------------------------------------------------------- */

static void append_modelfile(const hl_catalog_entry *e, hl_buf *out) {
    hl_buf text;
    hl_buf_init(&text, 0);
    hl_buf_printf(&text,
                  "# Modelfile generated by \"hyperllama show\"\n"
                  "# To build a new Modelfile based on this, replace FROM with:\n"
                  "# FROM %s\n\nFROM %s\n",
                  e->name, e->path);
    hl__json_text(out, "modelfile", hl_buf_str(&text));
    hl_buf_deinit(&text);
}

static void append_object(const char *key, struct json_object *value, hl_buf *out) {
    hl__json_key(out, key);
    hl_buf_append_cstr(out, json_object_to_json_string_ext(
                                value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

static void append_show(const hl_catalog_entry *e, const hl_model_info *info, hl_buf *out) {
    hl_buf_append_char(out, '{');
    if (info->license.len > 0) hl__json_text(out, "license", info->license);
    append_modelfile(e, out);
    hl__json_text(out, "template", info->template_text);
    append_details(info, true, out);
    append_object("model_info", info->metadata, out);
    append_object("tensors", info->tensors, out);
    append_capabilities(info, out);
    append_time("modified_at", e->modified_ns, out);
    hl_buf_append_char(out, '}');
}

static void answer_show(const hl__visit *v, const hl_catalog_entry *e, bool verbose) {
    hl_model_info details;
    hl_error err;
    hl_buf b;
    if (verbose && hl_catalog_details(e, &details, &err) < 0) {
        hl__answer_failure(v, &err);
        return;
    }
    hl_buf_init(&b, 0);
    append_show(e, verbose ? &details : &e->info, &b);
    hl__answer_json(v, 200, &b);
    hl_buf_deinit(&b);
    if (verbose) hl_model_info_deinit(&details);
}

static hl_status read_show(const hl__fields *f, hl_str *ret_model, bool *ret_verbose,
                           hl_error *err) {
    HL_TRY(hl__field_str(f, "name", ret_model, err));
    HL_TRY(hl__field_str(f, "model", ret_model, err));
    HL_TRY(hl__field_bool(f, "verbose", ret_verbose, err));
    if (ret_model->len == 0) return hl_fail(err, HL_EINVAL, "api", "model is required");
    return HL_OK;
}

/* The name in the error has its tag. */
static hl_status find_shown(const hl__visit *v, hl_str model, const hl_catalog_entry **ret,
                            hl_error *err) {
    char shown[HL_MODEL_NAME_MAX + 8];
    hl_status st = hl_catalog_find(v->api->catalog, model, ret, err);
    if (st != HL_ENOTFOUND) return st;
    hl_model_display(model, shown, sizeof shown);
    return hl_fail(err, st, "api", "model '%s' not found", shown);
}

void hl__handle_show(hl__visit *v) {
    hl__fields f;
    hl_error err;
    hl_str model = {"", 0};
    bool verbose = false;
    const hl_catalog_entry *e;
    hl_status st = hl__body_parse(hl_http_body(v->x), false, "ShowRequest", &f, &err);
    if (st >= 0) st = read_show(&f, &model, &verbose, &err);
    if (st >= 0) st = find_shown(v, model, &e, &err);
    if (st >= 0)
        answer_show(v, e, verbose);
    else
        hl__answer_failure(v, &err);
    json_object_put(f.o);
}
