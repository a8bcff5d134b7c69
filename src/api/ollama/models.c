/* GET /api/tags and /api/ps; with ?wide also what Ollama does not say. */
#include "api/fields.h"
#include "api/ollama/describe.h"
#include "base/clock.h"
#include "base/mem.h"
#include "serve/engines.h"

enum { LISTED_MAX = 2048, LOADED_MAX = 32 };

/* -- a model's description --------------------------------------------------------------------- */

static void append_families(const hl_catalog_entry *e, hl_buf *out) {
    hl__json_key(out, "families");
    hl_buf_append_char(out, '[');
    for (size_t i = 0; i < e->package->n_families; i++) {
        if (i > 0) hl_buf_append_char(out, ',');
        hl_json_append_string(out, e->package->families[i]);
    }
    if (e->package->n_families == 0) hl_json_append_string(out, e->info.family);
    hl_buf_append_char(out, ']');
}

static void append_details(const hl_catalog_entry *e, bool sizes, bool is_loaded, hl_buf *out) {
    const hl_model_info *info = &e->info;
    hl__json_key(out, "details");
    hl_buf_append_char(out, '{');
    hl__json_text(out, "parent_model", is_loaded ? (hl_str){"", 0} : e->package->parent);
    hl__json_text(out, "format", HL_STR("gguf"));
    hl__json_text(out, "family", info->family);
    append_families(e, out);
    hl__json_text(out, "parameter_size", info->parameters_text);
    hl__json_text(out, "quantization_level", info->quantization);
    if (sizes && info->ctx_train) hl__json_uint(out, "context_length", info->ctx_train);
    if (sizes && info->n_embd) hl__json_uint(out, "embedding_length", info->n_embd);
    hl_buf_append_char(out, '}');
}

void hl__append_details(const hl_catalog_entry *e, bool sizes, hl_buf *out) {
    append_details(e, sizes, false, out);
}

/* In Ollama's order, which depends on whose template makes the prompts; what that knows of is said
 * of embedders, too. */
void hl__append_capabilities(const hl_catalog_entry *e, hl_buf *out) {
    const hl_model_info *info = &e->info;
    const hl_package *p = e->package;
    bool go = p->go != NULL;
    const struct {
        const char *name;
        bool has;
    } all[] = {{"tools", p->can_use_tools && !go}, {"thinking", p->tags && !go},
               {"completion", info->can_complete}, {"embedding", info->can_embed},
               {"tools", p->can_use_tools && go},  {"insert", info->can_insert},
               {"thinking", p->tags && go}};
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

void hl__append_time(const char *key, int64_t wall_ns, hl_buf *out) {
    char text[32];
    hl_clock_rfc3339(wall_ns, text);
    hl__json_text(out, key, hl_str_from(text));
}

void hl__append_names(const hl_catalog_entry *e, hl_buf *out) {
    hl_buf_append_char(out, '{');
    hl__json_text(out, "name", hl_str_from(e->name));
    hl__json_text(out, "model", hl_str_from(e->name));
}

static bool is_wide(const hl__visit *v) {
    return hl_http_query(v->x, "wide") != NULL;
}

static void append_engine(hl_buf *out) {
    const char *reason, *engine = hl_engine_of_models(&reason);
    hl__json_text(out, "engine", hl_str_from(engine));
    hl__json_text(out, "reason", hl_str_from(reason));
}

/* -- /api/tags --------------------------------------------------------------------------------- */

static void append_listed(const hl_catalog_entry *e, bool wide, hl_buf *out) {
    hl__append_names(e, out);
    hl__append_time("modified_at", e->modified_ns, out);
    hl__json_uint(out, "size", e->bytes);
    hl__json_text(out, "digest", hl_str_from(e->digest));
    hl__append_details(e, true, out);
    hl__append_capabilities(e, out);
    if (wide) append_engine(out);
    hl_buf_append_char(out, '}');
}

void hl__handle_tags(hl__visit *v) {
    const hl_catalog_entry **entries = hl_calloc(LISTED_MAX, sizeof *entries);
    hl_buf b;
    if (!entries) {
        hl__answer_error(v, 503, HL_STR("out of memory"));
        return;
    }
    size_t n = hl_catalog_list(v->api->catalog, entries, LISTED_MAX);
    hl_buf_init(&b, 0);
    hl_buf_append_cstr(&b, "{\"models\":[");
    for (size_t i = 0; i < n; i++) {
        if (i > 0) hl_buf_append_char(&b, ',');
        append_listed(entries[i], is_wide(v), &b);
    }
    hl_buf_append_cstr(&b, "]}");
    hl__answer_json(v, 200, &b);
    hl_buf_deinit(&b);
    hl_free(entries);
}

/* -- /api/ps ----------------------------------------------------------------------------------- */

/* Forever is some hundred years. */
static int64_t leaves_at(const hl_hub_model *m) {
    int64_t now_ns = hl_clock_wall_ns();
    if (m->left_ns > (uint64_t)(INT64_MAX - now_ns)) return INT64_MAX;
    return now_ns + (int64_t)m->left_ns;
}

/* What there is of the cache of keys and values, in bytes and in pages. */
static void append_cache(const hl_hub_model *m, hl_buf *out) {
    append_engine(out);
    hl__json_key(out, "cache");
    hl_buf_append_char(out, '{');
    hl__json_uint(out, "bytes", m->kv_bytes);
    hl__json_uint(out, "pages_used", m->pages_used);
    hl__json_uint(out, "pages_cached", m->pages_cached);
    hl__json_uint(out, "pages_free", m->pages_free);
    hl_buf_append_char(out, '}');
}

static void append_loaded(const hl_catalog_entry *e, const hl_hub_model *m, bool wide,
                          hl_buf *out) {
    hl__append_names(e, out);
    hl__json_uint(out, "size", m->bytes);
    hl__json_text(out, "digest", hl_str_from(e->digest));
    append_details(e, false, true, out); /* Ollama names no parent here */
    hl__append_time("expires_at", leaves_at(m), out);
    hl__json_uint(out, "size_vram", 0);
    hl__json_uint(out, "context_length", m->ctx);
    if (wide) append_cache(m, out);
    hl_buf_append_char(out, '}');
}

void hl__handle_ps(hl__visit *v) {
    hl_hub_model *loaded = hl_calloc(LOADED_MAX, sizeof *loaded);
    hl_buf b;
    bool first = true;
    if (!loaded) {
        hl__answer_error(v, 503, HL_STR("out of memory"));
        return;
    }
    size_t n = hl_hub_list(v->api->hub, loaded, LOADED_MAX);
    hl_buf_init(&b, 0);
    hl_buf_append_cstr(&b, "{\"models\":[");
    for (size_t i = 0; i < n; i++) {
        const hl_catalog_entry *e;
        if (hl_catalog_find(v->api->catalog, hl_str_from(loaded[i].name), &e, NULL) < 0) continue;
        if (!first) hl_buf_append_char(&b, ',');
        append_loaded(e, &loaded[i], is_wide(v), &b);
        first = false;
    }
    hl_buf_append_cstr(&b, "]}");
    hl__answer_json(v, 200, &b);
    hl_buf_deinit(&b);
    hl_free(loaded);
}
