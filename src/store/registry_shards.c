#include "store/registry_shards.h"

#include "store/layers.h"
#include "store/registry_fetch.h"
#include "store/registry_text.h"
#include "store/registry_tree.h"

typedef struct shards {
    hl__link *link;
    const hl_store *store;
    hl_arena *arena;
    hl__tree_part *parts; /* [n] */
    hl_layer *layers;     /* [n] */
    hl__wanted *wanted;   /* [n] */
    hl_create_file *files;
    size_t n;
    hl_digest mark; /* of all parts' digests */
} shards;

bool hl__shards_are_meant(hl_status st, const hl_error *err) {
    return st == HL_EINVAL && strstr(err->text, "sharded") != NULL;
}

static hl_status no_memory(hl_error *err) {
    return hl_fail(err, HL_ENOMEM, "registry", "no memory for a model in parts");
}

/* -- which files ------------------------------------------------------------------------------- */

static void append_place(const hl__link *l, const char *under, hl_buf *ret) {
    hl_buf_printf(ret, "%s%s/%s/%s", l->origin, under, l->name.space, l->name.model);
}

static hl_status list_parts(shards *p, hl_error *err) {
    bool unreachable;
    hl_buf url, text;
    hl_buf_init(&url, 0);
    hl_buf_init(&text, HL__TREE_BYTES_MAX);
    append_place(p->link, "/api/models", &url);
    hl_buf_append_cstr(&url, "/tree/main?recursive=true");
    hl_status st = hl_buf_status(&url, "the repository's URL", err);
    if (st >= 0)
        st = hl__fetch_text(p->link, url.ptr, "Accept: application/json", &text, &unreachable, err);
    if (st >= 0)
        st = hl__tree_find(hl_buf_str(&text), hl_str_from(p->link->name.tag), p->arena, &p->parts,
                           &p->n, err);
    hl_buf_deinit(&text);
    hl_buf_deinit(&url);
    return st;
}

static hl_status make_mark(shards *p, hl_error *err) {
    hl_buf all;
    hl_buf_init(&all, 0);
    for (size_t i = 0; i < p->n; i++) hl_buf_append_cstr(&all, p->parts[i].digest.text);
    hl_status st = hl_buf_status(&all, "the parts' digests", err);
    if (st >= 0) st = hl_digest_of((hl_bytes){(const uint8_t *)all.ptr, all.len}, &p->mark, err);
    hl_buf_deinit(&all);
    return st;
}

/* -- what is here ------------------------------------------------------------------------------ */

static bool has_mark(const shards *p, const hl_manifest *m) {
    char path[HL_STORE_PATH_MAX];
    struct json_object *config = NULL, *mark = NULL;
    hl_buf text;
    if (!hl_store_blob_path(p->store, &m->config.digest, path)) return false;
    hl_buf_init(&text, 0);
    bool same = hl_file_read(path, HL_SMALL_LAYER_BYTES_MAX, &text, NULL) >= 0 &&
                hl_json_parse(hl_buf_str(&text), &config, NULL) >= 0 &&
                json_object_is_type(config, json_type_object) &&
                json_object_object_get_ex(config, HL_CREATE_PARTS, &mark) &&
                json_object_is_type(mark, json_type_string) &&
                strcmp(json_object_get_string(mark), p->mark.text) == 0;
    json_object_put(config);
    hl_buf_deinit(&text);
    return same;
}

/* The model, made of these parts, with all its blobs. */
static bool is_here(const shards *p) {
    char path[HL_STORE_PATH_MAX];
    hl_store_item item;
    hl_manifest m;
    if (hl_store_find(p->store, &p->link->name, &item, NULL) < 0 ||
        hl_store_read(p->store, &item, &m, NULL) < 0)
        return false;
    bool here = has_mark(p, &m);
    for (size_t i = 0; i < m.n_layers; i++)
        here = here && hl_store_blob_path(p->store, &m.layers[i].digest, path);
    hl_manifest_deinit(&m);
    return here;
}

/* -- the model --------------------------------------------------------------------------------- */

static hl_status want_part(shards *p, size_t i, hl_error *err) {
    const hl__tree_part *part = &p->parts[i];
    hl_buf url;
    hl_buf_init(&url, 0);
    append_place(p->link, "", &url);
    hl_buf_append_cstr(&url, "/resolve/main");
    hl_url_add_path(&url, part->path);
    hl_status st = hl_buf_status(&url, "a part's URL", err);
    hl_str kept = {NULL, 0};
    if (st >= 0) kept = hl_arena_str(p->arena, hl_buf_str(&url));
    hl_buf_deinit(&url);
    if (st < 0) return st;
    if (!kept.ptr) return no_memory(err);
    p->layers[i] = (hl_layer){.digest = part->digest, .bytes = part->bytes};
    p->wanted[i] = (hl__wanted){.layer = &p->layers[i], .url = kept.ptr};
    p->files[i] = (hl_create_file){.name = part->path, .digest = part->digest};
    return HL_OK;
}

static hl_status fetch(shards *p, hl_error *err) {
    p->layers = HL_ARENA_ARRAY(p->arena, p->n, hl_layer);
    p->wanted = HL_ARENA_ARRAY(p->arena, p->n, hl__wanted);
    p->files = HL_ARENA_ARRAY(p->arena, p->n, hl_create_file);
    if (!p->layers || !p->wanted || !p->files) return no_memory(err);
    for (size_t i = 0; i < p->n; i++) HL_TRY(want_part(p, i, err));
    return hl__fetch_blobs(p->link, p->store, p->wanted, p->n, err);
}

static hl_status pull(shards *p, hl_error *err) {
    const hl_registry_ask *ask = p->link->ask;
    hl_create_progress done = {.status = "success"};
    HL_TRY(list_parts(p, err));
    HL_TRY(make_mark(p, err));
    if (is_here(p)) {
        ask->report(ask->arg, &done);
        return HL_OK;
    }
    HL_TRY(fetch(p, err));
    hl_create c = {.name = p->link->name,
                   .files = p->files,
                   .n_files = p->n,
                   .parts = hl_str_from(p->mark.text)};
    return hl_store_create(p->store, &c, ask->report, ask->arg, err);
}

hl_status hl__shards_pull(hl__link *l, const hl_store *s, hl_error *err) {
    shards p = {.link = l, .store = s, .arena = hl_arena_create(0)};
    hl_status st = p.arena ? pull(&p, err) : no_memory(err);
    hl_arena_destroy(p.arena);
    return st;
}
