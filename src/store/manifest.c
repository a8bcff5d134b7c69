#include "store/manifest.h"

#include "base/json.h"

static const char SCHEMA[] = "{\"schemaVersion\":2,\"mediaType\":"
                             "\"application/vnd.docker.distribution.manifest.v2+json\",\"config\":";

/* -- reading ----------------------------------------------------------------------------------- */

static hl_status bad(const char *what, hl_error *err) {
    return hl_fail(err, HL_EFORMAT, "manifest", "%s", what);
}

/* A text of the object; an absent one is empty. */
static hl_status read_text(struct json_object *o, const char *key, hl_arena *arena, hl_str *ret,
                           hl_error *err) {
    struct json_object *v = NULL;
    *ret = (hl_str){"", 0};
    if (!json_object_object_get_ex(o, key, &v) || !v) return HL_OK;
    if (!json_object_is_type(v, json_type_string)) return bad("a text is no string", err);
    hl_str s = {json_object_get_string(v), (size_t)json_object_get_string_len(v)};
    *ret = hl_arena_str(arena, s);
    if (!ret->ptr) return hl_fail(err, HL_ENOMEM, "manifest", "no memory for the manifest");
    return HL_OK;
}

static hl_status read_layer(struct json_object *o, hl_arena *arena, hl_layer *ret, hl_error *err) {
    struct json_object *size = NULL;
    hl_str digest;
    if (!json_object_is_type(o, json_type_object)) return bad("a layer is no object", err);
    HL_TRY(read_text(o, "mediaType", arena, &ret->media, err));
    HL_TRY(read_text(o, "digest", arena, &digest, err));
    HL_TRY(read_text(o, "from", arena, &ret->from, err));
    HL_TRY(read_text(o, "name", arena, &ret->name, err));
    if (!hl_digest_parse(digest, &ret->digest)) return bad("a layer's digest is none", err);
    if (!json_object_object_get_ex(o, "size", &size) || !json_object_is_type(size, json_type_int) ||
        json_object_get_int64(size) < 0)
        return bad("a layer's size is none", err);
    ret->bytes = json_object_get_uint64(size);
    return HL_OK;
}

static hl_status read_layers(struct json_object *array, hl_manifest *m, hl_error *err) {
    if (!json_object_is_type(array, json_type_array)) return bad("there are no layers", err);
    size_t n = json_object_array_length(array);
    if (n > HL_LAYERS_MAX)
        return hl_fail(err, HL_ELIMIT, "manifest", "%zu layers, limit %d", n, HL_LAYERS_MAX);
    m->layers = HL_ARENA_ARRAY(m->arena, n, hl_layer);
    if (!m->layers) return hl_fail(err, HL_ENOMEM, "manifest", "no memory for the manifest");
    for (size_t i = 0; i < n; i++)
        HL_TRY(read_layer(json_object_array_get_idx(array, i), m->arena, &m->layers[i], err));
    m->n_layers = n;
    return HL_OK;
}

static hl_status read_object(struct json_object *o, hl_manifest *m, hl_error *err) {
    struct json_object *v = NULL;
    if (!json_object_is_type(o, json_type_object)) return bad("it is no object", err);
    if (!json_object_object_get_ex(o, "config", &v)) return bad("there is no config", err);
    HL_TRY(read_layer(v, m->arena, &m->config, err));
    v = NULL;
    (void)json_object_object_get_ex(o, "layers", &v);
    return read_layers(v, m, err);
}

hl_status hl_manifest_parse(hl_str json, hl_manifest *ret, hl_error *err) {
    struct json_object *o = NULL;
    hl_manifest m = {0};
    if (json.len > HL_MANIFEST_BYTES_MAX)
        return hl_fail(err, HL_ELIMIT, "manifest", "%zu bytes, limit %d", json.len,
                       HL_MANIFEST_BYTES_MAX);
    HL_TRY(hl_json_parse(json, &o, err));
    m.arena = hl_arena_create(0);
    hl_status st = m.arena ? HL_OK : hl_fail(err, HL_ENOMEM, "manifest", "no memory");
    if (st >= 0) st = hl_digest_of((hl_bytes){(const uint8_t *)json.ptr, json.len}, &m.digest, err);
    if (st >= 0) st = read_object(o, &m, err);
    json_object_put(o);
    if (st < 0)
        hl_manifest_deinit(&m);
    else
        *ret = m;
    return st;
}

void hl_manifest_deinit(hl_manifest *m) {
    hl_arena_destroy(m->arena);
    *m = (hl_manifest){0};
}

/* -- writing ----------------------------------------------------------------------------------- */

static void print_layer(const hl_layer *l, hl_buf *out) {
    hl_buf_append_cstr(out, "{\"mediaType\":");
    hl_json_append_string(out, l->media);
    hl_buf_printf(out, ",\"digest\":\"%s\",\"size\":", l->digest.text);
    hl_buf_append_uint(out, l->bytes);
    if (l->from.len > 0) {
        hl_buf_append_cstr(out, ",\"from\":");
        hl_json_append_string(out, l->from);
    }
    if (l->name.len > 0) {
        hl_buf_append_cstr(out, ",\"name\":");
        hl_json_append_string(out, l->name);
    }
    hl_buf_append_char(out, '}');
}

void hl_manifest_print(const hl_layer *config, const hl_layer *layers, size_t n_layers,
                       hl_buf *out) {
    HL_ASSERT(n_layers <= HL_LAYERS_MAX);
    hl_buf_append_cstr(out, SCHEMA);
    print_layer(config, out);
    hl_buf_append_cstr(out, ",\"layers\":[");
    for (size_t i = 0; i < n_layers; i++) {
        if (i > 0) hl_buf_append_char(out, ',');
        print_layer(&layers[i], out);
    }
    hl_buf_append_cstr(out, "]}\n");
}

/* -- asking ------------------------------------------------------------------------------------ */

bool hl_layer_is(const hl_layer *l, const char *kind) {
    hl_str prefix = HL_STR(HL_LAYER_PREFIX);
    return hl_str_starts(l->media, prefix) &&
           hl_str_is(hl_str_slice(l->media, prefix.len, l->media.len), kind);
}

const hl_layer *hl_manifest_next(const hl_manifest *m, const char *kind, size_t *at) {
    for (size_t i = *at; i < m->n_layers; i++) {
        if (!hl_layer_is(&m->layers[i], kind)) continue;
        *at = i + 1;
        return &m->layers[i];
    }
    return NULL;
}

uint64_t hl_manifest_bytes(const hl_manifest *m) {
    uint64_t bytes = m->config.bytes;
    for (size_t i = 0; i < m->n_layers; i++) {
        uint64_t more = m->layers[i].bytes;
        bytes = bytes > UINT64_MAX - more ? UINT64_MAX : bytes + more;
    }
    return bytes;
}
